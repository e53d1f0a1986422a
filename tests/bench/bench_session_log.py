# SPDX-License-Identifier: MIT
"""session_log: CPU time to read a log, compared with collectd's own tail plugin in
the same daemon, with ripgrep, grep and mtail that count the same texts, and with
read(2) alone; and the time from an error to the alert's state. BENCH_MIB sets the
size of the logs in MiB (256)."""
import os
import pathlib
import resource
import subprocess
import statistics
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "system")]

import session_log_corpus as corpus  # noqa: E402
from servers import orphans  # noqa: E402
from servers.collectd import Collectd  # noqa: E402

READER = pathlib.Path(os.environ["PROJECT_BUILD"]) / "bench/reader_session_log"
SIZE = int(os.environ.get("BENCH_MIB", "256")) << 20
SIX = {"Opened": corpus.SESSION[0], "Closed": corpus.SESSION[1], "Failed": corpus.SESSION[2],
       "Error": "(ERROR|CRITICAL)", "Restart": "Application startup complete", "TimedOut": "QueuePool limit of size"}
FOUR = dict(list(SIX.items())[:4])
QUIET = 100
BURSTS = 20


def row(what, unit, ours, peer=None):
    print(what, unit, f"{ours:.4f}", "-" if peer is None else f"{peer:.4f}", sep="\t", flush=True)


def reader(polls, path, *settings):
    """CPU ms of the first poll, of the later ones, KiB, and the counts."""
    output = subprocess.run([READER, str(polls), path, *settings], check=True, capture_output=True, text=True)
    return list(map(float, output.stdout.split()))


def per_gb(milliseconds, path):
    return milliseconds * 1e9 / os.path.getsize(path)


