"""The account of one person as lines for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from schemas.reasons import REASONS
from schemas.vocabulary import RECORD_REASONS, RECORD_USES
from transforms.course import INJECTED

Account = Mapping[str, Any]

ANSWERS: Final = {
    "true": "true",
    "false": "false",
    "cannot_tell": "cannot tell",
    "not_asked": "not asked",
}
LOADS: Final = {True: "incomplete", False: "complete or not asked", None: "cannot tell"}
"""Answers to `is_load_incomplete`."""
LATEST_DOSES: Final = 5
UNCOMPUTED: Final = {
    False: "Not looked for in anybody, no record shows it",
    True: "Looked for in part; what no record shows of it",
}
NOT_OF_A_ROW: Final = ("table", "patient_id", "reasons", "file", "line")
ROWS_ABREAST: Final = 3


def in_words(account: Account) -> str:
    """The account of `explain.explained` as text."""
    lines = [
        f"{account['patient_id']} in publication {account['run_id']} (as of {account['as_of']})",
        f"Pack {account['pack']}",
        account["sign_off_line"],
    ]
    if not account["is_pack_unchanged"]:
        lines.append("Note: the pack has changed since; the rules below are those of today.")
    for decided in account["decisions"]:
        if decided["published_as"] != account["patient_id"]:
            lines += ["", f"The crosswalk joins it with {decided['published_as']} of {decided['source']}."]
        lines += ["", *_decision_lines(decided)]
    if not account["decisions"]:
        lines += ["", "Not decided on: the person's row was refused."]
    lines += _refused_lines(account["quarantined"])
    if account["absent_tables"]:
        lines += ["", f"Tables that were not delivered: {', '.join(account['absent_tables'])}."]
    for is_partly, heading in UNCOMPUTED.items():
        told = [one for one in account["not_computable"] if one["is_partly_computed"] == is_partly]
        lines += ["", f"{heading}:"] if told else []
        lines += [f"  {one['id']} {one['label']}: {one['what']}" for one in told]
    return "\n".join(lines)


def _decision_lines(decided: Account) -> Iterator[str]:
    place = f"clinic {decided['clinic_id']}, source {decided['source']}"
    yield f"{decided['clinical_status']} by {decided['decision_row']} ({place})"
    yield f"  {decided['reason']}"
    if decided["evidence"]:
        yield f"  {decided['evidence']}"
    yield from _list_lines(decided)
    records = decided["records"]
    yield from _section("Results", [_record_line(one) for one in records["results"]], "none on record")
    yield from _section("B12 replacement", _replacement_lines(decided["replacement"]))
    yield from _section("Symptoms and signs", [_record_line(one) for one in records["symptoms"]], "none")
    yield from _section("Risk factors", [_record_line(one) for one in records["risk_factors"]], "none")
    yield from _section("Other records", [_record_line(one) for one in records["others"]])
    yield from _section("Rules in order", _rule_lines(decided["rules"]))
    yield from _section("What would change the answer", list(_change_lines(decided["would_change"])))
    yield from _section("Cautions", [_caution_line(one) for one in decided["cautions"]], "none found")
    yield from _section("Not seen", decided["not_seen"])
    yield from _section("Facts", [", ".join(f"{fact}={word}" for fact, word in decided["facts"].items())])


def _section(title: str, lines: Sequence[str], otherwise: str = "") -> Iterator[str]:
    if lines:
        yield f"{title}:"
        yield from (f"  {line}" for line in lines)
    elif otherwise:
        yield f"{title}: {otherwise}."


def _list_lines(decided: Account) -> Iterator[str]:
    for item in decided["lists"]:
        due = f", due {item['due_on']}" if item["due_on"] else ""
        yield f"  On {item['list']}, {item['priority']}{due}: {item['suggested_action']}"
    if not decided["lists"]:
        yield "  On no list." + (
            " An open request for the same test keeps it off." if decided["is_suppressed"] else ""
        )
    elif decided["is_suppressed"]:
        yield "  An open request for the same test keeps it off another list."
    regimen = decided["regimen"]
    if regimen:
        yield f"  Regimen {regimen['id']} ({regimen['why']}): {regimen['text']}"
    rests_on = {clause["fact"] for clause in decided["would_change"]["rests_on"]}
    if "first_test_tier" in rests_on:
        yield f"  First-test tier: {decided['first_test_tier']}"
    for item in decided["follow_up"]:
        yield f"  {item['item']} {item['label']}, {item['dated']} {item['due_on']}"


def _record_line(record: Account) -> str:
    value = " ".join(record[name] for name in ("value", "unit", "result_class") if record[name])
    until = f" to {record['until_on']}" if record["until_on"] not in (None, record["on"]) else ""
    day = f" on {record['on']}{until}" if record["on"] else "" if record["record_id"] is None else ", undated"
    source = f" [{record['record_id']}]" if record["record_id"] else ""
    told = f"{record['label']}{' ' + value if value else ''}{day}{source}"
    return f"{told}: {_use(record)}"


def _use(record: Account) -> str:
    named = {"not_used": "not used", "supports": "supports", "counted": "counted"}
    if record["why"]:
        return f"{named[record['use']]}, {RECORD_REASONS[record['why']]}"
    return named.get(record["use"], RECORD_USES[record["use"]])


def _replacement_lines(replacement: Account) -> list[str]:
    days = [
        f"last day covered {replacement['last_dose_on']}" if replacement["last_dose_on"] else "",
        f"present course since {replacement['course_start_on']}" if replacement["course_start_on"] else "",
        "a supply without an end" if any(dose["until_on"] is None for dose in replacement["doses"]) else "",
    ]
    is_injected = replacement["state"] in INJECTED
    load = [f"loading course: {LOADS[replacement['is_load_incomplete']]}"] if is_injected else []
    doses = replacement["doses"]
    earlier = len(doses) - LATEST_DOSES
    return [
        "; ".join([str(replacement["state"]), *filter(None, days), *load]),
        *(_record_line(dose) for dose in doses[:LATEST_DOSES]),
        *([f"and {earlier} earlier"] if earlier > 0 else []),
    ]


def _rule_lines(rules: Sequence[Account]) -> list[str]:
    left = [rule["row"] for rule in rules if rule["answer"] == "not_asked"]
    lines = [_rule_line(rule) for rule in rules if rule["answer"] != "not_asked"]
    return [*lines, *([f"{ANSWERS['not_asked']:<12}{', '.join(left)}"] if left else [])]


def _rule_line(rule: Account) -> str:
    line = f"{ANSWERS[rule['answer']]:<12}{rule['row']}: "
    if rule["failed"] is None:
        return line + str(rule["label"]) + (" (decides)" if rule["is_deciding"] else "")
    clause = f"{_is(rule['failed'])}, needs {_words(rule['failed'])}"
    if rule["answer"] == "cannot_tell":
        return f"{line}{clause}; not seen: {', '.join(rule['failed']['not_seen'])}"
    return line + clause


def _is(clause: Account) -> str:
    return f"{clause['fact']} is {clause['is']}"


def _words(clause: Account) -> str:
    return " or ".join(clause["needs"])


def _change_lines(change: Account) -> Iterator[str]:
    rests_on = [
        _is(clause) + (" (not all seen)" if clause["not_seen"] else "") for clause in change["rests_on"]
    ]
    yield f"It rests on: {', '.join(rests_on) or 'no row before it holding'}."
    if change["next_row"]:
        yield f"Without that row {change['next_row']} would decide."
    for row in change["rows"]:
        condition = f"if {row['if']['fact']} were {_words(row['if'])}"
        yield f"{row['row']} ({', '.join(row['lists'])}) would hold {condition}: {row['label']}."
    for one in change["lists"]:
        condition = f"if {one['if']['fact']} were {_words(one['if'])}"
        yield f"{one['list']} would be {one['priority']} {condition}."


def _caution_line(caution: Account) -> str:
    if caution["text"] is None:
        return f"{caution['id']} {caution['label']}"
    return f"{caution['id']} ({caution['severity']}) {caution['text']}"


def _refused_lines(rows: Sequence[Account]) -> Iterator[str]:
    """The refused rows of each table: why, in sentences, then their columns side by side."""
    for table in dict.fromkeys(row["table"] for row in rows):
        of_table = {
            f"row {number}": row
            for number, row in enumerate((one for one in rows if one["table"] == table), start=1)
        }
        yield from ("", f"Refused rows of {table}:")
        yield from (f"  {name} ({_cell(row['file'])}): {_why(row)}" for name, row in of_table.items())
        named = list(of_table.items())
        for first in range(0, len(named), ROWS_ABREAST):
            yield from _abreast(dict(named[first : first + ROWS_ABREAST]))


def _abreast(rows: Mapping[str, Account]) -> Iterator[str]:
    """One line a column that any of the rows fills, one column a row."""
    columns = next(iter(rows.values()))
    filled = [
        name for name in columns if name not in NOT_OF_A_ROW and any(row[name] for row in rows.values())
    ]
    lines = [["", *rows], *([name, *(_cell(row[name]) for row in rows.values())] for name in filled)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    yield from ("  " + "  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)


def _why(row: Account) -> str:
    reasons = str(row.get("reasons") or "").split("; ")
    return " ".join(REASONS[reason].sentence if reason in REASONS else reason for reason in reasons)


def _cell(value: object) -> str:
    """One line, whatever stands in the extract; `-` where nothing does."""
    return " ".join(str(value).split()) if value else "-"
