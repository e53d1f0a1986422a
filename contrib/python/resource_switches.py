# SPDX-License-Identifier: MIT
"""Reads the degradation switches of collectd-resource-alert in a Python application.

    switches = Switches("/run/collectd/switches")      # or "http://127.0.0.1:9180"
    if switches.is_on("serve_cached"): ...

    app.add_middleware(ASGIMiddleware, switches=switches, core=["/orders"], cache=["/reports"])  # FastAPI
    app.wsgi_app = WSGIMiddleware(app.wsgi_app, switches=switches, core=["/orders"])             # Flask

    @pausable(switches, "pause_scheduled_jobs")
    def fetch_prices(): ...

Needs Python 3.9 or newer and no other package. Nothing here raises an error because of
a switch: what cannot be read is off."""
from __future__ import annotations

import asyncio
import atexit
import collections
import contextlib
import contextvars
import datetime
import functools
import hashlib
import inspect
import json
import logging
import math
import os
import socket
import stat
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from typing import Any, Awaitable, Callable, Dict, Iterable, Iterator, List, MutableMapping, Optional, Tuple

__all__ = ["ASGIMiddleware", "FakeSwitches", "Switches", "WSGIMiddleware", "cached", "pausable"]

LIMIT_SWITCH = "limit_noncore_api"
CACHE_SWITCH = "serve_cached"
SWITCH_BYTES_MAX = 65536
SWITCHES_MAX = 1000  # names in one store
MARK_DIRECTORY = ".readers"
MARK_EVERY_S = 5.0
FIRST_READ_S = 1.0  # how long the constructor waits for the first read

log = logging.getLogger("resource_switches")


# ---- reading a store ----

class _Entry:
    """A switch that is on, and until when; None: until it is switched off."""

    def __init__(self, until: Optional[float] = None) -> None:
        self.until = until

    def is_on(self) -> bool:
        return self.until is None or self.until > time.time()


def _parse_until(text: Any) -> Optional[float]:
    """Seconds since the epoch; None where TEXT is no time."""
    try:
        return datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%S%z").timestamp()
    except (TypeError, ValueError, OverflowError):
        return None


def _parse_entry(value: Any) -> Optional[_Entry]:
    """The switch that VALUE says: a bool, or JSON, or a word. None: it is off."""
    if isinstance(value, (bytes, bytearray, str)):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            if isinstance(value, (bytes, bytearray)):
                value = value.decode("utf-8", "replace")
            value = value.strip().lower() not in ("", "0", "off", "false", "no")
    if isinstance(value, dict):
        return _Entry(_parse_until(value.get("until"))) if value.get("on", True) else None
    return _Entry() if value else None


class _FileSource:
    """PATH/NAME exists while NAME is on. A file that a person made is on, whatever is in it."""

    def __init__(self, path: str) -> None:
        self.path = path

    def read(self, _names: Iterable[str]) -> Dict[str, _Entry]:
        found: Dict[str, _Entry] = {}
        with os.scandir(self.path) as entries:
            for one in entries:
                if not one.name.startswith(".") and one.name != "switches.json" and len(found) < SWITCHES_MAX:
                    entry = self._read_file(one.path)
                    if entry is not None:
                        found[one.name] = entry
        return found

    @staticmethod
    def _read_file(path: str) -> Optional[_Entry]:
        try:
            if not stat.S_ISREG(os.stat(path).st_mode):
                return None
            with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
                return _Entry(_parse_until(json.loads(file.read(SWITCH_BYTES_MAX))["until"]))
        except FileNotFoundError:
            return None  # switched off a moment ago
        except (OSError, ValueError, TypeError, KeyError, RecursionError):
            return _Entry()  # the file exists, so the switch is on

    def mark(self, text: str) -> None:
        """Tells the daemon that the switches are read. It makes the directory; without it
        there is nobody to tell."""
        directory = os.path.join(self.path, MARK_DIRECTORY)
        name = os.path.join(directory, f"{socket.gethostname()}.{os.getpid()}")
        try:
            handle, temporary = tempfile.mkstemp(prefix=".", dir=directory)
        except OSError:
            return
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
            os.chmod(temporary, 0o644)
            os.replace(temporary, name)
        except OSError:
            with contextlib.suppress(OSError):
                os.unlink(temporary)

    def unmark(self) -> None:
        with contextlib.suppress(OSError):
            os.unlink(os.path.join(self.path, MARK_DIRECTORY, f"{socket.gethostname()}.{os.getpid()}"))


