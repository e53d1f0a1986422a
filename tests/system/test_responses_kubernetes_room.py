# SPDX-License-Identifier: MIT
"""No replica is added that the database of its pool has no room for. Against the
stand-in, and against a real API server where KUBE_BIN is set."""
import pytest
from responding import block, response
from servers.application import Application, pool

ACTION = "Scale trading/api"


def configure(responding, cluster, replicas=2, pool="room"):
    cluster.create_workload(replicas=replicas)
    action = block("Scale", Namespace='"trading"', Deployment='"api"', Max=10, Step=2, Cooldown=1,
                   Pool=f'"{pool}"', ConnectionsPerReplica=30)
    responding.configure(response(action, name="scale_out"), cluster.block(), store=False)


def start(responding, cluster):
    configure(responding, cluster)
    responding.start()


def put_room(responding, left, opened, pool="dbpool-room"):
    responding.collectd.put_value(f"{pool}/current_connections-headroom", left)
    responding.collectd.put_value(f"{pool}/current_connections-total", opened)


def blocked(responding):
    return responding.journal("action", action=ACTION, step="blocked")


def hold_until(responding, condition, room=None):
    def holds():
        if room is not None:
            put_room(responding, *room)
        responding.breach()
        return condition()

    responding.expect(holds, within=20)


def release(responding):
    def is_off():
        responding.recover()
        return responding.state_of("scale_out") == "OFF"

    responding.expect(is_off, within=40)


def test_replicas_are_added_up_to_the_room(responding, cluster):
    start(responding, cluster)
    put_room(responding, 95, 60)  # three more, and a step has two
    hold_until(responding, lambda: cluster.replicas() == 4, (95, 60))
    # They have opened nothing yet, but what they may open is theirs.
    hold_until(responding, lambda: cluster.replicas() == 5, (95, 60))
    hold_until(responding, lambda: blocked(responding), (95, 60))
    line = blocked(responding)[0]
    assert line["cause"] == ('pool "room": 95 connections left and 60 open, 30 needed for one more replica '
                             "beside the 5 present")
    assert (line["left"], line["open"], line["needed"]) == (95, 60, 30)
    # With other numbers it is journaled anew, each once, although it is tried every second.
    hold_until(responding, lambda: len(blocked(responding)) > 1, (12, 143))
    assert blocked(responding)[1]["cause"].startswith('pool "room": 12 connections left and 143 open')
    asked = len(responding.journal("action", action=ACTION, step="request"))
    hold_until(responding, lambda: len(blocked(responding)) > 2, (11, 143))
    assert [line["left"] for line in blocked(responding)] == [95, 12, 11]
    assert len(responding.journal("action", action=ACTION, step="request")) == asked and cluster.replicas() == 5
    assert not responding.failures(ACTION)
    hold_until(responding, lambda: cluster.replicas() == 7, (60, 150))  # room again
    put_room(responding, 0, 210)
    release(responding)  # needs no room
    assert cluster.replicas() == 2


def test_without_a_value_no_replica_is_added(responding, cluster):
    start(responding, cluster)
    put_room(responding, 900, 0, pool="other/dbpool-room")  # of another host
    put_room(responding, 900, 0, pool="dbpool-billing")
    hold_until(responding, lambda: blocked(responding))
    assert blocked(responding)[0]["cause"] == 'the room of pool "room" is not known: no fresh value'
    assert blocked(responding)[0]["left"] is None and cluster.replicas() == 2
    assert "left_alone" in responding.steps(ACTION) and not responding.failures(ACTION)
    hold_until(responding, lambda: cluster.replicas() == 4, (900, 60))


def test_a_value_that_is_not_fresh_counts_for_nothing(responding, cluster):
    start(responding, cluster)
    hold_until(responding, lambda: cluster.replicas() == 4, (900, 60))
    hold_until(responding, lambda: blocked(responding))  # dbpool sends no value any more
    assert "no fresh value" in blocked(responding)[0]["cause"]
    assert cluster.replicas() < 10
    release(responding)
    assert cluster.replicas() == 2


