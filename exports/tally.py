"""The counts of a run's summary by key, which of them add up to which, and how each may be shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from exports.disclosure import Sum, hidden, shown
from schemas.vocabulary import LISTS, PRIORITIES

Key = tuple[str, ...]
Summary = Mapping[str, Any]

# No clinic can have this name.
ALL: Final = "\x00"
PARTS_OF_ROWS_IN: Final = {
    "in_force": "in force",
    "duplicate_or_superseded": "duplicate or superseded",
    "not_yet_known": "not yet known",
    "out_of_scope": "out of scope",
    "opted_out": "opted out",
    "quarantined": "quarantined",
}


class Tally:
    """Counts that know whether they may be shown.

    Keys: (`priority`, list, priority), (`clinic`, clinic id, list), each with ALL for a total;
    (`status`, n), (`quarantine`, n), (`b12`, histogram, n) by position; (`rows`, table, part);
    (`unseen`, n) by position.
    """

    def __init__(self, summary: Summary) -> None:
        self.below = int(summary["suppress_below"])
        self._counts: dict[Key, int] = {}
        self._sums: list[Sum[Key]] = []
        self._add_lists(summary["lists"], summary["clinics"])
        self._add_statuses(summary["statuses"])
        self._add_rows(summary["conservation"], summary["quarantine"])
        self._add_histograms(summary["b12_histogram"])
        # A person may stand in several of these, so that they add up to nothing.
        places = enumerate(summary["not_seen"]["places"])
        self._counts.update({("unseen", str(at)): int(line["people"]) for at, line in places})
        self._hidden = hidden(self._counts, self._sums, self.below)

    def words(self, *key: str) -> str:
        return shown(self._counts[key], self.is_hidden(*key), self.below)

    def is_hidden(self, *key: str) -> bool:
        return key in self._hidden

    def length(self, *key: str) -> int:
        """The count as far as the length of a bar may give it away; hidden ones all look alike."""
        return self.below if self.is_hidden(*key) else self._counts[key]

    def adds_up(self, table: str) -> bool:
        parts = (self._counts["rows", table, part] for part in PARTS_OF_ROWS_IN)
        return sum(parts) == self._counts["rows", table, "rows_in"]

    def _add_sum(self, parts: Iterable[Key], total: Key | None) -> None:
        keys = tuple(parts)
        if total is not None:
            self._counts.setdefault(total, sum(self._counts[key] for key in keys))
        self._sums.append(Sum(keys, total))

    def _add_lists(self, lists: Mapping[str, Any], clinics: Mapping[str, Any]) -> None:
        self._counts.update(
            {("priority", n, p): int(lists.get(n, {}).get(p, 0)) for n in LISTS for p in PRIORITIES}
        )
        self._counts.update({("clinic", c, n): int(of.get(n, 0)) for c, of in clinics.items() for n in LISTS})
        self._add_table("priority", LISTS, PRIORITIES)
        if clinics:
            self._add_table("clinic", tuple(clinics), LISTS)
            # The two tables share their totals: what one hides the other must not show.
            for name in (*LISTS, ALL):
                self._sums.append(Sum((("clinic", ALL, name),), ("priority", name, ALL)))

    def _add_table(self, kind: str, downward: tuple[str, ...], across: tuple[str, ...]) -> None:
        for down in downward:
            self._add_sum(((kind, down, right) for right in across), (kind, down, ALL))
        for right in across:
            self._add_sum(((kind, down, right) for down in downward), (kind, ALL, right))
        self._add_sum(((kind, down, ALL) for down in downward), (kind, ALL, ALL))
        self._add_sum(((kind, ALL, right) for right in across), (kind, ALL, ALL))

    def _add_statuses(self, statuses: Iterable[Any]) -> None:
        keys: dict[Key, int] = {("status", str(at)): int(count) for at, (*_, count) in enumerate(statuses)}
        self._counts.update(keys)
        # Their total is a step of the funnel: known, so that it cannot be hidden here.
        self._sums.append(Sum(tuple(keys)))

    def _add_rows(self, conservation: Iterable[Any], quarantine: Iterable[Any]) -> None:
        for line in conservation:
            table = str(line["table"])
            names = ("rows_in", *PARTS_OF_ROWS_IN)
            self._counts.update({("rows", table, name): int(line[name]) for name in names})
            self._add_sum((("rows", table, part) for part in PARTS_OF_ROWS_IN), ("rows", table, "rows_in"))
        refused: dict[str, list[Key]] = {}
        for at, line in enumerate(quarantine):
            self._counts["quarantine", str(at)] = int(line["count"])
            refused.setdefault(str(line["table"]), []).append(("quarantine", str(at)))
        for table, keys in refused.items():
            self._add_sum(keys, ("rows", table, "quarantined"))

    def _add_histograms(self, histograms: Iterable[Any]) -> None:
        for at, histogram in enumerate(histograms):
            bars = enumerate(histogram["counts"])
            self._counts.update({("b12", str(at), str(bar)): int(count) for bar, count in bars})
