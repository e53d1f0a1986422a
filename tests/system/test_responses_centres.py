# SPDX-License-Identifier: MIT
"""Switches in other configuration centres by <SwitchStore "http">: the requests of the manual on strict stand-ins."""
import json
import re

import pytest
from responding import response, switch
from servers import build
from servers.configuration_centres import Apollo, Consul, Nacos, Unleash

MANUAL = (build.SOURCE / "doc/collectd-resource-alert.pod").read_text(encoding="utf-8")
CENTRES = {"Consul": Consul, "Nacos": Nacos, "Apollo": Apollo, "Unleash": Unleash}


def requests_of(name):
    """The lines that the manual shows for a centre, as in a file."""
    [lines] = re.findall(rf"^{name}[,:].*?\n\n((?:  .*\n)+)", MANUAL, re.M)
    return re.sub(r'(?<=")\{.*\}(?="$)', lambda found: found[0], lines, flags=re.M)


@pytest.fixture(params=CENTRES)
def centre(request):
    made = CENTRES[request.param]()
    made.lines = requests_of(request.param).replace(f"127.0.0.1:{made.documented}", f"127.0.0.1:{made.port}")
    yield made
    made.close()
    assert made.refused == []


def start(responding, centre, further="", ttl=3):
    store = f'<SwitchStore "http">\nTTL {ttl}\n{centre.lines}\n{further}\n</SwitchStore>'
    responding.configure(response(switch("one")), store, store=False).start()


def value_of(centre):
    return centre.held.get("one")


def test_a_switch_is_set_and_taken_back(responding, centre):
    start(responding, centre)
    responding.breach()
    responding.expect_state("ENGAGED")
    responding.expect(lambda: value_of(centre))
    if isinstance(centre, Unleash):
        assert value_of(centre) is True
    else:
        value = json.loads(value_of(centre))
        assert (value["on"], value["who"], value["response"], value["rule"]) == (True, "testhost", "degrade", "pool")
        responding.expect(lambda: json.loads(value_of(centre))["until"] > value["until"])  # renewed
    if isinstance(centre, Apollo):
        assert "one" in centre.published
    responding.recover()
    responding.expect_state("OFF")
    responding.expect(lambda: not value_of(centre))
    assert "one" not in centre.published


def test_a_switch_of_another_is_left_alone(responding, centre):
    centre.held["one"] = True if isinstance(centre, Unleash) else "by hand"
    start(responding, centre)
    responding.breach()
    responding.expect(lambda: "left_alone" in responding.steps("Switch one"))
    responding.recover()
    responding.expect_state("OFF")
    assert value_of(centre) in (True, "by hand")


def test_a_switch_that_somebody_removes_is_set_again(responding, centre):
    start(responding, centre)
    responding.breach()
    responding.expect_state("ENGAGED")
    centre.held["one"] = False if isinstance(centre, Unleash) else ""
    responding.expect(lambda: value_of(centre))


def test_a_restart_knows_its_own_switch(responding, centre):
    start(responding, centre, ttl=60)
    responding.breach()
    responding.expect_state("ENGAGED")
    responding.collectd.kill()
    responding.start()
    responding.recover()
    responding.expect(lambda: not value_of(centre))


def test_a_token_is_sent_and_shown_nowhere(responding):
    centre = Apollo()
    centre.lines = requests_of("Apollo").replace("127.0.0.1:8070", f"127.0.0.1:{centre.port}")
    centre.token = "hunter-two"
    file = responding.directory / "headers"
    file.write_text("Authorization: hunter-one\n")
    file.chmod(0o600)
    start(responding, centre, f'HeaderFile "{file}"')
    responding.breach()
    responding.expect(lambda: any("401" in text for text in responding.failures("Switch one")))
    file.write_text("Authorization: hunter-two\n")
    responding.expect(lambda: value_of(centre), within=20)
    assert "hunter" not in "\n".join(responding.collectd.log) + responding.journal_file.read_text()
    centre.close()


@pytest.mark.parametrize("line, word", [
    ('On "PUT"', "needs a method"), ('On "put" "http://127.0.0.1/"', "method must be"), ('On "PUT" "http://127.0.0.1/%{what}"', "fields"),
    ('On "PUT" "http://centre.example.org/"', "AllowPlainHTTP"), ("", "On needs")])
def test_a_wrong_request_is_refused(responding, line, word):
    rest = '\nOff "PUT" "http://127.0.0.1/"\nRead "GET" "http://127.0.0.1/"'
    responding.configure(response(switch("one")), f'<SwitchStore "http">\n{line}{rest}\n</SwitchStore>', store=False)
    assert any("SwitchStore" in text and word in text for text in responding.collectd.refuses_to_start())
