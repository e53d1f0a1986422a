# SPDX-License-Identifier: MIT
"""Plugins built with a sanitizer inside the stock collectd, which is not."""
import re
import subprocess

from servers import build

LIBRARIES = {"address": "libasan.so", "thread": "libtsan.so", "undefined": "libubsan.so"}
# The frame below the allocator's own, when it is the daemon's or a stock plugin's.
STOCK = re.compile(r"^    #1 .*\((?:/usr/sbin/collectd|/usr/lib/collectd/)", re.M)


def environment(directory):
    """What goes around the daemon: the runtimes, since they must be loaded
    first, and a file DIRECTORY/sanitizer.PID for what they report."""
    wanted = build.sanitizers() & LIBRARIES.keys()
    if not wanted:
        return {}
    compiler = build.cache("CMAKE_C_COMPILER")
    paths = [subprocess.run([compiler, f"-print-file-name={LIBRARIES[kind]}"], check=True,
                            capture_output=True, text=True).stdout.strip()
             for kind in sorted(wanted)]
    # The daemon's exit code stays its own; the file is what counts.
    options = f"log_path={directory}/sanitizer:print_stacktrace=1:exitcode=0"
    return {"LD_PRELOAD": ":".join(paths),
            **{f"{kind}SAN_OPTIONS": options for kind in ("A", "UB", "T")}}


def reports(directory):
    """What was reported since the last call, but for leaks of the daemon's own."""
    texts = []
    for file in sorted(directory.glob("sanitizer.*")):
        texts.append(without_stock_leaks(file.read_text(errors="replace")))
        file.rename(file.with_name(f"seen-{file.name}"))
    return "\n".join(filter(None, texts))


def without_stock_leaks(text):
    """The blocks of a report that do not tell of a leak in stock code; "" when
    only the frame around them is left."""
    blocks = [block for block in re.split(r"\n(?=\S)", text)
              if not (re.match(r"(Direct|Indirect) leak", block) and STOCK.search(block)
                      and str(build.SOURCE) not in block)]
    if "LeakSanitizer" in text and not any(
            re.match(r"(Direct|Indirect) leak", block) for block in blocks):
        return ""
    return "\n".join(blocks)
