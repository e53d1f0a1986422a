#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Makes the mounts that a test asked for, in the mount namespace of its own that
it was started in, and becomes the command: machine_stage.py JSON COMMAND ..."""
import ctypes
import json
import os
import subprocess
import sys

MS_BIND = 4096


def mount(source, target, kind, flags=0, options=""):
    libc = ctypes.CDLL(None, use_errno=True)
    words = [os.fsencode(word) for word in (source, target, kind)]
    if libc.mount(*words, ctypes.c_ulong(flags), os.fsencode(options)) != 0:
        raise OSError(ctypes.get_errno(), f"cannot mount {kind} {target}")


def mount_fuse(target):
    """A FUSE file system that is dead as long as nobody reads its requests from
    the descriptor that is returned."""
    fd = os.open("/dev/fuse", os.O_RDWR)
    mount("dead", target, "fuse.dead", 0, f"fd={fd},rootmode=40000,user_id=0,group_id=0")
    return fd


def run(directory, script):
    """The sanitizer that the command is to have is not for the shell."""
    environment = {**os.environ, "LD_PRELOAD": "", "PID": str(os.getpid())}
    subprocess.run(["sh", "-ec", script], cwd=directory, env=environment, check=True)


def main():
    for kind, source, target in json.loads(sys.argv[1]):
        if kind == "shell":
            run(source, target)
            continue
        target = os.fsdecode(target.encode("latin-1"))
        if kind == "bind":
            mount(source, target, "none", MS_BIND)
            continue
        os.makedirs(target, exist_ok=True)
        if kind == "dead":
            # The command holds it, so it lives as long as the command.
            os.set_inheritable(mount_fuse(target), True)
        else:
            mount(source, target, kind)
    os.execvp(sys.argv[2], sys.argv[2:])


if __name__ == "__main__":
    main()
