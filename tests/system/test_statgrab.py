# SPDX-License-Identifier: MIT
"""statgrab in a stock collectd: its values are those of psutil."""
import json
import os

import psutil
import pytest
from servers import build
from machines import cpu_stat, meminfo

pytestmark = pytest.mark.usefixtures("quick")


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
    before = len(psutil.pids())
    collectd.load("statgrab").start()
    collectd.expect(lambda: collectd.has_value("statgrab-cpu/percent-active"))
    collectd.expect(lambda: collectd.has_value("statgrab/users"))
    collectd.expect(lambda: collectd.has_value("statgrab-df-root/percent-used"))
    value = collectd.value
    processes = value("statgrab-processes/ps_count", "processes")
    low, high = sorted([before, len(psutil.pids())])
    assert low - 20 <= processes <= high + 20
    assert near(value("statgrab-memory/percent-used"), psutil.virtual_memory().percent, 2)
    assert near(value("statgrab-df-root/percent-used"), psutil.disk_usage("/").percent, 0.5)
    assert value("statgrab-cpu/count") == psutil.cpu_count()
    assert near(value("statgrab-load/load", "longterm"), os.getloadavg()[2], 0.3)
    assert near(value("statgrab-load/load-relative", "longterm"),
                value("statgrab-load/load", "longterm") / psutil.cpu_count(), 0.001)
    assert value("statgrab/users") == len(psutil.users())
    disks = psutil.disk_io_counters(perdisk=True)
    for name, disk in disks.items():
        if disk.read_count + disk.write_count > 0:
            assert near(value(f"statgrab-disk-{name}/disk_octets", "read"), disk.read_bytes, 1e8)
            assert near(value(f"statgrab-disk-{name}/disk_ops", "read"), disk.read_count, 1e4)
    for name, link in psutil.net_if_stats().items():
        assert value(f"statgrab-interface-{name}/bool-up") == link.isup
        # 65535 is the value of a driver that does not know the speed
        known = 0 < link.speed < 65535
        assert collectd.has_value(f"statgrab-interface-{name}/gauge-speed") == known


@pytest.mark.parametrize("memory", [
    meminfo(),
    meminfo(MemFree=400000, MemAvailable=450000, Cached=12000000, Shmem=11900000),  # tmpfs
    meminfo(SReclaimable=6000000, MemFree=2000000),  # inodes and dentries
    meminfo(MemAvailable=None),  # Linux before 3.14
    meminfo(Cached=16000000),  # the parts are more than the whole
    meminfo(SwapTotal=2000000, SwapFree=500000, SwapCached=100000),
], ids=["idle", "tmpfs", "slab", "old", "odd", "swap"])
def test_memory_and_swap_are_psutils(collectd, machine, memory):
    machine.says("/proc/meminfo", memory)
    machine.says("/proc/vmstat", "pgpgin 5\npgpgout 6\npswpin 7\npswpout 8\noom_kill 2\n")
    collectd.prefix = machine.prefix
    collectd.load("statgrab", 'Collect "memory" "swap"').start()
    collectd.expect(lambda: collectd.has_value("statgrab-swap/swap_io-out"))
    theirs = machine.psutil("virtual_memory()._asdict()")
    ours = {name: collectd.value(f"statgrab-memory/memory-{name}")
            for name in ("used", "free", "cached", "available", "buffered")}
    assert near(collectd.value("statgrab-memory/percent-used"), theirs["percent"], 0.0501)
    assert ours == {name: theirs[{"buffered": "buffers"}.get(name, name)] for name in ours}
    swap = machine.psutil("swap_memory()._asdict()")
    assert near(collectd.value("statgrab-swap/percent-used"), swap["percent"], 0.0501)
    assert collectd.value("statgrab-swap/swap-used") == swap["used"]
    assert collectd.value("statgrab-swap/swap-free") == swap["free"]
    assert collectd.value("statgrab-swap/swap_io-in") == 7 * os.sysconf("SC_PAGESIZE")


CPU_CASES = {
    # user nice system idle iowait irq softirq steal guest guest_nice
    "busy": ((100, 10, 50, 1000, 20, 1, 2, 3, 0, 0), (190, 10, 80, 1040, 60, 1, 2, 3, 0, 0)),
    "iowait": ((100, 0, 50, 1000, 1000, 0, 0, 0, 0, 0), (101, 0, 51, 1002, 1196, 0, 0, 0, 0, 0)),
    "steal": ((100, 0, 50, 1000, 20, 5, 5, 0, 0, 0), (110, 0, 60, 1010, 20, 15, 15, 60, 0, 0)),
    "guests": ((100, 50, 50, 1000, 20, 0, 0, 0, 80, 40), (160, 70, 60, 1010, 20, 0, 0, 0, 130, 50)),
    "backwards": ((100, 0, 50, 1000, 500, 0, 0, 0, 0, 0), (150, 0, 60, 1100, 490, 0, 0, 0, 0, 0)),
}


