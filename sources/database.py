"""A database as a source: the site's own queries, read in one session and landed as text.

One Parquet file per table, each with the canonical columns that its query gives. PostgreSQL has been tried against
real servers; what has been tried of the others, `sources.drivers` says.
"""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import Any, Final, TypeVar

import pyarrow as pa
import pyarrow.compute
from pyarrow import parquet

from schemas.errors import ConfigurationError, InputRefused, OutputError, SourceUnavailable
from sources import drivers, postgres
from sources.base import Asked, DatabaseSettings, Part, SourceSettings, TableMapping, as_path
from sources.headers import bind, check_mapping, closest
from sources.queries import Query, read_queries
from sources.session import WATERMARK, Column, Login, Lost, Session, Wanted

log: Final = logging.getLogger("b12screen")

COMPRESSION: Final = "zstd"
Given = TypeVar("Given")
Connect = Callable[[DatabaseSettings, Login, str], Session]
CONNECT: Final[Mapping[str, Connect]] = {"postgres": postgres.connect, **drivers.CONNECT}
"""Kind of source -> how a session with it begins."""


def land(source: SourceSettings, asked: Asked) -> list[Part]:
    """The rows of every query of a database, as one Parquet file per table in canonical order.

    All of them are read in one session, so that they show one state of the database. A connection that breaks off is
    begun again from the first table, a bounded number of times. Raises ConfigurationError where settings, queries or
    a driver are missing, InputRefused where a query or its columns cannot be meant, SourceUnavailable where the
    database goes on not to answer, and OutputError where there is no room for the copies.
    """
    check_mapping(source)
    database = source.database
    if database is None:
        raise ConfigurationError(f"source {source.name}: a source of kind `{source.kind}` needs `database`")
    queries = read_queries(source, database)
    folder = asked.work / "landed" / as_path(source.name)

    def read(session: Session) -> list[Part]:
        now = session.clock()
        return [_land(session, query, source, database, asked, folder, now) for query in queries]

    return in_session(source.kind, source.name, database, folder, read)


def in_session(
    kind: str, name: str, database: DatabaseSettings, folder: Path, read: Callable[[Session], Given]
) -> Given:
    """What `read` gives in one session with a database; from its beginning again where the connection breaks off.

    kind: a key of CONNECT. name: of the source, for messages. folder: what `read` writes to; it is emptied before
    every attempt.
    """
    login = _login(name, database)
    lost = ""
    for attempt in range(database.attempts):
        if attempt:
            _wait(name, database, attempt, lost)
        shutil.rmtree(folder, ignore_errors=True)
        try:
            session = CONNECT[kind](database, login, f"source {name}")
            try:
                return read(session)
            finally:
                session.close()
        except Lost as error:
            lost = error.what
    shutil.rmtree(folder, ignore_errors=True)
    raise SourceUnavailable(
        f"source {name}: {lost}, {_times(database.attempts)}",
        "Check that the database is up and can be reached from here, then run again.",
    )


def _wait(name: str, database: DatabaseSettings, attempt: int, lost: str) -> None:
    seconds = database.wait * 2 ** (attempt - 1)
    log.warning(
        "source=%s %s; attempt %d of %d in %.0f s", name, lost, attempt + 1, database.attempts, seconds
    )
    time.sleep(seconds)


def _times(attempts: int) -> str:
    return "once" if attempts == 1 else f"{attempts} times in a row"


def _login(name: str, database: DatabaseSettings) -> Login:
    """User and password from where the settings say they are, at the last moment."""
    user = _variable(name, "user_env", database.user_env)
    password = _variable(name, "password_env", database.password_env)
    if database.password_file:
        password = _secret(name, database.password_file)
    return Login(user, password)


def _variable(name: str, setting: str, variable: str | None) -> str | None:
    if variable is None:
        return None
    if not os.environ.get(variable):
        raise ConfigurationError(
            f"source {name}: the environment variable {variable}, which `{setting}` names, is not set",
            "Set it for the account that runs the night.",
        )
    return os.environ[variable]


def _secret(name: str, file: Path) -> str:
    try:
        text = file.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        kind = type(error).__name__
    else:
        if text and "\n" not in text:
            return text
        kind = "it is empty" if not text else "it has more than one line"
    raise ConfigurationError(
        f"source {name}: the password cannot be read from {file} ({kind})",
        "Expected a file that holds the password and nothing else, readable by the account that runs the night.",
    )