def test_the_lower_bound_of_an_autoscaler_is_raised_up_to_the_room(responding, cluster):
    cluster.create_autoscaler(2, 9)
    start(responding, cluster)
    hold_until(responding, lambda: cluster.least_replicas() == 3, (30, 60))
    cluster.set_replicas(3)  # as the autoscaler does
    hold_until(responding, lambda: blocked(responding), (29, 90))
    assert cluster.least_replicas() == 3
    release(responding)
    assert cluster.least_replicas() == 2


def test_a_postgresql_of_100_connections(responding, cluster, postgresql):
    """97 without the reserved ones. One replica may still open its 30; two more have room,
    or one more while others have 15."""
    others = [postgresql.connect(application_name="others") for _ in range(15)]
    configure(responding, cluster, replicas=1)
    responding.collectd.load("dbpool", pool(postgresql, name="room"))
    responding.start()
    hold_until(responding, lambda: blocked(responding) and "left" in blocked(responding)[-1]["cause"])
    assert cluster.replicas() == 2
    for session in others:
        session.close()
    hold_until(responding, lambda: cluster.replicas() == 3)
    postgresql.stop()
    hold_until(responding, lambda: "no fresh value" in blocked(responding)[-1]["cause"])
    assert cluster.replicas() == 3 and not responding.failures(ACTION)
    release(responding)
    assert cluster.replicas() == 1


class Pods:
    """An application with a QueuePool(10, 20) for each replica, which holds all of its connections."""

    def __init__(self, cluster, connect):
        self.cluster, self.connect, self.running = cluster, connect, []

    def follow(self):
        while len(self.running) < self.cluster.replicas():
            self.running.append(Application(self))
            self.running[-1].work(30, statement=None)
        while len(self.running) > self.cluster.replicas():
            self.running.pop().close()
        return len(self.running)

    def rest(self):
        """Each pool keeps the 10 connections of its size."""
        for application in self.running:
            application.rest()


@pytest.fixture
def pods(cluster):
    started = []

    def start(connect):
        started.append(Pods(cluster, connect))
        return started[-1]

    yield start
    for one in started:
        while one.running:
            one.running.pop().close()


def grow(responding, cluster, pods):
    """Breaches until the pool has no room any more; the number of pods in the end."""
    hold_until(responding, lambda: pods.follow() and blocked(responding) and "needed for one" in blocked(responding)[-1]["cause"])
    return pods.follow()


def test_the_pools_of_the_pods_fit_into_a_postgresql_of_100_connections(responding, cluster, postgresql, pods):
    """97 without the reserved ones, and one is collectd's: three pods of 30 fit."""
    configure(responding, cluster, replicas=1)
    responding.collectd.load("dbpool", pool(postgresql, name="room"))
    running = pods(postgresql.connect)
    running.follow()
    responding.start()
    assert grow(responding, cluster, running) == 3
    hold_until(responding, lambda: blocked(responding)[-1]["open"] == 90)  # the last pod may still have been opening its own
    assert blocked(responding)[-1]["left"] in (5, 6, 7)
    running.rest()
    release(responding)
    assert running.follow() == 1


def test_the_pools_of_the_pods_fit_into_a_pgbouncer_of_100_clients(responding, cluster, pgbouncer, pods):
    """One is collectd's: three pods of 30 fit, however few connections the server behind has."""
    pgbouncer.databases = {"postgres": "pool_size=5"}
    pgbouncer.settings["max_client_conn"] = 100
    pgbouncer.start()
    configure(responding, cluster, replicas=1, pool="edge-postgres-postgres")
    responding.collectd.load("dbpool", f"""<PgBouncer "edge">
  Host "{pgbouncer.socket_directory}"
  Port {pgbouncer.tcp_port}
  User "stats"
  Timeout 1
</PgBouncer>""")
    running = pods(lambda **parameters: pgbouncer.connect("postgres", **parameters))
    running.follow()
    responding.start()
    assert grow(responding, cluster, running) == 3
    hold_until(responding, lambda: blocked(responding)[-1]["open"] == 90)
    assert blocked(responding)[-1]["cause"].startswith('pool "edge-postgres-postgres": ')
    running.rest()
    release(responding)
    assert running.follow() == 1
