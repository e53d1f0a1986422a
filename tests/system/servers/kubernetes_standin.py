# SPDX-License-Identifier: MIT
"""A strict stand-in for a Kubernetes API server: objects with a resourceVersion,
tokens, the verbs of a Role, merge patches. What it does not know it refuses.

Its EndpointSlices were held field by field against the API's types and validation
(discovery.k8s.io/v1 of 1.21 and later, and v1beta1, which a real 1.20 serves and
test_responses_haproxy.py reads where KUBE_BIN is set): addressType is IPv4, IPv6 or
FQDN for all of a slice; an endpoint has 1 to 100 addresses, which are fungible and
no loopback; ready, serving and terminating may be missing, ready then means yes, and
who is terminating is not ready; a Service has any number of slices, found by their
label kubernetes.io/service-name, and an endpoint may stand in two of them; names of
ports are unique in a slice. A list without `limit` is never continued.

Who has written a field of a spec last is in the managedFields, as the API server keeps
them. A group or version that is not served is answered with a text that is no Status."""
import contextlib
import copy
import http.server
import ipaddress
import json
import re
import socket
import ssl
import threading
import time
import urllib.parse

PATH = re.compile(
    r"^/(?:api/v1|apis/(?P<group>[a-z0-9.]+)/(?P<version>v1(?:(?:alpha|beta)1)?))/namespaces/(?P<space>[a-z-]+)/"
    r"(?P<plural>[a-z]+)(?:/(?P<name>[a-z0-9.-]+)(?P<sub>/scale|/status)?)?$")
DISCOVERY = re.compile(r"^/apis/(?P<group>[a-z0-9.]+)/(?P<version>v1(?:(?:alpha|beta)1)?)$")
REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
# The kinds of each group that discovery names; those in SCALED have a scale.
KINDS = {("apps", "v1"): {"deployments": "Deployment", "statefulsets": "StatefulSet", "replicasets": "ReplicaSet"},
         ("argoproj.io", "v1alpha1"): {"rollouts": "Rollout", "analysisruns": "AnalysisRun"}}
SCALED = {"deployments", "statefulsets", "replicasets", "rollouts"}
SERVED = {("apps", "v1"), ("autoscaling", "v1"), ("coordination.k8s.io", "v1"), ("events.k8s.io", "v1"),
          ("batch", "v1beta1"), ("batch", "v1"), ("", "v1"), ("argoproj.io", "v1alpha1")}
VERBS = {"GET": "get", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
ADMIN = "admin-token"
CONDITIONS = {"ready", "serving", "terminating"}


class NotServed(Exception):
    """What the API server says of a path that it does not know."""

    status, body = 404, "404 page not found"


class Refusal(Exception):
    def __init__(self, status, reason, message):
        super().__init__(message)
        self.body = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message,
                     "reason": reason, "code": status}
        self.status = status


