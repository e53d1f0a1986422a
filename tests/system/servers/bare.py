# SPDX-License-Identifier: MIT
"""A bare Debian 12 in a directory: nothing is there but apt, nothing that is
started or mounted in it outlives the command that did so."""
import os
import pathlib
import subprocess

from servers import namespaces


def run(*command, **options):
    """Runs to the end; returns what was said, fails with it."""
    options = {"timeout": 400, "text": True, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, **options}
    result = subprocess.run([str(word) for word in command], check=False, **options)
    assert result.returncode == 0, f"{command}: {result.returncode}\n{result.stdout[-4000:]}"
    return result.stdout


def make(place, path, include="apt"):
    """Makes the tree PATH with the packages INCLUDE; what is installed there
    starts nothing. PLACE is for files on the way."""
    sources = "\n".join(p.read_text() for p in pathlib.Path("/etc/apt/sources.list.d").glob("*.sources"))
    old = pathlib.Path("/etc/apt/sources.list")
    sources = sources or old.read_text()
    policy = place / "policy-rc.d"
    policy.write_text("#!/bin/sh\nexit 101\n")
    policy.chmod(0o755)
    run("mmdebstrap", "--mode=root", "--variant=minbase", f"--include={include}", "--skip=cleanup/apt/lists",
        f"--setup-hook=mkdir -p $1/usr/sbin; cp {policy} $1/usr/sbin/policy-rc.d",
        "bookworm", path, "-", input=sources)
    return path


def inside(tree, script, **options):
    """Runs SCRIPT in the tree with /proc and /dev; all it starts ends with it."""
    words = namespaces.unshare_mounts("--pid", "--fork", "--kill-child")
    return run(*words, "sh", "-ec", 'mount --bind /dev "$1/dev"; mount -t proc proc "$1/proc"; '
               'mount -t tmpfs tmpfs "$1/run"; exec chroot "$1" sh -ec "$2"', "sh", tree, script,
               env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive",
                    **{k: v for k, v in os.environ.items() if k.lower().endswith("_proxy")}}, **options)
