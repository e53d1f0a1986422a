# SPDX-License-Identifier: MIT
"""The HTTP server with clients that trickle, stay, come in crowds or use another name for it: it answers the others."""
import http.client
import os
import select
import socket
import time

import pytest
from asking import RULES, Asking
from servers import ports

DEADLINE_S = 5  # of a request, from the connection to its last byte


class Trickle:
    """Connections that send a byte now and then and never end their request."""

    def __init__(self, port, begin=b"GET /status HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: "):
        self.port, self.begin, self.peers = port, begin, []

    def connect(self, source="127.0.0.1"):
        peer = socket.socket()
        peer.bind((source, 0))
        peer.connect(("127.0.0.1", self.port))
        peer.setblocking(False)
        peer.send(self.begin)
        self.peers.append(peer)

    def send(self):
        for peer in self.peers:
            try:
                peer.send(b"x")
            except OSError:
                pass

    def open_peers(self):
        return [peer for peer in self.peers if not self.is_closed(peer)]

    @staticmethod
    def is_closed(peer):
        try:
            return peer.recv(4096) == b""
        except BlockingIOError:
            return False
        except OSError:
            return True

    def close(self):
        for peer in self.peers:
            peer.close()


@pytest.fixture
def status(collectd):
    port = ports.allocate()
    collectd.load("resource_alert", f'StatusListen "127.0.0.1:{port}"\nStatusHost "status.example"\n'
                  f'StatusHost "*.monitoring.svc"\n{RULES}').start()
    return Asking(collectd, port)


@pytest.fixture
def trickle(status):
    trickle = Trickle(status.port)
    yield trickle
    trickle.close()


@pytest.mark.parametrize("addresses", [1, 7, 300])
def test_health_is_answered_beside_three_hundred_trickling_connections(status, trickle, addresses):
    for number in range(300):
        trickle.connect(f"127.0.{1 + number % addresses // 200}.{1 + number % addresses % 200}")
    for _ in range(10):
        trickle.send()
        assert status.get("/health")[0] == 200
    for number in range(300):  # they come again
        trickle.connect(f"127.0.{1 + number % addresses // 200}.{1 + number % addresses % 200}")
        if number % 30 == 0:
            trickle.send()
            assert status.get("/health")[0] == 200


def test_an_address_has_a_share(status, trickle):
    trickle.connect("127.0.0.9")
    for _ in range(100):
        trickle.connect("127.0.0.1")
    status.expect(lambda: len(trickle.open_peers()) == 65)
    assert trickle.peers[0] in trickle.open_peers(), "the one of the other address"
    assert trickle.peers[-1] in trickle.open_peers(), "the newest"


def test_a_request_has_a_deadline_although_bytes_come(status):
    slow = [Trickle(status.port, begin) for begin in (
        b"", b"GET /status HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ",
        b"POST /status HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 10000\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\nGET /status HTTP/1.1\r\n")]
    begun = time.monotonic()
    for trickle in slow:
        trickle.connect()

    def are_over():
        for trickle in slow:
            trickle.send()
        return not any(trickle.open_peers() for trickle in slow)

    status.expect(are_over)
    assert time.monotonic() - begun >= DEADLINE_S - 1
    for trickle in slow:
        trickle.close()


def test_a_connection_that_goes_on_asking_stays_open(status):
    peer = http.client.HTTPConnection("127.0.0.1", status.port, timeout=5)
    peer.connect()
    used = peer.sock
    until = time.monotonic() + DEADLINE_S + 2
    while time.monotonic() < until:
        peer.request("GET", "/health")
        assert peer.getresponse().read()
        assert not select.select([used], [], [], 0.5)[0], "it was closed"
    assert peer.sock is used
    peer.close()


NAMES = [("127.0.0.1", 200), ("127.0.0.1:9180", 200), ("[::1]:9180", 200), ("10.2.3.4", 200), ("localhost:9180", 200),
         ("LocalHost", 200), ("testhost", 200), ("testhost.:80", 200), (os.uname().nodename.upper(), 200),
         ("status.example:443", 200), ("Status.Example", 200), ("a.monitoring.svc", 200),
         ("evil.example:8080", 421), ("evil.status.example", 421), ("127.0.0.1.evil.example", 421), ("[::1].evil", 421),
         ("localhost.evil.example", 421), ("testhost.evil.example", 421), ("a" * 300, 421), ("", 421), (":80", 421)]


@pytest.mark.parametrize("path", ["/health", "/status", "/"])
def test_only_own_names_are_served(status, path):
    for name, wanted in NAMES:
        code, text, _ = status.request(path, headers={"Host": name})
        assert code == wanted, name
        if code == 421:
            assert "StatusHost" in text and "evil" not in text


def test_a_request_without_a_host_is_a_health_check(status):
    with socket.create_connection(("127.0.0.1", status.port), timeout=5) as peer:
        peer.sendall(b"GET /health HTTP/1.0\r\n\r\n")
        assert b" 200 " in peer.makefile("rb").readline()
