# SPDX-License-Identifier: MIT
"""Switches in etcd and in PostgreSQL, for real: they come, go, expire and come back."""
import contextlib
import json
import os
import subprocess

import pytest
from responding import block, certificate, elapsed, processes_with, response, switch
from servers import build
from servers.etcd import Etcd
from servers.namespaces import unshare_mounts
from servers.postgresql import PostgreSQL

ACTION = "Switch one"


def etcd_store(*urls, **options):
    given = {"TTL": 5, "Prefix": '"/trading/degradation/"', **options}
    return block("SwitchStore", ' "etcd"', URL=" ".join(f'"{url}"' for url in urls), **given)


KEY = "/trading/degradation/one"


def test_a_key_exists_while_the_rule_is_bad(responding, etcd):
    responding.configure(response(switch("one")), etcd_store(etcd.url)).start()
    responding.breach()
    responding.expect(lambda: etcd.get(KEY))
    responding.expect_state("ENGAGED")
    raw = etcd.ctl("get", KEY, "--print-value-only")
    value = json.loads(raw)
    assert (value["on"], value["who"], value["response"], value["rule"]) == (True, "testhost", "degrade", "pool")
    assert value["until"] > value["since"]
    assert responding.is_on("one")  # in both stores
    responding.recover()
    responding.expect_state("OFF")
    assert etcd.keys() == []


def test_a_key_is_kept_alive_and_expires_with_the_daemon(responding, etcd):
    responding.configure(response(switch("one")), etcd_store(etcd.url)).start()
    responding.breach()
    responding.expect_state("ENGAGED")
    lease = etcd.ctl("lease", "list").split()[-1]
    # Older than its TTL, and kept alive meanwhile.
    responding.expect(lambda: float(etcd.ctl("lease", "timetolive", lease).split("remaining(")[1].split("s")[0]) <= 4)
    responding.expect(lambda: float(etcd.ctl("lease", "timetolive", lease).split("remaining(")[1].split("s")[0]) >= 4)
    responding.collectd.kill()
    etcd.expect(lambda: etcd.keys() == [], within=15)


def test_etcd_that_comes_back_empty_gets_its_keys_again(responding, etcd):
    responding.configure(response(switch("one")), etcd_store(etcd.url)).start()
    responding.breach()
    responding.expect_state("ENGAGED")
    etcd.kill()
    subprocess.run(["rm", "-rf", etcd.directory / "data"], check=True)
    etcd.start()
    etcd.expect(lambda: etcd.keys() == [KEY], within=15)


def test_another_endpoint_is_tried_when_one_is_dead(responding, etcd):
    dead = "http://127.0.0.1:9"
    responding.configure(response(switch("one")), etcd_store(dead, etcd.url)).start()
    responding.breach()
    responding.expect_state("ENGAGED")
    assert etcd.keys() == [KEY]


def test_etcd_that_hangs_delays_no_stop(responding, etcd):
    responding.configure(response(switch("one", Timeout=60)), etcd_store(etcd.url)).start()
    etcd.pause()
    responding.breach()
    responding.expect(lambda: "intent" in responding.steps(ACTION))
    assert elapsed(responding.collectd.stop) < 5
    etcd.resume()


def test_with_authentication(responding, etcd):
    for words in (["user", "add", "root:top"], ["user", "grant-role", "root", "root"], ["user", "add", "agent:s3cret"],
                  ["role", "add", "switches"],
                  ["role", "grant-permission", "--prefix=true", "switches", "readwrite", "/trading/"],
                  ["user", "grant-role", "agent", "switches"], ["auth", "enable"]):
        etcd._ctl(*words)
    password = responding.directory / "password"
    password.write_text("s3cret\n")
    password.chmod(0o600)
    store = etcd_store(etcd.url, User='"agent"', PasswordFile=f'"{password}"')
    responding.configure(response(switch("one")), store).start()
    responding.breach()
    responding.expect_state("ENGAGED")
    assert "s3cret" not in "\n".join(responding.collectd.log) + responding.journal_file.read_text()
    assert not processes_with("s3cret")
    etcd.stop()
    etcd.launch()  # which has forgotten our token
    responding.recover()
    responding.expect_state("OFF", within=20)
    responding.collectd.stop()
    password.write_text("wrong\n")
    responding.configure(response(switch("two")), store).start()
    responding.breach()
    responding.expect(lambda: any("authentication failed" in text for text in responding.failures("Switch two")))


