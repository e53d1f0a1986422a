# SPDX-License-Identifier: MIT
"""The dashboards are what dashboards/make.py makes."""
import subprocess

from house import ROOT


def test_dashboards_are_up_to_date(tmp_path):
    subprocess.run([ROOT / "dashboards" / "make.py", tmp_path], check=True)
    made = sorted(path.name for path in tmp_path.iterdir())
    assert made == sorted(path.name for path in (ROOT / "dashboards").glob("*.json"))
    for name in made:
        assert (tmp_path / name).read_text() == (ROOT / "dashboards" / name).read_text(), f"{name}: run dashboards/make.py"
