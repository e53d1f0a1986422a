# SPDX-License-Identifier: MIT
"""The same <Plugin threshold> block in collectd's own plugin and in ours, in one
daemon, fed with the same random values: each does what its model says, and the
models differ by nothing but what the manual lists."""
import math
import os
import random
import re
import socket
import time

import pytest

BLOCK = """
<Type "gauge">
  WarningMax 80
  FailureMax 90
  WarningMin 20
  FailureMin 10
</Type>
<Type "load">
  WarningMax 60
  FailureMax 80
</Type>
<Plugin "hyst">
  <Type "gauge">
    WarningMax 80
    FailureMax 90
    Hysteresis 6
  </Type>
</Plugin>
<Plugin "hits">
  <Type "gauge">
    WarningMax 30
    FailureMax 60
    Hits 2
  </Type>
</Plugin>
<Plugin "inverted">
  <Type "gauge">
    WarningMin 20
    WarningMax 80
    FailureMin 40
    FailureMax 60
    Invert true
  </Type>
</Plugin>
<Plugin "failing">
  <Type "gauge">
    FailureMin 40
    FailureMax 60
    Invert true
  </Type>
</Plugin>
<Plugin "persistent">
  <Type "gauge">
    WarningMax 50
    FailureMax 70
    Persist true
  </Type>
</Plugin>
<Plugin "okay">
  <Type "gauge">
    WarningMax 50
    Persist true
    PersistOK true
  </Type>
</Plugin>
<Plugin "alone">
  <Type "gauge">
    WarningMax 50
    PersistOK true
  </Type>
</Plugin>
<Plugin "special">
  Instance "one"
  <Type "gauge">
    Instance "x"
    FailureMax 30
  </Type>
  <Type "gauge">
    WarningMax 50
  </Type>
</Plugin>
<Host "testhost">
  <Plugin "share">
    <Type "df">
      DataSource "used"
      Percentage true
      WarningMax 70
    </Type>
  </Plugin>
  <Type "derive">
    WarningMax 60
    FailureMax 75
  </Type>
  <Type "counter">
    FailureMax 50
  </Type>
  <Type "absolute">
    WarningMax 50
  </Type>
</Host>
"""

NONE = {"warning_min": -math.inf, "warning_max": math.inf, "failure_min": -math.inf, "failure_max": math.inf}
FOUR = {"warning_min": 20, "failure_min": 10, "warning_max": 80, "failure_max": 90}
MANY = 180
SERIES = {  # name: the block that counts for it
    **{f"wide-{i}/gauge": FOUR for i in range(MANY)},
    **{f"loaded-{i}/load": {"warning_max": 60, "failure_max": 80} for i in range(MANY)},
    **{f"hyst-{i}/gauge": {"warning_max": 80, "failure_max": 90, "hysteresis": 6} for i in range(MANY)},
    **{f"hits-{i}/gauge": {"warning_max": 30, "failure_max": 60, "hits": 2} for i in range(MANY)},
    **{f"inverted-{i}/gauge": {"warning_min": 20, "warning_max": 80, "failure_min": 40, "failure_max": 60,
                               "invert": True} for i in range(MANY)},
    **{f"failing-{i}/gauge": {"failure_min": 40, "failure_max": 60, "invert": True} for i in range(MANY)},
    **{f"persistent-{i}/gauge": {"warning_max": 50, "failure_max": 70, "persist": True} for i in range(MANY)},
    **{f"okay-{i}/gauge": {"warning_max": 50, "persist": True, "persist_ok": True} for i in range(MANY)},
    **{f"alone-{i}/gauge": {"warning_max": 50, "persist_ok": False} for i in range(MANY)},
    "special-one/gauge-x": {"failure_max": 30},
    "special-one/gauge-y": {"warning_max": 50},
    "special-two/gauge-x": FOUR,
    **{f"share-{i}/df": {"warning_max": 70} for i in range(MANY)},
    **{f"rate-{i}/derive": {"warning_max": 60, "failure_max": 75} for i in range(MANY)},
    **{f"rate-{i}/counter": {"failure_max": 50} for i in range(MANY)},
    **{f"rate-{i}/absolute": {"warning_max": 50} for i in range(MANY)},
}
ROUNDS = 14
STEP_S = 10
BATCH = 400  # at once; of more than 1024 notifications some would be dropped
SEVERITIES = ["OKAY", "WARNING", "FAILURE"]


