# SPDX-License-Identifier: MIT
"""statgrab, value by value: a made-up machine of which everything is known, and
psutil's view of the same files."""
import os

import psutil
import pytest
from machines import VMSTAT, cpu_stat, meminfo, mountinfo

pytestmark = pytest.mark.usefixtures("quick")


KIB = 1024

FILES = {
    "proc/stat": cpu_stat(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, processors=4),
    "proc/meminfo": meminfo(SwapTotal=4000, SwapFree=1000, SwapCached=500),
    "proc/loadavg": "8.00 6.00 2.00 1/2 3\n",
    "proc/uptime": "777.25 1.00\n",
    "proc/vmstat": VMSTAT + "oom_kill 7\n",
    "proc/diskstats": "8 0 sda 1 2 3 4 5 6 7 8 9 10 11\n8 1 sdb 0 0 0 0 0 0 0 0 0 0 0\n",
    "proc/1/mountinfo": mountinfo(("none", "/proc", "proc")),  # as in a chroot
    "proc/1/net/dev": "face |\n eno1: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n",
    "proc/1/stat": "1 (a) S 1 1 1 0 -1 4 1 1 1 1 1 1 1 1 20 0 2 0\n",
    "proc/2/stat": "2 (b) R 1 1 1 0 -1 4 1 1 1 1 1 1 1 1 20 0 3 0\n",
    "proc/3/stat": "3 (c) D 1 1 1 0 -1 4 1 1 1 1 1 1 1 1 20 0 1 0\n",
    "proc/4/stat": "4 (d) Z 1 1 1 0 -1 4 1 1 1 1 1 1 1 1 20 0 1 0\n",
    "proc/5/stat": "5 (e) T 1 1 1 0 -1 4 1 1 1 1 1 1 1 1 20 0 1 0\n",
    "proc/6/stat": "6 (f) I 1 1 1 0 -1 4 1 1 1 1 1 1 1 1 20 0 1 0\n",
    "proc/sys/fs/file-nr": "1234\t5\t100000\n",
    "proc/self/cgroup": "0::/\n",
    "proc/pressure/cpu": "some avg10=1.50 avg60=2.00 avg300=3.00 total=4000\n",
    "proc/pressure/memory": "some avg10=0.00 avg60=1.00 avg300=2.00 total=5999\n"
                            "full avg10=4.00 avg60=5.00 avg300=6.00 total=7000\n",
    "proc/pressure/io": "some avg10=0.10 avg60=0.20 avg300=0.30 total=8000\n"
                        "full avg10=0.40 avg60=0.50 avg300=0.60 total=9000\n",
    "sys/fs/cgroup/memory.max": "1000000\n",
    "sys/fs/cgroup/memory.current": "600000\n",
    "sys/fs/cgroup/memory.stat": "inactive_file 100000\n",
    "sys/fs/cgroup/cpu.max": "50000 100000\n",
    "sys/fs/cgroup/cpu.stat": "nr_throttled 3\nthrottled_usec 4500\n",
}

