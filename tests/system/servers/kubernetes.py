# SPDX-License-Identifier: MIT
"""A Kubernetes API to test against: the stand-in, or a real API server and
controller manager whose binaries are in the directory that KUBE_BIN names."""
import json
import os
import pathlib
import secrets
import ssl
import subprocess
import urllib.error
import urllib.request

import yaml

from servers import build
from servers.kubernetes_standin import Standin
from servers.meddler import Meddler
from servers.server import Server

SPACE = "trading"
ROLE_FILE = build.SOURCE / "contrib/examples" / "kubernetes-role.yaml"


def role_documents():
    return list(yaml.safe_load_all(ROLE_FILE.read_text()))


class Cluster:
    """What tests do as administrator, and where the agent finds the API."""

    slices_version = "v1"

    def __init__(self, url, admin, ca_file, token_file):
        self.url, self.admin, self.ca_file, self.token_file = url, admin, ca_file, token_file
        self._context = ssl.create_default_context(cafile=ca_file) if ca_file else None
        self.meddler = None

    def block(self):
        """Where the agent finds the API: straight, or through what meddles."""
        if self.meddler:
            return f'<Kubernetes>\nServer "{self.meddler.url}"\nTokenFile "{self.token_file}"\n</Kubernetes>'
        ca_line = f'CAFile "{self.ca_file}"' if self.ca_file else ""
        return f'<Kubernetes>\nServer "{self.url}"\nTokenFile "{self.token_file}"\n{ca_line}\n</Kubernetes>'

    def meddle(self):
        self.meddler = Meddler(self.url, self.ca_file)
        return self.meddler

    def close(self):
        if self.meddler:
            self.meddler.close()

    def ask(self, method, path, body=None):
        request = urllib.request.Request(self.url + path, method=method, data=json.dumps(body).encode() if body else None)
        request.add_header("Authorization", f"Bearer {self.admin}")
        request.add_header("Content-Type", "application/merge-patch+json" if method == "PATCH" else "application/json")
        with urllib.request.urlopen(request, context=self._context, timeout=10) as answer:
            return json.load(answer)

    def create(self, prefix, plural, value):
        return self.ask("POST", f"{prefix}/namespaces/{SPACE}/{plural}", value)

    def get(self, prefix, plural, name):
        return self.ask("GET", f"{prefix}/namespaces/{SPACE}/{plural}/{name}")

    def create_workload(self, kind="Deployment", name="api", replicas=2):
        labels = {"app": name}
        spec = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": {
            "metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "i"}]}}}
        if kind == "StatefulSet":
            spec["serviceName"] = name
        self.create("/apis/apps/v1", f"{kind.lower()}s", {
            "apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name}, "spec": spec})

    def create_rollout(self, name="api", replicas=2, kind="Rollout"):
        """Of Argo Rollouts; any kind with a scale subresource is as good."""
        self.create("/apis/argoproj.io/v1alpha1", f"{kind.lower()}s", {
            "apiVersion": "argoproj.io/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": {"replicas": replicas}})

    def replicas(self, kind="Deployment", name="api"):
        return self.get("/apis/apps/v1", f"{kind.lower()}s", name)["spec"].get("replicas", 0)

    def set_replicas(self, replicas, name="api"):
        self.ask("PATCH", f"/apis/apps/v1/namespaces/{SPACE}/deployments/{name}", {"spec": {"replicas": replicas}})

    def create_autoscaler(self, least, most, name="api"):
        self.create("/apis/autoscaling/v1", "horizontalpodautoscalers", {
            "apiVersion": "autoscaling/v1", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "keeper"},
            "spec": {"minReplicas": least, "maxReplicas": most,
                     "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}}})

    def least_replicas(self):
        return self.get("/apis/autoscaling/v1", "horizontalpodautoscalers", "keeper")["spec"].get("minReplicas", 1)

    def create_cron_job(self, name="fetch-prices", **spec):
        template = {"spec": {"template": {"spec": {"restartPolicy": "Never",
                                                   "containers": [{"name": "c", "image": "i"}]}}}}
        self.create("/apis/batch/v1beta1", "cronjobs", {
            "apiVersion": "batch/v1beta1", "kind": "CronJob", "metadata": {"name": name},
            "spec": {"schedule": "0 3 1 1 *", "jobTemplate": template, **spec}})

    def cron_job(self, name="fetch-prices"):
        return self.get("/apis/batch/v1beta1", "cronjobs", name)

    def set_cron_job(self, patch, name="fetch-prices", part=""):
        self.ask("PATCH", f"/apis/batch/v1beta1/namespaces/{SPACE}/cronjobs/{name}{part}", patch)

    def delete(self, prefix, plural, name):
        self.ask("DELETE", f"{prefix}/namespaces/{SPACE}/{plural}/{name}?propagationPolicy=Background")

    def set_least_replicas(self, least):
        self.ask("PATCH", f"/apis/autoscaling/v1/namespaces/{SPACE}/horizontalpodautoscalers/keeper",
                 {"spec": {"minReplicas": least}})

    def touch(self, name="api"):
        """Changes nothing but the workload's version."""
        self.ask("PATCH", f"/apis/apps/v1/namespaces/{SPACE}/deployments/{name}",
                 {"metadata": {"annotations": {"touched": secrets.token_hex(4)}}})

    def delete_autoscaler(self):
        self.delete("/apis/autoscaling/v1", "horizontalpodautoscalers", "keeper")

    def set_slice(self, endpoints, service="api", kind="IPv4"):
        """An EndpointSlice of {address: conditions}."""
        made = [{"addresses": [address], "conditions": conditions} for address, conditions in endpoints.items()]
        api = f"discovery.k8s.io/{self.slices_version}"
        self.create(f"/apis/{api}", "endpointslices", {
            "apiVersion": api, "kind": "EndpointSlice",
            "metadata": {"name": f"{service}-{secrets.token_hex(3)}",
                         "labels": {"kubernetes.io/service-name": service}},
            "addressType": kind, "endpoints": made, "ports": [{"name": "http", "protocol": "TCP", "port": 8000}]})

    def set_endpoints(self, *addresses, service="api"):
        subsets = [{"addresses": [{"ip": one} for one in addresses], "ports": [{"port": 8000}]}] if addresses else []
        value = {"apiVersion": "v1", "kind": "Endpoints", "metadata": {"name": service}, "subsets": subsets}
        path = f"/api/v1/namespaces/{SPACE}/endpoints"
        try:
            self.ask("PUT", f"{path}/{service}", value)
        except urllib.error.HTTPError:
            self.ask("POST", path, value)

    def events(self):
        return [one["reason"] for one in self.ask("GET", f"/apis/events.k8s.io/v1/namespaces/{SPACE}/events")["items"]
                if one.get("reportingController") == "collectd-resource-alert"]


def make_cluster(request, directory, new_server):
    """The one that KUBE_BIN asks for."""
    if "KUBE_BIN" in os.environ:
        return RealCluster(directory, request.getfixturevalue("etcd"), new_server)
    return StandinCluster(directory)


class StandinCluster(Cluster):
    def __init__(self, directory, host="127.0.0.1"):
        rules = next(one["rules"] for one in role_documents() if one["kind"] == "Role")
        self.standin = Standin(directory, rules, host)
        super().__init__(self.standin.url, self.standin.admin, None, self.standin.token_file)

    def serve_tls(self, key, certificate, clients=None):
        self.standin.serve_tls(key, certificate, clients)
        self.url, self.ca_file = self.standin.url, certificate
        self._context = ssl.create_default_context(cafile=certificate)

    def serve_slices(self, version):
        """As a cluster since 1.17, or 1.21, does."""
        self.slices_version = version
        self.standin.served.add(("discovery.k8s.io", version))

    def close(self):
        super().close()
        self.standin.close()


class _Process(Server):
    """One of the real cluster's processes."""

    start_within = 120

    def __init__(self, directory, name, command, is_ready):
        self.name = name
        super().__init__(directory)
        self._command, self.is_ready = command, is_ready

    def command(self):
        return self._command


class RealCluster(Cluster):
    """kube-apiserver and kube-controller-manager on a given etcd."""

    def __init__(self, directory, etcd, new_server):
        self.binaries = pathlib.Path(os.environ["KUBE_BIN"])
        self.directory = directory / "kubernetes"
        self.directory.mkdir()
        self._make_keys()
        self.slices_version = "v1beta1" if self._is_old() else "v1"
        port = etcd.port()
        admin = secrets.token_hex(16)
        (self.directory / "tokens.csv").write_text(f"{admin},admin,admin,system:masters\n")
        token_file = self.directory / "token"
        super().__init__(f"https://127.0.0.1:{port}", admin, self.directory / "ca.crt", token_file)
        new_server(lambda place: _Process(place, "kube-apiserver", self._server_command(etcd, port), self._is_up)).start()
        new_server(lambda place: _Process(place, "kube-controller-manager", self._manager_command(etcd.port()),
                                          self._has_account)).start()
        self.ask("POST", "/api/v1/namespaces", {"metadata": {"name": SPACE}})
        for document in role_documents():
            prefix = "/api/v1" if document["kind"] == "ServiceAccount" else "/apis/rbac.authorization.k8s.io/v1"
            self.create(prefix, document["kind"].lower() + "s", document)
        token_file.write_text(self.new_token())

    def new_token(self):
        answer = self.create("/api/v1", "serviceaccounts/collectd/token", {
            "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"audiences": []}})
        return answer["status"]["token"]

    def _openssl(self, *words):
        subprocess.run(["openssl", *words], check=True, capture_output=True, cwd=self.directory)

    def _make_keys(self):
        (self.directory / "san").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1,IP:10.0.0.1")
        self._openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.crt", "-days", "2",
                      "-subj", "/CN=test-ca")
        self._openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", "api.key", "-out", "api.csr", "-subj", "/CN=api")
        self._openssl("x509", "-req", "-in", "api.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-out",
                      "api.crt", "-days", "2", "-extfile", "san")
        self._openssl("genrsa", "-out", "sa.key", "2048")
        self._openssl("rsa", "-in", "sa.key", "-pubout", "-out", "sa.pub")

    def _is_old(self):
        version = subprocess.run([self.binaries / "kube-apiserver", "--version"], capture_output=True, text=True, check=True)
        return "v1.20" in version.stdout

    def _server_command(self, etcd, port):
        d = self.directory
        return [self.binaries / "kube-apiserver", f"--etcd-servers={etcd.url}", "--bind-address=127.0.0.1",
                f"--secure-port={port}", "--advertise-address=127.0.0.1", "--endpoint-reconciler-type=none",
                "--service-cluster-ip-range=10.0.0.0/24", f"--tls-cert-file={d}/api.crt",
                f"--tls-private-key-file={d}/api.key", f"--client-ca-file={d}/ca.crt", f"--token-auth-file={d}/tokens.csv",
                "--service-account-issuer=https://kubernetes.default.svc", f"--service-account-signing-key-file={d}/sa.key",
                f"--service-account-key-file={d}/sa.pub", "--authorization-mode=RBAC", "--anonymous-auth=false",
                "--profiling=false", *(["--insecure-port=0"] if self._is_old() else [])]

    def _manager_command(self, port):
        config = self.directory / "kubeconfig"
        config.write_text(yaml.safe_dump({
            "apiVersion": "v1", "kind": "Config", "current-context": "c",
            "clusters": [{"name": "t", "cluster": {"server": self.url, "certificate-authority": str(self.ca_file)}}],
            "users": [{"name": "a", "user": {"token": self.admin}}],
            "contexts": [{"name": "c", "context": {"cluster": "t", "user": "a"}}]}))
        return [self.binaries / "kube-controller-manager", f"--kubeconfig={config}", "--bind-address=127.0.0.1",
                f"--secure-port={port}", "--leader-elect=false",
                f"--service-account-private-key-file={self.directory}/sa.key", f"--root-ca-file={self.ca_file}",
                "--authentication-skip-lookup=true",
                "--controllers=serviceaccount,serviceaccount-token,deployment,replicaset,job,cronjob,namespace",
                *(["--port=0"] if self._is_old() else [])]

    def _is_up(self):
        request = urllib.request.Request(self.url + "/readyz", headers={"Authorization": f"Bearer {self.admin}"})
        try:
            with urllib.request.urlopen(request, context=self._context, timeout=2) as answer:
                return answer.read() == b"ok"
        except (urllib.error.URLError, OSError):
            return False

    def _has_account(self):
        try:
            return self.ask("GET", "/api/v1/namespaces/default/serviceaccounts/default")
        except (urllib.error.URLError, OSError):
            return False