def merged(old, patch):
    """RFC 7396."""
    if not isinstance(patch, dict):
        return patch
    result = dict(old) if isinstance(old, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result


def is_selected(value, query):
    """By a labelSelector of the form KEY=VALUE."""
    key, _, wanted = query.get("labelSelector", [""])[0].partition("=")
    return not key or value["metadata"].get("labels", {}).get(key) == wanted


class Standin:
    """ROLE: the rules that holders of `token` have. Files a token like a pod's."""

    def __init__(self, directory, rules, host="127.0.0.1"):
        self.rules = rules
        self.token = "collectd-token"
        self.token_file = directory / "token"
        self.token_file.write_text(self.token)
        self.ca_file = None
        self.objects = {}
        self.version = 100
        self.served = set(SERVED)
        self.is_new = False  # since 1.21 there is a CronJob in batch/v1; slices are served when a test asks
        self.lock = threading.RLock()
        handler = type("Handler", (_Handler,), {"standin": self})
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        kind = type("Server", (http.server.ThreadingHTTPServer,), {"address_family": family, "daemon_threads": True})
        self._server = kind((host, 0), handler)
        self.port = self._server.server_address[1]
        self.url = f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"
        self.admin = ADMIN
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def serve_tls(self, key, certificate, clients=None):
        """CLIENTS: the certificate of those who need no token; such a client has the rules, too."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        if clients:
            context.load_verify_locations(clients)
            context.verify_mode = ssl.CERT_OPTIONAL
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.url = self.url.replace("http:", "https:")

    def close(self):
        self._server.shutdown()
        self._server.server_close()

    # One request.

    def answer(self, method, raw_path, headers, body, has_certificate=False):
        url = urllib.parse.urlsplit(raw_path)
        query = urllib.parse.parse_qs(url.query)
        with self.lock:
            is_admin = self._authenticate(headers, has_certificate)
            if url.path == "/apis":
                return 200, {"kind": "APIGroupList", "groups": [{"name": name} for name, _ in sorted(self.served) if name]}
            if url.path == REVIEWS and method == "POST":
                return 201, self._review(body, is_admin)
            if DISCOVERY.match(url.path):
                return 200, self._discover(DISCOVERY.match(url.path))
            found = PATH.match(url.path)
            if not found or (found["group"] or "", found["version"] or "v1") not in self.served:
                raise NotServed
            if (found["group"], found["version"], found["plural"]) == ("batch", "v1", "cronjobs") and not self.is_new:
                raise Refusal(404, "NotFound", "the server could not find the requested resource")
            if not is_admin:
                self._authorize(method, found)
            key = (found["plural"], found["name"])
            is_dry = query.get("dryRun") == ["All"]
            if method == "GET" and found["name"] is None:
                return 200, self._list(found["plural"], query)
            manager = query.get("fieldManager", [headers.get("User-Agent", "").split("/")[0]])[0]
            if method == "POST":
                name = body["metadata"]["name"]
                return 201, self._create((found["plural"], name), body, manager, is_dry)
            return 200, self._touch(method, key, found, headers, body, manager, is_dry)

    def _list(self, plural, query):
        """Pages of `limit` objects; what continues is the name of the last one."""
        items = [value for (kind, _), value in sorted(self.objects.items())
                 if kind == plural and is_selected(value, query)]
        start = query.get("continue", [""])[0]
        if start:
            last = bytes.fromhex(start).decode()
            items = [one for one in items if one["metadata"]["name"] > last]
        limit = int(query.get("limit", ["0"])[0])
        is_more = 0 < limit < len(items)
        page = items[:limit] if is_more else items
        more = {"continue": page[-1]["metadata"]["name"].encode().hex()} if is_more else {}
        return {"kind": "List", "metadata": more, "items": page}

    def _discover(self, found):
        key = (found["group"], found["version"])
        if key not in self.served or key not in KINDS:
            raise NotServed
        resources = [{"name": plural, "kind": kind} for plural, kind in KINDS[key].items()]
        resources += [{"name": f"{plural}/scale", "kind": "Scale"} for plural in KINDS[key] if plural in SCALED]
        return {"kind": "APIResourceList", "groupVersion": "/".join(key), "resources": resources}

    def _review(self, body, is_admin):
        asked = body["spec"]["resourceAttributes"]
        allowed = is_admin or self._is_allowed(asked["verb"], asked["group"], asked["resource"], asked.get("name"))
        return {**body, "status": {"allowed": allowed}}

    def _authenticate(self, headers, has_certificate):
        if has_certificate:
            return False
        bearer = headers.get("Authorization", "")
        if bearer == f"Bearer {ADMIN}":
            return True
        if bearer != f"Bearer {self.token}":
            raise Refusal(401, "Unauthorized", "Unauthorized")
        return False

    def _authorize(self, method, found):
        resource = found["plural"] + ("/scale" if found["sub"] else "")
        verb = "list" if method == "GET" and not found["name"] else VERBS[method]
        if self._is_allowed(verb, found["group"] or "", resource, found["name"]):
            return
        raise Refusal(403, "Forbidden", f'User "system:serviceaccount:trading:collectd" cannot {verb} resource '
                      f'"{resource}" in API group "{found["group"]}" in the namespace "{found["space"]}"')

    def _is_allowed(self, verb, group, resource, name):
        return any(group in rule["apiGroups"] and resource in rule["resources"] and verb in rule["verbs"]
                   and (not rule.get("resourceNames") or name in rule["resourceNames"]) for rule in self.rules)

    def _create(self, key, body, manager="", is_dry=False):
        if key in self.objects:
            raise Refusal(409, "AlreadyExists", f"{key[0]} {key[1]!r} already exists")
        if key[0] == "events":
            for field in ("eventTime", "action", "reportingController", "reportingInstance"):
                if not body.get(field):
                    raise Refusal(422, "Invalid", f"{field}: Required value")
            if not re.match(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$", body["eventTime"]):
                raise Refusal(400, "BadRequest", "eventTime needs six fractional digits")
        if key[0] == "endpointslices":
            self._check_slice(body)
        return body if is_dry else self._keep(key, body, manager)

    @staticmethod
    def _check_slice(body):
        kind, names = body.get("addressType"), [port.get("name", "") for port in body.get("ports", [])]
        if kind not in ("IPv4", "IPv6", "FQDN"):
            raise Refusal(422, "Invalid", "addressType: Unsupported value")
        if len(names) != len(set(names)):
            raise Refusal(422, "Invalid", "ports: Duplicate value")
        for endpoint in body["endpoints"]:
            if not 1 <= len(endpoint["addresses"]) <= 100 or endpoint.get("conditions", {}).keys() - CONDITIONS:
                raise Refusal(422, "Invalid", "endpoints: Invalid value")
            for address in endpoint["addresses"] if kind != "FQDN" else []:
                parsed = ipaddress.ip_address(address)
                if f"IPv{parsed.version}" != kind or parsed.is_loopback or parsed.is_link_local:
                    raise Refusal(422, "Invalid", "endpoints.addresses: Invalid value")

    def _keep(self, key, value, manager=""):
        self.version += 1
        value = copy.deepcopy(value)
        old = self.objects.get(key, {})
        metadata = value.setdefault("metadata", {})
        metadata["resourceVersion"] = str(self.version)
        metadata["uid"] = old.get("metadata", {}).get("uid", f"uid-{self.version}")
        metadata["managedFields"] = self._managed_fields(old, value, manager)
        metadata.setdefault("creationTimestamp", time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()))
        self.objects[key] = value
        return value

    @staticmethod
    def _managed_fields(old, new, manager):
        """A manager for each field of the spec: who has changed it last."""
        before, after = old.get("spec") or {}, new.get("spec") or {}
        owners = {field: entry["manager"] for entry in old.get("metadata", {}).get("managedFields", [])
                  for field in entry["fieldsV1"]["f:spec"]}
        owners.update({f"f:{name}": manager for name in after if before.get(name) != after[name]})
        owners = {field: owner for field, owner in owners.items() if field[2:] in after}
        return [{"manager": name, "operation": "Update",
                 "fieldsV1": {"f:spec": {field: {} for field, owner in owners.items() if owner == name}}}
                for name in sorted(set(owners.values()))]

    def _touch(self, method, key, found, headers, body, manager, is_dry):
        old = self.objects.get(key)
        if old is None:
            raise Refusal(404, "NotFound", f'{key[0]} "{key[1]}" not found')
        if method == "GET":
            return self._scale_of(old) if found["sub"] == "/scale" else old
        if method == "DELETE":
            return self.objects.pop(key)
        if method == "PATCH" and headers.get("Content-Type") != "application/merge-patch+json":
            raise Refusal(415, "UnsupportedMediaType", "the body of the request was in an unknown format")
        stated = (body.get("metadata") or {}).get("resourceVersion")
        if stated is not None and stated != old["metadata"]["resourceVersion"]:
            raise Refusal(409, "Conflict", "the object has been modified; please apply your changes to the latest "
                          "version and try again")
        new = body if method == "PUT" else self._patched(old, body, found)
        for field in ("replicas", "minReplicas"):
            if new.get("spec", {}).get(field, 1) < (0 if field == "replicas" else 1):
                raise Refusal(422, "Invalid", f"spec.{field}: Invalid value")
        if key[0] == "horizontalpodautoscalers" and new["spec"].get("minReplicas", 1) > new["spec"]["maxReplicas"]:
            raise Refusal(422, "Invalid", "spec.maxReplicas: Invalid value")
        new = copy.deepcopy(new)
        if is_dry:
            return self._scale_of(new) if found["sub"] == "/scale" else new
        kept = self._keep(key, new, manager)
        return self._scale_of(kept) if found["sub"] == "/scale" else kept

    def _patched(self, old, body, found):
        if found["sub"] != "/scale":
            return merged(old, body)
        # Only the number goes through; null and absent are zero.
        spec = merged(self._scale_of(old), body).get("spec", {})
        return merged(old, {"spec": {"replicas": spec.get("replicas", 0)}})

    @staticmethod
    def _scale_of(value):
        return {"kind": "Scale", "apiVersion": "autoscaling/v1",
                "metadata": {key: value["metadata"][key] for key in ("name", "uid", "resourceVersion")},
                "spec": {"replicas": value["spec"]["replicas"]} if value["spec"].get("replicas") else {},
                "status": {"replicas": value["spec"].get("replicas", 0)}}


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    standin = None

    def _take(self):
        raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        try:
            body = json.loads(raw) if raw else None
            has_certificate = isinstance(self.connection, ssl.SSLSocket) and bool(self.connection.getpeercert())
            status, answer = self.standin.answer(self.command, self.path, self.headers, body, has_certificate)
        except (Refusal, NotServed) as refusal:
            status, answer = refusal.status, refusal.body
        data = answer.encode() if isinstance(answer, str) else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        with contextlib.suppress(ConnectionError):  # who asked has given up
            self.wfile.write(data)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _take

    def log_message(self, *_):
        pass