# All its values but shares of processor time, which take two reads.
WANTED = {
    "cgroup/memory-limit": 1000000, "cgroup/memory-used": 500000, "cgroup/percent-used": 50,
    "cgroup/count-cpus": 0.5, "cgroup/total_events-throttled": 3,
    "cgroup/total_time_in_ms-throttled": 4,
    "cpu/count": 4, "cpu/contextswitch": 200, "cpu/irq-total": 100,
    "disk-sda/disk_octets": (3 * 512, 7 * 512), "disk-sda/disk_ops": (1, 5),
    "disk-sda/disk_merged": (2, 6), "disk-sda/disk_time": (4, 8), "disk-sda/disk_io_time": (10, 11),
    "disk-sda/pending_operations": 9,
    "fhcount/file_handles-used": 1234, "fhcount/file_handles-unused": 5,
    "fhcount/file_handles-max": 100000,
    "interface-eno1/if_octets": (1, 9), "interface-eno1/if_packets": (2, 10),
    "interface-eno1/if_errors": (3, 11), "interface-eno1/if_dropped": (4, 12),
    "interface-eno1/if_collisions": 14,
    "load/load": (8, 6, 2), "load/load-relative": (2, 1.5, 0.5),
    "memory/percent-used": 25, "memory/memory-available": 12000000 * KIB,
    "memory/memory-used": 3600000 * KIB, "memory/memory-free": 9000000 * KIB,
    "memory/memory-buffered": 200000 * KIB, "memory/memory-cached": 3200000 * KIB,
    "pressure-cpu/percent-some_avg10": 1.5, "pressure-cpu/percent-some_avg60": 2,
    "pressure-cpu/percent-some_avg300": 3, "pressure-cpu/total_time_in_ms-some": 4,
    "pressure-memory/percent-some_avg10": 0, "pressure-memory/percent-some_avg60": 1,
    "pressure-memory/percent-some_avg300": 2, "pressure-memory/total_time_in_ms-some": 5,
    "pressure-memory/percent-full_avg10": 4, "pressure-memory/percent-full_avg60": 5,
    "pressure-memory/percent-full_avg300": 6, "pressure-memory/total_time_in_ms-full": 7,
    "pressure-io/percent-some_avg10": 0.1, "pressure-io/percent-some_avg60": 0.2,
    "pressure-io/percent-some_avg300": 0.3, "pressure-io/total_time_in_ms-some": 8,
    "pressure-io/percent-full_avg10": 0.4, "pressure-io/percent-full_avg60": 0.5,
    "pressure-io/percent-full_avg300": 0.6, "pressure-io/total_time_in_ms-full": 9,
    "processes/ps_count": (6, 9), "processes/ps_state-running": 1, "processes/ps_state-sleeping": 1,
    "processes/ps_state-blocked": 1, "processes/ps_state-stopped": 1,
    "processes/ps_state-zombies": 1, "processes/ps_state-idle": 1, "processes/fork_rate": 300,
    "swap/percent-used": 75, "swap/swap-used": 3000 * KIB, "swap/swap-free": 1000 * KIB,
    "swap/swap-cached": 500 * KIB,
    "swap/swap_io-in": 3 * os.sysconf("SC_PAGESIZE"), "swap/swap_io-out": 4 * os.sysconf("SC_PAGESIZE"),
    "uptime": 777.25, "users": 0,
    "vmem/vmpage_io-memory": (1, 2), "vmem/vmpage_io-swap": (3, 4), "vmem/vmpage_faults": (5, 6),
    "vmem/total_events-oom_kill": 7,
}

DF = {f"{kind}-{part}" for kind in ("df_complex", "df_inodes", "percent_inodes")
      for part in ("used", "free", "reserved")}


def full_name(name):
    return f"statgrab-{name}" if "/" in name else f"statgrab/{name}"


def latest(collectd, name):
    row = collectd.history(full_name(name))[-1]
    values = tuple(value for key, value in row.items() if key != "epoch")
    return values[0] if len(values) == 1 else values


def host_of(directory, files):
    """A RootFS that holds FILES."""
    root = directory / "host"
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


def test_all_values_of_a_known_machine(collectd, directory):
    collectd.load("statgrab", f'RootFS "{host_of(directory, FILES)}"').start()
    for name in ("vmem/total_events-oom_kill", "df-root/percent-used"):
        collectd.expect(lambda name=name: collectd.has_value(full_name(name)))
    names = set(collectd.names())
    df_root = {name for name in names if name.startswith("statgrab-df-")}
    assert names - df_root == {full_name(name) for name in WANTED}
    # / is on a real disk; some have no inodes to count.
    assert {name.split("/")[1] for name in df_root} - {"percent-used", "percent-free"} <= DF
    for name, wanted in WANTED.items():
        assert latest(collectd, name) == pytest.approx(wanted, abs=1e-4), name
    assert collectd.log_lines("statgrab: ") == []


