"""The clinicians' tables of the pack, run through the screen: values, classes and whole people."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import polars as pl
import pytest

from flows import stages
from rules.loader import held_packs, load_pack
from rules.model import Pack
from tests.night import Publication, screened_tables
from tests.patients import Row, case_tables, story
from transforms.intervals import band_of
from transforms.normalise import normalise
from transforms.results import b12_class, low_possible, mma_class

FIRST = "b12/1.0.0"
SHIPPED = {ref: load_pack(ref) for ref in held_packs()}
PACK = SHIPPED[FIRST]
SHELF = Path(__file__).parents[2] / "rules" / "packs"


def rows_of(kind: str) -> list[Row]:
    """Rows of every pack's tables of a kind; column `pack` says whose they are."""
    return [
        row | {"pack": ref}
        for ref in SHIPPED
        for table in case_tables(SHELF / ref / "cases.md")
        if table.kind == kind
        for row in table.rows
    ]


def name_of(case: Row) -> str:
    """What was asked, after the pack if it is not the first one; expectations stay out."""
    asked = [
        case[name]
        for name in ("person", "analyte", "reported", "value", "unit", "age", "eGFR")
        if name in case
    ]
    return " ".join(asked if case["pack"] == FIRST else [case["pack"], *asked])


def read(analyte: str, reported: str, unit: str, limit: str | None = None, pack: str = FIRST) -> pl.LazyFrame:
    given = {
        "concept": analyte,
        "value": reported,
        "unit": None if unit in ("", "none") else unit,
        "collected_at": datetime.fromisoformat("2026-06-01T09:00"),
        "reference_high": None if limit in (None, "none") else limit,
        "decimal_comma": False,
    }
    schema = dict.fromkeys(given, pl.String) | {
        "collected_at": pl.Datetime("us"),
        "decimal_comma": pl.Boolean,
    }
    return normalise(pl.LazyFrame([given], schema=schema), SHIPPED[pack])


def only(frame: pl.LazyFrame) -> dict[str, object]:
    (row,) = frame.collect().to_dicts()
    return row


@pytest.mark.parametrize("case", rows_of("b12_class"), ids=name_of)
def test_class_of_one_b12(case: Row) -> None:
    pack = SHIPPED[case["pack"]]
    row = only(
        read(case["analyte"], case["reported"], case["unit"], pack=case["pack"]).with_columns(
            result_class=b12_class(pack), possible=low_possible(pack)
        )
    )
    assert row["problem"] is None
    assert row["result_class"] == case["class"]
    # `low_possible` is a fact of ambiguous results only.
    possible = row["result_class"] == "AMBIGUOUS" and row["possible"]
    assert ("yes" if possible else "no") == case["low_possible"]


@pytest.mark.parametrize("case", rows_of("mma_class"), ids=name_of)
def test_class_of_one_mma(case: Row) -> None:
    egfr = None if case["eGFR"] == "none" else float(case["eGFR"])
    pack = SHIPPED[case["pack"]]
    renal_limit = pack.number("egfr_caveat")
    row = only(
        read("lab_mma_serum", case["reported"], case["unit"], case["laboratory limit"], case["pack"])
        .with_columns(
            age_at_sample=pl.lit(int(case["age"])),
            is_renal=pl.lit(egfr is not None and egfr < renal_limit),
            has_inherited_disorder=pl.lit(False),
        )
        .with_columns(result_class=mma_class(pack))
    )
    answers = row["result_class"] not in ("AMBIGUOUS", "NOT_INTERPRETABLE")
    assert (row["result_class"] if answers else "NONE") == case["class"]


@pytest.mark.parametrize("case", rows_of("value"), ids=name_of)
def test_reading_a_value(case: Row) -> None:
    reported = case["reported"]
    row = only(read("lab_b12_total", reported, "ng/L", pack=case["pack"]))
    assert row["value_kind"] == case["kind"]
    assert (row["problem"] or "none") == case["problem"]


