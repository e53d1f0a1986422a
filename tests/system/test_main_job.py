# SPDX-License-Identifier: MIT
"""The main job: the table as it is installed, every rule of it moved by what it is
made for: real sessions, real log lines, this machine."""
import json
import re
import threading

import pytest
from servers import build
from servers.application import CLOSED, FAILED, OPENED, Application, ApplicationLog, pool
from test_dbpool_pgbouncer import edge

SWITCHES = ["limit_noncore_api", "pause_scheduled_jobs", "serve_cached"]
# No machine is filled for a test: these limits are lowered to what any machine exceeds.
LOWERED = {"memory_used": ("WarningMax 80", "WarningMax 0.1"), "disk_free": ("WarningMin 20", "WarningMin 100.1"),
           "cpu_load": ("WarningMax 1.5", "WarningMax -1")}


def table(directory, lowered=()):
    """conf.d/40-thresholds.conf with paths and waiting times substituted, and the limits of the rules in LOWERED."""
    text = (build.SOURCE / "conf.d" / "40-thresholds.conf").read_text(encoding="utf-8")
    text = text.replace("/var/lib/collectd/resource_alert", f"{directory}/state")
    text = text.replace("/var/log/collectd/resource_alert.jsonl", f"{directory}/journal")
    text = re.sub(r"^    (For|RecoverFor) \d+$", r"    \1 0", text, flags=re.M)
    for name in lowered:
        old, new = LOWERED[name]
        head, block, rest = text.partition(f'<Threshold "{name}">')
        assert block and old in rest.partition("</Threshold>")[0]
        text = head + block + rest.replace(old, new, 1)
    return text


def responses(directory):
    """conf.d/50-responses.conf, switched on and without waiting."""
    text = (build.SOURCE / "conf.d" / "50-responses.conf").read_text(encoding="utf-8")
    text = text.replace("/run/collectd/", f"{directory}/").replace('Mode "dryrun"', 'Mode "auto"')
    return re.sub(r"^( +)(EngageAfter|ReleaseAfter|After) \d+$", r"\1\2 0", text, flags=re.M)


@pytest.fixture
def log(directory):
    one = ApplicationLog(directory / "trading.log")
    one.path.touch()
    return one


@pytest.fixture
def application(postgresql):
    one = Application(postgresql)
    yield one
    one.close()


@pytest.fixture
def states(directory):
    """What the journal has of a rule's series, oldest first."""
    def of(rule):
        path = directory / "journal"
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        events = map(json.loads, lines)
        return [one["to"] for one in events if one["event"] == "state" and one["rule"] == rule]
    return of


def sees(collectd, states, rule, *wanted):
    collectd.expect(lambda: states(rule)[-len(wanted):] == list(wanted), within=30)


def test_the_pool(collectd, directory, postgresql, application, states):
    collectd.load("dbpool", pool(postgresql, LeakAfter=3))
    collectd.load("resource_alert").write(table(directory)).write(responses(directory)).start()
    application.work(1)
    application.rest()  # one connection is open: before, the pool has no use
    for rule in ["pool_used", "pool_ready", "pool_leak"]:
        sees(collectd, states, rule, "OKAY")

    application.work(25)  # of 30
    sees(collectd, states, "pool_used", "OKAY", "WARNING")
    sees(collectd, states, "pool_ready", "OKAY", "WARNING")
    for switch in SWITCHES:
        collectd.expect((directory / "switches" / switch).exists, within=20)
    sees(collectd, states, "pool_leak", "OKAY", "WARNING")
    application.work(5)
    sees(collectd, states, "pool_used", "OKAY", "WARNING", "FAILURE")

    application.rest()
    for rule in ["pool_used", "pool_ready", "pool_leak"]:
        collectd.expect(lambda: states(rule)[-1] == "OKAY", within=30)
    for switch in SWITCHES:
        collectd.expect(lambda: not (directory / "switches" / switch).exists(), within=20)
    severities = [one["severity"] for one in collectd.notifications(plugin="resource_alert", plugin_instance="pool_used")]
    assert severities[:2] == ["WARNING", "FAILURE"] and severities[-1] == "OKAY"


def test_small_pools_and_those_who_wait(collectd, directory, postgresql, pgbouncer, states):
    pgbouncer.databases = {"postgres": "pool_size=2"}
    pgbouncer.start()
    worker = pool(postgresql, name="worker", Application='"worker"', PoolSize=1, MaxOverflow=0)
    collectd.load("dbpool", f"{edge(pgbouncer)}\n{worker}")
    collectd.load("resource_alert").write(table(directory)).start()
    client = pgbouncer.connect("postgres")
    client.cursor().execute("SELECT 1")
    busy = postgresql.connect(application_name="worker")  # has its only connection in use
    busy.autocommit = False
    busy.cursor().execute("SELECT 1")
    for rule in ["db_down", "pool_used", "pool_ready", "pool_waiting", "pool_wait"]:
        sees(collectd, states, rule, "OKAY")
    collectd.expect(lambda: collectd.value("dbpool-worker/percent-used") == 100)
    collectd.expect(lambda: collectd.has_value("dbpool-edge-postgres-postgres/current_connections-ready"))

    pgbouncer.run("PAUSE postgres")
    waiting = threading.Thread(target=lambda: client.cursor().execute("SELECT 1"))
    waiting.start()
    sees(collectd, states, "pool_waiting", "OKAY", "WARNING")
    sees(collectd, states, "pool_wait", "OKAY", "WARNING")
    pgbouncer.run("RESUME postgres")
    waiting.join()
    sees(collectd, states, "pool_waiting", "WARNING", "OKAY")
    sees(collectd, states, "pool_wait", "WARNING", "OKAY")
    postgresql.stop()
    sees(collectd, states, "db_down", "OKAY", "FAILURE")
    assert {*states("pool_used"), *states("pool_ready")} <= {"OKAY", "MISSING"}
    busy.close()


def test_the_log(collectd, directory, log, states):
    collectd.load("session_log", f"""
        StateDir "{directory}/session_log"
        <Log "trading">
          File "{log.path}"
          LeakWindow 1
          LeakWindows 2
          LeakMinRise 1
        </Log>""")
    collectd.load("resource_alert").write(table(directory)).start()
    sees(collectd, states, "log_errors", "OKAY")

    log.say(OPENED, CLOSED, times=5)
    log.say(OPENED, FAILED, CLOSED, level="ERROR", times=4)  # 12 lines of level ERROR
    sees(collectd, states, "log_errors", "OKAY", "FAILURE")

    def leak():
        log.say(OPENED)
        return states("session_leak")[-2:] == ["OKAY", "WARNING"]

    collectd.expect(leak, within=30)


@pytest.mark.parametrize("rule", LOWERED)
def test_the_machine(collectd, directory, states, rule):
    collectd.load("statgrab")
    collectd.load("resource_alert").write(table(directory, [rule])).start()
    sees(collectd, states, rule, "WARNING")
    collectd.expect(lambda: collectd.notifications(plugin="resource_alert", plugin_instance=rule), within=20)
    assert {one["severity"] for one in collectd.notifications(plugin_instance=rule)} == {"WARNING"}
