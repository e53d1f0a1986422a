# SPDX-License-Identifier: MIT
"""Reads the switches in a Python web application.

    application = Degradation(application)     # WSGI: Flask, Django, ...
    app.add_middleware(AsyncDegradation)       # ASGI: FastAPI, Starlette, ...

Requests to core paths always pass. Other requests get 503 while
limit_noncore_api is on. The application can also check a switch itself:
`if is_on("serve_cached"): ...`."""
import datetime
import json
import logging
import pathlib
import stat

SWITCHES = pathlib.Path("/run/collectd/switches")
CORE = ("/api/core/", "/health")
HEADERS = [("Retry-After", "10"), ("Content-Length", "0")]
unreadable = set()  # switches whose directory cannot be read; each is logged once


def is_on(name, switches=SWITCHES):
    """True while the switch is on and has not expired. Never raises."""
    path = pathlib.Path(switches) / name
    try:
        is_file = stat.S_ISREG(path.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        is_file = False
    except OSError as error:
        if path not in unreadable:
            unreadable.add(path)
            logging.getLogger(__name__).warning("switch %s: %s; taken as off", path, error)
        return False
    unreadable.discard(path)
    return is_file and not has_expired(path)


def has_expired(path):
    """False for a file that a person has made, whatever is in it."""
    try:
        with path.open("rb") as file:
            until = json.loads(file.read(65536))["until"]
        until = datetime.datetime.strptime(until, "%Y-%m-%dT%H:%M:%S%z")
    except FileNotFoundError:
        return True  # switched off a moment ago
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return False  # the file exists, so the switch is on
    return until <= datetime.datetime.now(datetime.timezone.utc)


class Degradation:
    """WSGI middleware."""

    def __init__(self, application, core=CORE, switches=SWITCHES):
        self.application, self.core, self.switches = application, core, switches

    def refuses(self, path):
        return not path.startswith(self.core) and is_on("limit_noncore_api", self.switches)

    def __call__(self, environ, start_response):
        if self.refuses(environ.get("PATH_INFO", "")):
            start_response("503 Service Unavailable", HEADERS)
            return [b""]
        return self.application(environ, start_response)


class AsyncDegradation(Degradation):
    """ASGI middleware."""

    def __init__(self, app, core=CORE, switches=SWITCHES):
        super().__init__(app, core, switches)

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http" or not self.refuses(scope["path"]):
            return await self.application(scope, receive, send)
        headers = [(name.lower().encode(), value.encode()) for name, value in HEADERS]
        await send({"type": "http.response.start", "status": 503, "headers": headers})
        await send({"type": "http.response.body", "body": b""})
