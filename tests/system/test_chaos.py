# SPDX-License-Identifier: MIT
"""Servers are killed, hung and restarted, logs are rotated, a disk is full, collectd is killed: alerts, switches and
replicas are what they should be all the same.

    CHAOS_SECONDS=600 CHAOS_SEED=7 /usr/bin/python3 -m pytest -s tests/system/test_chaos.py

CHAOS_SEED repeats what was done, as far as time allows; each run prints its own."""
import os
import pathlib
import random
import shutil
import statistics
import subprocess
import time

import pytest
from servers import namespaces, orphans
from servers.application import CLOSED, OPENED, Application, ApplicationLog, pool
from servers.kubernetes import StandinCluster

SECONDS = float(os.environ.get("CHAOS_SECONDS", 10))
SEED = int(os.environ.get("CHAOS_SEED", time.time()))
TICK_S = 0.2
FOR_S = 1
# A breach lasts longer than For and two intervals, fed without a gap.
FED_S = FOR_S + 3
MODELS = ["a", "b", "c"]
STATE_FILES = {"alerts.jsonl", "responses.jsonl", "silences.json"}
KEY = "/chaos/limit"


class Disk:
    """A small file system of its own, in a mount namespace that a process keeps."""

    def __init__(self, directory):
        self.place = directory / "disk"
        self.place.mkdir()
        words = namespaces.unshare_mounts()
        self.keeper = words and subprocess.Popen(
            [*words, "sh", "-ec", f"mount -t tmpfs -o size=256k,mode=755 none {self.place}; echo; exec sleep 3600"],
            stdout=subprocess.PIPE, preexec_fn=orphans.die_with_parent)
        if self.keeper:
            self.keeper.stdout.readline()

    @property
    def prefix(self):
        return ["nsenter", f"--target={self.keeper.pid}", "--mount", "--root", "--wd", "--"] if self.keeper else []

    @property
    def inside(self):
        return pathlib.Path(f"/proc/{self.keeper.pid}/root{self.place}") if self.keeper else self.place

    def fill(self):
        try:
            (self.inside / "filler").write_bytes(b"x" * 1000000)
        except OSError:
            pass  # full it is

    def free(self):
        (self.inside / "filler").unlink(missing_ok=True)

    def close(self):
        if self.keeper:
            self.keeper.kill()
            self.keeper.wait()
            self.keeper.stdout.close()


class Model:
    """One series, and how often it was beyond its limit for long enough."""

    def __init__(self, name, chance):
        self.name, self.chance = name, chance
        self.is_beyond = False
        self.breaches = 0
        self.fed_s = 0.0  # without a gap, since it changed
        self.wanted_s = 1.0

    def tick(self, is_fed):
        self.fed_s = self.fed_s + TICK_S if is_fed else 0.0

    def turn(self):
        """Changes sides when it has been fed long enough."""
        if self.fed_s >= self.wanted_s:
            self.set(not self.is_beyond)

    def set(self, is_beyond):
        if is_beyond != self.is_beyond:
            self.is_beyond = is_beyond
            self.breaches += is_beyond
            self.fed_s, self.wanted_s = 0.0, FED_S + 3 * self.chance.random()

    @property
    def value(self):
        return self.chance.uniform(90, 99) if self.is_beyond else self.chance.uniform(1, 80)


