# SPDX-License-Identifier: MIT
"""What one value costs in the write callback, beside collectd's own threshold
plugin in the same daemon. The floor is the hash of the five names (about 15 ns
for names of this length) and two cache lines, the index and the series."""
import os
import pathlib
import subprocess
import tempfile

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


def row(number, metric):
    return f'<Threshold "row{number}">\nMetric "{metric}"\nWarningMax 80\n</Threshold>\n'


THREE = [row(0, "bench-*/gauge-value"), row(1, "host1.example.org/bench-*/*"), row(2, "*/load")]
THOUSAND = [row(0, "bench-*/gauge-value"), row(1, "host1.example.org/bench-*/*")] + [
    row(number, f"*app{number}-*/gauge-*{number}") for number in range(2, 1000)]


def run(rows, series=12000, threads=1, name="bench", peer=False):
    """{"first", "ours", "peer"}: nanoseconds a value."""
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
{"".join(rows)}
</Plugin>
PluginDir "{BUILD}/bench"
LoadPlugin write_bench
""", encoding="utf-8")
        environment = {**os.environ, "BENCH_OUTPUT": str(output), "BENCH_SERIES": str(series),
                       "BENCH_THREADS": str(threads), "BENCH_NAME": name, "BENCH_PEER": str(int(peer))}
        subprocess.run(["collectd", "-f", "-C", configuration], check=True, env=environment,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=120)
        return {key: float(figure) for key, figure in map(str.split, output.read_text().splitlines())}


def show(what, unit, ours, peer=None):
    print(what, unit, f"{ours:.1f}", "-" if peer is None else f"{peer:.1f}", sep="\t")


def main():
    three = run(THREE, peer=True)
    show("value, 12,000 series, 3 rows, peer: threshold", "ns", three["ours"], three["peer"])
    thousand = run(THOUSAND)
    show("value, 1,000 rows with globs, peer: 3 rows", "ns", thousand["ours"], three["ours"])
    show("value that no row watches, peer: 3 rows", "ns", run(THOUSAND, name="other")["ours"], three["ours"])
    many = run(THREE, series=120000)
    show("value, 120,000 series, peer: 12,000", "ns", many["ours"], three["ours"])
    show("value, 120,000 series, 5 threads, peer: 1 thread", "ns",
         run(THREE, series=120000, threads=5)["ours"], many["ours"])
    show("first sight of a series, 1,000 rows", "ns", thousand["first"])


if __name__ == "__main__":
    main()
