"""What is kept of an extract: rows in scope, typed, of people who did not opt out."""

# Instants of the canonical tables are local and carry no zone.
# ruff: noqa: DTZ001

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from pathlib import Path

import duckdb
import pytest

from schemas.errors import ConfigurationError, ContractError
from sources.base import TableMapping
from sql.engine import Engine
from tests.small_night import AS_OF, LABS, MATCHING, MEDICATIONS, PATIENTS, SmallNight

END_OF_DAY = (23, 59, 59, 999999)


def lab(
    patient: str = "A",
    value: str = "200",
    day: str = "2026-05-01",
    system: str = "LOINC",
    code: str = "2132-9",
) -> str:
    return f"{patient},{value},ng/L,{day},{system},{code}\n"


ISO = {
    "2026-05-01": datetime(2026, 5, 1, *END_OF_DAY),
    "2026-05-01T09:30:00": datetime(2026, 5, 1, 9, 30),
    "2026-05-01 09:30": datetime(2026, 5, 1, 9, 30),
    "2026-05-01T09:30:00.25": datetime(2026, 5, 1, 9, 30, 0, 250000),
    # British Summer Time is one hour ahead of UTC in May, and not in January.
    "2026-05-01T23:30:00Z": datetime(2026, 5, 2, 0, 30),
    "2026-01-15T23:30:00Z": datetime(2026, 1, 15, 23, 30),
    "2026-05-01T22:30:00-05:00": datetime(2026, 5, 2, 4, 30),
    "2026-05-01T09:30:00+0100": datetime(2026, 5, 1, 9, 30),
    "2026-05-01 09:30+01": datetime(2026, 5, 1, 9, 30),
    "2026-05-01T09:30:00 +02:00": datetime(2026, 5, 1, 8, 30),
    "2026-05-01T09:30:00.5+02:00": datetime(2026, 5, 1, 8, 30, 0, 500000),
    " 2026-05-01\t": datetime(2026, 5, 1, *END_OF_DAY),
}
UNREADABLE = (
    "2026-02-31",
    "2026-5-1",
    "01/05/2026",
    "20260501",
    "2026-05-01T09",
    "2026-05-01T25:00:00",
    "-026-05-01",
    "infinity",
    "epoch",
    "yesterday",
)


def collected(night: SmallNight, texts: Iterable[str]) -> tuple[dict[str, datetime], dict[str, str]]:
    """The instant of each text that could be read, and the reason of each that could not."""
    known = dict(enumerate(texts))
    labs = LABS + "".join(lab(value=str(number), day=f'"{text}"') for number, text in known.items())
    outcome = night.csv("patients", PATIENTS).csv("labs", labs).run()
    read = outcome.in_force["labs"].select("value", "collected_at").iter_rows()
    refused = outcome.quarantine["labs"].select("value", "reasons").iter_rows()
    return {known[int(n)]: at for n, at in read}, {known[int(n)]: reason for n, reason in refused}


def london(tmp_path: Path) -> SmallNight:
    return SmallNight(tmp_path, engine=Engine(memory_limit="500MB", threads=1, timezone="Europe/London"))


def test_a_date_is_iso_or_unreadable(tmp_path: Path) -> None:
    read, refused = collected(london(tmp_path), (*ISO, *UNREADABLE))
    assert read == ISO
    assert refused == dict.fromkeys(UNREADABLE, "date_unreadable")


def test_the_site_may_name_its_own_formats(tmp_path: Path) -> None:
    tables = {"labs": TableMapping(date_formats=("%d/%m/%Y", "%d.%m.%Y %H:%M"))}
    texts = ("01/05/2026", "01.05.2026 09:30", "2026-05-01", "31/02/2024", "05/13/2026", "infinity", "epoch")
    read, refused = collected(SmallNight(tmp_path).source(tables=tables), texts)
    assert read == {
        "01/05/2026": datetime(2026, 5, 1, *END_OF_DAY),
        "01.05.2026 09:30": datetime(2026, 5, 1, 9, 30),
        "2026-05-01": datetime(2026, 5, 1, *END_OF_DAY),
    }
    assert refused == dict.fromkeys(texts[3:], "date_unreadable")


def test_a_missing_date_is_told_from_an_unreadable_one(tmp_path: Path) -> None:
    _, refused = collected(SmallNight(tmp_path), ("", "soon"))
    assert refused == {"": "date_missing", "soon": "date_unreadable"}


