# SPDX-License-Identifier: MIT
"""Leaked connections and sessions stand with their rule: in the status, on the page's data and in the journal."""
import json
import subprocess

import pytest
from servers import build
from servers.application import Application, pool

RULES = """
  <Threshold "pool_leak">
    Metric "dbpool-*/current_connections-leaked"
    WarningMax 0
  </Threshold>
  <Threshold "session_leak">
    Metric "session_log-*/current_sessions-leaked"
    WarningMax 0
  </Threshold>"""


@pytest.fixture
def leaks(collectd, directory):
    """The leaks of a rule, as /status has them."""
    collectd.load("resource_alert", f"""
  ControlSocket "{directory}/ctl"
  Journal "{directory}/journal"{RULES}""")

    def of(rule):
        answer = subprocess.run([build.BUILD / "resource-alertctl", "status", "--json", "--socket", directory / "ctl"],
                                capture_output=True, text=True, timeout=30)
        rules = json.loads(answer.stdout)["rules"] if answer.stdout.startswith("{") else []
        return [leak for one in rules if one["name"] == rule for series in one["series"] for leak in series.get("leaks", [])]
    return of


def journal(directory, kind):
    path = directory / "journal"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return [one for one in map(json.loads, lines) if one["event"] == kind]


def test_a_connection(collectd, directory, postgresql, leaks):
    application = Application(postgresql)
    collectd.load("dbpool", pool(postgresql, LeakAfter=1)).start()
    application.work(2, "SELECT 'a secret', 4711")
    collectd.expect(lambda: len(leaks("pool_leak")) == 2)
    [first, second] = leaks("pool_leak")
    assert first["pid"] != second["pid"] and first["application"] == "trading-api"
    assert first["statement"] == "SELECT ?, ?" and "secret" not in json.dumps(first)
    assert first["client"] and first["age_s"] >= 1
    assert [one["pid"] for one in journal(directory, "leak")] == [first["pid"], second["pid"]]
    postgresql.run(first["end"])  # the line that ends it
    collectd.expect(lambda: [one["pid"] for one in leaks("pool_leak")] == [second["pid"]])
    assert [one["pid"] for one in journal(directory, "leak_ended")] == [first["pid"]]
    application.held = application.held[1:]  # that one is gone
    application.close()
    collectd.expect(lambda: leaks("pool_leak") == [])


def test_a_session_of_a_log(collectd, directory, leaks):
    log = directory / "log"
    log.touch()
    collectd.load("session_log", f"""
  StateDir "{directory}/session_log"
  <Log "trading">
    File "{log}"
    Session "session=(\\\\w+)"
    LeakAfter 1
  </Log>""").start()
    collectd.expect(lambda: collectd.has_value("session_log-trading/current_sessions-leaked"))
    log.write_text("Creating new database session session=abc\n")
    collectd.expect(lambda: [one["session"] for one in leaks("session_leak")] == ["abc"])
    [leak] = leaks("session_leak")
    assert leak["file"] == str(log) and "end" not in leak
    with log.open("a") as file:
        file.write("Closing database session session=abc\n")
    collectd.expect(lambda: leaks("session_leak") == [])
