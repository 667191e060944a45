"""What the rows say to a clinician: each sentence worked out by hand from the person's story."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.night import Publication, screened_tables
from tests.patients import TABLES, story

AS_OF = date(2026, 6, 30)

PEOPLE = {
    "grey-neuro": "b12 250 ng/L @-60; mma 350 nmol/L @-30; has cond_ataxia_gait @-20",
    "grey-old-memory": "b12 250 ng/L @-60; mma 350 nmol/L @-30; has cond_cognitive_impairment_dementia @-20",
    "grey-calm": "b12 250 ng/L @-60; mma 350 nmol/L @-30",
    "renal-neuro": "b12 250 ng/L @-60; mma 500 nmol/L @-30; egfr 40 @-40; has cond_ataxia_gait @-20",
    "renal-active": "active 40 pmol/L @-60; mma 500 nmol/L @-30; egfr 40 @-40",
    "raised-neuro": "b12 250 ng/L @-60; mma 600 nmol/L @-30; has cond_ataxia_gait @-20",
    "raised-pregnant": "active 40 pmol/L @-60; mma 600 nmol/L @-30; pregnant @-20",
    "raised-severe": "b12 250 ng/L @-60; mma 600 nmol/L @-30; hb 79 g/L @-10",
    "low": "b12 150 ng/L @-10",
    "low-severe": "b12 150 ng/L @-10; hb 79 g/L @-10",
    "low-platelets": "b12 150 ng/L @-10; plt 49 10*9/L @-10",
    "low-active-pregnant": "active 20 pmol/L @-10; pregnant @-20",
    "low-before-pregnancy": "b12 150 ng/L @-100; pregnant @-20",
    "total-in-pregnancy": "b12 250 ng/L @-10; pregnant @-20; hb 99 g/L @-10",
    "untested": "has cond_glossitis @-10; has cond_coeliac @-900",
    "untested-pregnant": "has cond_glossitis @-10; has cond_coeliac @-900; pregnant @-20",
    "risk": "b12 250 ng/L @-10; on metformin from -100",
    "no-risk": "b12 250 ng/L @-10",
    "folic": "on folic_acid from -50; has cond_depression @-10",
    "lapsed": "has cond_pernicious_anaemia_autoimmune_gastritis @-900; injection @-300",
    "not-better": "injection @-200; injection @-140; injection @-80; injection @-20; has cond_glossitis @-100; "
    "has cond_depression @-150",
    "oral": "b12 150 ng/L @-120; oral b12 from -100",
    "oral-since": "b12 150 ng/L @-220; oral b12 from -200; b12 160 ng/L @-100; mma 300 nmol/L @-100",
    "inhalants": "b12 500 ng/L @-10; broad cond_nitrous_oxide_misuse @-30; has cond_glossitis @-10",
}


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Publication:
    told = [story(person, what, AS_OF) for person, what in PEOPLE.items()]
    tables = {table: [row for one in told for row in one[table]] for table in TABLES}
    given = {table: rows for table, rows in tables.items() if rows}
    return screened_tables(given, tmp_path_factory.mktemp("texts"), AS_OF)


def row(night: Publication, person: str, worklist: str) -> dict[str, Any]:
    return night.listed[person][worklist]


@pytest.mark.parametrize(
    ("person", "priority", "named"),
    [
        ("grey-neuro", "P1", "Neurological features: ataxia or gait disturbance."),
        ("renal-neuro", "P1", "Neurological features: ataxia or gait disturbance."),
        ("raised-neuro", "P1", "Neurological features: ataxia or gait disturbance."),
        ("raised-pregnant", "P1", " Pregnant."),
        ("raised-severe", "P1", " Haemoglobin below 80 g/L."),
        ("low-severe", "P1", " Haemoglobin below 80 g/L."),
        ("low-platelets", "P1", " Platelets below 50 10*9/L."),
        ("low-active-pregnant", "P1", " Pregnant."),
        ("total-in-pregnancy", "P1", " Haemoglobin below 100 g/L."),
    ],
)
def test_an_urgent_row_names_what_makes_it_urgent(
    night: Publication, person: str, priority: str, named: str
) -> None:
    found = row(night, person, "b12_replacement")
    assert (found["priority"], named in found["reason"]) == (priority, True)
    assert named not in row(night, "low", "b12_replacement")["reason"]


def test_uncertain_features_are_for_the_clinician_to_confirm(night: Publication) -> None:
    found = row(night, "grey-old-memory", "b12_replacement")
    words = "Possible neurological features, for the clinician to confirm: cognitive impairment or dementia."
    assert (words in found["reason"], words in found["evidence"], found["priority"]) == (True, True, "P3")


def test_grey_results_with_neurological_features_have_an_action_of_their_own(night: Publication) -> None:
    now = (
        "Clinician to decide now on a trial of replacement: there are neurological features. "
        "If none is started, repeat MMA in 90 days."
    )
    assert row(night, "grey-neuro", "b12_replacement")["suggested_action"] == now
    assert row(night, "grey-calm", "b12_replacement")["suggested_action"] == (
        "Clinician decides: a trial of replacement if there are symptoms, or repeat MMA in 90 days."
    )
    renal = row(night, "renal-neuro", "b12_replacement")["suggested_action"]
    assert renal.startswith(
        f"{now} Read MMA against kidney function. Request active B12, as total B12 was used. Caution: "
    )
    calm = row(night, "renal-active", "b12_replacement")["suggested_action"]
    assert calm.startswith("Read MMA against kidney function. Clinician decides: ")
    assert row(night, "raised-neuro", "b12_replacement")["suggested_action"].startswith(
        "Start replacement now. "
    )


def test_the_risk_factor_that_raises_a_priority_is_named(night: Publication) -> None:
    assert row(night, "risk", "mma_testing")["reason"].endswith(" Risk factors: metformin.")
    assert row(night, "no-risk", "mma_testing")["reason"].endswith(" No risk factor is on record.")


@pytest.mark.parametrize(
    ("person", "worklist", "said"),
    [
        ("low-active-pregnant", "b12_replacement", "the active B12 is the one to go by; total B12 falls in"),
        (
            "low-before-pregnancy",
            "b12_replacement",
            "the total B12 told here was not taken in this pregnancy;",
        ),
        (
            "total-in-pregnancy",
            "first_b12_test",
            "total B12 falls in normal pregnancy and is not reliable; active",
        ),
        (
            "untested-pregnant",
            "first_b12_test",
            "total B12 falls in normal pregnancy and is not reliable; active",
        ),
    ],
)
def test_the_caution_of_pregnancy_fits_the_person(
    night: Publication, person: str, worklist: str, said: str
) -> None:
    action = row(night, person, worklist)["suggested_action"]
    assert f"Caution: Pregnant: {said}" in action
    assert action.count("Pregnant: ") == 1


def test_active_b12_is_requested_for_pregnant_people_only(night: Publication) -> None:
    asked = "Request {} with full blood count and folate, before any B12 is given."
    assert row(night, "untested", "first_b12_test")["suggested_action"] == asked.format("B12")
    pregnant = row(night, "untested-pregnant", "first_b12_test")["suggested_action"]
    assert pregnant.startswith(asked.format("active B12") + " Caution: ")


def test_a_first_test_names_symptoms_and_risk_factors(night: Publication) -> None:
    assert row(night, "untested", "first_b12_test")["reason"] == (
        "No usable B12 result, although a symptom or sign of B12 deficiency and a risk factor for it are on "
        "record. Symptoms and signs: glossitis. Risk factors: coeliac disease."
    )


def test_a_person_listed_for_a_caution_alone_has_its_reason_and_advice(night: Publication) -> None:
    assert list(night.listed["folic"]) == ["safety_review"]
    found = row(night, "folic", "safety_review")
    assert found["reason"] == (
        "Takes folic acid without B12, has symptoms or signs and no B12 result that counts (C01, medium)."
    )
    assert found["suggested_action"] == "Folic acid can hide a deficiency. Check the B12."


def test_a_lapsed_lifelong_replacement_has_an_action_on_the_safety_list(night: Publication) -> None:
    found = row(night, "lapsed", "safety_review")
    assert (
        found["suggested_action"] == "The cause is lifelong, and so is replacement; see that it starts again."
    )
    assert found["reason"] == (
        "Deterioration is to be expected without replacement (C14a, high). "
        "B12 replacement has lapsed (last day covered 2025-09-03) although its cause lasts for life "
        "(pernicious anaemia or autoimmune gastritis). No symptom is on record."
    )


def test_a_symptom_that_stays_is_named(night: Publication) -> None:
    # The depression of day 50 of the course is too early to say that replacement is not enough.
    found = row(night, "not-better", "follow_up")
    assert "Not better on replacement: glossitis, since 2026-03-22 (F7)." in found["reason"]
    assert "depression" not in found["reason"]


def test_one_result_is_told_once(night: Publication) -> None:
    assert row(night, "oral", "follow_up")["evidence"] == (
        "Total B12 150 ng/L on 2026-03-02. On B12 replacement by mouth since 2026-03-22."
    )
    later = row(night, "oral-since", "follow_up")["evidence"]
    assert (
        later.count("total B12 160 ng/L on 2026-03-22") + later.count("Total B12 160 ng/L on 2026-03-22") == 1
    )


def test_results_are_told_in_a_clinicians_words(night: Publication) -> None:
    evidence = row(night, "grey-neuro", "b12_replacement")["evidence"]
    assert evidence == (
        "Total B12 250 ng/L on 2026-05-01. MMA 350 nmol/L on 2026-05-31 (grey zone). "
        "Neurological features: ataxia or gait disturbance."
    )
    assert (
        "MMA 600 nmol/L on 2026-05-31 (raised)." in row(night, "raised-neuro", "b12_replacement")["evidence"]
    )
    inhalants = row(night, "inhalants", "mma_testing")["evidence"]
    assert inhalants.endswith("A code of the past year that may mean nitrous oxide.")


def test_no_cell_that_people_read_holds_a_word_of_the_program(night: Publication) -> None:
    program = re.compile(r"[{}_]|\b[A-Z]{5,}\b|certainty")
    cells = [
        (person, worklist, name)
        for person, lists in night.listed.items()
        for worklist, one in lists.items()
        for name in ("reason", "evidence", "suggested_action")
        if program.search(one[name] or "")
    ]
    assert len(night.listed) == len(PEOPLE)
    assert cells == []


def test_the_cases_that_hold_are_published(night: Publication) -> None:
    decisions = pl.read_parquet(Path(night.folder) / "all" / "decisions.parquet")
    of_person = {one["patient_id"]: one for one in decisions.to_dicts()}
    assert of_person["folic"]["caution_case_ids"] == ["C01.symptoms"]
    assert of_person["lapsed"]["caution_case_ids"] == ["C14a"]
    assert of_person["oral"]["follow_up_items"] == ["F1", "F6"]
    assert of_person["oral"]["follow_up_case_ids"] == ["F1.oral", "F6.first"]
    assert of_person["low"]["follow_up_case_ids"] == []
