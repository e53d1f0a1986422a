# SPDX-License-Identifier: MIT
"""What notifications say: their header and meta data, the end of a silence, values that are
not there, and names that several alerts share."""
import json
import re
import subprocess
import time

import pytest

from servers import build

CTL = build.BUILD / "resource-alertctl"


def ctl(collectd, *arguments):
    subprocess.run([CTL, *arguments, "--socket", collectd.directory / "control"], check=True, timeout=30)


def rule(name, metric, *options):
    lines = "\n".join(options)
    return f'<Threshold "{name}">\nMetric "{metric}"\n{lines}\n</Threshold>\n'


class Handler:
    """A program of collectd's exec plugin that keeps what it reads."""
    def __init__(self, collectd):
        if "thread" in build.sanitizers():
            pytest.skip("a shell does not run under ThreadSanitizer: handlers are NOT tested")
        self.file = collectd.directory / "handled"
        self.file.write_text("", encoding="utf-8")
        self.file.chmod(0o666)
        script = collectd.directory / "handler"
        script.write_text(f'#!/bin/sh\ntext=$(cat)\nprintf "%s\\n===\\n" "$text" >> {self.file}\n', encoding="utf-8")
        script.chmod(0o755)
        collectd.directory.chmod(0o755)
        collectd.load("exec", f'NotificationExec "nobody" "{script}"')

    def seen(self, plugin):
        """(header lines as pairs, message) of each notification of PLUGIN."""
        blocks = self.file.read_text(encoding="utf-8").split("\n===\n")[:-1]
        pairs = [([tuple(line.split(": ", 1)) for line in block.partition("\n\n")[0].splitlines()],
                  block.partition("\n\n")[2]) for block in blocks]
        return [(head, message) for head, message in pairs if ("Plugin", plugin) in head]


def test_the_header_of_a_handler_is_collectd_s(collectd):
    handler = Handler(collectd)
    block = '<Type "load">\nDataSource "shortterm"\nWarningMax 3\nFailureMax 5\n</Type>'
    collectd.load("resource_alert", rule("own", "a/gauge", "WarningMax 5", 'Severity "low" "high"') + block).start()
    collectd.put_value("a/gauge", 9, at=1_700_000_000.5, interval=100)
    collectd.put_value("load/load", 9, 1, 1, at=1_700_000_000.5, interval=100)
    collectd.expect(lambda: handler.seen("resource_alert") and handler.seen("load"), within=20)
    for plugin in ["resource_alert", "load"]:
        (head, _), = handler.seen(plugin)
        names = [name for name, _ in head]
        assert len(names) == len(set(names)), head
        assert dict(head)["Severity"] == {"resource_alert": "WARNING", "load": "FAILURE"}[plugin]
        assert dict(head)["Time"] == "1700000000.500"
    own = dict(handler.seen("resource_alert")[0][0])
    assert own["SeverityName"] == "low"


DETAILS = ["Severity", "Time", "Host", "Plugin", "PluginInstance", "Type", "TypeInstance", "DataSource", "CurrentValue",
           "WarningMin", "WarningMax", "FailureMin", "FailureMax"]


