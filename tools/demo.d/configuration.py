# SPDX-License-Identifier: MIT
"""Reads collectd's configuration and changes single lines of it.

Only what the samples use is understood: a statement a line, "#Option value" for
one that is switched off, "# text" for prose.
"""
import dataclasses
import re
import shlex

from children import Failed

STATEMENT = re.compile(r"^(?P<indent>\s*)(?P<off>#?)(?P<body>[A-Z<][^\n]*)$")


@dataclasses.dataclass
class Statement:
    line: int      # index into the lines of the text
    path: tuple    # of blocks around it: ("Plugin resource_alert", "Threshold pool_used")
    name: str      # of the option, or of the block that it opens
    values: list
    is_on: bool
    indent: str


def statements(text):
    """Every statement of TEXT, those that are switched off too."""
    path = []
    for line, content in enumerate(text.splitlines()):
        match = STATEMENT.match(content)
        if not match:
            continue
        body, is_on = match["body"], not match["off"]
        if body.startswith("</"):
            path.pop()
            continue
        opens = body.startswith("<")
        name, *values = shlex.split(body.strip("<>"), comments=True)
        yield Statement(line, tuple(path), name, values, is_on, match["indent"])
        if opens:
            path.append(" ".join([name, *values]))


def substitute(text, path, option, value, was=None, origin="the sample"):
    """TEXT with OPTION in the block PATH set to VALUE, and switched on; only the
    one that WAS a certain value where that is given.
    Raises Failed unless exactly one statement is meant."""
    found = [it for it in statements(text) if it.path == path and it.name == option
             and was in (None, " ".join(it.values))]
    if len(found) != 1:
        where = " / ".join(path) or "no block"
        raise Failed(f"{origin}: {option} in {where}: found {len(found)} times, expected once")
    lines = text.splitlines()
    lines[found[0].line] = f"{found[0].indent}{option} {value}"
    return "\n".join(lines) + "\n"
