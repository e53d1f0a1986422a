# SPDX-License-Identifier: MIT
"""The dashboards are what contrib/dashboards/make.py makes."""
import subprocess

from conventions import ROOT


def test_dashboards_are_up_to_date(tmp_path):
    subprocess.run([ROOT / "contrib/dashboards" / "make.py", tmp_path], check=True)
    made = sorted(path.name for path in tmp_path.iterdir())
    assert made == sorted(path.name for path in (ROOT / "contrib/dashboards").glob("*.json"))
    for name in made:
        assert (tmp_path / name).read_text() == (ROOT / "contrib/dashboards" / name).read_text(), f"{name}: run contrib/dashboards/make.py"