def test_blocks_send_the_details_of_stock(collectd):
    """A handler reads the same of both plugins, but for State and Previous."""
    handler = Handler(collectd)
    block = '<Type "load">\nDataSource "shortterm"\nWarningMax 3\nFailureMax 5\n</Type>' \
            '\n<Type "gauge">\nInstance "x"\nWarningMin 1\nFailureMax 5\n</Type>'
    collectd.load("threshold", block)
    collectd.load("resource_alert", block).start()
    for second, load, gauge in [(0, 1, 3), (10, 9, 6), (20, 4, 0.5), (30, 1, 3)]:
        collectd.put_value("load/load", load, 1, 1, at=1_700_000_000.25 + second, interval=100)
        collectd.put_value("a-b/gauge-x", gauge, at=1_700_000_000.25 + second, interval=100)
        if second:
            for plugin in ["load", "a"]:
                collectd.expect(lambda p=plugin, n=second // 10: len(handler.seen(p)) >= 2 * n + 1, within=20)
    for plugin in ["load", "a"]:
        stock, ours = [], []
        for head, _ in handler.seen(plugin):
            (ours if "State" in dict(head) else stock).append(sorted(pair for pair in head if pair[0] in DETAILS))
        # Each is read by a process of its own, in any order. Listed: the first OKAY.
        first = ("Time", "1700000000.250")
        assert sorted(ours) == sorted(head for head in stock if first not in head), plugin


def test_what_was_never_read_raises_nothing(collectd):
    collectd.load("resource_alert", f'Journal "{collectd.directory}/journal"\n' +
                  rule("never", "swap/percent-used", "WarningMax 50", 'Missing "failure"') +
                  rule("once", "a/gauge", "WarningMax 50") +
                  '<Plugin "swap">\n<Type "percent">\nFailureMin 10\n</Type>\n</Plugin>').start()
    for _ in range(3):
        collectd.put_value("swap/percent-used", None)
    collectd.put_value("a/gauge", 1)
    collectd.expect(lambda: collectd.notifications(plugin_instance="once"), within=20)  # it is missing
    collectd.put_value("a/gauge", 1)
    collectd.expect(lambda: len(collectd.notifications(plugin_instance="once")) >= 2, within=20)
    assert collectd.notifications(plugin_instance="never") == []
    assert collectd.notifications(plugin="swap") == []


def test_no_number_is_made_up_after_a_restart(collectd):
    collectd.load("resource_alert", f'StateDir "{collectd.directory}/state"\nJournal "{collectd.directory}/journal"\n' +
                  rule("kept", "a/gauge", "WarningMin 3", 'MessageMissing "last: %{value}"')).start()
    collectd.put_value("a/gauge", 2)
    collectd.expect(lambda: collectd.notifications(severity="WARNING"), within=20)
    collectd.stop()
    (collectd.directory / "journal").unlink()
    collectd.start()
    collectd.expect(lambda: collectd.notifications(message="last: none"), within=20)
    collectd.expect(lambda: (collectd.directory / "journal").read_text(encoding="utf-8"), within=20)
    line, = [json.loads(text) for text in (collectd.directory / "journal").read_text(encoding="utf-8").splitlines()
             if '"state"' in text]
    assert (line["from"], line["to"], line["value"]) == ("WARNING", "MISSING", None)


@pytest.fixture
def silent(collectd):
    collectd.load("resource_alert", f'StateDir "{collectd.directory}/state"\n'
                  f'ControlSocket "{collectd.directory}/control"\n' +
                  rule("row", "a/gauge", "WarningMax 10", "FailureMax 20") +
                  rule("mark", "b/gauge", "WarningMax 10")).start()
    collectd.silence = lambda *more: ctl(collectd, "silence", "row", *more)
    collectd.told = lambda: [one["severity"] for one in collectd.notifications(plugin_instance="row")]
    return collectd


def put(collectd, *values):
    """Each value, and then one of another rule, whose notification comes later."""
    for value in values:
        collectd.put_value("a/gauge", value, interval=100)
        for mark in [11, 1]:
            before = len(collectd.notifications(plugin_instance="mark"))
            collectd.put_value("b/gauge", mark, interval=100)
            collectd.expect(lambda n=before: len(collectd.notifications(plugin_instance="mark")) > n, within=20)


SILENCED = {
    "still bad": ([1], [30], ["FAILURE"]),
    "came and went": ([1], [30, 1], []),
    "recovered": ([30], [1], ["FAILURE", "OKAY"]),
    "worse": ([15], [30], ["WARNING", "FAILURE"]),
    "better": ([30], [15], ["FAILURE", "WARNING"]),
    "as before": ([30], [1, 30], ["FAILURE"]),
}


@pytest.mark.parametrize("how", ["ended", "restarted"])
@pytest.mark.parametrize("case", SILENCED)
def test_a_silence_ends_truthfully(silent, case, how):
    before, meanwhile, told = SILENCED[case]
    put(silent, *before)
    silent.silence("--for", "1h")
    put(silent, *meanwhile)
    assert silent.told() == told[:len(before) if before[0] > 10 else 0]
    if how == "restarted":
        told = told[len(silent.told()):]
        silent.stop()
        silent.start()
    silent.silence("--end")
    if how == "restarted":  # the state is known for a while before its first value
        published = len(silent.history("resource_alert/gauge-series"))
        silent.expect(lambda: len(silent.history("resource_alert/gauge-series")) > published + 1, within=20)
        put(silent, meanwhile[-1])
    silent.expect(lambda: len(silent.told()) >= len(told), within=20)
    put(silent, meanwhile[-1], meanwhile[-1])
    assert silent.told() == told


def test_a_silence_that_runs_out_ends_truthfully(silent):
    put(silent, 1)
    silent.silence("--for", "2s")
    put(silent, 30)
    silent.expect(lambda: silent.told() == ["FAILURE"], within=20)
    assert silent.log_lines(r'rule "row": OKAY -> FAILURE, testhost/a/gauge 30 > 20; was silenced')
    put(silent, 1)
    assert silent.told() == ["FAILURE", "OKAY"]


def test_a_pause_that_is_ignored_notifies_nothing_again(collectd):
    collectd.load("resource_alert", f'Journal "{collectd.directory}/journal"\n' +
                  rule("row", "a/gauge", "WarningMax 10", 'Missing "ignore"')).start()
    for turn in range(2):
        collectd.put_value("a/gauge", 11)
        collectd.expect(lambda n=turn: len(collectd.log_lines("WARNING -> UNKNOWN")) == n + 1, within=20)
    collectd.put_value("a/gauge", 1, interval=100)
    collectd.expect(lambda: collectd.notifications(severity="OKAY"), within=20)
    assert [one["severity"] for one in collectd.notifications(plugin="resource_alert")] == ["WARNING", "OKAY"]


def test_no_okay_while_another_source_is_bad(collectd):
    collectd.load("resource_alert", '<Type "load">\nWarningMax 5\nFailureMax 10\n</Type>').start()
    for second, values, told in [(0, (1, 1, 1), 0), (10, (12, 11, 1), 2), (20, (3, 11, 1), 2), (30, (3, 11, 7), 3),
                                 (40, (3, 1, 1), 4)]:
        collectd.put_value("load/load", *values, at=1_700_000_000 + second, interval=100)
        collectd.expect(lambda n=told: len(collectd.notifications(plugin="load")) >= n, within=20)
    assert [one["severity"] for one in collectd.notifications(plugin="load")] == [
        "FAILURE", "FAILURE", "WARNING", "OKAY"]


TEXTS = {
    "bytes": (("WarningMax 1200000000",), 1200000512, "1200000512 > 1200000000", "1200000512 bytes, limit 1200000000"),
    "digits": (("WarningMax 99.9999",), 99.9999004, "99.9999004 > 99.9999", "99.9999004 bytes, limit 99.9999"),
    "short": (("WarningMax 80",), 83.33333333, "83.3 > 80", "83.3 bytes, limit 80"),
    "limit": (("WarningMax 80.125",), 80.2, "80.2 > 80.125", "80.2 bytes, limit 80.125"),
    "near": (("WarningMax 80",), 80.0003, "80.0003 > 80", "80.0003 bytes, limit 80"),
    "large": (("WarningMax 5000",), 123456.7, "123457 > 5000", "123457 bytes, limit 5000"),
    "small": (("WarningMax 0",), 0.00123456, "0.00123 > 0", "0.00123 bytes, limit 0"),
}


@pytest.mark.parametrize("case", TEXTS)
def test_a_value_can_be_told_from_its_limit(collectd, case):
    options, value, logged, message = TEXTS[case]
    collectd.load("resource_alert", rule("row", "a/gauge", *options, 'Message "%{value} bytes, limit %{limit}"')).start()
    collectd.put_value("a/gauge", value, interval=100)
    collectd.expect(lambda: collectd.notifications(message=message), within=20)
    assert collectd.log_lines(re.escape(logged))


def test_each_state_has_its_text(collectd):
    collectd.load("resource_alert", rule(
        "row", "a/derive", "WarningMax 0", 'Message "%{count} in the last %{interval} s"',
        'MessageOkay "well at %{value}"', 'MessageMissing "no values"')).start()
    now = time.time()
    # What comes and goes before it is notified is not notified.
    for second, total, notified in [(-30, 0, 0), (-20, 8, 1), (-10, 8, 2), (0, 8, 3)]:
        collectd.put_value("a/derive", total, at=now + second, interval=10 if second < 0 else 1)
        collectd.expect(lambda n=notified: len(collectd.notifications(plugin="resource_alert")) == n, within=20)
    assert [one["message"] for one in collectd.notifications(plugin="resource_alert")] == [
        "8 in the last 10 s", "well at 0", "no values"]


def test_without_texts_of_their_own_states_have_the_log_line(collectd):
    collectd.load("resource_alert", rule("row", "a/gauge", "WarningMax 10", 'Message "%{value} is too much"')).start()
    for value in [11, 1]:
        collectd.put_value("a/gauge", value, interval=100)
        collectd.expect(lambda v=value: len(collectd.notifications(plugin="resource_alert")) == (1 if v > 10 else 2),
                        within=20)
    assert [re.sub(r"lasted \d+ s", "lasted N s", one["message"]) for one in collectd.notifications(plugin="resource_alert")] == [
        "11 is too much", 'rule "row": WARNING -> OKAY, testhost/a/gauge 1 within its limits; it lasted N s, peak 11']


@pytest.mark.parametrize("limits, values, peak", [
    ("WarningMax 10\nFailureMax 90", [11, 47, 93.25, 60, 12], 93.25), ("WarningMin 10", [9, 3, 5], 3)])
def test_the_peak_and_the_length_of_an_incident_stand_with_its_end(collectd, directory, limits, values, peak):
    collectd.load("resource_alert", rule("row", "a/gauge", limits, 'MessageOkay "well after %{lasted}, peak %{peak}"')
                  + f'\nJournal "{directory}/journal"').start()
    begun = time.time() - 1000
    collectd.put_value("a/gauge", 50 if "Min" in limits else 5, at=begun, interval=100)
    for number, value in enumerate(values):
        collectd.put_value("a/gauge", value, at=begun + 100 * (number + 1), interval=100)
    collectd.expect(lambda: collectd.notifications(plugin="resource_alert"))
    collectd.put_value("a/gauge", 50 if "Min" in limits else 5, at=begun + 700, interval=100)
    said = collectd.expect(lambda: collectd.notifications(plugin="resource_alert", severity="OKAY"))[0]["message"]
    assert said == f"well after 10 min, peak {peak:.3g}"
    lines = [json.loads(line) for line in (directory / "journal").read_text("utf-8").splitlines()]
    end = [line for line in lines if line["event"] == "state" and line["to"] == "OKAY" and line["from"] != "UNKNOWN"][-1]
    assert end["peak"] == peak and end["lasted_s"] == pytest.approx(600, abs=1)
    assert all("peak" not in line for line in lines if line.get("to") != "OKAY")


LONG = "GenericJMX-kafka.server-BrokerTopicMetrics-topic-orders.eu-central-1.production.settlement.internal-events"


def test_names_that_are_cut_stay_apart(collectd):
    collectd.load("resource_alert", rule("jmx", "GenericJMX-*/gauge-*", "WarningMax 10")).start()
    for rate, value in [("OneMinuteRate", 50), ("FifteenMinuteRate", 51)]:
        collectd.put_value(f"broker-7.example.com/{LONG}/gauge-MessagesInPerSec.{rate}", value, interval=100)
    collectd.expect(lambda: len(collectd.notifications(plugin_instance="jmx")) == 2, within=20)
    told = {one["type_instance"] for one in collectd.notifications(plugin_instance="jmx")}
    assert len(told) == 2 and max(map(len, told)) == 127

    def published():
        return [name for name in collectd.names() if name.startswith("resource_alert-jmx/alert_state-")]
    collectd.expect(lambda: len(published()) == 2, within=20)


HOSTILE = "h\u009b2J\u202eevil"


def test_control_characters_are_passed_on_nowhere(collectd):
    """Of a host's name from the network and of a text of a session."""
    handler = Handler(collectd)
    journal = collectd.directory / "journal"
    collectd.load("resource_alert", f'StateDir "{collectd.directory}/state"\nJournal "{journal}"\n'
                  f'ControlSocket "{collectd.directory}/control"\n' +
                  rule("row", "a/gauge", "WarningMax 10", 'Message "%{host}"')).start()
    collectd.put_value("a/gauge", 11, interval=100, host=HOSTILE)
    collectd.expect(lambda: handler.file.read_text(encoding="utf-8") and journal.exists(), within=20)
    collectd.expect(lambda: "WARNING" in journal.read_text(encoding="utf-8"), within=20)
    status = [subprocess.run([CTL, "status", *more, "--socket", collectd.directory / "control"], capture_output=True,
                             check=False, timeout=30).stdout.decode() for more in [(), ("--json",)]]
    log = "\n".join(collectd.log_lines("row"))
    for text in [handler.file.read_text(encoding="utf-8"), journal.read_text(encoding="utf-8"), log, *status]:
        assert "\u009b" not in text and "\u202e" not in text
    assert json.loads(status[1])["rules"][0]["name"] == "row"
    assert json.loads(journal.read_text(encoding="utf-8").splitlines()[-1])["series"] == f"{HOSTILE}/a/gauge"


def test_the_history_after_a_restart_begins_with_nothing(collectd):
    collectd.load("resource_alert", f'StateDir "{collectd.directory}/state"\n'
                  f'ControlSocket "{collectd.directory}/control"\n' + rule("kept", "a/gauge", "WarningMin 3")).start()
    collectd.put_value("a/gauge", 10, interval=100)
    collectd.expect(lambda: collectd.value("resource_alert-kept/alert_state") == 0, within=20)
    collectd.stop()
    collectd.start()
    kept = json.loads(subprocess.run([CTL, "status", "--json", "--socket", collectd.directory / "control"],
                                     capture_output=True, check=False, timeout=30).stdout)["rules"][0]
    assert (kept["state"], kept["value"]) == ("OKAY", None)
    assert all(point is None for point in kept["history"])
