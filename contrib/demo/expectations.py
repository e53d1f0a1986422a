# SPDX-License-Identifier: MIT
"""What a demo must show to succeed."""

EXPECTED = {
    "pool_used_alerts": "pool_used went to WARNING or worse",
    "pool_used_recovers": "pool_used returned to OKAY",
    "switch_on": "a degradation switch was switched on",
    "switch_off": "all degradation switches were switched off again",
    "session_leak": "session_leak fired",
    "log_errors": "log_errors fired",
}


class Expectations:
    def __init__(self):
        self.seen = set()
        self.on = set()

    def see_state(self, rule, state):
        is_alert = state in ("WARNING", "FAILURE")
        if rule == "pool_used" and is_alert:
            self.seen.add("pool_used_alerts")
        if rule == "pool_used" and state == "OKAY" and "pool_used_alerts" in self.seen:
            self.seen.add("pool_used_recovers")
        if rule in ("session_leak", "log_errors") and is_alert:
            self.seen.add(rule)

    def see_switch(self, name, is_on):
        (self.on.add if is_on else self.on.discard)(name)
        if is_on:
            self.seen.add("switch_on")
        elif not self.on:
            self.seen.add("switch_off")

    def met(self):
        return [text for key, text in EXPECTED.items() if key in self.seen]

    def missing(self):
        return [text for key, text in EXPECTED.items() if key not in self.seen]
