# SPDX-License-Identifier: MIT
"""A machine of which /proc and /sys say what a test wants: a mount namespace in
which files are bound over the real ones, for collectd and for psutil alike."""
import json
import os
import pathlib
import subprocess
import sys

from servers.namespaces import unshare_mounts

FUSE_DAEMON = pathlib.Path(__file__).with_name("fuse_daemon.py")
STAGE = pathlib.Path(__file__).with_name("machine_stage.py")
PYTHON = "/usr/bin/python3"


class Machine:
    def __init__(self, directory):
        self.directory = directory / "machine"
        self.directory.mkdir()
        self.unshares = []  # what else than mounts is its own: ["--net"]
        self._mounts = []

    def says(self, path, text):
        """From now on PATH holds TEXT."""
        copy = self.directory / path.strip("/").replace("/", "_")
        if isinstance(text, str):
            text = text.encode()
        # In place: what is bound is the inode.
        with open(copy, "r+b" if copy.exists() else "wb") as file:
            file.write(text)
            file.truncate()
        if ["bind", str(copy), path] not in self._mounts:
            self._mounts.append(["bind", str(copy), path])
        return self

    def mounts(self, kind, name, device="none"):
        """Has a file system of KIND at NAME below the machine's directory; of
        the kind "dead" it is one that never answers."""
        target = os.path.join(os.fsencode(self.directory), os.fsencode(name))
        self._mounts.append([kind, device, target.decode("latin-1")])
        return os.fsdecode(target)

    @property
    def prefix(self):
        """The words before a command that run it on this machine."""
        return self._prefix(self._mounts)

    def after(self, script):
        """Likewise, after the shell's SCRIPT in the machine's directory; its
        PID is the command's."""
        # In a chroot the namespace may still share what is mounted here.
        private = 'for at in / /proc /sys; do mount --make-private "$at" 2>&- || :; done\n'
        return self._prefix([*self._mounts, ["shell", str(self.directory), private + script]])

    def _prefix(self, mounts):
        return [*unshare_mounts(*self.unshares), PYTHON, STAGE, json.dumps(mounts)]

    def psutil(self, expression):
        """What psutil says on this machine, e.g. "virtual_memory()._asdict()"."""
        code = f"import psutil, json; print(json.dumps(psutil.{expression}))"
        done = subprocess.run([*self.prefix, PYTHON, "-c", code], check=True,
                              stdout=subprocess.PIPE, stderr=sys.stderr, timeout=30)
        return json.loads(done.stdout)


def meminfo(**kibibytes):
    """A /proc/meminfo; what is not named is as on an idle machine."""
    lines = {"MemTotal": 16000000, "MemFree": 9000000, "MemAvailable": 12000000,
             "Buffers": 200000, "Cached": 3000000, "SwapCached": 0, "Active": 1, "Inactive": 1,
             "SwapTotal": 0, "SwapFree": 0, "Shmem": 5000, "Slab": 300000,
             "SReclaimable": 200000, "SUnreclaim": 100000}
    lines.update(kibibytes)
    return "".join(f"{name + ':':16}{value:8} kB\n" for name, value in lines.items()
                   if value is not None)


VMSTAT = "pgpgin 1\npgpgout 2\npswpin 3\npswpout 4\npgfault 5\npgmajfault 6\n"


def mountinfo(*mounts):
    """A /proc/self/mountinfo of (device, mount point, type)."""
    return "".join(f"{number} 1 0:{number} / {point} rw,relatime shared:{number} - {kind} {device} rw\n"
                   for number, (device, point, kind) in enumerate(mounts, 27))


def cpu_stat(*ticks, processors=2):
    """A /proc/stat: user nice system idle iowait irq softirq steal guest
    guest_nice of all processors together."""
    line = " ".join(str(tick) for tick in ticks)
    each = "".join(f"cpu{i} {line}\n" for i in range(processors))
    return (f"cpu  {line}\n{each}intr 100 0 1 2\nctxt 200\nbtime 1700000000\n"
            "processes 300\nprocs_running 1\nprocs_blocked 0\nsoftirq 1 2 3\n")
