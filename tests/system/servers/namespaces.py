# SPDX-License-Identifier: MIT
"""Namespaces: a test mounts what it likes, or takes something away, and the
machine sees nothing."""
import subprocess


def unshare_mounts(*further):
    """The words that run a command in a mount namespace of its own, with the
    FURTHER options of unshare; None where that is not to be had."""
    for words in (["unshare", "--mount", *further],
                  # In a chroot / is no mount point, whose propagation could change.
                  ["unshare", "--mount", "--propagation", "unchanged", *further],
                  ["unshare", "--mount", "--map-root-user", *further]):  # not as root
        probe = [*words, "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
        if subprocess.run(probe, capture_output=True, check=False).returncode == 0:
            return words
    return None


def unshare_watches():
    """The words that run a command whose kernel has no inotify instance to
    spare; None where that is not to be had."""
    words = ["env", "--unset=LD_PRELOAD", "unshare", "--user", "--map-root-user", "sh", "-c",
             'echo 0 >/proc/sys/user/max_inotify_instances && exec env LD_PRELOAD="$0" "$@"']
    probe = [*words, "", "true"]
    return words if subprocess.run(probe, capture_output=True, check=False).returncode == 0 else None
