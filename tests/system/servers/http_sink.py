# SPDX-License-Identifier: MIT
"""An HTTP server in the test itself: remembers requests, answers as configured."""
import dataclasses
import http.client
import http.server
import threading

from servers.waiting import wait_until


@dataclasses.dataclass
class Request:
    method: str
    path: str
    headers: http.client.HTTPMessage  # a mapping whose names have no case
    body: bytes

    @property
    def all_headers(self):
        """Their names, also those that are there twice."""
        return list(self.headers.keys())


@dataclasses.dataclass
class Answer:
    status: int = 200
    body: bytes = b""
    headers: dict = dataclasses.field(default_factory=dict)
    hangs: bool = False  # reads the request and never answers


class HttpSink:
    """Answers each request with the next of `answers`; the last one stays."""

    def __init__(self, wrap=lambda socket: socket, port=0):
        """WRAP may turn the listening socket into one of TLS."""
        self.requests = []
        self.answers = [Answer()]
        self._closing = threading.Event()
        self._lock = threading.Lock()
        handler = type("Handler", (_Handler,), {"sink": self})
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", port), handler)
        self._server.daemon_threads = True
        self._server.socket = wrap(self._server.socket)
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def answer(self, status=200, body=b"", hangs=False, **headers):
        """From now on answers so."""
        with self._lock:
            self.answers = [Answer(status, body, headers, hangs)]

    def expect(self, condition, within=10):
        return wait_until(condition, within, lambda: f"requests: {self.requests}")

    def close(self):
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()

    def take(self, request):
        with self._lock:
            self.requests.append(request)
            return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def hang(self):
        self._closing.wait()


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    sink = None

    def _take(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        answer = self.sink.take(Request(self.command, self.path, self.headers, body))
        if answer.hangs:
            self.close_connection = True
            return self.sink.hang()
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _take

    def log_message(self, *_):
        pass
