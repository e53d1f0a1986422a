# SPDX-License-Identifier: MIT
"""What all servers have in common: a process in a directory of its own."""
import grp
import os
import pathlib
import pwd
import shutil
import signal
import subprocess

from servers import orphans, ports
from servers.waiting import wait_until

SERVER_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Server:
    """A server in the foreground. Subclasses say command() and is_ready()."""

    name = "server"
    start_within = 30
    stop_within = 20
    stop_signal = signal.SIGTERM
    death_signal = signal.SIGKILL  # when the test process is gone
    drops_root = False  # True: refuses to run as root

    def __init__(self, directory):
        self.directory = pathlib.Path(directory) / self.name
        self.directory.mkdir(parents=True)
        self.user = None  # None: the user who runs the test
        if self.drops_root and os.geteuid() == 0:
            self.user = "nobody"
        self.environment = {"PATH": SERVER_PATH, "LC_ALL": "C.UTF-8",
                            "HOME": str(self.directory)}
        self.output = self.directory / "output"
        self.process = None

    # For the subclass.

    def command(self):
        raise NotImplementedError

    def prepare(self):
        """Writes the configuration; called before each start."""

    def is_ready(self):
        raise NotImplementedError

    # For the test.

    def start(self):
        """Starts the server and waits until it is ready."""
        self.launch()
        try:
            self.expect(self.is_ready, within=self.start_within)
        except AssertionError:
            self.close()
            raise
        return self

    def launch(self):
        """Starts the server without waiting for it."""
        assert not self.is_running, f"{self.name} runs already"
        self.prepare()
        self.own(self.directory)
        command = [str(word) for word in self.command()]
        program = shutil.which(command[0], path=SERVER_PATH)
        assert program, (f"{self.name}: no program {command[0]}; "
                         "tools/install-packages installs what the tests need")
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(
                [program, *command[1:]], cwd=self.directory,
                env=self.environment, stdin=subprocess.DEVNULL, stdout=output,
                stderr=subprocess.STDOUT, start_new_session=True,
                preexec_fn=lambda: orphans.die_with_parent(self.death_signal), **self._identity())

    def stop(self):
        """Stops the server in an orderly way; returns its exit code."""
        assert self.is_running, f"{self.name} does not run\n{self.explain()}"
        self.process.send_signal(self.stop_signal)
        return self.wait(self.stop_within)

    def wait(self, within):
        """Waits for the end of the process; returns its exit code."""
        try:
            return self.process.wait(within)
        except subprocess.TimeoutExpired:
            raise AssertionError(
                f"{self.name} did not end within {within} s\n{self.explain()}") from None

    def restart(self):
        self.stop()
        return self.start()

    def kill(self):
        """SIGKILL, as the kernel does when memory ends."""
        self._signal_group(signal.SIGKILL)
        self.wait(10)

    def pause(self):
        """Hangs the server (SIGSTOP): it neither answers nor closes."""
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def close(self):
        """Leaves no process behind, whatever state the server is in."""
        if self.is_running:
            self.kill()

    @property
    def is_running(self):
        return self.process is not None and self.process.poll() is None

    @property
    def pid(self):
        return self.process.pid

    def expect(self, condition, within=10):
        """Waits until CONDITION() is true and returns its result. Fails after
        WITHIN seconds, or at once when the server has ended."""
        def alive_and_true():
            assert self.is_running, (
                f"{self.name} ended with {self.process.returncode}\n{self.explain()}")
            return condition()
        alive_and_true.__wrapped__ = condition  # inspect shows this one's source
        return wait_until(alive_and_true, within, self.explain)

    def explain(self):
        """What a failure message says about the server."""
        return f"--- end of {self.output}\n{tail(self.output)}"

    # For subclasses.

    def own(self, path):
        """Gives PATH and all below to the user that the server runs as."""
        if self.user is None or os.geteuid() != 0:
            return
        uid, gid = self._ids()
        for parent, _, files in os.walk(path):
            os.chown(parent, uid, gid)
            for file in files:
                os.chown(os.path.join(parent, file), uid, gid, follow_symlinks=False)

    def port(self):
        return ports.allocate()

    def _ids(self):
        entry = pwd.getpwnam(self.user)
        return entry.pw_uid, entry.pw_gid

    def _identity(self):
        if self.user is None or os.geteuid() != 0:
            return {}
        uid, gid = self._ids()
        groups = [group.gr_gid for group in grp.getgrall() if self.user in group.gr_mem]
        return {"user": uid, "group": gid, "extra_groups": groups}

    def _signal_group(self, number):
        try:
            os.killpg(self.process.pid, number)
        except ProcessLookupError:
            pass


def tail(path, lines=40):
    try:
        text = pathlib.Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        return str(error)
    return "\n".join(text.splitlines()[-lines:])
