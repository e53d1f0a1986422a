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
import urllib.request

import pytest
from responding import block, certificate, elapsed, processes_with, response, switch
from servers import build, ports
from servers.http_sink import Answer, HttpSink


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
    assert responding.journal("action", step="request")[0]["url"] == http_sink.url
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
    listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts, which would keep it open
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


# An alert of Alertmanager is its labels.

def alertmanager(sink, **options):
    return webhook(sink.url, Format='"alertmanager"', **options)


def alerts(sink):
    return [json.loads(one.body)["alerts"][0] for one in posts(sink)]


def fingerprint(labels):
    """As Alertmanager's own: FNV-1a over the sorted labels."""
    text = b"".join(part.encode() + b"\xff" for name in sorted(labels) for part in (name, labels[name]))
    found = 14695981039346656037
    for byte in text:
        found = (found ^ byte) * 1099511628211 % 2 ** 64
    return f"{found:016x}"


def test_the_labels_are_those_of_the_engagement_until_the_release(responding, http_sink):
    rule = '<Threshold "memory">\nMetric "memory/percent-used"\nWarningMax 80\n</Threshold>'
    given = response(alertmanager(http_sink)).replace('When "pool"', 'When "pool" "memory"')
    responding.configure(given, rule).start()
    responding.put(97)
    responding.expect_state("ENGAGED")
    responding.collectd.put_value("memory/percent-used", 90)
    responding.expect(lambda: responding.journal(rule="memory", to="WARNING"))
    responding.recover()
    responding.expect(lambda: responding.journal(rule="pool", to="OKAY"))
    responding.collectd.put_value("memory/percent-used", 10)
    responding.expect_state("OFF")
    fired, resolved = alerts(http_sink)
    assert (fired["status"], resolved["status"]) == ("firing", "resolved")
    assert fired["labels"] == resolved["labels"]
    assert (fired["labels"]["rule"], fired["labels"]["severity"]) == ("pool", "critical")
    assert fired["fingerprint"] == resolved["fingerprint"] == fingerprint(fired["labels"])
    # The next engagement has its own.
    responding.breach()
    responding.expect(lambda: len(alerts(http_sink)) == 3)
    assert alerts(http_sink)[2]["labels"]["severity"] == "warning"


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_the_labels_stay_over_a_restart(responding, http_sink, end):
    responding.configure(response(alertmanager(http_sink))).start()
    responding.put(97)
    responding.expect_state("ENGAGED")
    getattr(responding.collectd, end)()
    responding.start()
    responding.recover()
    responding.expect_state("OFF")
    fired, *_, resolved = alerts(http_sink)  # and what the start repeats
    assert resolved["status"] == "resolved" and fired["labels"]["severity"] == "critical"
    assert all((one["labels"], one["fingerprint"]) == (fired["labels"], fired["fingerprint"]) for one in alerts(http_sink))


def test_alerts_are_told_apart_and_have_their_urls(responding, http_sink):
    page = "http://db1.example.net:9180/"
    responding.configure(response(alertmanager(http_sink), name="one") + "\n"
                         + response(alertmanager(http_sink, ExternalURL=f'"{page}"'), name="two")).start()
    responding.breach()
    responding.expect(lambda: len(posts(http_sink)) == 2)
    assert len({one["fingerprint"] for one in alerts(http_sink)}) == 2
    documents = {one["alerts"][0]["labels"]["response"]: one for one in map(lambda post: json.loads(post.body), posts(http_sink))}
    assert documents["one"]["externalURL"] == documents["one"]["alerts"][0]["generatorURL"] == "http://testhost/"
    assert documents["two"]["externalURL"] == documents["two"]["alerts"][0]["generatorURL"] == page


# The URL is a secret.

SECRET = "XXXXpathXXXX"


