# SPDX-License-Identifier: MIT
"""What a daemon finds in its StateDir: its identity, and another daemon."""
import json
import shutil
import subprocess

import pytest
from responding import Responding, response, switch
from servers import build
from servers.collectd import Collectd


def restart_with_hostname(responding, name):
    responding.collectd.stop()
    responding.collectd.globals.append(f'Hostname "{name}"')
    responding.start()


# The owner of a switch.

def test_a_renamed_host_takes_its_switch_off(responding):
    responding.configure(response(switch("one"))).start()
    responding.breach()
    responding.expect_state("ENGAGED")
    restart_with_hostname(responding, "renamed")
    responding.recover()
    responding.expect_state("OFF")
    assert not responding.is_on("one")


def test_a_switch_of_an_earlier_version_is_ours(responding):
    responding.switches.mkdir()
    old = {"on": True, "who": "testhost", "response": "degrade", "until": None}
    (responding.switches / "one").write_text(json.dumps(old))
    responding.configure(response(switch("one"))).start()
    responding.breach()
    responding.expect(lambda: "owner" in json.loads((responding.switches / "one").read_text()))
    responding.recover()
    responding.expect(lambda: not responding.is_on("one"))


def test_the_switch_of_another_daemon_with_the_same_name_is_not(responding):
    responding.switches.mkdir()
    other = {"on": True, "owner": "0" * 32 + "/degrade", "who": "testhost", "response": "degrade"}
    (responding.switches / "one").write_text(json.dumps(other))
    responding.configure(response(switch("one") + switch("two"))).start()
    responding.breach()
    responding.expect(lambda: responding.is_on("two"))
    responding.recover()
    responding.expect(lambda: not responding.is_on("two"))
    assert json.loads((responding.switches / "one").read_text()) == other


# Two daemons.

class Second(Responding):
    """Another daemon with the StateDir of the first one."""

    def __init__(self, first, collectd):
        super().__init__(collectd)
        self.state = first.state

    def ctl(self, command, *words):
        return subprocess.run([build.BUILD / "resource-alertctl", command, "--socket", self.directory / "control",
                               *words], capture_output=True, text=True, check=False)


@pytest.fixture
def second(responding, new_server):
    place = responding.directory / "second"
    place.mkdir()
    other = Second(responding, new_server(lambda _: Collectd(place)))
    return other.configure(response(switch("two")), options=f'ControlSocket "{other.directory}/control"')


def test_the_second_daemon_on_one_state_directory_does_not_act(responding, second):
    responding.configure(response(switch("one"))).start()
    second.start()
    holder = f"testhost, process {responding.collectd.pid}"
    [line] = second.collectd.log_lines("StateDir")
    assert f"{responding.state}/identity: in use by another collectd ({holder})" in line
    responding.breach()
    responding.expect_state("ENGAGED")
    saved = (responding.state / "responses.jsonl").stat().st_ino
    second.breach()
    second.expect(lambda: second.journal("state", rule="pool"))
    told = json.loads(second.ctl("status", "--json").stdout)
    assert (told["mode"], told["state_dir_holder"]) == ("off", holder)
    assert holder in second.ctl("status").stdout
    command = second.ctl("mode", "auto")
    assert command.returncode != 0 and holder in command.stderr
    second.collectd.stop()
    assert not second.is_on("two")
    # The first one goes on with the files that it had.
    assert (responding.state / "responses.jsonl").stat().st_ino == saved
    responding.collectd.kill()
    responding.start()
    responding.recover()
    responding.expect_state("OFF")
    assert not responding.is_on("one")


def test_a_directory_that_was_replaced_keeps_its_daemon(responding, second):
    responding.configure(response(switch("one"))).start()
    identity = responding.state / "identity"
    before = identity.read_text()
    shutil.rmtree(responding.state)
    responding.state.mkdir()
    responding.expect(lambda: identity.exists() and identity.read_text() == before)
    responding.expect(lambda: responding.collectd.log_lines(f"{identity}: was removed or replaced while collectd runs"))
    second.start()
    assert second.collectd.log_lines("in use by another collectd")


def test_it_acts_when_it_is_started_after_the_first_has_ended(responding, second):
    responding.configure(response(switch("one"))).start()
    second.start()
    responding.collectd.stop()
    second.collectd.stop()
    second.start()
    second.breach()
    second.expect(lambda: second.is_on("two"))