def cpu_ms(pid):
    """CPU time of the process's threads, finer than the ticks of its stat."""
    return sum(int(path.read_text(encoding="utf-8").split()[0])
               for path in pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat")) / 1e6


def in_daemon(plugin, options, counter, path, wanted):
    """CPU ms that a stock collectd needs to count the log at PATH when it is
    rotated into the place of an empty one."""
    with tempfile.TemporaryDirectory(prefix="resource-alert.", dir=path.parent) as place:
        live = pathlib.Path(place) / "live.log"
        live.touch()
        daemon = Collectd(pathlib.Path(place))
        try:
            daemon.load(plugin, options(live)).start()
            daemon.expect(lambda: daemon.has_value(counter))
            before = cpu_ms(daemon.pid)
            os.link(path, live.with_suffix(".new"))
            os.replace(live.with_suffix(".new"), live)
            daemon.expect(lambda: daemon.value(counter) >= wanted, within=120)
            return cpu_ms(daemon.pid) - before
        finally:
            daemon.close()


def tail_options(patterns):
    matches = "".join(f'<Match>\nRegex "{text}"\nDSType "CounterInc"\nType "counter"\nInstance "{name}"\n</Match>\n'
                      for name, text in patterns.items())
    return lambda path: f'<File "{path}">\nInstance "bench"\n{matches}</File>'


def our_options(patterns):
    lines = "".join(f'{name} "{text}"\n' for name, text in patterns.items())
    return lambda path: (f'StateDir "{path.parent}/state"\n<Log "bench">\nFile "{path}"\nMaxReadBytes 1099511627776\n'
                         f"{lines}</Log>")


def beside_tail(path, wanted):
    for what, patterns, ours in (("3 texts and the level", FOUR, {}), ("6 patterns", SIX, SIX)):
        figures = [in_daemon("session_log", our_options(ours), "session_log-bench/total_sessions-opened", path, wanted),
                   in_daemon("tail", tail_options(patterns), "tail-bench/counter-Opened", path, wanted)]
        row(f"{what}; collectd's tail", "CPU ms/GB", *(per_gb(figure, path) for figure in figures))


def program_ms(*command):
    """CPU ms of a program that must succeed. Its output goes to us: grep stops at the first match
    where nobody would read what it says."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1000


def beside_programs(path):
    """Those that count the lines with one of the three texts and do nothing else."""
    texts = [word for text in corpus.SESSION for word in ("-e", text)]
    program = path.parent / "sessions.mtail"
    program.write_text("counter sessions\n" + "".join(f"/{text}/ {{\n  sessions++\n}}\n" for text in corpus.SESSION),
                       encoding="utf-8")
    for what, command in (("ripgrep -c -F", ["rg", "-j1", "-c", "-F", *texts, path]),
                          ("grep -c -F", ["grep", "-c", "-F", *texts, path]),
                          ("mtail", ["mtail", "--one_shot", "--progs", program, "--logs", path])):
        row(f"3 texts and the level; {what}, 3 texts", "CPU ms/GB", per_gb(reader(1, path)[0], path),
            per_gb(program_ms(*command), path))


def burst_ms():
    """Milliseconds from a burst of errors to the row's FAILURE in the journal,
    in a daemon that reads every 10 seconds: the median of several logs'."""
    with tempfile.TemporaryDirectory(prefix="resource-alert.") as place:
        place = pathlib.Path(place)
        logs = [place / f"app{number:02}.log" for number in range(BURSTS)]
        for log in logs:
            log.touch()
        blocks = "".join(f'<Log "{log.stem}">\nFile "{log}"\n</Log>\n' for log in logs)
        journal = place / "journal"
        daemon = Collectd(place)
        try:
            daemon.interval = 10
            daemon.load("session_log", f'StateDir "{place}/state"\n{blocks}')
            daemon.load("resource_alert", f'Journal "{journal}"\n<Threshold "log_errors">\n'
                        'Metric "session_log-*/log_rate-errors"\nFailureMax 10\n</Threshold>').start()
            daemon.expect(lambda: journal.exists() and journal.read_text().count('"OKAY"') >= BURSTS, within=30)
            taken = []
            for log in logs:
                before = time.monotonic()
                log.write_text("2024-01-31 10:00:00,000 ERROR refused\n" * 11, encoding="utf-8")
                daemon.expect(lambda name=log.stem: any(
                    f"session_log-{name}/" in line and '"FAILURE"' in line for line in journal.read_text().splitlines()))
                taken.append((time.monotonic() - before) * 1000)
            return statistics.median(taken)
        finally:
            daemon.close()


def main():
    orphans.become_subreaper()
    place = pathlib.Path(tempfile.gettempdir()) / "session_log_corpora"
    place.mkdir(exist_ok=True)
    paths = {}
    for kind in [*corpus.KINDS, "one_line"]:
        paths[kind] = place / f"{kind}-{SIZE >> 20}.log"
        if not paths[kind].exists():
            corpus.make(kind, paths[kind], SIZE)
    plain = paths["plain"]
    ours = reader(1, plain)
    beside_tail(plain, ours[3])
    beside_programs(plain)
    for kind, path in paths.items():
        reader(0, path)  # the first reader pays for page faults
        row(f"{kind}; read(2) alone", "CPU ms/GB", per_gb(reader(1, path)[0], path), per_gb(reader(0, path)[0], path))
    for kind in ("docker", "cri"):
        row(f"{kind}; three times plain lines", "CPU ms/GB", per_gb(reader(1, paths[kind])[0], paths[kind]),
            3 * per_gb(reader(1, plain)[0], plain))
    row("an error burst to the row's state; the goal", "ms", burst_ms(), 100)
    row("memory beyond an idle log", "KiB", reader(1, plain)[2])
    with tempfile.TemporaryDirectory() as many:
        for number in range(QUIET):
            (pathlib.Path(many) / f"{number}.log").write_text("a line\n" * 100, encoding="utf-8")
        polls = 200
        row(f"{QUIET} quiet files, a poll", "CPU ms", reader(polls, f"{many}/*.log")[1] / (polls - 1))


if __name__ == "__main__":
    main()
