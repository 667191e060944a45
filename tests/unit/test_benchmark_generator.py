"""The benchmark's extracts: the same each time, whole, and shaped like a real feed."""

from __future__ import annotations

import csv
import json
from collections import Counter
from itertools import pairwise
from pathlib import Path

import duckdb
import pytest

from tests.benchmark.generate import CLINICS, ROWS_PER_PERSON, TABLES, write_extracts

PEOPLE = 200
KNOWN_TESTS = {
    "2132-9",
    "14685-2",
    "72160-5",
    "13964-2",
    "718-7",
    "62238-1",
    "14682-9",
    "787-2",
    "777-3",
}
RISK_OR_B12_DRUGS = ("A02BC", "A02BA", "A10BA02", "B03BA", "B03BB", "N02BF02", "N03AX11", "M04AC01")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return write_extracts(PEOPLE, tmp_path_factory.mktemp("bench"))


@pytest.fixture(scope="module")
def extract(folders: dict[str, Path]) -> dict[str, list[dict[str, str]]]:
    return {table: rows_of(folders["csv"] / f"{table}.csv") for table in TABLES}


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def share(rows: list[dict[str, str]], column: str, wanted: set[str]) -> float:
    return sum(row[column] in wanted for row in rows) / len(rows)


@pytest.mark.parametrize("table", TABLES)
def test_same_people_and_seed_give_the_same_bytes(
    folders: dict[str, Path], tmp_path: Path, table: str
) -> None:
    again = write_extracts(PEOPLE, tmp_path)
    assert (again["csv"] / f"{table}.csv").read_bytes() == (folders["csv"] / f"{table}.csv").read_bytes()


def test_another_seed_gives_other_rows(folders: dict[str, Path], tmp_path: Path) -> None:
    other = write_extracts(PEOPLE, tmp_path, seed=2)
    assert (other["csv"] / "labs.csv").read_bytes() != (folders["csv"] / "labs.csv").read_bytes()


@pytest.mark.parametrize("table", TABLES)
def test_parquet_holds_the_rows_of_the_csv(folders: dict[str, Path], table: str) -> None:
    text, parquet = folders["csv"] / f"{table}.csv", folders["parquet"] / f"{table}.parquet"
    differing = duckdb.sql(
        f"(from read_csv('{text}', all_varchar = true) except all from '{parquet}')"
        f" union all (from '{parquet}' except all from read_csv('{text}', all_varchar = true))"
    )
    assert differing.fetchall() == []


def test_finished_extracts_are_used_again_and_others_made_anew(tmp_path: Path) -> None:
    folder = write_extracts(50, tmp_path)["csv"]
    marked = folder / "labs.csv"
    marked.write_text("marked")
    write_extracts(50, tmp_path)
    assert marked.read_text() == "marked"
    (folder / "recipe.json").write_text(json.dumps({"people": 50, "seed": 9}))
    write_extracts(50, tmp_path)
    assert marked.read_text() != "marked"


def test_row_counts_per_person(extract: dict[str, list[dict[str, str]]]) -> None:
    assert {table: len(rows) for table, rows in extract.items()} == {
        "patients": PEOPLE,
        **{table: PEOPLE * rows for table, rows in ROWS_PER_PERSON.items()},
    }


@pytest.mark.parametrize(
    ("table", "key"),
    [("labs", "result_id"), ("medications", "medication_id"), ("conditions", "condition_id")],
)
def test_rows_belong_to_people_and_ids_are_their_own(
    extract: dict[str, list[dict[str, str]]], table: str, key: str
) -> None:
    people = {row["patient_id"] for row in extract["patients"]}
    assert len(people) == PEOPLE
    assert {row["patient_id"] for row in extract[table]} <= people
    assert len({row[key] for row in extract[table]}) == len(extract[table])


def test_nothing_happens_before_birth_or_after_the_date(extract: dict[str, list[dict[str, str]]]) -> None:
    born = {row["patient_id"]: row["birth_date"] for row in extract["patients"]}
    for table, column in (
        ("labs", "collected_at"),
        ("medications", "start_on"),
        ("conditions", "recorded_on"),
    ):
        assert all(born[row["patient_id"]] <= row[column] <= "2026-07-01" for row in extract[table])
    assert max(row["received_at"] for row in extract["labs"]) < "2026-07-01"


def test_rows_do_not_lie_in_patient_order(extract: dict[str, list[dict[str, str]]]) -> None:
    ids = [row["patient_id"] for row in extract["labs"]]
    rising = sum(before <= after for before, after in pairwise(ids)) / (len(ids) - 1)
    assert 0.4 < rising < 0.6


def test_share_of_laboratory_rows_a_rule_knows(extract: dict[str, list[dict[str, str]]]) -> None:
    assert 0.23 < share(extract["labs"], "code", KNOWN_TESTS) < 0.35


def test_share_of_people_tested(extract: dict[str, list[dict[str, str]]]) -> None:
    def tested(codes: set[str]) -> float:
        return len({row["patient_id"] for row in extract["labs"] if row["code"] in codes}) / PEOPLE

    assert 0.15 < tested({"2132-9", "14685-2", "72160-5"}) < 0.35
    assert 0.005 < tested({"13964-2"}) < 0.07


def test_b12_values_lie_on_both_sides_of_the_limits(extract: dict[str, list[dict[str, str]]]) -> None:
    values = [
        float(row["value"])
        for row in extract["labs"]
        if row["code"] == "2132-9" and row["value"][0].isdigit() and row["unit"] != "IU/L"
    ]
    assert min(values) < 180
    assert any(180 <= value <= 350 for value in values)
    assert max(values) > 350


def test_share_of_medicines_a_rule_knows(extract: dict[str, list[dict[str, str]]]) -> None:
    known = sum(row["code"].startswith(RISK_OR_B12_DRUGS) for row in extract["medications"])
    assert 0.07 < known / len(extract["medications"]) < 0.14


def test_share_of_conditions_a_rule_knows(extract: dict[str, list[dict[str, str]]]) -> None:
    known = {"E11.9", "84229001", "F32.9", "N18.3", "D64.9", "G62.9", "91019004", "F03", "E06.3"}
    known |= {"396331005", "84027009", "Z34.9", "O80"}
    assert 0.06 < share(extract["conditions"], "code", known) < 0.14


def test_dirt_is_rare(extract: dict[str, list[dict[str, str]]]) -> None:
    bad = sum(row["unit"] == "IU/L" or row["value"] == "0" for row in extract["labs"])
    assert bad / len(extract["labs"]) < 0.004


def test_people_are_spread_over_the_clinics(extract: dict[str, list[dict[str, str]]]) -> None:
    clinics = Counter(row["clinic_id"] for row in extract["patients"])
    assert PEOPLE / 4 < len(clinics) <= CLINICS
