# SPDX-License-Identifier: MIT
"""resource-alertctl replay: CPU time for one day of 100 series at an interval of
10 s, in the format of the csv plugin. The peer is awk, which only adds the values.
BENCH_DAYS sets the number of days, for example 30 for a month."""
import os
import pathlib
import random
import resource
import subprocess
import tempfile
import time

BUILD = pathlib.Path(os.environ["PROJECT_BUILD"])
DAYS = int(os.environ.get("BENCH_DAYS", "1"))
SERIES, STEP_S, START = 100, 10, 1759276800
RULES = """<Plugin resource_alert>
  <Threshold "used">
    Metric "*/percent-used"
    WarningMax 80
    FailureMax 95
    Hysteresis 5
    For 60
  </Threshold>
  <SwitchStore "file">
    Path "/run/nowhere"
  </SwitchStore>
  <Response "degrade">
    When "used"
    EngageAfter 30
    ReleaseAfter 60
    <Switch "slow_down">
    </Switch>
  </Response>
</Plugin>
"""


def write_day(path, begins, dice):
    value, lines = 50.0, ["epoch,value\n"]
    for second in range(begins, begins + 86400, STEP_S):
        value = min(99, max(1, value + dice.gauss(0, 1.2)))
        lines.append(f"{second}.{second // STEP_S % 1000:03d},{value:.6f}\n")
    path.write_text("".join(lines), encoding="utf-8")


def write_csv(root):
    dice = random.Random(1)
    for number in range(SERIES):
        directory = root / f"web{number // 10}" / f"pool-{number % 10}"
        directory.mkdir(parents=True)
        for day in range(DAYS):
            begins = START + day * 86400
            write_day(directory / time.strftime("percent-used-%Y-%m-%d", time.gmtime(begins)), begins, dice)


def cpu_s(command, **options):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, **options)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main():
    with tempfile.TemporaryDirectory(prefix="resource-alert.") as place:
        place = pathlib.Path(place)
        (place / "collectd.conf").write_text(RULES, encoding="utf-8")
        write_csv(place / "csv")
        ours = cpu_s([BUILD / "resource-alertctl", "replay", "--config", place / "collectd.conf", "--rates", place / "csv"])
        peer = cpu_s(["sh", "-c", 'cat "$1"/*/*/* | awk -F, "{s += \\$2} END {print s}"', "sh", place / "csv"])
        readings = SERIES * DAYS * 86400 // STEP_S
        print("replay, a reading", "ns CPU", f"{ours * 1e9 / readings:.1f}", f"{peer * 1e9 / readings:.1f}", sep="\t")


if __name__ == "__main__":
    main()
