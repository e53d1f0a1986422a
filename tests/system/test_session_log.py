# SPDX-License-Identifier: MIT
"""session_log in a stock collectd: real files, written and rotated while they are read."""
import json
import os

import pytest
from servers.application import CLOSED, FAILED, OPENED, ApplicationLog
from servers.namespaces import unshare_watches

LOG = "session_log-trading"

@pytest.fixture
def collectd(collectd):
    collectd.interval = 0.2
    return collectd


@pytest.fixture
def application(directory):
    one = ApplicationLog(directory / "trading.log")
    one.path.touch()
    return one


def follow(collectd, directory, *lines, file=None, name="trading", top=""):
    """Loads the plugin with one <Log>."""
    file = file or directory / "trading.log"
    body = "\n".join([f'<Log "{name}">', f'File "{file}"', *lines, "</Log>"])
    return collectd.load("session_log", f'StateDir "{directory}/state"\n{top}\n{body}')


def begin(collectd):
    """Starts, and waits until the files that are there have been found."""
    collectd.start()
    collectd.expect(lambda: collectd.has_value(f"{LOG}/files-followed"))


def total(collectd, kind):
    return collectd.value(f"{LOG}/total_sessions-{kind}")


def level(collectd, kind):
    return collectd.value(f"{LOG}/current_sessions-{kind}")


def test_sessions_are_counted(collectd, application, directory):
    application.say(OPENED, times=5)  # before it starts: not counted
    follow(collectd, directory)
    begin(collectd)
    application.say(OPENED, CLOSED, times=7)
    application.say(OPENED, FAILED, CLOSED)
    application.say(OPENED, times=2)
    collectd.expect(lambda: level(collectd, "open") == 2)
    assert total(collectd, "opened") == 10
    assert total(collectd, "closed") == 8
    assert total(collectd, "failed") == 1
    assert level(collectd, "leaked") == 0


def test_a_leak_raises_the_low_water_mark(collectd, application, directory):
    follow(collectd, directory, "LeakWindow 1", "LeakWindows 2", "LeakMinRise 3")
    begin(collectd)

    def leak():
        application.say(OPENED, CLOSED, OPENED)
        return level(collectd, "leaked") > 0

    collectd.expect(leak)


def test_errors_a_minute(collectd, application, directory):
    follow(collectd, directory)
    begin(collectd)
    application.say("payment refused", level="ERROR", times=11)
    application.say("no ERROR found", times=50)
    collectd.expect(lambda: collectd.value(f"{LOG}/log_rate-errors") == 11)
    collectd.expect(lambda: collectd.value(f"{LOG}/errors") == 11)


def test_a_rename_loses_nothing(collectd, application, directory):
    follow(collectd, directory)
    begin(collectd)
    with application.path.open("a", encoding="utf-8") as late:
        application.say(OPENED, times=3)
        application.path.rename(directory / "trading.log.1")
        application.say(OPENED, times=4)
        late.write(f"{OPENED}\n")
    collectd.expect(lambda: total(collectd, "opened") == 8)


def test_copytruncate_loses_nothing(collectd, application, directory):
    follow(collectd, directory)
    begin(collectd)
    for i in range(10):
        application.say(f"{OPENED} {i}")
    collectd.expect(lambda: total(collectd, "opened") == 10)
    application.say(f"{OPENED} late")
    (directory / "trading.log.1").write_bytes(application.path.read_bytes())
    os.truncate(application.path, 0)
    for i in range(300):
        application.say(f"{OPENED} again {i}")
    collectd.expect(lambda: total(collectd, "opened") == 311)


def test_a_torn_line_is_one_line(collectd, application, directory):
    follow(collectd, directory)
    begin(collectd)
    application.write(b"2024-01-01 10:00:00 INFO Creating new data")
    collectd.expect(lambda: collectd.value(f"{LOG}/gauge-lag_bytes") > 0)
    application.write(b"base session\r\n")
    collectd.expect(lambda: total(collectd, "opened") == 1)


