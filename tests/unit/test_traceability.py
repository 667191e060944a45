"""Traceability has no loose end: every test, hazard and rule that it names is there, and a gap is refused by name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rules import traceability
from rules.loader import load_pack
from rules.traceability import (
    named_hazards,
    named_tests,
    read_statements,
    rules_of,
    traceability_markdown,
)
from schemas.errors import RulePackError

ROOT = Path(__file__).parents[2]
PACK = load_pack("b12/1.0.0")
SAFETY = (ROOT / "docs" / "clinical-safety.md").read_text(encoding="utf-8")
LOG = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in SAFETY.splitlines()
    if re.match(r"\| H\d\d \|", line)
]
TEST = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


def exists(file: str, test: str) -> bool:
    return f"def {test}(" in (ROOT / file).read_text(encoding="utf-8")


def test_every_statement_of_the_article_is_there_once() -> None:
    statements = [name for name in read_statements() if re.fullmatch(r"S\d+", name)]
    assert statements == [f"S{number}" for number in range(1, 37)]


def test_no_cell_is_empty_and_every_rule_has_a_line() -> None:
    page = traceability_markdown(PACK)
    lines = [line for line in page.splitlines() if line.startswith("| ")]
    assert all(cell.strip() for line in lines for cell in line.strip("|").split("|"))
    assert [rule.name for rule in rules_of(PACK) if f"\n| `{rule.name}` | " not in page] == []


def test_every_test_that_is_named_exists() -> None:
    named = {tuple(test.split("::")) for test in named_tests(read_statements())} | set(TEST.findall(SAFETY))
    assert len(named) > 30
    assert [name for name in named if not exists(*name)] == []


def test_every_hazard_that_is_named_is_in_the_log() -> None:
    assert named_hazards(read_statements()) <= {row[0] for row in LOG}


def test_the_hazard_log_is_whole() -> None:
    assert [row[0] for row in LOG] == [f"H{number:02d}" for number in range(1, len(LOG) + 1)]
    assert all(len(row) == 8 and all(row) for row in LOG)
    assert [row[0] for row in LOG if not TEST.search(row[6])] == []


@pytest.mark.parametrize(
    ("name", "change", "told"),
    [
        ("S30", {"instead": ""}, "statement S30 lacks what is shown instead"),
        ("S2", {"rules": ["R99"]}, "statement S2 lacks a rule named R99"),
        ("S2", {"hazards": []}, "statement S2 lacks a link"),
        ("S2", {"kind": "guessed"}, "statement S2 lacks a kind"),
        ("without_case", {"C08": None}, "Cautions, C08 lacks a link"),
        ("hazards_of", {"R01*": []}, "R01.deceased lacks a link"),
    ],
)
def test_a_missing_link_is_refused_by_name(
    name: str, change: dict[str, object], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sheet = read_statements()
    entry = {key: value for key, value in (sheet[name] | change).items() if value is not None}
    monkeypatch.setattr(traceability, "read_statements", lambda: sheet | {name: entry})
    with pytest.raises(RulePackError, match=re.escape(told)):
        traceability_markdown(PACK)


def test_a_row_without_a_case_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    cases = [case for case in traceability.cases_of(PACK) if "R12.neuro" not in case.shows]
    monkeypatch.setattr(traceability, "cases_of", lambda _: tuple(cases))
    with pytest.raises(RulePackError, match=r"Decision rows, R12\.neuro lacks a link"):
        traceability_markdown(PACK)
