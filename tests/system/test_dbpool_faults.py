# SPDX-License-Identifier: MIT
"""dbpool: a server that is down, hangs, refuses, is full, is remote, or is no server."""
import contextlib
import os
import signal
import socket
import subprocess
import threading
import time

import pytest
from servers import ports
from servers.application import Application, pool
from servers.namespaces import unshare_mounts
from servers.postgresql import PostgreSQL

POOL = "dbpool-trading"
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: the network is NOT cut")


@pytest.fixture
def collectd(collectd):
    collectd.interval = 0.2
    return collectd


def connections(collectd, name, pool_name=POOL):
    return collectd.value(f"{pool_name}/current_connections-{name}")


def is_up(collectd):
    return collectd.value(f"{POOL}/gauge-up")


def reads_go_on(collectd):
    """The daemon keeps its interval: a value of another plugin arrives."""
    count = len(collectd.history(f"{POOL}/gauge-up"))
    collectd.expect(lambda: len(collectd.history(f"{POOL}/gauge-up")) >= count + 3)


def complaints(collectd):
    return collectd.log_lines(r"\[error\].*dbpool: pool \"trading\"")


def comes_back_within_an_interval(collectd):
    collectd.expect(lambda: is_up(collectd) == 1)
    assert len(collectd.log_lines(r"dbpool: pool \"trading\": answers again after \d+ s")) == 1


def test_a_server_that_is_down(collectd, postgresql):
    collectd.load("dbpool", pool(postgresql)).start()
    collectd.expect(lambda: is_up(collectd) == 1)
    postgresql.stop()
    collectd.expect(lambda: is_up(collectd) == 0)
    reads_go_on(collectd)
    assert len(complaints(collectd)) == 1
    postgresql.start()
    comes_back_within_an_interval(collectd)


def test_a_server_that_hangs(collectd, postgresql):
    collectd.load("dbpool", pool(postgresql)).start()
    collectd.expect(lambda: is_up(collectd) == 1)
    postgresql.pause()
    collectd.expect(lambda: is_up(collectd) == 0)
    reads_go_on(collectd)
    assert len(complaints(collectd)) == 1
    postgresql.resume()
    comes_back_within_an_interval(collectd)


def test_the_postmaster_hangs(collectd, postgresql):
    """Existing sessions continue, and so do the pool's values."""
    collectd.load("dbpool", pool(postgresql)).start()
    collectd.expect(lambda: is_up(collectd) == 1)
    postgresql.pause_postmaster()
    reads_go_on(collectd)
    assert is_up(collectd) == 1
    assert complaints(collectd) == []
    postgresql.resume()


def test_only_our_own_backend_hangs(collectd, postgresql):
    """A new session answers, so only one read is lost."""
    collectd.load("dbpool", pool(postgresql)).start()
    collectd.expect(lambda: is_up(collectd) == 1)
    [(pid,)] = postgresql.run("SELECT pid FROM pg_stat_activity"
                              " WHERE application_name = 'collectd'")
    os.kill(pid, signal.SIGSTOP)
    # A good read may follow the lost one before the test checks.
    collectd.expect(lambda: 0 in [row["value"] for row in collectd.history(f"{POOL}/gauge-up")])
    comes_back_within_an_interval(collectd)
    os.kill(pid, signal.SIGCONT)


def test_a_restart_leaves_no_gap(collectd, postgresql):
    collectd.load("dbpool", pool(postgresql)).start()
    collectd.expect(lambda: is_up(collectd) == 1)
    postgresql.restart()
    reads_go_on(collectd)
    assert is_up(collectd) == 1


def test_a_server_that_refuses(collectd, postgresql):
    collectd.load("dbpool", pool(postgresql, User='"stranger"')).start()
    collectd.expect(lambda: is_up(collectd) == 0)
    reads_go_on(collectd)
    assert len(complaints(collectd)) == 1
    assert 'role "stranger" does not exist' in complaints(collectd)[0]
    postgresql.run("CREATE ROLE stranger LOGIN")
    comes_back_within_an_interval(collectd)


