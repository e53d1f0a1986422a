# SPDX-License-Identifier: MIT
"""Makes the logs that session_log is timed on: seeded, so everybody has the same."""
import argparse
import json
import random

WORDS = ("payment order quote price customer request response cache redis queue worker token "
         "accepted refused delayed settled updated fetched stored expired position balance").split()
SESSION = ("Creating new database session", "Closing database session", "Database session error")


def prose(dice):
    return " ".join(dice.choice(WORDS) for _ in range(dice.randrange(6, 14)))


def stamp(number):
    second, milli = divmod(number, 1000)
    return (f"2024-01-{1 + second // 86400 % 28:02d} {second // 3600 % 24:02d}:{second // 60 % 60:02d}:"
            f"{second % 60:02d},{milli:03d}")


def message(dice, share):
    return dice.choice(SESSION) if dice.random() < share else prose(dice)


def plain(dice, number, share):
    level = "ERROR" if dice.random() < share / 10 else "INFO"
    return (f"{stamp(number)} {level:8} app.api.{dice.choice(WORDS)} [{dice.randrange(1000, 9999)}] "
            f"{message(dice, share)} id={dice.getrandbits(64):016x}\n")


def loguru(dice, number, share):
    return (f"{stamp(number).replace(',', '.')} | INFO     | app.db:get_db:{dice.randrange(10, 400)} - "
            f"{message(dice, share)} request={dice.getrandbits(48):012x}\n")


def as_json(dice, number, share):
    return json.dumps({"timestamp": stamp(number), "level": "info", "logger": f"app.{dice.choice(WORDS)}",
                       "message": message(dice, share), "request": f"{dice.getrandbits(64):016x}"}) + "\n"


def near(dice, number, _):
    text = dice.choice(("Creating new database connection", "Closing database server", "Database session opened",
                        "Closing websocket session", "error in session"))
    return f"{stamp(number)} INFO     app.api.{dice.choice(WORDS)} {text} id={dice.getrandbits(64):016x}\n"


def docker(dice, number, share):
    return json.dumps({"log": plain(dice, number, share), "stream": "stderr",
                       "time": f"2024-01-31T10:00:00.{number % 10**9:09d}Z"}, separators=(",", ":")) + "\n"


def cri(dice, number, share):
    return f"2024-01-31T10:00:00.{number % 10**9:09d}Z stderr F {plain(dice, number, share)}"


KINDS = {"plain": (plain, 0.05), "loguru": (loguru, 0.05), "json": (as_json, 0.05), "all": (plain, 1.0),
         "near": (near, 0.0), "docker": (docker, 0.05), "cri": (cri, 0.05)}


def make(kind, path, size, seed=1):
    """Writes about SIZE bytes: a block of 8 MiB of distinct lines, again and again."""
    dice = random.Random(seed)
    if kind == "one_line":
        block = (prose(dice) + " ").encode() * 20000
    else:
        line, share = KINDS[kind]
        lines, length, number = [], 0, 0
        while length < min(size, 8 << 20):
            lines.append(line(dice, number, share))
            length += len(lines[-1])
            number += 7
        block = "".join(lines).encode()
    with open(path, "wb") as file:
        for _ in range(max(1, size // len(block))):
            file.write(block)
        if kind == "one_line":
            file.write(b"\n")
    return path


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=[*KINDS, "one_line"])
    parser.add_argument("path")
    parser.add_argument("--mib", type=int, default=1024)
    options = parser.parse_args()
    make(options.kind, options.path, options.mib << 20)
