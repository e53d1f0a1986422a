# SPDX-License-Identifier: MIT
"""The rules as they are installed: each fires and recovers, says the truth in each state, and is quiet where nothing is wrong."""
import re
import subprocess

import pytest
from servers import build

CTL = build.BUILD / "resource-alertctl"
TABLE = build.SOURCE / "conf.d/40-thresholds.conf"
BLOCKS = dict(re.findall(r'^  <Threshold "(\w+)">\n(.*?)^  </Threshold>', TABLE.read_text(encoding="utf-8"), re.M | re.S))
POOL = "h/dbpool-trading/"
LOG = "h/session_log-trading/"
FULL = {POOL + "current_connections-capacity": "30x400", POOL + "percent-used": "60x400"}

# rule: (series, a good value, a bad one, the state, companions); of counters the rate.
RULES = {
    "db_down": (POOL + "gauge-up", 1, 0, "FAILURE", {}),
    "pool_used": (POOL + "percent-used", 74, 81, "WARNING", {POOL + "current_connections-capacity": "30x400"}),
    "pool_ready": (POOL + "current_connections-ready", 3, 2, "WARNING", FULL),
    "pool_waiting": (POOL + "current_connections-waiting", 0, 1, "WARNING", {}),
    "pool_wait": (POOL + "duration-oldest_wait", 4, 6, "WARNING", {}),
    "pool_leak": (POOL + "current_connections-leaked", 0, 1, "WARNING", {}),
    "pool_recycle": (POOL + "current_connections-recycle_overdue", 0, 1, "WARNING", {}),
    "pool_forecast": (POOL + "duration-until_exhausted", 86400, 500, "WARNING", FULL),
    "pool_timeout": (LOG + "total_sessions-timed_out", 0, 1, "FAILURE", {}),
    "session_failed": (LOG + "total_sessions-recovered", 0, 1, "WARNING", {}),
    "session_unclosed": (LOG + "current_sessions-unclosed_after_error", 0, 1, "WARNING", {}),
    "session_leak": (LOG + "current_sessions-leaked", 0, 1, "WARNING", {}),
    "log_hung": (LOG + "duration-hung", 1, 11, "FAILURE", {}),
    "log_errors": (LOG + "log_rate-errors", 10, 11, "FAILURE", {}),
    "memory_used": ("h/statgrab-memory/percent-used", 77, 81, "WARNING", {}),
    "oom_kill": ("h/statgrab-vmem/total_events-oom_kill", 0, 0.1, "FAILURE", {}),
    "disk_free": ("h/statgrab-df-root/percent-free", 22, 19, "WARNING", {}),
    "inodes_free": ("h/statgrab-df-root/percent_inodes-free", 12, 9, "WARNING", {}),
    "cpu_load": ("h/statgrab-load/load-relative", 1, 2, "WARNING", {}),
    "cpu_used": ("h/statgrab-cpu/percent-active", 89, 91, "WARNING", {}),
    "process_count": ("h/statgrab-processes/ps_count", 400, 6000, "WARNING", {}),
    "memory_pressure": ("h/statgrab-pressure-memory/percent-full_avg60", 9, 11, "WARNING", {}),
    "io_pressure": ("h/statgrab-pressure-io/percent-full_avg60", 79, 81, "WARNING", {}),
    "cpu_pressure": ("h/statgrab-pressure-cpu/percent-some_avg60", 89, 91, "WARNING", {}),
    "container_memory": ("h/statgrab-cgroup/percent-used", 87, 91, "WARNING", {}),
    "container_throttled": ("h/statgrab-cgroup/total_time_in_ms-throttled", 200, 300, "WARNING", {}),
}
SOURCES = {"load-relative": "shortterm", "ps_count": "processes"}


def option(rule, name):
    return re.findall(rf"^    {name} (.*)$", BLOCKS[rule], re.M)


def series(name, values):
    source = SOURCES.get(name.rpartition("/")[2])
    return f'  <Series "{name}">\n' + (f'    Source "{source}"\n' if source else "") + f'    Values "{values}"\n  </Series>\n'


def scenario(title, values, moments):
    times = dict.fromkeys(at for at, _, _ in moments)
    states = "".join(f'  <At "{at}">\n' + "".join(f'    Rule "{rule}" "{state}"\n' for when, rule, state in moments if when == at)
                     + "  </At>\n" for at in times)
    return f'<Test "{title}">\n  Interval 10\n{"".join(series(*one) for one in values.items())}{states}</Test>\n'


