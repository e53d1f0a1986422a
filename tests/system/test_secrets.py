# SPDX-License-Identifier: MIT
"""Canaries in every secret place of the configuration, and servers that repeat what they are sent: no output has one."""
import base64
import json
import os
import pathlib
import subprocess
import urllib.request

import pytest
from responding import block, response, switch
from servers import build, ports
from servers.http_sink import Answer, HttpSink
from test_responses_stores import prepare

# What is secret, by the place where it is.
CANARIES = {place: f"CANARY{place}CANARY" for place in (
    "urlpath", "urlquery", "urlfile", "header", "signature", "proxy", "etcdpassword", "key", "pgstore", "pgpool", "token")}


class Parrot(HttpSink):
    """Refuses everything, and repeats the path, the headers and the body."""

    def take(self, request):
        super().take(request)
        text = " ".join([request.path, *request.headers.values(), request.body.decode()])
        told = {"error": f"I do not know {text}", "message": f"I do not know {text}", "code": 16}
        return Answer(401, json.dumps(told).encode())


@pytest.fixture
def parrot():
    sink = Parrot()
    yield sink
    sink.close()


def secret_file(directory, place, text="{}\n"):
    path = directory / f"secret-{place}"
    path.write_text(text.format(CANARIES[place]))
    path.chmod(0o600)
    return f'"{path}"'


def actions(parrot, directory, hook):
    url = parrot.url
    return "".join([
        switch("one"),
        block("Webhook", URL=f'"{url}/a/{CANARIES["urlpath"]}?key={CANARIES["urlquery"]}"'),
        block("Webhook", URLFile=secret_file(directory, "urlfile", url + "/b/{}\n")),
        block("Webhook", ' "signed"', URL=f'"{url}/c"', HeaderFile=secret_file(directory, "header", "X-Api-Key: {}\n"),
              SecretFile=secret_file(directory, "signature")),
        block("Webhook", ' "proxied"', URL='"http://ops.example.net/d"', AllowPlainHTTP="true",
              Proxy=f'"http://user:{CANARIES["proxy"]}@127.0.0.1:{parrot.port}"'),
        block("Webhook", ' "encrypted"', URL=f'"{url.replace("http:", "https:")}/e"',
              CertFile=secret_file(directory, "key"), KeyFile=secret_file(directory, "key")),
        block("SuspendCronJob", Namespace='"trading"', Name='"fetch"'),
        block("Exec", Command=f'"{hook}"', User='"nobody"', Timeout=60),
    ])


def configure(responding, parrot, postgresql, directory, port):
    prepare(postgresql)
    postgresql.run(f"ALTER ROLE agent PASSWORD '{CANARIES['pgstore']}'")
    postgresql.create_watcher("watcher", password="another")
    (postgresql.data / "pg_hba.conf").write_text("local all postgres trust\nlocal all all md5\n")
    postgresql.restart()
    where = {"Host": f'"{postgresql.socket_directory}"', "Port": postgresql.tcp_port, "Database": '"postgres"'}
    stores = block("SwitchStore", ' "etcd"', URL=f'"{parrot.url}"', User='"agent"',
                   PasswordFile=secret_file(directory, "etcdpassword"))
    stores += block("SwitchStore", ' "postgresql"', **where, User='"agent"',
                    PassFile=secret_file(directory, "pgstore", "*:*:*:*:{}\n"))
    cluster = block("Kubernetes", Server=f'"{parrot.url}"', TokenFile=secret_file(directory, "token"))
    hook = responding.hook("cat; sleep 60")
    responding.configure(response(actions(parrot, directory, hook)),
                         f'StatusListen "127.0.0.1:{port}"\nControlSocket "{directory}/control"\n{stores}{cluster}')
    responding.collectd.load("dbpool", block("Pool", ' "watched"', **where, User='"watcher"',
                                             PassFile=secret_file(directory, "pgpool", "*:*:*:*:{}\n")))


def processes_below(pid):
    found, left = [], [pid]
    while left:
        found.append(left.pop())
        for task in pathlib.Path(f"/proc/{found[-1]}/task").iterdir():
            left += (task / "children").read_text().split()
    return found


def ctl(*words):
    done = subprocess.run([build.BUILD / "resource-alertctl", *words], capture_output=True, text=True, check=False, timeout=30)
    return done.stdout + done.stderr


def outputs(responding, directory, port):
    """All that people and other programs see, by its place."""
    collectd, control = responding.collectd, ("--socket", directory / "control")
    seen = {
        "log, notifications": collectd.output.read_text(errors="replace"),
        "journal": responding.journal_file.read_text(),
        "self-test": ctl("self-test", *control),
        "status": ctl("status", *control) + ctl("status", "--json", *control),
        "check": ctl("check", collectd.configuration),
    }
    for path in ("", "status", "health"):
        try:
            reply = urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=5).read()
        except urllib.error.HTTPError as refusal:
            reply = refusal.read()
        seen[f"http /{path}"] = reply.decode()
    for place in (responding.state, responding.switches, collectd.csv):
        seen.update({str(file): file.read_text(errors="replace") for file in place.rglob("*") if file.is_file()})
        seen.update({f"name of {file}": file.name for file in place.rglob("*")})
    for pid in processes_below(collectd.pid):
        for file in ("cmdline", "environ"):
            seen[f"{file} of {pid}"] = pathlib.Path(f"/proc/{pid}/{file}").read_bytes().decode(errors="replace")
    return seen


def forms(canary):
    """A canary as it is, and in base64 at each of the three offsets."""
    yield canary
    for offset in range(3):
        yield base64.b64encode(b"x" * offset + canary.encode())[4:-4].decode()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can run a command as nobody")
def test_no_output_has_a_secret(responding, parrot, postgresql, directory):
    port = ports.allocate()
    configure(responding, parrot, postgresql, directory, port)
    responding.start()
    ctl("self-test", "--socket", directory / "control")
    responding.breach()
    failing = [name for name in ("urlpath", "urlfile", "signed", "proxied", "encrypted", "etcd", "SuspendCronJob")]
    responding.expect(lambda: len({one["action"] for one in responding.journal("action", step="failed")}) >= len(failing),
                      within=30)
    responding.expect(lambda: responding.journal("action", step="self_test"))
    responding.expect(lambda: postgresql.run("SELECT name FROM degradation_switch WHERE is_on"))
    responding.expect(lambda: responding.collectd.log_lines("password authentication failed"))
    # The servers were sent what they repeat.
    sent = "\n".join(f"{one.path} {one.headers.values()} {one.body.decode()}" for one in parrot.requests)
    for place in ("urlpath", "urlquery", "urlfile", "header", "etcdpassword", "token"):
        assert CANARIES[place] in sent, place
    seen = outputs(responding, directory, port)
    assert any("hook" in text for place, text in seen.items() if place.startswith("cmdline"))
    leaks = [(place, name) for name, canary in CANARIES.items() for form in forms(canary)
             for place, text in seen.items() if form in text]
    assert leaks == []
    responding.collectd.stop()
    assert [canary for canary in CANARIES.values() if canary in responding.collectd.output.read_text(errors="replace")] == []
