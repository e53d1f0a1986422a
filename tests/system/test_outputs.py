# SPDX-License-Identifier: MIT
"""What controls a terminal, hides a text or ends a line leaves the daemon nowhere, no matter who sent it: from each source of
texts to each place where people read them."""
import json
import re
import socket
import subprocess

import pytest
from asking import Asking
from responding import Responding, block, response, switch
from servers import build
from servers.application import ApplicationLog
from servers.ports import allocate

# Of a title, a screen that is cleared, C1, bidi controls, line separators, DEL.
HOSTILE = "\x1b]0;title\x07\x1b[2J\u009b31m\u202eevil\u2066x\u2028y\u2029\u0085z\x7f\u061c\u200f"
CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
CTL = build.BUILD / "resource-alertctl"


class Outlets:
    """A daemon with all that shows texts, and what it has shown."""

    def __init__(self, collectd, directory, http_sink):
        self.collectd, self.sink = collectd, http_sink
        self.responding = Responding(collectd)
        self.socket = directory / "control"
        self.log = ApplicationLog(directory / f"a{HOSTILE}.log")
        self.log.path.touch()
        port = allocate()
        http_sink.answer(500, f"answer {HOSTILE}".encode())
        self.responding.configure(
            response(switch("one")) + "\n" +
            response(block("Webhook", ' "hook"', URL=f'"{http_sink.url}"'), name="told"), options=f"""
            StatusListen "127.0.0.1:{port}"
            ControlSocket "{self.socket}"
            <Threshold "net">
              Metric "*/net-*/gauge*"
              WarningMax 10
              Message "%{{host}} %{{plugin_instance}} %{{type_instance}}"
            </Threshold>
            <Notification "heard">
              Plugin "other"
            </Notification>""")
        collectd.load("session_log", f"""
            StateDir "{directory}/session_log"
            <Log "app">
              File "{directory}/*.log"
              Session "session=(\\\\S+)"
              LeakAfter 1
            </Log>""")
        self.status = Asking(collectd, port)

    def ctl(self, *words):
        return subprocess.run([CTL, *words], capture_output=True, check=False, timeout=30).stdout.decode()

    def journal(self):
        return self.responding.journal_file.read_text("utf-8")

    def log_text(self):
        return self.collectd.output.read_text("utf-8", errors="replace")

    def shown(self):
        asked = {path: self.status.request(path)[1] for path in ("/status", "/health", "/status.txt", "/")}
        return {
            "log": "\n".join(line for line in self.log_text().split("\n") if "plugin = other" not in line),
            "journal": self.journal(),
            "ctl status": self.ctl("status", "--socket", self.socket),
            "ctl status --json": self.ctl("status", "--json", "--socket", self.socket),
            "ctl journal": self.ctl("journal", "--file", self.responding.journal_file),
            "webhook": "".join(request.body.decode() for request in self.sink.requests),
            "switch": (self.responding.switches / "one").read_text("utf-8"),
            "list": (self.responding.switches / "switches.json").read_text("utf-8"),
            "names": "\n".join(name for name in self.collectd.names() if name.startswith(("resource_alert", "session_log"))),
            **asked}


@pytest.fixture
def outputs(collectd, directory, http_sink):
    return Outlets(collectd, directory, http_sink)


def say_all(outputs):
    collectd = outputs.collectd
    for name in (f"h{HOSTILE}/net-a/gauge-b", f"host/net-{HOSTILE}/gauge-b", f"host/net-a/gauge-{HOSTILE}"):
        collectd.put_value(name, 11, interval=100)
    collectd.put_notification("failure", f"said {HOSTILE}", plugin="other", type="gauge", meta={"field": HOSTILE})
    outputs.log.say(f"Creating new database session session=s{HOSTILE.replace(chr(0x2028), '')}")
    body = json.dumps({"name": f"x{HOSTILE}".replace("[", ""), "for_s": 600, "comment": HOSTILE, "who": HOSTILE}, ensure_ascii=False).encode()
    with socket.socket(socket.AF_UNIX) as peer:
        peer.connect(str(outputs.socket))
        peer.sendall(b"POST /silence HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        assert b" 200 " in peer.recv(4096)


def test_no_text_from_outside_controls_who_reads_it(outputs):
    outputs.responding.start()
    outputs.collectd.expect(lambda: outputs.collectd.has_value("session_log-app/files-followed"))
    say_all(outputs)
    outputs.responding.breach()
    outputs.collectd.expect(lambda: outputs.responding.is_on("one"))
    outputs.collectd.expect(lambda: outputs.responding.failures("Webhook hook"))
    for mark in ('"rule":"net"', '"rule":"heard"', '"event":"silence"', "answer"):
        outputs.collectd.expect(lambda mark=mark: mark in outputs.journal())
    outputs.collectd.expect(lambda: "leak" in outputs.log_text(), within=20)
    for output, text in outputs.shown().items():
        found = CONTROLS.search(text)
        assert not found, f"{output}: {text[max(0, found.start() - 80):found.end() + 20]!r}"
    shown = outputs.shown()
    for output, marks in {"log": ["title", "answer"], "journal": ["title", "answer"], "/status": ["title"], "/status.txt": ["net"],
                          "ctl status": ["title"], "ctl journal": ["title"]}.items():
        for mark in marks:
            assert mark in shown[output], (output, mark)
