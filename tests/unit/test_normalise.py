"""Reported values and limits at the edge of what can be read."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import polars as pl
import pytest

from rules.loader import load_pack
from transforms.normalise import lower_reference_limit, normalise

PACK = load_pack()


def read(concept: str = "lab_mma_serum", **told: Any) -> dict[str, Any]:
    """One result, in nmol/L unless told otherwise, as the screen reads it."""
    given = {
        "concept": concept,
        "value": "300",
        "unit": "nmol/L",
        "collected_at": datetime.fromisoformat("2026-06-01T23:59"),
        "reference_low": None,
        "reference_high": None,
        "decimal_comma": False,
    } | told
    schema = dict.fromkeys(given, pl.String()) | {
        "collected_at": pl.Datetime("us"),
        "decimal_comma": pl.Boolean(),
    }
    frame = lower_reference_limit(normalise(pl.LazyFrame([given], schema=schema), PACK), PACK)
    [row] = frame.collect().to_dicts()
    return row


@pytest.mark.parametrize(
    ("reported", "limit"),
    [("400", 400.0), ("0.5", 0.5), ("0", None), ("-1", None), ("<400", None), ("n/a", None), (None, None)],
)
def test_upper_limit_of_the_laboratory(reported: str | None, limit: float | None) -> None:
    assert read(reference_high=reported)["reference_limit"] == limit


def test_a_limit_is_converted_like_the_value() -> None:
    """One micromole is a thousand nanomoles."""
    row = read(value="0.3", unit="umol/L", reference_high="0.4")
    assert (row["low"], row["high"], row["reference_limit"]) == (300.0, 300.0, 400.0)


@pytest.mark.parametrize("reported", ["1e999", "-inf", "NaN"])
def test_a_number_without_end_is_no_value(reported: str) -> None:
    row = read(value=reported)
    assert (row["value_kind"], row["problem"], row["low"]) == ("malformed", "value_malformed", None)


def test_a_comma_is_decimal_where_the_source_says_so() -> None:
    told = {"value": "300,5", "reference_low": "20,5", "reference_high": "400,5"}
    row = read(**told, decimal_comma=True)
    assert (row["low"], row["reference_limit"], row["reference_floor"]) == (300.5, 400.5, 20.5)
    row = read(**told | {"value": "300.5"})
    assert (row["low"], row["reference_limit"], row["reference_floor"]) == (300.5, None, None)
    assert read(value="300,5")["problem"] == "value_malformed"


@pytest.mark.parametrize(
    ("reported", "floor"),
    [("0.5", 0.5), ("0", None), ("-1", None), (">20", None)],
)
def test_lower_limit_of_the_laboratory(reported: str, floor: float | None) -> None:
    assert read(reference_low=reported)["reference_floor"] == floor


def test_a_lower_limit_in_a_unit_that_is_not_converted_stays() -> None:
    row = read("lab_intrinsic_factor_ab", value="12", unit="U/mL", reference_low="7")
    assert (row["problem"], row["low"], row["reference_floor"]) == (None, 12.0, 7.0)


def test_a_sample_is_of_its_calendar_day() -> None:
    assert read()["collected_on"].isoformat() == "2026-06-01"


@pytest.mark.parametrize(
    ("told", "kind", "problem"),
    [
        ({"value": None}, "missing", "value_missing"),
        ({"unit": None}, "number", "unit_missing"),
        ({"unit": "furlong"}, "number", "unit_unknown"),
        ({"value": "-3"}, "number", "value_not_positive"),
    ],
)
def test_what_is_refused_has_no_interval(told: dict[str, Any], kind: str, problem: str) -> None:
    row = read(**told)
    assert (row["value_kind"], row["problem"]) == (kind, problem)
    assert (row["low"], row["high"], row["low_normal"], row["high_normal"]) == (None,) * 4


def test_a_text_needs_no_unit() -> None:
    row = read(value="haemolysed", unit=None)
    assert (row["value_kind"], row["problem"], row["low"], row["high"]) == ("text", None, None, None)


@pytest.mark.parametrize(
    ("value", "low", "high", "is_low_open", "is_high_open"),
    [
        ("300", 300.0, 300.0, False, False),
        ("<300", 0.0, 300.0, True, True),
        ("<=300", 0.0, 300.0, True, False),
        (">300", 300.0, float("inf"), True, True),
        (">=300", 300.0, float("inf"), False, True),
    ],
)
def test_a_value_is_all_it_may_be(
    value: str, low: float, high: float, is_low_open: bool, is_high_open: bool
) -> None:
    row = read(value=value)
    assert (row["low"], row["high"]) == (low, high)
    assert (row["low_open"], row["high_open"]) == (is_low_open, is_high_open)
