"""The records considered for each person: which counted, and why the others were left aside."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from exports.dictionary import data_dictionary_markdown
from schemas.derived import RECORD_COLUMNS, RECORD_SCHEMA, Record
from schemas.vocabulary import RECORD_KINDS, RECORD_REASONS, RECORD_USES
from tests.night import Publication, screened_tables
from tests.patients import TABLES, story

AS_OF = date(2026, 6, 30)

PEOPLE = {
    "LATER": "b12 200 ng/L @-100; b12 210 ng/L @-10",
    "SAMEDAY": "b12 150 ng/L @-10; b12 400 ng/L @-10",
    "OLD": "b12 250 ng/L @-366; b12 150 ng/L @-1096",
    "LOWOLD": "b12 150 ng/L @-1095",
    "UNREAD": "b12 haemolysed @-5",
    "DOSED": "injection @-20; b12 400 ng/L @-10",
    "PAIR": "b12 400 ng/L @-40; active 20 pmol/L @-10",
    "APART": "b12 400 ng/L @-41; active 60 pmol/L @-10",
    "PREGNANT": "pregnant @-100; b12 200 ng/L @-20",
    "AFTER": "pregnant @-300; ended @-60; b12 200 ng/L @-30",
    "MMA": "b12 250 ng/L @-100; mma 300 nmol/L @-95; mma 250 nmol/L @-90; egfr 50 @-90; "
    "mma 250 nmol/L @-191; mma spoilt @-80",
    "ALONE": "mma 200 nmol/L @-10",
    "SIGNS": "has cond_glossitis @-10; has cond_glossitis @-1000; has cond_glossitis @unknown; "
    "broad cond_ataxia_gait @-10; hb 90 g/L @-5; has cond_coeliac @-4000",
    "TAKES": "on metformin from -400 to -300; on metformin from -50; dose 500 mg x2",
    "AGED": "born 1940-01-01",
    "WEAK": "oral b12 from -50; dose 5 ug x1; injection @-30",
    "ASKED": "b12 250 ng/L @-10; order mma @-5; order b12 @-31",
    "FRESH": "b12 250 ng/L @-365; order b12 @-30; order mma @-3",
    "EDGES": "has cond_glossitis @-730; has cond_glossitis @-731; pregnant @-294; sex female",
    "MALE": "sex male; pregnant @-10",
    "ENDED": "pregnant @-100; ended @-50; broad cond_b12_deficiency @-90",
    "BLUR": "b12 250 ng/L @-10; mma <400 nmol/L @-9; mma 200 nmol/L @-8; mma 250 nmol/L @-8",
    "BODY": "intrinsic positive @-900; intrinsic negative @-800; has cond_b12_deficiency @-4000",
    "NONE": "",
}


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Publication:
    return screened_tables(delivered(), tmp_path_factory.mktemp("records"), AS_OF)


@pytest.fixture(scope="module")
def records(night: Publication) -> pl.DataFrame:
    return pl.read_parquet(night.folder / "all" / "records.parquet")


def day(days_ago: int) -> date:
    return date.fromordinal(AS_OF.toordinal() - days_ago)


def delivered() -> dict[str, list[dict[str, str]]]:
    """The tables of all stories; one request is closed, which no story tells."""
    told = [story(person, what, AS_OF) for person, what in PEOPLE.items()]
    tables = {table: [row for one in told for row in one[table]] for table in TABLES}
    for order in tables["orders"]:
        if order["patient_id"] == "FRESH" and order["ordered_on"] == day(3).isoformat():
            order["status"] = "completed"
    return {table: rows for table, rows in tables.items() if rows}


def of(records: pl.DataFrame, person: str, *kinds: str) -> list[tuple[object, ...]]:
    """(days ago, use, why) of each record of the kinds, the latest first, undated ones last."""
    mine = records.filter((pl.col("patient_id") == person) & pl.col("kind").is_in(kinds))
    return [
        ((AS_OF - on).days if on else None, use, why)
        for on, use, why in mine.select("on", "use", "why").iter_rows()
    ]


@pytest.mark.parametrize(
    ("person", "expected"),
    [
        ("LATER", [(10, "index", None), (100, "not_used", "not_the_latest")]),
        ("OLD", [(366, "not_used", "too_old"), (1096, "not_used", "too_old")]),
        ("LOWOLD", [(1095, "index", None)]),
        ("UNREAD", [(5, "not_used", "not_interpretable")]),
        ("DOSED", [(10, "not_used", "taken_on_replacement")]),
        # Total UNLIKELY and active LOW, thirty days apart: read together, the active one is the lower.
        ("PAIR", [(40, "paired", None), (10, "index", None)]),
        ("APART", [(41, "not_used", "other_test_later"), (10, "index", None)]),
        ("PREGNANT", [(20, "asks_for_active", None)]),
        ("AFTER", [(30, "not_used", "in_pregnancy")]),
        ("FRESH", [(365, "index", None)]),
        ("NONE", []),
    ],
)
def test_b12_results(records: pl.DataFrame, person: str, expected: list[tuple[object, ...]]) -> None:
    assert of(records, person, "total_b12", "active_b12") == expected


def test_of_one_day_the_lower_result_stands(records: pl.DataFrame) -> None:
    mine = records.filter((pl.col("patient_id") == "SAMEDAY") & (pl.col("kind") == "total_b12"))
    assert mine.select("value", "result_class", "use", "why").rows() == [
        ("150", "LOW", "index", None),
        ("400", "UNLIKELY", "not_used", "other_of_the_day"),
    ]


def test_mma_answers_in_its_window_and_is_read_with_the_kidneys(records: pl.DataFrame) -> None:
    assert of(records, "MMA", "mma") == [
        (80, "not_used", "not_interpretable"),
        (90, "answers_index", None),
        (95, "not_used", "not_the_latest"),
        (191, "not_used", "outside_mma_window"),
    ]
    assert of(records, "MMA", "egfr") == [(90, "read_with_mma", None)]
    assert of(records, "ALONE", "mma") == [(10, "not_used", "no_index_result")]


def test_mma_that_cannot_be_classed_and_the_lower_of_a_day(records: pl.DataFrame) -> None:
    mine = records.filter((pl.col("patient_id") == "BLUR") & (pl.col("kind") == "mma"))
    assert mine.select("value", "result_class", "use", "why").rows() == [
        ("200", None, "not_used", "other_of_the_day"),
        ("250", "NORMAL", "answers_index", None),
        ("<400", None, "not_used", "no_class"),
    ]


def test_antibodies_and_the_history(records: pl.DataFrame) -> None:
    assert of(records, "BODY", "antibody") == [(800, "not_used", "negative"), (900, "counted", None)]
    (past,) = records.filter((pl.col("patient_id") == "BODY") & (pl.col("kind") == "history")).iter_rows(
        named=True
    )
    assert (past["what"], past["label"], past["use"]) == (
        "cond_b12_deficiency",
        "B12 deficiency on record",
        "counted",
    )


def test_windows_hold_on_their_last_day(records: pl.DataFrame) -> None:
    assert of(records, "EDGES", "symptom") == [
        (730, "counted", None),
        (731, "not_used", "outside_window"),
    ]
    assert of(records, "EDGES", "pregnancy") == [(294, "counted", None)]
    assert of(records, "FRESH", "request") == [(3, "not_used", "closed"), (30, "counted", None)]


def test_symptoms_count_in_their_window_and_broad_codes_only_support(records: pl.DataFrame) -> None:
    mine = records.filter((pl.col("patient_id") == "SIGNS") & (pl.col("kind") == "symptom"))
    assert mine.select("what", "on", "use", "why").rows() == [
        ("anaemia", day(5), "counted", None),
        ("ataxia", day(10), "supports", "broad_only"),
        ("glossitis", day(10), "counted", None),
        ("glossitis", day(1000), "not_used", "outside_window"),
        ("glossitis", None, "not_used", "undated"),
    ]
    assert mine.filter(pl.col("what") == "anaemia").select("value", "unit").rows() == [("90", "g/L")]


def test_risk_factors_count_whenever_they_were_and_medicines_while_supplied(records: pl.DataFrame) -> None:
    assert of(records, "SIGNS", "risk_factor") == [(4000, "counted", None)]
    taken = records.filter((pl.col("patient_id") == "TAKES") & (pl.col("kind") == "risk_factor"))
    assert taken.select("what", "on", "until_on", "value", "unit", "use", "why").rows() == [
        ("metformin", day(50), None, "1000000", "micrograms a day", "counted", None),
        ("metformin", day(400), day(300), None, None, "not_used", "not_current"),
    ]
    aged = records.filter(pl.col("patient_id") == "AGED")
    assert aged.select("what", "value", "unit", "record_id", "use").rows() == [
        ("age_76", "86", "years", None, "counted")
    ]


def test_doses_too_small_to_treat_are_left_aside(records: pl.DataFrame) -> None:
    mine = records.filter((pl.col("patient_id") == "WEAK") & (pl.col("kind") == "replacement"))
    assert mine.select("what", "on", "use", "why").rows() == [
        ("im", day(30), "counted", None),
        ("oral", day(50), "not_used", "dose_too_low"),
    ]


def test_pregnancies_and_requests(records: pl.DataFrame) -> None:
    assert of(records, "PREGNANT", "pregnancy") == [(100, "counted", None)]
    assert of(records, "AFTER", "pregnancy", "pregnancy_end") == [
        (300, "not_used", "outside_window"),
        (60, "counted", None),
    ]
    assert of(records, "ENDED", "pregnancy", "pregnancy_end") == [
        (100, "not_used", "ended"),
        (50, "counted", None),
    ]
    assert of(records, "MALE", "pregnancy") == [(10, "not_used", "ended")]
    assert of(records, "ASKED", "request") == [(5, "counted", None), (31, "not_used", "too_old")]


def test_the_records_agree_with_the_decisions(night: Publication, records: pl.DataFrame) -> None:
    """Whoever has an index result or an MMA that answers has one record that says so, and nobody else has."""
    used = {
        use: set(records.filter(pl.col("use") == use)["patient_id"]) for use in ("index", "answers_index")
    }
    for use, fact in (("index", "index_class"), ("answers_index", "mma")):
        assert used[use] == {person for person, row in night.by_person.items() if row[fact] != "NONE"}
        assert records.filter(pl.col("use") == use)["patient_id"].is_unique().all()


def test_every_reason_was_seen(records: pl.DataFrame) -> None:
    assert set(records["why"].drop_nulls()) == set(RECORD_REASONS)


def test_the_contract_is_kept_and_said(night: Publication, records: pl.DataFrame) -> None:
    assert dict(records.schema) == RECORD_SCHEMA
    Record.validate(records)
    page = data_dictionary_markdown((), RECORD_COLUMNS)
    for word in (*RECORD_KINDS, *RECORD_USES, *RECORD_REASONS):
        assert word in page
    assert "all/records.parquet" in (night.folder / "README.txt").read_text(encoding="utf-8")


def test_other_order_and_passes_give_the_same_bytes(night: Publication, tmp_path: Path) -> None:
    tables = {table: rows[::-1] for table, rows in delivered().items()}
    config = tmp_path / "site.toml"
    config.write_text("[engine]\npeople_per_pass = 3\n", encoding="utf-8")
    other = screened_tables(tables, tmp_path, AS_OF, config=config)
    one, two = (folder / "all" / "records.parquet" for folder in (night.folder, other.folder))
    assert one.read_bytes() == two.read_bytes()