def is_outside(block, name, value, widen):
    return (value < block.get(f"{name}_min", -math.inf) + widen or
            value > block.get(f"{name}_max", math.inf) - widen)


def judge(block, state, value, is_stock):
    """The level of VALUE, hysteresis widening the present state's range."""
    for level, name in [(2, "failure"), (1, "warning")]:
        widen = block.get("hysteresis", 0) if state == level else 0
        outside = is_outside(block, name, value, widen)
        has_limits = f"{name}_min" in block or f"{name}_max" in block
        if block.get("invert"):  # listed: there, limits that are not given count, too
            outside = not outside and (is_stock or has_limits)
        if outside:
            return level
    return 0


class Stock:
    """collectd's own plugin: one state for all data sources of a value."""
    def __init__(self, block):
        self.block, self.state, self.hits = block, None, 0

    def take(self, values):
        level = max(judge(self.block, self.state, value, True) for value in values)
        if self.block.get("hits"):
            if level != 0 and self.hits <= self.block["hits"]:
                self.hits += 1  # listed: the fifth, not the third
                return []
            self.hits = 0
        is_persistent = self.block.get("persist") if level else self.block.get("persist_ok")
        if level == self.state and not is_persistent:
            return []
        self.state = level
        return [level]


class OneSource:
    """Our plugin, for one data source."""
    def __init__(self, block):
        self.block, self.state, self.is_notified = block, None, False
        self.breaches = {level: [False, 0, False] for level in (1, 2)}  # beyond, how often, breached

    def update_breach(self, level, is_beyond):
        breach = self.breaches[level]
        breach[1] = breach[1] + 1 if is_beyond == breach[0] else 1
        breach[0] = is_beyond
        if breach[1] >= (self.block.get("hits", 1) if is_beyond else 1):
            breach[2] = is_beyond

    def take(self, value):
        if math.isnan(value):
            return []  # listed: NaN is no reading
        level = judge(self.block, self.state, value, False)
        for which in (1, 2):
            self.update_breach(which, level >= which)
        before = self.state
        if self.breaches[2][2] or self.breaches[1][2]:
            self.state = 2 if self.breaches[2][2] else 1
        elif before is not None or not self.breaches[1][0]:
            self.state = 0
        if self.state is None:
            return []
        was_told, self.is_notified = self.is_notified, self.state != 0
        if self.state == before:
            self.is_notified = was_told
            return [self.state] if self.block.get("persist" if self.state else "persist_ok") else []
        return [self.state] if self.state or was_told else []  # listed: a first OKAY


class Ours:
    def __init__(self, block):
        self.block, self.sources, self.notified = block, [], [0] * 3

    def take(self, values):
        self.sources = self.sources or [OneSource(self.block) for _ in values]
        before = [source.state or 0 for source in self.sources]
        alone = [source.take(value) for source, value in zip(self.sources, values)]
        after = [source.state or 0 for source in self.sources]
        return alone[0] if len(values) == 1 else self.notify_each(before, after)

    def notify_each(self, before, after):
        """None is reported well while another one of the same name is, or was told to be, bad."""
        told = []
        for i, level in enumerate(after):
            was, bad = self.notified[i], [j for j, other in enumerate(after) if j != i and (other or (j > i and before[j]))]
            if level == before[i] or level == was:
                continue
            self.notified[i] = level
            if level or not bad:
                told.append(level)
            elif not self.notified[bad[0]]:
                self.notified[bad[0]] = was
        return told


