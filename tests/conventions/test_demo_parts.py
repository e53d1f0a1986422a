# SPDX-License-Identifier: MIT
"""The parts of tools/demo that need no server: what it shows, what it substitutes, what it demands."""
import difflib
import io
import math
import pathlib
import re
import shutil
import sys
import types

import pytest
from conventions import ROOT

sys.path.insert(0, str(ROOT / "contrib/demo"))

import configuration  # noqa: E402
import settings  # noqa: E402
from children import Failed  # noqa: E402
from expectations import EXPECTED, Expectations  # noqa: E402
from lines import FileLines  # noqa: E402
from rules import Table  # noqa: E402
from screen import RuleLine, Style, Terminal, View, duration, event, number, table  # noqa: E402

VIEW = View(
    elapsed_s=23, for_s=60, chapter="the market opens", checked_out=26, counted=27,
    switches={"limit_noncore_api": True, "pause_scheduled_jobs": False, "serve_cached": False},
    rules=[RuleLine("pool_used", "WARNING", 86.66, "> 80", " %", 7, "dbpool-trading/percent-used"),
          RuleLine("disk_free", "OKAY", 44, "< 20", " %", 4000, "statgrab-df-root/percent-free"),
          RuleLine("session_leak", "UNKNOWN", math.nan, "> 0", "", math.nan, "session_log-*/current_sessions-leaked")])

SAMPLE = """\
# Prose that mentions PoolSize 99 means nothing.
<Plugin dbpool>
  <Pool "trading">
    Host "/run/postgresql"   # where the socket is
    PoolSize 10
    #LeakAfter 300
  </Pool>
  #<Pool "other">
    #PoolSize 20
  #</Pool>
</Plugin>
"""

TABLE = """\
<Plugin resource_alert>
  <Threshold "pool_used">
    Metric "dbpool-*/percent-used"
    WarningMax 80
    FailureMax 95
  </Threshold>
  <Threshold "disk_free">
    Metric "statgrab-df-*/percent-free"
    WarningMin 20
  </Threshold>
  <Threshold "cpu_load">
    Metric "statgrab-load/load-relative:shortterm"
    WarningMax 1.5
  </Threshold>
</Plugin>
"""


def plain(line):
    return re.sub(r"\x1b\[[0-9;]*m", "", line)


def test_a_wide_table_shows_every_column():
    lines = table(VIEW, Style(width=100))
    assert lines[0].startswith("── 0:23 of 1:00 ── the market opens ──")
    assert lines[1].split() == ["rule", "state", "value", "limit", "since", "series"]
    assert lines[2] == "● pool_used     WARNING   86.7 %    > 80 %   0:07  dbpool-trading/percent-used"
    assert lines[3].split()[-2:] == ["1h06m", "statgrab-df-root/percent-free"]
    assert lines[4].split()[2:5] == ["UNKNOWN", "-", ">"]
    assert table(VIEW, Style(width=80))[4].split()[-1] == "session_log-*/…essions-leaked"
    assert "█" * 26 + "░" * 4 + "  26 of 30 in use, 27 by its own count" in lines[5]
    assert lines[6].split() == ["switches", "limit_noncore_api", "on", "pause_scheduled_jobs", "serve_cached"]


@pytest.mark.parametrize("colour", [False, True])
@pytest.mark.parametrize("width", range(20, 130))
def test_no_line_is_wider_than_the_terminal(width, colour):
    style = Style(width, colour)
    lines = [*table(VIEW, style), event("12:00:00", "pool_used", "word " * 40, "WARNING", style)]
    assert max(len(plain(line)) for line in lines) <= width
    assert all(line.count("\x1b[") == 2 * line.count("\x1b[0m") for line in lines)


@pytest.mark.parametrize("width, last", [
    (63, "series"), (62, "since"), (39, "since"), (38, "value"), (32, "value"), (31, "state")])
def test_a_narrow_table_drops_what_matters_least(width, last):
    assert table(VIEW, Style(width))[1].split()[-1] == last


def test_a_terminal_without_unicode_gets_ascii():
    style = Style(100, unicode=False)
    assert all(line.isascii() for line in table(VIEW, style))
    assert event("12:00:00", "pool_used", "OKAY → WARNING", "", style) == "12:00:00  pool_used     OKAY -> WARNING"


