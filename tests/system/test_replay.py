# SPDX-License-Identifier: MIT
"""resource-alertctl test and replay: the plugin's own code on a simulated clock."""
import datetime
import json
import re
import subprocess

import pytest
from servers import build

CTL = build.BUILD / "resource-alertctl"
START = 1_759_276_800  # midnight, UTC
RULES = """<Plugin resource_alert>
  <Threshold "used">
    Metric "*/percent-used"
    WarningMax 80
    FailureMax 95
  </Threshold>
  <Threshold "bytes">
    Metric "*/total_bytes-in"
    WarningMax 100
  </Threshold>
  <SwitchStore "file">
    Path "/run/nowhere"
  </SwitchStore>
  <Response "degrade">
    When "used"
    EngageAfter 30
    ReleaseAfter 60
    <Switch "slow_down">
    </Switch>
    <Switch "cache">
      After 60
    </Switch>
  </Response>
</Plugin>
"""


def ctl(*arguments):
    return subprocess.run([CTL, *map(str, arguments)], capture_output=True, text=True, timeout=60,
                          env={"TZ": "UTC", "PATH": "/usr/bin:/bin"})


@pytest.fixture
def rules_file(tmp_path):
    path = tmp_path / "collectd.conf"
    path.write_text(RULES)
    return path


# test

@pytest.fixture
def run_tests(tmp_path, rules_file):
    def run(text, configuration='Configuration "collectd.conf"\n'):
        path = tmp_path / "tests.conf"
        path.write_text(configuration + text)
        result = ctl("test", path)
        return result.returncode, result.stdout.replace(f"{tmp_path}/", ""), result.stderr
    return run


def scenario(values, *moments, interval=10):
    states = "".join(f'  <At "{at}">\n    {kind} "{name}" "{state}"\n  </At>\n' for at, kind, name, state in moments)
    return (f'<Test "a test">\n  Interval {interval}\n  <Series "web1/pool-a/percent-used">\n    Values "{values}"\n'
            f'  </Series>\n{states}</Test>\n')


@pytest.mark.parametrize("values, moments", [
    ("40x6 90x6", [("0", "Rule", "used", "OKAY"), ("50s", "Rule", "used", "OKAY"), ("60s", "Rule", "used", "WARNING")]),
    ("70+10x4", [("10s", "Rule", "used", "OKAY"), ("20s", "Rule", "used", "WARNING"), ("30s", "Rule", "used", "FAILURE")]),
    ("90-5x4", [("10s", "Rule", "used", "WARNING"), ("20s", "Rule", "used", "OKAY")]),
    ("40 _x9", [("15s", "Rule", "used", "OKAY"), ("1m", "Rule", "used", "MISSING")]),
    ("nan 90", [("5s", "Rule", "used", "UNKNOWN"), ("10s", "Rule", "used", "WARNING"), ("0", "Rule", "bytes", "UNKNOWN")]),
    ("90x60", [("20s", "Response", "degrade", "OFF"), ("40s", "Response", "degrade", "ENGAGED"),
               ("3m", "Response", "degrade", "ENGAGED")]),
    ("90x30 40x30", [("4m", "Response", "degrade", "ENGAGED"), ("8m", "Response", "degrade", "OFF")]),
])
def test_states_by_time(run_tests, values, moments):
    assert run_tests(scenario(values, *moments)) == (0, "ok    a test\n1 test, 0 failed\n", "")


SCALE = """    <Scale>
      Namespace "trading"
      Deployment "api"
      Max 10
      Step 2
      Cooldown 60
      Pool "trading"
      ConnectionsPerReplica 30
    </Scale>
  </Response>"""


def test_a_test_knows_a_response_that_scales(run_tests, rules_file):
    rules_file.write_text(RULES.replace("  </Response>", SCALE))
    assert run_tests(scenario("90x60", ("40s", "Response", "degrade", "ENGAGED")))[:2] == (0, "ok    a test\n1 test, 0 failed\n")


def test_a_state_that_is_not_as_expected(run_tests):
    code, output, _ = run_tests(scenario("40x6", ("30s", "Rule", "used", "WARNING"), ("40s", "Rule", "usde", "OKAY")))
    assert code == 2
    assert output == ('FAIL  a test\n  at 30s: rule "used": WARNING expected, OKAY found\n'
                    '  at 40s: rule "usde": OKAY expected, no such rule found\n1 test, 1 failed\n')


@pytest.mark.parametrize("text, output", [
    (scenario("40y6"), 'tests.conf:5:5: error: Values "40y6" "40y6" is not a reading'),
    (scenario("40", ("soon", "Rule", "used", "OKAY")), 'tests.conf:7:4: error: <At "soon">: "soon" is not a duration'),
    (scenario("40", ("1s", "Rule", "used", "FINE")), 'tests.conf:7:4: error: <At "1s">: Rule "used" "FINE": no such state'),
    (scenario("40").replace("web1/pool-a", "pool-a"), 'tests.conf:4:4: error: <Series "pool-a/percent-used">'),
    ("Tset 1\n", "tests.conf:2:1: error: unknown option Tset; did you mean Test?"),
])
def test_a_typo_has_its_place(run_tests, text, output):
    code, out, _ = run_tests(text)
    assert code == 3 and out.startswith(output), out


