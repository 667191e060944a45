"""Decision rows R04 to R08, R21, R23, R39, R41, R49, the tiers of R50 and the regimens: one hit, one near miss.

Each expectation was derived by hand from the specification or from a numbered reading of it.
"""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.reference.builder import AS_OF, Patient, ago, row_and_lists
from tests.reference.making import SITE_CODES
from tests.reference.screen import Decision

LISTED_LAPSED = {"follow_up": "P2", "b12_replacement": "P2"}

# R04 lapsed replacement (readings 50 to 54) -------------------------------------------------------------


def lapsed_lists(patient: Patient) -> dict[str, str]:
    decision = patient.decided()
    return decision.lists if decision.rule_id == "R04" else {}


def test_r04_a_code_of_deficiency_and_a_gap_of_two_intervals() -> None:
    # Two intervals of 91 days are 182 days from the injection.
    assert lapsed_lists(Patient().injections(182).icd("D51.9", 900)) == {"follow_up": "P2"}
    assert lapsed_lists(Patient().injections(183).icd("D51.9", 900)) == LISTED_LAPSED
    assert Patient().injections(183).icd("E53.8", 900).decided().rule_id == "R50"  # broad
    assert Patient().injections(183).decided().rule_id == "R50"


def test_r04_the_interval_is_61_days_after_any_neurological_code() -> None:
    # 1,000 days old: no neurological flag any more, but 2 x 61 days.
    neuro_once = Patient().injections(122).icd("D51.9", 900).icd("R20.2", 1000)
    assert lapsed_lists(neuro_once) == {"follow_up": "P2"}
    neuro_once = Patient().injections(123).icd("D51.9", 900).icd("R20.2", 1000)
    assert lapsed_lists(neuro_once) == LISTED_LAPSED
    broad = Patient().injections(123).icd("D51.9", 900).icd("R29.6", 1000)
    assert lapsed_lists(broad) == {"follow_up": "P2"}


def test_r04_the_interval_is_30_days_in_the_monthly_pattern() -> None:
    # Lapsed from day 61 of a monthly pattern on, which is over 2 x 30 days.
    assert lapsed_lists(Patient().injections(61, 91, 121).icd("D51.9", 900)) == LISTED_LAPSED
    assert Patient().injections(60, 90, 120).icd("D51.9", 900).decided().rule_id == "R03"


def test_r04_the_gap_after_a_supply_is_counted_from_its_end() -> None:
    def lists(end: int, injected: int | None = None) -> dict[str, str]:
        patient = Patient().tablets(900, end_on=ago(end), status="completed").icd("D51.9", 950)
        return lapsed_lists(patient if injected is None else patient.injections(injected))

    assert lists(180) == {"follow_up": "P2"}
    assert lists(181) == LISTED_LAPSED
    assert lists(181, 181) == {"follow_up": "P2"}  # an injection on a tie: 182 days hold
    assert lists(181, 400) == LISTED_LAPSED  # the latest of all counts


def test_r04_neuro_makes_it_urgent() -> None:
    urgent = {"follow_up": "P1", "b12_replacement": "P1"}
    low_certainty = Patient().injections(110).icd("D51.9", 900).icd("F03", 100)
    assert lapsed_lists(low_certainty) == urgent
    assert low_certainty.decided().regimen_id == "RG-N"
    assert low_certainty.decided().due_on["follow_up"] == AS_OF + timedelta(days=2)


def test_r04_a_low_index_is_replaced() -> None:
    assert lapsed_lists(Patient().injections(130).icd("D51.9", 900).b12("150", 5)) == LISTED_LAPSED


