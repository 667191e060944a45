"""`rules diff`: what differs, who moves, and what is never said of whom."""

from __future__ import annotations

import csv
import json
import tempfile
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner, Result

from flows.cli import app
from flows.rules_diff import kinds_of_move, people_who_move
from schemas.vocabulary import LISTS

PACKS = ("b12/1.0.0", "b12-ng239/1.0.0")
AS_OF = "2026-06-30"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work folders go where the test can look for what is left of them."""
    for name in ("cwd", "temporary"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "cwd")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))


@pytest.fixture
def extracts(tmp_path: Path) -> Path:
    """Three people: indeterminate, indeterminate with glossitis, unlikely."""
    tables = {
        "patients": "patient_id,birth_date,sex,clinic_id\n"
        "SENTINEL-1,1980-01-01,female,north\nSENTINEL-2,1980-01-01,female,north\nSENTINEL-3,1980-01-01,male,south\n",
        "labs": "patient_id,value,unit,collected_at,code_system,code\n"
        "SENTINEL-1,250,ng/L,2026-06-01,LOINC,2132-9\nSENTINEL-2,250,ng/L,2026-06-01,LOINC,2132-9\n"
        "SENTINEL-3,500,ng/L,2026-06-01,LOINC,2132-9\n",
        "medications": "patient_id,drug_name,start_on\nSENTINEL-1,paracetamol,2026-01-01\n",
        "conditions": "patient_id,code_system,code,recorded_on\nSENTINEL-2,ICD-10,K14.0,2026-05-01\n",
    }
    folder = tmp_path / "extracts"
    folder.mkdir()
    for name, text in tables.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    return folder


def ask(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["rules", "diff", *map(str, arguments)])


def test_without_extracts_the_entries_that_differ() -> None:
    result = ask(*PACKS)
    assert result.exit_code == 0
    assert "parameter mma_for" in result.stdout
    assert "all_indeterminate" in result.stdout
    assert "people" not in result.stdout


def test_a_pack_and_itself() -> None:
    assert "b12/1.0.0 and b12/1.0.0 say the same." in ask("b12/1.0.0", "b12/1.0.0").stdout


def test_the_one_who_is_no_longer_listed_moves(tmp_path: Path, extracts: Path) -> None:
    file = tmp_path / "moved.csv"
    result = ask(*PACKS, "--extracts", extracts, "--as-of", AS_OF, "--output", file)
    assert result.exit_code == 0, result.stderr
    assert "1 of 3 people move from b12/1.0.0 to b12-ng239/1.0.0, as of 2026-06-30." in result.stdout
    assert "R24 INDET_ASYMPT: mma_testing P4" in result.stdout
    assert "R24.watch INDET_ASYMPT: no list" in result.stdout
    with file.open(encoding="utf-8-sig", newline="") as opened:
        [row] = csv.DictReader(opened)
    assert (row["patient_id"], row["clinic_id"]) == ("SENTINEL-1", "north")
    assert (row["from_rule_id"], row["from_lists"], row["from_priority"]) == ("R24", "mma_testing P4", "P4")
    assert (row["to_rule_id"], row["to_lists"], row["to_priority"]) == ("R24", "", "")
    assert "MMA is asked for only with symptoms" in row["to_reason"]
    assert file.stat().st_mode & 0o007 == 0


def test_nobody_is_named_and_nothing_is_left(tmp_path: Path, extracts: Path) -> None:
    result = ask(*PACKS, "--extracts", extracts, "--as-of", AS_OF)
    assert result.exit_code == 0
    assert "SENTINEL" not in result.stdout + result.stderr
    assert list((tmp_path / "temporary").iterdir()) == []
    assert list((tmp_path / "cwd").iterdir()) == []


def test_json_counts_and_names_nobody(extracts: Path) -> None:
    result = ask(*PACKS, "--extracts", extracts, "--as-of", AS_OF, "--json")
    account = json.loads(result.stdout)
    assert (account["people"], account["moved"], account["as_of"]) == (3, 1, AS_OF)
    [move] = account["moves"]
    assert (move["from_lists"], move["to_lists"], move["people"]) == ("mma_testing P4", None, 1)
    assert {
        "kind": "parameter",
        "entry": "mma_for",
        "clause": "value",
        "before": "all_indeterminate",
        "after": "symptomatic_only",
    } in account["differences"]
    assert "SENTINEL" not in result.stdout


def test_what_is_asked_wrongly_is_a_usage_error(tmp_path: Path) -> None:
    unknown = ask("b12/1.0.0", "b12-ng238/1.0.0")
    assert (unknown.exit_code, unknown.stdout) == (2, "")
    assert "Did you mean `b12-ng239/1.0.0`?" in unknown.stderr
    for option in (("--output", tmp_path / "moved.csv"), ("--as-of", AS_OF)):
        alone = ask(*PACKS, *option)
        assert alone.exit_code == 2
        assert "without extracts" in alone.stderr


def test_a_place_that_cannot_be_written_is_refused_first(tmp_path: Path, extracts: Path) -> None:
    result = ask(*PACKS, "--extracts", extracts, "--output", tmp_path / "nowhere" / "moved.csv")
    assert result.exit_code == 5
    assert "stage=" not in result.stderr


def test_extracts_that_are_refused_leave_nothing(tmp_path: Path, extracts: Path) -> None:
    (extracts / "labs.csv").unlink()
    result = ask(*PACKS, "--extracts", extracts, "--as-of", AS_OF, "--output", tmp_path / "moved.csv")
    assert result.exit_code == 3
    assert not (tmp_path / "moved.csv").exists()
    assert list((tmp_path / "temporary").iterdir()) == []


NOTES = ("cautions", "follow_up_items")


def decisions(**cells: list[Any]) -> pl.LazyFrame:
    people = len(cells["patient_id"])
    text = (
        "source",
        "clinic_id",
        "decision_key",
        "rule_id",
        "clinical_status",
        "priority",
        "regimen_id",
        "reason",
    )
    blank: dict[str, list[str | None]] = {
        name: [None] * people for name in (*text, *(f"priority_{name}" for name in LISTS))
    }
    schema: dict[str, pl.DataType | type[pl.String]] = dict.fromkeys((*blank, "patient_id"), pl.String)
    schema |= dict.fromkeys(NOTES, pl.List(pl.String))
    noted = {name: [[] for _ in range(people)] for name in NOTES}
    return pl.LazyFrame(blank | noted | {"source": ["s"] * people} | cells, schema=schema)


def test_another_reason_alone_is_no_move_and_another_regimen_is() -> None:
    before = decisions(
        patient_id=["a", "b"], decision_key=["R11", "R11"], reason=["x", "x"], regimen_id=["RG-S"] * 2
    )
    after = decisions(
        patient_id=["b", "a"], decision_key=["R11", "R11"], reason=["y", "y"], regimen_id=["RG-CY", "RG-S"]
    )
    moved = people_who_move(before, after).collect()
    assert moved["patient_id"].to_list() == ["b"]
    assert moved.select("from_regimen_id", "to_regimen_id").row(0) == ("RG-S", "RG-CY")


def test_kinds_of_move_are_counted_the_largest_first() -> None:
    before = decisions(patient_id=["a", "b", "c"], decision_key=["R24", "R24", "R11"])
    after = decisions(patient_id=["a", "b", "c"], decision_key=["R40", "R40", "R40"])
    kinds = kinds_of_move(people_who_move(before, after).collect())
    assert kinds.select("from_decision_key", "people").rows() == [("R24", 2), ("R11", 1)]


def test_another_caution_alone_is_told_by_its_id() -> None:
    before = decisions(patient_id=["a", "b"], decision_key=["R11", "R11"], cautions=[["C01"], ["C10"]])
    after = decisions(patient_id=["a", "b"], decision_key=["R11", "R11"], cautions=[["C01", "C05"], ["C10"]])
    moved = people_who_move(before, after).collect()
    assert moved["patient_id"].to_list() == ["a"]
    [kind] = kinds_of_move(moved).to_dicts()
    assert (kind["from_notes"], kind["to_notes"], kind["people"]) == ("C01", "C01; C05", 1)


def test_two_people_of_two_sources_are_two() -> None:
    before = decisions(patient_id=["a", "a"], source=["x", "y"], decision_key=["R24", "R24"])
    after = decisions(patient_id=["a", "a"], source=["x", "y"], decision_key=["R24", "R40"])
    assert people_who_move(before, after).collect()["source"].to_list() == ["y"]
