# SPDX-License-Identifier: MIT
"""What the convention tests share: where things are, and C without its comments."""
import os
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("PROJECT_BUILD", ROOT / "build" / "dev"))
PLUGINS = ROOT / "plugins"
NAMES = ["statgrab", "dbpool", "session_log", "resource_alert"]

_TOKEN = re.compile(
    r"""/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'""", re.S
)


def sources(*suffixes):
    """All source files of the plugins with one of the suffixes, sorted."""
    return sorted(p for p in PLUGINS.rglob("*") if p.suffix in suffixes)


def code_of(path):
    """The file's text with comments, strings and characters blanked; lines stay."""
    def blank(match):
        return re.sub(r"[^\n]", " ", match.group())

    return _TOKEN.sub(blank, path.read_text())


def shown(path):
    return str(path.relative_to(ROOT))
