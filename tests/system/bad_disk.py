# SPDX-License-Identifier: MIT
"""A daemon that saves all it can, on a disk that is made bad while it runs."""
import time

from asking import Asking
from responding import Responding, response, switch
from servers.faults import Faults
from servers.ports import allocate

# Which calls a kind of fault hits; a file that is open needs no further descriptor.
CALLS = {"EMFILE": "open", "ENOSPC": "write,fsync,fdatasync,rename"}
QUIET = "quiet-one/percent-used"


class Machine:
    """A daemon that saves all it can, beside a stock plugin that has an interval to keep."""

    def __init__(self, collectd, directory):
        self.collectd = collectd
        self.faults = Faults(directory, collectd)
        self.responding = Responding(collectd)
        port = allocate()
        self.responding.configure(response(switch("one")), options=f"""
            StatusListen "127.0.0.1:{port}"
            ControlSocket "{directory}/control"
            <Threshold "quiet">
              Metric "quiet-*/percent-used"
              WarningMax 80
            </Threshold>""")
        collectd.load("uptime")
        self.status = Asking(collectd, port)

    def start(self):
        self.responding.start()
        self.responding.recover()
        self.collectd.put_value(QUIET, 1)
        self.collectd.expect(lambda: self.collectd.has_value("uptime/uptime"))
        return self

    def inject(self, kind, name):
        own = self.collectd.directory
        for part in {"all": [f"{own}/state", f"{own}/journal"], "journal": [f"{own}/journal"]}.get(
                name, [f"{own}/state/{name}"]):
            self.faults.inject(kind, CALLS.get(kind, Faults.WRITING), part)

    def time_switch(self):
        begun = time.monotonic()
        self.responding.breach()
        self.collectd.expect(lambda: self.responding.is_on("one"))
        return time.monotonic() - begun

    def is_notified(self, rule, words):
        return any(rule in one["message"] and words in one["message"] for one in self.collectd.notifications())

    def problems(self):
        return self.status.get("/health")[1]["problems"]

    def longest_pause(self):
        times = [row["epoch"] for row in self.collectd.history("uptime/uptime")] + [time.time()]
        return max(b - a for a, b in zip(times, times[1:]))

    def time_stop(self):
        begun = time.monotonic()
        self.collectd.stop(within=20)
        return time.monotonic() - begun
