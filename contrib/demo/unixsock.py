# SPDX-License-Identifier: MIT
"""collectd's unixsock: the names of all values and the last reading of each."""
import socket


class Unixsock:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(10)
        self.socket.connect(str(path))
        self.lines = self.socket.makefile("r", encoding="utf-8", errors="replace")

    def ask(self, command):
        """The lines of the answer; none where collectd has no answer."""
        self.socket.sendall(command.encode() + b"\n")
        status = self.lines.readline()
        if not status:
            raise ConnectionError("collectd hung up")
        count = int(status.split(" ", 1)[0])
        return [self.lines.readline().rstrip("\n") for _ in range(max(count, 0))]

    def names(self):
        """Every "host/plugin-instance/type-instance"."""
        return [line.split(" ", 1)[1] for line in self.ask("LISTVAL")]

    def readings(self, name):
        """{data source: number}; a number may be NaN."""
        answer = self.ask(f'GETVAL "{name}"')
        return {source: float(value) for source, value in (line.split("=", 1) for line in answer)}

    def close(self):
        self.lines.close()
        self.socket.close()
