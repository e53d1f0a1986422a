# SPDX-License-Identifier: MIT
"""What is shown: pure functions that make lines of text, and the terminal, which
keeps the table below the events."""
import contextlib
import dataclasses
import math
import os
import re
import shutil

COLOURS = {"UNKNOWN": "2", "OKAY": "32", "WARNING": "1;33", "FAILURE": "1;31", "MISSING": "1;35",
           "dim": "2", "on": "1;36", "application": "34", "response": "36", "": ""}
PLAIN_TABLE_EVERY_S = 15
ESCAPE = re.compile(r"\x1b\[[0-9;]*m")


@dataclasses.dataclass
class RuleLine:
    name: str
    state: str = "UNKNOWN"
    value: float = math.nan
    limit: str = ""           # "> 80"
    unit: str = ""
    since_s: float = math.nan  # in this state
    series: str = ""


@dataclasses.dataclass
class View:
    elapsed_s: float = 0
    for_s: float = None       # None: until Ctrl-C
    chapter: str = ""
    rules: list = dataclasses.field(default_factory=list)
    switches: dict = dataclasses.field(default_factory=dict)
    checked_out: float = math.nan  # as dbpool sees it
    counted: int = 0               # as the application counts it
    capacity: int = 30


@dataclasses.dataclass(frozen=True)
class Style:
    width: int = 80
    colour: bool = False
    unicode: bool = True

    def sign(self, name):
        signs = {"dot": "●*", "full": "█#", "empty": "░.", "cut": "…~", "rule": "─-"}
        return signs[name][0 if self.unicode else 1]


def paint(spans, style):
    """One line of (text, colour) spans, cut to the width."""
    too_long = len("".join(text for text, _ in spans).rstrip()) > style.width
    left, line = style.width - too_long, ""
    for text, colour in spans:
        text = text[:left]
        left -= len(text)
        code = COLOURS[colour] if style.colour else ""
        line += f"\x1b[{code}m{text}\x1b[0m" if code and text else text
    return line + style.sign("cut") if too_long else line.rstrip()


def shortened(text, width, style):
    """TEXT without its middle where it is longer than WIDTH: names of series
    differ at their ends."""
    if len(text) <= width:
        return text
    end = width // 2
    return text[:width - end - 1] + style.sign("cut") + text[len(text) - end:]


def number(value, unit=""):
    if math.isnan(value):
        return "-"
    digits = 0 if value == int(value) else 1 if abs(value) >= 10 else 2
    return f"{value:.{digits}f}{unit}"


def duration(seconds):
    """At most five characters: 0:05, 59:59, 1h02m, 3d04h."""
    if math.isnan(seconds):
        return "-"
    minutes, seconds = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days}d{hours:02}h"
    return f"{hours}h{minutes:02}m" if hours else f"{minutes}:{seconds:02}"


@dataclasses.dataclass(frozen=True)
class Column:
    title: str
    format: str   # of its cell
    rank: int     # columns with higher ranks are left out first when the line is full

    def size(self):
        return len(format("", self.format))


COLUMNS = [Column("rule", "<12", 0), Column("state", "<7", 0), Column("value", ">7", 1),
           Column("limit", ">8", 3), Column("since", ">5", 2), Column("series", "<12", 4)]


def cells(rule):
    return [rule.name, rule.state, number(rule.value, rule.unit),
            rule.limit + rule.unit if rule.limit else "-", duration(rule.since_s), rule.series]


def columns(width):
    """The indices of the columns that fit into WIDTH."""
    shown = list(range(len(COLUMNS)))
    while sum(2 + COLUMNS[index].size() for index in shown) > width and len(shown) > 2:
        shown.remove(max(shown, key=lambda index: COLUMNS[index].rank))
    return shown


def rule_spans(texts, shown, colours):
    """COLOURS: by column; the others have none."""
    return [(format(texts[index], COLUMNS[index].format) + "  ", colours.get(index, ""))
            for index in shown]


def heading(view, style):
    clock = duration(view.elapsed_s) + (f" of {duration(view.for_s)}" if view.for_s else "")
    line = f"{style.sign('rule') * 2} {clock} {style.sign('rule') * 2} {view.chapter} "
    return [(line.ljust(style.width, style.sign("rule"))[:style.width], "dim")]


