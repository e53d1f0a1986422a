# SPDX-License-Identifier: MIT
"""responses: the time from a value beyond a limit, sent to a stock collectd, to the
switch file, to the webhook and to the etcd key, with For and EngageAfter 0. The
switches and etcd are on a tmpfs, the state file is on the disk. The peer is the time
of the same value to a line of collectd's own csv plugin."""
import base64
import ctypes
import http.client
import json
import os
import pathlib
import random
import select
import shutil
import socket
import statistics
import struct
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "system"))

from responding import SERIES, Responding, block, response, switch  # noqa: E402
from servers import orphans  # noqa: E402
from servers.collectd import HOST, Collectd  # noqa: E402
from servers.etcd import Etcd  # noqa: E402

PHASES = 200
LIMIT_S = 10


class Reader:
    """A line to collectd that stays open, so that only the value's way counts."""

    def __init__(self, collectd):
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(str(collectd.socket))
        self._answers = self._socket.makefile()

    def put(self, percent):
        """Hands a value over; returns when it was sent."""
        sent = time.monotonic()
        self._socket.sendall(f'PUTVAL "{HOST}/{SERIES}" interval=1 N:{percent}\n'.encode())
        return sent

    def hear(self):
        assert self._answers.readline().startswith("0 "), "collectd takes no value"


class Directory:
    """Is told by the kernel what happens in PATH. One who looked for it again and
    again would take one of two processors from those who are to do it, and the 99th
    of 100 would be a time slice of the scheduler."""

    MODIFIED, CREATED, DELETED = 0x2, 0x80 | 0x100, 0x200  # IN_MODIFY, IN_MOVED_TO | IN_CREATE, IN_DELETE

    def __init__(self, path, mask):
        libc = ctypes.CDLL(None, use_errno=True)
        self._events = libc.inotify_init()
        watch = libc.inotify_add_watch(self._events, bytes(path), mask)
        assert self._events >= 0 and watch >= 0, os.strerror(ctypes.get_errno())

    def wait_for(self, name, mask):
        """Until MASK has happened to a file of that name. Returns when that was."""
        while True:
            assert select.select([self._events], [], [], LIMIT_S)[0], "nothing has happened"
            seen, events = time.monotonic(), os.read(self._events, 65536)
            while events:
                _, what, _, length = struct.unpack_from("iIII", events)
                if events[16:16 + length].rstrip(b"\0") == name and what & mask:
                    return seen
                events = events[16 + length:]


class SwitchFile:
    def __init__(self, path):
        path.parent.mkdir(exist_ok=True)
        self._name, self._directory = path.name.encode(), Directory(path.parent, Directory.CREATED | Directory.DELETED)

    def wait(self, is_on):
        return self._directory.wait_for(self._name, Directory.CREATED if is_on else Directory.DELETED)


class CsvFile:
    """The same value on its way through collectd to a line of its own csv plugin: a
    switch takes one thread and two files more."""

    def __init__(self, path):
        self._name, self._directory = path.name.encode(), Directory(path.parent, Directory.MODIFIED)

    def wait(self, _):
        return self._directory.wait_for(self._name, Directory.MODIFIED)


class Hook:
    """The receiver of a webhook; a waiting thread takes the document."""

    def __init__(self):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(LIMIT_S)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def wait(self, is_on):
        connection, _ = self._listener.accept()
        with connection:
            text = connection.recv(65536)
            while not text.endswith(b"}"):
                text += connection.recv(65536)
            arrived = time.monotonic()
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        assert (b'"engage"' if is_on else b'"release"') in text
        return arrived


class Key:
    """Watches a key of etcd: each change is a line of an answer without end."""

    def __init__(self, etcd, key):
        self._stream = http.client.HTTPConnection("127.0.0.1", int(etcd.url.rsplit(":", 1)[1]), timeout=LIMIT_S)
        request = {"create_request": {"key": base64.b64encode(key.encode()).decode()}}
        self._stream.request("POST", "/v3/watch", json.dumps(request))
        self._lines = self._stream.getresponse()
        self._lines.readline()  # that it watches

    def wait(self, is_on):
        events = json.loads(self._lines.readline())["result"]["events"]
        seen = time.monotonic()
        assert (events[-1].get("type") != "DELETE") == is_on
        return seen


def latencies(reader, target):
    """Milliseconds from each of PHASES breaches until TARGET has changed."""
    found = []
    for _ in range(PHASES):
        time.sleep(random.uniform(0, 0.02))
        begun = reader.put(90)
        found.append((target.wait(True) - begun) * 1e3)
        reader.hear()
        reader.put(10)
        target.wait(False)
        reader.hear()
    return sorted(found)


def middle_and_tail(collectd, target):
    found = latencies(Reader(collectd), target)
    return statistics.median(found), found[int(PHASES * 0.99) - 1]


def measure_peer(collectd):
    """(median, 99th of 100) of a stock collectd that writes the value to a file."""
    collectd.keeps_values = True
    collectd.start()
    collectd.put_value(SERIES, 10)
    written = collectd.expect(lambda: list(collectd.csv.glob(f"*/{SERIES}*")))[0]
    figures = middle_and_tail(collectd, CsvFile(written))
    collectd.stop()
    collectd.keeps_values = False
    return figures


def measure(responding, responses, store, target, what, peer=None):
    responding.configure(responses, store).start()
    ours = middle_and_tail(responding.collectd, target)
    for name, figure, other in zip(("median", "99th of 100"), ours, peer or (None, None)):
        print(f"value to {what}, {name}", "ms", f"{figure:.3f}", f"{other:.3f}" if other else "-", sep="\t", flush=True)
    responding.collectd.stop()


def main():
    orphans.become_subreaper()
    place = pathlib.Path(tempfile.mkdtemp(prefix="resource-alert."))
    fast = pathlib.Path(tempfile.mkdtemp(prefix="resource-alert.", dir="/dev/shm"))
    for one in (place, fast):
        one.chmod(0o755)
    collectd, etcd = Collectd(place), Etcd(fast)
    responding = Responding(collectd)
    responding.switches = fast / "switches"
    try:
        peer = measure_peer(collectd)
        one = response(switch("one"), MaxActionsPerHour=0)
        measure(responding, one, "", SwitchFile(responding.switches / "one"), "switch file", peer)
        hook = Hook()
        told = response(block("Webhook", URL=f'"{hook.url}"'), MaxActionsPerHour=0)
        measure(responding, told, "", hook, "webhook")
        etcd.start()
        store = block("SwitchStore", ' "etcd"', URL=f'"{etcd.url}"', Prefix='"/"')
        measure(responding, one, store, Key(etcd, "/one"), "etcd key")
    finally:
        for server in (collectd, etcd):
            server.close()
        shutil.rmtree(fast)
        shutil.rmtree(place)


main()
