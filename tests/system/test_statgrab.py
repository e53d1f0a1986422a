# SPDX-License-Identifier: MIT
"""statgrab in a stock collectd: what it says is what psutil says."""
import os

import psutil
import pytest
from machines import Machine, meminfo


@pytest.fixture
def machine(directory):
    return Machine(directory)


def near(found, wanted, by):
    return abs(found - wanted) <= by


def test_the_sample_file_collects_what_the_thresholds_watch(collectd):
    collectd.include("10-statgrab.conf").start()
    for name in ("statgrab-memory/percent-used", "statgrab-df-root/percent-free",
                 "statgrab-load/load-relative", "statgrab-cpu/percent-active",
                 "statgrab-processes/ps_count"):
        collectd.expect(lambda name=name: collectd.has_value(name))
    assert collectd.log_lines("statgrab: ") == []


def test_this_machine_is_seen_as_psutil_sees_it(collectd):
    collectd.load("statgrab").start()
    collectd.expect(lambda: collectd.has_value("statgrab-cpu/percent-active"))
    value = collectd.value
    assert near(value("statgrab-memory/percent-used"), psutil.virtual_memory().percent, 2)
    assert near(value("statgrab-df-root/percent-used"), psutil.disk_usage("/").percent, 0.5)
    assert value("statgrab-cpu/count") == psutil.cpu_count()
    assert near(value("statgrab-processes/ps_count", "processes"), len(psutil.pids()), 20)
    assert near(value("statgrab-load/load", "longterm"), os.getloadavg()[2], 0.3)
    assert near(value("statgrab-load/load-relative", "longterm"),
                value("statgrab-load/load", "longterm") / psutil.cpu_count(), 0.001)


@pytest.mark.parametrize("memory", [
    meminfo(),
    meminfo(MemFree=400000, MemAvailable=450000, Cached=12000000, Shmem=11900000),  # tmpfs
    meminfo(SReclaimable=6000000, MemFree=2000000),  # inodes and dentries
    meminfo(MemAvailable=None),  # Linux before 3.14
    meminfo(Cached=16000000),  # the parts are more than the whole
], ids=["idle", "tmpfs", "slab", "old", "odd"])
def test_memory_is_psutils_memory(collectd, machine, memory):
    machine.says("/proc/meminfo", memory)
    collectd.prefix = machine.prefix
    collectd.load("statgrab", 'Collect "memory"').start()
    collectd.expect(lambda: collectd.has_value("statgrab-memory/memory-available"))
    theirs = machine.psutil("virtual_memory()._asdict()")
    ours = {name: collectd.value(f"statgrab-memory/memory-{name}")
            for name in ("used", "free", "cached", "available", "buffered")}
    assert near(collectd.value("statgrab-memory/percent-used"), theirs["percent"], 0.0501)
    assert ours == {name: theirs[{"buffered": "buffers"}.get(name, name)] for name in ours}
