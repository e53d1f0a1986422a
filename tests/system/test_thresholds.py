# SPDX-License-Identifier: MIT
"""Rules in a stock collectd: each is provoked, and its events are read in the log, the
journal and the notifications."""
import json
import math

import pytest

RULES = {  # rule: (series, a value that is fine, one that is not, state, limit)
    "pool_used": ("dbpool-trading/percent-used", 50, 90, "WARNING", 80),
    "pool_ready": ("dbpool-trading/current_connections-ready", 5, 2, "WARNING", 3),
    "pool_leak": ("dbpool-trading/current_connections-leaked", 0, 1, "WARNING", 0),
    "session_leak": ("session_log-trading/current_sessions-leaked", 0, 2, "WARNING", 0),
    "memory_used": ("statgrab-memory/percent-used", 60, 81, "WARNING", 80),
    "disk_free": ("statgrab-df-root/percent-free", 30, 19, "WARNING", 20),
    "log_errors": ("session_log-trading/log_rate-errors", 10, 11, "FAILURE", 10),
}

ONLY_IF = {"pool_used": {"capacity": 30}, "pool_ready": {"capacity": 30, "used": 60}}  # what the rule's conditions need

IMMEDIATELY = [(" For 10", " For 0"), (" For 60", " For 0"), ("RecoverFor 60", "RecoverFor 0")]


def journal(collectd):
    path = collectd.directory / "journal"
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    return [json.loads(line) for line in text.splitlines()]


def states(collectd, rule):
    return [(line["from"], line["to"]) for line in journal(collectd)
            if line["event"] == "state" and line["rule"] == rule]


@pytest.fixture
def table(collectd):
    """The stock collectd with rules of the test's own and a journal."""
    def load(*rules, options=""):
        blocks = "\n".join(rules)
        return collectd.load("resource_alert", f"""
            Journal "{collectd.directory}/journal"
            {options}
            {blocks}""")
    return load


def rule(name, metric, *options):
    lines = "\n".join(options)
    return f'<Threshold "{name}">\nMetric "{metric}"\n{lines}\n</Threshold>'


@pytest.mark.parametrize("name", RULES)
def test_the_rules_as_installed(collectd, name):
    series, fine, bad, state, limit = RULES[name]
    paths = [("/var/lib/collectd/resource_alert", collectd.directory / "state"),
             ("/var/log/collectd/resource_alert.jsonl", collectd.directory / "journal")]
    collectd.include("40-thresholds.conf", paths + IMMEDIATELY).start()
    for kind, value in ONLY_IF.get(name, {}).items():
        collectd.put_value(f"dbpool-trading/{'percent' if kind == 'used' else 'current_connections'}-{kind}", value, interval=100)
    collectd.put_value(series, fine, interval=100)
    collectd.expect(lambda: ("UNKNOWN", "OKAY") in states(collectd, name), within=20)
    collectd.put_value(series, bad, interval=100)
    collectd.expect(lambda: ("OKAY", state) in states(collectd, name), within=20)
    collectd.put_value(series, fine, interval=100)
    collectd.expect(lambda: (state, "OKAY") in states(collectd, name), within=20)
    verdict = f'rule "{name}": OKAY -> {state}, testhost/{series} {bad} '
    collectd.expect(lambda: any(verdict in line for line in collectd.log), within=20)
    filters = {"plugin": "resource_alert", "plugin_instance": name}
    collectd.expect(lambda: len(collectd.notifications(**filters)) >= 2, within=20)
    assert [one["severity"] for one in collectd.notifications(**filters)] == [state, "OKAY"]
    change = next(line for line in journal(collectd) if line.get("to") == state)
    assert (change["value"], change["limit"]) == (bad, limit)
    assert change["series"] == f"testhost/{series}"


def test_load_by_its_data_source(collectd):
    collectd.include("40-thresholds.conf", [
        ("/var/lib/collectd/resource_alert", collectd.directory / "state"),
        ("/var/log/collectd/resource_alert.jsonl", collectd.directory / "journal")] + IMMEDIATELY).start()
    for values in [(1, 9, 9), (2, 0, 0)]:
        collectd.put_value("statgrab-load/load-relative", *values, interval=100)
        collectd.expect(lambda: collectd.log_lines("cpu_load") or states(collectd, "cpu_load"), within=20)
    collectd.expect(lambda: ("OKAY", "WARNING") in states(collectd, "cpu_load"), within=20)


