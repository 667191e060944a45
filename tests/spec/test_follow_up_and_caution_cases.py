"""The clinicians' examples of follow-up and cautions, run through whole nights of the screen."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from rules.loader import load_pack
from tests.night import Publication, screened_tables
from tests.patients import Row, case_tables, story
from tests.population import cases
from tests.said import said

PACK = load_pack("b12/1.0.0")
CASES = Path(__file__).parents[2] / "rules" / "packs" / "b12" / "1.0.0" / "cases_follow_up_and_cautions.md"
AS_OF = date(2026, 6, 15)
WATCHED = [row for table in case_tables(CASES) if table.kind == "watch" for row in table.rows]
TOLD = [row for table in case_tables(CASES) if table.kind == "says" for row in table.rows]


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Publication:
    tables: dict[str, list[Row]] = {}
    for case in [*WATCHED, *TOLD]:
        for table, rows in story(case["person"], case["story"], AS_OF).items():
            tables.setdefault(table, []).extend(rows)
    return screened_tables(tables, tmp_path_factory.mktemp("night"), AS_OF)


def parted(cell: str) -> list[str]:
    return [] if cell == "none" else [part.strip() for part in cell.split(",")]


@pytest.mark.parametrize("case", WATCHED, ids=lambda case: case["person"])
def test_person(case: Row, night: Publication) -> None:
    person = night.by_person[case["person"]]
    listed = night.listed.get(case["person"], {})
    row = listed.get("follow_up")
    told = f"{row['priority']} @{(row['due_on'] - AS_OF).days}" if row else "none"
    high = {caution: f"{caution} high" for caution in person["high_cautions"]}
    assert {
        "items": person["follow_up_items"],
        "follow_up": told,
        "cautions": [high.get(caution, caution) for caution in person["cautions"]],
        "safety_review": listed["safety_review"]["priority"] if "safety_review" in listed else "none",
    } == {
        "items": parted(case["items"]),
        "follow_up": case["follow_up"],
        "cautions": parted(case["cautions"]),
        "safety_review": case["safety_review"],
    }
    for name, one in listed.items():
        assert one["cautions"] == ("; ".join(person["cautions"]) or None)
        as_reason = one["reason"].count(", high).") + one["reason"].count(", medium).")
        told_there = as_reason if name == "safety_review" else 0
        assert one["suggested_action"].count("Caution: ") == len(person["cautions"]) - told_there


@pytest.mark.parametrize("case", TOLD, ids=lambda case: case["person"])
def test_what_the_rows_say(case: Row, night: Publication) -> None:
    found = said(night.listed.get(case["person"], {}).values(), PACK, AS_OF)
    about, word = case["says"].split()
    others = {"due": "overdue", "overdue": "due"}
    assert case["says"] in found
    assert f"{about} {others.get(word)}" not in found
    if about[0] == "C":
        assert [token for token in found if token.startswith(f"{about} ")] == [case["says"]]


def test_names_of_people_are_unique_across_the_cases_files() -> None:
    names = [case["person"] for case in cases()]
    assert len(names) == len(set(names))


def test_everything_the_specification_names_is_held_or_said_not_to_be_computable() -> None:
    numbers = {caution.id[:3] for caution in PACK.cautions}
    assert numbers == {f"C{number:02d}" for number in range(1, 21)}
    assert {"C14a", "C14b"} <= {caution.id for caution in PACK.cautions}
    assert {item.id for item in PACK.follow_up} == {*(f"F{number}" for number in range(1, 11)), "C03"}
    assert {caution.id for caution in PACK.cautions if not caution.cases} == {"C08"}
    assert {item.id for item in PACK.follow_up if not item.cases} == {"F9"}


def test_the_most_urgent_item_is_told_first(night: Publication) -> None:
    row = night.listed["f10-and-f4"]["follow_up"]
    assert row["rule_id"] == "R03"
    assert row["reason"].startswith(
        "Low B12 or raised MMA on replacement, since 2026-04-16 (F10). Maintenance injection, due "
    )
    action = row["suggested_action"]
    assert action.index("check adherence, dose, route") < action.index("next maintenance injection")
    assert row["guideline_refs"].startswith("P; V24")


def test_an_incomplete_loading_course_is_told_in_the_evidence(night: Publication) -> None:
    row = night.listed["f1-low-before"]["follow_up"]
    assert "Loading course incomplete: 1 of 6 injections in its first 28 days." in row["evidence"]
    # The same injections without a low B12 before them.
    assert "Loading course" not in night.listed["f1-day-90"]["follow_up"]["evidence"]
    assert "Loading course" not in night.listed["f10-neuro"]["follow_up"]["evidence"]
    assert "Loading course" not in night.listed["f6-day-90"]["follow_up"]["evidence"]


def test_platelets_that_fell_after_the_start_are_shown(night: Publication) -> None:
    row = night.listed["f2-plt-falls-149"]["follow_up"]
    assert "Not yet normal: platelets 149 10*9/L on 2026-05-18." in row["evidence"]


def test_high_cautions_are_told_first(night: Publication) -> None:
    action = night.listed["two-cautions"]["b12_replacement"]["suggested_action"]
    assert action.index("Caution: Severe anaemia") < action.index("Caution: Takes an anticoagulant")
    safety = night.listed["two-cautions"]["safety_review"]
    assert safety["suggested_action"].startswith("Potassium can fall and arrhythmia occur")
    assert "Caution: Takes an anticoagulant: check INR" in safety["suggested_action"]
    assert safety["reason"].startswith("Severe anaemia (C09, high). B12 is in the deficient range (")


def test_days_untreated(night: Publication) -> None:
    assert night.by_person["c06-listed"]["days_untreated"] == 10
    assert night.by_person["f10-day-28"]["days_untreated"] is None
    assert night.by_person["c20-total"]["days_untreated"] is None