class _HTTPSource:
    """The daemon's StatusListen with StatusSwitches, or any other server of OFREP."""

    def __init__(self, url: str, token: Optional[str], reader: str) -> None:
        self.url = url.rstrip("/")
        if not self.url.endswith("/ofrep/v1/evaluate/flags"):
            self.url += "/ofrep/v1/evaluate/flags"
        self.headers = {"Content-Type": "application/json", "User-Agent": reader}
        if token:
            self.headers["Authorization"] = f"Bearer {token}"
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        self.etag: Optional[str] = None
        self.found: Dict[str, _Entry] = {}

    def read(self, _names: Iterable[str]) -> Dict[str, _Entry]:
        headers = dict(self.headers, **({"If-None-Match": self.etag} if self.etag else {}))
        request = urllib.request.Request(self.url, b'{"context":{}}', headers, method="POST")
        try:
            with self.opener.open(request, timeout=2) as answer:
                etag = answer.headers.get("ETag")
                flags = json.loads(answer.read(SWITCHES_MAX * 1000))["flags"]
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == 304:
                return self.found
            raise
        self.found = {flag["key"]: _Entry(_parse_until((flag.get("metadata") or {}).get("until")))
                      for flag in flags if flag.get("value") is True}
        self.etag = etag
        return self.found


class _ObjectSource:
    """Any object with get(name): a dict, a client of Redis, a setting of one's own."""

    def __init__(self, source: Any) -> None:
        self.source = source

    def read(self, names: Iterable[str]) -> Dict[str, _Entry]:
        found = {name: _parse_entry(self.source.get(name)) for name in names}
        return {name: entry for name, entry in found.items() if entry is not None}


def _make_source(source: Any, token: Optional[str], reader: str) -> Any:
    if not isinstance(source, (str, os.PathLike)):
        return _ObjectSource(source)
    text = os.fspath(source)
    return _HTTPSource(text, token, reader) if text.startswith(("http://", "https://")) else _FileSource(text)


