"""Which case notices which change: every mutant asked one by one, and the answers kept in two files.

python -m tests.parameter_cases      asks anew (five minutes) and writes
  rules/parameter_cases.csv             for the parameters of the pack
  tests/spec/entry_cases.csv            for its causes, clues and lists of B12
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import polars as pl

from rules.loader import load_pack
from rules.model import Pack
from tests.mutants import entry_mutants, parameter_mutants, with_value
from tests.population import MAIN, Population, population

FILE = Path(__file__).parents[1] / "rules" / "parameter_cases.csv"
ENTRIES = Path(__file__).parent / "spec" / "entry_cases.csv"
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


def kept(path: Path = FILE) -> list[Noticed]:
    with path.open(encoding="utf-8", newline="") as file:
        return [Noticed(**row) for row in csv.DictReader(file)]


def asked_anew(
    pack: Pack, people: Mapping[str, Population], mutants: Iterable[tuple[str, Pack]]
) -> Iterator[Noticed]:
    """One `Noticed` per mutant (name, changed pack) that any case notices: the case that the fewest others move."""
    before = {name: group.outcomes(variant(name, pack)) for name, group in people.items()}
    moved: dict[str, list[tuple[str, str]]] = {}
    for mutant_name, changed in mutants:
        for name, group in people.items():
            after = group.outcomes(variant(name, changed))
            found = [(name, case) for case, outcome in after.items() if outcome != before[name][case]]
            moved.setdefault(mutant_name, []).extend(found)
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


def _write(path: Path, noticed: Iterable[Noticed]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(noticed)


def main() -> None:
    pack = load_pack("b12/1.0.0")
    with TemporaryDirectory() as home:
        people = populations(pack, Path(home))
        parameters = ((one.name, one.rule) for one in parameter_mutants(pack))
        _write(FILE, list(asked_anew(pack, people, parameters)))
        entries = ((one.name, one.change(pack)) for one in entry_mutants(pack))
        _write(ENTRIES, list(asked_anew(pack, people, entries)))


if __name__ == "__main__":
    main()
