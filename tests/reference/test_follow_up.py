"""Follow-up items F1 to F10 (specification section 10): for each one hit and one near miss, by hand."""

from __future__ import annotations

from datetime import date, timedelta

from tests.reference.builder import AS_OF, Patient, ago


def due(patient: Patient, item: str) -> tuple[int, bool] | None:
    """Days since the item fell due, and whether it is overdue; None where there is no such item."""
    found = patient.decided().follow_up_items.get(item)
    return None if found is None else ((AS_OF - found.due_on).days, found.is_overdue)


def on_day(days_ago: int) -> date:
    return AS_OF - timedelta(days=days_ago)


# F1 first review (reading 68) ---------------------------------------------------------------------------


def test_f1_after_90_days() -> None:
    assert due(Patient().tablets(89), "F1") is None
    assert due(Patient().tablets(90), "F1") == (0, False)
    assert due(Patient().tablets(103), "F1") == (13, False)
    assert due(Patient().tablets(104), "F1") == (14, True)
    assert due(Patient().tablets(180), "F1") == (90, True)
    assert due(Patient().tablets(181), "F1") is None
    assert due(Patient().tablets(None), "F1") is None  # nobody knows the start


def test_f1_sooner_in_pregnancy_while_breastfeeding_with_neuro_or_severe_anaemia() -> None:
    assert due(Patient().tablets(30).icd("Z34.9", 200), "F1") == (0, False)
    assert due(Patient().tablets(29).icd("Z34.9", 200), "F1") is None
    assert due(Patient().tablets(30).icd("Z39.1", 365), "F1") == (0, False)
    assert due(Patient().tablets(30).icd("Z39.1", 366), "F1") is None
    assert due(Patient().tablets(14).icd("F03", 400), "F1") == (0, False)
    assert due(Patient().tablets(13).icd("F03", 400), "F1") is None
    assert due(Patient().tablets(14).haemoglobin("79", 14), "F1") == (0, False)
    assert due(Patient().tablets(14).haemoglobin("80", 14), "F1") is None
    assert due(Patient().tablets(14).haemoglobin("79", 380), "F1") is None  # 366 days before the start
    assert due(Patient().tablets(14).haemoglobin("79", 20).haemoglobin("90", 15), "F1") is None  # the latest


def test_f1_closed_by_a_result() -> None:
    assert due(Patient().tablets(100).b12("300", 40), "F1") is None
    assert due(Patient().tablets(100).b12("300", 41), "F1") == (10, False)  # day 59
    assert due(Patient().tablets(100).b12("haemolysed", 40), "F1") == (10, False)
    assert due(Patient().tablets(100).platelets("200", 40), "F1") is None
    assert due(Patient().tablets(100).potassium("4", 40), "F1") == (10, False)
    assert due(Patient().tablets(30).icd("F03", 400).mcv("90", 20), "F1") is None
    assert due(Patient().tablets(30).icd("F03", 400).mcv("90", 21), "F1") == (16, True)  # day 9


# F2 blood count (reading 69) ----------------------------------------------------------------------------


def test_f2_until_the_count_is_normal() -> None:
    assert due(Patient().tablets(28).haemoglobin("119", 28), "F2") == (0, False)
    assert due(Patient().tablets(27).haemoglobin("119", 27), "F2") is None
    assert due(Patient().tablets(42).haemoglobin("119", 42), "F2") == (14, True)
    assert due(Patient().tablets(28).haemoglobin("120", 28), "F2") is None
    assert due(Patient(sex="male").tablets(28).haemoglobin("129", 28), "F2") == (0, False)
    assert due(Patient().tablets(28).mcv("101", 28), "F2") == (0, False)
    assert due(Patient().tablets(28).mcv("100", 28), "F2") is None
    assert due(Patient().tablets(28).platelets("149", 28), "F2") == (0, False)
    assert due(Patient().tablets(28).platelets("150", 28), "F2") is None
    assert due(Patient().tablets(29).mcv("101", 28), "F2") is None  # after the start: no baseline
    assert due(Patient().tablets(29).haemoglobin("90", 28), "F2") is None


def test_f2_every_28_days_while_abnormal() -> None:
    patient = Patient().tablets(60).platelets("100", 61).platelets("120", 30)
    assert due(patient, "F2") == (2, False)
    assert due(patient.platelets("150", 5), "F2") is None
    # Platelets are normal again, MCV was never repeated: due 28 days after the start.
    both = Patient().tablets(60).platelets("100", 61).mcv("105", 61).platelets("200", 30)
    assert due(both, "F2") == (32, True)


