# SPDX-License-Identifier: MIT
"""The servers of a real HAProxy follow the endpoints of a Service."""
import datetime
import os
import random
import re
import socket
import socketserver
import subprocess
import threading
import time

import pytest
from responding import block, elapsed, response
from servers import build
from servers.kubernetes import StandinCluster, make_cluster

ACTION = "HAProxy api"
REMINDER = 4  # that the configuration reports "disabled": no state
MAINTENANCE, DRAIN = 1, 8


TEMPLATE = "server-template slot 1-4 127.0.0.9:1 disabled"


def backend(*servers, name="api"):
    return f"backend {name}\n  balance roundrobin\n  " + "\n  ".join(servers) + "\n"


@pytest.fixture
def cluster(directory):
    made = StandinCluster(directory)
    yield made
    made.close()


@pytest.fixture
def balancer(haproxy):
    haproxy.backends = backend(TEMPLATE)
    return haproxy.start()


def follow(responding, cluster, balancer, **options):
    given = {"Socket": f'"{balancer.admin_socket}"', "Backend": '"api"', "Endpoints": '"trading/api"', "Port": 8000,
             "Every": 1, "Drain": 2, **options}
    return responding.configure(response(block("HAProxy", **given)), cluster.block(), store=False).start()


def start_again(balancer):
    # The old socket is no sign of life.
    balancer.admin_socket.unlink(missing_ok=True)
    balancer.start()


def ready(balancer, name="api"):
    """The addresses that get sessions now."""
    rows = balancer.servers(name)
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
    assert "no free slot for 127.0.0.5, 4 are in use" in responding.failures(ACTION)[0]
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


# What HAProxy shows is what counts.

def requests(responding):
    return [line["line"] for line in responding.journal("action", step="request")]


def expect_quiet(responding, balancer, count):
    """COUNT servers are ready and do not change for seconds, with a look in each."""
    def seconds():
        return [int(row["srv_time_since_last_change"]) for row in balancer.servers()
                if int(row["srv_admin_state"]) & ~REMINDER == 0]

    responding.expect(lambda: len(seconds()) == count)
    sent = len(requests(responding))
    responding.expect(lambda: len(seconds()) == count and min(seconds()) >= 2)
    assert len(requests(responding)) == sent


@pytest.mark.parametrize("template, count", [
    ("server-template web 1-3 127.0.0.9:1 disabled", 3), ("server-template slot 1-2 127.0.0.9:1 disabled", 2),
    ("server-template slot 3-6 127.0.0.8:7 disabled", 3)], ids=["renamed", "fewer", "shifted"])
def test_a_reload_with_other_slots(responding, cluster, balancer, template, count):
    cluster.set_endpoints("127.0.0.1", "127.0.0.2", "127.0.0.3")
    follow(responding, cluster, balancer)
    responding.expect(lambda: len(ready(balancer)) == 3)
    balancer.backends = backend(template)
    balancer.reload()
    responding.expect(lambda: len(ready(balancer)) == count)
    if count == 2:  # and that is reported
        responding.expect(lambda: any("no free slot for 127.0.0.3, 2 are in use" in one for one in responding.failures(ACTION)))
    cluster.set_endpoints("127.0.0.4")
    responding.expect(lambda: ready(balancer) == ["127.0.0.4:8000"], within=20)


def test_another_spelling_of_an_address(responding, cluster, balancer):
    cluster.set_endpoints("FD00::1", "fd00:0:0::1", "2001:DB8:0:0:0:0:0:1", "::ffff:127.0.0.2", "64:FF9B::127.0.0.2")
    follow(responding, cluster, balancer, Drain=0)
    responding.expect(lambda: ready(balancer) == ["127.0.0.2:8000", "2001:db8::1:8000", "64:ff9b::7f00:2:8000", "fd00::1:8000"])
    expect_quiet(responding, balancer, 4)
    cluster.set_endpoints("fd00::0:1", "127.0.0.2")
    responding.expect(lambda: ready(balancer) == ["127.0.0.2:8000", "fd00::1:8000"])


