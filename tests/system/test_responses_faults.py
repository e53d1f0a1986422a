# SPDX-License-Identifier: MIT
"""What happens to the machine and the daemon while a response is at work: a disk
is full, the daemon is stopped or killed, a hundred responses are called at once,
targets break before they are needed."""
import json
import os
import shutil
import socket
import subprocess

import pytest
from responding import block, elapsed, quoted, response, switch
from servers import build
from servers.http_sink import HttpSink
from servers.kubernetes import StandinCluster
from servers.namespaces import unshare_mounts


# Full disks.

class SmallDisk:
    """A tmpfs of 32 KB at PATH that only the daemon sees, and the test through it."""

    def __init__(self, collectd, path):
        if unshare_mounts() is None or os.geteuid() != 0:
            pytest.skip("no mount namespaces here: a full disk is NOT tested")
        self._collectd, self._path = collectd, path
        path.mkdir(exist_ok=True)
        # A shell does not run under ThreadSanitizer, so the library waits.
        collectd.prefix = ["env", "--unset=LD_PRELOAD", *unshare_mounts(), "sh", "-c",
                           f'mount -t tmpfs -o size=32k none "{path}" && exec env LD_PRELOAD="$0" "$@"',
                           collectd.environment.get("LD_PRELOAD", "")]

    def at(self, name):
        return f"/proc/{self._collectd.pid}/root{self._path}/{name}"

    def fill(self):
        with open(self.at(".fill"), "wb", buffering=0) as file:
            try:
                while file.write(bytes(4096)):
                    pass
            except OSError:
                pass

    def empty(self):
        os.unlink(self.at(".fill"))


def test_a_full_disk_for_switches(responding):
    disk = SmallDisk(responding.collectd, responding.switches)
    responding.configure(response(switch("one"))).start()
    disk.fill()
    responding.breach()
    responding.expect(lambda: responding.failures("Switch one"))
    assert "No space left on device" in responding.failures("Switch one")[0]
    assert not os.path.exists(disk.at("one"))  # no half of it
    disk.empty()
    responding.expect(lambda: os.path.exists(disk.at("one")), within=5)  # long before it would be renewed
    responding.expect_state("ENGAGED")
    disk.fill()
    responding.recover()
    responding.expect(lambda: not os.path.exists(disk.at("one")))
    disk.empty()
    responding.expect_state("OFF")
    with open(disk.at("switches.json"), encoding="utf-8") as file:
        assert json.load(file) == {}
    assert sorted(os.listdir(disk.at(""))) == ["switches.json"]


def flip(responding):
    """Engages the response and releases it."""
    responding.breach()
    responding.expect(lambda: responding.is_on("one"))
    responding.recover()
    responding.expect(lambda: not responding.is_on("one"))
    return True


def test_a_full_disk_for_the_state_file(responding):
    disk = SmallDisk(responding.collectd, responding.state)
    responding.configure(response(switch("one"))).start()
    disk.fill()
    responding.breach()
    responding.expect(lambda: responding.is_on("one"))
    # What is kept still fits into the file's last page for a while.
    responding.expect(lambda: flip(responding) and responding.collectd.log_lines("responses continue, but a restart may not know"))
    responding.expect_state("OFF")
    disk.empty()
    responding.expect(lambda: responding.collectd.log_lines("response states: .*: can be written again"))
    with open(disk.at("responses.jsonl"), encoding="utf-8") as file:
        assert json.loads(file.readlines()[-1])["state"] == "OFF"


# The daemon's end.

@pytest.fixture
def slow(responding):
    """A response whose command waits while `hold` is there."""
    place = responding.open_directory("held")
    hold = place / "hold"
    hook = responding.hook(f"while [ -e {hold} ]; do sleep 0.05; done; echo ran >> {place}/ran")
    responding.configure(response(switch("one") + block("Exec", Command=quoted(hook), Timeout=60)))
    return hold, f"Exec {hook}"


