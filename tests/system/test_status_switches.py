# SPDX-License-Identifier: MIT
"""The switches over HTTP: OFREP with the SDK of OpenFeature, /check with nginx and curl, and who reads them."""
import http.client
import json
import os
import shutil
import socket
import subprocess
import sys

import pytest
from asking import Asking
from responding import response, switch
from servers import build, ports
from servers.server import Server
from servers.waiting import wait_until

sys.path.insert(0, str(build.SOURCE / "contrib/python"))

import resource_switches  # noqa: E402

SWITCHES = switch("limit_noncore_api") + switch("serve_cached", After=3600)
OFREP = "/ofrep/v1/evaluate/flags"


@pytest.fixture
def port():
    return ports.allocate()


@pytest.fixture
def asking(responding, port):
    responding.configure(response(SWITCHES), f'StatusListen "127.0.0.1:{port}"\nStatusSwitches true').start()
    return Asking(responding.collectd, port)


def post(asking, path=OFREP, body="{}", **headers):
    status, text, fields = asking.request(path, "POST", body=body, headers=headers)
    return status, json.loads(text) if text else None, fields


def flags(asking):
    return {flag["key"]: flag["value"] for flag in post(asking)[1]["flags"]}


def test_flags_follow_the_switches(responding, asking):
    assert flags(asking) == {"limit_noncore_api": False, "serve_cached": False}
    responding.breach()
    responding.expect(lambda: flags(asking) == {"limit_noncore_api": True, "serve_cached": False})  # the other one has After
    status, flag, _ = post(asking, f"{OFREP}/limit_noncore_api", '{"context": {"targetingKey": "x"}}')
    until = flag["metadata"].pop("until")
    assert (status, flag) == (200, {"key": "limit_noncore_api", "value": True, "reason": "TARGETING_MATCH", "variant": "on",
                                    "metadata": {"response": "degrade"}})
    assert resource_switches._parse_until(until)
    assert post(asking, f"{OFREP}/nothing")[:2] == (404, {
        "key": "nothing", "errorCode": "FLAG_NOT_FOUND", "errorDetails": "no response has a switch of this name"})
    assert post(asking, body="{")[1]["errorCode"] == "PARSE_ERROR"
    assert asking.request(OFREP)[0] == 405 and asking.request(OFREP, "POST")[0] == 200
    responding.recover()
    responding.expect(lambda: not any(flags(asking).values()))


def test_an_etag_saves_an_answer_until_something_changes(responding, asking):
    _, _, fields = post(asking)
    status, text, again = asking.request(OFREP, "POST", body="{}", headers={"If-None-Match": fields["ETag"]})
    assert (status, text, again["ETag"]) == (304, "", fields["ETag"])
    responding.breach()
    responding.expect(lambda: post(asking, If_None_Match="")[2]["ETag"] != fields["ETag"])
    assert asking.request(OFREP, "POST", body="{}", headers={"If-None-Match": fields["ETag"]})[0] == 200


def test_a_dry_run_switches_nothing_on(responding, port):
    responding.configure(response(SWITCHES, Mode='"dryrun"'), f'StatusListen "127.0.0.1:{port}"\nStatusSwitches true').start()
    asking = Asking(responding.collectd, port)
    responding.breach()
    responding.expect_state("ENGAGED")
    assert not any(flags(asking).values())


def test_check_says_go_on_or_not_now(responding, asking):
    path = "/check/limit_noncore_api"
    assert asking.request(path)[:2] == (200, "go on\n") and asking.request(path, "HEAD")[:2] == (200, "")
    assert asking.request("/check/nothing")[0] == asking.request("/check/")[0] == 404
    assert asking.request(path, "POST")[0] == 405
    responding.breach()
    responding.expect(lambda: asking.request(path)[0] == 429)
    _, text, fields = asking.request(path)
    assert (text, fields["Retry-After"]) == ("not now\n", "10") and asking.request(path, "HEAD")[:2] == (429, "")


def test_without_the_option_there_are_no_switches(responding, port):
    responding.configure(response(SWITCHES), f'StatusListen "127.0.0.1:{port}"').start()
    asking = Asking(responding.collectd, port)
    assert asking.request("/check/limit_noncore_api")[0] == 404 and asking.request(OFREP, "POST")[0] == 405


def test_nginx_asks_and_passes_requests_on_when_nobody_answers(responding, asking, nginx, http_sink, port):
    http_sink.answer(200, b"here")
    text = (build.SOURCE / "contrib/examples/nginx/auth_request.conf").read_text()
    nginx.server = text.replace("http://127.0.0.1:8000", http_sink.url).replace("127.0.0.1:9180", f"127.0.0.1:{port}")
    nginx.start()
    site = Asking(responding.collectd, nginx.http_port)
    assert site.request("/api/prices")[:2] == (200, "here")
    responding.breach()
    responding.expect(lambda: site.request("/api/prices")[0] == 429)
    assert site.request("/api/prices")[2]["Retry-After"] == "10" and site.request("/api/core/order")[0] == 200
    responding.recover()
    responding.expect(lambda: site.request("/api/prices")[0] == 200)
    responding.breach()
    responding.expect(lambda: site.request("/api/prices")[0] == 429)
    responding.collectd.kill()
    assert site.request("/api/prices")[0] == 200


