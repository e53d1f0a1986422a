# SPDX-License-Identifier: MIT
"""session_log over disks that hang and fail, clocks that lie and directories that are full."""
import shutil
import time

import pytest
from chaos_parts import Clock
from servers import build
from servers.application import CLOSED, OPENED, ApplicationLog
from servers.faults import Faults

NAMES = [f"log{number}" for number in range(6)]  # more than collectd has threads to read


@pytest.fixture
def collectd(collectd):
    collectd.interval = 0.2
    return collectd


@pytest.fixture
def faults(directory, collectd):
    return Faults(directory, collectd)


@pytest.fixture
def applications(collectd, directory):
    """One for each of NAMES, each with a log in a directory of its own."""
    made = {}
    blocks = []
    for name in NAMES:
        (directory / name).mkdir()
        made[name] = ApplicationLog(directory / name / "app.log")
        made[name].path.touch()
        blocks.append(f'<Log "{name}">\nFile "{made[name].path}"\n</Log>')
    collectd.load("uptime").load("session_log", "\n".join([f'StateDir "{directory}/state"', *blocks]))
    return made


def begin(collectd):
    collectd.start()
    for name in NAMES:
        collectd.expect(lambda: collectd.has_value(f"session_log-{name}/files-followed"))


def opened(collectd, name):
    return collectd.value(f"session_log-{name}/total_sessions-opened")


def expect_the_interval_is_kept(collectd, seconds=3):
    """A stock read plugin delivers a value in each interval."""
    before = len(collectd.history("uptime/uptime"))
    wanted = before + seconds / collectd.interval * 0.6
    collectd.expect(lambda: len(collectd.history("uptime/uptime")) >= wanted, within=seconds)


def end_within_5_s(collectd):
    began = time.monotonic()
    collectd.stop(within=5)
    return time.monotonic() - began


@pytest.mark.parametrize("call", ["open", "write", "fdatasync", "fsync", "rename"])
def test_a_state_directory_that_hangs_delays_nothing(collectd, faults, applications, call):
    begin(collectd)
    faults.inject("hang", call, "/state")
    for name in NAMES:
        applications[name].say(OPENED, times=3)
    collectd.expect(faults.hits)
    expect_the_interval_is_kept(collectd)
    for name in NAMES:
        applications[name].say(OPENED, times=4)
        collectd.expect(lambda: opened(collectd, name) == 7)
        collectd.expect(lambda: collectd.log_lines(f'log "{name}": state not saved for some intervals: '))
        collectd.expect(lambda: collectd.value(f"session_log-{name}/duration-hung") >= 2)
    end_within_5_s(collectd)
    assert collectd.log_lines("session_log: a file system hangs; its thread is left behind")


@pytest.mark.parametrize("call", ["stat", "open", "read"])
def test_a_log_directory_that_hangs_delays_its_own_log_only(collectd, faults, applications, call):
    begin(collectd)
    for name in NAMES:
        applications[name].say(OPENED)
        collectd.expect(lambda: opened(collectd, name) == 1)
    *hung, last = NAMES
    for name in hung:
        faults.inject("hang", call, f"/{name}/")
        applications[name].path.rename(applications[name].path.with_suffix(".log.1"))
        applications[name].say(OPENED, times=2)
    collectd.expect(lambda: len({path.split("/")[-2] for _, path in faults.hits()}) == len(hung))
    expect_the_interval_is_kept(collectd)
    applications[last].say(OPENED, CLOSED, times=4)
    collectd.expect(lambda: opened(collectd, last) == 5)
    for name in hung:
        collectd.expect(lambda: collectd.value(f"session_log-{name}/duration-hung") >= 2)
    assert collectd.value(f"session_log-{last}/duration-hung") == 0
    for name in hung:
        assert collectd.log_lines(f'session_log: log "{name}": reading its files or StateDir takes longer than the interval')
    faults.clear()
    for name in hung:
        collectd.expect(lambda: opened(collectd, name) == 3)
        collectd.expect(lambda: collectd.log_lines(f'log "{name}": is read within the interval again'))
        collectd.expect(lambda: collectd.value(f"session_log-{name}/duration-hung") == 0)
    faults.inject("hang", call, f"/{last}/")
    applications[last].path.rename(applications[last].path.with_suffix(".log.1"))
    applications[last].say(OPENED)
    collectd.expect(faults.hits)
    end_within_5_s(collectd)


