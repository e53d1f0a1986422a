# SPDX-License-Identifier: MIT
"""Webhooks of responses: what arrives, and what is done when it does not."""
import hashlib
import hmac
import json
import socket
import ssl
import subprocess
import threading
import time

import pytest
from responding import Responding, block, certificate, elapsed, processes_with, response, switch
from servers import build
from servers.http_sink import HttpSink


@pytest.fixture
def responding(collectd):
    return Responding(collectd)


def webhook(url, **options):
    return block("Webhook", ' "hook"', URL=f'"{url}"', **options)


def posts(sink):
    return [request for request in sink.requests if request.method == "POST"]


def test_a_document_is_posted_and_signed(responding, http_sink):
    secret = responding.directory / "secret"
    secret.write_text("hunter2\n")
    secret.chmod(0o600)
    headers = responding.directory / "headers"
    headers.write_text("Authorization: Bearer sesame\nX-Team: db\n")
    headers.chmod(0o600)
    control = responding.directory / "control"
    responding.configure(response(webhook(f"{http_sink.url}/hook?key=open", SecretFile=f'"{secret}"',
                                          HeaderFile=f'"{headers}"')), f'ControlSocket "{control}"').start()
    responding.breach()
    responding.expect_state("ENGAGED")
    responding.recover()
    responding.expect_state("OFF")
    first, second = posts(http_sink)
    assert json.loads(first.body)["event"] == "engage" and json.loads(second.body)["event"] == "release"
    signature = hmac.new(b"hunter2", first.body, hashlib.sha256).hexdigest()
    assert first.headers["X-Signature-256"] == f"sha256={signature}"
    assert first.headers["Authorization"] == "Bearer sesame" and first.headers["X-Team"] == "db"
    assert first.headers["Content-Type"] == "application/json" and first.path == "/hook?key=open"
    assert first.headers["Idempotency-Key"] != second.headers["Idempotency-Key"]
    said = "\n".join(responding.collectd.log) + responding.journal_file.read_text() + shown(control)
    kept = (responding.state / "responses.jsonl").read_text()
    for secret_text in ("sesame", "hunter2", "key=open"):
        assert secret_text not in said + kept and not processes_with(secret_text)


def shown(control):
    """What resource-alertctl sees of it all."""
    asked = subprocess.run([build.BUILD / "resource-alertctl", "status", "--json", "--socket", control], check=True,
                           capture_output=True, text=True)
    assert "Webhook hook" in asked.stdout
    return asked.stdout


def test_the_format_of_alertmanager(responding, http_sink):
    responding.configure(response(webhook(http_sink.url, Format='"alertmanager"'))).start()
    responding.breach()
    responding.expect_state("ENGAGED")
    document = json.loads(posts(http_sink)[0].body)
    assert document["version"] == "4" and document["status"] == "firing"
    assert document["alerts"][0]["labels"] == document["commonLabels"]
    assert document["alerts"][0]["labels"]["rule"] == "pool"
    responding.recover()
    responding.expect_state("OFF")
    assert json.loads(posts(http_sink)[1].body)["alerts"][0]["status"] == "resolved"


@pytest.mark.parametrize("status", [302, 400, 500])
def test_another_status_is_a_failure_and_retried(responding, http_sink, status):
    http_sink.answer(status, b"nope\x1b[31m", Location="/elsewhere")
    responding.configure(response(webhook(http_sink.url))).start()
    responding.breach()
    responding.expect(lambda: len(responding.failures("Webhook hook")) >= 2)
    assert responding.failures("Webhook hook")[0].startswith(f"status {status}: nope?")
    assert {request.path for request in http_sink.requests} == {"/"}
    http_sink.answer(200)
    responding.expect_state("ENGAGED")
    assert len({request.headers["Idempotency-Key"] for request in posts(http_sink)}) == 1


def test_a_server_that_refuses_is_retried(responding):
    place = socket.create_server(("127.0.0.1", 0))
    port = place.getsockname()[1]
    place.close()
    responding.configure(response(webhook(f"http://127.0.0.1:{port}/"))).start()
    responding.breach()
    responding.expect(lambda: responding.failures("Webhook hook"))
    assert "Connection refused" in responding.failures("Webhook hook")[0] or "connect" in responding.failures("Webhook hook")[0]
    sink = HttpSink(port=port)
    responding.expect_state("ENGAGED", within=20)
    assert len(posts(sink)) == 1
    sink.close()


