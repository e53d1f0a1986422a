# SPDX-License-Identifier: MIT
"""/health with the numbers and for chosen rules, /live, and what load balancers make of them."""
import math
import urllib.parse

import psutil
import pytest
from asking import RULES, Asking
from servers import ports

PAGE = "demo-a/percent-used"  # bad for rule "used"
READY = "demo-a/gauge-ready"  # bad for rule "ready"


def start(collectd, options="", further=None):
    port = ports.allocate()
    collectd.load("resource_alert", f'StatusListen "127.0.0.1:{port}"\n{options}\n{RULES}')
    for plugin in further or []:
        collectd.load(*plugin)
    collectd.start()
    return Asking(collectd, port)


def test_the_numbers_are_those_of_psutil(collectd):
    collectd.interval = 0.5
    status = start(collectd, further=[("statgrab", None)])
    values = status.expect(lambda: next((v for v in [status.get("/health")[1]["values"]] if None not in v.values()), None))
    assert list(values) == ["memory_usage", "disk_free", "cpu_usage", "process_count"]
    assert math.isclose(values["memory_usage"], psutil.virtual_memory().percent, abs_tol=5)
    assert math.isclose(values["disk_free"], 100 - psutil.disk_usage("/").percent, abs_tol=2)
    assert 0 <= values["cpu_usage"] <= 100
    assert math.isclose(values["process_count"], len(psutil.pids()), rel_tol=0.2, abs_tol=30)


def test_other_values_are_an_option_and_end_with_their_series(collectd):
    status = start(collectd, """<Health>
        Value "orders" "demo-shop/gauge-orders"
        Value "used" "demo/percent"
        Value "threads" "demo/ps_count:threads"
      </Health>""")
    assert status.get("/health")[1]["values"] == {"orders": None, "used": None, "threads": None}
    collectd.put_value("demo-shop/gauge-orders", 12.5, interval=60)
    collectd.put_value("demo-shop/gauge-orders", 99, interval=60, host="elsewhere")
    collectd.put_value("demo/percent", 40, interval=0.1)
    collectd.put_value("demo/ps_count", 3, 77, interval=60)
    status.expect(lambda: status.get("/health")[1]["values"]["threads"] == 77)
    status.expect(lambda: status.get("/health")[1]["values"] == {"orders": 12.5, "used": None, "threads": 77.0})


@pytest.mark.parametrize("block, word", [
    ('Value "one"', "needs a name and a series"), ('Value "one" "demo-*/gauge-x"', "pattern"), ('Value "one" "demo"', "one"),
    ('Value "a b" "demo/gauge"', "a b")])
def test_a_wrong_block_is_refused(collectd, block, word):
    collectd.load("resource_alert", f"<Health>\n{block}\n</Health>\n{RULES}")
    assert any("<Health>" in line and word in line for line in collectd.refuses_to_start())


def test_only_the_chosen_rules_are_judged(collectd):
    status = start(collectd)
    collectd.put_value(PAGE, 99, interval=60)
    collectd.put_value(READY, 10, interval=60)
    status.expect(lambda: status.get("/health")[0] == 503 and status.rule("ready")["state"] == "OKAY")
    for rules, code, worst in [("ready", 200, "OKAY"), ("r*", 200, "OKAY"), ("used", 503, "FAILURE"), ("ready,us?d", 503, "FAILURE"),
                               ("*", 503, "FAILURE")]:
        status_code, body = status.get(f"/health?rules={urllib.parse.quote(rules)}")
        assert (status_code, body["worst"]) == (code, worst), rules
        assert [reason["rule"] for reason in body["reasons"]] == (["used"] if code == 503 else [])
    assert status.get("/health?rules=ready,redy") == (400, {"error": "rules: no rule has this name", "name": "redy"})
    assert status.get("/health?rules=")[0] in (200, 503)


def test_a_liveness_probe_never_fails(collectd):
    status = start(collectd)
    collectd.put_value(PAGE, 99, interval=60)
    status.expect(lambda: status.get("/health")[0] == 503)
    for method in ("GET", "HEAD", "OPTIONS"):
        assert status.request("/live", method)[0] == 200


@pytest.mark.parametrize("check", ["option httpchk /health?rules=used", "option httpchk HEAD /health?rules=used"])
def test_haproxy_takes_out_only_what_its_rules_say(collectd, haproxy, check):
    status = start(collectd)
    collectd.put_value(PAGE, 10, interval=60)
    haproxy.backends = f"backend api\n  {check}\n  server one 127.0.0.1:{status.port} check inter 100 fall 1 rise 1\n"
    haproxy.start()

    def result():  # 3: fine, 2: failed
        return haproxy.servers()[0]["srv_check_result"]

    status.expect(lambda: result() == "3")
    collectd.put_value(READY, 0, interval=60)  # another rule
    status.expect(lambda: status.rule("ready")["state"] == "WARNING")
    assert result() == "3"
    collectd.put_value(PAGE, 99, interval=60)
    status.expect(lambda: result() == "2")
    collectd.put_value(PAGE, 10, interval=60)
    status.expect(lambda: result() == "3")