def pool_line(view, style):
    size = max(10, min(30, style.width - 54))
    used = 0 if math.isnan(view.checked_out) else view.checked_out
    full = min(size, round(size * used / view.capacity))
    colour = "OKAY" if used <= 0.8 * view.capacity else "WARNING"
    return [("  pool          ", ""), (style.sign("full") * full, colour),
            (style.sign("empty") * (size - full), "dim"),
            (f"  {number(view.checked_out)} of {view.capacity} in use", ""),
            (f", {view.counted} by its own count", "dim")]


def switches_line(view):
    spans = [("  switches      ", "")]
    for name, is_on in view.switches.items():
        spans += [(f"{name} on" if is_on else name, "on" if is_on else "dim"), ("  ", "")]
    return spans


def table(view, style):
    """The table as lines of text, none longer than the width."""
    shown = columns(style.width)
    titles = [column.title for column in COLUMNS]
    width_left = style.width - 2 - sum(COLUMNS[index].size() + 2 for index in shown if index != 5)
    lines = [heading(view, style),
             [("  ", ""), *rule_spans(titles, shown, dict.fromkeys(shown, "dim"))]]
    for rule in view.rules:
        colours = {1: rule.state, 5: "dim"}
        texts = cells(rule)
        texts[5] = shortened(texts[5], width_left, style)
        lines.append([(style.sign("dot") + " ", rule.state), *rule_spans(texts, shown, colours)])
    lines += [pool_line(view, style), switches_line(view)]
    return [paint(line, style) for line in lines]


def event(clock, source, words, state, style):
    """One line about something that happened."""
    words = words if style.unicode else words.replace("→", "->")
    return paint([(clock + "  ", "dim"), (f"{source:<12}  ", state), (words, "")], style)


class Terminal:
    """Events scroll, the table stays below them. If the output is not a terminal,
    both are plain lines, and the table is printed from time to time."""

    def __init__(self, stream, environment=os.environ):
        self.stream = stream
        self.is_live = stream.isatty() and environment.get("TERM", "dumb") != "dumb"
        self.colour = self.is_live and not environment.get("NO_COLOR")
        locale = next(filter(None, map(environment.get, ["LC_ALL", "LC_CTYPE", "LANG"])), "C")
        self.unicode = locale.lower().replace("-", "").endswith("utf8")
        self.drawn = 0  # lines of the table on the terminal
        self.last = []  # those lines
        self.next_table_s = 3  # the first readings are there

    def style(self):
        width = shutil.get_terminal_size().columns if self.is_live else 100
        return Style(max(width - 1, 20), self.colour, self.unicode)

    def erase(self):
        """Moves back over the table; a terminal that was made narrower has wrapped
        its lines."""
        columns = shutil.get_terminal_size().columns
        lines = self.last[:self.drawn]
        up = sum(max(1, math.ceil(len(ESCAPE.sub("", line)) / columns)) for line in lines)
        self.drawn = 0
        return f"\r\x1b[{up}A\x1b[J" if up else ""

    def print(self, line=""):
        self.write(self.erase() + line + "\n")

    def keep(self):
        """Leaves the table where it is and replaces the ^C that a terminal shows
        below it."""
        self.drawn = 0
        with contextlib.suppress(OSError):
            self.write("\r\x1b[K" if self.is_live else "")

    def print_if_open(self, line):
        """Prints LINE unless the terminal is closed."""
        with contextlib.suppress(OSError):
            self.print(line)

    def event(self, clock, source, words, state=""):
        self.print(event(clock, source, words, state, self.style()))

    def draw(self, view, is_last=False):
        if not self.is_live:
            if not is_last and view.elapsed_s < self.next_table_s:
                return
            self.next_table_s += PLAIN_TABLE_EVERY_S
            self.write("\n".join(table(view, self.style())) + "\n")
            return
        lines = ["", *table(view, self.style())][:shutil.get_terminal_size().lines - 1]
        if lines != self.last or not self.drawn:
            self.write(self.erase() + "\n".join(lines) + "\n")
        self.drawn, self.last = 0 if is_last else len(lines), lines

    def write(self, text):
        """Writes TEXT in one call, so that nothing flickers."""
        if not self.unicode:
            text = text.encode("ascii", "replace").decode()
        self.stream.write(text)
        self.stream.flush()