class Switches:
    """The switches of one store: the directory of the file store, a URL, or any object
    with get(name).

    A thread reads the store every `every` seconds, so is_on() only looks at memory and
    never waits. A store that cannot be read is logged once; its switches are off, but
    what was read over HTTP stays on until its `until`."""

    def __init__(self, source: Any, *, every: float = 0.5, token: Optional[str] = None,
                 reader: Optional[str] = None) -> None:
        self.reader = reader or os.path.basename(sys.argv[0] or "python")
        self.every = every
        self.counters: MutableMapping[str, int] = collections.Counter()
        self._names = {LIMIT_SWITCH, CACHE_SWITCH, "pause_scheduled_jobs"}
        self._asked: Dict[str, float] = {}  # name: monotonic time
        self._listeners: List[Callable[[], None]] = []
        self._on: Dict[str, _Entry] = {}
        self._were_on: frozenset = frozenset()
        self._fault: Optional[str] = None
        self._marked = 0.0
        self._source = self._make_source(source, token)
        self._reset_after_fork()
        os.register_at_fork(after_in_child=self._reset_after_fork)
        self._ensure_thread()
        self._first.wait(FIRST_READ_S)

    def is_on(self, name: str) -> bool:
        """True while the switch is on and has not expired. Never waits, never raises."""
        self._asked[name] = time.monotonic()
        if name not in self._names and len(self._names) < SWITCHES_MAX:
            self._names.add(name)
        self._ensure_thread()
        entry = self._on.get(name)
        return entry is not None and entry.is_on()

    get = is_on

    def count(self, what: str) -> None:
        with self._lock:
            self.counters[what] += 1

    def on_change(self, listener: Callable[[], None]) -> None:
        """Calls LISTENER on the reading thread after a switch has changed. It must not wait."""
        self._listeners.append(listener)
        self._ensure_thread()

    # The thread.

    def _make_source(self, source: Any, token: Optional[str]) -> Any:
        return _make_source(source, token, self.reader)

    def _reset_after_fork(self) -> None:
        """A child has the values of its parent, but none of its threads."""
        self._lock = threading.Lock()
        self._first = threading.Event()
        self._thread: Optional[threading.Thread] = None
        self._marked = 0.0

    def _ensure_thread(self) -> None:
        if self._thread is not None and self._thread.is_alive():
            return
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                with contextlib.suppress(RuntimeError):  # the interpreter ends, or has no thread left
                    thread = threading.Thread(target=self._run, name="resource_switches", daemon=True)
                    thread.start()
                    self._thread = thread
                    if hasattr(self._source, "unmark"):
                        atexit.register(self._source.unmark)

    def _run(self) -> None:
        while True:
            self._read()
            self._first.set()
            time.sleep(self.every)

    def _read(self) -> None:
        try:
            self._on = self._source.read(list(self._names))
            if self._fault is not None:
                log.warning("switches: readable again")
            self._fault = None
        except Exception as error:  # of a source that may be anything
            if not isinstance(self._source, _HTTPSource):
                self._on = {}
            else:
                self._on = {name: entry for name, entry in self._on.items() if entry.until is not None}
            if self._fault is None:
                log.warning("switches: %s; taken as off until it can be read", error)
            self._fault = str(error)
        self._notice_changes()
        self._mark()

    def _notice_changes(self) -> None:
        are_on = frozenset(name for name, entry in self._on.items() if entry.is_on())
        changed = sorted(are_on ^ self._were_on)
        self._were_on = are_on
        for name in changed:
            log.warning("switch %s: %s", name, "on" if name in are_on else "off")
        for listener in self._listeners if changed else []:
            try:
                listener()
            except Exception:
                log.exception("switches: a listener failed")

    def _mark(self) -> None:
        now = time.monotonic()
        if not hasattr(self._source, "mark") or (self._marked and now - self._marked < MARK_EVERY_S):
            return
        self._marked = now
        names = sorted(self._asked)[:20]
        self._source.mark(json.dumps({"reader": self.reader[:64], "pid": os.getpid(), "switches": names}))


class FakeSwitches(Switches):
    """For tests of an application: FakeSwitches("serve_cached"), then turn_on(), turn_off()."""

    def __init__(self, *on: str) -> None:
        self._values: Dict[str, bool] = {}
        super().__init__(self._values)
        for name in on:
            self.turn_on(name)

    def turn_on(self, name: str) -> None:
        self._names.add(name)
        self._values[name] = True
        self._read()

    def turn_off(self, name: str) -> None:
        self._values[name] = False
        self._read()

    def _ensure_thread(self) -> None:
        if not self._first.is_set():
            self._read()
            self._first.set()


# ---- the middleware ----

class _TokenBucket:
    """At most RATE calls a second, and RATE of them (at least one) at once."""

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self.size = max(1.0, rate)
        self.tokens = self.size
        self.at = time.monotonic()
        self.lock = threading.Lock()

    def take(self) -> int:
        """0, or the seconds after which to come again."""
        with self.lock:
            now = time.monotonic()
            self.tokens = min(self.size, self.tokens + (now - self.at) * self.rate)
            self.at = now
            if self.tokens >= 1:
                self.tokens -= 1
                return 0
            return max(1, math.ceil((1 - self.tokens) / self.rate)) if self.rate > 0 else 60


class _Answer:
    def __init__(self, status: Any, headers: List[Tuple[Any, Any]], body: bytes) -> None:
        self.status, self.headers, self.body, self.at = status, headers, body, time.monotonic()

    def age(self) -> int:
        return int(time.monotonic() - self.at)


