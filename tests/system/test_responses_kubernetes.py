# SPDX-License-Identifier: MIT
"""Scaling and suspending in Kubernetes: against the stand-in, and unchanged
against a real API server where KUBE_BIN names a directory with its binaries."""
import datetime
import time

import pytest
from responding import Responding, block, elapsed, response
from servers.waiting import wait_until

ACTION = "Scale trading/api"


def scale(**options):
    given = {"Namespace": '"trading"', "Deployment": '"api"', "Min": 1, "Max": 10, "Step": 2, "Cooldown": 1, **options}
    return block("Scale", **{key: value for key, value in given.items() if value is not None})


def start(responding, cluster, actions, **options):
    return responding.configure(response(actions, name="scale_out", **options), cluster.block(), store=False).start()


def hold(responding):
    """Breaches, and keeps the series alive."""
    responding.breach()
    return True


def test_scales_out_step_by_step_and_back(responding, cluster):
    cluster.create_workload(replicas=2)
    start(responding, cluster, scale(Max=5))
    responding.expect(lambda: hold(responding) and cluster.replicas() == 4)
    responding.expect(lambda: hold(responding) and cluster.replicas() == 5)
    responding.collectd.expect(
        lambda: hold(responding) and responding.collectd.value("resource_alert-scale_out/replicas-trading-api") == 5)
    seen = {5}

    def went_down():
        responding.recover()
        seen.add(cluster.replicas())
        return responding.state_of("scale_out") == "OFF"

    responding.expect(went_down, within=20)
    assert cluster.replicas() == 2 and seen >= {5, 3, 2}
    assert cluster.events().count("ScaledOut") == 2 and cluster.events().count("ScaledIn") == 2


def test_two_daemons_scale_once(responding, cluster, directory, new_server):
    from servers.collectd import Collectd
    cluster.create_workload(replicas=2)
    second_place = directory / "second"
    second_place.mkdir()
    other = Responding(new_server(Collectd, second_place))
    for one in (responding, other):
        start(one, cluster, scale(Cooldown=60))
    for one in (responding, other):
        one.breach()
    for one in (responding, other):
        one.expect_state("ENGAGED", "scale_out")
    assert cluster.replicas() == 4
    assert cluster.events().count("ScaledOut") == 1
    other.collectd.stop()


def test_what_two_daemons_added_is_taken_back_by_both(responding, cluster, directory, new_server):
    from servers.collectd import Collectd
    cluster.create_workload(replicas=2)
    second_place = directory / "second"
    second_place.mkdir()
    other = Responding(new_server(Collectd, second_place))
    for one in (responding, other):
        start(one, cluster, scale(Max=8))
    responding.expect(lambda: hold(responding) and hold(other) and cluster.replicas() == 8)
    # Each has added something: the Lease lets one of them go on after the other.
    seen = set()

    def are_off():
        seen.add(cluster.replicas())
        for one in (responding, other):
            one.recover()
        return {one.state_of("scale_out") for one in (responding, other)} == {"OFF"}

    responding.expect(are_off, within=30)
    assert cluster.replicas() == 2 == min(seen)
    other.collectd.stop()


def test_a_write_that_is_on_its_way_is_no_one_elses(responding, cluster, directory, new_server):
    """The second daemon looks between the first one's Lease and its write."""
    from servers.collectd import Collectd
    cluster.create_workload(replicas=2)
    meddler = cluster.meddle()
    second_place = directory / "second"
    second_place.mkdir()
    other = Responding(new_server(Collectd, second_place))
    looks, held = [], []

    def hold_first_write(method, path):
        if method == "GET" and "/leases/" in path:
            looks.append(path)
        if method == "PATCH" and "/scale" in path and not held:
            held.append(len(looks))
            other.breach()
            wait_until(lambda: hold(other) and len(looks) >= held[0] + 2, 8)

    meddler.before = hold_first_write
    for one in (responding, other):
        start(one, cluster, scale(Max=4))
    responding.expect(lambda: hold(responding) and cluster.replicas() == 4)
    for one in (responding, other):
        one.expect(lambda one=one: hold(one) and one.state_of("scale_out") == "ENGAGED", within=20)

    def are_off():
        for one in (responding, other):
            one.recover()
        return {one.state_of("scale_out") for one in (responding, other)} == {"OFF"}

    responding.expect(are_off, within=40)
    assert held and cluster.replicas() == 2
    assert "changed_by_another" not in responding.steps(ACTION) + other.steps(ACTION)
    other.collectd.stop()


