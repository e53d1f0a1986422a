# SPDX-License-Identifier: MIT
"""resource-alertctl and a running daemon: status, silence, mode, deactivate, reset, self-test, journal."""
import datetime
import grp
import json
import os
import pathlib
import pwd
import re
import signal
import socket
import stat
import subprocess
import sys

import pytest
from asking import USED
from servers import build
from servers.waiting import wait_until

CTL = build.BUILD / "resource-alertctl"


def ctl(*arguments, **options):
    return subprocess.run([CTL, *map(str, arguments)], capture_output=True, text=True, timeout=30, **options)


class Daemon:
    """A collectd with a rule "used", a response "degrade" and a ControlSocket."""

    def __init__(self, collectd, directory):
        self.collectd, self.switch = collectd, directory / "switches" / "slow_down"
        self.socket, self.journal = directory / "control", directory / "journal"
        collectd.load("resource_alert", f"""
  StateDir "{directory}/state"
  Journal "{self.journal}"
  ControlSocket "{self.socket}"
  {USED}
  <SwitchStore "file">
    Path "{directory}/switches"
  </SwitchStore>
  <Response "degrade">
    When "used"
    EngageAfter 0
    ReleaseAfter 0
    <Switch "slow_down">
    </Switch>
  </Response>""").start()

    def ctl(self, command, *arguments):
        return ctl(command, "--socket", self.socket, *arguments)

    def status(self):
        return json.loads(self.ctl("status", "--json").stdout)

    def put(self, value):
        self.collectd.put_value("demo-a/percent-used", value, interval=60)

    def journal_text(self):
        """The journal so far; its first line creates it."""
        return self.journal.read_text() if self.journal.exists() else ""

    def expect(self, condition):
        return self.collectd.expect(condition)

    def exit_code(self):
        return self.ctl("status").returncode


@pytest.fixture
def daemon(collectd, directory):
    return Daemon(collectd, directory)


def test_status_is_a_monitoring_plugin(daemon):
    assert daemon.exit_code() == 3
    for value, code, state in [(41, 0, "OKAY"), (85, 1, "WARNING"), (97.5, 2, "FAILURE")]:
        daemon.put(value)
        daemon.expect(lambda wanted=code: daemon.exit_code() == wanted)
        text = daemon.ctl("status").stdout
        assert re.search(rf"^{state} +used +{value} % +>80 >95 ", text, re.M), text
        assert "\033" not in text, "no colour where there is no terminal"


def test_only_the_owner_may_use_the_socket(daemon):
    assert stat.S_IMODE(os.stat(daemon.socket).st_mode) == 0o600


def test_a_silence_suppresses_notifications_and_nothing_else(daemon):
    assert daemon.ctl("silence", "us*", "--for", "2h", "--comment", "changing disks").returncode == 0
    daemon.put(97)
    daemon.expect(lambda: daemon.exit_code() == 2)
    daemon.expect(lambda: daemon.switch.exists())
    silence, = daemon.status()["silences"]
    assert silence["name"] == "us*" and silence["comment"] == "changing disks" and silence["who"]
    assert "(silenced)" in daemon.ctl("status").stdout
    assert not daemon.collectd.notifications(plugin="resource_alert", type="alert_state")
    daemon.expect(lambda: '"event":"silence"' in daemon.journal_text())

    daemon.collectd.restart()
    daemon.expect(lambda: daemon.status()["silences"])
    assert daemon.ctl("silence", "us*", "--end").returncode == 0
    assert daemon.status()["silences"] == []
    daemon.put(10)
    daemon.expect(lambda: daemon.collectd.notifications(plugin="resource_alert", severity="OKAY"))


