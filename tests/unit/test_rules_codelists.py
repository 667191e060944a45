"""What of the codelists may match, and what is held back."""

from __future__ import annotations

from pathlib import Path

import pytest

from rules.loader import load_pack
from rules.terminology import code_fault, is_loinc, is_verhoeff

PACK = load_pack()
CODELISTS = Path(__file__).parents[2] / "rules" / "codelists"


def codes(concept: str) -> set[tuple[str, str]]:
    return set(PACK.codes.filter(concept=concept).select("system", "code").rows())


def test_900_rows_and_the_derived_list_less_what_is_held_back() -> None:
    # 900 rows of which 39 unverified; 14 + 5 + 2 derived rows; one verified row is excepted (A02BD).
    assert (PACK.codes.height, PACK.codes_held_back) == (900 + 21 - 39 - 1, 40)


def test_unverified_codes_do_not_match() -> None:
    assert codes("lab_mma_serum") == {("LOINC", "13964-2"), ("OMOP", "3009799")}


def test_excepted_codes_do_not_match() -> None:
    assert ("ATC", "A02BD") not in codes("drug_ppi")
    assert ("ATC", "A02BC01") in codes("drug_ppi")
    assert codes("drug_b12_cyanocobalamin_nasal") == set()


def test_chronic_kidney_disease_of_unstated_stage_is_not_stage_3_to_5() -> None:
    staged = codes("cond_ckd_stage_3_5")
    assert len(staged) == 14
    assert staged < codes("cond_ckd")
    assert {("ICD-10", "N18"), ("SNOMED-CT", "709044004"), ("SNOMED-CT", "90688005")}.isdisjoint(staged)


def test_derived_lists_of_thiamine_risk() -> None:
    assert len(codes("cond_alcohol_dependence")) == 5
    assert codes("cond_alcohol_dependence") < codes("cond_alcohol_misuse")
    assert ("ICD-10", "F10") not in codes("cond_alcohol_dependence")
    assert codes("cond_eating_disorder") == {("ICD-10", "F50"), ("ICD-10-CM", "F50")}


def test_prefix_systems_are_compared_without_dots() -> None:
    found = PACK.codes.filter(concept="cond_coeliac", system="ICD-10").select("code", "match", "match_code")
    assert found.rows() == [("K90.0", "prefix", "K900")]


def test_other_systems_are_compared_as_they_are() -> None:
    found = PACK.codes.filter(concept="lab_b12_active").select("match", "match_code", "breadth")
    assert found.rows() == [("exact", "72160-5", "exact")]


@pytest.mark.parametrize(
    ("name", "concept"),
    [
        ("hydroxocobalamin", "drug_b12_hydroxocobalamin_any"),
        ("hydroxycobalamin", "drug_b12_hydroxocobalamin_any"),
        ("cyanocobalamin", "drug_b12_cyanocobalamin_any"),
        ("vitamin b12", "drug_b12_cyanocobalamin_any"),
        ("mecobalamin", "drug_b12_methylcobalamin"),
        ("methylcobalamin", "drug_b12_methylcobalamin"),
        ("phenobarbitone", "drug_phenobarbital"),
        ("metformin", "drug_metformin"),
        ("esomeprazole", "drug_ppi"),
    ],
)
def test_medicine_names(name: str, concept: str) -> None:
    assert PACK.drug_names.filter(name=name)["concept"].to_list() == [concept]


def test_names_that_wait_for_review_do_not_match() -> None:
    assert PACK.drug_names.filter(name="cobalamin").is_empty()
    assert PACK.names_held_back == 3


def test_no_name_ends_where_a_longer_vitamin_goes_on() -> None:
    # Names match whole words up to a non-letter: `vitamin b1` would be found in `vitamin b12`.
    names = PACK.drug_names["name"].to_list()
    assert not [(a, b) for a in names for b in names if a != b and b.startswith(a) and b[len(a)].isdigit()]


@pytest.mark.parametrize(
    ("spelling", "form"),
    [("im", "im"), ("subcutaneous", "im"), ("injection", "im"), ("po", "oral"), ("by mouth", "oral"),
     ("buccal", "sublingual"), ("sl", "sublingual"), ("intranasal", "nasal"), ("78421000", "im")],
)  # fmt: skip
def test_routes(spelling: str, form: str) -> None:
    assert PACK.routes.filter(spelling=spelling)["form"].to_list() == [form]


@pytest.mark.parametrize("code", ["271216009", "1000731000000107", "22298006", "73211009"])
def test_verhoeff_accepts_real_identifiers(code: str) -> None:
    assert is_verhoeff(code)
    assert not any(is_verhoeff(code[:-1] + digit) for digit in "0123456789" if digit != code[-1])


def test_verhoeff_sees_swapped_neighbours() -> None:
    assert not is_verhoeff("272116009")


@pytest.mark.parametrize("code", ["2132-9", "13964-2", "72160-5", "718-7"])
def test_loinc_check_digit(code: str) -> None:
    assert is_loinc(code)
    assert not any(is_loinc(code[:-1] + digit) for digit in "0123456789" if digit != code[-1])


def test_a_foreign_system_is_named() -> None:
    assert code_fault("Read", "XaJex") == "unknown code system `Read`"


def test_the_licence_notices_stand_beside_the_lists() -> None:
    notice = (CODELISTS / "README.md").read_text(encoding="utf-8")
    owners = ("Regenstrief", "SNOMED International", "World Health Organization", "Open Government Licence")
    assert all(owner in notice for owner in owners)
