# SPDX-License-Identifier: MIT
"""The monitored application: a small trading API on a real QueuePool.

It is an ordinary program that does not know collectd. Its sessions come from
get_db(), which logs what it does, and its middleware reads the switches in a
directory. It plays a story, chapter by chapter, and reports what it does on
standard output, one JSON object a line.
"""
import argparse
import contextlib
import dataclasses
import datetime
import json
import logging
import logging.handlers
import pathlib
import signal
import sys
import threading
import time

from sqlalchemy import create_engine, text
from sqlalchemy.orm import sessionmaker
from sqlalchemy.pool import QueuePool

log = logging.getLogger("trading.database")
SessionLocal = sessionmaker()


def get_db():
    log.info("Creating new database session")
    db = SessionLocal()
    try:
        yield db
        db.commit()
    except Exception as error:
        db.rollback()
        log.error("Database session error: %s", error)
        raise
    finally:
        db.close()
        log.info("Closing database session")


QUIET = {"core": 3}  # concurrent requests, by kind
RUSH = {"core": 10, "report": 8, "job": 9}


@dataclasses.dataclass
class Chapter:
    at_s: float
    text: str
    requests: dict = dataclasses.field(default_factory=lambda: QUIET)
    failures: int = 0     # requests that fail
    leaks_per_s: float = 0
    repairs: bool = False  # the leaked sessions are closed


ROUND_S = 115  # log_errors needs a quiet minute before the next round
STORY = [
    Chapter(0, "a quiet morning: 3 requests at a time"),
    Chapter(4, "the market opens: 10 trades, 8 reports, 9 jobs at once", RUSH),
    Chapter(18, "the rush is over"),
    Chapter(22, "a bad release: 14 requests fail", failures=14),
    Chapter(26, "a handler forgets to close its sessions", leaks_per_s=2),
    Chapter(35, "18 sessions are held and never used"),
    Chapter(42, "the handler is repaired, its sessions are closed", repairs=True),
    Chapter(48, "quiet again: 3 requests at a time"),
]


class Middleware:
    """Reads the degradation switches: PATH/NAME exists while NAME is on."""

    MEANING = {
        "limit_noncore_api": ("refuses every other report", "answers every report again"),
        "pause_scheduled_jobs": ("pauses its scheduled jobs", "runs its scheduled jobs again"),
        "serve_cached": ("answers two trades of three from the cache", "asks the database again"),
    }

    def __init__(self, directory):
        self.directory = directory
        self.on = set()

    def poll(self):
        on = {name for name in self.MEANING if (self.directory / name).exists()}
        for name in sorted(on ^ self.on):
            meaning = self.MEANING[name][0 if name in on else 1]
            report("middleware", switch=name, on=name in on, text=meaning)
        self.on = on

    def admits(self, kind, number):
        """Whether request NUMBER of its KIND may use the database now."""
        if kind == "report" and "limit_noncore_api" in self.on:
            return number % 2 == 0
        if kind == "job" and "pause_scheduled_jobs" in self.on:
            return False
        if kind in ("core", "report") and "serve_cached" in self.on:
            return number % 3 == 0
        return True


class Users:
    """One thread for each user, which sends one request after the other."""

    SEATS = {"core": 12, "report": 10, "job": 10}

    def __init__(self, middleware):
        self.middleware = middleware
        self.wanted = {}
        self.failures = 0
        self.lock = threading.Lock()  # guards failures
        self.leaked = []
        for kind, seats in self.SEATS.items():
            for number in range(seats):
                threading.Thread(target=self.use, args=(kind, number), daemon=True).start()

    def use(self, kind, number):
        while True:
            if number >= self.wanted.get(kind, 0) or not self.middleware.admits(kind, number):
                time.sleep(0.1)
                continue
            with contextlib.suppress(Exception):  # the user sees an error and tries again
                self.request(number)

    def request(self, number):
        with contextlib.contextmanager(get_db)() as db:
            if self.take_failure():
                db.execute(text("SELECT price FROM prices_v2"))
            db.execute(text("SELECT pg_sleep(0.6)"))
            time.sleep(0.2 + number % 5 / 10)  # computes, the transaction stays open

    def take_failure(self):
        with self.lock:
            fails = self.failures > 0
            self.failures -= fails
        return fails

    def leak(self):
        session = get_db()
        next(session).execute(text("SELECT 1"))
        self.leaked.append(session)

    def close_leaked(self):
        while self.leaked:
            self.leaked.pop().close()


def report(event, **fields):
    now = datetime.datetime.now().astimezone().isoformat()
    print(json.dumps({"time": now, "event": event, **fields}), flush=True)


def play(users, middleware, pool):
    """Plays the story once."""
    start = time.monotonic()
    coming, chapter, leaked = list(STORY), STORY[0], 0
    while (now_s := time.monotonic() - start) < ROUND_S:
        if coming and now_s >= coming[0].at_s:
            chapter, leaked = coming.pop(0), 0
            users.wanted, users.failures = chapter.requests, chapter.failures
            if chapter.repairs:
                users.close_leaked()
            report("chapter", text=chapter.text)
        while leaked < chapter.leaks_per_s * (now_s - chapter.at_s):
            users.leak()
            leaked += 1
        middleware.poll()
        report("pool", checked_out=pool.checkedout())
        time.sleep(0.25)


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--database", required=True, help="SQLAlchemy's URL")
    arguments.add_argument("--log", required=True, type=pathlib.Path)
    arguments.add_argument("--switches", required=True, type=pathlib.Path)
    options = arguments.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    file = logging.handlers.RotatingFileHandler(options.log, maxBytes=1 << 18, backupCount=2)
    logging.basicConfig(handlers=[file], level=logging.INFO,
                        format="%(asctime)s %(levelname)s %(name)s %(message)s")
    engine = create_engine(options.database, poolclass=QueuePool, pool_size=10, max_overflow=20,
                           pool_recycle=3600, pool_timeout=30,
                           connect_args={"application_name": "trading-api"})
    SessionLocal.configure(bind=engine)
    middleware = Middleware(options.switches)
    users = Users(middleware)
    while True:
        play(users, middleware, engine.pool)


if __name__ == "__main__":
    main()
