# SPDX-License-Identifier: MIT
"""In what may run as root one module looks up paths: other users may own directories on them, and exchange links
between two look-ups. resource-alertctl runs with the rights of the person who calls it."""
import re

import pytest
from conventions import PLUGINS, code_of, shown, sources

BY_PATH = ("chmod chown lchown mkdir rmdir unlink remove rename open creat fopen freopen truncate link symlink mkfifo "
           "mknod mkostemp mkstemp mkdtemp realpath execv execve execvp").split()
IN_DIRECTORY = "openat unlinkat renameat mkdirat fchmodat fchownat linkat symlinkat".split()  # of a descriptor
ALLOWED = {
    "core/trusted_path.c": "the module itself",
    "statgrab/linux/linux_read.c": "opens files of /proc and /sys",
    "statgrab/linux/read_cgroup.c": "opens files of /sys/fs/cgroup",
    "statgrab/linux/read_groups.c": "opens files of /sys/fs/cgroup, and lists the directories of pods",
    "dbpool/linux/socket_owner.c": "opens files of /proc",
    "exec_helper/exec_helper.c": "opens a file of /proc",
    "session_log/tail/directory_scan.c": "compares the names of logs; trusted_path_open_log() opens them",
}


def daemon_sources():
    return [path for path in sources(".c", ".h") if path.is_relative_to(PLUGINS) and "ctl" not in path.parts]


def wrong_calls(text):
    for number, line in enumerate(text.splitlines(), 1):
        for name, first in re.findall(r"(?<![\w.>])(\w+)\s*\(\s*(\w*)", line):
            if name in BY_PATH or (name in IN_DIRECTORY and first == "AT_FDCWD"):
                yield f"{number}: {name}: use core/trusted_path.h or core/file_util.h"


def test_the_rule_itself_can_fail():
    assert list(wrong_calls("  (void)unlink(path);"))
    assert list(wrong_calls("fd = openat(AT_FDCWD, path, 0);"))
    assert not list(wrong_calls("unlinkat(directory, name, 0); trusted_path_open(path); file.open(x);"))


@pytest.mark.parametrize("path", daemon_sources(), ids=shown)
def test_nothing_is_opened_or_changed_by_path(path):
    if path.relative_to(PLUGINS).as_posix() not in ALLOWED:
        assert list(wrong_calls(code_of(path))) == []


def test_each_exception_is_needed():
    assert [name for name in ALLOWED if not list(wrong_calls(code_of(PLUGINS / name)))] == []
