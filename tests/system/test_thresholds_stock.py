# SPDX-License-Identifier: MIT
"""The same <Plugin threshold> block in collectd's own plugin and in ours, in one
daemon, fed with the same random values: each does what its model says, and the
models differ by nothing but what the manual lists."""
import math
import os
import random
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
<Plugin "hyst">
  <Type "gauge">
    WarningMax 80
    FailureMax 90
    Hysteresis 6
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
</Host>
"""

NONE = {"warning_min": -math.inf, "warning_max": math.inf, "failure_min": -math.inf, "failure_max": math.inf,
        "hysteresis": 0}
FOUR = {**NONE, "warning_min": 20, "failure_min": 10, "warning_max": 80, "failure_max": 90}
SERIES = {  # name: limits of the block that counts for it
    **{f"wide-{i}/gauge": FOUR for i in range(40)},
    **{f"hyst-{i}/gauge": {**NONE, "warning_max": 80, "failure_max": 90, "hysteresis": 6} for i in range(40)},
    "special-one/gauge-x": {**NONE, "failure_max": 30},
    "special-one/gauge-y": {**NONE, "warning_max": 50},
    "special-two/gauge-x": FOUR,
    **{f"share-{i}/df": {**NONE, "warning_max": 70} for i in range(20)},
    **{f"rate-{i}/derive": {**NONE, "warning_max": 60, "failure_max": 75} for i in range(20)},
    **{f"rate-{i}/counter": {**NONE, "failure_max": 50} for i in range(20)},
}
ROUNDS = 25
STEP_S = 10
SEVERITIES = ["OKAY", "WARNING", "FAILURE"]


def judge(limits, state, value):
    """The level of VALUE, hysteresis widening the present state's range."""
    for level, name in [(2, "failure"), (1, "warning")]:
        widen = limits["hysteresis"] if state == level else 0
        if value < limits[f"{name}_min"] + widen or value > limits[f"{name}_max"] - widen:
            return level
    return 0


def model(limits, readings, is_stock):
    """Severities that are told of these readings."""
    state, told = None, []
    for value in readings:
        if math.isnan(value) and not is_stock:
            continue  # listed: NaN is no reading
        level = 0 if math.isnan(value) else judge(limits, state, value)
        if level != state and not (state is None and level == 0 and not is_stock):  # listed: a first OKAY
            told.append(SEVERITIES[level])
        state = level
    return told


class Stream:
    """Random raw values of one series, and the readings that they stand for."""
    def __init__(self, name, rng):
        self.kind = name.rpartition("/")[2].partition("-")[0]
        self.rng = rng
        self.total = 0 if self.kind == "derive" else 2**32 - 3000
        self.is_first = True
        self.readings = []

    def draw(self):
        if self.kind == "df":
            used, free = self.rng.randrange(1, 100), self.rng.randrange(1, 100)
            self.readings.append(100 * used / (used + free))
            return f"{used}:{free}"
        if self.kind == "gauge":
            value = math.nan if self.rng.random() < 0.1 else self.rng.randrange(0, 200) / 2
            self.readings.append(value)
            return "U" if math.isnan(value) else repr(value)
        rate = self.rng.randrange(0, 100)
        if self.kind == "derive" and self.total > 0 and self.rng.random() < 0.1:
            self.total, rate = 0, math.nan  # set back
        else:
            self.total += rate * STEP_S
        if self.kind == "counter":
            self.total %= 2**32
        self.readings.append(math.nan if self.is_first else rate)
        self.is_first = False
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


def test_both_do_what_their_models_say(both):
    seed = int(os.environ.get("SEED", time.time()))
    print(f"SEED={seed}")
    rng = random.Random(seed)
    streams = {name: Stream(name, rng) for name in SERIES}
    feeder = Feeder(both.socket)
    start = int(time.time()) - 10 * ROUNDS * STEP_S
    for turn in range(1, ROUNDS + 1):
        at = start + turn * STEP_S
        feeder.put([f'PUTVAL "testhost/{name}" interval={STEP_S * 100} {at}:{stream.draw()}'
                    for name, stream in streams.items()])
        # Announced in order: what came before the mark is told before it.
        feeder.put([f'PUTVAL "testhost/mark/gauge-mark" interval=1000 {at}:{2000 if turn % 2 else 15}'])
        both.expect(lambda: len(both.notifications(plugin_instance="mark")) >= turn, within=20)
    seen = {}
    for one in both.notifications():
        key = one["plugin"], one.get("plugin_instance"), one["type"], one.get("type_instance")
        is_ours = one["message"].startswith('row "')
        seen.setdefault((is_ours, key), []).append(one["severity"])
    for name, limits in SERIES.items():
        parts = [part.partition("-") for part in name.split("/")]
        key = parts[0][0], parts[0][2] or None, parts[1][0], parts[1][2] or None
        for is_stock in [True, False]:
            expected = model(limits, streams[name].readings, is_stock)
            got = seen.get((not is_stock, key), [])
            assert got == expected, f"SEED={seed} {name} stock={is_stock} {streams[name].readings}"


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
