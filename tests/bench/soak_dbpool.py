#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""dbpool: an hour of reads at ten a second, against a server that stops, hangs,
refuses, restarts and loses the monitor's session in turn.

    PROJECT_BUILD=build/release tests/bench/soak_dbpool.py [READS]

At each calm between two faults the daemon's descriptors, threads and anonymous
memory are taken. Fails if the last third of the run has more of them than the
middle third; the first one warms up."""
import os
import pathlib
import re
import shutil
import signal
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "system"))

from servers import orphans  # noqa: E402
from servers.application import pool  # noqa: E402
from servers.collectd import Collectd  # noqa: E402
from servers.postgresql import PostgreSQL  # noqa: E402

READS = 3600
FAULT_READS = 8
CALM_READS = 15
WITHIN_S = 60
# What the allocator may keep between two thirds without anything being lost: a
# hundred bytes a read would be more.
MEMORY_KIB = 128


class Soak:
    def __init__(self, collectd, postgresql):
        self.collectd = collectd
        self.postgresql = postgresql

    # The daemon.

    def reads(self):
        files = (self.collectd.csv / "testhost/dbpool-trading").glob("gauge-up-*")
        return sum(file.read_bytes().count(b"\n") - 1 for file in files)

    def wait_for_reads(self, count):
        goal = self.reads() + count
        self.collectd.expect(lambda: self.reads() >= goal, within=WITHIN_S)

    def wait_for_up(self, wanted):
        self.collectd.expect(lambda: self.collectd.rate("dbpool-trading/gauge-up") == wanted,
                             within=WITHIN_S)

    def holdings(self):
        """Descriptors, threads, KiB of anonymous memory: the least of some
        moments, since a file is open while a value is written."""
        self.wait_for_reads(CALM_READS - 5)
        taken = []
        for _ in range(5):
            self.wait_for_reads(1)
            process = pathlib.Path(f"/proc/{self.collectd.pid}")
            status = (process / "status").read_text(encoding="utf-8")
            taken.append((len(os.listdir(process / "fd")),
                          int(re.search(r"Threads:\s*(\d+)", status)[1]),
                          int(re.search(r"RssAnon:\s*(\d+)", status)[1])))
        return tuple(map(min, zip(*taken)))

    # Faults.

    def stop(self):
        self.postgresql.stop()
        self.wait_for_up(0)
        self.wait_for_reads(FAULT_READS)
        self.postgresql.start()

    def hang(self):
        self.postgresql.pause()
        self.wait_for_up(0)
        self.wait_for_reads(FAULT_READS)
        self.postgresql.resume()

    def own_sessions(self):
        return [pid for pid, in self.postgresql.run(
            "SELECT pid FROM pg_stat_activity WHERE usename = 'watcher'")]

    def refuse(self):
        self.postgresql.run("ALTER ROLE watcher NOLOGIN")
        self.lose_session()
        self.wait_for_up(0)
        self.wait_for_reads(FAULT_READS)
        self.postgresql.run("ALTER ROLE watcher LOGIN")

    def restart(self):
        self.postgresql.restart()

    def lose_session(self):
        for pid in self.own_sessions():
            self.postgresql.run("SELECT pg_terminate_backend(%s)", pid)

    def hang_session(self):
        hung = self.own_sessions()
        for pid in hung:
            os.kill(pid, signal.SIGSTOP)
        self.wait_for_reads(FAULT_READS)
        for pid in hung:
            os.kill(pid, signal.SIGCONT)

    def run(self, reads):
        """What was held at each quiet moment."""
        faults = [self.stop, self.hang, self.refuse, self.restart, self.lose_session,
                  self.hang_session]
        rows = []
        while self.reads() < reads:
            for fault in faults:
                fault()
                self.wait_for_up(1)
            rows.append(self.holdings())
            print(self.reads(), *rows[-1], sep="\t", flush=True)
        return rows


def judge(rows):
    """Reports what has grown from the middle third to the last."""
    third = len(rows) // 3
    assert third > 0, "too few reads to judge"
    middle, last = rows[third:2 * third], rows[-third:]
    grown = []
    for column, (what, allowance) in enumerate(
            [("descriptors", 0), ("threads", 0), ("KiB of memory", MEMORY_KIB)]):
        before, after = (max(row[column] for row in part) for part in (middle, last))
        print(f"{what}: {before} -> {after}")
        if after > before + allowance:
            grown.append(what)
    return grown


def main():
    orphans.become_subreaper()
    reads = int(sys.argv[1]) if len(sys.argv) > 1 else READS
    directory = pathlib.Path(tempfile.mkdtemp(prefix="soak."))
    directory.chmod(0o755)
    postgresql = PostgreSQL(directory, PostgreSQL.make_template(directory / "template"))
    collectd = Collectd(directory)
    collectd.interval = 0.1
    try:
        postgresql.start()
        postgresql.create_watcher("watcher")
        collectd.load("dbpool", pool(postgresql, User='"watcher"', Timeout=0.3)).start()
        soak = Soak(collectd, postgresql)
        soak.wait_for_up(1)
        print("reads", "descriptors", "threads", "KiB", sep="\t")
        grown = judge(soak.run(reads))
        collectd.stop()
    finally:
        collectd.close()
        postgresql.close()
        shutil.rmtree(directory)
    return f"has grown: {', '.join(grown)}" if grown else 0


if __name__ == "__main__":
    sys.exit(main())
