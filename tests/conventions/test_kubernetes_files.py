# SPDX-License-Identifier: MIT
"""The files of contrib/kubernetes: what they grant, what belongs together, and the configurations inside."""
import re

import pytest
import yaml
from conventions import ROOT
from test_options import reference

FILES = sorted((ROOT / "contrib/kubernetes").glob("*.yaml"))
OBJECTS = [(path.name, one) for path in FILES for one in yaml.safe_load_all(path.read_text())]
KINDS = {"Namespace": "v1", "Secret": "v1", "ServiceAccount": "v1", "ConfigMap": "v1", "Service": "v1",
         "PersistentVolumeClaim": "v1", "Deployment": "apps/v1", "DaemonSet": "apps/v1",
         "NetworkPolicy": "networking.k8s.io/v1", "ScaledObject": "keda.sh/v1alpha1"}
WORKLOADS = [one for _, one in OBJECTS if one["kind"] in ("Deployment", "DaemonSet")]
CONFIGS = [(name, text) for _, one in OBJECTS if one["kind"] == "ConfigMap" for name, text in one["data"].items()]


def names(kind):
    return {one["metadata"]["name"] for _, one in OBJECTS if one["kind"] == kind}


def pod_of(workload):
    return workload["spec"]["template"]


def name_of(workload):
    return workload["metadata"]["name"]


def test_kinds_and_versions():
    assert {(one["kind"], one["apiVersion"]) for _, one in OBJECTS} == set(KINDS.items())
    assert all(one["metadata"].get("namespace") for _, one in OBJECTS if one["kind"] != "Namespace")
    identities = [(one["kind"], one["metadata"]["name"]) for _, one in OBJECTS]
    assert len(identities) == len(set(identities))


@pytest.mark.parametrize("workload", WORKLOADS, ids=name_of)
def test_a_workload_has_no_privilege(workload):
    spec = pod_of(workload)["spec"]
    assert spec["securityContext"]["runAsNonRoot"] and spec["securityContext"]["runAsUser"] > 0
    assert not set(spec) & {"hostNetwork", "hostPID", "hostIPC"}
    [container] = spec["containers"]
    assert container["securityContext"] == {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True,
                                            "capabilities": {"drop": ["ALL"]}}
    assert container["resources"]["limits"]["memory"]


@pytest.mark.parametrize("workload", WORKLOADS, ids=name_of)
def test_what_a_workload_refers_to_is_there(workload):
    pod = pod_of(workload)
    assert workload["spec"]["selector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()
    spec = pod["spec"]
    assert spec["serviceAccountName"] in names("ServiceAccount")
    volumes = {volume["name"]: volume for volume in spec["volumes"]}
    mounts = {mount["name"]: mount for mount in spec["containers"][0]["volumeMounts"]}
    assert set(volumes) == set(mounts)
    for name, volume in volumes.items():
        if "hostPath" in volume:
            assert mounts[name]["readOnly"]
        if "configMap" in volume:
            assert volume["configMap"]["name"] in names("ConfigMap")
        if "secret" in volume:
            assert volume["secret"]["secretName"] in names("Secret")
        if "persistentVolumeClaim" in volume:
            assert volume["persistentVolumeClaim"]["claimName"] in names("PersistentVolumeClaim")


def test_policies_and_services_select_workloads():
    labels = [pod_of(one)["metadata"]["labels"] for one in WORKLOADS]
    for _, one in OBJECTS:
        selector = {"Service": lambda o: o["spec"]["selector"],
                    "NetworkPolicy": lambda o: o["spec"]["podSelector"]["matchLabels"]}.get(one["kind"])
        assert selector is None or selector(one) in labels


@pytest.mark.parametrize("name, text", CONFIGS, ids=[name for name, _ in CONFIGS])
def test_a_configuration_is_valid(name, text, tmp_path):
    path = tmp_path / name
    path.write_text(text.replace('RootFS "/host"', 'RootFS "/"')
                    .replace('PassFile "/run/secrets/collectd/pgpass"', 'PassFile "/nowhere/pgpass"'))
    result = reference("parse", path)
    assert result.returncode == 0 or "pgpass" in result.stderr, result.stderr


def test_the_autoscaler_asks_for_a_rule_that_is_there():
    [keda] = [one for _, one in OBJECTS if one["kind"] == "ScaledObject"]
    [trigger] = keda["spec"]["triggers"]
    [rule] = re.findall(r'name=="(\w+)"', trigger["metadata"]["valueLocation"])
    assert f'<Threshold "{rule}">' in dict(CONFIGS)["central.conf"]
