# SPDX-License-Identifier: MIT
"""The monitors that bench_peers.py compares, each as Debian packages it, each
reading this machine every second and with one alert: DISK over 80 % full."""
import http.server
import json
import threading
import time

from monitors import Monitor, collectd_head, table_as_installed
from servers import build, ports


class Ours(Monitor):
    breach, calm = '"event":"engage"', '"event":"release"'

    def commands(self):
        name = str(self.disk).strip("/").replace("/", "-")
        yield "collectd", "-f", "-C", self.write("collectd.conf", f"""\
{collectd_head(self.directory)}
PluginDir "{build.PLUGINS}"
LoadPlugin statgrab
<Plugin statgrab>
  <df>
    MountPoint "/" "{self.disk}"
  </df>
</Plugin>
{table_as_installed(self.directory)}
<Plugin resource_alert>
  HelperDir "{build.BUILD}/libexec"
  <Threshold "full">
    Metric "statgrab-df-{name}/percent-used"
    WarningMax 80
  </Threshold>
  <Response "full">
    When "full"
    EngageAfter 0
    ReleaseAfter 0
    <Exec>
      User "nobody"
      Command "{self.hook("$(cat)")}"
    </Exec>
  </Response>
</Plugin>
""")


class Threshold(Monitor):
    """collectd's own plugins: those that read the system, threshold and exec."""

    breach, calm = "Severity: WARNING", "Severity: OKAY"

    def commands(self):
        name = str(self.disk).strip("/").replace("/", "-")
        reading = "".join(f"LoadPlugin {plugin}\n" for plugin in (
            "cpu", "memory", "load", "df", "disk", "interface", "swap", "processes", "users", "uptime", "vmem"))
        yield "collectd", "-f", "-C", self.write("collectd.conf", f"""\
{collectd_head(self.directory)}
{reading}
LoadPlugin threshold
LoadPlugin exec
<Plugin df>
  MountPoint "/"
  MountPoint "{self.disk}"
  ValuesPercentage true
</Plugin>
<Plugin threshold>
  <Plugin "df">
    Instance "{name}"
    <Type "percent_bytes">
      Instance "used"
      WarningMax 80
    </Type>
  </Plugin>
</Plugin>
<Plugin exec>
  NotificationExec "nobody" "{self.hook("$(cat)")}"
</Plugin>
""")


class Monit(Monitor):
    def commands(self):
        hook = self.hook()
        yield "monit", "-I", "-c", self.write("monitrc", f"""\
set daemon 1
set pidfile {self.directory}/pid
set idfile {self.directory}/id
set statefile {self.directory}/state
set log {self.directory}/log
check system bench
  if memory usage > 99% then alert
  if loadavg (5min) > 1000 then alert
check filesystem root with path /
  if space usage > 99% then alert
check filesystem full with path {self.disk}
  if space usage > 80% then exec "{hook} breach" else if succeeded then exec "{hook} calm"
""", mode=0o700)


class Prometheus(Monitor):
    """Prometheus, Alertmanager and node_exporter, all of them at one second."""

    breach, calm = '^[0-9.]+ .*"status": "firing", "alerts"', '^[0-9.]+ .*"status": "resolved", "alerts"'

    def webhook(self):
        """The URL of a receiver that notes when it was called, and with what."""
        told = self.told

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                now = time.time()
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                with told.open("a") as file:
                    file.write(f"{now} {json.dumps(json.loads(body))}\n")
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{server.server_address[1]}/"

    def commands(self):
        web, manager, exporter = (f"127.0.0.1:{ports.allocate()}" for _ in range(3))
        self.write("rules.yml", json.dumps({"groups": [{"name": "disk", "rules": [{
            "alert": "full", "expr": f'100 - 100 * node_filesystem_avail_bytes{{mountpoint="{self.disk}"}}'
                                     " / node_filesystem_size_bytes > 80"}]}]}))
        own = self.write("prometheus.yml", json.dumps({
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"}, "rule_files": ["rules.yml"],
            "alerting": {"alertmanagers": [{"static_configs": [{"targets": [manager]}]}]},
            "scrape_configs": [{"job_name": "node", "static_configs": [{"targets": [exporter]}]}]}))
        routes = self.write("alertmanager.yml", json.dumps({
            "route": {"receiver": "hook", "group_wait": "0s", "group_interval": "1s"},
            "receivers": [{"name": "hook", "webhook_configs": [{"url": self.webhook()}]}]}))
        yield "prometheus-node-exporter", f"--web.listen-address={exporter}", "--no-collector.systemd"
        yield ("prometheus-alertmanager", f"--config.file={routes}", f"--web.listen-address={manager}",
               "--cluster.listen-address=", f"--storage.path={self.directory}/alertmanager")
        yield ("prometheus", f"--config.file={own}", f"--web.listen-address={web}",
               f"--storage.tsdb.path={self.directory}/data")


class Netdata(Monitor):
    breach, calm = " WARNING CLEAR ", " CLEAR WARNING "  # new and old

    def commands(self):
        # The default directories are the machine's own.
        names = ("config", "cache", "lib", "log", "home")
        for name in names:
            (self.directory / name).mkdir()
        places = "\n".join(f"{name} = {self.directory / name}" for name in names)
        self.write("config/health.d/full.conf", f"""\
template: full
      on: disk.space
families: {self.disk}
    calc: $used * 100 / ($avail + $used)
   every: 1s
    warn: $this > 80
    exec: {self.hook()}
""")
        yield "netdata", "-D", "-c", self.write("netdata.conf", f"""\
[global]
run as user = root
[directories]
{places}
[db]
update every = 1
[health]
run at least every seconds = 1
script to execute on alarm = /bin/true
[web]
bind to = 127.0.0.1:{ports.allocate()}
[plugin:proc:diskspace]
check for new mount points every = 1
""")


PROGRAMS = ("monit", "prometheus", "prometheus-alertmanager", "prometheus-node-exporter", "netdata")
PEERS = {"threshold and exec": Threshold, "Monit": Monit,
         "Prometheus, Alertmanager, node_exporter": Prometheus, "Netdata": Netdata}
