# SPDX-License-Identifier: MIT
"""statgrab on made-up machines: file systems of known fill, control groups,
processes that may not be seen, a mount that is replaced while it hangs."""
import json
import os
import subprocess

import psutil
import pytest
from machines import FUSE_DAEMON, PYTHON, mountinfo

pytestmark = pytest.mark.usefixtures("quick")


def inside(collectd, *command):
    """The words that run a command in the namespaces of the running collectd."""
    return ["nsenter", "-t", str(collectd.process.pid), "-m", "-n", "-r", *command]


# Type, options of the tmpfs that plays it, bytes in it, files in it.
FILE_SYSTEMS = {
    "empty": ("ext4", "size=4m", 0, 0),
    "third": ("xfs", "size=3m", 1 << 20, 1),
    "odd": ("btrfs", "size=1044k", 700001, 3),
    "nearly": ("nfs4", "size=4m", 4149248, 2),
    "full": ("fuse.sshfs", "size=1m", 1 << 20, 1),
    "page": ("vfat", "size=4k", 0, 1),
    "inodes": ("ext3", "size=1m,nr_inodes=50", 0, 40),
}


def test_file_systems_are_as_full_as_in_psutil(collectd, machine):
    mounts = [("/dev/root", "/", "ext4"), ("proc", "/proc", "proc")]
    script = ""
    for name, (kind, options, size, files) in FILE_SYSTEMS.items():
        mounts.append((f"/dev/{name}", f"{machine.directory}/{name}", kind))
        script += f"mkdir {name}; mount -t tmpfs -o {options} none {name}; "
        script += "".join(f": >{name}/{i}; " for i in range(files))
        script += f"head -c {size} /dev/zero >{name}/0\n" if size else "\n"
    machine.says("/proc/self/mountinfo", mountinfo(*mounts))
    collectd.prefix = machine.after(script)
    collectd.load("statgrab", 'Collect "df"\n<df>\nValuesPercentage true\n</df>').start()
    start = "statgrab-df-" + str(machine.directory)[1:].replace("/", "-") + "-"
    for name in FILE_SYSTEMS:
        collectd.expect(lambda name=name: collectd.has_value(f"{start}{name}/percent_inodes-used"))
        code = ("import json, os, psutil, sys; s = os.statvfs(sys.argv[1]);"
                "print(json.dumps([psutil.disk_usage(sys.argv[1])._asdict(), s.f_files, s.f_ffree]))")
        theirs, inodes, unused = json.loads(subprocess.check_output(
            inside(collectd, PYTHON, "-c", code, machine.directory / name), timeout=30))
        ours = {what: collectd.value(f"{start}{name}/{what}")
                for what in ("percent-used", "percent-free", "df_complex-used", "df_complex-free",
                             "percent_inodes-used")}
        assert abs(ours["percent-used"] - theirs["percent"]) <= 0.0501, name
        assert abs(ours["percent-used"] + ours["percent-free"] - 100) < 1e-6
        assert ours["df_complex-used"] == theirs["used"], name
        assert ours["df_complex-free"] == theirs["free"], name
        assert abs(ours["percent_inodes-used"] - 100 * (inodes - unused) / inodes) < 1e-3, name
    assert collectd.value(f"{start}full/percent-used") == 100
    assert collectd.value(f"{start}empty/percent-used") == 0
    assert collectd.value(f"{start}inodes/percent_inodes-used") >= 80
    assert collectd.log_lines("statgrab: ") == []


CGROUP = {"memory.max": "1000000", "memory.current": "600000", "memory.stat": "inactive_file 100000",
          "cpu.max": "50000 100000", "cpu.stat": "nr_throttled 3\nthrottled_usec 4000"}


