"""Runs the clinicians' tables of every pack that the pack alone can answer: bands, conversions, decision rows.

The tables told as values and stories are run through the whole screen elsewhere; here they are only checked to
be well formed, so that a table that nobody can read is found at once.
"""

from __future__ import annotations

import re
from datetime import date
from math import inf
from pathlib import Path

import pytest

from rules.loader import load_pack
from rules.model import Band, Condition, DecisionRow, Pack
from schemas.vocabulary import FACTS, LISTS
from tests.patients import TABLES, Row, case_tables, story

PACK: Pack = load_pack("b12/1.0.0")
CASES = Path(__file__).parents[2] / "rules" / "packs" / "b12" / "1.0.0" / "cases.md"

COLUMNS = {
    "b12_class": {"analyte", "reported", "unit", "class", "low_possible"},
    "mma_class": {"reported", "unit", "age", "eGFR", "laboratory limit", "class"},
    "value": {"reported", "kind", "problem"},
    "unit": {"analyte", "value", "unit", "normal", "normal_unit", "problem"},
    "decision": {"case", "facts", "row", "status", "lists"},
    "story": {"person", "as_of", "story", "expected"},
}

DEFAULT_PERSON = {
    "eligibility": "eligible",
    "age_group": "adult",
    "replacement": "NEVER",
    "index_class": "NONE",
    "low_possible": "no",
    "index_stale": "no",
    "mma": "NONE",
    "neuro": "none",
    "symptom": "none",
    "risk_factor": "none",
    "pregnant": "no",
    "total_b12_in_pregnancy": "no",
    "severe": "no",
    "haemoglobin_below_100": "no",
    "first_test_tier": "none",
    "mma_for": "all_indeterminate",
    "mma_order_open": "no",
    "b12_order_open": "no",
}


def rows_of(kind: str) -> list[Row]:
    return [row for table in case_tables(CASES) if table.kind == kind for row in table.rows]


def parted(cell: str, separator: str) -> list[list[str]]:
    return [item.split() for item in cell.split(separator) if item.strip() not in ("", "none")]


def holds(condition: Condition, facts: dict[str, str]) -> bool:
    return all(facts[fact] in words for fact, words in condition.items())


def decided(facts: dict[str, str]) -> tuple[DecisionRow, dict[str, list[str]]]:
    """The first row that holds, and its worklists with priority and regimen."""
    row = next(row for row in PACK.decisions if holds(row.when, facts))
    lists = {}
    for output in row.outputs:
        priority = next((choice.priority for choice in output.priorities if holds(choice.when, facts)), None)
        suppressed = PACK.suppressed_by.get(output.worklist)
        if priority and not (suppressed and holds(suppressed, facts)):
            lists[output.worklist] = [priority, *filter(None, [output.regimen])]
    return row, lists


def test_the_default_person_has_a_word_for_every_fact() -> None:
    assert DEFAULT_PERSON.keys() == FACTS.keys()


@pytest.mark.parametrize("case", rows_of("decision"), ids=lambda case: case["case"])
def test_decision_rows(case: Row) -> None:
    facts = DEFAULT_PERSON | dict(parted(case["facts"], ";"))
    assert all(word in FACTS[fact] for fact, word in facts.items())
    row, lists = decided(facts)
    expected = {name: words for name, *words in parted(case["lists"], ";")}
    assert (row.key, row.status, lists) == (case["row"], case["status"], expected)


def test_every_decision_row_has_a_case() -> None:
    assert {row.key for row in PACK.decisions} == {case["row"] for case in rows_of("decision")}


def test_every_priority_alternative_has_a_case() -> None:
    wanted = {
        (row.key, output.worklist, choice.priority)
        for row in PACK.decisions
        for output in row.outputs
        for choice in output.priorities
    }
    shown = {
        (case["row"], name, words[0])
        for case in rows_of("decision")
        for name, *words in parted(case["lists"], ";")
    }
    assert wanted <= shown


