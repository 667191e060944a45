"""The account of one person: what was considered, how each rule was answered, what would change the answer."""

from __future__ import annotations

import json
import shutil
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from exports.publish import LATEST
from flows.explain import explained
from flows.explain_words import in_words
from tests.night import screened_tables, write_extract
from tests.patients import TABLES, story
from tests.unit.test_cli import ask

AS_OF = date(2026, 6, 30)

PEOPLE = {
    "LOW": "b12 150 ng/L @-10; b12 200 ng/L @-400",
    "HIGH": "b12 600 ng/L @-10",
    "NEURO": "b12 150 ng/L @-10; has cond_ataxia_gait @-20; b12 300 ng/L @-500",
    "ORDERED": "b12 250 ng/L @-10; order mma @-5",
    "FOLIC": "b12 150 ng/L @-10; on folic_acid from -20",
    "INJECTED": "injection @-100; injection @-200; injection @-190",
    "SHORT": "b12 150 ng/L @-41; injection @-40; injection @-38",
    "LOADED": "injection @-40; injection @-38; injection @-36; injection @-33; injection @-31; injection @-29",
    "BLIND": "injection @-40",
    "TABLETS": "b12 150 ng/L @-41; oral b12 from -40",
    "CALM": "injection @-20; on metformin from -30; injection @-60; injection @-100; injection @-140; "
    "injection @-180; injection @-220; injection @-260; hb 140 g/L @-50; b12 400 ng/L @-50",
    "UNDATED": "b12 600 ng/L @-10; has cond_ataxia_gait @unknown",
    "GONE": "b12 150 ng/L @-10; deceased @-1",
    "OPTIC": "b12 150 ng/L @-10; has cond_leber_tobacco_amblyopia @-900",
    "TIER": "has cond_glossitis @-10; has cond_coeliac @-900",
}


def tables_of(people: dict[str, str], without: tuple[str, ...] = ()) -> dict[str, list[Any]]:
    told = [story(person, what, AS_OF) for person, what in people.items()]
    every = {table: [row for one in told for row in one[table]] for table in TABLES if table not in without}
    return {table: rows for table, rows in every.items() if rows}


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Everybody of the stories, with a procedure of nobody's interest: no table is absent."""
    home = tmp_path_factory.mktemp("explain")
    people = PEOPLE | {"CUT": "procedure proc_gastrectomy_total @-900; b12 150 ng/L @-10"}
    return screened_tables(tables_of(people), home, AS_OF).folder.parent


def account(output: Path, person: str) -> dict[str, Any]:
    (decided,) = explained(output, person, None)["decisions"]
    assert isinstance(decided, dict)
    return decided


def changes(decided: dict[str, Any]) -> list[tuple[str, str, list[str]]]:
    return [(one["row"], one["if"]["fact"], one["if"]["needs"]) for one in decided["would_change"]["rows"]]


def answers(decided: dict[str, Any]) -> dict[str, str]:
    return {rule["row"]: rule["answer"] for rule in decided["rules"]}


def test_a_low_result_is_told_with_what_was_left_aside(output: Path) -> None:
    decided = account(output, "LOW")
    assert decided["decision_row"] == "R11"
    assert [(one["value"], one["use"], one["why"]) for one in decided["records"]["results"]] == [
        ("150", "index", None),
        ("200", "not_used", "too_old"),
    ]
    told = in_words(explained(output, "LOW", None))
    assert "total B12 200 ng/L INDET on 2025-05-26 [LOW-lab-2]: not used, older than its window" in told


def test_every_row_is_answered_in_order_and_those_after_the_deciding_one_are_not_asked(output: Path) -> None:
    told = answers(account(output, "LOW"))
    rows = list(told)
    place = rows.index("R11")
    assert {told[row] for row in rows[:place]} == {"false"}
    assert told["R11"] == "true"
    assert {told[row] for row in rows[place + 1 :]} == {"not_asked"}
    (stale,) = [rule for rule in account(output, "LOW")["rules"] if rule["row"] == "R11.stale"]
    assert stale["failed"] == {"fact": "index_stale", "is": "no", "needs": ["yes"], "not_seen": []}


