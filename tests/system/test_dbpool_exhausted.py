# SPDX-License-Identifier: MIT
"""An exhausted pool: the settings in the application's log are compared with those
of dbpool, and the installed rules report it."""
import json

import pytest
import sqlalchemy
from servers.application import Application, pool


@pytest.fixture
def log_file(directory):
    path = directory / "trading.log"
    path.touch()
    return path


def test_a_pool_that_times_out(collectd, postgresql, log_file):
    collectd.interval = 0.2
    journal = collectd.directory / "journal"
    collectd.load("dbpool", pool(postgresql))
    collectd.load("session_log", f'StateDir "{collectd.directory}/log_state"\n'
                                 f'<Log "trading">\n  File "{log_file}"\n</Log>')
    collectd.include("40-thresholds.conf", [
        ("/var/lib/collectd/resource_alert", collectd.directory / "state"),
        ("/var/log/collectd/resource_alert.jsonl", journal), ("RecoverFor 60", "RecoverFor 0")])
    collectd.start()
    collectd.expect(lambda: collectd.rate("session_log-trading/total_sessions-timed_out") == 0)

    application = Application(postgresql, pool_size=1, max_overflow=1, pool_timeout=0.1)
    application.work(2)
    with pytest.raises(sqlalchemy.exc.TimeoutError) as failure:
        application.work(1)
    with log_file.open("a", encoding="utf-8") as log:
        log.write(f"2026-01-01 12:00:00,000 ERROR api: {failure.value}\n")

    def states():
        lines = map(json.loads, journal.read_text(encoding="utf-8").splitlines())
        return [line["to"] for line in lines if line.get("rule") == "pool_timeout"
                and line["event"] == "state"]
    collectd.expect(lambda: states()[-2:] == ["FAILURE", "OKAY"])
    lines = collectd.expect(lambda: collectd.log_lines('pool "trading": differs from the application.s log'))
    assert len(lines) == 1
    assert ("PoolSize 10 (logged: 1), MaxOverflow 20 (logged: 1), "
            "PoolTimeout 30 (logged: 0.1)") in lines[0]
    application.close()