def test_a_silence_says_what_it_covers(daemon):
    daemon.put(10)
    daemon.expect(lambda: daemon.exit_code() == 0)
    until = r"^silenced until \d{4}-\d\d-\d\d \d\d:\d\d:\d\d; "
    assert re.search(until + "covers 1 rule or their series now", daemon.ctl("silence", "us*").stdout)
    assert re.search(until + "covers 1 rule or their series now", daemon.ctl("silence", "*/demo-a/*").stdout)
    assert re.search(until + 'no rule and no series matches "usd" now', daemon.ctl("silence", "usd").stdout)


def test_the_journal_from_a_time_on_and_its_last_lines(tmp_path):
    now = datetime.datetime.now(datetime.timezone(datetime.timedelta(hours=2)))
    ages = [7200, 1800, 600, 5]
    path = tmp_path / "journal"
    path.write_text("".join(json.dumps({"seq": age, "event": "state", "rule": f"r{age}",
                                        "time": (now - datetime.timedelta(seconds=age)).isoformat(timespec="milliseconds")}) + "\n"
                            for age in ages))

    def rules(*arguments):
        return [int(name) for name in re.findall(r"rule=r(\d+)", ctl("journal", "--file", path, *arguments).stdout)]

    assert rules() == ages
    assert rules("--since", "1h") == ages[1:]
    assert rules("-n", "2") == rules("--lines", "2") == ages[2:]
    assert rules("-n", "9") == ages
    assert rules("--since", "15m", "-n", "1") == [5]
    for arguments, text in [(("--event", "bogus"), "there is no event bogus; allowed: state, response"),
                            (("--event", "sate"), "did you mean state"), (("-n", "x"), "write a number from 1"),
                            (("--since", "soon"), "is not a duration")]:
        result = ctl("journal", "--file", path, *arguments)
        assert result.returncode == 3 and text in result.stderr


def test_mode_and_deactivate(daemon):
    assert daemon.ctl("mode", "off", "degrade").returncode == 0
    daemon.expect(lambda: daemon.status()["responses"][0]["mode"] == "off")
    daemon.put(97)
    daemon.expect(lambda: daemon.exit_code() == 2)
    assert not daemon.switch.exists()
    assert daemon.ctl("mode", "auto").returncode == 0
    daemon.expect(lambda: daemon.switch.exists())
    assert re.search(r"^ENGAGED +degrade +auto", daemon.ctl("status").stdout, re.M)
    assert daemon.ctl("deactivate", "degrade").returncode == 0
    daemon.expect(lambda: not daemon.switch.exists())


def test_self_test_and_reset(daemon):
    assert daemon.ctl("self-test").returncode == 0
    daemon.expect(lambda: daemon.status()["responses"][0]["actions"][0]["self_test"] == "ok")
    assert not daemon.switch.exists()
    assert daemon.ctl("reset", "degrade").returncode == 0


@pytest.mark.parametrize("arguments, text", [
    (("mode", "on"), 'mode "on" is none of auto, dryrun, off, configured'),
    (("mode", "off", "nothing"), "nothing"),
    (("deactivate", "nothing"), "nothing"),
    (("silence", "x", "--for", "soon"), '"soon" is not a duration'),
    (("silence", "[x"), "pattern"),
    (("silence", "gone", "--end"), 'no silence for "gone"'),
    (("silence", "x", "--comment", "y" * 600), "512 bytes"),
])
def test_what_is_refused_has_a_reason(daemon, arguments, text):
    result = daemon.ctl(*arguments)
    assert result.returncode == 3 and text in result.stderr and len(result.stderr.splitlines()) == 1


def test_the_journal_is_printed_filtered_and_followed(daemon):
    daemon.put(97)
    daemon.expect(lambda: "slow_down" in daemon.journal_text())
    text = ctl("journal", "--file", daemon.journal).stdout
    assert re.search(r"^\S+T\S+ state rule=used series=testhost/demo-a/percent-used .*to=FAILURE", text, re.M), text
    assert "rule=used" not in ctl("journal", "--file", daemon.journal, "--event", "action").stdout
    assert ctl("journal", "--file", daemon.journal, "--name", "nobody").stdout == ""
    with subprocess.Popen([CTL, "journal", "--file", daemon.journal, "--follow", "--name", "us*"],
                          stdout=subprocess.PIPE, text=True) as follower:
        try:
            assert "to=FAILURE" in follower.stdout.readline()
            daemon.journal.rename(f"{daemon.journal}.1")
            daemon.put(10)
            assert "to=OKAY" in follower.stdout.readline()
        finally:
            follower.send_signal(signal.SIGINT)


