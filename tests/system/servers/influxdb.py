# SPDX-License-Identifier: MIT
"""InfluxDB 1.x with its listeners for collectd's network and influx plugins."""
import json
import urllib.error
import urllib.parse
import urllib.request

from servers import build
from servers.server import Server


class InfluxDB(Server):
    name = "influxdb"
    drops_root = True

    def __init__(self, directory):
        super().__init__(directory)
        self.http_port = self.port()
        self.network_port = self.port()  # for collectd's plugin network
        self.secret_port = self.port()  # likewise, encrypted, into database secret
        self.line_port = self.port()  # for collectd's plugin write_influxdb_udp

    def query(self, statement, database="collectd"):
        """The rows of all series that STATEMENT finds: dicts of column and tag."""
        words = urllib.parse.urlencode({"q": statement, "db": database})
        with urllib.request.urlopen(f"{self._url}/query?{words}", timeout=10) as answer:
            result = json.load(answer)["results"][0]
        return [{**series.get("tags", {}), **dict(zip(series["columns"], row))}
                for series in result.get("series", []) for row in series["values"]]

    @property
    def _url(self):
        return f"http://127.0.0.1:{self.http_port}"

    def prepare(self):
        types = self.directory / "types"
        types.mkdir(exist_ok=True)  # it reads every file of the directory
        for number, file in enumerate(build.TYPES):
            (types / f"{number}.db").write_bytes(file.read_bytes())
        (self.directory / "users").write_text("collectd: secret\n", encoding="utf-8")
        (self.directory / "influxdb.conf").write_text(f"""\
reporting-disabled = true
bind-address = "127.0.0.1:{self.port()}"
[meta]
  dir = "{self.directory}/meta"
[data]
  dir = "{self.directory}/data"
  wal-dir = "{self.directory}/wal"
[http]
  bind-address = "127.0.0.1:{self.http_port}"
[[collectd]]
  enabled = true
  bind-address = "127.0.0.1:{self.network_port}"
  database = "collectd"
  typesdb = "{types}"
  security-level = "none"
  parse-multivalue-plugin = "split"
  batch-timeout = "1s"
[[collectd]]
  enabled = true
  bind-address = "127.0.0.1:{self.secret_port}"
  database = "secret"
  typesdb = "{types}"
  security-level = "encrypt"
  auth-file = "{self.directory}/users"
  parse-multivalue-plugin = "split"
  batch-timeout = "1s"
[[udp]]
  enabled = true
  bind-address = "127.0.0.1:{self.line_port}"
  database = "lines"
  precision = "ms"
  batch-timeout = "1s"
""", encoding="utf-8")

    def command(self):
        return ["influxd", "-config", self.directory / "influxdb.conf"]

    def is_ready(self):
        try:
            with urllib.request.urlopen(f"{self._url}/ping", timeout=1) as answer:
                return answer.status == 204
        except (urllib.error.URLError, OSError):
            return False