def test_a_full_server(collectd, postgresql):
    postgresql.create_watcher("watcher")
    postgresql.settings.update(max_connections=8, max_wal_senders=0)
    postgresql.restart()
    taken = [postgresql.connect(user="watcher") for _ in range(5)]
    collectd.load("dbpool", pool(postgresql, User='"watcher"')).start()
    collectd.expect(lambda: collectd.value(f"{POOL}/gauge-full") == 1)
    assert is_up(collectd) == 0
    reads_go_on(collectd)
    assert len(complaints(collectd)) == 1
    taken.pop().close()
    collectd.expect(lambda: is_up(collectd) == 1)
    # Now its own session takes the last place.
    collectd.expect(lambda: connections(collectd, "headroom") == 0)
    collectd.expect(lambda: collectd.value(f"{POOL}/gauge-full") == 1)
    taken.pop().close()
    collectd.expect(lambda: collectd.value(f"{POOL}/gauge-full") == 0)
    collectd.expect(lambda: connections(collectd, "headroom_server") == 1)


# A server that moves.

def test_a_standby_is_watched_and_promoted(collectd, new_server, postgresql_template):
    primary = new_server(lambda place: PostgreSQL(place / "primary", postgresql_template))
    primary.settings.update(wal_level="replica", max_wal_senders=4)
    primary.start()
    primary.stop()
    standby = new_server(lambda place: PostgreSQL(place, postgresql_template)).follow(primary)
    primary.start()
    standby.start()
    primary.run("CREATE ROLE streamed")
    standby.expect(lambda: standby.run("SELECT 1 FROM pg_roles WHERE rolname = 'streamed'"))
    application = Application(standby)
    application.work(2)
    collectd.load("dbpool", pool(standby, Timeout=5)).start()
    collectd.expect(lambda: connections(collectd, "checked_out") == 2)
    standby.promote()
    standby.expect(lambda: standby.run("SELECT pg_is_in_recovery()") == [(False,)])
    reads_go_on(collectd)
    assert {row["value"] for row in collectd.history(f"{POOL}/gauge-up")} == {1}
    application.close()


def test_a_server_that_recovers(collectd, postgresql):
    """A killed server first replays its log: "the database system is starting up"."""
    collectd.load("dbpool", pool(postgresql)).start()
    collectd.expect(lambda: is_up(collectd) == 1)
    postgresql.run("CREATE TABLE filled AS SELECT generate_series(1, 200000)")
    postgresql.kill()
    collectd.expect(lambda: is_up(collectd) == 0)
    postgresql.start()
    comes_back_within_an_interval(collectd)


# A remote server.

@contextlib.contextmanager
def far_away(postgresql):
    """A network between collectd and the server; yields its address, the words
    to put before a command, and functions that cut and restore the network."""
    here, there, space = "169.254.213.1", "169.254.213.2", f"far{os.getpid()}"
    near, far = f"vn{os.getpid()}", f"vf{os.getpid()}"

    # ip's own -n and netns exec mount things, which a chroot does not allow.
    there_too = ["nsenter", f"--net=/run/netns/{space}"]

    def ip(*words, within=()):
        subprocess.run([*within, "ip", *words], check=True)

    postgresql.stop()
    ip("netns", "add", space)
    try:
        ip("link", "add", near, "type", "veth", "peer", far, "netns", space)
        ip("address", "add", f"{here}/30", "dev", near)
        ip("link", "set", near, "up")
        ip("address", "add", f"{there}/30", "dev", far, within=there_too)
        ip("link", "set", far, "up", within=there_too)
        postgresql.settings["listen_addresses"] = f"127.0.0.1,{here}"
        with (postgresql.data / "pg_hba.conf").open("a", encoding="utf-8") as file:
            file.write(f"host all all {there}/32 trust\n")
        postgresql.start()
        # An unused hardware address: packets leave and never arrive.
        yield (here, there_too,
               lambda: ip("neighbour", "replace", here, "lladdr", "02:00:00:00:00:01",
                          "dev", far, "nud", "permanent", within=there_too),
               lambda: ip("neighbour", "delete", here, "dev", far, within=there_too))
    finally:
        subprocess.run(["ip", "link", "delete", near], check=False)
        ip("netns", "delete", space)