def test_an_autoscaler_is_changed_instead_of_its_target(responding, cluster):
    cluster.create_workload(replicas=2)
    cluster.create_autoscaler(2, 3)
    start(responding, cluster, scale())
    responding.expect(lambda: hold(responding) and cluster.least_replicas() == 3)
    responding.expect(lambda: responding.recover() or responding.state_of("scale_out") == "OFF", within=20)
    assert cluster.least_replicas() == 2


@pytest.mark.parametrize("kind", ["StatefulSet", "ReplicaSet"])
def test_other_workloads(responding, cluster, kind):
    cluster.create_workload(kind)
    start(responding, cluster, scale(Deployment=None, **{kind: '"api"'}))
    responding.expect(lambda: hold(responding) and cluster.replicas(kind) == 4)


def test_a_dry_run_tests_and_changes_nothing(responding, cluster):
    cluster.create_workload(replicas=2)
    start(responding, cluster, scale(), Mode="dryrun")
    responding.breach()
    responding.expect(lambda: responding.journal("action", action=ACTION, step="dryrun"))
    assert responding.journal("action", action=ACTION, step="dryrun")[0]["self_test"] == "ok"
    assert cluster.replicas() == 2


def test_missing_or_forbidden_targets_are_failures(responding, cluster):
    start(responding, cluster, scale() + scale(Deployment='"secret"'))
    responding.breach()
    responding.expect(lambda: responding.failures(ACTION) and responding.failures("Scale trading/secret"))
    assert "status 404" in responding.failures(ACTION)[0]
    assert "status 403" in responding.failures("Scale trading/secret")[0]
    assert "cannot get resource" in responding.failures("Scale trading/secret")[0]


def test_a_changed_token_is_read_again(responding, cluster):
    cluster.create_workload(replicas=2)
    good = cluster.token_file.read_text()
    cluster.token_file.write_text("stale")
    start(responding, cluster, scale(Max=4))
    responding.breach()
    responding.expect(lambda: any("401" in text for text in responding.failures(ACTION)))
    cluster.token_file.write_text(good + "\n")
    responding.expect(lambda: hold(responding) and cluster.replicas() == 4, within=20)
    said = "\n".join(responding.collectd.log) + responding.journal_file.read_text()
    assert good.strip() not in said


def test_a_killed_daemon_continues_and_scales_back(responding, cluster):
    cluster.create_workload(replicas=2)
    start(responding, cluster, scale(Max=4))
    responding.expect(lambda: hold(responding) and cluster.replicas() == 4)
    responding.expect_state("ENGAGED", "scale_out")
    responding.collectd.kill()
    responding.start()
    responding.expect(lambda: responding.recover() or cluster.replicas() == 2, within=20)


def test_a_restart_does_not_put_off_the_next_step(responding, cluster):
    cluster.create_workload(replicas=2)
    meddler = cluster.meddle()
    start(responding, cluster, scale(Cooldown=600))
    responding.expect(lambda: hold(responding) and cluster.replicas() == 4)
    responding.expect_state("ENGAGED", "scale_out")
    responding.collectd.stop()
    meddler.ahead_s = 700  # the pause is over when collectd is back
    responding.start()
    responding.expect(lambda: hold(responding) and cluster.replicas() == 6)


# Faults: between the agent and the cluster stands one who meddles.

def test_a_conflict_is_computed_again(responding, cluster):
    cluster.create_workload(replicas=2)
    meddled = []

    def interfere(method, path):
        if method == "PATCH" and not meddled:
            meddled.append(path)
            cluster.set_replicas(3)

    cluster.meddle().before = interfere
    start(responding, cluster, scale(Cooldown=60))
    responding.expect(lambda: hold(responding) and cluster.replicas() == 5)
    assert meddled and not responding.failures(ACTION)


def test_endless_conflicts_are_a_failure(responding, cluster):
    cluster.create_workload(replicas=2)
    cluster.meddle().before = lambda method, path: cluster.touch() if method == "PATCH" else None
    start(responding, cluster, scale(Cooldown=60))
    responding.breach()
    responding.expect(lambda: len(responding.failures(ACTION)) > 1)  # long before the cooldown is over
    assert "409" in responding.failures(ACTION)[0]
    assert cluster.replicas() == 2


def test_429_is_honoured(responding, cluster):
    cluster.create_workload(replicas=2)
    cluster.meddle().next_answers = [(429, b'{"kind": "Status", "message": "slow down"}', {"Retry-After": "3"})]
    start(responding, cluster, scale())
    responding.breach()
    responding.expect(lambda: responding.failures(ACTION))
    begun = time.monotonic()
    responding.expect(lambda: hold(responding) and cluster.replicas() > 2)
    assert time.monotonic() - begun > 2


