# SPDX-License-Identifier: MIT
"""A private PostgreSQL that forgets everything and answers on loopback only: the
newest that Debian has installed, or that in the directory that PG_BIN names."""
import functools
import os
import pathlib
import re
import shutil
import signal
import subprocess

import psycopg2

from servers import orphans
from servers.server import Server

# Where Debian keeps initdb and postgres, newest version last.
BINARIES = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"))


def program(name):
    if "PG_BIN" in os.environ:
        return pathlib.Path(os.environ["PG_BIN"]) / name
    assert BINARIES, "no PostgreSQL; tools/install-packages installs what the tests need"
    return BINARIES[-1] / name


@functools.cache
def version():
    """(9, 6) or (15, 4)."""
    told = subprocess.run([program("postgres"), "--version"], check=True, capture_output=True, text=True)
    return tuple(int(number) for number in re.search(r"(\d+)(?:\.(\d+))?", told.stdout).groups(0))


class PostgreSQL(Server):
    name = "postgresql"
    drops_root = True
    stop_signal = signal.SIGINT  # fast: sessions are ended, not waited for
    death_signal = signal.SIGQUIT  # immediate: ends its backends, too

    @classmethod
    def make_template(cls, directory):
        """Runs initdb in DIRECTORY; returns the cluster's path."""
        maker = cls(directory, None)
        maker.own(maker.directory)
        subprocess.run(
            [program("initdb"), "-N", "--username=postgres", "--auth=trust", "--encoding=UTF8",
             "--locale=C.UTF-8", *(["--wal-segsize=1"] if version() >= (11,) else []), maker.data],
            check=True, capture_output=True, cwd=maker.directory,
            env=maker.environment, **maker._identity())
        return maker.data

    def __init__(self, directory, template):
        super().__init__(directory)
        self.template = template
        self.data = self.directory / "data"
        self.socket_directory = self.directory
        self.tcp_port = self.port()
        self.settings = {
            "listen_addresses": "127.0.0.1",
            "port": self.tcp_port,
            "unix_socket_directories": self.socket_directory,
            "fsync": "off", "synchronous_commit": "off", "full_page_writes": "off",
            "max_wal_size": "32MB", "shared_buffers": "16MB", "autovacuum": "off",
            "log_line_prefix": "%m [%p] %a ",
        }

    def connect(self, database="postgres", **parameters):
        """A psycopg2 connection in autocommit mode over the unix socket."""
        session = psycopg2.connect(
            host=str(self.socket_directory), port=self.tcp_port, dbname=database,
            user=parameters.pop("user", "postgres"), **parameters)
        session.autocommit = True
        return session

    def run(self, statement, *arguments, database="postgres"):
        """Runs one statement as superuser; returns its rows, if any."""
        session = self.connect(database, connect_timeout=10)
        try:
            with session.cursor() as cursor:
                cursor.execute(statement, arguments or None)
                return cursor.fetchall() if cursor.description else []
        finally:
            session.close()

    def create_watcher(self, name, password=None):
        """A role that sees the sessions of all, as far as there is such a right."""
        words = f" PASSWORD '{password}'" if password else ""
        self.run(f"CREATE ROLE {name} LOGIN{words}")
        if version() >= (10,):
            self.run(f"GRANT pg_monitor TO {name}")

    def follow(self, primary):
        """Becomes a standby of PRIMARY, which has run and is stopped for now."""
        shutil.copytree(primary.data, self.data)
        source = f"host={primary.socket_directory} port={primary.tcp_port} user=postgres"
        if version() >= (12,):
            (self.data / "standby.signal").touch()
            self.settings["primary_conninfo"] = source
        else:
            (self.data / "recovery.conf").write_text(
                f"standby_mode = on\nprimary_conninfo = '{source}'\n", encoding="utf-8")
        self.settings["hot_standby"] = "on"
        return self

    def promote(self):
        """As pg_ctl does it."""
        (self.data / "promote").touch()
        self.own(self.data)
        self.process.send_signal(signal.SIGUSR1)

    def pause(self):
        """Hangs the postmaster and every backend."""
        super().pause()
        for pid in orphans.children_of(self.pid):
            os.kill(pid, signal.SIGSTOP)

    def resume(self):
        for pid in orphans.children_of(self.pid):
            os.kill(pid, signal.SIGCONT)
        super().resume()

    def pause_postmaster(self):
        """Sessions go on; new ones are accepted by the kernel and no further."""
        super().pause()

    def close(self):
        super().close()
        # A killed postmaster leaves a segment of shared memory, which the next
        # start would take over; its pid file has key and id.
        pid_file = self.data / "postmaster.pid"
        if pid_file.exists():
            words = pid_file.read_text(encoding="utf-8").splitlines()[6].split()
            subprocess.run(["ipcrm", "-m", words[1]], check=False, capture_output=True)

    def prepare(self):
        if not self.data.exists():
            shutil.copytree(self.template, self.data)
        lines = [f"{key} = '{value}'" for key, value in self.settings.items()]
        (self.data / "postgresql.auto.conf").write_text("\n".join(lines) + "\n",
                                                        encoding="utf-8")

    def command(self):
        return [program("postgres"), "-D", self.data]

    def is_ready(self):
        try:
            self.run("SELECT 1")
        except psycopg2.OperationalError:
            return False
        return True
