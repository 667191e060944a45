"""Supplies and runs of supplies, row by row: what they cover, and since when somebody has been taking them."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest

from rules.loader import load_pack
from transforms.medication import current_run_days, is_current, supplies

PACK = load_pack()
AS_OF = date(2026, 6, 15)
GAP_DAYS = 30
ROW = {
    "start_on": pl.Date,
    "end_on": pl.Date,
    "days_supply": pl.Int64,
    "kind": pl.String,
    "status": pl.String,
    "dose_quantity": pl.Float64,
    "dose_unit": pl.String,
    "doses_per_day": pl.Float64,
}
SUPPLY = {"person_key": pl.Int64, "start_on": pl.Date, "covered_to": pl.Date, "is_open": pl.Boolean}


def ago(days: int) -> date:
    return AS_OF - timedelta(days=days)


@pytest.mark.parametrize(
    ("row", "covered_to", "is_open"),
    [
        ({"kind": "administration", "start_on": ago(50), "end_on": ago(10)}, ago(50), False),
        ({"kind": "prescription", "start_on": ago(50), "end_on": ago(10), "days_supply": 5}, ago(10), False),
        # Ten days from the fiftieth before: the fiftieth to the forty-first.
        ({"kind": "prescription", "start_on": ago(50), "days_supply": 10}, ago(41), False),
        ({"kind": "prescription", "start_on": ago(50)}, ago(50), False),
        ({"kind": "prescription", "start_on": ago(50), "status": "active"}, None, True),
        ({"kind": "statement", "start_on": ago(50), "status": "active"}, None, True),
        ({"kind": "prescription", "days_supply": 10, "status": "active"}, None, True),
        ({"kind": "prescription", "end_on": ago(10), "status": "active"}, ago(10), False),
        ({"kind": "administration", "start_on": ago(50), "status": "active"}, ago(50), False),
    ],
)
def test_what_a_row_covers(row: dict[str, Any], covered_to: date | None, is_open: bool) -> None:
    read = supplies(
        pl.LazyFrame([dict.fromkeys(ROW) | {"status": "completed"} | row], schema=ROW), PACK
    ).collect()
    assert read.select("covered_to", "is_open").rows() == [(covered_to, is_open)]


def exposure(*rows: tuple[int, int | None, int | None]) -> dict[int, int]:
    """Person -> days; a row is person, days since its start, days since its end (no end: open)."""
    told = [
        {
            "person_key": person,
            "start_on": None if start is None else ago(start),
            "covered_to": None if end is None else ago(end),
            "is_open": end is None,
        }
        for person, start, end in rows
    ]
    found = current_run_days(pl.LazyFrame(told, schema=SUPPLY), ["person_key"], AS_OF, GAP_DAYS)
    return dict(found.select("person_key", "exposure_days").collect().rows())


def test_a_gap_of_as_many_days_as_allowed_is_bridged() -> None:
    assert exposure((1, 100, 60), (1, 30, 0)) == {1: 100}
    assert exposure((1, 100, 61), (1, 30, 0)) == {1: 30}


def test_an_open_supply_goes_on_whatever_comes_after() -> None:
    assert exposure((1, 500, None), (1, 10, 5)) == {1: 500}
    assert exposure((1, 500, 400), (1, 10, None)) == {1: 10}


def test_the_longest_of_the_supplies_before_counts() -> None:
    assert exposure((1, 500, 20), (1, 400, 390), (1, 15, 0)) == {1: 500}


def test_each_person_has_runs_of_their_own() -> None:
    assert exposure((1, 500, 20), (2, 15, 0)) == {1: 500, 2: 15}
    assert exposure((1, 500, 400), (1, 15, 0), (2, 300, 0)) == {1: 15, 2: 300}
    assert exposure((1, 500, 0), (2, 400, 300), (2, 20, 0)) == {1: 500, 2: 20}


def test_a_run_is_over_after_the_gap() -> None:
    assert exposure((1, 100, 30)) == {1: 100}
    assert exposure((1, 100, 31)) == {}


def test_a_supply_of_unknown_start_has_no_length() -> None:
    assert exposure((1, None, None)) == {}
    assert exposure((1, None, None), (1, 20, 0)) == {1: 20}


@pytest.mark.parametrize(
    ("covered_to", "is_open", "expected"),
    [(ago(30), False, True), (ago(31), False, False), (None, True, True), (None, False, False)],
)
def test_who_is_taking_it_now(covered_to: date | None, is_open: bool, expected: bool) -> None:
    row = {"person_key": 1, "start_on": None, "covered_to": covered_to, "is_open": is_open}
    taken = pl.LazyFrame([row], schema=SUPPLY).select(is_current(AS_OF, GAP_DAYS)).collect()
    assert taken.item() is expected