def test_retry_after_is_honoured(responding, http_sink):
    http_sink.answer(503, Retry_After="3")
    responding.configure(response(webhook(http_sink.url))).start()
    responding.breach()
    responding.expect(lambda: posts(http_sink))
    begun = time.monotonic()
    http_sink.answer(200)
    responding.expect_state("ENGAGED")
    assert time.monotonic() - begun > 2.5 and len(posts(http_sink)) == 2


def test_a_hanging_server_delays_no_switch_and_no_stop(responding, http_sink):
    http_sink.answer(hangs=True)
    responding.configure(response(webhook(http_sink.url, Timeout=30), name="tell") + "\n"
                         + response(switch("one"))).start()
    responding.breach()
    responding.expect(lambda: posts(http_sink))
    responding.expect(lambda: responding.is_on("one"))
    assert elapsed(responding.collectd.stop) < 5


def test_the_request_and_its_response_are_journaled(responding, http_sink):
    responding.configure(response(webhook(f"{http_sink.url}/hook?key=open"))).start()
    responding.breach()
    responding.expect_state("ENGAGED")
    assert responding.steps("Webhook hook") == ["intent", "request", "response", "done"]
    assert responding.journal("action", step="request")[0]["url"] == f"{http_sink.url}/hook"
    assert json.loads(posts(http_sink)[0].body)["value"] == 90


def raw_server(talk):
    """A TCP server that calls TALK(connection) for each client. Returns its URL."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            try:
                connection, _ = listener.accept()
                threading.Thread(target=talk, args=(connection,), daemon=True).start()
            except OSError:
                return

    threading.Thread(target=serve, daemon=True).start()
    return f"http://127.0.0.1:{listener.getsockname()[1]}", listener


def drip(connection):
    try:
        for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 1000:
            connection.send(bytes([byte]))
            time.sleep(0.02)
    except OSError:
        pass


def flood(connection):
    try:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            connection.sendall(b"x" * 65536)
    except OSError:
        pass


def cut(connection):
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort")
    connection.close()


def babble(connection):
    connection.recv(65536)
    connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
    connection.close()


@pytest.mark.parametrize("talk, reports", [(drip, "no response in time"), (flood, "longer than"), (cut, "transfer closed"),
                                        (babble, "HTTP/0.9")])
def test_servers_with_wrong_responses(responding, talk, reports):
    url, listener = raw_server(talk)
    responding.configure(response(webhook(url, Timeout=1))).start()
    responding.breach()
    # On a busy machine a try may run out of time before the answer is looked at.
    responding.expect(lambda: any(reports in one for one in responding.failures("Webhook hook")), within=30)
    listener.close()


def test_tls_is_verified(responding):
    key, cert = certificate(responding.directory, "right")
    _, wrong = certificate(responding.directory, "wrong")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    sink = HttpSink(lambda raw: context.wrap_socket(raw, server_side=True))
    url = sink.url.replace("http:", "https:")
    wary = response(webhook(url, CAFile=f'"{wrong}"'), name="wary")
    responding.configure(wary + "\n" + response(webhook(url, CAFile=f'"{cert}"'))).start()
    responding.breach()
    responding.expect_state("ENGAGED")
    responding.expect(lambda: responding.journal("action", response="wary", step="failed"))
    assert "certificate" in responding.journal("action", response="wary", step="failed")[0]["error"].lower()
    assert len(posts(sink)) == 1
    sink.close()


def test_a_proxy_is_used(responding, http_sink):
    hook = webhook("http://ops.example.net/hook", Proxy=f'"{http_sink.url}"', AllowPlainHTTP="true")
    responding.configure(response(hook)).start()
    responding.breach()
    responding.expect_state("ENGAGED")
    assert [one.path for one in posts(http_sink)] == ["http://ops.example.net/hook"]


def test_no_proxy_of_the_environment_is_used(responding, http_sink):
    responding.collectd.environment["http_proxy"] = "http://127.0.0.1:9"
    responding.configure(response(webhook(http_sink.url))).start()
    responding.breach()
    responding.expect_state("ENGAGED")
    assert [one.path for one in posts(http_sink)] == ["/"]


@pytest.mark.parametrize("url, reports", [
    ("http://ops.example.net/hook", "is unencrypted and not on this machine: use https, or write AllowPlainHTTP true"),
    ("http://127.example.net/hook", "is unencrypted and not on this machine"),
    ("ftp://ops.example.net/", "is not an http or https URL"),
    ("https://user:secret@ops.example.net/", "store them in a file"),
    ("no url", "is not"),
])
def test_bad_urls_are_refused_at_start(responding, url, reports):
    responding.configure(response(webhook(url)))
    assert any(reports in line for line in responding.collectd.refuses_to_start())
