# SPDX-License-Identifier: MIT
"""What a response undoes in Kubernetes when others change its target, too: never
more than its own, and an end is found whatever became of the target. Against the
stand-in, and against a real API server where KUBE_BIN is set."""
import contextlib
import os
import random
import time

import pytest
from responding import block, response
from servers.waiting import wait_until

ACTION = "Scale trading/api"
JOB_ACTION = "SuspendCronJob trading/fetch-prices"


def start(responding, cluster, **options):
    given = {"Namespace": '"trading"', "Deployment": '"api"', "Max": 10, "Step": 2, "Cooldown": 1, **options}
    action = block("Scale", **{key: value for key, value in given.items() if value is not None})
    responding.configure(response(action, name="scale_out"), cluster.block(), store=False).start()


def start_job(responding, cluster):
    action = block("SuspendCronJob", Namespace='"trading"', Name='"fetch-prices"')
    responding.configure(response(action, name="scale_out"), cluster.block(), store=False).start()
    responding.breach()
    responding.expect_state("ENGAGED", "scale_out")


def hold_until(responding, condition, within=15):
    responding.expect(lambda: responding.breach() or condition(), within)


def scale_to(responding, cluster, replicas):
    hold_until(responding, lambda: cluster.replicas() == replicas)
    hold_until(responding, lambda: responding.state_of("scale_out") == "ENGAGED")


def release(responding, look=lambda: 0):
    """Until the response is OFF. Returns the lowest number that LOOK has shown."""
    seen = []

    def is_off():
        responding.recover()
        seen.append(look())
        return responding.state_of("scale_out") == "OFF"

    responding.expect(is_off, within=40)
    return min([*seen, look()])


def journaled_reasons(responding, action, step):
    return [line.get("finding") for line in responding.journal("action", action=action, step=step)]


# Both hands on the number of replicas.

@pytest.mark.parametrize("deploys", [1, 3])
def test_a_deploy_sets_the_replicas_back(responding, cluster, deploys):
    cluster.create_workload(replicas=6)
    start(responding, cluster)
    for _ in range(deploys):
        scale_to(responding, cluster, 8)
        cluster.set_replicas(6)
    scale_to(responding, cluster, 8)
    assert release(responding, cluster.replicas) == 6 == cluster.replicas()


@pytest.mark.parametrize("number", [1, 3, 7])
def test_a_number_that_somebody_else_sets_stays(responding, cluster, number):
    cluster.create_workload(replicas=2)
    start(responding, cluster, Max=4)
    scale_to(responding, cluster, 4)
    responding.collectd.kill()  # so that what is set cannot be followed by a step
    cluster.set_replicas(number)
    responding.start()
    assert release(responding, cluster.replicas) == number == cluster.replicas()
    assert {"changed_by_another", "taken_back"} & set(responding.steps(ACTION))


def test_an_autoscaler_whose_owner_sets_it_back(responding, cluster):
    cluster.create_workload(replicas=4)
    cluster.create_autoscaler(4, 20)
    start(responding, cluster, Max=20)
    for _ in range(4):
        hold_until(responding, lambda: cluster.least_replicas() != 4)
        cluster.set_least_replicas(4)
    assert release(responding, cluster.least_replicas) == 4


def test_an_autoscaler_that_moves_its_workload_keeps_its_number(responding, cluster):
    cluster.create_workload(replicas=4)
    cluster.create_autoscaler(4, 20)
    start(responding, cluster, Max=6)
    hold_until(responding, lambda: cluster.least_replicas() == 6)
    cluster.set_replicas(9)
    assert release(responding, cluster.least_replicas) == 4 == cluster.least_replicas()
    assert cluster.replicas() == 9


@pytest.mark.parametrize("autoscaler", [False, True])
def test_what_is_below_min_gets_its_number_back(responding, cluster, autoscaler):
    cluster.create_workload(replicas=1)
    look = cluster.replicas
    if autoscaler:
        cluster.create_autoscaler(1, 9)
        look = cluster.least_replicas
    start(responding, cluster, Min=5)
    hold_until(responding, lambda: look() >= 5)
    assert release(responding, look) == 1 == look()


