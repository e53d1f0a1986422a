# SPDX-License-Identifier: MIT
"""The servers of a real HAProxy follow the endpoints of a Service."""
import os
import socket
import time

import pytest
from responding import Responding, block, elapsed, response
from servers.kubernetes import StandinCluster, make_cluster

ACTION = "HAProxy api"
REMINDER = 4  # that the configuration reports "disabled": no state
MAINTENANCE, DRAIN = 1, 8


@pytest.fixture
def responding(collectd):
    return Responding(collectd)


@pytest.fixture
def cluster(directory):
    made = StandinCluster(directory)
    yield made
    made.close()


@pytest.fixture
def balancer(haproxy):
    haproxy.backends = """
backend api
  balance roundrobin
  server-template slot 1-4 127.0.0.9:1 disabled
"""
    return haproxy.start()


def follow(responding, cluster, balancer, **options):
    given = {"Socket": f'"{balancer.admin_socket}"', "Backend": '"api"', "Endpoints": '"trading/api"', "Port": 8000,
             "Every": 1, "Drain": 2, **options}
    return responding.configure(response(block("HAProxy", **given)), cluster.block(), store=False).start()


def start_again(balancer):
    # The old socket is no sign of life.
    balancer.admin_socket.unlink(missing_ok=True)
    balancer.start()


def ready(balancer):
    """The addresses that get sessions now."""
    rows = balancer.servers()
    return sorted(f'{row["srv_addr"]}:{row["srv_port"]}' for row in rows if int(row["srv_admin_state"]) & ~REMINDER == 0)


def test_servers_come_and_go_with_the_endpoints(responding, cluster, balancer):
    cluster.set_endpoints("127.0.0.1", "127.0.0.2")
    follow(responding, cluster, balancer)
    responding.expect(lambda: ready(balancer) == ["127.0.0.1:8000", "127.0.0.2:8000"])
    cluster.set_endpoints("127.0.0.2", "127.0.0.3", "127.0.0.4")
    responding.expect(lambda: ready(balancer) == ["127.0.0.2:8000", "127.0.0.3:8000", "127.0.0.4:8000"])
    responding.breach()
    responding.expect_state("ENGAGED")
    cluster.set_endpoints("127.0.0.3")
    responding.expect(lambda: ready(balancer) == ["127.0.0.3:8000"])


def test_servers_are_set_again_after_a_reload(responding, cluster, balancer):
    cluster.set_endpoints("127.0.0.1", "127.0.0.2")
    follow(responding, cluster, balancer)
    responding.expect(lambda: len(ready(balancer)) == 2)
    balancer.reload()
    responding.expect(lambda: len(ready(balancer)) == 2)
    balancer.stop()
    start_again(balancer)
    responding.expect(lambda: len(ready(balancer)) == 2)


READY, BUSY = {"ready": True}, {"ready": False}
ENDING = {"ready": False, "serving": True, "terminating": True}


@pytest.mark.parametrize("version", ["v1", "v1beta1"])
def test_slices_come_before_endpoints_and_only_ready_ones_count(responding, cluster, balancer, version):
    cluster.serve_slices(version)
    cluster.set_endpoints("10.9.0.9")
    fill_slices(cluster)
    follow(responding, cluster, balancer)
    responding.expect(lambda: ready(balancer) == ["10.9.0.1:8000", "10.9.0.3:8000"])


@pytest.mark.skipif("KUBE_BIN" not in os.environ, reason="no KUBE_BIN: slices of a real API server are NOT read")
def test_slices_of_a_real_api_server(responding, request, directory, new_server, balancer):
    cluster = make_cluster(request, directory, new_server)
    fill_slices(cluster)
    follow(responding, cluster, balancer)
    responding.expect(lambda: ready(balancer) == ["10.9.0.1:8000", "10.9.0.3:8000"])
    cluster.close()


def fill_slices(cluster):
    """Two Services, of which one has two slices with an endpoint in common; names,
    which are no addresses; one that is about to end, one that reports nothing."""
    cluster.set_slice({"10.9.0.1": READY, "10.9.0.2": BUSY, "10.9.0.5": ENDING})
    cluster.set_slice({"10.9.0.3": {}, "10.9.0.1": READY})
    cluster.set_slice({"api.example.net": READY}, kind="FQDN")
    cluster.set_slice({"10.9.0.4": READY}, service="other")


