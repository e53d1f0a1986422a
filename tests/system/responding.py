# SPDX-License-Identifier: MIT
"""A collectd with one rule, `pool`, and responses to it: what their tests share."""
import json
import os
import subprocess
import time

from servers import build

SERIES = "dbpool-trading/percent-used"


class Responding:
    def __init__(self, collectd):
        self.collectd = collectd
        self.directory = collectd.directory
        self.switches = self.directory / "switches"
        self.state = self.directory / "state"
        self.journal_file = self.directory / "journal"
        self.state.mkdir(exist_ok=True)

    def configure(self, responses, options="", store=True):
        """Loads the plugin with RESPONSES, the text of <Response> blocks."""
        stores = f'<SwitchStore "file">\nPath "{self.switches}"\n</SwitchStore>' if store else ""
        self.collectd.forget().load("resource_alert", f"""
            StateDir "{self.state}"
            Journal "{self.journal_file}"
            HelperDir "{build.BUILD}/libexec"
            {options}
            <Threshold "pool">
              Metric "dbpool-*/percent-used"
              WarningMax 80
              FailureMax 95
            </Threshold>
            {stores}
            {responses}""")
        return self

    def start(self):
        # A killed daemon leaves its socket behind, and that is no sign of life.
        self.collectd.socket.unlink(missing_ok=True)
        self.collectd.start()
        return self

    def put(self, percent):
        self.collectd.put_value(SERIES, percent)

    def breach(self):
        self.put(90)

    def recover(self):
        self.put(10)

    def expect(self, condition, within=10):
        return self.collectd.expect(condition, within=within)

    def expect_state(self, state, response="degrade", within=10):
        return self.expect(lambda: self.state_of(response) == state, within)

    # What was seen.

    def journal(self, event=None, **fields):
        text = self.journal_file.read_text("utf-8") if self.journal_file.exists() else ""
        lines = [json.loads(line) for line in text.splitlines() if line.endswith("}")]
        return [line for line in lines if event in (None, line["event"])
                and all(line.get(key) == value for key, value in fields.items())]

    def state_of(self, response="degrade"):
        """A dry run's state without the word that it is pretended."""
        changes = self.journal("response", response=response)
        return changes[-1]["to"].replace("DRYRUN_", "") if changes else "OFF"

    def attempts(self, action, **fields):
        """Lines about ACTION; of a switch in several stores, "Switch x", in each of them."""
        return [line for line in self.journal("action", **fields)
                if line["action"] == action or line["action"].startswith(f"{action} in ")]

    def steps(self, action):
        return [line["step"] for line in self.attempts(action)]

    def failures(self, action):
        return [line["error"] for line in self.attempts(action, step="failed")]

    def is_on(self, switch):
        return (self.switches / switch).is_file()

    def hook(self, script, name="hook"):
        """Makes a program of SCRIPT that a hook may run. Returns its path."""
        path = self.directory / name
        path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        path.chmod(0o755)
        return path

    def open_directory(self, name):
        """A directory that the user of a hook can write to."""
        path = self.directory / name
        path.mkdir()
        path.chmod(0o1777)
        return path


def response(actions, name="degrade", **options):
    given = {"EngageAfter": 0, "ReleaseAfter": 0, **options}
    lines = "\n".join(f"{key} {value}" for key, value in given.items())
    return f'<Response "{name}">\nWhen "pool"\n{lines}\n{actions}\n</Response>'


def switch(name, **options):
    return block("Switch", f' "{name}"', **options)


def block(kind, label="", **options):
    lines = "\n".join(f"{key} {value}" for key, value in options.items())
    return f"<{kind}{label}>\n{lines}\n</{kind}>\n"


def quoted(*words):
    return " ".join(f'"{word}"' for word in words)


def processes_with(mark):
    """Ids of processes whose command line holds MARK."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                if mark.encode() in file.read() and int(pid) != os.getpid():
                    found.append(int(pid))
        except OSError:
            pass
    return found


def elapsed(action):
    """Runs ACTION; returns the seconds that it took."""
    begun = time.monotonic()
    action()
    return time.monotonic() - begun


def certificate(directory, name):
    """A key and a certificate of its own for the addresses 127.0.0.1 and ::1."""
    key, cert = directory / f"{name}.key", directory / f"{name}.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert,
                    "-days", "2", "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1,IP:::1"],
                   check=True, capture_output=True)
    return key, cert
