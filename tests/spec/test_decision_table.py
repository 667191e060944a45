"""The table of the pack and the slow reading of the specification decide alike, for every person there can be."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import pytest

from rules.loader import load_pack
from rules.model import Condition, DecisionRow
from schemas.vocabulary import FACTS
from tests.reference.screen import decision_row

PACK = load_pack("b12/1.0.0")

EVERYBODY_ELSE = {
    "eligibility": "eligible",
    "age_group": "adult",
    "replacement": "NEVER",
    "mma_for": "all_indeterminate",
    "mma_order_open": "no",
    "b12_order_open": "no",
}
VARIED = tuple(fact for fact in FACTS if fact not in EVERYBODY_ELSE)


def holds(condition: Condition, facts: dict[str, str]) -> bool:
    return all(facts[fact] in words for fact, words in condition.items())


def of_pack(rows: tuple[DecisionRow, ...], facts: dict[str, str]) -> tuple[str, str, dict[str, str]]:
    row = next(row for row in rows if holds(row.when, facts))
    lists = {}
    for output in row.outputs:
        listed = [choice.priority for choice in output.priorities if holds(choice.when, facts)]
        lists |= {output.worklist: listed[0]} if listed else {}
    return row.id, row.status, lists


def everybody(index_class: str) -> Iterator[dict[str, str]]:
    domains = [(index_class,) if fact == "index_class" else FACTS[fact] for fact in VARIED]
    for words in product(*domains):
        facts = EVERYBODY_ELSE | dict(zip(VARIED, words, strict=True))
        # The pack's fact holds reading 43 whole, its own MMA included; the slow reading tests that MMA apart.
        if facts["total_b12_in_pregnancy"] == "no" or facts["mma"] != "ELEVATED":
            yield facts


@pytest.mark.parametrize("index_class", FACTS["index_class"])
def test_pack_and_slow_reading_agree_on_everybody(index_class: str) -> None:
    # Rows that speak only of other index results cannot hold and are left out for speed.
    rows = tuple(row for row in PACK.decisions if index_class in row.when.get("index_class", (index_class,)))
    differing = [facts for facts in everybody(index_class) if of_pack(rows, facts) != decision_row(facts)]
    assert differing[:1] == []


@pytest.mark.parametrize("eligibility", FACTS["eligibility"])
@pytest.mark.parametrize("age_group", FACTS["age_group"])
@pytest.mark.parametrize("replacement", FACTS["replacement"])
@pytest.mark.parametrize("index_class", FACTS["index_class"])
def test_who_is_looked_at_at_all(
    eligibility: str, age_group: str, replacement: str, index_class: str
) -> None:
    facts = EVERYBODY_ELSE | {fact: FACTS[fact][-1] for fact in VARIED}
    facts |= {"total_b12_in_pregnancy": "no", "index_class": index_class}
    facts |= {"eligibility": eligibility, "age_group": age_group, "replacement": replacement}
    assert of_pack(PACK.decisions, facts) == decision_row(facts)