@pytest.mark.parametrize("end", ["stop", "kill"])
@pytest.mark.parametrize("state", ["OFF", "ENGAGING", "ENGAGED", "RELEASING"])
def test_it_continues_after_a_kill(responding, slow, state, end):
    hold, action = slow
    responding.start()
    if state == "ENGAGING":
        hold.touch()
    if state != "OFF":
        responding.breach()
        responding.expect_state("ENGAGING" if state == "ENGAGING" else "ENGAGED")
    if state == "RELEASING":
        hold.touch()
        responding.recover()
    if hold.exists():
        responding.expect_state(state)
        begun = 1 if state == "ENGAGING" else 2
        responding.expect(lambda: responding.steps(action).count("request") == begun)
    is_on = state in ("ENGAGING", "ENGAGED")  # the command that waits delays no switch
    responding.expect(lambda: responding.is_on("one") == is_on)
    assert elapsed(getattr(responding.collectd, end)) < 5
    assert responding.is_on("one") == is_on
    hold.unlink(missing_ok=True)

    responding.start()
    if state == "RELEASING":  # without any rule's word
        responding.expect_state("OFF")
    elif state != "OFF":
        responding.expect_state("ENGAGED")
        assert responding.is_on("one")
        responding.recover()
        responding.expect_state("OFF")
    assert not responding.is_on("one")
    ended = [line["on"] for line in responding.journal("action", action=action)
             if line["step"] in ("confirmed", "done")]
    assert ended == ([] if state == "OFF" else [True, False])  # nothing is done twice


@pytest.mark.skipif(os.geteuid() != 0 or unshare_mounts() is None, reason="no mount namespaces: slow names are NOT tested")
def test_unresolved_names_delay_no_switch_and_no_stop(responding, directory):
    silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    silent.bind((f"127.0.{os.getpid() % 250 + 1}.53", 53))
    resolver = directory / "resolv.conf"
    resolver.write_text(f"nameserver {silent.getsockname()[0]}\noptions timeout:30 attempts:5\n")
    responding.collectd.prefix = ["env", "--unset=LD_PRELOAD", *unshare_mounts(), "sh", "-c",
                                  f'mount --bind {resolver} /etc/resolv.conf && exec env LD_PRELOAD="$0" "$@"',
                                  responding.collectd.environment.get("LD_PRELOAD", "")]
    hook = block("Webhook", ' "hook"', URL='"https://ops.example.net/"', Timeout=60)
    store = block("SwitchStore", ' "postgresql"', Host='"db.example.net"', Database='"trading"', SSLMode='"prefer"')
    responding.configure(response(hook, name="tell") + "\n" + response(switch("one")), store).start()
    responding.breach()
    responding.expect(lambda: "request" in responding.steps("Webhook hook"))
    responding.expect(lambda: responding.is_on("one"))  # though its other store is the first
    responding.expect(lambda: responding.journal("action", step="request", store="postgresql"))
    assert elapsed(responding.collectd.stop) < 5
    assert responding.collectd.log_lines("still being resolved; its thread is abandoned")
    silent.close()


# Many at once.

def test_a_hundred_responses_at_once(responding, http_sink):
    http_sink.answer(hangs=True)
    hook = block("Webhook", ' "hook"', URL=f'"{http_sink.url}"', Timeout=60)
    hanging = [response(hook, name=f"hang{i}") for i in range(50)]
    acting = [response(switch(f"s{i}"), name=f"act{i}") for i in range(50)]
    collectd = responding.configure("\n".join(hanging + acting)).start().collectd
    responding.breach()
    responding.expect(lambda: len(http_sink.requests) == 50 and all(responding.is_on(f"s{i}") for i in range(50)), within=20)
    seen = len(collectd.history("resource_alert/gauge-series"))
    collectd.expect(lambda: len(collectd.history("resource_alert/gauge-series")) >= seen + 4, within=20)
    times = [row["epoch"] for row in collectd.history("resource_alert/gauge-series")][seen:]
    assert times[-1] - times[0] == pytest.approx(collectd.interval * (len(times) - 1), abs=0.9)
    assert elapsed(collectd.stop) < 5


# The self-test.

