# SPDX-License-Identifier: MIT
"""graphite-web over a carbon's files: draws them and keeps dashboards."""
import json
import subprocess
import urllib.error
import urllib.parse
import urllib.request

from servers import ports
from servers.server import Server


class GraphiteWeb(Server):
    name = "graphite_web"
    drops_root = True

    def __init__(self, directory, carbon):
        super().__init__(directory)
        self.carbon = carbon
        self.http_port = self.port()
        self.environment.update(PYTHONPATH=str(self.directory), GRAPHITE_SETTINGS_MODULE="own_settings",
                                DJANGO_SETTINGS_MODULE="graphite.settings", PYTHONDONTWRITEBYTECODE="1")

    def values(self, target):
        """{name: [value, ...]} of what TARGET draws of the last minute."""
        try:
            found = json.loads(self.render([target], format="json"))
        except urllib.error.HTTPError:  # a file that carbon is just making has no header yet
            return {}
        return {one["target"]: [value for value, _ in one["datapoints"] if value is not None] for one in found}

    def render(self, targets, **options):
        words = urllib.parse.urlencode([("from", "-1min"), *(("target", one) for one in targets), *options.items()])
        return self.request(f"/render?{words}")

    def request(self, path, **form):
        data = urllib.parse.urlencode(form).encode() if form else None
        with urllib.request.urlopen(f"http://127.0.0.1:{self.http_port}{path}", data, timeout=30) as answer:
            return answer.read()

    def prepare(self):
        (self.directory / "own_settings.py").write_text(f"""\
SECRET_KEY = "of this test"
ALLOWED_HOSTS = ["127.0.0.1"]
STORAGE_DIR = LOG_DIR = "{self.directory}"
WHISPER_DIR = "{self.carbon.whisper}"
STANDARD_DIRS = [WHISPER_DIR]
CARBONLINK_HOSTS = []
TIME_ZONE = "UTC"
""", encoding="utf-8")
        self.own(self.directory)
        subprocess.run([*self._manage(), "migrate", "--run-syncdb"], check=True, cwd=self.directory,
                       env=self.environment, capture_output=True, timeout=60, **self._identity())

    def command(self):
        return [*self._manage(), "runserver", "--noreload", f"127.0.0.1:{self.http_port}"]

    def is_ready(self):
        return ports.answers(self.http_port)

    @staticmethod
    def _manage():
        return ["/usr/bin/python3", "-m", "django"]
