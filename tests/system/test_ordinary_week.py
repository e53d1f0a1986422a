# SPDX-License-Identifier: MIT
"""A week of an ordinary machine raises no alert by the installed rules; the same week with a fault does.

recordings/ordinary.gz holds what recordings/record.py measured, once a second: a line for each series. Here each reading stands
for ten seconds, the interval of collectd, and each line is repeated until the week is full. So what lasted a second lasts ten,
and the averages of the load and of pressure change ten times as slowly as they did: both make alerts more likely. Counters are
recorded as rates and stay as they are."""
import gzip
import pathlib
import re
import subprocess

import pytest
from servers import build

CTL = build.BUILD / "resource-alertctl"
TABLE = build.SOURCE / "conf.d/40-thresholds.conf"
RECORD = pathlib.Path(__file__).parent / "recordings/ordinary.gz"
START = 1_759_276_800  # midnight, UTC
STEP_S = 10
DAY_STEPS = 86400 // STEP_S
DAYS = 1 if build.sanitizers() else 7  # one holds all of the record, too
SOURCES = {"load": ("shortterm", "midterm", "longterm"), "ps_count": ("processes", "threads"), "duration": ("seconds",)}

# rule: a series of the record, and its value from 06:00 to 06:30 of the first day
FAULTS = {
    "db_down": ("dbpool-trading/gauge-up", "0"),
    "pool_used": ("dbpool-trading/percent-used", "97"),
    "pool_waiting": ("dbpool-trading/current_connections-waiting", "3"),
    "pool_wait": ("dbpool-trading/duration-oldest_wait", "9"),
    "pool_leak": ("dbpool-trading/current_connections-leaked", "1"),
    "pool_recycle": ("dbpool-trading/current_connections-recycle_overdue", "2"),
    "pool_timeout": ("session_log-trading/total_sessions-timed_out", "0.1"),
    "session_failed": ("session_log-trading/total_sessions-recovered", "0.1"),
    "session_unclosed": ("session_log-trading/current_sessions-unclosed_after_error", "1"),
    "session_leak": ("session_log-trading/current_sessions-leaked", "4"),
    "log_errors": ("session_log-trading/log_rate-errors", "30"),
    "memory_used": ("statgrab-memory/percent-used", "93"),
    "oom_kill": ("statgrab-vmem/total_events-oom_kill", "0.1"),
    "disk_free": ("statgrab-df-root/percent-free", "4"),
    "inodes_free": ("statgrab-df-root/percent_inodes-free", "2"),
    "cpu_load": ("statgrab-load/load-relative", "4:4:4"),
    "cpu_used": ("statgrab-cpu/percent-active", "99"),
    "process_count": ("statgrab-processes/ps_count", "9000:9000"),
    "memory_pressure": ("statgrab-pressure-memory/percent-full_avg60", "30"),
    "io_pressure": ("statgrab-pressure-io/percent-full_avg60", "95"),
    "cpu_pressure": ("statgrab-pressure-cpu/percent-some_avg60", "99"),
}
FAULT_STEPS = range(6 * 3600 // STEP_S, 6 * 3600 // STEP_S + 180)


def read_record():
    """{series: [values as text]}, one for each second."""
    lines = gzip.decompress(RECORD.read_bytes()).decode().splitlines()
    return {line.split()[0]: line.split()[1:] for line in lines if not line.startswith("#")}


def write_week(root, faults):
    """The files of the csv plugin, as it stores rates."""
    for name, values in read_record().items():
        plugin, kind = name.split("/")
        sources = SOURCES.get(kind.partition("-")[0], ("value",))
        directory = root / "host" / plugin
        directory.mkdir(parents=True, exist_ok=True)
        for day in range(DAYS):
            readings = [values[step % len(values)] for step in range(day * DAY_STEPS, (day + 1) * DAY_STEPS)]
            for step in FAULT_STEPS if day == 0 and name in faults else ():
                readings[step] = faults[name]
            begin = START + day * 86400
            lines = [f"{begin + step * STEP_S}.000,{value.replace(':', ',')}" for step, value in enumerate(readings)]
            text = "\n".join([f"epoch,{','.join(sources)}", *lines, ""])
            (directory / f"{kind}-2025-10-{1 + day:02d}").write_text(text)


@pytest.fixture
def replayed(tmp_path):
    """Replays the week; returns the changes for the worse as [(rule, state)]."""
    def run(faults):
        write_week(tmp_path / "csv", faults)
        types = ":".join(map(str, build.TYPES))
        result = subprocess.run([CTL, "replay", "--rates", "--events", "--types", types, "--config", TABLE, tmp_path / "csv"],
                                capture_output=True, text=True, timeout=300, env={"TZ": "UTC", "PATH": "/usr/bin:/bin"})
        assert result.returncode == 0, result.stdout + result.stderr
        return re.findall(r'rule "(\w+)": \w+ -> (WARNING|FAILURE|MISSING)', result.stdout)
    return run


def test_a_week_without_an_alert(replayed):
    assert replayed({}) == []


def test_a_fault_in_it_is_an_alert(replayed):
    assert {rule for rule, _ in replayed(dict(FAULTS.values()))} == set(FAULTS)


def test_the_record_has_a_series_for_each_rule():
    """But for containers, and for a forecast, which needs a rise; the thread of a log that hangs is newer than the record."""
    blocks = re.findall(r'^  <Threshold "(\w+)">.*?Metric "([^":]+)', TABLE.read_text(encoding="utf-8"), re.M | re.S)
    names = read_record()
    missing = {rule for rule, metric in blocks
               if not any(re.fullmatch(metric.replace("*", ".*"), name) for name in names)}
    assert missing <= {"container_memory", "container_throttled", "log_hung"}
    assert set(FAULTS) <= {rule for rule, _ in blocks}
