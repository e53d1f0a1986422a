# SPDX-License-Identifier: MIT
"""Fixtures of the system tests: real servers, owned by one test each.

A test names what it needs and reads as a sentence:

    def test_memory_is_measured(collectd):
        collectd.load("statgrab").start()
        collectd.expect(lambda: collectd.value("statgrab-memory/percent-used") > 0)

The directory of a failed test is kept and its name printed."""
import contextlib
import os
import pathlib
import shutil
import sys
import tempfile

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from machines import Machine  # noqa: E402
from responding import Responding  # noqa: E402
from servers import namespaces, orphans  # noqa: E402
from servers.carbon import Carbon  # noqa: E402
from servers.collectd import Collectd  # noqa: E402
from servers.etcd import Etcd  # noqa: E402
from servers.graphite_web import GraphiteWeb  # noqa: E402
from servers.haproxy import HAProxy  # noqa: E402
from servers.http_sink import HttpSink  # noqa: E402
from servers.influxdb import InfluxDB  # noqa: E402
from servers.installed import InstalledCollectd, why_not_stock  # noqa: E402
from servers.kubernetes import make_cluster  # noqa: E402
from servers.nginx import Nginx  # noqa: E402
from servers.pgbouncer import PgBouncer  # noqa: E402
from servers.postgresql import PostgreSQL  # noqa: E402
from servers.prometheus import Prometheus  # noqa: E402
from servers.smtp_sink import SmtpSink  # noqa: E402


def pytest_configure():
    orphans.become_subreaper()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.failed:
        item.stash[FAILED] = True


FAILED = pytest.StashKey()


@pytest.fixture
def directory(request):
    """A directory of the test's own; short, since sockets live in it, and open
    to the users that servers run as."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="resource-alert."))
    path.chmod(0o755)
    older = set(orphans.children_of(os.getpid()))
    yield path
    orphans.put_down(known=older)
    if request.node.stash.get(FAILED, False):
        print(f"\nkept: {path}")
    else:
        shutil.rmtree(path)


@contextlib.contextmanager
def counted_as_failure(node):
    """What goes wrong while a test is taken down keeps its directory, too."""
    try:
        yield
    except BaseException:
        node.stash[FAILED] = True
        raise


@pytest.fixture
def new_server(request, directory):
    """Makes servers that are taken down at the end: new_server(Collectd)."""
    made = []

    def make(kind, place=None):
        server = kind(place or directory)
        made.append(server)
        return server

    yield make
    with counted_as_failure(request.node):
        for server in reversed(made):
            server.close()


@pytest.fixture
def collectd(request, new_server):
    """A stock collectd that has our plugins at hand and is not started yet."""
    daemon = new_server(Collectd)
    yield daemon
    with counted_as_failure(request.node):
        if daemon.is_running:
            daemon.stop()


@pytest.fixture
def responding(collectd):
    """That collectd, with responses to a pool's use."""
    return Responding(collectd)


@pytest.fixture
def cluster(request, directory, new_server):
    """The stand-in of Kubernetes; or a real API server, where KUBE_BIN is set."""
    made = make_cluster(request, directory, new_server)
    yield made
    made.close()


@pytest.fixture
def quick(collectd):
    collectd.interval = 0.2


@pytest.fixture
def machine(directory):
    return Machine(directory)


@pytest.fixture(scope="session")
def postgresql_template():
    """An empty cluster, made once: copying it takes a fifth of initdb's time."""
    with tempfile.TemporaryDirectory(prefix="resource-alert.") as path:
        os.chmod(path, 0o755)
        yield PostgreSQL.make_template(path)


@pytest.fixture
def postgresql(new_server, directory, postgresql_template):
    """A running PostgreSQL on a unix socket and a loopback port."""
    server = new_server(lambda place: PostgreSQL(place, postgresql_template))
    return server.start()


@pytest.fixture
def pgbouncer(new_server, postgresql):
    """A PgBouncer in front of `postgresql`, not started yet."""
    return new_server(lambda place: PgBouncer(place, postgresql))


@pytest.fixture
def carbon(new_server):
    """A running carbon-cache."""
    return new_server(Carbon).start()


@pytest.fixture
def graphite_web(new_server, carbon):
    """A running graphite-web over `carbon`."""
    return new_server(lambda place: GraphiteWeb(place, carbon)).start()


@pytest.fixture
def influxdb(new_server):
    """A running InfluxDB."""
    return new_server(InfluxDB).start()


@pytest.fixture
def prometheus(new_server):
    """A running Prometheus that scrapes its target_port."""
    return new_server(Prometheus).start()


@pytest.fixture
def etcd(new_server):
    """A running etcd."""
    return new_server(Etcd).start()


@pytest.fixture
def haproxy(new_server):
    """An HAProxy, not started yet: its `backends` are the test's."""
    return new_server(HAProxy)


@pytest.fixture
def nginx(new_server):
    """An nginx, not started yet: its `server` block is the test's."""
    return new_server(Nginx)


@pytest.fixture
def http_sink():
    """An HTTP server that remembers what it is sent."""
    sink = HttpSink()
    yield sink
    sink.close()


@pytest.fixture
def smtp_sink():
    """A mail server that keeps what it is sent."""
    sink = SmtpSink()
    yield sink
    sink.close()


@pytest.fixture
def installed(new_server):
    """Debian's collectd with the suite installed, not started yet."""
    if namespaces.unshare_mounts() is None:
        pytest.skip("no mount namespaces here: the installation is NOT tested")
    if why := why_not_stock():
        pytest.skip(f"{why}: the installation is NOT tested")
    return new_server(InstalledCollectd)
