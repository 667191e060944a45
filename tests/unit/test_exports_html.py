"""The report: self-contained, escaped, complete, and without small numbers."""

from __future__ import annotations

import copy
import re
from html.parser import HTMLParser
from typing import Any

import pytest

from exports.html import render_report
from schemas.vocabulary import LISTS

SUMMARY: dict[str, Any] = {
    "run_id": "2026-11-22-0a1b2c",
    "as_of": "2026-11-22",
    "code_version": "0.1.0",
    "pack": {
        "id": "b12",
        "version": "1.0.0",
        "title": "Vitamin B12",
        "sha256": "9f" * 32,
        "sign_off": "draft",
        "rows_held": ["R01", "R24"],
        "rows_not_held": ["R04"],
    },
    "sign_off_line": "Pack b12/1.0.0 is a draft.",
    "funnel": [["People in the extract", 4821], ["Not opted out", 4818], ["On a list", 241]],
    "lists": {
        "mma_testing": {"P1": 3, "P2": 21, "P3": 64, "P4": 38},
        "b12_replacement": {"P1": 41, "P2": 26, "P3": 17},
        "first_b12_test": {"P2": 58, "P4": 61},
        "follow_up": {},
        "safety_review": {},
    },
    "clinics": {
        "North": {"mma_testing": 60, "b12_replacement": 40, "first_b12_test": 50},
        "South": {"mma_testing": 66, "b12_replacement": 44, "first_b12_test": 69},
    },
    "statuses": [["UNTESTED", "R50", "No B12 result", 2001], ["CONFIRMED", "R11", "Low B12", 363]],
    "b12_histogram": [
        {
            "unit": "ng/L",
            "low_limit": 180,
            "high_limit": 350,
            "edges": [0, 180, 350, 700],
            "counts": [2, 77, 99],
        },
        {
            "unit": "pmol/L",
            "low_limit": 25,
            "high_limit": 70,
            "edges": [0, 25, 70, 140],
            "counts": [11, 0, 13],
        },
    ],
    "quarantine": [{"table": "labs", "reason": "unit_unknown", "sentence": "Unit unknown.", "count": 451}],
    "conservation": [
        {
            "table": "labs",
            "rows_in": 9000,
            "in_force": 8000,
            "duplicate_or_superseded": 249,
            "not_yet_known": 100,
            "out_of_scope": 200,
            "opted_out": 0,
            "quarantined": 451,
        }
    ],
    "not_seen": {
        "places": [
            {"place": "lab_b12_total", "why": "unit_missing", "people": 41},
            {"place": "medications", "why": "date_unreadable", "people": 2},
        ],
        "untested_with_b12": 7,
        "decision_rows": [{"row": "R11", "people": 41}],
        "absent_tables": [{"table": "orders", "facts": ["mma_order_open"], "decision_rows": []}],
    },
    "notes": ["The table `orders` was absent."],
    "suppress_below": 5,
}


def summary(**changes: Any) -> dict[str, Any]:
    return {**copy.deepcopy(SUMMARY), **changes}