def run(tmp_path, text):
    path = tmp_path / "tests.conf"
    path.write_text(text)
    result = subprocess.run([CTL, "test", "--config", TABLE, path], capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stdout + result.stderr


def test_every_rule_is_listed():
    assert set(BLOCKS) == set(RULES)


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_fires_and_recovers(tmp_path, rule):
    name, good, bad, state, companions = RULES[rule]
    run(tmp_path, scenario(rule, {**companions, name: f"{good}x100 {bad}x100 {good}x200"},
                           [("990s", rule, "OKAY"), ("1990s", rule, state), ("3900s", rule, "OKAY")]))


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_has_a_text_for_each_state_and_a_unit(rule):
    assert option(rule, "Unit") not in ([], ['""'])
    assert option(rule, "Message") and option(rule, "MessageOkay")
    assert option(rule, "MessageMissing") or option(rule, "Missing") == ['"ignore"']
    assert option(rule, "RepeatInterval")


def reading(size, overflow, used, processes=1):
    """What dbpool sends of a pool with USED connections checked out and none waiting."""
    total = max(used, min(size, used + 1)) * processes
    used *= processes
    capacity = processes * (size + overflow) if overflow >= 0 else 100
    return {POOL + "gauge-up": 1, POOL + "percent-used": 100 * used / capacity if capacity else "nan",
            POOL + "current_connections-capacity": capacity, POOL + "current_connections-checked_out": used,
            POOL + "current_connections-ready": max(size * processes, total) - used, POOL + "current_connections-waiting": 0,
            POOL + "duration-oldest_wait": 0, POOL + "current_connections-leaked": 0,
            POOL + "current_connections-recycle_overdue": 0, POOL + "duration-until_exhausted": 86400}


# Small pools may work with all that they have; larger ones are at rest, or have less than half of their connections out.
@pytest.mark.parametrize("size, overflow, used, processes", [
    *((size, overflow, 0, processes) for size in (0, 1, 2, 3, 5, 20, 1000) for overflow in (-1, 0, 1, 10) for processes in (1, 8)
      if size + overflow != 0),
    (1, 0, 1, 1), (2, 0, 1, 1), (2, 0, 2, 1), (1, 1, 2, 1), (0, 2, 2, 1), (0, -1, 3, 1), (0, -1, 40, 1), (1, 10, 4, 1), (2, 10, 5, 1),
    (5, 10, 7, 1), (10, 20, 14, 1), (3, 0, 1, 1), (5, 0, 2, 4), (20, 0, 9, 1), (10, 20, 10, 4)])
def test_no_size_of_pool_is_bad_while_nobody_waits(tmp_path, size, overflow, used, processes):
    values = {name: f"{value}x200" for name, value in reading(size, overflow, used, processes).items()}
    rules = [rule for rule in RULES if RULES[rule][0].startswith(POOL)]
    run(tmp_path, scenario("quiet", values, [("1990s", rule, "OKAY") for rule in rules]))


@pytest.mark.parametrize("size, overflow, used", [(3, 0, 3), (5, 10, 15), (10, 20, 25), (20, 0, 18), (1, 10, 11), (0, 10, 10)])
def test_a_pool_that_is_nearly_used_up_is_bad(tmp_path, size, overflow, used):
    values = {name: f"{value}x200" for name, value in reading(size, overflow, used).items()}
    percent = 100 * used / (size + overflow)
    run(tmp_path, scenario("bad", values, [("1990s", "pool_ready", "WARNING"),
                                           ("1990s", "pool_used", "FAILURE" if percent > 95 else "WARNING")]))


# The responses as they are installed.

def run_installed(tmp_path, values, moments):
    """MOMENTS: (time, response, state)."""
    text = scenario("installed", values, [])
    states = "".join(f'  <At "{at}">\n    Response "{name}" "{state}"\n  </At>\n' for at, name, state in moments)
    path = tmp_path / "all.conf"
    path.write_text(f'Include "{TABLE}"\nInclude "{build.SOURCE}/conf.d/50-responses.conf"\n')
    tests = tmp_path / "tests.conf"
    tests.write_text(text.replace("</Test>", f"{states}</Test>"))
    result = subprocess.run([CTL, "test", "--config", path, tests], capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stdout + result.stderr


def test_a_pool_that_works_in_its_overflow_degrades_nothing(tmp_path):
    """12 of 30 connections in use, 10 of them above PoolSize, although pool_ready is beyond its limit."""
    values = {name: f"{value}x400" for name, value in reading(10, 20, 12).items()}
    run_installed(tmp_path, values, [(at, "degrade", "OFF") for at in ("60s", "600s", "3900s")])


# 35 s are at most 4 readings.
@pytest.mark.parametrize("readings, moments", [
    (4, [(at, "degrade", "OFF") for at in ("1010s", "1035s", "1045s", "1060s", "1120s", "1400s")]),
    (10, [("1020s", "degrade", "OFF"), ("1080s", "degrade", "ENGAGED"), ("1390s", "degrade", "ENGAGED"),
          ("1500s", "degrade", "OFF")])])
def test_a_burst_of_35_seconds_degrades_nothing_and_a_longer_one_for_its_time(tmp_path, readings, moments):
    calm, burst = reading(10, 20, 12), reading(10, 20, 28)
    values = {name: f"{calm[name]}x100 {burst[name]}x{readings} {calm[name]}x100" for name in calm}
    run_installed(tmp_path, values, moments)


def test_the_memory_of_a_node_adds_no_replica(tmp_path):
    text = (build.SOURCE / "conf.d/50-responses.conf").read_text(encoding="utf-8")
    [scale_out] = re.findall(r'^ *#?<Response "scale_out">\n(.*?)^ *#?</Response>', text, re.M | re.S)
    [when] = re.findall(r'^ *#?When (.*)$', scale_out, re.M)
    assert "memory" not in when
