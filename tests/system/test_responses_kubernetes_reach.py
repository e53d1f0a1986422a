# SPDX-License-Identifier: MIT
"""Which Kubernetes API is asked and how: the address and the credentials, kinds of
workload, long lists, and the permissions that the self-test asks for."""
import os
import socket

import pytest
from responding import block, certificate, response
from servers import namespaces
from servers.kubernetes import StandinCluster

MOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
ROLLOUT = {"APIVersion": '"argoproj.io/v1alpha1"', "Kind": '"Rollout"', "Name": '"api"'}


@pytest.fixture
def standin(directory):
    made = StandinCluster(directory)
    yield made
    made.close()


def scale(**options):
    given = {"Namespace": '"trading"', "Max": 10, "Step": 2, "Cooldown": 1, **(options or {"Deployment": '"api"'})}
    return response(block("Scale", **given), name="scale_out")


def kubernetes(**options):
    return block("Kubernetes", **{key: f'"{value}"' for key, value in options.items()})


def expect_scaled(responding, cluster, replicas=4):
    responding.expect(lambda: responding.breach() or cluster.replicas() == replicas)


# Where the API is, and who we are.

def have_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
            return True
    except OSError:
        return False


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_pod_finds_the_server_without_dns(responding, directory, host):
    words = namespaces.unshare_mounts()
    if words is None or (host == "::1" and not have_ipv6()):
        pytest.skip("no mount namespace or no IPv6: a pod is NOT tried")
    cluster = StandinCluster(directory, host)
    key, cert = certificate(directory, "kubernetes")
    cluster.serve_tls(key, cert)
    cluster.create_workload(replicas=2)
    pod = responding.hook(f"""mkdir {directory}/sa && cp {cluster.token_file} {directory}/sa/token && cp {cert} {directory}/sa/ca.crt
mount -t tmpfs tmpfs /var/run && mkdir -p {MOUNT} && cp {directory}/sa/* {MOUNT}/
exec "$@" """, "pod")
    preloaded = responding.collectd.environment.get("LD_PRELOAD", "")
    responding.collectd.prefix = ["env", "--unset=LD_PRELOAD", *words, pod, "env", f"LD_PRELOAD={preloaded}"]
    responding.collectd.environment.update(KUBERNETES_SERVICE_HOST=host, KUBERNETES_SERVICE_PORT=str(cluster.standin.port))
    responding.configure(scale(), store=False).start()
    expect_scaled(responding, cluster)
    cluster.close()


@pytest.mark.parametrize("host", ["127.0.0.1:1/x@", "a b"])
def test_a_bad_address_in_the_environment_is_refused(responding, directory, host):
    (directory / "token").write_text("x")
    responding.collectd.environment.update(KUBERNETES_SERVICE_HOST=host, KUBERNETES_SERVICE_PORT="x")
    responding.configure(scale(), kubernetes(TokenFile=directory / "token"), store=False)
    assert any("KUBERNETES_SERVICE_HOST" in line for line in responding.collectd.refuses_to_start())


def test_a_client_certificate_needs_no_token(responding, standin, directory):
    key, cert = certificate(directory, "kubernetes")
    own_key, own_cert = certificate(directory, "collectd")
    standin.serve_tls(key, cert, clients=own_cert)
    standin.create_workload(replicas=2)
    responding.configure(scale(), kubernetes(Server=standin.url, CAFile=cert, CertFile=own_cert, KeyFile=own_key),
                         store=False).start()
    expect_scaled(responding, standin)


def test_a_token_goes_with_a_client_certificate(responding, standin, directory):
    key, cert = certificate(directory, "kubernetes")
    own_key, own_cert = certificate(directory, "collectd")
    standin.serve_tls(key, cert)  # that asks for none
    standin.create_workload(replicas=2)
    responding.configure(scale(), kubernetes(Server=standin.url, CAFile=cert, CertFile=own_cert, KeyFile=own_key,
                                             TokenFile=standin.token_file), store=False).start()
    expect_scaled(responding, standin)


# What is scaled.