def test_only_a_date_alone_is_marked_as_such(tmp_path: Path) -> None:
    labs = LABS + lab(value="1") + lab(value="2", day="2026-05-01T23:59:59")
    in_force = SmallNight(tmp_path).csv("patients", PATIENTS).csv("labs", labs).run().in_force["labs"]
    assert in_force.sort("value")["is_date_only"].to_list() == [True, False]


def test_a_format_with_an_offset_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="offset"):
        collected(
            SmallNight(tmp_path).source(tables={"labs": TableMapping(date_formats=("%Y-%m-%d %z",))}), ["x"]
        )


def test_an_exact_code_matches_in_its_own_system_only(tmp_path: Path) -> None:
    kept = (("LOINC", "2132-9"), ("loinc", " 2132-9 "), ("http://loinc.org", "2132-9"), ("LO INC", "2132-9"))
    kept = (*kept, ("LOINC\t", "2132-9\u00a0"))
    out_of_scope = (
        ("SNOMED-CT", "2132-9"),
        ("", "2132-9"),
        ("LOINC", "2132-99"),
        ("house", "2132-9"),
        ("LOINC", ""),
    )
    rows = [
        lab(value=str(n), system=system, code=code) for n, (system, code) in enumerate((*kept, *out_of_scope))
    ]
    night = SmallNight(tmp_path).csv("patients", PATIENTS).csv("labs", LABS + "".join(rows)).run()
    assert night.values() == ["0", "1", "2", "3", "4"]
    assert set(night.in_force["labs"]["concept"]) == {"lab_b12_total"}
    assert night.conservation["labs"]["out_of_scope"] == len(out_of_scope)


NEUROPATHY = ("cond_peripheral_neuropathy", "exact", "code")
CONDITION_CODES: dict[tuple[str, str], list[tuple[str, str, str]]] = {
    ("ICD-10", "G62.9"): [NEUROPATHY],
    ("icd10", "g628"): [NEUROPATHY],
    ("ICD-10", "G62.1"): [("cond_alcohol_misuse", "exact", "code"), NEUROPATHY],
    ("ICD-10", "G60.9"): [("cond_peripheral_neuropathy", "broad", "code")],
    ("ICD-10", "K62.7"): [("proc_abdominal_pelvic_radiotherapy", "broad", "code")],
    ("ICD-10", "G60.8"): [],
    ("ICD-10", "G6"): [],
    ("ICD-10-CM", "G62.9"): [],
}


def test_a_prefix_code_matches_what_begins_with_it(tmp_path: Path) -> None:
    rows = [f"A,{system},{code},,2026-01-01,{n}\n" for n, (system, code) in enumerate(CONDITION_CODES)]
    header = "patient_id,code_system,code,name,onset_on,condition_id\n"
    night = SmallNight(tmp_path).csv("patients", PATIENTS).csv("conditions", header + "".join(rows)).run()
    assert night.concepts("conditions") == {
        str(n): concepts for n, concepts in enumerate(CONDITION_CODES.values()) if concepts
    }
    assert night.conservation["conditions"]["out_of_scope"] == 3


B12_BY_NAME = ("drug_b12_cyanocobalamin_any", "exact", "name")
METFORMIN_BY_NAME = ("drug_metformin", "exact", "name")
PPI_BY_NAME = ("drug_ppi", "exact", "name")
COMBINATION = ("drug_b12_combination", "exact", "name")
MEDICATION_ROWS: dict[tuple[str, str, str], list[tuple[str, str, str]]] = {
    ("ATC", "A10BA02", ""): [("drug_metformin", "exact", "code")],
    ("ATC", "a02bc01", ""): [("drug_ppi", "exact", "code")],
    # A complete ATC code that no list holds is another substance, whatever the name says.
    ("ATC", "C03AA03", "metformin"): [],
    ("ATC", "A10", "metformin"): [METFORMIN_BY_NAME],
    ("SNOMED CT", "387137007", "something else"): [("drug_ppi", "exact", "code")],
    ("SNOMED CT", "99", "omeprazole 20mg"): [PPI_BY_NAME],
    ("house", "77", "OMEPRAZOLE"): [PPI_BY_NAME],
    ("", "", "GLYBURIDE; METFORMIN"): [METFORMIN_BY_NAME],
    ("", "", "esomeprazole"): [PPI_BY_NAME],
    ("", "", "omeprazoles"): [],
    ("", "", "metformin500"): [METFORMIN_BY_NAME],
    ("", "", "Vitamin B-12 1mg"): [B12_BY_NAME],
    ("", "", "CYANOCOBALAMIN; FOLIC ACID"): [COMBINATION, ("drug_folic_acid", "exact", "name")],
    ("", "", "cyanocobalamin and thiamine"): [COMBINATION],
    ("", "", "cyanocobalamin brand"): [B12_BY_NAME],
    ("", "", ""): [],
}


