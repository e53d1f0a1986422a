# SPDX-License-Identifier: MIT
"""statgrab on machines in trouble: what hangs, vanishes, has odd names, or is
there a thousand times."""
import os
import pathlib
import subprocess
import tempfile
import time

import pytest
from machines import VMSTAT, cpu_stat, meminfo, mountinfo

pytestmark = pytest.mark.usefixtures("quick")


def without_leak_check(collectd):
    """A thread that is held by a file system cannot be stopped, and the leak
    checker, which stops them all at the end, would wait for it for ever."""
    for name in ("ASAN_OPTIONS", "LSAN_OPTIONS"):
        if name in collectd.environment:
            collectd.environment[name] += ":detect_leaks=0"


def inside(collectd, *command):
    """Runs a command in the namespaces of the running collectd."""
    subprocess.run(["nsenter", "-t", str(collectd.process.pid), "-m", "-n", "-r", *command],
                   check=True, timeout=30)


def cheap_link():
    """A kind of interface that this kernel makes quickly."""
    for kind in ("dummy", "ifb", "bridge"):
        tried = subprocess.run(["unshare", "--net", "ip", "link", "add", "x", "type", kind],
                               capture_output=True, check=False)
        if tried.returncode == 0:
            return kind
    pytest.fail("this kernel has neither dummy, ifb nor bridge interfaces")


def instances(collectd, group):
    """The items of GROUP that have values: {"root", "var"} for "df"."""
    start = f"statgrab-{group}-"
    return {path.name[len(start):] for path in collectd.csv.glob(f"*/{start}*")}


def count_of(collectd, name):
    return len(collectd.history(name))


def test_a_dead_mount_costs_its_own_values_only(collectd, machine):
    without_leak_check(collectd)
    dead = machine.mounts("dead", "dead")
    machine.mounts("tmpfs", "alive")
    collectd.prefix = machine.prefix
    collectd.load("statgrab", f'<df>\nMountPoint "/" "{dead}" "{machine.directory}/alive"\n</df>')
    collectd.start()
    collectd.expect(lambda: count_of(collectd, "statgrab-df-root/percent-used") > 5)
    collectd.expect(lambda: count_of(collectd, "statgrab-memory/percent-used") > 5)
    assert any(name.endswith("-alive") for name in instances(collectd, "df"))
    assert not any(name.endswith("-dead") for name in instances(collectd, "df"))
    logged = collectd.log_lines("statgrab: df: ")
    assert len(logged) == 1 and f"df: {dead}: has not responded for" in logged[0]
    before = time.monotonic()
    collectd.stop()
    assert time.monotonic() - before < 2


def test_a_dead_mount_that_is_taken_away_is_forgotten(collectd, machine):
    without_leak_check(collectd)
    dead = machine.mounts("dead", "dead")
    collectd.prefix = machine.prefix
    collectd.load("statgrab", 'Collect "df"').start()
    collectd.expect(lambda: collectd.log_lines("has not responded"))
    inside(collectd, "umount", "-l", dead)
    before = count_of(collectd, "statgrab-df-root/percent-used")
    collectd.expect(lambda: count_of(collectd, "statgrab-df-root/percent-used") > before + 2)
    collectd.stop()


def test_more_dead_mounts_than_threads(collectd, machine):
    without_leak_check(collectd)
    for i in range(20):
        machine.mounts("dead", f"dead{i}")
    collectd.prefix = machine.prefix
    collectd.load("statgrab", 'Collect "df" "memory"').start()
    collectd.expect(lambda: count_of(collectd, "statgrab-memory/percent-used") > 5)
    collectd.expect(lambda: count_of(collectd, "statgrab-df-root/percent-used") > 2)
    before = time.monotonic()
    collectd.stop()
    assert time.monotonic() - before < 2


def test_mounts_come_and_go(collectd, machine):
    (machine.directory / "new").mkdir()
    collectd.prefix = machine.prefix
    collectd.load("statgrab", '<df>\nFSType "tmpfs"\n</df>').start()
    collectd.expect(lambda: collectd.has_value("statgrab-memory/percent-used"))
    inside(collectd, "mount", "-t", "tmpfs", "none", str(machine.directory / "new"))
    name = str(machine.directory / "new")[1:].replace("/", "-")
    value = f"statgrab-df-{name}/percent-free"
    collectd.expect(lambda: count_of(collectd, value) > 2)
    inside(collectd, "umount", str(machine.directory / "new"))
    collectd.expect(lambda: is_over(collectd, value))
    assert collectd.log_lines("statgrab: ") == []


