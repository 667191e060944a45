"""The decision table of a pack: read row by row, and proven to give everybody exactly one row."""

from __future__ import annotations

import re
import string
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final

from rules.model import Condition, DecisionRow, Output, Priority
from rules.proof import Box, example, left_over, reach, whole
from rules.reading import CITED, Entry, Lexicon
from schemas.vocabulary import CLINICAL_STATUSES, FACTS, LISTS, PRIORITIES

ROW_ID: Final = re.compile(r"R\d\d")
BY_CAUSE: Final = "by_cause"
LISTED: Final = ("always", "sometimes")

PLACEHOLDERS: Final[Mapping[str, Condition]] = {
    "b12": {"index_class": ("NONE",), "total_b12_in_pregnancy": ("no",)},
    "index_on": {"index_class": ("NONE",)},
    "mma": {"mma": ("NONE",)},
    "egfr": {"mma": ("NONE", "NORMAL", "EQUIVOCAL", "ELEVATED")},
    "neuro_features": {"neuro": ("none",)},
    "symptom_labels": {"symptom": ("none",)},
    "risk_labels": {"risk_factor": ("none",)},
    "age": {},
    "cause_label": {},
    "homocysteine": {"homocysteine_confirms": ("no",)},
    "surgery": {"resection": ("none",)},
    "last_covered": {"replacement": ("NEVER",)},
    "why_replaced": {"lapsed": ("none",)},
    "repeat_mma": {},
    "findings": {},
    "risks": {},
    "pregnancy": {},
    "severe_counts": {},
    "low_haemoglobin": {},
}
"""Words in braces of a reason -> the people for whom they would stay empty; {} for nobody."""

ACTION_PLACEHOLDERS: Final = ("b12_to_request", "active_besides")
"""Words in braces of an action; never empty where they are no whole sentence."""

_CASE: Final = re.compile(r"[a-z0-9_]*")


def read_decisions(
    sheet: Entry, words: Lexicon, regimens: Collection[str]
) -> tuple[tuple[DecisionRow, ...], dict[str, Condition]]:
    """The rows in order and, by worklist, the condition under which nobody is put on it.

    Refuses a row that the rows above leave nobody for, an output without a priority for somebody, a text with
    a placeholder that may be empty, and a table that leaves somebody undecided.
    """
    sheet.require(("row", "suppressed_by"))
    undecided: list[Box] = [whole(FACTS)]
    rows: list[DecisionRow] = []
    for entry in sheet.children("row"):
        place = _named(entry, sheet)
        row, listed = _decision_row(place, words, regimens)
        _check_row_id(place, row, rows)
        reached = reach(undecided, row.when)
        if not reached:
            raise place.refuse("can never be reached.", "The rows above take everybody it describes.")
        _check_texts(place, row, reached)
        for output, is_always in zip(row.outputs, listed, strict=True):
            _check_priorities(place, output, is_always, reached)
        rows.append(row)
        undecided = left_over(undecided, row.when)
    _check_total(sheet, rows, undecided)
    return tuple(rows), _suppressed_by(sheet.child("suppressed_by"))


def _named(entry: Entry, sheet: Entry) -> Entry:
    """The same entry, spoken of by row id and case instead of by its place in the file."""
    name, case = entry.values.get("id"), entry.values.get("case", "")
    if not isinstance(name, str) or not isinstance(case, str):
        return entry
    return Entry(f"{sheet.where} {name}.{case}" if case else f"{sheet.where} {name}", entry.values)


def _decision_row(
    entry: Entry, words: Lexicon, regimens: Collection[str]
) -> tuple[DecisionRow, tuple[bool, ...]]:
    entry.require(("id", "status", "label", "reason", *CITED), ("case", "when", "output"))
    outputs = [_output(part, regimens) for part in entry.children("output")]
    row = DecisionRow(
        id=entry.text("id"),
        case=entry.text("case", ""),
        when=read_condition(entry.child("when")),
        status=entry.one_of("status", CLINICAL_STATUSES),
        label=entry.text("label"),
        reason=entry.text("reason"),
        outputs=tuple(output for output, _ in outputs),
        fact=words.fact(entry),
    )
    lists = [output.worklist for output in row.outputs]
    if len(set(lists)) != len(lists):
        raise entry.refuse(
            "puts a person twice on one list.", "One output a list; use priorities for alternatives."
        )
    return row, tuple(is_always for _, is_always in outputs)


def read_condition(entry: Entry, facts: Mapping[str, tuple[str, ...]] = FACTS) -> Condition:
    """The words each named fact must have; refuses a fact or a word that the vocabulary does not hold."""
    condition = {}
    for fact in entry.values:
        entry.known(fact, tuple(facts), "fact")
        allowed = entry.words(fact)
        if not allowed:
            raise entry.refuse(f"gives no word for {fact}.", "Leave the fact out if it does not matter.")
        for word in allowed:
            entry.known(word, facts[fact], f"word for {fact}")
        condition[fact] = allowed
    return condition