def test_a_write_that_never_holds_is_not_asked_for_for_ever(responding, cluster):
    cluster.create_workload(replicas=4)
    cluster.create_autoscaler(4, 20)
    start(responding, cluster, Max=20)

    def writes():
        return [line for line in responding.journal("action", action=ACTION, step="request") if line["method"] == "PATCH"]

    def is_set_back(times):
        if cluster.least_replicas() != 4:
            cluster.set_least_replicas(4)
        return len(responding.journal("action", action=ACTION, step="taken_back")) == times

    hold_until(responding, lambda: is_set_back(times=5), within=40)
    until = time.monotonic() + 5  # more than the next pause would be without an end
    hold_until(responding, lambda: is_set_back(times=5) and time.monotonic() > until)
    assert len(writes()) == 5
    assert "minReplicas is 4: something else has set it back" in journaled_reasons(responding, ACTION, "left_alone")[0]
    assert release(responding, cluster.least_replicas) == 4
    hold_until(responding, lambda: cluster.least_replicas() == 6)  # engaged anew


def test_zero_replicas_are_not_started(responding, cluster):
    cluster.create_workload(replicas=0)
    start(responding, cluster)
    hold_until(responding, lambda: responding.steps(ACTION).count("left_alone"))
    assert "there are 0 replicas" in journaled_reasons(responding, ACTION, "left_alone")[0]
    assert "confirmed" not in responding.steps(ACTION)
    assert release(responding) == 0 == cluster.replicas()


def test_what_is_stopped_meanwhile_stays_stopped(responding, cluster):
    cluster.create_workload(replicas=2)
    start(responding, cluster)
    scale_to(responding, cluster, 4)
    cluster.set_replicas(0)
    hold_until(responding, lambda: responding.steps(ACTION).count("left_alone"))
    assert release(responding) == 0 == cluster.replicas()


def test_a_paused_deployment_is_scaled(responding, cluster):
    """Kubernetes scales it as any other: only its template waits."""
    cluster.create_workload(replicas=2)
    cluster.ask("PATCH", "/apis/apps/v1/namespaces/trading/deployments/api", {"spec": {"paused": True}})
    start(responding, cluster, Max=4)
    scale_to(responding, cluster, 4)
    assert release(responding, cluster.replicas) == 2


def test_random_histories_of_both_hands(responding, cluster):
    """With a kill now and then. Each number of somebody else is odd where the last one was
    even, so that it is none of ours: we add 2."""
    seed = int(os.environ.get("SEED", time.time()))
    print("seed", seed)
    draw = random.Random(seed)
    others = 6
    cluster.create_workload(replicas=others)
    start(responding, cluster, Max=30)
    for _ in range(6):
        hold_until(responding, lambda: cluster.replicas() > others, within=30)
        if draw.random() < 0.4:
            responding.collectd.kill()
            responding.start()
        others = draw.randrange(3 + others % 2, 14, 2)
        cluster.set_replicas(others)
        if draw.random() < 0.3:
            assert release(responding, cluster.replicas) == others
    assert release(responding, cluster.replicas) == others == cluster.replicas()


@pytest.mark.parametrize("nth", range(1, 31, 3))
def test_a_kill_between_any_two_requests(responding, cluster, nth):
    """From 2 to 6 and back in steps of 2 takes some 30 requests; this one is done, and
    nobody sees its end."""
    cluster.create_workload(replicas=2)
    meddler = cluster.meddle()
    seen = []

    def kill_once(method, path):
        seen.append((method, path))
        if len(seen) == nth:
            responding.collectd.kill()

    def keep_alive(put):
        with contextlib.suppress(OSError):  # it has just been killed
            put()
        if not responding.collectd.is_running:
            responding.start()

    meddler.before = kill_once
    start(responding, cluster, Max=6)
    wait_until(lambda: keep_alive(responding.breach) or cluster.replicas() == 6, 30)
    wait_until(lambda: keep_alive(responding.breach) or responding.state_of("scale_out") == "ENGAGED", 10)
    wait_until(lambda: keep_alive(responding.recover) or responding.state_of("scale_out") == "OFF", 30)
    assert cluster.replicas() == 2 and len(seen) > nth


# A dead end ends.

