"""The real command in a process of its own, on small extracts, with what it said and what it left."""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

ROOT = Path(__file__).parents[2]
AS_OF = date(2026, 6, 30)
SECONDS = 120

HEADERS = {
    "patients": ("patient_id", "birth_date", "sex", "clinic_id", "opted_out"),
    "labs": (
        "patient_id",
        "value",
        "unit",
        "collected_at",
        "code_system",
        "code",
        "test_name",
        "result_id",
    ),
    "medications": ("patient_id", "drug_name", "start_on"),
}
B12, HAEMOGLOBIN = "2132-9", "718-7"

Row = dict[str, str]
Rows = dict[str, list[Row]]


@dataclass(frozen=True)
class Told:
    """How a run ended and what it said."""

    code: int
    out: str
    err: str


def environment() -> dict[str, str]:
    return {name: text for name, text in os.environ.items() if not name.startswith("B12SCREEN_")}


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "flows.cli", *map(str, arguments)]


def call(*arguments: object, **options: object) -> Told:
    done = subprocess.run(
        command(*arguments),
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
        **options,  # type: ignore[call-overload]
    )
    return Told(done.returncode, done.stdout, done.stderr)


def run(extracts: Path, home: Path, *more: object, as_of: date = AS_OF, **options: object) -> Told:
    """`run --direct` on a folder, into `home`."""
    places = ("--extracts", extracts, "--output", home / "out", "--warehouse", home / "warehouse.duckdb")
    return call("run", "--direct", "--no-workbooks", "--as-of", as_of, *places, *more, **options)


def b12_row(person: str, value: str, number: int = 1, **cells: str) -> Row:
    return {
        "patient_id": person,
        "value": value,
        "unit": "ng/L",
        "collected_at": (AS_OF - timedelta(days=30)).isoformat(),
        "code_system": "LOINC",
        "code": B12,
        "result_id": f"{person}-{number}",
    } | cells


def a_clinic(people: int = 60) -> Rows:
    """People with an indeterminate B12 each: rows of every required table."""
    names = [f"P{number:03}" for number in range(people)]
    return {
        "patients": [
            {"patient_id": name, "birth_date": "1960-01-01", "sex": "female", "clinic_id": f"C{place % 2}"}
            for place, name in enumerate(names)
        ],
        "labs": [b12_row(name, "250") for name in names],
        "medications": [{"patient_id": names[0], "drug_name": "metformin 500 mg", "start_on": "2020-01-01"}],
    }


def csv_text(header: Sequence[str], rows: Sequence[Mapping[str, str]], delimiter: str = ",") -> str:
    lines = [delimiter.join(header)]
    lines += [delimiter.join(row.get(column, "") for column in header) for row in rows]
    return "\n".join(lines) + "\n"


def deliver(rows: Rows, folder: Path) -> Path:
    """A folder with one CSV file per table."""
    folder.mkdir(parents=True, exist_ok=True)
    for table, of_table in rows.items():
        (folder / f"{table}.csv").write_text(csv_text(HEADERS[table], of_table), encoding="utf-8")
    return folder


def copied(home: Path, folder: Path) -> Path:
    """All of a home (extract, warehouse, publications) once more, below `folder`."""
    return shutil.copytree(home, folder / "home", symlinks=True)


def latest(home: Path) -> str:
    return os.readlink(home / "out" / "latest")


def publication(home: Path) -> Path:
    return home / "out" / latest(home)


def contents(folder: Path) -> dict[str, bytes | str]:
    """What a folder holds: each file's bytes, each link's target; the locks of the runs aside."""
    found: dict[str, bytes | str] = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            found[name] = os.readlink(path)
        elif path.is_dir():
            found[name] = "folder"
        elif not name.endswith("lock"):
            found[name] = path.read_bytes()
    return found


def quarantined(publication: Path, table: str) -> list[Row]:
    with (publication / "quarantine" / f"{table}.csv").open(newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))
