# SPDX-License-Identifier: MIT
"""What the manual shows is so: its configurations start, its documents are those
that are really written and sent."""
import json
import re
import urllib.error
import urllib.request

import pytest
from responding import Responding, block, response, switch
from servers import build, ports

PAGE = (build.SOURCE / "doc/collectd-resource-alert.pod").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"(?:^ +\S.*\n)+", PAGE, re.M)


def documents():
    """The JSON objects that are shown."""
    return [json.loads(text) for text in EXAMPLES if text.lstrip().startswith("{")]


def keys(document):
    """The names of all members, those of members too."""
    if isinstance(document, list):
        return keys(document[0]) if document else {}
    return {key: keys(value) for key, value in document.items()} if isinstance(document, dict) else {}


def test_the_configurations_are_taken(collectd, directory):
    collectd.include("40-thresholds.conf", [("/var/lib/collectd/resource_alert", directory / "state"),
                                            ("/var/log/collectd/resource_alert.jsonl", directory / "journal")])
    shown = [text for text in EXAMPLES if re.match(r" +(<|LoadPlugin)", text)]
    assert len(shown) >= 7
    for text in shown:
        for path in ("/var/lib/collectd", "/var/log/collectd", "/var/log/trading", "/run/collectd"):
            text = text.replace(path, str(directory))
        text = text.replace('"disk_free"', '"disk_free_too"')  # the sample has it already
        is_inner = re.match(r" +<(Threshold|SwitchStore) ", text)
        collectd.write(f"<Plugin resource_alert>\n{text}</Plugin>" if is_inner else text)
    collectd.write(f'<Plugin session_log>\nStateDir "{directory}/logs"\n</Plugin>')
    collectd.start()
    assert [line for line in collectd.log_lines(r"\[error\]") if "trading" not in line] == []


@pytest.fixture
def seen(collectd):
    """What a breach makes: the journal, a switch, a command's document."""
    seen = Responding(collectd)
    note = seen.open_directory("seen") / "document"
    hook = seen.hook(f"cat >{note}.new; mv {note}.new {note}")
    seen.port, seen.note = ports.allocate(), note
    seen.configure(response(switch("slow_down") + block("Exec", Command=f'"{hook}"')),
                   options=f'StatusListen "127.0.0.1:{seen.port}"').start()
    return seen


def health(port):
    try:
        return json.load(urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5))
    except urllib.error.HTTPError as error:
        return json.load(error)


def test_the_documents_are_those_that_are_sent(seen):
    change, switched, event, healthy = documents()
    seen.put(99)
    (line,) = seen.expect(lambda: seen.journal("state", to="FAILURE"))
    assert list(line) == list(change)
    seen.expect(lambda: seen.is_on("slow_down"))
    assert keys(json.loads((seen.switches / "slow_down").read_text(encoding="utf-8"))) == keys(switched)
    seen.expect(seen.note.exists)
    assert keys(json.loads(seen.note.read_text(encoding="utf-8"))) == keys(event)
    assert keys(health(seen.port)) == keys(healthy)
