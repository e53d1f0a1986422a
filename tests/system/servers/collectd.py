# SPDX-License-Identifier: MIT
"""A stock collectd with our plugins, its values, its log, its notifications."""
import math
import re
import socket
import time

from servers import build, sanitizer
from servers.server import Server, tail

HOST = "testhost"
READY = "Initialization complete, entering read-loop."


class Collectd(Server):
    name = "collectd"

    def __init__(self, directory):
        super().__init__(directory)
        self.interval = 1
        # Several would take the values of one series out of order.
        self.write_threads = 1
        self.types = list(build.TYPES)
        self.globals = []  # further lines for the head of collectd.conf
        self.prefix = []  # words before the command: ["unshare", "-n"]
        self.log_level = "info"
        self.keeps_values = True  # in files of the csv plugin, for value() and history()
        self.configuration = self.directory / "collectd.conf"
        self.socket = self.directory / "unixsock"
        self.output = self.directory / "log"
        self.csv = self.directory / "csv"
        self.environment.update(sanitizer.environment(self.directory))
        self._blocks = []
        self._plugin_dir = None

    # Before start.

    def load(self, plugin, options=None):
        """Loads PLUGIN, ours or collectd's own, with OPTIONS, the inside of its
        <Plugin> block. A second call for a plugin adds a second block."""
        self._use_plugins_of(_home_of(plugin))
        self._blocks.append(f"LoadPlugin {plugin}")
        if options is not None:
            self._blocks.append(f"<Plugin {plugin}>\n{options}\n</Plugin>")
        return self

    def include(self, snippet, substitute=(), on=False):
        """Takes a file of conf.d as it is installed, but for the (old, new)
        pairs in SUBSTITUTE, each of which must be there; ON takes the # off
        the options that it shows as comments."""
        text = (build.SOURCE / "conf.d" / snippet).read_text(encoding="utf-8")
        if on:
            text = re.sub(r"^(\s*)#(?=[A-Z<])", r"\1", text, flags=re.M)
        for old, new in substitute:
            assert old in text, f"{snippet} has no {old!r}"
            text = text.replace(old, str(new))
        loaded = re.findall(r"^\s*<?LoadPlugin\s+\"?(\w+)", text, re.M)
        self._use_plugins_of(_home_of(loaded[0]) if loaded else build.PLUGINS)
        self._blocks.append(text)
        return self

    def write(self, text):
        """Adds TEXT to collectd.conf."""
        self._blocks.append(text)
        return self

    def forget(self):
        """Drops all that was loaded, for a start with another configuration."""
        self._blocks = []
        self._plugin_dir = None
        return self

    # Running.

    def start(self):
        self.output.write_text("", encoding="utf-8")
        return super().start()

    def stop(self, within=20, exit_code=0):
        """Stops the daemon; it must end in time and with the exit code."""
        self.stop_within = within
        code = super().stop()
        self.check_sanitizer()
        assert code == exit_code, f"collectd ended with {code}\n{self.explain()}"
        return code

    def refuses_to_start(self, within=20):
        """Starts with a configuration that must be refused. Returns the log,
        whose lines say why."""
        self.output.write_text("", encoding="utf-8")
        self.launch()
        code = self.wait(within)
        self.check_sanitizer()
        assert code != 0, f"collectd took the configuration\n{self.explain()}"
        assert code > 0, f"collectd died of signal {-code}\n{self.explain()}"
        return self.log

    def close(self):
        super().close()
        self.check_sanitizer()

    def check_sanitizer(self):
        told = sanitizer.reports(self.directory, self.log)
        assert told == "", f"the sanitizer reports:\n{told}"

    # What it says.

    @property
    def log(self):
        """All lines of the log since start()."""
        if not self.output.exists():
            return []
        return self.output.read_text(encoding="utf-8", errors="replace").splitlines()

    def log_lines(self, pattern):
        """The lines of the log in which the regular expression is found."""
        return [line for line in self.log if re.search(pattern, line)]

    def notifications(self, **fields):
        """Notifications seen so far as dicts (severity, host, plugin,
        plugin_instance, type, type_instance, message), filtered by FIELDS."""
        seen = [_notification(line) for line in self.log_lines(r"Notification: severity = ")]
        return [one for one in seen
                if all(one.get(key) == wanted for key, wanted in fields.items())]

    # Values. A name is [host/]plugin[-instance]/type[-instance].

    def value(self, name, source=None):
        """The latest value of NAME as the plugin dispatched it (a counter as a
        total, not a rate); NaN where there is none yet. SOURCE names one of
        several data sources."""
        history = self.history(name)
        if not history:
            return math.nan
        row = history[-1]
        return row[source] if source else next(v for k, v in row.items() if k != "epoch")

    def history(self, name):
        """All values of NAME, oldest first: {"epoch": time, SOURCE: value, ...}."""
        host, plugin, kind = _split(name)
        rows = []
        dated = re.compile(re.escape(kind) + r"-\d{4}-\d\d-\d\d$")
        directory = self.csv / host / plugin
        files = sorted(directory.iterdir()) if directory.is_dir() else []
        for file in files:
            if dated.match(file.name):
                rows += _csv_rows(file.read_text(encoding="utf-8"))
        return rows

    def has_value(self, name):
        return bool(self.history(name))

    def names(self):
        """The name, without host, of every series that was dispatched."""
        return sorted({f"{file.parent.name}/{re.sub(r'-[0-9-]{10}$', '', file.name)}"
                       for file in self.csv.glob("*/*/*")})

    def rate(self, name, source="value"):
        """What the daemon's cache holds for NAME: for a counter its rate."""
        lines = self.ask(f'GETVAL "{"/".join(_split(name))}"')
        found = dict(line.split("=") for line in lines[1:])
        return float(found[source]) if source in found else math.nan

    def put_value(self, name, *values, at=None, interval=None, host=HOST):
        """Dispatches VALUES as NAME, now or at the given time. A name with two
        slashes brings its own host."""
        if name.count("/") == 1:
            name = f"{host}/{name}"
        moment = "N" if at is None else f"{at:.3f}"
        numbers = ":".join("U" if value is None else repr(value) for value in values)
        self._do(f'PUTVAL "{name}" interval={interval or self.interval} {moment}:{numbers}')

    def put_notification(self, severity, message, host=HOST, at=None, meta=None, **fields):
        """Dispatches a notification; META adds fields of text."""
        words = [f"severity={severity}", f"time={at or time.time():.3f}", f"host={host}"]
        words += [f"{key}={value}" for key, value in fields.items()]
        words += [f's:{key}="{value}"' for key, value in (meta or {}).items()]
        escaped = message.replace("\\", "\\\\").replace('"', '\\"')
        self._do(f'PUTNOTIF {" ".join(words)} message="{escaped}"')

    def ask(self, request):
        """Sends a line to the unixsock plugin; returns the lines of the answer."""
        with socket.socket(socket.AF_UNIX) as peer:
            peer.settimeout(5)
            peer.connect(str(self.socket))
            with peer.makefile("rw", encoding="utf-8") as stream:
                stream.write(f"{request}\n")
                stream.flush()
                status = stream.readline().strip()
                if not status:
                    raise ConnectionResetError(f"collectd ended before it answered {request}")
                count = max(0, int(status.split()[0]))
                return [status] + [stream.readline().strip() for _ in range(count)]

    def _do(self, request):
        status = self.ask(request)[0]
        assert not status.startswith("-"), f"{request}: {status}"

    # For Server.

    def prepare(self):
        types = "\n".join(f'TypesDB "{path}"' for path in self.types)
        further = "\n".join(self.globals)
        blocks = "\n\n".join(self._blocks)
        values = f"""\
LoadPlugin csv
<Plugin csv>
  DataDir "{self.csv}"
  StoreRates false
</Plugin>""" if self.keeps_values else ""
        self.configuration.write_text(f"""\
Hostname "{HOST}"
FQDNLookup false
BaseDir "{self.directory}"
PIDFile "{self.directory}/pid"
Interval {self.interval}
WriteThreads {self.write_threads}
{types}
{further}
PluginDir "{build.STOCK_PLUGINS}"
LoadPlugin logfile
<Plugin logfile>
  LogLevel "{self.log_level}"
  File "{self.output}"
  Timestamp true
  PrintSeverity true
</Plugin>
LoadPlugin unixsock
<Plugin unixsock>
  SocketFile "{self.socket}"
  SocketPerms "0666"
  DeleteSocket true
</Plugin>
{values}
{blocks}
""", encoding="utf-8")

    def command(self):
        return [*self.prefix, "collectd", "-f", "-C", self.configuration]

    def is_ready(self):
        return any(READY in line for line in self.log) and self._listens()

    def _listens(self):
        # The socket is there a moment before it listens.
        try:
            self.ask("LISTVAL")
        except OSError:
            return False
        return True

    def explain(self):
        told = "\n".join(str(one) for one in self.notifications()[-10:])
        return (f"--- {self.configuration}\n--- series: {', '.join(self.names())}\n"
                f"--- last notifications\n{told}\n--- end of {self.output}\n{tail(self.output)}")

    def _use_plugins_of(self, directory):
        # collectd searches one directory at a time, the last one named.
        if directory != self._plugin_dir:
            self._plugin_dir = directory
            self._blocks.append(f'PluginDir "{directory}"')


def _home_of(plugin):
    is_ours = (build.PLUGINS / f"{plugin}.so").exists()
    return build.PLUGINS if is_ours else build.STOCK_PLUGINS


def _split(name):
    parts = name.split("/")
    return parts if len(parts) == 3 else [HOST, *parts]


def _csv_rows(text):
    lines = text.splitlines()
    # The last line may be half written.
    if not text.endswith("\n"):
        lines = lines[:-1]
    if not lines:
        return []
    names = lines[0].split(",")
    return [dict(zip(names, map(float, line.split(",")))) for line in lines[1:]]


def _notification(line):
    """A line of collectd's logfile plugin, which ends in message = TEXT."""
    head, _, message = line.partition("Notification: ")[2].partition("message = ")
    fields = dict(re.findall(r"(\w+) = (.*?)(?:, |$)", head.rstrip(" ,")))
    return {**fields, "message": message}