def test_f2_platelets_that_are_low_only_after_the_start() -> None:
    # S21, reading 92. Sampled 28 days ago: due today, whatever stood before the start of 100 days ago.
    assert due(Patient().tablets(100).platelets("149", 28), "F2") == (0, False)
    assert due(Patient().tablets(100).platelets("149", 27), "F2") is None
    assert due(Patient().tablets(100).platelets("149", 42), "F2") == (14, True)
    assert due(Patient().tablets(100).platelets("200", 100).platelets("149", 28), "F2") == (0, False)
    assert due(Patient().injections(90, 20).platelets("149.9", 28), "F2") == (0, False)
    assert due(Patient().tablets(100).platelets("150", 28), "F2") is None
    assert due(Patient().tablets(100).platelets("<150", 28), "F2") == (0, False)
    assert due(Patient().tablets(100).platelets("<=150", 28), "F2") is None  # it may be 150
    # The latest readable result counts: normal since, low again, not readable.
    assert due(Patient().tablets(100).platelets("100", 40).platelets("150", 10), "F2") is None
    again = Patient().tablets(100).platelets("100", 90).platelets("150", 60).platelets("140", 30)
    assert due(again, "F2") == (2, False)
    clumped = Patient().tablets(100).platelets("100", 40).platelets("clumped", 5)
    assert due(clumped, "F2") == (12, False)
    # The first day of the course is its baseline, so the first repeat is due 28 days after the start.
    assert due(Patient().tablets(28).platelets("149", 28), "F2") == (0, False)
    # Replacement is not current: the supply ended 31 days ago.
    ended = Patient().tablets(100, end_on=ago(31), status="completed").platelets("149", 40)
    assert due(ended, "F2") is None
    ended = Patient().tablets(100, end_on=ago(30), status="completed").platelets("149", 40)
    assert due(ended, "F2") == (12, False)
    # Before the start by more than a year, and nothing since.
    assert due(Patient().tablets(100).platelets("149", 466), "F2") is None


# F3 potassium (reading 70) ------------------------------------------------------------------------------


def test_f3_potassium_with_severe_anaemia() -> None:
    patient = Patient().injections(2).haemoglobin("79", 2)
    assert due(patient, "F3") == (0, False)
    assert patient.decided().lists["follow_up"] == "P2"  # F3 is P2 before it is overdue
    assert due(Patient().injections(1).haemoglobin("79", 1), "F3") is None
    assert due(Patient().injections(4).haemoglobin("79", 4), "F3") == (2, True)
    assert due(Patient().injections(2).haemoglobin("80", 2), "F3") is None
    assert due(Patient().injections(4).haemoglobin("79", 4).potassium("3.9", 4), "F3") is None
    assert due(Patient().injections(4).haemoglobin("79", 4).potassium("3.9", 5), "F3") == (2, True)
    assert due(Patient().tablets(180).haemoglobin("79", 180), "F3") == (178, True)
    assert due(Patient().tablets(181).haemoglobin("79", 181), "F3") is None


# F4 maintenance (reading 71) ----------------------------------------------------------------------------


def test_f4_the_next_injection() -> None:
    assert due(Patient().injections(91, 250), "F4") == (0, False)
    assert due(Patient().injections(90, 250), "F4") is None
    assert due(Patient().injections(105, 250), "F4") == (14, True)
    neuro_once = Patient().injections(61, 250).icd("R20.2", 1000)
    assert due(neuro_once, "F4") == (0, False)
    assert due(Patient().injections(60, 250).icd("R20.2", 1000), "F4") is None
    assert due(Patient().injections(61, 250).icd("R29.6", 1000), "F4") is None  # broad


def test_f4_in_the_monthly_pattern() -> None:
    assert due(Patient().injections(30, 60, 90), "F4") == (0, False)
    assert due(Patient().injections(29, 59, 89), "F4") is None
    assert due(Patient().injections(36, 66, 96), "F4") == (6, False)
    assert due(Patient().injections(37, 67, 97), "F4") == (7, True)
    assert due(Patient().injections(37, 77, 117), "F4") is None  # gaps of 40 days: every 91


# F5 plateau (reading 72) --------------------------------------------------------------------------------


