"""SQL Server, MySQL or MariaDB, and Oracle, each through its driver's DB-API: the same queries, the same landing.

Slower than PostgreSQL, because rows pass through Python objects. MariaDB has been tried against a live server
(10.11); SQL Server, Oracle and MySQL itself have not: what is written here for them follows their manuals.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, Literal

import pyarrow as pa

from schemas.errors import InputRefused, ScreenError, SourceUnavailable
from sources.base import DatabaseSettings
from sources.queries import Query, missing, written_for
from sources.session import WATERMARK, Column, Login, Lost, Session, Values, Wanted

BATCH_ROWS: Final = 20_000
CONNECT_WITHIN: Final = 15

Form = Literal["text", "number", "float", "flag", "date", "instant", "zoned"]
"""What a column holds, as far as its text depends on it; `zoned` is an instant with an offset, or in UTC."""


@dataclass(frozen=True)
class Dialect:
    """What one database wants to be told. Texts of errors are looked at for `lasting`, and never passed on.

    begin: the statements that make a session read only and of one state of the database. marker, given: a parameter
    in a query, and how it gets its value. texts: what a column of each form is as text. limited: a query with at
    most so many rows. lasting: what stands in an error -> what it comes to, where trying again is of no use.
    """

    kind: str
    package: str
    module: str
    sqlglot: str
    connect: Callable[[Any, DatabaseSettings, Login], Any]
    begin: Callable[[Any, DatabaseSettings], Sequence[str]]
    marker: Callable[[str], str]
    given: Literal["in order", "by name", "before"]
    form: Callable[[Sequence[Any]], Form]
    quote: str
    texts: Mapping[Form, str]
    limited: str
    now: str
    lasting: Mapping[str, str]


def _connect(dialect: Dialect, database: DatabaseSettings, login: Login, where: str) -> Session:
    """A session with its transaction begun. Raises ConfigurationError, SourceUnavailable or Lost."""
    try:
        driver = importlib.import_module(dialect.module)
    except ImportError:
        raise missing(dialect.package, dialect.kind) from None
    problem: Lost | ScreenError
    try:
        return _Session(dialect, driver, dialect.connect(driver, database, login), database, where)
    except driver.Error as error:
        problem = _problem(error, driver, dialect, where)
    if isinstance(problem, InputRefused):
        raise SourceUnavailable(
            problem.what,
            "Check `host`, `dbname`, `sslmode` and the variables or the file that hold user and password.",
        )
    raise problem


def _problem(error: Exception, driver: Any, dialect: Dialect, where: str) -> Lost | ScreenError:
    said = str(error)
    for sign, reason in dialect.lasting.items():
        if sign in said:
            return InputRefused(
                f"{where}: {reason}", "Compare the query with the tables and rights as they are now."
            )
    if isinstance(error, driver.OperationalError | driver.InterfaceError):
        return Lost("the database cannot be reached, or the connection broke off")
    return InputRefused(
        f"{where}: the database refuses the query ({type(error).__name__})",
        "Try the query in the database's own client, as the user that this source enters with.",
    )


class _Session:
    def __init__(
        self, dialect: Dialect, driver: Any, connection: Any, database: DatabaseSettings, where: str
    ) -> None:
        self._dialect = dialect
        self._driver = driver
        self._connection = connection
        self._where = where
        try:
            for statement in dialect.begin(connection, database):
                with self._asked(statement, None, where):
                    pass
        except BaseException:
            self.close()
            raise

    def clock(self) -> datetime:
        with self._asked(self._dialect.now, None, self._where) as cursor:
            moment: datetime = self._told(cursor.fetchone, self._where)[0]
        return moment.replace(tzinfo=UTC)

    def columns(self, query: Query, values: Values) -> list[Column]:
        text, given = self._prepared(query, values)
        empty = f"select * from (\n{text}\n) delivered where 1 = 0"
        with self._asked(empty, given, query.where) as cursor:
            described = list(cursor.description)
            self._told(cursor.fetchall, query.where)
        forms = [self._dialect.form(column) for column in described]
        return [
            Column(column[0], form, form in ("date", "instant", "zoned"))
            for column, form in zip(described, forms, strict=True)
        ]

    def batches(self, query: Query, values: Values, wanted: Wanted) -> Iterator[pa.RecordBatch]:
        text, given = self._prepared(query, values)
        names = [*wanted.columns, *([WATERMARK] if wanted.watermark else [])]
        with self._asked(self._around(text, wanted), given, query.where) as cursor:
            while rows := self._told(lambda: cursor.fetchmany(BATCH_ROWS), query.where):
                arrays = [pa.array(column) for column in zip(*rows, strict=True)]
                yield pa.RecordBatch.from_arrays(arrays, names)

    def close(self) -> None:
        with suppress(Exception):
            self._connection.close()

    def _prepared(self, query: Query, values: Values) -> tuple[str, Any]:
        """The query as the database wants it, and what is given with it."""
        text, met = written_for(query, self._dialect.sqlglot, self._dialect.marker)
        if self._dialect.given == "by name":
            return text, {name: values[name] for name in met}
        if self._dialect.given == "in order":
            return text, [values[name] for name in met]
        for name in met:
            with self._asked(f"set {self._dialect.marker(name)} = %s", [values[name]], query.where):
                pass
        return text, None

    def _around(self, text: str, wanted: Wanted) -> str:
        """The query with the wanted columns alone, each of them text."""
        columns = [
            f"{self._dialect.texts[column.type].format(self._quoted(column.name))} as {self._quoted(name)}"  # type: ignore[index]
            for name, column in wanted.columns.items()
        ]
        if wanted.watermark:
            columns.append(f"{self._quoted(wanted.watermark.name)} as {WATERMARK}")
        whole = f"select {', '.join(columns)} from (\n{text}\n) delivered"
        return whole if wanted.limit is None else self._dialect.limited.format(whole=whole, rows=wanted.limit)

    def _quoted(self, name: str) -> str:
        first, last = self._dialect.quote[0], self._dialect.quote[-1]
        return first + name.replace(last, last * 2) + last

    @contextmanager
    def _asked(self, text: str, given: Any, where: str) -> Iterator[Any]:
        cursor = self._told(self._connection.cursor, where)
        try:
            self._told(lambda: cursor.execute(text, given) if given else cursor.execute(text), where)
            yield cursor
        except BaseException:
            # A cursor that is closed on its own may first read the rest of a result, which nobody wants any more.
            self.close()
            raise
        finally:
            with suppress(Exception):
                cursor.close()

    def _told(self, ask: Callable[[], Any], where: str) -> Any:
        """What `ask` gives; what the driver says instead, which may quote a row, becomes a plain word of ours."""
        problem: Lost | ScreenError
        try:
            return ask()
        except self._driver.Error as error:
            problem = _problem(error, self._driver, self._dialect, where)
        except OSError:
            problem = Lost("the connection broke off")
        raise problem


# -- SQL Server -------------------------------------------------------------------------------------------------


def _connect_sqlserver(driver: Any, database: DatabaseSettings, login: Login) -> Any:
    encrypted = {"disable": "Encrypt=no", "require": "Encrypt=yes;TrustServerCertificate=yes"}
    told = {
        "Server": f"{database.host},{database.port or 1433}",
        "Database": database.dbname,
        "UID": login.user,
        "PWD": login.password,
        "ApplicationIntent": "ReadOnly",
    }
    words = [f"{name}={_braced(str(value))}" for name, value in told.items() if value is not None]
    words.append(encrypted.get(database.sslmode, "Encrypt=yes;TrustServerCertificate=no"))
    connection = driver.connect(";".join(words), autocommit=False)
    connection.timeout = database.statement_timeout
    return connection


def _braced(value: str) -> str:
    return "{" + value.replace("}", "}}") + "}"


def _form_sqlserver(column: Sequence[Any]) -> Form:
    forms: dict[str, Form] = {
        "datetime": "instant",
        "date": "date",
        "bool": "flag",
        "float": "float",
    }
    return forms.get(getattr(column[1], "__name__", ""), "text")


SQLSERVER: Final = Dialect(
    kind="sqlserver",
    package="mssql-python",
    module="mssql_python",
    sqlglot="tsql",
    connect=_connect_sqlserver,
    # Snapshot isolation is how a reader's one state is called there; the database must allow it.
    begin=lambda _connection, _database: ("set transaction isolation level snapshot",),
    marker=lambda _name: "?",
    given="in order",
    form=_form_sqlserver,
    quote="[]",
    texts={
        "text": "cast({0} as nvarchar(max))",
        "float": "format({0}, 'G15', 'en-US')",
        "flag": "case {0} when 1 then 'true' when 0 then 'false' end",
        "date": "convert(nvarchar(10), {0}, 23)",
        "instant": "convert(nvarchar(40), {0}, 126)",
    },
    limited="select top ({rows}) * from ({whole}) sample",
    now="select sysutcdatetime()",
    lasting={
        "Login failed": "the database refuses the user or the password",
        "Cannot open database": "there is no such database, or it may not be entered",
        "Invalid column name": "the query names a column that does not exist",
        "Invalid object name": "the query names a table that does not exist",
        "permission was denied": "the user may not read what the query names",
        "Snapshot isolation": "the database does not allow snapshot isolation (allow_snapshot_isolation)",
        "imeout expired": "the query ran longer than `statement_timeout`",
        "Conversion failed": "the query fails on what it reads",
    },
)


# -- MySQL and MariaDB --------------------------------------------------------------------------------------------


def _connect_mysql(driver: Any, database: DatabaseSettings, login: Login) -> Any:
    is_checked = database.sslmode.startswith("verify")
    encrypted = {
        "ssl": {"ca": str(database.sslrootcert) if database.sslrootcert else None},
        "ssl_verify_cert": is_checked,
        "ssl_verify_identity": database.sslmode == "verify-full",
    }
    return driver.connect(
        host=database.host,
        port=database.port or 3306,
        user=login.user,
        password=login.password or "",
        database=database.dbname,
        charset="utf8mb4",
        connect_timeout=CONNECT_WITHIN,
        read_timeout=database.statement_timeout + CONNECT_WITHIN,
        # The result comes row by row, not whole into memory.
        cursorclass=importlib.import_module("pymysql.cursors").SSCursor,
        **({"ssl_disabled": True} if database.sslmode == "disable" else encrypted),
    )


def _begin_mysql(connection: Any, database: DatabaseSettings) -> Sequence[str]:
    seconds = database.statement_timeout
    is_mariadb = "mariadb" in connection.get_server_info().lower()
    limit = f"max_statement_time = {seconds}" if is_mariadb else f"max_execution_time = {seconds * 1000}"
    return (
        f"set session {limit}",
        "set session time_zone = '+00:00'",
        "set session transaction isolation level repeatable read",
        "start transaction with consistent snapshot, read only",
    )


def _form_mysql(column: Sequence[Any]) -> Form:
    types = importlib.import_module("pymysql.constants.FIELD_TYPE")
    forms: dict[int, Form] = {
        types.DATE: "date",
        types.NEWDATE: "date",
        types.DATETIME: "instant",
        types.TIMESTAMP: "zoned",
    }
    return forms.get(column[1], "text")


MYSQL: Final = Dialect(
    kind="mysql",
    package="pymysql",
    module="pymysql",
    sqlglot="mysql",
    connect=_connect_mysql,
    begin=_begin_mysql,
    marker=lambda name: f"@b12_{name}",
    given="before",
    form=_form_mysql,
    quote="``",
    texts={
        "text": "cast({0} as char)",
        "date": "cast({0} as char)",
        "instant": "replace(cast({0} as char), ' ', 'T')",
        "zoned": "concat(replace(cast({0} as char), ' ', 'T'), '+00:00')",
    },
    limited="{whole} limit {rows}",
    now="select utc_timestamp()",
    lasting={
        "(1045,": "the database refuses the user or the password",
        "(1698,": "the database refuses the user or the password",
        "(1044,": "there is no such database, or it may not be entered",
        "(1049,": "there is no such database, or it may not be entered",
        "(1142,": "the user may not read what the query names",
        "(1143,": "the user may not read what the query names",
        "(1054,": "the query names a column that does not exist",
        "(1146,": "the query names a table that does not exist",
        "(1064,": "the query cannot be read as SQL",
        "(1792,": "the query would change something",
        "(1969,": "the query ran longer than `statement_timeout`",
        "(3024,": "the query ran longer than `statement_timeout`",
        "SSL": "the connection cannot be encrypted as `sslmode` asks for",
    },
)


# -- Oracle -------------------------------------------------------------------------------------------------------


def _connect_oracle(driver: Any, database: DatabaseSettings, login: Login) -> Any:
    driver.defaults.fetch_lobs = False
    connection = driver.connect(
        user=login.user,
        password=login.password,
        host=database.host,
        port=database.port or 1521,
        service_name=database.dbname,
        protocol="tcp" if database.sslmode == "disable" else "tcps",
        ssl_server_dn_match=database.sslmode == "verify-full",
        wallet_location=str(database.sslrootcert.parent) if database.sslrootcert else None,
        tcp_connect_timeout=CONNECT_WITHIN,
    )
    connection.call_timeout = database.statement_timeout * 1000
    return connection


def _form_oracle(column: Sequence[Any]) -> Form:
    forms: dict[str, Form] = {
        "DB_TYPE_DATE": "date",
        "DB_TYPE_TIMESTAMP": "instant",
        "DB_TYPE_TIMESTAMP_TZ": "zoned",
        "DB_TYPE_TIMESTAMP_LTZ": "zoned",
        "DB_TYPE_NUMBER": "number",
        "DB_TYPE_BINARY_FLOAT": "number",
        "DB_TYPE_BINARY_DOUBLE": "number",
        "DB_TYPE_BOOLEAN": "flag",
    }
    return forms.get(getattr(column[1], "name", ""), "text")


ORACLE: Final = Dialect(
    kind="oracle",
    package="oracledb",
    module="oracledb",
    sqlglot="oracle",
    connect=_connect_oracle,
    # A read-only transaction of Oracle sees one state of the database from its beginning.
    begin=lambda _connection, _database: ("set transaction read only",),
    marker=lambda name: f":{name}",
    given="by name",
    form=_form_oracle,
    quote='""',
    texts={
        "text": "{0}",
        # Oracle leaves out the nought before the point.
        "number": (
            "regexp_replace(to_char({0}, 'TM9', 'NLS_NUMERIC_CHARACTERS=''.,'''), '^(-?)[.]', '\\10.')"
        ),
        "flag": "case when {0} then 'true' when not {0} then 'false' end",
        "date": """to_char({0}, 'YYYY-MM-DD"T"HH24:MI:SS')""",
        "instant": """to_char({0}, 'YYYY-MM-DD"T"HH24:MI:SS.FF6')""",
        "zoned": """to_char({0}, 'YYYY-MM-DD"T"HH24:MI:SS.FF6TZH:TZM')""",
    },
    limited="{whole} fetch first {rows} rows only",
    now="select sys_extract_utc(systimestamp) from dual",
    lasting={
        "ORA-01017": "the database refuses the user or the password",
        "ORA-28000": "the account that this source enters with is locked",
        "ORA-12514": "there is no such database, or it may not be entered",
        "DPY-6001": "there is no such database, or it may not be entered",
        "ORA-00942": "the query names a table that does not exist, or that the user may not read",
        "ORA-01031": "the user may not read what the query names",
        "ORA-00904": "the query names a column that does not exist",
        "ORA-01456": "the query would change something",
        "DPY-4024": "the query ran longer than `statement_timeout`",
    },
)

CONNECT: Final[Mapping[str, Callable[[DatabaseSettings, Login, str], Session]]] = {
    dialect.kind: partial(_connect, dialect) for dialect in (SQLSERVER, MYSQL, ORACLE)
}
"""Kind of source -> how a session with it begins."""
