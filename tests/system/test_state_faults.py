# SPDX-License-Identifier: MIT
"""A disk that hangs, fails, fills up, is slow or tears writes, below the files that the daemon writes: it decides, acts,
notifies and ends as on a good disk, and /health reports what is not saved. With -rP the tests print a table."""
import contextlib
import fcntl
import os
import shutil
import socket
import time

import pytest
from asking import Asking
from responding import Responding, response, switch
from servers.faults import Faults
from servers.ports import allocate

STATE_FILES = {"alerts.jsonl", "responses.jsonl", "silences.jsonl", "identity"}
CASES = [(kind, "all") for kind in ("hang", "EIO", "ENOSPC", "EROFS", "EMFILE", "slow", "torn")]
CASES += [("hang", name) for name in (*sorted(STATE_FILES), "journal")]
ALWAYS_WRITTEN = {"all", "alerts.jsonl", "responses.jsonl", "journal"}
# Which calls a kind of fault hits; a file that is open needs no further descriptor.
CALLS = {"EMFILE": "open", "ENOSPC": "write,fsync,fdatasync,rename"}
UNNOTICED = {"EMFILE", "slow"}
QUIET = "quiet-one/percent-used"


class Machine:
    """A daemon that saves all it can, beside a stock plugin that has an interval to keep."""

    def __init__(self, collectd, directory):
        self.collectd = collectd
        self.faults = Faults(directory, collectd)
        self.responding = Responding(collectd)
        port = allocate()
        self.responding.configure(response(switch("one")), options=f"""
            StatusListen "127.0.0.1:{port}"
            ControlSocket "{directory}/control"
            <Threshold "quiet">
              Metric "quiet-*/percent-used"
              WarningMax 80
            </Threshold>""")
        collectd.load("uptime")
        self.status = Asking(collectd, port)

    def start(self):
        self.responding.start()
        self.responding.recover()
        self.collectd.put_value(QUIET, 1)
        self.collectd.expect(lambda: self.collectd.has_value("uptime/uptime"))
        return self

    def inject(self, kind, name):
        own = self.collectd.directory
        for part in {"all": [f"{own}/state", f"{own}/journal"], "journal": [f"{own}/journal"]}.get(
                name, [f"{own}/state/{name}"]):
            self.faults.inject(kind, CALLS.get(kind, Faults.WRITING), part)

    def time_switch(self):
        begun = time.monotonic()
        self.responding.breach()
        self.collectd.expect(lambda: self.responding.is_on("one"))
        return time.monotonic() - begun

    def is_notified(self, rule, words):
        return any(rule in one["message"] and words in one["message"] for one in self.collectd.notifications())

    def problems(self):
        return self.status.get("/health")[1]["problems"]

    def longest_pause(self):
        times = [row["epoch"] for row in self.collectd.history("uptime/uptime")] + [time.time()]
        return max(b - a for a, b in zip(times, times[1:]))

    def time_stop(self):
        begun = time.monotonic()
        self.collectd.stop(within=20)
        return time.monotonic() - begun


@pytest.fixture
def machine(collectd, directory):
    return Machine(collectd, directory)


def test_the_files_of_the_running_daemon_are_those_that_are_tested(machine):
    machine.start()
    machine.faults.inject("record", Faults.WRITING, f"{machine.collectd.directory}/")
    machine.time_switch()
    machine.collectd.expect(lambda: machine.is_notified("quiet", "MISSING"))
    machine.collectd.stop()
    own = str(machine.collectd.directory)
    written = {path[len(own) + 1:] for _, path in machine.faults.hits() if path.startswith(own)}
    written = {path for path in written if path.split("/")[0] in ("state", "journal")}
    temporary = {path for path in written if "/.resource-alert." in path}
    assert written - temporary - {"state", "state/."} <= {f"state/{name}" for name in STATE_FILES} | {"journal"}
    assert set(os.listdir(machine.responding.state)) == STATE_FILES


@pytest.mark.parametrize("kind, name", CASES)
def test_a_bad_disk_delays_nothing(machine, kind, name):
    machine.start()
    machine.inject(kind, name)
    switched = machine.time_switch()
    machine.collectd.expect(lambda: machine.is_notified("pool", "WARNING"))
    machine.collectd.expect(lambda: machine.is_notified("quiet", "MISSING"))
    if name in ALWAYS_WRITTEN and kind not in UNNOTICED:
        machine.collectd.expect(machine.problems, within=15)
        assert machine.collectd.value("resource_alert/gauge-problems") >= 0
    problems = machine.problems()
    pause = machine.longest_pause()
    stopped = machine.time_stop()
    print(f"| {name:15} | {kind:6} | {switched:4.2f} s | {pause:4.1f} s | {stopped:4.1f} s | {'; '.join(problems)} |")
    assert switched < 1
    assert pause < 3
    assert stopped < 5
    machine.faults.clear()
    machine.responding.start()
    assert machine.problems() == []


