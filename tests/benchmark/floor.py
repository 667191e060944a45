"""The least that a screen of these files can cost: read and decode the columns it needs, keep nothing.

    python tests/benchmark/floor.py FORMAT DIR

Run by the benchmark as a process of its own.
"""

from __future__ import annotations

import sys
from pathlib import Path

import duckdb

NEEDED_COLUMNS = {
    "patients": ("patient_id", "birth_date", "sex", "clinic_id"),
    "labs": (
        "result_id",
        "patient_id",
        "code_system",
        "code",
        "test_name",
        "value",
        "unit",
        "collected_at",
        "received_at",
        "status",
        "sample_id",
    ),
    "medications": (
        "medication_id",
        "patient_id",
        "code_system",
        "code",
        "drug_name",
        "kind",
        "route",
        "start_on",
        "days_supply",
        "end_on",
        "status",
    ),
    "conditions": (
        "condition_id",
        "patient_id",
        "code_system",
        "code",
        "name",
        "onset_on",
        "recorded_on",
        "status",
    ),
}


def floor_sql(form: str, table: str, folder: Path) -> str:
    """Decode every needed column of one table: the length of each cell must be known, nothing is kept."""
    columns = NEEDED_COLUMNS[table]
    sums = ", ".join(f"sum(strlen({column})), count({column})" for column in columns)
    path = folder / f"{table}.{form}"
    if form == "parquet":
        return f"select count(*), {sums} from read_parquet('{path}')"
    types = ", ".join(f"'{column}': 'varchar'" for column in columns)
    options = f"header = true, columns = {{{types}}}, auto_detect = false"
    return f"select count(*), {sums} from read_csv('{path}', {options})"


def run_floor(form: str, folder: Path) -> None:
    with duckdb.connect() as connection:
        for table in NEEDED_COLUMNS:
            connection.execute(floor_sql(form, table, folder)).fetchall()


if __name__ == "__main__":
    run_floor(sys.argv[1], Path(sys.argv[2]))
