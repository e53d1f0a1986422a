# SPDX-License-Identifier: MIT
"""dbpool: SQLAlchemy's own pool on a real PostgreSQL, and the values and notifications about it."""
import os
import subprocess
import tempfile
import types

import pytest
import sqlalchemy
from servers.application import Application, pool
from servers.postgresql import PostgreSQL, version

POOL = "dbpool-trading"


@pytest.fixture(scope="module")
def postgresql(postgresql_template):
    """One server for all: each test watches what it opens itself."""
    with tempfile.TemporaryDirectory(prefix="resource-alert.") as place:
        os.chmod(place, 0o755)
        server = PostgreSQL(place, postgresql_template).start()
        yield server
        server.close()


@pytest.fixture
def collectd(collectd):
    collectd.interval = 0.2
    return collectd


@pytest.fixture
def application(postgresql):
    one = Application(postgresql)
    yield one
    one.close()


def connections(collectd, name, pool_name=POOL):
    return collectd.value(f"{pool_name}/current_connections-{name}")


def test_use_of_the_pool(collectd, postgresql, application):
    collectd.load("dbpool", pool(postgresql)).start()
    collectd.expect(lambda: collectd.value(f"{POOL}/gauge-up") == 1)
    assert not collectd.has_value(f"{POOL}/percent-used")  # unknown without any session
    application.work(1)
    application.rest()
    collectd.expect(lambda: connections(collectd, "ready") == 10)
    collectd.expect(lambda: connections(collectd, "capacity") == 30)
    collectd.expect(lambda: collectd.value(f"{POOL}/percent-used") == 0)
    application.work(25)
    collectd.expect(lambda: collectd.value(f"{POOL}/percent-used") > 80)
    collectd.expect(lambda: connections(collectd, "checked_out") == 25)
    collectd.expect(lambda: connections(collectd, "idle_in_transaction") == 25)
    collectd.expect(lambda: connections(collectd, "ready") == 0)
    application.rest()
    collectd.expect(lambda: connections(collectd, "checked_out") == 0)
    collectd.expect(lambda: connections(collectd, "total") == 10)
    collectd.expect(lambda: connections(collectd, "idle") == 10)
    collectd.expect(lambda: connections(collectd, "ready") == 10)


def test_few_connections_are_ready(collectd, postgresql, application):
    collectd.load("dbpool", pool(postgresql)).start()
    application.work(8)
    collectd.expect(lambda: connections(collectd, "ready") < 3)
    collectd.expect(lambda: connections(collectd, "ready") == 2)


def test_a_leak(collectd, postgresql, application):
    collectd.load("dbpool", pool(postgresql, LeakAfter=1)).start()
    application.work(3)
    collectd.expect(lambda: connections(collectd, "leaked") == 3)
    collectd.expect(lambda: collectd.value(f"{POOL}/duration-oldest_transaction") > 1)
    application.rest()
    collectd.expect(lambda: connections(collectd, "leaked") == 0)


def test_a_failed_transaction_is_one(collectd, postgresql, application):
    collectd.load("dbpool", pool(postgresql, LeakAfter=1)).start()
    application.work(1, statement=None)
    application.held[0].begin()
    with pytest.raises(sqlalchemy.exc.ProgrammingError):
        application.held[0].execute(sqlalchemy.text("SELECT nothing"))
    collectd.expect(lambda: connections(collectd, "aborted") == 1)
    collectd.expect(lambda: collectd.value(f"{POOL}/duration-oldest_transaction") > 1)
    collectd.expect(lambda: connections(collectd, "leaked") == 1)


def test_a_leak_is_notified_and_cleared(collectd, postgresql, application):
    collectd.load("dbpool", pool(postgresql, LeakAfter=1)).start()
    application.work(1, "SELECT 'forgotten\n\x1b[2J'")
    pid = application.held[0].connection.get_backend_pid()
    sent = collectd.expect(lambda: collectd.notifications(plugin="dbpool", severity="WARNING"))
    assert (sent[0]["plugin_instance"], sent[0]["type_instance"]) == ("trading", "leaked")
    assert f'process {pid} of "trading-api" on a local socket looks leaked' in sent[0]["message"]
    assert sent[0]["message"].endswith("last query: SELECT ?")
    application.rest()
    sent = collectd.expect(lambda: collectd.notifications(plugin="dbpool", severity="OKAY"))
    assert f"process {pid} no longer looks leaked" in sent[0]["message"]
    assert len(collectd.notifications(plugin="dbpool")) == 2


