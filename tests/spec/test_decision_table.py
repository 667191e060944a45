"""The table of the pack and the slow reading of the specification decide alike, for every person there can be."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product
from random import Random

import pytest

from rules.loader import load_pack
from rules.model import Condition, DecisionRow
from schemas.vocabulary import FACTS
from tests.reference.screen import decision_row

PACK = load_pack("b12/1.0.0")

ORDINARY = {
    "eligibility": "eligible",
    "age_group": "adult",
    "replacement": "NEVER",
    "lapsed": "none",
    "resection": "none",
    "high_risk_cause": "no",
    "nitrous_oxide": "none",
    "homocysteine_confirms": "no",
    "mma_raised_alone": "no",
    "high_b12_twice": "no",
    "mma_for": "all_indeterminate",
    "mma_order_open": "no",
    "b12_order_open": "no",
}
"""The words of most people. All combinations of the other facts are gone through, and these are changed by lot."""
VARIED = tuple(fact for fact in FACTS if fact not in ORDINARY)
LOTS, CHANGED, SEED = 10, 0.15, 20260615


def holds(condition: Condition, facts: dict[str, str]) -> bool:
    return all(facts[fact] in words for fact, words in condition.items())


def of_pack(rows: tuple[DecisionRow, ...], facts: dict[str, str]) -> tuple[str, str, dict[str, str]]:
    row = next(row for row in rows if holds(row.when, facts))
    lists = {}
    for output in row.outputs:
        listed = [choice.priority for choice in output.priorities if holds(choice.when, facts)]
        lists |= {output.worklist: listed[0]} if listed else {}
    return row.id, row.status, lists


def can_be(facts: dict[str, str]) -> bool:
    """Whether a person can have these facts together."""
    untested = facts["index_class"] == "NONE"
    return (
        # The pack's fact holds reading 43 whole, its own MMA included; the slow reading tests that MMA apart.
        (
            facts["total_b12_in_pregnancy"] == "no"
            or (facts["mma"] != "ELEVATED" and facts["pregnant"] == "yes")
        )
        and (facts["lapsed"] == "none" or facts["replacement"] == "LAPSED")
        and (facts["mma_raised_alone"] == "no" or facts["mma"] == "ELEVATED")
        and (facts["first_test_tier"] == "none" or untested)
        and (facts["neuro"] == "none" or facts["symptom"] == "present")
        and (facts["index_stale"] == "no" or facts["index_class"] == "LOW")
        and (facts["low_possible"] == "no" or facts["index_class"] == "AMBIGUOUS")
    )


def everybody(index_class: str) -> Iterator[dict[str, str]]:
    domains = [(index_class,) if fact == "index_class" else FACTS[fact] for fact in VARIED]
    for words in product(*domains):
        facts = ORDINARY | dict(zip(VARIED, words, strict=True))
        if can_be(facts):
            yield facts


def by_lot(index_class: str) -> Iterator[dict[str, str]]:
    """Everybody several times over, each with a few of the ordinary words changed by lot."""
    lot = Random(f"{SEED}-{index_class}")
    for person in everybody(index_class):
        for _ in range(LOTS):
            changed = {fact: lot.choice(FACTS[fact]) for fact in ORDINARY if lot.random() < CHANGED}
            facts = person | changed
            if facts["replacement"] == "LAPSED":
                facts["lapsed"] = lot.choice(FACTS["lapsed"])
            if can_be(facts):
                yield facts


@pytest.mark.parametrize("index_class", FACTS["index_class"])
@pytest.mark.parametrize("people", [everybody, by_lot])
def test_pack_and_slow_reading_agree_on_everybody(
    people: Callable[[str], Iterator[dict[str, str]]], index_class: str
) -> None:
    # Rows that speak only of other index results cannot hold and are left out for speed.
    rows = tuple(row for row in PACK.decisions if index_class in row.when.get("index_class", (index_class,)))
    differing = [facts for facts in people(index_class) if of_pack(rows, facts) != decision_row(facts)]
    assert differing[:1] == []


@pytest.mark.parametrize("eligibility", FACTS["eligibility"])
@pytest.mark.parametrize("age_group", FACTS["age_group"])
@pytest.mark.parametrize("replacement", FACTS["replacement"])
@pytest.mark.parametrize("index_class", FACTS["index_class"])
def test_who_is_looked_at_at_all(
    eligibility: str, age_group: str, replacement: str, index_class: str
) -> None:
    facts = ORDINARY | {fact: FACTS[fact][-1] for fact in VARIED}
    facts |= {"total_b12_in_pregnancy": "no", "index_class": index_class}
    facts |= {"eligibility": eligibility, "age_group": age_group, "replacement": replacement}
    assert of_pack(PACK.decisions, facts) == decision_row(facts)
