# SPDX-License-Identifier: MIT
"""A Redis that forgets everything."""
import subprocess

from servers.server import SERVER_PATH, Server


class Redis(Server):
    name = "redis"

    def __init__(self, directory):
        super().__init__(directory)
        self.tcp_port = self.port()
        self.url = f"redis://127.0.0.1:{self.tcp_port}"
        self.password = None

    def cli(self, *words):
        """Runs redis-cli; returns what it prints."""
        login = ["-a", self.password, "--no-auth-warning"] if self.password else []
        return subprocess.run(["redis-cli", "-p", str(self.tcp_port), *login, *map(str, words)], check=False, capture_output=True,
                              text=True, timeout=10, env={"PATH": SERVER_PATH}).stdout.strip()

    def subscribe(self, channel):
        """A redis-cli that prints what is published."""
        return subprocess.Popen(["redis-cli", "-p", str(self.tcp_port), "subscribe", channel], stdout=subprocess.PIPE, text=True)

    def command(self):
        login = ["--requirepass", self.password] if self.password else []
        return ["redis-server", "--port", self.tcp_port, "--bind", "127.0.0.1", "--save", "", "--dir", self.directory, *login]

    def is_ready(self):
        return self.cli("PING") == "PONG"