def test_an_ipv4_mapped_server_of_the_configuration(responding, cluster, haproxy):
    haproxy.backends = backend("server mine ::ffff:127.0.0.2:8000", TEMPLATE)
    haproxy.start()
    cluster.set_endpoints("127.0.0.2", "127.0.0.3")
    follow(responding, cluster, haproxy)
    expect_quiet(responding, haproxy, 2)


@pytest.mark.parametrize("families, expected", [
    (["IPv4", "IPv6"], ["10.1.0.1:8000", "10.1.0.2:8000"]), (["none", "IPv6"], ["fd00::1:8000", "fd00::2:8000"])])
def test_each_pod_of_a_dual_stack_service_has_one_server(responding, cluster, balancer, families, expected):
    cluster.serve_slices("v1")
    slices = {"IPv4": {"10.1.0.1": READY, "10.1.0.2": READY}, "IPv6": {"fd00::1": READY, "fd00::2": READY}, "none": {}}
    for family in families:
        cluster.set_slice(slices[family], kind="IPv4" if family == "none" else family)
    follow(responding, cluster, balancer)
    responding.expect(lambda: ready(balancer) == expected)
    expect_quiet(responding, balancer, 2)


def test_another_port_in_the_configuration_moves_the_servers(responding, cluster, balancer):
    cluster.set_endpoints("127.0.0.1", "127.0.0.2")
    follow(responding, cluster, balancer)
    responding.expect(lambda: len(ready(balancer)) == 2)
    responding.collectd.stop()
    follow(responding, cluster, balancer, Port=9000)
    responding.expect(lambda: ready(balancer) == ["127.0.0.1:9000", "127.0.0.2:9000"])


class Relay(socketserver.ThreadingUnixStreamServer):
    """A runtime socket before HAProxy's. CHANGE(line, ask) returns the answer that is given."""

    daemon_threads = True

    def __init__(self, path, balancer):
        self.change = lambda line, ask: ask(line)
        self.piece = None  # a byte at a time
        relay = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                answer = relay.change(self.rfile.readline().decode().strip(), lambda line: balancer.ask(line, strip=False))
                for byte in answer.encode() if relay.piece else ():
                    time.sleep(relay.piece)
                    self.wfile.write(bytes([byte]))
                if not relay.piece:
                    self.wfile.write(answer.encode())

            def finish(self):
                try:
                    super().finish()
                except OSError:
                    pass  # who asked has left

        super().__init__(str(path), Handler)
        self.admin_socket = path
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request, client_address):
        pass  # who asked has left


@pytest.fixture
def relay(balancer, directory):
    made = Relay(directory / "relay.sock", balancer)
    yield made
    made.shutdown()
    made.server_close()


@pytest.mark.parametrize("answer, error", [
    ("No such server.\n\n", "No such server."), ("\n", "shows no server with address 127.0.0.1 that is ready"),
    ("Permission denied\n\n", "must have level admin")])
def test_done_is_what_is_seen(responding, cluster, balancer, relay, answer, error):
    relay.change = lambda line, ask: answer if line.startswith("set server") else ask(line)
    cluster.set_endpoints("127.0.0.1")
    follow(responding, cluster, relay)
    responding.breach()
    responding.expect(lambda: len(responding.failures(ACTION)) >= 2)
    assert all(error in one for one in responding.failures(ACTION))
    assert "confirmed" not in responding.steps(ACTION) and responding.state_of() != "ENGAGED"
    relay.change = lambda line, ask: ask(line)
    responding.expect(lambda: ready(balancer) == ["127.0.0.1:8000"])
    responding.expect_state("ENGAGED")


