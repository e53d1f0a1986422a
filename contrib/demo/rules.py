# SPDX-License-Identifier: MIT
"""The rules of the configuration, with their values from collectd and their
states from the journal."""
import fnmatch
import math

from configuration import statements
from screen import RuleLine

STATES = ["UNKNOWN", "OKAY", "WARNING", "FAILURE", "MISSING"]  # the worst last
UNITS = {"percent": " %", "log_rate": "/min"}


class Threshold:
    """One <Threshold> of the configuration with its value and state."""

    def __init__(self, name):
        self.name = name
        self.options = {}
        self.states = {}  # by series, from the journal
        self.state = "UNKNOWN"
        self.since = None
        self.value, self.series = math.nan, ""

    def limit(self):
        """The limit that is reached first, as text."""
        for option, sign in [("WarningMax", ">"), ("WarningMin", "<"),
                             ("FailureMax", ">"), ("FailureMin", "<")]:
            if option in self.options:
                return f"{sign} {self.options[option]}"
        return ""

    def unit(self):
        kind = self.options["Metric"].rpartition("/")[2].partition("-")[0]
        return UNITS.get(kind, "")

    def matches(self, names):
        """The names ("host/plugin/type") that the rule watches."""
        pattern = self.options["Metric"].partition(":")[0]
        return fnmatch.filter(names, pattern if pattern.count("/") > 1 else f"*/{pattern}")

    def read(self, unixsock, names):
        """Reads the value of the series that is nearest to the limit."""
        source = self.options["Metric"].partition(":")[2]
        readings = []
        for name in self.matches(names):
            values = unixsock.readings(name)
            readings += [(value, name) for key, value in values.items()
                         if source in ("", key) and not math.isnan(value)]
        worst = min if self.limit().startswith("<") else max
        self.value, name = worst(readings, default=(math.nan, self.options["Metric"]))
        self.series = name.partition("/")[2] if readings else name

    def enter(self, state, now):
        if state != self.state or self.since is None:
            self.state, self.since = state, now

    def rule(self, now):
        since_s = math.nan if self.since is None or self.state == "UNKNOWN" else now - self.since
        return RuleLine(self.name, self.state, self.value, self.limit(), self.unit(), since_s,
                        self.series)


class Table:
    def __init__(self, text):
        self.thresholds = {}
        for it in statements(text):
            if it.is_on and it.name and it.path and it.path[-1].startswith("Threshold "):
                name = it.path[-1].removeprefix("Threshold ")
                threshold = self.thresholds.setdefault(name, Threshold(name))
                threshold.options[it.name] = " ".join(it.values)

    def read(self, unixsock, names, now):
        for threshold in self.thresholds.values():
            threshold.read(unixsock, names)
            own = [name for name in names
                   if name.endswith(f"/resource_alert-{threshold.name}/alert_state")]
            if own and not threshold.states:
                values = unixsock.readings(own[0])
                code = values.get("value", math.nan)
                threshold.enter("UNKNOWN" if math.isnan(code) else STATES[int(code) + 1], now)

    def add_change(self, entry, now):
        """Adds a line "state" of the journal."""
        threshold = self.thresholds[entry["rule"]]
        threshold.states[entry["series"]] = entry["to"]
        threshold.enter(max(threshold.states.values(), key=STATES.index), now)

    def rules(self, now):
        return [threshold.rule(now) for threshold in self.thresholds.values()]