def test_a_medication_is_read_by_code_and_else_by_name(tmp_path: Path) -> None:
    rows = [f"A,{','.join(row)},2026-01-01,{n}\n" for n, row in enumerate(MEDICATION_ROWS)]
    header = "patient_id,code_system,code,drug_name,start_on,medication_id\n"
    night = SmallNight(tmp_path).csv("patients", PATIENTS).csv("medications", header + "".join(rows)).run()
    assert night.concepts("medications") == {
        str(n): concepts for n, concepts in enumerate(MEDICATION_ROWS.values()) if concepts
    }
    assert night.conservation["medications"]["out_of_scope"] == 3


def test_the_sites_own_words_come_first(tmp_path: Path) -> None:
    night = SmallNight(tmp_path).source(
        test_codes={"b12": "lab_b12_total"},
        test_names={"Serum MMA": "lab_mma_serum"},
        test_units={"B12": "ng/L", "lab_mma_serum": "nmol/L"},
        code_systems={"House": "loinc"},
        tables={"labs": TableMapping(columns={"value": "result"}, constants={"performing_lab": "It's ours"})},
    )
    night.csv("patients", PATIENTS).csv(
        "labs",
        "patient_id,result,unit,collected_at,code_system,code,test_name\n"
        "A,1,,2026-05-01,,B12,\n"
        "A,2,,2026-05-02,,,serum mma \n"
        "A,3,pg/mL,2026-05-03,House,2132-9,\n"
        "A,4,,2026-05-04,,B13,Serum sodium\n",
    )
    labs = night.run().in_force["labs"].sort("value")
    assert labs.select("concept", "unit", "code").rows() == [
        ("lab_b12_total", "ng/L", "B12"),
        ("lab_mma_serum", "nmol/L", None),
        ("lab_b12_total", "pg/mL", "2132-9"),
    ]


def test_a_local_code_belongs_to_the_list_the_site_names(tmp_path: Path) -> None:
    codes = {"lg1": "cond_nitrous_oxide_misuse", "M7": "drug_metformin", "G62": "cond_alcohol_misuse"}
    night = SmallNight(tmp_path).source(codes=codes).csv("patients", PATIENTS)
    night.csv(
        "conditions",
        "patient_id,code_system,code,condition_id\nA,House,LG1,1\nA,,M7,2\nA,ICD-10,G62,3\nA,ICD-10,G62.8,4\n",
    )
    night.csv(
        "medications", "patient_id,code,drug_name,medication_id\nA,M7,,5\nA,LG1,,6\nA,,Metformin 500 mg,7\n"
    )
    found = night.run()
    assert found.concepts("conditions") == {
        "1": [("cond_nitrous_oxide_misuse", "exact", "site")],
        # The site's own word comes before the list's.
        "3": [("cond_alcohol_misuse", "exact", "site")],
        "4": [("cond_peripheral_neuropathy", "exact", "code")],
    }
    assert found.concepts("medications") == {
        "5": [("drug_metformin", "exact", "site")],
        "7": [("drug_metformin", "exact", "name")],
    }


def test_values_are_trimmed_and_only_empty_is_null(tmp_path: Path) -> None:
    labs = LABS + 'A," NA ",\t,2026-05-01,LOINC,2132-9\n' + 'B,"   ","\u00a0ng/L",2026-05-01,LOINC,2132-9\n'
    in_force = SmallNight(tmp_path).csv("patients", PATIENTS).csv("labs", labs).run().in_force["labs"]
    assert in_force.sort("person_key").select("value", "unit").rows() == [("NA", None), (None, "ng/L")]


def test_identical_rows_are_collapsed_and_white_space_does_not_make_them_differ(tmp_path: Path) -> None:
    night = SmallNight(tmp_path).csv("patients", PATIENTS).csv("labs", LABS + lab() + lab())
    night.csv(
        "labs",
        "value,patient_id,unit,collected_at,code_system,code,status\n 200 ,A,ng/L,2026-05-01,LOINC,2132-9,\n",
    )
    outcome = night.run()
    assert outcome.values() == ["200"]
    assert outcome.conservation["labs"]["duplicate"] == 2


