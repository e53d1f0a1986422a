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
    path: tuple    # of the blocks around it: ("Plugin dbpool", "Pool trading")
    name: str      # of the option; "Pool trading" where a block opens; "" where it ends
    values: list
    is_on: bool
    indent: str


def statements(text):
    """Every statement of TEXT, those that are switched off too."""
    path = ()
    for line, content in enumerate(text.splitlines()):
        match = STATEMENT.match(content)
        if not match:
            continue
        body, is_on = match["body"], not match["off"]
        if body.startswith("</"):
            yield Statement(line, path, "", [], is_on, match["indent"])
            path = path[:-1]
            continue
        name, *values = shlex.split(body.strip("<>"), comments=True)
        opens = body.startswith("<")
        name = " ".join([name, *values]) if opens else name
        yield Statement(line, path, name, values, is_on, match["indent"])
        if opens:
            path += (name,)


def find(text, path, name, was=None):
    return [it for it in statements(text) if it.path == path and it.name == name
            and was in (None, " ".join(it.values))]


def the_one(text, path, name, was=None):
    """The statement NAME in the block PATH; where WAS is given, the one that
    has this value. Raises Failed unless there is exactly one."""
    found = find(text, path, name, was)
    if len(found) != 1:
        where = " / ".join(path) or "no block"
        raise Failed(f"{name} in {where}: found {len(found)} times, expected once")
    return found[0]


def substitute(text, path, option, value, was=None):
    """TEXT with OPTION in the block PATH set to VALUE, and switched on."""
    it = the_one(text, path, option, was)
    lines = text.splitlines()
    lines[it.line] = f"{it.indent}{option} {value}"
    return "\n".join(lines) + "\n"


def assign(text, path, option, value):
    """As substitute(); but an OPTION that the block PATH leaves at its default
    is added to it."""
    if find(text, path, option):
        return substitute(text, path, option, value)
    block = the_one(text, path[:-1], path[-1])
    lines = text.splitlines()
    lines.insert(block.line + 1, f"{block.indent}  {option} {value}")
    return "\n".join(lines) + "\n"


def switch_on(text, path):
    """TEXT with the block PATH and all that is in it switched on."""
    the_one(text, path[:-1], path[-1])
    lines = text.splitlines()
    for it in statements(text):
        if it.path[:len(path)] == path or (*it.path, it.name) == path:
            lines[it.line] = STATEMENT.sub(r"\g<indent>\g<body>", lines[it.line])
    return "\n".join(lines) + "\n"
