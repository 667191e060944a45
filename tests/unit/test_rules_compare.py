"""Two packs side by side."""

from __future__ import annotations

from dataclasses import replace

from rules.compare import Difference, differences
from rules.loader import load_pack
from rules.model import Priority

PACK = load_pack("b12/1.0.0")


def test_a_pack_does_not_differ_from_itself() -> None:
    assert differences(PACK, PACK) == []


def test_a_parameter_that_differs() -> None:
    other = replace(
        PACK, parameters=PACK.parameters | {"age_min": replace(PACK.parameters["age_min"], value=18.0)}
    )
    assert differences(PACK, other) == [Difference("parameter", "age_min", "value", "16", "18")]


def test_a_band_is_told_in_words() -> None:
    found = differences(PACK, load_pack("b12-us-aafp2017/1.0.0"), with_evidence=False)
    assert Difference("band", "b12_total_ng_l", "LOW", "below 180", "below 150") in found
    assert (
        Difference(
            "band",
            "b12_total_ng_l",
            "INDET",
            "at least 180 and at most 350",
            "at least 150 and below 400",
        )
        in found
    )
    assert not [each for each in found if each.clause.startswith("fact")]


def test_a_clause_of_an_output_is_named_by_its_list() -> None:
    place, row = next((place, row) for place, row in enumerate(PACK.decisions) if row.key == "R24")
    output = replace(row.outputs[0], priorities=(Priority({}, "P4"),))
    changed = replace(row, outputs=(output,))
    other = replace(PACK, decisions=(*PACK.decisions[:place], changed, *PACK.decisions[place + 1 :]))
    assert differences(PACK, other) == [
        Difference("row", "R24", "mma_testing.1.when.risk_factor", "current", ""),
        Difference("row", "R24", "mma_testing.1.priority", "P3", "P4"),
        Difference("row", "R24", "mma_testing.2.priority", "P4", ""),
    ]


def test_a_row_that_one_pack_does_not_have() -> None:
    rest = tuple(row for row in PACK.decisions if row.key != "R40.neuro_at_risk")
    found = differences(PACK, replace(PACK, decisions=rest))
    assert {each.entry for each in found} == {"R40.neuro_at_risk"}
    assert all(each.before and not each.after for each in found)


def test_evidence_alone_can_be_left_out() -> None:
    fact = replace(PACK.parameters["age_min"].fact, source="Elsewhere")
    other = replace(
        PACK, parameters=PACK.parameters | {"age_min": replace(PACK.parameters["age_min"], fact=fact)}
    )
    assert [each.clause for each in differences(PACK, other)] == ["fact.source"]
    assert differences(PACK, other, with_evidence=False) == []


def test_another_order_of_the_causes_is_a_difference() -> None:
    first, second, *rest = PACK.causes
    [found] = differences(PACK, replace(PACK, causes=(second, first, *rest)))
    assert (found.kind, found.clause) == ("cause", "order")
    assert found.before.startswith(f"{first.id}, {second.id}, ")
    assert found.after.startswith(f"{second.id}, {first.id}, ")