@needs_root
def test_a_network_that_is_cut(collectd, postgresql):
    with far_away(postgresql) as (address, words, cut, mend):
        collectd.prefix = words
        collectd.load("dbpool", pool(postgresql, Host=f'"{address}"', SSLMode='"prefer"')).start()
        collectd.expect(lambda: is_up(collectd) == 1)
        cut()
        collectd.expect(lambda: is_up(collectd) == 0)
        reads_go_on(collectd)
        assert len(complaints(collectd)) == 1
        mend()
        comes_back_within_an_interval(collectd)
        collectd.stop()


class NameServer:
    """Answers no query while is_slow is set; then each with one address."""

    def __init__(self, address="127.213.0.53"):
        self.address = address
        self.is_slow = True
        self.peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.peer.bind((address, 53))
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                question, asker = self.peer.recvfrom(512)
                if not self.is_slow:
                    self.peer.sendto(self._answer(question), asker)

    @staticmethod
    def _answer(question):
        name_end = question.index(b"\0", 12) + 1
        is_a = question[name_end:name_end + 2] == b"\0\1"
        head = question[:2] + b"\x81\x80\0\1" + (b"\0\1" if is_a else b"\0\0") + bytes(4)
        address = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\x7f\0\0\1" if is_a else b""
        return head + question[12:name_end + 4] + address

    def close(self):
        self.peer.close()


@needs_root
def test_names_that_are_looked_up_slowly(collectd, postgresql, directory):
    names = NameServer()
    resolver = directory / "resolv.conf"
    resolver.write_text(f"nameserver {names.address}\noptions timeout:1 attempts:30\n",
                        encoding="utf-8")
    # A shell does not run under ThreadSanitizer, so the library waits.
    collectd.prefix = ["env", "--unset=LD_PRELOAD", *unshare_mounts(), "sh", "-c",
                       f'mount --bind {resolver} /etc/resolv.conf'
                       ' && exec env LD_PRELOAD="$0" "$@"',
                       collectd.environment.get("LD_PRELOAD", "")]
    near = pool(postgresql, name="near", Timeout=5)
    far = pool(postgresql, Host='"db.example"', SSLMode='"prefer"')
    collectd.load("dbpool", f"{near}\n{far}").start()
    collectd.expect(lambda: is_up(collectd) == 0)
    reads_go_on(collectd)
    assert len(complaints(collectd)) == 1
    # The other pool was not delayed.
    assert {row["value"] for row in collectd.history("dbpool-near/gauge-up")} == {1}
    names.is_slow = False
    comes_back_within_an_interval(collectd)
    names.close()


# Not a server.

class Impostor:
    """Accepts connections and sends BYTES to each after its first request."""

    def __init__(self, *answers):
        self.answers = answers
        self.peer = socket.create_server(("127.0.0.1", ports.allocate()))
        self.tcp_port = self.peer.getsockname()[1]
        self.socket_directory = "127.0.0.1"
        self.taken = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                session = self.peer.accept()[0]
                self.taken.append(session)
                threading.Thread(target=self._talk, args=[session], daemon=True).start()

    def _talk(self, session):
        with contextlib.suppress(OSError):
            for answer in self.answers:
                session.recv(65536)
                session.sendall(answer)

    def close(self):
        self.peer.close()
        for session in self.taken:
            session.close()


def message(kind, body):
    return kind + (len(body) + 4).to_bytes(4, "big") + body


