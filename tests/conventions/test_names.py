# SPDX-License-Identifier: MIT
"""Names of functions, variables and structs: one meaning over the whole tree, and their module in front."""
import collections
import functools
import re
import subprocess

from conventions import BUILD, PLUGINS, code_of, shown, sources

SYMBOL = re.compile(r"^(\S+?\.a):(\S+)\.o:(?:[0-9a-f]+)? *([A-Za-z]) (\S+)$")


@functools.cache
def symbols():
    """(source, kind, name) of all that the libraries of the plugins define, as nm sees it."""
    archives = sorted((BUILD / "plugins").rglob("*.a"))
    output = subprocess.run(["nm", "-A", "--defined-only", *archives], check=True, capture_output=True, text=True).stdout
    by_name = collections.defaultdict(list)
    for path in sources(".c"):
        by_name[path.name].append(path)
    found = []
    for line in output.splitlines():
        match = SYMBOL.match(line)
        if match:
            archive, member, kind, name = match.groups()
            directory = str(PLUGINS.joinpath(*archive.removeprefix(f"{BUILD}/plugins/").split("/")[:-1]))
            paths = [path for path in by_name[member] if str(path).startswith(directory + "/")]
            if paths:  # otherwise it is generated
                found.append((paths[0], kind, name.split(".")[0]))
    return found


def external():
    return [(path, name) for path, kind, name in symbols() if kind in "TDBRCV" and not name.startswith("__")]


def test_there_is_something_to_look_at():
    assert len(external()) > 300


def test_an_external_name_is_defined_once():
    paths = collections.defaultdict(set)
    for path, name in external():
        paths[name].add(shown(path))
    assert {name: found for name, found in paths.items() if len(found) > 1} == {}


def test_no_static_has_the_name_of_an_external():
    names = {name: path for path, name in external()}
    shadows = [f"{shown(path)}: {name} is external in {shown(names[name])}"
               for path, kind, name in symbols() if kind in "tdbr" and names.get(name, path) != path]
    assert sorted(set(shadows)) == []


@functools.cache
def headers():
    """Each name that a header declares, with the stems of those headers."""
    found = collections.defaultdict(set)
    for path in sources(".h"):
        for name in re.findall(r"\b(\w+)\b(?=\(|;|\[)", code_of(path)):
            found[name].add(path.stem)
    return found


def modules(path, name):
    """What NAME, defined in PATH, may begin with: a header that declares it, its file, its directories, its plugin. A
    directory may be in the plural, and a function for many things, too."""
    words = {path.stem, *path.relative_to(PLUGINS).parts[:-1], *headers()[name]}
    words |= {word.removesuffix("_util").removesuffix("_driver") for word in words}
    return words | {word.removesuffix("s") for word in words} | {f"{word}s" for word in words}


def has_module(path, name):
    return any(name == word or name.startswith(f"{word}_") for word in modules(path, name))


def test_an_external_name_begins_with_its_module():
    foreign = {f"{shown(path)}: {name}" for path, name in external()
               if not has_module(path, name)}
    assert sorted(foreign) == []


def test_a_struct_tag_is_defined_once():
    tags = collections.defaultdict(set)
    for path in sources(".c", ".h"):
        for tag in re.findall(r"^\s*struct (\w+) \{", code_of(path), re.M):
            tags[tag].add(shown(path))
    assert {tag: found for tag, found in tags.items() if len(found) > 1} == {}
