#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Records what the installed rules watch while this machine works as usual.

    PROJECT_BUILD=build/release tests/system/recordings/record.py SECONDS FILE

A stock collectd reads the machine (statgrab), a PostgreSQL and a PgBouncer (dbpool) and the log of an application
(session_log) once a second. The application has SQLAlchemy's QueuePool(10, 20). Its load rises and falls once in the
whole record: 1 to 18 requests at a time, each of 20 to 200 ms; one request in 400 fails. Of the processors, the load and
their pressure, the seconds are left out in which a compiler runs, the two after, and those in which the load average is
above one a processor: others build on the machine where this was recorded, which is not the work of an ordinary machine.
The record in the tree is of two runs: the first had a few such seconds, the second, at a load of 10 to 28, had none.

FILE has a line for each series, with a value for each second, counters as rates."""
import gzip
import itertools
import math
import os
import pathlib
import random
import re
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import sqlalchemy  # noqa: E402
from servers import build, orphans  # noqa: E402
from servers.application import CLOSED, FAILED, OPENED, Application, ApplicationLog, pool  # noqa: E402
from servers.collectd import Collectd  # noqa: E402
from servers.pgbouncer import PgBouncer  # noqa: E402
from servers.postgresql import PostgreSQL  # noqa: E402

SETTLE_S = 2
SHARED = re.compile("statgrab-(cpu|load|pressure-cpu)/")
BUILDERS = {"cc1", "cc1plus", "clang", "clang-14", "ld", "ninja", "ctest", "cmake", "pytest", "lto1", "as"}
FAILURES = 400  # one request in this many


class Load:
    """The application's requests."""

    def __init__(self, application, log, seconds):
        self.application, self.log, self.seconds = application, log, seconds
        self.begun = time.monotonic()
        self.is_over = False
        self.numbers = itertools.count(1)
        self.threads = [threading.Thread(target=self.work, args=(i,), daemon=True) for i in range(18)]
        for thread in self.threads:
            thread.start()

    def wanted(self):
        """Requests at a time."""
        part = (time.monotonic() - self.begun) / self.seconds
        return 1 + 17 * (1 - math.cos(2 * math.pi * part)) / 2

    def work(self, index):
        dice = random.Random(index)
        while not self.is_over:
            if index < self.wanted():
                self.request(dice)
            time.sleep(dice.uniform(0.3, 1.5))

    def request(self, dice):
        self.log.say(OPENED)
        try:
            with self.application.engine.connect() as connection:
                connection.execute(sqlalchemy.text(f"select pg_sleep({dice.uniform(0.02, 0.2):.3f})"))
                if next(self.numbers) % FAILURES == 0:
                    connection.execute(sqlalchemy.text("select 1/0"))
        except sqlalchemy.exc.DataError:
            self.log.say(FAILED, level="ERROR")
        self.log.say(CLOSED)


def others_build():
    """True while somebody else has the machine work."""
    if os.getloadavg()[0] > os.cpu_count():
        return True
    for process in pathlib.Path("/proc").glob("[0-9]*/comm"):
        try:
            if process.read_text().strip() in BUILDERS:
                return True
        except OSError:
            pass
    return False


def quiet_seconds(seconds):
    """The seconds, since the epoch, that count."""
    found, last, end = set(), 0, time.time() + seconds
    while time.time() < end:
        now = int(time.time())
        last = now if others_build() else last
        if now - last > SETTLE_S:
            found.add(now)
        time.sleep(0.5)
    return found


def watched():
    """The series of the installed rules and of their conditions, as regular expressions."""
    text = (build.SOURCE / "conf.d/40-thresholds.conf").read_text(encoding="utf-8")
    names = re.findall(r'^    Metric "([^":]+)', text, re.M)
    names += [re.sub("/", "-*/", name, count=1) for name in re.findall(r'^    OnlyIf "([^":]+)', text, re.M)]
    return [re.compile(re.escape(name).replace(r"\*", ".*") + "$") for name in names]


def columns(collectd):
    """{series: {second: values as text}}, counters as rates."""
    kinds = dict(re.findall(r"^(\w+)\s+\w+:(\w+)", "".join(path.read_text() for path in build.TYPES), re.M))
    table = {}
    for name in filter(lambda name: any(one.match(name) for one in watched()), collectd.names()):
        rows = collectd.history(name)
        kind = kinds[name.rpartition("/")[2].partition("-")[0]]
        table[name] = {}
        for before, row in itertools.pairwise(rows):
            step_s = row["epoch"] - before["epoch"]
            values = [row[key] if kind == "GAUGE" else (row[key] - before[key]) / step_s
                      for key in row if key != "epoch"]
            table[name][int(row["epoch"])] = ":".join(f"{value:.6g}" for value in values)
    return table


def main():
    seconds, file = int(sys.argv[1]), pathlib.Path(sys.argv[2])
    directory = pathlib.Path(tempfile.mkdtemp(prefix="resource-alert."))
    directory.chmod(0o755)
    orphans.become_subreaper()
    postgresql = PostgreSQL(directory, PostgreSQL.make_template(directory / "template"))
    postgresql.start()
    pgbouncer = PgBouncer(directory, postgresql)
    pgbouncer.start()
    log = ApplicationLog(directory / "trading.log")
    log.path.touch()
    collectd = Collectd(directory)
    collectd.load("statgrab").load("dbpool", pool(postgresql, PoolRecycle=3600, PoolTimeout=30) + f"""
      <PgBouncer "edge">
        Host "{pgbouncer.socket_directory}"
        Port {pgbouncer.tcp_port}
        User "stats"
      </PgBouncer>""")
    collectd.load("session_log", f'StateDir "{directory}/state"\n<Log "trading">\nFile "{log.path}"\n</Log>')
    collectd.start()
    load = Load(Application(postgresql), log, seconds)
    kept = sorted(quiet_seconds(seconds))
    load.is_over = True
    table = columns(collectd)
    for server in (collectd, pgbouncer, postgresql):
        server.close()
    lines = [f"# one reading a second, {seconds} s; of the processors {len(kept)} s; "
             f"{os.cpu_count()} processors; made by record.py"]
    for name, values in table.items():
        wanted = set(kept) if SHARED.match(name) else set(values)
        lines.append(" ".join([name, *(values[second] for second in sorted(values) if second in wanted)]))
    file.write_bytes(gzip.compress("\n".join([*lines, ""]).encode(), mtime=0))
    subprocess.run(["rm", "-rf", directory], check=True)


if __name__ == "__main__":
    main()