def _output(entry: Entry, regimens: Collection[str]) -> tuple[Output, bool]:
    entry.require(("worklist", "priorities", "action"), ("regimen", "due_days", "due_from", "listed"))
    worklist = entry.one_of("worklist", LISTS)
    regimen = entry.one_of("regimen", ("", BY_CAUSE, *regimens), "")
    if bool(regimen) != (worklist == "b12_replacement"):
        raise entry.refuse(
            "has a regimen off the replacement list, or none on it.", f'Use `regimen = "{BY_CAUSE}"`.'
        )
    output = Output(
        worklist=worklist,
        priorities=tuple(_priority(part) for part in entry.children("priorities")),
        regimen=regimen,
        action=entry.text("action"),
        due_days=_due_days(entry),
        due_from=entry.one_of("due_from", ("", "index"), ""),
    )
    return output, entry.one_of("listed", LISTED, "always") == "always"


def _priority(entry: Entry) -> Priority:
    entry.require(("priority",), ("when", "action"))
    return Priority(
        when=read_condition(entry.child("when")),
        priority=entry.one_of("priority", PRIORITIES),
        action=entry.text("action", ""),
    )


def _due_days(entry: Entry) -> int | None:
    if ("due_days" in entry.values) != ("due_from" in entry.values):
        raise entry.refuse(
            "has only one of `due_days` and `due_from`.", 'Write `due_days = 180`, `due_from = "index"`.'
        )
    if "due_days" not in entry.values:
        return None
    days = entry.number("due_days")
    if days <= 0 or days != int(days):
        raise entry.refuse("has a `due_days` that is no number of days.", "Write a whole number above zero.")
    return int(days)


def _check_row_id(entry: Entry, row: DecisionRow, above: Sequence[DecisionRow]) -> None:
    if not ROW_ID.fullmatch(row.id) or not _CASE.fullmatch(row.case):
        raise entry.refuse("is no row id.", "Row ids are R and two digits; a case is in small letters.")
    if row.key in {other.key for other in above}:
        raise entry.refuse("stands twice.", "Give rows of one id different `case` words.")
    if row.id in {other.id for other in above} and above[-1].id != row.id:
        raise entry.refuse(f"is apart from the other rows of {row.id}.", "Keep rows of one id together.")


def _check_texts(entry: Entry, row: DecisionRow, reached: Sequence[Box]) -> None:
    for name in _braces(entry, row.reason):
        entry.known(name, tuple(PLACEHOLDERS), "placeholder")
        would_be_empty = PLACEHOLDERS[name]
        if would_be_empty and reach(reached, would_be_empty):
            raise entry.refuse(
                f"uses {{{name}}}, which may be empty for its people.",
                f"Narrow {' or '.join(would_be_empty)} in `when`.",
            )
    own = [one.action for output in row.outputs for one in output.priorities if one.action]
    for action in (*(output.action for output in row.outputs), *own):
        for name in _braces(entry, action):
            entry.known(name, ACTION_PLACEHOLDERS, "placeholder of an action")
    needs_index = any(output.due_from == "index" for output in row.outputs)
    if needs_index and any("NONE" in box["index_class"] for box in reached):
        raise entry.refuse(
            "counts a due date from an index result that may be missing.", "Narrow `index_class`."
        )


def _braces(entry: Entry, text: str) -> Iterator[str]:
    if not text.strip():
        raise entry.refuse("has an empty reason or action.", "Write a short sentence a clinician reads.")
    try:
        fields = [name for _, name, _, _ in string.Formatter().parse(text) if name is not None]
    except ValueError:
        raise entry.refuse("has a brace without its partner.", "Write placeholders as {b12}.") from None
    yield from fields


def _check_priorities(entry: Entry, output: Output, is_always: bool, reached: Sequence[Box]) -> None:
    rest = list(reached)
    for alternative in output.priorities:
        if not reach(rest, alternative.when):
            raise entry.refuse(
                f"{output.worklist}: an alternative with {alternative.priority} can never hold.",
                "The row itself or the alternatives before it leave nobody.",
            )
        rest = left_over(rest, alternative.when)
    if is_always and rest:
        raise entry.refuse(
            f"{output.worklist}: no priority for a person with {example(rest[0], FACTS)}.",
            'End with an alternative without `when`, or write `listed = "sometimes"`.',
        )
    if not is_always and not rest:
        raise entry.refuse(
            f"{output.worklist}: listed is `sometimes` but somebody always is.", "Drop `listed`."
        )


def _check_total(sheet: Entry, rows: Sequence[DecisionRow], undecided: Sequence[Box]) -> None:
    if undecided:
        raise sheet.refuse(
            f"decides nothing for a person with {example(undecided[0], FACTS)}.",
            "End with a row without `when`.",
        )
    if rows[-1].when:
        raise sheet.refuse(f"must end with a row that always holds, not {rows[-1].key}.", "Drop its `when`.")


def _suppressed_by(entry: Entry) -> dict[str, Condition]:
    conditions = {}
    for worklist in entry.values:
        entry.known(worklist, LISTS, "worklist")
        conditions[worklist] = read_condition(entry.child(worklist))
        if not conditions[worklist]:
            raise entry.refuse(f"suppresses {worklist} for everybody.", "Name the fact that suppresses it.")
    return conditions
