# SPDX-License-Identifier: MIT
"""Reads the switches in a Python web application (WSGI: Flask, Django, ...).

    application = Degradation(application)

Requests to core paths always pass. Other requests get 503 while
limit_noncore_api is on. The application can also check a switch itself:
`if is_on("serve_cached"): ...`."""
import datetime
import json
import pathlib

SWITCHES = pathlib.Path("/run/collectd/switches")


def is_on(name, switches=SWITCHES):
    """True while the switch is on and has not expired."""
    try:
        value = json.loads((switches / name).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return False
    except (OSError, ValueError):
        return True  # the file exists, so the switch is on
    until = value.get("until")
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    return until is None or until > now


class Degradation:
    def __init__(self, application, core=("/api/core/", "/health"), switches=SWITCHES):
        self.application, self.core, self.switches = application, core, switches

    def __call__(self, environ, start_response):
        is_core = environ.get("PATH_INFO", "").startswith(self.core)
        if not is_core and is_on("limit_noncore_api", self.switches):
            start_response("503 Service Unavailable", [("Retry-After", "10"), ("Content-Length", "0")])
            return [b""]
        return self.application(environ, start_response)