HELLO = (message(b"R", bytes(4)) + message(b"S", b"server_version\x0015.4\0")
         + message(b"K", bytes(8)) + message(b"Z", b"I"))
ROW = message(b"T", b"\0\1x\0" + bytes(18)) + message(b"D", b"\0\1\0\0\0\1%")


GARBAGE = [
    [b"HTTP/1.1 400 Bad Request\r\n\r\n"],
    [bytes(range(256)) * 64],
    [b"E\xff\xff\xff\xff"],
    [b""],
    [message(b"R", b"\0\0\0\7")],
    [HELLO, b"\xff" * 4096],
    [HELLO, message(b"D", b"\0\1\0\0\0\1%")],
    [HELLO, message(b"T", b"\x7f\xff")],
    [HELLO, message(b"G", b"\0\0\0") + message(b"Z", b"I")],
    [HELLO, message(b"H", b"\0\0\0") + message(b"d", b"x") * 100],
    [HELLO, ROW + message(b"C", b"SELECT 1\0") + message(b"Z", b"I")],
    [HELLO, (ROW + message(b"C", b"SELECT 1\0")) * 9 + message(b"Z", b"I")],
    [HELLO, message(b"E", b"SFATAL\0C53300\0M%s%n\x1b[2J\0\0") + message(b"Z", b"I")],
    [HELLO, message(b"A", bytes(4) + b"x\0y\0") * 1000],
]


def test_garbage(collectd):
    # The first request is for TLS.
    impostors = [Impostor(b"N", *answers) for answers in GARBAGE]
    collectd.load("dbpool", "\n".join(
        pool(impostor, name=f"fake{number}", Timeout=0.5)
        for number, impostor in enumerate(impostors))).start()
    for number, _ in enumerate(GARBAGE):
        name = f"dbpool-fake{number}/gauge-up"
        collectd.expect(lambda name=name: len(collectd.history(name)) >= 3, within=20)
        assert {row["value"] for row in collectd.history(name)} == {0}
        lines = collectd.log_lines(rf"\[error\].*\"fake{number}\"")
        assert len(lines) == 1, GARBAGE[number]
        assert lines[0].isprintable()
    collectd.expect(lambda: collectd.value("dbpool-fake12/gauge-full") == 1)
    collectd.stop()
    for impostor in impostors:
        impostor.close()


# What is left afterwards.

def test_an_outage_leaves_nothing_open(collectd, postgresql):
    def open_files():
        return len(os.listdir(f"/proc/{collectd.pid}/fd"))

    def threads():
        return len(os.listdir(f"/proc/{collectd.pid}/task"))

    collectd.interval = 0.1
    collectd.load("dbpool", pool(postgresql, Timeout=0.1)).start()
    collectd.expect(lambda: is_up(collectd) == 1)
    files, tasks = open_files(), threads()
    for _ in range(3):
        postgresql.pause()
        collectd.expect(lambda: is_up(collectd) == 0)
        count = len(collectd.history(f"{POOL}/gauge-up"))
        collectd.expect(lambda: len(collectd.history(f"{POOL}/gauge-up")) >= count + 15)
        postgresql.resume()
        collectd.expect(lambda: is_up(collectd) == 1)
    collectd.expect(lambda: open_files() <= files)
    collectd.expect(lambda: threads() <= tasks)
    left = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'collectd'"
    postgresql.expect(lambda: postgresql.run(left) == [(1,)])


def test_collectd_stops_beside_a_server_that_hangs(collectd, postgresql):
    collectd.interval = 4
    collectd.load("dbpool", pool(postgresql, Timeout=60)).start()
    collectd.expect(lambda: is_up(collectd) == 1)
    next_read = time.monotonic() + collectd.interval
    postgresql.pause()
    collectd.expect(lambda: time.monotonic() > next_read + 0.1)  # that read is waiting now
    collectd.stop(within=2)
