# SPDX-License-Identifier: MIT
"""Graphite's store: takes lines, keeps whisper files, is read by whisper-fetch."""
import subprocess

from servers import ports
from servers.server import SERVER_PATH, Server


class Carbon(Server):
    name = "carbon"
    drops_root = True

    def __init__(self, directory):
        super().__init__(directory)
        self.line_port = self.port()
        self.whisper = self.directory / "whisper"

    def fetch(self, metric):
        """The known values of METRIC ("collectd.host.plugin.type") in the last
        minutes, oldest first, as (time, value)."""
        file = self.whisper / (metric.replace(".", "/") + ".wsp")
        if not file.exists():
            return []
        # Not --drop=nulls: it gives the values that are left wrong times.
        printed = subprocess.run(["whisper-fetch", file], check=True, capture_output=True,
                                 text=True, env={"PATH": SERVER_PATH}).stdout
        rows = map(str.split, printed.splitlines())
        return [(int(time), float(value)) for time, value in rows if value != "None"]

    def metrics(self):
        return sorted(str(file.relative_to(self.whisper).with_suffix("")).replace("/", ".")
                      for file in self.whisper.rglob("*.wsp"))

    def prepare(self):
        # Debian's own configuration listens everywhere and takes 50 new
        # metrics a minute.
        (self.directory / "carbon.conf").write_text(f"""\
[cache]
STORAGE_DIR = {self.directory}
CONF_DIR = {self.directory}
LOG_DIR = {self.directory}
PID_DIR = {self.directory}
LOCAL_DATA_DIR = {self.whisper}
LINE_RECEIVER_INTERFACE = 127.0.0.1
LINE_RECEIVER_PORT = {self.line_port}
PICKLE_RECEIVER_INTERFACE = 127.0.0.1
PICKLE_RECEIVER_PORT = {self.port()}
CACHE_QUERY_INTERFACE = 127.0.0.1
CACHE_QUERY_PORT = {self.port()}
MAX_CREATES_PER_MINUTE = inf
MAX_UPDATES_PER_SECOND = inf
ENABLE_LOGROTATION = False
ENABLE_TAGS = False
""", encoding="utf-8")
        (self.directory / "storage-schemas.conf").write_text(
            "[all]\npattern = .*\nretentions = 1s:10m\n", encoding="utf-8")

    def command(self):
        return ["carbon-cache", f"--config={self.directory}/carbon.conf", "--nodaemon", "start"]

    def is_ready(self):
        return ports.answers(self.line_port)
