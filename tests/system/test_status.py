# SPDX-License-Identifier: MIT
"""The health endpoint and the status as JSON, with hostile clients."""
import re
import socket

import pytest
from asking import RULES, Asking
from servers import build, ports


@pytest.fixture
def status(collectd, directory):
    port = ports.allocate()
    collectd.load("resource_alert", f'StatusListen "127.0.0.1:{port}"\nJournal "{directory}/journal"\n'
                  f'StateDir "{directory}/state"\n{RULES}').start()
    return Asking(collectd, port)


def test_rules_are_shown_with_value_limit_and_state(status):
    assert status.rule("used")["state"] == "UNKNOWN"
    status.collectd.put_value("demo-a/percent-used", 41.5, interval=60)
    status.collectd.put_value("demo-b/percent-used", 97.25, interval=60)
    status.expect(lambda: status.rule("used")["state"] == "FAILURE")
    rule = status.rule("used")
    assert rule["value"] == 97.25 and rule["limits"] == {"warning_max": 80, "failure_max": 95}
    assert rule["unit"] == "%" and rule["series_count"] == 2 and rule["counts"] == {"OKAY": 1, "FAILURE": 1} and rule["severity"] == 4
    assert [one["name"] for one in rule["series"]] == ["testhost/demo-b/percent-used", "testhost/demo-a/percent-used"]
    whole = status.get()[1]
    assert whole["version"] == 1 and whole["worst"] == "FAILURE" and whole["counts"]["watched"] == 2
    status.expect(lambda: any(event.get("to") == "FAILURE" for event in status.get()[1]["events"]))


def names_in(value):
    """All names of members in it."""
    if isinstance(value, dict):
        return value.keys() | {name for below in value.values() for name in names_in(below)}
    if isinstance(value, list):
        return {name for below in value for name in names_in(below)}
    return set()


def test_every_member_is_in_the_manual(status):
    status.collectd.put_value("demo-a/percent-used", 97, interval=60)
    status.expect(lambda: status.rule("used")["state"] == "FAILURE")
    whole = status.get()[1]
    del whole["events"]  # lines of the journal
    for rule in whole["rules"]:
        del rule["counts"]  # by state
    page = (build.SOURCE / "doc/collectd-resource-alert.pod").read_text(encoding="utf-8")
    section = re.search(r"^=head1 STATUS AND HEALTH.*?(?=^=head1)", page, re.M | re.S).group()
    documented = set(re.findall(r"C<(\w+)>", section))
    assert names_in(whole) - documented == set()
    assert names_in(status.get("/health")[1]) - documented - {"healthy", "reasons", "rule", *NO_VALUES} == set()


@pytest.mark.parametrize("unhealthy, codes", [
    ("warning", {85: 503, 99: 503, 10: 200}),
    ("never", {85: 200, 99: 200, 10: 200}),
])
def test_which_state_is_unhealthy_is_an_option(collectd, unhealthy, codes):
    port = ports.allocate()
    collectd.load("resource_alert", f'StatusListen "127.0.0.1:{port}"\nUnhealthyAt "{unhealthy}"\n{RULES}').start()
    status = Asking(collectd, port)
    for value, code in codes.items():
        collectd.put_value("demo-a/percent-used", value, interval=60)
        status.expect(lambda wanted=value: status.rule("used")["value"] == wanted)
        status.expect(lambda wanted=code: status.get("/health")[0] == wanted)


NO_VALUES = {"memory_usage": None, "disk_free": None, "cpu_usage": None, "process_count": None}


def test_health_is_503_only_for_what_is_unhealthy(status):
    assert status.get("/health") == (200, {"healthy": True, "worst": "UNKNOWN", "reasons": [], "problems": [], "values": NO_VALUES})
    status.collectd.put_value("demo-a/percent-used", 85, interval=60)
    status.expect(lambda: status.get("/health") == (
        200, {"healthy": True, "worst": "WARNING", "reasons": [{"rule": "used", "state": "WARNING", "value": 85.0}], "problems": [],
              "values": NO_VALUES}))
    status.collectd.put_value("demo-a/percent-used", 99, interval=60)
    status.expect(lambda: status.get("/health")[0] == 503)
    assert status.get("/health")[1]["healthy"] is False


