"""Who is screened again after each change of the code, and what of them tests hold against an expectation.

First the people of the clinicians' cases: of them exactly what their expectation says. Then a cohort of which the
slow reading of the specification is asked as well: of them all that is compared with it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from rules.loader import held_packs, load_pack
from rules.model import Pack
from tests.integration.test_reference_agreement import differences, told_by_product, with_codes
from tests.parameter_cases import variant
from tests.population import MAIN, cases, decided, in_force, population
from tests.reference.cohorts import AS_OF, make_cohort
from tests.reference.making import SITE_CODES
from transforms.inputs import Inputs
from transforms.present import told, worklists

FIRST = "b12/1.0.0"
SEED, PEOPLE = 8, 4000

Seen = Callable[[], Any]
"""Screens some people and gives what tests hold against an expectation: twice the same unless the code changed."""


def of_cases(home: Path) -> dict[str, Seen]:
    """By pack and kind of table."""
    first = load_pack(FIRST)
    found = {}
    for kinds in (MAIN, *sorted({(case["kind"],) for case in cases() if case["kind"] not in MAIN})):
        found[f"{FIRST} {kinds[0]}"] = _outcomes(kinds, variant(kinds[0], first), home)
    for ref in held_packs():
        if ref != FIRST:
            found[ref] = _outcomes(("story",), load_pack(ref), home)
    return found


def _outcomes(kinds: tuple[str, ...], pack: Pack, home: Path) -> Seen:
    people = population(kinds, pack, home / f"{pack.id}-{kinds[0]}")
    return lambda: people.outcomes(pack)


class Night(NamedTuple):
    """Decisions and rows of the lists by person, as a publication read back."""

    by_person: Mapping[str, Mapping[str, Any]]
    listed: Mapping[str, Mapping[str, Mapping[str, Any]]]


def of_cohort(home: Path) -> Seen:
    """A cohort with exact codes of nitrous oxide. Raises AssertionError where the slow reading does not agree."""
    pack = with_codes(load_pack(FIRST), SITE_CODES)
    tables = make_cohort(SEED, PEOPLE)
    inputs = in_force(tables, pack, home / "cohort", AS_OF)
    unlike = differences(_night(inputs, pack), tables, AS_OF, extra_codes=SITE_CODES)
    assert unlike == {}, f"The slow reading decides otherwise of {len(unlike)} people: settle that first."

    def seen() -> dict[str, dict[str, object]]:
        night = _night(inputs, pack)
        return {person: told_by_product(night, person) for person in night.by_person}

    return seen


def _night(inputs: Inputs, pack: Pack) -> Any:
    people = told(decided(inputs, pack, AS_OF).lazy(), pack).collect().rechunk()
    listed: dict[str, dict[str, Any]] = {}
    for row in worklists(people.lazy(), pack).collect().iter_rows(named=True):
        listed.setdefault(row["patient_id"], {})[row["list"]] = row
    return Night({row["patient_id"]: row for row in people.iter_rows(named=True)}, listed)