def test_notifications_of_other_plugins(run_tests, rules_file):
    rules_file.write_text(RULES.replace('When "used"', 'When "backup"').replace("<SwitchStore", """<Notification "backup">
    Plugin "exec"
    PluginInstance "backup"
    Message "*full*"
    TTL 300
  </Notification>
  <SwitchStore"""))

    def moment(at, state, *sent):
        notifications = "".join(f'    Notification "{severity}" "{subject}" "{message}"\n' for severity, subject, message in sent)
        return f'  <At "{at}">\n{notifications}    Rule "backup" "{state}"\n  </At>\n'

    full = ("failure", "web1/exec-backup", "disk full")
    code, output, _ = run_tests('<Test "a backup">\n' + moment("0", "UNKNOWN", ("failure", "web1/exec-backup", "late"))
                              + moment("10s", "FAILURE", full) + moment("15s", "OKAY", ("okay", "web1/exec-backup", ""))
                              + moment("20s", "WARNING", ("warning", "web1/exec-backup/total-x", "nearly full"))
                              + moment("318s", "WARNING") + moment("322s", "OKAY") + "</Test>\n")
    assert (code, output) == (0, "ok    a backup\n1 test, 0 failed\n")
    code, output, _ = run_tests('<Test "a response">\n' + moment("0", "FAILURE", full)
                              + '  <At "40s">\n    Response "degrade" "ENGAGED"\n  </At>\n</Test>\n')
    assert code == 0, output


@pytest.mark.parametrize("words, output", [
    ('"fine" "web1/exec" "x"', 'Notification "fine": no such severity; write failure, warning or okay'),
    ('"okay" "web1" "x"', '"web1" is not the subject of a notification; write host/plugin-instance'),
    ('"okay" "web1/exec"', 'write Rule "NAME" "STATE"'),
])
def test_a_bad_notification(run_tests, words, output):
    code, out, _ = run_tests(f'<Test "t">\n  <At "1s">\n    Notification {words}\n  </At>\n</Test>\n')
    assert code == 3 and output in out


def test_a_test_of_a_thousand_years_is_refused(run_tests):
    code, _, output = run_tests(scenario("40x999999", interval=86400))
    assert code == 3 and "the test lasts more than ten years" in output


def test_without_rules_there_is_nothing_to_test(run_tests):
    code, _, output = run_tests(scenario("40"), configuration="")
    assert code == 3 and "no rules to test" in output
    code, _, output = run_tests(scenario("40"), configuration='Configuration "nothing.conf"\n')
    assert code == 3 and "nothing.conf: No such file" in output


# replay

def write_csv(root, name, values, step=10, start=START, header="value"):
    """VALUES as the csv plugin keeps them, a file a day; None is a hole."""
    days = {}
    for number, value in enumerate(values):
        if value is not None:
            at = start + number * step
            day = datetime.datetime.fromtimestamp(at, datetime.timezone.utc).strftime("%Y-%m-%d")
            days.setdefault(day, []).append(f"{at}.000,{value}\n")
    for day, lines in days.items():
        path = root / f"{name}-{day}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"epoch,{header}\n" + "".join(lines))


@pytest.fixture
def replay(rules_file):
    def run(directory, *flags):
        result = ctl("replay", "--config", rules_file, "--types", ":".join(map(str, build.TYPES)), *flags, directory)
        return result.returncode, result.stdout + result.stderr
    return run


def sums(output, name):
    """series, episodes, short, failures, missing of a rule."""
    return tuple(map(int, re.search(rf"^{name} +(\d+) +(\d+) +(\d+) +(\d+) +(\d+) ", output, re.M).groups()))


def test_a_csv_directory_over_days(replay, tmp_path):
    values = [40] * 10000 + [90] * 60 + [40] * 100 + [97] * 6 + [40] * 100
    write_csv(tmp_path / "csv", "web1/pool-a/percent-used", values)
    write_csv(tmp_path / "csv", "web2/pool-a/percent-used", [40] * 100)
    code, output = replay(tmp_path / "csv", "--events")
    assert code == 0 and "2 series, 10366 readings" in output, output
    assert sums(output, "used") == (2, 3, 1, 1, 1)
    assert re.search(r"^2025-10-02 03:46:40  rule \"used\": OKAY -> WARNING, web1/pool-a/percent-used 90 > 80", output, re.M)
    assert re.search(r"^2025-10-02 03:47:10  response \"degrade\": OFF -> ENGAGING", output, re.M)
    assert re.search(r"^2025-10-02 03:48:10  response \"degrade\": Switch cache on", output, re.M)
    assert re.search(r"^degrade +2  12 min\n  Switch slow_down +2  12 min\n  Switch cache +1  9 min$", output, re.M), output


