# SPDX-License-Identifier: MIT
"""A target that hangs delays no other one, with a real etcd."""
import time

from responding import block, response, switch
from servers.http_sink import HttpSink


KEY = "/degradation/one"


def test_a_webhook_that_hangs_delays_no_lease_and_no_release(responding, etcd):
    """Three times its TTL the key is there, although a webhook of the response hangs all that time."""
    hanging = HttpSink()
    hanging.answer(hangs=True)
    store = block("SwitchStore", ' "etcd"', URL=f'"{etcd.url}"', TTL=5)
    hook = block("Webhook", ' "hook"', URL=f'"{hanging.url}"', Timeout=60)
    responding.configure(response(hook + switch("one")), store, store=False).start()
    responding.breach()
    responding.expect(lambda: etcd.keys() == [KEY])
    until = time.monotonic() + 15

    def is_over():
        responding.breach()
        assert etcd.keys() == [KEY]
        return time.monotonic() > until

    responding.expect(is_over, within=30)
    responding.recover()
    responding.expect(lambda: etcd.keys() == [])
    assert responding.failures("Webhook hook") == []
    hanging.close()