def test_f5_every_14_days_of_a_long_load() -> None:
    def loading(start: int, *, last: int = 1, neuro: bool = True) -> Patient:
        patient = Patient().injections(*range(last, start + 1, 2), start)
        return patient.icd("F03", 400) if neuro else patient

    assert due(loading(21), "F5") == (0, False)
    assert due(loading(20), "F5") is None
    assert due(loading(28), "F5") == (7, True)
    assert due(loading(35), "F5") == (0, False)  # day 35 is the next one
    assert due(loading(34), "F5") == (13, True)
    assert due(loading(21, neuro=False), "F5") is None
    assert due(loading(40, last=14), "F5") == (5, False)
    assert due(loading(40, last=15), "F5") is None
    assert due(Patient().injections(25, 11).icd("F03", 400), "F5") is None  # 14 days apart
    assert due(Patient().injections(25, 12).icd("F03", 400), "F5") == (4, False)
    assert loading(21).decided().lists["follow_up"] == "P2"


# F6 oral review (reading 73) ----------------------------------------------------------------------------


def test_f6_review_of_tablets() -> None:
    assert due(Patient().tablets(90), "F6") == (0, False)
    assert due(Patient().tablets(89), "F6") is None
    assert due(Patient().tablets(120), "F6") == (30, True)
    assert due(Patient().tablets(119), "F6") == (29, False)
    assert due(Patient().tablets(500).b12("300", 365), "F6") == (0, False)
    assert due(Patient().tablets(500).b12("300", 364), "F6") is None
    # Day 59 is too early to be the review.
    assert due(Patient().tablets(200).b12("300", 141), "F6") == (110, True)
    assert due(Patient().tablets(200).b12("300", 140), "F6") is None
    assert due(Patient().injections(90), "F6") is None


def test_f6_of_unknown_start() -> None:
    assert due(Patient().tablets(None), "F6") == (0, False)
    assert due(Patient().tablets(None).active("60", 400), "F6") == (35, True)
    assert due(Patient().tablets(None).active("60", 100), "F6") is None


# F7 not better (reading 74) -----------------------------------------------------------------------------


def test_f7_a_symptom_after_90_days() -> None:
    assert due(Patient().tablets(200).icd("K14.0", 110), "F7") == (110, False)
    assert due(Patient().tablets(200).icd("K14.0", 111), "F7") is None
    assert due(Patient().tablets(200).icd("K14.0", 50).icd("F32.1", 60), "F7") == (60, False)  # the first
    assert due(Patient().tablets(200).icd("R53", 50), "F7") is None  # broad
    assert due(Patient().tablets(200).haemoglobin("100", 50), "F7") is None  # blood signs do not count
    assert due(Patient().tablets(900).icd("K14.0", 731), "F7") is None
    assert due(Patient().tablets(None).icd("K14.0", 50), "F7") is None
    assert Patient().tablets(200).icd("K14.0", 110).decided().lists["follow_up"] == "P2"


# F8 B12 ordered on injections (reading 75) --------------------------------------------------------------


def test_f8_a_b12_order_on_injections() -> None:
    patient = Patient().injections(50, 250).order("2132-9", 30)
    assert due(patient, "F8") == (30, False)
    assert patient.decided().lists == {"follow_up": "P4"}
    assert due(Patient().injections(3).order("72160-5", 0), "F8") == (0, False)
    assert due(Patient().injections(50, 250).order("2132-9", 31), "F8") is None
    assert due(Patient().injections(50, 250).order("2132-9", 30, "completed"), "F8") is None
    assert due(Patient().injections(50, 250).order("13964-2", 30), "F8") is None
    assert due(Patient().tablets(50).order("2132-9", 30), "F8") is None


# F10 low on treatment (reading 76) ----------------------------------------------------------------------


def test_f10_a_low_result_on_treatment() -> None:
    patient = Patient().tablets(60).b12("150", 32)
    assert due(patient, "F10") == (32, False)
    assert patient.decided().lists == {"follow_up": "P2"}
    assert due(Patient().tablets(60).b12("150", 33), "F10") is None  # day 27
    assert due(Patient().tablets(60).b12("180", 32), "F10") is None
    assert due(Patient().tablets(60).b12("150", 32).b12("400", 20), "F10") is None  # a later one
    assert due(Patient().tablets(60).b12("150", 32).active("80", 32), "F10") == (32, False)  # one day
    assert due(Patient().tablets(600).b12("150", 365), "F10") == (365, False)
    assert due(Patient().tablets(600).b12("150", 366), "F10") is None
    assert Patient().tablets(60).b12("150", 32).icd("F03", 400).decided().lists["follow_up"] == "P1"
    lapsed = Patient().injections(110).b12("150", 80).decided()
    assert lapsed.follow_up_items == {}