class Stream:
    """Random raw values of one series, and the readings that they stand for."""
    def __init__(self, name, rng):
        self.kind = name.rpartition("/")[2].partition("-")[0]
        self.rng = rng
        self.total = 0 if self.kind == "derive" else 2**32 - 3000
        self.turns = None  # since the last value; None: there was none
        self.readings = []

    def draw(self):
        """The words of PUTVAL; None: a gap."""
        if self.rng.random() < 0.05:
            self.turns = None if self.turns is None else self.turns + 1
            return None
        if self.kind in ("gauge", "load"):
            return self.draw_levels(3 if self.kind == "load" else 1)
        if self.kind == "df":
            used, free = self.rng.randrange(1, 100), self.rng.randrange(1, 100)
            self.readings.append([100 * used / (used + free)])
            return f"{used}:{free}"
        return self.draw_counter()

    def draw_levels(self, count):
        values = [math.nan if self.rng.random() < 0.1 else self.rng.randrange(0, 200) / 2 for _ in range(count)]
        self.readings.append(values)
        return ":".join("U" if math.isnan(value) else repr(value) for value in values)

    def draw_counter(self):
        elapsed_s = 0 if self.turns is None else self.turns * STEP_S
        self.turns = 1
        rate = self.rng.randrange(0, 100)
        if self.kind == "absolute":
            self.readings.append([rate if elapsed_s else math.nan])
            return str(rate * max(elapsed_s, 1))
        if self.kind == "derive" and self.total > 0 and self.rng.random() < 0.1:
            self.total, rate = 0, math.nan  # set back
        else:
            self.total += rate * max(elapsed_s, 1)
        if self.kind == "counter":
            self.total %= 2**32  # wraps
        self.readings.append([rate if elapsed_s else math.nan])
        return str(self.total)


class Feeder:
    """One connection to unixsock: thousands of values in no time."""
    def __init__(self, path):
        self.peer = socket.socket(socket.AF_UNIX)
        self.peer.connect(str(path))
        self.stream = self.peer.makefile("rw", encoding="utf-8")

    def put(self, lines):
        self.stream.write("".join(f"{line}\n" for line in lines))
        self.stream.flush()
        for line in lines:
            answer = self.stream.readline()
            assert answer.startswith("0 "), f"{line}: {answer}"


@pytest.fixture
def both(collectd):
    """A daemon with collectd's plugin and ours."""
    collectd.load("threshold", BLOCK)
    mark = '<Threshold "mark">\nMetric "mark/gauge-mark"\nWarningMax 1000\n</Threshold>'
    collectd.load("resource_alert", BLOCK + mark)
    return collectd.start()


class Told:
    """The notifications of both plugins by series, as they are logged."""
    LINE = re.compile(r"Notification: severity = (\w+), host = [^,]+, plugin = ([^,]+),(?: plugin_instance = ([^,]+),)?"
                      r" type = ([^,]+),(?: type_instance = ([^,]+),)? message = (.*)")

    def __init__(self, path):
        self.file = open(path, encoding="utf-8")
        self.part = ""
        self.seen = {}
        self.marks = 0

    def read(self):
        *lines, self.part = (self.part + self.file.read()).split("\n")
        for line in lines:
            if found := self.LINE.search(line):
                severity, *key, message = found.groups()
                self.marks += key[1] == "mark"
                self.seen.setdefault((message.startswith('rule "'), *key), []).append(severity)
        return self


def key_of(name):
    (plugin, _, instance), (kind, _, type_instance) = (part.partition("-") for part in name.split("/"))
    return plugin, instance or None, kind, type_instance or None


