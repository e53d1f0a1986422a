# SPDX-License-Identifier: MIT
"""The middleware among the examples honours the switches: nginx, a systemd service."""
import configparser
import http.server
import re
import shutil
import subprocess
import threading
import time
import urllib.error
import urllib.request

import pytest
from responding import response, switch
from servers import build
from servers.waiting import wait_until

EXAMPLES = build.SOURCE / "contrib/examples"


def install(responding, nginx, url):
    """The shipped configuration before an application at URL."""
    def shipped(name):
        text = (EXAMPLES / "nginx" / name).read_text()
        return (text.replace("/run/collectd/switches", str(responding.switches))
                .replace("/var/cache/nginx", str(nginx.directory))
                .replace("http://127.0.0.1:8000", url))

    nginx.http = shipped("degradation-http.conf")
    nginx.server = shipped("degradation-server.conf")


@pytest.fixture
def site(responding, nginx, http_sink):
    http_sink.answer(200, b"fresh")
    install(responding, nginx, http_sink.url)
    return nginx.start()


def get(site, path):
    """(status, headers) of a GET."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{site.http_port}{path}", timeout=5) as answer:
            answer.read()
            return answer.status, answer.headers
    except urllib.error.HTTPError as error:
        return error.code, error.headers


@pytest.fixture
def accounts(responding, nginx):
    """nginx before an application that shows each user his own account. Asks it, and
    returns the answer's text and how the cache was used."""
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            names = ("Authorization", "Cookie", "X-API-Key")
            user = next(filter(None, map(self.headers.get, names)), "nobody")
            body = f"account of {user}".encode()
            self.send_response(200)
            if self.path == "/api/login":
                self.send_header("Set-Cookie", f"session={time.monotonic_ns()}")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    application = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=application.serve_forever, daemon=True).start()
    install(responding, nginx, f"http://127.0.0.1:{application.server_address[1]}")
    responding.configure(response(switch("serve_cached")))

    def ask(path="/api/account", **headers):
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(f"http://127.0.0.1:{nginx.http_port}{path}", headers=headers)
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.read().decode(), answer.headers["X-Cache"], answer.headers["Set-Cookie"]

    yield ask
    application.shutdown()


def test_pressure_limits_what_is_not_essential_and_serves_from_the_cache(responding, site, http_sink):
    responding.configure(response(switch("limit_noncore_api") + switch("serve_cached"))).start()
    assert get(site, "/api/prices")[1]["X-Cache"] in ("MISS", "BYPASS")
    for _ in range(8):
        assert get(site, "/api/prices")[0] == 200

    responding.breach()
    responding.expect(lambda: get(site, "/api/prices")[1]["X-Cache"] == "HIT", within=2)
    status, headers = responding.expect(lambda: next((a for a in [get(site, "/api/prices")] if a[0] == 429), None), within=2)
    assert headers["Retry-After"] == "10"
    fetched = len(http_sink.requests)
    for _ in range(8):
        assert get(site, "/api/core/order")[0] == 200
    assert len(http_sink.requests) == fetched + 8  # and from nobody's cache

    responding.recover()
    responding.expect_state("OFF")
    for _ in range(8):
        status, headers = get(site, "/api/prices")
        assert (status, headers["X-Cache"]) == (200, "BYPASS")


# "0" is false to nginx's proxy_no_cache, and "" is what a client without the header has.
@pytest.mark.parametrize("header", ["Authorization", "Cookie", "X_API_Key"])
@pytest.mark.parametrize("first, second", [("alice", "mallory"), ("0", "00")])
def test_nobody_gets_what_was_made_for_another(responding, nginx, accounts, header, first, second):
    nginx.start()
    responding.start()
    assert accounts(**{header: first})[0] == f"account of {first}"
    responding.breach()
    responding.expect_state("ENGAGED")
    responding.expect(lambda: accounts()[1] == "HIT")  # for nobody the cache is there
    assert accounts()[0] == "account of nobody"
    for user in (second, first):
        assert accounts(**{header: user})[0] == f"account of {user}"
    assert accounts()[0] == "account of nobody"


def test_a_session_that_the_application_opens_is_in_no_cache(responding, nginx, accounts):
    nginx.start()
    responding.start()
    accounts("/api/login")
    responding.breach()
    responding.expect_state("ENGAGED")
    assert len({accounts("/api/login")[2] for _ in range(3)}) == 3


def test_a_switch_is_seen_at_once_with_a_cache_of_open_files(responding, nginx, accounts):
    nginx.http += "open_file_cache max=1000 inactive=20s;\nopen_file_cache_valid 30s;\nopen_file_cache_errors on;\n"
    nginx.start()
    responding.start()
    for expected, act in ((True, responding.breach), (False, responding.recover), (True, responding.breach)):
        assert (accounts()[1] == "HIT") is not expected
        act()
        responding.expect(lambda on=expected: responding.is_on("serve_cached") is on)
        wait_until(lambda on=expected: (accounts()[1] == "HIT") is on, within=1)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze: the drop-in is NOT tried")
def test_systemd_starts_the_job_only_while_the_switch_is_off(responding):
    text = (EXAMPLES / "systemd" / "pause-scheduled-jobs.conf").read_text()
    condition = re.search(r"^ConditionPathExists=.*", text, re.M)[0].replace("/run/collectd/switches", str(responding.switches))

    def starts():
        return subprocess.run(["systemd-analyze", "condition", condition], capture_output=True).returncode == 0

    responding.configure(response(switch("pause_scheduled_jobs"))).start()
    assert starts()
    responding.breach()
    responding.expect(lambda: not starts())
    responding.recover()
    responding.expect(starts)


def test_the_systemd_drop_in_names_the_switch_of_the_samples():
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str
    parser.read(EXAMPLES / "systemd" / "pause-scheduled-jobs.conf")
    condition = parser["Unit"]["ConditionPathExists"]
    sample = (build.SOURCE / "conf.d" / "50-responses.conf").read_text()
    directory, name = condition.lstrip("!").rsplit("/", 1)
    assert condition.startswith("!") and f'Path "{directory}"' in sample and f'<Switch "{name}">' in sample