@pytest.mark.parametrize("trouble, words", [
    ("missing", "no such file"),
    ("directory", "is a directory"),
    ("fifo", "is neither a file nor a directory"),
])
def test_an_unreadable_file_is_logged_once_and_followed_later(collectd, directory, trouble, words):
    path = directory / "trading.log"
    if trouble == "directory":
        path.mkdir()
    elif trouble == "fifo":
        os.mkfifo(path)
    follow(collectd, directory)
    begin(collectd)
    collectd.expect(lambda: len(collectd.history(f"{LOG}/files-followed")) > 3)
    assert len(collectd.log_lines(f"session_log: .*{path}")) == 1
    assert collectd.log_lines(f'log "trading": {path}: {words}; followed as soon as it appears')
    if trouble == "directory":
        path.rmdir()
    elif trouble == "fifo":
        path.unlink()
    ApplicationLog(path).say(OPENED)
    collectd.expect(lambda: total(collectd, "opened") == 1)
    assert collectd.log_lines(f"{path}: found")


@pytest.mark.parametrize("lines, words", [
    (['Opened "session ("'], r'Opened "session \(" is not a regular expression: at position 9: missing closing'),
    (['Opened "[a-z]+"'], r"holds no plain text of 3 or more characters"),
    (["LeakWindows 1"], r"LeakWindows 1 is out of range; allowed: 2 to 16 windows"),
    (['Pid "pid=([0-9]+)"'], r"Pid has no effect without Session"),
])
def test_a_bad_option_is_refused(collectd, application, directory, lines, words):
    follow(collectd, directory, *lines)
    collectd.refuses_to_start()
    assert collectd.log_lines(f'session_log: <Log "trading">: .*{words}')


def test_a_killed_daemon_counts_every_line_once(collectd, application, directory):
    follow(collectd, directory)
    begin(collectd)
    found = 0
    for life in range(3):
        for i in range(20):
            application.say(f"{OPENED} {life} {i}", CLOSED)
            found += 1
        if life == 1:
            application.path.rename(directory / "trading.log.1")
        collectd.expect(lambda: collectd.has_value(f"{LOG}/errors"))
        collectd.kill()
        application.say(OPENED, times=5)  # while nobody reads
        found += 5
        collectd.start()
    collectd.expect(lambda: total(collectd, "opened") == found)
    assert total(collectd, "closed") == 60
    collectd.stop()
    collectd.start()
    application.say(CLOSED)
    collectd.expect(lambda: total(collectd, "closed") == 61)
    assert total(collectd, "opened") == found


def test_a_state_directory_that_cannot_be_written_is_logged_once(collectd, application, directory):
    (directory / "state").write_text("a file", encoding="utf-8")
    follow(collectd, directory)
    begin(collectd)
    application.say(OPENED)
    collectd.expect(lambda: total(collectd, "opened") == 1)
    assert len(collectd.log_lines("session_log: .*state not saved: .*; a restart may lose lines or count them twice")) == 1


def test_an_error_burst_is_reported_at_once(collectd, application, directory):
    collectd.interval = 30  # polling alone would be too late
    follow(collectd, directory)
    collectd.start()
    collectd.expect(lambda: collectd.has_value(f"{LOG}/log_rate-errors"))
    application.say("payment refused", level="ERROR", times=11)
    collectd.expect(lambda: collectd.value(f"{LOG}/log_rate-errors") == 11, within=20)
    application.path.rename(directory / "trading.log.1")
    application.say("payment refused", level="ERROR", times=4)
    collectd.expect(lambda: collectd.value(f"{LOG}/log_rate-errors") == 15, within=20)


def test_polling_alone_counts_the_same(collectd, application, directory):
    follow(collectd, directory, top="MaxReadsPerSecond 0")
    begin(collectd)
    application.say(OPENED, CLOSED, times=50)
    application.path.rename(directory / "trading.log.1")
    application.say(OPENED, times=2)
    collectd.expect(lambda: total(collectd, "opened") == 52)
    assert total(collectd, "closed") == 50


