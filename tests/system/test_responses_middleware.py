# SPDX-License-Identifier: MIT
"""The middleware among the examples honours the switches: nginx, a Python
application, a systemd service."""
import configparser
import importlib.util
import re
import shutil
import subprocess
import urllib.error
import urllib.request

import pytest
from responding import Responding, response, switch
from servers import build

EXAMPLES = build.SOURCE / "contrib/examples"


@pytest.fixture
def responding(collectd):
    return Responding(collectd)


@pytest.fixture
def site(responding, nginx, http_sink):
    """nginx with the shipped configuration before an application."""
    def shipped(name):
        text = (EXAMPLES / "nginx" / name).read_text()
        return (text.replace("/run/collectd/switches", str(responding.switches))
                .replace("/var/cache/nginx", str(nginx.directory))
                .replace("http://127.0.0.1:8000", http_sink.url))

    http_sink.answer(200, b"fresh")
    nginx.http, nginx.server = shipped("degradation-http.conf"), shipped("degradation-server.conf")
    return nginx.start()


def get(site, path):
    """(status, headers) of a GET."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{site.http_port}{path}", timeout=5) as answer:
            answer.read()
            return answer.status, answer.headers
    except urllib.error.HTTPError as error:
        return error.code, error.headers


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


def test_the_python_example_honours_a_switch(responding):
    spec = importlib.util.spec_from_file_location("switches", EXAMPLES / "switches.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    application = module.Degradation(lambda environ, start: start("200 OK", []) or [b"here"],
                                     switches=responding.switches)

    def status_of(path):
        seen = []
        application({"PATH_INFO": path}, lambda status, headers: seen.append(status))
        return seen[0]

    assert status_of("/api/prices") == "200 OK"
    responding.configure(response(switch("limit_noncore_api"))).start()
    responding.breach()
    responding.expect(lambda: status_of("/api/prices").startswith("503"))
    assert status_of("/api/core/order") == "200 OK"
    responding.recover()
    responding.expect(lambda: status_of("/api/prices") == "200 OK")
    (responding.switches / "limit_noncore_api").write_text('{"until": "2001-01-01T00:00:00Z"}')
    assert status_of("/api/prices") == "200 OK"  # its writer is dead


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