def test_watch_repeats_the_status(daemon):
    result = daemon.ctl("watch", "--every", "0.05", "--count", "2")
    assert result.returncode == 3 and result.stdout.count("testhost: UNKNOWN") == 2


def test_a_daemon_that_does_not_run_is_one_clear_sentence(tmp_path):
    result = ctl("status", "--socket", tmp_path / "nothing")
    assert result.returncode == 3
    assert "does not exist: collectd is not running, or its configuration has no ControlSocket" in result.stderr
    (tmp_path / "file").write_text("x")
    assert "is not a socket" in ctl("status", "--socket", tmp_path / "file").stderr


@pytest.mark.parametrize("answer, text", [
    (b'{"version":2,"worst":"OKAY"}', "the daemon sends version 2, this program reads 1: install the same release of both"),
    (b"<html>", "the response (HTTP 200, not JSON) is not that of collectd with resource_alert, or comes from another version"),
])
def test_a_daemon_of_another_version_is_one_clear_sentence(tmp_path, answer, text):
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(tmp_path / "socket"))
        other.listen()
        ctl_process = subprocess.Popen([CTL, "status", "--socket", tmp_path / "socket"], stderr=subprocess.PIPE, text=True)
        other.settimeout(10)
        peer, _ = other.accept()
        with peer:
            peer.recv(4096)
            peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(answer), answer))
            output = ctl_process.communicate(timeout=10)[1]
    assert ctl_process.returncode == 3 and text in output and len(output.splitlines()) == 1


def test_a_hint_for_a_misspelt_command():
    result = ctl("sttus")
    assert result.returncode == 3 and "unknown command sttus; did you mean status?" in result.stderr


def test_a_group_may_use_the_socket(collectd, directory):
    group = grp.getgrgid(os.getgid()).gr_name
    collectd.load("resource_alert", f'ControlSocket "{directory}/control"\nControlGroup "{group}"').start()
    status = os.stat(directory / "control")
    assert stat.S_IMODE(status.st_mode) == 0o660 and status.st_gid == os.getgid()


def test_an_unknown_group_is_logged(collectd, directory):
    collectd.load("resource_alert", f'ControlSocket "{directory}/control"\nControlGroup "no-such-group"').start()
    assert collectd.log_lines('ControlSocket: .*no group "no-such-group"; control commands are disabled')


def test_commands_survive_a_restart(daemon):
    assert daemon.ctl("mode", "off", "degrade").returncode == 0
    daemon.expect(lambda: daemon.status()["responses"][0]["mode"] == "off")
    daemon.collectd.restart()
    daemon.expect(lambda: daemon.status()["responses"][0]["mode"] == "off")
    daemon.put(97)
    daemon.expect(lambda: daemon.exit_code() == 2)
    assert not daemon.switch.exists()
    assert daemon.ctl("mode", "configured").returncode == 0
    daemon.expect(lambda: daemon.switch.exists())


def test_every_command_is_journaled_with_who_sent_it(daemon):
    for command in [("mode", "dryrun"), ("deactivate",), ("reset",), ("self-test", "degrade"), ("silence", "a*"), ("silence", "a*", "--end")]:
        assert daemon.ctl(*command).returncode == 0
    daemon.expect(lambda: "unsilence" in daemon.journal_text())
    lines = [json.loads(line) for line in daemon.journal_text().splitlines()]
    commands = [line for line in lines if line["event"] in {"command", "silence", "unsilence"}]
    assert [line.get("command", line["event"]) for line in commands] == [
        "mode dryrun", "deactivate", "reset", "self-test", "silence", "unsilence"]
    me = pwd.getpwuid(os.getuid())
    assert all(re.match(rf"{me.pw_name} \(uid {me.pw_uid}, pid \d+", line["who"]) for line in commands)