@pytest.mark.skipif(unshare_watches() is None, reason="no user namespaces here")
def test_without_watches_files_are_read_at_the_interval(collectd, application, directory):
    collectd.prefix = [*unshare_watches(), collectd.environment.get("LD_PRELOAD", "")]
    follow(collectd, directory)
    begin(collectd)
    application.say(OPENED, CLOSED, times=50)
    collectd.expect(lambda: total(collectd, "closed") == 50)
    assert collectd.log_lines("cannot watch files: Too many open files; they are read once per interval")


def test_several_files_by_patterns(collectd, application, directory):
    follow(collectd, directory, f'File "{directory}/elsewhere/?.txt"', file=directory / "*.log")
    begin(collectd)
    workers = [ApplicationLog(directory / f"worker-{number}.log") for number in range(3)]
    for worker in workers:
        worker.say(OPENED, times=5)
    collectd.expect(lambda: total(collectd, "opened") == 15)
    collectd.expect(lambda: collectd.value(f"{LOG}/files-followed") == 4)
    workers[0].path.unlink()
    workers[1].path.rename(directory / "worker-1-20240131.log")  # the pattern has this name, too
    ApplicationLog(directory / "worker-1.log").say(OPENED, times=2)
    collectd.expect(lambda: total(collectd, "opened") == 17)
    (directory / "elsewhere").mkdir()
    ApplicationLog(directory / "elsewhere/a.txt").say(OPENED, times=3)
    collectd.expect(lambda: total(collectd, "opened") == 20)


def test_a_backlog_holds_up_no_other_log(collectd, application, directory):
    flood = ApplicationLog(directory / "flood.log")
    flood.say(OPENED)
    os.truncate(flood.path, 10 << 30)  # a hole: no room on the disk
    follow(collectd, directory)
    follow(collectd, directory, 'StartAt "beginning"', "MaxReadBytes 65536", file=flood.path, name="flood")
    begin(collectd)
    application.say(OPENED, times=3)
    collectd.expect(lambda: total(collectd, "opened") == 3)
    collectd.expect(lambda: collectd.value("session_log-flood/total_sessions-opened") == 1)
    assert 9 << 30 < collectd.value("session_log-flood/gauge-lag_bytes") < 10 << 30


def test_a_busy_file_is_read_at_most_max_reads_per_second(collectd, application, directory):
    collectd.interval = 60  # values in between are published because of the writes
    follow(collectd, directory, top="MaxReadsPerSecond 2")
    collectd.start()
    rates = f"{LOG}/log_rate-errors"
    collectd.expect(lambda: collectd.has_value(rates))

    def write_on():
        application.say("payment refused", level="ERROR")
        return len(collectd.history(rates)) >= 6

    collectd.expect(write_on, within=30)
    found = [row["epoch"] for row in collectd.history(rates)][1:]  # the first is the interval's
    assert min(later - earlier for earlier, later in zip(found, found[1:])) > 0.49


def test_a_named_session_that_leaks_is_notified(collectd, application, directory):
    follow(collectd, directory, r'Session "session=(\\w+)"', r'Pid "pid=(\\d+)"', "LeakAfter 1")
    begin(collectd)
    application.say(f"{OPENED} session=a1 pid=17", f"{OPENED} session=a1 pid=18", f"{CLOSED} session=a1 pid=18")
    collectd.expect(lambda: level(collectd, "leaked") == 1)
    collectd.expect(lambda: collectd.notifications(plugin="session_log", type_instance="leaked"))
    found, = collectd.notifications(plugin="session_log", type_instance="leaked")
    assert found["message"].startswith('log "trading": session a1 of process 17 has been open for ')
    assert found["severity"] == "WARNING"
    application.say(f"{CLOSED} session=a1 pid=17")
    collectd.expect(lambda: level(collectd, "leaked") == 0)
    assert total(collectd, "late_closed") == 1


