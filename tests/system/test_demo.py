# SPDX-License-Identifier: MIT
"""tools/demo as a user runs it: it shows what it must, alone and beside another, and leaves nothing behind."""
import contextlib
import fcntl
import os
import pathlib
import pty
import re
import signal
import struct
import subprocess
import termios

import pytest
from servers.waiting import wait_until

ROOT = pathlib.Path(__file__).resolve().parents[2]


def processes_below(directory):
    """The command lines of all processes that work below DIRECTORY."""
    found = []
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if str(directory) in words or os.readlink(process / "cwd").startswith(str(directory)):
                found.append(words)
    return found


def assert_nothing_is_left(directory):
    assert processes_below(directory) == []
    assert list(directory.iterdir()) == []


@pytest.fixture
def start(directory):
    """Starts a demo whose files are below the test's directory."""
    started = []

    def run(*arguments, **options):
        environment = {**os.environ, "TMPDIR": str(directory), "LC_ALL": "C.UTF-8", "TERM": "xterm"}
        process = subprocess.Popen([ROOT / "tools/demo", *arguments], env=environment, **options)
        started.append(process)
        return process

    yield run
    for process in started:
        if process.poll() is None:
            process.kill()
            process.wait()


def test_two_demos_side_by_side_show_what_they_must(start, directory):
    demos = [start("--for", "60", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) for _ in range(2)]
    for demo in demos:
        output, _ = demo.communicate(timeout=1200)
        assert demo.returncode == 0, output
        assert "\x1b" not in output
        for words in [r"pool_used +OKAY → WARNING", r"pool_used +\w+ → OKAY", r"session_leak +\w+ → WARNING",
                      r"log_errors +\w+ → FAILURE", r"application +refuses every other report"]:
            assert re.search(words, output), words
    assert_nothing_is_left(directory)


@pytest.fixture
def terminal():
    """The two ends of a terminal of 80 columns: (person's, program's)."""
    try:
        person, program = pty.openpty()
    except OSError as error:
        pytest.skip(f"{error}: what a terminal sends is NOT tested")
    fcntl.ioctl(program, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 80, 0, 0))
    yield person, program
    for end in [person, program]:
        with contextlib.suppress(OSError):
            os.close(end)


def listening(directory):
    """The TCP addresses that processes below DIRECTORY listen on."""
    sockets = set()
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if os.readlink(process / "cwd").startswith(str(directory)):
                sockets |= {os.readlink(file) for file in (process / "fd").iterdir()}
    found = set()
    for table in ["tcp", "tcp6"]:
        for line in pathlib.Path("/proc/net", table).read_text().splitlines()[1:]:
            words = line.split()
            if words[3] == "0A" and f"socket:[{words[9]}]" in sockets:
                found.add(words[1].partition(":")[0])
    return found


def read_until(descriptor, words, within_s=120):
    seen = b""
    os.set_blocking(descriptor, False)

    def has_come():
        nonlocal seen
        with contextlib.suppress(BlockingIOError):
            seen += os.read(descriptor, 65536)
        return words in seen

    wait_until(has_come, within_s, lambda: seen.decode(errors="replace"))
    return seen


def press_ctrl_c(person):
    os.write(person, b"\x03")


@pytest.mark.parametrize("end, status", [(press_ctrl_c, 0), (os.close, None)], ids=["ctrl-c", "closed"])
def test_a_terminal_ends_the_demo(start, terminal, directory, end, status):
    person, program = terminal
    demo = start(stdin=program, stdout=program, stderr=program, start_new_session=True,
                 preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
    os.close(program)
    seen = read_until(person, b"a quiet morning")
    assert b"\x1b[" in seen, "no live table"
    end(person)
    assert demo.wait(30) == status or status is None
    assert_nothing_is_left(directory)


def test_a_signal_ends_the_demo(start, directory):
    demo = start("--for", "60", stdout=subprocess.PIPE)
    read_until(demo.stdout.fileno(), b"a quiet morning")
    assert listening(directory) <= {"0100007F"}, "listens beyond loopback"
    demo.send_signal(signal.SIGTERM)
    demo.stdout.close()
    assert demo.wait(30) == 128 + signal.SIGTERM
    assert_nothing_is_left(directory)


@pytest.mark.parametrize("arguments, words", [
    (["--for"], "--for: how many seconds?"),
    (["--for", "0"], "--for 0: allowed are 1 to 99999 seconds"),
    (["--for", "soon"], "--for soon: allowed are"),
    (["--fast"], "--fast: not known"),
])
def test_an_unknown_argument_is_refused_at_once(start, arguments, words):
    demo = start(*arguments, stderr=subprocess.PIPE, text=True)
    assert words in demo.communicate(timeout=10)[1]
    assert demo.returncode == 2


def test_help_needs_nothing_installed(start):
    demo = start("--help", stdout=subprocess.PIPE, text=True)
    assert "Usage: tools/demo [--for SECONDS]" in demo.communicate(timeout=10)[0]
    assert demo.returncode == 0
