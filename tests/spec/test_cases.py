"""Runs the clinicians' tables of every pack that the pack alone can answer: bands, conversions, decision rows.

The tables told as values and stories are run through the whole screen elsewhere; here they are only checked to
be well formed, so that a table that nobody can read is found at once.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from math import inf
from pathlib import Path

import pytest

from rules.loader import held_packs, load_pack
from rules.model import Band, Condition, DecisionRow, Pack
from schemas.vocabulary import FACTS, LISTS
from tests.patients import TABLES, Row, case_tables, story

PACKS: dict[str, Pack] = {ref: load_pack(ref) for ref in held_packs()}
SHELF = Path(__file__).parents[2] / "rules" / "packs"
WHOLE = [ref for ref, pack in PACKS.items() if not pack.inherits]
INHERITING = [ref for ref in PACKS if ref not in WHOLE]

COLUMNS = {
    "b12_class": {"analyte", "reported", "unit", "class", "low_possible"},
    "mma_class": {"reported", "unit", "age", "eGFR", "laboratory limit", "class"},
    "value": {"reported", "kind", "problem"},
    "unit": {"analyte", "value", "unit", "normal", "normal_unit", "problem"},
    "decision": {"case", "facts", "row", "status", "lists"},
    **{
        kind: {"person", "as_of", "story", "expected"}
        for kind in ("story", "story_exact_nitrous_oxide", "story_tier_e", "story_symptomatic_only")
    },
}

MORE_FACTS = {
    *("cause", "decision_key", "days_untreated", "is_day_mixed", "is_load_incomplete", "is_suppressed"),
    "regimen_id",
}
"""Columns of a decision that a story may name besides the facts."""

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
    "lapsed": "none",
    "resection": "none",
    "high_risk_cause": "no",
    "nitrous_oxide": "none",
    "homocysteine_confirms": "no",
    "mma_raised_alone": "no",
    "high_b12_twice": "no",
    "first_test_tier": "none",
    "mma_for": "all_indeterminate",
    "mma_order_open": "no",
    "b12_order_open": "no",
}


def rows_of(kind: str) -> list[Row]:
    """Rows of every pack's tables of a kind; column `pack` says whose they are."""
    return [
        row | {"pack": ref}
        for ref in PACKS
        for table in case_tables(SHELF / ref / "cases.md")
        if table.kind == kind
        for row in table.rows
    ]


def named(*columns: str) -> Callable[[Row], str]:
    """The name of a case: its pack, unless that is the first one, and some of its columns."""
    return lambda case: " ".join(
        [*([] if case["pack"] == "b12/1.0.0" else [case["pack"]]), *(case[name] for name in columns)]
    )


def stories() -> list[Row]:
    return [row for kind in COLUMNS if kind.startswith("story") for row in rows_of(kind)]


def parted(cell: str, separator: str) -> list[list[str]]:
    return [item.split() for item in cell.split(separator) if item.strip() not in ("", "none")]


def holds(condition: Condition, facts: dict[str, str]) -> bool:
    return all(facts[fact] in words for fact, words in condition.items())


def decided(pack: Pack, facts: dict[str, str]) -> tuple[DecisionRow, dict[str, list[str]]]:
    """The first row that holds, and its worklists with priority and regimen."""
    row = next(row for row in pack.decisions if holds(row.when, facts))
    lists = {}
    for output in row.outputs:
        priority = next((choice.priority for choice in output.priorities if holds(choice.when, facts)), None)
        suppressed = pack.suppressed_by.get(output.worklist)
        if priority and not (suppressed and holds(suppressed, facts)):
            lists[output.worklist] = [priority, *filter(None, [output.regimen])]
    return row, lists


def test_the_default_person_has_a_word_for_every_fact() -> None:
    assert DEFAULT_PERSON.keys() == FACTS.keys()


@pytest.mark.parametrize("case", rows_of("decision"), ids=named("case"))
def test_decision_rows(case: Row) -> None:
    pack = PACKS[case["pack"]]
    facts = DEFAULT_PERSON | {"mma_for": pack.word("mma_for")} | dict(parted(case["facts"], ";"))
    assert all(word in FACTS[fact] for fact, word in facts.items())
    row, lists = decided(pack, facts)
    expected = {name: words for name, *words in parted(case["lists"], ";")}
    assert (row.key, row.status, lists) == (case["row"], case["status"], expected)


