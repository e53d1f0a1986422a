# SPDX-License-Identifier: MIT
"""Rules on notifications: those of other plugins and of other hosts, and never
those of this plugin."""
import json

import pytest

from servers import ports
from servers.collectd import Collectd

RULE = """
<Notification "reported">
  Plugin "app*"
  Message "*leak*"
  Severity "warning" "failure"
  TTL {ttl}
</Notification>"""

RESPONSE = """
<Response "react">
  When "reported"
  EngageAfter 0
  ReleaseAfter 0
  <Switch "limited">
  </Switch>
</Response>
<SwitchStore "file">
  Path "{directory}/switches"
</SwitchStore>"""


def load(collectd, *blocks):
    return collectd.load("resource_alert", "\n".join([
        f'StateDir "{collectd.directory}/state"', f'Journal "{collectd.directory}/journal"', *blocks]))


def changes(collectd, rule="reported"):
    path = collectd.directory / "journal"
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    return [(line["from"], line["to"]) for line in map(json.loads, text.splitlines())
            if line["event"] == "state" and line["rule"] == rule]


def notify(collectd, severity, message="a leak", **fields):
    collectd.put_notification(severity, message, **{"plugin": "app", **fields})


def expect(collectd, *expected):
    collectd.expect(lambda: changes(collectd) == list(expected), within=20)


def test_a_rule_follows_notifications(collectd):
    load(collectd, RULE.format(ttl=3600)).start()
    notify(collectd, "okay")  # there is no alert yet
    notify(collectd, "warning", "all is well")
    notify(collectd, "warning", plugin="other")
    notify(collectd, "warning")
    expect(collectd, ("UNKNOWN", "WARNING"))
    notify(collectd, "warning")
    notify(collectd, "failure")
    expect(collectd, ("UNKNOWN", "WARNING"), ("WARNING", "FAILURE"))
    notify(collectd, "okay", "all is well")
    expect(collectd, ("UNKNOWN", "WARNING"), ("WARNING", "FAILURE"), ("FAILURE", "OKAY"))
    assert collectd.log_lines(r'rule "reported": WARNING -> FAILURE, testhost/app/ reported by a notification')
    assert collectd.notifications(plugin="resource_alert") == []


def test_each_that_is_spoken_of_has_a_state(collectd):
    load(collectd, RULE.format(ttl=3600)).start()
    notify(collectd, "warning", host="web1")
    notify(collectd, "failure", host="web2", type="percent")
    collectd.expect(lambda: len(changes(collectd)) == 2, within=20)
    notify(collectd, "okay", host="web1")
    collectd.expect(lambda: ("WARNING", "OKAY") in changes(collectd), within=20)
    collectd.expect(lambda: collectd.value("resource_alert-reported/alert_state") == 2, within=20)


def test_a_notification_expires_after_its_ttl(collectd):
    load(collectd, RULE.format(ttl=2)).start()
    notify(collectd, "failure")
    expect(collectd, ("UNKNOWN", "FAILURE"), ("FAILURE", "OKAY"))
    assert collectd.log_lines("no notification within its TTL")


def test_the_stock_threshold_plugin_is_heard(collectd):
    collectd.load("threshold", '<Type "gauge">\nWarningMax 10\n</Type>')
    load(collectd, '<Notification "reported">\nPlugin "app"\nType "gauge"\n</Notification>').start()
    collectd.put_value("app/gauge", 11)
    collectd.expect(lambda: changes(collectd) == [("UNKNOWN", "WARNING")], within=20)
    collectd.put_value("app/gauge", 9)
    collectd.expect(lambda: changes(collectd)[1:2] == [("WARNING", "OKAY")], within=20)


def test_a_response_acts_on_a_notification(collectd):
    load(collectd, RULE.format(ttl=3600), RESPONSE.format(directory=collectd.directory)).start()
    switch = collectd.directory / "switches" / "limited"
    notify(collectd, "warning")
    collectd.expect(switch.exists, within=20)
    notify(collectd, "okay")
    collectd.expect(lambda: not switch.exists(), within=20)


def test_it_is_remembered_over_a_kill(collectd):
    load(collectd, RULE.format(ttl=3600)).start()
    notify(collectd, "failure")
    collectd.expect(lambda: "FAILURE" in (collectd.directory / "state" / "alerts.jsonl").read_text(), within=20)
    collectd.kill()
    collectd.start()
    notify(collectd, "failure")
    notify(collectd, "okay")
    collectd.expect(lambda: changes(collectd)[-1:] == [("FAILURE", "OKAY")], within=20)


@pytest.fixture
def pair(new_server, directory):
    """Two daemons, each of which forwards its notifications to the other one and
    has a rule for all notifications, a rule for values in our words and in those of
    the stock plugin, and a response."""
    here, there = ports.allocate(), ports.allocate()
    made = []
    for name, own, other in [("left", here, there), ("right", there, here)]:
        collectd = new_server(Collectd, directory / name)
        collectd.globals.append(f'Hostname "{name}"')
        collectd.load("network", f'Listen "127.0.0.1" "{own}"\nServer "127.0.0.1" "{other}"\nForward true')
        load(collectd, """
            <Notification "reported">
              Plugin "*"
            </Notification>
            <Threshold "high">
              Metric "app/gauge"
              WarningMax 10
            </Threshold>
            <Type "gauge">
              WarningMax 10
            </Type>""", RESPONSE.format(directory=collectd.directory))
        made.append(collectd.start())
    return made


def test_two_that_forward_to_each_other_do_not_loop(pair):
    left, right = pair
    left.put_value("app/gauge", 11, host="left")  # it is forwarded, too: both judge it
    for one in pair:
        # Stock's blocks tell of a value by its own names: each hears it of the other one.
        one.expect(lambda seen=one: ("UNKNOWN", "WARNING") in changes(seen), within=20)
        one.expect(lambda seen=one: changes(seen, "high") == [("UNKNOWN", "WARNING")], within=20)
    for turn in range(1, 4):  # both have time to answer each other
        notify(left, "warning", f"mark {turn}", plugin="mark", host="left")
        for one in pair:
            one.expect(lambda seen=one: seen.notifications(message=f"mark {turn}"), within=20)
    for one in pair:  # once of its own, once of the other one
        assert len(one.notifications(plugin="app")) == 2
        assert len(one.notifications(plugin="resource_alert", plugin_instance="high")) == 2
        assert len(one.notifications(plugin="mark")) == 3
        assert changes(one) == [("UNKNOWN", "WARNING")] * 2  # of app and of mark


REFUSED = {
    RULE.format(ttl=0): "TTL 0 is out of range; allowed: 1 to 86400 seconds",
    '<Notification "reported">\nSeverity "critical"\n</Notification>': '"critical" is not "warning" or "failure"',
    '<Notification "reported">\nHost "[a"\n</Notification>': "has a [ without its ]",
    RULE.format(ttl=1) + '\n<Threshold "reported">\nMetric "a/b"\nWarningMax 1\n</Threshold>':
        'a <Threshold> and a <Notification> are both called "reported"',
}


@pytest.mark.parametrize("text", REFUSED, ids=list(REFUSED.values()))
def test_bad_rules_are_refused(collectd, text):
    collectd.load("resource_alert", text)
    assert any(REFUSED[text] in line for line in collectd.refuses_to_start()), collectd.explain()
