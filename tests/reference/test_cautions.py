"""Cautions C01 to C20 and the safety list (specification section 11): hits and near misses, by hand."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.reference.builder import AS_OF, Patient, ago
from tests.reference.making import SITE_CODES


def severity(patient: Patient, caution: str) -> str | None:
    return patient.decided().cautions.get(caution)


def on_folic_acid(micrograms: str | None = "5000") -> Patient:
    unit = "ug" if micrograms else None
    return Patient().drug("folic acid", ago(50), dose_quantity=micrograms, dose_unit=unit)


# C01 folic acid -----------------------------------------------------------------------------------------


def test_c01_by_class() -> None:
    assert severity(on_folic_acid().b12("150", 9), "C01") == "high"
    assert severity(on_folic_acid().b12("250", 9), "C01") == "medium"
    assert severity(on_folic_acid().b12("<200", 9), "C01") == "medium"
    assert severity(on_folic_acid().b12("150", 9).active("80", 9), "C01") == "medium"  # discordant
    assert severity(on_folic_acid().b12("400", 9).icd("K14.0", 9), "C01") is None
    assert severity(on_folic_acid().icd("K14.0", 9), "C01") == "medium"
    assert severity(on_folic_acid().haemoglobin("110", 9), "C01") == "medium"
    assert severity(on_folic_acid(), "C01") is None


def test_c01_by_dose_and_treatment() -> None:
    assert severity(on_folic_acid("400").b12("150", 9), "C01") == "high"
    assert severity(on_folic_acid("399").b12("150", 9), "C01") is None
    assert severity(on_folic_acid(None).b12("150", 9), "C01") == "high"
    assert severity(on_folic_acid().b12("150", 109).injections(105), "C01") is None
    assert severity(on_folic_acid().b12("150", 109).injections(106), "C01") == "high"
    ended = Patient().drug("folic acid", ago(58), days_supply="28", dose_quantity="5", dose_unit="mg")
    assert severity(ended.b12("150", 9), "C01") is None  # ended 31 days ago
    ended = Patient().drug("folic acid", ago(57), days_supply="28", dose_quantity="5", dose_unit="mg")
    assert severity(ended.b12("150", 9), "C01") == "high"


def test_c01_one_step_lower_in_pregnancy() -> None:
    assert severity(on_folic_acid("400").icd("Z34.9", 100).active("20", 9), "C01") == "medium"
    assert severity(on_folic_acid("400").icd("Z34.9", 100).active("40", 9), "C01") == "low"
    assert severity(on_folic_acid("401").icd("Z34.9", 100).active("20", 9), "C01") == "high"
    assert severity(on_folic_acid(None).icd("Z34.9", 100).active("20", 9), "C01") == "high"


# C02 to C05 ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("E51.2", "high"),
        ("F10.2", "high"),
        ("F10.1", "medium"),
        ("G31.2", "medium"),
        ("F50.0", "medium"),
        ("Z72.4", None),
    ],
)
def test_c02_thiamine(code: str, expected: str | None) -> None:
    assert severity(Patient().icd(code, 3000).b12("150", 9), "C02") == expected
    assert severity(Patient().icd(code, 3000).b12("250", 9), "C02") == expected
    assert severity(Patient().icd(code, 3000).b12("400", 9), "C02") is None  # on no list that it concerns


def test_c02_by_snomed_code_and_only_where_listed() -> None:
    assert severity(Patient().snomed("191811004", 9).b12("150", 9), "C02") == "high"
    assert severity(Patient().snomed("15167005", 9).b12("150", 9), "C02") == "medium"
    assert severity(Patient().icd("E51.2", 9).b12("250", 9).order("13964-2", 9), "C02") is None


def test_c03_new_neurological_features_on_tablets() -> None:
    patient = Patient().tablets(200).b12("400", 100).icd("R20.2", 199)
    assert severity(patient, "C03") == "high"
    decision = patient.decided()
    assert decision.lists == {"follow_up": "P2", "safety_review": "P2"}
    assert "C03" in decision.follow_up_reasons
    assert severity(Patient().tablets(200).b12("400", 100).icd("R20.2", 200), "C03") is None
    assert severity(Patient().tablets(200).b12("150", 100).icd("R20.2", 199), "C03") is None
    assert severity(Patient().tablets(200).b12("400", 200).icd("R20.2", 199), "C03") is None
    assert severity(Patient().tablets(200).icd("R20.2", 199), "C03") is None
    assert severity(Patient().tablets(200).b12("400", 100).icd("R29.6", 199), "C03") is None  # broad
    assert severity(Patient().injections(90, 200).b12("400", 100).icd("R20.2", 199), "C03") is None
    assert severity(Patient().tablets(900).b12("400", 366).icd("R20.2", 199), "C03") is None


def test_c03_of_unknown_start() -> None:
    assert severity(Patient().tablets(None).b12("400", 365).icd("R20.2", 365), "C03") == "high"
    assert severity(Patient().tablets(None).b12("400", 365).icd("R20.2", 366), "C03") is None


def test_c04_mma_with_poor_kidneys() -> None:
    assert severity(Patient().b12("250", 9).mma("200", 9).egfr("59", 9), "C04") == "medium"
    assert severity(Patient().b12("250", 9).mma("200", 9).egfr("60", 9), "C04") is None
    assert severity(Patient().b12("250", 9).mma("200", 9).icd("N18.3", 900), "C04") == "medium"
    assert severity(Patient().b12("250", 9).mma("200", 9), "C04") is None
    assert severity(Patient().b12("250", 9).egfr("59", 9), "C04") is None


def test_c05_cyanocobalamin_with_leber_or_tobacco_amblyopia() -> None:
    assert severity(Patient().snomed("314538009", 900).tablets(9), "C05") == "high"
    assert severity(Patient().icd("H47.2", 900).tablets(9), "C05") is None
    assert severity(Patient().snomed("314538009", 900).injections(9), "C05") is None  # hydroxocobalamin

    def injected(days: int) -> Patient:
        patient = Patient().snomed("314538009", 900)
        return patient.drug("cyanocobalamin", ago(days), kind="administration", route="IM")

    assert severity(injected(105), "C05") == "high"
    assert severity(injected(106), "C05") is None
    ended = Patient().snomed("314538009", 900).tablets(300, end_on=ago(31), status="completed")
    assert severity(ended, "C05") is None


# C06, C07, C09: people who may be injected --------------------------------------------------------------


@pytest.mark.parametrize(
    ("patient", "expected"),
    [
        (Patient().b12("150", 9), True),
        (Patient().injections(9), True),  # loading
        (Patient().injections(90, 300), True),  # maintenance
        (Patient().tablets(9), False),
        (Patient().b12("250", 9), False),
    ],
)
def test_c06_and_c07_concern_people_who_may_be_injected(patient: Patient, expected: bool) -> None:
    patient.drug("warfarin", ago(9)).snomed("231501003", 3000)
    assert severity(patient, "C06") == ("medium" if expected else None)
    assert severity(patient, "C07") == ("low" if expected else None)


def test_c06_bleeding() -> None:
    assert severity(Patient().b12("150", 9).platelets("49", 365), "C06") == "medium"
    assert severity(Patient().b12("150", 9).platelets("50", 365), "C06") is None
    assert severity(Patient().b12("150", 9).platelets("49", 366), "C06") is None
    aspirin = Patient().b12("150", 9).drug("aspirin", ago(9), code_system="ATC", code="B01AC06")
    assert severity(aspirin, "C06") is None


def test_c07_needle_phobia() -> None:
    assert severity(Patient().b12("150", 9).icd("F40.2", 3000), "C07") == "low"  # broad counts
    assert severity(Patient().b12("150", 9).icd("F40.1", 3000), "C07") is None


def test_c09_severe_anaemia() -> None:
    assert severity(Patient().b12("150", 9).haemoglobin("79", 365), "C09") == "high"
    assert severity(Patient().b12("150", 9).haemoglobin("80", 9), "C09") is None
    assert severity(Patient().b12("150", 9).haemoglobin("79", 366), "C09") is None
    assert severity(Patient().injections(9).haemoglobin("79", 9), "C09") == "high"
    assert severity(Patient().injections(90, 300).haemoglobin("79", 9), "C09") is None
    assert severity(Patient().b12("250", 9).haemoglobin("79", 9), "C09") is None


# C10 to C15 ---------------------------------------------------------------------------------------------


def test_c10_pregnancy() -> None:
    assert severity(Patient().icd("Z34.9", 294), "C10") == "medium"
    assert severity(Patient().icd("Z34.9", 295), "C10") is None


def test_c11_combined_contraceptive() -> None:
    combined = Patient().drug("", ago(9), code_system="ATC", code="G03AA07")
    assert severity(combined, "C11") == "medium"
    assert severity(Patient().drug("", ago(9), code_system="ATC", code="G03AC03"), "C11") is None


@pytest.mark.parametrize(
    ("ethnicity", "expected"),
    [
        ("Black Caribbean", "low"),
        ("white and BLACK african", "low"),
        ("Mixed/black", "low"),
        ("Blackfoot", None),
        ("White", None),
        (None, None),
    ],
)
def test_c12_ethnicity(ethnicity: str | None, expected: str | None) -> None:
    assert severity(Patient(ethnicity=ethnicity), "C12") == expected


def test_c12_moves_no_limit() -> None:
    assert Patient(ethnicity="Black African").b12("180", 9).decided().index_class == "INDET"


def test_c13_nitrous_oxide() -> None:
    assert severity(Patient().icd("F18.1", 365), "C13") == "medium"
    assert severity(Patient().icd("F18.1", 366), "C13") is None
    assert Patient().nitrous_oxide(365).decided(extra_codes=SITE_CODES).cautions["C13"] == "high"
    assert "C13" not in Patient().nitrous_oxide(366).decided(extra_codes=SITE_CODES).cautions


def test_c14a_lapsed_with_a_cause_for_life() -> None:
    assert severity(Patient().injections(106).opcs("G27.1", 900), "C14a") == "high"
    assert severity(Patient().injections(105).opcs("G27.1", 900), "C14a") is None
    assert severity(Patient().injections(106).opcs("G28.1", 900), "C14a") is None
    assert severity(Patient().opcs("G27.1", 900), "C14a") is None  # never treated: R05


def test_c14b_tablets_for_a_cause_that_needs_injections() -> None:
    assert severity(Patient().tablets(9, "1000").icd("D51.0", 900), "C14b") == "medium"
    assert severity(Patient().injections(9).icd("D51.0", 900), "C14b") is None
    assert severity(Patient().tablets(9, "999").icd("K90.0", 900), "C14b") == "medium"
    assert severity(Patient().tablets(9, "1000").icd("K90.0", 900), "C14b") is None
    assert severity(Patient().tablets(9, None).icd("K90.0", 900), "C14b") is None
    assert severity(Patient().tablets(9, "999"), "C14b") is None


def test_c15_metformin() -> None:
    assert severity(Patient().drug("metformin", ago(57), days_supply="28"), "C15") == "low"
    assert severity(Patient().drug("metformin", ago(58), days_supply="28"), "C15") is None


# C16 to C20 ---------------------------------------------------------------------------------------------


def test_c16_high_twice_whatever_the_class() -> None:
    assert severity(Patient().b12("1001", 10).b12("1001", 100), "C16") == "medium"
    assert severity(Patient().b12("1001", 10).b12("1001", 99), "C16") is None
    low_active = Patient().b12("1001", 10).b12("1001", 100).active("20", 10).decided()
    assert (low_active.index_class, low_active.cautions["C16"]) == ("DISCORDANT", "medium")


def test_c17_sampled_soon_after_an_injection() -> None:
    for days, expected in ((0, None), (1, "low"), (14, "low"), (15, None)):
        assert severity(Patient().injections(100).b12("300", 100 - days), "C17") == expected
        assert severity(Patient().injections(100).antibody("negative", 100 - days), "C17") == expected
    assert severity(Patient().injections(375).b12("300", 365), "C17") == "low"
    assert severity(Patient().injections(375).b12("300", 366), "C17") is None
    assert severity(Patient().tablets(100).b12("300", 95), "C17") is None


def test_c18_antibody_with_an_unlikely_result() -> None:
    assert severity(Patient().antibody("positive", 900).b12("400", 9), "C18") == "low"
    assert severity(Patient().antibody("negative", 900).b12("400", 9), "C18") is None
    assert severity(Patient().antibody("positive", 900).b12("250", 9), "C18") is None


def test_c19_macrocytosis_with_an_unlikely_result() -> None:
    assert severity(Patient().mcv("101", 365).b12("400", 9), "C19") == "low"
    assert severity(Patient().mcv("100", 9).b12("400", 9), "C19") is None
    assert severity(Patient().icd("D53.1", 730).b12("400", 9), "C19") == "low"
    assert severity(Patient().mcv("101", 9).b12("250", 9), "C19") is None


def test_c20_hiv_with_a_low_total() -> None:
    assert severity(Patient().icd("B20", 900).b12("150", 9), "C20") == "low"
    assert severity(Patient().icd("B20", 900).b12("250", 9), "C20") == "low"
    assert severity(Patient().icd("B20", 900).active("20", 9), "C20") is None
    assert severity(Patient().icd("B20", 900).b12("400", 9), "C20") is None
    assert severity(Patient().icd("B24", 900).b12("150", 9), "C20") is None


# The safety list (reading 80) ---------------------------------------------------------------------------


def test_safety_row_at_the_highest_priority_of_the_person() -> None:
    decision = Patient().b12("150", 9).haemoglobin("79", 9).decided()
    assert decision.lists == {"b12_replacement": "P1", "safety_review": "P1"}
    assert decision.due_on["safety_review"] == AS_OF + timedelta(days=2)
    later = on_folic_acid().b12("150", 400).decided()
    assert later.lists == {"b12_replacement": "P3", "safety_review": "P3"}
    assert Patient().b12("250", 9).icd("F10.2", 900).decided().lists == {
        "mma_testing": "P4",
        "safety_review": "P4",
    }
    assert Patient().b12("250", 9).icd("F10.2", 900).decided().due_on["safety_review"] is None
    assert "safety_review" not in Patient().b12("150", 9).icd("F10.1", 900).decided().lists


def test_safety_row_alone_for_a_few_cautions_only() -> None:
    # Tier none: glossitis without a listed risk factor, so only folic acid puts her on a list.
    alone = on_folic_acid().icd("K14.0", 9).decided()
    assert (alone.rule_id, alone.lists) == ("R50", {"safety_review": "P2"})
    assert alone.due_on == {"safety_review": AS_OF + timedelta(days=14)}
    # One step lower in pregnancy, that is low: no row.
    pregnant = on_folic_acid("400").icd("K14.0", 9).icd("Z34.9", 100).decided()
    assert (pregnant.cautions["C01"], pregnant.lists) == ("low", {})
    # A high caution of another kind makes no row by itself.
    nitrous = Patient().nitrous_oxide(9).decided(extra_codes=SITE_CODES)
    assert (nitrous.cautions, nitrous.lists) == ({"C13": "high"}, {})
    # On another list, a medium folic acid caution makes none.
    assert on_folic_acid().b12("250", 9).decided().lists == {"mma_testing": "P4"}


def test_cautions_in_the_order_of_their_numbers_and_for_eligible_adults_only() -> None:
    patient = Patient(ethnicity="Black").b12("150", 9).drug("metformin", ago(9)).haemoglobin("79", 9)
    assert list(patient.decided().cautions) == ["C09", "C12", "C15"]
    assert Patient("2015-01-01", ethnicity="Black").decided().cautions == {}
    assert Patient(ethnicity="Black", deregistered_on=ago(0)).decided().cautions == {}