@pytest.mark.parametrize("ref", WHOLE)
def test_every_decision_row_has_a_case(ref: str) -> None:
    shown = {case["row"] for case in rows_of("decision") if case["pack"] == ref}
    assert {row.key for row in PACKS[ref].decisions} == shown


@pytest.mark.parametrize("ref", INHERITING)
def test_every_row_that_a_pack_changes_has_a_case(ref: str) -> None:
    changed = {change.entry for change in PACKS[ref].changes if change.has_entry}
    rows = {row.key for row in PACKS[ref].decisions} & changed
    assert rows <= {case["row"] for case in rows_of("decision") if case["pack"] == ref}


@pytest.mark.parametrize("ref", WHOLE)
def test_every_priority_alternative_has_a_case(ref: str) -> None:
    wanted = {
        (row.key, output.worklist, choice.priority)
        for row in PACKS[ref].decisions
        for output in row.outputs
        for choice in output.priorities
    }
    shown = {
        (case["row"], name, words[0])
        for case in rows_of("decision")
        if case["pack"] == ref
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


@pytest.mark.parametrize("case", rows_of("b12_class"), ids=named("analyte", "reported", "unit"))
def test_b12_bands(case: Row) -> None:
    unit = {"pg/mL": "ng/L"}.get(case["unit"], case["unit"])
    bands = next(
        bands
        for bands in PACKS[case["pack"]].band_sets
        if (bands.analyte, bands.unit) == (case["analyte"], unit)
    )
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


@pytest.mark.parametrize("case", three_zone_cases(), ids=named("reported", "age"))
def test_mma_bands(case: Row) -> None:
    pack = PACKS[case["pack"]]
    is_older = int(case["age"]) >= pack.number("mma_older_age")
    bands = pack.bands("mma_65_plus" if is_older else "mma_16_64").bands
    touched = [band.name for band in bands if touches(band, ends(case["reported"]))]
    assert (touched[0] if len(touched) == 1 else "NONE") == case["class"]


@pytest.mark.parametrize("case", rows_of("unit"), ids=named("analyte", "value", "unit"))
def test_unit_table(case: Row) -> None:
    spelling = re.sub(r"\s", "", case["unit"]).lower().replace("µ", "u").replace("μ", "u")
    found = PACKS[case["pack"]].units.filter(analyte=case["analyte"], spelling=spelling).to_dicts()
    if case["problem"] in ("unit_unknown", "unit_missing"):
        assert found == []
    elif case["problem"] == "none":
        [row] = found
        assert float(case["value"]) * row["factor"] == pytest.approx(float(case["normal"]), abs=1e-9)
        assert row["normal_unit"] == case["normal_unit"]


@pytest.mark.parametrize("ref", PACKS)
def test_every_table_is_of_a_known_kind_with_its_columns(ref: str) -> None:
    cases = SHELF / ref / "cases.md"
    tables = list(case_tables(cases))
    kinds = {table.kind for table in tables}
    assert kinds <= COLUMNS.keys()
    assert "story" in kinds
    assert ref in INHERITING or kinds == COLUMNS.keys()
    assert all(set(row) == COLUMNS[table.kind] for table in tables for row in table.rows)
    assert len(re.findall(r"^<!-- cases:", cases.read_text(encoding="utf-8"), re.MULTILINE)) == len(tables)


def test_names_of_people_are_unique() -> None:
    names = [case["person"] for case in stories()]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("case", stories(), ids=named("person"))
def test_stories_can_be_told(case: Row) -> None:
    told = story(case["person"], case["story"], date.fromisoformat(case["as_of"]))
    assert tuple(told) == TABLES
    statuses = {(row.id, row.status) for row in PACKS[case["pack"]].decisions}
    decision, _, facts = case["expected"].partition(" & ")
    named, _, lists = decision.partition(": ")
    assert tuple(named.split()) in statuses
    assert all(name in LISTS for name, *_ in parted(lists, ","))
    assert all(fact in {*FACTS, *MORE_FACTS} for fact, _ in parted(facts, "&"))
