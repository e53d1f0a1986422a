# SPDX-License-Identifier: MIT
"""collectd's unixsock: the names of all values and their last readings."""
import socket


class Unixsock:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(10)
        self.socket.connect(str(path))
        self.lines = self.socket.makefile("r", encoding="utf-8", errors="replace")

    def request(self, command):
        """The lines of the reply; none if collectd has none."""
        self.socket.sendall(command.encode() + b"\n")
        status = self.lines.readline()
        if not status:
            raise ConnectionError("collectd hung up")
        count = int(status.split(" ", 1)[0])
        return [self.lines.readline().rstrip("\n") for _ in range(max(count, 0))]

    def names(self):
        """Every "host/plugin-instance/type-instance"."""
        return [line.split(" ", 1)[1] for line in self.request("LISTVAL")]

    def readings(self, name):
        """{data source: number}; a number may be NaN."""
        reply = self.request(f'GETVAL "{name}"')
        return {source: float(value) for source, value in (line.split("=", 1) for line in reply)}

    def close(self):
        self.lines.close()
        self.socket.close()
