# SPDX-License-Identifier: MIT
"""Blocks of the threshold plugin in the spellings that people use: collectd's own plugin and
ours get the same values in one daemon and notify the same, but for the listed differences."""
import pytest

VALUES = [3, 12, 60, 96, 60, 12, 3, 30, 96, 3]
LIMITS = "WarningMin 5\nWarningMax 50\nFailureMax 90\n"


def kind(name, *options, limits=LIMITS):
    lines = "\n".join(options)
    return f'<Type "{name}">\n{lines}\n{limits}</Type>\n'


def plugin(name, *inside):
    lines = "\n".join(inside)
    return f'<Plugin "{name}">\n{lines}\n</Plugin>\n'


CORPUS = {  # what: (block, series, of which some are not watched)
    "a plugin with its instance in one word": (
        plugin("cpu-aggregation", kind("percent", 'Instance "idle"')),
        ["cpu-aggregation/percent-idle", "cpu-other/percent-idle", "cpu-aggregation/percent-user", "cpu/percent-idle"]),
    "a part of the instance in the plugin": (
        plugin("nut-ups", 'Instance "rack"', kind("voltage")),
        ["nut-ups-rack/voltage-input", "nut-ups/voltage-input", "nut-ups-rack-b/voltage-input"]),
    "a plugin with a part of the series' instance": (
        plugin("nut-ups", kind("voltage")), ["nut-ups-rack/voltage-input", "nut-ups/voltage-input"]),
    "a type with its instance in one word": (kind("percent-used"), ["memory/percent-used", "memory/percent-free"]),
    "both in one word": (plugin("cpu-0", kind("percent-idle")), ["cpu-0/percent-idle", "cpu-1/percent-idle"]),
    "one word and two for the same": (
        plugin("cpu-0", kind("percent")) +
        plugin("cpu", 'Instance "0"', kind("percent", limits="WarningMax 20\n")), ["cpu-0/percent-idle"]),
    "several instances in sequence": (
        plugin("df", 'Instance "a"', kind("percent"), 'Instance "b"', kind("percent", limits="FailureMin 20\n")),
        ["df-a/percent-used", "df-b/percent-used", "df-c/percent-used", "df/percent-used"]),
    "an instance behind the type": (
        plugin("df", kind("percent"), 'Instance "b"'), ["df-a/percent-used", "df-b/percent-used"]),
    "an instance between types": (
        plugin("df", kind("percent"), 'Instance "b"', kind("gauge")), ["df-a/percent-used", "df-a/gauge", "df-b/gauge"]),
    "two instances before a type": (
        plugin("df", 'Instance "a"', 'Instance "b"', kind("percent")), ["df-a/percent-used", "df-b/percent-used"]),
    "empty instances": (
        plugin("df", 'Instance ""', kind("percent", 'Instance ""', 'DataSource ""')),
        ["df-a/percent-used", "df/percent-used", "df/percent"]),
    "an instance that is taken back": (
        plugin("df", 'Instance "a"', 'Instance ""', kind("percent")), ["df-a/percent-used", "df-b/percent-used"]),
    "an option twice": (
        kind("gauge", "WarningMax 10", "FailureMax 20", 'Instance "x"', 'Instance "y"', "Hysteresis 9", "Hysteresis 2"),
        ["a/gauge-x", "a/gauge-y"]),
    "small letters": ('<type "gauge">\ninstance "x"\nwarningmax 50\nFAILUREMAX 90\n</type>\n', ["a/gauge-x"]),
    "the most specific of many": (
        kind("gauge") + kind("gauge", 'Instance "x"', limits="WarningMax 20\n") +
        plugin("a", kind("gauge", limits="FailureMax 40\n"), kind("gauge-x", limits="FailureMax 80\n")) +
        plugin("a-b", kind("gauge", limits="WarningMax 70\n")) +
        '<Host "testhost">\n' + kind("gauge", 'Instance "z"', limits="FailureMax 11\n") + "</Host>\n",
        ["a-b/gauge-x", "a-b/gauge-y", "a/gauge-x", "a/gauge", "c/gauge-x", "c/gauge", "a-b/gauge-z"]),
    "a host": (
        '<Host "testhost">\n' + plugin("cpu-0", kind("percent")) + kind("gauge") + "</Host>\n"
        '<Host "elsewhere">\n' + kind("load") + "</Host>\n", ["cpu-0/percent-idle", "a/gauge", "a/load"]),
    "all data sources": (kind("load"), ["load/load"]),
    "a data source each": (kind("load", 'DataSource "shortterm"') + kind("load", 'DataSource "longterm"'), ["load/load"]),
    "inverted with a hysteresis": (
        kind("gauge", "Invert true", "Hysteresis 3", limits="WarningMin 10\nWarningMax 70\nFailureMin 20\nFailureMax 65\n"),
        ["a/gauge"]),
    "uninteresting": (kind("gauge", "Interesting false", "Persist false"), ["a/gauge"]),
}


def put_all(collectd, names):
    """Every value, each followed by one that only our plugin judges: its notification
    comes after those of the value."""
    for turn, value in enumerate(VALUES):
        for name in names:
            values = [value, 60 - turn, 1 + turn] if "/load" in name else [value]
            collectd.put_value(name, *values, interval=1000, at=1_700_000_000 + 10 * turn)
        collectd.put_value("mark/bytes", 11 if turn % 2 == 0 else 1, interval=1000, at=1_700_000_000 + 10 * turn)
        collectd.expect(lambda n=turn: len(collectd.notifications(plugin_instance="mark")) > n, within=20)


def told(collectd, is_ours):
    """{series: severities}, without a first OKAY (listed) and one after its like (of
    another data source)."""
    seen = {}
    for one in collectd.notifications():
        if one["plugin"] != "resource_alert" and one["message"].startswith('rule "') == is_ours:
            key = tuple(one.get(part) for part in ["plugin", "plugin_instance", "type", "type_instance"])
            severities = seen.setdefault(key, ["OKAY"])
            if severities[-1] != one["severity"]:
                severities.append(one["severity"])
    return {key: severities[1:] for key, severities in seen.items() if severities[1:]}


@pytest.mark.parametrize("what", CORPUS)
def test_both_notify_the_same(collectd, what):
    block, names = CORPUS[what]
    collectd.load("threshold", block)
    collectd.load("resource_alert", block + '<Threshold "mark">\nMetric "mark/bytes"\nWarningMax 10\n</Threshold>')
    collectd.start()
    put_all(collectd, names)
    assert told(collectd, False), "nothing is watched"
    assert told(collectd, True) == told(collectd, False)