def test_single_facts_that_would_change_a_low_result(output: Path) -> None:
    decided = account(output, "LOW")
    assert ("R10.neuro_high", "neuro", ["high"]) in changes(decided)
    assert ("R10.neuro_low", "neuro", ["low"]) in changes(decided)
    assert ("R11.stale", "index_stale", ["yes"]) in changes(decided)
    # R05 asks for a result that is not low besides the operation: two facts.
    assert "R05" not in [row for row, _, _ in changes(decided)]
    assert [(one["fact"], one["is"]) for one in decided["would_change"]["rests_on"]] == [
        ("index_class", "LOW"),
        ("neuro", "none"),
    ]
    assert [
        (one["list"], one["priority"], one["if"]["fact"]) for one in decided["would_change"]["lists"]
    ] == [("b12_replacement", "P1", "pregnant"), ("b12_replacement", "P1", "severe")]
    assert decided["would_change"]["next_row"] == "R50"


def test_somebody_on_no_list_is_told_what_would_list_them(output: Path) -> None:
    decided = account(output, "HIGH")
    assert (decided["decision_row"], decided["lists"]) == ("R40", [])
    assert ("R11", "index_class", ["LOW"]) in changes(decided)
    assert ("R24", "index_class", ["INDET"]) in changes(decided)
    # The pack settles who gets MMA; no record does.
    assert "mma_for" not in [fact for _, fact, _ in changes(decided)]
    told = in_words(explained(output, "HIGH", None))
    assert "  On no list." in told
    assert "R11 (b12_replacement) would hold if index_class were LOW: Low B12." in told


def test_an_open_request_is_what_keeps_a_person_off(output: Path) -> None:
    decided = account(output, "ORDERED")
    assert (decided["decision_row"], decided["lists"], decided["is_suppressed"]) == ("R24", [], True)
    (kept_off,) = [one for one in decided["would_change"]["lists"] if one["if"]["fact"] == "mma_order_open"]
    assert (kept_off["list"], kept_off["priority"], kept_off["if"]["needs"]) == ("mma_testing", "P4", ["no"])
    (more,) = [one for one in decided["would_change"]["lists"] if one["if"]["fact"] == "risk_factor"]
    assert (more["list"], more["priority"]) == ("mma_testing", "P3")


def test_nothing_stands_before_the_first_row(output: Path) -> None:
    decided = account(output, "GONE")
    assert decided["decision_row"] == "R01.deceased"
    assert changes(decided) == []
    assert decided["would_change"]["next_row"] == "R11"


def test_what_was_not_seen_is_cannot_tell_with_its_clause(output: Path) -> None:
    decided = account(output, "UNDATED")
    (rule,) = [rule for rule in decided["rules"] if rule["row"] == "R07.class_level"]
    assert rule["answer"] == "cannot_tell"
    assert rule["failed"] == {
        "fact": "nitrous_oxide",
        "is": "none",
        "needs": ["class_level"],
        "not_seen": ["undated conditions: date_missing"],
    }
    # Low B12 was seen not to be there, whatever the nerves.
    assert answers(decided)["R10.neuro_high"] == "false"
    assert answers(decided)["R40.neuro_at_risk"] == "false"
    assert decided["not_seen"] == ["undated conditions: date_missing"]
    told = in_words(explained(output, "UNDATED", None))
    assert "cannot tell R07.class_level: nitrous_oxide is none, needs class_level; not seen: undated" in told


def test_a_table_that_was_not_delivered_is_not_seen_either(output: Path, tmp_path: Path) -> None:
    without = screened_tables(tables_of(PEOPLE, without=("procedures",)), tmp_path, AS_OF).folder.parent
    assert explained(without, "HIGH", None)["absent_tables"] == ["procedures"]
    decided = account(without, "HIGH")
    (rule,) = [rule for rule in decided["rules"] if rule["row"] == "R05"]
    assert rule["answer"] == "cannot_tell"
    assert rule["failed"]["not_seen"] == ["procedures: not delivered"]
    assert answers(account(output, "HIGH"))["R05"] == "false"


