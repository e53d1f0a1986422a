# SPDX-License-Identifier: MIT
"""The preload that lets file calls of a daemon hang or fail."""
import errno
import os
import subprocess
import sys

import pytest
from servers.faults import Faults
from servers.waiting import wait_until

CALLS = {
    "open": "os.open(path, os.O_RDONLY)",
    "read": "os.read(os.open(path, os.O_RDONLY), 1)",
    "write": "os.write(os.open(path, os.O_WRONLY), b'12345678')",
    "fsync": "os.fsync(os.open(path, os.O_RDONLY))",
    "fdatasync": "os.fdatasync(os.open(path, os.O_RDONLY))",
    "rename": "os.rename(path + '.new', path)",
    "stat": "os.stat(path)",
}
SCRIPT = """\
import os, sys
path = sys.argv[1]
try:
    {call}
except OSError as error:
    sys.exit(error.errno)
"""


class Script:
    """A process in the place of a server."""

    def __init__(self, directory):
        self.environment = dict(os.environ)
        self.path = directory / "in.log"
        self.path.write_bytes(b"abcdefgh")
        (directory / "in.log.new").write_bytes(b"new")

    def start(self, call):
        return subprocess.Popen([sys.executable, "-c", SCRIPT.format(call=call), str(self.path)], env=self.environment)


@pytest.fixture
def script(directory):
    return Script(directory)


@pytest.fixture
def faults(directory, script):
    return Faults(directory, script)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("kind", ["EIO", "ENOSPC", "EROFS", "EMFILE", "ESTALE"])
def test_a_call_fails_on_the_named_file(script, faults, kind, call):
    faults.inject(kind, call, "/in.log")
    assert script.start(CALLS[call]).wait(20) == getattr(errno, kind)
    assert faults.hits() == [(call, str(script.path))]
    faults.inject(kind, call, "/other.log")
    faults.clear()
    assert script.start(CALLS[call]).wait(20) == 0
    faults.inject(kind, call, "/other.log")
    assert script.start(CALLS["open"]).wait(20) == 0


@pytest.mark.parametrize("call", CALLS)
def test_a_call_hangs_until_its_fault_is_gone(script, faults, call):
    faults.inject("hang", call, "/in.log")
    process = script.start(CALLS[call])
    wait_until(faults.hits, 20)
    assert process.poll() is None
    faults.clear()
    assert process.wait(20) == 0


def test_a_write_stops_halfway(script, faults):
    faults.inject("torn", "write", "/in.log")
    twice = "fd = os.open(path, os.O_WRONLY | os.O_APPEND); print(os.write(fd, b'12345678')); os.write(fd, b'5678')"
    assert script.start(twice).wait(20) == errno.ENOSPC
    assert script.path.read_bytes() == b"abcdefgh1234"


def test_calls_are_recorded_without_a_fault(script, faults, directory):
    faults.inject("record", Faults.WRITING, f"{directory}/")
    assert script.start(CALLS["write"]).wait(20) == 0
    assert faults.hits() == [("open", str(script.path)), ("write", str(script.path))]