@pytest.mark.parametrize("seconds, text", [(0, "0:00"), (61.9, "1:01"), (3599, "59:59"), (3720, "1h02m"), (90000, "1d01h"), (math.nan, "-")])
def test_durations_stay_short(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize("value, text", [(0, "0"), (26, "26"), (86.666, "86.7"), (1.25, "1.25"), (math.nan, "-")])
def test_numbers_have_the_digits_that_matter(value, text):
    assert number(value) == text


class Tty(io.StringIO):
    def isatty(self):
        return True


def test_a_terminal_keeps_the_table_below_the_events(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("LINES", "24")
    stream = Tty()
    terminal = Terminal(stream, {"TERM": "xterm"})
    terminal.draw(VIEW)
    drawn = stream.getvalue().count("\n")
    terminal.draw(VIEW)
    assert stream.getvalue().count("\n") == drawn, "drawn again although nothing changed"
    terminal.event("12:00:00", "pool_used", "OKAY → WARNING", "WARNING")
    assert f"\x1b[{drawn}A\x1b[J" in stream.getvalue()


def test_a_terminal_made_narrower_folds_what_it_shows(monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    stream = Tty()
    terminal = Terminal(stream, {"TERM": "xterm"})
    terminal.draw(VIEW)
    drawn = stream.getvalue().count("\n")
    monkeypatch.setenv("COLUMNS", "50")
    terminal.print("next")
    up = int(re.search(r"\x1b\[(\d+)A", stream.getvalue()).group(1))
    assert drawn < up <= 2 * drawn


@pytest.mark.parametrize("environment, unicode", [
    ({"LANG": "de_DE.UTF-8"}, True), ({"LC_ALL": "C.utf8"}, True), ({"LC_ALL": "C", "LANG": "C.UTF-8"}, False), ({}, False)])
def test_the_locale_decides_on_unicode(environment, unicode):
    assert Terminal(Tty(), environment).unicode == unicode


@pytest.mark.parametrize("environment", [{"TERM": "xterm", "NO_COLOR": "1"}, {"TERM": "dumb"}, {}])
def test_no_colour_where_none_is_wanted(environment):
    assert not Terminal(Tty(), environment).colour


def test_what_is_no_terminal_gets_no_escapes():
    stream = io.StringIO()
    terminal = Terminal(stream, {"TERM": "xterm"})
    terminal.event("12:00:00", "pool_used", "OKAY → WARNING", "WARNING")
    terminal.draw(VIEW)
    assert "\x1b" not in stream.getvalue() and "pool_used" in stream.getvalue()


def test_a_substitution_changes_one_line():
    text = configuration.substitute(SAMPLE, ("Plugin dbpool", "Pool trading"), "Host", '"/tmp/x"')
    assert text == SAMPLE.replace('Host "/run/postgresql"   # where the socket is', 'Host "/tmp/x"')


def test_a_substitution_switches_on_what_is_a_comment():
    text = configuration.substitute(SAMPLE, ("Plugin dbpool", "Pool trading"), "LeakAfter", 3)
    assert text == SAMPLE.replace("#LeakAfter 300", "LeakAfter 3")


@pytest.mark.parametrize("path, option", [
    (("Plugin dbpool", "Pool trading"), "Port"), (("Plugin dbpool",), "PoolSize"), ((), "Host")])
def test_a_substitution_that_meets_nothing_is_refused(path, option):
    with pytest.raises(Failed, match=f"{option} in .*: found 0 times, expected once"):
        configuration.substitute(SAMPLE, path, option, 1)


def test_a_substitution_can_name_the_value_it_replaces():
    text = 'TypesDB "/a"\nTypesDB "/b"\n'
    assert configuration.substitute(text, (), "TypesDB", '"/c"', was="/b") == 'TypesDB "/a"\nTypesDB "/c"\n'


def test_an_option_that_is_not_shown_is_added_to_its_block():
    trading = ("Plugin dbpool", "Pool trading")
    assert configuration.assign(SAMPLE, trading, "LeakAfter", 3) == SAMPLE.replace("#LeakAfter 300", "LeakAfter 3")
    assert configuration.assign(SAMPLE, trading, "Timeout", 3) == SAMPLE.replace(
        '<Pool "trading">\n', '<Pool "trading">\n    Timeout 3\n')


def test_a_block_is_switched_on_with_all_that_is_in_it():
    text = configuration.switch_on(SAMPLE, ("Plugin dbpool", "Pool other"))
    assert text == SAMPLE.replace('  #<Pool "other">\n    #PoolSize 20\n  #</Pool>', '  <Pool "other">\n    PoolSize 20\n  </Pool>')
    with pytest.raises(Failed, match="found 0 times"):
        configuration.switch_on(SAMPLE, ("Plugin dbpool", "Pool none"))


def test_a_substitution_that_meets_twice_is_refused():
    twice = SAMPLE.replace("PoolSize 10\n", "PoolSize 10\n    PoolSize 11\n")
    with pytest.raises(Failed, match="found 2 times"):
        configuration.substitute(twice, ("Plugin dbpool", "Pool trading"), "PoolSize", 1)


def test_conf_d_is_changed_in_paths_and_waiting_times_only(tmp_path):
    servers = [types.SimpleNamespace(socket="/t/socket"), types.SimpleNamespace(log="/t/log", switches="/t/switches"),
               types.SimpleNamespace(page="127.0.0.1:1", control="/t/control", journal="/t/journal")]
    shutil.copytree(ROOT / "conf.d", tmp_path, dirs_exist_ok=True)
    settings.apply(tmp_path, pathlib.Path("/t"), *servers)
    changed = set()
    for sample in (ROOT / "conf.d").glob("*.conf"):
        texts = [[line.strip().lstrip("#") for line in path.read_text().splitlines()]
                 for path in [sample, tmp_path / sample.name]]
        changed |= {line.split()[0][1:] for line in difflib.unified_diff(*texts, n=0) if re.match(r"\+\w", line)}
    assert changed == {
        "TypesDB", "Host", "File", "StateDir", "Journal", "StatusListen", "ControlSocket", "Path", "DisableFile",  # where
        "LeakAfter", "LeakWindow", "For", "RecoverFor", "EngageAfter", "ReleaseAfter", "After",  # how long
        "MaxActionsPerHour", "Mode"}  # how much an hour; and no dry run


class Answers:
    """A unixsock that knows these values."""

    def __init__(self, **values):
        self.values = {f"demo/{name}": value for name, value in values.items()}

    def readings(self, name):
        return self.values[name]


def test_rules_show_the_series_nearest_to_the_limit():
    values = {"statgrab-df-root/percent-free": {"value": 40.0}, "statgrab-df-home/percent-free": {"value": 12.0},
              "statgrab-load/load-relative": {"shortterm": 0.5, "midterm": 9.0, "longterm": 9.0}}
    unixsock = Answers(**values)
    rules = Table(TABLE)
    rules.read(unixsock, list(unixsock.values), now=5)
    pool, disk, load = rules.rules(now=9)
    assert (pool.value is math.nan, pool.series, pool.limit, pool.unit) == (True, "dbpool-*/percent-used", "> 80", " %")
    assert (disk.value, disk.series, disk.limit) == (12.0, "statgrab-df-home/percent-free", "< 20")
    assert (load.value, load.limit, load.unit) == (0.5, "> 1.5", "")


def test_a_rule_has_the_worst_state_of_its_series():
    rules = Table(TABLE)
    for series, state, now in [("a", "WARNING", 1), ("b", "FAILURE", 2), ("a", "OKAY", 3)]:
        rules.add_change({"rule": "disk_free", "series": series, "to": state}, now)
    assert (rules.rules(9)[1].state, rules.rules(9)[1].since_s) == ("FAILURE", 7)


def test_lines_are_read_when_they_are_whole(tmp_path):
    path = tmp_path / "journal"
    lines = FileLines(path)
    assert lines.objects() == []
    path.write_text('{"a": 1}\n{"b"')
    assert lines.objects() == [{"a": 1}]
    path.write_text('{"a": 1}\n{"b": 2}\n')
    assert lines.objects() == [{"b": 2}]


def test_a_demo_that_kept_every_promise():
    expected = Expectations()
    assert expected.missing() == [*EXPECTED.values()]
    for rule, state in [("pool_used", "WARNING"), ("session_leak", "WARNING"), ("log_errors", "FAILURE"), ("pool_used", "OKAY")]:
        expected.see_state(rule, state)
    for name, is_on in [("one", True), ("two", True), ("one", False)]:
        expected.see_switch(name, is_on)
    assert expected.missing() == [EXPECTED["switch_off"]]
    expected.see_switch("two", False)
    assert expected.missing() == []


def test_okay_at_the_start_is_no_recovery():
    expected = Expectations()
    expected.see_state("pool_used", "OKAY")
    assert EXPECTED["pool_used_recovers"] in expected.missing()
