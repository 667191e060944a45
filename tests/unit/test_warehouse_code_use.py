"""The counts of codes and names: of everybody's rows but those who opted out, and none of few rows."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import polars as pl

from sources.base import TableMapping
from tests.small_night import AS_OF, LABS, MATCHING, SmallNight

PEOPLE = "patient_id,birth_date,opted_out\nA,1950-01-01,\nB,1960-02-02,\nC,1970-03-03,yes\n"
NAMED_LABS = LABS.strip() + ",test_name\n"


def lab(patient: str, system: str, code: str, name: str, times: int = 1) -> str:
    return f"{patient},1,g/L,2026-05-01,{system},{code},{name}\n" * times


def counted(night: SmallNight, count_codes_from: int | None = 5) -> list[tuple[object, ...]]:
    with night.opened() as warehouse:
        warehouse.stage(night.parts, list(night.sources.values()), MATCHING, count_codes_from)
        return warehouse.code_use().drop("source").rows()


def test_rows_are_counted_per_code_as_compared(tmp_path: Path) -> None:
    labs = lab("A", "loinc", " 2132-9", "B12", 3) + lab("B", "LOINC", "2132-9", "b12 ", 2)
    labs += lab("A", "house", "q1", "Cobalamin", 4) + lab("B", "house", "Q1", "cobalamin")
    night = SmallNight(tmp_path).csv("patients", PEOPLE).csv("labs", NAMED_LABS + labs)
    assert counted(night) == [
        ("labs", "LOINC", "2132-9", "b12", True, 5),
        ("labs", "house", "Q1", "cobalamin", False, 5),
    ]


def test_few_rows_and_rows_of_one_person_are_left_out(tmp_path: Path) -> None:
    labs = lab("A", "house", "few", "x", 3) + lab("B", "house", "few", "x")
    labs += lab("A", "house", "alone", "b12 of somebody", 30)
    night = SmallNight(tmp_path).csv("patients", PEOPLE).csv("labs", NAMED_LABS + labs)
    assert counted(night) == []


def test_rows_of_who_opted_out_do_not_count(tmp_path: Path) -> None:
    labs = lab("A", "house", "q", "x", 3) + lab("B", "house", "q", "x") + lab(" C", "house", "q", "x", 3)
    night = SmallNight(tmp_path).csv("patients", PEOPLE).csv("labs", NAMED_LABS + labs)
    assert counted(night) == []


def test_nothing_is_counted_where_nobody_asks(tmp_path: Path) -> None:
    labs = lab("A", "house", "q", "x", 9) + lab("B", "house", "q", "x")
    night = SmallNight(tmp_path).csv("patients", PEOPLE).csv("labs", NAMED_LABS + labs)
    assert counted(night, None) == []


def test_the_sites_own_words_and_names_make_a_code_known(tmp_path: Path) -> None:
    night = SmallNight(tmp_path).source(
        test_codes={"b12s": "lab_b12_total"}, test_names={"Holo": "lab_b12_total"}
    )
    labs = (
        lab("A", "", "B12S", "", 4)
        + lab("B", "", "B12S", "")
        + lab("A", "", "", "HOLO", 4)
        + lab("B", "", "", "holo")
    )
    drugs = "patient_id,drug_name,start_on,code_system,code\n"
    for system, code, name in (("", "", "Metformin 500mg"), ("ATC", "A10BD07", "metformin and sitagliptin")):
        drugs += "".join(f"{person},{name},2026-01-01,{system},{code}\n" for person in "AABBB")
    conditions = "patient_id,code_system,code\n" + "A,ICD10,G62.9\nB,icd-10,G629\n" * 3
    night.csv("patients", PEOPLE).csv("labs", NAMED_LABS + labs)
    night.csv("medications", drugs).csv("conditions", conditions)
    assert counted(night) == [
        ("conditions", "ICD-10", "G629", "", True, 6),
        ("labs", "", "", "holo", True, 5),
        ("labs", "", "B12S", "", True, 5),
        ("medications", "", "", "metformin 500mg", True, 5),
        ("medications", "ATC", "A10BD07", "metformin and sitagliptin", False, 5),
    ]


def test_order_and_files_change_nothing(tmp_path: Path) -> None:
    lines = [lab(person, "house", code, "b12") for person in "AB" for code in ("q", "r") for _ in range(3)]
    whole = SmallNight(tmp_path / "one").csv("patients", PEOPLE).csv("labs", NAMED_LABS + "".join(lines))
    apart = SmallNight(tmp_path / "two").csv("patients", PEOPLE)
    for line in reversed(lines):
        apart.csv("labs", NAMED_LABS + line)
    rows = [line.strip().split(",") for line in lines]
    parquet = SmallNight(tmp_path / "three").csv("patients", PEOPLE)
    parquet.parquet("labs", pl.DataFrame(rows, schema=NAMED_LABS.strip().split(","), orient="row"))
    assert counted(whole) == counted(apart) == counted(parquet) != []


def test_a_column_mapped_or_constant_counts_as_named(tmp_path: Path) -> None:
    tables = {"labs": TableMapping(columns={"test_name": "what"}, constants={"code_system": "house"})}
    content = "patient_id,code,what\n" + "A,q,B12\nB,q,B12\n" * 3
    night = SmallNight(tmp_path).source(tables=tables).csv("patients", PEOPLE).csv("labs", content)
    assert counted(night) == [("labs", "house", "Q", "b12", False, 6)]


def test_malformed_lines_are_still_told_apart(tmp_path: Path) -> None:
    labs = NAMED_LABS + lab("A", "house", "q", "x", 3) + "A,too,few\n" + lab("B", "house", "q", "x", 3)
    night = SmallNight(tmp_path).csv("patients", PEOPLE).csv("labs", labs)
    with night.opened() as warehouse:
        warehouse.stage(night.parts, list(night.sources.values()), MATCHING, 5)
        assert warehouse.code_use()["rows"].to_list() == [6]
        assert warehouse._rows("select count(*) from work.malformed") == [(1,)]


def test_what_is_listed_is_stored_per_run_and_found_by_the_next(tmp_path: Path) -> None:
    def night(number: int, times: int) -> SmallNight:
        labs = "".join(lab(person, "LOINC", "2132-9", "b12", times) for person in "AB")
        small = SmallNight(tmp_path / str(number), warehouse=tmp_path / "w.duckdb")
        return small.csv("patients", PEOPLE).csv("labs", NAMED_LABS + labs)

    days = [AS_OF + timedelta(days=days) for days in range(4)]
    # The second day is written last and twice; the third was there before it.
    for number, day, times in ((1, days[0], 5), (2, days[2], 10), (3, days[1], 15), (4, days[1], 20)):
        small = night(number, times)
        small.run(as_of=day, count_codes_from=5)
        small.commit(f"r{number}", as_of=day)
    with night(5, 1).opened() as warehouse:
        found = [warehouse.previous_code_use(day)["rows"].to_list() for day in days]
    # Each day is compared with the last run of the day before it: never with itself, never with a later one.
    assert found == [[], [10], [40], [20]]
