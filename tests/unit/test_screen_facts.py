"""The facts behind lapsed replacement, surgery, nitrous oxide, high B12 and first tests, each on a few rows."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from rules.loader import load_pack
from tests.night import screened_tables
from tests.patients import Row, story
from transforms import clues, lapsed, nitrous_oxide, results, surgery
from transforms.decide import regimen_id
from transforms.first_test import first_test_tier
from transforms.normalise import lower_reference_limit
from transforms.replacement import state

PACK = load_pack()
AS_OF = date(2026, 6, 15)

EVENT = {
    "person_key": pl.UInt32(),
    "evidence_id": pl.String(),
    "concept": pl.String(),
    "is_exact": pl.Boolean(),
    "feature_on": pl.Date(),
    "resolved_on": pl.Date(),
    "length_cm": pl.Float64(),
}
DOSE = {
    "person_key": pl.UInt32(),
    "row_no": pl.UInt64(),
    "evidence_id": pl.String(),
    "start_on": pl.Date(),
    "covered_to": pl.Date(),
    "is_open": pl.Boolean(),
    "form": pl.String(),
}
SAMPLE = {
    "person_key": pl.UInt32(),
    "row_no": pl.UInt64(),
    "evidence_id": pl.String(),
    "concept": pl.String(),
    "collected_on": pl.Date(),
    "value": pl.String(),
    "low": pl.Float64(),
    "low_normal": pl.Float64(),
    "high_normal": pl.Float64(),
    "low_open": pl.Boolean(),
    "high_open": pl.Boolean(),
    "is_confounded": pl.Boolean(),
    "result_class": pl.String(),
}


def ago(days: int) -> date:
    return AS_OF - timedelta(days=days)


def frame(schema: dict[str, pl.DataType], *rows: dict[str, Any]) -> pl.LazyFrame:
    blank = dict.fromkeys(schema)
    return pl.LazyFrame([blank | {"person_key": 1} | row for row in rows], schema=schema)


def event(concept: str, days: int | None = 900, **more: Any) -> dict[str, Any]:
    on = None if days is None else ago(days)
    return {"concept": concept, "is_exact": True, "feature_on": on} | more


def injection(days: int) -> dict[str, Any]:
    return {"start_on": ago(days), "covered_to": ago(days), "is_open": False, "form": "im"}


def sample(concept: str, days: int, low: float | None, result_class: str, **more: Any) -> dict[str, Any]:
    return {
        "concept": concept,
        "collected_on": ago(days),
        "low": low,
        "low_normal": low,
        "high_normal": low,
        "low_open": False,
        "high_open": False,
        "is_confounded": False,
        "result_class": result_class,
    } | more


def words(found: pl.LazyFrame, column: str) -> dict[int, Any]:
    rows = found.select("person_key", column).collect()
    assert rows["person_key"].is_unique().all()
    return dict(rows.rows())


# Days of replacement


def test_state_tells_the_days_of_replacement() -> None:
    supply = {"start_on": ago(500), "covered_to": ago(300), "is_open": False, "form": "oral"}
    doses = frame(DOSE, supply, injection(200), injection(200), injection(170))
    [row] = state(doses, PACK, AS_OF).collect().to_dicts()
    assert row["replacement"] == "LAPSED"
    assert (row["first_dose_on"], row["last_injection_on"]) == (ago(500), ago(170))
    assert (row["last_covered_on"], row["injection_days"], row["is_monthly"]) == (ago(170), 2, False)


def test_the_end_of_a_later_supply_is_the_last_day_covered() -> None:
    supply = {"start_on": ago(190), "covered_to": ago(150), "is_open": False, "form": "oral"}
    [row] = state(frame(DOSE, injection(200), supply), PACK, AS_OF).collect().to_dicts()
    assert (row["last_covered_on"], row["last_injection_on"]) == (ago(150), ago(200))


def test_a_dose_without_any_day_leaves_the_last_day_unknown() -> None:
    nowhere = {"start_on": None, "covered_to": None, "is_open": False, "form": "oral"}
    [row] = state(frame(DOSE, nowhere), PACK, AS_OF).collect().to_dicts()
    assert (row["replacement"], row["last_covered_on"], row["injection_days"]) == ("LAPSED", None, 0)


# Lapsed


def lapsed_words(
    *doses: dict[str, Any],
    events: tuple[dict[str, Any], ...] = (),
    b12: tuple[dict[str, Any], ...] = (),
    mma: tuple[dict[str, Any], ...] = (),
    lasting: bool = False,
) -> dict[int, Any]:
    happened = frame(EVENT, *events)
    causes = pl.LazyFrame(
        {"person_key": [1], "is_irreversible_cause": [lasting]},
        schema={"person_key": pl.UInt32(), "is_irreversible_cause": pl.Boolean()},
    )
    found = lapsed.lapsed(
        state(frame(DOSE, *doses), PACK, AS_OF),
        happened,
        frame(SAMPLE, *b12),
        frame(SAMPLE, *mma),
        causes,
        clues.ever_neuro(happened, PACK),
        PACK,
        AS_OF,
    )
    return words(found, "lapsed")


CODE = event("cond_b12_deficiency")


@pytest.mark.parametrize(("days", "word"), [(181, "due"), (182, "due"), (183, "gap_over_two_intervals")])
def test_two_intervals_of_injections(days: int, word: str) -> None:
    assert lapsed_words(injection(days), events=(CODE,)) == {1: word}


@pytest.mark.parametrize(("days", "word"), [(121, "due"), (122, "due"), (123, "gap_over_two_intervals")])
def test_two_intervals_with_a_neurological_code_ever(days: int, word: str) -> None:
    ataxia = event("cond_ataxia_gait", None)
    assert lapsed_words(injection(days), events=(CODE, ataxia)) == {1: word}


def test_a_gap_of_unknown_length_counts_as_long() -> None:
    nowhere = {"start_on": None, "covered_to": None, "is_open": False, "form": "oral"}
    assert lapsed_words(nowhere, lasting=True) == {1: "gap_over_two_intervals"}


def test_nobody_on_replacement_is_lapsed() -> None:
    assert lapsed_words(injection(105), events=(CODE,), lasting=True) == {}


def test_a_lapsed_person_without_cause_and_earlier_deficiency_needs_none() -> None:
    assert lapsed_words(injection(182)) == {}


def test_a_later_unlikely_result_clears_an_earlier_deficiency_but_no_lasting_cause() -> None:
    unlikely = sample(results.TOTAL, 40, 400.0, "UNLIKELY")
    assert lapsed_words(injection(182), events=(CODE,), b12=(unlikely,)) == {}
    assert lapsed_words(injection(182), events=(CODE,), b12=(unlikely,), lasting=True) == {1: "due"}


@pytest.mark.parametrize(("days", "is_cleared"), [(149, True), (150, True), (151, False)])
def test_an_indeterminate_result_clears_with_a_normal_mma_in_its_window(days: int, is_cleared: bool) -> None:
    indeterminate = sample(results.TOTAL, 60, 300.0, "INDET")
    normal = sample("lab_mma_serum", days, 250.0, "NORMAL")
    found = lapsed_words(injection(182), events=(CODE,), b12=(indeterminate,), mma=(normal,))
    assert found == ({} if is_cleared else {1: "due"})


# Surgery


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([event("proc_gastrectomy_total")], ("im_for_life", "total gastrectomy")),
        ([event("proc_ileal_resection", length_cm=20.0)], None),
        ([event("proc_ileal_resection", length_cm=21.0)], ("im_for_life", "ileal resection of 21 cm")),
        ([event("proc_ileal_resection", length_cm=20.5)], ("im_for_life", "ileal resection of 20.5 cm")),
        (
            [event("proc_ileal_resection")],
            ("length_unknown", "ileal resection or right hemicolectomy of unknown length"),
        ),
        ([event("proc_ileal_resection"), event("proc_ileal_resection", length_cm=5.0)], None),
        ([event("proc_ileal_resection", is_exact=False)], None),
        ([event("proc_gastrectomy_partial")], None),
    ],
)
def test_resections(events: list[dict[str, Any]], expected: tuple[str, str] | None) -> None:
    found = surgery.resections(frame(EVENT, *events), PACK).collect()
    assert found.select("resection", "surgery_label").rows() == ([expected] if expected else [])


def test_high_risk_causes_are_lasting_causes_and_surgery() -> None:
    people = pl.LazyFrame(
        {"person_key": [1, 2], "is_irreversible_cause": [True, False]},
        schema={"person_key": pl.UInt32(), "is_irreversible_cause": pl.Boolean()},
    )
    happened = frame(EVENT, event("proc_bariatric_sleeve", person_key=3), event("cond_coeliac", person_key=4))
    assert words(surgery.high_risk_causes(happened, people, PACK), "high_risk_cause") == {1: "yes", 3: "yes"}


def test_a_lasting_cause_counts_behind_another_first_match() -> None:
    happened = frame(
        EVENT,
        event("cond_nitrous_oxide_misuse"),
        event("cond_pernicious_anaemia_autoimmune_gastritis"),
        event("cond_coeliac", person_key=2),
    )
    observations = pl.LazyFrame(
        schema={
            "person_key": pl.UInt32(),
            "concept": pl.String(),
            "value": pl.String(),
            "low": pl.Float64(),
            "low_open": pl.Boolean(),
            "reference_limit": pl.Float64(),
        }
    )
    risks = pl.LazyFrame(schema={"person_key": pl.UInt32(), "has_risk_medicine": pl.Boolean()})
    found = clues.causes(happened, observations, risks, PACK)
    assert words(found, "cause") == {1: "nitrous_oxide", 2: "other_malabsorption"}
    assert words(found, "is_irreversible_cause") == {1: True, 2: False}


# Nitrous oxide


@pytest.mark.parametrize(
    ("days", "is_exact", "word"),
    [
        (364, True, "recent"),
        (365, True, "recent"),
        (366, True, None),
        (None, True, None),
        (365, False, "class_level"),
        (366, False, None),
    ],
)
def test_misuse_of_nitrous_oxide(days: int | None, is_exact: bool, word: str | None) -> None:
    rows = frame(EVENT, event("cond_nitrous_oxide_misuse", days, is_exact=is_exact))
    assert words(nitrous_oxide.misuse(rows, PACK, AS_OF), "nitrous_oxide") == ({1: word} if word else {})


def test_one_exact_code_makes_misuse_recent() -> None:
    rows = frame(
        EVENT,
        event("cond_nitrous_oxide_misuse", 10, is_exact=False),
        event("cond_nitrous_oxide_misuse", 20),
    )
    assert words(nitrous_oxide.misuse(rows, PACK, AS_OF), "nitrous_oxide") == {1: "recent"}


@pytest.mark.parametrize(
    ("unit", "reported", "floor"),
    [
        ("ug/L", "3.5", 3.5),
        ("nmol/L", "10", 4.413063),
        ("ug/L", "<3.5", None),
        ("ug/L", "0", None),
        ("ug/L", None, None),
        ("ug/L", "none", None),
    ],
)
def test_lower_limit_of_the_laboratory(unit: str, reported: str | None, floor: float | None) -> None:
    rows = pl.LazyFrame(
        {
            "concept": ["lab_folate_serum"],
            "unit": [unit],
            "reference_low": [reported],
            "decimal_comma": [False],
        },
        schema_overrides={"reference_low": pl.String},
    )
    assert lower_reference_limit(rows, PACK).collect()["reference_floor"].to_list() == [floor]


# B12 and MMA samples


def test_high_twice_needs_the_latest_and_one_long_before() -> None:
    def found(*days_and_values: tuple[int, float]) -> dict[int, Any]:
        rows = [sample(results.TOTAL, days, low, "UNLIKELY") for days, low in days_and_values]
        return words(results.high_twice(frame(SAMPLE, *rows), PACK), "high_b12_twice")

    assert found((100, 1001.0), (10, 1001.0)) == {1: "yes"}
    assert found((99, 1001.0), (10, 1001.0)) == {}
    assert found((100, 1001.0), (10, 1000.0)) == {}
    assert found((200, 1001.0), (100, 1001.0), (10, 500.0)) == {}


def test_an_open_end_above_the_limit_is_high() -> None:
    more = {"low_open": True, "high_normal": float("inf"), "high_open": True}
    rows = [sample(results.TOTAL, days, 1000.0, "UNLIKELY", **more) for days in (100, 10)]
    assert words(results.high_twice(frame(SAMPLE, *rows), PACK), "high_b12_twice") == {1: "yes"}


@pytest.mark.parametrize(("days", "is_found"), [(89, True), (90, True), (91, False)])
def test_an_unreadable_sample_is_repeated_for_a_while(days: int, is_found: bool) -> None:
    rows = frame(SAMPLE, sample(results.TOTAL, days, None, "NOT_INTERPRETABLE", evidence_id="L1"))
    found = results.last_sample_unreadable(rows, (results.TOTAL, results.ACTIVE), PACK, AS_OF).collect()
    assert found.select("person_key", "evidence_id").rows() == ([(1, "L1")] if is_found else [])


def test_of_unreadable_samples_of_one_day_the_first_id_is_named() -> None:
    told = [(results.TOTAL, "L3"), (results.TOTAL, "L2"), (results.ACTIVE, "L4")]
    rows = [sample(test, 10, None, "NOT_INTERPRETABLE", evidence_id=one) for test, one in told]
    both = (results.TOTAL, results.ACTIVE)
    found = results.last_sample_unreadable(frame(SAMPLE, *rows), both, PACK, AS_OF).collect()
    assert found.select("evidence_id", "collected_on").rows() == [("L2", ago(10))]


def test_of_two_results_of_one_day_the_one_that_ends_first_counts() -> None:
    """Below 150 ends before 150 itself, which `<=150` may be."""
    ended = {"low_open": True, "high_normal": 150.0}
    rows = frame(
        SAMPLE,
        sample(results.TOTAL, 10, 0.0, "LOW", value="<=150", evidence_id="L1", **ended),
        sample(results.TOTAL, 10, 0.0, "LOW", value="<150", evidence_id="L2", high_open=True, **ended),
    )
    assert results.readable_b12(rows).collect()["value"].to_list() == ["<150"]


def test_an_unreadable_mma_on_replacement_asks_for_nothing() -> None:
    text = {"low": None, "is_confounded": True, "evidence_id": "L1"}
    mma = frame(SAMPLE, sample("lab_mma_serum", 10, None, "NONE") | text)
    b12 = frame(SAMPLE, sample(results.TOTAL, 10, None, "NOT_INTERPRETABLE") | text)
    assert results.last_sample_unreadable(mma, ("lab_mma_serum",), PACK, AS_OF).collect().is_empty()
    assert results.last_sample_unreadable(b12, (results.TOTAL,), PACK, AS_OF).collect().height == 1


EGFR = {
    "person_key": pl.UInt32(),
    "evidence_id": pl.String(),
    "collected_at": pl.Datetime("us"),
    "received_at": pl.Datetime("us"),
    "egfr_on": pl.Date(),
    "egfr": pl.Float64(),
    "is_reported": pl.Boolean(),
    "is_renal": pl.Boolean(),
}
NOON, LATER = datetime.fromisoformat("2026-06-01T12:00"), datetime.fromisoformat("2026-06-01T13:00")


@pytest.mark.parametrize(
    ("told_apart_by", "expected"),
    [
        # By nothing but the hash of a row without an id: the lower, whichever hash comes first.
        ([{"evidence_id": "row-1"}, {"evidence_id": "row-2"}], 59.0),
        ([{"evidence_id": "row-2"}, {"evidence_id": "row-1"}], 59.0),
        ([{"evidence_id": "E2"}, {"evidence_id": "E1"}], 59.0),
        ([{"evidence_id": "E1"}, {"evidence_id": "E2"}], 61.0),
        ([{"received_at": NOON}, {"received_at": LATER}], 61.0),
        ([{"received_at": None}, {"received_at": NOON}], 61.0),
        ([{"collected_at": NOON}, {"collected_at": LATER}], 61.0),
        ([{"is_reported": False}, {"is_reported": True}], 61.0),
    ],
)
@pytest.mark.parametrize("is_reported", [True, False])
def test_of_two_egfr_of_one_instant_the_lower_counts(
    told_apart_by: list[dict[str, Any]], expected: float, is_reported: bool
) -> None:
    one = {
        "evidence_id": "row-1",
        "collected_at": NOON,
        "received_at": NOON,
        "egfr_on": NOON.date(),
        "is_reported": is_reported,
    }
    lower, higher = (one | more for more in told_apart_by)
    rows = [lower | {"egfr": 59.0, "is_renal": True}, higher | {"egfr": 61.0, "is_renal": False}]
    mma = frame(SAMPLE, sample("lab_mma_serum", 10, 500.0, "ELEVATED", row_no=1))
    for told in (rows, rows[::-1]):
        [found] = results.nearest_egfr(mma, frame(EGFR, *told), PACK).collect().to_dicts()
        assert (found["egfr"], found["is_renal"]) == (expected, expected < 60)


def test_of_two_equal_egfr_without_an_id_the_same_one_is_named_in_any_order() -> None:
    """Of ids the later counts; so it does of the hashes that stand for them."""
    same = {"collected_at": NOON, "egfr_on": NOON.date(), "is_reported": True, "egfr": 59.0, "is_renal": True}
    rows = [same | {"evidence_id": one} for one in ("row-1", "row-2")]
    mma = frame(SAMPLE, sample("lab_mma_serum", 10, 500.0, "ELEVATED", row_no=1))
    for told in (rows, rows[::-1]):
        found = results.nearest_egfr(mma, frame(EGFR, *told), PACK).collect()
        assert found["egfr_evidence_id"].to_list() == ["row-2"]


def test_of_two_creatinines_of_one_instant_the_higher_counts(tmp_path: Path) -> None:
    """A woman of 56 with 91.97 umol/L has an eGFR of 60.004, with 91.98 one of 59.996; no row has an id."""
    people = {"TWICE": ("91.97", "91.98"), "TURNED": ("91.98", "91.97"), "ONCE": ("91.97",)}
    told: dict[str, list[Row]] = {}
    for person, values in people.items():
        creatinine = "".join(f"; creatinine {value} umol/L @-5" for value in values)
        mine = story(person, f"b12 300 ng/L @-10; mma 500 nmol/L @-5{creatinine}", AS_OF)
        for row in mine["labs"]:
            row |= {"result_id": "", "sample_id": ""}
        for table, rows in mine.items():
            told.setdefault(table, []).extend(rows)
    night = screened_tables({table: rows for table, rows in told.items() if rows}, tmp_path, AS_OF)
    found = {person: row["decision_key"] for person, row in night.by_person.items()}
    assert found == {"TWICE": "R26", "TURNED": "R26", "ONCE": "R20"}


# Lists


def test_days_untreated_are_unknown_where_the_last_dose_has_no_day(tmp_path: Path) -> None:
    """A supply that ended, of which no day is told, may have been given since the sample."""
    told: dict[str, list[Row]] = {}
    for person, course in {"UNKNOWN": "from unknown", "BEFORE": "from -400", "NEVER": ""}.items():
        taken = f"; oral b12 {course}" if course else ""
        mine = story(person, f"b12 150 ng/L @-10{taken}", AS_OF)
        for row in mine["medications"]:
            row["status"] = "completed"
        for table, rows in mine.items():
            told.setdefault(table, []).extend(rows)
    night = screened_tables({table: rows for table, rows in told.items() if rows}, tmp_path, AS_OF)
    found = {person: (row["replacement"], row["days_untreated"]) for person, row in night.by_person.items()}
    assert found == {"UNKNOWN": ("LAPSED", None), "BEFORE": ("LAPSED", 10), "NEVER": ("NEVER", 10)}


# First test


def tier(
    *, symptom: str = "", risk: str = "", neuro: bool = False, unreadable: bool = False, age: int = 50
) -> dict[int, Any]:
    people = pl.LazyFrame(
        {"person_key": [1], "age": [age]}, schema={"person_key": pl.UInt32(), "age": pl.Int32()}
    )
    happened = frame(EVENT, *([event(symptom, 10)] if symptom else []), *([event(risk)] if risk else []))
    blood = pl.LazyFrame(
        schema={
            "person_key": pl.UInt32(),
            "has_low_haemoglobin": pl.Boolean(),
            "has_high_mcv": pl.Boolean(),
            "haemoglobin_id": pl.String(),
            "mcv_id": pl.String(),
        }
    )
    supplied = pl.LazyFrame(
        schema={
            "person_key": pl.UInt32(),
            "evidence_id": pl.String(),
            "concept": pl.String(),
            "breadth": pl.String(),
            "start_on": pl.Date(),
            "covered_to": pl.Date(),
            "is_open": pl.Boolean(),
            "daily_dose_ug": pl.Float64(),
        }
    )
    symptomatic = clues.symptom_rows(happened, blood, PACK, AS_OF)
    risks = clues.risk_rows(happened, supplied, people, PACK, AS_OF)
    everybody, nobody = people.select("person_key"), people.select("person_key").head(0)
    found = first_test_tier(
        people,
        happened,
        supplied,
        risks,
        blood,
        symptomatic,
        everybody if neuro else nobody,
        everybody if unreadable else nobody,
        PACK,
        AS_OF,
    )
    return words(found, "first_test_tier")


def test_tiers_by_urgency() -> None:
    assert tier() == {}
    assert tier(age=90) == {}
    assert tier(symptom="cond_glossitis", risk="cond_coeliac") == {1: "A_symptom_and_risk"}
    assert tier(symptom="cond_macrocytosis_megaloblastic", risk="cond_coeliac") == {1: "B_signs_alone"}
    assert tier(symptom="cond_ataxia_gait", risk="cond_coeliac", neuro=True) == {1: "A_symptom_and_risk"}
    assert tier(symptom="cond_glossitis", risk="cond_hiv") == {}
    assert tier(risk="proc_gastrectomy_partial") == {1: "D_after_surgery"}
    assert tier(risk="proc_gastrectomy_partial", unreadable=True) == {1: "F_repeat_sample"}
    assert tier(symptom="cond_glossitis", risk="cond_coeliac", unreadable=True) == {1: "A_symptom_and_risk"}


# Regimen


@pytest.mark.parametrize(
    ("changed", "regimen"),
    [
        ({}, "RG-O"),
        ({"has_severe_anaemia": True}, "RG-S"),
        ({"has_severe_anaemia": True, "cause": "diet"}, "RG-O"),
        ({"cause": "nitrous_oxide"}, "RG-S"),
        ({"neuro": "low"}, "RG-N"),
        ({"neuro": "high", "has_optic_code": True}, "RG-X"),
        ({"decision_key": "R05", "has_optic_code": True, "neuro": "high"}, "RG-P"),
    ],
)
def test_regimen(changed: dict[str, Any], regimen: str) -> None:
    person = {
        "decision_key": "R11",
        "has_optic_code": False,
        "neuro": "none",
        "cause": "unknown",
        "has_severe_anaemia": False,
    }
    assert pl.DataFrame([person | changed]).select(regimen_id(PACK)).item() == regimen


def test_a_pack_may_name_another_regimen_for_a_row() -> None:
    rows = [
        replace(row, outputs=tuple(replace(output, regimen="RG-CY") for output in row.outputs))
        if row.key == "R11"
        else row
        for row in PACK.decisions
    ]
    pack = replace(PACK, decisions=tuple(rows))
    person = {"decision_key": "R11", "has_optic_code": False, "neuro": "none", "cause": "unknown"}
    found = pl.DataFrame([person | {"has_severe_anaemia": False}]).select(regimen_id(pack)).item()
    assert found == "RG-CY"


# What a clinician reads


STORIES = {
    "at": "b12 300 ng/L @-100; mma haemolysed @-90",
    "above": "b12 300 ng/L @-100; mma haemolysed @-91",
    "ambiguous": "b12 <200 ng/L @-100; mma haemolysed @-90; has cond_glossitis @-10",
    "readable-same-day": "b12 300 ng/L @-300; mma haemolysed @-5; mma >300 nmol/L @-5",
    "on-replacement": "b12 300 ng/L @-1; mma haemolysed @-10; injection @-125",
    "resection": "procedure proc_ileal_resection @-900 length 25",
    "lapsed": "has cond_b12_deficiency @-900; injection @-150",
    "gastrectomy-lapsed": "procedure proc_gastrectomy_total @-900; injection @-150",
}


@pytest.fixture(scope="module")
def reasons(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    tables: dict[str, list[dict[str, str]]] = {}
    for person, told in STORIES.items():
        for table, rows in story(person, told, AS_OF).items():
            tables.setdefault(table, []).extend(rows)
    home: Path = tmp_path_factory.mktemp("reasons")
    decided = screened_tables(tables, home, AS_OF).by_person
    return {person: str(decided[person]["reason"]) for person in STORIES}


@pytest.mark.parametrize(
    ("person", "is_repeated"),
    [
        ("at", True),
        ("above", False),
        ("ambiguous", True),
        ("readable-same-day", False),
        ("on-replacement", False),
    ],
)
def test_an_mma_that_could_not_be_read_is_to_be_repeated(
    reasons: dict[str, str], person: str, is_repeated: bool
) -> None:
    assert (
        "The last MMA sample could not be interpreted: repeat the sample." in reasons[person]
    ) == is_repeated
    assert "there is no usable MMA" in reasons[person]


def test_reasons_name_surgery_and_last_day_covered(reasons: dict[str, str]) -> None:
    assert "ileal resection of 25 cm" in reasons["resection"]
    assert "last day covered 2026-01-16" in reasons["lapsed"]
    assert "no later result has cleared it" in reasons["lapsed"]
    assert "its cause lasts for life" in reasons["gastrectomy-lapsed"]
