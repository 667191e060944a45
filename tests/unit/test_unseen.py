"""What could not be seen of a person leaves decision rows untold; it never reads as no."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from rules.loader import load_pack
from schemas.vocabulary import FACTS, SEEN_FROM, TABLES
from tests.night import screened_tables
from transforms.unseen import with_unseen

AS_OF = date(2026, 6, 30)
PACK = load_pack()


def test_every_fact_says_where_it_is_seen_from() -> None:
    assert list(SEEN_FROM) == list(FACTS)
    known = {*TABLES, "undated conditions", *PACK.codes["concept"].unique()}
    assert {place for places in SEEN_FROM.values() for place in places} <= known


def person(patient_id: str = "A") -> dict[str, str | None]:
    return {"patient_id": patient_id, "birth_date": "1960-05-05", "sex": "female", "clinic_id": "c"}


def b12(
    value: str, unit: str | None, patient_id: str = "A", day: str = "2026-05-01"
) -> dict[str, str | None]:
    return {
        "patient_id": patient_id,
        "value": value,
        "unit": unit,
        "collected_at": day,
        "code_system": "LOINC",
        "code": "2132-9",
    }


def decided(folder: Path, **tables: list[dict[str, str | None]]) -> dict[str, Any]:
    # Somebody whose B12 can be read: a night that reads none is refused.
    given = {
        "patients": [person(), person("Z")],
        "labs": [b12("500", "ng/L", "Z"), *tables.pop("labs", [])],
        "medications": [{"patient_id": "Z", "drug_name": "paracetamol", "start_on": "2026-01-01"}],
        **tables,
    }
    return screened_tables(given, folder, AS_OF).by_person["A"]


def test_a_b12_without_unit_leaves_the_low_row_untold(tmp_path: Path) -> None:
    told = decided(tmp_path, labs=[b12("120", None)])
    assert told["rule_id"] == "R50"
    assert told["not_seen"] == ["lab_b12_total: unit_missing"]
    assert "index_class" in told["uncertain_facts"]
    assert {"R11", "R24", "R40"} <= set(told["cannot_tell"])
    # Those need neurological features, or an MMA, as well, and of these all was seen.
    assert {"R10.neuro_high", "R20", "R05"}.isdisjoint(told["cannot_tell"])


def test_what_was_read_is_certain(tmp_path: Path) -> None:
    told = decided(tmp_path, labs=[b12("120", "ng/L")])
    assert told["rule_id"] == "R11"
    assert (told["not_seen"], told["uncertain_facts"], told["cannot_tell"]) == ([], [], [])


def test_rows_after_the_deciding_one_are_not_asked(tmp_path: Path) -> None:
    told = decided(tmp_path, labs=[b12("120", "ng/L"), b12("200", None, day="2026-05-02")])
    assert told["rule_id"] == "R11"
    assert "R40" not in told["cannot_tell"]
    assert told["not_seen"] == ["lab_b12_total: unit_missing"]


@pytest.mark.parametrize(
    ("day", "expected"),
    [("2025-06-30", ["lab_b12_total: not_interpretable"]), ("2025-06-29", [])],
    ids=["365 days old", "366 days old"],
)
def test_a_sample_nobody_could_read_counts_while_it_is_fresh(
    tmp_path: Path, day: str, expected: list[str]
) -> None:
    told = decided(tmp_path, labs=[b12("haemolysed", None, day=day)])
    assert told["not_seen"] == expected


def test_a_diagnosis_without_date_is_uncertain_where_the_date_matters(tmp_path: Path) -> None:
    def condition(code: str, **given: str) -> dict[str, str | None]:
        return {"patient_id": "A", "code_system": "ICD-10", "code": code, **given}

    told = decided(tmp_path / "1", conditions=[condition("G62.9")])
    assert told["not_seen"] == ["undated conditions: date_missing"]
    assert "neuro" in told["uncertain_facts"]
    assert told["neuro"] == "none"
    dated = decided(tmp_path / "2", conditions=[condition("G62.9", recorded_on="2026-05-01")])
    assert dated["not_seen"] == []
    # Coeliac disease counts whenever it was.
    assert decided(tmp_path / "3", conditions=[condition("K90.0")])["not_seen"] == []


def test_a_dated_procedure_is_no_diagnosis_without_a_date(tmp_path: Path) -> None:
    """A table of procedures may hold the code of a diagnosis too."""
    told = decided(
        tmp_path,
        procedures=[
            {"patient_id": "A", "code_system": "ICD-10", "code": "G62.9", "performed_on": "2026-05-01"}
        ],
    )
    assert told["not_seen"] == []
    assert told["neuro"] != "none"


def test_a_refused_request_is_no_refused_result(tmp_path: Path) -> None:
    order = {"patient_id": "A", "code_system": "LOINC", "code": "2132-9", "ordered_on": "31/31/2026"}
    told = decided(tmp_path, orders=[order])
    assert told["not_seen"] == ["orders: date_unreadable"]
    assert told["uncertain_facts"] == ["b12_order_open", "mma_order_open"]
    assert told["cannot_tell"] == []


def test_a_row_is_untold_only_if_every_failing_clause_is_uncertain() -> None:
    usual = {fact: "no" if "no" in words else words[0] for fact, words in FACTS.items()}
    facts = {fact: [word, word] for fact, word in usual.items()}
    facts |= {"replacement": ["NEVER", "NEVER"], "index_class": ["NONE", "NONE"], "lapsed": ["none", "none"]}
    people = pl.LazyFrame({"person_key": [1, 2], "decision_key": ["R50", "R50"], **facts})
    unseen = pl.LazyFrame({"person_key": [2], "place": ["lab_mma_serum"], "why": ["unit_missing"]})
    told = with_unseen(people, unseen, PACK).collect()
    assert told["cannot_tell"].to_list() == [[], ["R49"]]
