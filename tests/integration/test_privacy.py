"""Nothing of a patient in what a run says, in the files that count, or with the scheduler, whatever goes wrong.

Every text column of every table holds a word of its own that can be found again; so do dates and numbers that
cannot be read, lines that cannot be told apart, and the text of an exception.
"""

from __future__ import annotations

import csv
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from schemas.canonical_columns import COLUMNS, DATE_COLUMNS
from tests.integration.command import AS_OF, ROOT, Told, a_clinic, call, environment, quarantined

MARK = "ZQX"
"""Stands in every sentinel; the rest of it says where the sentinel was put."""

READ_BY_ALL = frozenset({"manifest.json", "report.html", "README.txt"})
CLINIC = "clinic_id"
"""Clinics are named in reports and folders: the one text column that may be told."""

CODED = {
    "labs": {"code_system": "LOINC", "code": "2132-9"},
    "medications": {"code_system": "ATC", "code": "A10BA02"},
    "conditions": {"code_system": "ICD-10", "code": "G62.9"},
    "procedures": {"code_system": "OPCS-4", "code": "G27.1"},
    "orders": {"code_system": "LOINC", "code": "13964-2"},
}
"""What brings a row into scope, so that its other columns are read at all."""

READABLE = {
    "patients": {"birth_date": "1960-01-01", "sex": "female"},
    "labs": {"value": "250", "unit": "ng/L", "collected_at": "2026-06-01", "status": "final"},
    "medications": {"start_on": "2026-01-01", "kind": "prescription", "status": "active"},
    "conditions": {"recorded_on": "2026-01-01", "status": "active"},
    "procedures": {"performed_on": "2026-01-01", "status": "completed"},
    "orders": {"ordered_on": "2026-06-20", "status": "active"},
}

Row = dict[str, str]


def sentinel(table: str, column: str, number: int = 0) -> str:
    return f"{MARK}-{table}-{column}-{number}"


def person(number: int) -> str:
    return sentinel("patients", "patient_id", number)


def spoiled_rows(table: str) -> list[Row]:
    """A row that can be read, and per column one in which that column holds a sentinel instead."""
    good = READABLE[table] | CODED.get(table, {}) | {"patient_id": person(0)}
    good |= {column: sentinel(table, column) for column in COLUMNS[table] if column.endswith("_id")}
    rows = [good | ({CLINIC: "C1"} if table == "patients" else {"patient_id": person(0)})]
    for number, column in enumerate(COLUMNS[table], start=1):
        if column in (CLINIC, "opted_out"):
            continue
        text = sentinel(table, column, number)
        unreadable = f"31/02/{text}" if column in DATE_COLUMNS[table] else f"1.5{text}"
        owner = person(number) if table == "patients" else person(0)
        for value in (text, unreadable):
            rows.append(rows[0] | {"patient_id": owner} | {column: value})
    return rows


def deliver(folder: Path) -> Path:
    """All six tables full of sentinels, with sixty people who can be read beside them."""
    folder.mkdir(parents=True)
    clinic = a_clinic(200)
    for table, columns in COLUMNS.items():
        with (folder / f"{table}.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, columns, restval="", lineterminator="\n")
            writer.writeheader()
            writer.writerows([*clinic.get(table, []), *spoiled_rows(table)])
            if table == "labs":
                file.write(f"{MARK}-short,1\n{MARK}{',' * 40}\n")
    return folder


def run(extract: Path, home: Path, *more: str) -> Told:
    places = ("--extracts", extract, "--output", home / "out", "--warehouse", home / "warehouse.duckdb")
    return call("run", "--direct", "--as-of", AS_OF, *places, *more)


def assert_silent(told: Told) -> None:
    found = [line for line in (told.out + told.err).splitlines() if MARK in line]
    assert found == []
    assert "Traceback" not in told.err


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Told]:
    home = tmp_path_factory.mktemp("privacy")
    told = run(deliver(home / "extract"), home, "--json", "--debug")
    assert told.code == 0, told.err
    return home, told


def test_a_night_full_of_sentinels_says_none(night: tuple[Path, Told]) -> None:
    home, told = night
    assert_silent(told)
    folder = home / "out" / "latest"
    for name in READ_BY_ALL:
        assert MARK not in (folder / name).read_text(encoding="utf-8"), name


