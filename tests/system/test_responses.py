# SPDX-License-Identifier: MIT
"""Responses in a stock collectd: a value breaches a rule, switches and hooks follow."""
import json
import os
import pwd
import stat

import pytest
from responding import (Responding, block, elapsed, processes_with, quoted, response, switch)


MARK = f"3000.{os.getpid()}"  # a time to sleep by which processes of ours are known


def test_the_responses_as_installed_take_no_action(collectd):
    paths = [("/var/lib/collectd/resource_alert", collectd.directory / "state"),
             ("/var/log/collectd/resource_alert.jsonl", collectd.directory / "journal"),
             (" For 10", " For 0")]
    collectd.include("40-thresholds.conf", paths)
    collectd.include("50-responses.conf", [("/run/collectd", collectd.directory / "run"),
                                           ("EngageAfter 40", "EngageAfter 0")])
    collectd.start()
    seen = Responding(collectd)
    collectd.put_value("dbpool-trading/current_connections-capacity", 30, interval=60)
    collectd.put_value("dbpool-trading/percent-used", 90, interval=60)
    seen.expect(lambda: "dryrun" in seen.steps("Switch limit_noncore_api"))
    seen.expect_state("ENGAGED")
    assert not (collectd.directory / "run").exists()


def test_a_switch_is_on_while_the_rule_is_bad(responding):
    responding.configure(response(switch("limit_noncore_api"))).start()
    responding.recover()
    responding.breach()
    responding.expect(lambda: responding.is_on("limit_noncore_api"))
    file = responding.switches / "limit_noncore_api"
    value = json.loads(file.read_text())
    assert (value["on"], value["rule"], value["state"]) == (True, "pool", "WARNING")
    assert value["who"] == "testhost" and value["response"] == "degrade"
    assert stat.S_IMODE(file.stat().st_mode) == 0o644
    responding.expect_state("ENGAGED")
    assert "limit_noncore_api" in json.loads((responding.switches / "switches.json").read_text())
    responding.recover()
    responding.expect(lambda: not responding.is_on("limit_noncore_api"))
    responding.expect_state("OFF")
    assert json.loads((responding.switches / "switches.json").read_text()) == {}


def test_a_change_is_a_notification_a_value_and_journal_lines(responding):
    collectd = responding.configure(response(switch("one") + switch("two"))).start().collectd
    responding.breach()
    collectd.expect(lambda: collectd.value("resource_alert-degrade/degradation_level") == 2, within=10)
    collectd.expect(lambda: collectd.notifications(plugin_instance="degrade", severity="WARNING"))
    responding.recover()
    collectd.expect(lambda: collectd.notifications(plugin_instance="degrade", severity="OKAY"))
    collectd.expect(lambda: collectd.value("resource_alert-degrade/degradation_level") == 0, within=10)
    collectd.expect(lambda: collectd.value("resource_alert-degrade/derive-actions_done") == 4, within=10)
    changes = [(line["from"], line["to"]) for line in responding.journal("response")]
    assert changes == [("OFF", "ENGAGING"), ("ENGAGING", "ENGAGED"), ("ENGAGED", "RELEASING"), ("RELEASING", "OFF")]
    assert responding.steps("Switch one") == ["intent", "request", "response", "confirmed"] * 2
    released = [line["action"] for line in responding.journal("action", step="intent", on=False)]
    assert released == ["Switch two", "Switch one"]
    assert collectd.log_lines(r'resource_alert: response "degrade": OFF -> ENGAGING, rule "pool"')


def test_it_escalates(responding):
    responding.configure(response(switch("one") + switch("two", After=1))).start()
    responding.breach()
    responding.expect(lambda: responding.is_on("one"))
    assert not responding.is_on("two")
    responding.expect(lambda: responding.is_on("two"))


def test_an_action_that_is_off_is_skipped(responding):
    collectd = responding.configure(response(switch("one", Mode='"off"') + switch("two"))).start().collectd
    responding.breach()
    responding.expect_state("ENGAGED")
    assert responding.is_on("two") and not responding.is_on("one")
    responding.recover()
    responding.expect_state("OFF")
    assert [line["cause"] for line in responding.journal("action", step="blocked")] == ["Mode off"]
    assert len(collectd.log_lines('response "degrade": Switch one: blocked: Mode off')) == 1
    assert not responding.is_on("two") and responding.steps("Switch one") == ["blocked"]


def test_a_response_that_is_off_does_not_engage(responding):
    off = response(switch("one"), name="off", Mode='"off"')
    collectd = responding.configure(off + "\n" + response(switch("two"))).start().collectd
    responding.breach()
    responding.expect_state("ENGAGED")
    collectd.expect(lambda: collectd.value("resource_alert-off/degradation_level") == 0, within=10)
    assert responding.journal("response", response="off") == [] and not responding.is_on("one")


