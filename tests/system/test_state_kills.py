# SPDX-License-Identifier: MIT
"""The daemon is killed right before a call on one of its files, on a good disk and on one that was full: after the
restart nothing is lost, and at most the change of the kill is notified twice."""
import contextlib

import pytest
from responding import SERIES, response, switch
from servers.faults import Faults

CALLS = [("write", "alerts.jsonl"), ("fdatasync", "alerts.jsonl"), ("write", "responses.jsonl"),
         ("fdatasync", "responses.jsonl"), ("write", "journal"), ("rename", "switches/")]
RULE = {"plugin": "resource_alert", "plugin_instance": "pool"}


@pytest.fixture
def faults(directory, collectd):
    return Faults(directory, collectd)


def put(responding, percent):
    responding.collectd.put_value(SERIES, percent, interval=60)


def severities(responding):
    return [one["severity"] for one in responding.collectd.notifications(**RULE)]


def kill_at(responding, faults, call, part):
    """Lets the pool recover; the daemon dies of it, or of the work that follows."""
    faults.inject("kill", call, f"{responding.directory}/" + part if part[-1] == "/" else f"/{part}")
    with contextlib.suppress(OSError):  # it may die before it answers
        put(responding, 10)
    responding.collectd.process.wait(10)
    seen = severities(responding)
    responding.collectd.kill()
    faults.clear()
    return seen


@pytest.mark.parametrize("is_full", [False, True], ids=["good", "full"])
@pytest.mark.parametrize("call, part", CALLS)
def test_a_kill_before_a_call(responding, faults, call, part, is_full):
    responding.configure(response(switch("one"))).start()
    put(responding, 10)
    responding.expect(lambda: responding.collectd.value("resource_alert-pool/alert_state") == 0)
    if is_full:
        faults.inject("ENOSPC", "write,fsync,fdatasync,rename", f"{responding.state}/")
    put(responding, 90)
    responding.expect_state("ENGAGED")
    responding.expect(lambda: severities(responding) == ["WARNING"])
    if is_full:
        responding.expect(lambda: responding.collectd.log_lines("cannot write"))
        faults.clear()
        saved = responding.state / "responses.jsonl"
        responding.expect(lambda: '"ENGAGED"' in saved.read_text("utf-8"))
        saved = responding.state / "alerts.jsonl"
        responding.expect(lambda: '"WARNING"' in saved.read_text("utf-8"))
    seen = kill_at(responding, faults, call, part)
    assert seen in (["WARNING"], ["WARNING", "OKAY"])
    responding.start()
    put(responding, 10)
    responding.expect(lambda: not responding.is_on("one"))
    responding.expect(lambda: severities(responding) or seen == ["WARNING", "OKAY"])
    assert severities(responding) in (["OKAY"], [])
    put(responding, 90)
    responding.expect(lambda: responding.is_on("one"))


def test_an_action_that_was_begun_is_known_after_a_kill(responding, faults):
    """Also where the disk is slow: what is on must not stay on for ever."""
    responding.configure(response(switch("one"))).start()
    put(responding, 10)
    responding.expect(lambda: responding.collectd.value("resource_alert-pool/alert_state") == 0)
    faults.inject("slow", "write", "/responses.jsonl")
    put(responding, 90)
    responding.expect(lambda: responding.is_on("one"))
    responding.collectd.kill()
    faults.clear()
    responding.start()
    put(responding, 10)
    responding.expect(lambda: not responding.is_on("one"))