def rollouts(standin):
    return standin.get("/apis/argoproj.io/v1alpha1", "rollouts", "api")["spec"]["replicas"]


def test_any_kind_with_a_scale_is_scaled(responding, standin):
    standin.create_rollout()
    responding.configure(scale(**ROLLOUT), standin.block(), store=False).start()
    responding.expect(lambda: responding.breach() or rollouts(standin) == 4)
    responding.expect(lambda: responding.recover() or responding.state_of("scale_out") == "OFF", within=20)
    assert rollouts(standin) == 2
    event = standin.ask("GET", "/apis/events.k8s.io/v1/namespaces/trading/events")["items"][0]
    assert event["regarding"]["apiVersion"] == "argoproj.io/v1alpha1" and event["regarding"]["kind"] == "Rollout"


def test_a_kind_may_be_named_in_full(responding, cluster):
    cluster.create_workload(replicas=2)
    options = {"APIVersion": '"apps/v1"', "Kind": '"Deployment"', "Name": '"api"'}
    responding.configure(scale(**options), cluster.block(), store=False).start()
    expect_scaled(responding, cluster)


@pytest.mark.parametrize("options, reports", [
    ({"APIVersion": '"argoproj.example/v1"'}, "the API server has no argoproj.example/v1"),
    ({"APIVersion": '"apps/v1"'}, "the API server has no kind Rollout in apps/v1"),
])
def test_a_missing_kind_is_reported(responding, cluster, options, reports):
    responding.configure(scale(**{**ROLLOUT, **options}), cluster.block(), store=False).start()
    responding.expect(lambda: responding.breach() or responding.failures("Scale trading/api"))
    assert reports in responding.failures("Scale trading/api")[0]


def test_a_kind_without_a_scale_is_reported(responding, standin):
    standin.create_rollout(kind="AnalysisRun")
    responding.configure(scale(**{**ROLLOUT, "Kind": '"AnalysisRun"'}), standin.block(), store=False).start()
    responding.expect(lambda: responding.breach() or responding.failures("Scale trading/api"))
    assert "has no scale subresource" in responding.failures("Scale trading/api")[0]


def test_a_kind_that_goes_meanwhile_is_gone(responding, standin):
    standin.create_rollout()
    responding.configure(scale(**ROLLOUT), standin.block(), store=False).start()
    responding.expect(lambda: responding.breach() or rollouts(standin) == 4)
    responding.expect(lambda: responding.breach() or responding.state_of("scale_out") == "ENGAGED")
    standin.standin.served.remove(("argoproj.io", "v1alpha1"))  # with its objects
    responding.expect(lambda: responding.recover() or responding.state_of("scale_out") == "OFF", within=20)
    found = responding.journal("action", action="Scale trading/api", step="gone")
    assert "the API server has no argoproj.io/v1alpha1" in found[0]["finding"]


@pytest.mark.parametrize("count, bytes_each", [(160, 7000), (45, 40000)])
def test_a_namespace_with_many_autoscalers(responding, cluster, count, bytes_each):
    cluster.create_workload(replicas=2)
    for i in range(count):
        cluster.create("/apis/autoscaling/v1", "horizontalpodautoscalers", {
            "apiVersion": "autoscaling/v1", "kind": "HorizontalPodAutoscaler",
            "metadata": {"name": f"other-{i}", "annotations": {"x": "x" * bytes_each}},
            "spec": {"minReplicas": 2, "maxReplicas": 5,
                     "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": f"other-{i}"}}})
    responding.configure(scale(), cluster.block(), store=False).start()
    expect_scaled(responding, cluster)
    cluster.create_autoscaler(4, 9)  # in the middle of the list
    responding.expect(lambda: responding.breach() or cluster.least_replicas() == 6)


def test_what_is_no_list_does_not_say_that_there_is_no_autoscaler(responding, cluster):
    cluster.create_workload(replicas=4)
    cluster.create_autoscaler(4, 9)
    meddler = cluster.meddle()

    def spoil_list(method, path):
        if method == "GET" and path.endswith("/scale") and not responding.failures("Scale trading/api"):
            meddler.next_answers = [(200, b"{}", {})]

    meddler.before = spoil_list
    responding.configure(scale(), cluster.block(), store=False).start()
    responding.expect(lambda: responding.breach() or cluster.least_replicas() == 6)
    assert responding.failures("Scale trading/api")[0] == "the list of HorizontalPodAutoscalers has no items"
    assert cluster.replicas() == 4