def test_the_python_module_reads_over_http_and_believes_until_the_end(responding, asking, port):
    switches = resource_switches.Switches(f"http://127.0.0.1:{port}", every=0.05, reader="shop")
    assert not switches.is_on("limit_noncore_api")
    responding.breach()
    wait_until(lambda: switches.is_on("limit_noncore_api"), within=10)
    [one] = [one for one in asking.get()[1]["switches"] if one["name"] == "limit_noncore_api"]
    assert [reader["reader"] for reader in one["readers"]] == ["shop"] and one["on"] is True
    responding.collectd.kill()
    wait_until(lambda: switches._fault is not None, within=10)
    assert switches.is_on("limit_noncore_api")
    switches._on["limit_noncore_api"].until = 1
    assert not switches.is_on("limit_noncore_api")


def test_readers_of_files_are_shown_and_a_switch_that_nobody_reads_is_visible(responding, asking):
    def readers(name):
        [one] = [one for one in asking.get()[1]["switches"] if one["name"] == name]
        return [reader["reader"] for reader in one["readers"]]

    marks = responding.switches / ".readers"
    responding.expect(marks.is_dir)
    assert marks.stat().st_mode & 0o7777 == 0o1777
    switches = resource_switches.Switches(responding.switches, every=0.05, reader="trading-api")
    switches.is_on("limit_noncore_api")
    switches._marked = 0.0
    (marks / "big").write_bytes(b"x" * 100_000)
    (marks / "link").symlink_to("/etc/passwd")
    os.mkfifo(marks / "pipe")
    (marks / "odd").write_text(json.dumps({"reader": "\x1b[31m<b>" + "x" * 500, "switches": ["serve_cached", 5, None]}))
    (marks / "old").write_text("{}")
    os.utime(marks / "old", (1, 1))
    responding.expect(lambda: readers("limit_noncore_api") == ["trading-api"], within=15)
    [odd] = responding.expect(lambda: readers("serve_cached"))
    assert len(odd) < 64 and not (marks / "old").exists()
    responding.breach()
    listed = responding.expect(lambda: json.loads((responding.switches / "switches.json").read_text())
                               if responding.is_on("limit_noncore_api") else None)
    assert list(listed) == ["limit_noncore_api"]  # a directory of marks is no switch
    switches._source.unmark()


def test_another_machine_needs_the_token(responding, port):
    token = responding.directory / "token"
    token.write_text("secret\n")
    token.chmod(0o600)
    address = own_address()
    if address is None:
        pytest.skip("this machine has only loopback: the token is NOT tested")
    responding.configure(response(SWITCHES), f'StatusListen "0.0.0.0:{port}"\nStatusSwitches true\n'
                         f'StatusTokenFile "{token}"').start()

    def code(path, host=address, method="GET", **headers):
        peer = http.client.HTTPConnection(host, port, timeout=5)
        peer.request(method, path, headers=headers)
        answer = peer.getresponse()
        answer.read()
        peer.close()
        return answer.status

    for path, method in [("/status", "GET"), ("/", "GET"), ("/check/limit_noncore_api", "GET"), (OFREP, "POST")]:
        assert code(path, method=method) == code(path, method=method, Authorization="Bearer secrex") == 401
        assert code(path, method=method, Authorization="Bearer secret") == code(path, "127.0.0.1", method) == 200
    assert code("/health") == code("/live") == 200
    responding.collectd.stop()
    token.chmod(0o644)
    responding.start()
    assert responding.collectd.log_lines("StatusTokenFile: .*only this machine can read the status")
    assert code("/status", Authorization="Bearer ") == code("/status", Authorization="Bearer secret") == 401


def own_address():
    """An address of this machine that is not loopback; None: it has none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing
        except OSError:
            return None
        address = probe.getsockname()[0]
        return None if address.startswith("127.") else address


NODE = """
const {OpenFeature} = require("@openfeature/server-sdk");
const {OFREPProvider} = require("@openfeature/ofrep-provider");
(async () => {
  await OpenFeature.setProviderAndWait(new OFREPProvider({baseUrl: process.argv[2]}));
  const client = OpenFeature.getClient();
  let before;
  for (;;) {
    const value = await client.getBooleanValue("limit_noncore_api", false);
    if (value !== before) console.log(value);
    before = value;
    await new Promise(resolve => setTimeout(resolve, 50));
  }
})();
"""


class Node(Server):
    """A program with the SDK of OpenFeature; `packages`: where npm put it."""

    name = "node"

    def command(self):
        return [shutil.which("node"), self.directory / "main.js", f"http://127.0.0.1:{self.port_of_status}"]

    def prepare(self):
        (self.directory / "main.js").write_text(NODE)

    def is_ready(self):
        return self.lines() == ["false"]

    def lines(self):
        return self.output.read_text().split() if self.output.exists() else []


def test_an_sdk_of_openfeature_flips(responding, asking, new_server, port):
    if shutil.which("npm") is None:
        pytest.skip("no npm: OpenFeature's SDK is NOT tested")
    program = new_server(Node)
    program.port_of_status = port
    done = subprocess.run(["npm", "install", "--silent", "--no-audit", "--no-fund", "@openfeature/server-sdk",
                           "@openfeature/core", "@openfeature/ofrep-provider"], cwd=program.directory, capture_output=True,
                          text=True, timeout=60, env={**os.environ, "HOME": str(program.directory)})
    if done.returncode != 0:
        pytest.skip(f"npm cannot install the SDK: OpenFeature is NOT tested: {done.stderr[-200:]}")
    program.start()
    responding.breach()
    program.expect(lambda: program.lines() == ["false", "true"])
    responding.recover()
    program.expect(lambda: program.lines() == ["false", "true", "false"])
