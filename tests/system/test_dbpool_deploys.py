# SPDX-License-Identifier: MIT
"""dbpool: workers that come, fork and go, and pools whose sessions have other names."""
import os
import signal
import time

import psycopg2
import pytest
from servers.application import pool

POOL = "dbpool-trading"
HELD = 9  # connections of each worker, in a transaction; 30 % of PoolSize 10 + MaxOverflow 20


@pytest.fixture
def collectd(collectd):
    collectd.interval = 0.1
    return collectd


class Workers:
    """Processes of the application, each with connections of its own."""

    def __init__(self, postgresql):
        self.target = {"host": str(postgresql.socket_directory), "port": postgresql.tcp_port, "user": "postgres",
                       "dbname": "postgres", "application_name": "trading-api"}
        self.pids = []

    def start(self):
        pid = os.fork()
        if pid == 0:
            try:
                held = [psycopg2.connect(**self.target) for _ in range(HELD)]
                for session in held:
                    session.cursor().execute("SELECT 1")
                signal.pause()
            finally:
                os._exit(0)
        self.pids.append(pid)

    def stop(self, count):
        for pid in self.pids[:count]:
            os.kill(pid, signal.SIGKILL)  # a crash
            os.waitpid(pid, 0)
        del self.pids[:count]


@pytest.fixture
def workers(postgresql):
    one = Workers(postgresql)
    yield one
    one.stop(len(one.pids))


def test_deploys_raise_no_alarm(collectd, postgresql, workers):
    """Twenty deploys of four workers, one after the other, while the old ones still run."""
    collectd.load("dbpool", pool(postgresql)).start()
    for _ in range(20):
        before = len(workers.pids)
        for _ in range(4):
            workers.start()
            time.sleep(0.1)  # the pace of the deploy, not a wait for a condition
        workers.stop(before)
    collectd.expect(lambda: collectd.value(f"{POOL}/current_connections-checked_out") == 4 * HELD)
    collectd.expect(lambda: collectd.value(f"{POOL}/current_connections-capacity") == 120)
    used = [row["value"] for row in collectd.history(f"{POOL}/percent-used")]
    assert len(used) > 20
    assert max(used) <= 60, used  # two starting at once may look like one: 18 of 30
    assert not collectd.log_lines("but PoolSize, MaxOverflow and")
    [line] = collectd.log_lines('Processes is "auto"')
    assert "of other hosts hold sessions" in line


def test_a_number_is_taken_as_it_is(collectd, postgresql, workers):
    collectd.load("dbpool", pool(postgresql, Processes='"2"')).start()
    for _ in range(2):
        workers.start()
    collectd.expect(lambda: collectd.value(f"{POOL}/current_connections-checked_out") == 2 * HELD)
    collectd.expect(lambda: collectd.value(f"{POOL}/current_connections-capacity") == 60)


def test_a_pool_with_a_maximum(collectd, postgresql, workers):
    collectd.load("dbpool", pool(postgresql, Minimum=2, Maximum=18)).start()
    workers.start()
    collectd.expect(lambda: collectd.value(f"{POOL}/percent-used") == 50)


def test_names_that_do_not_match_are_shown(collectd, postgresql):
    """Renamed by a proxy, reset, cut at 63 bytes, and not ASCII; within a minute."""
    names = ["trading - 127.0.0.1:36446", "", "t" * 70, "\u4ea4\u6613-api"]
    sessions = [postgresql.connect(application_name=name) for name in names]
    collectd.load("dbpool", pool(postgresql, Application='"trading-api"')).start()
    [line] = collectd.expect(lambda: collectd.log_lines('pool "trading": no session on database'), within=60)
    for seen in (names[0], '""', "t" * 63, "-api"):
        assert seen in line
    assert not collectd.has_value(f"{POOL}/percent-used")
    for session in sessions:
        session.close()
