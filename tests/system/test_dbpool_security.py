# SPDX-License-Identifier: MIT
"""dbpool: how the server is verified, and where the password comes from."""
import subprocess

import pytest
from servers.application import Application, pool

POOL = "dbpool-trading"


@pytest.fixture
def collectd(collectd):
    collectd.interval = 0.5
    return collectd


class Authority:
    """Signs certificates."""

    def __init__(self, directory):
        self.directory = directory
        directory.mkdir()
        self._openssl("req", "-x509", "-subj", "/CN=test authority", "-days", "1",
                      "-keyout", "ca.key", "-out", "ca.pem")

    @property
    def certificate(self):
        return self.directory / "ca.pem"

    def sign(self, name, directory):
        """Puts server.crt and server.key for the host NAME into DIRECTORY."""
        extension = self.directory / "extension"
        extension.write_text(f"subjectAltName = DNS:{name}\n", encoding="utf-8")
        self._openssl("req", "-subj", f"/CN={name}", "-keyout", directory / "server.key",
                      "-out", "request.pem")
        self._openssl("x509", "-req", "-in", "request.pem", "-CA", "ca.pem", "-CAkey", "ca.key",
                      "-CAcreateserial", "-days", "1", "-extfile", extension,
                      "-out", directory / "server.crt", key=False)
        (directory / "server.key").chmod(0o600)

    def _openssl(self, *words, key=True):
        new_key = ["-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
        subprocess.run(["openssl", *words, *(new_key if key else [])], check=True,
                       cwd=self.directory, capture_output=True)


def is_up(collectd, name=POOL):
    return collectd.value(f"{name}/gauge-up")


def test_the_server_must_prove_who_it_is(collectd, postgresql, directory):
    ours, other = Authority(directory / "ours"), Authority(directory / "other")
    postgresql.stop()
    ours.sign("localhost", postgresql.data)
    postgresql.settings["ssl"] = "on"
    postgresql.start()
    blocks = [pool(postgresql, name=name, Host=f'"{host}"', SSLMode='"verify-full"',
                   SSLRootCert=f'"{authority.certificate}"')
              for name, host, authority in [("right", "localhost", ours),
                                            ("stranger", "localhost", other),
                                            ("elsewhere", "127.0.0.1", ours)]]
    collectd.load("dbpool", "\n".join(blocks)).start()
    collectd.expect(lambda: is_up(collectd, "dbpool-right") == 1)
    encrypted = ("SELECT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)"
                 " WHERE application_name = 'collectd'")
    assert postgresql.run(encrypted) == [(True,)]
    collectd.expect(lambda: is_up(collectd, "dbpool-stranger") == 0)
    collectd.expect(lambda: is_up(collectd, "dbpool-elsewhere") == 0)
    assert collectd.log_lines('pool "stranger": .*certificate verify failed')
    assert collectd.log_lines('pool "elsewhere": .*does not match host name')


def test_a_server_without_tls_is_refused(collectd, postgresql, directory):
    authority = Authority(directory / "ours")
    collectd.load("dbpool", pool(postgresql, Host='"localhost"', SSLMode='"verify-full"',
                                 SSLRootCert=f'"{authority.certificate}"')).start()
    collectd.expect(lambda: collectd.log_lines('pool "trading": .*does not support SSL'))
    collectd.expect(lambda: is_up(collectd) == 0)


@pytest.fixture
def locked(postgresql):
    """A server that requires a password of the role watcher."""
    postgresql.create_watcher("watcher", password="opensesame")
    # "md5" takes a SCRAM verifier, too, and 9.6 has nothing better.
    (postgresql.data / "pg_hba.conf").write_text(
        "local all postgres trust\nlocal all all md5\n", encoding="utf-8")
    postgresql.restart()
    return postgresql


@pytest.fixture
def pass_file(directory):
    path = directory / "pgpass"
    path.write_text("*:*:*:watcher:opensesame\n", encoding="utf-8")
    path.chmod(0o600)
    return path


def test_the_password_comes_from_a_file(collectd, locked, pass_file):
    options = {"User": '"watcher"', "PassFile": f'"{pass_file}"'}
    collectd.load("dbpool", pool(locked, **options)).start()
    collectd.expect(lambda: is_up(collectd) == 1)
    locked.run("ALTER ROLE watcher PASSWORD 'changed'")
    locked.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
               " WHERE application_name = 'collectd'")
    lines = collectd.expect(lambda: collectd.log_lines("password authentication failed"))
    assert len(lines) == 1
    pass_file.write_text("*:*:*:watcher:changed\n", encoding="utf-8")
    collectd.expect(lambda: is_up(collectd) == 1)
    assert "opensesame" not in "\n".join(collectd.log)


def test_the_password_comes_from_a_service_file(collectd, locked, directory):
    service = directory / "services"
    service.write_text(f"[monitor]\nhost={locked.socket_directory}\nport={locked.tcp_port}\n"
                       "dbname=postgres\nuser=watcher\npassword=opensesame\n", encoding="utf-8")
    collectd.environment["PGSERVICEFILE"] = str(service)
    collectd.load("dbpool", '<Pool "trading">\n  Service "monitor"\n</Pool>').start()
    collectd.expect(lambda: is_up(collectd) == 1)
    collectd.expect(lambda: collectd.value(f"{POOL}/current_connections-headroom") > 0)


def test_a_missing_password_is_logged(collectd, locked, directory):
    options = {"User": '"watcher"', "PassFile": f'"{directory}/nothing"'}
    collectd.load("dbpool", pool(locked, **options)).start()
    collectd.expect(lambda: collectd.log_lines("no password supplied"))


@pytest.mark.parametrize("kind", ["Pool", "PgBouncer"])
@pytest.mark.parametrize("host", ["db.example.net", "127.0.0.1.example.net", "/run/postgresql,10.0.0.1"])
def test_a_host_on_another_machine_needs_a_mode(collectd, kind, host):
    log = collectd.load("dbpool", f'<{kind} "far">\n  Host "{host}"\n</{kind}>').refuses_to_start()
    assert any("is another machine: write SSLMode" in line for line in log)


def test_a_password_that_others_can_read_is_refused(collectd, postgresql, pass_file):
    pass_file.chmod(0o640)
    log = collectd.load("dbpool", pool(postgresql, PassFile=f'"{pass_file}"')).refuses_to_start()
    lines = [line for line in log if "dbpool: " in line]
    assert len(lines) == 1
    assert "may be read by others (mode 0640); chmod 0600 it" in lines[0]


def test_a_name_is_neither_sql_nor_a_format(collectd, postgresql):
    name = "x'; DROP TABLE precious; -- %n%s"
    postgresql.run("CREATE TABLE precious ()")
    application = Application(postgresql, name=name)
    application.work(1)
    collectd.load("dbpool", pool(postgresql, Application=f'"{name}"', LeakAfter=1)).start()
    collectd.expect(lambda: collectd.value(f"{POOL}/current_connections-leaked") == 1)
    collectd.expect(lambda: [one for one in collectd.notifications(plugin="dbpool") if name in one["message"]])
    assert postgresql.run("SELECT count(*) FROM precious") == [(0,)]
    application.close()