def test_r04_prior_deficiency_by_an_old_low_result() -> None:
    assert lapsed_lists(Patient().injections(110).b12("150", 3000)) == {"follow_up": "P2"}
    # On the day of the first dose the blood came first.
    assert lapsed_lists(Patient().injections(110).b12("150", 110))["follow_up"] == "P2"
    assert lapsed_lists(Patient().injections(2000, 110).b12("150", 1500)) == {}  # after the first dose ever
    assert lapsed_lists(Patient().injections(110).b12("180", 3000)) == {}
    # Total B12 in pregnancy says nothing; active does.
    pregnant = Patient().injections(110).icd("Z34.9", 3050)
    assert lapsed_lists(pregnant.b12("150", 3000)) == {}
    assert lapsed_lists(pregnant.active("20", 3000)) == {"follow_up": "P2"}


def test_r04_prior_deficiency_by_six_injections() -> None:
    assert lapsed_lists(Patient().injections(110, 112, 114, 116, 118)) == {}
    assert lapsed_lists(Patient().injections(110, 112, 114, 116, 118, 118)) == {}  # five different days
    assert lapsed_lists(Patient().injections(110, 112, 114, 116, 118, 120)) == {"follow_up": "P2"}


def test_r04_cleared_by_a_later_result() -> None:
    def row(patient: Patient) -> str:
        return patient.injections(400).icd("D51.9", 900).decided().rule_id

    assert row(Patient().b12("400", 279)) == "R40"  # day 121: off replacement
    assert row(Patient().b12("400", 280)) == "R04"  # day 120
    assert row(Patient().b12("250", 200).mma("200", 200)) == "R28"
    assert row(Patient().b12("250", 200)) == "R04"
    assert row(Patient().b12("250", 200).mma("300", 200)) == "R04"
    # Its MMA lies 90 days before to 180 days after it.
    assert row(Patient().b12("250", 180).mma("200", 270)) == "R28"
    assert row(Patient().b12("250", 180).mma("200", 271)) == "R04"
    assert row(Patient().b12("250", 190).mma("200", 10)) == "R28"
    assert row(Patient().b12("250", 190).mma("200", 9)) == "R04"
    assert row(Patient().b12("400", 400)) == "R04"  # the day of the dose: bloods first
    assert row(Patient().b12(">=350", 200)) == "R04"  # ambiguous results clear nothing
    # An unlikely total with a LOW active within 30 days clears nothing; 31 days apart it does.
    assert row(Patient().b12("400", 200).active("20", 230)) == "R04"
    assert row(Patient().b12("400", 200).active("20", 231)) == "R40"


def test_r04_a_cause_for_life_is_never_cleared() -> None:
    decision = Patient().injections(400).antibody("positive", 2000).b12("400", 100).decided()
    assert (decision.rule_id, decision.irreversible) == ("R04", True)
    assert decision.cautions["C14a"] == "high"
    assert decision.lists == {**LISTED_LAPSED, "safety_review": "P2"}
    assert decision.regimen_id == "RG-S"
    negative = Patient().injections(400).antibody("negative", 2000).b12("400", 100).decided()
    assert (negative.rule_id, negative.irreversible) == ("R40", False)
    atrophic = Patient().injections(400).icd("K29.4", 2000).decided()
    assert (atrophic.rule_id, atrophic.irreversible) == ("R50", False)


# R05, R06, R23 surgery (readings 55 to 57) --------------------------------------------------------------


def test_r05_surgery_that_needs_injections_for_life() -> None:
    decision = Patient().opcs("G27.1", 900).decided()
    assert (decision.rule_id, decision.lists, decision.regimen_id) == (
        "R05",
        {"b12_replacement": "P2"},
        "RG-P",
    )
    assert Patient().opcs("G69.3", 900, "20.5").b12("400", 9).decided().rule_id == "R05"
    assert Patient().opcs("G69.3", 900, "20").b12("400", 9).decided().rule_id == "R40"
    assert Patient().opcs("G27.1", 900).b12("150", 9).decided().rule_id == "R11"
    assert Patient().opcs("G27.1", 900).mma("900", 9).decided().rule_id == "R49"
    assert Patient().opcs("G27.1", 900).icd("F03", 9).decided().rule_id == "R50"
    assert Patient().opcs("G27.1", 900).injections(9).decided().rule_id == "R03"
    assert Patient().opcs("G27.1", 900).injections(300).decided().rule_id == "R04"