def test_half_a_list_is_no_list(responding, cluster, balancer, relay):
    cluster.set_endpoints("127.0.0.1", "127.0.0.2")
    follow(responding, cluster, relay)
    responding.expect(lambda: len(ready(balancer)) == 2)
    sent = len(requests(responding))
    relay.change = lambda line, ask: ask(line)[:-100]
    responding.expect(lambda: any("the response is not whole" in one for one in responding.failures(ACTION)))
    relay.change = lambda line, ask: ask(line)
    responding.expect(lambda: responding.collectd.log_lines("HAProxy api: works again"))
    assert len(requests(responding)) == sent and not responding.journal("action", step="left_alone")


def test_a_socket_that_trickles_costs_one_deadline(responding, cluster, balancer, relay):
    relay.piece = 0.01
    cluster.set_endpoints("127.0.0.1")
    follow(responding, cluster, relay, Timeout=1)
    responding.expect(lambda: len(responding.failures(ACTION)) >= 2)
    first, second = [line["time"] for line in responding.journal("action", action=ACTION, step="failed")][:2]
    assert responding.failures(ACTION)[0] == "HAProxy does not respond in time"
    assert elapsed(responding.collectd.stop) < 5


# Others who change the same backend.

def admin_states(balancer):
    return {row["srv_name"]: int(row["srv_admin_state"]) for row in balancer.servers()}


def server_at(balancer, address):
    return next(row["srv_name"] for row in balancer.servers() if row["srv_addr"] == address)


def left_alone(responding):
    return [(line["server"], line["finding"]) for line in responding.journal("action", step="left_alone") if "server" in line]


def test_servers_of_a_person_are_never_touched(responding, cluster, haproxy):
    haproxy.backends = backend("server mine 127.0.0.7:8000", "server paused1 127.0.0.6:8000", "server spare 127.0.0.8:8000 disabled",
                               "server 127.0.0.5:8000 127.0.0.5:8000", "server-template slot 1-2 127.0.0.9:1 disabled")
    haproxy.start()
    haproxy.ask("set server api/paused1 state maint")
    before = {name: state for name, state in admin_states(haproxy).items() if not name.startswith("slot")}
    cluster.set_endpoints("127.0.0.1", "127.0.0.2", "127.0.0.3")
    follow(responding, cluster, haproxy)
    responding.expect(lambda: any("no free slot for 127.0.0.3" in one for one in responding.failures(ACTION)))
    cluster.set_endpoints("127.0.0.3", "127.0.0.7")  # one of them is the person's
    responding.expect(lambda: ready(haproxy) == ["127.0.0.3:8000", "127.0.0.5:8000", "127.0.0.7:8000"], within=20)
    cluster.set_endpoints("127.0.0.4")
    responding.expect(lambda: ready(haproxy) == ["127.0.0.4:8000", "127.0.0.5:8000", "127.0.0.7:8000"], within=20)
    assert {name: state for name, state in admin_states(haproxy).items() if not name.startswith("slot")} == before
    assert all(re.match(r"set server api/slot[12] ", line) for line in requests(responding))


@pytest.mark.parametrize("state", ["maint", "drain"])
def test_a_server_that_a_person_takes_out_stays_out(responding, cluster, balancer, state):
    cluster.set_endpoints("127.0.0.1", "127.0.0.2")
    follow(responding, cluster, balancer)
    responding.expect(lambda: len(ready(balancer)) == 2)
    name = server_at(balancer, "127.0.0.1")
    sent = len(requests(responding))
    balancer.ask(f"set server api/{name} state {state}")
    responding.expect(lambda: responding.journal("action", step="left_alone"))
    line = responding.journal("action", step="left_alone")[0]
    assert line["finding"] == f"server {name} (127.0.0.1) was put out of service by another"
    assert responding.collectd.log_lines(f"HAProxy api: left alone: server {name}")
    expect_quiet(responding, balancer, 1)
    assert len(requests(responding)) == sent
    balancer.ask(f"set server api/{name} state ready")
    expect_quiet(responding, balancer, 2)
    balancer.ask(f"set server api/{name} state {state}")
    cluster.set_endpoints("127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5")  # its pod is gone: the slot is free again
    responding.expect(lambda: len(ready(balancer)) == 4, within=20)