def test_a_workload_that_is_deleted_meanwhile(responding, cluster):
    cluster.create_workload(replicas=2)
    start(responding, cluster, Cooldown=60)
    scale_to(responding, cluster, 4)
    cluster.delete("/apis/apps/v1", "deployments", "api")
    release(responding)
    assert "there is no Deployment trading/api" in journaled_reasons(responding, ACTION, "gone")[0]


def test_an_autoscaler_that_is_left_without_its_workload_gets_its_number_back(responding, cluster):
    cluster.create_workload(replicas=2)
    cluster.create_autoscaler(2, 9)
    start(responding, cluster)
    hold_until(responding, lambda: cluster.least_replicas() == 4)
    hold_until(responding, lambda: responding.state_of("scale_out") == "ENGAGED")
    cluster.delete("/apis/apps/v1", "deployments", "api")
    hold_until(responding, lambda: any("there is no Deployment" in text for text in responding.failures(ACTION)))
    release(responding)
    assert cluster.least_replicas() == 2
    cluster.create_workload(replicas=2)
    hold_until(responding, lambda: cluster.least_replicas() == 4)


def test_an_autoscaler_that_is_deleted_with_its_workload(responding, cluster):
    cluster.create_workload(replicas=2)
    cluster.create_autoscaler(2, 9)
    start(responding, cluster, Cooldown=60)
    hold_until(responding, lambda: cluster.least_replicas() == 4)
    hold_until(responding, lambda: responding.state_of("scale_out") == "ENGAGED")
    cluster.delete_autoscaler()
    cluster.delete("/apis/apps/v1", "deployments", "api")
    release(responding)
    assert journaled_reasons(responding, ACTION, "gone")


def test_a_workload_that_is_made_anew_is_not_ours(responding, cluster):
    cluster.create_workload(replicas=2)
    start(responding, cluster, Cooldown=60)
    scale_to(responding, cluster, 4)
    cluster.delete("/apis/apps/v1", "deployments", "api")
    cluster.create_workload(replicas=4)
    assert release(responding, cluster.replicas) == 4 == cluster.replicas()
    assert "made anew" in journaled_reasons(responding, ACTION, "left_alone")[0]


def test_a_404_of_a_proxy_does_not_say_that_it_is_gone(responding, cluster):
    cluster.create_workload(replicas=2)
    meddler = cluster.meddle()
    start(responding, cluster)
    scale_to(responding, cluster, 4)
    page = (404, b"<html>no such host</html>", {})
    asked = []

    def answer_next(method, path):
        asked.append(path)
        if method == "GET" and "/leases/" in path and len(asked) <= 2:
            meddler.next_answers = [page, page]  # for the workload, and for the list of groups

    meddler.before = answer_next
    release(responding)
    assert cluster.replicas() == 2 and not journaled_reasons(responding, ACTION, "gone")
    assert responding.failures(ACTION)[0] == "no Kubernetes API answers: status 404"


# CronJobs.

def test_a_cron_job_is_suspended_and_resumed(responding, cluster):
    cluster.create_cron_job()
    start_job(responding, cluster)
    job = cluster.cron_job()
    assert job["spec"]["suspend"] is True
    assert job["metadata"]["annotations"]["resource-alert/suspended-by"]
    release(responding)
    job = cluster.cron_job()
    assert job["spec"]["suspend"] is False and "startingDeadlineSeconds" not in job["spec"]
    assert not [name for name in job["metadata"].get("annotations", {}) if name.startswith("resource-alert/")]
    assert sorted(cluster.events()) == ["Resumed", "Suspended"]
    assert responding.steps(JOB_ACTION).count("confirmed") == 2


def test_a_job_that_somebody_else_suspended_stays_so(responding, cluster):
    cluster.create_cron_job(suspend=True)
    start_job(responding, cluster)
    assert "it was suspended by" in journaled_reasons(responding, JOB_ACTION, "left_alone")[0]
    assert "confirmed" not in responding.steps(JOB_ACTION)
    release(responding)
    assert cluster.cron_job()["spec"]["suspend"] is True