def test_r06_a_resection_of_unknown_length() -> None:
    patient = Patient().opcs("H07.9", 900)
    assert row_and_lists(patient) == ("R06", {"first_b12_test": "P3"})
    assert row_and_lists(patient.order("2132-9", 30)) == ("R06", {})
    # A second record of the list with a length: the length is known.
    both = Patient().opcs("G69.3", 900).opcs("G69.3", 100, "15").decided()
    assert (both.rule_id, both.tier) == ("R50", "D")
    assert Patient().opcs("H07.9", 900).b12("250", 365).decided().rule_id == "R23"
    assert Patient().opcs("H07.9", 900).b12("250", 366).decided().rule_id == "R06"
    assert Patient().opcs("H07.9", 900).icd("R27.0", 9).decided().rule_id == "R50"


@pytest.mark.parametrize("code", ["G28.1", "G69.3", "G32.1", "G28.5"])
def test_r23_an_indeterminate_result_after_surgery(code: str) -> None:
    assert row_and_lists(Patient().opcs(code, 900, "15").b12("250", 9)) == ("R23", {"mma_testing": "P3"})
    assert Patient().opcs(code, 900, "15").b12("250", 9).icd("R53", 9).decided().rule_id == "R22"
    assert Patient().opcs(code, 900, "15").b12("250", 9).mma("300", 9).decided().rule_id == "R25"


def test_r23_an_indeterminate_result_with_a_cause_for_life() -> None:
    patient = Patient().icd("D51.0", 900).b12("250", 9)
    assert row_and_lists(patient) == ("R23", {"mma_testing": "P3"})
    assert Patient().icd("K90.0", 900).b12("250", 9).decided().rule_id == "R24"
    # As NG239 tests people with symptoms only, the row is read by R24: repeat B12 at 180 days.
    watched = patient.decided(mma_for="symptomatic_only")
    assert (watched.rule_id, watched.lists) == ("R24", {"follow_up": "P4"})
    assert watched.due_on["follow_up"] == AS_OF + timedelta(days=171)
    no_risk = Patient().b12("250", 9).decided(mma_for="symptomatic_only")
    assert (no_risk.rule_id, no_risk.lists) == ("R24", {})


def test_r29_gives_what_r21_and_r23_would_give() -> None:
    neuro = Patient().b12("<200", 9).icd("R27.0", 9)
    assert row_and_lists(neuro) == ("R29", {"mma_testing": "P1", "b12_replacement": "P1"})
    assert row_and_lists(Patient().b12("<200", 9).opcs("G28.1", 900)) == ("R29", {"mma_testing": "P3"})


# R07, R08 nitrous oxide (readings 58 to 61) -------------------------------------------------------------


def at_site(patient: Patient) -> tuple[str, dict[str, str]]:
    decision = patient.decided(extra_codes=SITE_CODES)
    return decision.rule_id, {name: p for name, p in decision.lists.items() if name != "safety_review"}


def test_r08_recent_misuse_with_a_raised_mma() -> None:
    patient = Patient().nitrous_oxide(365).b12("400", 9).mma("900", 9)
    assert at_site(patient) == ("R08", {"b12_replacement": "P2"})
    assert patient.decided(extra_codes=SITE_CODES).regimen_id == "RG-S"
    assert at_site(Patient().nitrous_oxide(365).b12("400", 9).mma("900", 9).icd("R27.0", 9)) == (
        "R08",
        {"b12_replacement": "P1"},
    )
    assert at_site(Patient().nitrous_oxide(366).b12("400", 9).mma("900", 9))[0] == "R39"
    assert patient.decided().rule_id == "R39"  # without the site's code it is class level
    assert at_site(Patient().nitrous_oxide(9).b12("400", 9).mma("300", 9))[0] == "R40"


def homocysteine_patient(value: str = "16", folate: str = "5", egfr: str | None = "60") -> Patient:
    patient = Patient().nitrous_oxide(30).homocysteine(value, 10).folate(folate, 20)
    return patient if egfr is None else patient.egfr(egfr, 40)


