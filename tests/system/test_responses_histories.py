# SPDX-License-Identifier: MIT
"""Random histories of two hands on one target, with kills: a release leaves what somebody else made last. That of the
replicas is in test_responses_kubernetes_undo.py, that of HAProxy's servers in test_responses_haproxy.py. SEEDS="1 2 3"
chooses the histories."""
import contextlib
import os
import random
import time
import urllib.error

import pytest
from responding import block, response, switch
from servers.waiting import wait_until

SEEDS = os.environ.get("SEEDS", "1 2").split()
STEPS = 5


def hold_until(responding, condition, within=30):
    responding.expect(lambda: responding.breach() or condition(), within)


def release(responding):
    responding.expect(lambda: responding.recover() or responding.state_of() == "OFF", within=40)



def act_while_killed(draw, responding, act):
    """ACT comes beside the living daemon, or while there is none."""
    if draw.random() < 0.6:
        return act()
    responding.collectd.kill()
    result = act()
    responding.start()
    return result


@pytest.mark.parametrize("seed", SEEDS)
def test_the_lower_bound_of_an_autoscaler(responding, cluster, seed):
    """Its owner writes the same number again, or another one of the parity that none of ours has: we add 2."""
    draw = random.Random(int(seed))
    least = 4
    cluster.create_workload(replicas=4)
    cluster.create_autoscaler(least, 30)
    action = block("Scale", Namespace='"trading"', Deployment='"api"', Max=30, Step=2, Cooldown=1)
    responding.configure(response(action), cluster.block(), store=False).start()

    def is_raised():
        cluster.set_replicas(cluster.least_replicas())  # as the autoscaler does
        return cluster.least_replicas() > least

    for _ in range(STEPS):
        hold_until(responding, is_raised)
        least = draw.choice([least, draw.randrange(2 + (least + 1) % 2, 14, 2)])
        act_while_killed(draw, responding, lambda: cluster.set_least_replicas(least))
        if draw.random() < 0.5:
            release(responding)
            assert cluster.least_replicas() == least
    release(responding)
    assert cluster.least_replicas() == least


def toggle(cluster):
    """Resumes the job if it is suspended, or suspends it. Returns whether it is suspended now. With its version, so that
    nobody else has written in between: who suspends what is suspended leaves no trace of it."""
    while True:
        job = cluster.cron_job()
        is_suspended = not job["spec"].get("suspend", False)
        with contextlib.suppress(urllib.error.HTTPError):
            cluster.set_cron_job({"metadata": {"resourceVersion": job["metadata"]["resourceVersion"]},
                                  "spec": {"suspend": is_suspended}})
            return is_suspended


def make_anew(draw, cluster):
    cluster.delete("/apis/batch/v1beta1", "cronjobs", "fetch-prices")
    is_suspended = draw.random() < 0.5
    cluster.create_cron_job(suspend=is_suspended)
    return is_suspended


def start_job(responding, cluster):
    action = block("SuspendCronJob", Namespace='"trading"', Name='"fetch-prices"')
    responding.configure(response(action), cluster.block(), store=False).start()


@pytest.mark.parametrize("seed", SEEDS)
def test_a_suspended_job(responding, cluster, seed):
    draw = random.Random(int(seed))
    cluster.create_cron_job()
    start_job(responding, cluster)
    for _ in range(STEPS):
        hold_until(responding, lambda: responding.state_of() == "ENGAGED")
        for _ in range(draw.randint(1, 3)):
            act = draw.choice([lambda: toggle(cluster), lambda: make_anew(draw, cluster)])
            is_suspended = act_while_killed(draw, responding, act)
        release(responding)
        assert cluster.cron_job()["spec"].get("suspend", False) is is_suspended
        assert "resource-alert/suspended-by" not in cluster.cron_job()["metadata"].get("annotations", {})


@pytest.mark.parametrize("nth", range(1, 14, 2))
def test_a_job_and_a_kill_between_any_two_requests(responding, cluster, nth):
    """This request is done, and nobody sees its end."""
    cluster.create_cron_job()
    meddler = cluster.meddle()
    seen = []

    def kill_once(method, path):
        seen.append((method, path))
        if len(seen) == nth:
            responding.collectd.kill()

    def holds(put, condition):
        with contextlib.suppress(OSError):  # it has just been killed
            put()
        if not responding.collectd.is_running:
            responding.start()
        return condition()

    meddler.before = kill_once
    start_job(responding, cluster)
    wait_until(lambda: holds(responding.breach, lambda: responding.state_of() == "ENGAGED"), 30)
    assert cluster.cron_job()["spec"]["suspend"] is True
    wait_until(lambda: holds(responding.recover, lambda: responding.state_of() == "OFF"), 30)
    job = cluster.cron_job()
    assert job["spec"]["suspend"] is False and "startingDeadlineSeconds" not in job["spec"]
    assert not [name for name in job["metadata"].get("annotations", {}) if name.startswith("resource-alert/")]


class Person:
    """Makes and removes the file of a switch. content: what stands there without us; None: nothing."""

    def __init__(self, draw, file):
        self.draw, self.file, self.content = draw, file, None

    def act(self):
        if self.draw.random() < 0.5:
            self.content = f"made by hand {self.draw.random()}"
            made = self.file.with_name(".by-hand")
            made.write_text(self.content)
            made.replace(self.file)
        else:
            self.content = None
            self.file.unlink(missing_ok=True)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_switch_in_a_file(responding, seed):
    draw = random.Random(int(seed))
    store = f'<SwitchStore "file">\nPath "{responding.switches}"\nTTL 3\n</SwitchStore>\n'
    responding.configure(store + response(switch("one")), store=False).start()
    file = responding.switches / "one"
    person = Person(draw, file)
    for _ in range(2 * STEPS):
        hold_until(responding, lambda: responding.state_of() == "ENGAGED" and file.exists())
        for _ in range(draw.randint(1, 3)):
            act_while_killed(draw, responding, person.act)
            if draw.random() < 0.3:  # until it is looked at again
                hold_until(responding, file.exists)
        release(responding)
        assert (file.read_text() if file.exists() else None) == person.content


@pytest.mark.parametrize("seed", SEEDS)
def test_a_key_in_etcd(responding, etcd, seed):
    draw = random.Random(int(seed))
    key, found = "/degradation/one", None
    store = block("SwitchStore", ' "etcd"', URL=f'"{etcd.url}"', TTL=5)
    responding.configure(response(switch("one")), store, store=False).start()

    def act():
        if draw.random() < 0.5:
            value = f"made-by-hand-{time.monotonic_ns()}"
            etcd.ctl("put", key, value)
            return value
        etcd.ctl("del", key)
        return None

    for _ in range(STEPS):
        hold_until(responding, lambda: responding.state_of() == "ENGAGED" and etcd.keys() == [key])
        for _ in range(draw.randint(1, 3)):
            found = act_while_killed(draw, responding, act)
        release(responding)
        assert etcd.get(key) == found
