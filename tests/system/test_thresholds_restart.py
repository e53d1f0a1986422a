# SPDX-License-Identifier: MIT
"""Alert states over a restart, a kill and a damaged state file."""
import json
import os

import pytest

RULE = '''StateDir "{0}/state"
Journal "{0}/journal"
<Threshold "kept">
  Metric "a*/gauge"
  WarningMax 10
  FailureMax 20
</Threshold>'''


@pytest.fixture
def daemon(collectd):
    collectd.load("resource_alert", RULE.format(collectd.directory))
    return collectd.start()


def changes(collectd):
    path = collectd.directory / "journal"  # written a moment after the notification
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    return [(line["series"].split("/")[1], line["from"], line["to"])
            for line in map(json.loads, text.splitlines()) if line["event"] == "state"]


def notified(collectd):
    return len(collectd.notifications(plugin="resource_alert"))


def put(collectd, value, series="a/gauge"):
    collectd.put_value(series, value, interval=100)


def raise_alarm(collectd):
    put(collectd, 11)
    collectd.expect(lambda: notified(collectd) == 1, within=20)


def kill_once_all_is_marked(collectd):
    """Between a notification and its mark it would be notified once more."""
    path = collectd.directory / "state" / "alerts.jsonl"
    collectd.expect(lambda: path.read_text().endswith('{"notified":1,"journaled":1}\n'), within=20)
    collectd.kill()


def expect_it_continues(collectd):
    """The same state is not notified again; the next event starts from it."""
    put(collectd, 12)
    put(collectd, 1, "ab/gauge")  # comes last, is seen last
    collectd.expect(lambda: ("ab", "UNKNOWN", "OKAY") in changes(collectd), within=20)
    assert notified(collectd) == 0
    put(collectd, 1)
    collectd.expect(lambda: changes(collectd)[-1:] == [("a", "WARNING", "OKAY")], within=20)
    collectd.expect(lambda: notified(collectd) == 1, within=20)


def test_a_restart_notifies_nothing_twice(daemon):
    raise_alarm(daemon)
    daemon.stop()
    daemon.start()
    expect_it_continues(daemon)


def test_neither_does_a_kill(daemon):
    raise_alarm(daemon)
    kill_once_all_is_marked(daemon)
    daemon.start()
    expect_it_continues(daemon)


def test_what_stopped_meanwhile_is_missed(daemon):
    daemon.put_value("a/gauge", 11, interval=1)
    daemon.expect(lambda: notified(daemon) >= 1, within=20)
    daemon.kill()
    daemon.start()
    daemon.expect(lambda: changes(daemon)[-1:] == [("a", "WARNING", "MISSING")], within=20)


def test_a_torn_last_line_is_skipped(daemon):
    raise_alarm(daemon)
    kill_once_all_is_marked(daemon)
    with open(daemon.directory / "state" / "alerts.jsonl", "a", encoding="utf-8") as file:
        file.write('{"rule":"kept","sta')
    daemon.start()
    expect_it_continues(daemon)


ANOTHER_FILE = {
    "of a newer version": lambda text: text.replace('"version":1', '"version":2'),
    "of something else": lambda text: "hello\n" + text,
}


@pytest.mark.parametrize("how", ANOTHER_FILE)
def test_a_file_of_another_kind_is_moved_aside(daemon, how):
    raise_alarm(daemon)
    daemon.stop()
    path = daemon.directory / "state" / "alerts.jsonl"
    path.write_text(ANOTHER_FILE[how](path.read_text()))
    daemon.start()
    assert daemon.log_lines("alerts.jsonl: .*; moved to .*alerts.jsonl.bad, no state is restored")
    assert (daemon.directory / "state" / "alerts.jsonl.bad").exists()
    put(daemon, 12)
    daemon.expect(lambda: changes(daemon)[-1:] == [("a", "UNKNOWN", "WARNING")], within=20)


def test_a_bad_line_is_set_aside_and_costs_only_its_alert(daemon):
    raise_alarm(daemon)
    put(daemon, 11, "ab/gauge")
    daemon.expect(lambda: notified(daemon) == 2, within=20)
    daemon.stop()
    path = daemon.directory / "state" / "alerts.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    bad = [line.replace('"state"', '"stat"') if '"plugin":"ab"' in line else line for line in lines]
    assert bad != lines
    path.write_text("".join(bad))
    daemon.start()
    assert daemon.log_lines("alerts.jsonl: 1 invalid line.s., the first is line .*; ignored, copied to .*alerts.jsonl.bad")
    assert '"stat"' in (daemon.directory / "state" / "alerts.jsonl.bad").read_text()
    put(daemon, 12, "ab/gauge")
    daemon.expect(lambda: changes(daemon)[-1:] == [("ab", "UNKNOWN", "WARNING")], within=20)
    put(daemon, 1)
    daemon.expect(lambda: changes(daemon)[-1:] == [("a", "WARNING", "OKAY")], within=20)


def test_nuls_of_a_crash_are_skipped(daemon):
    raise_alarm(daemon)
    daemon.stop()
    with open(daemon.directory / "state" / "alerts.jsonl", "a", encoding="utf-8") as file:
        file.write("\0\0\n")
    daemon.start()
    expect_it_continues(daemon)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: a file of another user is NOT tried")
def test_a_file_of_another_user_is_moved_aside(daemon):
    raise_alarm(daemon)
    daemon.stop()
    os.chown(daemon.directory / "state" / "alerts.jsonl", 65534, -1)
    daemon.start()
    assert daemon.log_lines(r"belongs to another user \(65534\); moved to .*alerts.jsonl.bad, no state is restored")
    put(daemon, 12)
    daemon.expect(lambda: changes(daemon)[-1:] == [("a", "UNKNOWN", "WARNING")], within=20)


def test_a_directory_that_cannot_be_written_is_logged_once(collectd):
    (collectd.directory / "state").write_text("in the way")
    collectd.load("resource_alert", RULE.format(collectd.directory)).start()
    raise_alarm(collectd)
    put(collectd, 1)
    collectd.expect(lambda: notified(collectd) == 2, within=20)
    assert len(collectd.log_lines("alert states: .*: cannot write: .*; alerts continue")) == 1
