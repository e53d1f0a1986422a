# SPDX-License-Identifier: MIT
"""The examples of doc/application.md, each as it stands but for the directory."""
import os
import re
import subprocess

import pytest
from servers import build

PAGE = (build.SOURCE / "doc/application.md").read_text(encoding="utf-8")
EXAMPLES = dict(re.findall(r"^```python\n# (\w+)\n(.*?)^```", PAGE, re.M | re.S))

# What is done with each example: `turn(True)` makes the switch's file and waits until it is read.
TURN = """
import pathlib, time
def turn(name, on=True):
    path = pathlib.Path(DIRECTORY, name)
    path.touch() if on else path.unlink()
    deadline = time.monotonic() + 10
    while switches.is_on(name) is not on:
        assert time.monotonic() < deadline
        time.sleep(0.01)
"""
ASGI = """
import asyncio
def ask(path):
    sent = []
    async def send(message): sent.append(message)
    async def receive(): return {"type": "http.request", "body": b""}
    asyncio.run(app({"type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "query_string": b"",
                     "headers": [], "root_path": "", "http_version": "1.1"}, receive, send))
    return sent[0]["status"], {k.decode().lower(): v.decode() for k, v in sent[0]["headers"]}
"""
WSGI = """
import wsgiref.util
def ask(path):
    seen = {}
    environ = {"PATH_INFO": path}
    wsgiref.util.setup_testing_defaults(environ)
    result = app(environ, lambda status, headers, e=None: seen.update(s=int(status[:3]), h=dict(headers)))
    b"".join(result)
    result.close() if hasattr(result, "close") else None
    return seen["s"], {k.lower(): v for k, v in seen["h"].items()}
"""
WEB = TURN + """
assert {ask("/reports")[0] for _ in range(20)} == {200}
turn("serve_cached")
assert ask("/reports")[1]["x-degraded"] == "serve_cached"
turn("limit_noncore_api")
assert 429 in [ask("/prices")[0] for _ in range(40)]
assert {ask("/orders")[0] for _ in range(40)} == {200}
assert ask("/reports")[0] == 200
turn("limit_noncore_api", False)
assert {ask("/prices")[0] for _ in range(40)} == {200}
"""
DJANGO = """
import sys, types
import django.conf, django.http, django.urls
sys.modules["site_urls"] = urls = types.ModuleType("site_urls")
urls.urlpatterns = [django.urls.path("<path:path>", lambda request, path: django.http.HttpResponse(path))]
django.conf.settings.configure(ALLOWED_HOSTS=["*"], ROOT_URLCONF="site_urls", SECRET_KEY="x")
"""
USES = {
    "fastapi": ("", """
@app.get("/{path:path}")
def get(path: str):
    return path
""" + ASGI + WEB),
    "flask": ("", """
@app.get("/<path:path>")
def get(path):
    return path
""" + WSGI + WEB),
    "django": (DJANGO, "app = application\n" + WSGI + WEB),
    "cached": ("", TURN + """
class Session:
    calls = 0
    def execute(self, year):
        self.calls += 1
        return self.calls
session = Session()
assert [report(session, 1), report(session, 1)] == [1, 2]
turn("serve_cached")
assert [report(Session(), 1), report(session, 2), report(session, 2)] == [2, 3, 3]
"""),
    "apscheduler": ("", TURN + """
turn("pause_scheduled_jobs")
[job] = scheduler.get_jobs()
assert job.func() is None and switches.counters["skipped"] == 1
"""),
    "celery": ("", TURN + """
beat = app.conf.beat_scheduler(app=app, schedule_filename=DIRECTORY + "/schedule", lazy=True)
turn("pause_scheduled_jobs")
beat.apply_entry(type("Entry", (), {"name": "fetch"}))
assert beat.paused_entries == {"fetch": 1}
"""),
    "fake": ("", ""),
}


@pytest.mark.parametrize("name", USES)
def test_an_example_does_what_the_page_says(directory, name):
    before, after = USES[name]
    text = EXAMPLES[name].replace("/run/collectd/switches", str(directory))
    (directory / "example.py").write_text(f"DIRECTORY = {str(directory)!r}\n{before}\n{text}\n{after}")
    done = subprocess.run(["/usr/bin/python3", "-B", directory / "example.py"], capture_output=True, text=True, timeout=60,
                          env={**os.environ, "PYTHONPATH": str(build.SOURCE / "contrib/python")})
    assert done.returncode == 0, done.stderr


def test_every_example_is_run():
    assert EXAMPLES.keys() == USES.keys()


def test_the_switches_are_those_of_the_sample():
    sample = (build.SOURCE / "conf.d/50-responses.conf").read_text(encoding="utf-8")
    for name in re.findall(r"^\| `(\w+)` \|", PAGE, re.M):
        assert f'<Switch "{name}">' in sample
