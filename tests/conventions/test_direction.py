# SPDX-License-Identifier: MIT
"""Data has one direction, and so have includes: core <- trade, core <- glue, both <- NAME.c; trades <- ctl."""
import re

import pytest
from conventions import NAMES, PLUGINS, shown, sources

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)
ROOMS = ["core", "glue", "ctl", "exec_helper", *NAMES]
# Inside a plugin: what the files of a sub-room may include, besides their own
# and the plugin's files that stand in no sub-room.
SUB_ROOMS = {
    "resource_alert": {"rules": {"alerts"}, "alerts": {"rules"}, "clients": {"actions"}, "actions": {"clients", "alerts"},
                       "responses": {"actions", "clients", "alerts"},
                       "status": {"rules", "alerts", "responses"}},
    "session_log": {"scan": set(), "follow": {"scan"}, "sessions": set()},
    "dbpool": {"linux": set()},
    "statgrab": {"linux": set()},
    "ctl": {"control": set(), "check": set(), "simulate": {"check"}},
}
# Headers of the daemon, and those that its public include directories hold.
COLLECTD = re.compile(r"^(collectd|plugin|liboconfig/|utils/|utils_|configfile|meta_data|types_list|filter_chain)")


def room_of(path):
    return path.relative_to(PLUGINS).parts[0]


def is_glue(path):
    room = room_of(path)
    return room == "glue" or (room in NAMES and path == PLUGINS / room / f"{room}.c")


def allowed_rooms(path):
    room = room_of(path)
    if room == "core":
        return {"core"}
    if room == "glue":
        return {"core", "glue"}
    if room == "exec_helper":
        return {"core"}
    if room == "ctl":
        return {"core", "ctl", *NAMES}
    return {"core", "glue", room} if is_glue(path) else {"core", room}


def wrong_includes(path, text):
    for _, name in INCLUDE.findall(text):
        room = name.split("/")[0]
        if room in ROOMS:
            if room not in allowed_rooms(path):
                yield f'"{name}" lies against the direction'
        elif COLLECTD.match(name) and not is_glue(path):
            yield f'"{name}" is the daemon\'s: only glue and NAME.c may know it'


def wrong_sub_rooms(path, text):
    room, *rest = path.relative_to(PLUGINS).parts
    if len(rest) < 2:
        return
    allowed = SUB_ROOMS[room][rest[0]] | {rest[0]}
    for _, name in INCLUDE.findall(text):
        parts = name.split("/")
        if parts[0] == room and len(parts) > 2 and parts[1] not in allowed:
            yield f'"{name}" lies against the direction inside {room}'


def test_the_rule_itself_can_fail():
    core = PLUGINS / "core" / "x.c"
    assert list(wrong_includes(core, '#include "glue/log.h"\n'))
    assert list(wrong_includes(core, '#include "plugin.h"\n'))
    assert list(wrong_includes(PLUGINS / "dbpool" / "pool.c", '#include "statgrab/x.h"\n'))
    assert list(wrong_includes(PLUGINS / "dbpool" / "pool.c", '#include "glue/log.h"\n'))
    assert list(wrong_includes(PLUGINS / "dbpool" / "pool.c", '#include "ctl/check/lint.h"\n'))
    assert list(wrong_includes(PLUGINS / "ctl" / "main.c", '#include "plugin.h"\n'))
    assert not list(wrong_includes(PLUGINS / "ctl" / "check" / "lint.c", '#include "dbpool/options.h"\n'))
    assert list(wrong_sub_rooms(PLUGINS / "resource_alert" / "alerts" / "alert.c", '#include "resource_alert/status/x.h"\n'))
    assert not list(wrong_includes(PLUGINS / "dbpool" / "dbpool.c", '#include "plugin.h"\n#include "glue/log.h"\n'))


@pytest.mark.parametrize("path", sources(".c", ".h"), ids=shown)
def test_includes_follow_the_direction(path):
    text = path.read_text()
    assert list(wrong_includes(path, text)) + list(wrong_sub_rooms(path, text)) == []


@pytest.mark.parametrize("path", [p for p in sources(".c") if p.with_suffix(".h").exists()], ids=shown)
def test_own_header_comes_first(path):
    first = INCLUDE.search(path.read_text()).group(2)
    assert first == str(path.with_suffix(".h").relative_to(PLUGINS))


def test_libstatgrab_is_used_in_one_file():
    users = [shown(p) for p in sources(".c", ".h") if "<statgrab.h>" in p.read_text()]
    assert len(users) <= 1
