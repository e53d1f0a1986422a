# SPDX-License-Identifier: MIT
"""What is under test: the build directory named by PROJECT_BUILD."""
import os
import pathlib
import subprocess

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


def sanitizer_environment(directory):
    """What the stock collectd needs around plugins built with a sanitizer:
    the runtime first, each report into DIRECTORY/sanitizer.PID."""
    libraries = {"address": "libasan.so", "thread": "libtsan.so", "undefined": "libubsan.so"}
    wanted = sanitizers() & libraries.keys()
    if not wanted:
        return {}
    compiler = cache("CMAKE_C_COMPILER")
    paths = [subprocess.run([compiler, f"-print-file-name={libraries[kind]}"], check=True,
                            capture_output=True, text=True).stdout.strip()
             for kind in sorted(wanted)]
    # Leaks are not looked for: the daemon leaves its own behind at exit.
    options = f"log_path={directory}/sanitizer:detect_leaks=0:print_stacktrace=1"
    return {"LD_PRELOAD": ":".join(paths), "ASAN_OPTIONS": options,
            "UBSAN_OPTIONS": options, "TSAN_OPTIONS": options}
