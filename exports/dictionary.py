"""What the published columns and files mean, in words: the data dictionary and the README of a publication."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any, Final

import polars as pl

from exports.wording import (
    CAUTIONS_IN_WORDS,
    DECISION_SUPPORT,
    DECISION_SUPPORT_LONG,
    LIST_MEANINGS,
    LIST_TITLES,
    ORDER_IN_WORDS,
    PRIORITIES_IN_WORDS,
    SIGN_OFF_STATES_IN_WORDS,
    not_seen_in_words,
    unverified_in_words,
)
from schemas.code_use import FALLING_COLUMNS, UNLISTED_COLUMNS
from schemas.published import IDENTITY_COLUMNS, WORKLIST_COLUMNS, Column
from schemas.vocabulary import LISTS

_LINE_WIDTH: Final = 88

_TYPE_WORDS: Final[Mapping[pl.DataType, str]] = {
    pl.String(): "text",
    pl.Date(): "date (yyyy-mm-dd)",
    pl.List(pl.String()): "list of texts",
    pl.List(pl.Date()): "list of dates",
    pl.Boolean(): "true or false",
}


def data_dictionary_markdown(
    decision_columns: Sequence[Column] = (), record_columns: Sequence[Column] = ()
) -> str:
    """The page `docs/data-dictionary.md`: one table row per published column, in published order."""
    lists = [f"| `{name}` | {LIST_TITLES[name]} | {_cell(LIST_MEANINGS[name])} |" for name in LISTS]
    parts = [
        "# Data dictionary",
        "This page is generated from `schemas/published.py`: change the columns there.",
        "## The lists",
        "\n".join(["| list | name | a person is on it because |", "|---|---|---|", *lists]),
        "## Columns of a list",
        "\n".join(
            [
                "One row is one person on one list.",
                ORDER_IN_WORDS,
                "An empty cell means that there is nothing to say, never that something was normal.",
            ]
        ),
        _column_table(WORKLIST_COLUMNS),
    ]
    if decision_columns:
        parts += [
            "## Columns of `all/decisions.parquet`",
            "One row is one person of the extract, on a list or not.",
            _column_table(decision_columns),
        ]
    if record_columns:
        parts += [
            "## Columns of `all/records.parquet`",
            "One row is one record that was considered for a person, whether it counted or not.\n"
            "A record that shows two things has two rows. "
            "Refused rows are not here but in `quarantine/`, normal blood counts nowhere.",
            _column_table(record_columns),
        ]
    parts += [
        "## Columns of `all/identities.parquet`",
        "One row is one further identifier of a person; empty where nobody has one.",
        _column_table(IDENTITY_COLUMNS),
        "## Columns of `all/unlisted_codes.csv`",
        "\n".join(
            [
                "One row is one code and name of the extract that no codelist holds and that looks like one of ours, "
                "most rows first.",
                "Nothing in it is about a person: a code or name in few rows, or of one person alone, is left out.",
            ]
        ),
        _column_table(UNLISTED_COLUMNS),
        "## Columns of `all/falling_codes.csv`",
        "One row is one listed code that is used far less than in the previous published run.",
        _column_table(FALLING_COLUMNS),
    ]
    return "\n\n".join(parts) + "\n"


def readme_text(summary: Mapping[str, Any]) -> str:
    """The `README.txt` of one publication, from the summary of its run."""
    pack = summary["pack"]
    paragraphs = [
        _heading(f"VITAMIN B12 SCREEN, WORKLISTS AS OF {summary['as_of']}"),
        _filled(f"{DECISION_SUPPORT} {DECISION_SUPPORT_LONG}"),
        _filled(str(summary["sign_off_line"])),
        _filled(
            f"Rules: {pack['title']} ({pack['id']} {pack['version']}). "
            f"State: {pack['sign_off']}, that is, {SIGN_OFF_STATES_IN_WORDS[pack['sign_off']]}. "
            f"Publication {summary['run_id']}, program {summary['code_version']}."
        ),
        *([_filled(unverified)] if (unverified := unverified_in_words(summary)) else []),
        _heading("The lists"),
        *(_filled(f"{name}: {LIST_MEANINGS[name]}", hanging="  ") for name in LISTS),
        _filled(
            "A person may be on more than one list. A person on no list was not found healthy: "
            "the rules held by this version saw no reason to list them."
        ),
        _filled(f"Priorities: {PRIORITIES_IN_WORDS} {ORDER_IN_WORDS}"),
        _filled(CAUTIONS_IN_WORDS.replace("`", "")),
        _heading("What this run could not see"),
        *map(_filled, not_seen_in_words(summary) or ("Nothing to note: every table came and was used.",)),
        _heading("The files"),
        *(_filled(words, hanging="  ") for words in (*_FILES, *_code_files(summary))),
        _heading("Opening a CSV file"),
        _filled(
            "For reading, prefer worklist.xlsx: a spreadsheet that opens a CSV file guesses types, drops "
            "leading zeros of identifiers and may rewrite dates. In the workbook identifiers are text."
        ),
        _filled(
            "Text cells that a spreadsheet would run as a formula (they begin with = + - @, a tab or a line "
            "break, or a full-width form of these signs) have one apostrophe in front. A cell that begins "
            "with an apostrophe of its own has one more. Plain numbers such as -5 are unchanged. To undo the "
            "guard, take one leading apostrophe off every text cell that has one. Workbook and Parquet "
            "files have no guard."
        ),
        _filled("CSV files are UTF-8 with a byte order mark (in programs: utf-8-sig), comma separated."),
        _heading("Privacy"),
        _filled(
            "The lists, the workbooks, all/ and quarantine/ hold health data of patients, manifest.json exact "
            "counts. The files are readable by the owner and the group only; keep copies so. "
            + _small_numbers(int(summary["suppress_below"]))
        ),
    ]
    return "\n\n".join(paragraphs) + "\n"


_FILES: Final = (
    "clinics/<clinic>/<list>.csv: the rows of one clinic. A list without rows has its header alone.",
    "clinics/<clinic>/worklist.xlsx: the same rows as a workbook, one sheet per list.",
    "all/<list>.parquet, all/decisions.parquet: all clinics; decisions has one row per person.",
    "all/records.parquet: every record that was considered for a person, and why it counted or not.",
    "all/identities.parquet: further identifiers of the people in the lists, from other sources.",
    "quarantine/<table>.csv: every refused row of the extract with its reasons.",
    "report.html: counts only.",
    "manifest.json: inputs, rules and counts of the run; every file with its size and checksum.",
)


_CODE_FILES: Final = (
    "all/unlisted_codes.csv: codes and names of the extract that look like ours but are in no codelist, by rows.",
    "all/falling_codes.csv: listed codes used far less than in the previous published run.",
)


def _code_files(summary: Mapping[str, Any]) -> tuple[str, ...]:
    return _CODE_FILES if (summary.get("codelists") or {}).get("report") else ()


def _small_numbers(below: int) -> str:
    if below <= 1:
        return "The report hides no small counts."
    return f"The report hides counts of 1 to {below - 1} and what would give them away."


def _column_table(columns: Sequence[Column]) -> str:
    lines = [f"| `{c.name}` | {_type_words(c.dtype)} | {_cell(c.meaning)} |" for c in columns]
    return "\n".join(["| column | type | meaning |", "|---|---|---|", *lines])


def _type_words(dtype: pl.DataType) -> str:
    if dtype.is_integer():
        return "whole number"
    return "number" if dtype.is_numeric() else _TYPE_WORDS.get(dtype, str(dtype))


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _heading(text: str) -> str:
    return f"{text}\n{'-' * len(text)}"


def _filled(text: str, hanging: str = "") -> str:
    return textwrap.fill(text, _LINE_WIDTH, subsequent_indent=hanging, break_on_hyphens=False)