@pytest.mark.parametrize("case", rows_of("unit"), ids=name_of)
def test_converting_a_value(case: Row) -> None:
    row = only(read(case["analyte"], case["value"], case["unit"], pack=case["pack"]))
    assert (row["problem"] or "none") == case["problem"]
    if case["normal"] not in ("", "none"):
        assert row["low_normal"] == pytest.approx(float(case["normal"]), abs=1e-6)


def with_word(parameter: str, value: str) -> Pack:
    changed = replace(PACK.parameters[parameter], value=value)
    return replace(PACK, parameters={**PACK.parameters, parameter: changed})


def with_exact_codes(concept: str) -> Pack:
    breadth = pl.when(pl.col("concept") == concept).then(pl.lit("exact")).otherwise("breadth")
    return replace(PACK, codes=PACK.codes.with_columns(breadth=breadth))


PACKS = {
    **{(ref, "story"): pack for ref, pack in SHIPPED.items()},
    (FIRST, "story_exact_nitrous_oxide"): with_exact_codes("cond_nitrous_oxide_misuse"),
    (FIRST, "story_tier_e"): with_word("first_test_tier_e", "on"),
    (FIRST, "story_symptomatic_only"): with_word("mma_for", "symptomatic_only"),
}
"""Pack and kind of story -> the pack it is told for: as shipped, or as a site may change it."""
STORIES = [{"kind": kind} | row for ref, kind in PACKS for row in rows_of(kind) if row["pack"] == ref]


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str, str], Publication]:
    """One whole night per pack, kind of story and as-of date, with everybody whose story is told for it."""
    told: dict[tuple[str, str, str], dict[str, list[Row]]] = {}
    for case in STORIES:
        for table, rows in story(case["person"], case["story"], date.fromisoformat(case["as_of"])).items():
            told.setdefault((case["pack"], case["kind"], case["as_of"]), {}).setdefault(table, []).extend(
                rows
            )
    found = {}
    for (ref, kind, as_of), tables in told.items():
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(stages, "_loaded", lambda *_, key=(ref, kind), **__: PACKS[key])
            home = tmp_path_factory.mktemp("night")
            found[ref, kind, as_of] = screened_tables(tables, home, date.fromisoformat(as_of))
    return found


def expected_lists(text: str) -> Iterator[tuple[str, str, str | None]]:
    for item in re.split("[;,]", text):
        words = item.split()
        if words and words != ["none"]:
            yield words[0], words[1], words[2] if len(words) > 2 else None


@pytest.mark.parametrize("case", STORIES, ids=name_of)
def test_story(case: Row, nights: dict[tuple[str, str, str], Publication]) -> None:
    night = nights[case["pack"], case["kind"], case["as_of"]]
    decision, also = case["expected"], ""
    if " & " in decision:
        decision, also = decision.split(" & ", 1)
    head, lists = decision.split(":", 1)
    rule_id, status = head.split()
    person = night.by_person[case["person"]]
    listed = night.listed.get(case["person"], {})
    found = {name: row["priority"] for name, row in listed.items()}
    expected = {name: priority for name, priority, _ in expected_lists(lists)}
    assert (person["rule_id"], person["clinical_status"], found) == (rule_id, status, expected)
    assert (set(person["lists"]), person["priority"]) == (
        expected.keys(),
        min(expected.values(), default=None),
    )
    for name, _, regimen in expected_lists(lists):
        if regimen:
            assert listed[name]["regimen_id"] == regimen
    for fact, word in re.findall(r"(\w+) ([\w/.-]+)", also):
        assert str(person[fact]) == word


def test_bands_name_what_they_hold() -> None:
    frame = pl.LazyFrame({"low": [180.0], "high": [180.0], "low_open": [False], "high_open": [False]})
    assert frame.select(band_of(PACK.bands("b12_total_ng_l"))).collect().item() == "INDET"