def test_r08_recent_misuse_with_raised_homocysteine() -> None:
    assert at_site(homocysteine_patient()) == ("R08", {"b12_replacement": "P2"})
    assert at_site(homocysteine_patient(value="15"))[0] == "R50"
    assert at_site(homocysteine_patient(value=">15"))[0] == "R08"
    assert at_site(homocysteine_patient(value="<50"))[0] == "R50"
    assert at_site(homocysteine_patient(folate="3.9"))[0] == "R50"
    assert at_site(homocysteine_patient(folate="4.0"))[0] == "R08"
    assert at_site(homocysteine_patient(egfr="59"))[0] == "R50"
    assert at_site(homocysteine_patient(egfr=None))[0] == "R50"  # it must be known
    assert at_site(homocysteine_patient().injections(131))[0] == "R08"  # day 121
    assert at_site(homocysteine_patient().injections(130))[0] == "R50"  # taken on replacement


def test_r08_a_homocysteine_that_treatment_lowered_hides_no_earlier_one() -> None:
    # Reading 94. Raised 201 days ago, one injection 200 days ago; the washout ends 80 days ago.
    def row(lowered: int, value: str = "9") -> str:
        patient = Patient().nitrous_oxide(30).homocysteine("16", 201).homocysteine(value, lowered)
        return at_site(patient.injections(200).folate("5", 20).egfr("60", 200))[0]

    assert row(lowered=199) == "R08"
    assert row(lowered=80) == "R08"  # day 120
    assert row(lowered=79) == "R50"  # day 121: taken off replacement, so it is the latest
    assert row(lowered=200) == "R50"  # bloods first on the day of the injection
    assert row(lowered=79, value="16") == "R08"


def test_r08_limits_of_the_laboratory_and_units() -> None:
    def row(homocysteine: Patient) -> str:
        return at_site(homocysteine.nitrous_oxide(30).egfr("60", 40))[0]

    assert row(Patient().homocysteine("12.1", 10, reference_high="12").folate("5", 20)) == "R08"
    assert row(Patient().homocysteine("20", 10, reference_high="21.6").folate("5", 20)) == "R50"
    assert row(Patient().homocysteine("2.1", 10, "mg/L").folate("5", 20)) == "R08"  # 15.53 umol/L
    assert row(Patient().homocysteine("2.0", 10, "mg/L").folate("5", 20)) == "R50"  # 14.79
    assert row(Patient().homocysteine("16", 10).folate("8.8", 20, "nmol/L")) == "R50"
    assert row(Patient().homocysteine("16", 10).folate("8.9", 20, "nmol/L")) == "R08"
    assert row(Patient().homocysteine("16", 10).folate("3.5", 20, reference_low="3.0")) == "R08"
    assert row(Patient().homocysteine("16", 10).folate("5", 20, reference_low="5")) == "R50"
    assert row(Patient().homocysteine("16", 366).folate("5", 20)) == "R50"
    assert row(Patient().homocysteine("16", 20).homocysteine("14", 10).folate("5", 20)) == "R50"  # the latest


def test_r07_recent_misuse_with_symptoms() -> None:
    assert at_site(Patient().nitrous_oxide(9).icd("R53", 9)) == ("R07", {"mma_testing": "P2"})
    assert at_site(Patient().nitrous_oxide(9)) == ("R50", {})
    neuro = Patient().nitrous_oxide(9).icd("F03", 9).b12("400", 5)
    assert at_site(neuro) == ("R07", {"mma_testing": "P1", "b12_replacement": "P1"})
    assert at_site(neuro.mma("200", 5)) == ("R07", {"b12_replacement": "P1"})
    assert at_site(Patient().nitrous_oxide(9).icd("R53", 9).mma("300", 5).b12("250", 5)) == (
        "R07",
        {"mma_testing": "P2"},
    )
    # A confirmed deficiency does not lose its treatment to this row.
    low = Patient().nitrous_oxide(9).icd("R53", 9)
    assert at_site(low.b12("150", 5)) == ("R07", {"mma_testing": "P2", "b12_replacement": "P2"})
    assert at_site(Patient().nitrous_oxide(9).icd("R53", 9).b12("150", 400)) == (
        "R07",
        {"mma_testing": "P2", "b12_replacement": "P3"},
    )
    assert at_site(Patient().nitrous_oxide(9).icd("R53", 9).order("13964-2", 5)) == ("R07", {})