@pytest.mark.parametrize("case", CPU_CASES)
def test_cpu_is_psutils_cpu(collectd, machine, case, tmp_path, monkeypatch):
    before, after = CPU_CASES[case]
    machine.says("/proc/stat", cpu_stat(*before))
    collectd.prefix = machine.prefix
    collectd.load("statgrab", 'Collect "cpu"').start()
    collectd.expect(lambda: collectd.has_value("statgrab-cpu/count"))
    machine.says("/proc/stat", cpu_stat(*after))
    # The last one of them that is put.
    collectd.expect(lambda: collectd.has_value("statgrab-cpu/percent-steal"))

    monkeypatch.setattr(psutil, "PROCFS_PATH", str(tmp_path))
    (tmp_path / "stat").write_text(cpu_stat(*before), encoding="utf-8")
    psutil.cpu_percent(None)
    psutil.cpu_times_percent(None)
    (tmp_path / "stat").write_text(cpu_stat(*after), encoding="utf-8")
    assert near(collectd.value("statgrab-cpu/percent-active"), psutil.cpu_percent(None), 0.0501)
    theirs = psutil.cpu_times_percent(None)
    for ours, name in (("user", "user"), ("system", "system"), ("wait", "iowait"),
                       ("idle", "idle"), ("nice", "nice"), ("interrupt", "irq"),
                       ("softirq", "softirq"), ("steal", "steal")):
        assert near(collectd.value(f"statgrab-cpu/percent-{ours}"), getattr(theirs, name), 0.0501)


def test_paging_is_what_the_kernel_counts(collectd, machine):
    machine.says("/proc/vmstat", "nr_free_pages 1\npgpgin 123\npgpgout 456\npswpin 7\npswpout 8\n"
                                 "pgfault 1000\npgmajfault 10\noom_kill 3\n")
    collectd.prefix = machine.prefix
    collectd.load("statgrab", 'Collect "vmem"').start()
    collectd.expect(lambda: collectd.value("statgrab-vmem/total_events-oom_kill") == 3)
    assert collectd.value("statgrab-vmem/vmpage_io-memory", "in") == 123
    assert collectd.value("statgrab-vmem/vmpage_io-swap", "out") == 8
    assert collectd.value("statgrab-vmem/vmpage_faults", "majflt") == 10


def test_broken_files_cost_their_own_values_only(collectd, machine):
    machine.says("/proc/meminfo", "MemTotal: garbage\n").says("/proc/vmstat", "")
    machine.says("/proc/diskstats", b"\xff\x00 8 0 sda 1 2\n")
    collectd.prefix = machine.prefix
    collectd.load("statgrab").start()
    collectd.expect(lambda: collectd.has_value("statgrab-cpu/percent-active"))
    assert not any("memory" in name and "pressure" not in name for name in collectd.names())
    logged = collectd.log_lines(r"statgrab: memory: /proc/meminfo: line 1 is malformed")
    assert len(logged) == 1
    machine.says("/proc/meminfo", meminfo())
    collectd.expect(lambda: collectd.has_value("statgrab-memory/percent-used"))
    assert collectd.log_lines(r"statgrab: memory: can be read again")


NATIVE = {"memory": "", "cpu": "ReportByCpu false\nValuesPercentage true\nReportNumCpu true", "load": "",
          "df": 'MountPoint "/"\nReportInodes true', "users": "", "uptime": "", "swap": "", "interface": "",
          "disk": "", "fhcount": "", "vmem": "Verbose false", "contextswitch": None, "processes": None}

# Ours, with another interval, to distinguish its values from theirs.
BESIDE = f"""
PluginDir "{build.PLUGINS}"
<LoadPlugin statgrab>
  Interval 0.25
</LoadPlugin>
<Plugin statgrab>
  <df>
    MountPoint "/"
  </df>
</Plugin>
"""

# Ours have another definition or unit there, as the manual says, or the native plugins have none.
DIFFERENT = ("memory", "swap_io", "disk_time", "if_collisions", "total_events", "irq", "bool", "gauge", "ps_count")
ONLY_OURS = ("pressure", "cgroup")


