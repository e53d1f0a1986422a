# SPDX-License-Identifier: MIT
"""What is under test: the build directory named by PROJECT_BUILD."""
import os
import pathlib

SOURCE = pathlib.Path(__file__).resolve().parents[3]
BUILD = pathlib.Path(os.environ.get("PROJECT_BUILD", "build/dev"))
if not BUILD.is_absolute():
    BUILD = SOURCE / BUILD
PLUGINS = BUILD / "collectd"
STOCK_PLUGINS = pathlib.Path("/usr/lib/collectd")
TYPES = (pathlib.Path("/usr/share/collectd/types.db"), SOURCE / "types.db")


def cache(name):
    """The value of NAME in the build's CMakeCache.txt, or ""."""
    for line in (BUILD / "CMakeCache.txt").read_text(encoding="utf-8").splitlines():
        key, equals, value = line.partition("=")
        if equals and key.partition(":")[0] == name:
            return value
    return ""


def sanitizers():
    """{"address", "undefined"}, {"thread"} or an empty set."""
    return set(filter(None, cache("SANITIZE").split(",")))