def test_a_connection_that_is_held_without_activity(collectd, postgresql):
    """No transaction, no statement: it is found because others are reused before it."""
    application = Application(postgresql, pool_size=4, max_overflow=0)
    collectd.load("dbpool", pool(postgresql, PoolSize=4, MaxOverflow=0, LeakAfter=1,
                                 PoolOrder='"fifo"')).start()
    application.work(4)
    application.rest()
    application.work(1)
    silent = application.held.pop()
    silent.execute(sqlalchemy.text("COMMIT"))

    def is_found():
        application.work(2)
        application.rest()
        return connections(collectd, "leaked") == 1
    collectd.expect(is_found)
    sent = collectd.notifications(plugin="dbpool")[0]["message"]
    assert f"process {silent.connection.get_backend_pid()} of" in sent
    assert "held without activity" in sent
    silent.close()
    application.close()


def test_connections_that_are_idle_beyond_the_pool_size(collectd, postgresql):
    application = Application(postgresql, pool_size=2)
    collectd.load("dbpool", pool(postgresql, PoolSize=2, LeakAfter=1)).start()
    application.work(5, "COMMIT")
    collectd.expect(lambda: connections(collectd, "leaked") == 3)
    collectd.expect(lambda: connections(collectd, "checked_out") == 3)
    application.close()


def test_a_connection_older_than_the_pool_recycles(collectd, postgresql, application):
    collectd.load("dbpool", pool(postgresql, PoolRecycle=0, LeakAfter=1)).start()
    application.work(1)

    def is_found():
        application.held[0].execute(sqlalchemy.text("SELECT 2"))
        return connections(collectd, "recycle_overdue") == 1
    collectd.expect(is_found)


def test_the_nearest_limit(collectd, postgresql, application):
    postgresql.run("CREATE ROLE app LOGIN CONNECTION LIMIT 3")
    taken = [postgresql.connect(user="app", application_name="trading-x") for _ in range(2)]
    collectd.load("dbpool", pool(postgresql)).start()
    collectd.expect(lambda: connections(collectd, "headroom_role") == 1)
    collectd.expect(lambda: connections(collectd, "headroom") == 1)
    collectd.expect(lambda: connections(collectd, "headroom_server") > 80)
    assert not collectd.has_value(f"{POOL}/current_connections-headroom_database")
    taken.append(postgresql.connect(user="app"))
    collectd.expect(lambda: collectd.value(f"{POOL}/gauge-full") == 1)
    for session in taken:
        session.close()


def test_a_role_that_may_not_see(collectd, postgresql, application):
    postgresql.run("CREATE ROLE plain LOGIN")
    collectd.load("dbpool", pool(postgresql, User='"plain"', Processes='"1"')).start()
    application.work(12)
    collectd.expect(lambda: connections(collectd, "hidden") == 12)
    collectd.expect(lambda: connections(collectd, "checked_out") == 2)
    hints = collectd.log_lines("is hidden from role")
    assert len(hints) == 1
    if version() >= (10,):
        remedy = 'GRANT pg_monitor TO "plain"'
        assert remedy in hints[0]
    else:
        remedy = "ALTER ROLE plain SUPERUSER"
        assert "before PostgreSQL 10 only a superuser sees it" in hints[0]
    postgresql.run(remedy)
    collectd.expect(lambda: connections(collectd, "checked_out") == 12)


def test_several_pools_share_one_session(collectd, postgresql, application):
    other = Application(postgresql, name="reports")
    other.work(1)
    application.work(2)
    blocks = [pool(postgresql), pool(postgresql, name="reports", Application='"reports"')]
    collectd.load("dbpool", "\n".join(blocks)).start()
    collectd.expect(lambda: connections(collectd, "checked_out") == 2)
    collectd.expect(lambda: connections(collectd, "checked_out", "dbpool-reports") == 1)
    assert postgresql.run("SELECT count(*) FROM pg_stat_activity"
                          " WHERE application_name = 'collectd'") == [(1,)]
    other.close()


