"""No rule of the pack can be changed without a case of the cases files noticing it.

Rows, clauses, words, priorities, cautions and follow-up items are changed where facts are words and everybody's are
known; limits and parameters are changed and everybody's records screened again. What nobody can notice is proven
(`tests.mutants`), or named with the reason in mutants_without_effect.toml.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from rules.loader import load_pack
from rules.model import Caution, DecisionRow, Pack
from tests.mutants import (
    Mutant,
    band_mutants,
    caution_mutants,
    decision_mutants,
    follow_up_mutants,
    parameter_mutants,
    replaced,
    suppression_mutants,
    with_value,
)
from tests.parameter_cases import Noticed, kept, populations, variant
from tests.patients import Row
from tests.population import AS_OF, SAYS, WATCH, Asked, Outcome, Population
from tests.spec.test_cases import DEFAULT_PERSON, decided, ends, holds, parted, rows_of, touches
from transforms import follow_up

PACK = load_pack("b12/1.0.0")
REASONS = tomllib.loads((Path(__file__).parent / "mutants_without_effect.toml").read_text(encoding="utf-8"))
TOGETHER = 8
"""So many parameters are changed in one screen, none of which moves another's case."""

VALUES = {one.name: one.rule.parameters[one.name.split()[0]].value for one in parameter_mutants(PACK)}
DECISIONS = [case for case in rows_of("decision") if case["pack"] == PACK.ref]
FACTS_OF = [DEFAULT_PERSON | dict(parted(case["facts"], ";")) for case in DECISIONS]


def survivors(mutants: list[Mutant], noticed: set[str], group: str) -> list[str]:
    """Names of changes that nobody notices and nothing excuses; excuses that nothing needs fail as well."""
    unnoticed = [one.name for one in mutants if one.name not in noticed and not one.is_redundant]
    reasons = REASONS.get(group, {})
    idle = [reason for reason in reasons if not any(fnmatchcase(name, reason) for name in unnoticed)]
    assert idle == []
    return [name for name in unnoticed if not any(fnmatchcase(name, reason) for reason in reasons)]


def all_decided(pack: Pack) -> Iterator[tuple[str, str, dict[str, list[str]]]]:
    for facts in FACTS_OF:
        row, lists = decided(pack, facts)
        yield row.key, row.status, lists


def test_decision_rows_clauses_words_and_priorities() -> None:
    mutants, before = list(decision_mutants(PACK)), list(all_decided(PACK))
    noticed = {
        one.name
        for one in mutants
        if any(was != now for was, now in zip(before, all_decided(with_rows(one.rule)), strict=False))
    }
    assert len(mutants) > 400
    assert [one.name for one in mutants if one.is_redundant and one.name in noticed] == []
    assert survivors(mutants, noticed, "decisions") == []


def with_rows(rows: tuple[DecisionRow, ...]) -> Pack:
    return replace(PACK, decisions=rows)


def test_suppression_by_an_open_request() -> None:
    before = list(all_decided(PACK))
    assert [name for name, pack in suppression_mutants(PACK) if list(all_decided(pack)) == before] == []


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Population]:
    return populations(PACK, tmp_path_factory.mktemp("people"))


@pytest.fixture(scope="module")
def asked(people: dict[str, Population]) -> list[tuple[Population, Asked]]:
    return [(group, group.asked(variant(name, PACK))) for name, group in people.items()]


def case_of(caution: Caution, facts: dict[str, str]) -> tuple[str, str] | None:
    """Severity and sentence of the first case that holds."""
    return next(((case.severity, case.text) for case in caution.cases if holds(case.when, facts)), None)


def seen_of_caution(caution: Caution, case: Row, asked: Asked) -> Any:
    """What the case's expectation shows of one caution: that it holds, that it is high, a list for safety."""
    facts = asked.facts_of_cautions.get(case["person"])
    found = case_of(caution, facts) if facts else None
    severity = found[0] if found else None
    if case["kind"] == SAYS:
        return found if case["says"].startswith(f"{caution.id} ") else None
    if asked.on_lists[case["person"]]:
        safety = severity == "high"
    else:
        others = [other for other in PACK.cautions if other.id != caution.id]
        held = [(other, case_of(other, facts)) for other in others] if facts else []
        is_listed_anyway = any(one and one[0] in other.alone for other, one in held)
        safety = not is_listed_anyway and severity in caution.alone
    return (severity is not None, severity == "high", safety) if case["kind"] == WATCH else safety


def test_cautions(asked: list[tuple[Population, Asked]]) -> None:
    mutants = list(caution_mutants(PACK))
    everybody = [(case, facts) for group, facts in asked for case in group.cases]
    before = {
        caution.id: [seen_of_caution(caution, case, facts) for case, facts in everybody]
        for caution in PACK.cautions
    }
    noticed = {
        one.name
        for one in mutants
        if any(
            seen_of_caution(one.rule, case, facts) != was
            for (case, facts), was in zip(everybody, before[one.rule.id], strict=True)
        )
    }
    assert len(mutants) > 150
    assert survivors(mutants, noticed, "cautions") == []


