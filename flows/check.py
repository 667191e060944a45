"""A look at every source before a night: what a run would see, of a sample, with nothing published or stored."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import polars as pl
from rich.table import Table

from flows import stages
from flows.context import Night
from flows.guards import WATCHED_CONCEPTS
from flows.passes import Paths, inputs_in_force
from flows.report import on_stdout
from flows.settings import Settings
from rules.lookalikes import read_lookalikes
from rules.model import Pack
from schemas.canonical import STAGED_MODELS
from schemas.contract import split
from schemas.derived import Observation
from schemas.errors import InputRefused, ScreenError
from schemas.reasons import REASONS
from schemas.vocabulary import REQUIRED_TABLES, TABLES
from sources.base import Asked, Part
from sources.gather import gather
from sql.warehouse import Warehouse
from transforms.code_use import unlisted
from transforms.normalise import normalise

NOT_TOLD_BY_A_SAMPLE: Final = ("patient_unknown", "patient_quarantined")
"""Whether a row's person is known: the sample of one table need not hold the people of another's."""

SHOWN: Final = 10
"""Codes that look like ours."""

Account = dict[str, Any]


def checked(night: Night, rows: int) -> Account:
    """What a run would see of at most `rows` rows of each file or query of every source.

    Each source is tried, also where one before it failed; `problems` has what each refusal says. The warehouse and
    the output folder are neither opened nor locked: all that is read goes to a temporary folder that is removed.
    """
    pack = stages.pack_of(night)
    with tempfile.TemporaryDirectory(prefix="b12screen-check-") as folder:
        home = Path(folder)
        asked = Asked(
            home / "work",
            night.as_of,
            stages.engine_of(night),
            sample=rows,
            matching=stages.matching_of(pack),
        )
        asked.work.mkdir(mode=0o700)
        parts, sources, problems = _gathered(night.settings, asked)
        seen = _seen(night, parts, home, problems) if parts else {}
    return {
        "as_of": night.as_of.isoformat(),
        "pack": night.settings.screen.pack,
        "rows_looked_at": rows,
        "sources": sources,
        **seen,
        "problems": problems,
    }


def _gathered(settings: Settings, asked: Asked) -> tuple[list[Part], list[Account], list[Account]]:
    parts: list[Part] = []
    sources: list[Account] = []
    problems: list[Account] = []
    for source in settings.source_settings():
        entry: Account = {"source": source.name, "kind": source.kind, "mode": source.mode}
        try:
            found = gather(source, asked)
        except ScreenError as error:
            problems.append(_problem(error, source.name))
            sources.append(entry | {"is_readable": False, "tables": []})
            continue
        parts += found
        sources.append(entry | {"is_readable": True, "tables": list(_tables(found))})
    missing = [table for table in REQUIRED_TABLES if all(part.table != table for part in parts)]
    if missing and not problems:
        problems.append(_problem(InputRefused(f"No source delivers {', '.join(missing)}.")))
    return parts, sources, problems


def _problem(error: ScreenError, source: str = "") -> Account:
    kind, code = type(error).__name__, error.exit_code
    return {"source": source, "error": kind, "message": str(error), "exit_code": code}


def _tables(parts: Sequence[Part]) -> Iterator[Account]:
    for table in TABLES:
        of_table = [part for part in parts if part.table == table]
        if of_table:
            columns = {column for part in of_table for column in part.columns}
            yield {
                "table": table,
                "files": len(of_table),
                "rows": sum(part.rows for part in of_table),
                "columns": sorted(columns),
            }


def _seen(night: Night, parts: Sequence[Part], home: Path, problems: list[Account]) -> Account:
    """What of the sample is in scope, and what of it would be refused; a refusal of the whole is a problem."""
    pack, settings = stages.pack_of(night), night.settings
    count_from = settings.limits.unlisted_min_rows
    try:
        links = stages.links_of(night)
        with Warehouse(home / "warehouse.duckdb", home / "work", stages.engine_of(night)) as warehouse:
            warehouse.stage(parts, settings.source_settings(), stages.matching_of(pack), count_from, links)
            for table, model in STAGED_MODELS.items():
                warehouse.refuse(table, split(warehouse.staged(table), model).refused, night.as_of)
            paths = Paths(home / "work")
            warehouse.select_in_force(night.as_of, home / "work" / "in_force")
            values = split(normalise(inputs_in_force(paths).observations, pack).collect(), Observation)
            warehouse.refuse("labs", values.refused.select("row_no", "reasons"))
            return _told(warehouse, pack)
    except ScreenError as error:
        problems.append(_problem(error))
        return {}


def _told(warehouse: Warehouse, pack: Pack) -> Account:
    reasons = warehouse.reasons().filter(~pl.col("reason").is_in(NOT_TOLD_BY_A_SAMPLE))
    concepts = warehouse.lab_concepts()
    looks_like_ours = unlisted(warehouse.code_use(), pack, read_lookalikes(pack))
    return {
        "in_scope": {
            line["table"]: line["rows_in"] - line["out_of_scope"] - line["opted_out"]
            for line in warehouse.conservation()
            if line["rows_in"]
        },
        "tests": dict(zip(concepts["concept"].to_list(), concepts["rows_in_scope"].to_list(), strict=True)),
        "refused": reasons.sort("table_name", "reason").to_dicts(),
        "identity": warehouse.links(),
        "unlisted_codes": looks_like_ours.select("table_name", "code_system", "code", "rows", "codelists")
        .head(SHOWN)
        .to_dicts(),
    }


def finish(account: Mapping[str, Any], as_json: bool) -> int:
    """Says the account on stdout; gives the exit code: that of the first problem, or 0."""
    if as_json:
        sys.stdout.write(json.dumps(account, ensure_ascii=False) + "\n")
    else:
        console = on_stdout()
        for part in _in_words(account):
            console.print(part, markup=False, soft_wrap=isinstance(part, str))
    return int(account["problems"][0]["exit_code"]) if account["problems"] else 0


def _in_words(account: Mapping[str, Any]) -> Iterator[str | Table]:
    limit = f"at most {account['rows_looked_at']:,} rows of each file or query"
    yield f"As of {account['as_of']}, pack {account['pack']}: {limit}."
    for source in account["sources"]:
        state = "can be read" if source["is_readable"] else "CANNOT BE READ"
        yield f"\nSource {source['source']} ({source['kind']}, {source['mode']}): {state}"
        if source["tables"]:
            yield _table_of(source["tables"])
    if "tests" in account:
        scope = ", ".join(f"{table} {rows:,}" for table, rows in account["in_scope"].items())
        yield f"\nRows that a rule can use: {scope}"
        yield from _tests_in_words(account["tests"])
        yield from _refused_in_words(account["refused"])
        yield from _unlisted_in_words(account["unlisted_codes"])
    for problem in account["problems"]:
        yield f"\n{problem['error']}: {problem['message']}"
    yield "\nNothing was published or stored."


def _table_of(tables: Sequence[Mapping[str, Any]]) -> Table:
    shown = Table("table", "files", "rows looked at", "columns", box=None, pad_edge=False)
    for one in tables:
        shown.add_row(one["table"], str(one["files"]), f"{one['rows']:,}", ", ".join(one["columns"]))
    return shown


def _tests_in_words(tests: Mapping[str, int]) -> Iterator[str]:
    recognised = ", ".join(f"{name} {rows:,}" for name, rows in tests.items())
    yield f"Tests recognised: {recognised or 'none'}"
    if not any(tests.get(concept) for concept in WATCHED_CONCEPTS):
        yield "Not one B12 or MMA result is recognised: a run that sees no more is refused."
        yield "  Map its code under [sources.<name>.test_codes] or test_names, or look at more --rows."


def _refused_in_words(refused: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if refused:
        yield "\nWould be refused, of these rows:"
    for one in refused:
        yield f"  {one['table_name']} {one['reason']} {one['rows']:,}: {REASONS[one['reason']].sentence}"


def _unlisted_in_words(unlisted_codes: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if unlisted_codes:
        yield "\nLook like ours and are in no codelist:"
    for one in unlisted_codes:
        code = " ".join(filter(None, (one["code_system"], one["code"]))) or "a name without a code"
        yield f"  {one['table_name']} {code}: {one['rows']:,} rows, like {one['codelists']}"