@pytest.fixture
def server():
    """One that takes requests on port 8000 of 127.0.0.2 and never answers."""
    listener = socket.create_server(("127.0.0.2", 0))
    yield listener
    listener.close()


def test_a_server_is_drained_before_it_goes(responding, cluster, balancer, server):
    cluster.set_endpoints("127.0.0.2")
    follow(responding, cluster, balancer, Port=server.getsockname()[1], Drain=3)
    responding.expect(lambda: len(ready(balancer)) == 1)
    client = socket.create_connection(("127.0.0.1", balancer.http_port))
    client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    session = server.accept()  # kept, or it ends
    cluster.set_endpoints("127.0.0.3")

    def state():
        return next(int(row["srv_admin_state"]) & ~REMINDER for row in balancer.servers() if row["srv_addr"] == "127.0.0.2")

    responding.expect(lambda: state() == DRAIN)
    begun = time.monotonic()
    responding.expect(lambda: state() == MAINTENANCE)
    assert time.monotonic() - begun > 1  # looked at each second, drained for 3 whole ones
    for one in (client, session[0]):
        one.close()


@pytest.mark.parametrize("endpoints, reports", [(None, "Endpoints is missing"), ('"api"', 'is not "NAMESPACE/SERVICE"')])
def test_bad_endpoints_are_refused_at_start(responding, endpoints, reports):
    given = {"Socket": '"/run/x"', "Backend": '"api"', "Endpoints": endpoints, "Port": 8000}
    action = block("HAProxy", **{key: value for key, value in given.items() if value is not None})
    responding.configure(response(action), store=False)
    assert any(reports in line for line in responding.collectd.refuses_to_start())


def test_no_endpoint_at_all_changes_nothing(responding, cluster, balancer):
    cluster.set_endpoints("127.0.0.1")
    follow(responding, cluster, balancer)
    responding.expect(lambda: len(ready(balancer)) == 1)
    cluster.set_endpoints()
    responding.expect(lambda: responding.failures(ACTION))
    assert "has no ready endpoint; the servers are not changed" in responding.failures(ACTION)[0]
    assert len(ready(balancer)) == 1


def test_too_few_slots_are_an_error_and_the_others_are_served(responding, cluster, balancer):
    cluster.set_endpoints(*[f"127.0.0.{i}" for i in range(1, 7)])
    follow(responding, cluster, balancer)
    responding.expect(lambda: responding.failures(ACTION))
    assert "all 4 slots are in use" in responding.failures(ACTION)[0]
    responding.expect(lambda: len(ready(balancer)) == 4)


def test_haproxy_that_is_down_or_knows_no_such_backend(responding, cluster, balancer):
    cluster.set_endpoints("127.0.0.1")
    follow(responding, cluster, balancer, Backend='"nowhere"')
    responding.expect(lambda: responding.failures("HAProxy nowhere"))
    responding.collectd.stop()
    balancer.stop()
    follow(responding, cluster, balancer)
    responding.expect(lambda: responding.failures(ACTION))
    start_again(balancer)
    responding.expect(lambda: ready(balancer) == ["127.0.0.1:8000"])


def test_haproxy_that_hangs_delays_no_stop(responding, cluster, directory):
    path = directory / "hanging.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        cluster.set_endpoints("127.0.0.1")
        action = block("HAProxy", Socket=f'"{path}"', Backend='"api"', Endpoints='"trading/api"', Port=8000, Timeout=1)
        responding.configure(response(action), cluster.block(), store=False).start()
        responding.expect(lambda: responding.failures(ACTION))
        assert responding.failures(ACTION)[0] == "HAProxy does not respond in time"
        assert elapsed(responding.collectd.stop) < 5


def test_only_addresses_reach_haproxy(responding, cluster, balancer):
    cluster.set_endpoints("127.0.0.1", "127.0.0.2; shutdown sessions", "x\nset server api/slot1 state maint")
    follow(responding, cluster, balancer)
    responding.expect(lambda: ready(balancer) == ["127.0.0.1:8000"])