def test_totals_become_rates_by_their_type(replay, tmp_path):
    write_csv(tmp_path / "csv", "web1/net/total_bytes-in", [n * 500 for n in range(50)] + [25000 + n * 5000 for n in range(50)])
    code, output = replay(tmp_path / "csv")
    assert code == 0 and sums(output, "bytes") == (1, 1, 0, 0, 0)
    code, output = replay(tmp_path / "csv", "--rates")
    assert sums(output, "bytes")[1] == 1


def test_holes_are_series_that_stopped(replay, tmp_path):
    write_csv(tmp_path / "csv", "web1/pool-a/percent-used", [40] * 20 + [None] * 60 + [40] * 20)
    assert sums(replay(tmp_path / "csv")[1], "used") == (1, 1, 0, 0, 1)


def test_lines_that_are_not_a_reading_are_ignored(replay, tmp_path):
    write_csv(tmp_path / "csv", "web1/pool-a/percent-used", [40] * 20)
    file, = (tmp_path / "csv").rglob("percent-used-*")
    file.write_text(file.read_text() + "nonsense\n1759276999.000,12\n17592770")
    (file.parent / "README").write_text("x")
    (file.parent / "percent-free-2025-10-01").write_bytes(b"\xff" * 100)
    code, output = replay(tmp_path / "csv")
    assert code == 0 and "ignored: 2 line(s)" in output, output


def test_a_directory_without_readings(replay, tmp_path):
    (tmp_path / "empty").mkdir()
    code, output = replay(tmp_path / "empty")
    assert code == 3 and "has no host/plugin/type-YYYY-MM-DD of the csv plugin" in output
    code, output = replay(tmp_path / "nothing")
    assert code == 3 and "No such file or directory" in output


def test_it_decides_as_the_daemon_did(collectd, replay, directory):
    """What a stock collectd kept and what it decided: the replay decides the same."""
    rules = RULES.split("\n", 1)[1].split("  <SwitchStore", 1)[0]
    collectd.load("resource_alert", f'Journal "{directory}/journal"\n{rules}').start()
    journal = directory / "journal"

    def decided():
        lines = map(json.loads, journal.read_text().splitlines() if journal.exists() else [])
        return [(line["from"], line["to"]) for line in lines if line["event"] == "state" and line["rule"] == "used"]

    moment = START
    for value, state in [(40, "OKAY"), (90, "WARNING"), (97, "FAILURE"), (90, "WARNING"), (40, "OKAY"),
                         (96, "FAILURE"), (10, "OKAY"), (81, "WARNING"), (80, None), (40, "OKAY")]:
        moment += 10
        collectd.put_value("pool-a/percent-used", value, at=moment, interval=10)
        # The daemon would report a change there and back between two looks as one.
        collectd.expect(lambda: state is None or decided() and decided()[-1][1] == state, within=20)
    collectd.expect(lambda: len(collectd.history("pool-a/percent-used")) == 10)
    collectd.stop()
    output = replay(collectd.csv, "--events")[1]
    replayed = re.findall(r'rule "used": (\w+) -> (\w+), testhost/pool-a/percent-used', output)
    replayed = [change for change in replayed if "MISSING" not in change]
    assert replayed == [("OKAY", "WARNING"), ("WARNING", "FAILURE"), ("FAILURE", "WARNING"), ("WARNING", "OKAY"),
                        ("OKAY", "FAILURE"), ("FAILURE", "OKAY"), ("OKAY", "WARNING"), ("WARNING", "OKAY")]
    assert decided() == [("UNKNOWN", "OKAY"), *replayed]


def test_a_replay_blocks_the_steps_that_a_pool_has_no_room_for(replay, rules_file, tmp_path):
    """Of 97 connections 30 are open: one more replica may be added, or two of which each has opened nothing yet."""
    rules_file.write_text(RULES.replace("  </Response>", SCALE))
    write_csv(tmp_path / "csv", "web1/pool-a/percent-used", [90] * 60)
    write_csv(tmp_path / "csv", "web1/dbpool-trading/current_connections-headroom", [67] * 30 + [20] * 30)
    write_csv(tmp_path / "csv", "web1/dbpool-trading/current_connections-total", [30] * 30 + [77] * 30)
    code, output = replay(tmp_path / "csv", "--events")
    assert code == 0
    lines = [re.sub(r"^.*?(?=response)", "", line) for line in output.splitlines() if "Scale" in line]
    assert lines[0] == 'response "degrade": Scale trading/api on'
    assert lines[1] == ('response "degrade": Scale trading/api is blocked: pool "trading": 67 connections left and 30 open, '
                        "30 needed for one more replica beside the 3 present")
    assert lines[2].endswith('pool "trading": 20 connections left and 77 open, 30 needed for one more replica beside the 5 present')
    assert "blocked 2 time(s) by the room of its pool" in output
