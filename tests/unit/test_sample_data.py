"""The sample data are what their pages say: made by the program, real where they claim to be, and complete."""

from __future__ import annotations

import csv
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from datetime import date
from pathlib import Path

import pytest

from tests.reference.screen import Decision, screen

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / "sample_data" / "clinic_demo"
NHANES = ROOT / "sample_data" / "nhanes_2013_2014"
TABLES = ("patients", "labs", "medications", "conditions", "procedures", "orders")
WRITTEN = (*(f"{table}.csv" for table in TABLES), "cast.csv", "dirt.csv", "README.md")
# The rows pack b12/1.0.0 holds.
HELD_ROWS = (
    *(
        "R01",
        "R02",
        "R03",
        "R04",
        "R05",
        "R06",
        "R07",
        "R08",
        "R09",
        "R10",
        "R11",
        "R12",
        "R20",
        "R21",
        "R22",
    ),
    *("R23", "R24", "R25", "R26", "R27", "R28", "R29", "R39", "R40", "R41", "R49", "R50"),
)
# It asks for an exact code of nitrous oxide misuse, and no verified one is known.
ROWS_OUT_OF_REACH = {"R08"}
FOLLOW_UP_ITEMS = ("F1", "F2", "F3", "F4", "F5", "F6", "F7", "F8", "F10")
ITEMS_WITH_OVERDUE = ("F1", "F2", "F3", "F4", "F5", "F6")
CAUTIONS = (
    *("C01", "C02", "C03", "C04", "C05", "C06", "C07", "C09", "C10", "C11"),
    *("C12", "C13", "C14a", "C14b", "C15", "C16", "C17", "C18", "C19", "C20"),
)
LISTS = ("mma_testing", "b12_replacement", "first_b12_test", "follow_up", "safety_review")
FATES = {
    "in force",
    "duplicate",
    "superseded",
    "not yet known",
    "out of scope",
    "opted out",
    "quarantined",
}


def rows_of(path: Path) -> list[dict[str, str]]:
    """The well-formed rows; a line with too few or too many fields is left out, as a run would quarantine it."""
    with path.open(encoding="utf-8", newline="") as lines:
        header, *rows = csv.reader(lines)
    return [dict(zip(header, row, strict=True)) for row in rows if len(row) == len(header)]


