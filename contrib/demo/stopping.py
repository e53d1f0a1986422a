# SPDX-License-Identifier: MIT
"""Ends the demo where nothing is half done.

A signal is noted, and the next check() acts on it; a second signal interrupts
immediately. During the cleanup signals are ignored.
"""
import signal

SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


class Stopped(BaseException):
    """A signal asks the demo to end."""


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
