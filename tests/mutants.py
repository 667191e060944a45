"""Every small change of a rule: a row or case taken away, a clause switched off, a word or a priority dropped.

Each is a `Mutant` with the changed rule. `is_redundant` is a proof, by boxes of people, that nobody there can be
is decided differently: no case could notice it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, NamedTuple

from rules.model import Band, Condition, DecisionRow, Output, Pack
from rules.monitoring import WITH_CAUTIONS, WITH_MONITORING
from rules.proof import Box, left_over, reach, whole
from schemas.vocabulary import FACTS, YES_NO

_INJECTED, _SUPPLIED = ("LOADING", "ACTIVE_IM"), ("ACTIVE_ORAL", "ACTIVE_SL", "ACTIVE_NASAL")
_TREATED = whole({**WITH_MONITORING, "overdue": YES_NO})


def _some(box: Box, **words: Sequence[str]) -> Box:
    return {**box, **{fact: frozenset(given) for fact, given in words.items()}}


ON_REPLACEMENT: tuple[Box, ...] = (
    _some(_TREATED, replacement=["LOADING"], im_interval=["none"], oral_review=["none"]),
    _some(
        _TREATED,
        replacement=["ACTIVE_IM"],
        im_interval=["monthly", "neuro", "standard"],
        oral_review=["none"],
    ),
    _some(
        _TREATED,
        replacement=_SUPPLIED,
        im_interval=["none"],
        oral_review=["first", "reviewed", "undated", "undated_reviewed"],
    ),
)
"""Everybody of whom follow-up is asked; interval and oral review follow from the state of replacement."""

_ASKED = _some(whole(WITH_CAUTIONS), eligibility=["eligible"], age_group=["adult"])
ELIGIBLE_ADULTS: tuple[Box, ...] = (
    _some(_ASKED, replacement=["NEVER", "LAPSED"], b12_since_start=["none"], neuro_since_start=["no"]),
    _some(
        _ASKED,
        replacement=[*_INJECTED, *_SUPPLIED],
        lapsed=["none"],
        on_replacement_list=["no"],
        on_mma_list=["no"],
    ),
)
"""Everybody of whom cautions are asked: nobody on replacement is on a list for it or for MMA (row R03)."""

Ordered = Sequence[tuple[Condition, Any]]
"""Conditions with what each gives, first match."""

OTHER_WORDS = {
    "mma_for": "symptomatic_only",
    "mma_policy": "three_zone",
    "egfr_variant_code": "33914-3",
    "first_test_tier_e": "on",
    "regimen_optic": "RG-S",
    "regimen_neuro": "RG-S",
    "regimen_severe_anaemia": "RG-O",
    "safety_review_alone_priority": "P3",
}
"""Parameters that are words -> another word of theirs."""


@dataclass(frozen=True)
class Mutant:
    name: str
    rule: Any
    is_redundant: bool = False


class Change(NamedTuple):
    """A condition after one change; None: the whole alternative is gone."""

    name: str
    when: Condition | None


def changes(when: Condition) -> Iterator[Change]:
    yield Change("removed", None)
    for fact, words in when.items():
        yield Change(f"without {fact}", {name: kept for name, kept in when.items() if name != fact})
        if len(words) > 1:
            for word in words:
                rest = tuple(kept for kept in words if kept != word)
                yield Change(f"without {fact} {word}", {**when, fact: rest})


def differ(people: Sequence[Box], one: Ordered, other: Ordered) -> bool:
    """Whether anybody of the boxes is given something else by the other; nothing matched gives None."""
    rest = list(people)
    for when, given in [*one, ({}, None)]:
        here = reach(rest, when)
        for when_other, given_other in [*other, ({}, None)]:
            if not here:
                break
            if given_other != given and reach(here, when_other):
                return True
            here = left_over(here, when_other)
        rest = left_over(rest, when)
    return False


def replaced(items: Sequence[Any], place: int, item: Any | None) -> tuple[Any, ...]:
    return (*items[:place], *([] if item is None else [item]), *items[place + 1 :])


def decision_mutants(pack: Pack) -> Iterator[Mutant]:
    """Changed tables: `rule` is the rows. The last row has no condition and cannot be left out."""
    undecided: list[Box] = [whole(FACTS)]
    for place, row in enumerate(pack.decisions):
        if row.when:
            for name, when in changes(row.when):
                changed = None if when is None else replace(row, when=when)
                yield Mutant(
                    f"{row.key} {name}",
                    replaced(pack.decisions, place, changed),
                    when is not None and not _reach_differs(undecided, row.when, when),
                )
        reached = reach(undecided, row.when)
        for output, is_redundant, label in _output_mutants(row, reached):
            yield Mutant(f"{row.key} {label}", replaced(pack.decisions, place, output), is_redundant)
        undecided = left_over(undecided, row.when)


def _reach_differs(people: Sequence[Box], one: Condition, other: Condition) -> bool:
    return bool(left_over(reach(people, one), other) or left_over(reach(people, other), one))


def _output_mutants(row: DecisionRow, reached: Sequence[Box]) -> Iterator[tuple[DecisionRow, bool, str]]:
    for place, output in enumerate(row.outputs):
        yield replace(row, outputs=replaced(row.outputs, place, None)), False, f"{output.worklist} removed"
        for priorities, is_redundant, label in priority_mutants(output.priorities, reached):
            changed: Output = replace(output, priorities=priorities)
            yield (
                replace(row, outputs=replaced(row.outputs, place, changed)),
                is_redundant,
                f"{output.worklist} {label}",
            )


def priority_mutants(
    priorities: Sequence[Any], people: Sequence[Box]
) -> Iterator[tuple[tuple[Any, ...], bool, str]]:
    ordered = [(one.when, one.priority) for one in priorities]
    for place, one in enumerate(priorities):
        for name, when in changes(one.when):
            changed = None if when is None else replace(one, when=when)
            mutated = replaced(priorities, place, changed)
            is_redundant = not differ(people, ordered, [(each.when, each.priority) for each in mutated])
            yield mutated, is_redundant, f"{one.priority} (alternative {place + 1}) {name}"


def caution_mutants(pack: Pack) -> Iterator[Mutant]:
    """Changed cautions: `rule` is one caution."""
    for caution in pack.cautions:
        ordered = [(case.when, (case.severity, case.text)) for case in caution.cases]
        for place, case in enumerate(caution.cases):
            for name, when in changes(case.when):
                changed = None if when is None else replace(case, when=when)
                mutated = replaced(caution.cases, place, changed)
                other = [(each.when, (each.severity, each.text)) for each in mutated]
                yield Mutant(
                    " ".join(filter(None, [caution.id, case.case, name])),
                    replace(caution, cases=mutated),
                    not differ(ELIGIBLE_ADULTS, ordered, other),
                )
        for severity in caution.alone:
            alone = tuple(kept for kept in caution.alone if kept != severity)
            yield Mutant(f"{caution.id} not alone when {severity}", replace(caution, alone=alone))


def follow_up_mutants(pack: Pack) -> Iterator[Mutant]:
    """Changed items: `rule` is one item. Days are moved by one as well."""
    for item in pack.follow_up:
        ordered = [(case.when, case) for case in item.cases]
        for place, case in enumerate(item.cases):
            for name, when in changes(case.when):
                changed = None if when is None else replace(case, when=when)
                mutated = replaced(item.cases, place, changed)
                # A case is told apart by what it gives, not by when it holds.
                other = [
                    (each.when, case if number == place and changed is not None else each)
                    for number, each in enumerate(mutated)
                ]
                yield Mutant(
                    " ".join(filter(None, [item.id, case.case, name])),
                    replace(item, cases=mutated),
                    not differ(ON_REPLACEMENT, ordered, other),
                )
            for field in ("due_days", "overdue_days"):
                for step in (1, -1):
                    days = getattr(case, field)
                    if days is not None:
                        moved = replace(case, **{field: days + step})
                        yield Mutant(
                            " ".join(filter(None, [item.id, case.case, f"{field} {step:+d}"])),
                            replace(item, cases=replaced(item.cases, place, moved)),
                        )
        for priorities, is_redundant, label in priority_mutants(item.priorities, ON_REPLACEMENT):
            if priorities:
                yield Mutant(f"{item.id} {label}", replace(item, priorities=priorities), is_redundant)


def parameter_mutants(pack: Pack) -> Iterator[Mutant]:
    """Changed packs: each number one unit of its last digit up and down, each word another one."""
    for name, parameter in pack.parameters.items():
        if isinstance(parameter.value, str):
            yield Mutant(f"{name} {OTHER_WORDS[name]}", with_value(pack, name, OTHER_WORDS[name]))
            continue
        written = Decimal(f"{parameter.value:.12g}")
        step = Decimal(1).scaleb(min(0, int(written.normalize().as_tuple().exponent)))
        for sign, moved in (("+", written + step), ("-", written - step)):
            yield Mutant(f"{name} {sign}{step}", with_value(pack, name, float(moved)))


INTERVALS = {
    "im_interval_monthly_days": "monthly",
    "im_interval_neuro_days": "neuro",
    "im_interval_days": "standard",
}
"""Parameters that the cases of F4 name as their days: the loader has put the number there."""


def with_value(pack: Pack, name: str, value: float | str) -> Pack:
    changed = replace(pack.parameters[name], value=value)
    items = tuple(
        replace(
            item,
            cases=tuple(
                replace(case, due_days=int(value)) if case.case == INTERVALS.get(name) else case
                for case in item.cases
            ),
        )
        if item.id == "F4"
        else item
        for item in pack.follow_up
    )
    return replace(pack, parameters={**pack.parameters, name: changed}, follow_up=items)


def suppression_mutants(pack: Pack) -> Iterator[tuple[str, Pack]]:
    """Changed packs: an open request for the same test no longer takes the person off the list."""
    for worklist in pack.suppressed_by:
        kept = {name: when for name, when in pack.suppressed_by.items() if name != worklist}
        yield f"suppressed_by {worklist} removed", replace(pack, suppressed_by=kept)


def band_mutants(pack: Pack) -> Iterator[Mutant]:
    """Changed packs: each limit one unit up and down, and each limit given to the band on its other side."""
    for number, bands in enumerate(pack.band_sets):
        for place in range(len(bands.bands) - 1):
            lower, upper = bands.bands[place : place + 2]
            limit = lower.lt if lower.lt is not None else lower.le
            assert limit is not None
            for label, pair in {
                f"{limit:g} +1": (_moved(lower, limit, limit + 1), _moved(upper, limit, limit + 1)),
                f"{limit:g} -1": (_moved(lower, limit, limit - 1), _moved(upper, limit, limit - 1)),
                f"{limit:g} to the other band": (_other_side(lower, limit), _other_side(upper, limit)),
            }.items():
                changed = replace(bands, bands=(*bands.bands[:place], *pair, *bands.bands[place + 2 :]))
                yield Mutant(
                    f"{bands.id} {label}",
                    replace(pack, band_sets=replaced(pack.band_sets, number, changed)),
                )


def _moved(band: Band, limit: float, to: float) -> Band:
    named = {side: to for side in ("lt", "le", "gt", "ge") if getattr(band, side) == limit}
    return replace(band, **named)


def _other_side(band: Band, limit: float) -> Band:
    other = {"lt": "le", "le": "lt", "gt": "ge", "ge": "gt"}
    sides = [side for side in other if getattr(band, side) == limit]
    return replace(band, **dict.fromkeys(sides), **{other[side]: limit for side in sides})
