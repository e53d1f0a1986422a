# SPDX-License-Identifier: MIT
"""status and watch fit the window; without one nothing is cut and no code is printed."""
import fcntl
import http.server
import json
import os
import pty
import re
import socketserver
import struct
import subprocess
import termios
import threading

import pytest
from servers import build

CTL = build.BUILD / "resource-alertctl"
LIMITS = {"warning_max": 80.0, "failure_max": 95.0}
SERIES = "a-long-host-name.example.com/dbpool-trading/percent-used"


def rule(name, state, severity, value, **more):
    return {"name": name, "state": state, "severity": severity, "since": 1000, "value": value, "unit": "%", "limits": LIMITS,
            "series_count": 1, "series": [{"name": SERIES}], **more}


STATUS = {
    "version": 1, "host": "vm", "time": 1075.0, "mode": "auto", "worst": "FAILURE",
    "rules": [*(rule(f"well_{i}", "OKAY", 1, 12.345) for i in range(30)),
              rule("turning", "OKAY", 1, 80.0004, next_state="WARNING", next_in_s=6.4),
              rule("quiet_\u00e4", "WARNING", 3, 90.0, silenced=True), rule("pool_used", "FAILURE", 4, 97.53188)],
    "responses": [{"name": "degrade", "state": "ENGAGED", "since": 1000, "mode": "auto", "next": "nothing " * 20, "tripped": True,
                   "actions": [{"name": "scale web", "self_test": "failed: " + "no answer " * 20}, {"name": "x", "self_test": None}]}],
    "silences": [{"name": "quiet*", "who": "me", "comment": "disks " * 30, "until": 4675}],
}


@pytest.fixture
def socket(directory):
    """A daemon's ControlSocket that answers with STATUS."""
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            body = json.dumps(STATUS).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with socketserver.UnixStreamServer(str(directory / "control"), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield directory / "control"
        server.shutdown()


def on_terminal(columns, rows, *arguments):
    """The lines that the command prints in a window of that size, and the bytes."""
    outside, inside = pty.openpty()
    fcntl.ioctl(inside, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    with subprocess.Popen([CTL, *map(str, arguments)], stdout=inside, stderr=inside) as process:
        os.close(inside)
        data = b""
        while True:
            try:
                data += (piece := os.read(outside, 65536))
            except OSError:
                break
            if not piece:
                break
        process.wait(timeout=30)
    os.close(outside)
    return re.sub(r"\033\[[0-9;]*[A-Za-z]", "", data.decode()).replace("\r", "").splitlines(), data


@pytest.mark.parametrize("columns, rows", [(80, 24), (40, 24), (200, 50), (10, 24)])
def test_watch_fits_the_window_worst_first(socket, columns, rows):
    lines, data = on_terminal(columns, rows, "watch", "--count", "1", "--socket", socket)
    assert max(map(len, lines[1:])) <= columns and len(lines) < rows
    assert data.startswith(b"\033[H\033[2J")
    assert [line[:7] for line in lines[3:6]] == ["FAILURE", "WARNING", "OKAY   "]
    assert any(line.startswith("... ") for line in lines) == (rows == 24)


def test_a_pipe_gets_everything_and_no_codes(socket):
    for command in (["status"], ["watch", "--count", "1"]):
        text = subprocess.run([CTL, *command, "--socket", socket], capture_output=True, text=True, timeout=30).stdout
        assert "\033" not in text
        assert text.count(SERIES) == len(STATUS["rules"])
        assert re.search(rf"^WARNING quiet_ä +90 %  >80 >95 +1 min +\(silenced\) {SERIES}$", text, re.M), text
        assert re.search(rf"^OKAY +turning +80.0004 %  >80 >95 +1 min +WARNING in 6 s, {SERIES}$", text, re.M), text
        assert re.search(r"^FAILURE pool_used +97.5 %", text, re.M), text
        assert re.search(r"^ +self-test of scale web: failed: (no answer )+", text, re.M), text


def test_what_comes_next_is_in_the_status(collectd, directory):
    collectd.load("resource_alert", f"""
  ControlSocket "{directory}/control"
  <Threshold "used">
    Metric "demo-a/percent-used"
    WarningMax 80
    For 50
    RecoverFor 40
  </Threshold>""").start()

    def used():
        result = subprocess.run([CTL, "status", "--json", "--socket", directory / "control"], capture_output=True, text=True, timeout=30)
        return json.loads(result.stdout)["rules"][0]

    collectd.put_value("demo-a/percent-used", 10, interval=60)
    collectd.expect(lambda: used()["state"] == "OKAY")
    assert "next_state" not in used()
    collectd.put_value("demo-a/percent-used", 90, interval=60)
    collectd.expect(lambda: used().get("next_state") == "WARNING")
    assert used()["state"] == "OKAY" and 0 < used()["next_in_s"] <= 50
