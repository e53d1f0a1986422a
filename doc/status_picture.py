#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Draws doc/status.png, the picture of the status page in the README.

    doc/status_picture.py [--build DIRECTORY] [--dark] [--width PIXELS] [FILE]

The page is the one that is built into the plugin. It shows the sample
below: a pool that filled up within the hour, and a response that has begun to
relieve it; a test compares the sample with what the plugin really sends.
Needs the packages chromium-driver, python3-selenium, fonts-inter, pngquant."""
import argparse
import contextlib
import http.server
import json
import math
import pathlib
import random
import subprocess
import sys
import tempfile
import threading
import time

SOURCE = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(SOURCE / "tests/system"))

from servers.browser import Browser  # noqa: E402
from servers.waiting import wait_until  # noqa: E402

HOST = "web1.example.org"
HISTORY_POINTS = 120  # of an hour


def wave(middle, swing, noise, seed):
    """An hour of a value that varies."""
    dice = random.Random(seed)
    return [round(middle + swing * math.sin(i / 17 + seed) + dice.uniform(-noise, noise), 1) for i in range(HISTORY_POINTS)]


def filling(low, high, begins, noise, seed):
    """An hour of a value that leaves LOW for HIGH at point BEGINS."""
    dice = random.Random(seed)
    steps = [min(1, max(0, (i - begins) / 40)) for i in range(HISTORY_POINTS)]
    return [round(low + (high - low) * step + dice.uniform(-noise, noise), 1) for step in steps]


def rule(name, series, history, limits, unit="", state="OKAY", since=0.0):
    value = history[-1]
    one = {"name": f"{HOST}/{series}", "state": state, "value": value, "since": since}
    return {"name": name, "state": state, "severity": {"OKAY": 1, "WARNING": 3}[state], "since": since, "value": value, "unit": unit,
            "metrics": [series], "limits": limits, "inverted": False,
            "series_count": 1, "counts": {state: 1}, "series": [one], "history": history}


def rules(now):
    used = [*filling(52, 87, 64, 2.5, seed=1)[:-1], 86.7]
    ready = [*filling(12, 5, 64, 1.4, seed=2)[:-1], 4]
    return [
        rule("pool_used", "dbpool-trading/percent-used", used, {"warning_max": 80, "failure_max": 95}, "%", "WARNING", now - 412),
        rule("pool_ready", "dbpool-trading/current_connections-ready", ready, {"warning_min": 3}, since=now - 90210),
        rule("memory_used", "statgrab-memory/percent-used", wave(61, 3, 0.6, 3), {"warning_max": 80}, "%", since=now - 90210),
        rule("disk_free", "statgrab-df-root/percent-free", wave(43, 0.4, 0.1, 4), {"warning_min": 20}, "%", since=now - 90210),
        rule("cpu_load", "statgrab-load/load-relative", [v / 10 for v in wave(7, 2.5, 1.5, 5)], {"warning_max": 1.5}, since=now - 5230),
        rule("log_errors", "session_log-trading/log_rate-errors", [max(0, round(v)) for v in wave(1, 1.5, 2, 6)],
            {"failure_max": 10}, since=now - 90210),
    ]


def action(name, is_on):
    return {"name": f"Switch {name}", "switch": name, "state": "on" if is_on else "off", "wanted": is_on, "mode": "auto",
            "finding": None, "error": None, "self_test": "ok"}


def switches(now):
    return [{"name": name, "on": is_on, "response": "degrade", "readers": [{"reader": "trading-api", "seen": round(now - 2)}]}
            for name, is_on in [("limit_noncore_api", True), ("pause_scheduled_jobs", True), ("serve_cached", False)]]


def responses(now):
    degrade = {"name": "degrade", "state": "ENGAGED", "since": round(now - 372), "mode": "auto", "level": 2,
               "when": ["pool_used", "memory_used"], "unless": [], "tripped": False,
               "actions": [action("limit_noncore_api", True), action("pause_scheduled_jobs", True), action("serve_cached", False)],
               "next": "engage Switch serve_cached in 48 s", "done": 2, "failed": 0, "blocked": 0}
    scale_out = {"name": "scale_out", "state": "OFF", "since": None, "mode": "auto", "level": 0, "when": ["cpu_load"],
                 "unless": [], "tripped": False, "actions": [{**action("", False), "name": "Scale trading/deployments/api"}], "next": None,
                 "done": 0, "failed": 0, "blocked": 0}
    return [degrade, scale_out]


def events(now):
    listed = [(132, "action", {"response": "degrade", "action": "Switch pause_scheduled_jobs", "step": "confirmed", "on": True}),
            (371, "action", {"response": "degrade", "action": "Switch limit_noncore_api", "step": "confirmed", "on": True}),
            (371, "response", {"response": "degrade", "from": "ENGAGING", "to": "ENGAGED", "cause": "pool_used", "level": 1}),
            (412, "state", {"rule": "pool_used", "series": f"{HOST}/dbpool-trading/percent-used", "from": "OKAY", "to": "WARNING",
                            "value": 83.3, "limit": 80.0, "cause": "limit"}),
            (5230, "state", {"rule": "cpu_load", "series": f"{HOST}/statgrab-load/load-relative", "from": "WARNING", "to": "OKAY",
                             "value": 1.21, "limit": None, "cause": "limit"})]
    return [{"seq": 40 - i, "time": time.strftime("%Y-%m-%dT%H:%M:%S.000+00:00", time.gmtime(now - ago)), "event": event, **fields}
            for i, (ago, event, fields) in enumerate(listed)]


def sample(now):
    """What the plugin would send for GET /status."""
    return {"version": 1, "plugin_version": "1.0.0", "host": HOST, "time": now, "started": now - 90215, "mode": "auto", "worst": "WARNING", "rules": rules(now),
            "responses": responses(now), "switches": switches(now), "silences": [], "events": events(now),
            "problems": [],
            "counts": {"series": 214, "watched": 6, "values_rejected": 0, "transitions": 31, "notifications_waiting": 0,
                       "notifications_dropped": 0, "journal_lines_waiting": 0, "journal_lines_lost": 0}}


class StatusServer(http.server.BaseHTTPRequestHandler):
    """Responds as StatusListen does."""
    answers = {}

    def do_GET(self):  # noqa
        kind, text = self.answers[self.path]
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def serve(build, status):
    """The page with that status, on a port."""
    StatusServer.answers = {"/": ("text/html; charset=utf-8", (build / "plugins/resource_alert/status.en.html").read_bytes()),
                            "/status": ("application/json", json.dumps(status).encode())}
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), StatusServer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


def draw(build, width, scheme, status):
    """The page as a PNG."""
    with tempfile.TemporaryDirectory() as directory, serve(build, status) as port:
        browser = Browser(directory)
        try:
            browser.size(width, 700)
            browser.scheme(scheme)
            browser.open(f"http://127.0.0.1:{port}/")
            wait_until(lambda: browser.text("#rules"), within=20)
            return browser.picture()
        finally:
            browser.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=SOURCE / "build/dev")
    parser.add_argument("--dark", action="store_true")
    parser.add_argument("--width", type=int, default=1100)
    parser.add_argument("file", type=pathlib.Path, nargs="?", default=SOURCE / "doc/status.png")
    arguments = parser.parse_args()
    now = time.time()
    picture = draw(arguments.build, arguments.width, "dark" if arguments.dark else "light", sample(now))
    subprocess.run(["pngquant", "--force", "--output", arguments.file, "128", "-"], input=picture, check=True)


if __name__ == "__main__":
    main()