COUNTERS = {
    "proc/diskstats": " 254 0 vda 1000 10 80001 400 2000 20 160003 800 0 900 1200 0 0 0 0 0 0\n"
                      " 254 1 vda1 900 9 70000 300 1900 19 150000 700 0 800 1000 0 0 0 0 0 0\n"
                      " 104 0 cciss!c0d0 5 1 40 1 6 1 48 2 0 3 3\n",
    "proc/net/dev": "Inter-|\n face |\n    lo: 12345 67 1 2 0 0 0 0 23456 78 3 4 0 5 0 0\n"
                    "q\"|x:1 2 3 4 0 0 0 0 5 6 7 8 0 9 0 0\n",
    "proc/stat": FILES["proc/stat"],
}


def test_counters_are_psutils(collectd, directory, monkeypatch):
    files = {**COUNTERS, "proc/1/net/dev": COUNTERS["proc/net/dev"]}
    root = host_of(directory, files)
    collectd.load("statgrab", f'RootFS "{root}"\nCollect "disk" "interface" "cpu"').start()
    collectd.expect(lambda: collectd.has_value('statgrab-interface-q"|x/if_collisions'))
    monkeypatch.setattr(psutil, "PROCFS_PATH", str(root / "proc"))
    disks = psutil.disk_io_counters(perdisk=True)
    assert set(disks) == {"vda", "vda1", "cciss!c0d0"}
    for name, theirs in disks.items():
        ours = {what: latest(collectd, f"disk-{name}/disk_{what}") for what in ("octets", "ops", "time", "merged")}
        assert ours == {"octets": (theirs.read_bytes, theirs.write_bytes),
                        "ops": (theirs.read_count, theirs.write_count),
                        "time": (theirs.read_time, theirs.write_time),
                        "merged": (theirs.read_merged_count, theirs.write_merged_count)}
    links = psutil.net_io_counters(pernic=True)
    assert set(links) == {"lo", 'q"|x'}
    for name, theirs in links.items():
        ours = {what: latest(collectd, f"interface-{name}/if_{what}")
                for what in ("octets", "packets", "errors", "dropped")}
        assert ours == {"octets": (theirs.bytes_recv, theirs.bytes_sent),
                        "packets": (theirs.packets_recv, theirs.packets_sent),
                        "errors": (theirs.errin, theirs.errout),
                        "dropped": (theirs.dropin, theirs.dropout)}
    theirs = psutil.cpu_stats()
    assert latest(collectd, "cpu/contextswitch") == theirs.ctx_switches
    assert latest(collectd, "cpu/irq-total") == theirs.interrupts


@pytest.mark.parametrize("quota, affinity, usable", [
    ("50000 100000", "0", 0.5), ("150000 100000", "0", 1), ("max 100000", "0", 1),
    ("150000 100000", None, min(1.5, len(os.sched_getaffinity(0)))),
])
def test_the_smallest_of_quota_affinity_and_processors_counts(collectd, machine, quota, affinity, usable):
    tree = machine.directory / "tree"
    tree.mkdir()
    (tree / "cpu.max").write_text(quota + "\n", encoding="utf-8")
    machine.says("/proc/self/cgroup", "0::/\n")
    collectd.prefix = machine.after("mount -t tmpfs none /sys; mkdir -p /sys/fs/cgroup; "
                                    "cp -R tree/. /sys/fs/cgroup")
    if affinity is not None:
        collectd.prefix += ["taskset", "-c", str(min(os.sched_getaffinity(0)))]
    collectd.load("statgrab", 'Collect "load" "cgroup"\n<load>\nCores "usable"\n</load>').start()
    collectd.expect(lambda: collectd.has_value("statgrab-load/load-relative"))
    load, relative = (collectd.history(f"statgrab-load/{name}")[0] for name in ("load", "load-relative"))
    for term in ("shortterm", "midterm", "longterm"):
        assert relative[term] == pytest.approx(load[term] / usable, abs=1e-5)
    # Without a quota there is no value.
    assert collectd.has_value("statgrab-cgroup/count-cpus") == (not quota.startswith("max"))
    if not quota.startswith("max"):
        assert latest(collectd, "cgroup/count-cpus") == usable
