# SPDX-License-Identifier: MIT
"""The demo itself: starts the servers, watches them, shows what happens."""
import datetime
import grp
import math
import time

import settings
import stopping
from children import Failed
from expectations import Expectations
from lines import FileLines, PipeLines
from rules import Table
from screen import View, number
from servers import Application, Collectd, PostgreSQL, installed_tree
from unixsock import Unixsock

CHECKED_OUT = "demo/dbpool-trading/current_connections-checked_out"
TICK_S = 0.2
REPORTED_WITHIN = datetime.timedelta(seconds=0.4)


class Demo:
    def __init__(self, terminal, place, servers, for_s):
        self.terminal, self.place, self.for_s = terminal, place, for_s
        self.servers = servers  # those that were started, to be stopped by the caller
        self.waiting = []  # (time, entry) of events that are not shown yet
        self.clock = None  # of the event that is being shown
        self.view = View(for_s=for_s, switches=dict.fromkeys(settings.SWITCHES, False))
        self.expected = Expectations()

    def start(self):
        """Starts everything."""
        place = self.place
        self.terminal.print(f"running as {place.user.pw_name} in {place.root}")
        installed_tree(place)
        database = PostgreSQL(place)
        application = Application(place, database)
        collectd = Collectd(place, grp.getgrgid(place.user.pw_gid).gr_name)
        snippets = place.root / "etc/collectd/collectd.conf.d"
        settings.apply(snippets, place.root, database, application, collectd)
        self.table = Table("".join(it.read_text() for it in sorted(snippets.glob("*.conf"))))
        for server in [database, collectd, application]:
            stopping.check()
            self.servers.append(server)
            server.start()
        program = place.root / "usr/bin/resource-alertctl"
        self.terminal.print(f"more: http://{collectd.page}/ or {program} status --socket "
                          f"{collectd.control}")
        self.collectd, self.unixsock = collectd, Unixsock(collectd.socket)
        self.journal = FileLines(collectd.journal)
        self.reports = PipeLines(application.child.process.stdout)

    def run(self):
        start = next_reading = time.monotonic()
        while self.for_s is None or time.monotonic() - start < self.for_s:
            stopping.check()
            for server in self.servers:
                server.child.check()
            now = time.monotonic()
            self.view.elapsed_s = now - start
            self.follow(now)
            if now >= next_reading:
                self.read(now)
                next_reading = now + 1
            self.view.rules = [rule for rule in self.table.rules(now)
                               if rule.name in settings.SHOWN_RULES or rule.state in ("WARNING", "FAILURE")]
            self.terminal.draw(self.view)
            time.sleep(TICK_S)
        self.view.elapsed_s = self.for_s
        self.terminal.draw(self.view, is_last=True)

    def follow(self, now):
        """Shows events in their order. Two sources report them, so each one is
        held until the slower source has reported."""
        for entry in [*self.reports.objects(), *self.journal.objects()]:
            self.waiting.append((datetime.datetime.fromisoformat(entry["time"]), entry))
        self.waiting.sort(key=lambda it: it[0])
        until = datetime.datetime.now().astimezone() - REPORTED_WITHIN
        while self.waiting and self.waiting[0][0] <= until:
            self.clock, entry = self.waiting.pop(0)
            handler = getattr(self, "on_" + entry["event"], None)
            if handler:
                handler(entry, now)

    def read(self, now):
        try:
            names = self.unixsock.names()
            self.table.read(self.unixsock, names, now)
            values = self.unixsock.readings(CHECKED_OUT) if CHECKED_OUT in names else {}
        except OSError as error:
            log = self.collectd.child.last_lines()
            raise Failed(f"collectd does not respond: {error}\n{log}") from None
        self.view.checked_out = values.get("value", math.nan)

    def machine_alerts(self):
        """Rules that are not OKAY because of this machine, not of the story."""
        return [rule for rule in self.view.rules
                if rule.state in ("WARNING", "FAILURE") and rule.name not in settings.STORY_RULES]

    # Reports of the application

    def on_chapter(self, entry, _now):
        self.view.chapter = entry["text"]
        self.show("application", entry["text"], "application")

    def on_middleware(self, entry, _now):
        self.view.switches[entry["switch"]] = entry["on"]
        self.expected.see_switch(entry["switch"], entry["on"])
        self.show("application", entry["text"], "application")

    def on_pool(self, entry, _now):
        self.view.counted = entry["checked_out"]

    # Lines of the journal

    def on_state(self, entry, now):
        self.table.add_change(entry, now)
        self.expected.see_state(entry["rule"], entry["to"])
        if (entry["from"], entry["to"]) == ("UNKNOWN", "OKAY"):
            return
        self.show(entry["rule"], state_words(entry, self.table.thresholds[entry["rule"]].unit()),
                 entry["to"])

    def on_response(self, entry, _now):
        words = f"{entry['from']} → {entry['to']}"
        if entry["to"].startswith("ENGAG"):
            words += f"  caused by {entry['cause']}"
        self.show(entry["response"], words, "response")

    def on_action(self, entry, _now):
        words = {"confirmed": "on" if entry.get("on") else "off",
                 "done": "done" if entry.get("on") else "undone",
                 "left_alone": f"left alone: {entry.get('finding')}",
                 "failed": f"failed: {entry.get('error')}",
                 "blocked": f"blocked: {entry.get('cause')}"}.get(entry["step"])
        if words:
            kind, _, name = entry["action"].partition(" ")
            self.show(entry["response"], f"{kind.lower()} {name} → {words}", "response")

    def show(self, source, words, state):
        self.terminal.event(f"{self.clock.astimezone():%H:%M:%S}", source, words, state)


def state_words(entry, unit):
    words = f"{entry['from']} → {entry['to']}"
    value, limit = entry.get("value"), entry.get("limit")
    if value is not None:
        words += f"  {number(value, unit)}"
        if limit is not None:
            words += f" {'>' if value > limit else '<'} {number(limit, unit)}"
    cause = entry.get("cause", "limit")
    return words if cause == "limit" else f"{words}  {cause}"