def test_a_self_test_finds_each_broken_target(responding, directory, postgresql, etcd, haproxy):
    control = directory / "control"
    haproxy.backends = "backend api\n  server-template slot 1-4 127.0.0.9:1 disabled\n"
    cluster, sink = StandinCluster(directory), HttpSink()
    cluster.create_workload()
    cluster.create_cron_job()
    cluster.set_endpoints("127.0.0.1")
    haproxy.start()
    postgresql.run("CREATE ROLE agent LOGIN")
    subprocess.run(["psql", "-qX", "-h", postgresql.socket_directory, "-p", str(postgresql.tcp_port), "-U", "postgres",
                    "-v", "agent=agent", "-f", build.SOURCE / "contrib/examples" / "degradation_switch.sql", "postgres"],
                   check=True, capture_output=True)
    hook = responding.hook("exit 0")
    stores = (block("SwitchStore", ' "etcd"', URL=f'"{etcd.url}"')
              + block("SwitchStore", ' "postgresql"', Host=f'"{postgresql.socket_directory}"', Port=postgresql.tcp_port,
                      Database='"postgres"', User='"agent"'))
    actions = {
        "Switch one": switch("one"),
        f"Exec {hook}": block("Exec", Command=quoted(hook)),
        "Webhook hook": block("Webhook", ' "hook"', URL=f'"{sink.url}"'),
        "Scale trading/api": block("Scale", Namespace='"trading"', Deployment='"api"', Max=10),
        "SuspendCronJob trading/fetch-prices": block("SuspendCronJob", Namespace='"trading"', Name='"fetch-prices"'),
        "HAProxy api": block("HAProxy", Socket=f'"{haproxy.admin_socket}"', Backend='"api"', Endpoints='"trading/api"',
                             Port=8000, Every=3600),
    }
    responding.configure(response("".join(actions.values())),
                         f'ControlSocket "{control}"\n{cluster.block()}\n{stores}').start()

    names = {name for name in actions if name != "Switch one"}
    names |= {f"Switch one in {store}" for store in ("file", "etcd", "postgresql")}

    def self_test():
        done = len(responding.journal("action", step="self_test"))
        subprocess.run([build.BUILD / "resource-alertctl", "self-test", "--socket", control], check=True, capture_output=True)
        responding.expect(lambda: len(responding.journal("action", step="self_test")) >= done + len(names), within=30)
        lines = responding.journal("action", step="self_test")[done:]
        return {line["action"]: line["result"] for line in lines}

    assert set(self_test().values()) == {"ok"} and self_test().keys() == names
    assert not responding.is_on("one") and etcd.keys() == [] and cluster.replicas() == 2  # without effect
    assert "suspend" not in cluster.cron_job()["spec"]
    assert all(request.method != "POST" for request in sink.requests)

    haproxy.stop()
    etcd.stop()
    sink.close()
    hook.chmod(0o777)
    cluster.token_file.write_text("stale")
    cluster.standin.token = "rotated"
    found = self_test()
    broken = {name for name in names if found[name] != "ok"}
    assert broken == names - {"Switch one in file", "Switch one in postgresql"}
    assert 'store "etcd"' in found["Switch one in etcd"] and "chmod go-w" in found[f"Exec {hook}"]
    for name in broken:
        assert responding.collectd.notifications(severity="WARNING", plugin_instance="degrade") and \
            any(f"self-test of {name} failed" in one["message"] for one in responding.collectd.notifications(severity="WARNING"))

    etcd.start()
    postgresql.run("REVOKE UPDATE ON degradation_switch FROM agent")
    assert 'permission denied for table degradation_switch; connect to' in self_test()["Switch one in postgresql"]
    postgresql.run("GRANT UPDATE ON degradation_switch TO agent")
    shutil.rmtree(responding.switches, ignore_errors=True)
    responding.switches.mkdir()
    responding.switches.chmod(0o777)
    assert "can be written by others" in self_test()["Switch one in file"]
    responding.switches.chmod(0o755)
    assert self_test()["Switch one in file"] == "ok"
    responding.expect(lambda: responding.collectd.notifications(severity="OKAY", plugin_instance="degrade"))
    cluster.close()
