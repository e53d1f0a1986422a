# SPDX-License-Identifier: MIT
"""What one value costs in the write callback, beside collectd's own threshold
plugin in the same daemon: the key of the five names and its hash (12 ns at 2.3
GHz), the lock of a shard (15), the look-up (two cache misses), then each rule (10).
And what a series takes in memory, and how long a line in the log takes."""
import os
import pathlib
import socket
import subprocess
import tempfile
import time

BUILD = pathlib.Path(os.environ["PROJECT_BUILD"])
SOURCE = pathlib.Path(__file__).resolve().parents[2]

STOCK = """
LoadPlugin threshold
<Plugin threshold>
  <Type "gauge">
    Instance "value"
    WarningMax 80
  </Type>
  <Plugin "bench">
    <Type "gauge">
      Instance "value"
      WarningMax 90
    </Type>
  </Plugin>
  <Host "host1.example.org">
    <Plugin "bench">
      <Type "gauge">
        WarningMax 90
      </Type>
    </Plugin>
  </Host>
</Plugin>
"""


def rule(number, metric):
    return f'<Threshold "rule{number}">\nMetric "{metric}"\nWarningMax 80\n</Threshold>\n'


THREE = [rule(0, "bench-*/gauge-value"), rule(1, "host1.example.org/bench-*/*"), rule(2, "*/load")]
ELEVEN = THREE + [rule(number, "bench-*/gauge-*") for number in range(3, 11)]
THOUSAND = [rule(0, "bench-*/gauge-value"), rule(1, "host1.example.org/bench-*/*")] + [
    rule(number, f"*app{number}-*/gauge-*{number}") for number in range(2, 1000)]


def run(rules, series=12000, threads=1, name="bench", peer=False, wall=False):
    """{"first", "ours", "peer"}: nanoseconds a value; "bytes": of memory a series."""
    with tempfile.TemporaryDirectory() as directory:
        configuration = pathlib.Path(directory) / "collectd.conf"
        output = pathlib.Path(directory) / "output"
        configuration.write_text(f"""
Hostname "bench"
BaseDir "{directory}"
PIDFile "{directory}/pid"
Interval 1000
TypesDB "/usr/share/collectd/types.db" "{SOURCE}/types.db"
PluginDir "/usr/lib/collectd"
{STOCK if peer else ""}
PluginDir "{BUILD}/collectd"
LoadPlugin resource_alert
<Plugin resource_alert>
PublishSeries false
{"".join(rules)}
</Plugin>
PluginDir "{BUILD}/bench"
LoadPlugin write_bench
""", encoding="utf-8")
        environment = {**os.environ, "BENCH_OUTPUT": str(output), "BENCH_SERIES": str(series),
                       "BENCH_THREADS": str(threads), "BENCH_NAME": name, "BENCH_PEER": str(int(peer)), "BENCH_WALL": str(int(wall))}
        subprocess.run(["collectd", "-f", "-C", configuration], check=True, env=environment,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=120)
        return {key: float(figure) for key, figure in map(str.split, output.read_text().splitlines())}


def wait_for(condition):
    """True within ten seconds, without a sleep: the moment counts."""
    until = time.monotonic() + 10
    while not condition():
        if time.monotonic() > until:
            raise TimeoutError
    return time.monotonic()


def ask(peer, request):
    peer.sendall(request.encode())
    peer.recv(256)


class Log:
    """Remembers what it has read: the end of a line may come later than its beginning."""

    def __init__(self, lines):
        self.lines, self.text = lines, ""

    def forget(self):
        self.lines.read()
        self.text = ""

    def has_line(self):
        self.text += self.lines.read()
        return 'resource_alert: rule "rule0": ' in self.text


def time_lines(peer, path, count):
    """Seconds, COUNT of them."""
    taken = []
    with open(path, encoding="utf-8") as lines:
        log = Log(lines)
        for turn in range(count):
            log.forget()
            now = time.monotonic()
            ask(peer, f'PUTVAL "bench/bench/gauge" interval=100 {1700000000 + turn}:{90 - turn % 2 * 80}\n')
            taken.append(wait_for(log.has_line) - now)
    return taken


def line_ms(count=300):
    """The 99th percentile from PUTVAL to the line in the log of an idle daemon."""
    with tempfile.TemporaryDirectory() as directory:
        configuration = pathlib.Path(directory) / "collectd.conf"
        configuration.write_text(f"""
Hostname "bench"
BaseDir "{directory}"
PIDFile "{directory}/pid"
TypesDB "/usr/share/collectd/types.db" "{SOURCE}/types.db"
PluginDir "/usr/lib/collectd"
LoadPlugin logfile
<Plugin logfile>
File "{directory}/log"
</Plugin>
LoadPlugin unixsock
<Plugin unixsock>
SocketFile "{directory}/socket"
</Plugin>
PluginDir "{BUILD}/collectd"
LoadPlugin resource_alert
<Plugin resource_alert>
StateDir "{directory}/state"
Journal "{directory}/journal"
{rule(0, "bench/gauge")}
</Plugin>
""", encoding="utf-8")
        with subprocess.Popen(["collectd", "-f", "-C", configuration], stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL) as daemon:
            log = pathlib.Path(directory) / "log"
            try:
                with socket.socket(socket.AF_UNIX) as peer:
                    wait_for(lambda: log.exists() and peer.connect_ex(f"{directory}/socket") == 0)
                    taken = time_lines(peer, log, count)
            finally:
                daemon.terminate()
        return sorted(taken)[count * 99 // 100] * 1000


def show(what, unit, ours, peer=None):
    print(what, unit, f"{ours:.1f}", "-" if peer is None else f"{peer:.1f}", sep="\t")


def main():
    three = run(THREE, peer=True)
    show("value, 12,000 series, 3 rules, peer: threshold", "ns", three["ours"], three["peer"])
    thousand = run(THOUSAND)
    show("value, 1,000 rules with globs, peer: 3 rules", "ns", thousand["ours"], three["ours"])
    show("value that no rule watches, peer: 3 rules", "ns", run(THOUSAND, name="other")["ours"], three["ours"])
    many = run(THREE, series=120000)
    show("value, 120,000 series, peer: 12,000", "ns", many["ours"], three["ours"])
    show("value, 120,000 series, CPU of 5 threads, peer: 1 thread", "ns",
         run(THREE, series=120000, threads=5)["ours"], many["ours"])
    show("value, 120,000 series, time of 5 threads, peer: 1 thread", "ns",
         *(run(THREE, series=120000, threads=threads, wall=True)["ours"] for threads in (5, 1)))
    show("first sight of a series, 1,000 rules", "ns", thousand["first"])
    eleven = run(ELEVEN, series=120000)
    show("memory of a series with one rule", "bytes", many["bytes"])
    show("memory of each further rule on it", "bytes", (eleven["bytes"] - many["bytes"]) / 8)
    show("from PUTVAL to the verdict line, 99 %", "ms", line_ms())


if __name__ == "__main__":
    main()