def test_f10_a_raised_mma_on_treatment() -> None:
    assert due(Patient().tablets(60).mma("401", 32), "F10") == (32, False)
    assert due(Patient().tablets(60).mma("400", 32), "F10") is None
    assert due(Patient().tablets(60).mma("401", 33), "F10") is None
    assert due(Patient().tablets(60).mma("500", 32).egfr("45", 32), "F10") is None
    assert due(Patient().tablets(60).mma("500", 32).mma("200", 10), "F10") is None


def test_f10_of_unknown_start() -> None:
    assert due(Patient().tablets(None).b12("150", 32), "F10") == (32, False)


# The incomplete load (S15, reading 91) ------------------------------------------------------------------


def is_load_incomplete(patient: Patient) -> bool | None:
    return patient.decided().is_load_incomplete


def prescribed(patient: Patient, *days_ago: int, kind: str | None = "prescription") -> Patient:
    for days in days_ago:
        patient.drug("hydroxocobalamin", ago(days), kind=kind, route="IM", status="completed")
    return patient


def deficient(days_ago: int = 60) -> Patient:
    """Found to be deficient on that day: total B12 of 150 ng/L."""
    return Patient().b12("150", days_ago)


def test_load_of_five_days_is_incomplete_and_of_six_is_not() -> None:
    assert is_load_incomplete(deficient().injections(60, 58, 56, 54, 52)) is True
    assert is_load_incomplete(deficient().injections(60, 58, 56, 54, 52, 50)) is False
    assert is_load_incomplete(deficient().injections(60)) is True
    # Two injections on one day are one day.
    assert is_load_incomplete(deficient().injections(60, 58, 56, 54, 52, 52)) is True
    assert is_load_incomplete(deficient().injections(60, 60, 58, 56, 54, 52, 50)) is False


def test_load_is_judged_from_the_28th_day_after_it_began() -> None:
    assert is_load_incomplete(deficient().injections(28, 26, 24, 22, 20)) is True
    assert is_load_incomplete(deficient().injections(27, 25, 23, 21, 19)) is False
    assert is_load_incomplete(deficient().injections(0)) is False
    # LOADING ends after 42 days or with the sixth injection; both states count.
    assert deficient().injections(28, 26).decided().facts["replacement"] == "LOADING"
    assert deficient().injections(43, 41).decided().facts["replacement"] == "ACTIVE_IM"
    assert is_load_incomplete(deficient().injections(43, 41)) is True


def test_load_ends_with_the_28th_day_of_the_course() -> None:
    # Began 60 days ago: that is day 1, 33 days ago is day 28, 32 days ago is day 29.
    assert is_load_incomplete(deficient().injections(60, 58, 56, 54, 52, 33)) is False
    assert is_load_incomplete(deficient().injections(60, 58, 56, 54, 52, 32)) is True
    # Maintenance does not make up for it.
    assert is_load_incomplete(deficient(100).injections(100, 98, 96, 94, 40, 10, 5)) is True


def test_load_with_the_neurological_flag_is_not_asked_about() -> None:
    assert is_load_incomplete(deficient().injections(60, 58).icd("F03", 730)) is False
    assert is_load_incomplete(deficient().injections(60, 58).icd("F03", 731)) is True
    assert is_load_incomplete(deficient().injections(60, 58).icd("R29.6", 9)) is True  # broad


def test_load_of_people_who_are_not_on_injections_now() -> None:
    assert is_load_incomplete(deficient()) is False
    assert is_load_incomplete(deficient().tablets(60)) is False
    assert is_load_incomplete(deficient(105).injections(105)) is True
    assert is_load_incomplete(deficient(106).injections(106)) is False  # lapsed
    assert is_load_incomplete(Patient("2015-01-01").b12("150", 60).injections(60)) is False
    assert is_load_incomplete(Patient(deregistered_on=ago(0)).b12("150", 60).injections(60)) is False


