"""Proofs that a pack leaves nothing open: bands tile the number line, a table decides every case once.

A `Box` is a set of people described by facts: fact name -> the words it may have. The whole population is
the box of all words; taking the box of a row away leaves boxes again, so what a row can still reach, and
what nobody decides, is computed exactly and without listing every combination.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from rules.model import Band, Condition

Box = Mapping[str, frozenset[str]]

UNBOUNDED = float("inf")


@dataclass(frozen=True)
class Fault:
    """What is wrong with a set of bands, and what to do."""

    what: str
    hint: str = ""


@dataclass(frozen=True)
class _Interval:
    name: str
    low: float
    has_low: bool
    high: float
    has_high: bool

    @property
    def is_empty(self) -> bool:
        return self.low > self.high or (self.low == self.high and not (self.has_low and self.has_high))


def band_fault(bands: Sequence[Band], unit: str) -> Fault | None:
    """Why the bands, in the order given, do not cover every value above zero exactly once; None if they do."""
    for band in bands:
        if (band.lt is not None and band.le is not None) or (band.gt is not None and band.ge is not None):
            return Fault(
                f"band {band.name} has two limits on one side.", "Keep one of `lt`/`le`, of `gt`/`ge`."
            )
    intervals = [_interval(band) for band in bands]
    return _end_fault(intervals, unit) or _seam_fault(intervals, unit)


def _interval(band: Band) -> _Interval:
    low = band.ge if band.ge is not None else band.gt
    high = band.le if band.le is not None else band.lt
    return _Interval(
        band.name,
        0.0 if low is None else low,
        band.ge is not None,
        UNBOUNDED if high is None else high,
        band.le is not None,
    )


def _end_fault(intervals: Sequence[_Interval], unit: str) -> Fault | None:
    if not intervals:
        return Fault("has no bands.", "Name at least one band.")
    for interval in intervals:
        if interval.is_empty:
            return Fault(
                f"band {interval.name} holds no value.", "Its lower limit must lie below its upper limit."
            )
    first, last = intervals[0], intervals[-1]
    if first.low > 0:
        return Fault(
            f"has a gap below {first.low:g} {unit}.",
            f"Leave the lower limit of {first.name} out: it starts at 0.",
        )
    if last.high < UNBOUNDED:
        return Fault(f"has a gap above {last.high:g} {unit}.", f"Leave the upper limit of {last.name} out.")
    return None


def _seam_fault(intervals: Sequence[_Interval], unit: str) -> Fault | None:
    for lower, upper in pairwise(intervals):
        at = f"{lower.high:g} {unit}"
        if lower.high < upper.low:
            return Fault(
                f"has a gap above {at} (next band begins at {upper.low:g}).",
                f"Give {lower.name} `lt = {upper.low:g}` or {upper.name} `gt = {lower.high:g}`.",
            )
        if lower.high > upper.low:
            return Fault(
                f"has an overlap: {lower.name} ends at {at} but {upper.name} begins at {upper.low:g}.",
                "List the bands from low to high, each beginning where the one before ends.",
            )
        if lower.has_high and upper.has_low:
            return Fault(
                f"has an overlap: {at} lies in {lower.name} and in {upper.name}.", "Use `lt` or `gt` once."
            )
        if not lower.has_high and not upper.has_low:
            return Fault(
                f"has a gap at {at}: neither {lower.name} nor {upper.name} holds it.",
                "Use `le` or `ge` once.",
            )
    return None


def whole(domains: Mapping[str, tuple[str, ...]]) -> Box:
    """Everybody: every fact with any of its words."""
    return {fact: frozenset(words) for fact, words in domains.items()}


def overlap(box: Box, when: Condition) -> Box | None:
    """The part of the box that meets the condition; None if there is none."""
    part = {**box, **{fact: box[fact] & frozenset(words) for fact, words in when.items()}}
    return part if all(part.values()) else None


def without(box: Box, when: Condition) -> list[Box]:
    """The part of the box that does not meet the condition, as boxes that do not overlap."""
    if overlap(box, when) is None:
        return [box]
    rest: list[Box] = []
    inside = dict(box)
    for fact, words in when.items():
        outside = inside[fact] - frozenset(words)
        if outside:
            rest.append({**inside, fact: outside})
        inside[fact] = inside[fact] & frozenset(words)
    return rest


def reach(boxes: Sequence[Box], when: Condition) -> list[Box]:
    """What a row can still meet of the boxes left by the rows above it."""
    return [part for box in boxes if (part := overlap(box, when)) is not None]


def left_over(boxes: Sequence[Box], when: Condition) -> list[Box]:
    """What remains of the boxes after a row has taken its people."""
    return [part for box in boxes for part in without(box, when)]


def example(box: Box, domains: Mapping[str, tuple[str, ...]]) -> str:
    """The facts that make a box special, in words: `index_class NONE, mma NORMAL or ELEVATED`."""
    narrowed = [
        f"{fact} {' or '.join(word for word in domains[fact] if word in words)}"
        for fact, words in box.items()
        if len(words) < len(domains[fact])
    ]
    return ", ".join(narrowed) or "anybody"
