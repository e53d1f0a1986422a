# SPDX-License-Identifier: MIT
"""The harness itself: what every other system test leans on."""
import math
import os

import pytest
from servers import build, orphans, sanitizer
from servers.waiting import Expired


def test_values_come_back_as_they_were_put(collectd):
    collectd.start()
    collectd.put_value("demo-a/gauge-x", 42.5)
    collectd.put_value("other/demo-a/load", 1.5, 2.5, 3.5)
    collectd.expect(lambda: collectd.value("demo-a/gauge-x") == 42.5)
    collectd.expect(lambda: collectd.value("other/demo-a/load", "midterm") == 2.5)
    assert collectd.rate("demo-a/gauge-x") == 42.5
    assert "demo-a/gauge-x" in collectd.names()


def test_a_total_is_seen_as_total_and_as_rate(collectd):
    collectd.start()
    collectd.put_value("demo/total_bytes-x", 100, at=1e9)
    collectd.put_value("demo/total_bytes-x", 150, at=1e9 + 10)
    collectd.expect(lambda: collectd.value("demo/total_bytes-x") == 150)
    collectd.expect(lambda: collectd.rate("demo/total_bytes-x") == 5)


def test_a_value_that_is_not_there_is_not_a_number(collectd):
    collectd.start()
    assert math.isnan(collectd.value("demo/gauge-x"))
    assert not collectd.has_value("demo/gauge-x")


def test_notifications_are_seen(collectd):
    collectd.start()
    collectd.put_notification("warning", 'pool "a", 80% used', plugin="demo", type="gauge")
    told = collectd.expect(lambda: collectd.notifications(plugin="demo"))
    assert told[0]["severity"] == "WARNING"
    assert told[0]["message"] == 'pool "a", 80% used'


def test_a_failure_shows_the_condition_and_the_log(collectd):
    collectd.start()
    with pytest.raises(Expired) as failure:
        collectd.expect(lambda: collectd.value("demo/gauge-x") > 1, within=0.1)
    assert 'value("demo/gauge-x") > 1' in str(failure.value)
    assert "entering read-loop" in str(failure.value)


def test_a_refused_start_gives_its_reason(collectd):
    collectd.load("statgrab", "Nonsense 1")
    assert any("Nonsense" in line for line in collectd.refuses_to_start())


def test_an_end_of_the_daemon_is_noticed_at_once(collectd):
    collectd.start()
    collectd.kill()
    with pytest.raises(AssertionError, match="ended with -9"):
        collectd.expect(lambda: False, within=60)


def test_the_daemon_starts_again_with_another_configuration(collectd):
    collectd.load("statgrab", "Nonsense 1").refuses_to_start()
    collectd.forget().load("load").start()
    collectd.expect(lambda: collectd.value("load/load", "shortterm") >= 0)


def test_postgresql_answers_hangs_and_comes_back(postgresql):
    assert postgresql.run("SELECT 1 + %s", 1) == [(2,)]
    postgresql.pause()
    postgresql.resume()
    postgresql.restart()
    assert postgresql.run("SHOW fsync") == [("off",)]


def test_orphans_are_put_down():
    older = set(orphans.children_of(os.getpid()))
    assert os.spawnlp(os.P_WAIT, "sh", "sh", "-c", "sleep 600 &") == 0
    killed = orphans.put_down(known=older)
    assert len(killed) == 1
    assert not os.path.exists(f"/proc/{list(killed)[0]}")


def test_only_our_own_leaks_are_reported():
    head = "==1==ERROR: LeakSanitizer: detected memory leaks\n\n"
    stock = ("Direct leak of 9 byte(s) in 1 object(s) allocated from:\n"
             "    #0 0x1 in strdup interceptors.cpp:439\n"
             "    #1 0x2 in yyparse (/usr/sbin/collectd+0x1ca16)\n\n")
    ours = stock.replace("yyparse (/usr/sbin/collectd+0x1ca16)",
                         f"configure {build.SOURCE}/plugins/dbpool/dbpool.c:7")
    foot = "SUMMARY: AddressSanitizer: 9 byte(s) leaked in 1 allocation(s).\n"
    assert sanitizer.without_stock_leaks(head + stock + foot) == ""
    assert "dbpool.c:7" in sanitizer.without_stock_leaks(head + stock + ours + foot)
    assert sanitizer.without_stock_leaks("heap-buffer-overflow") == "heap-buffer-overflow"
