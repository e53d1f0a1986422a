# SPDX-License-Identifier: MIT
"""A mail server in the test itself: keeps what it is sent, or hangs."""
import email
import email.policy
import socketserver
import threading

from servers.waiting import wait_until


class SmtpSink:
    def __init__(self):
        self.mails = []  # email.message.EmailMessage
        self.hangs = False  # accepts connections and never says a word
        self.connections = 0
        self.going_on = threading.Event()
        handler = type("Handler", (_Handler,), {"sink": self})
        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def expect(self, condition, within=10):
        return wait_until(condition, within, lambda: f"mails: {self.mails}")

    def let_go(self):
        """Ends the hanging connections."""
        self.hangs = False
        self.going_on.set()

    def close(self):
        self.going_on.set()
        self._server.shutdown()
        self._server.server_close()


class _Handler(socketserver.StreamRequestHandler):
    sink = None

    def handle(self):
        self.sink.connections += 1
        if self.sink.hangs:
            self.sink.going_on.wait()
            return
        self._say("220 sink")
        while line := self.rfile.readline():
            word = line.split()[0].upper() if line.split() else b""
            if word == b"QUIT":
                return self._say("221 bye")
            if word == b"DATA":
                self._say("354 go on")
                self.sink.mails.append(email.message_from_bytes(
                    self._read_mail(), policy=email.policy.default))
            self._say("250 done")
        return None

    def _read_mail(self):
        lines = iter(self.rfile.readline, b".\r\n")
        return b"".join(line.removeprefix(b".") if line.startswith(b"..") else line
                        for line in lines)

    def _say(self, text):
        self.wfile.write(f"{text}\r\n".encode())
