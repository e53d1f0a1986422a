# SPDX-License-Identifier: MIT
"""Waiting for a condition, never for a time."""
import inspect
import time

PAUSE_S = 0.02


class Expired(AssertionError):
    """A condition did not come true within its limit."""


def wait_until(condition, within, explain=lambda: ""):
    """Returns condition()'s first true result. After WITHIN seconds raises
    Expired with the condition's source, its last result and EXPLAIN()."""
    deadline = time.monotonic() + within
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise Expired(
                f"not within {within} s: {source_of(condition)}\n"
                f"last result: {result!r}\n{explain()}")
        time.sleep(PAUSE_S)


def source_of(condition):
    try:
        return inspect.getsource(condition).strip()
    except (OSError, TypeError):
        return repr(condition)
