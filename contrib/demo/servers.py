# SPDX-License-Identifier: MIT
"""What runs in the demo: PostgreSQL, the application and collectd, each with
everything it writes below one directory."""
import os
import pathlib
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile

import psycopg2

from children import Child, Failed, sweep, wait_until

HERE = pathlib.Path(__file__).resolve().parent
PROJECT = HERE.parents[1]
LONGEST_SOCKET = 107 - len("/postgresql/.s.PGSQL.5432.lock")


class Place:
    """The demo's directory: the root of a small file system of its own, in
    which USER can write only what servers write."""

    WRITTEN = ["postgresql", "run/collectd", "var/lib", "var/lib/collectd", "var/log/trading",
               "var/log/collectd"]

    root = user = None

    def make(self, user):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="resource-alert-demo.",
                                                  dir=self.base(user)))
        self.user = user
        for name in self.WRITTEN:
            directory = self.root / name
            directory.mkdir(parents=True, exist_ok=True)
            directory.chmod(0o700)
            if os.getuid() == 0:
                os.chown(directory, user.pw_uid, user.pw_gid)
        if os.getuid() == 0:
            self.root.chmod(0o711)

    @staticmethod
    def base(user):
        """A directory that USER can reach, that plugins can be loaded from, and
        that leaves room for a socket's name."""
        for candidate in [tempfile.gettempdir(), "/tmp", "/var/tmp", PROJECT / "build"]:
            path = pathlib.Path(candidate).resolve()
            is_reachable = os.getuid() == user.pw_uid or all(
                step.stat().st_mode & stat.S_IXOTH for step in [path, *path.parents])
            is_short = len(str(path)) + len("/resource-alert-demo.12345678") < LONGEST_SOCKET
            may_execute = not os.statvfs(path).f_flag & os.ST_NOEXEC
            is_plain = re.fullmatch(r"[\w./+-]+", str(path))  # for collectd -C
            if (is_reachable and is_short and is_plain and may_execute
                    and os.access(path, os.W_OK)):
                return path
        raise Failed("no directory for temporary files: set TMPDIR to one with a short name "
                     f"without blanks, open to {user.pw_name} and not mounted noexec")

    def remove(self):
        if not self.root:
            return
        shutil.rmtree(self.root, ignore_errors=True)
        if self.root.exists():  # a process that was just killed may still have written
            shutil.rmtree(self.root)


def installed_tree(place):
    """Installs the release build below the demo's directory, as `cmake
    --install` would do on the machine."""
    run = subprocess.run(["cmake", "--install", PROJECT / "build/release"],
                         env={**os.environ, "DESTDIR": str(place.root)},
                         capture_output=True, text=True, check=False)
    if run.returncode:
        raise Failed(f"cmake --install failed\n{run.stderr}")


class Server:
    """A process that is started once and stopped once."""

    child = None

    def stop(self):
        if self.child:
            self.child.stop()


class PostgreSQL(Server):
    """A server of our own on a unix socket."""

    def __init__(self, place):
        self.place = place
        self.socket = place.root / "postgresql"
        self.data = place.root / "var/lib/postgresql"
        self.log = place.root / "var/log/postgresql.log"
        servers = pathlib.Path("/usr/lib/postgresql").glob("*/bin/postgres")
        installed = [path.parent for path in servers]
        if not installed:
            raise Failed("PostgreSQL is not installed")
        self.binaries = max(installed, key=lambda path: int(path.parent.name))

    def start(self):
        self.run("initdb", "-D", self.data, "-U", "postgres", "--auth=trust", "--no-sync",
                 "--encoding=UTF8", "--locale=C.UTF-8").wait()
        self.child = self.run(
            "postgres", "-D", self.data, "-k", self.socket, "-c", "listen_addresses=",
            "-c", "dynamic_shared_memory_type=mmap", "-c", "fsync=off",
            "-c", "unix_socket_permissions=0700",
            stop=signal.SIGINT, orphaned=signal.SIGQUIT)
        wait_until(self.answers, "PostgreSQL answers", [self.child])
        self.sql("CREATE ROLE trading LOGIN")
        self.sql("CREATE DATABASE trading OWNER trading")
        self.sql("CREATE ROLE collectd LOGIN")
        self.sql("GRANT pg_monitor TO collectd")

    def run(self, program, *arguments, **options):
        return Child("PostgreSQL", [self.binaries / program, *arguments], self.place.user,
                     self.place.root, self.log, **options)

    def connect(self):
        return psycopg2.connect(host=str(self.socket), user="postgres", dbname="postgres",
                                connect_timeout=5)

    def answers(self):
        try:
            self.connect().close()
            return True
        except psycopg2.OperationalError:
            return False

    def sql(self, statement):
        connection = self.connect()
        connection.autocommit = True
        connection.cursor().execute(statement)
        connection.close()


class Application(Server):
    """application.py as its own process; it reports on its standard output."""

    def __init__(self, place, database):
        self.place, self.database = place, database
        self.log = place.root / "var/log/trading/trading.log"
        self.switches = place.root / "run/collectd/switches"

    def start(self):
        program = self.place.root / "application.py"
        shutil.copyfile(HERE / "application.py", program)
        program.chmod(0o644)
        self.child = Child(
            "the application",
            [sys.executable, "-B", program, "--log", self.log, "--switches", self.switches,
             "--database", f"postgresql://trading@/trading?host={self.database.socket}"],
            self.place.user, self.place.root, self.place.root / "var/log/trading.err",
            stdout=subprocess.PIPE)
        os.set_blocking(self.child.process.stdout.fileno(), False)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


class Collectd(Server):
    """The stock daemon with our plugins and the samples of conf.d."""

    MAIN = """\
Hostname "demo"
BaseDir "{root}/var/lib/collectd"
Interval 1
PluginDir "/usr/lib/collectd"
LoadPlugin logfile
<Plugin logfile>
  LogLevel "info"
  File "stdout"
</Plugin>
LoadPlugin unixsock
<Plugin unixsock>
  SocketFile "{socket}"
  SocketGroup "{group}"
  SocketPerms "0600"
</Plugin>
PluginDir "{root}/usr/lib/collectd"
Include "{root}/etc/collectd/collectd.conf.d/*.conf"
"""

    def __init__(self, place, group):
        self.place, self.group = place, group
        self.log = place.root / "var/log/collectd/collectd.log"
        self.socket = place.root / "run/collectd/unixsock"
        self.journal = place.root / "var/log/collectd/resource_alert.jsonl"
        self.control = place.root / "run/collectd/control"
        self.page = f"127.0.0.1:{free_port()}"

    def start(self):
        main = self.place.root / "etc/collectd/collectd.conf"
        main.write_text(self.MAIN.format(root=self.place.root, socket=self.socket,
                                         group=self.group))
        self.child = Child("collectd", ["/usr/sbin/collectd", "-f", "-C", main],
                           self.place.user, self.place.root, self.log)
        wait_until(self.socket.exists, "collectd answers", [self.child])


def stop_all(servers, place):
    """Ends the servers in reverse order and all processes that they left behind."""
    for server in reversed(servers):
        server.stop()
    sweep()
    place.remove()
