"""PostgreSQL through ADBC: rows arrive as Arrow batches in the binary form of COPY, text on the server's side.

The queries are the site's own and stand in its files; what is put around them here is in the server's dialect.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, Final, TypeVar

import pyarrow as pa
import pyarrow.compute

from schemas.errors import InputRefused, ScreenError, SourceUnavailable
from sources.base import DatabaseSettings
from sources.queries import PARAMETERS, Query, missing, written_for
from sources.session import WATERMARK, Column, Login, Lost, Session, Values, Wanted
from sql.statements import identifier

BATCH_BYTES: Final = 4 * 1024 * 1024
BATCH_OPTION: Final = "adbc.postgresql.batch_size_hint_bytes"
CONNECT_WITHIN: Final = 15
INSTANTS: Final = ("timestamptz", "timestamp")
DATES_AND_TIMES: Final = (*INSTANTS, "date")
TRANSACTION: Final = (
    "set transaction isolation level repeatable read, read only",
    "set local timezone = 'UTC'",
    "set local datestyle = 'ISO, YMD'",
    "set local intervalstyle = 'iso_8601'",
    "set local extra_float_digits = 1",
)
"""One state of the database for every table, and text that does not depend on the server's settings."""

PASSING: Final = ("08", "40", "53", "57P", "58")
"""Beginnings of SQLSTATEs that may be gone in a moment: connections, conflicts, resources, restarts, the system."""

REASONS: Final = {
    "42703": "it names a column that does not exist",
    "42P01": "it names a table that does not exist",
    "42883": "it names a function that does not exist for these types",
    "42601": "it cannot be read as SQL",
    "3F000": "it names a schema that does not exist",
    "25006": "it would change something",
}
NO_ENTRY: Final = (
    ("password", "the database refuses the user or the password"),
    ("authentication", "the database refuses the user or the password"),
    ("role ", "the database refuses the user or the password"),
    ("pg_hba", "the database lets nobody in from here"),
    ("database ", "there is no such database, or it may not be entered"),
    ("ssl", "the connection cannot be encrypted as `sslmode` asks for"),
    ("certificate", "the connection cannot be encrypted as `sslmode` asks for"),
    ("service", "the `service` cannot be found"),
)
"""Words of a refused connection, which has no SQLSTATE -> what they come to."""

Given = TypeVar("Given")


def connect(database: DatabaseSettings, login: Login, where: str) -> Session:
    """A session with its transaction begun. Raises ConfigurationError, SourceUnavailable or Lost."""
    try:
        from adbc_driver_postgresql import dbapi  # noqa: PLC0415
    except ImportError:
        raise missing("adbc-driver-postgresql", "postgres") from None
    problem: Lost | ScreenError
    try:
        return _Session(dbapi, dbapi.connect(_address(database, login)), database, where)
    except dbapi.Error as error:
        problem = _not_connected(error, where)
    raise problem


def _address(database: DatabaseSettings, login: Login) -> str:
    """What libpq is told, as `name='value'`."""
    told = {
        "host": database.host,
        "port": database.port,
        "dbname": database.dbname,
        "service": database.service,
        "user": login.user,
        "password": login.password,
        "sslmode": database.sslmode,
        "sslrootcert": database.sslrootcert,
        "connect_timeout": CONNECT_WITHIN,
        "keepalives_idle": 30,
        "keepalives_interval": 10,
        "keepalives_count": 3,
        "application_name": "b12screen",
    }
    return " ".join(f"{name}='{_escaped(str(value))}'" for name, value in told.items() if value is not None)


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("'", "\\'")


def _not_connected(error: Exception, where: str) -> Lost | ScreenError:
    if getattr(error, "sqlstate", None):
        return _problem(error, where, "")
    words = str(error).lower().partition("fatal:")
    said = words[2] or words[0]
    if "starting up" in said or "shutting down" in said or "too many" in said or "recovery" in said:
        return Lost("the database takes no connection at the moment")
    is_answered = bool(words[2]) or "ssl" in said or "certificate" in said or "service" in said
    for word, reason in NO_ENTRY if is_answered else ():
        if word in said:
            return SourceUnavailable(
                f"{where}: {reason}",
                "Check `host`, `dbname`, `sslmode` and the variables or the file that hold user and password.",
            )
    return Lost("the database cannot be reached")


def _problem(error: Exception, where: str, text: str) -> Lost | ScreenError:
    """What an error of a statement comes to; `text` is the statement as the site wrote it, where it is that."""
    state = getattr(error, "sqlstate", None) or ""
    if state == "57014":
        return SourceUnavailable(
            f"{where}: the database ended the query, which ran longer than `statement_timeout`",
            "Give it more time, or the table an index that the query can use.",
        )
    if state == "42501":
        return InputRefused(
            f"{where}: the user may not read what the query names",
            "Grant select on it to the user that this source enters with.",
        )
    if not state or state.startswith(PASSING):
        return Lost("the connection broke off")
    place, name = _place(error, text)
    reason = REASONS.get(state, "it fails on what it reads" if state.startswith("22") else "it fails")
    return InputRefused(
        f"{where}{place}: the database refuses the query: {reason}{name} (SQLSTATE {state})",
        "Compare the query with the tables as they are now; they may have been changed.",
    )