def test_both_do_what_their_models_say(both):
    seed = int(os.environ.get("SEED", time.time()))
    print(f"SEED={seed}")
    rng = random.Random(seed)
    streams = {name: Stream(name, rng) for name in SERIES}
    feeder = Feeder(both.socket)
    told = Told(both.output)
    start = int(time.time()) - 10 * ROUNDS * STEP_S
    for turn in range(1, ROUNDS + 1):
        at = start + turn * STEP_S
        drawn = {name: stream.draw() for name, stream in streams.items()}
        lines = [f'PUTVAL "testhost/{name}" interval={STEP_S * 100} {at}:{words}'
                 for name, words in drawn.items() if words is not None]
        for first in range(0, len(lines), BATCH):
            feeder.put(lines[first:first + BATCH])
            # Events keep their order: those of values before the mark come before it.
            marks = told.marks + 1
            mark = 2000 if marks % 2 else 15
            feeder.put([f'PUTVAL "testhost/mark/gauge-mark" interval=1000 {at + first // BATCH}:{mark}'])
            both.expect(lambda wanted=marks: told.read().marks >= wanted, within=60)
    assert sum(len(levels) for levels in told.seen.values()) > 10 * len(SERIES)
    for name, block in SERIES.items():
        for model in [Stock(block), Ours(block)]:
            expected = [SEVERITIES[level] for values in streams[name].readings for level in model.take(values)]
            got = told.seen.get((isinstance(model, Ours), *key_of(name)), [])
            assert got == expected, f"SEED={seed} {name} {type(model).__name__} {streams[name].readings}"


def test_both_miss_what_stops(collectd):
    """Both tell it once, whatever Persist says; only what is Interesting."""
    block = """
        <Type "gauge">
          WarningMax 1
        </Type>
        <Plugin "persistent">
          <Type "gauge">
            WarningMax 1
            Persist true
          </Type>
        </Plugin>
        <Plugin "dull">
          <Type "gauge">
            WarningMax 1
            Interesting false
          </Type>
        </Plugin>"""
    collectd.load("threshold", block)
    collectd.load("resource_alert", block).start()
    told = Told(collectd.output)
    for plugin in ["plain", "persistent", "dull"]:
        collectd.put_value(f"{plugin}/gauge", 0)

    def of(plugin, is_ours):
        return told.read().seen.get((is_ours, plugin, None, "gauge", None), [])

    for plugin in ["plain", "persistent"]:
        collectd.expect(lambda: of(plugin, False) == ["OKAY", "FAILURE"], within=20)
        collectd.expect(lambda: of(plugin, True) == ["FAILURE"], within=20)
    collectd.put_value("plain/gauge", 0, interval=100)
    collectd.expect(lambda: of("plain", True) == ["FAILURE", "OKAY"], within=20)
    assert of("persistent", True) == ["FAILURE"]
    assert of("dull", False) == ["OKAY"]
    assert of("dull", True) == []


def test_hits_fires_with_that_many(collectd):
    collectd.load("resource_alert", '<Type "gauge">\nWarningMax 1\nHits 3\n</Type>').start()
    feeder = Feeder(collectd.socket)
    start = int(time.time()) - 1000
    feeder.put([f'PUTVAL "testhost/a/gauge" interval=100 {start + i}:{value}'
                for i, value in enumerate([0, 2, 2, 0, 2, 2])])
    feeder.put([f'PUTVAL "testhost/a/gauge" interval=100 {start + 9}:2'])
    collectd.expect(lambda: len(collectd.notifications(plugin="a")) == 1, within=20)


def test_persist_tells_every_reading(collectd):
    collectd.load("resource_alert", '<Type "gauge">\nWarningMax 1\nPersist true\n</Type>').start()
    start = int(time.time()) - 1000
    for i in range(1, 4):
        collectd.put_value("a/gauge", 2, at=start + i, interval=100)
        collectd.expect(lambda: len(collectd.notifications(plugin="a")) == i, within=20)


def test_what_stops_is_a_failure_unless_uninteresting(collectd):
    collectd.load("resource_alert", """
        <Type "gauge">
          WarningMax 1
        </Type>
        <Plugin "dull">
          <Type "gauge">
            WarningMax 1
            Interesting false
          </Type>
        </Plugin>""").start()
    collectd.put_value("dull/gauge", 0)
    collectd.put_value("a/gauge", 0)
    collectd.expect(lambda: collectd.notifications(plugin="a", severity="FAILURE"), within=20)
    assert collectd.notifications(plugin="dull") == []
