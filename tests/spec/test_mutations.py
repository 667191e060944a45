"""No rule of the pack can be changed without a case of the cases files noticing it.

Rows, clauses, words, priorities, cautions and follow-up items are changed where facts are words and everybody's are
known; limits and parameters are changed and everybody's records screened again. What nobody can notice is proven
(`tests.mutants`), or named with the reason in mutants_without_effect.toml.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from rules.loader import held_packs, load_pack
from rules.model import Caution, DecisionRow, Pack
from tests.mutants import (
    Mutant,
    band_mutants,
    caution_mutants,
    decision_mutants,
    entry_mutants,
    follow_up_mutants,
    parameter_mutants,
    replaced,
    suppression_mutants,
    with_value,
)
from tests.parameter_cases import ENTRIES, Noticed, kept, populations, variant
from tests.patients import Row
from tests.population import AS_OF, SAYS, WATCH, Asked, Outcome, Population, population
from tests.spec.test_cases import DEFAULT_PERSON, decided, ends, holds, parted, rows_of, touches
from transforms import follow_up

PACK = load_pack("b12/1.0.0")
REASONS = tomllib.loads((Path(__file__).parent / "mutants_without_effect.toml").read_text(encoding="utf-8"))
INHERITING = [ref for ref in held_packs() if load_pack(ref).inherits]
TOGETHER = 8
"""So many parameters or entries are changed in one screen, none of which moves another's case."""

Change = Callable[[Pack], Pack]


def new_value(mutant: Mutant) -> Change:
    parameter = mutant.name.split()[0]
    value = mutant.rule.parameters[parameter].value
    return lambda pack: with_value(pack, parameter, value)


CHANGES: dict[str, Change] = {
    **{one.name: new_value(one) for one in parameter_mutants(PACK)},
    **{one.name: one.change for one in entry_mutants(PACK)},
}
DECISIONS = {ref: [case for case in rows_of("decision") if case["pack"] == ref] for ref in held_packs()}


def survivors(mutants: list[Mutant], noticed: set[str], group: str) -> list[str]:
    """Names of changes that nobody notices and nothing excuses; excuses that nothing needs fail as well."""
    unnoticed = [one.name for one in mutants if one.name not in noticed and not one.is_redundant]
    reasons = REASONS.get(group, {})
    idle = [reason for reason in reasons if not any(fnmatchcase(name, reason) for name in unnoticed)]
    assert idle == []
    return [name for name in unnoticed if not any(fnmatchcase(name, reason) for reason in reasons)]


def all_decided(pack: Pack) -> Iterator[tuple[str, str, dict[str, list[str]]]]:
    """How the pack decides the cases of its own file."""
    for case in DECISIONS[pack.ref]:
        facts = DEFAULT_PERSON | {"mma_for": pack.word("mma_for")} | dict(parted(case["facts"], ";"))
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
    """What each band set makes of the cases of its kind in the pack's own file."""
    found = []
    for case in (row for kind in ("b12_class", "mma_class") for row in rows_of(kind)):
        if case["pack"] != pack.ref or case.get("laboratory limit", "none") != "none" or not case["unit"]:
            continue
        if case.get("eGFR", "none") != "none":
            continue
        analyte = case.get("analyte", "lab_mma_serum")
        unit = {"pg/mL": "ng/L"}.get(case["unit"], case["unit"])
        is_older = int(case.get("age", 0)) >= pack.number("mma_older_age")
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


@pytest.mark.parametrize("ref", INHERITING)
def test_what_an_inheriting_pack_changes(ref: str, tmp_path: Path) -> None:
    """Its entries as the parent has them, and with another value, limit or regimen."""
    pack = load_pack(ref)
    people = population(("story",), pack, tmp_path)

    # What the pack alone can tell is asked first: a screen is dear.
    asked: list[Callable[[Pack], Any]] = [lambda one: list(all_decided(one)), classes, people.outcomes]
    before, mutants = [answer(pack) for answer in asked], list(inherited_mutants(pack))
    noticed = {
        one.name
        for one in mutants
        if any(answer(one.rule) != was for answer, was in zip(asked, before, strict=True))
    }
    assert {one.name.split()[0] for one in mutants} == {
        change.entry.replace("cause ", "cause:") for change in pack.changes
    }
    assert survivors(mutants, noticed, ref) == []


def inherited_mutants(pack: Pack) -> Iterator[Mutant]:
    parent, changed = load_pack(pack.inherits), {change.entry for change in pack.changes}
    for name in sorted(changed & pack.parameters.keys()):
        yield Mutant(f"{name} inherited", with_value(pack, name, parent.parameters[name].value))
    for place, bands in enumerate(pack.band_sets):
        if bands.id in changed:
            inherited = replaced(pack.band_sets, place, parent.bands(bands.id))
            yield Mutant(f"{bands.id} inherited", replace(pack, band_sets=inherited))
    for one in (*parameter_mutants(pack), *band_mutants(pack)):
        if one.name.split()[0] in changed:
            yield one
    for place, cause in enumerate(pack.causes):
        if f"cause {cause.id}" in changed:
            [before] = [one for one in parent.causes if one.id == cause.id]
            yield Mutant(
                f"cause:{cause.id} inherited", replace(pack, causes=replaced(pack.causes, place, before))
            )


def batches(noticed: list[Noticed]) -> list[list[Noticed]]:
    """The noticed mutants in groups, of different entries, of which none moves the case of another."""
    groups: list[list[Noticed]] = []
    for one in noticed:
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


def test_every_cause_clue_and_list_of_b12_has_a_case_that_notices_it() -> None:
    mutants = [Mutant(one.name, None) for one in entry_mutants(PACK)]
    assert {one.mutant for one in kept(ENTRIES)} <= {one.name for one in mutants}
    assert survivors(mutants, {one.mutant for one in kept(ENTRIES)}, "entries") == []


@pytest.fixture(scope="module")
def unchanged(people: dict[str, Population]) -> dict[str, dict[str, Outcome]]:
    return {name: group.outcomes(variant(name, PACK)) for name, group in people.items()}


Outcomes = dict[str, dict[str, Outcome]]


@pytest.mark.parametrize("group", batches(kept()), ids=lambda group: group[0].mutant)
def test_parameters(group: list[Noticed], people: dict[str, Population], unchanged: Outcomes) -> None:
    assert unnoticed(group, people, unchanged) == []


@pytest.mark.parametrize("group", batches(kept(ENTRIES)), ids=lambda group: group[0].mutant)
def test_causes_clues_and_lists_of_b12(
    group: list[Noticed], people: dict[str, Population], unchanged: Outcomes
) -> None:
    assert unnoticed(group, people, unchanged) == []


def unnoticed(group: list[Noticed], people: dict[str, Population], unchanged: Outcomes) -> list[str]:
    """The changes of the group whose cases come out as they did."""
    table = group[0].table
    before = unchanged[table]

    def hidden(changed: list[Noticed]) -> list[Noticed]:
        pack = PACK
        for one in changed:
            pack = CHANGES[one.mutant](pack)
        after = people[table].outcomes(variant(table, pack))
        return [one for one in changed if after[one.case] == before[one.case]]

    # Together two changes can cancel each other: what is not noticed then is asked alone.
    return [one.mutant for together in hidden(group) for one in hidden([together])]
