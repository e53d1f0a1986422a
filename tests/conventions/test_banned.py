# SPDX-License-Identifier: MIT
"""Functions that are not called here, each with its reason."""
import re

import pytest
from conventions import code_of, shown, sources

BANNED = {
    "strcpy": "no bound: use snprintf or memcpy with a checked length",
    "strcat": "no bound: use snprintf",
    "sprintf": "no bound: use snprintf",
    "vsprintf": "no bound: use vsnprintf",
    "gets": "no bound",
    "strncpy": "may leave no NUL: use snprintf or memcpy",
    "strtok": "hidden state: use strtok_r or a scanner",
    "atoi": "no errors: use strtol",
    "atol": "no errors: use strtol",
    "atof": "no errors: use strtod",
    "system": "a shell: use the helper program",
    "popen": "a shell: use the helper program",
    "sleep": "waits without a deadline: use poll or a condition",
    "usleep": "waits without a deadline: use poll or a condition",
    "nanosleep": "waits without a deadline: use poll or a condition",
    "alloca": "no bound on the stack",
    "setenv": "the environment belongs to collectd: it has threads",
    "putenv": "the environment belongs to collectd: it has threads",
    "signal": "signals belong to collectd",
    "pthread_create": "would take signals, which are the daemon's: use worker_thread_create_without_signals",
    "fork": "only async-signal-safe calls may follow in a daemon with threads: use posix_spawn",
    "exit": "ends collectd",
    "abort": "ends collectd",
    "assert": "ends collectd",
    "localtime": "hidden state: use localtime_r",
    "gmtime": "hidden state: use gmtime_r",
    "strerror_l": "not needed",
}
# The helper program is a process of its own: it may end itself and make another.
HELPER = {"fork", "exit", "abort", "signal", "setenv", "sigaction"}


def calls(path, text):
    allowed = HELPER if "exec_helper" in path.parts else {"pthread_create"} if path.stem == "worker_thread" else set()
    for number, line in enumerate(text.splitlines(), 1):
        for name in re.findall(r"(?<![\w.>])(\w+)\s*\(", line):
            if name in BANNED and name not in allowed:
                yield f"{shown(path)}:{number}: {name}: {BANNED[name]}"


def test_the_rule_itself_can_fail():
    path = sources(".c")[0]
    assert list(calls(path, "  strcpy(a, b);"))
    assert list(calls(path, "x = atoi (text);"))
    assert not list(calls(path, "my_strcpy(a, b);"))


@pytest.mark.parametrize("path", sources(".c", ".h"), ids=shown)
def test_no_banned_function_is_called(path):
    assert list(calls(path, code_of(path))) == []


@pytest.mark.parametrize("path", sources(".c", ".h"), ids=shown)
def test_no_arrays_of_variable_length_and_no_conditional_systems(path):
    assert not re.search(r"#\s*if(def)?\s.*__(linux|FreeBSD|APPLE|sun)", path.read_text())
