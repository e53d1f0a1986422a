# SPDX-License-Identifier: MIT
"""Commands of <Exec> that are missing or that others could change, and what other users, plugins and kernels do to
those that run."""
import ctypes
import os
import pathlib
import signal

import pytest
from responding import block, quoted, response, switch

NOBODY = 65534
RENAME_EXCHANGE = 2


def hook_response(hook, **options):
    return response(block("Exec", Command=quoted(hook), **options) + switch("one"))


# A broken command breaks its action, and nothing else.

@pytest.mark.parametrize("mode, reports", [
    (None, "No such file or directory"),
    (0o757, "can be written by others: chmod go-w"),
    (0o644, "is not a program: chmod +x"),
])
def test_a_broken_command_breaks_its_action_alone(responding, mode, reports):
    place = responding.open_directory("seen")
    hook = responding.directory / "hook"
    if mode is not None:
        responding.hook(f"touch {place}/ran").chmod(mode)
    responding.configure(hook_response(hook)).start()
    [line] = responding.collectd.log_lines("<Exec>: ")
    assert "[error]" in line and '<Response "degrade">: <Exec>: ' in line
    assert reports in line and "the action fails until this is mended" in line
    responding.breach()
    responding.expect(lambda: responding.is_on("one"))
    responding.expect(lambda: responding.failures(f"Exec {hook}"))
    assert reports in responding.failures(f"Exec {hook}")[0]
    # It works as soon as the command does.
    responding.hook(f"touch {place}/ran")
    responding.expect_state("ENGAGED", within=20)
    assert (place / "ran").exists()


def test_a_command_in_a_directory_that_others_can_write_to(responding):
    place = responding.directory / "open"
    place.mkdir()
    hook = responding.hook("exit 0", name="open/hook")
    place.chmod(0o777)
    responding.configure(hook_response(hook)).start()
    assert responding.collectd.log_lines(f"{place} can be written by others: chmod go-w")


def test_a_missing_helper_breaks_commands_alone(responding):
    responding.configure(hook_response("/bin/true"))
    text = responding.collectd._blocks[-1]
    responding.collectd._blocks[-1] = text.replace("/libexec", "/nowhere")
    responding.collectd.start()
    assert responding.collectd.log_lines(r"the helper program \(see HelperDir\): .*: No such file")
    responding.breach()
    responding.expect(lambda: responding.is_on("one"))


# Other users.

def exchange_for_ever(directory, one, other):
    """A process of nobody's that exchanges two names in its directory. Returns its id."""
    pid = os.fork()
    if pid == 0:
        try:
            libc = ctypes.CDLL(None)
            os.chdir(directory)
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            while True:
                libc.renameat2(-100, one.encode(), -100, other.encode(), RENAME_EXCHANGE)
        finally:
            os._exit(1)
    return pid


@pytest.fixture
def foreign(responding):
    """A directory of nobody's, and what exchanges names in it; ends with the test."""
    if os.geteuid() != 0:
        pytest.skip("not root: a race with another user is NOT tested")
    place = responding.directory / "foreign"
    place.mkdir()
    os.chown(place, NOBODY, NOBODY)
    racers = []
    yield place, lambda *names: racers.append(exchange_for_ever(place, *names))
    for pid in racers:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def test_another_users_script_never_runs_as_root(responding, foreign):
    place, race = foreign
    evil = place / "evil"
    evil.write_text(f"#!/bin/sh\nid >>{responding.directory}/pwned\n")
    evil.chmod(0o755)
    (place / "hook").symlink_to("/usr/bin/true")
    (place / "l").symlink_to("evil")
    race("hook", "l")
    action = block("Exec", Command=quoted(place / "hook"), User='"root"')
    responding.configure("\n".join(response(action, name=f"r{i}") for i in range(20))).start()
    responding.breach()
    responding.expect(lambda: len(responding.failures(f"Exec {place}/hook")) >= 60, within=30)
    assert not (responding.directory / "pwned").exists()
    assert all("belongs to another user" in error for error in responding.failures(f"Exec {place}/hook"))


def test_the_switch_directory_changes_no_file_that_a_link_leads_to(responding, foreign):
    place, race = foreign
    secret = responding.directory / "secret"
    secret.write_text("{}")
    secret.chmod(0o600)
    (place / "l").symlink_to(secret)
    race("switches", "l")
    responding.switches = place / "switches"
    many = "\n".join(response(switch(f"s{i}"), name=f"r{i}") for i in range(20))
    responding.configure(many).start()
    for _ in range(5):
        responding.breach()
        responding.expect(lambda: responding.journal("action", step="intent", on=True))
        responding.recover()
        responding.expect(lambda: responding.journal("action", step="intent", on=False))
    assert secret.stat().st_mode & 0o7777 == 0o600 and secret.read_text() == "{}"


# Other plugins.

GETSIGCHLD = """
import signal
import collectd

def init():
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)

collectd.register_init(init)
"""


def zombies(parent):
    found = 0
    for place in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            state, ppid = (place / "stat").read_text().rsplit(")", 1)[1].split()[:2]
        except OSError:
            continue
        found += state == "Z" and int(ppid) == parent
    return found


def test_a_python_plugin_has_given_sigchld_its_default_back(responding):
    (responding.directory / "getsigchld.py").write_text(GETSIGCHLD)
    hook = responding.hook("exit 1")  # repeated
    responding.configure(response(block("Exec", Command=quoted(hook))))
    responding.collectd.load("python", f'ModulePath "{responding.directory}"\nImport "getsigchld"').start()
    responding.breach()
    responding.expect(lambda: len(responding.failures(f"Exec {hook}")) >= 4, within=30)
    responding.expect(lambda: zombies(responding.collectd.pid) == 0, within=3)
