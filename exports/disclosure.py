"""Small numbers in aggregates: which counts may not be shown, so that no single person shines through."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)

SMALLEST_HIDDEN: Final = 1
FEWEST_HIDDEN_IN_A_SUM: Final = 2


@dataclass(frozen=True)
class Sum(Generic[Key]):
    """Counts that add up to a total. `total` is None where the total is known from elsewhere."""

    parts: tuple[Key, ...]
    total: Key | None = None


def hidden(counts: Mapping[Key, int], sums: Collection[Sum[Key]], below: int) -> frozenset[Key]:
    """Keys of the counts that may not be shown.

    Hidden are counts of 1 to `below` - 1; zero is shown. Where a hidden count could be found by subtraction
    within one of the `sums`, or is confined by it, the next smallest count of that sum is hidden too, and
    in the end its total. Guards each sum by itself, not against solving all of them together. One case is
    left open: a total below `below` that consists of `below` - 1 counts of one each.
    """
    kept = frozenset(key for key, count in counts.items() if _is_small(count, below))
    while True:
        wider = kept
        for each in sums:
            wider = _widened(each, wider, counts, below)
        if wider == kept:
            return kept
        kept = wider


def _widened(line: Sum[Key], kept: frozenset[Key], counts: Mapping[Key, int], below: int) -> frozenset[Key]:
    candidates = [*sorted(line.parts, key=lambda key: counts[key]), line.total]
    for key in candidates:
        if _is_guarded(line, kept, counts, below):
            break
        if key is not None and counts[key] >= below:
            kept |= {key}
    return kept


def _is_guarded(line: Sum[Key], kept: frozenset[Key], counts: Mapping[Key, int], below: int) -> bool:
    parts = [counts[key] for key in line.parts if key in kept]
    if line.total in kept:
        return bool(parts)
    large = [count for count in parts if count >= below]
    # With this much in hiding, every small count among it could be any small number.
    most = (below - 1) * (len(parts) - len(large)) + below * len(large)
    return not parts or (bool(large) and len(parts) >= FEWEST_HIDDEN_IN_A_SUM and sum(parts) > most)


def shown(count: int, is_hidden: bool, below: int) -> str:
    """The count in words of the report: `1,234`, `<5` for a small one, `≥5` for one hidden to guard it."""
    if not is_hidden:
        return f"{count:,}"
    return f"<{below}" if count < below else f"≥{below}"


def hidden_steps(counts: Sequence[int], below: int) -> list[bool]:
    """For counts that follow from each other (a funnel): which may not be shown.

    Hidden are small counts, and counts that differ from the last one shown by 1 to `below` - 1: the
    difference would be a small count.
    """
    steps: list[bool] = []
    last_shown: int | None = None
    for count in counts:
        differs_by = 0 if last_shown is None else abs(last_shown - count)
        steps.append(_is_small(count, below) or _is_small(differs_by, below))
        last_shown = last_shown if steps[-1] else count
    return steps


def _is_small(count: int, below: int) -> bool:
    return SMALLEST_HIDDEN <= count < below