def test_a_state_waits_for_its_time(collectd, table):
    table(rule("held", "a/gauge", "WarningMax 10", "For 20", "RecoverFor 20")).start()
    now = 1_700_000_000
    for second in range(0, 60, 10):
        collectd.put_value("a/gauge", 11, at=now + second, interval=10)
    collectd.expect(lambda: states(collectd, "held"), within=20)
    for second in range(60, 120, 10):
        collectd.put_value("a/gauge", 9, at=now + second, interval=10)
    collectd.expect(lambda: len(states(collectd, "held")) == 2, within=20)
    lines = [line for line in journal(collectd) if line["event"] == "state"]
    assert [line["since"] for line in lines] == ["2023-11-14T22:13:40Z", "2023-11-14T22:14:40Z"]
    assert collectd.log_lines(r'rule "held": UNKNOWN -> WARNING, testhost/a/gauge 11 > 10 for 20 s')


def test_a_glob_has_a_state_for_each_series(collectd, table):
    table(rule("wide", "web-*/gauge*", "FailureMax 5")).start()
    collectd.put_value("other/gauge", 6, interval=100)
    collectd.put_value("web-a/gauge", 6, interval=100)
    collectd.put_value("web-b/gauge-x", 6, interval=100)
    collectd.expect(lambda: len(states(collectd, "wide")) == 2, within=20)
    collectd.put_value("web-b/gauge-x", 1, interval=100)
    collectd.expect(lambda: len(states(collectd, "wide")) == 3, within=20)
    changed = [line["series"] for line in journal(collectd)]
    assert changed == ["testhost/web-a/gauge", "testhost/web-b/gauge-x", "testhost/web-b/gauge-x"]


def test_a_series_that_stops_is_missing(collectd, table):
    table(rule("gone", "a/gauge", "WarningMax 10", 'Missing "failure"')).start()
    collectd.put_value("a/gauge", 1)
    collectd.expect(lambda: ("OKAY", "MISSING") in states(collectd, "gone"), within=20)
    collectd.put_value("a/gauge", 1)
    collectd.expect(lambda: ("MISSING", "OKAY") in states(collectd, "gone"), within=20)
    collectd.expect(lambda: len(collectd.notifications(plugin="resource_alert")) >= 2, within=20)
    notified = collectd.notifications(plugin="resource_alert")
    assert [one["severity"] for one in notified][:2] == ["FAILURE", "OKAY"]


def test_a_reminder_comes_again(collectd, table):
    table(rule("again", "a/gauge", "WarningMax 10", "RepeatInterval 1", 'Severity "low" "high"',
              'Message "%{value} is %{state} (%{severity})"')).start()
    collectd.put_value("a/gauge", 11, interval=100)
    collectd.expect(lambda: len(collectd.notifications(message="11 is WARNING (low)")) >= 3, within=20)
    assert collectd.log_lines(r'rule "again": still WARNING')
    assert {line["severity"] for line in journal(collectd)} == {"low"}


def test_a_rate_is_the_engine_s_own(collectd, table):
    table(rule("rate", "a/derive", "WarningMax 10")).start()
    now = 1_700_000_000
    changes = 0
    for second, total, changed in [(0, 1000, 0), (10, 1050, 1), (20, 1250, 1), (30, 0, 0), (40, 10, 1)]:
        collectd.put_value("a/derive", total, at=now + second, interval=10)
        changes += changed
        collectd.expect(lambda: len(states(collectd, "rate")) == changes, within=20)
    assert [line["value"] for line in journal(collectd)] == [5, 20, 1]


def test_nan_is_no_reading(collectd, table):
    table(rule("nan", "a/gauge", "WarningMax 10")).start()
    for value in [11, None, None, 11]:
        collectd.put_value("a/gauge", value, interval=100)
    collectd.expect(lambda: states(collectd, "nan"), within=20)
    collectd.put_value("a/gauge", 9, interval=100)
    collectd.expect(lambda: ("WARNING", "OKAY") in states(collectd, "nan"), within=20)
    assert states(collectd, "nan") == [("UNKNOWN", "WARNING"), ("WARNING", "OKAY")]


