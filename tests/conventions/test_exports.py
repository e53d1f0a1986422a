# SPDX-License-Identifier: MIT
"""A module exports module_register and needs only what is there when collectd loads it."""
import re
import subprocess

import pytest
from conventions import BUILD, NAMES


def symbols(*arguments):
    """Names that nm prints, without their versions."""
    lines = subprocess.run(["nm", "-D", *arguments], check=True, capture_output=True, text=True).stdout.splitlines()
    return {line.split()[-1].split("@")[0] for line in lines if line.strip()}


def linked_libraries(path):
    output = subprocess.run(["ldd", path], check=True, capture_output=True, text=True).stdout
    assert "not found" not in output
    return [m.group(1) for m in re.finditer(r"(?:=> )?(/\S+) \(0x", output)]


def collectd_binary():
    return "/usr/sbin/collectd"


@pytest.mark.parametrize("name", NAMES)
def test_only_module_register_is_exported(name):
    sanitizers = re.compile(r"^(__asan|__ubsan|__tsan|__sanitizer|__lsan|__odr_asan)")
    exported = {s for s in symbols("--defined-only", BUILD / "collectd" / f"{name}.so") if not sanitizers.match(s)}
    assert exported == {"module_register"}


@pytest.mark.parametrize("name", NAMES)
def test_every_needed_symbol_is_somewhere(name):
    module = BUILD / "collectd" / f"{name}.so"
    offered = symbols("--defined-only", collectd_binary())
    for library in [*linked_libraries(module), *linked_libraries(collectd_binary())]:
        offered |= symbols("--defined-only", library)
    lines = subprocess.run(["nm", "-D", "--undefined-only", module], check=True, capture_output=True, text=True).stdout.splitlines()
    needed = {line.split()[-1].split("@")[0] for line in lines if line.split()[0] == "U"}
    assert "plugin_register_complex_config" in needed, "nm printed nothing"
    assert needed - offered == set()
