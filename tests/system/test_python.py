# SPDX-License-Identifier: MIT
"""The application's module in Python, without a server: what it reads, limits, caches and skips."""
import ast
import asyncio
import datetime
import json
import logging
import os
import subprocess
import sys
import threading
import time
import types

import pytest
from servers import build
from servers.waiting import wait_until

PYTHON = build.SOURCE / "contrib/python"
sys.path.insert(0, str(PYTHON))

import resource_switches as rs  # noqa: E402

PAST, FUTURE = "2001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"


def read(source, name, **options):
    return rs.Switches(source, every=0.02, **options).is_on(name)


def test_it_is_written_for_python_3_9():
    ast.parse((PYTHON / "resource_switches.py").read_text(), feature_version=(3, 9))
    imported = {line.split()[1].split(".")[0] for line in (PYTHON / "resource_switches.py").read_text().splitlines()
                if line.startswith(("import ", "from "))}
    assert imported <= sys.stdlib_module_names


BY_HAND = [b"", b"on", b"1\n", b"true", b"null", b"[]", b'"yes"', b"{", b"{}", b'{"until": 5}', b'{"until": null}',
           b'{"until": "tomorrow"}', b'{"until": "9999-12-31T23:59:59Z"}', b"\xff\xfe", b"[" * 100_000]


@pytest.mark.parametrize("content", BY_HAND, ids=lambda content: content[:12].decode(errors="replace"))
def test_a_file_that_a_person_has_made_is_on(directory, content):
    (directory / "limit_noncore_api").write_bytes(content)
    assert read(directory, "limit_noncore_api") is True


def test_what_is_no_file_or_has_expired_is_no_switch(directory):
    (directory / "expired").write_text(json.dumps({"until": PAST}))
    (directory / "directory").mkdir()
    os.mkfifo(directory / "pipe")  # whose opening would wait
    (directory / "loop").symlink_to("loop")
    for path in ["expired", "directory", "pipe", "nothing", "expired/below", "x" * 300, "switches.json", "\0"]:
        assert read(directory, path) is False


def test_a_switch_is_off_the_moment_it_expires_even_if_nobody_reads_any_more(directory):
    until = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=2)
    (directory / "one").write_text(json.dumps({"until": until.strftime("%Y-%m-%dT%H:%M:%SZ")}))
    switches = rs.Switches(directory, every=1000)
    assert switches.is_on("one")
    wait_until(lambda: not switches.is_on("one"), within=5)


def test_a_missing_directory_is_logged_once_and_read_when_it_comes(directory, caplog):
    path = directory / "switches"
    switches = rs.Switches(path, every=0.01)
    assert not switches.is_on("one")
    rounds = count_rounds(switches)
    wait_until(lambda: len(rounds) > 5, within=5)
    assert [m for m in caplog.messages if "No such file" in m and str(path) in m and "taken as off" in m] == caplog.messages
    path.mkdir()
    (path / "one").touch()
    wait_until(lambda: switches.is_on("one"), within=5)
    assert caplog.messages[-2:] == ["switches: readable again", "switch one: on"]


def count_rounds(switches):
    rounds, read_source = [], switches._source.read
    switches._source.read = lambda names: rounds.append(1) or read_source(names)
    return rounds


@pytest.mark.skipif(os.geteuid() != 0, reason="not root: an unreadable directory is NOT tested")
def test_a_directory_that_may_not_be_entered_has_no_switch_on(directory):
    path = directory / "collectd" / "switches"
    path.mkdir(parents=True)
    (path / "one").touch(0o600)
    code = f"import resource_switches as r; s = r.Switches('{path}', every=0.01); print(s.is_on('one'))"

    def ask_as_nobody():
        done = subprocess.run(["setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups", "/usr/bin/python3", "-Bc",
                               code], capture_output=True, text=True, check=True, cwd="/", env={"PYTHONPATH": str(PYTHON)})
        return done.stdout.strip(), done.stderr

    path.parent.chmod(0o755)
    assert ask_as_nobody()[0] == "True"  # the file cannot be read, but it is there
    path.parent.chmod(0o750)
    result, said = ask_as_nobody()
    assert result == "False" and said.count("Permission denied") == 1


