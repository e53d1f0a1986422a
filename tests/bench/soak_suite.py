#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The whole suite at twenty times the usual rate: everything is read each half
second: 200 pools, 200 logs that are written and rotated, this machine; and
50,000 further series are judged by rules that breach and recover all the time, which
is a hundred thousand values a second. PublishSeries is off: it would double them.

    PROJECT_BUILD=build/release tests/bench/soak_suite.py [MINUTES]     60 of them

A line a minute: resident memory, what the allocator has given out at the least,
descriptors, threads, CPU. Fails if any has grown in the second half of the run; the
first minutes warm up."""
import math
import os
import pathlib
import random
import re
import shutil
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "system"))

from servers import build, orphans  # noqa: E402
from servers.application import CLOSED, FAILED, OPENED, ApplicationLog, pool  # noqa: E402
from servers.collectd import Collectd  # noqa: E402
from servers.postgresql import PostgreSQL  # noqa: E402

MINUTES = 60
WARM_UP_MINUTES = 5
POOLS = LOGS = 200
SERIES = 50000
# What the median may be more at the end: resident memory is the most that collectd's queue has ever held, a
# kilobyte a value, and so shows the load of others; logs that have just been rotated are held for a while.
ALLOWANCE = {"RSS KiB": 1.25, "held KiB": 1.01, "descriptors": 1.05, "threads": 1.0, "CPU s a minute": 1.2}


class Soaked(Collectd):
    """Without csv, whose thousands of files would be all that is measured."""

    def prepare(self):
        super().prepare()
        text = self.configuration.read_text(encoding="utf-8")
        text = re.sub(r"LoadPlugin csv\n<Plugin csv>.*?</Plugin>\n", "", text, flags=re.S)
        self.configuration.write_text(text, encoding="utf-8")

    def holdings(self):
        process = pathlib.Path(f"/proc/{self.pid}")
        status = (process / "status").read_text(encoding="utf-8")
        ticks = sum(map(int, (process / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()[11:13]))

        def number(name):
            return int(re.search(rf"{name}:\s*(\d+)", status)[1])

        return {"RSS KiB": number("VmRSS"), "held KiB": 0,
                "descriptors": len(os.listdir(process / "fd")), "threads": number("Threads"),
                "CPU s a minute": ticks / os.sysconf("SC_CLK_TCK")}


def configure(collectd, postgresql, directory):
    pools = [pool(postgresql, name=f"app{number}", Application=f'"app{number}-*"') for number in range(POOLS)]
    logs = [f'<Log "app{number}">\n  File "{directory}/logs/{number}.log"\n</Log>' for number in range(LOGS)]
    collectd.load("statgrab").load("dbpool", "\n".join(pools))
    collectd.load("session_log", f'StateDir "{directory}/session_log"\n' + "\n".join(logs))
    collectd.load("resource_alert", f"""
        StateDir "{directory}/state"
        Journal "{directory}/journal"
        ControlSocket "{directory}/control"
        PublishSeries false
        <Threshold "many_series">
          Metric "many_series-*/percent-used*"
          WarningMax 98
          Hits 2
        </Threshold>
        <Threshold "pools">
          Metric "dbpool-*/percent-used"
          WarningMax 80
        </Threshold>
        <Threshold "errors">
          Metric "session_log-*/log_rate-errors"
          FailureMax 10
          For 2
        </Threshold>
        <SwitchStore "file">
          Path "{directory}/switches"
        </SwitchStore>
        <Response "degrade">
          When "errors"
          EngageAfter 0
          ReleaseAfter 1
          <Switch "limit">
          </Switch>
        </Response>""")
    collectd.write(f'PluginDir "{build.BUILD}/bench"\nLoadPlugin many_series')
    collectd.environment["MANY_SERIES"] = str(SERIES)
    # Else each of collectd's threads has an arena of its own, which grows when it is
    # first the one to queue fifty thousand values: that would be all that is seen.
    collectd.environment["MALLOC_ARENA_MAX"] = "1"
    collectd.interval = 0.5
    collectd.write_threads = 5
    # Without a limit a machine that is too slow would show collectd's queue.
    collectd.globals += ["WriteQueueLimitHigh 100000", "WriteQueueLimitLow 100000"]


def write_logs(logs, chance):
    """What the applications do within half a second."""
    for log in logs:
        log.say(OPENED, CLOSED)
        if chance.random() < 0.05:
            log.say(FAILED, level="ERROR", times=chance.randrange(1, 20))
        if chance.random() < 0.01:
            log.path.rename(log.path.with_suffix(".log.1"))
        elif chance.random() < 0.01:
            log.path.write_bytes(b"")


def run(collectd, logs, minutes):
    chance = random.Random(1)
    rules = []
    before = collectd.holdings()["CPU s a minute"]
    print("minute", *ALLOWANCE, sep="\t", flush=True)
    for minute in range(1, minutes + 1):
        end, least = time.monotonic() + 60, math.inf
        while time.monotonic() < end:
            write_logs(logs, chance)
            time.sleep(0.5)
            least = min(least, collectd.rate("many_series/memory-held"))
        held = collectd.holdings()
        used, before = held["CPU s a minute"] - before, held["CPU s a minute"]
        rules.append({**held, "held KiB": round(least / 1024), "CPU s a minute": round(used, 1)})
        print(minute, *rules[-1].values(), sep="\t", flush=True)
    return rules


def judge(rules):
    """What was more in the second half of what follows the warming up."""
    rules = rules[WARM_UP_MINUTES:]
    assert len(rules) >= 4, "too short to judge"
    grown = []
    for what, allowance in ALLOWANCE.items():
        earlier, later = (sorted(rule[what] for rule in part)
                          for part in (rules[:len(rules) // 2], rules[len(rules) // 2:]))
        if later[len(later) // 2] > earlier[len(earlier) // 2] * allowance:
            grown.append(f"{what}: {earlier[len(earlier) // 2]} -> {later[len(later) // 2]}")
    return grown


def main():
    orphans.become_subreaper()
    minutes = int(sys.argv[1]) if len(sys.argv) > 1 else MINUTES
    directory = pathlib.Path(tempfile.mkdtemp(prefix="soak."))
    directory.chmod(0o755)
    (directory / "logs").mkdir()
    logs = [ApplicationLog(directory / "logs" / f"{number}.log") for number in range(LOGS)]
    postgresql = PostgreSQL(directory, PostgreSQL.make_template(directory / "template"))
    collectd = Soaked(directory)
    held = []
    try:
        postgresql.start()
        held = [postgresql.connect(application_name=f"app{number}-1") for number in range(0, 60)]
        configure(collectd, postgresql, directory)
        collectd.start()
        grown = judge(run(collectd, logs, minutes))
        collectd.stop()
    finally:
        collectd.close()
        for session in held:
            session.close()
        postgresql.close()
        shutil.rmtree(directory)
    return f"has grown: {', '.join(grown)}" if grown else 0


if __name__ == "__main__":
    sys.exit(main())