def test_the_worst_of_a_rule_is_a_value(collectd, table):
    table(rule("worst", "a-*/gauge", "WarningMax 10", "FailureMax 20")).start()
    collectd.put_value("a-x/gauge", 1, interval=100)
    collectd.put_value("a-y/gauge", 21, interval=100)
    collectd.expect(lambda: collectd.value("resource_alert-worst/alert_state") == 2, within=20)
    collectd.expect(lambda: collectd.value("resource_alert-worst/alert_state-a-x-gauge") == 0, within=20)
    collectd.expect(lambda: collectd.value("resource_alert/gauge-watched") == 2, within=20)
    assert not math.isnan(collectd.value("resource_alert/derive-transitions"))
    collectd.expect(lambda: collectd.value("resource_alert/derive-evaluations") > 10, within=20)
    collectd.expect(lambda: 0 < collectd.value("resource_alert/duration-evaluation") < 1, within=20)


def test_a_full_disk_costs_only_the_line(collectd):
    collectd.load("resource_alert", 'Journal "/dev/full"\n' + rule("full", "a/gauge", "WarningMax 10")).start()
    for count, value in enumerate([11, 9, 11], 1):
        collectd.put_value("a/gauge", value, interval=100)
        collectd.expect(lambda: len(collectd.notifications(plugin="resource_alert")) == count, within=20)
    collectd.expect(lambda: collectd.log_lines("journal /dev/full: cannot write: No space left"), within=20)
    assert len(collectd.log_lines("cannot write")) == 1


def test_a_rule_that_nothing_feeds_is_named_once(collectd, table):
    table(rule("idle", "no/gauge", "WarningMax 10"), rule("busy", "a/gauge", "WarningMax 10")).start()
    collectd.put_value("a/gauge", 1, interval=100)
    collectd.expect(lambda: collectd.log_lines(r'rule "idle": no series for \d+ s'), within=20)
    assert not collectd.log_lines('rule "busy": no series')


REFUSED = {
    '<Threshold "x">\nMetric "a/b"\n</Threshold>': '<Threshold "x">: has no limit: write WarningMin',
    '<Threshold "x">\nWarningMax 1\n</Threshold>': '<Threshold "x">: Metric is missing: write Metric',
    '<Threshold "x">\nMetric "a"\nWarningMax 1\n</Threshold>':
        'Metric "a" is not [host/]plugin[-instance]/type[-instance][:data source]',
    '<Threshold "x">\nMetric "a/[b"\nWarningMax 1\n</Threshold>': 'has a [ without its ]',
    '<Threshold "x">\nMetric "a/b"\nWarningMax "much"\n</Threshold>': 'WarningMax "much" is not a number',
    '<Threshold "x">\nMetric "a/b"\nWarningMin 2\nWarningMax 1\n</Threshold>':
        'WarningMin 2 is greater than WarningMax 1',
    '<Threshold "x">\nMetric "a/b"\nWarningMax 1\nMessage "%{valu}"\n</Threshold>': 'has an unknown %{valu}',
    '<Threshold "x">\nMetric "a/b"\nWarningMax 1\nSeverity "low"\n</Threshold>': 'Severity takes two words, once',
    '<Threshold "x">\nMetric "a/b"\nWarningMax 1\nOnlyIf "c/d"\n</Threshold>': 'OnlyIf takes two words, and at most 2',
    '<Threshold "x">\nMetric "a/b"\nWarningMax 1\nOnlyIf "c/d" "5"\n</Threshold>': '"5" is not a comparison: write <',
    '<Threshold "x">\nMetric "a/b"\nWarningMax 1\nOnlyIf "c*/d" "> 5"\n</Threshold>': 'without wildcards',
    '<Threshold "x y">\nMetric "a/b"\nWarningMax 1\n</Threshold>': 'letters, digits and _ . - only',
    '<Threshold "x">\nMetric "a/b"\nWarningMax 1\n</Threshold>\n' * 2: '<Threshold "x"> is given twice',
    'StateDir "here"': 'StateDir "here" is not an absolute path',
}


@pytest.mark.parametrize("text", REFUSED, ids=list(REFUSED.values()))
def test_bad_rules_are_refused(collectd, text):
    collectd.load("resource_alert", text)
    assert any(REFUSED[text] in line for line in collectd.refuses_to_start()), collectd.explain()
