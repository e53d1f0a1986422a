# SPDX-License-Identifier: MIT
"""Our values leave by collectd's own writers and arrive: the samples of conf.d,
switched on, against the real stores."""
import subprocess
import urllib.request

import pytest
from servers import ports

MEMORY = "statgrab-memory/percent-used"


@pytest.fixture
def measuring(collectd):
    """A collectd that measures memory and receives an alert state, a type that
    only our types.db has."""
    def start():
        collectd.load("statgrab").start()
        collectd.put_value("resource_alert-pool_used/alert_state", 1, interval=60)
        collectd.expect(lambda: 0 < collectd.value(MEMORY) < 100)
        return collectd
    return start


def measured(collectd):
    return [row["value"] for row in collectd.history(MEMORY)]


def close_to_any(value, others):
    return any(value == pytest.approx(other, rel=1e-3) for other in others)


def test_graphite(collectd, measuring, carbon):
    collectd.include("60-graphite.conf", [("2003", carbon.line_port)], on=True)
    measuring()
    found = carbon.expect(lambda: carbon.fetch("collectd.testhost.statgrab-memory.percent-used"))
    assert close_to_any(found[0][1], measured(collectd))
    state = "collectd.testhost.resource_alert-pool_used.alert_state"
    carbon.expect(lambda: [value for _, value in carbon.fetch(state)] == [1])


def test_graphite_that_is_away_is_found_again(collectd, measuring, carbon):
    carbon.stop()
    collectd.include("60-graphite.conf", [("2003", carbon.line_port)], on=True)
    measuring()
    carbon.start()
    # write_graphite tries again 10 seconds after a failure at the earliest.
    carbon.expect(lambda: carbon.fetch("collectd.testhost.statgrab-memory.percent-used"),
                  within=30)


def test_influxdb_by_every_way(collectd, measuring, influxdb):
    collectd.include("61-influxdb.conf", [
        ('"25826"', f'"{influxdb.network_port}"'), ("influxdb.example.net", "127.0.0.1"),
        ("25827", influxdb.secret_port), ("8089", influxdb.line_port)], on=True)
    measuring()
    found = influxdb.expect(lambda: influxdb.query(
        "SELECT value FROM statgrab_value "
        "WHERE instance = 'memory' AND type = 'percent' AND type_instance = 'used'"))
    assert close_to_any(found[0]["value"], measured(collectd))
    influxdb.expect(lambda: influxdb.query(
        "SELECT value FROM resource_alert_value WHERE type = 'alert_state'"))
    rows = influxdb.expect(lambda: influxdb.query(
        "SELECT * FROM resource_alert WHERE type = 'alert_state'", "lines"))
    assert (rows[0]["instance"], rows[0]["value"]) == ("pool_used", 1)
    influxdb.expect(lambda: influxdb.query("SELECT value FROM statgrab_value", "secret"))


def test_prometheus(collectd, measuring, prometheus):
    collectd.include("62-prometheus.conf", [("9103", prometheus.target_port)], on=True)
    measuring()
    metric = 'collectd_statgrab_percent{statgrab="memory",type="used"}'
    found = prometheus.expect(lambda: prometheus.query(metric), within=30)
    assert close_to_any(found[0][1], measured(collectd))
    prometheus.expect(lambda: prometheus.query("collectd_resource_alert_alert_state"))


def test_the_page_for_prometheus_is_well_formed_and_local(collectd, measuring):
    port = ports.allocate()
    collectd.include("62-prometheus.conf", [("9103", port)], on=True)
    measuring()
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        page = answer.read().decode()
    assert "collectd_statgrab_percent" in page
    check = subprocess.run(["promtool", "check", "metrics"], input=page, text=True,
                           capture_output=True, check=False)
    # 3: it reads, but names could be better; they are made of collectd's types.
    assert check.returncode in (0, 3), check.stderr