def test_load_of_a_course_begun_again_is_not_asked_about() -> None:
    # 106 days between the two: another course, and a dose before it.
    assert is_load_incomplete(deficient().injections(60, 166)) is False
    assert is_load_incomplete(deficient(165).injections(60, 165)) is True  # one course, begun 165 days ago
    full = (300, 298, 296, 294, 292, 290)
    assert is_load_incomplete(deficient().injections(*full, 60)) is False
    assert is_load_incomplete(deficient(300).injections(*full, 200, 110, 20)) is False  # never broken off
    assert is_load_incomplete(deficient(300).injections(*full[:5], 200, 110, 20)) is True
    # However long ago, whether given or prescribed, and by whatever way.
    assert is_load_incomplete(deficient().injections(60, 4000)) is False
    assert is_load_incomplete(prescribed(deficient().injections(60), 166)) is False
    ended = {"end_on": ago(3900), "status": "completed"}
    assert is_load_incomplete(deficient().injections(60).tablets(4000, **ended)) is False
    # Without a result it is as much a course begun again.
    assert is_load_incomplete(Patient().injections(60, 166)) is False
    assert is_load_incomplete(prescribed(Patient(), 60, 166)) is False
    # Under 50 micrograms a day is no dose of B12 (reading 25).
    assert is_load_incomplete(deficient().injections(60).tablets(4000, "49", **ended)) is True
    assert is_load_incomplete(deficient().injections(60).tablets(4000, "50", **ended)) is False


def test_load_after_tablets() -> None:
    assert is_load_incomplete(deficient().injections(60, 58).tablets(61)) is False  # begun with tablets
    assert is_load_incomplete(deficient().injections(60, 58).tablets(60)) is True
    for last_on in (90, 91):  # in the same course, and in one before it
        ended = deficient().injections(60, 58).tablets(200, end_on=ago(last_on), status="completed")
        assert is_load_incomplete(ended) is False
    # Tablets of unknown start that were stopped long before: a dose from birth on (reading 27).
    stopped = deficient().injections(60, 58).tablets(None, end_on=ago(400), status="completed")
    assert is_load_incomplete(stopped) is False


def test_load_that_nobody_recorded_is_not_judged() -> None:
    days = (60, 58, 56)
    assert is_load_incomplete(prescribed(deficient(), *days)) is None
    assert is_load_incomplete(prescribed(deficient(), *days, kind="statement")) is None
    assert is_load_incomplete(prescribed(deficient(), *days, kind=None)) is None  # read as a prescription
    assert is_load_incomplete(prescribed(deficient(), 60, 58, 56, 54, 52, 50)) is None
    # Prescribed on one day and given from another on: who knows when it began.
    assert is_load_incomplete(prescribed(deficient(), 60).injections(58, 56)) is None
    assert is_load_incomplete(prescribed(deficient(), 60).injections(60, 56)) is True
    # Only what was given counts (S11): five days, and a sixth on which one was prescribed.
    assert is_load_incomplete(prescribed(deficient(), 50).injections(60, 58, 56, 54, 52)) is True
    # Six days given within the 28: complete whatever the first day was.
    assert is_load_incomplete(prescribed(deficient(), 60).injections(58, 56, 54, 52, 50, 48)) is False
    # What is certain without them stays certain.
    assert is_load_incomplete(prescribed(deficient(), 27)) is False
    assert is_load_incomplete(prescribed(deficient(), 60).icd("F03", 9)) is False
    assert is_load_incomplete(prescribed(deficient(), 106)) is False


def test_load_of_unknown_start_is_not_judged() -> None:
    assert is_load_incomplete(deficient().injections(60, 58).tablets(None)) is None
    undated = deficient().drug("hydroxocobalamin", None, kind="prescription", route="IM")
    assert is_load_incomplete(undated) is None
    # Six administrations within 28 days are a load, whenever the course began; over a longer time they say nothing.
    assert is_load_incomplete(undated.injections(60, 58, 56, 54, 52, 33)) is False
    later = deficient().drug("hydroxocobalamin", None, kind="prescription", route="IM")
    assert is_load_incomplete(later.injections(60, 58, 56, 54, 52, 32)) is None


def test_load_of_people_never_found_deficient_is_not_judged() -> None:
    """The records may begin in the middle of a treatment."""
    assert is_load_incomplete(Patient().injections(60, 58)) is None
    # What is certain without a result stays certain.
    assert is_load_incomplete(Patient().injections(60, 58, 56, 54, 52, 50)) is False
    assert is_load_incomplete(Patient().injections(27)) is False
    assert is_load_incomplete(Patient().injections(60).icd("F03", 9)) is False
    assert is_load_incomplete(Patient().tablets(60)) is False


