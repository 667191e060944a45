"""Small numbers: what is hidden, at the limits, and that subtraction does not bring it back."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exports.disclosure import Sum, hidden, hidden_steps, shown


@pytest.mark.parametrize(
    ("count", "expected"), [(0, "0"), (1, "<5"), (4, "<5"), (5, "5"), (6, "6"), (1234, "1,234")]
)
def test_counts_at_the_limits(count: int, expected: str) -> None:
    assert shown(count, "n" in hidden({"n": count}, [], 5), 5) == expected


@pytest.mark.parametrize("below", [0, 1])
def test_nothing_is_hidden_when_not_asked_for(below: int) -> None:
    assert hidden({"a": 1, "b": 3}, [Sum(("a", "b"))], below) == frozenset()


def test_a_single_hidden_count_takes_the_next_smallest_with_it() -> None:
    counts = {"a": 3, "b": 0, "c": 40, "d": 12, "all": 55}
    assert hidden(counts, [Sum(("a", "b", "c", "d"), "all")], 5) == {"a", "d"}


def test_a_companion_that_confines_the_small_count_is_not_enough() -> None:
    """3 + 5 = 8: with 5 known to be 5 or more the small one could only be 1 to 3, so one more is hidden."""
    counts = {"a": 3, "b": 5, "c": 40, "all": 48}
    assert hidden(counts, [Sum(("a", "b", "c"), "all")], 5) == {"a", "b", "c"}


def test_the_total_is_dropped_where_no_other_count_can_be_hidden() -> None:
    """4 + 4 = 8 leaves only one solution for two small counts."""
    assert hidden({"a": 4, "b": 4, "c": 0, "all": 8}, [Sum(("a", "b", "c"), "all")], 5) == {"a", "b", "all"}


def test_a_total_known_from_elsewhere_stays() -> None:
    assert hidden({"a": 2, "b": 30, "c": 90}, [Sum(("a", "b", "c"))], 5) == {"a", "b"}


def test_a_hidden_count_is_guarded_along_its_column_too() -> None:
    cells = {("r1", "x"): 2, ("r1", "y"): 20, ("r2", "x"): 30, ("r2", "y"): 40}
    sums = [
        Sum((("r1", "x"), ("r1", "y"))),
        Sum((("r2", "x"), ("r2", "y"))),
        Sum((("r1", "x"), ("r2", "x"))),
        Sum((("r1", "y"), ("r2", "y"))),
    ]
    assert hidden(cells, sums, 5) == set(cells)


def test_a_small_total_hides_the_count_it_equals() -> None:
    assert hidden({"a": 3, "b": 0, "all": 3}, [Sum(("a", "b"), "all")], 5) == {"a", "all"}


@settings(max_examples=150, deadline=None)
@given(st.lists(st.integers(0, 14), min_size=1, max_size=4))
def test_no_small_count_can_be_worked_out_from_its_line(counts: list[int]) -> None:
    """Try every solution a reader could: each small count keeps more than one possible value."""
    below = 4
    keys = {str(at): count for at, count in enumerate(counts)}
    known = {**keys, "all": sum(counts)}
    kept = hidden(known, [Sum(tuple(keys), "all")], below)
    choices = [
        range(1, below)
        if key in kept and count < below
        else range(below, 61)
        if key in kept
        else range(count, count + 1)
        for key, count in keys.items()
    ]

    def fits(total: int) -> bool:
        if "all" not in kept:
            return total == known["all"]
        return (1 <= total < below) == (known["all"] < below)

    if sum(counts) == sum(1 for count in counts if count) == below - 1:
        return  # the one case that the rule leaves open, as its docstring says
    solutions = [each for each in product(*choices) if fits(sum(each))]
    for at, count in enumerate(counts):
        if 1 <= count < below:
            assert len({each[at] for each in solutions}) > 1


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ([100, 95, 10], [False, False, False]),
        ([100, 96, 10], [False, True, False]),
        ([100, 98, 96, 95], [False, True, True, False]),
        ([100, 100, 4], [False, False, True]),
        ([100, 5, 0], [False, False, False]),
        ([3], [True]),
        ([], []),
    ],
)
def test_steps_that_differ_by_a_small_count(counts: list[int], expected: list[bool]) -> None:
    assert hidden_steps(counts, 5) == expected