def test_r07_class_level() -> None:
    assert row_and_lists(Patient().icd("F18.1", 365).icd("R53", 9)) == ("R07", {"mma_testing": "P3"})
    assert row_and_lists(Patient().icd("F18.1", 366).icd("R53", 9)) == ("R50", {})
    assert row_and_lists(Patient().icd("F18.1", 9)) == ("R50", {})
    assert Patient().icd("F18.1", 9).icd("R53", 9).b12("400", 9).decided().rule_id == "R07"
    assert Patient().icd("F18.1", 9).icd("R53", 9).b12("250", 9).decided().rule_id == "R22"
    assert Patient().icd("F18.1", 9).icd("R53", 9).b12("400", 9).mma("200", 9).decided().rule_id == "R40"
    # A first test that is due anyway is the more urgent row.
    assert row_and_lists(Patient().icd("F18.1", 9).icd("R20.2", 9)) == ("R50", {"first_b12_test": "P2"})
    # So is the active B12 that R09 asks for.
    pregnant = Patient().icd("F18.1", 9).icd("R53", 9).icd("Z34.9", 100).b12("250", 20)
    assert row_and_lists(pregnant) == ("R09", {"first_b12_test": "P2"})


# R21, R39, R41, R49 -------------------------------------------------------------------------------------


def test_r21_indeterminate_with_new_neurological_features() -> None:
    decision = Patient().b12("250", 9).icd("R27.0", 9).decided()
    assert decision.rule_id == "R21"
    assert decision.lists == {"mma_testing": "P1", "b12_replacement": "P1"}
    assert decision.regimen_id == "RG-N"
    assert row_and_lists(Patient().b12("250", 9).icd("F03", 9)) == ("R22", {"mma_testing": "P2"})
    assert Patient().b12("250", 9).icd("R27.0", 9).mma("200", 9).decided().rule_id == "R27"
    ordered = Patient().b12("250", 9).icd("R27.0", 9).order("13964-2", 9)
    assert row_and_lists(ordered) == ("R21", {"b12_replacement": "P1"})


def test_r39_unlikely_with_a_raised_mma() -> None:
    decision = Patient().b12("400", 100).mma("500", 9).decided()
    assert (decision.rule_id, decision.lists, decision.due_on) == (
        "R39",
        {"follow_up": "P4"},
        {"follow_up": None},
    )
    assert decision.follow_up_reasons == ("R39",)
    assert row_and_lists(Patient().b12("400", 100).mma("500", 9).icd("R27.0", 9)) == (
        "R39",
        {"follow_up": "P2"},
    )
    assert Patient().b12("400", 100).mma("500", 190).decided().rule_id == "R39"
    # 91 days before the B12 it is in force, but outside the window of this row.
    assert Patient().b12("400", 100).mma("500", 191).decided().rule_id == "R40"
    assert Patient().b12("400", 200).mma("500", 20).decided().rule_id == "R39"
    assert Patient().b12("400", 200).mma("500", 19).decided().rule_id == "R40"
    assert Patient().b12("400", 100).mma("800", 9).egfr("59", 9).decided().rule_id == "R40"
    assert Patient().b12("400", 100).mma("800", 9).egfr("60", 9).decided().rule_id == "R39"
    assert Patient().b12("400", 100).mma("800", 9).icd("N18.3", 900).decided().rule_id == "R40"


