# SPDX-License-Identifier: MIT
"""Prometheus, which scrapes collectd's write_prometheus."""
import json
import urllib.error
import urllib.parse
import urllib.request

from servers.server import Server


class Prometheus(Server):
    name = "prometheus"
    drops_root = True

    def __init__(self, directory):
        super().__init__(directory)
        self.http_port = self.port()
        self.target_port = self.port()  # what it scrapes each second

    def query(self, expression):
        """The instant vector of EXPRESSION: (labels, value) pairs."""
        words = urllib.parse.urlencode({"query": expression})
        with urllib.request.urlopen(f"{self._url}/api/v1/query?{words}", timeout=10) as answer:
            found = json.load(answer)["data"]["result"]
        return [(one["metric"], float(one["value"][1])) for one in found]

    @property
    def _url(self):
        return f"http://127.0.0.1:{self.http_port}"

    def prepare(self):
        (self.directory / "prometheus.yml").write_text(f"""\
global:
  scrape_interval: 1s
scrape_configs:
  - job_name: collectd
    honor_labels: true
    static_configs:
      - targets: ["127.0.0.1:{self.target_port}"]
""", encoding="utf-8")

    def command(self):
        return ["prometheus", f"--config.file={self.directory}/prometheus.yml",
                f"--storage.tsdb.path={self.directory}/data",
                f"--web.listen-address=127.0.0.1:{self.http_port}"]

    def is_ready(self):
        try:
            with urllib.request.urlopen(f"{self._url}/-/ready", timeout=1) as answer:
                return answer.status == 200
        except (urllib.error.URLError, OSError):
            return False