def test_neither_order_nor_file_split_changes_the_fingerprint_but_a_value_does(tmp_path: Path) -> None:
    rows = [lab(value=str(value)) for value in (200, 201, 202)]
    first = SmallNight(tmp_path / "1").csv("patients", PATIENTS).csv("labs", LABS + "".join(rows)).run()
    second = SmallNight(tmp_path / "2").csv("patients", PATIENTS).csv("labs", LABS + rows[2])
    split = second.csv("labs", LABS + rows[1] + rows[0] + rows[1]).run()
    third = (
        SmallNight(tmp_path / "3")
        .csv("patients", PATIENTS)
        .csv("labs", LABS + "".join(rows[:2]) + lab(value="203"))
    )
    assert first.fingerprint == split.fingerprint
    assert first.fingerprint != third.run().fingerprint


def test_of_people_who_opted_out_nothing_is_kept(tmp_path: Path) -> None:
    patients = (
        "patient_id,birth_date,sex,clinic_id,opted_out\n"
        "SECRETA,1950-01-01,female,C1,\nSECRETA,1950-01-01,female,C1,yes\nB,1960-02-02,male,C2,no\n"
    )
    labs = LABS + lab("SECRETA") + lab("SECRETA", code="1-1") + "SECRETA,1,ng/L\n" + lab("B", "300")
    night = SmallNight(tmp_path).csv("patients", patients).csv("labs", labs)
    night.csv("medications", MEDICATIONS + "SECRETA,metformin,2026-01-01\n")
    outcome = night.run()
    assert outcome.in_force["patients"]["patient_id"].to_list() == ["B"]
    assert outcome.values() == ["300"]
    assert outcome.conservation["patients"]["opted_out"] == 2
    assert outcome.conservation["labs"]["opted_out"] == 1
    assert outcome.conservation["labs"]["out_of_scope"] == 1
    assert outcome.conservation["medications"]["opted_out"] == 1
    assert outcome.reasons("labs") == ["malformed_line"]
    night.commit("r1", patients=("B",))
    for file in (night.warehouse_file, tmp_path / "work" / "night.duckdb"):
        assert b"SECRETA" not in file.read_bytes()


def test_only_a_readable_no_is_not_an_opt_out(tmp_path: Path) -> None:
    answers = ("", "false", "No", "n", "0", "f", " FALSE ", "true", "YES", "y", "1", "t", "maybe", "2")
    rows = [f"P{n:02},1950-01-01,female,C1,{answer}\n" for n, answer in enumerate(answers)]
    night = (
        SmallNight(tmp_path)
        .csv("patients", "patient_id,birth_date,sex,clinic_id,opted_out\n" + "".join(rows))
        .run()
    )
    assert sorted(night.in_force["patients"]["patient_id"]) == [f"P{n:02}" for n in range(7)]
    assert night.conservation["patients"]["opted_out"] == 7


def test_patients_are_numbered_flagged_and_refused(tmp_path: Path) -> None:
    patients = (
        "patient_id,birth_date,sex,clinic_id,deceased_on\n"
        "Z,1950-01-01,F,C1,\n"
        "A,1950-01-01T10:00:00,m,,\n"
        "C,1960-01-01,robot,C1,2026-01-01\n"
        "C2,1960-01-01,,C1,\n"
        "D,,female,C1,\n"
        "E,31/02/1960,female,C1,\n"
        "F,1960-01-01,female,C1,\nF,1960-01-02,female,C1,\n"
        ",1960-01-01,female,C1,\n"
        "G,1960-01-01,female,C1,soon\n"
        "H,1970-01-01,female,C1,\nH,1970-01-01,female,C1,\n"
    )
    labs = LABS + "".join(lab(patient, str(n)) for n, patient in enumerate("ADFXGH")) + lab("", "9")
    night = SmallNight(tmp_path).csv("patients", patients).csv("labs", labs).run()
    people = night.in_force["patients"]
    shown = (
        "person_key",
        "patient_id",
        "birth_date",
        "sex",
        "clinic_id",
        "is_clinic_unassigned",
        "is_sex_unreadable",
    )
    assert people.sort("person_key").select(shown).rows() == [
        (0, "A", date(1950, 1, 1), "male", "_unassigned", True, False),
        (1, "C", date(1960, 1, 1), "unknown", "C1", False, True),
        (2, "C2", date(1960, 1, 1), "unknown", "C1", False, True),
        (3, "H", date(1970, 1, 1), "female", "C1", False, False),
        (4, "Z", date(1950, 1, 1), "female", "C1", False, False),
    ]
    # First byte of the MD5 of "A" is 0x7f, of "Z" 0x21.
    assert dict(people.select("patient_id", "person_bucket").iter_rows())["A"] == 0x7F
    assert dict(people.select("patient_id", "person_bucket").iter_rows())["Z"] == 0x21
    refused = night.quarantine["patients"]
    assert sorted(refused.select("patient_id", "reasons").rows(), key=str) == [
        ("D", "birth_date_missing"),
        ("E", "birth_date_unreadable"),
        ("F", "patient_conflicting"),
        ("F", "patient_conflicting"),
        ("G", "date_unreadable"),
        (None, "patient_id_missing"),
    ]
    assert refused.filter(patient_id="E")["birth_date"].to_list() == ["31/02/1960"]
    assert sorted(night.quarantine["labs"].select("value", "reasons").rows()) == [
        ("1", "patient_quarantined"),
        ("2", "patient_quarantined"),
        ("3", "patient_unknown"),
        ("4", "patient_quarantined"),
        ("9", "patient_id_missing"),
    ]
    assert night.conservation["patients"] == {
        "table": "patients",
        "rows_in": 12,
        "in_force": 5,
        "duplicate_or_superseded": 1,
        "not_yet_known": 0,
        "out_of_scope": 0,
        "opted_out": 0,
        "quarantined": 6,
        "duplicate": 1,
        "superseded": 0,
        "malformed": 0,
    }