def test_a_disk_that_works_again_gets_all(machine):
    machine.start()
    machine.inject("hang", "all")
    machine.time_switch()
    machine.collectd.expect(machine.problems, within=15)
    machine.faults.clear()
    machine.collectd.expect(lambda: not machine.problems())
    saved = machine.responding.state / "responses.jsonl"
    machine.collectd.expect(lambda: '"ENGAGED"' in saved.read_text("utf-8"))
    assert machine.responding.journal("state")


def test_a_state_dir_that_is_removed_is_written_again(machine):
    machine.start()
    machine.time_switch()
    machine.responding.expect_state("ENGAGED")
    identity = (machine.responding.state / "identity").read_text("utf-8")
    shutil.rmtree(machine.responding.state)
    machine.collectd.expect(lambda: machine.responding.state.is_dir()
                            and set(os.listdir(machine.responding.state)) == STATE_FILES, within=20)
    machine.collectd.expect(lambda: (machine.responding.state / "identity").read_text("utf-8") == identity)
    machine.collectd.expect(lambda: '"ENGAGED"' in (machine.responding.state / "responses.jsonl").read_text("utf-8"))
    machine.collectd.kill()
    machine.responding.start()
    machine.responding.recover()
    machine.responding.expect(lambda: not machine.responding.is_on("one"))


@pytest.mark.parametrize("at, interval", [(1e10, 1), (9.2e9, 5e9), (1.7e10, 1e10)])
def test_times_that_no_clock_shows_are_saved_readable(machine, at, interval):
    machine.start()
    machine.collectd.put_value("dbpool-evil/percent-used", 99, at=at, interval=interval)
    saved = machine.responding.state / "alerts.jsonl"
    machine.collectd.expect(lambda: "evil" in saved.read_text("utf-8"))
    machine.collectd.kill()
    machine.responding.start()
    assert not machine.collectd.log_lines("invalid line")
    assert "evil" in saved.read_text("utf-8")


class FullPipe:
    """A log that nobody reads: a write to it hangs."""

    def __init__(self, path):
        os.mkfifo(path)
        self._end = os.open(path, os.O_RDWR | os.O_NONBLOCK)
        fcntl.fcntl(self._end, fcntl.F_SETPIPE_SZ, 4096)

    def fill(self):
        with contextlib.suppress(BlockingIOError):
            while os.write(self._end, b"x"):
                pass

    def empty(self):
        with contextlib.suppress(BlockingIOError):
            while os.read(self._end, 65536):
                pass


def test_a_thread_of_a_socket_that_hangs_is_reported(machine, directory):
    """Who sent a command is looked up in a file."""
    control = directory / "control"
    machine.start()
    machine.faults.inject("hang", "open", "/etc/passwd")
    with socket.socket(socket.AF_UNIX) as peer:
        peer.connect(str(control))
        peer.sendall(b"POST /reset HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")
        machine.collectd.expect(lambda: any("ControlSocket: its thread has hung" in one for one in machine.problems()), within=20)
        assert machine.status.get("/health")[0] == 503
        assert machine.collectd.value("resource_alert/gauge-problems") >= 0
        assert machine.time_switch() < 1
        machine.faults.clear()
        assert b" 200 " in peer.recv(4096)
    machine.collectd.expect(lambda: machine.status.get("/health")[0] == 200)


def test_the_daemon_ends_while_a_socket_hangs(machine, directory):
    machine.start()
    machine.faults.inject("hang", "open", "/etc/passwd")
    with socket.socket(socket.AF_UNIX) as peer:
        peer.connect(str(directory / "control"))
        peer.sendall(b"POST /reset HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")
        machine.collectd.expect(machine.faults.hits)
        assert machine.time_stop() < 5


def test_a_log_that_hangs_is_reported(machine, directory):
    pipe = FullPipe(directory / "pipe")
    machine.collectd.load("log_logstash", f'LogLevel "warning"\nFile "{directory}/pipe"')
    machine.start()
    pipe.empty()
    pipe.fill()
    machine.responding.breach()
    machine.collectd.expect(lambda: any("its thread has hung" in one for one in machine.problems()), within=20)
    assert machine.status.get("/health")[0] == 503
    assert machine.collectd.value("resource_alert/gauge-problems") >= 0

    def is_well():
        pipe.empty()
        return machine.status.get("/health")[0] == 200

    machine.collectd.expect(is_well)