def test_a_slot_that_another_fills_is_his(responding, cluster, balancer):
    cluster.set_endpoints("127.0.0.1", "127.0.0.2")
    follow(responding, cluster, balancer)
    responding.expect(lambda: len(ready(balancer)) == 2)
    name = server_at(balancer, "127.0.0.1")
    balancer.ask(f"set server api/{name} addr 127.0.0.7 port 8000")
    responding.expect(lambda: ready(balancer) == ["127.0.0.1:8000", "127.0.0.2:8000", "127.0.0.7:8000"])
    assert left_alone(responding) == [(name, "was reset or changed by another")]
    cluster.set_endpoints("127.0.0.3")
    responding.expect(lambda: ready(balancer) == ["127.0.0.3:8000", "127.0.0.7:8000"])
    expect_quiet(responding, balancer, 2)


def test_a_drained_server_that_a_person_makes_ready_is_his(responding, cluster, balancer, server):
    cluster.set_endpoints("127.0.0.2")
    follow(responding, cluster, balancer, Port=server.getsockname()[1], Drain=3600)
    responding.expect(lambda: len(ready(balancer)) == 1)
    name = server_at(balancer, "127.0.0.2")
    with socket.create_connection(("127.0.0.1", balancer.http_port)) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        with server.accept()[0]:
            cluster.set_endpoints("127.0.0.3")
            responding.expect(lambda: admin_states(balancer)[name] & DRAIN)
            balancer.ask(f"set server api/{name} state ready")
            responding.expect(lambda: left_alone(responding) == [(name, "was made ready by another")])
            expect_quiet(responding, balancer, 2)


# The end of collectd between two steps.

def test_what_was_filled_before_a_kill_is_known_after_it(responding, cluster, balancer):
    cluster.set_endpoints("127.0.0.1", "127.0.0.2")
    follow(responding, cluster, balancer)
    responding.expect(lambda: len(ready(balancer)) == 2)
    responding.collectd.kill()
    cluster.set_endpoints("127.0.0.2", "127.0.0.3")
    responding.start()
    responding.expect(lambda: ready(balancer) == ["127.0.0.2:8000", "127.0.0.3:8000"])
    assert not left_alone(responding)


@pytest.mark.parametrize("state, command", [
    ("filling", "set server api/slot1 state maint"),  # has its address, is not ready yet
    ("filling", "set server api/slot1 addr 127.0.0.9 port 1"),  # has not even that
    ("serving", "set server api/slot1 state ready"), ("draining", "set server api/slot1 state drain"),
    ("draining", "set server api/slot1 state maint")])
@pytest.mark.parametrize("is_wanted", [True, False])
def test_it_goes_on_where_a_kill_has_stopped_it(responding, cluster, balancer, state, command, is_wanted):
    cluster.set_endpoints("127.0.0.1")
    follow(responding, cluster, balancer)
    file = responding.state / "responses.jsonl"
    responding.expect(lambda: file.exists() and '"serving"' in file.read_text().splitlines()[-1])
    responding.collectd.kill()
    assert server_at(balancer, "127.0.0.1") == "slot1"
    balancer.ask("set server api/slot1 state maint")
    balancer.ask(command)
    text = file.read_text().splitlines()[-1].replace('"serving"', f'"{state}"')
    file.write_text(file.read_text() + text + "\n")
    expected = "127.0.0.1" if is_wanted else "127.0.0.3"
    cluster.set_endpoints(expected)
    responding.start()
    responding.expect(lambda: ready(balancer) == [f"{expected}:8000"])
    assert not left_alone(responding)


def test_without_its_memory_it_tells_what_may_lead_nowhere(responding, cluster, balancer):
    cluster.set_endpoints("127.0.0.1", "127.0.0.2")
    follow(responding, cluster, balancer)
    responding.expect(lambda: len(ready(balancer)) == 2)
    responding.collectd.stop()
    (responding.state / "responses.jsonl").unlink()
    cluster.set_endpoints("127.0.0.2", "127.0.0.3")
    responding.start()
    responding.expect(lambda: responding.collectd.log_lines(r"left alone: server slot1 \(127.0.0.1\) was filled by another"))
    assert ready(balancer) == ["127.0.0.1:8000", "127.0.0.2:8000", "127.0.0.3:8000"]


