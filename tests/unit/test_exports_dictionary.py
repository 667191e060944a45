"""The data dictionary and the README of a publication."""

from __future__ import annotations

import polars as pl
import pytest

from exports.dictionary import data_dictionary_markdown, readme_text
from exports.wording import LIST_MEANINGS, LIST_TITLES, SIGN_OFF_STATES_IN_WORDS
from schemas.code_use import FALLING_COLUMNS, UNLISTED_COLUMNS
from schemas.published import IDENTITY_COLUMNS, WORKLIST_COLUMNS, Column
from schemas.vocabulary import LISTS, SIGN_OFF_STATES

SUMMARY = {
    "run_id": "2026-11-22-0a1b2c",
    "as_of": "2026-11-22",
    "code_version": "0.1.0",
    "pack": {"id": "b12", "version": "1.0.0", "title": "Vitamin B12", "sign_off": "draft"},
    "sign_off_line": "Pack b12/1.0.0 is a draft.",
    "suppress_below": 5,
}


def test_every_list_and_state_has_its_words() -> None:
    assert tuple(LIST_TITLES) == tuple(LIST_MEANINGS) == LISTS
    assert tuple(SIGN_OFF_STATES_IN_WORDS) == SIGN_OFF_STATES


def test_the_dictionary_has_every_column_in_order() -> None:
    lines = [line for line in data_dictionary_markdown().splitlines() if line.startswith("| `")]
    names = [line.split("`")[1] for line in lines]
    columns = (*WORKLIST_COLUMNS, *IDENTITY_COLUMNS, *UNLISTED_COLUMNS, *FALLING_COLUMNS)
    assert names == [*LISTS, *(column.name for column in columns)]
    assert "| `due_on` | date (yyyy-mm-dd) | " in data_dictionary_markdown()


def test_the_columns_of_decisions_follow_with_types_in_words_and_bars_escaped() -> None:
    page = data_dictionary_markdown(
        (
            Column("lists", pl.List(pl.String()), "Lists the person is on."),
            Column("is_listed", pl.Boolean(), "yes | no"),
            Column("person_bucket", pl.Int32(), "Hash."),
        )
    )
    assert "| `lists` | list of texts | Lists the person is on. |" in page
    assert "| `is_listed` | true or false | yes \\| no |" in page
    assert "| `person_bucket` | whole number | Hash. |" in page


def flat(text: str) -> str:
    return " ".join(text.split())


def test_the_readme_says_what_a_reader_must_know() -> None:
    text = flat(readme_text(SUMMARY))
    for words in (
        "Decision support, not a diagnosis.",
        "Pack b12/1.0.0 is a draft.",
        "State: draft, that is, not clinically signed off.",
        "take one leading apostrophe off",
        "Only what is recorded and coded is seen",
        "ordered by priority, then due date",
        "hides counts of 1 to 4",
    ):
        assert words in text
    assert all(f"{name}: {LIST_MEANINGS[name]}" in text for name in LISTS)


NOT_SEEN = {
    "places": [
        {"place": "lab_b12_total", "why": "unit_missing", "people": 41},
        {"place": "lab_b12_total", "why": "value_missing", "people": 1},
        {"place": "undated conditions", "why": "date_missing", "people": 2},
    ],
    "untested_with_b12": 4,
    "decision_rows": [],
    "absent_tables": [
        {
            "table": "procedures",
            "facts": ["resection"],
            "decision_rows": ["R05", "R06", "R50.tier_a", "R50.tier_d"],
        }
    ],
}


def test_the_readme_says_what_the_run_could_not_see() -> None:
    notes = ["There are no `procedures`: no surgery was seen as a risk factor or cause."]
    text = flat(readme_text({**SUMMARY, "not_seen": NOT_SEEN, "notes": notes}))
    assert (
        "There are no procedures: no surgery was seen as a risk factor or cause. "
        "Rules that would have looked there: R05, R06, R50. "
        "Of fewer than 5 people a B12 result came that could not be used, and no other counts: "
        "they are read as without one. "
        "Some records of these kinds could not be used: diagnoses without a date, total B12. "
        "What they would have shown is unknown, not normal."
    ) in text
    many = flat(readme_text({**SUMMARY, "not_seen": {**NOT_SEEN, "untested_with_b12": 5}, "notes": notes}))
    assert "Of 5 people a B12 result came" in many
    assert "41" not in many


def test_the_readme_says_so_where_everything_was_seen() -> None:
    nothing = {"places": [], "untested_with_b12": 0, "decision_rows": [], "absent_tables": []}
    text = flat(readme_text({**SUMMARY, "not_seen": nothing, "notes": []}))
    assert "Nothing to note: every table came and was used." in text


@pytest.mark.parametrize("state", SIGN_OFF_STATES)
def test_the_readme_follows_the_state_of_sign_off(state: str) -> None:
    pack = {**SUMMARY["pack"], "sign_off": state}  # type: ignore[dict-item]
    assert SIGN_OFF_STATES_IN_WORDS[state] in flat(readme_text({**SUMMARY, "pack": pack}))


def test_the_readme_does_not_claim_to_hide_what_it_shows() -> None:
    assert "hides no small counts" in flat(readme_text({**SUMMARY, "suppress_below": 0}))


def test_no_line_of_the_readme_is_long() -> None:
    assert max(map(len, readme_text(SUMMARY).splitlines())) <= 88