def test_symptoms_come_with_their_record_and_choose_the_regimen(output: Path) -> None:
    decided = account(output, "NEURO")
    assert decided["decision_row"] == "R10.neuro_high"
    (symptom,) = decided["records"]["symptoms"]
    assert (symptom["what"], symptom["record_id"], symptom["use"]) == (
        "ataxia",
        "NEURO-condition-2",
        "counted",
    )
    assert (decided["regimen"]["id"], decided["regimen"]["why"]) == (
        "RG-N",
        "neurological features",
    )
    assert account(output, "OPTIC")["regimen"]["why"] == (
        "Leber optic atrophy or tobacco amblyopia is on record"
    )
    assert account(output, "CUT")["regimen"]["why"] == "likely cause: total gastrectomy"
    assert account(output, "LOW")["regimen"]["why"] == "no cause is on record"
    assert account(output, "HIGH")["regimen"] is None


def test_cautions_have_severity_and_sentence(output: Path) -> None:
    decided = account(output, "FOLIC")
    (caution,) = [one for one in decided["cautions"] if one["id"] == "C01"]
    assert (caution["case"], caution["severity"]) == ("C01.low", "high")
    assert caution["text"] == (
        "Takes folic acid without B12 although B12 is low: folic acid can hide the deficiency while nerves "
        "are harmed. Give B12 first or together."
    )
    assert f"  C01 (high) {caution['text']}" in in_words(explained(output, "FOLIC", None))


def test_what_is_not_computable_is_listed_once(output: Path) -> None:
    told = in_words(explained(output, "LOW", None))
    assert told.count("C08 Allergy") == 1
    nowhere, in_part = told.split("\nLooked for in part; what no record shows of it:\n")
    assert "\nNot looked for in anybody, no record shows it:\n  C08 Allergy" in nowhere
    assert "  F9 Pernicious anaemia" in nowhere
    assert [line.split()[0] for line in in_part.splitlines()] == ["C01", "C02", "C18", "C20", "F1", "F5"]
    assert "F9" in [one["id"] for one in explained(output, "LOW", None)["not_computable"]]


def test_replacement_with_its_doses_and_what_is_due(output: Path) -> None:
    decided = account(output, "INJECTED")
    replacement = decided["replacement"]
    assert replacement["state"] == "ACTIVE_IM"
    assert (str(replacement["last_dose_on"]), str(replacement["course_start_on"])) == (
        "2026-03-22",
        "2025-12-12",
    )
    assert [dose["record_id"] for dose in replacement["doses"]] == [
        "INJECTED-medication-1",
        "INJECTED-medication-3",
        "INJECTED-medication-2",
    ]
    # The next injection was due 91 days after the last, nine days ago.
    due = {one["item"]: str(one["due_on"]) for one in decided["follow_up"]}
    assert due["F4"] == "2026-06-21"
    asked = {one["item"]: (one["case"], one["action"]) for one in decided["follow_up"]}
    assert asked["F4"] == (
        "F4.standard",
        "Give the next maintenance injection; every 2 to 3 months, or monthly (another schedule in use).",
    )
    calm = account(output, "CALM")
    told = in_words(explained(output, "CALM", None))
    assert len(calm["replacement"]["doses"]) == 7
    assert "  and 2 earlier" in told


@pytest.mark.parametrize(
    ("person", "is_incomplete", "line"),
    [
        ("SHORT", True, "present course since 2026-05-21; loading course: incomplete"),
        ("LOADED", False, "present course since 2026-05-21; loading course: complete or not asked"),
        ("BLIND", None, "present course since 2026-05-21; loading course: cannot tell"),
    ],
)
def test_the_loading_course_of_injections_is_told(
    output: Path, person: str, is_incomplete: bool | None, line: str
) -> None:
    assert account(output, person)["replacement"]["is_load_incomplete"] is is_incomplete
    assert f"{line}\n" in in_words(explained(output, person, None))


@pytest.mark.parametrize("person", ["TABLETS", "LOW"])
def test_no_loading_course_without_injections(output: Path, person: str) -> None:
    assert account(output, person)["replacement"]["is_load_incomplete"] is False
    assert "loading course" not in in_words(explained(output, person, None))


