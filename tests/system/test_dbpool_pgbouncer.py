# SPDX-License-Identifier: MIT
"""dbpool: a real PgBouncer."""
import threading

import pytest

EDGE = "dbpool-edge"
POOL = "dbpool-edge-postgres-postgres"


def edge(pgbouncer, **options):
    """A <PgBouncer> block."""
    options = {"Host": f'"{pgbouncer.socket_directory}"', "Port": pgbouncer.tcp_port,
               "User": '"stats"', "Timeout": 1, **options}
    lines = [f"  {key} {value}" for key, value in options.items()]
    return "\n".join(['<PgBouncer "edge">', *lines, "</PgBouncer>"])


@pytest.fixture
def collectd(collectd):
    collectd.interval = 0.2
    return collectd


def connections(collectd, name, pool=POOL):
    return collectd.value(f"{pool}/current_connections-{name}")


class Client:
    """Holds a server connection, or waits for one."""

    def __init__(self, pgbouncer):
        self.session = pgbouncer.connect("postgres")
        self.session.autocommit = False
        self.thread = threading.Thread(target=self._begin)
        self.thread.start()

    def _begin(self):
        with self.session.cursor() as cursor:
            cursor.execute("SELECT 1")

    def finish(self):
        self.thread.join()
        self.session.close()


def test_a_pool_fills_and_clients_wait(collectd, pgbouncer):
    pgbouncer.databases = {"postgres": "pool_size=4 reserve_pool=1"}
    pgbouncer.settings["max_client_conn"] = 50
    pgbouncer.start()
    collectd.load("dbpool", edge(pgbouncer)).start()
    clients = [Client(pgbouncer) for _ in range(3)]
    collectd.expect(lambda: connections(collectd, "active") == 3)
    collectd.expect(lambda: connections(collectd, "capacity") == 5)
    collectd.expect(lambda: connections(collectd, "ready") == 1)
    collectd.expect(lambda: collectd.value(f"{POOL}/percent-used") == 60)
    clients += [Client(pgbouncer) for _ in range(3)]
    collectd.expect(lambda: connections(collectd, "waiting") >= 1)
    collectd.expect(lambda: collectd.value(f"{POOL}/duration-oldest_wait") > 0.5)
    collectd.expect(lambda: connections(collectd, "ready") == 0)
    collectd.expect(lambda: collectd.value(f"{EDGE}/percent-used") == 14)  # six and the console
    for client in clients[:4]:
        client.finish()
    collectd.expect(lambda: connections(collectd, "waiting") == 0)
    collectd.expect(lambda: max(
        row["value"] for row in collectd.history("dbpool-edge-postgres/gauge-waiting_average")) > 0)
    for client in clients[4:]:
        client.finish()
    collectd.expect(lambda: connections(collectd, "active") == 0)
    assert not collectd.has_value("dbpool-edge-pgbouncer-pgbouncer/percent-used")


def test_it_stops_and_comes_back(collectd, pgbouncer):
    pgbouncer.start()
    collectd.load("dbpool", edge(pgbouncer)).start()
    collectd.expect(lambda: collectd.value(f"{EDGE}/gauge-up") == 1)
    pgbouncer.stop()
    collectd.expect(lambda: collectd.value(f"{EDGE}/gauge-up") == 0)
    pgbouncer.start()
    collectd.expect(lambda: collectd.value(f"{EDGE}/gauge-up") == 1)
    pgbouncer.pause()
    collectd.expect(lambda: collectd.value(f"{EDGE}/gauge-up") == 0)
    pgbouncer.resume()
    collectd.expect(lambda: collectd.value(f"{EDGE}/gauge-up") == 1)
    assert len(collectd.log_lines(r'\[error\].*PgBouncer "edge": ')) == 2
    assert len(collectd.log_lines(r'PgBouncer "edge": answers again')) == 2


def test_it_stops_without_waiting_for_us(collectd, pgbouncer):
    """Since 1.23 PgBouncer waits after SIGTERM until its last client has left."""
    pgbouncer.start()
    collectd.load("dbpool", edge(pgbouncer)).start()
    collectd.expect(lambda: collectd.value(f"{EDGE}/gauge-up") == 1)
    client = pgbouncer.connect("postgres")
    collectd.expect(lambda: collectd.value(f"{EDGE}/current_connections-clients") == 2)
    pgbouncer.process.terminate()
    client.close()
    pgbouncer.wait(within=10)


def test_missing_permission_is_logged(collectd, pgbouncer):
    pgbouncer.users["app"] = ""
    pgbouncer.start()
    collectd.load("dbpool", edge(pgbouncer, User='"app"')).start()
    collectd.expect(lambda: collectd.log_lines(r'PgBouncer "edge": .*not allowed'))


def test_the_wrong_kind_of_block_is_logged(collectd, pgbouncer, postgresql):
    pgbouncer.start()
    blocks = [edge(pgbouncer, Database='"postgres"', User='"postgres"'),
              edge(pgbouncer, Database='"pgbouncer"').replace("PgBouncer", "Pool")
              .replace("edge", "wrong")]
    collectd.load("dbpool", "\n".join(blocks)).start()
    collectd.expect(lambda: collectd.log_lines(
        'PgBouncer "edge": this is not the console of a PgBouncer'))
    collectd.expect(lambda: collectd.log_lines('pool "wrong": '))


def test_nothing_of_ours_stays_behind_in_pooled_sessions(collectd, pgbouncer, postgresql):
    """A <Pool> that connects through PgBouncer by mistake must not leave its
    timeouts in the application's sessions."""
    pgbouncer.databases = {"postgres": "pool_size=1"}
    pgbouncer.start()
    block = edge(pgbouncer, Database='"postgres"', User='"postgres"').replace("PgBouncer", "Pool")
    collectd.load("dbpool", block).start()
    collectd.expect(lambda: collectd.value(f"{EDGE}/gauge-up") == 0)
    session = pgbouncer.connect("postgres")
    with session.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        assert cursor.fetchone() == ("0",)
    session.close()


def test_the_users_limit_is_the_nearest(collectd, pgbouncer):
    pgbouncer.databases = {"postgres": "pool_size=20"}
    pgbouncer.settings["max_user_connections"] = 3
    pgbouncer.start()
    collectd.load("dbpool", edge(pgbouncer)).start()
    clients = [Client(pgbouncer) for _ in range(4)]
    collectd.expect(lambda: connections(collectd, "capacity") == 3)
    collectd.expect(lambda: collectd.value(f"{POOL}/percent-used") == 100)
    collectd.expect(lambda: connections(collectd, "waiting") == 1)
    collectd.expect(lambda: connections(collectd, "ready") == 0)
    for client in clients:
        client.finish()
    collectd.expect(lambda: collectd.value(f"{POOL}/percent-used") == 0)


def test_clients_wait_while_it_is_paused(collectd, pgbouncer):
    """The use is 0 then: the rules on waiting clients find it."""
    pgbouncer.start()
    collectd.load("dbpool", edge(pgbouncer)).start()
    client = Client(pgbouncer)
    client.finish()
    console = pgbouncer.connect(user="postgres")
    with console.cursor() as cursor:
        cursor.execute("PAUSE")
        waiting = Client(pgbouncer)
        collectd.expect(lambda: connections(collectd, "waiting") == 1)
        collectd.expect(lambda: collectd.value(f"{POOL}/duration-oldest_wait") > 0.5)
        cursor.execute("RESUME")
    waiting.finish()
    console.close()