def outputs(responding, port):
    """All that people and programs see of it, by its place."""
    return {
        "log": "\n".join(responding.collectd.log),
        "journal": responding.journal_file.read_text(),
        "state": "".join(one.read_text() for one in responding.state.iterdir() if one.is_file()),
        "status": urllib.request.urlopen(f"http://127.0.0.1:{port}/status", timeout=5).read().decode(),
        "notifications": str(responding.collectd.notifications()),
    }


@pytest.mark.parametrize("label", ["", ' "hook"'])
@pytest.mark.parametrize("is_file", [False, True])
def test_the_path_of_a_url_is_shown_nowhere(responding, http_sink, label, is_file):
    port = ports.allocate()
    url = f"{http_sink.url}/services/T0/B0/{SECRET}?key=YYYYqueryYYYY"
    (responding.directory / "url").write_text(url + "\n")
    (responding.directory / "url").chmod(0o600)
    headers = responding.directory / "headers"
    headers.write_text("Authorization: Bearer ZZZZtokenZZZZ\n")
    headers.chmod(0o600)
    place = {"URLFile": f'"{responding.directory}/url"'} if is_file else {"URL": f'"{url}"'}
    # Servers repeat what they do not know.
    http_sink.answers = [Answer(404, f"Cannot POST /services/T0/B0/{SECRET}".encode()),
                         Answer(403, b"the token ZZZZtokenZZZZ is unknown"), Answer(500, b"YYYYqueryYYYY?"),
                         Answer(400, b"no_service")]
    responding.configure(response(block("Webhook", label, HeaderFile=f'"{headers}"', **place)),
                         f'StatusListen "127.0.0.1:{port}"').start()
    responding.breach()
    responding.expect(lambda: len(responding.journal("action", step="failed")) >= 4, within=30)
    failures = [one["error"] for one in responding.journal("action", step="failed")]
    assert failures[:4] == ["status 404", "status 403", "status 500", "status 400: no_service"]
    shown_in = outputs(responding, port)
    for secret in (SECRET, "YYYYqueryYYYY", "ZZZZtokenZZZZ", "services/"):
        assert [name for name, text in shown_in.items() if secret in text] == [] and not processes_with(secret)


def test_a_webhook_without_a_name_keeps_the_one_that_it_is_given(responding, http_sink):
    hooks = [block("Webhook", URL=f'"{http_sink.url}/{path}"') for path in ("one", "two")]
    names = []
    for order in (hooks, hooks[::-1]):
        responding.configure(response("\n".join(order))).start()
        responding.breach()
        responding.expect_state("ENGAGED")
        names.append({one["action"] for one in responding.journal("action", step="intent")})
        responding.recover()
        responding.expect_state("OFF")
        responding.collectd.stop()
    assert names[0] == names[1] and len(names[0]) == 2
    assert all(name.startswith(f"Webhook {http_sink.url}#") for name in names[0])


def test_a_url_file_is_read_for_each_request(responding, http_sink):
    place = responding.directory / "url"
    responding.configure(response(block("Webhook", ' "hook"', URLFile=f'"{place}"'))).start()
    responding.breach()
    responding.expect(lambda: responding.failures("Webhook hook"))
    assert "No such file" in responding.failures("Webhook hook")[0]
    place.write_text("http://ops.example.net/secret/path\n")
    place.chmod(0o600)
    responding.expect(lambda: "AllowPlainHTTP" in responding.failures("Webhook hook")[-1])
    assert "secret/path" not in responding.failures("Webhook hook")[-1]
    place.write_text(f"{http_sink.url}/there\n")
    responding.expect_state("ENGAGED", within=20)
    assert [one.path for one in posts(http_sink)] == ["/there"]


def test_a_header_of_the_file_replaces_the_content_type(responding, http_sink):
    headers = responding.directory / "headers"
    headers.write_text("content-type: application/cloudevents+json\n")
    headers.chmod(0o600)
    responding.configure(response(webhook(http_sink.url, HeaderFile=f'"{headers}"'))).start()
    responding.breach()
    responding.expect(lambda: posts(http_sink))
    names = [name.lower() for name in posts(http_sink)[0].all_headers]
    assert names.count("content-type") == 1
    assert posts(http_sink)[0].headers["content-type"] == "application/cloudevents+json"