# The self-test.

def self_tested(responding, cluster, action):
    """What the self-test says of ACTION in a dry run."""
    responding.configure(response(action, name="scale_out", Mode='"dryrun"'), cluster.block(), store=False).start()
    responding.breach()
    responding.expect(lambda: responding.journal("action", step="dryrun"))
    return responding.journal("action", step="dryrun")[0]["self_test"]


SCALE = block("Scale", Namespace='"trading"', Deployment='"api"', Max=10)
JOB = block("SuspendCronJob", Namespace='"trading"', Name='"fetch-prices"')


@pytest.mark.parametrize("action", [SCALE, JOB], ids=["scale", "job"])
def test_the_self_test_has_no_effect(responding, cluster, action):
    cluster.create_workload(replicas=2)
    cluster.create_cron_job()
    versions = (cluster.get("/apis/apps/v1", "deployments", "api")["spec"], cluster.cron_job()["metadata"]["resourceVersion"])
    assert self_tested(responding, cluster, action) == "ok"
    assert versions == (cluster.get("/apis/apps/v1", "deployments", "api")["spec"],
                        cluster.cron_job()["metadata"]["resourceVersion"])
    assert not cluster.ask("GET", "/apis/coordination.k8s.io/v1/namespaces/trading/leases")["items"]
    assert cluster.events() == []


@pytest.mark.parametrize("action, group, resource, verb", [
    (SCALE, "apps", "deployments/scale", "get"),
    (SCALE, "apps", "deployments/scale", "patch"),
    (SCALE, "autoscaling", "horizontalpodautoscalers", "list"),
    (SCALE, "autoscaling", "horizontalpodautoscalers", "patch"),
    (SCALE, "coordination.k8s.io", "leases", "get"),
    (SCALE, "coordination.k8s.io", "leases", "create"),
    (SCALE, "coordination.k8s.io", "leases", "update"),
    (JOB, "batch", "cronjobs", "get"),
    (JOB, "batch", "cronjobs", "patch"),
])
def test_the_self_test_finds_each_missing_permission(responding, standin, action, group, resource, verb):
    standin.create_workload(replicas=2)
    if (resource, verb) == ("horizontalpodautoscalers", "patch"):
        standin.create_autoscaler(2, 9)
    standin.create_cron_job()
    rules = [{**rule, "verbs": [one for one in rule["verbs"] if (group, resource, verb) != (
        rule["apiGroups"][0], rule["resources"][0], one)]} for rule in standin.standin.rules]
    standin.standin.rules = rules
    said = self_tested(responding, standin, action)
    assert verb in said and resource.split("/", maxsplit=1)[0] in said


@pytest.mark.parametrize("actions", [scale(), response(JOB, name="scale_out")], ids=["scale", "job"])
def test_the_role_of_the_example_is_enough(responding, cluster, actions):
    cluster.create_workload(replicas=2)
    cluster.create_cron_job()
    responding.configure(actions, cluster.block(), store=False).start()
    responding.expect(lambda: responding.breach() or responding.state_of("scale_out") == "ENGAGED")
    responding.expect(lambda: responding.recover() or responding.state_of("scale_out") == "OFF", within=20)
    assert not responding.journal("action", step="failed") and not responding.journal("action", step="event")


@pytest.mark.skipif("KUBE_BIN" not in os.environ, reason="no KUBE_BIN: the rules of a real API server are NOT asked")
def test_the_role_forbids_what_belongs_to_others(cluster):
    cluster.create("/apis/coordination.k8s.io/v1", "leases", {"metadata": {"name": "of-a-controller"}, "spec": {}})
    cluster.admin = cluster.token_file.read_text()
    with pytest.raises(Exception, match="403"):
        cluster.get("/apis/coordination.k8s.io/v1", "leases", "of-a-controller")
