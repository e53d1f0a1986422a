# SPDX-License-Identifier: MIT
"""What is installed is linked and compiled to be hard to exploit: read from the ELF files."""
import re
import subprocess

import pytest
from conventions import BUILD, NAMES

MODULES = [BUILD / "collectd" / f"{name}.so" for name in NAMES]
PROGRAMS = [BUILD / "resource-alertctl", BUILD / "libexec" / "resource-alert-exec"]


def readelf(path, *options):
    return subprocess.run(["readelf", "-W", *options, path], check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize("path", [*MODULES, *PROGRAMS], ids=lambda path: path.name)
def test_hardening(path):
    segments, dynamic = readelf(path, "--program-headers"), readelf(path, "--dynamic")
    assert re.search(r"^\s*GNU_RELRO\s", segments, re.M), "no relro"
    assert re.search(r"\(FLAGS(_1)?\)\s.*NOW", dynamic), "symbols are bound lazily: what they point to stays writable"
    assert re.search(r"^\s*GNU_STACK\s.*\sRW\s", segments, re.M), "the stack is executable"
    assert not re.search(r"^\s*LOAD\s.*\bRWE\b", segments, re.M), "memory is writable and executable"
    assert "(TEXTREL)" not in dynamic, "code is changed when it is loaded"
    assert not re.search(r"\((RPATH|RUNPATH)\)", dynamic), "libraries come from where the build was"
    assert "__stack_chk_fail" in readelf(path, "--dyn-syms"), "no stack protector"


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.name)
def test_programs_are_position_independent(path):
    assert re.search(r"^\s*Type:\s+DYN\b", readelf(path, "--file-header"), re.M)
    assert re.search(r"\(FLAGS_1\)\s.*\bPIE\b", readelf(path, "--dynamic"))
