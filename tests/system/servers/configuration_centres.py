# SPDX-License-Identifier: MIT
"""Strict stand-ins for configuration centres, by their documented HTTP interfaces.
A request that the documents do not name is refused with 400 and remembered."""
import http.server
import json
import re
import threading
import urllib.parse


class Centre:
    def __init__(self):
        self.held = {}
        self.refused = []
        self.published = {}
        self.token = None  # the value of the Authorization header that is asked for
        handler = type("Handler", (_Handler,), {"centre": self})
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()

    def take(self, method, path, query, headers, body):
        """(status, type, text)"""
        raise NotImplementedError


class Consul(Centre):
    """The key-value store: PUT answers true, GET ?raw the value, or 404; DELETE true."""

    documented = 8500

    def take(self, method, path, query, headers, body):
        found = re.fullmatch(r"/v1/kv/([\w/-]+)", path)
        if not found or (method == "GET") != (query == {"raw": [""]}) or (method != "GET" and query):
            return None
        key = found[1].rsplit("/", 1)[1]
        if method == "PUT":
            self.held[key] = body
            return 200, "application/json", "true"
        if method == "DELETE" and not body:
            self.held.pop(key, None)
            return 200, "application/json", "true"
        if method == "GET":
            return (200, "text/plain", self.held[key]) if key in self.held else (404, "text/plain", "")
        return None


class Nacos(Centre):
    """Open API 1: the configuration is published by a form, read as it is, or 404."""

    documented = 8848

    def take(self, method, path, query, headers, body):
        if path != "/nacos/v1/cs/configs":
            return None
        if method == "POST":
            if headers.get("Content-Type") != "application/x-www-form-urlencoded" or query:
                return None
            query = urllib.parse.parse_qs(body, strict_parsing=True)
        expected = {"dataId", "group"} | ({"content"} if method == "POST" else set())
        if set(query) != expected or query["group"] != ["degradation"]:
            return None
        [key] = query["dataId"]
        if method == "POST":
            [self.held[key]] = query["content"]
            return 200, "text/plain", "true"
        if method == "DELETE":
            self.held.pop(key, None)
            return 200, "text/plain", "true"
        return (200, "text/plain", self.held[key]) if key in self.held else (404, "text/plain", "config data not exist")


class Apollo(Centre):
    """Open platform: an item has key, value and who changed it; readers see what was released."""

    documented = 8070
    namespace = "/openapi/v1/envs/DEV/apps/trading/clusters/default/namespaces/application"

    def take(self, method, path, query, headers, body):
        if method == "POST" and path == f"{self.namespace}/releases":
            if set(json.loads(body)) != {"releaseTitle", "releasedBy"}:
                return None
            self.published = dict(self.held)
            return 200, "application/json", json.dumps({"appId": "trading", "name": "degradation"})
        found = re.fullmatch(re.escape(self.namespace) + r"/items/(\w+)", path)
        if not found:
            return None
        key = found[1]
        if method == "PUT" and query == {"createIfNotExists": ["true"]}:
            item = json.loads(body)
            if set(item) != {"key", "value", "dataChangeLastModifiedBy", "dataChangeCreatedBy"} or item["key"] != key:
                return None
            self.held[key] = item["value"]
            return 200, "application/json", ""
        if method == "DELETE" and query == {"operator": ["collectd"]}:
            self.held.pop(key, None)
            return 200, "application/json", ""
        if method == "GET" and not query and key in self.held:
            return 200, "application/json", json.dumps({"key": key, "value": self.held[key]})
        return (404, "application/json", '{"status": 404}') if method == "GET" else None


class Unleash(Centre):
    """The admin API: a feature is enabled in an environment, or not."""

    documented = 4242

    def __init__(self):
        super().__init__()
        self.held = {"one": False}

    def take(self, method, path, query, headers, body):
        found = re.fullmatch(r"/api/admin/projects/default/features/([\w-]+)/environments/production(/on|/off)?", path)
        if not found or query or (method == "POST") != bool(found[2]):
            return None
        if found[1] not in self.held:
            return 404, "application/json", '{"name": "NotFoundError"}'
        if method == "POST":
            self.held[found[1]] = found[2] == "/on"
            return 200, "application/json", ""
        return 200, "application/json", json.dumps({"name": "production", "enabled": self.held[found[1]]})


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    centre = None

    def _take(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        url = urllib.parse.urlsplit(self.path)
        query = urllib.parse.parse_qs(url.query, keep_blank_values=True)
        if self.centre.token and self.headers.get("Authorization") != self.centre.token:
            answer = 401, "text/plain", "who are you"
        else:
            answer = self.centre.take(self.command, url.path, query, self.headers, body)
        if answer is None:
            self.centre.refused.append(f"{self.command} {self.path} {dict(self.headers)} {body}")
            answer = 400, "text/plain", "not documented"
        self.send_response(answer[0])
        self.send_header("Content-Type", answer[1])
        self.send_header("Content-Length", str(len(answer[2].encode())))
        self.end_headers()
        self.wfile.write(answer[2].encode())

    do_GET = do_PUT = do_POST = do_DELETE = _take

    def log_message(self, *_):
        pass