def test_r41_high_twice() -> None:
    def row(latest: str, earlier: str, days: int = 100, unit: str = "ng/L") -> str:
        return Patient().b12(latest, 10, unit).b12(earlier, days, unit).decided().rule_id

    assert row("1001", "1001") == "R41"
    assert row("1000", "1001") == "R40"
    assert row("1001", "1000") == "R40"
    assert row("1001", "1001", days=99) == "R40"  # 89 days apart
    assert row(">1000", ">2000") == "R41"
    assert row(">900", ">2000") == "R40"
    assert row("738", "738", unit="pmol/L") == "R41"  # 1000.29 ng/L
    assert row("737", "738", unit="pmol/L") == "R40"  # 998.93
    between = Patient().b12("1001", 10).b12("400", 50).b12("1001", 100)
    assert between.decided().rule_id == "R41"
    on_treatment = Patient().b12("1001", 10).b12("1001", 400).injections(450)
    assert on_treatment.decided().rule_id == "R40"


def test_r49_a_raised_mma_without_b12() -> None:
    assert row_and_lists(Patient().mma("500", 365)) == ("R49", {"first_b12_test": "P2"})
    assert row_and_lists(Patient().mma("500", 366)) == ("R50", {})
    assert row_and_lists(Patient().mma("400", 9)) == ("R50", {})
    assert row_and_lists(Patient().mma("800", 9).egfr("59", 9)) == ("R50", {})
    assert row_and_lists(Patient().mma("800", 9).injections(110)) == ("R50", {})  # taken on replacement
    assert row_and_lists(Patient().mma("500", 9).order("2132-9", 9)) == ("R49", {})


# R50 first tests (reading 65) ---------------------------------------------------------------------------


def tier_of(patient: Patient, **options: bool) -> tuple[str, str | None]:
    decision: Decision = patient.decided(**options)
    assert decision.rule_id == "R50"
    return decision.tier, decision.lists.get("first_b12_test")


def test_tier_a_a_symptom_and_a_risk_factor() -> None:
    assert tier_of(Patient().icd("K14.0", 730).icd("K90.0", 4000)) == ("A", "P3")
    assert tier_of(Patient().icd("K14.0", 731).icd("K90.0", 4000)) == ("none", None)
    assert tier_of(Patient().icd("K14.0", 9)) == ("none", None)
    assert tier_of(Patient().icd("F03", 9).icd("K90.0", 4000)) == ("A", "P2")  # neuro
    assert tier_of(Patient().icd("K14.0", 9).drug("omeprazole", ago(900))) == ("A", "P3")
    assert tier_of(Patient().haemoglobin("119", 9).icd("K90.0", 900)) == ("A", "P3")
    # Broad symptoms and broad risks do not reach it, nor do age, Crohn disease, chronic pancreatitis, HIV.
    assert tier_of(Patient().icd("R53", 9).icd("K90.0", 900)) == ("none", None)
    assert tier_of(Patient().icd("R29.6", 9).icd("K90.0", 900)) == ("none", None)
    assert tier_of(Patient().icd("K14.0", 9).icd("Z72.4", 900)) == ("none", None)
    assert tier_of(Patient("1940-01-01").icd("K14.0", 9)) == ("none", None)
    for code in ("K50.0", "K86.1", "B20"):
        assert tier_of(Patient().icd("K14.0", 9).icd(code, 900)) == ("none", None)


def test_tier_b_signs_alone() -> None:
    assert tier_of(Patient().mcv("100.1", 365)) == ("B", "P2")
    assert tier_of(Patient().mcv("100", 9)) == ("none", None)
    assert tier_of(Patient().icd("D53.1", 730)) == ("B", "P2")
    assert tier_of(Patient().icd("D75.8", 9)) == ("none", None)  # broad
    assert tier_of(Patient().icd("R27.0", 365)) == ("B", "P2")
    assert tier_of(Patient().icd("R27.0", 366)) == ("none", None)
    assert tier_of(Patient().icd("G32.0", 730)) == ("B", "P2")
    assert tier_of(Patient().icd("H46", 9)) == ("none", None)
    # With a risk factor besides: B at P2 goes before A at P3, and A before B where both are P2.
    assert tier_of(Patient().mcv("101", 9).icd("K90.0", 900)) == ("B", "P2")
    assert tier_of(Patient().icd("R27.0", 9).icd("K90.0", 900)) == ("A", "P2")


