# SPDX-License-Identifier: MIT
"""No process outlives its test: orphans come to us and are put down."""
import ctypes
import os
import signal

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
_libc = ctypes.CDLL(None, use_errno=True)


def become_subreaper():
    """From now on orphaned grandchildren become children of this process."""
    _libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def die_with_parent(number=signal.SIGKILL):
    """In a child before exec: it gets this signal when the thread that made it
    ends."""
    _libc.prctl(PR_SET_PDEATHSIG, number, 0, 0, 0)


def children_of(parent):
    """{pid: command line} of the children of PARENT; of a dead one that nobody
    has waited for the command line is empty."""
    found = {}
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{entry}/stat", encoding="utf-8", errors="replace") as file:
                head, _, rest = file.read().rpartition(")")
            state, parent_of_entry = rest.split()[0], int(rest.split()[1])
            with open(f"/proc/{entry}/cmdline", "rb") as file:
                command = file.read().replace(b"\0", b" ").decode(errors="replace")
            if state in "ZX":
                command = ""
            elif not command.strip():  # it is just becoming another program
                command = head.partition("(")[2]
        except OSError:
            continue  # gone meanwhile
        if parent_of_entry == parent:
            found[int(entry)] = command.strip()
    return found


def put_down(known):
    """Kills and reaps our children but those in KNOWN, until none is left: a
    killed one hands its own children over to us. Returns what was still alive
    as {pid: command line}."""
    killed = {}
    while True:
        strays = {pid: command for pid, command in children_of(os.getpid()).items()
                  if pid not in known}
        if not strays:
            return killed
        for pid, command in strays.items():
            os.kill(pid, signal.SIGKILL)
            try:
                os.waitpid(pid, 0)
            except ChildProcessError:
                pass
            if command:
                killed[pid] = command
