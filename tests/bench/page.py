# SPDX-License-Identifier: MIT
"""The manual's page of figures: the machine, what was compared, a table for each
benchmark under what its author says of it and of its floor."""
import ast
import datetime
import os
import pathlib
import platform
import re
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
PACKAGES = ["collectd-core", "libstatgrab10", "libpq5", "postgresql-15", "pgbouncer", "prometheus-postgres-exporter",
            "ripgrep", "mtail", "grep", "netdata", "monit", "prometheus", "prometheus-alertmanager", "gcc-12"]


def machine():
    cpus = re.findall(r"^model name\s*:\s*(.*)$", pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8"), re.M)
    memory = int(re.search(r"MemTotal:\s*(\d+)", pathlib.Path("/proc/meminfo").read_text(encoding="utf-8"))[1])
    system = platform.freedesktop_os_release()["PRETTY_NAME"]
    kernel = f"Linux {platform.release().partition('-')[0]}"
    return f"{len(cpus)} x {cpus[0] if cpus else platform.machine()}, {memory >> 20} GiB, {system}, {kernel}"


def versions():
    told = subprocess.run(["dpkg-query", "-W", "-f", "${Package} ${Version} ${db:Status-Status}\n", *PACKAGES],
                          capture_output=True, text=True, check=False).stdout
    return ", ".join(f"{name} {version}" for name, version, status in map(str.split, told.splitlines())
                     if status == "installed")


def said_of(name):
    """The docstring of bench_NAME.py, or the comment that bench_NAME.c begins with."""
    path = HERE / f"bench_{name}.py"
    if path.exists():
        return ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    text = (HERE / f"bench_{name}.c").read_text(encoding="utf-8")
    comment = re.findall(r"/\*(.*?)\*/", text, re.S)[1]
    return re.sub(r"\n \* ?", "\n", comment).strip()


def table(lines):
    head, *rows = [f"| {' | '.join(line)} |" for line in lines]
    return "\n".join([head, "|---" * len(lines[0]) + "|", *rows])


def write(path, tables, rounds):
    """tables: {name: lines of cells, the head first}."""
    sections = [f"## {name}\n\n{said_of(name)}\n\n{table(lines)}" for name, lines in tables.items()]
    path.write_text(f"""\
# Figures

Written by `tests/bench/run --page`. The suite ("ours") and the program that it is compared with ("peer")
are measured in the same run. The tables show the median of {rounds} runs and the spread of the ratio. Without a peer they show the
spread of our figure. Lower is better.

- Machine: {machine()}; load before the run {os.getloadavg()[0]:.1f}
- Versions: {versions()}
- Date: {datetime.date.today()}

""" + "\n\n".join(sections) + "\n", encoding="utf-8")
