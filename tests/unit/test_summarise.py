"""Counts of a screened population, each worked out by hand for a few people."""

from __future__ import annotations

from typing import Any

import polars as pl

from rules.loader import load_pack
from transforms import summarise
from transforms.results import ACTIVE, TOTAL

PACK = load_pack()
LISTS = ("mma_testing", "b12_replacement", "first_b12_test", "follow_up", "safety_review")


def people(*rows: dict[str, Any]) -> pl.LazyFrame:
    """Decisions: somebody indeterminate on no list, of whom everything was seen, but for what is told."""
    usual: dict[str, Any] = {
        "clinical_status": "UNTESTED",
        "index_class": "NONE",
        "lists": [],
        "not_seen": [],
        "cannot_tell": [],
    }
    schema = {"lists": pl.List(pl.String), "not_seen": pl.List(pl.String), "cannot_tell": pl.List(pl.String)}
    nowhere = {f"priority_{name}": None for name in LISTS}
    return pl.LazyFrame(
        [usual | nowhere | row for row in rows],
        schema_overrides=schema | dict.fromkeys(nowhere, pl.String()),
    )


def test_people_of_each_list_by_priority() -> None:
    decided = people(
        {"priority_mma_testing": "P2", "priority_b12_replacement": "P3"}, {"priority_mma_testing": "P2"}, {}
    )
    assert summarise.list_counts(decided).collect().rows() == [
        ("b12_replacement", "P3", 1),
        ("mma_testing", "P2", 2),
    ]


def test_the_funnel_narrows() -> None:
    decided = people(
        *[{"clinical_status": "NOT_ELIGIBLE"}] * 4,
        *[{"clinical_status": "UNDER_AGE"}] * 3,
        *[{}] * 2,
        {"lists": ["mma_testing", "follow_up"]},
        {"lists": ["follow_up"]},
    )
    assert summarise.funnel(decided).collect().row(0, named=True) == {
        "decided": 11,
        "registered": 7,
        "adult": 4,
        "listed": 2,
    }


def test_people_by_what_was_not_seen_of_them() -> None:
    decided = people({"not_seen": ["orders: a", "labs: b"]}, {"not_seen": ["orders: a"]}, {})
    assert summarise.unseen_counts(decided).collect().rows() == [("labs: b", 1), ("orders: a", 2)]


def test_people_by_row_that_could_not_be_told() -> None:
    decided = people({"cannot_tell": ["R11", "R24"]}, {"cannot_tell": ["R24"]}, {})
    assert summarise.untold_counts(decided).collect().rows() == [("R11", 1), ("R24", 2)]


def test_who_is_untested_although_a_b12_came() -> None:
    refused = {"not_seen": ["lab_b12_total: unit_missing", "orders: date_unreadable"]}
    counted = [*[refused] * 3, {"not_seen": ["lab_b12_active: unit_missing"]}]
    others = [
        {},
        *[{"not_seen": ["lab_mcv: unit_missing"]}] * 2,
        refused | {"index_class": "LOW"},
        *(refused | {"clinical_status": one} for one in ("NOT_ELIGIBLE", "UNDER_AGE", "ON_REPLACEMENT")),
    ]
    assert summarise.untested_with_b12(people(*counted, *others)).collect().item() == 4


def test_bins_of_a_sixth_of_the_low_limit() -> None:
    """180 ng/L is low from below: bins of 30, the last of them from 1080 on."""
    values = (29.9, 30.0, 179.9, 180.0, 1079.0, 1080.0, 5000.0)
    rows = [(TOTAL, "ng/L", "number", value) for value in values]
    left_out = [
        (TOTAL, "pmol/L", "number", 90.0),
        (TOTAL, "ng/L", "censored", 90.0),
        (ACTIVE, "ng/L", "number", 90.0),
    ]
    observations = pl.LazyFrame(
        [*rows, *left_out], schema=["concept", "unit", "value_kind", "low"], orient="row"
    )
    [in_ng] = [bands for bands in summarise.b12_band_sets(PACK) if bands.unit == "ng/L"]
    assert summarise.b12_histogram(observations, in_ng).collect().rows() == [
        (0.0, 30.0, 1),
        (30.0, 60.0, 1),
        (150.0, 180.0, 1),
        (180.0, 210.0, 1),
        (1050.0, 1080.0, 1),
        (1080.0, None, 2),
    ]


def test_total_b12_has_limits_in_two_units() -> None:
    assert [(bands.analyte, bands.unit) for bands in summarise.b12_band_sets(PACK)] == [
        (TOTAL, "ng/L"),
        (TOTAL, "pmol/L"),
    ]