def test_the_limits_of_a_container_are_reported(collectd, machine):
    tree = machine.directory / "tree"
    tree.mkdir()
    for name, text in CGROUP.items():
        (tree / name).write_text(text + "\n", encoding="utf-8")
    machine.says("/proc/self/cgroup", "0::/\n")
    collectd.prefix = machine.after("mount -t tmpfs none /sys; mkdir -p /sys/fs/cgroup; "
                                    "cp -R tree/. /sys/fs/cgroup")
    collectd.load("statgrab", 'Collect "cgroup" "memory"').start()
    wanted = {"memory-limit": 1000000, "memory-used": 500000, "percent-used": 50,
              "count-cpus": 0.5, "total_events-throttled": 3, "total_time_in_ms-throttled": 4}
    for name in wanted:
        collectd.expect(lambda name=name: collectd.has_value(f"statgrab-cgroup/{name}"))
    assert {name: collectd.value(f"statgrab-cgroup/{name}") for name in wanted} == wanted
    # The machine's memory is still the machine's.
    collectd.expect(lambda: collectd.has_value("statgrab-memory/percent-used"))
    assert abs(collectd.value("statgrab-memory/percent-used")
               - psutil.virtual_memory().percent) <= 15


STATES = ("running", "sleeping", "blocked", "stopped", "zombies", "idle")

# Nobody, who may yet reach the files of the test wherever they are.
AS_NOBODY = ("setpriv --reuid=65534 --regid=65534 --clear-groups "
             "--inh-caps=-all,+dac_override --ambient-caps=-all,+dac_override")


@pytest.mark.parametrize("hidepid", [1, 2])
def test_processes_that_may_not_be_seen_have_no_state(collectd, machine, hidepid):
    collectd.prefix = [*machine.after(f"mount -t proc -o hidepid={hidepid} none /proc"),
                       *AS_NOBODY.split()]
    collectd.load("statgrab").start()
    collectd.expect(lambda: collectd.has_value("statgrab-cpu/percent-active"))
    collectd.expect(lambda: collectd.has_value("statgrab/users"))
    collectd.expect(lambda: collectd.has_value("statgrab-processes/ps_state-idle"))
    assert psutil.Process(collectd.process.pid).uids().effective == 65534
    count = collectd.value("statgrab-processes/ps_count", "processes")
    known = sum(collectd.value(f"statgrab-processes/ps_state-{state}") for state in STATES)
    of_nobody = sum(process.info["username"] == "nobody"
                    for process in psutil.process_iter(["username"]))
    assert 1 <= known <= of_nobody + 20
    if hidepid == 1:  # their names are there
        assert count > known
        assert abs(count - len(psutil.pids())) <= len(psutil.pids()) / 4 + 20
        logged = collectd.log_lines(r"statgrab: processes: \d+ of \d+ are hidden \(hidepid\);")
        assert len(logged) == 1
    else:
        assert known <= count <= known + 2  # gone while they were read
    assert collectd.has_value("statgrab-memory/percent-used")
    assert collectd.has_value("statgrab-df-root/percent-used")
    assert len(collectd.log_lines("statgrab: processes")) == (hidepid == 1)


@pytest.mark.parametrize("command, used", [
    (["sh", "-ec", 'umount -l "$0"; mount -t tmpfs none "$0"'], 0),
    ([PYTHON, FUSE_DAEMON], 75),  # of the same device and type
], ids=["tmpfs", "fuse"])
def test_a_mount_that_is_replaced_while_it_hangs_has_values_again(collectd, machine, command, used):
    for name in ("ASAN_OPTIONS", "LSAN_OPTIONS"):  # its leak checker would wait for the held thread
        if name in collectd.environment:
            collectd.environment[name] += ":detect_leaks=0"
    dead = machine.mounts("dead", "dead")
    collectd.prefix = machine.prefix
    collectd.load("statgrab", f'Collect "df"\n<df>\nMountPoint "/" "{dead}"\n</df>').start()
    collectd.expect(lambda: collectd.log_lines("has not responded"))
    # In one go: between two readings.
    with subprocess.Popen(inside(collectd, *command, dead)) as replacing:
        value = f"statgrab-df-{os.fspath(dead)[1:].replace('/', '-')}/percent-used"
        collectd.expect(lambda: len(collectd.history(value)) > 2)
        assert collectd.value(value) == used
        assert len(collectd.log_lines("statgrab: df: ")) == 1
        collectd.stop()
        replacing.terminate()
