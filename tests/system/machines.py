# SPDX-License-Identifier: MIT
"""A machine of which /proc and /sys say what a test wants: a mount namespace in
which files are bound over the real ones, for collectd and for psutil alike."""
import json
import subprocess
import sys

BIND = """
set -e
while [ "$1" != -- ]; do mount --bind "$1" "$2"; shift 2; done
shift
exec "$@"
"""
PYTHON = "/usr/bin/python3"


class Machine:
    def __init__(self, directory):
        self.directory = directory / "machine"
        self.directory.mkdir()
        self._binds = []

    def says(self, path, text):
        """From now on PATH holds TEXT."""
        copy = self.directory / path.strip("/").replace("/", "_")
        if isinstance(text, bytes):
            copy.write_bytes(text)
        else:
            copy.write_text(text, encoding="utf-8")
        if path not in self._binds:
            self._binds += [str(copy), path]
        return self

    @property
    def prefix(self):
        """The words before a command that run it on this machine."""
        return ["unshare", "--mount", "--propagation", "private",
                "sh", "-c", BIND, "machine", *self._binds, "--"]

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