def native_name(key):
    """The name that a native plugin gives to the value that is KEY of ours; None where it has no such value."""
    _, instance, kind, kind_instance = key
    group, _, item = instance.partition("-")
    is_share = kind == "percent" and (group != "cpu" or kind_instance == "active")
    if kind in DIFFERENT or group in ONLY_OURS or is_share or key[2:] == ("load", "relative"):
        return None
    return (kind if kind in ("users", "uptime", "contextswitch") else group, item, kind, kind_instance)


def sent_by(collectd, interval):
    """{identifier: [value list, ...]} of the plugins that read every INTERVAL."""
    found = {}
    for line in collectd.log_lines(r"^\[\{.values.*\}\]$"):  # the last one may be half written
        for sent in json.loads(line):
            if near(sent["interval"], interval, 0.001):
                key = tuple(sent[part] for part in ("plugin", "plugin_instance", "type", "type_instance"))
                found.setdefault(key, []).append(sent)
    return found


def same_in_kind(ours, theirs):
    """True if OURS and THEIRS, taken in the same seconds, could be of one."""
    if [ours[0][part] for part in ("dstypes", "dsnames")] != [theirs[0][part] for part in ("dstypes", "dsnames")]:
        return False
    for i, kind in enumerate(ours[0]["dstypes"]):
        mine, other = ([sent["values"][i] for sent in side] for side in (ours, theirs))
        if kind == "derive" and not (mine[0] <= other[-1] and other[0] <= mine[-1]):
            return False
        mean, wanted = sum(mine) / len(mine), sum(other) / len(other)
        if kind == "gauge" and not near(mean, wanted, wanted * 0.1 + (20 if ours[0]["type"] == "ps_state" else 5)):
            return False
    return True


def test_values_are_those_of_the_native_plugins(collectd):
    for name, options in NATIVE.items():
        collectd.load(name, options)
    collectd.load("write_log", 'Format "JSON"').write(BESIDE).start()
    last = ("users", "", "users", ""), ("cpu", "", "percent", "steal"), ("processes", "", "fork_rate", "")

    def ours_by_native_name():
        return {native_name(key): sent for key, sent in sent_by(collectd, 0.25).items() if native_name(key)}

    collectd.expect(lambda: all(len(sent_by(collectd, 0.2).get(name, [])) > 3 for name in last))
    collectd.expect(lambda: all(len(ours_by_native_name().get(name, [])) > 3 for name in last))
    collectd.expect(lambda: any(key[0] == "disk" for key in sent_by(collectd, 0.2)))
    theirs = {key: sent for key, sent in sent_by(collectd, 0.2).items()
              if key[2] not in ("vmpage_number", "vmpage_action", *DIFFERENT)}
    ours = ours_by_native_name()
    # A state that Linux has not had since 2.6.
    assert theirs.keys() - ours.keys() <= {("processes", "", "ps_state", "paging")}
    # The native plugins send these only where they have ever not been 0, or with ValuesPercentage.
    further = {key for key in ours.keys() - theirs.keys()
               if key[2] not in ("pending_operations", "percent_inodes") and key[2:] != ("ps_state", "idle")}
    # In a chroot / is in no list of mounts, which is all that the native df knows.
    if not any(line.split()[1] == "/" for line in open("/proc/mounts", encoding="utf-8")):
        further = {key for key in further if key[:2] != ("df", "root")}
    assert further == set()
    odd = {key: (ours[key], theirs[key]) for key in ours.keys() & theirs.keys()
           if key[:3] != ("cpu", "", "percent") and not same_in_kind(ours[key], theirs[key])}
    assert odd == {}


@pytest.mark.parametrize("options, logged", [
    ('Collect "memorry"', 'Collect "memorry" is not one of the allowed words; allowed: cgroup, cpu'),
    ('RootFS "/nowhere"', 'RootFS "/nowhere" has no proc/stat in it'),
    ('RootFS "host"', 'RootFS "host" is not an absolute path'),
    ('<df>\nFSType "xsf"\n</df>', '<df>: FSType "xsf" is not a known file system type; write it as "/^xsf$/"'),
    ('<df>\nMountPoint "/(/"\n</df>', 'MountPoint "/(/" is not a regular expression'),
    ('<df>\nValuesPercent true\n</df>',
     '<df>: unknown option ValuesPercent; did you mean ValuesPercentage?'),
])
def test_wrong_options_are_refused(collectd, options, logged):
    collectd.load("statgrab", options).refuses_to_start()
    assert any(logged in line for line in collectd.log), collectd.log