def _land(
    session: Session,
    query: Query,
    source: SourceSettings,
    database: DatabaseSettings,
    asked: Asked,
    folder: Path,
    now: datetime,
) -> Part:
    before = asked.watermarks.get((source.name, query.table)) if query.table in database.watermark else None
    values = {"as_of": asked.as_of.isoformat(), "watermark": _read_from(before, database.overlap)}
    wanted = _wanted(session.columns(query, values), query, source, database, asked.sample)
    landed = written(folder / f"{query.table}.parquet", session.batches(query, values, wanted), wanted, query)
    with landed.path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    columns = tuple(wanted.columns)
    return Part(
        source=source.name,
        table=query.table,
        name=query.name,
        read_path=landed.path,
        format="parquet",
        compression="none",
        delimiter=source.delimiter,
        header=columns,
        columns={column: column for column in columns},
        rows=landed.rows,
        sha256=sha256,
        size=landed.path.stat().st_size,
        watermark=_reached(before, landed.highest, now),
    )


def _wanted(
    columns: list[Column],
    query: Query,
    source: SourceSettings,
    database: DatabaseSettings,
    limit: int | None,
) -> Wanted:
    """What is read of the query: its columns that the contract or the mapping knows, and its watermark."""
    mapping = source.tables.get(query.table, TableMapping())
    by_name = {column.name: column for column in columns}
    bound = bind([column.name for column in columns], query.table, mapping, query.where)
    watermark = database.watermark.get(query.table)
    return Wanted(
        {canonical: by_name[name] for canonical, name in bound.items()},
        _watermark(watermark, by_name, query) if watermark else None,
        limit,
    )


def _watermark(name: str, columns: Mapping[str, Column], query: Query) -> Column:
    folded = {column.casefold(): column for column in columns}
    if name.casefold() not in folded:
        near = closest(name, columns)
        raise InputRefused(
            f"{query.where}: the query does not give the watermark column {name}",
            f'Closest to it: "{near}".' if near else "Add it to the columns of the query.",
        )
    column = columns[folded[name.casefold()]]
    if not column.is_date_or_time:
        raise InputRefused(
            f"{query.where}: the watermark column {name} is neither a date nor a time",
            "Name the column that says when a row was last changed; cast it in the query if it is text.",
        )
    return column


def _read_from(before: str | None, overlap: timedelta) -> str | None:
    """Where tonight begins: so far before the highest watermark that rows which were late are met again."""
    return None if before is None else (datetime.fromisoformat(before) - overlap).isoformat()


def _reached(before: str | None, highest: Any, now: datetime) -> str | None:
    """How far tonight has read, as ISO text; null where there is no watermark and no row.

    Never behind where a night before was, and never ahead of the database's own time: one row from the future would
    hide every later one.
    """
    if highest is None:
        return before
    moment = datetime.fromisoformat(highest.isoformat())
    # A time without an offset may be of any zone: those ahead of UTC are ahead by less than a day.
    latest = now if moment.tzinfo else (now.astimezone(UTC) + timedelta(days=1)).replace(tzinfo=None)
    moment = min(moment, latest)
    earlier = datetime.fromisoformat(before) if before else None
    if earlier and (earlier.tzinfo is None) == (moment.tzinfo is None):
        moment = max(moment, earlier)
    return moment.isoformat()


@dataclass(frozen=True)
class Landed:
    path: Path
    rows: int
    highest: Any


def written(path: Path, batches: Iterator[pa.RecordBatch], wanted: Wanted, query: Query) -> Landed:
    """Write the batches as they come. Memory holds one of them, and the row group that is being written."""
    schema = pa.schema([(name, pa.string()) for name in wanted.columns])
    rows, highest, problem = 0, None, ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with parquet.ParquetWriter(path, schema, compression=COMPRESSION) as file:
            for batch in batches:
                rows += batch.num_rows
                if wanted.watermark:
                    highest = _higher(highest, batch[WATERMARK])
                file.write_batch(batch.select(schema.names).cast(schema))
    except OSError as error:
        problem = os.strerror(error.errno) if error.errno else "a write failed"
    if problem:
        raise OutputError(
            f"{query.where}: its landed copy cannot be written: {problem.lower()}.",
            "Make room, then run again.",
        )
    return Landed(path, rows, highest)


def _higher(highest: Any, column: pa.Array) -> Any:
    return max(filter(None, chain([highest], [pyarrow.compute.max(column).as_py()])), default=None)
