# SPDX-License-Identifier: MIT
"""A disk that hangs, fails, fills up, is slow or tears writes, below the files that the daemon writes: it decides, acts,
notifies and ends as on a good disk, and /health reports what is not saved. With -rP the tests print a table."""
import os
import shutil
import socket

import pytest
from bad_disk import Machine
from servers.faults import Faults

STATE_FILES = {"alerts.jsonl", "responses.jsonl", "silences.jsonl", "identity"}
CASES = [(kind, "all") for kind in ("hang", "EIO", "ENOSPC", "EROFS", "EMFILE", "slow", "torn")]
CASES += [("hang", name) for name in (*sorted(STATE_FILES), "journal")]
ALWAYS_WRITTEN = {"all", "alerts.jsonl", "responses.jsonl", "journal"}
UNNOTICED = {"EMFILE", "slow"}


@pytest.fixture
def machine(collectd, directory):
    return Machine(collectd, directory)


def test_the_files_of_the_running_daemon_are_those_that_are_tested(machine):
    machine.start()
    machine.faults.inject("record", Faults.WRITING, f"{machine.collectd.directory}/")
    machine.time_switch()
    machine.collectd.expect(lambda: machine.is_notified("quiet", "MISSING"))
    machine.collectd.stop()
    own = str(machine.collectd.directory)
    written = {path[len(own) + 1:] for _, path in machine.faults.hits() if path.startswith(own)}
    written = {path for path in written if path.split("/")[0] in ("state", "journal")}
    temporary = {path for path in written if "/.resource-alert." in path}
    assert written - temporary - {"state", "state/."} <= {f"state/{name}" for name in STATE_FILES} | {"journal"}
    assert set(os.listdir(machine.responding.state)) == STATE_FILES


@pytest.mark.parametrize("kind, name", CASES)
def test_a_bad_disk_delays_nothing(machine, kind, name):
    machine.start()
    machine.inject(kind, name)
    switched = machine.time_switch()
    machine.collectd.expect(lambda: machine.is_notified("pool", "WARNING"))
    machine.collectd.expect(lambda: machine.is_notified("quiet", "MISSING"))
    if name in ALWAYS_WRITTEN and kind not in UNNOTICED:
        machine.collectd.expect(machine.problems, within=15)
        assert machine.collectd.value("resource_alert/gauge-problems") >= 0
    problems = machine.problems()
    pause = machine.longest_pause()
    stopped = machine.time_stop()
    print(f"| {name:15} | {kind:6} | {switched:4.2f} s | {pause:4.1f} s | {stopped:4.1f} s | {'; '.join(problems)} |")
    assert switched < 1
    assert pause < 3
    assert stopped < 5
    machine.faults.clear()
    machine.responding.start()
    assert machine.problems() == []


def test_all_that_hangs_at_once_does_not_hold_the_end(machine, directory):
    """Each state file, the journal, a log and its state, a webhook, a database and the status server's client."""
    collectd = machine.collectd
    with socket.create_server(("127.0.0.1", 0), backlog=64) as silent:
        port = silent.getsockname()[1]
        log = directory / "logs" / "app.log"
        log.parent.mkdir()
        log.touch()
        collectd.load("session_log", f'StateDir "{collectd.directory}/state/logs"\n<Log "a">\nFile "{log.parent}/*.log"\n</Log>')
        collectd.load("dbpool", f'<Pool "a">\nHost "127.0.0.1"\nPort {port}\nDatabase "a"\nUser "a"\nSSLMode "disable"\n</Pool>')
        collectd.write(f"""<Plugin resource_alert>
          <Response "other">
            When "pool"
            EngageAfter 0
            <Webhook>
              URL "http://127.0.0.1:{port}/"
            </Webhook>
          </Response>
        </Plugin>""")
        machine.start()
        machine.inject("hang", "all")
        machine.faults.inject("hang", "open", f"{log.parent}")
        machine.time_switch()
        log.write_text("Creating new database session\n" * 10)
        collectd.expect(machine.problems, within=15)
        client = socket.create_connection(("127.0.0.1", machine.status.port))
        client.send(b"GET /status HTTP/1.1\r\nHost: localhost\r\n")
        assert machine.time_stop() < 5
        client.close()


def test_a_disk_that_works_again_gets_all(machine):
    machine.start()
    machine.inject("hang", "all")
    machine.time_switch()
    machine.collectd.expect(machine.problems, within=15)
    machine.faults.clear()
    machine.collectd.expect(lambda: not machine.problems())
    saved = machine.responding.state / "responses.jsonl"
    machine.collectd.expect(lambda: '"ENGAGED"' in saved.read_text("utf-8"))
    assert machine.responding.journal("state")


def test_a_state_dir_that_is_removed_is_written_again(machine):
    machine.start()
    machine.time_switch()
    machine.responding.expect_state("ENGAGED")
    identity = (machine.responding.state / "identity").read_text("utf-8")
    shutil.rmtree(machine.responding.state)
    machine.collectd.expect(lambda: machine.responding.state.is_dir()
                            and set(os.listdir(machine.responding.state)) == STATE_FILES, within=20)
    machine.collectd.expect(lambda: (machine.responding.state / "identity").read_text("utf-8") == identity)
    machine.collectd.expect(lambda: '"ENGAGED"' in (machine.responding.state / "responses.jsonl").read_text("utf-8"))
    machine.collectd.kill()
    machine.responding.start()
    machine.responding.recover()
    machine.responding.expect(lambda: not machine.responding.is_on("one"))


@pytest.mark.parametrize("at, interval", [(1e10, 1), (9.2e9, 5e9), (1.7e10, 1e10)])
def test_times_that_no_clock_shows_are_saved_readable(machine, at, interval):
    machine.start()
    machine.collectd.put_value("dbpool-evil/percent-used", 99, at=at, interval=interval)
    saved = machine.responding.state / "alerts.jsonl"
    machine.collectd.expect(lambda: "evil" in saved.read_text("utf-8"))
    machine.collectd.kill()
    machine.responding.start()
    assert not machine.collectd.log_lines("invalid line")
    assert "evil" in saved.read_text("utf-8")
