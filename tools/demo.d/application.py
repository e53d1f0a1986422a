# SPDX-License-Identifier: MIT
"""The application that is watched: a small trading API on a real QueuePool.

It is an ordinary program: nothing in it knows collectd. Its sessions come from
get_db(), its log says what get_db() does, and its middleware obeys the switches
that stand in a directory. It plays a story, chapter by chapter, and tells on
standard output, one JSON object a line, what it is doing.
"""
import argparse
import contextlib
import json
import logging
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


class Story:
    """What the users do. Each chapter: its second, how many requests of each
    kind run side by side, what goes wrong, and what to say about it."""

    ROUND_SECONDS = 115  # log_errors needs a quiet minute before the next round
    CALM = {"core": 3}
    CHAPTERS = [
        # second, requests, errors, leaks a second, text
        (0, CALM, 0, 0, "a quiet morning: 3 requests at a time"),
        (4, {"core": 10, "report": 8, "job": 9}, 0, 0,
         "the market opens: 10 trades, 8 reports, 9 jobs at once"),
        (20, CALM, 0, 0, "the rush is over"),
        (23, CALM, 14, 0, "a bad release: 14 requests fail"),
        (26, CALM, 0, 1.6, "a handler forgets to close its sessions"),
        (41, CALM, 0, 0, "the handler is fixed, its sessions are closed"),
        (48, CALM, 0, 0, "quiet again: 3 requests at a time"),
    ]


class Middleware:
    """Obeys the degradation switches: PATH/NAME exists while NAME is on."""

    MEANING = {
        "limit_noncore_api": ("refuses every other report", "answers every report again"),
        "pause_scheduled_jobs": ("holds its scheduled jobs back", "runs its scheduled jobs again"),
        "serve_cached": ("answers two trades of three from the cache", "asks the database again"),
    }

    def __init__(self, directory):
        self.directory = directory
        self.on = set()

    def poll(self):
        on = {name for name in self.MEANING if (self.directory / name).exists()}
        for name in sorted(on ^ self.on):
            meaning = self.MEANING[name][0 if name in on else 1]
            tell("middleware", switch=name, on=name in on, text=meaning)
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
    """A thread a user; each sends its requests one after the other."""

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
            with contextlib.suppress(Exception):  # the user sees an error and asks again
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


def tell(event, **fields):
    print(json.dumps({"event": event, **fields}), flush=True)


def play(users, middleware, pool):
    """One round of the story."""
    start = time.monotonic()
    chapters = list(Story.CHAPTERS)
    leaks_per_s, next_leak = 0, 0
    while (now := time.monotonic() - start) < Story.ROUND_SECONDS:
        if chapters and now >= chapters[0][0]:
            _, users.wanted, failures, leaks_per_s, words = chapters.pop(0)
            users.failures = failures
            next_leak = now
            if not leaks_per_s:
                users.close_leaked()
            tell("chapter", text=words)
        if leaks_per_s and now >= next_leak:
            users.leak()
            next_leak += 1 / leaks_per_s
        middleware.poll()
        tell("pool", checked_out=pool.checkedout(), leaked=len(users.leaked))
        time.sleep(0.25)


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--database", required=True, help="SQLAlchemy's URL")
    arguments.add_argument("--log", required=True, type=pathlib.Path)
    arguments.add_argument("--switches", required=True, type=pathlib.Path)
    options = arguments.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    logging.basicConfig(filename=options.log, level=logging.INFO,
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
