# SPDX-License-Identifier: MIT
"""Each commented line of a sample is accepted when its # is removed: alone, and with all others of its block."""
import re

import pytest
from test_options import SAMPLES, reference, uncommented

OPTION = re.compile(r"^(\s*)#(?=[A-Z<])")
BEGIN = re.compile(r"^\s*#?<(?!/)(\w+)")
END = re.compile(r"^\s*#?</(\w+)")
NEEDS = re.compile(r"missing|needs|requires|no action in it|is another machine: write|has no ")


def enclosing(lines, index):
    """The first and last line numbers of each block around the line."""
    blocks, begins = [], []
    for number, line in enumerate(lines):
        if BEGIN.match(line):
            begins.append(number)
        elif END.match(line):
            first = begins.pop()
            if first <= index <= number:
                blocks.append((first, number))
    return blocks


def alone(text, index):
    """The sample with one line switched on, and what must be: the blocks around it, and Metric or Log's File."""
    lines = text.splitlines()
    wanted = {index}
    for first, last in enclosing(lines, index):
        wanted |= {first, last}
    return "\n".join(OPTION.sub(r"\1", line) if i in wanted else line for i, line in enumerate(lines)) + "\n"


def commented(text):
    return [i for i, line in enumerate(text.splitlines()) if OPTION.match(line) and not END.match(line)]


def complaints(text, path):
    """What the plugins' own parser says; a block that lacks what it requires is not the line's fault."""
    path.write_text(text.replace('RootFS "/host"', 'RootFS "/"'))  # a directory that is there
    result = reference("parse", path)
    needs = NEEDS.search(result.stderr)
    return "" if result.returncode == 0 or needs else result.stderr


@pytest.mark.parametrize("path", SAMPLES, ids=lambda p: p.name)
def test_each_line_alone(path, tmp_path):
    text = path.read_text()
    lines = text.splitlines()
    bad = {lines[i].strip(): said for i in commented(text)
           if (said := complaints(alone(text, i), tmp_path / "one.conf"))}
    assert bad == {}


@pytest.mark.parametrize("path", SAMPLES, ids=lambda p: p.name)
def test_all_lines_together(path, tmp_path):
    """Whole blocks; an option that is given twice, once as an example, is not a fault of the line."""
    said = complaints(uncommented(path.read_text()), tmp_path / "all.conf")
    assert said == ""


def test_a_line_that_is_refused_is_found(tmp_path):
    text = '<Plugin dbpool>\n  #<Pool "x">\n    #Processes four\n  #</Pool>\n</Plugin>\n'
    assert "Processes" in complaints(alone(text, 2), tmp_path / "x.conf")