def test_the_tier_is_told_where_it_decides(output: Path) -> None:
    assert account(output, "TIER")["decision_row"] == "R50.tier_a"
    assert "First-test tier: A_symptom_and_risk" in in_words(explained(output, "TIER", None))
    assert "First-test tier" not in in_words(explained(output, "NEURO", None))


def test_one_identifier_in_two_sources_has_two_accounts_with_records_of_their_own(tmp_path: Path) -> None:
    write_extract(tables_of({"SAME": "b12 150 ng/L @-10"}), tmp_path / "north")
    write_extract(
        tables_of({"SAME": "b12 140 ng/L @-10", "OTHER": "on metformin from -9"}), tmp_path / "south"
    )
    medicines = (tmp_path / "south" / "medications.csv").read_text(encoding="utf-8")
    (tmp_path / "north" / "medications.csv").write_text(medicines.replace("OTHER", "SAME"), encoding="utf-8")
    config = tmp_path / "site.toml"
    config.write_text(
        "".join(f"[sources.{name}]\npath = {str(tmp_path / name)!r}\n" for name in ("north", "south")),
        encoding="utf-8",
    )
    out = screened_tables({}, tmp_path / "unused", AS_OF, extracts=None, config=config).folder.parent
    decisions = {one["source"]: one for one in explained(out, "SAME", None)["decisions"]}
    assert {name: one["decision_row"] for name, one in decisions.items()} == {"north": "R11", "south": "R11"}
    assert [len(one["lists"]) for one in decisions.values()] == [1, 1]
    assert [one["value"] for one in decisions["north"]["records"]["results"]] == ["150"]
    assert [one["value"] for one in decisions["south"]["records"]["results"]] == ["140"]


def test_a_publication_from_before_records_were_published_is_explained_all_the_same(
    output: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree((output / LATEST).resolve(), tmp_path / "out" / (output / LATEST).readlink())
    (tmp_path / "out" / LATEST).symlink_to(folder.name)
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    del manifest["files"]["all/records.parquet"]
    folder.chmod(0o750)
    (folder / "all" / "records.parquet").unlink()
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    decided = account(tmp_path / "out", "LOW")
    assert decided["decision_row"] == "R11"
    assert decided["records"]["results"] == []


def test_the_option_for_the_warehouse_is_accepted(output: Path, tmp_path: Path) -> None:
    told = ask("explain", "LOW", "--output", output, "--warehouse", tmp_path / "none.duckdb")
    assert told.exit_code == 0
    assert "R11: Low B12 (decides)" in told.stdout


def test_refused_rows_stand_side_by_side_under_their_reasons() -> None:
    refused = [
        {"table": "patients", "reasons": "patient_conflicting", "source": "north", "file": "patients.csv",
         "line": None, "patient_id": "A", "birth_date": "1970-01-01", "sex": sex, "ethnicity": None}
        for sex in ("female", "male")
    ]  # fmt: skip
    refused.append(
        {"table": "labs", "reasons": "date_missing; unit_unknown", "source": "north", "file": "labs.csv",
         "line": None, "patient_id": "A", "value": "1\n2", "unit": "x"}
    )  # fmt: skip
    nobody: dict[str, Any] = {"decisions": [], "absent_tables": [], "not_computable": []}
    head = {
        "patient_id": "A",
        "run_id": "r",
        "as_of": "2026-06-30",
        "pack": "b12/1.0.0",
        "sign_off_line": "Draft.",
    }
    told = in_words({**head, **nobody, "is_pack_unchanged": True, "quarantined": refused})
    assert told.splitlines()[4:] == [
        "Not decided on: the person's row was refused.",
        "",
        "Refused rows of patients:",
        "  row 1 (patients.csv): Differing rows describe the same patient.",
        "  row 2 (patients.csv): Differing rows describe the same patient.",
        "              row 1       row 2",
        "  source      north       north",
        "  birth_date  1970-01-01  1970-01-01",
        "  sex         female      male",
        "",
        "Refused rows of labs:",
        "  row 1 (labs.csv): The row has no date of its own. The result's unit is not one of its analyte.",
        "          row 1",
        "  source  north",
        "  value   1 2",
        "  unit    x",
    ]
