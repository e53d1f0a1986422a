# SPDX-License-Identifier: MIT
"""The time from a full file system to the command that runs for it, or for
Alertmanager to the webhook; and the memory and CPU time of each monitor meanwhile.
Ours and four monitors, as Debian packages them, run at the same time and watch the
same file system, with an interval of one second. The minimum is half a second, the
average time until the next reading. Mounts a file system, so it needs root."""
import pathlib
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "system")]

import peers  # noqa: E402
from monitors import go_on_alone  # noqa: E402
from servers.waiting import wait_until  # noqa: E402

BREACHES = 9
SETTLE_S = 20  # the Prometheus server reads first after some seconds


def told_again(monitor, word, known):
    """When MONITOR's hook was told WORD for the first time after KNOWN times."""
    wait_until(lambda: len(monitor.times(word)) > known, within=30,
               explain=lambda: f"{monitor.directory}\n{monitor.told.read_text()}")
    return monitor.times(word)[known]


def change_ms(monitors, change, word_of):
    """{name: milliseconds} from CHANGE to the hook of each of MONITORS."""
    known = {name: len(one.times(word_of(one))) for name, one in monitors.items()}
    begun = time.time()
    change()
    return {name: (told_again(one, word_of(one), known[name]) - begun) * 1e3 for name, one in monitors.items()}


def latencies(monitors, disk):
    """{name: [milliseconds, ...]} of each breach."""
    file = disk / "file"
    found = {name: [] for name in monitors}
    for _ in range(BREACHES):
        time.sleep(random.uniform(1, 2))  # anywhere between two readings
        took = change_ms(monitors, lambda: file.write_bytes(bytes(15 << 20)), lambda one: one.breach)
        for name, one in took.items():
            found[name].append(one)
        change_ms(monitors, file.unlink, lambda one: one.calm)
    return found


def measure(directory, disk):
    """{quantity: {name: figure}} of all monitors."""
    monitors = {"ours": peers.Ours(directory, disk),
                **{name: kind(directory, disk) for name, kind in peers.PEERS.items()}}
    for one in monitors.values():
        one.start()
    time.sleep(SETTLE_S)
    before, begun = {name: one.cpu_s() for name, one in monitors.items()}, time.monotonic()
    found = latencies(monitors, disk)
    took = time.monotonic() - begun
    return {
        ("full file system to hook, median", "ms"): {name: statistics.median(each) for name, each in found.items()},
        ("resident memory", "MiB"): {name: one.memory_mib() for name, one in monitors.items()},
        ("CPU", "ms a second"): {name: (one.cpu_s() - before[name]) * 1e3 / took for name, one in monitors.items()}}


def main():
    if missing := [program for program in peers.PROGRAMS if not shutil.which(program)]:
        sys.exit(f"not installed: {', '.join(missing)}; tools/install-packages test bench")
    go_on_alone()  # node_exporter reads the mounts of process 1
    with tempfile.TemporaryDirectory(prefix="bench.") as name:
        directory = pathlib.Path(name)
        directory.chmod(0o755)
        disk = directory / "disk"
        disk.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m,mode=755", "tmpfs", disk], check=True)
        figures = measure(directory, disk)
        subprocess.run(["umount", "--lazy", disk], check=True)
    for (what, unit), one in figures.items():
        for peer in peers.PEERS:
            print(f"{what}, peer: {peer}", unit, f"{one['ours']:.1f}", f"{one[peer]:.1f}", sep="\t")


main()
