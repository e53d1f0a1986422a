# SPDX-License-Identifier: MIT
"""A collectd whose StatusListen is asked: what the tests of it share."""
import http.client
import json

USED = """
  <Threshold "used">
    Metric "demo-*/percent-used"
    WarningMax 80
    FailureMax 95
    Unit "%"
  </Threshold>"""
RULES = USED + """
  <Threshold "ready">
    Metric "demo-*/gauge-ready"
    WarningMin 3
  </Threshold>
"""


class Asking:
    """Asks a plugin's StatusListen."""

    def __init__(self, collectd, port):
        self.collectd, self.port = collectd, port

    def request(self, path, method="GET", **options):
        peer = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            peer.request(method, path, **options)
            answer = peer.getresponse()
            return answer.status, answer.read().decode(), dict(answer.getheaders())
        finally:
            peer.close()

    def get(self, path="/status"):
        status, text, _ = self.request(path)
        return status, json.loads(text)

    def rule(self, name):
        return next(rule for rule in self.get()[1]["rules"] if rule["name"] == name)

    def expect(self, condition):
        return self.collectd.expect(condition)