def test_over_tls(responding, new_server, directory):
    key, cert = certificate(directory, "right")
    _, wrong = certificate(directory, "wrong")
    key.chmod(0o644)
    etcd = new_server(Etcd).secure(key, cert).start()
    shown = {"CertFile": f'"{cert}"', "KeyFile": f'"{key}"'}
    responding.configure(response(switch("one")), etcd_store(etcd.url, CAFile=f'"{wrong}"', **shown)).start()
    responding.breach()
    responding.expect(lambda: responding.failures(ACTION))
    assert "certificate" in responding.failures(ACTION)[0].lower() and etcd.keys() == []
    responding.collectd.stop()
    responding.configure(response(switch("one")), etcd_store(etcd.url, CAFile=f'"{cert}"', **shown)).start()
    responding.expect(lambda: responding.breach() or etcd.keys() == [KEY])


def test_a_revoked_lease_is_replaced(responding, etcd):
    responding.configure(response(switch("one")), etcd_store(etcd.url)).start()
    responding.breach()
    responding.expect_state("ENGAGED")
    etcd.ctl("lease", "revoke", etcd.ctl("lease", "list").split()[-1])
    assert etcd.keys() == []
    responding.expect(lambda: etcd.keys() == [KEY])


def test_a_file_of_another_agent_stays(responding):
    responding.switches.mkdir()
    other = json.dumps({"on": True, "who": "elsewhere", "response": "degrade"})
    (responding.switches / "one").write_text(other)
    responding.configure(response(switch("one"))).start()
    responding.breach()
    responding.expect_state("ENGAGED")
    responding.recover()
    responding.expect_state("OFF")
    assert (responding.switches / "one").read_text() == other


def test_a_key_of_another_agent_stays(responding, etcd):
    other = json.dumps({"on": True, "who": "elsewhere", "response": "degrade"})
    etcd.ctl("put", KEY, other)
    responding.configure(response(switch("one")), etcd_store(etcd.url)).start()
    responding.breach()
    responding.expect_state("ENGAGED")
    responding.recover()
    responding.expect_state("OFF")
    assert etcd.ctl("get", KEY, "--print-value-only").strip() == other
    found = responding.journal("action", action=f"{ACTION} in etcd", step="left_alone")
    assert [one["on"] for one in found] == [True, False]
    assert found[0]["finding"] == 'is held by elsewhere, response "degrade"'
    assert not responding.journal("action", action=f"{ACTION} in etcd", step="confirmed")


def test_a_key_of_another_agent_is_ours_once_it_has_gone(responding, etcd):
    etcd.ctl("put", KEY, json.dumps({"on": True, "who": "elsewhere", "response": "degrade"}))
    responding.configure(response(switch("one")), etcd_store(etcd.url)).start()
    responding.breach()
    responding.expect(lambda: responding.journal("action", action=f"{ACTION} in etcd", step="left_alone"))
    etcd.ctl("del", KEY)
    responding.expect(lambda: responding.journal("action", action=f"{ACTION} in etcd", step="confirmed"))
    assert json.loads(etcd.ctl("get", KEY, "--print-value-only"))["who"] == "testhost"


# PostgreSQL.

SCRIPT = build.SOURCE / "contrib/examples" / "degradation_switch.sql"


def prepare(server):
    """Makes the table and those who use it."""
    server.run("CREATE ROLE agent LOGIN")
    server.run("CREATE ROLE application LOGIN")
    subprocess.run(["psql", "-qX", "-h", server.socket_directory, "-p", str(server.tcp_port), "-U", "postgres",
                    "-v", "agent=agent", "-v", "readers=application", "-f", SCRIPT, "postgres"],
                   check=True, capture_output=True, text=True)


@pytest.fixture
def database(postgresql):
    prepare(postgresql)
    return postgresql


def postgresql_store(server, **options):
    given = {"TTL": 3, "User": '"agent"', **options}
    return block("SwitchStore", ' "postgresql"', Host=f'"{server.socket_directory}"', Port=server.tcp_port,
                 Database='"postgres"', **given)


def switches_on(server):
    session = server.connect(user="application")
    try:
        with session.cursor() as cursor:
            cursor.execute("SELECT name, value FROM degradation_switches_on")
            return dict(cursor.fetchall())
    finally:
        session.close()


