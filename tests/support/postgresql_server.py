"""A PostgreSQL server of a test's own, which can be killed, started again, and kept busy by others."""

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from tests.support.program import free_port

USER = "appliance"
MAX_CONNECTIONS = 60
SETTINGS = {"fsync": "off", "listen_addresses": "127.0.0.1"}


@dataclass(frozen=True)
class PostgresqlServer:
    """The server of one folder; `url` is a database of a user without special rights."""

    programs: Path
    folder: Path
    port: int
    max_connections: int = MAX_CONNECTIONS
    """Three of them are the superuser's."""

    @property
    def url(self) -> str:
        return f"postgresql://{USER}@127.0.0.1:{self.port}/{USER}"

    def start(self) -> None:
        """Starts it; it answers when this returns."""
        given = {
            **SETTINGS,
            "port": str(self.port),
            "unix_socket_directories": str(self.folder),
            "max_connections": str(self.max_connections),
        }
        options = " ".join(f"-c {name}={value}" for name, value in given.items())
        self._run(
            "pg_ctl", "start", "-w", "-D", f"{self.folder}/data", "-l", f"{self.folder}/log", "-o", options
        )

    def kill(self) -> None:
        """Ends it as a crash would: no connection and no transaction survives."""
        self._run("pg_ctl", "stop", "-m", "immediate", "-D", f"{self.folder}/data")

    def execute(self, statement: str) -> None:
        """Runs a statement as the superuser, who has connections of their own."""
        with psycopg.connect(
            host="127.0.0.1", port=self.port, user="postgres", autocommit=True
        ) as connection:
            connection.execute(statement)

    @contextlib.contextmanager
    def out_of_connections(self) -> Iterator[None]:
        """Other programs hold all connections that users may have; those of the user before are ended."""
        with contextlib.ExitStack() as held:
            self.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'appliance'")
            with contextlib.suppress(psycopg.OperationalError):
                while True:
                    held.enter_context(psycopg.connect(self.url))
            yield

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Another program holds the table of jobs, as a backup or a change of its columns would."""
        with psycopg.connect(host="127.0.0.1", port=self.port, user="postgres", dbname=USER) as connection:
            connection.execute("LOCK TABLE jobs IN ACCESS EXCLUSIVE MODE")
            yield

    def create(self) -> None:
        """Makes its files and starts it."""
        self._run("initdb", "--no-sync", "-A", "trust", "-U", "postgres", "-D", f"{self.folder}/data")
        self.start()
        self.execute(f"CREATE ROLE {USER} LOGIN")
        self.execute(f"CREATE DATABASE {USER} OWNER {USER}")

    def _run(self, program: str, *arguments: str) -> None:
        other_user = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
        command = [*other_user, str(self.programs / program), *arguments]
        with (self.folder / "output").open("a") as output:
            subprocess.run(command, check=True, stdout=output, stderr=output, cwd=self.folder)


@contextlib.contextmanager
def postgresql_server(max_connections: int = MAX_CONNECTIONS) -> Iterator[PostgresqlServer]:
    """A new server; it is removed afterwards. Skips the test where PostgreSQL is not installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin")) or [
        Path(path).parent for path in [shutil.which("initdb")] if path
    ]
    if not found:
        pytest.skip("PostgreSQL is not installed")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if os.getuid() == 0:  # the server refuses to run as root
            user = pwd.getpwnam("postgres")
            os.chown(folder, user.pw_uid, user.pw_gid)
        server = PostgresqlServer(found[-1], folder, free_port(), max_connections)
        server.create()
        try:
            yield server
        finally:
            with contextlib.suppress(subprocess.CalledProcessError):  # it is down
                server.kill()
