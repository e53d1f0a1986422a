# SPDX-License-Identifier: MIT
"""Who may do what from outside: other users, other hosts, the environment, files that are not what they seem."""
import os
import subprocess

import pytest
from responding import block, elapsed, response, switch
from servers import build
from servers.application import pool

CTL = build.BUILD / "resource-alertctl"
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else: NOT tested")


def status_as_nobody(socket):
    return subprocess.run([CTL, "status", "--socket", socket], capture_output=True, text=True, timeout=30,
                          user="nobody", group="nogroup", extra_groups=[], check=False)


@pytest.fixture
def reachable_ctl():
    """Another user must be able to run the program, wherever it was built."""
    try:
        subprocess.run([CTL, "--help"], user="nobody", capture_output=True, check=True)
    except (PermissionError, subprocess.CalledProcessError):
        pytest.skip("nobody cannot run the program here: NOT tested")


@as_root
@pytest.mark.parametrize("group, may", [("", False), ('ControlGroup "nogroup"', True), ('ControlGroup "adm"', False)])
def test_the_control_socket_is_for_its_owner_and_group(responding, directory, reachable_ctl, group, may):
    socket = directory / "control"
    responding.configure(response(switch("one")), f'ControlSocket "{socket}"\n{group}').start()
    done = status_as_nobody(socket)
    if may:
        assert done.returncode == 3 and "pool" in done.stdout  # UNKNOWN, and shown
    else:
        assert done.returncode == 3 and "permission denied: run as" in done.stderr and done.stdout == ""


def test_what_is_kept_can_be_written_by_nobody_else(responding):
    responding.configure(response(switch("one")), f'ControlSocket "{responding.directory}/control"').start()
    responding.breach()
    responding.expect_state("ENGAGED")
    subprocess.run([CTL, "silence", "pool", "--socket", responding.directory / "control"], check=True)
    responding.expect((responding.state / "silences.jsonl").exists)
    kept = [responding.journal_file, *(path for path in responding.state.rglob("*") if path.is_file())]
    assert len(kept) > 2
    for path in kept:
        assert path.stat().st_mode & 0o022 == 0 and path.parent.stat().st_mode & 0o002 == 0, path


def test_a_proxy_of_the_environment_is_not_used(responding, http_sink):
    for name in ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"]:
        responding.collectd.environment[name] = "http://127.0.0.1:9"
    responding.configure(response(block("Webhook", ' "hook"', URL=f'"{http_sink.url}/hook"'))).start()
    responding.breach()
    http_sink.expect(lambda: http_sink.requests)
    assert http_sink.requests[0].path == "/hook"  # not http://..., as a proxy is asked


def test_the_session_s_settings_are_not_those_of_the_environment(collectd, postgresql):
    collectd.environment.update(PGHOST="nowhere.example", PGPORT="1", PGDATABASE="none", PGUSER="none",
                                PGOPTIONS="-c default_transaction_read_only=off", PGAPPNAME="trading-disguise",
                                PGSSLMODE="require")
    collectd.load("dbpool", pool(postgresql, SSLMode='"disable"')).start()
    collectd.expect(lambda: collectd.value("dbpool-trading/gauge-up") == 1)
    collectd.expect(lambda: collectd.history("dbpool-trading/current_connections-headroom"))  # it comes after gauge-up
    assert not collectd.has_value("dbpool-trading/current_connections-total")  # it does not take itself for the pool
    (disguised,), = postgresql.run("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'trading-disguise'")
    assert disguised == 0


def test_another_host_s_notifications_are_not_taken_for_ours(collectd, postgresql):
    collectd.load("dbpool", pool(postgresql)).start()
    claim = dict(plugin="session_log", plugin_instance="trading", type="total_sessions", type_instance="timed_out")
    collectd.put_notification("failure", "x", host="elsewhere", meta={"pool_size": "5"}, **claim)
    collectd.put_notification("failure", "x", meta={"pool_size": "7"}, **claim)
    lines = collectd.expect(lambda: collectd.log_lines("differs from the application's log"))
    assert len(lines) == 1 and "logged: 7" in lines[0]


@pytest.mark.parametrize("rule", ["pool", "nothing"])
def test_a_notification_that_looks_like_ours_engages_nothing(responding, rule):
    responding.configure(response(switch("one"))).start()
    responding.collectd.put_notification("failure", "rule is FAILURE", plugin="resource_alert", plugin_instance=rule,
                                         type="alert_state", host="testhost")
    responding.recover()
    responding.expect(lambda: responding.collectd.value("resource_alert-pool/alert_state") == 0)
    assert responding.journal("response") == [] and not responding.is_on("one")


def test_a_journal_that_is_a_pipe_holds_nobody_up(responding):
    os.mkfifo(responding.journal_file)
    responding.configure(response(switch("one"))).start()
    responding.breach()
    responding.expect(lambda: responding.is_on("one"))
    responding.expect(lambda: responding.collectd.log_lines("journal"))
    assert elapsed(responding.collectd.stop) < 10


def test_names_from_elsewhere_stay_one_line_of_log_and_one_file(responding):
    """A series whose name tries to leave its directory, to end its line, to colour a terminal."""
    responding.configure(response(switch("one"))).start()
    responding.collectd.put_value("dbpool-..;rm -rf %n%s\x1b[31m/percent-used", 99)
    responding.expect_state("ENGAGED")
    message = responding.expect(lambda: responding.collectd.notifications(plugin="resource_alert", plugin_instance="pool"))[0]["message"]
    verdict, = responding.collectd.log_lines('rule "pool": OKAY -> FAILURE|rule "pool": UNKNOWN -> FAILURE')[:1]
    for text in [message, verdict, responding.journal_file.read_text(encoding="utf-8")]:
        assert "rm -rf %n%s" in text and "\x1b" not in text
    assert {path.name for path in responding.switches.iterdir()} == {"one", "switches.json"}
