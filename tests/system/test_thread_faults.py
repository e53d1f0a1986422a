# SPDX-License-Identifier: MIT
"""A thread of the daemon's that hangs is a value and a problem, and holds up neither the others nor the end."""
import contextlib
import fcntl
import os
import socket

import pytest
from bad_disk import Machine


@pytest.fixture
def machine(collectd, directory):
    return Machine(collectd, directory)


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
