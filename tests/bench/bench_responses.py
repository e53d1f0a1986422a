# SPDX-License-Identifier: MIT
"""responses: from the value that breaches, handed to a stock collectd, to the
switch file, the webhook's arrival and the etcd key, with For and Engage 0. The
switches are on a tmpfs, as the samples have them, the state file on the disk."""
import base64
import http.client
import json
import pathlib
import random
import shutil
import socket
import statistics
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


class SwitchFile:
    """Looks for the file again and again: a process that waits is woken late."""

    def __init__(self, path):
        self._path = path

    def wait(self, is_on):
        limit = time.monotonic() + LIMIT_S
        while self._path.exists() != is_on:
            assert time.monotonic() < limit, "nothing has happened"
        return time.monotonic()


class Hook:
    """A webhook's receiver: whoever waits for a document takes it."""

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


def measure(responding, responses, store, target, what):
    responding.configure(responses, store).start()
    found = latencies(Reader(responding.collectd), target)
    print(f"value to {what}, median", "ms", f"{statistics.median(found):.3f}", "-", sep="\t")
    print(f"value to {what}, 99th of 100", "ms", f"{found[int(PHASES * 0.99) - 1]:.3f}", "-", sep="\t", flush=True)
    responding.collectd.stop()


def main():
    orphans.adopt()
    place = pathlib.Path(tempfile.mkdtemp(prefix="resource-alert."))
    place.chmod(0o755)
    fast = pathlib.Path(tempfile.mkdtemp(prefix="resource-alert.", dir="/dev/shm"))
    collectd, etcd = Collectd(place), Etcd(place)
    collectd.keeps_values = False
    responding = Responding(collectd)
    responding.switches = fast / "switches"
    try:
        one = response(switch("one"), MaxActions=0)
        measure(responding, one, "", SwitchFile(responding.switches / "one"), "switch file")
        hook = Hook()
        told = response(block("Webhook", URL=f'"{hook.url}"'), MaxActions=0)
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