# The self-test.

class Routes(HttpSink):
    """A server whose answer depends on the method alone: {"OPTIONS": 405, ...}, else 200."""

    def __init__(self, statuses):
        super().__init__()
        self.statuses = statuses
        self.asked = []

    def take(self, request):
        self.asked.append(request.method)
        super().take(request)
        return Answer(self.statuses.get(request.method, 200), b"body")


@pytest.mark.parametrize("statuses, result", [
    ({}, "ok"),
    ({"OPTIONS": 404, "HEAD": 404}, "status 404 for OPTIONS, 404 for HEAD"),
    ({"OPTIONS": 410, "HEAD": 410}, "status 410 for OPTIONS, 410 for HEAD"),
    ({"OPTIONS": 401, "HEAD": 401}, "status 401 for OPTIONS, 401 for HEAD"),
    ({"OPTIONS": 404, "HEAD": 405}, "ok"),  # a server that does not know OPTIONS
    ({"OPTIONS": 204, "HEAD": 404}, "ok"),  # one that takes a POST only
    ({"OPTIONS": 501}, "ok"),
])
def test_the_self_test_finds_a_webhook_that_is_gone(responding, directory, statuses, result):
    sink = Routes(statuses)
    control = directory / "control"
    responding.configure(response(webhook(f"{sink.url}/{SECRET}")), f'ControlSocket "{control}"').start()
    subprocess.run([build.BUILD / "resource-alertctl", "self-test", "--socket", control], check=True, capture_output=True)
    responding.expect(lambda: responding.journal("action", step="self_test"))
    assert responding.journal("action", step="self_test")[-1]["result"].startswith(result)
    assert set(sink.asked) <= {"OPTIONS", "HEAD"} and all(not one.body for one in sink.requests)
    sink.close()


def test_the_self_test_sends_the_headers_and_finds_a_missing_file(responding, directory):
    sink = Routes({})
    control = directory / "control"
    headers = directory / "headers"
    responding.configure(response(webhook(sink.url, HeaderFile=f'"{headers}"')), f'ControlSocket "{control}"').start()

    def self_test():
        subprocess.run([build.BUILD / "resource-alertctl", "self-test", "--socket", control], check=True,
                       capture_output=True)

    self_test()
    responding.expect(lambda: any("No such file" in one["result"]
                                  for one in responding.journal("action", step="self_test")))
    headers.write_text("Authorization: Bearer sesame\n")
    headers.chmod(0o600)
    self_test()
    responding.expect(lambda: sink.requests)
    assert sink.requests[0].headers["Authorization"] == "Bearer sesame"
    sink.close()


@pytest.mark.parametrize("url, reports", [
    ("http://ops.example.net/hook", "is unencrypted and not on this machine: use https, or write AllowPlainHTTP true"),
    ("http://127.example.net/hook", "is unencrypted and not on this machine"),
    ("ftp://ops.example.net/", "is not an http or https URL"),
    ("https://user:secret@ops.example.net/", "store them in a file"),
    ("no url", "is not"),
    (f"ftp://user:word@ops.example.net/{SECRET}", 'URL "ftp://ops.example.net" is not an http or https URL'),
])
def test_bad_urls_are_refused_at_start(responding, url, reports):
    responding.configure(response(webhook(url)))
    lines = responding.collectd.refuses_to_start()
    assert any(reports in line for line in lines) and not any(SECRET in line for line in lines)


def test_a_url_is_in_the_configuration_or_in_a_file(responding):
    for place in ({}, {"URL": '"http://127.0.0.1/"', "URLFile": '"/etc/url"'}):
        responding.configure(response(block("Webhook", ' "hook"', **place)))
        assert any("needs either URL or URLFile" in line for line in responding.collectd.refuses_to_start())