def is_over(collectd, name):
    """True if NAME had no value three times while others had one."""
    last = collectd.history(name)[-1]["epoch"]
    return sum(row["epoch"] > last + 0.1
               for row in collectd.history("statgrab-memory/percent-used")) > 3


def test_interfaces_come_and_go(collectd, machine):
    machine.unshares += ["--net"]
    collectd.prefix = machine.prefix
    collectd.load("statgrab", 'Collect "interface" "memory"').start()
    collectd.expect(lambda: collectd.value("statgrab-interface-lo/bool-up") == 0)
    inside(collectd, "ip", "link", "add", "odd0", "type", cheap_link())
    collectd.expect(lambda: collectd.value("statgrab-interface-odd0/bool-up") == 0)
    inside(collectd, "ip", "link", "set", "odd0", "up")
    collectd.expect(lambda: collectd.value("statgrab-interface-odd0/bool-up") == 1)
    # A link that does not know its speed has none.
    assert not collectd.has_value("statgrab-interface-odd0/gauge-speed")
    for name, called in {b'q"u\\\'x': "q\"u\\'x", b"la\xe9tin": "la_tin-9fcf9619"}.items():
        inside(collectd, "ip", "link", "add", name, "type", cheap_link())
        collectd.expect(lambda called=called: collectd.value(f"statgrab-interface-{called}/bool-up") == 0)
    inside(collectd, "ip", "link", "del", "odd0")
    collectd.expect(lambda: is_over(collectd, "statgrab-interface-odd0/if_octets"))
    assert collectd.log_lines("statgrab: ") == []


def test_names_of_any_bytes(collectd, machine):
    names = [b"new\nline", b'quo"te', b"back\\slash", b"bl ank", b"caf\xc3\xa9", b"la\xe9tin",
             b"x" * 200, b"x" * 199 + b"y", b"a-b", b"a/b", b"#hash", b"%s%n"]
    for name in names:
        machine.mounts("tmpfs", name)
    collectd.prefix = machine.prefix
    collectd.load("statgrab", '<df>\nFSType "tmpfs"\nReportInodes false\n</df>').start()
    collectd.expect(lambda: any("hash" in name for name in instances(collectd, "df")))
    collectd.expect(lambda: count_of(collectd, "statgrab-memory/percent-used") > 3)
    start = str(machine.directory)[1:].replace("/", "-") + "-"
    found = {name[len(start):] for name in instances(collectd, "df") if name.startswith(start)}
    assert {'quo"te', "back\\slash", "bl ank", "caf\u00e9", "#hash", "%s%n", "a-b"} <= found
    # A name in which bytes were replaced ends in its hash.
    assert all(any(name.startswith(start) for name in found) for start in ("new_line-", "la_tin-"))
    assert len(found) == len(names)
    assert collectd.log_lines("too old|statgrab: ") == []


def test_a_thousand_mounts(collectd, machine):
    for i in range(1000):
        machine.mounts("tmpfs", f"m{i}")
    collectd.prefix = machine.prefix
    collectd.interval = 1
    collectd.load("statgrab", '<df>\nFSType "tmpfs"\nReportInodes false\nValuesAbsolute false\n</df>')
    collectd.start()
    collectd.expect(lambda: len(instances(collectd, "df")) >= 1000, within=60)
    collectd.expect(lambda: count_of(collectd, "statgrab-load/load") > 2, within=60)
    assert collectd.log_lines("statgrab: ") == []


def test_a_thousand_interfaces(collectd, machine):
    machine.unshares += ["--net"]
    kind = cheap_link()
    many = "".join(f"link add d{i} type {kind}\n" for i in range(1000))
    collectd.prefix = [*machine.prefix, "sh", "-c",
                       'LD_PRELOAD= ip -batch "$1" && shift && exec "$@"', "sh", machine.directory / "links"]
    (machine.directory / "links").write_text(many, encoding="utf-8")
    collectd.interval = 1
    collectd.load("statgrab", 'Collect "interface" "load"').start()
    collectd.expect(lambda: len(instances(collectd, "interface")) > 1000, within=60)
    collectd.expect(lambda: count_of(collectd, "statgrab-load/load") > 2, within=60)
    assert collectd.log_lines("statgrab: ") == []


