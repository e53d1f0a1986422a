# SPDX-License-Identifier: MIT
"""The shape of the sources: licence and purpose, length, headers that compile alone, nothing of a machine."""
import re
import subprocess

import pytest
from conventions import BUILD, PLUGINS, ROOT, code_of, shown, sources

FILE_LINES = 600
FUNCTION_LINES = 70


def tracked():
    names = subprocess.run(["git", "-C", ROOT, "ls-files"], check=True, capture_output=True, text=True).stdout.split()
    return [ROOT / name for name in names if (ROOT / name).is_file()]


def functions(text):
    """(first line, number of lines) of each function: LLVM style puts its end in column 0."""
    start = None
    for number, line in enumerate(text.splitlines(), 1):
        if start is None and re.match(r"^[A-Za-z_].*[^;]$", line) and "(" in line:
            start = number
        elif line.startswith("}"):
            if start is not None:
                yield start, number - start + 1
            start = None


@pytest.mark.parametrize("path", sources(".c", ".h"), ids=shown)
def test_a_file_names_its_licence_and_its_purpose(path):
    lines = path.read_text().splitlines()
    assert lines[0] == "/* SPDX-License-Identifier: MIT */"
    assert re.match(rf"^/\* {re.escape(path.stem)}: ", lines[1])


@pytest.mark.parametrize("path", sources(".c", ".h"), ids=shown)
def test_files_and_functions_are_short(path):
    text = code_of(path)
    assert len(text.splitlines()) <= FILE_LINES
    assert [f"line {start}: {n} lines" for start, n in functions(text) if n > FUNCTION_LINES] == []


@pytest.mark.parametrize("path", sources(".h"), ids=shown)
def test_a_header_compiles_alone(path):
    includes = subprocess.run(["pkg-config", "--cflags", "libpq", "jansson", "libcurl", "libpcre2-8", "libstatgrab"],
                              check=True, capture_output=True, text=True).stdout.split()
    for name in ["collectd", "collectd/core", "collectd/core/daemon"]:
        includes += ["-isystem", f"/usr/include/{name}"]
    subprocess.run(["cc", "-std=c11", "-D_GNU_SOURCE", "-DHAVE_CONFIG_H", "-Wall", "-Wextra", "-Werror", "-fsyntax-only",
                    f"-I{PLUGINS}", *includes, "-x", "c", "-"], input=f'#include "{path}"\n', text=True, check=True)


def test_nothing_of_a_machine_or_a_registry_is_tracked():
    machine = re.compile("/" + r"(?:work|farm|root/w)/|\.\./shared|" + "https?" + r"://(?:deb|security|snapshot|registry|mirror)\.")
    found = []
    for path in tracked():
        if path.parent.name == ".ci":  # the only place that may know where it is run
            continue
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue
        found += [f"{shown(path)}: {m.group()}" for m in machine.finditer(text)]
    assert found == []


def test_sources_are_formatted():
    try:
        version = subprocess.run(["clang-format", "--version"], capture_output=True, text=True).stdout
    except FileNotFoundError:
        pytest.skip("clang-format is not installed: the format is NOT checked")
    if " 14." not in version:
        pytest.skip(f"clang-format is not 14 but {version.strip()}: the format is NOT checked")
    files = [p for p in tracked() if p.suffix in {".c", ".h"}]
    result = subprocess.run(["clang-format", "--dry-run", "--Werror", *files], capture_output=True, text=True, cwd=ROOT)
    assert result.returncode == 0, result.stderr[-2000:]
