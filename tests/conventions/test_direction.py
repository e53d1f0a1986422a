# SPDX-License-Identifier: MIT
"""Includes have one direction: core <- a plugin's library, core <- glue, both <- NAME.c; libraries <- ctl."""
import re

import pytest
from conventions import NAMES, PLUGINS, shown, sources

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)
DIRECTORIES = ["core", "glue", "ctl", "exec_helper", *NAMES]
# Inside a plugin: what the files of a directory may include, besides their own
# and the plugin's files that are in no directory below it.
BELOW = {
    "resource_alert": {
        "rules": set(),
        "alerts": {"rules"},
        "clients": set(),
        "actions": {"clients"},
        "receivers": {"alerts", "rules", "clients"},
        "responses": {"actions", "clients", "alerts", "rules"},
        "status": {"rules", "alerts", "responses", "receivers", "clients"},
    },
    "session_log": {"match": set(), "tail": set(), "sessions": set()},
    "dbpool": {"linux": set()},
    "statgrab": {"linux": set()},
    "ctl": {"control": set(), "check": set(), "simulate": {"check"}},
}
# Files that may go against that table, with the reason.
EXCEPTIONS = {
    ("resource_alert/rules/rule.h", "resource_alert/alerts/alert.h"): "a rule holds the limits that an alert compares with",
}
# Headers of the daemon, and those that its public include directories hold.
COLLECTD = re.compile(r"^(collectd|plugin|liboconfig/|utils/|utils_|configfile|meta_data|types_list|filter_chain)")


def directory_of(path):
    return path.relative_to(PLUGINS).parts[0]


def is_glue(path):
    directory = directory_of(path)
    return directory == "glue" or (directory in NAMES and path == PLUGINS / directory / f"{directory}.c")


def allowed_directories(path):
    directory = directory_of(path)
    if directory == "core":
        return {"core"}
    if directory == "glue":
        return {"core", "glue"}
    if directory == "exec_helper":
        return {"core"}
    if directory == "ctl":
        return {"core", "ctl", *NAMES}
    return {"core", "glue", directory} if is_glue(path) else {"core", directory}


def wrong_includes(path, text):
    for _, name in INCLUDE.findall(text):
        directory = name.split("/")[0]
        if directory in DIRECTORIES:
            if directory not in allowed_directories(path):
                yield f'"{name}" is against the direction'
        elif COLLECTD.match(name) and not is_glue(path):
            yield f'"{name}" is the daemon\'s: only glue and NAME.c may know it'


def wrong_includes_below(path, text):
    plugin, *rest = path.relative_to(PLUGINS).parts
    if len(rest) < 2:
        return
    if rest[0] not in BELOW.get(plugin, {}):
        yield f"{plugin}/{rest[0]} is not in the table of directories"
        return
    allowed = BELOW[plugin][rest[0]] | {rest[0]}
    for _, name in INCLUDE.findall(text):
        parts = name.split("/")
        if parts[0] == plugin and len(parts) > 2 and parts[1] not in allowed and \
                (str(path.relative_to(PLUGINS)), name) not in EXCEPTIONS:
            yield f'"{name}" is against the direction inside {plugin}'


def test_the_rule_itself_can_fail():
    core = PLUGINS / "core" / "x.c"
    assert list(wrong_includes(core, '#include "glue/glue.h"\n'))
    assert list(wrong_includes(core, '#include "plugin.h"\n'))
    assert list(wrong_includes(PLUGINS / "dbpool" / "pool.c", '#include "statgrab/x.h"\n'))
    assert list(wrong_includes(PLUGINS / "dbpool" / "pool.c", '#include "glue/glue.h"\n'))
    assert list(wrong_includes(PLUGINS / "dbpool" / "pool.c", '#include "ctl/check/lint.h"\n'))
    assert list(wrong_includes(PLUGINS / "ctl" / "main.c", '#include "plugin.h"\n'))
    assert not list(wrong_includes(PLUGINS / "ctl" / "check" / "lint.c", '#include "dbpool/options.h"\n'))
    assert list(wrong_includes_below(PLUGINS / "resource_alert" / "alerts" / "alert.c", '#include "resource_alert/status/x.h"\n'))
    assert list(wrong_includes_below(PLUGINS / "dbpool" / "new" / "x.c", ""))
    assert not list(wrong_includes(PLUGINS / "dbpool" / "dbpool.c", '#include "plugin.h"\n#include "glue/glue.h"\n'))


@pytest.mark.parametrize("path", sources(".c", ".h"), ids=shown)
def test_includes_follow_the_direction(path):
    text = path.read_text()
    assert list(wrong_includes(path, text)) + list(wrong_includes_below(path, text)) == []


@pytest.mark.parametrize("path", [p for p in sources(".c") if p.with_suffix(".h").exists()], ids=shown)
def test_own_header_comes_first(path):
    first = INCLUDE.search(path.read_text()).group(2)
    assert first == str(path.with_suffix(".h").relative_to(PLUGINS))


def test_libstatgrab_is_used_in_one_file():
    users = [shown(p) for p in sources(".c", ".h") if "<statgrab.h>" in p.read_text()]
    assert len(users) <= 1