def test_load_after_a_low_b12_of_the_year_before() -> None:
    # Began 60 days ago: 425 days ago is 365 days before that.
    for days_ago, expected in ((59, None), (60, True), (61, True), (425, True), (426, None)):
        assert is_load_incomplete(Patient().b12("150", days_ago).injections(60)) is expected
        assert is_load_incomplete(Patient().active("24", days_ago).injections(60)) is expected
    assert is_load_incomplete(Patient().b12("179", 60).injections(60)) is True
    assert is_load_incomplete(Patient().b12("180", 60).injections(60)) is None
    assert is_load_incomplete(Patient().active("25", 60).injections(60)) is None
    assert is_load_incomplete(Patient().b12("<200", 60).injections(60)) is None  # not certainly LOW
    # Neither a later result nor the other kind takes it back; of one day the LOW one counts (reading 21).
    assert is_load_incomplete(Patient().b12("150", 200).b12("400", 61).injections(60)) is True
    assert is_load_incomplete(Patient().b12("150", 61).active("80", 61).injections(60)) is True
    assert is_load_incomplete(Patient().b12("400", 61).b12("150", 61).injections(60)) is True
    # In pregnancy as well: it says why the treatment was begun.
    assert is_load_incomplete(Patient().icd("Z34.9", 100).b12("150", 61).injections(60)) is True


def test_load_after_an_elevated_mma_of_the_year_before() -> None:
    for days_ago, expected in ((59, None), (60, True), (61, True), (425, True), (426, None)):
        assert is_load_incomplete(Patient().mma("401", days_ago).injections(60)) is expected
    assert is_load_incomplete(Patient().mma("400", 60).injections(60)) is None
    # Classed as always: by the kidneys, by the laboratory's limit, not at all with an inherited disorder.
    assert is_load_incomplete(Patient().mma("500", 60).egfr("59", 60).injections(60)) is None
    assert is_load_incomplete(Patient().mma("500", 60).egfr("60", 60).injections(60)) is True
    assert is_load_incomplete(Patient().mma("300", 60, reference_high="299").injections(60)) is True
    assert is_load_incomplete(Patient().mma("500", 60).icd("E71.1", 900).injections(60)) is None


def test_load_makes_no_row_of_its_own() -> None:
    decision = deficient().injections(60, 58).decided()
    assert (decision.is_load_incomplete, decision.lists, decision.follow_up_items) == (True, {}, {})


# Courses and rows (readings 67, 78) ---------------------------------------------------------------------


def test_a_new_course_begins_after_a_gap() -> None:
    # 106 days between the injections: the second is the first of a new course.
    assert due(Patient().injections(15, 121).icd("F03", 400), "F1") == (1, False)
    assert due(Patient().injections(15, 120).icd("F03", 400), "F1") == (106, True)
    # A supply that ended 31 days before the next: a new course of 95 days.
    first = {"end_on": ago(126), "status": "completed"}
    assert due(Patient().tablets(400, **first).tablets(95), "F1") == (5, False)
    first = {"end_on": ago(125), "status": "completed"}
    assert due(Patient().tablets(400, **first).tablets(95), "F1") is None  # 400 days: over 180


def test_one_row_a_person_with_the_most_urgent_item_first() -> None:
    # The B12 on day 70 closes F1 and is the review of F6. F10 fell due 60 days ago, F7 20 days ago: both P2.
    decision = Patient().tablets(130).b12("150", 60).icd("K14.0", 20).decided()
    assert decision.follow_up_reasons == ("F10", "F7")
    assert (decision.rule_id, decision.lists) == ("R03", {"follow_up": "P2"})
    assert decision.due_on == {"follow_up": on_day(60)}
    # Of the same priority and the same day: by number.
    assert Patient().tablets(100).decided().follow_up_reasons == ("F1", "F6")
    # A more urgent item goes before an earlier one.
    urgent = Patient().tablets(100).b12("150", 5).icd("F03", 400).decided()
    assert urgent.follow_up_reasons[0] == "F10"
    assert urgent.due_on["follow_up"] == on_day(5)


def test_nobody_below_16_or_dead_is_followed_up() -> None:
    assert Patient("2015-01-01").tablets(100).decided().follow_up_items == {}
    assert Patient(deceased_on=ago(0)).tablets(100).decided().follow_up_items == {}