def test_tier_c_metformin() -> None:
    assert tier_of(Patient("1955-01-01").drug("metformin", None)) == ("C", "P4")
    assert tier_of(Patient("1965-01-01").drug("metformin", None)) == ("none", None)
    # New neuropathy on metformin is A (metformin is a risk factor), B and C at P2: C is named (reading 82).
    assert tier_of(Patient().drug("metformin", None).icd("G62.9", 9)) == ("C", "P2")


def test_tier_d_after_surgery() -> None:
    assert tier_of(Patient().opcs("G28.1", 900)) == ("D", "P4")
    assert tier_of(Patient().opcs("G32.1", 900)) == ("D", "P4")
    assert tier_of(Patient().opcs("G30.3", 900)) == ("none", None)  # restrictive: lower risk
    assert Patient().opcs("G28.1", 900).injections(9).decided().lists == {}


def test_tier_f_repeat_the_sample() -> None:
    assert tier_of(Patient().b12("haemolysed", 90)) == ("F", "P3")
    assert tier_of(Patient().b12("haemolysed", 91)) == ("none", None)
    assert tier_of(Patient().active("insufficient", 9).b12("250", 400)) == ("F", "P3")
    assert Patient().b12("haemolysed", 9).b12("250", 5).decided().rule_id == "R24"
    assert Patient().b12("haemolysed", 9).b12("250", 9).decided().rule_id == "R24"
    assert tier_of(Patient().b12("haemolysed", 9).opcs("G28.1", 900)) == ("F", "P3")


def test_tier_f_of_an_mma() -> None:
    patient = Patient().b12("250", 95).mma("haemolysed", 90)
    assert (patient.decided().lists, patient.decided().is_mma_repeat) == ({"mma_testing": "P4"}, True)
    assert not Patient().b12("250", 95).mma("haemolysed", 91).decided().is_mma_repeat
    assert not Patient().b12("250", 95).decided().is_mma_repeat
    assert not Patient().b12("250", 95).mma("200", 20).mma("haemolysed", 10).decided().is_mma_repeat
    assert not Patient().b12("250", 95).mma("haemolysed", 90).injections(92).decided().is_mma_repeat


def test_tier_e_is_off_unless_asked_for() -> None:
    for patient in (
        Patient("1949-06-30"),
        Patient().drug("omeprazole", ago(366)),
        Patient().drug("metformin", ago(121)),
        Patient().icd("D51.3", 900),
        Patient().icd("K50.0", 900),
    ):
        assert tier_of(patient) == ("none", None)
        assert tier_of(patient, is_tier_e_on=True) == ("E", "P4")
    for patient in (
        Patient("1949-07-01"),
        Patient().drug("omeprazole", ago(365)),
        Patient().drug("metformin", ago(120)),
        Patient().icd("Z72.4", 900),
        Patient().icd("K50.9", 900),
    ):
        assert tier_of(patient, is_tier_e_on=True) == ("none", None)


# Regimens (reading 66) ----------------------------------------------------------------------------------


def test_regimen_x_for_leber_and_tobacco_amblyopia() -> None:
    assert Patient().b12("150", 9).snomed("314538009", 900).decided().regimen_id == "RG-X"
    assert Patient().b12("150", 9).snomed("314538009", 900).icd("F03", 9).decided().regimen_id == "RG-X"
    # H47.2 is optic atrophy of any kind: neurological, but not specific to Leber.
    assert Patient().b12("150", 9).icd("H47.2", 9).decided().regimen_id == "RG-N"
    assert Patient().opcs("G27.1", 900).snomed("314538009", 900).decided().regimen_id == "RG-P"
