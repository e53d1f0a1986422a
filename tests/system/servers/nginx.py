# SPDX-License-Identifier: MIT
"""nginx, which stands in for an application's middleware."""
import signal

from servers import ports
from servers.server import Server


class Nginx(Server):
    name = "nginx"
    drops_root = True
    stop_signal = signal.SIGQUIT

    def __init__(self, directory):
        super().__init__(directory)
        self.http_port = self.port()
        self.http = ""  # further lines of the http block
        self.server = "location / { return 200 'ok'; }"  # lines of the server block

    def reload(self):
        """Reads the configuration anew; for a moment old workers answer too."""
        self.prepare()
        self.process.send_signal(signal.SIGHUP)

    def prepare(self):
        temporary = "\n".join(f"  {kind}_temp_path {self.directory}/{kind};" for kind in
                              ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        (self.directory / "nginx.conf").write_text(f"""\
daemon off;
worker_processes 1;
pid {self.directory}/pid;
events {{ worker_connections 64; }}
http {{
  access_log {self.directory}/access.log;
{temporary}
{self.http}
  server {{
    listen 127.0.0.1:{self.http_port};
{self.server}
  }}
}}
""", encoding="utf-8")

    def command(self):
        return ["nginx", "-p", self.directory, "-e", self.directory / "error.log",
                "-c", self.directory / "nginx.conf"]

    def is_ready(self):
        return ports.answers(self.http_port)
