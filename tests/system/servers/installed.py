# SPDX-License-Identifier: MIT
"""Debian's own collectd with this suite really installed: cmake --install, then
the stock collectd.conf, all in a private mount namespace in which /usr, /etc
and /var are layers over the machine's own, which stays as it is."""
import hashlib
import pathlib
import shlex
import subprocess

from servers import build, namespaces, sanitizer
from servers.server import Server

STOCK = pathlib.Path("/etc/collectd")
LAYERS = ("usr", "etc", "var")


def why_not_stock():
    """Why Debian's configuration of collectd is not to be had here, or ""."""
    listed = subprocess.run(["dpkg-query", "-W", "-f", "${Conffiles}", "collectd"],
                            capture_output=True, text=True, check=False).stdout.split()
    stock = dict(zip(listed[::2], listed[1::2]))
    if not stock:
        return "the package collectd is not installed"
    there = [STOCK / "collectd.conf", *(STOCK / "collectd.conf.d").glob("*.conf")]
    for file in there:
        if stock.get(str(file)) != hashlib.md5(file.read_bytes()).hexdigest():
            return f"{file} is not as Debian ships it"
    return ""


class InstalledCollectd(Server):
    name = "installed"
    start_within = 30

    def __init__(self, directory):
        super().__init__(directory)
        self.namespace = namespaces.unshare_mounts()
        self.before_start = []  # further shell commands inside the namespace

    def path(self, absolute):
        """Where the test sees what the daemon sees as ABSOLUTE."""
        return pathlib.Path(f"/proc/{self.pid}/root{absolute}")

    def log_lines(self, word):
        text = self.output.read_text(encoding="utf-8", errors="replace")
        return [line for line in text.splitlines() if word in line]

    def prepare(self):
        layers = self.directory / "layers"
        layers.mkdir(exist_ok=True)
        # collectd.conf logs to syslog, where a test cannot look.
        (self.directory / "observe.conf").write_text("""\
LoadPlugin logfile
<Plugin logfile>
  LogLevel "info"
  File "stdout"
  PrintSeverity true
</Plugin>
""", encoding="utf-8")
        lines = ["set -e", f"mount -t tmpfs tmpfs {layers}"]
        for layer in LAYERS:
            own = layers / layer
            lines += [f"mkdir -p {own}/upper {own}/work",
                      f"mount -t overlay overlay -o lowerdir=/{layer},upperdir={own}/upper,"
                      f"workdir={own}/work /{layer}"]
        lines += ["mount -t tmpfs tmpfs /run", f"cmake --install {shlex.quote(str(build.BUILD))}",
                  f"cp observe.conf {STOCK}/collectd.conf.d/98-observe.conf",
                  *self.before_start]
        around = sanitizer.environment(self.directory)
        words = " ".join(shlex.quote(f"{key}={value}") for key, value in around.items())
        lines += [f"exec env {words} collectd -f"]
        (self.directory / "run").write_text("\n".join(lines) + "\n", encoding="utf-8")

    def command(self):
        return [*self.namespace, "bash", self.directory / "run"]

    def is_ready(self):
        return self.log_lines("entering read-loop")
