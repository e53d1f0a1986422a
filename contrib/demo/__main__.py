# SPDX-License-Identifier: MIT
"""An application runs out of connections and is saved, live.

A private PostgreSQL, a small application on SQLAlchemy's real connection pool
and the stock collectd with this project's plugins run as an unprivileged user,
with all their files below one temporary directory. The table of alerts is shown
with each change and each response as it happens. Nothing stays behind.

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
    """Runs the demo and says what was seen. Returns the exit status."""
    demo.start()
    demo.run()
    for text in demo.expected.kept():
        terminal.say(f"seen: {text}")
    broken = demo.expected.broken()
    for text in broken:
        terminal.say(f"NOT SEEN: {text}")
    for rule in demo.strangers() if broken else []:
        terminal.say(f"this machine itself: {rule.name} is {rule.state} ({rule.value:.1f}, limit "
                     f"{rule.limit}), which calls for responses too")
    return 1 if broken else 0


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
        terminal.farewell(f"tools/demo: {failure}")
        return 1
    except OSError as error:  # the terminal was closed, or nobody reads any more
        return 128 + stopping.noted if stopping.noted else complaint(error)
    finally:
        stopping.no_more()
        stop_all(servers, place)
        terminal.farewell("all servers are stopped, all their files removed")


def complaint(error):
    if not isinstance(error, BrokenPipeError):
        print(f"tools/demo: {error}", file=sys.stderr)
    return 1


def flush():
    """Python's own flush at the end would turn a reader that is gone into status 120."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    STATUS = main()
    flush()
    sys.exit(STATUS)
