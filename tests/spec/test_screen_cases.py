"""The clinicians' tables of the pack, run through the screen: values, classes and whole people."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path

import polars as pl
import pytest

from rules.loader import load_pack
from tests.night import Publication, screened_tables
from tests.patients import Row, case_tables, story
from transforms.intervals import band_of
from transforms.normalise import normalise
from transforms.results import b12_class, low_possible, mma_class

PACK = load_pack("b12/1.0.0")
CASES = Path(__file__).parents[2] / "rules" / "packs" / "b12" / "1.0.0" / "cases.md"


def rows_of(kind: str) -> list[Row]:
    return [row for table in case_tables(CASES) if table.kind == kind for row in table.rows]


def read(analyte: str, reported: str, unit: str, limit: str | None = None) -> pl.LazyFrame:
    given = {
        "concept": analyte,
        "value": reported,
        "unit": None if unit in ("", "none") else unit,
        "collected_at": datetime.fromisoformat("2026-06-01T09:00"),
        "reference_high": None if limit in (None, "none") else limit,
        "decimal_comma": False,
    }
    schema = dict.fromkeys(given, pl.String) | {
        "collected_at": pl.Datetime("us"),
        "decimal_comma": pl.Boolean,
    }
    return normalise(pl.LazyFrame([given], schema=schema), PACK)


def only(frame: pl.LazyFrame) -> dict[str, object]:
    (row,) = frame.collect().to_dicts()
    return row


@pytest.mark.parametrize("case", rows_of("b12_class"), ids=lambda case: f"{case['reported']} {case['unit']}")
def test_class_of_one_b12(case: Row) -> None:
    row = only(
        read(case["analyte"], case["reported"], case["unit"]).with_columns(
            result_class=b12_class(PACK), possible=low_possible(PACK)
        )
    )
    assert row["problem"] is None
    assert row["result_class"] == case["class"]
    # `low_possible` is a fact of ambiguous results only.
    possible = row["result_class"] == "AMBIGUOUS" and row["possible"]
    assert ("yes" if possible else "no") == case["low_possible"]


@pytest.mark.parametrize(
    "case", rows_of("mma_class"), ids=lambda case: f"{case['reported']} age {case['age']} eGFR {case['eGFR']}"
)
def test_class_of_one_mma(case: Row) -> None:
    egfr = None if case["eGFR"] == "none" else float(case["eGFR"])
    renal_limit = PACK.number("egfr_caveat")
    row = only(
        read("lab_mma_serum", case["reported"], case["unit"], case["laboratory limit"])
        .with_columns(
            age_at_sample=pl.lit(int(case["age"])),
            is_renal=pl.lit(egfr is not None and egfr < renal_limit),
            has_inherited_disorder=pl.lit(False),
        )
        .with_columns(result_class=mma_class(PACK))
    )
    answers = row["result_class"] not in ("AMBIGUOUS", "NOT_INTERPRETABLE")
    assert (row["result_class"] if answers else "NONE") == case["class"]


@pytest.mark.parametrize("case", rows_of("value"), ids=lambda case: case["reported"])
def test_reading_a_value(case: Row) -> None:
    reported = case["reported"]
    row = only(read("lab_b12_total", reported, "ng/L"))
    assert row["value_kind"] == case["kind"]
    assert (row["problem"] or "none") == case["problem"]


@pytest.mark.parametrize("case", rows_of("unit"), ids=lambda case: f"{case['analyte']} {case['unit']}")
def test_converting_a_value(case: Row) -> None:
    row = only(read(case["analyte"], case["value"], case["unit"]))
    assert (row["problem"] or "none") == case["problem"]
    if case["normal"] not in ("", "none"):
        assert row["low_normal"] == pytest.approx(float(case["normal"]), abs=1e-6)


STORIES = rows_of("story")


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Publication]:
    """One whole night per as-of date, with everybody whose story is told for it."""
    told: dict[str, dict[str, list[Row]]] = {}
    for case in STORIES:
        for table, rows in story(case["person"], case["story"], date.fromisoformat(case["as_of"])).items():
            told.setdefault(case["as_of"], {}).setdefault(table, []).extend(rows)
    return {
        as_of: screened_tables(tables, tmp_path_factory.mktemp("night"), date.fromisoformat(as_of))
        for as_of, tables in told.items()
    }


def expected_lists(text: str) -> Iterator[tuple[str, str, str | None]]:
    for item in re.split("[;,]", text):
        words = item.split()
        if words and words != ["none"]:
            yield words[0], words[1], words[2] if len(words) > 2 else None


@pytest.mark.parametrize("case", STORIES, ids=lambda case: case["person"])
def test_story(case: Row, nights: dict[str, Publication]) -> None:
    night = nights[case["as_of"]]
    decision, also = case["expected"], ""
    if " & " in decision:
        decision, also = decision.split(" & ", 1)
    head, lists = decision.split(":", 1)
    rule_id, status = head.split()
    person = night.by_person[case["person"]]
    listed = night.listed.get(case["person"], {})
    found = {name: row["priority"] for name, row in listed.items()}
    expected = {name: priority for name, priority, _ in expected_lists(lists)}
    assert (person["rule_id"], person["clinical_status"], found) == (rule_id, status, expected)
    for name, _, regimen in expected_lists(lists):
        if regimen:
            assert listed[name]["regimen_id"] == regimen
    for fact, word in re.findall(r"(\w+) ([\w/-]+)", also):
        assert str(person[fact]) == word


def test_bands_name_what_they_hold() -> None:
    frame = pl.LazyFrame({"low": [180.0], "high": [180.0], "low_open": [False], "high_open": [False]})
    assert frame.select(band_of(PACK.bands("b12_total_ng_l"))).collect().item() == "INDET"
