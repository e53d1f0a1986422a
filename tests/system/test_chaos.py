# SPDX-License-Identifier: MIT
"""Servers are killed, hung, slowed and restarted, logs are rotated, a disk is full, file calls hang and fail, the clock
is stepped, collectd is killed: alerts, switches and replicas are what they should be all the same.

    CHAOS_SECONDS=600 CHAOS_SEED=7 /usr/bin/python3 -m pytest -s tests/system/test_chaos.py

CHAOS_SEED repeats what was done, as far as time allows; each run prints its own."""
import collections
import datetime
import gzip
import itertools
import json
import os
import random
import re
import shutil
import time

import pytest
from asking import Asking
from chaos_parts import FOR_S, TICK_S, Clock, Disk, Slowness, World, descriptors, memory_kib, threads
from servers import build, orphans
from servers.application import Application, pool
from servers.faults import Faults
from servers.kubernetes import StandinCluster
from servers.ports import allocate
from servers.waiting import wait_until

SECONDS = float(os.environ.get("CHAOS_SECONDS", 10))
SEED = int(os.environ.get("CHAOS_SEED", time.time()))
STATE_FILES = {"alerts.jsonl", "identity", "responses.jsonl", "silences.jsonl"}
KEY = "/chaos/limit"
TTL_S = 10
ROTATE_WAIT_S = 60  # session_log holds a rotated log for this long: TAIL_ROTATE_WAIT_MS
YARDSTICK = "uptime/uptime"  # a plugin of collectd's own, read beside ours
READ = ["session_log-app/current_sessions-open", "resource_alert/gauge-series", "dbpool-trading/gauge-up"]


