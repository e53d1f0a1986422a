# SPDX-License-Identifier: MIT
"""The recorded answers to dbpool's queries (tests/unit/dbpool/captured, one file a
release) match the server at hand. With CAPTURE=1 the file of its release is written:

    CAPTURE=1 PG_BIN=/usr/lib/postgresql/17/bin PROJECT_BUILD=build/dev \\
        /usr/bin/python3 -m pytest tests/system/test_dbpool_captured.py -k postgresql

PGBOUNCER_BIN names a PgBouncer's program in the same way. Numbers and the order of
rows may differ from the file."""
import os
import re
import threading

import psycopg2
import pytest
from psycopg2.extensions import new_type, register_type
from servers import build
from servers.application import pool
from servers.postgresql import version

CAPTURED = build.SOURCE / "tests/unit/dbpool/captured"
COMMANDS = ["SHOW DATABASES", "SHOW POOLS", "SHOW STATS", "SHOW CONFIG", "SHOW USERS"]
TEXT = new_type((16, 20, 21, 23, 26, 1700), "TEXT", lambda value, _: value)


def table(session, statement):
    """The answer as lines: names of the columns, then rows."""
    register_type(TEXT, session)
    with session.cursor() as cursor:
        cursor.execute(statement)
        rows = [[column.name for column in cursor.description], *cursor.fetchall()]
    return "".join("|".join("\\N" if field is None else field for field in row) + "\n" for row in rows)


def masked(text):
    tables = re.sub(r"\d+(\.\d+)*", "0", text).split("\n\n")
    return [sorted(lines.splitlines()) for lines in tables]


def compare(name, text):
    path = CAPTURED / name
    if "CAPTURE" in os.environ:
        path.write_text(text, encoding="utf-8")
    assert path.exists(), f"no {path}: CAPTURE=1 writes it"
    assert masked(text) == masked(path.read_text(encoding="utf-8"))


def query(collectd, postgresql):
    """The statements that the plugin sends to this server."""
    postgresql.settings["log_statement"] = "all"
    postgresql.restart()
    collectd.load("dbpool", pool(postgresql, LeakAfter=0.1)).start()
    collectd.expect(lambda: collectd.value("dbpool-trading/gauge-up") == 1)
    collectd.stop()
    log = postgresql.output.read_text(encoding="utf-8")
    return re.search(r"statement: (SELECT \(date_part.*)", log)[1].split(";")


def five_sessions(postgresql):
    """One in a transaction, one in a failed one, one idle; one that holds a lock and
    one that waits for it."""
    sessions = [postgresql.connect(user="app", application_name="trading-api") for _ in range(5)]
    for session in sessions:
        session.autocommit = False
    cursors = [session.cursor() for session in sessions]
    cursors[0].execute("SELECT 1")
    with pytest.raises(psycopg2.ProgrammingError):
        cursors[1].execute("SELECT nothing")
    cursors[2].execute("SELECT 1")
    sessions[2].rollback()
    cursors[3].execute("SELECT pg_advisory_lock(1)")
    waiting = threading.Thread(target=cursors[4].execute, args=["SELECT pg_advisory_lock(1)"])
    waiting.start()
    postgresql.expect(lambda: postgresql.run(
        "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"))
    return sessions, waiting


def test_postgresql(collectd, postgresql):
    if version() >= (16,):
        postgresql.settings["reserved_connections"] = 5
    statements = query(collectd, postgresql)
    postgresql.run("CREATE ROLE app LOGIN CONNECTION LIMIT 40")
    postgresql.run("CREATE ROLE plain LOGIN")
    postgresql.create_watcher("watcher")
    if version() < (10,):
        postgresql.run("ALTER ROLE watcher SUPERUSER")
    postgresql.run("ALTER DATABASE postgres CONNECTION LIMIT 50")
    sessions, waiting = five_sessions(postgresql)
    server = postgresql.run("SHOW server_version")[0][0].split()[0]
    text = (f"# PostgreSQL {server} answers to dbpool: about five sessions, first to a role\n"
            "# that may see them (pg_monitor; before 10 a superuser), then to one that may not.\n")
    for user in ["watcher", "plain"]:
        asker = postgresql.connect(user=user, application_name="collectd")
        # The session of the previous user has ended.
        postgresql.expect(lambda asker=asker: "\n6\n" in table(
            asker, "SELECT count(*) FROM pg_stat_activity WHERE datname IS NOT NULL"))
        text += "".join(f"\n{table(asker, statement)}" for statement in statements)
        asker.close()
    sessions[3].close()
    waiting.join()
    for session in sessions:
        session.close()
    major = ".".join(map(str, version()[:1 if version() >= (10,) else 2]))
    compare(f"postgresql-{major}", text)


def test_pgbouncer(pgbouncer):
    pgbouncer.databases = {"postgres": "pool_size=2 reserve_pool=1"}
    pgbouncer.start()
    clients = [pgbouncer.connect("postgres") for _ in range(3)]
    for client in clients:
        client.autocommit = False
    for client in clients[:2]:
        client.cursor().execute("SELECT 1")
    waiting = threading.Thread(target=clients[2].cursor().execute, args=["SELECT 1"])
    waiting.start()
    pgbouncer.expect(lambda: [row for row in pgbouncer.run("SHOW POOLS") if row["cl_waiting"] == 1])
    console = pgbouncer.connect(user="stats")
    number = console.info.parameter_status("server_version").split("/")[0]
    text = (f"# PgBouncer {number} answers to dbpool: two clients inside a transaction, one that\n"
            "# waits. SHOW CONFIG is shortened; SHOW USERS has the columns of this release.\n")
    for command in COMMANDS:
        lines = table(console, command)
        if command == "SHOW CONFIG":
            lines = "".join(line for line in lines.splitlines(True) if re.match("key|max_|pool_", line))
        text += "\n" + lines.replace(str(pgbouncer.postgresql.socket_directory), "/run/postgresql")
    console.close()
    clients[0].close()
    waiting.join()
    for client in clients:
        client.close()
    compare("pgbouncer-" + ".".join(number.split(".")[:2]), text)