class Page(HTMLParser):
    """Tags with their attributes, the words outside style, and the cells of each row."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.rows: list[list[str]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "rect", "line"):
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag in ("rect", "line"):
            return
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text += data
        if self.rows and {"td", "th"} & set(self.open):
            self.rows[-1][-1] += data

    def row(self, first: str) -> list[str]:
        (found,) = [cells for cells in self.rows if cells[0].startswith(first)]
        return found


def test_the_page_is_well_formed_and_needs_nothing_from_outside() -> None:
    page = render_report(SUMMARY)
    parsed = Page(page)
    assert parsed.open == []
    tags = {tag for tag, _ in parsed.tags}
    assert not tags & {"script", "link", "img", "iframe", "object", "embed", "base", "form"}
    names = {name for _, attributes in parsed.tags for name in attributes}
    assert not names & {"src", "href", "srcset", "xlink:href", "action"}
    assert not [name for name in names if name.startswith("on")]
    assert not re.search(r"https?:|//[a-z]|@import|url\((?!#)", page)


def test_all_text_is_escaped() -> None:
    evil = "<script>alert('x')</script>&\""
    hostile = summary(
        run_id=evil,
        code_version=evil,
        sign_off_line=evil,
        notes=[evil, f"`{evil}`"],
        funnel=[[evil, 10]],
        clinics={evil: {"mma_testing": 126}},
        statuses=[[evil, evil, evil, 9]],
        quarantine=[{"table": evil, "reason": evil, "sentence": evil, "count": 9}],
        conservation=[{**SUMMARY["conservation"][0], "table": evil}],
    )
    hostile["pack"] |= {"id": evil, "version": evil, "title": evil, "sha256": evil, "rows_held": [evil]}
    hostile["b12_histogram"][0]["unit"] = evil
    page = render_report(hostile)
    assert "<script" not in page
    assert Page(page).open == []
    assert Page(page).text.count(evil) >= 15


def test_the_report_has_its_date_sign_off_and_every_list() -> None:
    text = Page(render_report(SUMMARY)).text
    for words in (
        "22 November 2026",
        "Not clinically signed off",
        "Pack b12/1.0.0 is a draft.",
    ):
        assert words in text
    assert "Decision support, not a diagnosis." in text
    assert "Safety review" in text


@pytest.mark.parametrize(
    ("state", "kind"), [("draft", "unsigned"), ("reviewed", "unsigned"), ("signed", "signed")]
)
def test_the_banner_follows_the_state_of_sign_off(state: str, kind: str) -> None:
    changed = summary()
    changed["pack"]["sign_off"] = state
    assert f'class="banner {kind}"' in render_report(changed)


def test_small_numbers_and_what_betrays_them_are_hidden() -> None:
    """3 of P1 is small; 21 of P2 goes with it, and column by column what would give those away."""
    page = Page(render_report(SUMMARY))
    assert page.row("MMA testing")[1:6] == ["<5", "≥5", "64", "38", "126"]
    assert page.row("B12 replacement")[1:6] == ["≥5", "≥5", "17", "0", "84"]
    assert page.row("all lists")[1:6] == ["44", "105", "81", "99", "329"]


def test_a_hidden_count_stands_nowhere_on_the_page() -> None:
    small = summary()
    small["statuses"].append(["DISCORDANT", "R12", "Tests disagree", 3])
    page = render_report(small)
    assert Page(page).row("DISCORDANT")[3] == "<5"
    assert Page(page).row("CONFIRMED")[3] == "≥5"
    assert ">363<" not in page


def test_all_counts_are_shown_where_none_is_to_be_hidden() -> None:
    page = Page(render_report(summary(suppress_below=0)))
    assert page.row("MMA testing")[1:6] == ["3", "21", "64", "38", "126"]
    assert page.row("Not opted out")[1] == "4,818"


def test_a_step_that_differs_by_a_small_number_is_about_the_one_above() -> None:
    page = Page(render_report(SUMMARY))
    assert page.row("People in the extract")[1] == "4,821"
    assert page.row("Not opted out")[1] == "about 4,821"
    assert "4,818" not in page.text


def test_a_total_hidden_in_one_table_is_hidden_in_the_other() -> None:
    """Clinic A has 4 and clinic B 4 on one list: their sum 8 would give both away, wherever it stood."""
    both = summary(
        lists={name: {"P1": 8} if name == "follow_up" else {"P1": 100} for name in LISTS},
        clinics={
            clinic: {name: 4 if name == "follow_up" else 50 for name in LISTS}
            for clinic in ("A clinic", "B clinic")
        },
    )
    page = Page(render_report(both))
    assert page.row("Follow-up")[1:6] == ["≥5", "0", "0", "0", "≥5"]
    assert page.row("all clinics")[4] == "≥5"


def test_the_histogram_hides_small_bars_and_draws_the_limits() -> None:
    page = Page(render_report(SUMMARY))
    assert "0 to 180 ng/L: <5" in page.text
    assert "180 to 350 ng/L: 77" in page.text
    assert "70 to 140 pmol/L: 13" in page.text
    limits = [attributes for tag, attributes in page.tags if attributes.get("class") == "limit"]
    assert len(limits) == 4
    (low, *_) = limits
    # 180 of 700 on an axis from 12 to 748.
    assert low["x1"] == f"{12 + 736 * 180 / 700:.2f}"


def test_rows_that_do_not_add_up_are_called_out() -> None:
    wrong = summary()
    wrong["conservation"][0]["in_force"] = 7999
    assert '<td class="alarm">NO</td>' in render_report(wrong)
    assert '<td class="alarm">' not in render_report(SUMMARY)


def test_an_empty_run_renders() -> None:
    empty = summary(
        funnel=[],
        lists={},
        clinics={},
        statuses=[],
        b12_histogram=[],
        quarantine=[],
        conservation=[],
        notes=[],
    )
    text = Page(render_report(empty)).text
    assert "No row was refused." in text
    assert "No clinic in this run." in text


def test_a_histogram_without_results_or_limits_renders() -> None:
    bare = {"unit": "ng/L", "low_limit": None, "high_limit": None, "edges": [0, 100], "counts": [0]}
    assert "Results in ng/L" in render_report(summary(b12_histogram=[bare]))


def test_the_report_is_the_same_every_time() -> None:
    assert render_report(SUMMARY) == render_report(copy.deepcopy(SUMMARY))
