# SPDX-License-Identifier: MIT
"""A central collectd holds the table for agents that send their values to it,
encrypted: two stock daemons with the samples of conf.d, switched on."""
import json
import socket

import pytest
from servers import ports
from servers.collectd import Collectd

LOAD = "statgrab-load/load"
RULES = """
<Threshold "load">
  Metric "statgrab-load/load:shortterm"
  WarningMax 1000
  Missing "failure"
</Threshold>
<Threshold "queue">
  Metric "trading/gauge-queue"
  WarningMax 10
</Threshold>
"""


@pytest.fixture
def central(collectd, directory):
    """The one that listens and has the rules, started."""
    collectd.port = ports.allocate()
    users = directory / "users"
    users.write_text("agents: secret\n", encoding="utf-8")
    users.chmod(0o600)
    collectd.include("64-central.conf", [
        ('"::"', '"127.0.0.1"'), ("25826", collectd.port), ("/etc/collectd/network-users", users)], on=True)
    collectd.load("resource_alert", f'Journal "{directory}/journal"\n{RULES}')
    return collectd.start()


@pytest.fixture
def new_agent(new_server, directory):
    """Makes and starts one that sends its load and what it is given."""
    def make(host, port, substitute=()):
        agent = new_server(lambda _: Collectd(directory / host))
        agent.globals.append(f'Hostname "{host}"')
        agent.include("63-agent.conf", [
            ("central.example.net", "127.0.0.1"), ("25826", port), *substitute], on=True)
        agent.load("statgrab", 'Collect "load"')
        return agent.start()
    return make


def changes(directory, rule, host):
    journal = directory / "journal"
    lines = journal.read_text(encoding="utf-8").splitlines() if journal.exists() else []
    events = [json.loads(line) for line in lines]
    return [(event["from"], event["to"]) for event in events
            if event["event"] == "state" and event["rule"] == rule and event["series"].startswith(f"{host}/")]


def test_each_agent_has_states_of_its_own_at_the_central_one(central, new_agent, directory):
    agents = {host: new_agent(host, central.port) for host in ("calm", "busy")}
    for host, agent in agents.items():
        agent.put_value("trading/gauge-queue", 5, host=host, interval=60)
        central.expect(lambda: changes(directory, "queue", host) == [("UNKNOWN", "OKAY")])
    agents["busy"].put_value("trading/gauge-queue", 11, host="busy", interval=60)
    central.expect(lambda: changes(directory, "queue", "busy")[1:] == [("OKAY", "WARNING")])
    assert central.expect(lambda: central.notifications(host="busy", plugin_instance="queue", severity="WARNING"))
    assert len(changes(directory, "queue", "calm")) == 1


def test_an_agent_that_dies_is_missing_until_it_is_back(central, new_agent, directory):
    agent = new_agent("web1", central.port)
    central.expect(lambda: changes(directory, "load", "web1") == [("UNKNOWN", "OKAY")])
    agent.kill()
    central.expect(lambda: changes(directory, "load", "web1")[-1] == ("OKAY", "MISSING"), within=20)
    central.expect(lambda: central.notifications(host="web1", plugin_instance="load", severity="FAILURE"))
    agent.socket.unlink()
    agent.start()
    central.expect(lambda: changes(directory, "load", "web1")[-1] == ("MISSING", "OKAY"), within=20)


def test_only_who_knows_the_password_is_heard(central, new_agent):
    new_agent("friend", central.port)
    stranger = new_agent("stranger", central.port, [('"secret"', '"guessed"')])
    plain = new_agent("plain", central.port, [("SecurityLevel", "#SecurityLevel")])
    for agent in (stranger, plain):
        host = agent.directory.parent.name
        agent.expect(lambda: len(agent.history(f"{host}/{LOAD}")) >= 3)
    central.expect(lambda: len(central.history(f"friend/{LOAD}")) >= 3)
    assert not central.has_value(f"stranger/{LOAD}") and not central.has_value(f"plain/{LOAD}")


def test_a_listener_on_the_way_reads_nothing_but_the_user(new_agent):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ear:
        ear.bind(("127.0.0.1", 0))
        ear.settimeout(10)
        new_agent("quiet", ear.getsockname()[1])
        heard = ear.recv(65536)
    assert b"agents" in heard
    assert b"quiet" not in heard and b"statgrab" not in heard
