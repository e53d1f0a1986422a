# SPDX-License-Identifier: MIT
"""The dashboards are what contrib/dashboards/make.py makes."""
import json
import re
import subprocess
import sys

import pytest
from conventions import ROOT

sys.path.insert(0, str(ROOT / "contrib/dashboards"))

import make  # noqa: E402


def test_dashboards_are_up_to_date(tmp_path):
    subprocess.run([ROOT / "contrib/dashboards" / "make.py", tmp_path], check=True)
    made = sorted(path.name for path in tmp_path.iterdir())
    assert made == sorted(path.name for path in (ROOT / "contrib/dashboards").glob("*.json"))
    for name in made:
        assert (tmp_path / name).read_text() == (ROOT / "contrib/dashboards" / name).read_text(), f"{name}: run contrib/dashboards/make.py"


def rules():
    text = (ROOT / "conf.d/40-thresholds.conf").read_text(encoding="utf-8")
    return re.findall(r'^  <Threshold "(\w+)">.*?Metric "([^"]+)"', text, re.M | re.S)


@pytest.mark.parametrize("rule, metric", rules())
def test_every_rule_has_a_line_and_its_colours(rule, metric):
    panels = [(number, lines.index(series)) for number, (_, _, lines, _) in enumerate(make.PANELS)
              for series in lines if make.metric_name(series) == metric]
    assert panels, f"{rule}: no panel draws {metric}"
    for kind in make.TARGETS:
        board = json.loads((ROOT / f"contrib/dashboards/grafana-{kind}.json").read_text())
        config = board["panels"][panels[0][0]]["fieldConfig"]
        alone = [config["defaults"]["thresholds"]] if "thresholds" in config["defaults"] else []
        found = alone + [override["properties"][0]["value"] for override in config["overrides"]
                         if override["matcher"]["options"] == "ABCDEF"[panels[0][1]]]
        assert [step["value"] for step in found[0]["steps"][1:]] == sorted(limit or 0.001 for limit in make.LIMITS[metric].values())


def test_steps_are_the_colours_of_the_states():
    series = ("dbpool", "*", "percent", "used", "value")
    assert [step["color"] for step in make.steps(series)] == ["green", "orange", "red"]
    assert [step["color"] for step in make.steps(("statgrab", "df-*", "percent", "free", "value"))] == ["orange", "green"]
    assert [step["color"] for step in make.steps(("dbpool", "*", "gauge", "up", "value"))] == ["red", "green"]
