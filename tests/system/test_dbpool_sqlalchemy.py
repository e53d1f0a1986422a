# SPDX-License-Identifier: MIT
"""The manual's rule for sqlalchemy-collectd, which reports from inside the
application."""
import json
import re

import pytest
from servers import build

SERIES = "sqlalchemy-trading/count-checkedout"
LIMIT = 24


@pytest.fixture
def rule():
    """The rule of the manual, word for word."""
    manual = (build.SOURCE / "doc/collectd-resource-alert.pod").read_text(encoding="utf-8")
    [block] = re.findall(r"<Threshold \"pool_used_exact\">.*?</Threshold>", manual, re.S)
    return block


def test_the_rule_of_the_manual(collectd, rule):
    journal = collectd.directory / "journal"
    collectd.load("resource_alert", f'Journal "{journal}"\n{rule}').start()

    def states():
        text = journal.read_text(encoding="utf-8") if journal.exists() else ""
        return [line["to"] for line in map(json.loads, text.splitlines())
                if line.get("rule") == "pool_used_exact" and line["event"] == "state"]
    collectd.put_value(SERIES, LIMIT, interval=100)
    collectd.expect(lambda: states() == ["OKAY"])
    collectd.put_value(SERIES, LIMIT + 1, interval=100)
    collectd.expect(lambda: states() == ["OKAY", "WARNING"])
    [notification] = collectd.expect(lambda: collectd.notifications(
        severity="WARNING", plugin_instance="pool_used_exact"))
    assert notification["message"].endswith(f"{SERIES} {LIMIT + 1} > {LIMIT}")
    collectd.put_value(SERIES, LIMIT, interval=100)
    collectd.expect(lambda: states() == ["OKAY", "WARNING", "OKAY"])