class _Cache:
    """The answers used last, within a number of bytes, none older than MAX_AGE seconds."""

    def __init__(self, max_bytes: int, max_age: float) -> None:
        self.max_bytes, self.max_age, self.bytes = max_bytes, max_age, 0
        self.answers: collections.OrderedDict = collections.OrderedDict()
        self.lock = threading.Lock()

    def get(self, key: Any) -> Any:
        with self.lock:
            answer = self.answers.get(key)
            if answer is not None and time.monotonic() - answer.at > self.max_age:
                self._drop(key)
                return None
            if answer is not None:
                self.answers.move_to_end(key)
            return answer

    def put(self, key: Any, answer: Any) -> None:
        with self.lock:
            self._drop(key)
            self.answers[key] = answer
            self.bytes += self._size(answer)
            while self.bytes > self.max_bytes and self.answers:
                self._drop(next(iter(self.answers)))

    def _drop(self, key: Any) -> None:
        answer = self.answers.pop(key, None)
        self.bytes -= self._size(answer) if answer is not None else 0

    @staticmethod
    def _size(answer: Any) -> int:
        return 1000 + len(answer.body) if isinstance(answer, _Answer) else 1000


# What the middleware tells the functions of @cached below it, "user", and they tell it, "age".
_request: contextvars.ContextVar = contextvars.ContextVar("resource_switches", default=None)

VARIED = ("accept", "accept-encoding", "accept-language", "origin")
PERSONAL = ("authorization", "cookie", "x-api-key")


def _hash_user(header: Callable[[str], Optional[str]]) -> str:
    """Names the user of a request without keeping the secrets; "" for nobody."""
    said = [header(name) or "" for name in PERSONAL]
    return hashlib.sha256(repr(said).encode()).hexdigest() if any(said) else ""


@contextlib.contextmanager
def _request_of(header: Callable[[str], Optional[str]]) -> Iterator[Dict[str, Any]]:
    request: Dict[str, Any] = {"user": _hash_user(header)}
    token = _request.set(request)
    try:
        yield request
    finally:
        _request.reset(token)


class _Middleware:
    """`core`: paths that are never touched; each covers what is below it. `limit`: calls a
    second that the other paths together get in this process while limit_noncore_api is on.
    `cache`: paths whose answers to GET are kept, and served while serve_cached is on; each
    user gets only his own. `cache_bytes`, `cache_age`: the cache's size and seconds."""

    def __init__(self, app: Any, *, switches: Any, core: Iterable[str] = (), limit: float = 10,
                 cache: Iterable[str] = (), cache_bytes: int = 32 << 20, cache_age: float = 600) -> None:
        self.app = app
        self.switches = switches if isinstance(switches, Switches) else Switches(switches)
        self.core = tuple(path.rstrip("/") for path in core)
        self.cached = tuple(path.rstrip("/") for path in cache)
        self.bucket = _TokenBucket(limit)
        self.cache = _Cache(cache_bytes, cache_age)
        self.body_max = cache_bytes // 8

    @staticmethod
    def _covers(paths: Tuple[str, ...], path: str) -> bool:
        return any(path == one or path.startswith(one + "/") for one in paths)

    def _key(self, method: str, path: str, url: Any, header: Callable[[str], Optional[str]]) -> Any:
        """Of a request whose answer may be kept; None for others."""
        if method != "GET" or header("range") or not self._covers(self.cached, path):
            return None
        return (url, _hash_user(header), tuple(header(name) or "" for name in VARIED))

    def _find_answer(self, key: Any) -> Optional[_Answer]:
        answer = self.cache.get(key) if key is not None and self.switches.is_on(CACHE_SWITCH) else None
        if answer is not None:
            self.switches.count("cached")
        return answer

    def _retry_after(self) -> int:
        """0, or after how many seconds a call that is refused may come again."""
        if not self.switches.is_on(LIMIT_SWITCH):
            return 0
        retry_after = self.bucket.take()
        self.switches.count("limited" if retry_after else "passed")
        return retry_after

    @staticmethod
    def _may_keep(headers: Iterable[Tuple[str, str]], key: Any) -> bool:
        for name, value in headers:
            name, words = name.lower(), [word.strip().split("=")[0] for word in value.lower().split(",")]
            if name == "set-cookie" or (name == "cache-control" and "no-store" in words):
                return False
            if name == "cache-control" and "private" in words and not key[1]:
                return False
            if name == "vary" and not set(words) <= {*VARIED, *PERSONAL, ""}:
                return False
        return True

    def _keep(self, key: Any, answer: _Answer, headers: Iterable[Tuple[str, str]], body: bytes) -> None:
        if self._may_keep(headers, key):
            answer.body = body
            self.cache.put(key, answer)

    @staticmethod
    def _degraded_headers(age: int) -> List[Tuple[str, str]]:
        return [("Age", str(age)), ("X-Degraded", CACHE_SWITCH)]


