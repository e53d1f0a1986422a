# SPDX-License-Identifier: MIT
"""No panel without data: each query of each dashboard is put to its real store,
filled by a stock collectd with our plugins."""
import json

import pytest
from servers import build
from servers.application import pool
from servers.waiting import wait_until

PNG = b"\x89PNG\r\n\x1a\n"
DASHBOARDS = build.SOURCE / "contrib/dashboards"


@pytest.fixture
def measuring(collectd, directory, postgresql):
    """A collectd with every plugin of ours at work."""
    sessions = []

    def start():
        postgresql.run("CREATE ROLE app LOGIN")
        sessions.append(postgresql.connect(user="app"))
        sessions[0].cursor().execute("BEGIN")
        log = directory / "log"
        log.write_text("Creating new database session\n")
        collectd.load("statgrab")
        collectd.load("dbpool", pool(postgresql, Application='"*"', ForecastWindow=20))
        collectd.load("session_log", f"""
  <Log "trading">
    File "{log}"
    Opened "Creating new database session"
    Closed "Closing database session"
    Failed "Database session error"
    Error "ERROR"
  </Log>""")
        collectd.load("resource_alert", f"""
  <Threshold "memory_used">
    Metric "statgrab-memory/percent-used"
    WarningMax 99
  </Threshold>
  <SwitchStore "file">
    Path "{directory}/switches"
  </SwitchStore>
  <Response "degrade">
    When "memory_used"
    <Switch "slow_down">
    </Switch>
  </Response>
  PublishSeries true
  <Threshold "disk_free">
    Metric "statgrab-df-*/percent-*"
    FailureMin 101
    WarningMax 101
  </Threshold>""")
        collectd.start()
        for name in ["dbpool-trading/percent-used", "session_log-trading/log_rate-errors",
                     "resource_alert-degrade/degradation_level", "statgrab-cpu/percent-active"]:
            collectd.expect(lambda wanted=name: collectd.has_value(wanted))
    yield start
    for session in sessions:
        session.close()


def targets(name):
    """(panel, query) of each line of a dashboard for Grafana. This machine need not be a container."""
    board = json.loads((DASHBOARDS / name).read_text())
    assert len(board["panels"]) > 10
    return [(panel["title"], target) for panel in board["panels"] for target in panel["targets"]
            if not panel["title"].startswith("Container")]


def expect_all(queries, has_data):
    """Waits until every query has data; names those that have none."""
    missing = list(queries)

    def is_complete():
        missing[:] = [query for query in missing if not has_data(query)]
        return not missing

    wait_until(is_complete, within=40, explain=lambda: "no data: " + "\n".join(missing))


def test_prometheus_has_every_panel(collectd, measuring, prometheus):
    collectd.include("62-prometheus.conf", [("9103", prometheus.target_port)], on=True)
    measuring()
    queries = [target["expr"].replace('instance=~"$host"', 'instance=~".+"').replace("$__rate_interval", "1m")
               for _, target in targets("grafana-prometheus.json")]
    expect_all(queries, prometheus.query)
    assert queries[0].startswith("max_over_time((collectd_resource_alert_alert_state{")
    wait_until(lambda: rule_states(prometheus.query(queries[0])) == [("disk_free", 2), ("memory_used", 0)], within=40,
               explain=lambda: str(prometheus.query(queries[0])))


def rule_states(result):
    """[(rule, state)] of what Prometheus answers."""
    return sorted((labels["resource_alert"], state) for labels, state in result)


def test_influxdb_has_every_panel(collectd, measuring, influxdb):
    collectd.include("61-influxdb.conf", [
        ('"25826"', f'"{influxdb.network_port}"'), ("influxdb.example.net", "127.0.0.1"),
        ("25827", influxdb.secret_port), ("8089", influxdb.line_port)], on=True)
    measuring()
    queries = [target["query"].replace("/^$host$/", "/^testhost$/").replace("$timeFilter", "time > now() - 1h")
               .replace("$__interval", "2s") for _, target in targets("grafana-influxdb.json")]
    columns = {"time", "instance"}

    def states():
        rows = influxdb.query(queries[0])
        return {(row["instance"], row["max"]) for row in rows if row.get("max") not in (None, -1)}

    wait_until(lambda: states() == {("disk_free", 2), ("memory_used", 0)}, within=40, explain=lambda: str(states()))
    expect_all(queries, lambda query: any(value is not None for row in influxdb.query(query)
                                          for column, value in row.items() if column not in columns))


def test_graphite_draws_every_panel(collectd, measuring, carbon, graphite_web):
    collectd.include("60-graphite.conf", [("2003", carbon.line_port)], on=True)
    measuring()
    queries = [target["target"].replace("$host", "testhost") for _, target in targets("grafana-graphite.json")]
    graphs = json.loads((DASHBOARDS / "graphite.json").read_text())["state"]["graphs"]
    graphs = [graph for graph in graphs if not graph[1]["title"].startswith("Container")]
    queries += [query for graph in graphs for query in graph[0]]
    expect_all(queries, lambda query: any(graphite_web.values(query).values()))
    for drawn, options, _ in graphs:
        assert options["target"] == drawn
        picture = graphite_web.render(drawn, title=options["title"], width=500, height=280)
        assert picture.startswith(PNG) and picture != graphite_web.render(["none"], width=500, height=280)


def test_graphite_web_keeps_its_dashboard(graphite_web):
    board = json.loads((DASHBOARDS / "graphite.json").read_text())
    name = board["name"]
    graphite_web.request(f"/dashboard/save/{name}", state=json.dumps(board["state"]))
    assert json.loads(graphite_web.request(f"/dashboard/load/{name}"))["state"] == board["state"]
    assert board["state"]["graphs"][0][1]["title"] in graphite_web.request(f"/dashboard/{name}").decode()
