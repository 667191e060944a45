"""The story builder of the tests: what a story says is what stands in the tables."""

from __future__ import annotations

from datetime import date

import pytest

from schemas.canonical_columns import COLUMNS
from tests.patients import code_for, story

AS_OF = date(2026, 6, 15)


def test_a_result_with_unit_limit_and_day() -> None:
    [row] = story("A", "mma 300 nmol/L ref 400 @-5", AS_OF)["labs"]
    assert (row["value"], row["unit"], row["reference_high"]) == ("300", "nmol/L", "400")
    assert (row["collected_at"], row["code_system"], row["code"]) == ("2026-06-10", "LOINC", "13964-2")


def test_a_text_result_has_no_unit() -> None:
    [row] = story("A", "b12 haemolysed @-3", AS_OF)["labs"]
    assert (row["value"], row["unit"]) == ("haemolysed", "")


def test_the_person() -> None:
    [row] = story("A", "born 1960-01-01; sex male; deceased @0", AS_OF)["patients"]
    assert row["birth_date"] == "1960-01-01"
    assert (row["sex"], row["deceased_on"]) == ("male", "2026-06-15")


def test_a_dose_belongs_to_the_medicine_before_it() -> None:
    told = story("A", "on ppi from -10; on metformin from -400 to -31 ; dose 1000 mg x2", AS_OF)
    ppi, metformin = told["medications"]
    assert "dose_quantity" not in ppi
    assert "end_on" not in ppi
    assert (metformin["start_on"], metformin["end_on"]) == ("2025-05-11", "2026-05-15")
    assert (metformin["dose_quantity"], metformin["dose_unit"], metformin["doses_per_day"]) == (
        "1000",
        "mg",
        "2",
    )


def test_columns_are_those_of_the_contract() -> None:
    told = story(
        "A",
        "b12 179 ng/L @-30; has cond_coeliac @-9; on ppi from -9; procedure proc_ileal_resection @-9 length 25;"
        " order mma @-1",
        AS_OF,
    )
    assert all(rows for rows in told.values())
    assert all(set(row) <= set(COLUMNS[table]) for table, rows in told.items() for row in rows)


def test_broad_codes_are_broad_only() -> None:
    assert code_for("cond_ataxia_gait", "broad").breadth == "broad"
    assert code_for("cond_ataxia_gait").breadth == "exact"


@pytest.mark.parametrize(
    "told",
    ["mmma 3 @-1", "b12 179 ng/L", "on metformin", "has cond_unheard_of @-1", "broad cond_coeliac @-1"],
)
def test_a_story_that_cannot_be_read_is_an_error(told: str) -> None:
    with pytest.raises(ValueError, match=r"story|no verified"):
        story("A", told, AS_OF)
