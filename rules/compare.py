"""Two packs side by side: the entries that differ, clause by clause, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Final

from rules.model import Band, Fact, Pack

_ABSENT: Final = ""
_NAMED_BY: Final = ("key", "id", "concept", "worklist", "name", "case")
_KINDS: Final = {
    "parameters": "parameter",
    "band_sets": "band",
    "clues": "clue",
    "replacement_forms": "replacement",
    "causes": "cause",
    "regimens": "regimen",
    "decisions": "row",
    "suppressed_by": "suppressed_by",
    "cautions": "caution",
    "follow_up": "follow-up",
}
_NOT_COMPARED: Final = ("sources", "rows_not_held", "changes")


@dataclass(frozen=True)
class Difference:
    """One clause of one entry that two packs say otherwise; `before` or `after` is empty where one says nothing."""

    kind: str
    entry: str
    clause: str
    before: str
    after: str


def differences(before: Pack, after: Pack, *, with_evidence: bool = True) -> list[Difference]:
    """Every clause that differs, in the order of the packs: parameters, bands, clues ... decision rows.

    with_evidence: also where only evidence, source or sign-off differ; these decide nothing.
    """
    one, other = dict(_clauses(before)), dict(_clauses(after))
    entries = {place[:2]: number for number, place in reversed([*enumerate({**one, **other})])}
    found = [
        Difference(*place, one.get(place, _ABSENT), other.get(place, _ABSENT))
        for place in sorted({**one, **other}, key=lambda place: entries[place[:2]])
        if one.get(place, _ABSENT) != other.get(place, _ABSENT)
        and (with_evidence or not place[2].startswith("fact"))
    ]
    return [*found, *_orders(before, after)]


def _orders(before: Pack, after: Pack) -> Iterator[Difference]:
    """Where the first match decides, the order decides: the entries of both packs, if they stand otherwise."""
    for kind, one, other in (
        ("row", [row.key for row in before.decisions], [row.key for row in after.decisions]),
        ("cause", [cause.id for cause in before.causes], [cause.id for cause in after.causes]),
    ):
        here, there = [key for key in one if key in other], [key for key in other if key in one]
        if here != there:
            yield Difference(kind, "all", "order", ", ".join(here), ", ".join(there))


def _clauses(pack: Pack) -> Iterator[tuple[tuple[str, str, str], str]]:
    """Kind, entry and clause of everything a pack says, with the words."""
    for field in fields(pack):
        held = getattr(pack, field.name)
        if field.name in _NOT_COMPARED or not isinstance(held, tuple | Mapping):
            continue
        kind = _KINDS.get(field.name, field.name)
        for name, entry in _named(held):
            for clause, words in _flat(entry, ""):
                yield (kind, name, clause), words


def _named(held: object) -> Iterator[tuple[str, object]]:
    if isinstance(held, Mapping):
        yield from ((str(name), value) for name, value in held.items())
    elif isinstance(held, tuple):
        for place, value in enumerate(held, start=1):
            yield (
                next((str(getattr(value, key)) for key in _NAMED_BY if hasattr(value, key)), str(place)),
                value,
            )


def _flat(value: object, path: str) -> Iterator[tuple[str, str]]:
    """The plain values under a value, each with its path: `outputs.mma_testing.action`."""
    if isinstance(value, tuple) and all(isinstance(word, str) for word in value):
        yield path, (", " if path.endswith(("evidence", "concepts")) else " or ").join(value)
    elif isinstance(value, Mapping | tuple):
        for name, part in _named(value):
            yield from _flat(part, _joined(path, name))
    elif isinstance(value, Fact):
        yield from ((_joined("fact", clause), words) for clause, words in _fact(value))
    elif isinstance(value, Band):
        yield path, band_in_words(value)
    elif is_dataclass(value):
        for field in fields(value):
            yield from _flat(getattr(value, field.name), _joined(path, _step(field.name)))
    elif value is not None:
        yield path, f"{value:.10g}" if isinstance(value, float) else str(value)


def band_in_words(band: Band) -> str:
    """`at least 180 and at most 350`; `any` without limits."""
    named = (("at least", band.ge), ("over", band.gt), ("below", band.lt), ("at most", band.le))
    return " and ".join(f"{word} {limit:g}" for word, limit in named if limit is not None) or "any"


def _step(name: str) -> str:
    """Lists that are known by what stands in them need no name of their own."""
    return "" if name in ("bands", "outputs", "priorities", "cases") else name


def _joined(path: str, step: str) -> str:
    return ".".join(filter(None, (path, step)))


def _fact(fact: Fact) -> Iterator[tuple[str, str]]:
    yield "evidence", ", ".join(fact.evidence)
    yield "source", fact.source
    yield "state", fact.state
    for name, who in (("reviewed_by", fact.reviewed_by), ("signed_by", fact.signed_by)):
        if who:
            yield name, f"{who.role}, {who.on}"