def test_the_effect_is_checked(responding):
    helpless = response(switch("one") + switch("two", After=2), EffectCheckAfter=1)
    responding.configure(helpless).start()
    responding.expect(lambda: responding.breach() or responding.journal("effect", response="degrade"))
    effect = responding.journal("effect", response="degrade")[0]
    assert (effect["rule"], effect["before"], effect["after"], effect["effect"]) == ("pool", 90, 90, "unchanged")
    assert responding.collectd.log_lines('rule "pool" is unchanged after 1 s')
    responding.expect(lambda: responding.breach() or responding.is_on("two"))
    responding.expect(lambda: responding.put(82) or len(responding.journal("effect")) == 2)
    assert responding.journal("effect")[1]["effect"] == "better"


def test_a_hook_runs_as_nobody_and_reads_json(responding):
    place = responding.open_directory("seen")
    hook = responding.hook(f'cat > {place}/$1.json; env > {place}/env; id -un > {place}/user; echo "$2" > {place}/word; '
                           'echo one; echo two')
    word = f"$(touch {place}/shell); `id` | *"
    action = block("Exec", Command=quoted(hook, "engage", word))
    responding.configure(response(action)).start()
    responding.breach()
    responding.expect_state("ENGAGED")
    document = json.loads((place / "engage.json").read_text())
    assert document["event"] == "engage" and document["response"] == "degrade"
    assert (document["rule"], document["state"], document["host"]) == ("pool", "WARNING", "testhost")
    assert (place / "user").read_text().strip() == ("nobody" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name)
    assert (place / "word").read_text() == word + "\n" and not (place / "shell").exists()  # no shell has seen it
    assert responding.journal("action", step="response")[0]["output"] == "one?two"
    names = {line.split("=")[0] for line in (place / "env").read_text().splitlines()}
    assert names - {"PWD", "_", "SHLVL"} == {"PATH", "HOME", "USER", "LOGNAME", "LC_ALL"}
    responding.recover()
    responding.expect_state("OFF")
    assert json.loads((place / "engage.json").read_text())["event"] == "release"


def test_a_failed_hook_is_retried(responding):
    place = responding.open_directory("seen")
    hook = responding.hook(f"[ -e {place}/good ] || {{ echo no database; exit 3; }}")
    responding.configure(response(block("Exec", Command=quoted(hook)))).start()
    responding.breach()
    action = f"Exec {hook}"
    responding.expect(lambda: len(responding.failures(action)) >= 2)
    assert responding.failures(action)[0] == f"{hook}: exit 3: no database"
    assert len(responding.collectd.log_lines("no database")) == 1
    (place / "good").touch()
    responding.expect_state("ENGAGED")
    assert responding.collectd.log_lines("works again")


def test_a_hook_that_hangs_and_forks_is_killed(responding):
    hook = responding.hook(f"trap '' TERM\nsetsid sleep {MARK} &\nsleep {MARK} &\nwait\nsleep {MARK}")
    responding.configure(response(block("Exec", Command=quoted(hook), Timeout=0.5))).start()
    responding.breach()
    responding.expect(lambda: responding.failures(f"Exec {hook}"))
    assert "took too long" in responding.failures(f"Exec {hook}")[0]
    responding.expect(lambda: not processes_with(MARK), within=5)


def test_a_hook_that_exits_leaves_nothing_behind(responding):
    hook = responding.hook(f"setsid sleep {MARK} & sleep {MARK} & exit 0")
    responding.configure(response(block("Exec", Command=quoted(hook)))).start()
    responding.breach()
    responding.expect_state("ENGAGED")
    assert not processes_with(MARK)


def test_a_hung_hook_delays_no_other_response_and_no_stop(responding):
    hook = responding.hook(f"sleep {MARK}")
    hanging = response(block("Exec", Command=quoted(hook), Timeout=60), name="hanging")
    responding.configure(hanging + "\n" + response(switch("one"))).start()
    responding.breach()
    responding.expect(lambda: processes_with(MARK))
    responding.expect(lambda: responding.is_on("one"))
    assert elapsed(responding.collectd.stop) < 5
    assert not processes_with(MARK)


def test_a_response_of_a_killed_daemon_is_undone(responding):
    responding.configure(response(switch("one"), ReleaseAfter=0)).start()
    responding.breach()
    responding.expect_state("ENGAGED")
    responding.collectd.kill()
    assert responding.is_on("one")
    responding.start()
    assert responding.is_on("one")
    responding.recover()
    responding.expect(lambda: not responding.is_on("one"))


def test_a_missing_series_freezes_the_response(responding):
    responding.configure(response(switch("one"))).start()
    responding.breach()
    responding.expect(lambda: responding.is_on("one"))
    responding.expect(lambda: responding.journal("state", to="MISSING"), within=20)
    assert responding.is_on("one")
    responding.recover()
    responding.expect(lambda: not responding.is_on("one"))


@pytest.mark.parametrize("responses, reports", [
    (response(switch("one")).replace('"pool"', '"poool"'), 'When "poool": there is no <Threshold "poool"> before it'),
    (response(block("Exec", Command='"on-degrade"')), 'Command "on-degrade" is not an absolute path'),
    (response(block("Exec", Command='"/bin/true"', User='"nobody-at-all"')), "there is no such user"),
    (response(""), "no action in it"),
])
def test_bad_responses_are_refused_at_start(responding, responses, reports):
    responding.configure(responses)
    assert any(reports in line for line in responding.collectd.refuses_to_start())
