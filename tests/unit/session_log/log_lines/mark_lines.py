# SPDX-License-Identifier: MIT
"""Writes the lines of loggers/make_lines, given on standard input, into real.txt with the marks that a person gave to
the messages: each is logged with one level in all formats. usage: make_lines | mark_lines.py TIME > real.txt"""
import re
import sys

LEVELS = {"started": "i", "slow": "i", "payment failed": "E", "pool is gone": "E", "request failed": "E"}
TIMELESS = {"python basicConfig", "python level first", "django simple", "uvicorn", "uvicorn colours", "winston simple",
            "winston colours", "logrus terminal"}

print("# Lines that real loggers wrote: see loggers/make_lines.\n"
      "# Level (E: error or above, i: below, -: none), time (or -), B where a record begins, and the line.")
last = None
for raw in sys.stdin:
    name, line = raw.rstrip("\n").split("\t", 1)
    if name != last:
        print(f"= {name}")
        last = name
    plain = re.sub(r"\\e\[[0-9;]*m", "", line)
    # The message in a traceback is that of the exception.
    level = next((mark for text, mark in LEVELS.items() if text in plain and not plain.startswith(" ")
                  and "log.exception" not in plain), "-")
    has_time = level != "-" and name not in TIMELESS and name != "java.util.logging"
    is_heading = name == "java.util.logging" and plain.startswith("Dec ")
    time = sys.argv[1] if has_time or is_heading else "-"
    print(level, time, "B" if level != "-" or is_heading else ".", line, sep="\t")