class WSGIMiddleware(_Middleware):
    __doc__ = "WSGI: Flask, Django. " + (_Middleware.__doc__ or "")

    def __call__(self, environ: Dict[str, Any], start_response: Callable) -> Iterable[bytes]:
        raw = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
        path = raw.encode("latin-1", "replace").decode("utf-8", "replace")

        def header(name: str) -> Optional[str]:
            return environ.get("HTTP_" + name.upper().replace("-", "_"))

        with _request_of(header) as request:
            if self._covers(self.core, path):
                return self.app(environ, start_response)
            url = (environ.get("HTTP_HOST"), raw, environ.get("QUERY_STRING"))
            key = self._key(environ.get("REQUEST_METHOD", ""), path, url, header)
            answer = self._find_answer(key)
            if answer is not None:
                start_response(answer.status, answer.headers + self._degraded_headers(answer.age()))
                return [answer.body]
            retry_after = self._retry_after()
            if retry_after:
                start_response("429 Too Many Requests", [("Retry-After", str(retry_after)), ("Content-Length", "0"),
                                                         ("X-Degraded", LIMIT_SWITCH)])
                return [b""]
            return self._call(environ, start_response, key, request)

    def _call(self, environ: Dict[str, Any], start_response: Callable, key: Any,
              request: Dict[str, Any]) -> Iterable[bytes]:
        answer = _Answer("", [], b"")

        def start(status: str, headers: List[Tuple[str, str]], *more: Any) -> Callable:
            answer.status, answer.headers = status, list(headers)
            if "age" in request:
                headers = headers + self._degraded_headers(request["age"])
            return start_response(status, headers, *more)

        result = self.app(environ, start)
        return result if key is None else _KeptResult(self, result, answer, key)


class _KeptResult:
    """Passes the application's answer on, and keeps it if it is complete and small enough."""

    def __init__(self, middleware: _Middleware, result: Any, answer: _Answer, key: Any) -> None:
        self.middleware, self.result, self.answer, self.key = middleware, result, answer, key

    def __iter__(self) -> Iterator[bytes]:
        parts: List[bytes] = []
        size = 0
        for part in self.result:
            size += len(part)
            if size <= self.middleware.body_max:
                parts.append(part)
            yield part
        if size <= self.middleware.body_max and self.answer.status.startswith("200"):
            self.middleware._keep(self.key, self.answer, self.answer.headers, b"".join(parts))

    def close(self) -> None:
        if hasattr(self.result, "close"):
            self.result.close()


