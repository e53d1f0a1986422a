# SPDX-License-Identifier: MIT
"""A PgBouncer in front of a PostgreSQL of the test: Debian's, or the program that
PGBOUNCER_BIN names."""
import os

import psycopg2

from servers.server import Server


class PgBouncer(Server):
    name = "pgbouncer"
    drops_root = True

    def __init__(self, directory, postgresql):
        super().__init__(directory)
        self.postgresql = postgresql
        self.tcp_port = self.port()
        self.socket_directory = self.directory
        self.databases = {"postgres": "pool_size=5"}  # name: further parameters
        self.users = {"postgres": "", "stats": "secret"}  # name: password
        self.settings = {
            "listen_addr": "127.0.0.1",
            "listen_port": self.tcp_port,
            "unix_socket_dir": self.socket_directory,
            "auth_type": "trust",
            "auth_file": self.directory / "users",
            "admin_users": "postgres",
            "stats_users": "stats",
            "pool_mode": "transaction",
            "ignore_startup_parameters": "extra_float_digits",
        }

    def connect(self, database="pgbouncer", user="postgres", **parameters):
        """A psycopg2 connection in autocommit mode; by default to the console."""
        session = psycopg2.connect(host=str(self.socket_directory), port=self.tcp_port,
                                   dbname=database, user=user, **parameters)
        session.autocommit = True
        return session

    def run(self, command, user="postgres"):
        """Runs a command of the console; returns its rows as dicts."""
        session = self.connect(user=user)
        try:
            with session.cursor() as cursor:
                cursor.execute(command)
                if cursor.description is None:
                    return []
                names = [column.name for column in cursor.description]
                return [dict(zip(names, row)) for row in cursor.fetchall()]
        finally:
            session.close()

    def prepare(self):
        behind = f"host={self.postgresql.socket_directory} port={self.postgresql.tcp_port}"
        lines = ["[databases]"]
        lines += [f"{name} = {behind} {further}" for name, further in self.databases.items()]
        lines += ["[pgbouncer]"]
        lines += [f"{key} = {value}" for key, value in self.settings.items()]
        (self.directory / "pgbouncer.ini").write_text("\n".join(lines) + "\n", encoding="utf-8")
        (self.directory / "users").write_text(
            "".join(f'"{name}" "{word}"\n' for name, word in self.users.items()),
            encoding="utf-8")

    def command(self):
        return [os.environ.get("PGBOUNCER_BIN", "pgbouncer"), self.directory / "pgbouncer.ini"]

    def is_ready(self):
        try:
            self.run("SHOW VERSION")
        except psycopg2.OperationalError:
            return False
        return True
