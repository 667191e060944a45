"""What another rule pack would change: entry by entry, and person by person on extracts that are screened twice.

The extracts are staged once and decided on twice, in a temporary folder that is gone afterwards: nothing is
published and no warehouse is kept. The terminal sees counts; people are named in the file of --output alone.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any, Final

import polars as pl
from rich.table import Table

from exports.csv import write_table
from flows import stages
from flows.context import Night, opened, plan, read_night
from flows.passes import Paths, decide_range, ranges
from flows.report import on_stdout
from flows.watch import Counts, watched
from rules.compare import Difference, differences
from rules.loader import load_pack
from rules.model import Pack
from schemas.errors import ConfigurationError, OutputError
from schemas.vocabulary import LISTS

KINDS_SHOWN: Final = 30
CLAUSES_SHOWN: Final = 40
WORDS_SHOWN: Final = 60

_PERSON: Final = ("source", "patient_id")
_NOTED: Final = ("cautions", "follow_up_items")
_SAID: Final = (
    *("rule_id", "decision_key", "clinical_status", "lists", "priority", "regimen_id", "reason"),
    *_NOTED,
)
"""What a row of the file says of a person under each pack."""
_MOVED_BY: Final = ("decision_key", "clinical_status", "lists", "regimen_id", *_NOTED)
_KIND: Final = ("rule_id", "decision_key", "clinical_status", "lists", "regimen_id")
"""People with the same of these before and after are one line of the table."""


def compare_packs(before: str, after: str) -> dict[str, Any]:
    """The entries that two packs say otherwise, without any patient."""
    one, other = load_pack(before), load_pack(after)
    return {"pack_a": one.ref, "pack_b": other.ref, "differences": _told(one, other)}


def compare_on_extracts(
    before: str,
    after: str,
    *,
    config: Path | None = None,
    extracts: Path | None = None,
    as_of: date | None = None,
    output: Path | None = None,
) -> dict[str, Any]:
    """The same, and who moves: the extracts are screened under both packs, as of one day.

    `moves` has one item per kind of move: status, rule and lists before and after, and how many people. With
    `output` a CSV file gets one row per person who moves. Raises what a run raises; a feed that a run would not
    trust is not compared either.
    """
    account = compare_packs(before, after)
    if output:
        _check_output(output)
    with tempfile.TemporaryDirectory(prefix="b12screen-") as folder:
        night = plan(
            config=config,
            extracts=extracts,
            as_of=as_of,
            pack=before,
            output=Path(folder) / "out",
            warehouse=Path(folder) / "warehouse.duckdb",
            with_workbooks=False,
        )
        night = night.model_copy(update={"settings": night.settings.without_code_report()})
        with opened(night):
            for stage in (stages.extract, stages.stage, stages.validate, stages.decide):
                stage(night.file)
            again = _beside(night, after)
            decide_again(again.file)
            compare(again.file)
            if output:
                write_table(pl.read_parquet(again.work / "moved.parquet"), output)
            found = again.noted("moves")
    return account | {"as_of": night.as_of.isoformat(), **found, "output": str(output) if output else None}


def _check_output(output: Path) -> None:
    """Cheaper to learn before the screen than after it."""
    if output.is_dir() or not output.absolute().parent.is_dir():
        raise OutputError(
            f"The rows of people cannot be written to {output}.",
            "name a file, in a folder that is there, with --output FILE.csv.",
        )


def _beside(night: Night, pack: str) -> Night:
    """A second night on what the first has staged, for another pack."""
    work = night.work / "other_pack"
    other = night.model_copy(update={"settings": night.settings.with_screen(pack=pack), "work": work})
    work.mkdir(mode=0o700)
    (work / "in_force").symlink_to(night.work / "in_force")
    other.file.write_text(other.model_dump_json(), encoding="utf-8")
    return other


@watched
def decide_again(night_file: Path) -> Counts:
    """Decides for every person under the second pack."""
    night = read_night(night_file)
    switched_on = night.settings.codelists.switched_on
    pack, paths = load_pack(night.settings.screen.pack, switched_on=switched_on), Paths(night.work)
    people = int(pl.scan_parquet(paths.in_force("patients")).select(pl.len()).collect().item())
    for first, last in ranges(people, night.settings.engine.people_per_pass):
        decide_range(paths, pack, night.as_of, first, last)
    return {"people": people}


@watched
def compare(night_file: Path) -> Counts:
    """Leaves the people who move (`moved.parquet`) and the kinds of move with their counts (`moves.json`)."""
    night = read_night(night_file)
    before, after = Paths(night.work.parent).parts("decisions"), Paths(night.work).parts("decisions")
    moved = people_who_move(before, after).collect()
    moved.write_parquet(night.work / "moved.parquet")
    people = int(after.select(pl.len()).collect().item())
    night.note("moves", {"people": people, "moved": moved.height, "moves": kinds_of_move(moved).to_dicts()})
    return {"people": people, "moved": moved.height}


def people_who_move(before: pl.LazyFrame, after: pl.LazyFrame) -> pl.LazyFrame:
    """One row per person whose decision row, status, lists, priorities, regimen, cautions or follow-up differ.

    Needs two tables of decisions on the same people. Gives source, patient_id, clinic_id and, each as `from_` and
    `to_`, rule_id, decision_key (id and case), clinical_status, lists (each with its priority, null off all
    lists), priority, regimen_id, reason, cautions and follow_up_items (joined by `; `, null where none). Ordered by
    source and patient.
    """
    one, other = (_said(decisions) for decisions in (before, after))
    pairs = one.join(other, on=_PERSON, how="inner", suffix="_to", validate="1:1")
    moves = pl.any_horizontal([pl.col(name).ne_missing(pl.col(f"{name}_to")) for name in _MOVED_BY])
    return (
        pairs.filter(moves)
        .select(
            *_PERSON,
            "clinic_id",
            *(
                pl.col(f"{name}{suffix}").alias(f"{side}_{name}")
                for name in _SAID
                for side, suffix in (("from", ""), ("to", "_to"))
            ),
        )
        .sort(_PERSON)
    )


def _said(decisions: pl.LazyFrame) -> pl.LazyFrame:
    with_priority = [pl.lit(f"{name} ") + pl.col(f"priority_{name}") for name in LISTS]
    listed = pl.concat_str(with_priority, separator="; ", ignore_nulls=True)
    return decisions.select(
        *_PERSON,
        "clinic_id",
        "decision_key",
        "rule_id",
        "clinical_status",
        "priority",
        "regimen_id",
        "reason",
        lists=pl.when(pl.col("priority").is_not_null()).then(listed),
        **{name: pl.when(pl.col(name).list.len() > 0).then(pl.col(name).list.join("; ")) for name in _NOTED},
    )


def kinds_of_move(moved: pl.DataFrame) -> pl.DataFrame:
    """One row per kind of move, the largest first: what tells kinds apart, as `from_` and `to_`, and people.

    `notes`, cautions and follow-up items, tells kinds apart only where nothing else does; else null.
    """
    kind = [f"{side}_{name}" for side in ("from", "to") for name in (*_KIND, "notes")]
    stays = pl.all_horizontal([pl.col(f"from_{name}").eq_missing(pl.col(f"to_{name}")) for name in _KIND])
    notes = {
        f"{side}_notes": pl.when(stays).then(
            pl.concat_str([f"{side}_{name}" for name in _NOTED], separator="; ", ignore_nulls=True)
        )
        for side in ("from", "to")
    }
    return (
        moved.with_columns(**notes)
        .group_by(kind)
        .agg(people=pl.len())
        .sort(["people", *kind], descending=[True, *[False] * len(kind)])
    )


def _told(before: Pack, after: Pack) -> list[dict[str, str]]:
    return [asdict(each) for each in differences(before, after)]


def finish(account: Mapping[str, Any], as_json: bool) -> None:
    """Says on stdout what differs and how many people move; never who."""
    if as_json:
        sys.stdout.write(json.dumps(account, ensure_ascii=False) + "\n")
        return
    console = on_stdout()
    for part in _human_account(account):
        console.print(part, markup=False, soft_wrap=isinstance(part, str))


def _human_account(account: Mapping[str, Any]) -> Iterable[str | Table]:
    found = [Difference(**each) for each in account["differences"]]
    yield from _differences(account, found)
    if "moves" not in account:
        return
    yield ""
    yield (
        f"{account['moved']} of {account['people']} people move from {account['pack_a']} to {account['pack_b']}, "
        f"as of {account['as_of']}."
    )
    if account["moves"]:
        yield _moves_table(account["moves"])
    if account["output"]:
        yield f"One row per person who moves: {account['output']}"
    elif account["moves"]:
        yield "--output FILE.csv writes one row per person who moves."


def _differences(account: Mapping[str, Any], found: Sequence[Difference]) -> Iterator[str | Table]:
    """What decides in full, in the order of the packs; evidence and sign-off only counted."""
    deciding = [each for each in found if not each.clause.startswith("fact")]
    if not found:
        yield f"{account['pack_a']} and {account['pack_b']} say the same."
        return
    table = Table(title="Entries that differ", title_justify="left")
    for heading in ("entry", "clause", account["pack_a"], account["pack_b"]):
        table.add_column(heading, overflow="fold")
    for each in deciding[:CLAUSES_SHOWN]:
        table.add_row(f"{each.kind} {each.entry}", each.clause, _short(each.before), _short(each.after))
    if deciding:
        yield table
    if len(deciding) > CLAUSES_SHOWN:
        yield f"{len(deciding) - CLAUSES_SHOWN} more clauses differ: --json names them all."
    cited = len({(each.kind, each.entry) for each in found if each.clause.startswith("fact")})
    if cited:
        yield f"{cited} entries differ in evidence, source or sign-off: --json names them."


def _short(words: str) -> str:
    if not words:
        return "(nothing)"
    return words if len(words) <= WORDS_SHOWN else words[: WORDS_SHOWN - 3] + "..."


def _moves_table(moves: Sequence[Mapping[str, Any]]) -> Table:
    table = Table(title="Who moves", title_justify="left")
    for heading in ("from", "to"):
        table.add_column(heading)
    table.add_column("people", justify="right")
    for move in moves[:KINDS_SHOWN]:
        table.add_row(_side(move, "from"), _side(move, "to"), str(move["people"]))
    rest = moves[KINDS_SHOWN:]
    if rest:
        table.add_row(f"{len(rest)} more kinds of move", "", str(sum(move["people"] for move in rest)))
    return table


def _side(move: Mapping[str, Any], side: str) -> str:
    regimen = f" ({move[f'{side}_regimen_id']})" if move[f"{side}_regimen_id"] else ""
    lists = move[f"{side}_lists"] or "no list"
    notes = f" [{move[f'{side}_notes'] or 'no caution'}]" if move["from_notes"] is not None else ""
    return f"{move[f'{side}_decision_key']} {move[f'{side}_clinical_status']}: {lists}{regimen}{notes}"


def refuse_people_without_extracts(output: Path | None, as_of: str | None) -> None:
    """Raises ConfigurationError where an option asks for people and nothing says which."""
    for option, given in (("--output", output), ("--as-of", as_of)):
        if given:
            raise ConfigurationError(
                f"{option} is for the people who move, and without extracts nobody does.",
                f"add --extracts DIR or --config FILE, or leave {option} out.",
            )