def test_rows_outside_a_life_are_refused_and_its_edges_are_not(tmp_path: Path) -> None:
    patients = "patient_id,birth_date,sex,clinic_id,deceased_on\nA,1950-01-01,female,C1,2026-03-01\n"
    days = ("1949-12-31", "1950-01-01", "2026-03-01T23:00:00", "2026-03-02")
    labs = LABS + "".join(lab(value=str(n), day=day) for n, day in enumerate(days))
    night = SmallNight(tmp_path).csv("patients", patients).csv("labs", labs).run()
    assert night.values() == ["1", "2"]
    assert sorted(night.quarantine["labs"].select("value", "reasons").rows()) == [
        ("0", "before_birth"),
        ("3", "after_death"),
    ]


def test_medications_are_typed_or_refused(tmp_path: Path) -> None:
    header = "patient_id,drug_name,start_on,days_supply,dose_quantity,kind,status,route,dose_unit\n"
    rows = (
        "A,metformin 1,2026-01-01,28.0,0.5,,,Oral ,MG\n"
        "A,metformin 2,2026-01-01,a month,1,,,,\n"
        "A,metformin 3,2026-01-01,,1,Gift,,,\n"
        "A,metformin 4,2026-01-01,,1,,lost,,\n"
        "A,metformin 5,,,,administration,,,\n"
        "A,metformin 6,,,,statement,Completed,,\n"
        "A,metformin 7,2026-01-01,-3,,,,,\n"
        "A,metformin 8,2026-01-01,99999999,,,,,\n"
        'A,metformin 9,2026-01-01,,"1,5",,,,\n'
    )
    night = SmallNight(tmp_path).csv("patients", PATIENTS).csv("medications", header + rows).run()
    kept = night.in_force["medications"].sort("start_on", nulls_last=True)
    shown = ("start_on", "days_supply", "dose_quantity", "dose_unit", "kind", "route", "status")
    assert kept.select(shown).rows() == [
        (date(2026, 1, 1), 28, 0.5, "mg", "prescription", "oral", "active"),
        (None, None, None, None, "statement", None, "completed"),
    ]
    assert sorted(night.quarantine["medications"].select("drug_name", "reasons").rows()) == [
        ("metformin 2", "number_unreadable"),
        ("metformin 3", "kind_unknown"),
        ("metformin 4", "status_unknown"),
        ("metformin 5", "administration_undated"),
        ("metformin 7", "number_unreadable"),
        ("metformin 8", "number_unreadable"),
        ("metformin 9", "number_unreadable"),
    ]


def test_a_decimal_comma_is_read_where_the_site_declares_it(tmp_path: Path) -> None:
    header = "patient_id,drug_name,start_on,dose_quantity\n"
    night = SmallNight(tmp_path).source(decimal_comma=True).csv("patients", PATIENTS)
    outcome = (
        night.csv("medications", header + 'A,metformin,2026-01-01,"1,5"\n').csv("labs", LABS + lab()).run()
    )
    assert outcome.in_force["medications"]["dose_quantity"].to_list() == [1.5]
    assert outcome.in_force["labs"]["decimal_comma"].to_list() == [True]