def test_sessions_that_are_not_tracked(collectd, postgresql, application):
    application.work(1, "SET track_activities = off")
    collectd.load("dbpool", pool(postgresql)).start()
    lines = collectd.expect(lambda: collectd.log_lines("state of 1 sessions is hidden"))
    assert "set track_activities = on" in lines[0]
    collectd.expect(lambda: connections(collectd, "hidden") == 1)


CLIENT = """
import sys, psycopg2
session = psycopg2.connect(host=sys.argv[1], port=sys.argv[2], user="postgres",
                           dbname="postgres", application_name="trading-api")
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("place", ["loopback interface", "Unix socket"])
def test_processes_are_counted(collectd, postgresql, place):
    host = "127.0.0.1" if place == "loopback interface" else str(postgresql.socket_directory)
    words = ["/usr/bin/python3", "-c", CLIENT, host, str(postgresql.tcp_port)]
    clients = [subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
               for _ in range(3)]
    for client in clients:
        assert client.stdout.readline() == b"ready\n"
    collectd.load("dbpool", pool(postgresql, Processes='"auto"')).start()
    collectd.expect(lambda: connections(collectd, "capacity") == 3 * 30)
    for client in clients:
        client.communicate()
    collectd.expect(lambda: connections(collectd, "capacity") == 30)


def test_exhaustion_is_predicted(collectd, postgresql, application):
    collectd.load("dbpool", pool(postgresql, ForecastWindow=2)).start()

    def is_predicted():
        if len(application.held) < 25:
            application.work(1)
        return 0 < collectd.value(f"{POOL}/duration-until_exhausted") < 86400
    collectd.expect(is_predicted)


def test_sessions_of_others_do_not_count(collectd, postgresql, application):
    other = Application(postgresql, name="reports")
    other.work(4)
    application.work(2)
    collectd.load("dbpool", pool(postgresql)).start()
    collectd.expect(lambda: connections(collectd, "checked_out") == 2)
    other.close()


def test_the_applications_log_contradicts(collectd, postgresql):
    collectd.load("dbpool", pool(postgresql)).start()
    meta = {"pool_size": "5", "max_overflow": "20", "timeout": "30.00"}
    for name in ["trading", "trading"]:
        collectd.put_notification("failure", "exhausted", plugin="session_log",
                                  plugin_instance=name, type="total_sessions",
                                  type_instance="timed_out", meta=meta)
    lines = collectd.expect(lambda: collectd.log_lines("differs from the application's log"))
    assert len(lines) == 1
    assert "PoolSize 10 (logged: 5); correct the <Pool>" in lines[0]


# Configuration.

@pytest.mark.parametrize("options, reason", [
    ({"PoolSize": -1}, "PoolSize -1 is out of range; allowed: 0 to 100000 connections"),
    ({"PoolSize": 0, "MaxOverflow": 0}, "PoolSize 0 and MaxOverflow 0 allow no connection"),
    ({"Minimum": 3, "Maximum": 2}, "Minimum needs a Maximum that is not less"),
    ({"Processes": '"many"'}, 'Processes "many" is neither "auto" nor a number'),
    ({"Passfile": '"pgpass"'}, 'PassFile "pgpass" must be an absolute path'),
    ({"Password": '"secret"'}, "unknown option Password"),
    ({"SSLMode": '"paranoid"'}, "is not one of the allowed words; allowed: default, disable"),
])
def test_bad_configuration_is_refused(collectd, directory, options, reason):
    nowhere = types.SimpleNamespace(socket_directory=directory, tcp_port=5432)
    log = collectd.load("dbpool", pool(nowhere, **options)).refuses_to_start()
    lines = [line for line in log if "dbpool: " in line]
    assert len(lines) == 1
    assert '<Pool "trading">' in lines[0]
    assert reason in lines[0]
    assert "secret" not in "\n".join(log)
