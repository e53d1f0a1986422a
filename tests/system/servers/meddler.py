# SPDX-License-Identifier: MIT
"""Stands between an agent and a cluster, real or not, and meddles: what a server
does not do on demand."""
import http.client
import http.server
import ssl
import threading
import time
import urllib.parse


class Meddler:
    """Passes requests on to TARGET, an http or https URL, and answers back.

    next_answers: (status, body, headers) in place of the next answers, which
    are not asked for. before: called with method and path before each request
    is passed on. loses: a method whose next request is passed on, and whose
    answer is lost. swallows: one whose next request is answered as if it had
    been done. hangs: nothing is answered any more."""

    def __init__(self, target, ca_file=None):
        self._target = urllib.parse.urlsplit(target)
        self._context = ssl.create_default_context(cafile=ca_file) if ca_file else None
        self.next_answers = []
        self.before = lambda method, path: None
        self.loses = self.swallows = None
        self.hangs = threading.Event()
        self.ends = threading.Event()
        self.ahead_s = 0  # of the clock that the server shows
        handler = type("Handler", (_Handler,), {"meddler": self})
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self):
        self.ends.set()
        self._server.shutdown()
        self._server.server_close()

    def pass_on(self, method, path, headers, body):
        self.before(method, path)
        host = self._target.netloc
        peer = (http.client.HTTPSConnection(host, context=self._context, timeout=10) if self._context
                else http.client.HTTPConnection(host, timeout=10))
        try:
            kept = {name: value for name, value in headers.items() if name.lower() not in ("host", "connection", "content-length")}
            peer.request(method, path, body or None, kept)
            answer = peer.getresponse()
            return answer.status, answer.read(), {"Content-Type": answer.getheader("Content-Type", "")}
        finally:
            peer.close()


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    meddler = None

    def _take(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.meddler.hangs.is_set():
            self.close_connection = True
            self.meddler.ends.wait()
            return
        method = self.command
        if method == self.meddler.swallows:
            self.meddler.swallows, method, body = None, "GET", b""
        if self.meddler.next_answers:
            status, answer, headers = self.meddler.next_answers.pop(0)
        else:
            status, answer, headers = self.meddler.pass_on(method, self.path, self.headers, body)
        if self.command == self.meddler.loses:
            self.meddler.loses = None
            self.close_connection = True
            return
        self.send_response_only(status)
        self.send_header("Date", self.date_time_string(time.time() + self.meddler.ahead_s))
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST = do_PUT = do_PATCH = _take

    def log_message(self, *_):
        pass
