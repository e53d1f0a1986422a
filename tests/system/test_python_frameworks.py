# SPDX-License-Identifier: MIT
"""The application's module in the frameworks and servers of Debian, on a real pool, before a stock collectd."""
import concurrent.futures
import urllib.error
import urllib.request

import pytest
from responding import response, switch
from servers.application import pool
from servers.waiting import wait_until
from servers.webapps import WebApp

SWITCHES = switch("limit_noncore_api") + switch("serve_cached")
PAIRS = [("fastapi", "uvicorn"), ("fastapi", "uvicorn_workers"), ("starlette", "gunicorn_uvicorn"), ("flask", "gunicorn"),
         ("django", "gunicorn_preload"), ("django_async", "uvicorn")]


def get(site, path, timeout=10):
    """(status, headers, body) of a GET."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{site.http_port}{path}", timeout=timeout) as answer:
            return answer.status, answer.headers, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read().decode()


def get_many(site, path, count=12):
    with concurrent.futures.ThreadPoolExecutor(count) as all_at_once:
        return list(all_at_once.map(lambda _: get(site, path), range(count)))


def is_degraded(site):
    """Calls are refused, and all workers answer from their cache."""
    return (any(status == 429 for status, _, _ in get_many(site, "/prices"))
            and all(headers["X-Degraded"] == "serve_cached" for _, headers, _ in get_many(site, "/reports")))


def is_cached(site):
    """False also for a call that waits for the pool: the next one may be served."""
    try:
        return get(site, "/reports", timeout=0.3)[1]["X-Degraded"] == "serve_cached"
    except OSError:
        return False


def is_normal(site):
    return (all(status == 200 for status, _, _ in get_many(site, "/prices"))
            and all(headers["X-Degraded"] is None for _, headers, _ in get_many(site, "/reports")))


@pytest.mark.parametrize("framework, server", PAIRS)
def test_each_framework_under_each_server(responding, new_server, framework, server):
    site = new_server(lambda place: WebApp(place, framework, server, responding.switches)).start()
    responding.configure(response(SWITCHES)).start()
    for _ in range(3):
        wait_until(lambda: is_normal(site), within=10)  # and every worker has an answer to keep
    responding.breach()
    responding.expect(lambda: responding.is_on("serve_cached"))
    wait_until(lambda: is_degraded(site), within=10)
    assert {status for status, _, _ in get_many(site, "/orders/1")} == {200}
    answers = get_many(site, "/reports")
    assert all(int(headers["Age"]) >= 0 for _, headers, _ in answers) and len({body for _, _, body in answers}) <= 2
    refused = [headers for status, headers, _ in get_many(site, "/prices") if status == 429]
    assert refused and all(int(headers["Retry-After"]) >= 1 for headers in refused)
    responding.recover()
    responding.expect(lambda: not responding.is_on("serve_cached"))
    wait_until(lambda: is_normal(site), within=10)


def loop_of(collectd, responding, postgresql, ttl):
    """dbpool watches a pool of 4; more than 70 % of it degrades."""
    collectd.interval = 0.2
    collectd.forget().load("dbpool", pool(postgresql, PoolSize=4, MaxOverflow=0, Application='"trading-api"'))
    collectd.load("resource_alert", f"""
        StateDir "{responding.state}"
        Journal "{responding.journal_file}"
        <Threshold "pool">
          Metric "dbpool-trading/percent-used"
          WarningMax 70
        </Threshold>
        <SwitchStore "file">
          Path "{responding.switches}"
          TTL {ttl}
        </SwitchStore>
        {response(SWITCHES)}""")


def test_the_closed_loop_on_a_real_pool(collectd, responding, new_server, postgresql):
    database = f"postgresql+psycopg2://postgres@127.0.0.1:{postgresql.tcp_port}/postgres"
    site = new_server(lambda place: WebApp(place, "fastapi", "uvicorn", responding.switches, database)).start()
    loop_of(collectd, responding, postgresql, ttl=6)
    responding.start()
    lock = postgresql.connect()
    wait_until(lambda: is_normal(site), within=10)
    pressure = concurrent.futures.ThreadPoolExecutor(8)

    def press():
        """Four calls wait for a table that is locked; each holds a connection of the pool."""
        with lock.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(1)")
        return [pressure.submit(get, site, f"/orders/slow/{n}") for n in range(4)]

    def relieve(calls):
        with lock.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(1)")
        assert [call.result()[0] for call in calls] == [200] * 4

    for _ in range(2):
        calls = press()
        responding.expect(lambda: collectd.value("dbpool-trading/percent-used") == 100)
        # The loop: interval 0.2 s, the worker, the file, the application's half second.
        wait_until(lambda: is_cached(site), within=10)
        relieve(calls)
        wait_until(lambda: is_normal(site), within=10)
    calls = press()
    wait_until(lambda: is_cached(site), within=10)
    collectd.kill()
    relieve(calls)
    assert responding.is_on("serve_cached")  # nobody removes the file; its time ends
    wait_until(lambda: is_normal(site), within=20)
    assert responding.is_on("serve_cached")
    lock.close()
