# SPDX-License-Identifier: MIT
"""Plugins built with a sanitizer inside the stock collectd, which is not."""
import re
import subprocess

from servers import build

LIBRARIES = {"address": "libasan.so", "thread": "libtsan.so", "undefined": "libubsan.so"}
# A leak is ours when a frame of it is, or one of a library that only we use; the
# unwinder sometimes gets no further than that.
OURS = re.compile(rf"{re.escape(str(build.SOURCE))}|{re.escape(str(build.BUILD))}|"
                  r"/lib(?:pq|curl|jansson|pcre2-8|statgrab|microhttpd)\.so")
# glibc holds a lock around the zone that localtime and mktime read; ThreadSanitizer
# does not see it.
UNSEEN_LOCK = re.compile(r"^ +#\d+ tzset_internal ", re.M)


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


def reports(directory, output):
    """What was reported since the last call, but for leaks of the daemon's own;
    OUTPUT is the daemon's, into which UndefinedBehaviorSanitizer writes."""
    texts = [line for line in output if ": runtime error: " in line]
    for file in sorted(directory.glob("sanitizer.*")):
        texts.append(without_stock_races(without_stock_leaks(file.read_text(errors="replace"))))
        file.rename(file.with_name(f"seen-{file.name}"))
    return "\n".join(filter(None, texts))


def without_stock_leaks(text):
    """TEXT without the leaks of stock code; "" when nothing else is reported."""
    blocks = re.split(r"\n(?=\S)", text)
    stock = [block for block in blocks if _is_leak(block) and not OURS.search(block)]
    rest = [block for block in blocks if block not in stock]
    if stock and not any(map(_is_leak, rest)):
        return ""
    return "\n".join(rest)


def without_stock_races(text):
    """TEXT without what ThreadSanitizer says of stock code alone (collectd's
    unixsock goes on writing to a client while the daemon frees its lists), or of
    the C library's zone."""
    blocks = re.split(r"^={18}$", text, flags=re.M)
    races = [block for block in blocks if "WARNING: ThreadSanitizer:" in block]
    stock = [block for block in races if not OURS.search(block) or UNSEEN_LOCK.search(block)]
    if not stock:
        return text
    return "" if len(stock) == len(races) else "\n".join(block for block in blocks if block not in stock)


def _is_leak(block):
    return re.match(r"(Direct|Indirect) leak", block) is not None
