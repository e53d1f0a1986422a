# SPDX-License-Identifier: MIT
"""When a response engages and is released: bursts, series that stop, rules that forbid."""
import subprocess

import pytest
from responding import response, switch
from servers import build


def put(responding, series, percent):
    responding.collectd.put_value(f"dbpool-{series}/percent-used", percent)
    return True


def is_missing(responding, series):
    return responding.journal("state", to="MISSING", series=f"testhost/dbpool-{series}/percent-used")


def test_a_series_that_was_well_when_it_stopped_holds_nothing(responding):
    responding.configure(response(switch("one"))).start()
    put(responding, "old", 10)
    responding.expect(lambda: is_missing(responding, "old"))
    put(responding, "new", 90)
    responding.expect_state("ENGAGED")
    responding.expect(lambda: put(responding, "new", 10) and responding.state_of() == "OFF")
    assert not responding.is_on("one")


def test_a_series_that_was_bad_when_it_stopped_holds_for_a_while(responding):
    responding.configure(response(switch("one"), HoldMissing=3)).start()
    put(responding, "old", 90)
    responding.expect_state("ENGAGED")
    responding.expect(lambda: put(responding, "new", 10) and is_missing(responding, "old"))
    assert responding.is_on("one")
    responding.expect(lambda: put(responding, "new", 10) and responding.state_of() == "OFF")
    put(responding, "new", 90)  # the other series still count
    responding.expect_state("ENGAGED")
    responding.expect(lambda: put(responding, "new", 10) and responding.state_of() == "OFF")


BURSTS = """<Plugin resource_alert>
  <Threshold "used">
    Metric "*/percent-used"
    WarningMax 80
    For 10
    RecoverFor 60
  </Threshold>
  <SwitchStore "file">
    Path "/run/nowhere"
  </SwitchStore>
  <Response "degrade">
    When "used"
    <Switch "slow_down">
    </Switch>
  </Response>
</Plugin>
"""


@pytest.mark.parametrize("beyond, moments", [
    (7, [("50s", "OFF"), ("2m", "OFF"), ("6m", "OFF")]),  # 35 s
    (10, [("45s", "ENGAGED"), ("5m", "ENGAGED"), ("6m", "OFF")]),  # 50 s, and 300 s within the limits
])
def test_a_burst(tmp_path, beyond, moments):
    """The state stays WARNING for RecoverFor; that is no time beyond the limits."""
    (tmp_path / "collectd.conf").write_text(BURSTS)
    states = "".join(f'<At "{at}">\nResponse "degrade" "{state}"\n</At>\n' for at, state in moments)
    (tmp_path / "tests.conf").write_text('Configuration "collectd.conf"\n<Test "burst">\nInterval 5\n'
                                         f'<Series "web1/pool-a/percent-used">\nValues "90x{beyond} 10x80"\n</Series>\n'
                                         f"{states}</Test>\n")
    result = subprocess.run([build.BUILD / "resource-alertctl", "test", tmp_path / "tests.conf"], capture_output=True,
                            text=True, timeout=60, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