class Chaos:
    def __init__(self, collectd, directory, postgresql, etcd, cluster):
        self.collectd, self.postgresql, self.etcd, self.cluster = collectd, postgresql, etcd, cluster
        self.chance = random.Random(SEED)
        self.disk = Disk(directory)
        self.clock = Clock(directory)
        self.file_calls = Faults(directory, collectd)
        self.status = Asking(collectd, allocate())
        self.world = World(collectd, directory / "app.log", SEED)
        self.application = Application(postgresql)
        self.lives = []  # of the daemons before this one: (how it ended, what it told)
        self.done = collections.Counter()
        self.rotated = itertools.count(1)

    # The daemon.

    def start(self):
        self.collectd.socket.unlink(missing_ok=True)
        self.collectd.start()

    def end_daemon(self, how):
        how()
        self.lives.append((how.__name__, self.told_now()))
        shutil.copy(self.collectd.output, f"{self.collectd.output}.{len(self.lives)}")

    def told_now(self):
        return [(one["type_instance"].split("-")[1], one["severity"])
                for one in self.collectd.notifications(plugin="resource_alert", plugin_instance="model")]

    def told(self, model):
        """(severities of the model in their order, each once; how many a kill let be told twice)"""
        once, twice = [], 0
        is_after_kill = False
        for end, told in [*self.lives, ("", self.told_now())]:
            for _, severity in (one for one in told if one[0] == model.name):
                if is_after_kill and once and once[-1] == severity:
                    twice += 1
                else:
                    once.append(severity)
                is_after_kill = False
            is_after_kill = is_after_kill or end == "kill"
        return once, twice

    def holdings(self):
        """Descriptors, threads and children when nothing happens: the least of some moments."""
        taken = []
        for _ in range(8):
            self.go_on(TICK_S)
            taken.append((descriptors(self.collectd.pid), threads(self.collectd.pid),
                          len(orphans.children_of(self.collectd.pid))))
        return tuple(map(min, zip(*taken)))

    def holdings_once_closed(self, before):
        """The holdings once the rotated logs are closed, or after the time in which they must be."""
        deadline = time.monotonic() + ROTATE_WAIT_S + 2 * self.collectd.interval
        held = self.holdings()
        while held[0] > before[0] and time.monotonic() < deadline:
            held = self.holdings()
        return held

    def go_on(self, seconds):
        """Chaos is a matter of time: there is nothing to wait for."""
        self.world.is_over.wait(seconds)

    # Faults. Each begins something; what ends it is returned, or None.

    def hang(self, server):
        server.pause()
        return server.resume

    def slow(self, server):
        return Slowness(server).end

    def end_and_start(self, server, how):
        how()
        return server.start

    def refuse_kubernetes(self):
        standin = self.cluster.standin
        token, standin.token = standin.token, "another"
        return lambda: setattr(standin, "token", token)

    def slow_kubernetes(self):
        standin = self.cluster.standin
        standin.answer = lambda *request: (time.sleep(0.7), type(standin).answer(standin, *request))[1]
        return lambda: delattr(standin, "answer")

    def hang_kubernetes(self):
        self.cluster.standin.lock.acquire()
        return self.cluster.standin.lock.release

    def use_pool(self):
        if self.application.held:
            self.application.rest()
        elif self.postgresql.is_running:
            self.application.work(10, statement=None)

    def kill_collectd(self):
        self.end_daemon(self.collectd.kill)
        return self.start

    def kill_collectd_as_it_tells(self):
        count = len(self.told_now())
        end = time.monotonic() + 8
        while len(self.told_now()) == count and time.monotonic() < end:
            time.sleep(0.002)
        return self.kill_collectd()

    def restart_collectd(self):
        self.end_daemon(self.collectd.stop)
        self.start()

    def pause_collectd(self):
        self.collectd.pause()
        self.go_on(0.8)
        self.collectd.resume()

    def fill_disk(self):
        self.disk.fill()

        def free():
            self.disk.free()
            self.collectd.expect(self.is_kept_again, within=10)

        return free

    def is_kept_again(self):
        """A state that was never on the disk no kill can bring back."""
        return self.status.get("/health")[1]["problems"] == []

    def break_file_calls(self):
        """What is written hangs, fails, is slow or torn, in one of the directories."""
        kind = self.chance.choice(["hang", "slow", "torn", "EIO", "ENOSPC", "EROFS", "EMFILE", "ESTALE"])
        states = self.world.log.path.with_name("session_log")
        part = self.chance.choice([f"{self.disk.place}/", f"{self.disk.place}/state/alerts.jsonl", f"{states}/",
                                   f"{self.collectd.directory}/switches"])
        calls = self.chance.choice([Faults.WRITING, "write", "fdatasync,fsync", "rename"])
        print(f"         {kind} {calls} {part}", flush=True)
        self.done["file calls"] += 1
        self.file_calls.inject(kind, calls, part)

        def mend():
            self.file_calls.clear()
            before = time.time_ns()
            self.collectd.expect(self.is_kept_again, within=20)
            if part == f"{states}/":
                self.collectd.expect(lambda: (states / "app.state").stat().st_mtime_ns > before, within=20)

        return mend

    def step_clock_on(self):
        self.clock.step(self.chance.randrange(60, 300))
        self.expect_sound_switch()

    def set_clock_back(self):
        """The reads of a stock collectd stand still until the clock is where it was, or the daemon is restarted."""
        self.clock.step(-self.chance.randrange(60, 300))
        self.expect_sound_switch()
        return self.restart_collectd

    def set_clock_back_for_a_while(self):
        self.clock.step(-100)
        return lambda: self.clock.step(100)

    # Logs.

    def rename_log_to(self, ending):
        log = self.world.log.path
        return log.rename(log.with_name(f"app.log{ending}"))

    def rename_log(self):
        log = self.world.log.path
        for number in range(8, 0, -1):
            old = log.with_name(f"app.log.{number}")
            if old.exists():
                old.rename(log.with_name(f"app.log.{number + 1}"))
        self.rename_log_to(".1")

    def rename_log_by_date(self):
        self.rename_log_to(f"-20260131-{next(self.rotated)}")

    def compress_log(self):
        old = self.rename_log_to(f".{1000 + next(self.rotated)}")
        self.expect_all_read()
        with gzip.open(f"{old}.gz", "wb") as file:
            file.write(old.read_bytes())
        old.unlink()

    def once_all_is_read(self, what):
        """A file that is removed before it is read is lost for every reader."""
        with self.world.log_lock:
            self.expect_all_read()
            what(self.world.log.path)

    def copy_and_truncate_log(self):
        def turn(log):
            shutil.copy(log, log.with_name("app.log.copy"))
            os.truncate(log, 0)
        self.once_all_is_read(turn)

    def delete_log(self):
        self.once_all_is_read(lambda log: log.unlink())

    def replace_log(self):
        def turn(log):
            new = log.with_name("app.new")
            new.touch()
            new.rename(log)
        self.once_all_is_read(turn)

    def rename_journal(self):
        journal = self.disk.inside / "journal"
        if journal.exists():
            journal.rename(journal.with_name(f"journal.{next(self.rotated)}"))

    def faults(self):
        servers = {"PostgreSQL": self.postgresql, "etcd": self.etcd}
        faults = {}
        for name, server in servers.items():
            faults[f"hang {name}"] = lambda server=server: self.hang(server)
            faults[f"slow {name}"] = lambda server=server: self.slow(server)
            faults[f"kill {name}"] = lambda server=server: self.end_and_start(server, server.kill)
            faults[f"restart {name}"] = lambda server=server: self.end_and_start(server, server.stop)
        for name in ("refuse_kubernetes", "slow_kubernetes", "hang_kubernetes", "use_pool", "kill_collectd",
                     "kill_collectd_as_it_tells", "restart_collectd", "pause_collectd", "rename_log", "rename_log_by_date",
                     "compress_log", "copy_and_truncate_log", "delete_log", "replace_log", "rename_journal", "break_file_calls",
                     "step_clock_on", "set_clock_back", "set_clock_back_for_a_while"):
            faults[name.replace("_", " ")] = getattr(self, name)
        if self.disk.keeper:
            faults["fill disk"] = self.fill_disk
        return faults

    def one_fault(self):
        faults = self.faults()
        name = self.chance.choice(list(faults))
        print(f"{time.strftime('%T')} {name}", flush=True)
        self.done[name] += 1
        # Beside a server's fault, too. A daemon that is killed meanwhile may lose what it could not write.
        is_double = "collectd" not in name and name.split()[-1] in {"PostgreSQL", "etcd", "kubernetes", "pool"}
        ends = [self.break_file_calls()] if is_double and self.chance.random() < 0.5 else []
        ends.append(faults[name]())
        self.go_on(self.chance.uniform(0.2, 3))
        for end in filter(None, ends):
            end()
        self.go_on(self.chance.uniform(0.2, 3))

    # What must be so.

    def count_opened(self):
        files = self.collectd.csv.glob("*/session_log-app/total_sessions-opened-*")
        newest = max(files, key=lambda file: file.stat().st_mtime, default=None)
        lines = newest.read_text(encoding="utf-8").split("\n")[1:-1] if newest else []
        return float(lines[-1].split(",")[1]) if lines else 0

    def expect_all_read(self):
        self.collectd.expect(lambda: self.count_opened() >= self.world.opened, within=20)

    def settle(self, side, condition):
        """All series on one side, until the condition holds."""
        self.world.side = side
        wait_until(lambda: self.world.is_settled(side), 60, self.describe)
        wait_until(condition, 60, self.describe)

    def describe(self):
        return (f"seed {SEED}: file {self.switch_stands()}, etcd {self.etcd.keys()}, replicas {self.cluster.replicas()}, "
                f"{[(model.name, model.breaches, self.told(model)) for model in self.world.models]}\n"
                f"{self.collectd.explain()}")

    @property
    def switch(self):
        return self.collectd.directory / "switches" / "limit"

    def switch_stands(self):
        return self.switch.exists()

    def switch_is_sound(self):
        """By the daemon's own clock it holds for a while, and not for long."""
        try:
            until = datetime.datetime.fromisoformat(json.loads(self.switch.read_text())["until"].replace("Z", "+00:00"))
        except FileNotFoundError:
            return True
        left_s = until.timestamp() - self.clock.now()
        return 0 <= left_s <= TTL_S + 1

    def expect_sound_switch(self):
        self.collectd.expect(self.switch_is_sound, within=TTL_S)

    def is_engaged(self):
        return (self.switch_stands() and self.switch_is_sound() and self.etcd.get(KEY) is not None
                and self.cluster.replicas() == 4)

    def is_calm(self):
        return not self.switch_stands() and self.etcd.get(KEY) is None and self.cluster.replicas() == 2

    def gaps(self, series):
        """[(when, seconds)] between two reads."""
        times = [row["epoch"] for row in self.collectd.history(series)]
        return [(later, later - earlier) for earlier, later in zip(times, times[1:])]

    def uneven(self, series):
        """When a read came more than 10 % of the interval too early or late."""
        return [when for when, gap in self.gaps(series) if abs(gap / self.collectd.interval - 1) > 0.1]

    def negative_durations(self):
        texts = [path.read_text(encoding="utf-8", errors="replace") for path in self.collectd.directory.glob("log*")]
        texts += [path.read_text(encoding="utf-8") for path in self.disk.inside.glob("journal*")]
        return [line for text in texts for line in text.splitlines()
                if re.search(r" -\d+(\.\d+)? (s|ms)\b|\":-\d", line)]