@pytest.fixture(scope="module")
def written_anew(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clinic_demo")
    subprocess.run(
        [sys.executable, ROOT / "sample_data" / "make_clinic_demo.py", "--out", folder],
        check=True,
        capture_output=True,
        # Another hash seed than the one before: no set or dict order may reach the files.
        env={**os.environ, "PYTHONHASHSEED": "4711"},
    )
    return folder


@pytest.fixture(scope="module")
def decisions(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Decision]:
    """The slow reading of the whole demonstration."""
    folder = tmp_path_factory.mktemp("codelists")
    # Only the lists themselves: the folder also holds a table of exceptions to them.
    for kind in ("cond", "drug", "lab", "proc"):
        for codelist in (ROOT / "rules" / "codelists").glob(f"{kind}_*.csv"):
            shutil.copy(codelist, folder)
    tables = {
        table: [
            {column: cell or None for column, cell in row.items()} for row in rows_of(DEMO / f"{table}.csv")
        ]
        for table in TABLES
    }
    return screen(tables, date(2026, 6, 30), folder)


def test_program_writes_these_files_and_no_others(written_anew: Path) -> None:
    assert sorted(file.name for file in written_anew.iterdir()) == sorted(WRITTEN)


@pytest.mark.parametrize("name", WRITTEN)
def test_committed_file_is_what_the_program_writes(written_anew: Path, name: str) -> None:
    assert (written_anew / name).read_bytes() == (DEMO / name).read_bytes()


def test_screen_toml_fixes_the_date() -> None:
    assert "as_of = 2026-06-30" in (DEMO / "screen.toml").read_text(encoding="utf-8").splitlines()


def test_every_held_decision_row_has_people() -> None:
    people = Counter(row["expected_rule_id"] for row in rows_of(DEMO / "cast.csv"))
    assert set(people) == set(HELD_ROWS) - ROWS_OUT_OF_REACH
    assert min(people.values()) >= 2


def test_every_held_decision_row_has_a_near_miss() -> None:
    why = [row["why"] for row in rows_of(DEMO / "cast.csv")]
    missed = {match[1] for text in why if (match := re.match(r"Near miss of (R\d\d)\b", text))}
    assert missed == set(HELD_ROWS)


def marks(column: str) -> set[str]:
    """Every "name:word" of a column of the cast."""
    return {mark for row in rows_of(DEMO / "cast.csv") for mark in row[column].split("; ") if mark}


def test_every_follow_up_item_is_due_for_somebody_and_overdue_where_it_can_be() -> None:
    expected = {f"{item}:due" for item in FOLLOW_UP_ITEMS} | {
        f"{item}:overdue" for item in ITEMS_WITH_OVERDUE
    }
    assert marks("expected_follow_up_items") == expected


def test_every_caution_is_somebodys() -> None:
    assert {mark.split(":")[0] for mark in marks("expected_cautions")} == set(CAUTIONS)


def test_every_tier_but_the_one_switched_off_has_people(decisions: dict[str, Decision]) -> None:
    cast = {row["patient_id"] for row in rows_of(DEMO / "cast.csv")}
    of_the_cast = [decision for decision in decisions.values() if decision.patient_id in cast]
    assert {decision.tier for decision in of_the_cast} == {"none", "A", "B", "C", "D", "F"}


def test_somebody_is_on_safety_review_only() -> None:
    alone = [row for row in rows_of(DEMO / "cast.csv") if row["expected_lists"] == "safety_review:P2"]
    assert {row["expected_cautions"] for row in alone} == {"C01:medium"}


def test_every_list_and_every_priority_of_follow_up_is_somebodys() -> None:
    assert {mark.split(":")[0] for mark in marks("expected_lists")} == set(LISTS)
    assert {f"follow_up:P{n}" for n in (1, 2, 4)} <= marks("expected_lists")


def test_each_person_of_the_cast_is_one_well_formed_patient() -> None:
    patients = Counter(row["patient_id"] for row in rows_of(DEMO / "patients.csv"))
    cast = [row["patient_id"] for row in rows_of(DEMO / "cast.csv")]
    assert len(cast) == len(set(cast)) == 326
    assert all(patients[person] == 1 for person in cast)


def test_expected_lists_are_lists_with_priorities() -> None:
    for row in rows_of(DEMO / "cast.csv"):
        items = [item.split(":") for item in row["expected_lists"].split("; ") if item]
        assert all(name in LISTS and priority in ("P1", "P2", "P3", "P4") for name, priority in items), row


def test_hand_derived_expectations_meet_the_slow_reading(decisions: dict[str, Decision]) -> None:
    for row in rows_of(DEMO / "cast.csv"):
        decision = decisions[row["patient_id"]]
        lists = [f"{name}:{decision.lists[name]}" for name in LISTS if name in decision.lists]
        cautions = [f"{caution}:{severity}" for caution, severity in decision.cautions.items()]
        items = [
            f"{name}:{'overdue' if item.is_overdue else 'due'}"
            for name, item in decision.follow_up_items.items()
        ]
        assert (decision.rule_id, *map("; ".join, (lists, cautions, items))) == (
            row["expected_rule_id"],
            row["expected_lists"],
            row["expected_cautions"],
            row["expected_follow_up_items"],
        ), row["why"]


@pytest.mark.parametrize("table", TABLES)
def test_dirt_names_lines_that_are_there(table: str) -> None:
    text = (DEMO / f"{table}.csv").read_text(encoding="utf-8")
    for row in rows_of(DEMO / "dirt.csv"):
        if row["table"] == table:
            assert row["expected_fate"] in FATES
            assert text.count(row["record"].removeprefix("order of ")) >= int(row["rows"]), row


@pytest.mark.parametrize("table", TABLES)
def test_refused_rows_stay_far_below_a_fifth(table: str) -> None:
    lines = len((DEMO / f"{table}.csv").read_text(encoding="utf-8").splitlines()) - 1
    refused = sum(
        int(row["rows"])
        for row in rows_of(DEMO / "dirt.csv")
        if row["table"] == table and row["expected_fate"] == "quarantined"
    )
    assert 0 < refused < 0.1 * lines


def test_six_clinics_and_some_people_without_one() -> None:
    clinics = Counter(row["clinic_id"] for row in rows_of(DEMO / "patients.csv"))
    assert len(clinics) == 7
    assert clinics[""] >= 2


def test_nhanes_extract_is_whole() -> None:
    patients = {row["patient_id"] for row in rows_of(NHANES / "patients.csv")}
    labs = rows_of(NHANES / "labs.csv")
    assert len(patients) == len(rows_of(NHANES / "patients.csv")) == 5087
    assert len(labs) == 8659
    assert len(rows_of(NHANES / "medications.csv")) == 6916
    assert {row["patient_id"] for row in labs} <= patients
    assert {row["code"] for row in labs} == {"2132-9", "14685-2", "13964-2", "2160-0"}