def host_root(directory, processes=0):
    """The root of another machine, as a container has it mounted."""
    root = directory / "host"
    files = {"stat": cpu_stat(1, 2, 3, 4, 5, 6, 7, 8, 0, 0, processors=64), "meminfo": meminfo(),
             "loadavg": "32.00 16.00 8.00 1/2 3\n", "uptime": "777.25 1.00\n",
             "vmstat": VMSTAT, "diskstats": " 8 0 sdx 1 2 3 4 5 6 7 8 9 10 11\n",
             "1/mountinfo": mountinfo(("/dev/sdx", "/", "ext4"), ("none", "/srv", "tmpfs")),
             "1/net/dev": "Inter-|\n face |\n eno1: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n",
             "sys/fs/file-nr": "1 2 3\n", "self/cgroup": "0::/\n"}
    for name, text in files.items():
        path = root / "proc" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    if processes:
        stat = root / "proc" / "one"
        stat.write_text("2 (a) S 1 1 1 0 -1 4 1 1 1 1 1 1 1 1 20 0 2 0\n", encoding="utf-8")
        for pid in range(2, processes + 1):
            (root / "proc" / str(pid)).mkdir()
            os.link(stat, root / "proc" / str(pid) / "stat")
    return root


def test_a_container_sees_the_machine_around_it(collectd, directory):
    collectd.load("statgrab", f'RootFS "{host_root(directory)}"').start()
    collectd.expect(lambda: collectd.has_value("statgrab-df-root/percent-used"))
    collectd.expect(lambda: collectd.has_value("statgrab/users"))
    assert collectd.value("statgrab-cpu/count") == 64
    assert collectd.value("statgrab-load/load-relative", "shortterm") == 0.5
    assert collectd.value("statgrab/uptime") == 777.25
    assert collectd.value("statgrab-processes/ps_count", "processes") == 1
    assert instances(collectd, "interface") == {"eno1"}
    assert instances(collectd, "disk") == {"sdx"}
    assert collectd.log_lines("statgrab: ") == []


def test_without_its_files_a_group_is_left_out(collectd, directory):
    root = directory / "bare"
    (root / "proc").mkdir(parents=True)
    (root / "proc" / "stat").write_text(cpu_stat(1, 2, 3, 4, 5, 6, 7, 8, 0, 0), encoding="utf-8")
    collectd.load("statgrab", f'RootFS "{root}"').start()
    collectd.expect(lambda: count_of(collectd, "statgrab-cpu/count") > 3)
    for group, file in {"memory": "meminfo", "load": "loadavg", "df": "1/mountinfo",
                        "interface": "1/net/dev", "vmem": "vmstat"}.items():
        logged = collectd.log_lines(f"statgrab: {group}: {root}/proc/{file}: No such file")
        assert len(logged) == 1
    assert len(collectd.log_lines(f"statgrab: processes: {root}/proc: has no processes")) == 1
    # Not every system has these: nobody asked for them by name.
    assert collectd.log_lines("statgrab: (pressure|cgroup|fhcount):") == []
    assert collectd.has_value("statgrab/users")


def test_five_thousand_processes(collectd):
    with tempfile.TemporaryDirectory(dir="/dev/shm") as memory:  # a disk takes seconds
        root = host_root(pathlib.Path(memory), 5000)
        collectd.load("statgrab", f'RootFS "{root}"\nCollect "processes"').start()
        collectd.expect(
            lambda: collectd.value("statgrab-processes/ps_count", "processes") == 5000)
        collectd.expect(lambda: collectd.value("statgrab-processes/ps_state-sleeping") == 4999)
        assert collectd.value("statgrab-processes/ps_count", "threads") == 9998
        collectd.stop()


def values_with(collectd, threads, last):
    """{series: its values} of some reads by THREADS threads."""
    for path in collectd.csv.glob("*/*/*"):
        path.unlink()
    collectd.globals = [f"ReadThreads {threads}"]
    collectd.start()
    for name in last:
        collectd.expect(lambda name=name: count_of(collectd, name) > 5)
    collectd.stop()
    return {name: {tuple(v for k, v in row.items() if k != "epoch") for row in collectd.history(name)}
            for name in collectd.names()}


