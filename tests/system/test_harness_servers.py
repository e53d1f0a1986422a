# SPDX-License-Identifier: MIT
"""The harness itself: each server starts, answers, and starts again."""
import socket
import time
import urllib.request


def test_pgbouncer(pgbouncer):
    pgbouncer.start()
    assert pgbouncer.run("SHOW POOLS", user="stats")[0]["database"] == "pgbouncer"
    with pgbouncer.connect("postgres").cursor() as cursor:
        cursor.execute("SELECT 1")
    assert "postgres" in [pool["database"] for pool in pgbouncer.run("SHOW POOLS")]
    pgbouncer.restart()


def test_carbon(carbon):
    now = int(time.time())
    with socket.create_connection(("127.0.0.1", carbon.line_port)) as peer:
        peer.sendall(f"a.b 42 {now}\n".encode())
    carbon.expect(lambda: (now, 42) in carbon.fetch("a.b"))
    assert "a.b" in carbon.metrics()


def test_influxdb(influxdb):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        line = f"m,host=h value=42 {int(time.time() * 1000)}\n"

        def has_arrived():  # the listener may open after HTTP has
            peer.sendto(line.encode(), ("127.0.0.1", influxdb.line_port))
            return influxdb.query("SELECT * FROM m", "lines")

        rows = influxdb.expect(has_arrived, within=20)
    assert (rows[0]["host"], rows[0]["value"]) == ("h", 42)


def test_prometheus(prometheus):
    prometheus.expect(lambda: prometheus.query("up") == [
        ({"__name__": "up", "instance": f"127.0.0.1:{prometheus.target_port}",
          "job": "collectd"}, 0)], within=20)


def test_etcd(etcd):
    etcd.ctl("put", "/a/b", "on")
    assert etcd.get("/a/b") == "on"
    assert etcd.get("/a/c") is None
    assert etcd.keys("/a/") == ["/a/b"]


def test_haproxy_and_nginx(haproxy, nginx):
    nginx.start()
    haproxy.backends = f"backend api\n  server one 127.0.0.1:{nginx.http_port}\n"
    haproxy.start()
    assert [one["srv_name"] for one in haproxy.servers()] == ["one"]
    with urllib.request.urlopen(f"http://127.0.0.1:{haproxy.http_port}/") as answer:
        assert answer.read() == b"ok"
    assert nginx.stop() == 0


def test_http_sink(http_sink):
    http_sink.answer(body=b"yes", X_Word="1")
    with urllib.request.urlopen(f"{http_sink.url}/path", data=b"question") as answer:
        assert (answer.read(), answer.headers["X-Word"]) == (b"yes", "1")
    request = http_sink.requests[0]
    assert (request.method, request.path, request.body) == ("POST", "/path", b"question")