def test_a_row_is_on_while_the_rule_is_bad_and_readers_are_notified(responding, database):
    listener = database.connect(user="application")
    listener.cursor().execute("LISTEN degradation")

    def told():
        listener.poll()
        return [json.loads(notice.payload) for notice in listener.notifies]

    responding.configure(response(switch("one")), postgresql_store(database)).start()
    responding.breach()
    responding.expect(lambda: "one" in switches_on(database))
    assert switches_on(database)["one"]["rule"] == "pool"
    responding.expect(lambda: [one["on"] for one in told()] == [True])
    responding.expect_state("ENGAGED")
    responding.recover()
    responding.expect(lambda: switches_on(database) == {})
    responding.expect(lambda: [one["on"] for one in told()] == [True, False])
    listener.close()


def test_a_row_is_renewed_quietly_and_expires_with_the_daemon(responding, database):
    listener = database.connect(user="application")
    listener.cursor().execute("LISTEN degradation")
    responding.configure(response(switch("one")), postgresql_store(database)).start()
    responding.breach()
    responding.expect_state("ENGAGED")
    first = database.run("SELECT expires_at FROM degradation_switch")
    responding.expect(lambda: database.run("SELECT expires_at FROM degradation_switch") != first)
    listener.poll()
    assert len(listener.notifies) == 1
    responding.collectd.kill()
    database.expect(lambda: switches_on(database) == {}, within=10)
    listener.close()


def test_postgresql_that_is_down_full_or_hangs(responding, database):
    responding.configure(response(switch("one")), postgresql_store(database)).start()
    database.stop()
    responding.breach()
    responding.expect(lambda: responding.failures(ACTION))
    assert responding.is_on("one")  # the other store is not held up
    database.start()
    database.run("ALTER ROLE agent CONNECTION LIMIT 0")
    responding.expect(lambda: "too many connections" in responding.failures(ACTION)[-1], within=20)
    database.run("ALTER ROLE agent CONNECTION LIMIT -1")
    responding.expect_state("ENGAGED", within=20)
    responding.recover()
    responding.expect_state("OFF")
    database.pause()
    responding.breach()
    responding.expect(lambda: responding.is_on("one"))
    assert elapsed(responding.collectd.stop) < 5
    database.resume()


def test_a_store_that_hangs_leaves_time_for_the_next(responding, database, etcd):
    responding.configure(response(switch("one", Timeout=2)), etcd_store(etcd.url) + postgresql_store(database)).start()
    etcd.pause()
    responding.breach()
    responding.expect(lambda: "one" in switches_on(database))
    responding.expect(lambda: responding.failures(ACTION))
    assert 'store "etcd"' in responding.failures(ACTION)[0] and "no response in time" in responding.failures(ACTION)[0]
    etcd.resume()
    responding.expect_state("ENGAGED", within=20)


class SmallDiskPostgreSQL(PostgreSQL):
    """A server that alone sees a tmpfs of 64 KB at `small`, which it can have as a
    tablespace."""

    def __init__(self, place, template):
        super().__init__(place, template)
        self.small = self.directory / "small"
        self.small.mkdir()

    def _identity(self):
        return {}  # it drops root once it has mounted

    def command(self):
        uid, gid = self._ids()
        mount = f'mount -t tmpfs -o size=64k,mode=0700,uid={uid},gid={gid} none "{self.small}"'
        return ["env", "--unset=LD_PRELOAD", *unshare_mounts(), "sh", "-c",
                f'{mount} && exec setpriv --reuid={uid} --regid={gid} --clear-groups "$@"', "sh", *super().command()]

    def fill(self):
        with open(f"/proc/{self.pid}/root{self.small}/fill", "wb", buffering=0) as file:
            with contextlib.suppress(OSError):
                while file.write(bytes(1024)):
                    pass

    def empty(self):
        os.unlink(f"/proc/{self.pid}/root{self.small}/fill")


@pytest.mark.skipif(os.geteuid() != 0 or unshare_mounts() is None,
                    reason="no mount namespaces: a full disk below PostgreSQL is NOT tested")
def test_postgresql_whose_disk_is_full(responding, new_server, postgresql_template):
    database = new_server(lambda place: SmallDiskPostgreSQL(place, postgresql_template)).start()
    prepare(database)
    database.run(f"CREATE TABLESPACE small LOCATION '{database.small}'")
    database.run("ALTER TABLE degradation_switch SET TABLESPACE small")
    database.fill()
    responding.configure(response(switch("one")), postgresql_store(database)).start()
    responding.breach()
    responding.expect(lambda: responding.failures(ACTION))
    assert "could not extend file" in responding.failures(ACTION)[0] and "No space left" in responding.failures(ACTION)[0]
    assert responding.is_on("one")  # in the other store
    database.empty()
    responding.expect_state("ENGAGED", within=20)
    assert "one" in switches_on(database)


