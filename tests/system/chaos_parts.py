# SPDX-License-Identifier: MIT
"""What test_chaos.py plays with: a disk that fills, a clock that is stepped, an application that goes on whatever
happens."""
import os
import pathlib
import random
import struct
import subprocess
import threading
import time

from servers import build, namespaces, orphans
from servers.application import CLOSED, OPENED, ApplicationLog

TICK_S = 0.2
FOR_S = 1
# A breach lasts longer than For and two intervals, fed without a gap.
FED_S = FOR_S + 3
GAP_S = 2  # readings further apart do not connect; the daemon says 2.5 intervals
MODELS = ["a", "b", "c"]


class Disk:
    """A small file system of its own, in a mount namespace that a process keeps."""

    def __init__(self, directory):
        self.place = directory / "disk"
        self.place.mkdir()
        words = namespaces.unshare_mounts()
        self.keeper = words and subprocess.Popen(
            [*words, "sh", "-ec", f"mount -t tmpfs -o size=2m,mode=755 none {self.place}; echo; exec sleep 3600"],
            stdout=subprocess.PIPE, preexec_fn=orphans.die_with_parent)
        if self.keeper:
            self.keeper.stdout.readline()

    @property
    def prefix(self):
        return ["nsenter", f"--target={self.keeper.pid}", "--mount", "--root", "--wd", "--"] if self.keeper else []

    @property
    def inside(self):
        return pathlib.Path(f"/proc/{self.keeper.pid}/root{self.place}") if self.keeper else self.place

    def fill(self):
        try:
            (self.inside / "filler").write_bytes(b"x" * 4000000)
        except OSError:
            pass  # full it is

    def free(self):
        (self.inside / "filler").unlink(missing_ok=True)

    def close(self):
        if self.keeper:
            self.keeper.kill()
            self.keeper.wait()
            self.keeper.stdout.close()


class Clock:
    """The wall clock of one process, which can be stepped while it runs; its monotonic one goes on."""

    LIBRARY = build.BUILD / "system" / "stepped_clock.so"

    def __init__(self, directory):
        self.file = directory / "clock"
        self.file.write_bytes(bytes(8))
        self.offset_s = 0

    def wrap(self, server):
        """The server lives by this clock from its next start on."""
        libraries = [server.environment.get("LD_PRELOAD"), str(self.LIBRARY)]
        server.environment["LD_PRELOAD"] = ":".join(filter(None, libraries))
        server.environment["STEPPED_CLOCK"] = str(self.file)

    def step(self, seconds):
        self.offset_s += seconds
        with self.file.open("r+b") as file:
            file.write(struct.pack("=q", self.offset_s))

    def now(self):
        return time.time() + self.offset_s


class Model:
    """One series, and how often it was beyond its limit for long enough."""

    def __init__(self, name, seed):
        self.name, self.chance = name, random.Random(f"{seed} {name}")
        self.is_beyond = False
        self.breaches = 0
        self.fed_s = 0.0  # without a gap, since it changed
        self.fed_at = None
        self.wanted_s = FED_S

    @property
    def value(self):
        return self.chance.uniform(90, 99) if self.is_beyond else self.chance.uniform(1, 80)

    def was_fed(self):
        now = time.monotonic()
        gap_s = now - self.fed_at if self.fed_at else 0
        self.fed_s = self.fed_s + gap_s if gap_s < GAP_S else 0.0
        self.fed_at = now

    def was_not_fed(self):
        self.fed_s, self.fed_at = 0.0, None

    def turn(self, side):
        """Changes sides, or to the one that is wanted, when it has been fed for long enough."""
        wanted = not self.is_beyond if side is None else side
        enough_s = self.wanted_s if side is None else FED_S
        if self.fed_s >= enough_s and wanted != self.is_beyond:
            self.is_beyond = wanted
            self.breaches += wanted
            self.fed_s, self.wanted_s = 0.0, FED_S + 3 * self.chance.random()

    def is_settled(self, side):
        return self.is_beyond == side and self.fed_s >= FED_S


class World(threading.Thread):
    """The application: it feeds its series and writes its log, whatever is done to the servers meanwhile."""

    def __init__(self, collectd, log, seed):
        super().__init__(daemon=True)
        self.collectd = collectd
        self.models = [Model(name, seed) for name in MODELS]
        self.log = ApplicationLog(log)
        self.log.path.touch()
        self.log_lock = threading.Lock()  # held while no line may be missed
        self.opened = 0
        self.side = False  # on which all are to be; None: each turns as it likes
        self.life = None  # the daemon that is fed
        self.late_s = []  # by how much each pause was too long: the machine's fault
        self.is_over = threading.Event()

    def run(self):
        while True:
            before = time.monotonic()
            if self.is_over.wait(TICK_S):
                return
            self.late_s.append(time.monotonic() - before - TICK_S)
            for model in self.models:
                self._feed(model)
                model.turn(self.side)
            with self.log_lock:
                self.log.say(OPENED, CLOSED)
                self.opened += 1

    def _feed(self, model):
        life = self.collectd.process
        if life is not self.life:  # the time of For starts afresh
            for one in self.models:
                one.was_not_fed()
            self.life = life
        try:
            self.collectd.put_value(f"model-{model.name}/gauge-level", model.value)
        except (OSError, ValueError, IndexError):
            model.was_not_fed()
        else:
            model.was_fed()

    def is_settled(self, side):
        return all(model.is_settled(side) for model in self.models)

    def close(self):
        self.is_over.set()
        self.join()


class Slowness:
    """Lets a server work for a tenth of the time only."""

    def __init__(self, server):
        self.server = server
        self.is_over = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        while not self.is_over.is_set():
            self.server.pause()
            self.is_over.wait(0.18)
            self.server.resume()
            self.is_over.wait(0.02)

    def end(self):
        self.is_over.set()
        self.thread.join()


def memory_kib(pid):
    """What the process has of its own."""
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1])
    return 0


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def threads(pid):
    return len(os.listdir(f"/proc/{pid}/task"))
