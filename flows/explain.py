"""Why one person is, or is not, on each list: read from a publication, told rule by rule.

For the console of somebody who may see patients, and nowhere else: it never runs under the scheduler.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any, Final

import polars as pl

from exports.csv import unguard
from exports.publish import latest, published
from rules.loader import load_pack
from rules.model import Condition, Pack
from schemas.errors import ConfigurationError, RulePackError
from schemas.vocabulary import FACTS, LISTS

Account = dict[str, Any]

DECIDED: Final = ("clinic_id", "clinical_status", "rule_id", "priority", "reason", "evidence")
RESULTS: Final = {
    "B12": ("b12_test", "b12_value", "b12_unit", "b12_collected_on"),
    "MMA": ("mma_value", "mma_unit", "mma_collected_on"),
}


def explained(output: Path, patient_id: str, as_of: date | None) -> Account:
    """What the publication in `output` says of one person: decisions, rules tried, lists, refused rows.

    Raises ConfigurationError where there is no publication, or nobody of that id in it.
    """
    manifest = _publication(output, as_of)
    folder = output / str(manifest["run_id"])
    pack, is_same_pack = _pack(manifest)
    people = pl.scan_parquet(folder / "all" / "decisions.parquet").filter(pl.col("patient_id") == patient_id)
    refused = _refused(folder, patient_id)
    decided = [_decided(person, folder, pack) for person in people.collect().to_dicts()]
    if not decided and not refused:
        raise ConfigurationError(
            f"The publication {manifest['run_id']} knows nobody of that id.",
            "ids are compared as text, exactly. People who opted out are never stored, so they are not here either.",
        )
    return {
        "patient_id": patient_id,
        "run_id": manifest["run_id"],
        "as_of": manifest["as_of"],
        "pack": f"{pack.id}/{pack.version}",
        "is_pack_unchanged": is_same_pack,
        "sign_off_line": pack.sign_off.line,
        "decisions": decided,
        "quarantined": refused,
    }


def _publication(output: Path, as_of: date | None) -> Mapping[str, Any]:
    newest = latest(output)
    if as_of is None or (newest and newest["as_of"] == as_of.isoformat()):
        manifest = newest
    else:
        runs = sorted(output.glob(f"{as_of}-*/manifest.json"), key=lambda path: path.stat().st_mtime)
        manifest = published(output, runs[-1].parent.name) if runs else None
    if manifest is None:
        wanted = f" as of {as_of}" if as_of else ""
        raise ConfigurationError(
            f"There is no publication{wanted} in {output}.",
            "name the folder with --output, or run the screen.",
        )
    return manifest


def _pack(manifest: Mapping[str, Any]) -> tuple[Pack, bool]:
    ref = f"{manifest['pack']['id']}/{manifest['pack']['version']}"
    try:
        pack = load_pack(ref)
    except RulePackError:
        raise ConfigurationError(
            f"The publication was decided by pack {ref}, which this installation does not have."
        ) from None
    return pack, pack.sha256 == manifest["pack"]["sha256"]


def _decided(person: Mapping[str, Any], folder: Path, pack: Pack) -> Account:
    return {
        **{name: person[name] for name in DECIDED},
        "source": person["source"],
        "decision_row": person["decision_key"],
        "facts": {fact: person[fact] for fact in FACTS},
        "results": {
            name: {column: person[column] for column in columns}
            for name, columns in RESULTS.items()
            if person[columns[0]] is not None
        },
        "rules": list(_tried(person, pack)),
        "lists": list(_lists(person, folder)),
        "is_suppressed": person["is_suppressed"],
    }


def _tried(person: Mapping[str, Any], pack: Pack) -> Iterator[Account]:
    decided = False
    for row in pack.decisions:
        failed = _first_failed(row.when, person)
        yield {
            "row": row.key,
            "label": row.label,
            "is_held": failed is None,
            "is_deciding": failed is None and not decided,
            "failed": failed,
        }
        decided = decided or failed is None


def _first_failed(when: Condition, person: Mapping[str, Any]) -> Account | None:
    """The first clause that does not hold: which fact, what it is, what the row needs; null if the row holds."""
    return next(
        (
            {"fact": fact, "is": person[fact], "needs": list(words)}
            for fact, words in when.items()
            if person[fact] not in words
        ),
        None,
    )


def _lists(person: Mapping[str, Any], folder: Path) -> Iterator[Account]:
    for name in LISTS:
        rows = pl.scan_parquet(folder / "all" / f"{name}.parquet").filter(
            (pl.col("patient_id") == person["patient_id"]) & (pl.col("clinic_id") == person["clinic_id"])
        )
        shown = ("list", "priority", "due_on", "suggested_action", "regimen", "item_id")
        yield from rows.select(shown).collect().to_dicts() if person[f"priority_{name}"] else ()


def _refused(folder: Path, patient_id: str) -> list[Account]:
    """This person's refused rows, of any table, with their reasons."""
    found: list[Account] = []
    for path in sorted((folder / "quarantine").glob("*.csv")):
        rows = pl.read_csv(path, infer_schema=False).with_columns(unguard(pl.all()))
        if "patient_id" in rows.columns:
            mine = rows.filter(pl.col("patient_id") == patient_id)
            found += [{"table": path.stem, **row} for row in mine.to_dicts()]
    return found


def in_words(account: Account) -> str:
    """The account as lines for a terminal."""
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
    return "\n".join(lines)


def _decision_lines(decided: Account) -> Iterator[str]:
    place = f"clinic {decided['clinic_id']}, source {decided['source']}"
    yield f"{decided['clinical_status']} by {decided['decision_row']} ({place})"
    yield f"  {decided['reason']}"
    if decided["evidence"]:
        yield f"  {decided['evidence']}"
    yield from _list_lines(decided)
    yield "Rules in order:"
    for number, rule in enumerate(decided["rules"], start=1):
        yield f"  {_rule_line(rule)}"
        if rule["is_deciding"]:
            rest = len(decided["rules"]) - number
            yield f"  ({rest} rows after it were not asked)"
            break
    yield "Facts: " + ", ".join(f"{fact}={word}" for fact, word in decided["facts"].items())


def _list_lines(decided: Account) -> Iterator[str]:
    for item in decided["lists"]:
        due = f", due {item['due_on']}" if item["due_on"] else ""
        regimen = f" Regimen: {item['regimen']}" if item["regimen"] else ""
        yield f"  On {item['list']}, {item['priority']}{due}: {item['suggested_action']}{regimen}"
    if not decided["lists"]:
        yield "  On no list." + (
            " An open request for the same test keeps it off." if decided["is_suppressed"] else ""
        )


def _rule_line(rule: Account) -> str:
    if rule["failed"] is None:
        return f"held      {rule['row']}: {rule['label']}"
    failed = rule["failed"]
    return (
        f"not held  {rule['row']}: {failed['fact']} is {failed['is']}, needs {' or '.join(failed['needs'])}"
    )


def _refused_line(row: Mapping[str, Any]) -> str:
    return json.dumps({name: value for name, value in row.items() if value}, ensure_ascii=False, default=str)