def test_conditions_keep_their_dates_and_family_history(tmp_path: Path) -> None:
    header = "patient_id,code_system,code,onset_on,recorded_on,status,is_family_history\n"
    rows = (
        "A,ICD-10,G62.0,2020-01-01,2026-01-01,,Yes\n"
        "A,ICD-10,G62.1,,2026-01-02,Resolved,\n"
        "A,ICD-10,G62.2,,,,\n"
        "A,ICD-10,G62.3,2020-01-01,2027-01-01,,\n"
        "A,ICD-10,G62.4,2020-01-01,,refuted,\n"
        "A,ICD-10,G62.5,2020-01-01,,perhaps,\n"
    )
    night = SmallNight(tmp_path).csv("patients", PATIENTS).csv("conditions", header + rows).run()
    kept = night.in_force["conditions"].sort("recorded_on", nulls_last=True)
    assert kept.select("onset_on", "recorded_on", "status", "is_family_history").rows() == [
        (date(2020, 1, 1), date(2026, 1, 1), "active", True),
        (None, date(2026, 1, 2), "resolved", False),
        # An undated condition is a fact about the person all the same.
        (None, None, "active", False),
    ]
    assert night.reasons("conditions") == ["status_unknown"]
    assert night.conservation["conditions"]["not_yet_known"] == 1
    assert night.conservation["conditions"]["superseded"] == 1


def test_procedures_and_orders_are_read(tmp_path: Path) -> None:
    night = SmallNight(tmp_path).csv("patients", PATIENTS)
    night.csv(
        "procedures", "patient_id,code_system,code,performed_on,length_cm\nA,OPCS-4,G27.1,2020-01-01,25\n"
    )
    night.csv("orders", "patient_id,code_system,code,ordered_on,status\nA,LOINC,13964-2,2026-06-01,\n")
    outcome = night.run()
    procedure = outcome.in_force["procedures"].select("performed_on", "length_cm", "status").rows()
    assert procedure == [(date(2020, 1, 1), 25.0, "completed")]
    assert outcome.in_force["orders"].select("concept", "ordered_on", "status").rows() == [
        ("lab_mma_serum", date(2026, 6, 1), "active")
    ]


def test_two_sources_keep_their_people_apart(tmp_path: Path) -> None:
    night = SmallNight(tmp_path).source("north").source("south")
    night.csv("patients", PATIENTS, source="north").csv("patients", PATIENTS, source="south")
    night.csv("labs", LABS + lab("A", "1"), source="north").csv("labs", LABS + lab("A", "2"), source="south")
    outcome = night.run()
    people = outcome.in_force["patients"].sort("person_key")
    assert people.select("source", "patient_id").rows() == [
        ("north", "A"),
        ("north", "B"),
        ("south", "A"),
        ("south", "B"),
    ]
    assert outcome.in_force["labs"].sort("value").select("person_key", "source").rows() == [
        (0, "north"),
        (2, "south"),
    ]


def test_rows_cannot_be_judged_before_their_people(tmp_path: Path) -> None:
    night = SmallNight(tmp_path).csv("patients", PATIENTS)
    with night.opened() as warehouse:
        warehouse.stage(night.parts, list(night.sources.values()), MATCHING)
        with pytest.raises(ContractError, match="before patients"):
            warehouse.staged("labs")
        with pytest.raises(ContractError, match="Not validated yet"):
            warehouse.select_in_force(AS_OF, tmp_path / "work" / "in_force")


def test_a_night_is_staged_once(tmp_path: Path) -> None:
    night = SmallNight(tmp_path).csv("patients", PATIENTS)
    with night.opened() as warehouse:
        warehouse.stage(night.parts, list(night.sources.values()), MATCHING)
        with pytest.raises(ContractError, match="already"):
            warehouse.stage(night.parts, list(night.sources.values()), MATCHING)


def test_nothing_outside_the_night_can_be_read_or_written(tmp_path: Path) -> None:
    night = SmallNight(tmp_path / "night").csv("patients", PATIENTS)
    (tmp_path / "elsewhere.csv").write_text("a\n1\n")
    with night.opened() as warehouse:
        warehouse.stage(night.parts, list(night.sources.values()), MATCHING)
        connection = warehouse._connection
        for text in (
            f"from read_csv('{tmp_path}/elsewhere.csv')",
            f"copy (select 1) to '{tmp_path}/out.csv'",
            "install httpfs",
            "set enable_external_access = true",
        ):
            with pytest.raises(duckdb.Error):
                connection.execute(text).fetchall()
