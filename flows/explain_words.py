"""The account of one person as lines for a terminal."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from schemas.vocabulary import RECORD_REASONS, RECORD_USES

Account = Mapping[str, Any]

ANSWERS: Final = {
    "true": "true",
    "false": "false",
    "cannot_tell": "cannot tell",
    "not_asked": "not asked",
}
LATEST_DOSES: Final = 5


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
        lines += ["", *_decision_lines(decided)]
    if not account["decisions"]:
        lines += ["", "Not decided on: the person's row was refused."]
    if account["quarantined"]:
        lines += ["", "Refused rows:"]
        lines += [f"  {_refused_line(row)}" for row in account["quarantined"]]
    if account["absent_tables"]:
        lines += ["", f"Tables that were not delivered: {', '.join(account['absent_tables'])}."]
    lines += ["", "Not computable for anybody:"]
    lines += [f"  {one['id']} {one['label']}: {one['what']}" for one in account["not_computable"]]
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
    doses = replacement["doses"]
    earlier = len(doses) - LATEST_DOSES
    return [
        "; ".join([str(replacement["state"]), *filter(None, days)]),
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
    return f"{caution['id']} ({caution['severity']}) {caution['label']}: {caution['text']}"


def _refused_line(row: Account) -> str:
    return json.dumps({name: value for name, value in row.items() if value}, ensure_ascii=False, default=str)
