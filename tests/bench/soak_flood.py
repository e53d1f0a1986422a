#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A central collectd with a thousand hosts, while one of them, and then all, send
thousands of new names a second that a rule watches.

    PROJECT_BUILD=build/release tests/bench/soak_flood.py [MINUTES]     10 of them

A line a minute: new names sent, resident memory, series, values refused, how long a
breach of a series of the machine's own takes to be journaled at the most, and how
many of the hosts' own series are judged. Fails if an alert of the machine's own is
late or goes missing, or if memory grows once the table is full."""
import itertools
import json
import pathlib
import shutil
import socket
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "system")]

from servers import orphans  # noqa: E402
from soak_suite import Soaked  # noqa: E402

MINUTES = 10
HOSTS = [f"host{number}" for number in range(1000)]
PER_HOST = 5
OWN = 50
MAX_SERIES = 20000
NEW_A_SECOND = 4000
BATCH = 200
LATE_S = 3
ALLOWANCE = 1.1  # of resident memory, once the table and collectd's cache are full


class Sender:
    """The daemon's socket; what is sent is answered in batches."""

    def __init__(self, path):
        self.peer = socket.socket(socket.AF_UNIX)
        self.peer.connect(str(path))
        self.stream = self.peer.makefile("rw", encoding="utf-8")

    def put(self, values):
        """Of pairs (name, value). A batch and its answers fit into the socket."""
        for start in range(0, len(values), BATCH):
            lines = [f'PUTVAL "{name}" interval=10 N:{value}\n' for name, value in values[start:start + BATCH]]
            self.stream.writelines(lines)
            self.stream.flush()
            for _ in lines:
                assert self.stream.readline().startswith("0 ")


class Journal:
    """Changes of the rule "own", as they are journaled."""

    def __init__(self, path):
        self.path, self.offset, self.states = path, 0, {}

    def read(self):
        if not self.path.exists():
            return
        with self.path.open(encoding="utf-8") as file:
            file.seek(self.offset)
            for line in file:
                if not line.endswith("\n"):
                    break
                self.offset += len(line.encode())
                event = json.loads(line)
                if event.get("rule") == "own" and event["event"] == "state":
                    self.states[event["series"]] = event["to"]


def configure(collectd, directory):
    collectd.load("resource_alert", f"""
        StateDir "{directory}/state"
        Journal "{directory}/journal"
        MaxSeries {MAX_SERIES}
        PublishSeries false
        <Threshold "own">
          Metric "own-*/gauge"
          FailureMax 90
        </Threshold>
        <Threshold "app">
          Metric "app-*/gauge*"
          FailureMax 90
          Missing "ignore"
        </Threshold>""")
    collectd.globals += ["WriteQueueLimitHigh 100000", "WriteQueueLimitLow 100000"]
    collectd.environment["MALLOC_ARENA_MAX"] = "1"


def own_series(number):
    return f"testhost/own-{number}/gauge"


def breach_one(sender, journal, number, value, wanted):
    """Returns the seconds until it was journaled."""
    begun = time.monotonic()
    sender.put([(own_series(number), value)])
    while journal.states.get(own_series(number)) != wanted and time.monotonic() - begun < 30:
        time.sleep(0.005)
        journal.read()
    return time.monotonic() - begun


def run_minute(sender, journal, hosts, numbers):
    """Returns (names sent, the longest time until a breach was journaled)."""
    end, sent, longest = time.monotonic() + 60, 0, 0.0
    for second in itertools.count():
        begun = time.monotonic()
        if begun >= end:
            return sent, longest
        sender.put([(own_series(number), 10) for number in range(OWN)])
        sender.put([(f"{host}/app-{number}/gauge", 10)
                    for host in HOSTS[second % 10::10] for number in range(PER_HOST)])
        sender.put([(f"{next(hosts)}/app-x{number}/gauge-y{number}", 1)
                    for number in itertools.islice(numbers, NEW_A_SECOND)])
        sent += NEW_A_SECOND
        number = second % OWN
        longest = max(longest, breach_one(sender, journal, number, 99, "FAILURE"),
                      breach_one(sender, journal, number, 10, "OKAY"))
        time.sleep(max(0, begun + 1 - time.monotonic()))


def run(collectd, directory, minutes):
    sender = Sender(collectd.socket)
    journal = Journal(directory / "journal")
    numbers, memory, faults = itertools.count(), [], []
    for _ in range(12):  # all that is well known comes first
        sender.put([(own_series(number), 10) for number in range(OWN)])
        sender.put([(f"{host}/app-{number}/gauge", 10) for host in HOSTS for number in range(PER_HOST)])
        time.sleep(1)
    print("minute", "names sent", "RSS KiB", "series", "refused a s", "latest s", "hosts' series", sep="\t", flush=True)
    for minute in range(1, minutes + 1):
        hosts = itertools.cycle(HOSTS[:1] if minute <= minutes / 2 else HOSTS)
        sent, longest = run_minute(sender, journal, hosts, numbers)
        memory.append(collectd.holdings()["RSS KiB"])
        refused = collectd.rate("resource_alert/derive-rejected")
        sender.put([(f"{host}/app-0/gauge", 99) for host in HOSTS])
        time.sleep(2)
        judged = count_failures(directory / "journal")
        sender.put([(f"{host}/app-0/gauge", 10) for host in HOSTS])
        print(minute, sent, memory[-1], round(collectd.rate("resource_alert/gauge-series")),
              round(refused), f"{longest:.2f}", judged, sep="\t", flush=True)
        if longest > LATE_S:
            faults.append(f"minute {minute}: a breach was journaled after {longest:.1f} s")
        if "MISSING" in journal.states.values():
            faults.append(f"minute {minute}: a series of the machine's own was lost")
    half = len(memory) // 2
    if max(memory[half:]) > max(memory[:half]) * ALLOWANCE:
        faults.append(f"memory: {memory} KiB")
    return faults


def count_failures(path):
    """Of the rule "app": how many of the hosts are in FAILURE now."""
    states = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        event = json.loads(line)
        if event.get("rule") == "app" and event["event"] == "state":
            states[event["series"]] = event["to"]
    return sum(state == "FAILURE" for state in states.values())


def main():
    orphans.become_subreaper()
    minutes = int(sys.argv[1]) if len(sys.argv) > 1 else MINUTES
    directory = pathlib.Path(tempfile.mkdtemp(prefix="soak."))
    directory.chmod(0o755)
    collectd = Soaked(directory)
    try:
        configure(collectd, directory)
        collectd.start()
        faults = run(collectd, directory, minutes)
        collectd.stop()
    finally:
        collectd.close()
        shutil.rmtree(directory)
    return f"not so: {'; '.join(faults)}" if faults else 0


if __name__ == "__main__":
    sys.exit(main())