def ends(reported: str) -> tuple[float, bool, float, bool]:
    """A reported value as an interval: lower end, whether it belongs, upper end, whether it belongs."""
    sign, number = re.fullmatch(r"(<=|>=|<|>|≤|≥)?(.+)", reported).groups()  # type: ignore[union-attr]
    value = float(number)
    if sign in ("<", "<=", "≤"):
        return 0.0, False, value, sign != "<"
    if sign in (">", ">=", "≥"):
        return value, sign != ">", inf, False
    return value, True, value, True


def touches(band: Band, interval: tuple[float, bool, float, bool]) -> bool:
    low, has_low, high, has_high = interval
    return not (
        (band.lt is not None and low >= band.lt)
        or (band.le is not None and (low > band.le or (low == band.le and not has_low)))
        or (band.gt is not None and high <= band.gt)
        or (band.ge is not None and (high < band.ge or (high == band.ge and not has_high)))
    )


@pytest.mark.parametrize(
    "case", rows_of("b12_class"), ids=lambda case: f"{case['analyte']} {case['reported']} {case['unit']}"
)
def test_b12_bands(case: Row) -> None:
    unit = {"pg/mL": "ng/L"}.get(case["unit"], case["unit"])
    bands = next(bands for bands in PACK.band_sets if (bands.analyte, bands.unit) == (case["analyte"], unit))
    touched = [band.name for band in bands.bands if touches(band, ends(case["reported"]))]
    found = touched[0] if len(touched) == 1 else "AMBIGUOUS"
    low_possible = "yes" if found == "AMBIGUOUS" and "LOW" in touched else "no"
    assert (found, low_possible) == (case["class"], case["low_possible"])


def three_zone_cases() -> list[Row]:
    return [
        case
        for case in rows_of("mma_class")
        if (case["eGFR"], case["laboratory limit"]) == ("none", "none") and case["unit"]
    ]


@pytest.mark.parametrize("case", three_zone_cases(), ids=lambda case: f"{case['reported']} age {case['age']}")
def test_mma_bands(case: Row) -> None:
    is_older = int(case["age"]) >= PACK.number("mma_older_age")
    bands = PACK.bands("mma_65_plus" if is_older else "mma_16_64").bands
    touched = [band.name for band in bands if touches(band, ends(case["reported"]))]
    assert (touched[0] if len(touched) == 1 else "NONE") == case["class"]


@pytest.mark.parametrize(
    "case", rows_of("unit"), ids=lambda case: f"{case['analyte']} {case['value']} {case['unit']}"
)
def test_unit_table(case: Row) -> None:
    spelling = re.sub(r"\s", "", case["unit"]).lower().replace("µ", "u").replace("μ", "u")
    found = PACK.units.filter(analyte=case["analyte"], spelling=spelling).to_dicts()
    if case["problem"] in ("unit_unknown", "unit_missing"):
        assert found == []
    elif case["problem"] == "none":
        [row] = found
        assert float(case["value"]) * row["factor"] == pytest.approx(float(case["normal"]), abs=1e-9)
        assert row["normal_unit"] == case["normal_unit"]


def test_every_table_is_of_a_known_kind_with_its_columns() -> None:
    tables = list(case_tables(CASES))
    assert {table.kind for table in tables} == COLUMNS.keys()
    assert all(set(row) == COLUMNS[table.kind] for table in tables for row in table.rows)
    assert len(re.findall(r"^<!-- cases:", CASES.read_text(encoding="utf-8"), re.MULTILINE)) == len(tables)


def test_names_of_people_are_unique() -> None:
    names = [case["person"] for case in rows_of("story")]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("case", rows_of("story"), ids=lambda case: case["person"])
def test_stories_can_be_told(case: Row) -> None:
    told = story(case["person"], case["story"], date.fromisoformat(case["as_of"]))
    assert tuple(told) == TABLES
    statuses = {(row.id, row.status) for row in PACK.decisions}
    decision, _, facts = case["expected"].partition(" & ")
    named, _, lists = decision.partition(": ")
    assert tuple(named.split()) in statuses
    assert all(name in LISTS for name, *_ in parted(lists, ","))
    assert all(fact in {*FACTS, "cause"} for fact, _ in parted(facts, "&"))
