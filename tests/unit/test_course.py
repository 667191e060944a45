"""The present course of replacement and the counts around its start, row by row."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import polars as pl

from rules.loader import load_pack
from transforms.course import last_course

PACK = load_pack()
AS_OF = date(2026, 6, 15)
DOSE = {
    "person_key": pl.Int64,
    "start_on": pl.Date,
    "covered_to": pl.Date,
    "is_open": pl.Boolean,
    "form": pl.String,
    "kind": pl.String,
}


def ago(days: int) -> date:
    return AS_OF - timedelta(days=days)


def injection(days: int, person: int = 1) -> dict[str, Any]:
    day = ago(days)
    kind = "administration"
    return {
        "person_key": person,
        "start_on": day,
        "covered_to": day,
        "is_open": False,
        "form": "im",
        "kind": kind,
    }


def supply(start: int | None, end: int | None, person: int = 1) -> dict[str, Any]:
    return {
        "person_key": person,
        "start_on": None if start is None else ago(start),
        "covered_to": None if end is None else ago(end),
        "is_open": end is None,
        "form": "oral",
        "kind": "prescription",
    }


def course(*doses: dict[str, Any]) -> list[tuple[Any, ...]]:
    """Person, days since the start of the course (None: unknown), has_injection, latest_gap_days."""
    found = last_course(pl.LazyFrame(list(doses), schema=DOSE), PACK).sort("person_key").collect()
    return [
        (person, start and (AS_OF - start).days, *rest)
        for person, start, *rest in found.select(
            "person_key", "course_start_on", "has_injection", "latest_gap_days"
        ).iter_rows()
    ]


def test_injections_within_their_interval_are_one_course() -> None:
    # An interval of 91 days and 14 of margin.
    assert course(injection(300), injection(195), injection(90)) == [(1, 300, True, 105)]
    assert course(injection(300), injection(194)) == [(1, 194, True, None)]


def test_a_supply_without_end_goes_on() -> None:
    assert course(supply(400, None), injection(10)) == [(1, 400, True, None)]


def test_a_supply_that_ended_longer_ago_than_the_gap_begins_anew() -> None:
    assert course(supply(400, 130), supply(100, 10)) == [(1, 400, False, None)]
    assert course(supply(400, 131), supply(100, 10)) == [(1, 100, False, None)]


def test_only_injections_have_a_gap() -> None:
    assert course(injection(100), supply(50, 10)) == [(1, 100, True, None)]


def test_an_unknown_start_belongs_to_what_it_lasted_into() -> None:
    assert course(supply(None, 300), injection(10)) == [(1, 10, True, None)]
    assert course(supply(None, None), injection(10)) == [(1, None, True, None)]


def test_each_person_has_a_course_of_their_own() -> None:
    assert course(injection(300), supply(200, 150, person=2), supply(100, 10, person=2)) == [
        (1, 300, True, None),
        (2, 100, False, None),
    ]
