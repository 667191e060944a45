"""The demonstration people in PostgreSQL, in the types that a site would give them where no dirt forbids it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pyarrow as pa

from schemas.vocabulary import TABLES
from tests.sources.demo import rows_of
from tests.sources.postgres_server import Server

DATABASE: Final = "clinic"
TYPES: Final = {
    "labs": {"reference_low": "numeric", "reference_high": "numeric"},
    "medications": {"dose_quantity": "numeric", "doses_per_day": "numeric", "days_supply": "integer"},
    "patients": {"registered_on": "date", "deregistered_on": "date"},
    "conditions": {"resolved_on": "date"},
    "procedures": {"length_cm": "numeric"},
    "orders": {"ordered_on": "date"},
}


def load(server: Server) -> None:
    """A database `clinic` with one table per canonical table."""
    server.run(f"create database {DATABASE}")
    for table in TABLES:
        rows = rows_of(table)
        columns = list(rows[0])
        given = pa.table({column: [row[column] or None for row in rows] for column in columns})
        as_text = ", ".join(f'"{column}" text' for column in columns)
        as_typed = ", ".join(
            f"{column}::{TYPES[table].get(column, 'text')} as {column}" for column in columns
        )
        server.run(f"create table given_{table} ({as_text})", database=DATABASE)
        server.put(f"given_{table}", given, DATABASE)
        server.run(
            f"create table {table} as select {as_typed} from given_{table}",
            f"drop table given_{table}",
            database=DATABASE,
        )


def queries(folder: Path) -> Path:
    """A query for every table that gives it as it is."""
    folder.mkdir(parents=True)
    for table in TABLES:
        (folder / f"{table}.sql").write_text(f"select * from {table};\n")
    return folder
