"""Every small change of a rule: a row or case taken away, a clause switched off, a word or a priority dropped.

Each is a `Mutant` with the changed rule. `is_redundant` is a proof, by boxes of people, that nobody there can be
is decided differently: no case could notice it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, NamedTuple

from rules.model import (
    Band,
    Cause,
    Clue,
    Condition,
    DecisionRow,
    Output,
    Pack,
    Parameter,
    ReplacementForm,
)
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
_UNTREATED = _some(
    _ASKED, replacement=["NEVER", "LAPSED"], b12_since_start=["none"], neuro_since_start=["no"]
)
_ON_NO_LIST = _some(_ASKED, lapsed=["none"], on_replacement_list=["no"], on_replacement_or_mma_list=["no"])
ELIGIBLE_ADULTS: tuple[Box, ...] = (
    _some(
        _UNTREATED,
        on_replacement_list=["yes"],
        on_replacement_or_mma_list=["yes"],
        replacement_listed_or_injected=["yes"],
    ),
    _some(_UNTREATED, on_replacement_list=["no"], replacement_listed_or_injected=["no"]),
    _some(_ON_NO_LIST, replacement=_INJECTED, replacement_listed_or_injected=["yes"]),
    _some(_ON_NO_LIST, replacement=_SUPPLIED, replacement_listed_or_injected=["no"]),
)
"""Everybody of whom cautions are asked: nobody on replacement is on a list for it or for MMA (row R03)."""

Ordered = Sequence[tuple[Condition, Any]]
"""Conditions with what each gives, first match."""

WORDS = {
    "mma_for": ("all_indeterminate", "symptomatic_only"),
    "mma_policy": ("lab_range", "three_zone"),
    "egfr_variant_code": ("48643-1", "33914-3"),
    "first_test_tier_e": ("off", "on"),
    "regimen_optic": ("RG-X", "RG-S"),
    "regimen_neuro": ("RG-N", "RG-S"),
    "regimen_severe_anaemia": ("RG-S", "RG-O"),
    "safety_review_alone_priority": ("P2", "P3"),
}
"""Parameters that are one word -> words they may have."""


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
            for label, words in _other_words(parameter):
                yield Mutant(f"{name} {label}", with_value(pack, name, words))
            continue
        written = Decimal(f"{parameter.value:.12g}")
        step = Decimal(1).scaleb(min(0, int(written.normalize().as_tuple().exponent)))
        for sign, moved in (("+", written + step), ("-", written - step)):
            yield Mutant(f"{name} {sign}{step}", with_value(pack, name, float(moved)))


def _other_words(parameter: Parameter) -> Iterator[tuple[str, str]]:
    """Another word, or the words without one of them; a last word becomes one that nothing says."""
    if parameter.unit != "words":
        other = next(word for word in WORDS[parameter.id] if word != parameter.value)
        yield other, other
        return
    words = str(parameter.value).split(", ")
    for word in words:
        yield f"without {word}", ", ".join(kept for kept in words if kept != word) or "nothing says this"


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


class EntryMutant(NamedTuple):
    """A change of one cause, clue or B12 list; `change` may be made on a pack that others have changed."""

    entry: str
    name: str
    change: Callable[[Pack], Pack]


def entry_mutants(pack: Pack) -> Iterator[EntryMutant]:
    """Every row removed, swapped, and each of its words, flags and codelists changed."""
    for cause in pack.causes:
        yield from _cause_mutants(cause, pack)
    for clue in pack.clues:
        yield from _clue_mutants(clue)
    for form in pack.replacement_forms:
        yield from _form_mutants(form)


def _cause_mutants(cause: Cause, pack: Pack) -> Iterator[EntryMutant]:
    name = f"cause:{cause.id}"

    def changed(one: Cause | None) -> Callable[[Pack], Pack]:
        return lambda held: replace(held, causes=_with(held.causes, "id", cause.id, one))

    place = pack.causes.index(cause)
    if place + 1 < len(pack.causes):
        # The last row is what is left for everybody else, and cannot be left out.
        yield EntryMutant(name, f"{name} removed", changed(None))
        below = pack.causes[place + 1].id
        yield EntryMutant(name, f"{name} after {below}", _swapped(cause.id, below))
    if cause.rule:
        yield EntryMutant(name, f"{name} without {cause.rule}", changed(replace(cause, rule="")))
    for concept in cause.concepts:
        rest = tuple(kept for kept in cause.concepts if kept != concept)
        yield EntryMutant(name, f"{name} without {concept}", changed(replace(cause, concepts=rest)))
    flipped = replace(cause, irreversible=not cause.irreversible)
    yield EntryMutant(name, f"{name} irreversible {flipped.irreversible}", changed(flipped))
    other = "RG-O" if cause.regimen_id != "RG-O" else "RG-S"
    yield EntryMutant(name, f"{name} {other}", changed(replace(cause, regimen_id=other)))


def _swapped(one: str, other: str) -> Callable[[Pack], Pack]:
    def change(pack: Pack) -> Pack:
        by_id = {cause.id: cause for cause in pack.causes}
        order = {one: other, other: one}
        return replace(
            pack, causes=tuple(by_id.get(order.get(cause.id, cause.id), cause) for cause in pack.causes)
        )

    return change


def _with(items: Sequence[Any], key: str, named: str, item: Any | None) -> tuple[Any, ...]:
    place = next(number for number, each in enumerate(items) if getattr(each, key) == named)
    return replaced(items, place, item)


OTHER_NEURO = {
    "high": ("high_when_new",),
    "high_when_new": ("high", "low"),
    "low": ("high_when_new", ""),
    "": ("low",),
}
RISK_GROUPS = ("ng239", "aafp", "bsh")


def _clue_mutants(clue: Clue) -> Iterator[EntryMutant]:
    """A clue that is asked for by its name loses its codelists instead of its row."""
    name = f"clue:{clue.id}"

    def mutant(label: str, one: Clue) -> EntryMutant:
        return EntryMutant(
            name, f"{name} {label}", lambda held: replace(held, clues=_with(held.clues, "id", clue.id, one))
        )

    for concept in clue.concepts:
        rest = tuple(kept for kept in clue.concepts if kept != concept)
        yield mutant(f"without {concept}", replace(clue, concepts=rest))
    if clue.group == "symptom":
        for neuro in OTHER_NEURO[clue.neuro]:
            yield mutant(f"neuro {neuro or 'none'}", replace(clue, neuro=neuro))
        yield mutant(f"low_weight {not clue.low_weight}", replace(clue, low_weight=not clue.low_weight))
    if clue.group in RISK_GROUPS and clue.concepts:
        yield mutant(f"tier_c {not clue.tier_c}", replace(clue, tier_c=not clue.tier_c))
        flipped = replace(clue, current_only=not clue.current_only)
        yield mutant(f"current_only {flipped.current_only}", flipped)
        group = "aafp" if clue.group == "ng239" else "ng239"
        yield mutant(f"group {group}", replace(clue, group=group))


OTHER_FORM = {"im": "oral", "oral": "im", "sublingual": "oral", "nasal": "oral", "unstated": "im"}


def _form_mutants(form: ReplacementForm) -> Iterator[EntryMutant]:
    name = f"form:{form.concept}"

    def mutant(label: str, one: ReplacementForm | None) -> EntryMutant:
        return EntryMutant(
            name,
            f"{name} {label}",
            lambda held: replace(
                held, replacement_forms=_with(held.replacement_forms, "concept", form.concept, one)
            ),
        )

    # A list without a row counts as little as one that does not count.
    yield mutant(f"counts {not form.counts}", replace(form, counts=not form.counts))
    if form.counts:
        yield mutant(OTHER_FORM[form.form], replace(form, form=OTHER_FORM[form.form]))
