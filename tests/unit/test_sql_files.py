"""Every statement is one file that runs against an empty night, says its grain, and holds no clinical number."""

# Instants of the canonical tables are local and carry no zone.
# ruff: noqa: DTZ001

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import duckdb
import polars as pl
import pytest

import sql
from schemas.canonical_columns import COLUMNS
from schemas.vocabulary import TABLES
from sql.warehouse import NO_LINKS, RAW_COLUMNS, STORED_ROWS, Warehouse
from tests.small_night import ALIASES, CODES, DRUG_NAMES

ROOT = Path(sql.__file__).parent
FILES = sorted(path.relative_to(ROOT).with_suffix("").as_posix() for path in ROOT.rglob("*.sql"))
# Those of an export need its files: tests/sources/test_fhir.py runs every one of them.
# Those of OMOP need a store: tests/sources/test_omop.py runs every one of them.
OF_A_NIGHT = [name for name in FILES if not name.startswith(("fhir/", "omop/"))]
PER_TABLE = [name for name in FILES if "{table}" in (ROOT / f"{name}.sql").read_text(encoding="utf-8")]

VALUES = {
    "source": "site",
    "first_part": 0,
    "part_no": 0,
    "rows_parsed": 0,
    "zone": "UTC",
    "date_formats": ["%d/%m/%Y"],
    "instant_formats": ["%d/%m/%Y %H:%M"],
    "decimal_comma": False,
    "delimiter": ",",
    "separators": 2,
    "drug_pattern": "x",
    "families": ["lab"],
    "version": 1,
    "run_id": "r1",
    "run_no": None,
    "as_of": "2026-06-30",
    "state": "published",
    "pack": "p",
    "code_version": "0",
    "recognised_b12_rows": 0,
    "counts": "{}",
    "as_of_end": datetime(2026, 6, 30, 23, 59, 59),
    "stored_rows": STORED_ROWS,
    "min_rows": 1,
}
# What the warehouse itself makes before these statements, in frames or views.
GIVEN = {
    "pack_codes": CODES,
    "drug_names": DRUG_NAMES,
    "aliases": ALIASES,
    "site_code_systems": pl.DataFrame(schema={"spelling": pl.String, "system": pl.String}),
    "site_codes": pl.DataFrame(schema={"reported_code": pl.String, "concept": pl.String}),
    "site_test_codes": pl.DataFrame(schema={"reported_code": pl.String, "concept": pl.String}),
    "site_test_names": pl.DataFrame(schema={"reported_name": pl.String, "concept": pl.String}),
    "site_test_units": pl.DataFrame(schema={"key": pl.String, "unit": pl.String}),
    "given": pl.DataFrame({"a": [1]}),
    "given_links": NO_LINKS,
    "given_watermarks": pl.DataFrame(schema=dict.fromkeys(("source", "table_name", "watermark"), pl.String)),
    "given_refused": pl.DataFrame(schema={"row_no": pl.UInt64, "reasons": pl.List(pl.String)}),
}
PREPARED = (
    "staging/prefix_systems",
    "staging/scope",
    "staging/spelling",
    "staging/patients_reported",
    "staging/identities",
    "staging/code_uses_begun",
    "merge/known_labs",
    "merge/in_force",
    "merge/no_same_sample",
    "merge/left_out",
    "merge/fresh",
)


def text_of(name: str, table: str, folder: Path) -> str:
    names = {
        "table": table,
        "name": "put_here",
        "named": "code",
        "columns": "run_id" if name == "ledger/published" else "c0, c1",
        "raw_columns": ", ".join(RAW_COLUMNS[table]),
        "stored_rows": str(STORED_ROWS),
        "compression": "snappy",
    }
    text = (ROOT / f"{name}.sql").read_text(encoding="utf-8")
    for placeholder, value in names.items():
        text = text.replace("{" + placeholder + "}", value)
    if name == "ledger/published":
        text = text.replace("$run_id as run_id,\n    run_id", "$run_id as run_id")
    return text


