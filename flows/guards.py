"""When a night must not be published: a feed that broke, or a screen that would see nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from flows.settings import Limits
from schemas.errors import InputRefused
from schemas.vocabulary import REQUIRED_TABLES

WATCHED_CONCEPTS: Final = ("lab_b12_total", "lab_b12_active", "lab_mma_serum")
"""Concepts with a refused share of their own: rows that matter less must not hide a broken feed."""

LOW_VOLUME_HINT: Final = (
    "check the extract and the mapping of its codes. Where it is right, --accept-low-volume publishes it."
)


@dataclass(frozen=True)
class Share:
    """Refused rows among those that count: in scope and not a repetition."""

    what: str
    refused: int
    of: int


def shares(
    conservation: Iterable[Mapping[str, Any]], concepts: Iterable[Mapping[str, Any]]
) -> Iterator[Share]:
    """The refused share of every table and of every watched concept."""
    for line in conservation:
        not_counted = line["out_of_scope"] + line["opted_out"] + line["duplicate"]
        yield Share(line["table"], line["quarantined"], line["rows_in"] - not_counted)
    for line in concepts:
        if line["concept"] in WATCHED_CONCEPTS:
            yield Share(line["concept"], line["refused"], line["rows_in_scope"] - line["duplicate"])


def in_words(reasons: Iterable[Mapping[str, Any]]) -> str:
    """Why rows were refused, most frequent first: `labs unit_missing 11, patients birth_date_missing 1`."""
    ordered = sorted(reasons, key=lambda line: (-line["rows"], line["table_name"], line["reason"]))
    return ", ".join(f"{line['table_name']} {line['reason']} {line['rows']}" for line in ordered)


def refuse_broken_feed(found: Iterable[Share], limits: Limits, reasons: str) -> None:
    """Raises InputRefused where a table or a watched concept lost more than the configured share of its rows."""
    broken = [
        share
        for share in found
        if share.of >= limits.refused_share_min_rows and share.refused > limits.refused_share * share.of
    ]
    if broken:
        told = "; ".join(f"{share.what}: {share.refused} of {share.of} rows refused" for share in broken)
        raise InputRefused(
            f"Too many rows are refused ({told}; the limit is {limits.refused_share:.0%}). Reasons: {reasons}.",
            "mend the extract or the site's mapping (units, date formats), or raise [limits] refused_share.",
        )


def empty_tables(rows_in: Mapping[str, int]) -> str | None:
    """Which required tables came without rows, as a sentence; null where all have some."""
    empty = [table for table in REQUIRED_TABLES if not rows_in.get(table)]
    return f"Without rows: {', '.join(empty)}." if empty else None


def empty_deliveries(
    delivers: Mapping[str, Iterable[str]], rows_in: Mapping[tuple[str, str], int]
) -> str | None:
    """Which snapshots lack every row of a table that they deliver, as a sentence; null where none does."""
    empty = [
        f"{source} {table}"
        for source, tables in delivers.items()
        for table in tables
        if not rows_in.get((source, table))
    ]
    return f"Without rows: {', '.join(empty)}." if empty else None


def fewer_links(linked: int, previous: int, limits: Limits) -> str | None:
    """Why so few identifiers are joined that people would fall apart; null where enough are."""
    if linked < limits.volume_drop * previous:
        return (
            f"The crosswalk joins {linked} identifiers, {previous} in the previous publication"
            f" (the limit is {limits.volume_drop:.0%} of it)."
        )
    return None


def low_volume(people: int, recognised_b12: int, previous_b12: int | None, limits: Limits) -> str | None:
    """Why this night would see nothing, or far less than the one before; null where it sees enough."""
    if not people:
        return "Not one person of the extract can be screened."
    if not recognised_b12:
        return "Not one B12 result was recognised."
    if previous_b12 and recognised_b12 < limits.volume_drop * previous_b12:
        return (
            f"{recognised_b12} B12 results were recognised, {previous_b12} in the previous publication"
            f" (the limit is {limits.volume_drop:.0%} of it)."
        )
    return None


def refuse_low_volume(reason: str | None, *, is_accepted: bool) -> None:
    if reason and not is_accepted:
        raise InputRefused(f"Too little came in. {reason}", LOW_VOLUME_HINT)