def test_a_write_whose_response_was_lost_is_not_done_twice(responding, cluster):
    cluster.create_workload(replicas=2)
    cluster.meddle().loses = "PATCH"
    start(responding, cluster, scale(Cooldown=3))
    responding.breach()
    responding.expect(lambda: responding.failures(ACTION))
    responding.expect_state("ENGAGED", "scale_out")
    assert cluster.replicas() == 4
    responding.expect(lambda: responding.recover() or responding.state_of("scale_out") == "OFF", within=30)
    assert cluster.replicas() == 2


def test_a_write_without_effect_is_a_failure(responding, cluster):
    cluster.create_workload(replicas=2)
    cluster.meddle().swallows = "PATCH"
    start(responding, cluster, scale(Cooldown=60))
    responding.breach()
    responding.expect(lambda: responding.failures(ACTION))
    assert responding.failures(ACTION)[0] == "replicas is 2 after 4 was written"
    responding.expect(lambda: hold(responding) and responding.state_of("scale_out") == "ENGAGED")
    assert cluster.replicas() == 4 and cluster.events() == ["ScaledOut"]


def test_a_server_that_hangs_delays_no_stop(responding, cluster):
    cluster.create_workload(replicas=2)
    meddler = cluster.meddle()
    start(responding, cluster, scale(Timeout=60))
    meddler.hangs.set()
    responding.breach()
    responding.expect(lambda: "intent" in responding.steps(ACTION))
    assert elapsed(responding.collectd.stop) < 5
    meddler.hangs.clear()
    responding.start()
    responding.expect(lambda: hold(responding) and cluster.replicas() == 4)


def test_the_shared_pause_uses_the_servers_clock(responding, cluster):
    cluster.create_workload(replicas=2)
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.000000Z")
    cluster.create("/apis/coordination.k8s.io/v1", "leases", {
        "metadata": {"name": "resource-alert-api"},
        "spec": {"holderIdentity": "elsewhere", "leaseDurationSeconds": 600, "renewTime": now, "acquireTime": now}})
    meddler = cluster.meddle()
    start(responding, cluster, scale(Cooldown=600))
    responding.breach()
    responding.expect_state("ENGAGED", "scale_out")
    assert cluster.replicas() == 2  # somebody has just scaled
    responding.collectd.stop()
    (responding.state / "responses.jsonl").unlink()
    meddler.ahead_s = 3600  # it was an hour ago
    start(responding, cluster, scale(Cooldown=600))
    responding.expect(lambda: hold(responding) and cluster.replicas() == 4)


def test_a_refused_token_is_read_again_at_once(responding, cluster):
    cluster.create_workload(replicas=2)
    cluster.meddle().next_answers = [(401, b'{"kind": "Status", "message": "Unauthorized"}', {})]
    start(responding, cluster, scale(Cooldown=60))
    responding.breach()
    responding.expect_state("ENGAGED", "scale_out")
    assert cluster.replicas() == 4 and not responding.failures(ACTION)


@pytest.mark.parametrize("answer", [b"{}", b"[]", b'{"metadata": {"resourceVersion": 7}}', b'{"spec": null}', b'{"metadata',
                                    b"", b"x" * 2000000],
                         ids=["nothing", "list", "number", "null", "cut", "empty", "huge"])
def test_unparsable_responses(responding, cluster, answer):
    cluster.create_workload(replicas=2)
    cluster.meddle().next_answers = [(200, answer, {})]
    start(responding, cluster, scale(Cooldown=60))
    responding.breach()
    responding.expect(lambda: responding.failures(ACTION))
    responding.expect(lambda: hold(responding) and cluster.replicas() == 4)


def test_requests_are_retried_while_the_server_is_down(responding, cluster):
    cluster.create_workload(replicas=2)
    start(responding, cluster, scale(Cooldown=60))
    meddler = cluster.meddle()
    responding.collectd.stop()
    start(responding, cluster, scale(Cooldown=60))
    meddler.next_answers = [(503, b"", {"Retry-After": "1"}), (500, b"oops", {})]
    responding.breach()
    responding.expect(lambda: hold(responding) and cluster.replicas() == 4, within=20)
    assert [text[:10] for text in responding.failures(ACTION)] == ["status 503", "status 500"]


# What is read and written.

def test_a_ratio_brings_the_value_to_its_target(responding, cluster):
    cluster.create_workload(replicas=3)
    start(responding, cluster, scale(Target=60, Cooldown=60))
    responding.breach()
    responding.expect_state("ENGAGED", "scale_out")
    assert cluster.replicas() == 5  # ceil(3 * 90 / 60)