@pytest.mark.parametrize("uid", [pwd.getpwnam("nobody").pw_uid, 54321])
def test_who_sent_a_command_is_what_the_kernel_says(daemon, uid):
    os.chmod(daemon.socket, 0o666)
    pathlib.Path(daemon.socket).parent.chmod(0o755)
    code = f"""if True:
        import os, socket
        os.setresuid({uid}, {uid}, {uid})
        peer = socket.socket(socket.AF_UNIX)
        peer.connect({str(daemon.socket)!r})
        body = '{{"name":"a","for_s":60,"who":"anna (uid 0, pid 1)\u009b"}}'.encode()
        peer.sendall(b"POST /silence HTTP/1.1\\r\\nHost: x\\r\\nContent-Length: %d\\r\\n\\r\\n%s" % (len(body), body))
        assert b" 200 " in peer.recv(4096)
        print(os.getpid())"""
    sent = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)
    silence, = daemon.status()["silences"]
    name = "nobody (" if uid != 54321 else ""
    assert silence["who"] == f"{name}uid {uid}, pid {sent.stdout.strip()}; calls itself anna (uid 0, pid 1)\\xc2\\x9b" + (
        ")" if name else "")


def test_a_socket_left_behind_is_replaced(daemon):
    daemon.collectd.kill()
    assert daemon.socket.exists()
    assert "no response" in daemon.ctl("status").stderr
    daemon.collectd.start()
    wait_until(lambda: daemon.status()["worst"], within=10)
    daemon.collectd.stop()
    assert not daemon.socket.exists()


def test_the_names_of_rules_and_responses(daemon):
    for kind, name in [("rules", "used"), ("responses", "degrade")]:
        said = ctl("names", kind, "--socket", daemon.socket)
        assert (said.returncode, said.stdout.splitlines()) == (0, [name])
    assert "neither rules nor responses" in ctl("names", "colours", "--socket", daemon.socket).stderr


def test_a_series_is_forgotten(daemon):
    daemon.put(85)
    daemon.expect(lambda: daemon.exit_code() == 1)
    refused = daemon.ctl("forget", "*/other/*")
    assert refused.returncode == 3 and "no series with an alert matches" in refused.stderr
    done = daemon.ctl("forget", "*/demo-a/*")
    assert done.returncode == 0 and re.fullmatch(r"forgot \S+/demo-a/percent-used\n", done.stdout), done
    daemon.expect(lambda: '"forgotten"' in daemon.journal_text())
    lines = [json.loads(line) for line in daemon.journal_text().splitlines()]
    asked = [line for line in lines if line["event"] == "forget"]
    assert len(asked) == 1 and f"uid {os.getuid()}" in asked[0]["who"], asked
    assert [(line["from"], line["to"]) for line in lines if line.get("cause") == "forgotten"] == [("WARNING", "UNKNOWN")]
    assert daemon.exit_code() == 3


def test_the_journal_can_be_filtered_by_each_of_its_events(tmp_path):
    sources = "".join(path.read_text(encoding="utf-8") for path in (build.SOURCE / "plugins/resource_alert").rglob("*.c"))
    kinds = {kind for call in re.findall(r'(?:journal_put|put_line|journal_control_command)\(([^;]*?)\);', sources)
             for kind in re.findall(r'(?:^|[,?:])\s*"(\w+)"', call.split("json_pack")[0])}
    assert {"state", "response", "action", "leak", "leak_ended", "silence", "unsilence", "forget", "command"} <= kinds, kinds
    (tmp_path / "journal").touch()
    for kind in kinds:
        assert ctl("journal", "--file", tmp_path / "journal", "--event", kind).returncode == 0, kind
