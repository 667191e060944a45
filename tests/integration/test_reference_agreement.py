"""The product and the slow reading of the specification agree, person by person."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, example, given, settings

from flows import stages
from rules.loader import load_pack
from rules.model import Pack
from schemas.vocabulary import FACTS
from tests.night import Publication, Tables, screened, screened_tables
from tests.reference.cohorts import AS_OF, cohorts, make_cohort
from tests.reference.making import SITE_CODES
from tests.reference.screen import Decision
from tests.reference.screen import screen as read_slowly

ROOT = Path(__file__).parents[2]
CODELISTS = ROOT / "rules" / "codelists"
SURVEY = ROOT / "sample_data" / "nhanes_2013_2014"


# One amount, two names: the product shows the standard one.
SAME_UNIT = {"nmol/mL": "umol/L", "ng/mL": "ug/L"}


def shown_mma(mma: tuple[object, ...] | None) -> tuple[object, ...] | None:
    return mma and (mma[0], SAME_UNIT.get(str(mma[1]), mma[1]), mma[2])


def told_by_reference(decision: Decision) -> dict[str, object]:
    return {
        "clinic": decision.clinic_id,
        "status": decision.clinical_status,
        "rule": decision.rule_id,
        "lists": decision.lists,
        "regimens": decision.regimen_ids,
        "due": decision.due_on,
        "facts": {fact: decision.facts[fact] for fact in FACTS},
        "cause": decision.cause,
        "symptoms": set(decision.symptoms),
        "risks": set(decision.risk_factors),
        "b12": decision.b12,
        "mma": shown_mma(decision.mma_shown),
        "low_on_treatment": decision.low_on_treatment,
        "cautions": list(decision.cautions),
        "high_cautions": [name for name, severity in decision.cautions.items() if severity == "high"],
        "follow_up_items": set(decision.follow_up_items),
        "load_incomplete": decision.is_load_incomplete,
    }


def told_by_product(night: Publication, patient_id: str) -> dict[str, object]:
    person, listed = night.by_person[patient_id], night.listed.get(patient_id, {})

    def result(*names: str) -> tuple[object, ...] | None:
        cells = tuple(person[name] for name in names)
        return None if cells[-2] is None and cells[-1] is None else cells

    return {
        "clinic": person["clinic_id"],
        "status": person["clinical_status"],
        "rule": person["rule_id"],
        "lists": {name: row["priority"] for name, row in listed.items()},
        "regimens": {name: row["regimen_id"] for name, row in listed.items() if row["regimen_id"]},
        "due": {name: row["due_on"] for name, row in listed.items()},
        "facts": {fact: person[fact] for fact in FACTS},
        "cause": person["cause"],
        "symptoms": set(person["symptoms"]),
        "risks": set(person["risk_factors"]),
        "b12": result("b12_test", "b12_value", "b12_unit", "b12_collected_on"),
        "mma": result("mma_value", "mma_unit", "mma_collected_on"),
        "low_on_treatment": person["is_low_on_treatment"],
        "cautions": person["cautions"],
        "high_cautions": person["high_cautions"],
        "follow_up_items": {name for name in person["follow_up_items"] if name.startswith("F")},
        "load_incomplete": person["is_load_incomplete"],
    }


def differences(
    night: Publication, tables: Tables, as_of: date, **site: Any
) -> dict[str, dict[str, tuple[object, object]]]:
    """Patient -> what is told differently: product, reference. `site`: what a site chose, for the reference."""
    reference = read_slowly(tables, as_of, CODELISTS, **site)
    found: dict[str, dict[str, tuple[object, object]]] = {}
    for patient_id in reference.keys() ^ night.by_person.keys():
        found[patient_id] = {"decided": (patient_id in night.by_person, patient_id in reference)}
    for patient_id in reference.keys() & night.by_person.keys():
        slow, fast = told_by_reference(reference[patient_id]), told_by_product(night, patient_id)
        unlike = {name: (fast[name], slow[name]) for name in slow if fast[name] != slow[name]}
        if unlike:
            found[patient_id] = unlike
    return found


@pytest.mark.parametrize("seed", [1, 4, 6, 10, 12])
def test_on_dense_cohorts(seed, tmp_path):
    tables = make_cohort(seed, 1500)
    night = screened_tables(tables, tmp_path, AS_OF)
    assert differences(night, tables, AS_OF) == {}


def with_word(pack: Pack, parameter: str, value: str) -> Pack:
    changed = replace(pack.parameters[parameter], value=value)
    return replace(pack, parameters={**pack.parameters, parameter: changed})


def with_codes(pack: Pack, codes: Iterable[tuple[str, str, str, str]]) -> Pack:
    """The pack with exact codes that stand in no list, as a site may have them."""
    added = [
        {"concept": concept, "system": system, "code": code, "match": "prefix", "breadth": breadth}
        | {"match_code": code.replace(".", ""), "display": ""}
        for concept, system, code, breadth in codes
    ]
    return replace(pack, codes=pl.concat([pack.codes, pl.DataFrame(added)], how="diagonal"))


PACK = load_pack()
SITES = {
    "tier E": (with_word(PACK, "first_test_tier_e", "on"), {"is_tier_e_on": True}),
    "symptomatic only": (
        with_word(PACK, "mma_for", "symptomatic_only"),
        {"mma_for": "symptomatic_only"},
    ),
}


@pytest.mark.parametrize("name", SITES)
def test_on_what_a_site_may_choose(name, tmp_path, monkeypatch):
    pack, site = SITES[name]
    monkeypatch.setattr(stages, "_loaded", lambda *_, **__: pack)
    tables = make_cohort(7, 2000)
    night = screened_tables(tables, tmp_path, AS_OF)
    assert differences(night, tables, AS_OF, **site) == {}


ENOUGH = 20
NOT_SUGGESTED = {"RG-SL", "RG-CY"}
"""Regimens that stand in texts only."""
LOADS: dict[bool | None, list[str]] = {
    True: ["incomplete load"],
    False: [],
    None: ["load that cannot be told"],
}


def test_on_twenty_thousand_people_who_meet_everything(tmp_path, monkeypatch):
    """With exact codes of nitrous oxide, without which R08 and half of R07 cannot be met."""
    pack = with_codes(PACK, SITE_CODES)
    monkeypatch.setattr(stages, "_loaded", lambda *_, **__: pack)
    tables = make_cohort(8, 20_000)
    night = screened_tables(tables, tmp_path, AS_OF)
    assert differences(night, tables, AS_OF, extra_codes=SITE_CODES) == {}
    people = night.by_person.values()
    met = Counter(
        name
        for person in people
        for name in (
            person["rule_id"],
            *person["cautions"],
            *person["follow_up_items"],
            *([person["regimen_id"]] if person["regimen_id"] else []),
            *LOADS[person["is_load_incomplete"]],
        )
    )
    asked = {
        *(row.id for row in PACK.decisions),
        *(item.id for item in PACK.follow_up if item.cases),
        *(caution.id for caution in PACK.cautions if caution.cases),
        *(set(PACK.regimens) - NOT_SUGGESTED),
        *(name for names in LOADS.values() for name in names),
    }
    assert {name: met[name] for name in sorted(asked) if met[name] < ENOUGH} == {}


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(tables=cohorts())
@example(tables=make_cohort(18359, 26))
def test_on_any_cohort(tmp_path_factory, tables):
    # Of so few people two with refused rows may be the greater part of a table: decisions are asked for, not volumes.
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("B12SCREEN_LIMITS_REFUSED_SHARE", "1")
        night = screened_tables(tables, tmp_path_factory.mktemp("night"), AS_OF)
    assert differences(night, tables, AS_OF) == {}


def read_folder(folder: Path) -> dict[str, list[dict[str, str | None]]]:
    tables = {}
    for path in folder.glob("*.csv"):
        with path.open(newline="", encoding="utf-8") as file:
            tables[path.stem] = [{k: v or None for k, v in row.items()} for row in csv.DictReader(file)]
    return tables


def test_on_the_survey(tmp_path):
    as_of = date(2014, 7, 31)
    night = screened(SURVEY, tmp_path, as_of)
    assert len(night.by_person) == 5087
    assert differences(night, read_folder(SURVEY), as_of) == {}
