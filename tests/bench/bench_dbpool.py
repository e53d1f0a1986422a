# SPDX-License-Identifier: MIT
"""dbpool: the cost of a read for the client and for the server. It is compared
with a bare query for the same rows, with collectd's own postgresql plugin, and with
prometheus-postgres-exporter."""
import contextlib
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "system"))

from servers import orphans  # noqa: E402
from servers.collectd import Collectd  # noqa: E402
from servers.postgresql import PostgreSQL  # noqa: E402
from servers.server import Server  # noqa: E402

READER = pathlib.Path(os.environ["PROJECT_BUILD"]) / "bench/reader_dbpool"
BACKENDS = [30, 300, 1000]
READS = 60


def row(what, unit, ours, peer=None):
    print(what, unit, f"{ours:.4f}", "-" if peer is None else f"{peer:.4f}", sep="\t", flush=True)


def fill(postgresql, sessions, count):
    while len(sessions) < count:
        sessions.append(postgresql.connect(application_name=f"bench-{len(sessions) % 50}"))


def reads(postgresql):
    """Milliseconds: one pool, fifty pools, the bare query, CPU of one pool."""
    words = [READER, postgresql.socket_directory, postgresql.tcp_port, READS]
    result = subprocess.run([str(word) for word in words], check=True, capture_output=True, text=True)
    return map(float, result.stdout.split())


def cpu_ms(*pids):
    """CPU time that the threads of the processes have had."""
    total = 0
    for pid in pids:
        for task in pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat"):
            with contextlib.suppress(OSError):
                total += int(task.read_text(encoding="utf-8").split()[0])
    return total / 1e6


def asked_by(postgresql, application):
    """Process ids of the backends that serve APPLICATION."""
    return [pid for pid, in postgresql.run(
        "SELECT pid FROM pg_stat_activity WHERE application_name LIKE %s", application)]


def cost(client_pid, server_pids, wait_for_reads):
    """CPU milliseconds a read, of the client and of its backends."""
    here, there = cpu_ms(client_pid), cpu_ms(*server_pids)
    count = wait_for_reads()
    return (cpu_ms(client_pid) - here) / count, (cpu_ms(*server_pids) - there) / count


def cost_in_collectd(directory, postgresql, plugin, options, series, application):
    """A stock collectd with one plugin, ten reads a second."""
    daemon = Collectd(directory / plugin)
    daemon.interval = 0.1
    daemon.load(plugin, options).start()
    daemon.expect(lambda: len(daemon.history(series)) > 5, within=30)
    backends = asked_by(postgresql, application)

    def wait_for_reads():
        before = len(daemon.history(series))
        daemon.expect(lambda: len(daemon.history(series)) >= before + READS, within=60)
        return len(daemon.history(series)) - before
    result = cost(daemon.pid, backends, wait_for_reads)
    daemon.stop()
    return result


class Exporter(Server):
    name = "exporter"
    program = "prometheus-postgres-exporter"

    def __init__(self, directory, postgresql):
        super().__init__(directory)
        self.tcp_port = self.port()
        self.environment["DATA_SOURCE_NAME"] = (
            f"user=postgres dbname=postgres host={postgresql.socket_directory}"
            f" port={postgresql.tcp_port} sslmode=disable")

    def command(self):
        return [self.program, f"--web.listen-address=127.0.0.1:{self.tcp_port}"]

    def scrape(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.tcp_port}/metrics") as page:
            return b"pg_up 1" in page.read()

    def is_ready(self):
        try:
            return self.scrape()
        except OSError:
            return False


def cost_of_exporter(directory, postgresql):
    exporter = Exporter(directory, postgresql).start()
    backends = [pid for pid, in postgresql.run(
        "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend'"
        " AND application_name = '' AND pid <> pg_backend_pid()")]

    def wait_for_reads():
        return sum(exporter.scrape() for _ in range(READS))
    result = cost(exporter.pid, backends, wait_for_reads)
    exporter.close()
    return result


def main():
    orphans.become_subreaper()
    directory = pathlib.Path(tempfile.mkdtemp(prefix="bench."))
    directory.chmod(0o755)
    sessions = []
    postgresql = PostgreSQL(directory, PostgreSQL.make_template(directory / "template"))
    postgresql.settings["max_connections"] = 1100
    try:
        postgresql.start()
        for count in BACKENDS:
            fill(postgresql, sessions, count)
            one, fifty, bare, cpu = reads(postgresql)
            row(f"dbpool: a read, {count} backends, beside the bare query", "ms", one, bare)
            row(f"dbpool: fifty pools, {count} backends, beside one pool", "ms", fifty, one)
            row(f"dbpool: CPU of a read, {count} backends", "ms", cpu)
            if count == 300:
                beside_peers(directory, postgresql)
    finally:
        for session in sessions:
            session.close()
        postgresql.close()
        shutil.rmtree(directory)


def beside_peers(directory, postgresql):
    where = (f'Host "{postgresql.socket_directory}"\n Port "{postgresql.tcp_port}"\n'
             ' User "postgres"')
    ours = cost_in_collectd(
        directory, postgresql, "dbpool",
        f'<Pool "bench">\n {where}\n Database "postgres"\n Application "bench-*"\n</Pool>',
        "dbpool-bench/gauge-up", "collectd")
    stock = cost_in_collectd(directory, postgresql, "postgresql",
                             f'<Database "postgres">\n {where}\n</Database>',
                             "postgresql-postgres/pg_numbackends", "collectd%")
    row("dbpool: CPU in collectd a read, beside its postgresql plugin", "ms", ours[0], stock[0])
    row("dbpool: CPU on the server a read, beside its postgresql plugin", "ms", ours[1], stock[1])
    if not shutil.which(Exporter.program):
        print(f"no {Exporter.program}: NOT compared with it", file=sys.stderr)
        return
    exporter = cost_of_exporter(directory, postgresql)
    row("dbpool: CPU of the client a read, beside the exporter", "ms", ours[0], exporter[0])
    row("dbpool: CPU on the server a read, beside the exporter", "ms", ours[1], exporter[1])


if __name__ == "__main__":
    main()
