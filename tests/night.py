"""Whole nights for tests: canonical tables as text in, the publication out, through the product's own stages."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from flows import stages
from flows.context import opened, plan
from schemas.canonical_columns import COLUMNS
from schemas.vocabulary import LISTS, REQUIRED_TABLES

Tables = Mapping[str, Sequence[Mapping[str, str | None]]]


def write_extract(tables: Tables, folder: Path) -> Path:
    """A folder of canonical CSV files; required tables are written even when they have no row."""
    folder.mkdir(parents=True, exist_ok=True)
    for table in {*REQUIRED_TABLES, *(name for name, rows in tables.items() if rows)}:
        with (folder / f"{table}.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, COLUMNS[table], restval="")
            writer.writeheader()
            writer.writerows({k: v or "" for k, v in row.items()} for row in tables.get(table, ()))
    return folder


@dataclass(frozen=True)
class Publication:
    """One published folder, read back."""

    folder: Path

    @cached_property
    def decisions(self) -> pl.DataFrame:
        return pl.read_parquet(self.folder / "all" / "decisions.parquet")

    @cached_property
    def worklists(self) -> pl.DataFrame:
        return pl.concat([pl.read_parquet(self.folder / "all" / f"{name}.parquet") for name in LISTS])

    @cached_property
    def by_person(self) -> dict[str, dict[str, Any]]:
        return {row["patient_id"]: row for row in self.decisions.iter_rows(named=True)}

    @cached_property
    def listed(self) -> dict[str, dict[str, dict[str, Any]]]:
        found: dict[str, dict[str, dict[str, Any]]] = {}
        for row in self.worklists.iter_rows(named=True):
            found.setdefault(row["patient_id"], {})[row["list"]] = row
        return found


def screened(extract: Path, home: Path, as_of: date, **options: Any) -> Publication:
    """Screens a folder as `run --direct` does, without workbooks unless asked for."""
    asked = {
        "extracts": extract,
        "output": home / "out",
        "warehouse": home / "warehouse.duckdb",
        "as_of": as_of,
        "with_workbooks": False,
        "accept_low_volume": True,
    }
    with opened(plan(**asked | options)) as night:
        run_id = stages.run_all(night)["run_id"]
    return Publication(night.output / run_id)


def screened_tables(tables: Tables, home: Path, as_of: date, **options: Any) -> Publication:
    return screened(write_extract(tables, home / "extract"), home, as_of, **options)
