# SPDX-License-Identifier: MIT
"""An application with SQLAlchemy's pool, the <Pool> block that watches it, and the log it writes."""
import datetime

import sqlalchemy

OPENED = "Creating new database session"
CLOSED = "Closing database session"
FAILED = "Database session error"


class Application:
    """Has a QueuePool(10, 20), as the application that this was made for."""

    def __init__(self, postgresql, name="trading-api", **further):
        further = {"pool_size": 10, "max_overflow": 20, **further}
        self.engine = sqlalchemy.create_engine(
            "postgresql+psycopg2://", creator=lambda: self._connect(postgresql, name), **further)
        self.held = []

    @staticmethod
    def _connect(postgresql, name):
        session = postgresql.connect(application_name=name)
        session.autocommit = False
        return session

    def work(self, count, statement="SELECT 1"):
        """Checks out COUNT connections and leaves each inside a transaction."""
        for _ in range(count):
            connection = self.engine.connect()
            if statement:
                connection.execute(sqlalchemy.text(statement))
            self.held.append(connection)

    def rest(self):
        """Gives all of them back."""
        while self.held:
            self.held.pop().close()

    def close(self):
        self.rest()
        self.engine.dispose()


def pool(postgresql, *further, name="trading", **options):
    """A <Pool> block for the server."""
    options = {"Host": f'"{postgresql.socket_directory}"', "Port": postgresql.tcp_port,
               "Database": '"postgres"', "User": '"postgres"', "Application": '"trading-*"',
               "PoolSize": 10, "MaxOverflow": 20, "Timeout": 1, **options}
    lines = [f"  {key} {value}" for key, value in options.items()]
    return "\n".join([f'<Pool "{name}">', *lines, *further, "</Pool>"])


class ApplicationLog:
    """Writes the log of an application."""

    def __init__(self, path):
        self.path = path

    def say(self, *messages, level="INFO", times=1):
        now = datetime.datetime.now().strftime("%Y-%m-%d %H:%M:%S,%f")[:-3]
        with self.path.open("a", encoding="utf-8") as file:
            for _ in range(times):
                for message in messages:
                    file.write(f"{now} {level} app.db: {message}\n")

    def write(self, data):
        with self.path.open("ab") as file:
            file.write(data)
