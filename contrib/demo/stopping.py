# SPDX-License-Identifier: MIT
"""Ends the demo at places where nothing is half done.

A signal is noted and acted on at the next check(); only a second one interrupts
what the demo waits for. While it cleans up none does.
"""
import signal

SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


class Stopped(BaseException):
    """The user had enough."""


noted = None  # the number of the first signal


def note(number, _frame):
    global noted
    if noted is not None:
        raise Stopped
    noted = number


def on_signals():
    for number in SIGNALS:
        signal.signal(number, note)


def check():
    if noted is not None:
        raise Stopped


def no_more():
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
