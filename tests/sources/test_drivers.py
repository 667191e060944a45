"""What databases other than PostgreSQL share, tried on SQLite through its own DB-API, and how each is addressed."""

from __future__ import annotations

import sqlite3
import sys
import traceback
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from schemas.errors import ConfigurationError, InputRefused, SourceUnavailable
from sources import database, drivers
from sources.base import Asked, DatabaseSettings, Part, SourceSettings
from sources.gather import gather
from sources.session import Column, Login, Wanted

SECRET = "ID-SENTINEL-0815"


class Clocked(sqlite3.Connection):
    """SQLite gives its time as text; the others give a datetime."""

    def cursor(self, *_: Any) -> Any:  # type: ignore[override]
        return super().cursor(Timed)


class Timed(sqlite3.Cursor):
    def fetchone(self) -> Any:
        return (datetime.fromisoformat(super().fetchone()[0]),)


SQLITE = drivers.Dialect(
    kind="mysql",
    package="sqlite3",
    module="sqlite3",
    sqlglot="sqlite",
    connect=lambda driver, settings, _: driver.connect(settings.dbname, factory=Clocked),
    begin=lambda _connection, _settings: ("begin", "pragma query_only = on"),
    marker=lambda _: "?",
    given="in order",
    form=lambda column: "instant" if column[0] == "changed_at" else "text",
    quote='""',
    texts={"text": "cast({0} as text)", "instant": "replace({0}, ' ', 'T')"},
    limited="{whole} limit {rows}",
    now="select datetime('now')",
    lasting={"no such column": "the query names a column that does not exist"},
)


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SourceSettings:
    connect = partial(drivers._connect, SQLITE)
    monkeypatch.setattr(database, "CONNECT", {"mysql": connect})
    with sqlite3.connect(tmp_path / "site.db") as connection:
        connection.execute("create table labs (nhi text, value numeric, changed_at text)")
        connection.executemany(
            "insert into labs values (?, ?, ?)",
            [
                (f"{SECRET}-{number}", number, f"2026-06-{number % 9 + 1:02} 10:00:00")
                for number in range(50_000)
            ],
        )
    settings = DatabaseSettings(queries=tmp_path, dbname=str(tmp_path / "site.db"), attempts=2, wait=0)
    return SourceSettings("lis", Path(), kind="mysql", delivers=("labs",), database=settings)


def land(source: SourceSettings, work: Path, text: str, **given: Any) -> Part:
    (work / "labs.sql").write_text(text)
    return gather(source, Asked(work, date(2026, 6, 30), **given))[0]


QUERY = (
    "select nhi as patient_id, value, changed_at as collected_at, 'B12S' as code, $as_of as unit from labs"
)


def test_rows_arrive_as_text_batch_by_batch(source: SourceSettings, tmp_path: Path) -> None:
    part = land(source, tmp_path, QUERY)
    frame = pl.read_parquet(part.read_path)
    assert part.rows == frame.height == 50_000
    assert frame.row(7) == (f"{SECRET}-7", "7", "2026-06-30", "2026-06-08 10:00:00", "B12S")
    assert set(frame.dtypes) == {pl.String}


def test_a_look_reads_so_many_rows(source: SourceSettings, tmp_path: Path) -> None:
    assert land(source, tmp_path, QUERY, sample=3).rows == 3


def test_a_table_without_rows_has_its_columns(source: SourceSettings, tmp_path: Path) -> None:
    part = land(source, tmp_path, f"{QUERY} where 1 = 2")
    assert part.rows == 0
    assert pl.read_parquet(part.read_path).columns == list(part.header)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("select nope from labs", "the query names a column that does not exist"),
        (f"{QUERY} where json(nhi)", None),
    ],
)
def test_what_a_driver_says_is_not_passed_on(
    source: SourceSettings, tmp_path: Path, text: str, said: str | None
) -> None:
    kind = InputRefused if said else SourceUnavailable
    with pytest.raises(kind, match=said or "broke off, 2 times in a row") as told:
        land(source, tmp_path, text)
    assert SECRET not in "".join(traceback.format_exception(told.value))
    assert told.value.__context__ is None


def test_a_driver_that_is_not_installed_is_named(
    source: SourceSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sqlite3", None)
    with pytest.raises(ConfigurationError, match="sqlite3 is not installed") as told:
        land(source, tmp_path, QUERY)
    assert "b12screen[mysql]" in told.value.hint


# -- how each is addressed ------------------------------------------------------------------------------------------


class Connecting:
    """Notes what a driver's `connect` is told."""

    def __init__(self) -> None:
        self.told: Any = None
        self.timeout = self.call_timeout = 0
        self.defaults = self

    def connect(self, *plain: Any, **named: Any) -> Connecting:
        self.told = plain[0] if plain else named
        return self


SETTINGS = DatabaseSettings(Path(), host="db", dbname="lis", statement_timeout=60)
LOGIN = Login("reader", "a;b}c")


def test_sql_server_is_told_in_braces() -> None:
    driver = Connecting()
    assert drivers.SQLSERVER.connect(driver, SETTINGS, LOGIN).timeout == 60
    assert driver.told == (
        "Server={db,1433};Database={lis};UID={reader};PWD={a;b}}c};ApplicationIntent={ReadOnly};"
        "Encrypt=yes;TrustServerCertificate=yes"
    )


def test_oracle_is_told_its_service_over_an_encrypted_connection() -> None:
    driver = Connecting()
    assert drivers.ORACLE.connect(driver, SETTINGS, LOGIN).call_timeout == 60_000
    assert driver.told["service_name"] == "lis"
    assert (driver.told["protocol"], driver.told["port"]) == ("tcps", 1521)


def test_no_login_is_shown() -> None:
    assert "reader" not in repr(LOGIN)
    assert "a;b}c" not in repr(LOGIN)


@pytest.mark.parametrize(
    ("dialect", "expected"),
    [
        (
            drivers.SQLSERVER,
            "select top (5) * from (select cast([a]]b] as nvarchar(max)) as [value], "
            "convert(nvarchar(40), [c], 126) as [collected_at] from (\nselect 1\n) delivered) sample",
        ),
        (
            drivers.MYSQL,
            "select cast(`a]b` as char) as `value`, replace(cast(`c` as char), ' ', 'T') as `collected_at` "
            "from (\nselect 1\n) delivered limit 5",
        ),
        (
            drivers.ORACLE,
            'select "a]b" as "value", to_char("c", \'YYYY-MM-DD"T"HH24:MI:SS.FF6\') as "collected_at" '
            "from (\nselect 1\n) delivered fetch first 5 rows only",
        ),
    ],
)
def test_what_is_put_around_a_query(dialect: drivers.Dialect, expected: str) -> None:
    session = drivers._Session.__new__(drivers._Session)
    session._dialect = dialect
    wanted = Wanted({"value": Column("a]b", "text"), "collected_at": Column("c", "instant")}, limit=5)
    assert session._around("select 1", wanted) == expected
