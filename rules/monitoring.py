"""Cautions and follow-up items of a pack: read strictly, every case proven to have somebody it can be for."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from rules.decision_table import read_condition
from rules.model import (
    Caution,
    CautionCase,
    Condition,
    FollowUpCase,
    FollowUpItem,
    Parameter,
    Priority,
)
from rules.proof import Box, left_over, reach, whole
from rules.reading import CITED, Entry, Lexicon
from schemas.vocabulary import CAUTION_FACTS, FACTS, MONITORING_FACTS, PRIORITIES, SEVERITIES, YES_NO

MONITORING_NUMBERS: Final = (
    "plt_low",
    "baseline_days",
    "review_done_days",
    "review_early_done_days",
    "review_ends_days",
    "plateau_from_days",
    "plateau_every_days",
    "plateau_last_days",
    "not_better_days",
    "low_on_treatment_days",
    "breastfeeding_days",
    "folic_acid_ug",
    "oral_malabsorption_ug",
    "sample_after_injection_days",
    "loading_check_days",
    "loading_diagnosis_days",
)
"""Parameters that follow-up items and cautions read."""

MONITORING_WORDS: Final = ("safety_review_alone_priority", "ethnicity_words", "antibody_positive_words")

MONITORING_CONTEXT: Final = (
    "breastfeeding",
    "folic_acid",
    "anticoagulant",
    "needle_phobia",
    "thiamine_risk_high",
    "thiamine_risk_possible",
    "cyanocobalamin",
    "leber_tobacco_amblyopia",
    "false_low_condition",
)
"""Context clues that follow-up items and cautions read."""

COMPUTED_ITEMS: Final = ("F1", "F2", "F3", "F4", "F5", "F6", "F7", "F8", "F10", "C03")
"""Follow-up items whose own date the screen works out; any other can only be told as not computable."""

DATED: Final = ("due", "since")
WITH_CAUTIONS: Final = {**FACTS, **CAUTION_FACTS}
WITH_MONITORING: Final = {**FACTS, **MONITORING_FACTS}

_CAUTION_ID: Final = re.compile(r"C\d\d[a-z]?")
_ITEM_ID: Final = re.compile(r"F[1-9]\d?|C\d\d")
_CASE: Final = re.compile(r"[a-z0-9_]*")
_TOLD: Final = ("id", "label", *CITED)


def read_cautions(sheet: Entry, words: Lexicon) -> tuple[Caution, ...]:
    """The cautions in the order of their numbers, in which they are shown."""
    sheet.require(("caution",))
    cautions = [_caution(_named(entry, sheet), words) for entry in sheet.children("caution")]
    ids = [caution.id for caution in cautions]
    if ids != sorted(set(ids)):
        raise sheet.refuse(
            "has a caution twice or out of order.", "Write each once, in the order of numbers."
        )
    return tuple(cautions)


def read_follow_up(
    sheet: Entry, words: Lexicon, parameters: Mapping[str, Parameter]
) -> tuple[FollowUpItem, ...]:
    """The follow-up items in the order in which ties between them are broken.

    `due_days` is a number of days, or the name of the parameter that holds it.
    """
    sheet.require(("item",))
    items = [_item(_named(entry, sheet), words, parameters) for entry in sheet.children("item")]
    ids = [item.id for item in items]
    if len(set(ids)) != len(ids):
        raise sheet.refuse("has an item twice.", "Write each item once, with cases.")
    return tuple(items)


def _named(entry: Entry, sheet: Entry) -> Entry:
    """The same entry, spoken of by its id instead of by its place in the file."""
    name = entry.values.get("id")
    return Entry(f"{sheet.where} {name}", entry.values) if isinstance(name, str) else entry


def _caution(entry: Entry, words: Lexicon) -> Caution:
    entry.require(_TOLD, ("computable", "not_computed", "case", "alone"))
    caution = Caution(
        id=_id(entry, _CAUTION_ID, "C and two digits, as C01 or C14a"),
        label=_sentence(entry, "label"),
        cases=tuple(_caution_case(part) for part in entry.children("case")),
        alone=entry.words("alone", ()),
        not_computed=entry.text("not_computed", ""),
        fact=words.fact(entry),
    )
    for severity in caution.alone:
        entry.known(severity, [case.severity for case in caution.cases], "severity")
    _check_computable(entry, bool(caution.cases), caution.not_computed)
    _check_cases(entry, [(case.case, case.when) for case in caution.cases], WITH_CAUTIONS)
    return caution


def _caution_case(entry: Entry) -> CautionCase:
    entry.require(("when", "severity", "finding", "advice"), ("case",))
    return CautionCase(
        case=entry.text("case", ""),
        when=read_condition(entry.child("when"), WITH_CAUTIONS),
        severity=entry.one_of("severity", SEVERITIES),
        finding=_sentence(entry, "finding"),
        advice=_sentence(entry, "advice"),
    )


def _item(entry: Entry, words: Lexicon, parameters: Mapping[str, Parameter]) -> FollowUpItem:
    entry.require(_TOLD, ("computable", "not_computed", "case", "priorities", "dated"))
    item = FollowUpItem(
        id=_id(entry, _ITEM_ID, "F and a number, as F4, or the id of a caution"),
        label=_sentence(entry, "label"),
        dated=entry.one_of("dated", DATED, "due"),
        priorities=tuple(_priority(part) for part in entry.children("priorities")),
        cases=tuple(_item_case(part, parameters) for part in entry.children("case")),
        not_computed=entry.text("not_computed", ""),
        fact=words.fact(entry),
    )
    _check_computable(entry, bool(item.cases), item.not_computed)
    _check_cases(entry, [(case.case, case.when) for case in item.cases], WITH_MONITORING)
    if item.cases and item.id not in COMPUTED_ITEMS:
        raise entry.refuse("has cases, but nothing works out its date.", "Write `computable = false`.")
    if item.cases and (not item.priorities or item.priorities[-1].when):
        raise entry.refuse("may leave somebody without a priority.", "End with a priority without `when`.")
    return item


def _item_case(entry: Entry, parameters: Mapping[str, Parameter]) -> FollowUpCase:
    entry.require(("when", "due_days", "text"), ("case", "overdue_days"))
    return FollowUpCase(
        case=entry.text("case", ""),
        when=read_condition(entry.child("when"), WITH_MONITORING),
        due_days=_due_days(entry, parameters),
        overdue_days=_days(entry, "overdue_days", 1) if "overdue_days" in entry.values else None,
        text=_sentence(entry, "text"),
    )


def _priority(entry: Entry) -> Priority:
    entry.require(("priority",), ("when",))
    facts = {**WITH_MONITORING, "overdue": YES_NO}
    return Priority(read_condition(entry.child("when"), facts), entry.one_of("priority", PRIORITIES))


def _id(entry: Entry, pattern: re.Pattern[str], form: str) -> str:
    name = entry.text("id")
    if not pattern.fullmatch(name):
        raise entry.refuse("has no id of its kind.", f"Write {form}.")
    return name


def _sentence(entry: Entry, key: str) -> str:
    text = entry.text(key)
    if not text.strip():
        raise entry.refuse(f"has an empty `{key}`.", "Write a short sentence a clinician reads.")
    return text


def _due_days(entry: Entry, parameters: Mapping[str, Parameter]) -> int:
    if not isinstance(entry.values["due_days"], str):
        return _days(entry, "due_days", 0)
    parameter = parameters[entry.one_of("due_days", parameters)]
    if parameter.unit != "days" or not isinstance(parameter.value, float):
        raise entry.refuse(
            f"counts days by {parameter.id}, which is in {parameter.unit}.", "Name one in days."
        )
    return int(parameter.value)


def _days(entry: Entry, key: str, least: int) -> int:
    days = entry.number(key)
    if days < least or days != int(days):
        raise entry.refuse(f"has a `{key}` that is no number of days.", f"Write a whole number from {least}.")
    return int(days)


def _check_computable(entry: Entry, has_cases: bool, not_computed: str) -> None:
    if entry.flag("computable", True) != has_cases:
        raise entry.refuse(
            "has cases though it is not computable, or none though it is.",
            "Give `[[...case]]` tables, or write `computable = false` and `not_computed`.",
        )
    if not has_cases and not not_computed.strip():
        raise entry.refuse(
            "does not say why it is not computed.", "Say in `not_computed` what is shown instead."
        )


def _check_cases(
    entry: Entry, cases: Sequence[tuple[str, Condition]], facts: Mapping[str, tuple[str, ...]]
) -> None:
    """Each case needs a name of its own and somebody whom the cases above it leave."""
    names = [name for name, _ in cases]
    if len(set(names)) != len(names) or not all(_CASE.fullmatch(name) for name in names):
        raise entry.refuse(
            "has two cases of one name, or a name that is none.", "Name cases in small letters."
        )
    rest: list[Box] = [whole(facts)]
    for name, when in cases:
        if not when:
            raise entry.refuse(f"case `{name}` holds for everybody.", "Say in `when` whom it is for.")
        if not reach(rest, when):
            raise entry.refuse(f"case `{name}` can never be reached.", "The cases above take everybody.")
        rest = left_over(rest, when)
