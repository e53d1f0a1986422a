# SPDX-License-Identifier: MIT
"""The memory that the suite adds to an idle collectd: four plugins, a pool, a log,
the rules of the sample configuration and a response, after twenty reads. Private
memory is anonymous and changed pages that no other program uses. Resident memory
includes the pages of libcurl, libpq and OpenSSL, which other programs share. The
peers are stock plugins that do a part of the work: load, memory, cpu, df, processes,
swap, postgresql, tail and threshold. The libraries are the minimum: collectd's own
postgresql and our dbpool, both without a configuration, add the same 1052 KiB of
private memory and 5.1 MiB of resident memory, for libpq and its dependencies."""
import os
import pathlib
import re
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "system"))

from servers import build, orphans  # noqa: E402
from servers.collectd import Collectd  # noqa: E402

READS = 20


def held(directory, configure):
    """KiB (private, resident) of a daemon that CONFIGURE has loaded."""
    collectd = Collectd(directory)
    collectd.interval = 0.2
    try:
        configure(collectd)
        collectd.load("uptime").start()
        collectd.expect(lambda: len(collectd.history("uptime/uptime")) >= READS, within=60)
        text = pathlib.Path(f"/proc/{collectd.pid}/smaps_rollup").read_text(encoding="utf-8")
        collectd.stop()
    finally:
        collectd.close()
    number = {key: int(value) for key, value in re.findall(r"^(\w+): +(\d+) kB", text, re.M)}
    return number["Private_Dirty"], number["Rss"]


def nothing(collectd):
    del collectd


def ours(collectd):
    place = collectd.directory
    log = place / "app.log"
    log.touch()
    collectd.include("10-statgrab.conf")
    collectd.load("dbpool", f'<Pool "trading">\nHost "{place}"\nUser "u"\nDatabase "d"\nApplication "a*"\n</Pool>')
    collectd.load("session_log", f'StateDir "{place}/session_log"\n<Log "trading">\nFile "{log}"\n</Log>')
    table = (build.SOURCE / "conf.d" / "40-thresholds.conf").read_text(encoding="utf-8")
    table = table.replace("/var/lib/collectd", str(place)).replace("/var/log/collectd", str(place))
    collectd.load("resource_alert").write(table).write(f"""
<Plugin resource_alert>
  StatusListen "127.0.0.1:{collectd.port()}"
  ControlSocket "{place}/control"
  <SwitchStore "file">
    Path "{place}/switches"
  </SwitchStore>
  <Response "degrade">
    When "pool_used"
    <Switch "limit">
    </Switch>
  </Response>
</Plugin>""")


def stock(collectd):
    for plugin in ["load", "memory", "cpu", "df", "processes", "swap", "users"]:
        collectd.load(plugin)
    log = collectd.directory / "app.log"
    log.touch()
    collectd.load("postgresql", f'<Database "d">\nHost "{collectd.directory}"\nUser "u"\n</Database>')
    collectd.load("tail", f'<File "{log}">\nInstance "a"\n<Match>\nRegex "x"\nDSType "CounterInc"\n'
                          'Type "counter"\nInstance "a"\n</Match>\n</File>')
    collectd.load("threshold", '<Type "load">\nWarningMax 100\n</Type>')


def main():
    orphans.become_subreaper()
    figures = {}
    for configure in [nothing, ours, stock]:
        with tempfile.TemporaryDirectory(prefix="bench.") as directory:
            os.chmod(directory, 0o755)
            figures[configure.__name__] = held(pathlib.Path(directory), configure)
    for index, what in enumerate(["private", "resident"]):
        base = figures["nothing"][index]
        print(f"suite: {what} memory added to an idle collectd", "KiB", figures["ours"][index] - base,
              figures["stock"][index] - base, sep="\t", flush=True)


if __name__ == "__main__":
    main()
