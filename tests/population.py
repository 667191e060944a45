"""Everybody the cases of the pack tell of, screened at once and in memory: cheap enough to ask a hundred packs.

A whole night stands between the stories and the frames once; what then differs from pack to pack is the screen.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from flows import stages
from flows.context import opened, plan
from flows.passes import Paths, inputs_in_force
from rules.model import Pack
from tests.night import Tables, write_extract
from tests.patients import Row, case_tables, story
from tests.said import said
from transforms import cautions, follow_up
from transforms.inputs import Inputs
from transforms.normalise import normalise
from transforms.present import told, worklists
from transforms.screen import screen

SHELF = Path(__file__).parents[1] / "rules" / "packs"
AS_OF = date(2026, 6, 15)
WATCH, SAYS = "watch", "says"
MAIN = ("story", WATCH, SAYS)

Outcome = tuple[Any, ...]
_SHOWN = ("list", "priority", "due_on", "regimen_id", "reason", "suggested_action")


def cases(pack_ref: str = "b12/1.0.0") -> list[Row]:
    """Every person of a pack's cases files; column `kind` names the table's."""
    return [
        row | {"kind": table.kind}
        for file in sorted((SHELF / pack_ref).glob("cases*.md"))
        for table in case_tables(file)
        if table.kind in MAIN or table.kind.startswith("story")
        for row in table.rows
    ]


@dataclass(frozen=True)
class Population:
    """The people of some cases with what is in force of them."""

    cases: tuple[Row, ...]
    inputs: Inputs

    def outcomes(self, pack: Pack) -> dict[str, Outcome]:
        """By person what the tests of the cases look at, as this pack decides it."""
        decided = told(self.decided(pack).lazy(), pack).collect().rechunk()
        listed: dict[str, dict[str, dict[str, Any]]] = {}
        rows = worklists(decided.lazy(), pack).select("patient_id", *_SHOWN).collect()
        for row in rows.iter_rows(named=True):
            listed.setdefault(row["patient_id"], {})[row["list"]] = row
        people = {row["patient_id"]: row for row in decided.iter_rows(named=True)}
        return {
            case["person"]: looked_at(case, people[case["person"]], listed.get(case["person"], {}), pack)
            for case in self.cases
        }

    def decided(self, pack: Pack) -> pl.DataFrame:
        return decided(self.inputs, pack, AS_OF)

    def asked(self, pack: Pack) -> Asked:
        """What follow-up items and cautions are asked of, taken where the screen hands it over."""
        taken: dict[str, pl.DataFrame] = {}
        real_items, real_held = follow_up.items, cautions.held

        def items(treated: pl.LazyFrame, *rest: Any) -> pl.LazyFrame:
            taken["treated"] = treated.collect()
            return real_items(treated, *rest)

        def held(asked: pl.LazyFrame, *rest: Any) -> pl.LazyFrame:
            taken["cautions"] = asked.collect()
            return real_held(asked, *rest)

        follow_up.items, cautions.held = items, held
        try:
            decided = self.decided(pack)
        finally:
            follow_up.items, cautions.held = real_items, real_held
        names = dict(decided.select("person_key", "patient_id").iter_rows())
        on_lists = {
            row["patient_id"]: [name for name in row["lists"] if name != "safety_review"]
            for row in decided.iter_rows(named=True)
        }
        return Asked(taken["treated"], taken["cautions"], names, on_lists)


@dataclass(frozen=True)
class Asked:
    """The facts of follow-up (`treated`) and of cautions by person, and who is on which list but for safety."""

    treated: pl.DataFrame
    cautions: pl.DataFrame
    names: Mapping[int, str]
    on_lists: Mapping[str, list[str]]

    @cached_property
    def facts_of_cautions(self) -> dict[str, dict[str, str]]:
        return {self.names[row["person_key"]]: row for row in self.cautions.iter_rows(named=True)}


def looked_at(
    case: Row, person: Mapping[str, Any], listed: Mapping[str, Mapping[str, Any]], pack: Pack
) -> Outcome:
    """The part of a person's outcome that the case gives an expectation for."""
    safety = listed["safety_review"]["priority"] if "safety_review" in listed else None
    if case["kind"] == SAYS:
        about = case["says"].split()[0]
        return tuple(sorted(token for token in said(listed.values(), pack, AS_OF) if token.startswith(about)))
    if case["kind"] == WATCH:
        row = listed.get("follow_up", {})
        due = row.get("priority"), row.get("due_on")
        return person["follow_up_items"], due, person["cautions"], person["high_cautions"], safety
    decision, _, also = case["expected"].partition(" & ")
    named = re.findall(r"(\w+) P\d RG-", decision)
    regimens = [listed[name]["regimen_id"] if name in listed else None for name in named]
    facts = [str(person[fact]) for fact in re.findall(r"(\w+) [\w/.-]+", also)]
    priorities = {name: row["priority"] for name, row in listed.items()}
    decided = person["rule_id"], person["clinical_status"], person["lists"], person["priority"]
    return *decided, priorities, regimens, facts


def _held(frame: pl.LazyFrame) -> pl.LazyFrame:
    return frame.collect().rechunk().lazy()


def decided(inputs: Inputs, pack: Pack, as_of: date) -> pl.DataFrame:
    """One row per person of what is in force, as `screen` decides it."""
    read = normalise(inputs.observations, pack).collect()
    observations = read.filter(pl.col("problem").is_null()).drop("problem").lazy()
    seen = Inputs(**{**vars(inputs), "observations": observations})
    return screen(seen, pack, as_of, _held).decisions.collect().rechunk()


def population(kinds: tuple[str, ...], pack: Pack, home: Path) -> Population:
    """The people of the pack's tables of these kinds, as its codes and days show them."""
    chosen = tuple(case for case in cases(pack.ref) if case["kind"] in kinds)
    tables: dict[str, list[Row]] = {}
    for case in chosen:
        for table, rows in story(case["person"], case["story"], AS_OF).items():
            tables.setdefault(table, []).extend(rows)
    return Population(chosen, in_force(tables, pack, home, AS_OF))


def in_force(tables: Tables, pack: Pack, home: Path, as_of: date) -> Inputs:
    """What the first stages of a night leave in force of these tables, held in memory."""
    asked = plan(
        extracts=write_extract(tables, home / "extract"),
        output=home / "out",
        warehouse=home / "warehouse.duckdb",
        as_of=as_of,
        with_workbooks=False,
        accept_low_volume=True,
    )
    with opened(asked) as night, pytest.MonkeyPatch.context() as patched:
        patched.setattr(stages, "_loaded", lambda *_, **__: pack)
        for stage in (stages.extract, stages.stage, stages.validate):
            stage(night.file)
        lazy = inputs_in_force(Paths(night.work))
        return replace(lazy, **{name: frame.collect().lazy() for name, frame in vars(lazy).items()})
