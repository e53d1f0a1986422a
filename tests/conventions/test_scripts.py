# SPDX-License-Identifier: MIT
"""The shell scripts: shellcheck has nothing to warn of."""
import subprocess

import pytest
from conventions import ROOT, shown


def shell_scripts():
    names = subprocess.run(["git", "-C", ROOT, "ls-files"], check=True, capture_output=True, text=True).stdout.split()
    for path in (ROOT / name for name in names):
        if path.is_file():
            with path.open("rb") as file:
                first = file.readline(200)
            if first.startswith(b"#!") and first.endswith(b"sh\n"):
                yield path


@pytest.mark.parametrize("path", shell_scripts(), ids=shown)
def test_shellcheck_warns_of_nothing(path):
    result = subprocess.run(["shellcheck", "--severity=warning", path], capture_output=True, text=True)
    assert result.returncode == 0, result.stdout