def test_the_sentinels_were_there_to_be_told(night: tuple[Path, Told]) -> None:
    """Without this the test above could pass on an empty extract."""
    folder = night[0] / "out" / "latest"
    decided = pl.read_parquet(folder / "all" / "decisions.parquet")["patient_id"]
    assert person(0) in decided
    refused = {table: quarantined(folder, table) for table in COLUMNS}
    for table, rows in refused.items():
        assert any(MARK in cell for row in rows for cell in row.values()), table
    reasons = {reason for rows in refused.values() for row in rows for reason in row["reasons"].split("; ")}
    assert reasons >= {
        "malformed_line",
        "birth_date_unreadable",
        "date_unreadable",
        "status_unknown",
        "kind_unknown",
        "number_unreadable",
        "value_malformed",
        "unit_unknown",
        "patient_unknown",
    }


def test_explain_of_a_person_who_is_not_there_says_no_other(night: tuple[Path, Told]) -> None:
    told = call("explain", "NOBODY", "--output", night[0] / "out")
    assert told.code != 0
    assert_silent(told)


def unclosed(text: str) -> str:
    lines = text.splitlines()
    return "\n".join([lines[0], f'{MARK},"{MARK}', *lines[1:]]) + "\n"


BROKEN: dict[str, Callable[[str], bytes]] = {
    "without its header": lambda text: text.split("\n", 1)[1].encode(),
    "a quote not closed": lambda text: unclosed(text).encode(),
    "a quote in the header not closed": lambda text: f'"{MARK}{text}'.encode(),
    "another encoding": lambda text: text.replace(MARK, f"{MARK}é").encode("cp1252"),
    "a NUL byte": lambda text: text.replace(MARK, f"{MARK}\0", 1).encode(),
    "lone carriage returns": lambda text: text.replace("\n", "\r").encode(),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_refused_file_is_refused_without_its_rows(
    night: tuple[Path, Told], tmp_path: Path, kind: str
) -> None:
    extract = tmp_path / "extract"
    extract.mkdir()
    for path in (night[0] / "extract").iterdir():
        # Only the six sentinels' tables: with the good rows first a broken header would show nothing.
        rows = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("P0")]
        (extract / path.name).write_text("\n".join(rows) + "\n", encoding="utf-8")
    labs = extract / "labs.csv"
    labs.write_bytes(BROKEN[kind](labs.read_text(encoding="utf-8")))
    told = run(extract, tmp_path, "--json", "--debug")
    assert told.code == 3, told.err
    assert_silent(told)
    assert "labs.csv" in told.err


RAISES = """
import sys
from flows import stages
from flows.cli import main

def decide_range(*given):
    try:
        raise KeyError(sys.argv[1])
    except KeyError as error:
        raise ValueError(f"could not convert string {sys.argv[1]!r} to float") from error

stages.decide_range = decide_range
sys.argv[0:2] = ["b12screen"]
main()
"""


def run_that_raises(extract: Path, home: Path, *more: str) -> Told:
    places = ("--extracts", extract, "--output", home / "out", "--warehouse", home / "warehouse.duckdb")
    done = subprocess.run(
        [sys.executable, "-c", RAISES, f"{MARK}-in-an-exception", "run", "--as-of", AS_OF.isoformat()]
        + [str(part) for part in (*places, *more)],
        cwd=ROOT,
        env=environment() | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    return Told(done.returncode, done.stdout, done.stderr)


def test_the_text_of_an_exception_is_held_back(night: tuple[Path, Told], tmp_path: Path) -> None:
    told = run_that_raises(night[0] / "extract", tmp_path, "--direct", "--json", "--debug")
    assert told.code == 1
    assert_silent(told)
    assert "ValueError" in told.err


@pytest.mark.prefect
@pytest.mark.xdist_group("prefect")
def test_the_scheduler_learns_nothing_of_a_patient(night: tuple[Path, Told], tmp_path: Path) -> None:
    """The whole command under the engine, up to an exception that quotes a row; then every byte the engine keeps."""
    told = run_that_raises(night[0] / "extract", tmp_path, "--json")
    assert told.code == 1, told.err
    assert_silent(told)
    kept = tmp_path / ".warehouse.duckdb.prefect"
    files = {path: path.read_bytes() for path in kept.rglob("*") if path.is_file()}
    assert any(b"nightly-screen" in content for content in files.values())
    assert [path.name for path, content in files.items() if MARK.encode() in content] == []