def _place(error: Exception, text: str) -> tuple[str, str]:
    """The line of the site's query that the server points at, and the name that stands there."""
    details = dict(getattr(error, "details", None) or ())
    position = details.get("PG_DIAG_STATEMENT_POSITION") or details.get(b"PG_DIAG_STATEMENT_POSITION")
    if not (position and text):
        return "", ""
    begins = int(position) - 1
    named = re.match(r'[\w."]+', text[begins:])
    # Names of the query alone: a literal could be anything.
    name = f": {named.group()}" if named and not named.group()[0].isdigit() else ""
    return f", line {text.count(chr(10), 0, begins) + 1}", name


class _Session:
    def __init__(self, driver: Any, connection: Any, database: DatabaseSettings, where: str) -> None:
        self._driver = driver
        self._connection = connection
        self._where = where
        try:
            for statement in (*TRANSACTION, f"set local statement_timeout = '{database.statement_timeout}s'"):
                self._rows(statement, where)
        except BaseException:
            self.close()
            raise

    def clock(self) -> datetime:
        moment: datetime = self._rows("select now()", self._where)[0][0]
        return moment

    def columns(self, query: Query, values: Values) -> list[Column]:
        text = self._prepared(query, values)
        with self._connection.cursor() as cursor:
            schema = self._told(lambda: cursor.adbc_execute_schema(text), query.where, text)
        types = [field.metadata.get(b"POSTGRESQL:type", b"").decode() for field in schema]
        return [
            Column(name, of_type, of_type in DATES_AND_TIMES)
            for name, of_type in zip(schema.names, types, strict=True)
        ]

    def batches(self, query: Query, values: Values, wanted: Wanted) -> Iterator[pa.RecordBatch]:
        text = _around(self._prepared(query, values), wanted)
        instants = [name for name, column in wanted.columns.items() if column.type in INSTANTS]
        with self._connection.cursor() as cursor:
            cursor.adbc_statement.set_options(**{BATCH_OPTION: str(BATCH_BYTES)})
            self._told(lambda: cursor.execute(text), query.where)
            reader = self._told(lambda: _reader(cursor), query.where)
            while (batch := self._told(lambda: next(reader, None), query.where)) is not None:
                yield _with_t(batch, instants)

    def close(self) -> None:
        with suppress(Exception):
            self._connection.close()

    def _prepared(self, query: Query, values: Values) -> str:
        """The query as the server gets it, with its parameters in settings of the transaction.

        A parameter that is bound to the query itself would keep the driver from streaming: it would hold the whole
        result in memory.
        """
        text, _ = written_for(query, "postgres", _setting)
        for name in PARAMETERS:
            self._rows(f"select set_config('b12screen.{name}', $1, true)", query.where, values[name] or "")
        return text

    def _rows(self, text: str, where: str, *values: str) -> list[tuple[Any, ...]]:
        with self._connection.cursor() as cursor:
            self._told(lambda: cursor.execute(text, values or None), where)
            return list(self._told(cursor.fetchall, where)) if text.startswith("select") else []

    def _told(self, ask: Callable[[], Given], where: str, text: str = "") -> Given:
        """What `ask` gives; what the driver says instead, which may quote a row, becomes a plain word of ours."""
        problem: Lost | ScreenError
        try:
            return ask()
        except self._driver.Error as error:
            problem = _problem(error, where, text)
        except (pa.ArrowException, OSError):
            problem = Lost("the connection broke off")
        raise problem


def _reader(cursor: Any) -> Iterator[pa.RecordBatch]:
    """The rows of what was asked. The driver's own reader: that of pyarrow would drop the SQLSTATE of a failure."""
    from adbc_driver_manager import _reader as of_driver  # noqa: PLC0415

    stream = cursor.fetch_arrow()
    return iter(of_driver.AdbcRecordBatchReader._import_from_c(stream.address))


def _setting(name: str) -> str:
    return f"nullif(current_setting('b12screen.{name}', true), '')"


def _around(text: str, wanted: Wanted) -> str:
    """The query with the wanted columns alone, each of them text."""
    columns = [
        f"{identifier(column.name)}::text as {identifier(name)}" for name, column in wanted.columns.items()
    ]
    if wanted.watermark:
        moment = identifier(wanted.watermark.name)
        columns.append(f"case when isfinite({moment}) then {moment} end as {WATERMARK}")
    limit = "" if wanted.limit is None else f" limit {wanted.limit}"
    return f"select {', '.join(columns)} from (\n{text}\n) as delivered{limit}"


def _with_t(batch: pa.RecordBatch, names: Sequence[str]) -> pa.RecordBatch:
    """The batch with a T between day and time. Done here: it would take nearly a third of the server's time."""
    for name in names:
        column = pyarrow.compute.replace_substring(batch[name], " ", "T")
        batch = batch.set_column(batch.schema.get_field_index(name), name, column)
    return batch