def test_values_do_not_depend_on_the_reading_thread(collectd, machine):
    machine.says("/proc/meminfo", meminfo(SwapTotal=1000, SwapFree=250))
    machine.says("/proc/stat", cpu_stat(1, 2, 3, 4, 5, 6, 7, 8, 9, 10))
    machine.says("/proc/vmstat", VMSTAT)
    machine.says("/proc/diskstats", " 8 0 sdx 1 2 3 4 5 6 7 8 9 10 11\n")
    machine.unshares += ["--net"]
    part = machine.mounts("tmpfs", "part")
    collectd.prefix = machine.after("head -c 40960 /dev/zero >part/file")
    collectd.load("statgrab", 'Collect "memory" "swap" "cpu" "vmem" "interface" "disk" "df"\n'
                              f'<df>\nMountPoint "{part}"\n</df>')
    last = "statgrab-vmem/vmpage_faults", f"statgrab-df-{part[1:].replace('/', '-')}/df_inodes-used"
    by_one = values_with(collectd, 1, last)
    assert len(by_one) > 30
    assert {name: values for name, values in by_one.items() if len(values) != 1} == {}
    assert values_with(collectd, 5, last) == by_one
    # Two readings in one tick: no share of nothing.
    assert "statgrab-cpu/percent-active" not in by_one


FILES = {"cpu": "stat", "memory": "meminfo", "vmem": "vmstat", "disk": "diskstats", "load": "loadavg",
         "uptime": "uptime", "interface": "1/net/dev", "df": "1/mountinfo", "fhcount": "sys/fs/file-nr",
         "pressure": "pressure/cpu", "cgroup": "self/cgroup"}


def broken(how, text):
    return {"empty": "", "garbage": "garbage\n\n", "cut": text[:len(text) * 3 // 4].rstrip("\n")}[how]


@pytest.mark.parametrize("how", ["empty", "garbage", "cut"])
def test_every_file_that_is_broken_is_named_once(collectd, directory, how):
    root = host_root(directory)
    for resource in ("cpu", "memory", "io"):
        (root / "proc/pressure").mkdir(exist_ok=True)
        (root / "proc/pressure" / resource).write_text(
            "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n", encoding="utf-8")
    good = {group: (root / "proc" / name).read_text(encoding="utf-8") for group, name in FILES.items()}
    for group, name in FILES.items():
        (root / "proc" / name).write_text(broken(how, good[group]), encoding="utf-8")
    collectd.load("statgrab", f'RootFS "{root}"').start()
    collectd.expect(lambda: count_of(collectd, "statgrab/users") > 5)
    # A machine without disks or control groups has these.
    fine = {"disk", "cgroup"} if how == "empty" else set()
    for group, name in FILES.items():
        logged = collectd.log_lines(f"statgrab: {group}: {root}/proc/{name}: ")
        assert len(logged) == (group not in fine), f"{group}: {logged}"
    assert collectd.has_value("statgrab-processes/ps_count")
    for group, name in FILES.items():
        (root / "proc" / name).write_text(good[group], encoding="utf-8")
    for group in set(FILES) - fine:
        collectd.expect(lambda group=group: collectd.log_lines(f"statgrab: {group}: can be read again"))
    collectd.expect(lambda: collectd.has_value("statgrab-df-root/percent-used"))


def test_without_proc_there_are_few_values_and_nothing_breaks(collectd, machine):
    without_leak_check(collectd)  # it looks into /proc
    # A sanitizer cannot do without /proc/self.
    collectd.prefix = machine.after("mkdir own; mount --bind /proc/$PID own; mount -t tmpfs none /proc; "
                                    "mkdir /proc/self; mount --bind own /proc/self")
    collectd.load("statgrab").start()
    collectd.expect(lambda: count_of(collectd, "statgrab/users") > 5)
    for group in ("cpu", "memory", "swap", "vmem", "disk", "interface", "uptime", "processes"):
        assert len(collectd.log_lines(f"statgrab: {group}: ")) == 1, group
    collectd.expect(lambda: collectd.has_value("statgrab-df-root/percent-used"))
    before = time.monotonic()
    collectd.stop()
    assert time.monotonic() - before < 2
