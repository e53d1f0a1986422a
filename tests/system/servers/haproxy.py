# SPDX-License-Identifier: MIT
"""HAProxy with its runtime API on a unix socket."""
import signal
import socket

from servers import ports
from servers.server import Server


class HAProxy(Server):
    name = "haproxy"

    def __init__(self, directory):
        super().__init__(directory)
        self.http_port = self.port()
        self.admin_socket = self.directory / "admin.sock"
        self.master_socket = self.directory / "master.sock"
        self.level = "admin"  # of both sockets
        self.backends = "backend api\n  balance roundrobin\n"
        self.default_backend = "api"
        self.configuration = None  # a whole one instead

    def ask(self, command, strip=True, path=None):
        """Sends a command of the runtime API; returns the answer's text."""
        with socket.socket(socket.AF_UNIX) as peer:
            peer.settimeout(5)
            peer.connect(str(path or self.admin_socket))
            peer.sendall(f"{command}\n".encode())
            peer.shutdown(socket.SHUT_WR)
            parts = []
            while part := peer.recv(65536):
                parts.append(part)
        answer = b"".join(parts).decode()
        return answer.strip() if strip else answer

    def servers(self, backend="api"):
        """The servers of BACKEND as dicts, as "show servers state" has them."""
        lines = self.ask(f"show servers state {backend}").splitlines()
        names = lines[1].lstrip("# ").split()
        return [dict(zip(names, line.split())) for line in lines[2:]]

    def prepare(self):
        (self.directory / "haproxy.cfg").write_text(self.configuration or f"""\
global
  stats socket {self.admin_socket} mode 666 level {self.level}
defaults
  mode http
  timeout connect 2s
  timeout client 5s
  timeout server 5s
frontend front
  bind 127.0.0.1:{self.http_port}
  default_backend {self.default_backend}
{self.backends}
""", encoding="utf-8")

    def command(self):
        # A master and its worker, so that it can be reloaded.
        return ["haproxy", "-W", "-db", "-S", f"{self.master_socket},mode,666,level,{self.level}",
                "-f", self.directory / "haproxy.cfg"]

    def reload(self):
        """A new worker, which knows only the configuration, takes over."""
        self.prepare()
        before = self.ask("show info").split("Pid: ")[1].split()[0]
        self.process.send_signal(signal.SIGUSR2)
        self.expect(lambda: self._worker() not in (None, before) and self._has_started(self._worker()))

    def _has_started(self, worker):
        # A signal that comes while the master process starts anew is lost.
        try:
            return worker in self.ask("show proc", path=self.master_socket)
        except OSError:
            return False

    def _worker(self):
        try:
            return self.ask("show info").split("Pid: ")[1].split()[0]
        except (OSError, IndexError):
            return None

    def is_ready(self):
        return self.admin_socket.exists() and ports.answers(self.http_port)