class Others:
    """What others do to the backend and to collectd, at random."""

    def __init__(self, random, responding, cluster, balancer):
        self.random, self.responding, self.cluster, self.balancer = random, responding, cluster, balancer
        self.endpoints, self.touched = [], set()
        self.change_endpoints()

    def change_endpoints(self):
        self.endpoints = self.random.sample([f"127.0.0.{i}" for i in range(1, 8)], self.random.randint(1, 4))
        self.cluster.set_endpoints(*self.endpoints)

    def set_state(self):
        self._set(f"state {self.random.choice(['maint', 'drain', 'ready'])}")

    def set_address(self):
        self._set(f"addr 127.0.1.{self.random.randint(1, 3)} port 8000")

    def _set(self, what):
        name = f"slot{self.random.randint(1, 12)}"
        self.touched.add(name)
        self.balancer.ask(f"set server api/{name} {what}")

    def reload(self):
        self.balancer.reload()
        self.touched.clear()

    def kill(self):
        self.responding.collectd.kill()
        self.random.choice([self.change_endpoints, self.set_state])()
        self.responding.start()

    def act(self):
        acts = [self.change_endpoints, self.set_state, self.set_address, self.reload, self.kill]
        self.random.choices(acts, [4, 3, 2, 1, 1])[0]()

    def faults(self):
        """What is not as it should be once it is calm."""
        rows = [row for row in self.balancer.servers() if row["srv_port"] == "8000"]
        ready_rows = [row for row in rows if int(row["srv_admin_state"]) & ~REMINDER == 0]
        here = {row["srv_addr"] for row in ready_rows}
        kept_out = {row["srv_addr"] for row in rows if row["srv_name"] in self.touched}
        stale = [row["srv_name"] for row in ready_rows if row["srv_addr"] not in self.endpoints + ["127.0.0.99"]]
        return [*(set(self.endpoints) - here - kept_out), *(set(stale) - self.touched)]


def quiet_seconds(responding):
    last = responding.journal("action", step="request")[-1]["time"]
    return time.time() - datetime.datetime.fromisoformat(last).timestamp()


@pytest.mark.parametrize("seed", os.environ.get("SEEDS", "1 2").split())
def test_any_history_of_both_hands(responding, cluster, haproxy, seed):
    haproxy.backends = backend("server mine 127.0.0.99:8000", "server-template slot 1-12 127.0.0.9:1 disabled")
    haproxy.start()
    others = Others(random.Random(int(seed)), responding, cluster, haproxy)
    follow(responding, cluster, haproxy, Drain=0)
    for _ in range(20):
        others.act()
        if others.random.random() < 0.5:  # else the next one comes in the middle of what it does
            responding.expect(lambda: others.faults() == [], within=20)
    responding.expect(lambda: quiet_seconds(responding) > 2.5 and others.faults() == [], within=30)
    assert all("/slot" in line for line in requests(responding))


# Self-tests.

def self_test(responding, cluster, balancer, **options):
    """What it finds, of an action that does nothing else."""
    control = responding.directory / "control"
    given = {"Socket": f'"{balancer.admin_socket}"', "Backend": '"api"', "Endpoints": '"trading/api"', "Port": 8000,
             "Mode": '"dryrun"', **options}
    responding.configure(response(block("HAProxy", **given)), f'ControlSocket "{control}"\n{cluster.block()}', store=False)
    responding.start()
    subprocess.run([build.BUILD / "resource-alertctl", "self-test", "--socket", control], check=True, capture_output=True)
    result = responding.expect(lambda: responding.journal("action", step="self_test"))[-1]["result"]
    assert not requests(responding)
    return result