def test_postgresql_with_an_unknown_host(responding):
    store = block("SwitchStore", ' "postgresql"', Host='"no-such-host.invalid"', Database='"postgres"', SSLMode='"prefer"')
    responding.configure(response(switch("one")), store).start()
    responding.breach()
    responding.expect(lambda: responding.is_on("one"))
    responding.expect(lambda: responding.failures(ACTION), within=60)
    assert 'store "postgresql": could not translate host name "no-such-host.invalid"' in responding.failures(ACTION)[0]
    assert elapsed(responding.collectd.stop) < 5


def test_a_row_of_another_agent_stays(responding, database):
    database.run("INSERT INTO degradation_switch (name, is_on, value, who, response, since) "
                 "VALUES ('one', true, '{}', 'elsewhere', 'degrade', now())")
    before = database.run("SELECT * FROM degradation_switch")
    responding.configure(response(switch("one")), postgresql_store(database)).start()
    responding.breach()
    responding.expect_state("ENGAGED")
    responding.recover()
    responding.expect_state("OFF")
    assert database.run("SELECT * FROM degradation_switch") == before
    found = responding.journal("action", action=f"{ACTION} in postgresql", step="left_alone")
    assert [one["on"] for one in found] == [True, False] and found[0]["finding"] == "was not set by an agent"


def test_a_row_of_another_agent_is_ours_once_it_has_expired(responding, database):
    other = json.dumps({"on": True, "who": "elsewhere", "response": "degrade"})
    database.run("INSERT INTO degradation_switch (name, is_on, value, who, response, since, expires_at) "
                 f"VALUES ('one', true, '{other}', 'elsewhere', 'degrade', now(), now() + interval '4 s')")
    responding.configure(response(switch("one")), postgresql_store(database)).start()
    responding.breach()
    responding.expect(lambda: responding.journal("action", action=f"{ACTION} in postgresql", step="left_alone"))
    responding.expect(lambda: responding.journal("action", action=f"{ACTION} in postgresql", step="confirmed"))
    assert switches_on(database)["one"]["who"] == "testhost"


def test_a_row_stays_ours_when_the_host_is_renamed(responding, database):
    responding.configure(response(switch("one")), postgresql_store(database, TTL=60)).start()
    responding.breach()
    responding.expect_state("ENGAGED")
    responding.collectd.stop()
    responding.collectd.globals.append('Hostname "renamed"')
    responding.start()
    responding.recover()
    responding.expect(lambda: switches_on(database) == {})


def test_a_row_that_is_not_written_or_not_allowed_is_a_failure(responding, database):
    database.run("CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'")
    database.run("CREATE TRIGGER swallow BEFORE INSERT ON degradation_switch FOR EACH ROW EXECUTE PROCEDURE swallow()")
    responding.configure(response(switch("one")), postgresql_store(database)).start()
    responding.breach()
    responding.expect(lambda: responding.failures(ACTION))
    assert responding.failures(ACTION)[0] == 'store "postgresql": one is not on'
    database.run("REVOKE INSERT ON degradation_switch FROM agent")
    responding.expect(lambda: any("permission denied" in text for text in responding.failures(ACTION)), within=20)
    database.run("GRANT INSERT ON degradation_switch TO agent")
    database.run("DROP TRIGGER swallow ON degradation_switch")
    responding.expect_state("ENGAGED", within=20)


@pytest.mark.parametrize("store, reports", [
    (block("SwitchStore", ' "memcached"'), 'is not a kind of store; allowed: "file", "etcd", "postgresql"'),
    (block("SwitchStore", ' "etcd"'), "URL is missing"),
    (etcd_store("http://127.0.0.1:2379", TTL=2), "too short for etcd; write at least 5"),
    (etcd_store("http://etcd.example.net:2379"), "is unencrypted and not on this machine"),
    (etcd_store("http://127.0.0.1:2379", Prefix='"/a b/"'), "may hold letters, digits, '/'"),
    (block("SwitchStore", ' "postgresql"'), "Database is missing"),
    (block("SwitchStore", ' "postgresql"', Database='"x"', Table='"a; DROP TABLE b"'), "may hold letters"),
])
def test_bad_stores_are_refused_at_start(responding, store, reports):
    responding.configure(response(switch("one")), store)
    assert any(reports in line for line in responding.collectd.refuses_to_start())
