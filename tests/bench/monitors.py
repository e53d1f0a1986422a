# SPDX-License-Identifier: MIT
"""What the benchmarks of whole daemons share: a daemon in a directory of its own,
what it needs, and what its hook was told when."""
import os
import re
import subprocess
import sys

from servers import build

def go_on_alone():
    """Runs this program again as process 1 of mounts and processes of its own:
    all that it mounts or starts ends with it."""
    if os.getpid() != 1:
        words = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
        sys.exit(subprocess.run([*words, sys.executable, *sys.argv], check=False).returncode)


_HEAD = """\
Hostname "bench"
FQDNLookup false
BaseDir "{directory}"
PIDFile "{directory}/pid"
Interval 1
TypesDB "/usr/share/collectd/types.db" "{types}"
LoadPlugin logfile
<Plugin logfile>
  LogLevel "err"
  File "{directory}/log"
</Plugin>
"""


def collectd_head(directory):
    """The first lines of a collectd.conf."""
    return _HEAD.format(directory=directory, types=build.SOURCE / "types.db")


def table_as_installed(directory):
    """conf.d/40-thresholds.conf with its files in DIRECTORY."""
    text = (build.SOURCE / "conf.d/40-thresholds.conf").read_text(encoding="utf-8")
    text = text.replace("/var/lib/collectd/resource_alert", f"{directory}/state")
    return text.replace("/var/log/collectd/resource_alert.jsonl", f"{directory}/journal")


class Monitor:
    """A monitor in a directory of its own. A subclass writes its configuration
    and names its commands; its hook adds a line to `told` at each change."""

    breach, calm = "breach", "calm"  # what a line of the hook holds

    def __init__(self, directory, disk=None):
        self.directory, self.disk = directory / type(self).__name__, disk
        self.directory.mkdir(mode=0o755, parents=True)
        self.told = self.directory / "told"
        self.told.touch()
        self.told.chmod(0o666)
        self.processes = []

    def hook(self, text="$*"):
        """A command that notes when it ran; TEXT is what it was told."""
        path = self.directory / "hook"
        path.write_text(f'#!/bin/bash\ntime=$EPOCHREALTIME\necho "$time {text}" >>{self.told}\n')
        path.chmod(0o755)
        return path

    def write(self, name, text, mode=0o644):
        path = self.directory / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        path.chmod(mode)
        return path

    def start(self):
        for command in self.commands():
            output = (self.directory / "output").open("ab")
            self.processes.append(subprocess.Popen(
                [str(word) for word in command], stdout=output, stderr=output, stdin=subprocess.DEVNULL,
                cwd=self.directory, start_new_session=True))

    def times(self, word):
        """When the hook was told WORD, in seconds since the epoch."""
        lines = self.told.read_text().splitlines()
        return [float(line.split()[0]) for line in lines if re.search(word, line)]

    def pids(self):
        """Its processes and theirs."""
        parents = {}
        for entry in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{entry}/stat", encoding="utf-8", errors="replace") as stat:
                    parents[int(entry)] = int(stat.read().rpartition(")")[2].split()[1])
            except OSError:
                pass
        found = {process.pid for process in self.processes}
        while more := {pid for pid, parent in parents.items() if parent in found} - found:
            found |= more
        return found

    def memory_mib(self):
        """Resident, as ps shows it, of all its processes."""
        total = 0
        for pid in self.pids():
            with open(f"/proc/{pid}/smaps_rollup", encoding="utf-8") as rollup:
                total += int(re.search(r"^Rss: *(\d+)", rollup.read(), re.M)[1])
        return total / 1024

    def cpu_s(self):
        """Seconds of CPU that its processes and their ended children have used."""
        ticks = 0
        for pid in self.pids():
            with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stat:
                ticks += sum(map(int, stat.read().rpartition(")")[2].split()[11:15]))
        return ticks / os.sysconf("SC_CLK_TCK")