def test_a_job_that_is_resumed_meanwhile_is_suspended_again(responding, cluster):
    cluster.create_cron_job()
    start_job(responding, cluster)
    cluster.set_cron_job({"spec": {"suspend": False}})
    hold_until(responding, lambda: cluster.cron_job()["spec"]["suspend"], within=25)
    release(responding)
    assert cluster.cron_job()["spec"]["suspend"] is False


def test_a_job_that_is_resumed_by_hand_and_suspended_again_stays_so(responding, cluster):
    cluster.create_cron_job()
    start_job(responding, cluster)
    cluster.set_cron_job({"spec": {"suspend": False}})
    cluster.set_cron_job({"spec": {"suspend": True}})
    release(responding)
    job = cluster.cron_job()
    assert job["spec"]["suspend"] is True
    assert "resource-alert/suspended-by" not in job["metadata"].get("annotations", {})
    assert "it was suspended by Python-urllib" in journaled_reasons(responding, JOB_ACTION, "left_alone")[0]


def test_a_job_that_is_resumed_by_hand_is_not_touched_by_the_release(responding, cluster):
    cluster.create_cron_job()
    start_job(responding, cluster)
    cluster.set_cron_job({"spec": {"suspend": False}})  # long before it is looked at again
    release(responding)
    job = cluster.cron_job()
    assert job["spec"]["suspend"] is False
    assert "resource-alert/suspended-by" not in job["metadata"].get("annotations", {})


@pytest.mark.parametrize("anew", [False, True])
def test_a_job_that_is_deleted_meanwhile(responding, cluster, anew):
    cluster.create_cron_job()
    start_job(responding, cluster)
    cluster.delete("/apis/batch/v1beta1", "cronjobs", "fetch-prices")
    if anew:
        cluster.create_cron_job(suspend=True)
    release(responding)
    if anew:
        assert cluster.cron_job()["spec"]["suspend"] is True
        assert journaled_reasons(responding, JOB_ACTION, "left_alone")
    else:
        assert "there is no CronJob" in journaled_reasons(responding, JOB_ACTION, "gone")[0]


def test_a_missing_job_is_a_failure_on_the_way_there(responding, cluster):
    action = block("SuspendCronJob", Namespace='"trading"', Name='"fetch-prices"')
    responding.configure(response(action, name="scale_out"), cluster.block(), store=False).start()
    hold_until(responding, lambda: responding.failures(JOB_ACTION))
    assert "404" in responding.failures(JOB_ACTION)[0]
    release(responding)


def test_a_deadline_of_somebody_else_stays(responding, cluster):
    cluster.create_cron_job(startingDeadlineSeconds=30)
    start_job(responding, cluster)
    assert cluster.cron_job()["spec"]["startingDeadlineSeconds"] == 30
    release(responding)
    assert cluster.cron_job()["spec"]["startingDeadlineSeconds"] == 30


def set_last_run(cluster, hours):
    """In place of the hours that it would stay suspended."""
    last = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - hours * 3600))
    cluster.set_cron_job({"status": {"lastScheduleTime": last}}, part="/status")


def test_a_job_that_missed_many_runs_keeps_its_deadline_until_it_has_run(responding, cluster):
    cluster.create_cron_job()
    meddler = cluster.meddle()
    start_job(responding, cluster)
    assert cluster.cron_job()["spec"]["startingDeadlineSeconds"] == 200
    set_last_run(cluster, hours=3)
    release(responding)
    job = cluster.cron_job()["spec"]
    assert job["suspend"] is False and job["startingDeadlineSeconds"] == 200
    responding.collectd.kill()  # what is left to do is not forgotten
    meddler.ahead_s = 300
    responding.start()
    responding.expect(lambda: "startingDeadlineSeconds" not in cluster.cron_job()["spec"])
    assert "resource-alert/deadline-by" not in cluster.cron_job()["metadata"].get("annotations", {})


@pytest.mark.skipif("KUBE_BIN" not in os.environ, reason="no KUBE_BIN: the controller is NOT asked")
def test_a_job_that_missed_many_runs_runs_again(responding, cluster):
    cluster.create_cron_job(schedule="* * * * *")
    start_job(responding, cluster)
    set_last_run(cluster, hours=3)
    release(responding)
    responding.expect(lambda: cluster.ask("GET", "/apis/batch/v1/namespaces/trading/jobs")["items"], within=150)
