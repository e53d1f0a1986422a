#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""CPU time of one reading of the system: our plugin in a stock collectd, compared
with the native plugins in a stock collectd, for the same groups of values. The time
of an empty daemon is subtracted. No write plugin is loaded, so the figures include
only the way of a value through collectd. Printed for tests/bench/run."""
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
INTERVAL = 0.02
SECONDS = 4
STOCK = pathlib.Path("/usr/lib/collectd")
DF = 'MountPoint "/"\nReportInodes true'
CPU = "ReportByCpu false\nValuesPercentage true\nReportNumCpu true"
NATIVE = {"cpu": CPU, "memory": None, "load": None, "df": DF, "swap": None, "users": None,
          "uptime": None, "interface": None, "disk": None, "processes": None}


def ours_for(groups):
    names = " ".join(f'"{name}"' for name in groups)
    return {"statgrab": f"Collect {names}\n<df>\n{DF}\n</df>"}


def configuration(directory, plugins, plugin_dir):
    loads = "\n".join(
        f"LoadPlugin {name}" + (f"\n<Plugin {name}>\n{options}\n</Plugin>" if options else "")
        for name, options in plugins.items())
    path = directory / "collectd.conf"
    path.write_text(f"""\
Hostname "bench"
FQDNLookup false
BaseDir "{directory}"
PIDFile "{directory}/pid"
Interval {INTERVAL}
TypesDB "/usr/share/collectd/types.db"
LoadPlugin logfile
<Plugin logfile>
  LogLevel "err"
  File "{directory}/log"
</Plugin>
LoadPlugin unixsock
<Plugin unixsock>
  SocketFile "{directory}/socket"
</Plugin>
PluginDir "{plugin_dir}"
{loads}
""", encoding="utf-8")
    return path


def cpu_ns(pid):
    return sum(int((task / "schedstat").read_text().split()[0])
               for task in pathlib.Path(f"/proc/{pid}/task").iterdir())


def series(directory):
    with socket.socket(socket.AF_UNIX) as peer:
        peer.connect(f"{directory}/socket")
        with peer.makefile("rw", encoding="utf-8") as stream:
            stream.write("LISTVAL\n")
            stream.flush()
            return int(stream.readline().split()[0])


def measure(plugins, plugin_dir):
    """Microseconds of CPU a cycle, and the number of series."""
    with tempfile.TemporaryDirectory(prefix="bench.") as name:
        directory = pathlib.Path(name)
        path = configuration(directory, plugins, plugin_dir)
        daemon = subprocess.Popen(["collectd", "-f", "-C", path], stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL)
        try:
            time.sleep(1)
            before, start = cpu_ns(daemon.pid), time.monotonic()
            time.sleep(SECONDS)
            spent, took = cpu_ns(daemon.pid) - before, time.monotonic() - start
            found = series(directory)
        finally:
            daemon.terminate()
            daemon.wait()
    return spent / 1000 / (took / INTERVAL), found


def main():
    build = pathlib.Path(os.environ.get("PROJECT_BUILD", ROOT / "build/release")).resolve()
    empty, _ = measure({}, STOCK)
    for groups in (NATIVE, [name for name in NATIVE if name != "processes"]):
        theirs, their_series = measure({name: NATIVE[name] for name in groups}, STOCK)
        ours, our_series = measure(ours_for(groups), build / "collectd")
        what = "a reading" if "processes" in groups else "a reading without processes"
        print(f"{what}\tus CPU\t{ours - empty:.0f}\t{theirs - empty:.0f}")
        print(f"{what}, per series\tus CPU\t{(ours - empty) / our_series:.1f}\t"
              f"{(theirs - empty) / their_series:.1f}")


main()
