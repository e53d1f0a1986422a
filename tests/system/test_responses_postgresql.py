# SPDX-License-Identifier: MIT
"""Switches in PostgreSQL behind PgBouncer, on one of several servers, and what the self-test finds."""
import subprocess

import pytest
from responding import block, response, switch
from servers import build
from servers.postgresql import PostgreSQL
from test_responses_stores import prepare, switches_on

ACTION = "Switch one in postgresql"


def store(host, port, **options):
    given = {"Host": f'"{host}"', "Port": port, "Database": '"postgres"', "User": '"agent"', "TTL": 6, **options}
    return block("SwitchStore", ' "postgresql"', **given)


@pytest.fixture
def replicas(new_server, postgresql_template):
    """A primary and its standby, on sockets with one port."""
    primary = new_server(lambda place: PostgreSQL(place, postgresql_template))
    primary.settings["wal_level"] = "replica"
    primary.start()
    prepare(primary)
    primary.stop()
    standby = new_server(lambda place: PostgreSQL(place / "b", postgresql_template)).follow(primary)
    standby.tcp_port = standby.settings["port"] = primary.tcp_port
    primary.settings["listen_addresses"] = standby.settings["listen_addresses"] = ""
    return primary.start(), standby.start()


def self_test(responding, directory, database, **options):
    """What the self-test says when a person asks for one."""
    control = directory / "control"
    responding.configure(response(switch("one")), f'ControlSocket "{control}"\n'
                         + store(database.socket_directory, database.tcp_port, **options)).start()
    subprocess.run([build.BUILD / "resource-alertctl", "self-test", "--socket", control], check=True, capture_output=True)
    tested = {"action": ACTION, "step": "self_test"}
    responding.expect(lambda: responding.journal("action", **tested))
    return responding.journal("action", **tested)[-1]["result"]


def test_the_self_test_is_fine_and_has_no_effect(responding, postgresql, directory):
    prepare(postgresql)
    listener = postgresql.connect(user="application")
    listener.cursor().execute("LISTEN degradation")
    assert self_test(responding, directory, postgresql) == "ok"
    listener.poll()
    assert postgresql.run("SELECT * FROM degradation_switch") == [] and listener.notifies == []
    listener.close()


@pytest.mark.parametrize("change, reports", [
    ("ALTER ROLE agent SET default_transaction_read_only = on", "in a read-only transaction"),
    ("ALTER SYSTEM SET default_transaction_read_only = on", "in a read-only transaction"),
    ("REVOKE INSERT ON degradation_switch FROM agent", "permission denied for table degradation_switch"),
    ("REVOKE UPDATE ON degradation_switch FROM agent", "permission denied for table degradation_switch"),
    ("REVOKE SELECT ON degradation_switch FROM agent", "permission denied for table degradation_switch"),
    ("ALTER TABLE degradation_switch DROP COLUMN since CASCADE", 'column "since"'),
    ("DROP TABLE degradation_switch CASCADE", 'relation "degradation_switch" does not exist'),
])
def test_the_self_test_finds_what_would_keep_a_switch_off(responding, postgresql, directory, change, reports):
    prepare(postgresql)
    postgresql.run(change)
    postgresql.run("SELECT pg_reload_conf()")
    assert reports in self_test(responding, directory, postgresql)


def test_the_self_test_finds_rows_that_a_trigger_swallows(responding, postgresql, directory):
    prepare(postgresql)
    postgresql.run("CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'")
    postgresql.run("CREATE TRIGGER swallow BEFORE INSERT ON degradation_switch FOR EACH ROW EXECUTE PROCEDURE swallow()")
    assert "self-test is not on" in self_test(responding, directory, postgresql)


def test_a_standby_alone(responding, replicas, directory):
    _, standby = replicas
    assert "in a read-only transaction; connect to a server that can be written to" \
        in self_test(responding, directory, standby)


