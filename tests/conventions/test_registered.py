# SPDX-License-Identifier: MIT
"""Every test file is run by ctest: none is forgotten, none is a leftover."""
import json
import re
import subprocess

from conventions import BUILD, ROOT


def registered():
    output = subprocess.run(
        ["ctest", "--show-only=json-v1", "--test-dir", BUILD], check=True, capture_output=True, text=True
    ).stdout
    return {test["name"] for test in json.loads(output)["tests"]}


def expected():
    tests = ROOT / "tests"
    names = {f"unit.{p.parent.name}.{p.stem[5:]}" for p in tests.glob("unit/*/test_*.c")}
    for kind in ["conventions", "system"]:
        names |= {f"{kind}.{p.stem[5:]}" for p in tests.glob(f"{kind}/test_*.py")}
    names |= {f"fuzz.{p.stem[5:]}" for p in tests.glob("fuzz/fuzz_*.c")}
    names |= {f"host.{p.stem[5:]}" for p in tests.glob("host/test_*.c")}
    return names


def test_every_test_file_is_registered():
    assert "conventions.registered" in expected()
    assert expected() - registered() == set()


def test_every_file_that_looks_like_a_test_is_where_tests_are_found():
    found = {p for p in (ROOT / "tests").rglob("test_*") if p.suffix in {".c", ".py"}}
    known = {p for pattern in ["unit/*/test_*.c", "conventions/test_*.py", "system/test_*.py", "host/test_*.c"]
             for p in (ROOT / "tests").glob(pattern)}
    assert found - known == set()


def test_every_fuzz_target_has_inputs_and_all_inputs_a_target():
    fuzz = ROOT / "tests" / "fuzz"
    targets = {p.stem[5:] for p in fuzz.glob("fuzz_*.c")}
    corpus = [p for p in (fuzz / "corpus").iterdir()]
    assert targets == {p.name for p in corpus if p.is_dir() and any(p.iterdir())}
    assert targets == {p.name.removesuffix(".tar.gz") for p in corpus if p.is_file()}


def test_a_named_fuzz_input_has_a_name_that_says_something():
    named = (ROOT / "tests" / "fuzz" / "corpus").glob("*/*")
    assert [p.name for p in named if re.fullmatch(r"[0-9a-f]{12,40}", p.name)] == []
