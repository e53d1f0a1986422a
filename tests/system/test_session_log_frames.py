# SPDX-License-Identifier: MIT
"""session_log in a stock collectd: lines with what container runtimes put around them."""
import json

import pytest
from servers.application import OPENED

LOG = "session_log-framed"
ERRORS = ["2026-11-30 14:00:01,123 - app - ERROR - payment failed", "ERROR:    Exception in ASGI application",
          '{"order": 7, "event": "payment failed", "level": "error", "timestamp": "2026-11-30T14:00:03"}']
OTHERS = ["2026-11-30 14:00:00,123 - app - INFO - started", '{"event": "done", "level": "info", "error": null}']
STAMP = "2026-11-30T14:00:00.123456789Z"


def docker(text, end="\n", stream="stderr"):
    return json.dumps({"log": text + end, "stream": stream, "time": STAMP}, separators=(",", ":")) + "\n"


def cri(text, tag="F", stream="stderr"):
    return f"{STAMP} {stream} {tag} {text}\n"


@pytest.fixture
def log(collectd, directory):
    collectd.interval = 0.2
    path = directory / "app.log"
    path.touch()
    collectd.load("session_log", f'StateDir "{directory}/state"\n<Log "framed">\nFile "{path}"\n'
                  'TimedOut "\u8fde\u63a5\u6c60\u5df2\u6ee1"\n</Log>').start()
    collectd.expect(lambda: collectd.has_value(f"{LOG}/files-followed"))
    return path


def write(path, text):
    with path.open("a", encoding="utf-8") as file:
        file.write(text)


@pytest.mark.parametrize("frame, seen", [(docker, "Docker's json-file"), (cri, "a container runtime (CRI)")])
def test_errors_are_counted_in_a_frame(collectd, log, frame, seen):
    write(log, "".join(map(frame, ERRORS + OTHERS)))
    collectd.expect(lambda: collectd.value(f"{LOG}/derive-lines") == 5)
    assert collectd.value(f"{LOG}/errors") == 3
    assert f"has lines of {seen}" in "\n".join(collectd.log)


@pytest.mark.parametrize("parts", [
    [docker(OPENED[:9], ""), docker(OPENED[9:])],
    [docker(OPENED[:9], "", "stdout"), docker("other"), docker(OPENED[9:], stream="stdout")],
    [cri(OPENED[:9], "P", "stdout"), cri("other"), cri(OPENED[9:], "F", "stdout")]])
def test_parts_of_a_line_are_joined(collectd, log, parts):
    for part in parts:
        write(log, part)
    collectd.expect(lambda: collectd.value(f"{LOG}/total_sessions-opened") == 1)


@pytest.mark.parametrize("frame", [lambda text: text + "\n", docker, cri])
def test_characters_that_json_escapes_are_found(collectd, log, frame):
    write(log, frame(json.dumps({"event": "\u8fde\u63a5\u6c60\u5df2\u6ee1"})))
    collectd.expect(lambda: collectd.value(f"{LOG}/total_sessions-timed_out") == 1)
