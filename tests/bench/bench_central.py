# SPDX-License-Identifier: MIT
"""1,000 hosts send 20 values each, encrypted, to a central collectd. It evaluates
the rules of the sample configuration. A second central collectd with the threshold
plugin receives the same datagrams. The hosts are two stock collectds that get the
values through their sockets and forward them to both. In turn, one sends each
datagram to ours first, and the other sends it to the peer first, because the
collectd that receives a datagram first needs up to a fifth more time for it."""
import pathlib
import re
import socket
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "system")]

from monitors import Monitor, collectd_head, go_on_alone, table_as_installed  # noqa: E402
from servers import build, ports  # noqa: E402
from servers.waiting import wait_until  # noqa: E402

HOSTS = [f"host{number}.example.org" for number in range(1000)]
BREACHING = "session_log-trading/log_rate-errors"
SERIES = ["statgrab-memory/percent-used", "dbpool-trading/percent-used", "dbpool-trading/current_connections-leaked",
          "session_log-trading/current_sessions-leaked", *(f"statgrab-interface-eth{i}/gauge-speed" for i in range(15)),
          BREACHING]
ROUNDS = 6
A_SECOND = 20000  # values; with many more a datagram finds the receiver's buffer full

STOCK = """
LoadPlugin threshold
<Plugin threshold>
  <Plugin "statgrab">
    Instance "memory"
    <Type "percent">
      Instance "used"
      WarningMax 80
    </Type>
  </Plugin>
  <Plugin "dbpool">
    <Type "percent">
      Instance "used"
      WarningMax 80
      FailureMax 95
    </Type>
    <Type "current_connections">
      Instance "leaked"
      WarningMax 0
    </Type>
  </Plugin>
  <Plugin "session_log">
    <Type "current_sessions">
      Instance "leaked"
      WarningMax 0
    </Type>
    <Type "log_rate">
      Instance "errors"
      FailureMax 10
    </Type>
  </Plugin>
</Plugin>
"""


class Daemon(Monitor):
    """A collectd with a socket and BLOCKS."""

    def __init__(self, directory, blocks):
        super().__init__(directory)
        self.blocks = blocks

    def commands(self):
        yield "collectd", "-f", "-C", self.write("collectd.conf", f"""\
{collectd_head(self.directory)}
Interval 10
WriteThreads 1
LoadPlugin unixsock
<Plugin unixsock>
  SocketFile "{self.directory}/socket"
</Plugin>
{self.blocks}
""")

    def connect(self):
        """Its socket, for commands and answers."""
        peer = socket.socket(socket.AF_UNIX)
        wait_until(lambda: peer.connect_ex(f"{self.directory}/socket") == 0, within=20)
        return peer.makefile("rw", encoding="utf-8")


class Central(Daemon):
    """Receives values, evaluates them, logs each notification."""

    def __init__(self, directory, users, evaluation):
        self.port = ports.allocate()
        super().__init__(directory, f"""
LoadPlugin network
<Plugin network>
  <Listen "127.0.0.1" "{self.port}">
    SecurityLevel "Encrypt"
    AuthFile "{users}"
  </Listen>
</Plugin>
LoadPlugin logfile
<Plugin logfile>
  LogLevel "notice"
</Plugin>
{evaluation}""")

    def received(self, clock):
        """How many of the hosts' values of that time it has."""
        with self.connect() as stream:
            stream.write("LISTVAL\n")
            stream.flush()
            lines = [stream.readline() for _ in range(int(stream.readline().split()[0]))]
        return sum(line.startswith(f"{clock}.000 host") for line in lines)

    def spent_us(self):
        """CPU of its threads, without those that answer on the socket and end."""
        total = 0
        for task in pathlib.Path(f"/proc/{self.processes[0].pid}/task").iterdir():
            try:
                total += int((task / "schedstat").read_text(encoding="utf-8").split()[0])
            except OSError:
                pass
        return total / 1e3

    def failures(self):
        """How many failures it has notified so far."""
        log = self.directory / "log"
        return log.read_text(encoding="utf-8").count("Notification: severity = FAILURE") if log.exists() else 0


def ours(directory):
    return f"""
PluginDir "{build.PLUGINS}"
LoadPlugin resource_alert
<Plugin resource_alert>
  PublishSeries false
</Plugin>
{re.sub("For [0-9]+", "For 0", table_as_installed(directory))}"""


class Hosts(Daemon):
    """All hosts as one daemon: it forwards what it receives."""

    def __init__(self, directory, centrals):
        servers = "".join(f"""
  <Server "127.0.0.1" "{one.port}">
    SecurityLevel "Encrypt"
    Username "agents"
    Password "secret"
  </Server>""" for one in centrals)
        super().__init__(directory, f"""
<LoadPlugin network>
  FlushInterval 1
</LoadPlugin>
<Plugin network>{servers}
</Plugin>""")

    def send(self, names, value, clock):
        """A value of each of NAMES of each host, with the time CLOCK."""
        begun, sent = time.monotonic(), 0
        with self.connect() as stream:
            for host in HOSTS:
                stream.writelines(f'PUTVAL "{host}/{name}" interval=10 {clock}:{value}\n' for name in names)
                stream.flush()
                for _ in names:
                    assert stream.readline().startswith("0 ")
                sent += len(names)
                time.sleep(max(0, begun + sent / A_SECOND - time.monotonic()))


def figures(directory):
    """(what, unit, ours, peer) of each thing measured."""
    users = directory / "users"
    users.write_text("agents: secret\n", encoding="utf-8")
    both = [Central(directory / "ours", users, ours(directory)), Central(directory / "stock", users, STOCK)]
    hosts = [Hosts(directory / "forward", both), Hosts(directory / "backward", both[::-1])]
    for one in (*both, *hosts):
        one.start()
    clock = int(time.time()) - 10 * (ROUNDS + 3)
    for one in hosts:
        clock += 10
        one.send(SERIES, 0, clock)
    settle(both, clock)
    before = [one.spent_us() for one in both]
    for turn in range(ROUNDS):
        clock += 10
        hosts[turn % 2].send(SERIES, 0, clock)
    settle(both, clock)
    values = ROUNDS * len(HOSTS) * len(SERIES)
    spent = [(one.spent_us() - start) / values for one, start in zip(both, before)]
    yield "a value received, deciphered and judged", "us CPU", *spent
    yield "resident memory, 20,000 series", "MiB", *(one.memory_mib() for one in both)
    begun = time.monotonic()
    hosts[0].send([BREACHING], 11, clock + 10)
    yield "1,000 hosts breach at once, all told", "ms", *((at - begun) * 1e3 for at in when_all_are_notified(both))


def settle(daemons, clock):
    """Until all have the last value of each series."""
    for one in daemons:
        wait_until(lambda: one.received(clock) == len(HOSTS) * len(SERIES), within=30,
                   explain=lambda: f"{one.received(clock)} arrived")


def when_all_are_notified(daemons):
    at = [None] * len(daemons)

    def look():
        for number, one in enumerate(daemons):
            if at[number] is None and one.failures() == len(HOSTS):
                at[number] = time.monotonic()
        return all(at)

    wait_until(look, within=30, explain=lambda: str([one.failures() for one in daemons]))
    return at


def main():
    go_on_alone()
    with tempfile.TemporaryDirectory(prefix="bench.") as name:
        pathlib.Path(name).chmod(0o755)
        for what, unit, first, second in figures(pathlib.Path(name)):
            print(f"{what}, peer: threshold", unit, f"{first:.2f}", f"{second:.2f}", sep="\t")


if __name__ == "__main__":
    main()
