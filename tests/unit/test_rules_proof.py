"""The proofs behind the loader: tiling of a line, and boxes of people."""

from __future__ import annotations

from itertools import product

import pytest

from rules.model import Band
from rules.proof import band_fault, example, left_over, overlap, reach, whole, without

DOMAINS = {"colour": ("red", "green", "blue"), "size": ("small", "large"), "old": ("yes", "no")}


def people(*boxes: dict[str, frozenset[str]]) -> list[tuple[str, ...]]:
    return sorted(person for box in boxes for person in product(*(sorted(box[fact]) for fact in DOMAINS)))


@pytest.mark.parametrize(
    "bands",
    [
        (Band("A"),),
        (Band("A", lt=1), Band("B", ge=1)),
        (Band("A", le=1), Band("B", gt=1)),
        (Band("A", lt=1), Band("B", ge=1, le=1), Band("C", gt=1)),
        (Band("A", lt=0.5), Band("B", ge=0.5, le=2), Band("C", gt=2)),
    ],
)
def test_bands_that_tile(bands: tuple[Band, ...]) -> None:
    assert band_fault(bands, "u") is None


@pytest.mark.parametrize(
    ("bands", "says"),
    [
        ((), "no bands"),
        ((Band("A", lt=1), Band("B", gt=1)), "gap at 1 u"),
        ((Band("A", le=1), Band("B", ge=1)), "lies in A and in B"),
        ((Band("A", lt=1), Band("B", ge=2)), "gap above 1 u (next band begins at 2)"),
        ((Band("A", lt=2), Band("B", ge=1)), "overlap"),
        ((Band("B", ge=1), Band("A", lt=1)), "gap below 1 u"),
        ((Band("A", lt=1), Band("B", ge=1, lt=1), Band("C", ge=1)), "B holds no value"),
        ((Band("A", lt=1),), "gap above 1 u"),
        ((Band("A", lt=0), Band("B", ge=0)), "A holds no value"),
    ],
)
def test_bands_that_do_not(bands: tuple[Band, ...], says: str) -> None:
    fault = band_fault(bands, "u")
    assert fault is not None
    assert says in fault.what


def test_without_takes_away_exactly_what_overlaps() -> None:
    everybody = whole(DOMAINS)
    when = {"colour": ("red", "blue"), "size": ("small",)}
    inside = overlap(everybody, when)
    assert inside is not None
    rest = without(everybody, when)
    assert len(people(inside)) == 4
    assert people(inside, *rest) == people(everybody)


def test_a_condition_that_meets_nobody_takes_nothing_away() -> None:
    reds = overlap(whole(DOMAINS), {"colour": ("red",)})
    assert reds is not None
    assert without(reds, {"colour": ("blue",)}) == [reds]


def test_rows_in_order_share_out_everybody_once() -> None:
    rows = ({"old": ("yes",)}, {"colour": ("red",), "size": ("large",)}, {"size": ("large",)}, {})
    undecided, shared = [whole(DOMAINS)], []
    for row in rows:
        shared += people(*reach(undecided, row))
        undecided = left_over(undecided, row)
    assert undecided == []
    assert sorted(shared) == people(whole(DOMAINS))


def test_a_row_behind_its_own_kind_reaches_nobody() -> None:
    undecided = left_over([whole(DOMAINS)], {"colour": ("red",)})
    assert reach(undecided, {"colour": ("red",), "old": ("no",)}) == []


def test_an_example_names_what_is_special() -> None:
    box = overlap(whole(DOMAINS), {"colour": ("blue", "red"), "old": ("no",)})
    assert box is not None
    assert example(box, DOMAINS) == "colour red or blue, old no"
    assert example(whole(DOMAINS), DOMAINS) == "anybody"
