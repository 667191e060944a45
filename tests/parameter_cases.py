"""Which case notices which parameter: every mutant asked one by one, and the answer kept in a file.

python -m tests.parameter_cases      asks anew and writes rules/parameter_cases.csv (two minutes)
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import polars as pl

from rules.loader import load_pack
from rules.model import Pack
from tests.mutants import parameter_mutants, with_value
from tests.population import MAIN, Population, population

FILE = Path(__file__).parents[1] / "rules" / "parameter_cases.csv"
COLUMNS = ("parameter", "change", "table", "case", "moved_by")


class Noticed(NamedTuple):
    """One mutant and the case that notices it. `moved_by`: every mutant that moves the case, `; ` between them."""

    parameter: str
    change: str
    table: str
    case: str
    moved_by: str

    @property
    def mutant(self) -> str:
        return f"{self.parameter} {self.change}"


def variant(table: str, pack: Pack) -> Pack:
    """The pack as the stories of a kind of table ask for it."""
    if table == "story_exact_nitrous_oxide":
        is_gas = pl.col("concept") == "cond_nitrous_oxide_misuse"
        breadth = pl.when(is_gas).then(pl.lit("exact")).otherwise("breadth")
        return replace(pack, codes=pack.codes.with_columns(breadth=breadth))
    if table == "story_tier_e":
        return with_value(pack, "first_test_tier_e", "on")
    return with_value(pack, "mma_for", "symptomatic_only") if table == "story_symptomatic_only" else pack


TABLES = {
    "main": MAIN,
    "story_exact_nitrous_oxide": ("story_exact_nitrous_oxide",),
    "story_tier_e": ("story_tier_e",),
}


def populations(pack: Pack, home: Path) -> dict[str, Population]:
    return {name: population(kinds, variant(name, pack), home / name) for name, kinds in TABLES.items()}


def kept() -> list[Noticed]:
    with FILE.open(encoding="utf-8", newline="") as file:
        return [Noticed(**row) for row in csv.DictReader(file)]


def asked_anew(pack: Pack, home: Path) -> Iterator[Noticed]:
    """One `Noticed` per mutant that any case notices: the case that the fewest others move."""
    people = populations(pack, home)
    before = {name: group.outcomes(variant(name, pack)) for name, group in people.items()}
    moved: dict[str, list[tuple[str, str]]] = {}
    for mutant in parameter_mutants(pack):
        for name, group in people.items():
            after = group.outcomes(variant(name, mutant.rule))
            found = [(name, case) for case, outcome in after.items() if outcome != before[name][case]]
            moved.setdefault(mutant.name, []).extend(found)
            if found:
                break
    movers: dict[tuple[str, str], list[str]] = {}
    for mutant_name, cases in moved.items():
        for case in cases:
            movers.setdefault(case, []).append(mutant_name)
    for mutant_name, cases in moved.items():
        if cases:
            table, case = min(cases, key=lambda one: (len(movers[one]), one))
            yield Noticed(*mutant_name.split(" ", 1), table, case, "; ".join(movers[table, case]))


def main() -> None:
    with TemporaryDirectory() as home, FILE.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(asked_anew(load_pack("b12/1.0.0"), Path(home)))


if __name__ == "__main__":
    main()