@pytest.fixture
def chaos(collectd, directory, postgresql, etcd, tmp_path):
    cluster = StandinCluster(tmp_path)
    cluster.create_workload(replicas=2)
    one = Chaos(collectd, directory, postgresql, etcd, cluster)
    yield one
    one.world.close()
    one.application.close()
    one.disk.close()
    cluster.close()


def configure(chaos, directory):
    collectd = chaos.collectd
    collectd.prefix = chaos.disk.prefix
    chaos.clock.wrap(collectd)
    collectd.globals.append("Timeout 20")  # a machine that is busy lets no series stop
    collectd.load("uptime")
    collectd.load("dbpool", pool(chaos.postgresql))
    collectd.load("session_log", f"""
        StateDir "{directory}/session_log"
        <Log "app">
          File "{directory}/app.log"
        </Log>""")
    collectd.load("resource_alert", f"""
        StateDir "{chaos.disk.place}/state"
        Journal "{chaos.disk.place}/journal"
        StatusListen "127.0.0.1:{chaos.status.port}"
        <Threshold "model">
          Metric "model-*/gauge-level"
          FailureMax 85
          For {FOR_S}
          RecoverFor {FOR_S}
          Missing "ignore"
        </Threshold>
        <SwitchStore "file">
          Path "{collectd.directory}/switches"
          TTL {TTL_S}
        </SwitchStore>
        <SwitchStore "etcd">
          URL "{chaos.etcd.url}"
          Prefix "/chaos/"
          TTL {TTL_S}
        </SwitchStore>
        {chaos.cluster.block()}
        <Response "degrade">
          When "model"
          EngageAfter 0
          ReleaseAfter 1
          MaxActionsPerHour 0
          <Switch "limit">
            Timeout 1
          </Switch>
        </Response>
        <Response "scale_out">
          When "model"
          EngageAfter 0
          ReleaseAfter 1
          MaxActionsPerHour 0
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


def expect_each_change_once(chaos):
    kills = sum(1 for how, _ in chaos.lives if how == "kill")
    for model in chaos.world.models:
        once, twice = chaos.told(model)
        print(f"{model.name}: {model.breaches} breaches, told twice: {twice}")
        assert once == ["FAILURE", "OKAY"] * model.breaches, f"seed {SEED}: {model.name}"
        assert twice <= kills


def expect_reads_in_time(chaos):
    """What starts, stops and steps, and a machine that is busy, delay the reads of a plugin of collectd's own in the
    same daemon, too: where its reads were even, ours are. dbpool may wait for its server, within the interval."""
    usual = chaos.uneven(YARDSTICK)
    count = len(chaos.gaps(YARDSTICK))
    for series in READ:
        gaps = len(chaos.gaps(series))
        uneven = chaos.uneven(series)
        alone = [when for when in uneven if not any(abs(when - other) < 2 * chaos.collectd.interval for other in usual)]
        print(f"{series}: {gaps} reads, {len(uneven)} uneven, {len(alone)} of them alone; "
              f"{YARDSTICK}: {count} reads, {len(usual)} uneven")
        assert abs(gaps - count) <= 0.01 * count + len(chaos.lives) + 2, f"seed {SEED}"
        if not series.startswith("dbpool"):
            assert len(alone) <= 0.01 * count + 1, f"seed {SEED}: {alone}"


def test_everything_at_once(chaos, directory):
    print(f"\nCHAOS_SEED={SEED} for {SECONDS:.0f} s")
    configure(chaos, directory)
    chaos.start()
    chaos.world.start()
    chaos.settle(True, chaos.is_engaged)
    chaos.settle(False, chaos.is_calm)
    before, memory_before = chaos.holdings(), memory_kib(chaos.collectd.pid)

    chaos.world.side = None
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        chaos.one_fault()
    chaos.settle(True, chaos.is_engaged)
    chaos.settle(False, chaos.is_calm)
    print(f"{sum(chaos.done.values())} faults: {dict(chaos.done)}; {len(chaos.lives) + 1} daemons; "
          f"the machine was late by {max(chaos.world.late_s):.2f} s at most")

    expect_each_change_once(chaos)
    with chaos.world.log_lock:
        chaos.expect_all_read()
        assert chaos.count_opened() == chaos.world.opened, f"seed {SEED}: lines lost or double"
    held, memory = chaos.holdings_once_closed(before), memory_kib(chaos.collectd.pid)
    print(f"descriptors, threads, children: {before} -> {held}; memory: {memory_before} -> {memory} KiB")
    assert all(now <= then for now, then in zip(held, before)), f"seed {SEED}: {before} -> {held}"
    assert build.sanitizers() or memory <= memory_before + 2048, f"seed {SEED}"  # they give nothing back at once
    expect_reads_in_time(chaos)
    assert {path.name for path in (chaos.disk.inside / "state").iterdir()} <= STATE_FILES
    assert {path.name for path in (chaos.collectd.directory / "switches").iterdir()} <= {"switches.json", ".readers"}
    assert not [path for path in directory.glob("session_log/.*")]
    assert chaos.negative_durations() == []