class Chaos:
    def __init__(self, collectd, directory, postgresql, etcd, cluster):
        self.collectd, self.postgresql, self.etcd, self.cluster = collectd, postgresql, etcd, cluster
        self.chance = random.Random(SEED)
        self.disk = Disk(directory)
        self.models = [Model(name, self.chance) for name in MODELS]
        self.log = ApplicationLog(directory / "app.log")
        self.log.path.touch()
        self.opened = 0
        self.application = Application(postgresql)
        self.told = []  # notifications of the daemons before this one
        self.starts = []

    # The daemon.

    def start(self):
        self.collectd.socket.unlink(missing_ok=True)
        self.starts.append(time.time())
        self.collectd.start()

    def end_daemon(self, how):
        how()
        self.told += self.notifications_now()
        shutil.copy(self.collectd.output, f"{self.collectd.output}.{len(self.starts)}")

    def notifications_now(self):
        return self.collectd.notifications(plugin="resource_alert", plugin_instance="model")

    def alerts(self, model, severity):
        return [one for one in self.told + self.notifications_now()
                if one["severity"] == severity and one["type_instance"] == f"model-{model.name}-gauge-level"]

    def holdings(self):
        """Descriptors, threads and children when nothing happens: the least of some moments."""
        process = pathlib.Path(f"/proc/{self.collectd.pid}")
        taken = []
        for _ in range(8):
            self.work(TICK_S)
            taken.append((len(os.listdir(process / "fd")), len(os.listdir(process / "task")),
                          len(orphans.children_of(self.collectd.pid))))
        return tuple(map(min, zip(*taken)))

    # What goes on all the time.

    def work(self, seconds, turns=False):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            is_up = self.collectd.is_running
            for model in self.models:
                if is_up:
                    self.collectd.put_value(f"model-{model.name}/gauge-level", model.value)
                model.tick(is_up)
                if turns:
                    model.turn()
            self.log.say(OPENED, CLOSED)
            self.opened += 1
            time.sleep(TICK_S)

    # Faults. Each begins something; what ends it is returned, or None.

    def hang(self, server):
        server.pause()
        return server.resume

    def kill_and_start(self, server):
        server.kill()

        def start():  # the models are fed meanwhile
            server.launch()
            end = time.monotonic() + 30
            while not server.is_ready():
                assert time.monotonic() < end, server.explain()
                self.work(TICK_S, turns=True)

        return start

    def rename_log(self):
        for number in range(8, 0, -1):
            old = self.log.path.with_name(f"app.log.{number}")
            if old.exists():
                old.rename(self.log.path.with_name(f"app.log.{number + 1}"))
        self.log.path.rename(self.log.path.with_name("app.log.1"))
        self.log.path.touch()

    def copy_and_truncate_log(self):
        if self.collectd.is_running:  # what is truncated before it is read is lost: wait until it is
            self.collectd.expect(lambda: self.count_opened() >= self.opened, within=20)
            shutil.copy(self.log.path, self.log.path.with_name("app.log.copy"))
            os.truncate(self.log.path, 0)

    def kill_collectd(self):
        """Not while a change is being told: what is about to be said at that moment may be lost, and nothing can help."""
        while min(model.fed_s for model in self.models) < FOR_S + 1.5:
            self.work(TICK_S)
        self.end_daemon(self.collectd.kill)
        return self.start

    def restart_collectd(self):
        self.end_daemon(self.collectd.stop)
        self.start()

    def fill_disk(self):
        self.disk.fill()
        return self.disk.free

    def use_pool(self):
        if self.application.held:
            self.application.rest()
        elif self.postgresql.is_running:
            self.application.work(10, statement=None)

    def one_fault(self):
        faults = {
            "hang PostgreSQL": lambda: self.hang(self.postgresql),
            "kill PostgreSQL": lambda: self.kill_and_start(self.postgresql),
            "use the pool": self.use_pool,
            "hang etcd": lambda: self.hang(self.etcd),
            "kill etcd": lambda: self.kill_and_start(self.etcd),
            "refuse Kubernetes": self.refuse_kubernetes,
            "kill collectd": self.kill_collectd,
            "restart collectd": self.restart_collectd,
            "rename the log": self.rename_log,
            "copy and truncate the log": self.copy_and_truncate_log,
        }
        if self.disk.keeper:
            faults["fill the disk"] = self.fill_disk
        name = self.chance.choice(list(faults))
        print(f"{time.strftime('%T')} {name}", flush=True)
        end = faults[name]()
        self.work(self.chance.uniform(0.2, 3), turns=True)
        if end:
            end()
        self.work(self.chance.uniform(0.2, 3), turns=True)

    def refuse_kubernetes(self):
        standin = self.cluster.standin
        token, standin.token = standin.token, "another"
        return lambda: setattr(standin, "token", token)

    # What must be so at the end.

    def count_opened(self):
        return self.collectd.value("session_log-app/total_sessions-opened")

    def all_are(self, is_beyond):
        for model in self.models:
            model.set(is_beyond)

    def settle(self, is_beyond, condition, within=40):
        """Feeds the models, all on one side, until the condition holds."""
        end = time.monotonic() + within
        self.all_are(is_beyond)
        self.work(FED_S + 1)
        while not condition():
            assert time.monotonic() < end, f"seed {SEED}: {self.describe()}\n{self.collectd.explain()}"
            self.work(TICK_S)

    def describe(self):
        return (f"file {self.switch_stands()}, etcd {self.etcd.keys()}, replicas {self.cluster.replicas()}, "
                f"{[(model.name, model.breaches, len(self.alerts(model, 'FAILURE'))) for model in self.models]}")

    def gaps(self, series):
        """Seconds between two reads of one daemon."""
        times = [row["epoch"] for row in self.collectd.history(series)]
        return [later - earlier for earlier, later in zip(times, times[1:])
                if not any(earlier < start <= later for start in self.starts)]

    def switch_stands(self):
        return (self.collectd.directory / "switches" / "limit").exists()

    def is_engaged(self):
        return self.switch_stands() and self.etcd.get(KEY) is not None and self.cluster.replicas() == 4

    def is_calm(self):
        return not self.switch_stands() and self.etcd.get(KEY) is None and self.cluster.replicas() == 2