class ASGIMiddleware(_Middleware):
    __doc__ = "ASGI: FastAPI, Starlette, Django. " + (_Middleware.__doc__ or "")

    async def __call__(self, scope: Dict[str, Any], receive: Callable, send: Callable) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers: Dict[str, str] = {}
        for raw_name, raw_value in scope["headers"]:
            name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
        with _request_of(headers.get) as request:
            if self._covers(self.core, scope["path"]):
                await self.app(scope, receive, send)
            else:
                await self._degrade(scope, receive, send, headers, request)

    async def _degrade(self, scope: Dict[str, Any], receive: Callable, send: Callable, headers: Dict[str, str],
                       request: Dict[str, Any]) -> None:
        url = (headers.get("host"), scope["path"], scope.get("query_string"))
        key = self._key(scope["method"], scope["path"], url, headers.get)
        answer = self._find_answer(key)
        if answer is not None:
            await self._send(send, answer.status, answer.headers + self._encode(self._degraded_headers(answer.age())),
                             answer.body)
            return
        retry_after = self._retry_after()
        if retry_after:
            await self._send(send, 429, self._encode([("Retry-After", str(retry_after)), ("Content-Length", "0"),
                                                      ("X-Degraded", LIMIT_SWITCH)]))
            return
        await self.app(scope, receive, self._make_send(send, key, request))

    def _make_send(self, send: Callable, key: Any, request: Dict[str, Any]) -> Callable:
        """SEND that keeps the application's answer if it is complete and small enough."""
        answer = _Answer(0, [], b"")
        parts: Optional[List[bytes]] = []

        async def pass_on(message: Dict[str, Any]) -> None:
            nonlocal parts
            if message["type"] == "http.response.start":
                answer.status, answer.headers = message["status"], list(message.get("headers", ()))
                if "age" in request:
                    degraded = self._encode(self._degraded_headers(request["age"]))
                    message = dict(message, headers=answer.headers + degraded)
            elif key is not None:
                parts = self._add_part(parts, message)
                if parts is not None and not message.get("more_body") and answer.status == 200:
                    self._keep(key, answer, [(name.decode("latin-1"), value.decode("latin-1"))
                                             for name, value in answer.headers], b"".join(parts))
            await send(message)

        return pass_on

    def _add_part(self, parts: Optional[List[bytes]], message: Dict[str, Any]) -> Optional[List[bytes]]:
        if parts is None or message["type"] != "http.response.body":
            return None
        parts.append(message.get("body", b""))
        return parts if sum(map(len, parts)) <= self.body_max else None

    @staticmethod
    def _encode(headers: Iterable[Tuple[str, str]]) -> List[Tuple[bytes, bytes]]:
        return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]

    @staticmethod
    async def _send(send: Callable[..., Awaitable[None]], status: int, headers: List[Tuple[bytes, bytes]],
                    body: bytes = b"") -> None:
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


# ---- functions ----

class _Result:
    def __init__(self, value: Any) -> None:
        self.value, self.at = value, time.monotonic()


def _key_of(value: Any) -> Any:
    """A request is its URL and its user; plain values are themselves."""
    headers = getattr(value, "headers", None)
    if headers is not None and hasattr(headers, "get"):
        url = getattr(value, "url", None) or value.build_absolute_uri()
        return str(url), getattr(value, "method", ""), _hash_user(headers.get)
    if value is None or isinstance(value, (str, bytes, int, float, bool)):
        return value
    raise TypeError(f"an argument of type {type(value).__name__} is no key: pass key=")


class _CachedResults:
    def __init__(self, function: Callable, switches: Switches, name: str, key: Optional[Callable], size: int,
                 age: float) -> None:
        self.function, self.switches, self.name, self.key = function, switches, name, key
        self.results = _Cache(size * 1000, age)
        self.is_faulty = False

    def find(self, args: Any, kwargs: Any) -> Tuple[Any, Optional[_Result]]:
        """(key, result); the key is None where nothing can be kept, which is logged once."""
        request = _request.get()
        try:
            made = self.key(*args, **kwargs) if self.key else (
                tuple(map(_key_of, args)), tuple((name, _key_of(value)) for name, value in sorted(kwargs.items())))
            made = (made, request["user"] if request else "")
            found = self.results.get(made) if self.switches.is_on(self.name) else None
        except Exception as error:  # of a key of the application's
            if not self.is_faulty:
                log.warning("cached %s: %s; not cached", getattr(self.function, "__name__", self.function), error)
            self.is_faulty = True
            return None, None
        if found is not None:
            self.switches.count("cached")
            if request is not None:
                request["age"] = max(request.get("age", 0), int(time.monotonic() - found.at))
        return made, found

    def keep(self, key: Any, value: Any) -> Any:
        if key is not None:
            self.results.put(key, _Result(value))
        return value


def cached(switches: Switches, name: str = CACHE_SWITCH, *, key: Optional[Callable[..., Any]] = None,
           size: int = 1000, age: float = 600) -> Callable:
    """Decorates a function, or a coroutine function: while the switch is on, its last
    result is returned again. A result belongs to the arguments; a request among them stands
    for its URL and its user, and below the middleware also every other result belongs to
    the user of the request. key(*args, **kwargs) makes another key; without the middleware
    it must name the user where results differ between users. Below the middleware the
    answer gets Age and X-Degraded."""

    def decorate(function: Callable) -> Callable:
        results = _CachedResults(function, switches, name, key, size, age)

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            made, found = results.find(args, kwargs)
            return found.value if found is not None else results.keep(made, function(*args, **kwargs))

        @functools.wraps(function)
        async def call_async(*args: Any, **kwargs: Any) -> Any:
            made, found = results.find(args, kwargs)
            return found.value if found is not None else results.keep(made, await function(*args, **kwargs))

        return call_async if inspect.iscoroutinefunction(function) else call
    return decorate