def test_normal_abnormal_and_leak_are_distinguished_by_the_rules(collectd, application, directory):
    """The rules as installed; the application shows one pattern after the other."""
    follow(collectd, directory, r'Session "session=(\\w+)"', "LeakAfter 1")
    collectd.include("40-thresholds.conf", [
        ("/var/lib/collectd/resource_alert", directory / "rules"),
        ("/var/log/collectd/resource_alert.jsonl", directory / "journal"),
        (" For 10", " For 0"), ("RecoverFor 60", "RecoverFor 0")])
    begin(collectd)

    def becomes(rule, state):
        journal = (directory / "journal").read_text(encoding="utf-8")
        return any(rule == line["rule"] and state == line["to"]
                   for line in map(json.loads, journal.splitlines()) if line["event"] == "state")

    for number in range(5):
        application.say(f"{OPENED} session=n{number}", f"{CLOSED} session=n{number}")
    collectd.expect(lambda: total(collectd, "paired") == 5)
    collectd.expect(lambda: becomes("session_leak", "OKAY") and becomes("session_failed", "OKAY"))
    application.say(f"{OPENED} session=a", f"{FAILED} session=a", f"{CLOSED} session=a")
    collectd.expect(lambda: becomes("session_failed", "WARNING"))
    assert total(collectd, "recovered") == 1
    assert not becomes("session_leak", "WARNING")
    application.say(f"{OPENED} session=l")
    collectd.expect(lambda: becomes("session_leak", "WARNING"))
    assert total(collectd, "paired") == 5
    assert total(collectd, "recovered") == 1


def test_an_error_without_a_close(collectd, application, directory):
    follow(collectd, directory, "CloseWithin 1")
    begin(collectd)
    application.say(OPENED, FAILED, CLOSED, OPENED, FAILED)
    collectd.expect(lambda: level(collectd, "unclosed_after_error") == 1)
    application.say(CLOSED)
    collectd.expect(lambda: level(collectd, "unclosed_after_error") == 0)


def test_an_exhausted_pool_is_notified(collectd, application, directory):
    follow(collectd, directory)
    begin(collectd)
    application.write(b"sqlalchemy.exc.TimeoutError: QueuePool limit of size 10 overflow 20 reached, "
                      b"connection timed out, timeout 30.00 (Background on this error at: https://sqlalche.me/e/14/3o7r)\n" * 3)
    collectd.expect(lambda: total(collectd, "timed_out") == 3)
    collectd.expect(lambda: collectd.notifications(plugin="session_log", type_instance="timed_out"))
    found, = collectd.notifications(plugin="session_log", type_instance="timed_out")
    assert found["type"] == "total_sessions"
    assert found["plugin_instance"] == "trading"


def test_lines_of_other_formats(collectd, application, directory):
    follow(collectd, directory)
    begin(collectd)
    application.write(b"\0\0\xff\xfe broken \xc3( Creating new database session\r\n"
                      b'{"level": "error", "message": "Database session error: Database session error"}\n'
                      b'{"level": "info", "message": "no ERROR"}\n'
                      b"Jan 31 10:00:00 host app: message repeated 3 times: [ Closing database session]\n"
                      b"Closing websocket session\n")
    collectd.expect(lambda: total(collectd, "closed") == 3)
    assert total(collectd, "opened") == 1
    assert total(collectd, "failed") == 1
    assert collectd.value(f"{LOG}/errors") == 1


def test_failures_alone_publish_no_open_sessions(collectd, application, directory):
    follow(collectd, directory)
    begin(collectd)
    application.say(FAILED, level="ERROR", times=2)
    collectd.expect(lambda: collectd.log_lines("check the application's log level"))
    found = len(collectd.history(f"{LOG}/current_sessions-open"))
    collectd.expect(lambda: len(collectd.history(f"{LOG}/files-followed")) > found + 4)
    assert len(collectd.history(f"{LOG}/current_sessions-open")) <= found + 1


def test_the_sample_file_does_no_harm_and_is_valid_switched_on(collectd, directory):
    collectd.include("30-session_log.conf").start()
    assert collectd.log_lines("session_log: ") == []
    collectd.stop()
    collectd.forget()
    collectd.include("30-session_log.conf", on=True, substitute=[("/var/lib/collectd/session_log", directory / "state")])
    collectd.start()
    collectd.expect(lambda: collectd.log_lines(r'log "trading": /var/log/trading/\*.log: no such file'))
