# SPDX-License-Identifier: MIT
"""Loopback ports that no other test of this machine uses."""
import random
import socket

# Below the range from which the kernel takes ports for outgoing connections.
FIRST, LAST = 20000, 32000
_owned = []


def allocate():
    """A port free for TCP and UDP on 127.0.0.1, ours until this process ends.

    Ownership is an abstract unix socket named after the port: it vanishes with
    the process and leaves no file, whatever happens to us."""
    while True:
        port = random.randint(FIRST, LAST)
        lock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            lock.bind(f"\0collectd-resource-alert-test-port-{port}")
        except OSError:
            lock.close()
            continue
        if _is_free(port, socket.SOCK_STREAM) and _is_free(port, socket.SOCK_DGRAM):
            _owned.append(lock)
            return port
        lock.close()


def _is_free(port, kind):
    with socket.socket(socket.AF_INET, kind) as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def answers(port, host="127.0.0.1"):
    """Whether something accepts TCP connections on PORT."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((host, port)) == 0
