# SPDX-License-Identifier: MIT
"""Switches in a ConfigMap: against the stand-in, and unchanged against a real API server where KUBE_BIN is set."""
import json

from responding import response, switch

STORE = """
<SwitchStore "kubernetes">
Namespace "trading"
ConfigMap "degradation"
TTL 3
</SwitchStore>"""


def create(cluster, **data):
    cluster.create("/api/v1", "configmaps", {"apiVersion": "v1", "kind": "ConfigMap",
                                             "metadata": {"name": "degradation", "namespace": "trading"}, "data": data})


def data_of(cluster):
    return cluster.get("/api/v1", "configmaps", "degradation").get("data") or {}


def start(responding, cluster, names="one"):
    switches = "".join(switch(name) for name in names.split())
    responding.configure(response(switches), cluster.block() + STORE, store=False).start()


def test_switches_come_and_go_beside_each_other_and_are_renewed(responding, cluster):
    create(cluster, setting="theirs")
    start(responding, cluster, "one two three")
    responding.breach()
    responding.expect_state("ENGAGED")
    responding.expect(lambda: set(data_of(cluster)) == {"setting", "one", "two", "three"})
    value = json.loads(data_of(cluster)["one"])
    assert (value["on"], value["who"], value["response"]) == (True, "testhost", "degrade")
    responding.expect(lambda: json.loads(data_of(cluster)["one"])["until"] > value["until"])
    responding.recover()
    responding.expect_state("OFF")
    responding.expect(lambda: data_of(cluster) == {"setting": "theirs"})


def test_a_switch_of_another_is_left_alone(responding, cluster):
    create(cluster, one="by hand")
    start(responding, cluster)
    responding.breach()
    responding.expect(lambda: "left_alone" in responding.steps("Switch one"))
    responding.recover()
    responding.expect_state("OFF")
    assert data_of(cluster) == {"one": "by hand"}


def test_a_dead_agents_switch_is_taken_over(responding, cluster):
    dead = {"who": "db9", "response": "degrade", "owner": "x/degrade", "until": "2001-01-01T00:00:00Z"}
    create(cluster, one=json.dumps(dead))
    start(responding, cluster)
    responding.breach()
    responding.expect(lambda: json.loads(data_of(cluster)["one"])["who"] == "testhost")


def test_without_the_config_map_the_error_says_what_to_do_and_it_is_set_later(responding, cluster):
    start(responding, cluster)
    responding.breach()
    responding.expect(lambda: any("kubectl create configmap" in text for text in responding.failures("Switch one")))
    create(cluster)
    responding.expect(lambda: "one" in data_of(cluster), within=20)