@pytest.mark.parametrize("is_master", [False, True])
@pytest.mark.parametrize("level", ["operator", "user"])
def test_a_self_test_finds_a_level_that_is_too_low(responding, cluster, haproxy, level, is_master):
    haproxy.backends, haproxy.level = backend(TEMPLATE), level
    haproxy.start()
    cluster.set_endpoints("127.0.0.1")
    path = haproxy.master_socket if is_master else haproxy.admin_socket
    result = self_test(responding, cluster, haproxy, Socket=f'"{path}"')
    assert result.startswith(f'{path} has level "{level}"; write "level admin"')


@pytest.mark.parametrize("servers, found", [
    (["server-template slot 1-4 127.0.0.9:1"], "no free slot for 127.0.0.1, 0 are in use"),
    (["server-template slot 1-4 api.invalid:80 disabled init-addr none"], "no free slot for 127.0.0.1, 0 are in use"),
    (["server mine 127.0.0.1:8000"], "no free slot for the next endpoint, 0 are in use"),
    (["server mine 127.0.0.2:8000"], "no free slot for 127.0.0.1, 0 are in use"),
    (["# no servers"], "backend api: HAProxy lists no servers"), ([TEMPLATE], "ok"),
    ([TEMPLATE, "server mine 127.0.0.1:8000"], "ok")])
def test_a_self_test_finds_a_backend_without_free_servers(responding, cluster, haproxy, servers, found):
    haproxy.backends = backend(*servers)
    haproxy.start()
    cluster.set_endpoints("127.0.0.1")
    assert found in self_test(responding, cluster, haproxy)


@pytest.mark.parametrize("options, found", [
    ({"Backend": '"nowhere"'}, "show servers state nowhere: Can't find backend."), ({"Socket": '"/nowhere/x"'}, "/nowhere/x: No such file"),
    ({"Socket": '"/etc/passwd"'}, "/etc/passwd: Connection refused"), ({}, "trading/api has no ready endpoint")])
def test_a_self_test_finds_what_is_not_there(responding, cluster, balancer, options, found):
    cluster.set_endpoints(*(["127.0.0.1"] if options else []))
    assert found in self_test(responding, cluster, balancer, **options)


def test_the_example(responding, cluster, haproxy):
    text = (build.SOURCE / "contrib/examples/haproxy.cfg").read_text()
    haproxy.configuration = (text.replace("/run/haproxy/admin.sock mode 600", f"{haproxy.admin_socket} mode 666")
                             .replace("bind :80", f"bind 127.0.0.1:{haproxy.http_port}"))
    haproxy.start()
    cluster.set_endpoints("127.0.0.1", "127.0.0.2")
    assert self_test(responding, cluster, haproxy) == "ok"
    responding.collectd.stop()
    follow(responding, cluster, haproxy)
    responding.expect(lambda: ready(haproxy) == ["127.0.0.1:8000", "127.0.0.2:8000"])


def test_the_master_socket_is_as_good(responding, cluster, balancer):
    cluster.set_endpoints("127.0.0.1", "127.0.0.2")
    assert self_test(responding, cluster, balancer, Socket=f'"{balancer.master_socket}"') == "ok"
    responding.collectd.stop()
    follow(responding, cluster, balancer, Socket=f'"{balancer.master_socket}"')
    responding.expect(lambda: len(ready(balancer)) == 2)
    balancer.reload()
    responding.expect(lambda: len(ready(balancer)) == 2)
    cluster.set_endpoints("127.0.0.2")
    responding.expect(lambda: ready(balancer) == ["127.0.0.2:8000"])


@pytest.mark.parametrize("name", ["api:8000", "-api.v1", "x" * 100])
def test_any_name_of_a_backend(responding, cluster, haproxy, name):
    haproxy.backends, haproxy.default_backend = backend(TEMPLATE, name=name), name
    haproxy.start()
    cluster.set_endpoints("127.0.0.1")
    follow(responding, cluster, haproxy, Backend=f'"{name}"')
    responding.expect(lambda: ready(haproxy, name) == ["127.0.0.1:8000"])
