"""Why one person is, or is not, on each list: read from a publication, told rule by rule.

For the console of somebody who may see patients, and nowhere else: it never runs under the scheduler.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, Final

import polars as pl

from exports.csv import unguard
from exports.publish import latest, published
from rules.loader import load_pack
from rules.model import Caution, Condition, FollowUpItem, Output, Pack
from schemas.derived import DECISION_SCHEMA
from schemas.errors import ConfigurationError, RulePackError
from schemas.vocabulary import FACTS, LISTS, SEEN_FROM

Account = dict[str, Any]

DECIDED: Final = ("clinic_id", "clinical_status", "rule_id", "priority", "reason", "evidence")
RESULTS: Final = {
    "B12": ("b12_test", "b12_value", "b12_unit", "b12_collected_on"),
    "MMA": ("mma_value", "mma_unit", "mma_collected_on"),
}
CARRIED: Final = ("patient_id", "clinic_id", "rule_id", "cause", "b12_value", "b12_collected_on")
RESULT_KINDS: Final = ("total_b12", "active_b12", "mma", "egfr", "homocysteine", "antibody")
OTHER_KINDS: Final = ("pregnancy", "pregnancy_end", "history", "request")
NEURO_IN_WORDS: Final = {
    "high": "neurological features",
    "low": "possible neurological features, for the clinician to confirm",
}
SAID_BY_PACK: Final = ("mma_for",)
"""Facts that the pack settles and no record can change."""


def explained(output: Path, patient_id: str, as_of: date | None) -> Account:
    """What the publication in `output` says of one person: decisions, rules tried, lists, refused rows.

    Raises ConfigurationError where there is no publication, or nobody of that id in it.
    """
    manifest = _publication(output, as_of)
    folder = output / str(manifest["run_id"])
    pack, is_same_pack = _pack(manifest)
    absent = {table["table"] for table in manifest.get("not_seen", {}).get("absent_tables", ())}
    refused = _refused(folder, patient_id)
    decided = [_decided(person, folder, pack, absent) for person in _people(folder, patient_id)]
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
        "absent_tables": sorted(absent),
        "not_computable": _not_computable(pack),
    }


def _not_computable(pack: Pack) -> list[Account]:
    """What of the cautions and follow-up items no record shows, for whomever it is asked.

    is_partly_computed: the rest of it is looked for.
    """
    entries: tuple[Caution | FollowUpItem, ...] = (*pack.cautions, *pack.follow_up)
    return [
        {
            "id": entry.id,
            "label": entry.label,
            "what": entry.not_computed,
            "is_partly_computed": bool(entry.cases),
        }
        for entry in entries
        if entry.not_computed
    ]


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


def _people(folder: Path, patient_id: str) -> Iterator[Mapping[str, Any]]:
    """The decisions on whom this identifier means, one per source; what an older publication does not hold is null."""
    meant = _rows(folder / "all" / "identities.parquet", pl.col("patient_id") == patient_id)
    linked = pl.struct("source", "patient_id").is_in(
        [{"source": one["published_source"], "patient_id": one["published_patient_id"]} for one in meant]
    )
    condition = (pl.col("patient_id") == patient_id) | (linked if meant else False)
    for person in _rows(folder / "all" / "decisions.parquet", condition):
        yield dict.fromkeys(DECISION_SCHEMA) | person


def _rows(file: Path, condition: pl.Expr) -> list[Account]:
    return pl.scan_parquet(file).filter(condition).collect().to_dicts() if file.is_file() else []


def _decided(person: Mapping[str, Any], folder: Path, pack: Pack, absent: Collection[str]) -> Account:
    records = _records(person, folder)
    unseen = _unseen(person, absent)
    lists = list(_lists(person, folder))
    return {
        **{name: person[name] for name in DECIDED},
        "published_as": person["patient_id"],
        "source": person["source"],
        "decision_row": person["decision_key"],
        "facts": {fact: person[fact] for fact in FACTS},
        "results": {
            name: {column: person[column] for column in columns}
            for name, columns in RESULTS.items()
            if person[columns[0]] is not None
        },
        "records": {
            "results": _of_kinds(records, *RESULT_KINDS),
            "symptoms": _of_kinds(records, "symptom"),
            "risk_factors": _of_kinds(records, "risk_factor"),
            "others": _of_kinds(records, *OTHER_KINDS),
        },
        "replacement": {
            "state": person["replacement"],
            "last_dose_on": person["last_dose_on"],
            "course_start_on": person["course_start_on"],
            "is_load_incomplete": person["is_load_incomplete"],
            "doses": _of_kinds(records, "replacement"),
        },
        "rules": list(_tried(person, pack, unseen)),
        "first_test_tier": person["first_test_tier"],
        "regimen": _regimen(person, records, pack),
        "lists": lists,
        "is_suppressed": person["is_suppressed"],
        "follow_up": _follow_up(person, pack),
        "cautions": _cautions(person, pack),
        "not_seen": person["not_seen"] or [],
        "uncertain_facts": sorted(unseen),
        "would_change": would_change(person, pack, unseen),
    }


def _records(person: Mapping[str, Any], folder: Path) -> list[Account]:
    mine = (pl.col("patient_id") == person["patient_id"]) & (pl.col("source") == person["source"])
    return _rows(folder / "all" / "records.parquet", mine)


def _of_kinds(records: Sequence[Account], *kinds: str) -> list[Account]:
    left_out = ("patient_id", "clinic_id", "source")
    return [
        {name: cell for name, cell in record.items() if name not in left_out}
        for record in records
        if record["kind"] in kinds
    ]


def _unseen(person: Mapping[str, Any], absent: Collection[str]) -> dict[str, list[str]]:
    """Fact -> what was not seen of what it is seen from, for the facts that this leaves uncertain."""
    places = [line.split(": ", 1) for line in person["not_seen"] or ()]
    places += [[table, "not delivered"] for table in sorted(absent)]
    found = {
        fact: [f"{place}: {why}" for place, why in places if place in sources]
        for fact, sources in SEEN_FROM.items()
    }
    return {fact: lines for fact, lines in found.items() if lines}


def _tried(person: Mapping[str, Any], pack: Pack, unseen: Mapping[str, Sequence[str]]) -> Iterator[Account]:
    """Every decision row in order: true, false, cannot_tell, or not_asked after the one that decides."""
    decided = False
    for row in pack.decisions:
        failed = failing(row.when, person)
        certain = [fact for fact in failed if fact not in unseen]
        answer = "true" if not failed else "false" if certain else "cannot_tell"
        told = next(iter(certain or failed), None)
        yield {
            "row": row.key,
            "label": row.label,
            "answer": "not_asked" if decided else answer,
            "is_deciding": not failed and not decided,
            "failed": None if decided or told is None else _clause(told, row.when, person, unseen),
        }
        decided = decided or not failed


def failing(when: Condition, person: Mapping[str, Any]) -> list[str]:
    """The facts whose clause does not hold, in the order of the row."""
    return [fact for fact, words in when.items() if person[fact] not in words]


def _clause(
    fact: str, when: Condition, person: Mapping[str, Any], unseen: Mapping[str, Sequence[str]]
) -> Account:
    return {
        "fact": fact,
        "is": person[fact],
        "needs": list(when[fact]),
        "not_seen": list(unseen.get(fact, ())),
    }


def would_change(person: Mapping[str, Any], pack: Pack, unseen: Mapping[str, Sequence[str]]) -> Account:
    """What the answer hangs on.

    rests_on: the clauses of the deciding row. rows: listing rows before it that one other fact would make hold.
    lists: what one other fact would make of the deciding row's own lists. next_row: what would decide without it.
    """
    place = next(place for place, row in enumerate(pack.decisions) if row.key == person["decision_key"])
    deciding = pack.decisions[place]
    following = (row for row in pack.decisions[place + 1 :] if not failing(row.when, person))
    return {
        "rests_on": [_clause(fact, deciding.when, person, unseen) for fact in deciding.when],
        "rows": [
            {
                "row": row.key,
                "label": row.label,
                "lists": [output.worklist for output in row.outputs],
                "if": _clause(failed[0], row.when, person, unseen),
            }
            for row in pack.decisions[:place]
            if row.outputs and _one_fact(failed := failing(row.when, person))
        ],
        "lists": [change for output in deciding.outputs for change in _listing(output, person, pack, unseen)],
        "next_row": next((row.key for row in following), None),
    }


def _one_fact(failed: Sequence[str]) -> bool:
    return len(failed) == 1 and failed[0] not in SAID_BY_PACK


def _listing(
    output: Output, person: Mapping[str, Any], pack: Pack, unseen: Mapping[str, Sequence[str]]
) -> Iterator[Account]:
    """Single facts that would put the person on the list, or there with more urgency."""
    held = next((one for one in output.priorities if not failing(one.when, person)), None)
    for one in output.priorities:
        if one is held:
            break
        failed = failing(one.when, person)
        if _one_fact(failed) and (held is None or one.priority < held.priority):
            yield {
                "list": output.worklist,
                "priority": one.priority,
                "if": _clause(failed[0], one.when, person, unseen),
            }
    keeps_off = pack.suppressed_by.get(output.worklist)
    if held and keeps_off and len(keeps_off) == 1 and not failing(keeps_off, person):
        (fact, words), *_ = keeps_off.items()
        free: Condition = {fact: tuple(word for word in FACTS[fact] if word not in words)}
        yield {
            "list": output.worklist,
            "priority": held.priority,
            "if": _clause(fact, free, person, unseen),
        }


def _regimen(person: Mapping[str, Any], records: Sequence[Account], pack: Pack) -> Account | None:
    """The regimen suggested, with what chose it; null where none is."""
    chosen = person["regimen_id"]
    if chosen is None:
        return None
    deciding = next(row for row in pack.decisions if row.key == person["decision_key"])
    causes = {cause.id: cause for cause in pack.causes}
    optic = pack.concepts_of("leber_tobacco_amblyopia")
    has_optic_code = any(record["what"] in optic and record["use"] == "counted" for record in records)
    if any(output.regimen == chosen for output in deciding.outputs):
        why = f"named by the decision row {deciding.key}"
    elif has_optic_code and chosen == pack.word("regimen_optic"):
        why = "Leber optic atrophy or tobacco amblyopia is on record"
    elif person["neuro"] != "none":
        why = NEURO_IN_WORDS[person["neuro"]]
    elif person["cause"] == "unknown" and chosen != causes["unknown"].regimen_id:
        why = "severe anaemia without a known cause"
    else:
        why = "no cause is on record"
        if person["cause"] != "unknown":
            why = f"likely cause: {causes[person['cause']].label}"
    return {"id": chosen, "text": pack.regimens[chosen].text, "why": why}


def _follow_up(person: Mapping[str, Any], pack: Pack) -> list[Account]:
    """The items that are due, the most urgent first, with their dates and what each case of them asks for."""
    items = {item.id: item for item in pack.follow_up}
    cases = {_case_id(item.id, case.case): case for item in pack.follow_up for case in item.cases}
    names = person["follow_up_items"] or ()
    # A publication from before cases were told has none.
    case_ids = person["follow_up_case_ids"] or [None] * len(names)
    return [
        {
            "item": name,
            "case": case_id,
            "label": items[name].label,
            "dated": items[name].dated,
            "due_on": due_on,
            "action": cases[case_id].text if case_id in cases else None,
        }
        for name, case_id, due_on in zip(names, case_ids, person["follow_up_due_on"] or (), strict=False)
    ]


def _cautions(person: Mapping[str, Any], pack: Pack) -> list[Account]:
    """The cautions that hold, with the case, its severity and its sentence."""
    labels = {caution.id: caution.label for caution in pack.cautions}
    cases = {_case_id(caution.id, case.case): case for caution in pack.cautions for case in caution.cases}
    names = person["cautions"] or ()
    case_ids = person["caution_case_ids"] or [None] * len(names)
    return [
        {
            "id": name,
            "case": case_id,
            "label": labels[name],
            "severity": cases[case_id].severity if case_id in cases else None,
            "text": cases[case_id].text if case_id in cases else None,
        }
        for name, case_id in zip(names, case_ids, strict=False)
    ]


def _case_id(entry: str, case: str) -> str:
    return f"{entry}.{case}" if case else entry


def _lists(person: Mapping[str, Any], folder: Path) -> Iterator[Account]:
    for name in LISTS:
        # Lists do not name the source: what the row carries of the decision tells two people of one id apart.
        mine = [pl.col(column).eq_missing(pl.lit(person[column])) for column in CARRIED]
        rows = pl.scan_parquet(folder / "all" / f"{name}.parquet").filter(*mine)
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
