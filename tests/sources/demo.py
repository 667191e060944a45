"""The demonstration people for every kind of source: their CSV files without the lines that no database can hold."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Final

from schemas.canonical_columns import COLUMNS
from schemas.vocabulary import TABLES

DEMO: Final = Path(__file__).parents[2] / "sample_data" / "clinic_demo"

Rows = list[dict[str, str]]


def rows_of(table: str) -> Rows:
    """The rows of a demonstration table whose lines have as many fields as its header; every text as written."""
    with (DEMO / f"{table}.csv").open(newline="", encoding="utf-8") as file:
        header, *lines = csv.reader(file, strict=True)
    return [dict(zip(header, line, strict=True)) for line in lines if len(line) == len(header)]


def as_folder(folder: Path) -> Path:
    """The same rows as a folder of CSV files."""
    folder.mkdir(parents=True)
    for table in TABLES:
        rows = rows_of(table)
        with (folder / f"{table}.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    return folder


def canonical(table: str, row: dict[str, str | None]) -> tuple[str | None, ...]:
    """A row as its canonical columns; what is empty or missing is null."""
    return tuple(row.get(column) or None for column in COLUMNS[table])
