# SPDX-License-Identifier: MIT
"""responses: from the value that breaches, handed to a stock collectd, to the
switch file, the webhook's arrival and the etcd key, with For and Engage 0."""
import http.client
import pathlib
import random
import shutil
import statistics
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "system"))

from responding import Responding, block, response, switch  # noqa: E402
from servers import orphans  # noqa: E402
from servers.collectd import Collectd  # noqa: E402
from servers.etcd import Etcd  # noqa: E402
from servers.http_sink import HttpSink  # noqa: E402

PHASES = 200
LIMIT_S = 10


def spin(condition):
    """When CONDITION first held, without sleeping."""
    limit = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < limit, "nothing has happened"
    return time.monotonic()


def latencies(responding, is_there):
    """Milliseconds from each of PHASES breaches until is_there()."""
    found = []
    for _ in range(PHASES):
        time.sleep(random.uniform(0, 0.02))
        begun = time.monotonic()
        responding.breach()
        found.append((spin(is_there) - begun) * 1e3)
        responding.calm()
        spin(lambda: not is_there())
        responding.expect(lambda: responding.state_of() == "OFF")
    return sorted(found)


def show(what, found):
    print(f"value to {what}, median", "ms", f"{statistics.median(found):.3f}", "-", sep="\t")
    print(f"value to {what}, 99th of 100", "ms", f"{found[int(len(found) * 0.99) - 1]:.3f}", "-", sep="\t", flush=True)


def key_is_there(etcd):
    port = int(etcd.url.rsplit(":", 1)[1])
    connection = http.client.HTTPConnection("127.0.0.1", port)

    def ask():
        connection.request("POST", "/v3/kv/range", '{"key": "L29uZQ=="}')  # /one
        return b'"kvs"' in connection.getresponse().read()

    return ask


def run(responding, responses, store, is_there, what):
    responding.configure(responses, store).start()
    show(what, latencies(responding, is_there))
    responding.collectd.stop()
    responding.journal_file.unlink()


def main():
    orphans.adopt()
    place = pathlib.Path(tempfile.mkdtemp(prefix="resource-alert."))
    place.chmod(0o755)
    collectd, etcd, sink = Collectd(place), Etcd(place), HttpSink()
    responding = Responding(collectd)
    try:
        one = response(switch("one"), MaxActions=0)
        run(responding, one, "", lambda: responding.is_on("one"), "switch file")

        def is_told():
            posts = [request for request in sink.requests if request.method == "POST"]
            return bool(posts) and b'"engage"' in posts[-1].body

        hook = response(block("Webhook", URL=f'"{sink.url}"'), MaxActions=0)
        run(responding, hook, "", is_told, "webhook")
        etcd.start()
        store = block("SwitchStore", ' "etcd"', URL=f'"{etcd.url}"', Prefix='"/"')
        run(responding, one, store, key_is_there(etcd), "etcd key")
    finally:
        for server in (collectd, etcd, sink):
            server.close()
        shutil.rmtree(place)


main()