# What HAProxy sends: "option httpchk /health" asks with OPTIONS, in HTTP/1.0 and without a Host.
@pytest.mark.parametrize("method", ["OPTIONS", "HEAD", "GET"])
@pytest.mark.parametrize("path", ["/health", "/health/"])
@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_health_checks_of_any_method(status, method, path, version):
    def code():
        with socket.create_connection(("127.0.0.1", status.port), timeout=5) as peer:
            host = "Host: localhost\r\nConnection: close\r\n" if version == "1.1" else ""
            peer.sendall(f"{method} {path} HTTP/{version}\r\n{host}\r\n".encode())
            answer = peer.makefile("rb").read().decode()
        assert ("healthy" in answer) is (method != "HEAD")
        return int(answer.split()[1])

    assert code() == 200
    status.collectd.put_value("demo-a/percent-used", 99, interval=60)
    status.expect(lambda: code() == 503)


@pytest.mark.parametrize("check", ["option httpchk /health", "option httpchk HEAD /health/", "option httpchk GET /health"])
def test_haproxy_takes_an_unhealthy_machine_out(status, haproxy, check):
    haproxy.backends = f"backend api\n  {check}\n  server one 127.0.0.1:{status.port} check inter 100 fall 1 rise 1\n"
    haproxy.start()

    def result():  # 3: fine, 2: failed
        return haproxy.servers()[0]["srv_check_result"]

    status.expect(lambda: result() == "3")
    status.collectd.put_value("demo-a/percent-used", 99, interval=60)
    status.expect(lambda: result() == "2")
    status.collectd.put_value("demo-a/percent-used", 10, interval=60)
    status.expect(lambda: result() == "3")


def test_it_is_read_only(status):
    for method in ["POST", "PUT", "DELETE"]:
        code, text, _ = status.request("/silence", method, body='{"name":"used","for_s":60}')
        assert code == 405 and "read only" in text
    assert status.request("/nothing")[0] == 404
    code, text, headers = status.request("/", "HEAD")
    assert code == 200 and text == ""
    assert "default-src 'none'" in headers["Content-Security-Policy"]


def test_hostile_clients_do_no_harm(status):
    address = ("127.0.0.1", status.port)
    slow = [socket.create_connection(address) for _ in range(100)]
    for peer in slow:
        peer.sendall(b"GET /status HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
    assert status.get("/health")[0] == 200
    with socket.create_connection(address, timeout=5) as peer:
        try:
            peer.sendall(b"GET / HTTP/1.1\r\nX: " + b"a" * (1 << 20) + b"\r\n\r\n")
            assert b"200 OK" not in peer.recv(4096)
        except OSError:
            pass  # cut off while we were sending, as it should be
    for nonsense in [b"\0" * 1000, b"GET\r\n\r\n", b"GET /" + b"%2e" * 5000 + b" HTTP/1.1\r\n\r\n"]:
        with socket.create_connection(address, timeout=5) as peer:
            peer.sendall(nonsense)
    status.collectd.put_value("demo-a/percent-used", 85, interval=60)
    status.expect(lambda: status.rule("used")["state"] == "WARNING")
    for peer in slow:
        peer.close()


def test_the_response_for_a_thousand_series_is_bounded(status):
    for number in range(1000):
        status.collectd.put_value(f"demo-{number}/gauge-ready", 2 if number == 777 else 10, interval=60)
    status.expect(lambda: status.rule("ready")["series_count"] == 1000)
    rule = status.rule("ready")
    assert len(rule["series"]) == 20
    assert rule["series"][0]["name"] == "testhost/demo-777/gauge-ready" and rule["series"][0]["state"] == "WARNING"
    assert len(status.request("/status")[1]) < 40_000


def test_a_port_in_use_is_logged_and_alerts_go_on(collectd):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        collectd.load("resource_alert", f'StatusListen "127.0.0.1:{port}"\n{RULES}').start()
        assert collectd.log_lines("StatusListen: 127.0.0.1:.*Address already in use")
        collectd.put_value("demo-a/percent-used", 99, interval=60)
        collectd.expect(lambda: collectd.notifications(plugin="resource_alert", severity="FAILURE"))


@pytest.mark.parametrize("listen", ["9180", "localhost:9180", "127.0.0.1:0", "127.0.0.1:70000", "::1:9180"])
def test_a_bad_address_is_refused(collectd, listen):
    collectd.load("resource_alert", f'StatusListen "{listen}"\n{RULES}')
    assert any("StatusListen" in line and "127.0.0.1:9180" in line for line in collectd.refuses_to_start())
