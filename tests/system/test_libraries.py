# SPDX-License-Identifier: MIT
"""Which libraries a daemon holds in memory: those that its options need."""
import pathlib
import re

import pytest
from asking import RULES
from servers import build, ports

NETWORK = {"libcurl", "libcrypto", "libpq", "libmicrohttpd"}
STORE = '<SwitchStore "postgresql">\n  Host "127.0.0.1"\n  Database "d"\n</SwitchStore>\n'


def response(action):
    return f'<Response "r">\n  When "used"\n{action}\n</Response>\n'


WEBHOOK = response('<Webhook>\n  URL "https://localhost/"\n</Webhook>')


def loaded(collectd):
    """Those of NETWORK that are mapped."""
    maps = pathlib.Path(f"/proc/{collectd.process.pid}/maps").read_text(encoding="utf-8")
    return NETWORK & set(re.findall(r"/(lib[a-z]+)[-.\d]*\.so", maps))


def test_rules_need_no_library_of_the_network(collectd):
    collectd.load("resource_alert", RULES).start()
    assert loaded(collectd) == set()


@pytest.mark.parametrize("options, libraries", [
    ('StatusListen "127.0.0.1:{port}"', {"libmicrohttpd"}),
    (WEBHOOK, {"libcurl", "libcrypto"}),  # libcurl's own
    (STORE + response('<Switch "s">\n</Switch>'), {"libpq", "libcrypto"}),
    (f'HelperDir "{build.BUILD}/libexec"\n' + response('<Exec>\n  Command "/bin/true"\n</Exec>'), set()),
])
def test_an_option_loads_what_it_needs(collectd, options, libraries):
    collectd.load("resource_alert", RULES + options.replace("{port}", str(ports.allocate()))).start()
    assert loaded(collectd) == libraries


def without(library):
    """Words before a command that runs it on a machine where the file of LIBRARY is empty."""
    files = {path.resolve() for path in pathlib.Path("/usr/lib").glob(f"*/{library}.so.[0-9]*")}
    mounts = "".join(f"mount --bind /dev/null {file}; " for file in files)
    return ["unshare", "--mount", "sh", "-ec", mounts + 'exec "$@"', "sh"]


def test_a_missing_library_refuses_the_option_that_needs_it(collectd):
    collectd.prefix = without("libcurl")
    log = collectd.load("resource_alert", RULES + WEBHOOK).refuses_to_start()
    assert any(re.search(r"<Webhook>: .*libcurl\.so\.4.*install the package that contains libcurl", line) for line in log), log


def test_a_missing_library_leaves_the_rest(collectd):
    collectd.prefix = without("libmicrohttpd")
    collectd.load("resource_alert", f'StatusListen "127.0.0.1:{ports.allocate()}"\n{RULES}').start()
    assert collectd.log_lines(r"StatusListen: .*libmicrohttpd\.so.*; install the package .*; the status page is disabled")
