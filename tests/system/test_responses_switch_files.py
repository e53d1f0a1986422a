# SPDX-License-Identifier: MIT
"""What stands in the directory of <SwitchStore "file"> besides our switches, and what becomes of the directory."""
import json
import os
import shutil
import subprocess

import pytest
from responding import Responding, response, switch
from servers import build

NOBODY = 65534
ACTION = "Switch one"


@pytest.fixture
def responding(collectd):
    one = Responding(collectd)
    one.switches.mkdir()
    return one


def listed(responding):
    file = responding.switches / "switches.json"
    return json.loads(file.read_text()) if file.exists() else {}


def left_alone(responding):
    return [line["finding"] for line in responding.journal("action", step="left_alone")]


def engage_and_release(responding):
    responding.breach()
    responding.expect_state("ENGAGED")
    responding.recover()
    responding.expect_state("OFF")


@pytest.mark.parametrize("content", ["", "{}", '{"on": true}'])
def test_a_switch_that_a_person_made_is_neither_taken_over_nor_removed(responding, content):
    (responding.switches / "one").write_text(content)
    responding.configure(response(switch("one"))).start()
    engage_and_release(responding)
    assert (responding.switches / "one").read_text() == content
    assert set(left_alone(responding)) == {"was not set by an agent"}
    assert not responding.journal("action", step="confirmed")


def test_the_switch_of_a_dead_agent_is_taken_over_once_it_has_expired(responding):
    dead = {"on": True, "who": "gone", "response": "degrade", "owner": "0/degrade", "until": "2020-01-01T00:00:00Z"}
    (responding.switches / "one").write_text(json.dumps(dead))
    responding.configure(response(switch("one"))).start()
    engage_and_release(responding)
    assert not responding.is_on("one")


def test_the_list_copies_nothing_of_other_files(responding):
    secret = responding.directory / "config.json"
    secret.write_text(json.dumps({"auths": {"registry": {"auth": "canary"}}, "who": "canary", "response": "canary"}))
    secret.chmod(0o600)
    (responding.switches / "docker").symlink_to(secret)
    (responding.switches / "mine").write_text('{"auths": "canary"}')
    mixed = {"on": True, "who": "w", "response": "r", "auths": "canary", "since": {"a": "canary"}}
    (responding.switches / "mixed").write_text(json.dumps(mixed))
    os.link(secret, responding.switches / "hard")
    if os.geteuid() == 0:
        (responding.switches / "theirs").write_text('{"who": "canary", "response": "canary"}')
        os.chown(responding.switches / "theirs", NOBODY, NOBODY)
    responding.configure(response(switch("one"))).start()
    responding.breach()
    responding.expect(lambda: "one" in listed(responding))
    assert "canary" not in (responding.switches / "switches.json").read_text()
    assert listed(responding)["mine"] == {}  # a person's switch, which is on
    assert listed(responding)["mixed"] == {"on": True, "who": "w", "response": "r"}


def test_files_of_other_programs_are_not_swept(responding):
    names = [".env.backup", ".npmrc.golden", ".resource-alertx"]
    for name in names:
        (responding.switches / name).write_text("")
        os.utime(responding.switches / name, (0, 0))
    left = responding.switches / ".resource-alert.one.0123456789abcdef"
    left.write_text("")
    os.utime(left, (0, 0))
    responding.configure(response(switch("one"))).start()
    responding.expect(lambda: not left.exists())
    assert all((responding.switches / name).exists() for name in names)


@pytest.mark.parametrize("replace", [False, True])
def test_a_directory_that_was_removed_or_replaced_is_filled_again(responding, replace):
    store = f'<SwitchStore "file">\nPath "{responding.switches}"\nTTL 3\n</SwitchStore>\n'
    responding.configure(store + response(switch("one")), store=False).start()
    responding.breach()
    responding.expect(lambda: responding.is_on("one"))
    shutil.rmtree(responding.switches)
    if replace:
        responding.switches.mkdir(0o755)
    responding.expect(lambda: responding.is_on("one") and "one" in listed(responding))


def test_an_error_while_looking_is_no_confirmation(responding):
    responding.configure(response(switch("one"))).start()
    responding.breach()
    responding.expect_state("ENGAGED")
    confirmed = len(responding.journal("action", step="confirmed"))
    shutil.rmtree(responding.switches)
    responding.switches.symlink_to("switches")  # leads nowhere, for ever
    responding.recover()
    responding.expect(lambda: responding.failures(ACTION))
    assert len(responding.journal("action", step="confirmed")) == confirmed
    assert responding.state_of() == "RELEASING"
    responding.switches.unlink()
    responding.expect_state("OFF")


def test_a_link_that_others_can_change_is_reported_by_action_and_self_test(responding):
    if os.geteuid() != 0:
        pytest.skip("not root: another user's link is NOT tested")
    link = responding.directory / "link"
    link.symlink_to(responding.switches)
    os.lchown(link, NOBODY, NOBODY)
    responding.switches = link / "below"
    control = responding.directory / "control"
    responding.configure(response(switch("one")), f'ControlSocket "{control}"').start()
    subprocess.run([build.BUILD / "resource-alertctl", "self-test", "--socket", control], check=True, capture_output=True)
    responding.expect(lambda: responding.journal("action", step="self_test"))
    assert 'the link "link" can be changed by others' in responding.journal("action", step="self_test")[0]["result"]
    responding.breach()
    responding.expect(lambda: responding.failures(ACTION))
    assert 'the link "link" can be changed by others' in responding.failures(ACTION)[0]