def test_near_its_target_nothing_is_added(responding, cluster):
    cluster.create_workload(replicas=3)
    start(responding, cluster, scale(Target=85, Cooldown=1))
    responding.breach()  # 90 / 85 is within a tenth
    responding.expect_state("ENGAGED", "scale_out")
    assert cluster.replicas() == 3 and cluster.events() == []


def test_scaling_in_waits(responding, cluster):
    cluster.create_workload(replicas=2)
    start(responding, cluster, scale(Max=4, ScaleInAfter=3))
    responding.expect(lambda: hold(responding) and cluster.replicas() == 4)
    responding.expect_state("ENGAGED", "scale_out")
    responding.recover()
    responding.expect_state("RELEASING", "scale_out")
    begun = time.monotonic()
    responding.expect(lambda: cluster.replicas() == 2, within=20)
    assert time.monotonic() - begun > 1.5  # whole seconds are counted


def test_an_autoscaler_that_comes_meanwhile_keeps_its_bounds(responding, cluster):
    cluster.create_workload(replicas=2)
    start(responding, cluster, scale(Max=4, Cooldown=60))
    responding.expect(lambda: hold(responding) and cluster.replicas() == 4)
    responding.expect_state("ENGAGED", "scale_out")
    cluster.create_autoscaler(3, 9)
    responding.expect(lambda: responding.recover() or responding.state_of("scale_out") == "OFF", within=20)
    assert cluster.least_replicas() == 3 and cluster.replicas() == 4
    assert responding.journal("action", step="ownership_lost")[0]["added"] == 2


def test_an_autoscaler_that_goes_meanwhile_leaves_what_it_made(responding, cluster):
    cluster.create_workload(replicas=3)
    cluster.create_autoscaler(1, 9)
    start(responding, cluster, scale(Cooldown=60))
    responding.expect(lambda: hold(responding) and cluster.least_replicas() == 5)
    responding.expect_state("ENGAGED", "scale_out")
    cluster.delete_autoscaler()
    responding.expect(lambda: responding.recover() or responding.state_of("scale_out") == "OFF", within=20)
    assert cluster.replicas() == 3


def test_requests_and_responses_are_journaled(responding, cluster):
    cluster.create_workload(replicas=2)
    start(responding, cluster, scale(Cooldown=60))
    responding.breach()
    responding.expect_state("ENGAGED", "scale_out")
    steps = responding.steps(ACTION)
    assert steps[0] == "intent" and steps[-1] in ("confirmed", "done") and steps.count("request") == steps.count("response")
    patch = [line for line in responding.journal("action", step="request") if line["method"] == "PATCH"][0]
    assert patch["path"].startswith("/apis/apps/v1/namespaces/trading/deployments/api/scale?")
    assert patch["body"]["spec"] == {"replicas": 4} and patch["body"]["metadata"]["resourceVersion"]


@pytest.mark.parametrize("options, reports", [
    ({"Deployment": None}, "needs one of Deployment, StatefulSet and ReplicaSet"),
    ({"Min": 5, "Max": 2}, "Min 5 is above Max 2"),
    ({"Max": None}, "Max is missing"),
    ({"Kind": '"Rollout"'}, "needs one of Deployment, StatefulSet and ReplicaSet, or APIVersion, Kind and Name"),
    ({"Deployment": None, "Kind": '"Rollout"', "Name": '"api"'}, "needs one of"),
    ({"Deployment": None, "APIVersion": '"../x"', "Kind": '"R"', "Name": '"api"'}, "is no version of an API"),
    ({"Deployment": '"../x"'}, "is not a Kubernetes name"),
])
def test_bad_scales_are_refused_at_start(responding, directory, options, reports):
    token = directory / "token"
    token.write_text("x")
    kubernetes = f'<Kubernetes>\nServer "https://127.0.0.1:1"\nTokenFile "{token}"\n</Kubernetes>'
    responding.configure(response(scale(**options)), kubernetes, store=False)
    assert any(reports in line for line in responding.collectd.refuses_to_start())


def test_plain_http_must_be_allowed(responding):
    kubernetes = '<Kubernetes>\nServer "http://kubernetes.example.net:8080"\n</Kubernetes>'
    responding.configure(response(scale()), kubernetes, store=False)
    assert any("is unencrypted and not on this machine" in line for line in responding.collectd.refuses_to_start())


def test_outside_a_pod_kubernetes_must_be_configured(responding):
    responding.configure(response(scale()), store=False)
    assert any("collectd does not run in a pod: write <Kubernetes>" in line
               for line in responding.collectd.refuses_to_start())