def seen_of_items(pack: Pack, group: Population, asked: Asked) -> dict[str, Any]:
    """What the cases' expectations show of follow-up: the items in order, date and urgency of the first, overdue."""
    rows = follow_up.in_order(follow_up.items(asked.treated.lazy(), pack, AS_OF)).collect()
    items: dict[str, list[dict[str, Any]]] = {}
    for row in rows.iter_rows(named=True):
        items.setdefault(asked.names[row["person_key"]], []).append(row)
    shown = {}
    for case in group.cases:
        theirs = items.get(case["person"], [])
        if case["kind"] == WATCH and theirs:
            first = theirs[0]
            shown[case["person"]] = ([row["item_id"] for row in theirs], first["priority"], first["due_on"])
        elif case["kind"] == SAYS:
            about, word = case["says"].split()
            told = "is_overdue" if word in ("due", "overdue") else "action"
            shown[case["person"]] = [row[told] for row in theirs if row["item_id"] == about]
    return shown


def test_follow_up_items(asked: list[tuple[Population, Asked]]) -> None:
    mutants = list(follow_up_mutants(PACK))
    places = {item.id: place for place, item in enumerate(PACK.follow_up)}
    group, facts = asked[0]
    before = seen_of_items(PACK, group, facts)

    def changed(one: Mutant) -> Pack:
        return replace(PACK, follow_up=replaced(PACK.follow_up, places[one.rule.id], one.rule))

    noticed = {one.name for one in mutants if seen_of_items(changed(one), group, facts) != before}
    assert len(mutants) > 120
    assert survivors(mutants, noticed, "follow_up") == []


def classes(pack: Pack) -> list[list[str]]:
    """What each band set makes of the cases of its kind."""
    found = []
    for case in (row for kind in ("b12_class", "mma_class") for row in rows_of(kind)):
        if case["pack"] != PACK.ref or case.get("laboratory limit", "none") != "none" or not case["unit"]:
            continue
        if case.get("eGFR", "none") != "none":
            continue
        analyte = case.get("analyte", "lab_mma_serum")
        unit = {"pg/mL": "ng/L"}.get(case["unit"], case["unit"])
        is_older = int(case.get("age", 0)) >= PACK.number("mma_older_age")
        of_age = {"mma_65_plus", *("b12_total_ng_l", "b12_total_pmol_l", "b12_active_pmol_l")}
        sets = [
            bands
            for bands in pack.band_sets
            if (bands.analyte, bands.unit) == (analyte, unit)
            and (analyte != "lab_mma_serum" or (bands.id in of_age) == is_older)
        ]
        found += [
            [band.name for band in bands.bands if touches(band, ends(case["reported"]))] for bands in sets
        ]
    return found


def test_limits() -> None:
    before, mutants = classes(PACK), list(band_mutants(PACK))
    noticed = {one.name for one in mutants if classes(one.rule) != before}
    assert len(mutants) == 30
    assert survivors(mutants, noticed, "bands") == []


def batches() -> list[list[Noticed]]:
    """The noticed mutants in groups, of different parameters, of which none moves the case of another."""
    groups: list[list[Noticed]] = []
    for one in kept():
        fitting = (
            group
            for group in groups
            if len(group) < TOGETHER
            and all(
                one.table == other.table
                and one.parameter != other.parameter
                and one.mutant not in other.moved_by.split("; ")
                and other.mutant not in one.moved_by.split("; ")
                for other in group
            )
        )
        group = next(fitting, None)
        groups.append([one]) if group is None else group.append(one)
    return groups


def test_every_parameter_has_a_case_that_notices_it() -> None:
    mutants = list(parameter_mutants(PACK))
    assert {one.mutant for one in kept()} <= {one.name for one in mutants}
    assert survivors(mutants, {one.mutant for one in kept()}, "parameters") == []


@pytest.fixture(scope="module")
def unchanged(people: dict[str, Population]) -> dict[str, dict[str, Outcome]]:
    return {name: group.outcomes(variant(name, PACK)) for name, group in people.items()}


@pytest.mark.parametrize("group", batches(), ids=lambda group: group[0].mutant)
def test_parameters(
    group: list[Noticed], people: dict[str, Population], unchanged: dict[str, dict[str, Outcome]]
) -> None:
    table = group[0].table
    before = unchanged[table]

    def unnoticed(changed: list[Noticed]) -> list[Noticed]:
        pack = PACK
        for one in changed:
            pack = with_value(pack, one.parameter, VALUES[one.mutant])
        after = people[table].outcomes(variant(table, pack))
        return [one for one in changed if after[one.case] == before[one.case]]

    # Together two changes can cancel each other: what is not noticed then is asked alone.
    assert [one.mutant for hidden in unnoticed(group) for one in unnoticed([hidden])] == []