@pytest.mark.parametrize("value, is_on", [
    (True, True), (1, True), (b"1", True), (b"on", True), ("true", True), ({"until": FUTURE}, True), ("{}", True),
    (json.dumps({"on": True, "until": FUTURE}).encode(), True), (False, False), (None, False), (b"0", False), ("off", False),
    ("", False), ("false", False), ({"on": False}, False), (json.dumps({"until": PAST}), False)])
def test_any_object_with_get_is_a_store(value, is_on):
    assert read({"one": value}, "one") is False  # not asked for before
    switches = rs.Switches({"one": value}, every=0.01)
    switches.is_on("one")
    rounds = count_rounds(switches)
    wait_until(lambda: len(rounds) > 2, within=5)
    assert switches.is_on("one") is is_on


def test_a_store_that_raises_or_hangs_neither_raises_nor_hangs(caplog):
    class Store:
        def __init__(self):
            self.calls = 0

        def get(self, name):
            self.calls += 1
            if self.calls > 3:
                threading.Event().wait()
            raise KeyError(name)

    begun = time.monotonic()
    switches = rs.Switches(Store(), every=0.01)
    wait_until(lambda: switches._source.source.calls > 3, within=5)
    assert not switches.is_on("one") and time.monotonic() - begun < 3
    assert len(caplog.messages) == 1


def test_an_event_loop_is_never_held_up():
    class Slow(dict):
        def get(self, name):
            time.sleep(0.05)
            return True

    async def longest():
        switches, most = rs.Switches(Slow(), every=0), 0
        deadline = time.monotonic() + 0.5
        while time.monotonic() < deadline:
            begun = time.thread_time()
            switches.is_on("limit_noncore_api")
            most = max(most, time.thread_time() - begun)
            await asyncio.sleep(0)
        return most
    assert asyncio.run(longest()) < 0.02


def test_a_forked_worker_reads_on(directory):
    switches = rs.Switches(directory, every=0.01)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, b"0")
        wait_until(lambda: switches.is_on("one"), within=5)
        os.write(writer, b"1")
        os._exit(0)
    assert os.read(reader, 1) == b"0"
    (directory / "one").touch()
    assert os.waitpid(child, 0)[1] == 0 and os.read(reader, 1) == b"1"
    os.close(reader)
    os.close(writer)


def test_it_tells_that_it_reads_where_the_daemon_has_made_a_place(directory):
    (directory / ".readers").mkdir()
    switches = rs.Switches(directory, every=0.01, reader="trading-api")
    switches.is_on("serve_cached")
    switches._marked = 0.0
    [mark] = wait_until(lambda: [f for f in (directory / ".readers").glob("*.*") if not f.name.startswith(".")
                                 and json.loads(f.read_text())["switches"]], within=5)
    assert json.loads(mark.read_text()) == {"reader": "trading-api", "pid": os.getpid(), "switches": ["serve_cached"]}
    switches._source.unmark()


# ---- WSGI and ASGI, as the servers call them ----

class Client:
    """Calls a middleware's application; `calls` counts what reached it."""

    def __init__(self, **options):
        self.calls, self.closed = 0, 0
        self.switches = rs.FakeSwitches()
        self.headers, self.status = [], 200
        self.options = {"switches": self.switches, "core": ["/orders"], "limit": 10, "cache": ["/reports"], **options}
        self.middleware = self.make()


class WSGIClient(Client):
    def make(self):
        return rs.WSGIMiddleware(self.application, **self.options)

    def application(self, environ, start_response):
        self.calls += 1
        start_response(f"{self.status} X", [("Content-Type", "text/plain"), *self.headers])
        client = self

        class Result(list):
            def close(self):
                client.closed += 1
        return Result([b"answer ", str(self.calls).encode()])

    def get(self, path, method="GET", **headers):
        seen = {}

        def start_response(status, fields, exc_info=None):
            seen.update(status=int(status.split()[0]), headers=dict(fields))
        path, _, query = path.partition("?")
        environ = {"REQUEST_METHOD": method, "PATH_INFO": path, "QUERY_STRING": query, "HTTP_HOST": "x",
                   **{f"HTTP_{name.upper()}": value for name, value in headers.items()}}
        result = self.middleware(environ, start_response)
        body = b"".join(result)
        if hasattr(result, "close"):
            result.close()
        return seen["status"], {name.lower(): value for name, value in seen["headers"].items()}, body.decode()