def run(connection: duckdb.DuckDBPyConnection, text: str, **more: object) -> None:
    values = {name: value for name, value in (VALUES | more).items() if re.search(rf"\${name}\b", text)}
    connection.execute(text, values or None).fetchall()


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    folder = tmp_path_factory.mktemp("night")
    with Warehouse(folder / "w.duckdb", folder / "work") as warehouse:
        connection = warehouse._connection
        for name, frame in GIVEN.items():
            connection.register(name, frame)
        for name in PREPARED:
            run(connection, text_of(name, "labs", folder))
        for table in TABLES:
            query = text_of(f"ledger/quarantine_{table}", table, folder).rstrip().rstrip(";")
            run(connection, f"create temp table quarantined_{table} as {query}")
        connection.execute(
            "create temp table code_counts (code_system varchar, code varchar, reported_name varchar, "
            "rows bigint, first_person varchar, last_person varchar)"
        )
        connection.execute("create temp view every_column as select 'a' as c0, 'b' as c1, 0 as part_index")
        connection.execute(
            "create temp table reject_errors "
            "(scan_id ubigint, file_id ubigint, line_byte_position ubigint, csv_line varchar)"
        )
        connection.execute(
            "create temp table reject_scans (scan_id ubigint, file_id ubigint, file_path varchar)"
        )
        yield connection


@pytest.mark.parametrize("name", OF_A_NIGHT)
def test_a_statement_runs_against_an_empty_night(
    name: str, connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    pl.DataFrame(schema={"patient_id": pl.String}).write_parquet(tmp_path / "given.parquet")
    of_run = name in ("ledger/forget_run", "ledger/forget_people", "ledger/published")
    tables = ("decisions",) if of_run else TABLES if name in PER_TABLE else ("labs",)
    connection.begin()
    try:
        for table in tables:
            own = name.split("/")[1] if name.split("/")[1] in COLUMNS else table
            if name.startswith("staging/") and own in COLUMNS:
                columns = ", ".join(f"'x' as {column}" for column in COLUMNS[own])
                connection.execute(
                    f"create or replace temp view extract as select 0 as part_index, {columns} limit 0"
                )
            text = (
                text_of(name, "labs", tmp_path).replace("labs", table)
                if of_run
                else text_of(name, table, tmp_path)
            )
            if name.startswith("views/"):
                connection.execute("use store")
            run(connection, text, path=str(tmp_path / "out.parquet"), files=[str(tmp_path / "given.parquet")])
    finally:
        connection.rollback()
        connection.execute("use memory")


@pytest.mark.parametrize("name", FILES)
def test_a_statement_says_its_grain_and_stands_alone(name: str) -> None:
    text = (ROOT / f"{name}.sql").read_text(encoding="utf-8")
    first = text.splitlines()[0]
    assert re.match(
        r"-- (One|No) (row|number|flag|text|local instant|finite number|code|coded word|bucket|identifier|name)",
        first,
    )
    assert first.endswith(".")
    statements = [part for part in re.sub(r"--.*|'[^']*'", "", text).split(";") if part.strip()]
    assert len(statements) == 1


NUMBERS_OF_THE_FORM = {
    "0", "1", "2", "3",
    # Digits of hashes, identifiers and buckets, and their halves.
    "12", "32", "31", "64", "255", "18446744073709551615",
    # Characters of white space; lengths of ISO dates; minutes of an hour.
    "9", "10", "11", "13", "160", "8239", "65279", "26", "60",
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_no_statement_holds_a_clinical_number(name: str) -> None:
    text = (ROOT / f"{name}.sql").read_text(encoding="utf-8")
    bare = re.sub(r"--.*|'[^']*'", "", text)
    found = set(re.findall(r"(?<![\w.$])\d+(?:\.\d+)?(?![\w.])", bare))
    assert found <= NUMBERS_OF_THE_FORM


@pytest.mark.parametrize("name", FILES)
def test_a_statement_is_in_lower_case(name: str) -> None:
    text = (ROOT / f"{name}.sql").read_text(encoding="utf-8")
    bare = re.sub(r"--.*|'[^']*'", "", text)
    assert bare == bare.lower()