def test_through_pgbouncer(responding, postgresql, pgbouncer):
    prepare(postgresql)
    pgbouncer.users["agent"] = ""
    pgbouncer.databases["postgres"] = "pool_size=1"
    pgbouncer.start()
    responding.configure(response(switch("one")), store(pgbouncer.socket_directory, pgbouncer.tcp_port)).start()
    responding.breach()
    responding.expect(lambda: "one" in switches_on(postgresql))
    responding.expect_state("ENGAGED")
    # The session is free between two refreshes, and its settings are those of the role.
    session = pgbouncer.connect("postgres", user="agent")
    with session.cursor() as cursor:
        cursor.execute("SELECT current_setting('statement_timeout'), current_setting('lock_timeout')")
        assert cursor.fetchone() == ("0", "0")
    session.close()
    responding.recover()
    responding.expect_state("OFF")
    assert switches_on(postgresql) == {} and not responding.failures(ACTION)


def test_the_writable_one_of_two_hosts(responding, replicas):
    primary, standby = replicas
    hosts = f"{standby.socket_directory},{primary.socket_directory}"
    responding.configure(response(switch("one")), store(hosts, primary.tcp_port)).start()
    responding.breach()
    responding.expect(lambda: "one" in switches_on(primary))
    responding.expect_state("ENGAGED")
    assert not responding.failures(ACTION)


def test_a_host_that_hangs_is_the_first(responding, replicas):
    primary, standby = replicas
    standby.pause()
    hosts = f"{standby.socket_directory},{primary.socket_directory}"
    responding.configure(response(switch("one")), store(hosts, primary.tcp_port)).start()
    responding.breach()
    responding.expect(lambda: "one" in switches_on(primary))
    responding.expect_state("ENGAGED")
    standby.resume()


def test_a_failover(responding, replicas):
    primary, standby = replicas
    hosts = f"{primary.socket_directory},{standby.socket_directory}"
    responding.configure(response(switch("one")), store(hosts, primary.tcp_port)).start()
    responding.breach()
    responding.expect_state("ENGAGED")
    standby.expect(lambda: "one" in switches_on(standby))
    before = switches_on(standby)
    primary.kill()
    standby.run("SELECT pg_promote()")
    responding.expect(lambda: switches_on(standby).get("one", {}).get("until", "") > before["one"]["until"], within=20)


def test_commits_that_wait_for_a_standby_hold_few_sessions(responding, postgresql):
    prepare(postgresql)
    postgresql.run("ALTER ROLE agent SET synchronous_commit = on")
    postgresql.run("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
    postgresql.run("SELECT pg_reload_conf()")
    responding.configure(response(switch("one", Timeout=1)),
                         store(postgresql.socket_directory, postgresql.tcp_port)).start()
    responding.breach()
    responding.expect(lambda: len(responding.failures(ACTION)) >= 3, within=20)
    assert responding.is_on("one")
    sessions = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'agent'"
    assert postgresql.run(sessions)[0][0] <= 5
    postgresql.run("ALTER SYSTEM RESET synchronous_standby_names")
    postgresql.run("SELECT pg_reload_conf()")
    responding.expect_state("ENGAGED", within=30)
    postgresql.expect(lambda: postgresql.run(sessions)[0][0] <= 1, within=20)


@pytest.mark.parametrize("options, reports", [
    ({"Host": '"db.example.net"'}, "Host db.example.net is another machine: write SSLMode"),
    ({"Host": '"/run/postgresql,10.0.0.1"'}, "Host 10.0.0.1 is another machine: write SSLMode"),
    ({"Host": '"/a,,/b"'}, "write 1 to 8 names, separated by commas"),
    ({"TargetSessionAttrs": '"standby"'}, 'must be "any", "read-write" or "primary"'),
])
def test_bad_hosts_are_refused_at_start(responding, options, reports):
    responding.configure(response(switch("one")), store("/run/postgresql", 5432, **options))
    assert any(reports in line for line in responding.collectd.refuses_to_start())


def test_a_pass_file_that_others_can_read_is_refused(responding, directory):
    path = directory / "pgpass"
    path.write_text("*:*:*:*:secret\n")
    path.chmod(0o644)
    responding.configure(response(switch("one")), store("/run/postgresql", 5432, PassFile=f'"{path}"'))
    assert any("may be read by others (mode 0644); chmod 0600 it" in line
               for line in responding.collectd.refuses_to_start())
