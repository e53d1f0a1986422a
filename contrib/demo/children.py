# SPDX-License-Identifier: MIT
"""Child processes that cannot outlive the demo.

Each child leads a session of its own, so that Ctrl-C reaches only the demo; the
kernel sends it a signal if the demo dies; and the demo adopts the orphans of its
children, so that the last sweep finds every descendant.
"""
import ctypes
import os
import pathlib
import pwd
import signal
import subprocess
import time

import stopping

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36

libc = ctypes.CDLL(None, use_errno=True)


class Failed(Exception):
    """Something that the demo needs failed; the text is for the user."""


def adopt_orphans():
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def unprivileged_user():
    """The account that servers run under: ours, or nobody if we are root."""
    return pwd.getpwuid(os.getuid()) if os.getuid() else pwd.getpwnam("nobody")


class Child:
    """A process, its log file, and the signals that end it."""

    def __init__(self, name, argv, user, directory, log=None, stdout=None,
                 stop=signal.SIGTERM, orphaned=signal.SIGKILL):
        self.name, self.log, self.stop_signal = name, log, stop
        self.is_wanted = True
        credentials = {} if os.getuid() else {
            "user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        parent = os.getpid()

        def die_with_parent():
            libc.prctl(PR_SET_PDEATHSIG, int(orphaned), 0, 0, 0)
            if os.getppid() != parent:
                os._exit(1)

        with open(log or os.devnull, "ab") as output:
            self.process = subprocess.Popen(
                [str(word) for word in argv], cwd=directory, start_new_session=True,
                stdin=subprocess.DEVNULL, stdout=stdout or output, stderr=output,
                preexec_fn=die_with_parent, **credentials,
                env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8",
                     "HOME": str(directory), "PYTHONDONTWRITEBYTECODE": "1",
                     **{name: os.environ[name] for name in ["TZ"] if name in os.environ}})

    def check(self):
        """Raises Failed if the process has ended."""
        code = self.process.poll()
        if code is not None and self.is_wanted:
            raise Failed(f"{self.name} ended unexpectedly ({outcome(code)})\n{self.last_lines()}")

    def wait(self, within_s=120):
        """Raises Failed unless the process succeeds."""
        try:
            code = self.process.wait(within_s)
        except subprocess.TimeoutExpired:
            raise Failed(f"{self.name} still runs after {within_s} s") from None
        if code:
            raise Failed(f"{self.name} failed ({outcome(code)})\n{self.last_lines()}")

    def last_lines(self, count=8):
        if not self.log:
            return ""
        lines = pathlib.Path(self.log).read_text(errors="replace").splitlines()[-count:]
        return "\n".join(f"    {line}" for line in lines)

    def stop(self, within_s=5):
        self.is_wanted = False
        if self.process.poll() is None:
            self.process.send_signal(self.stop_signal)
            try:
                self.process.wait(within_s)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def outcome(code):
    return f"exit code {code}" if code >= 0 else signal.Signals(-code).name


def descendants():
    try:
        children = pathlib.Path(f"/proc/self/task/{os.getpid()}/children").read_text()
    except OSError:  # a kernel without CONFIG_PROC_CHILDREN
        return []
    return [int(pid) for pid in children.split()]


def sweep(within_s=5):
    """Kills and reaps all remaining children, adopted ones, too."""
    give_up = time.monotonic() + within_s
    while time.monotonic() < give_up:
        left = descendants()
        if not left:
            return
        for pid in left:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def wait_until(condition, what, children, within_s=30):
    """Waits for CONDITION to return something true and returns it."""
    give_up = time.monotonic() + within_s
    while not (result := condition()):
        stopping.check()
        for child in children:
            child.check()
        if time.monotonic() > give_up:
            logs = "\n".join(child.last_lines() for child in children)
            raise Failed(f"{what}: not within {within_s} s\n{logs}")
        time.sleep(0.05)
    return result
