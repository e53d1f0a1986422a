# SPDX-License-Identifier: MIT
"""A live demo: an application runs out of connections and is relieved.

A private PostgreSQL, a small application on SQLAlchemy's real connection pool
and the stock collectd with this project's plugins run as an unprivileged user,
with all their files below one temporary directory. The table of rules is shown
with each change and each response as it happens. Everything is removed at the end.

Run by tools/demo, after it has built: __main__.py [SECONDS].
"""
import os
import sys

import stopping
from children import Failed, adopt_orphans, unprivileged_user
from demo import Demo
from screen import Terminal
from servers import Place, stop_all


def play(demo, terminal):
    """Runs the demo and prints what was seen. Returns the exit status."""
    demo.start()
    demo.run()
    for text in demo.expected.met():
        terminal.print(f"seen: {text}")
    missing = demo.expected.missing()
    for text in missing:
        terminal.print(f"NOT SEEN: {text}")
    for rule in demo.machine_alerts() if missing else []:
        terminal.print(f"caused by this machine: {rule.name} is {rule.state} ({rule.value:.1f}, limit "
                     f"{rule.limit}), which engages responses, too")
    return 1 if missing else 0


def main():
    for_s = int(sys.argv[1]) if len(sys.argv) > 1 else None
    os.umask(0o022)  # the unprivileged user reads what we write
    terminal = Terminal(sys.stdout)
    stopping.on_signals()
    adopt_orphans()
    place, servers = Place(), []
    try:
        place.make(unprivileged_user())
        return play(Demo(terminal, place, servers, for_s), terminal)
    except stopping.Stopped:
        terminal.keep()
        return 0 if for_s is None else 128 + stopping.noted
    except Failed as failure:
        terminal.keep()
        terminal.print_if_open(f"tools/demo: {failure}")
        return 1
    except OSError as error:  # the terminal or the pipe was closed
        return 128 + stopping.noted if stopping.noted else print_error(error)
    finally:
        stopping.no_more()
        stop_all(servers, place)
        terminal.print_if_open("all servers are stopped and their files removed")


def print_error(error):
    if not isinstance(error, BrokenPipeError):
        print(f"tools/demo: {error}", file=sys.stderr)
    return 1


def flush():
    """Python's own flush at the end would exit with 120 when the reader is gone."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    STATUS = main()
    flush()
    sys.exit(STATUS)
