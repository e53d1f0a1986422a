# SPDX-License-Identifier: MIT
"""What the drop-in for systemd leaves to collectd is enough for every plugin."""
import os
import pathlib
import re
import shutil

import pytest
from responding import Responding, block, response, switch
from servers import build
from servers.application import pool

DROP_IN = build.SOURCE / "contrib/packaging/systemd/hardening.conf"


def capabilities():
    lines = re.findall(r"^CapabilityBoundingSet=(.*)", DROP_IN.read_text(encoding="utf-8"), re.M)
    return [word.removeprefix("CAP_").lower() for word in " ".join(lines).split()]


@pytest.fixture
def hidden_log(directory):
    """A log of another user's, who lets nobody else in."""
    log = directory / "logs" / "app.log"
    log.parent.mkdir()
    log.touch()
    for path, mode in [(log, 0o600), (log.parent, 0o700)]:
        shutil.chown(path, "nobody")
        path.chmod(mode)
    return log


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has what is taken away: the drop-in is NOT tested")
def test_every_plugin_works_with_the_capabilities_that_are_left(collectd, postgresql, hidden_log, directory):
    left = ",".join(f"+{name}" for name in capabilities())
    collectd.prefix = ["setpriv", "--no-new-privs", f"--bounding-set=-all,{left}"]
    seen = Responding(collectd)
    note = seen.open_directory("seen") / "user"
    hook = seen.hook(f"id -un >{note}")
    seen.configure(response(switch("slow_down") + block("Exec", Command=f'"{hook}"', User='"nobody"')))
    collectd.load("statgrab")
    collectd.load("dbpool", pool(postgresql))
    collectd.load("session_log", f'StateDir "{directory}/state"\n<Log "trading">\nFile "{hidden_log}"\n</Log>')
    seen.start()
    status = pathlib.Path(f"/proc/{collectd.pid}/status").read_text(encoding="utf-8")
    assert "NoNewPrivs:\t1" in status and int(re.search(r"CapEff:\s*(\w+)", status)[1], 16).bit_count() == len(
        capabilities())
    collectd.expect(lambda: collectd.value("statgrab-processes/ps_state-sleeping") > 0)
    collectd.expect(lambda: collectd.value("dbpool-trading/gauge-up") == 1)
    with hidden_log.open("a", encoding="utf-8") as log:
        log.write("Creating new database session\n")
    collectd.expect(lambda: collectd.value("session_log-trading/total_sessions-opened") == 1)
    seen.breach()
    collectd.expect(lambda: note.exists() and note.read_text() == "nobody\n")
    collectd.expect(lambda: seen.is_on("slow_down"))
    assert collectd.log_lines(r"\[error\]") == []