@pytest.mark.parametrize("kind", ["EIO", "ENOSPC", "EROFS", "EMFILE", "torn"])
def test_a_state_that_cannot_be_written_is_written_later(collectd, faults, applications, kind):
    name = NAMES[0]
    begin(collectd)
    applications[name].say(OPENED)
    collectd.expect(lambda: opened(collectd, name) == 1)
    faults.inject(kind, "write" if kind == "torn" else Faults.WRITING, "/state")
    applications[name].say(OPENED, times=2)
    collectd.expect(lambda: collectd.log_lines(f'log "{name}": state not saved: '))
    faults.clear()
    applications[name].say(OPENED, times=3)
    collectd.expect(lambda: collectd.log_lines(f'log "{name}": its state is saved again'))
    collectd.kill()
    applications[name].say(OPENED, times=4)
    collectd.start()
    collectd.expect(lambda: opened(collectd, name) == 10)


@pytest.mark.parametrize("kind, call", [("EIO", "read"), ("EMFILE", "open"), ("hang", "read")])
def test_a_state_that_cannot_be_read_is_read_later(collectd, faults, applications, kind, call):
    name = NAMES[0]
    begin(collectd)
    applications[name].say(OPENED, times=5)
    collectd.expect(lambda: opened(collectd, name) == 5)
    collectd.stop()
    applications[name].say(OPENED, times=2)
    faults.inject(kind, call, f"/state/{name}.state")
    collectd.start()
    collectd.expect(faults.hits)
    expect_the_interval_is_kept(collectd, seconds=2)
    faults.clear()
    collectd.expect(lambda: opened(collectd, name) == 7)
    if kind != "hang":
        assert len(collectd.log_lines(f'log "{name}": .*; reading begins once this succeeds')) == 1


def test_leaks_are_notified_at_most_so_often(collectd, directory):
    log = ApplicationLog(directory / "app.log")
    log.path.touch()
    collectd.load("session_log", f'StateDir "{directory}/state"\n<Log "trading">\nFile "{log.path}"\n'
                  'Session "session=(\\\\w+)"\nLeakAfter 1\nLeakNotificationsPerMinute 3\n</Log>')
    collectd.start()
    collectd.expect(lambda: collectd.has_value("session_log-trading/files-followed"))
    log.say(*[f"{OPENED} session=s{number}" for number in range(500)])
    collectd.expect(lambda: collectd.value("session_log-trading/current_sessions-leaked") == 500)
    collectd.expect(lambda: collectd.log_lines("more sessions have become leaks"))
    sent = [one["message"] for one in collectd.notifications(plugin="session_log", type_instance="leaked")]
    assert len(sent) == 4
    assert sent[-1] == 'log "trading": 497 more sessions have become leaks; at most 3 a minute are notified one by one'


@pytest.mark.skipif("thread" in build.sanitizers(), reason="ThreadSanitizer's waits end by the true clock")
def test_a_state_of_a_clock_that_was_ahead_hides_no_leak(collectd, directory):
    clock = Clock(directory)
    clock.wrap(collectd)
    log = ApplicationLog(directory / "app.log")
    log.path.touch()
    collectd.load("session_log", f'StateDir "{directory}/state"\n<Log "trading">\nFile "{log.path}"\n'
                  'Session "session=(\\\\w+)"\nLeakAfter 2\n</Log>')
    clock.step(10 * 365 * 86400)
    collectd.start()
    collectd.expect(lambda: collectd.has_value("session_log-trading/files-followed"))
    log.say(f"{OPENED} session=a")
    collectd.expect(lambda: collectd.value("session_log-trading/current_sessions-open") == 1)
    collectd.stop()
    clock.step(-10 * 365 * 86400)
    shutil.rmtree(collectd.csv)  # its values of the years to come
    collectd.start()
    log.say(f"{OPENED} session=b")
    collectd.expect(lambda: collectd.value("session_log-trading/current_sessions-leaked") == 2)


@pytest.mark.parametrize("form", ["app.log.{}", "app-{}.txt"])
def test_forty_thousand_files_beside_a_log_delay_nothing(collectd, directory, form):
    place = directory / "logs"
    place.mkdir()
    log = ApplicationLog(place / "app.log")
    log.path.touch()
    for number in range(40000):
        (place / form.format(number)).touch()
    collectd.load("uptime").load("session_log", f'StateDir "{directory}/state"\n<Log "trading">\n'
                                 f'File "{log.path}"\nFile "{place}/*.txt"\n</Log>')
    collectd.start()
    followed = "session_log-trading/files-followed"
    collectd.expect(lambda: collectd.has_value(followed))
    log.say(OPENED, times=3)
    collectd.expect(lambda: opened(collectd, "trading") == 3)
    before, began = len(collectd.history(followed)), len(collectd.history("uptime/uptime"))
    collectd.expect(lambda: len(collectd.history(followed)) >= before + 8)
    assert len(collectd.history("uptime/uptime")) < began + 20
    assert collectd.log_lines('log "trading": more than 4096 files match, rotated ones included')
    log.path.rename(place / "app.log.40001")  # the directory is full of them
    log.say(OPENED, times=4)
    collectd.expect(lambda: opened(collectd, "trading") == 7)
