# SPDX-License-Identifier: MIT
"""A single etcd."""
import subprocess

from servers.server import SERVER_PATH, Server


class Etcd(Server):
    name = "etcd"
    drops_root = True

    def __init__(self, directory):
        super().__init__(directory)
        self.url = f"http://127.0.0.1:{self.port()}"
        self.peer_url = f"http://127.0.0.1:{self.port()}"

    def ctl(self, *words):
        """Runs etcdctl; returns what it prints."""
        done = self._ctl(*words)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def get(self, key):
        """The value of KEY, or None."""
        lines = self.ctl("get", key).splitlines()
        return lines[1] if len(lines) > 1 else None

    def keys(self, prefix=""):
        return self.ctl("get", "--prefix", "--keys-only", prefix).split()

    def command(self):
        return ["etcd", "--name=one", f"--data-dir={self.directory}/data",
                f"--listen-client-urls={self.url}", f"--advertise-client-urls={self.url}",
                f"--listen-peer-urls={self.peer_url}",
                f"--initial-advertise-peer-urls={self.peer_url}",
                f"--initial-cluster=one={self.peer_url}", "--unsafe-no-fsync"]

    def is_ready(self):
        return self._ctl("endpoint", "health").returncode == 0

    def _ctl(self, *words):
        return subprocess.run(["etcdctl", f"--endpoints={self.url}", *words], check=False,
                              capture_output=True, text=True, timeout=10,
                              env={"PATH": SERVER_PATH, "ETCDCTL_API": "3"})
