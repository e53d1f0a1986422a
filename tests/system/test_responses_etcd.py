# SPDX-License-Identifier: MIT
"""Switches in etcd when an endpoint cannot write, and when etcd refuses a token that it gave."""
import ssl
import subprocess

import pytest
from responding import block, certificate, response, switch
from servers import ports
from servers.etcd import Etcd
from servers.http_sink import HttpSink
from servers.server import SERVER_PATH

KEY = "/trading/one"


def etcd_store(*urls, **options):
    given = {"TTL": 5, "Prefix": '"/trading/"', **options}
    return block("SwitchStore", ' "etcd"', URL=" ".join(f'"{url}"' for url in urls), **given)


class Learner(Etcd):
    """A member that joins the cluster of `first` and cannot vote yet."""

    name = "etcd-learner"
    first = None

    def command(self):
        words = [word for word in super().command() if not word.startswith(("--name", "--initial-cluster"))]
        return [*words, "--name=two", f"--initial-cluster=one={self.first.peer_url},two={self.peer_url}",
                "--initial-cluster-state=existing"]

    def is_ready(self):
        return ports.answers(int(self.url.rsplit(":", 1)[1])) and "ready to serve" in self.output.read_text()


def test_a_learner_is_the_first_endpoint(responding, new_server):
    one = new_server(Etcd).start()
    two = new_server(Learner)
    two.first = one
    one.ctl("member", "add", "two", "--learner", f"--peer-urls={two.peer_url}")
    two.start()
    responding.configure(response(switch("one")), etcd_store(two.url, one.url)).start()
    responding.breach()
    responding.expect(lambda: one.keys() == [KEY])
    responding.expect_state("ENGAGED")


@pytest.mark.parametrize("answer", [
    {"status": 503, "body": b"<html>no server is available to handle this request</html>"},
    {"status": 503, "body": b'{"error": "etcdserver: no leader", "message": "etcdserver: no leader", "code": 14}'},
    {"status": 200, "body": b"<html>welcome</html>"},
    {"status": 200, "body": b"{}"},
    {"status": 401, "body": b"login"},
    {"status": 404, "body": b"404 page not found"},
    {"hangs": True},
])
def test_an_endpoint_that_is_no_member(responding, etcd, http_sink, answer):
    http_sink.answer(**answer)
    responding.configure(response(switch("one")), etcd_store(http_sink.url, etcd.url)).start()
    responding.breach()
    responding.expect(lambda: etcd.keys() == [KEY])
    responding.expect_state("ENGAGED")
    assert not responding.failures("Switch one in etcd")


def test_an_endpoint_whose_certificate_is_wrong_or_whose_name_is_unknown(responding, etcd, directory):
    key, cert = certificate(directory, "wrong")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    sink = HttpSink(lambda raw: context.wrap_socket(raw, server_side=True))
    urls = [sink.url.replace("http:", "https:"), "https://no-such-host.invalid:2379", etcd.url]
    responding.configure(response(switch("one")), etcd_store(*urls)).start()
    responding.breach()
    responding.expect(lambda: etcd.keys() == [KEY])
    sink.close()


# Login.

def as_root(etcd, *words):
    return subprocess.run(["etcdctl", f"--endpoints={etcd.url}", "--user=root:top", *words], capture_output=True,
                          text=True, check=False, timeout=10, env={"PATH": SERVER_PATH, "ETCDCTL_API": "3"})


def enable_users(etcd):
    for words in (["user", "add", "root:top"], ["user", "grant-role", "root", "root"], ["user", "add", "agent:s3cret"],
                  ["role", "add", "switches"],
                  ["role", "grant-permission", "--prefix=true", "switches", "readwrite", "/trading/"],
                  ["user", "grant-role", "agent", "switches"], ["auth", "enable"]):
        etcd.ctl(*words)


def engage(responding, etcd):
    password = responding.directory / "password"
    password.write_text("s3cret\n")
    password.chmod(0o600)
    responding.configure(response(switch("one")),
                         etcd_store(etcd.url, User='"agent"', PasswordFile=f'"{password}"')).start()
    responding.breach()


class JwtEtcd(Etcd):
    """Its tokens hold the revision of the users and roles: any change makes them old."""

    def command(self):
        key, public = self.directory / "jwt.key", self.directory / "jwt.pub"
        if not key.exists():
            subprocess.run(["openssl", "genrsa", "-out", key, "2048"], check=True, capture_output=True)
            subprocess.run(["openssl", "rsa", "-in", key, "-pubout", "-out", public], check=True, capture_output=True)
            key.chmod(0o644)
        return [*super().command(), f"--auth-token=jwt,pub-key={public},priv-key={key},sign-method=RS256,ttl=10m"]


def test_a_role_is_added_while_a_switch_is_on(responding, new_server):
    etcd = new_server(JwtEtcd).start()
    enable_users(etcd)
    engage(responding, etcd)
    responding.expect_state("ENGAGED")
    assert as_root(etcd, "role", "add", "somebody-elses").returncode == 0
    # A release reads and deletes with a new token.
    responding.recover()
    responding.expect_state("OFF")
    assert not as_root(etcd, "get", KEY).stdout and not responding.failures("Switch one in etcd")


def test_authentication_is_off_on_and_off_again(responding, new_server):
    etcd = new_server(Etcd).start()
    engage(responding, etcd)
    responding.expect_state("ENGAGED")
    enable_users(etcd)
    responding.recover()
    responding.expect_state("OFF")
    assert not as_root(etcd, "get", KEY).stdout
    assert as_root(etcd, "auth", "disable").returncode == 0
    responding.breach()
    responding.expect_state("ENGAGED")
    assert etcd.keys() == [KEY] and not responding.failures("Switch one in etcd")


def test_a_refusal_says_why(responding, new_server):
    etcd = new_server(Etcd).start()
    enable_users(etcd)
    etcd_user_without_role = etcd_store(etcd.url, Prefix='"/elsewhere/"', User='"agent"',
                                        PasswordFile=f'"{responding.directory}/password"')
    (responding.directory / "password").write_text("s3cret\n")
    (responding.directory / "password").chmod(0o600)
    responding.configure(response(switch("one")), etcd_user_without_role).start()
    responding.breach()
    responding.expect(lambda: responding.failures("Switch one in etcd"))
    assert f"{etcd.url}: status 403: etcdserver: permission denied" in responding.failures("Switch one in etcd")[0]
