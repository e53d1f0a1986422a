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
        self.certificate = None

    def secure(self, key, certificate):
        """From the next start on speaks TLS, and only with who shows this same
        certificate."""
        self.certificate = key, certificate
        self.url = self.url.replace("http:", "https:")
        return self

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
                f"--initial-cluster=one={self.peer_url}", "--unsafe-no-fsync", *self._tls_words()]

    def is_ready(self):
        return self._ctl("endpoint", "health").returncode == 0

    def _tls_words(self):
        if not self.certificate:
            return []
        key, certificate = self.certificate
        return [f"--cert-file={certificate}", f"--key-file={key}", f"--trusted-ca-file={certificate}", "--client-cert-auth"]

    def _ctl(self, *words):
        tls = []
        if self.certificate:
            key, certificate = self.certificate
            tls = [f"--cacert={certificate}", f"--cert={certificate}", f"--key={key}"]
        return subprocess.run(["etcdctl", f"--endpoints={self.url}", *tls, *words], check=False,
                              capture_output=True, text=True, timeout=10,
                              env={"PATH": SERVER_PATH, "ETCDCTL_API": "3"})