class ASGIClient(Client):
    def make(self):
        return rs.ASGIMiddleware(self.application, **self.options)

    async def application(self, scope, receive, send):
        self.calls += 1
        headers = [(b"content-type", b"text/plain")] + [(n.encode(), v.encode()) for n, v in self.headers]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": b"answer ", "more_body": True})
        await send({"type": "http.response.body", "body": str(self.calls).encode()})
        self.closed += 1

    def get(self, path, method="GET", **headers):
        messages = []

        async def send(message):
            messages.append(message)
        path, _, query = path.partition("?")
        fields = [(name.lower().replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
        asyncio.run(self.middleware({"type": "http", "method": method, "path": path, "query_string": query.encode(),
                                     "headers": [(b"host", b"x"), *fields]}, None, send))
        body = b"".join(m.get("body", b"") for m in messages[1:]).decode()
        return messages[0]["status"], {n.decode(): v.decode() for n, v in messages[0]["headers"]}, body


@pytest.fixture(params=[WSGIClient, ASGIClient])
def make_client(request):
    return request.param


@pytest.fixture
def client(make_client):
    return make_client()


def test_core_paths_are_never_touched(client):
    client.switches.turn_on("limit_noncore_api")
    client.switches.turn_on("serve_cached")
    for path in ["/orders", "/orders/", "/orders/1"] * 20:
        assert client.get(path)[0] == 200
    assert client.calls == client.closed == 60
    assert any(client.get("/orders-archive")[0] == 429 for _ in range(20))  # another path


def test_calls_beyond_the_limit_are_refused_and_come_back_with_time(make_client):
    client = make_client(limit=5)
    assert {client.get("/prices")[0] for _ in range(50)} == {200}
    client.switches.turn_on("limit_noncore_api")
    answers = [client.get("/prices") for _ in range(20)]
    passed = [one for one in answers if one[0] == 200]
    assert 5 <= len(passed) <= 7
    status, headers, body = answers[-1]
    assert (status, headers["retry-after"], headers["x-degraded"], body) == (429, "1", "limit_noncore_api", "")
    assert client.switches.counters["limited"] == 20 - len(passed)
    wait_until(lambda: client.get("/prices")[0] == 200, within=2)
    client.switches.turn_off("limit_noncore_api")
    assert {client.get("/prices")[0] for _ in range(50)} == {200}


def test_a_limit_below_one_a_second_says_when_to_come_again(make_client):
    client = make_client(limit=0.1)
    client.switches.turn_on("limit_noncore_api")
    assert client.get("/prices")[0] == 200
    assert client.get("/prices")[1]["retry-after"] in ("9", "10")
    closed = make_client(limit=0)
    closed.switches.turn_on("limit_noncore_api")
    assert [closed.get("/prices")[0] for _ in range(3)] == [200, 429, 429]


def test_an_answer_is_served_again_with_its_age(client):
    assert client.get("/reports/1?year=1")[2] == "answer 1" and client.get("/reports/1?year=1")[2] == "answer 2"
    client.switches.turn_on("serve_cached")
    status, headers, body = client.get("/reports/1?year=1")
    assert (status, body, headers["x-degraded"]) == (200, "answer 2", "serve_cached")
    assert headers["age"] == "0" and headers["content-type"] == "text/plain" and client.calls == 2
    client.middleware.cache.answers[next(iter(client.middleware.cache.answers))].at -= 7
    assert client.get("/reports/1?year=1")[1]["age"] == "7"
    for path, method in [("/reports/1?year=2", "GET"), ("/reports/1?year=1", "POST"), ("/prices", "GET"), ("/prices", "GET")]:
        calls = client.calls
        assert "x-degraded" not in client.get(path, method)[1] and client.calls == calls + 1
    assert client.switches.counters["cached"] == 2
    client.switches.turn_off("serve_cached")
    assert "age" not in client.get("/reports/1?year=1")[1]


def test_a_cached_answer_is_no_call_that_the_limit_counts(make_client):
    client = make_client(limit=1)
    client.get("/reports")
    client.switches.turn_on("serve_cached")
    client.switches.turn_on("limit_noncore_api")
    assert {client.get("/reports")[0] for _ in range(20)} == {200}
    assert [client.get("/prices")[0] for _ in range(2)] == [200, 429]


@pytest.mark.parametrize("header", ["Authorization", "Cookie", "X_API_Key"])
def test_nobody_gets_what_was_made_for_another(client, header):
    client.switches.turn_on("serve_cached")
    answers = {user: client.get("/reports", **({header: user} if user else {}))[2] for user in ("", "alice", "0", "00")}
    assert len(set(answers.values())) == 4
    for user, answer in answers.items():
        assert client.get("/reports", **({header: user} if user else {}))[2] == answer
    assert "alice" not in repr(list(client.middleware.cache.answers))


@pytest.mark.parametrize("headers", [[("Set-Cookie", "a=b")], [("Cache-Control", "no-store")], [("Cache-Control", "private, x")],
                                     [("Vary", "*")], [("Vary", "X-Tenant")]])
def test_what_the_application_marks_is_not_kept(client, headers):
    client.headers = headers
    client.switches.turn_on("serve_cached")
    assert client.get("/reports")[2] != client.get("/reports")[2]
    client.headers = [("Vary", "Accept-Encoding, Cookie"), ("Cache-Control", "max-age=0")]
    assert client.get("/reports")[2] == client.get("/reports")[2]


def test_errors_and_parts_are_not_kept(client):
    client.switches.turn_on("serve_cached")
    client.status = 500
    assert client.get("/reports")[2] != client.get("/reports")[2]
    client.status = 200
    assert client.get("/reports", Range="bytes=0-1")[2] != client.get("/reports", Range="bytes=0-1")[2]


def test_the_cache_has_a_bound_and_an_age(make_client):
    client = make_client(cache_bytes=20_000, cache_age=100)
    client.switches.turn_on("serve_cached")
    for number in range(100):
        client.get(f"/reports/{number}")
    assert client.middleware.cache.bytes <= 20_000 and 10 < len(client.middleware.cache.answers) < 20
    assert client.get("/reports/99")[2] == "answer 100"
    for answer in client.middleware.cache.answers.values():
        answer.at -= 101
    assert client.get("/reports/99")[2] == "answer 101"
    small = make_client(cache_bytes=40)
    small.switches.turn_on("serve_cached")
    assert small.get("/reports")[2] != small.get("/reports")[2]  # too large an answer


def test_a_client_that_goes_away_closes_the_answer():
    client = WSGIClient()
    result = client.middleware({"REQUEST_METHOD": "GET", "PATH_INFO": "/reports"}, lambda *_: None)
    result.close()
    assert client.closed == 1


# ---- functions ----

def test_a_function_is_cached_by_its_arguments():
    switches, calls = rs.FakeSwitches(), []

    @rs.cached(switches)
    def report(year, kind="all"):
        calls.append(year)
        return len(calls)

    assert [report(1), report(1), report(2)] == [1, 2, 3]
    switches.turn_on("serve_cached")
    assert [report(1), report(2), report(1, kind="x"), report(1, kind="x")] == [2, 3, 4, 4]


def test_a_coroutine_is_cached_too_and_an_argument_without_a_key_is_logged_once(caplog):
    switches = rs.FakeSwitches("serve_cached")

    @rs.cached(switches)
    async def report(database):
        return object()

    assert asyncio.run(report(1)) is asyncio.run(report(1))
    assert asyncio.run(report(caplog)) is not asyncio.run(report(caplog))
    assert len([m for m in caplog.messages if "pass key=" in m]) == 1


def test_below_the_middleware_a_result_belongs_to_the_user_and_its_age_is_shown():
    switches = rs.FakeSwitches("serve_cached")
    made = []

    @rs.cached(switches)
    def report():
        made.append(1)
        return str(len(made)).encode()

    def application(environ, start_response):
        body = report()
        start_response("200 OK", [])
        return [body]

    client = WSGIClient(switches=switches)
    for core in ([], ["/"]):
        client.middleware = rs.WSGIMiddleware(application, switches=switches, core=core)
        made.clear()
        assert client.get("/x", Cookie=f"alice{core}")[2] == "1" and client.get("/x", Cookie=f"bob{core}")[2] == "2"
        status, headers, body = client.get("/x", Cookie=f"alice{core}")
        assert body == "1" and headers.get("x-degraded") == (None if core else "serve_cached")


# ---- jobs ----

def test_runs_are_skipped_and_one_makes_up_for_them(caplog):
    switches, runs = rs.FakeSwitches(), []

    @rs.pausable(switches, "pause_scheduled_jobs")
    def fetch(what):
        runs.append(what)

    fetch("a")
    switches.turn_on("pause_scheduled_jobs")
    for what in "bcd":
        fetch(what)
    assert runs == ["a"] and switches.counters["skipped"] == 3
    assert any("job fetch: skipped: switch pause_scheduled_jobs is on" in m for m in caplog.messages)
    switches.turn_off("pause_scheduled_jobs")
    wait_until(lambda: runs == ["a", "d"], within=5)
    switches.turn_on("pause_scheduled_jobs")
    switches.turn_off("pause_scheduled_jobs")
    fetch("e")
    assert runs == ["a", "d", "e"]


def test_apscheduler_skips_runs_and_makes_up_for_one():
    pytest.importorskip("apscheduler", reason="no APScheduler: pausable is NOT tested on it")
    from apscheduler.schedulers.asyncio import AsyncIOScheduler
    from apscheduler.schedulers.background import BackgroundScheduler

    async def run_async():
        await check(AsyncIOScheduler(), True)

    async def check(scheduler, is_async):
        switches, runs = rs.FakeSwitches(), []

        def fetch():
            runs.append(1)

        async def fetch_async():
            runs.append(1)

        async def wait(condition):
            deadline = time.monotonic() + 5
            while not condition():
                assert time.monotonic() < deadline
                await asyncio.sleep(0.01)
        scheduler.add_job(rs.pausable(switches)(fetch_async if is_async else fetch), "interval", seconds=0.1, id="fetch")
        scheduler.start()
        await wait(lambda: len(runs) >= 2)
        switches.turn_on("pause_scheduled_jobs")
        await wait(lambda: switches.counters["skipped"] >= 3)
        ran = len(runs)
        scheduler.pause()
        await wait(lambda: True)
        assert len(runs) == ran
        switches.turn_off("pause_scheduled_jobs")
        await wait(lambda: len(runs) == ran + 1)
        scheduler.resume()
        await wait(lambda: len(runs) >= ran + 3)
        scheduler.shutdown(wait=False)

    logging.getLogger("apscheduler").setLevel(logging.CRITICAL)
    asyncio.run(check(BackgroundScheduler(), False))
    asyncio.run(run_async())


def test_celery_beat_sends_no_task_while_paused_and_one_after():
    celery = pytest.importorskip("celery", reason="no Celery: pausable is NOT tested on beat")
    from celery.beat import Scheduler
    from celery.schedules import schedule, schedstate
    switches, sent, due = rs.FakeSwitches(), [], []

    class Due(schedule):
        def is_due(self, last_run_at):
            return schedstate(is_due=bool(due) and due.pop(), next=0)

    class Recording(Scheduler):
        def apply_async(self, entry, producer=None, advance=True, **options):
            sent.append(entry.name)
            return types.SimpleNamespace(id="id")

    app = celery.Celery("jobs", broker="memory://", set_as_current=False)
    app.conf.beat_schedule = {"fetch": {"task": "fetch", "schedule": Due()}}
    scheduler = rs.pausable(switches, "pause_scheduled_jobs")(Recording)(app=app)

    def run(times):
        due.extend([True] * times)
        wait_until(lambda: scheduler.tick() is not None and not due, within=5)
    scheduler.tick()  # makes its plan
    run(2)
    assert sent == ["fetch"] * 2
    switches.turn_on("pause_scheduled_jobs")
    run(3)
    assert len(sent) == 2 and switches.counters["skipped"] == 3 and scheduler.tick() <= 1
    switches.turn_off("pause_scheduled_jobs")
    scheduler.tick()
    assert len(sent) == 3
    scheduler.tick()
    assert len(sent) == 3
    run(1)
    assert len(sent) == 4