class _PausedJob:
    """Skips the runs of a function while the switch is on, and makes up for one of them."""

    def __init__(self, switches: Switches, name: str, function: Callable) -> None:
        self.switches, self.name, self.function = switches, name, function
        self.lock = threading.Lock()
        self.skipped = 0
        self.last: Any = None  # (args, kwargs, event loop) of the last run that was skipped
        switches.on_change(self.make_up)

    def skips(self, args: Any, kwargs: Any) -> bool:
        if not self.switches.is_on(self.name):
            with self.lock:
                self.skipped, self.last = 0, None  # this run makes up for them
            return False
        loop = None
        with contextlib.suppress(RuntimeError):
            loop = asyncio.get_running_loop()
        with self.lock:
            self.skipped, self.last = self.skipped + 1, (args, kwargs, loop)
        self.switches.count("skipped")
        log.warning("job %s: skipped: switch %s is on; one run follows when it is off",
                    getattr(self.function, "__name__", self.function), self.name)
        return True

    def make_up(self) -> None:
        if self.switches.is_on(self.name):
            return
        with self.lock:
            skipped, last, self.skipped, self.last = self.skipped, self.last, 0, None
        if last is None:
            return
        args, kwargs, loop = last
        log.warning("job %s: runs once for %d skipped runs", getattr(self.function, "__name__", self.function), skipped)
        if inspect.iscoroutinefunction(self.function):
            asyncio.run_coroutine_threadsafe(self.function(*args, **kwargs), loop)
        else:
            threading.Thread(target=self.function, args=args, kwargs=kwargs, daemon=True).start()


def _pause_beat(switches: Switches, name: str, scheduler: type) -> type:
    """A scheduler class of Celery beat that sends no task while the switch is on."""

    class PausedScheduler(scheduler):  # type: ignore[misc,valid-type]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            self.paused_entries: Dict[str, int] = {}  # name of a job: runs skipped
            super().__init__(*args, **kwargs)

        def apply_entry(self, entry: Any, producer: Any = None) -> None:
            if switches.is_on(name):
                self.paused_entries[entry.name] = self.paused_entries.get(entry.name, 0) + 1
                switches.count("skipped")
                log.warning("job %s: skipped: switch %s is on; one run follows when it is off", entry.name, name)
                return
            self.paused_entries.pop(entry.name, None)  # this run makes up for them
            super().apply_entry(entry, producer=producer)

        def tick(self, *args: Any, **kwargs: Any) -> Any:
            if self.paused_entries and not switches.is_on(name):
                for job, skipped in list(self.paused_entries.items()):
                    self.paused_entries.pop(job, None)
                    if job in self.schedule:
                        log.warning("job %s: runs once for %d skipped runs", job, skipped)
                        self.apply_entry(self.schedule[job], producer=self.producer)
            wait = super().tick(*args, **kwargs)
            return min(wait, 1.0) if self.paused_entries else wait

    PausedScheduler.__name__ = PausedScheduler.__qualname__ = f"Paused{scheduler.__name__}"
    return PausedScheduler


def pausable(switches: Switches, name: str = "pause_scheduled_jobs") -> Callable:
    """Decorates a job (APScheduler), a coroutine function or not, or a scheduler class of
    Celery beat. While the switch is on its runs are skipped; after that one run makes up
    for all that were skipped."""

    def decorate(job: Any) -> Any:
        if inspect.isclass(job):
            return _pause_beat(switches, name, job)
        paused = _PausedJob(switches, name, job)

        @functools.wraps(job)
        def run(*args: Any, **kwargs: Any) -> Any:
            return None if paused.skips(args, kwargs) else job(*args, **kwargs)

        @functools.wraps(job)
        async def run_async(*args: Any, **kwargs: Any) -> Any:
            return None if paused.skips(args, kwargs) else await job(*args, **kwargs)

        return run_async if inspect.iscoroutinefunction(job) else run
    return decorate