@pytest.fixture
def chaos(collectd, directory, postgresql, etcd, tmp_path):
    cluster = StandinCluster(tmp_path)
    cluster.create_workload(replicas=2)
    one = Chaos(collectd, directory, postgresql, etcd, cluster)
    yield one
    one.application.close()
    one.disk.close()
    cluster.close()


def configure(chaos, directory):
    collectd = chaos.collectd
    collectd.prefix = chaos.disk.prefix
    collectd.load("dbpool", pool(chaos.postgresql))
    collectd.load("session_log", f"""
        StateDir "{directory}/session_log"
        <Log "app">
          File "{directory}/app.log"
          RotateWait 5
        </Log>""")
    collectd.load("resource_alert", f"""
        StateDir "{chaos.disk.place}/state"
        Journal "{chaos.disk.place}/journal"
        <Threshold "model">
          Metric "model-*/gauge-level"
          FailureMax 85
          For {FOR_S}
          Recover {FOR_S}
          Missing "ignore"
        </Threshold>
        <SwitchStore "file">
          Path "{collectd.directory}/switches"
        </SwitchStore>
        <SwitchStore "etcd">
          URL "{chaos.etcd.url}"
          Prefix "/chaos/"
          TTL 10
        </SwitchStore>
        {chaos.cluster.block()}
        <Response "degrade">
          When "model"
          Engage 0
          Release 1
          MaxActions 0
          <Switch "limit">
            Timeout 1
          </Switch>
        </Response>
        <Response "scale_out">
          When "model"
          Engage 0
          Release 1
          MaxActions 0
          <Scale>
            Namespace "trading"
            Deployment "api"
            Min 1
            Max 4
            Step 2
            Cooldown 1
            Timeout 1
          </Scale>
        </Response>""")


def test_everything_at_once(chaos, directory):
    print(f"\nCHAOS_SEED={SEED} for {SECONDS:.0f} s")
    configure(chaos, directory)
    chaos.start()
    chaos.settle(True, chaos.is_engaged)
    chaos.settle(False, chaos.is_calm)
    before = chaos.holdings()

    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        chaos.one_fault()
    chaos.settle(True, chaos.is_engaged)
    chaos.settle(False, chaos.is_calm)
    chaos.collectd.expect(lambda: chaos.count_opened() >= chaos.opened, within=20)

    for model in chaos.models:
        for severity in ("FAILURE", "OKAY"):
            told = [one["message"] for one in chaos.alerts(model, severity)]
            assert len(told) == model.breaches, f"seed {SEED}: {model.name}: {model.breaches} breaches, told: {told}"
    assert chaos.count_opened() == chaos.opened, f"seed {SEED}: lines lost or double"
    chaos.work(5 + chaos.collectd.interval)  # a log that was rotated is held until then
    held = chaos.holdings()
    assert all(now <= then for now, then in zip(held, before)), f"seed {SEED}: {before} -> {held}"
    for series in ["dbpool-trading/gauge-up", "session_log-app/current_sessions-open"]:
        assert statistics.mean(chaos.gaps(series)) == pytest.approx(chaos.collectd.interval, rel=0.1), f"seed {SEED}"
    assert {path.name for path in (chaos.disk.inside / "state").iterdir()} <= STATE_FILES
    assert {path.name for path in (chaos.collectd.directory / "switches").iterdir()} <= {"switches.json"}

