"""The nightly report of codes: its two tables, column by column, with their meaning."""

from __future__ import annotations

from typing import Final

import polars as pl

from schemas.published import Column

_TEXT: Final = pl.String()
_ROWS: Final = pl.Int64()

_WHICH: Final = (
    Column("source", _TEXT, "The configured source whose extract holds the code."),
    Column("table_name", _TEXT, "The canonical table it stands in."),
    Column("code_system", _TEXT, "Its code system, in our spelling where it is one of ours."),
    Column(
        "code",
        _TEXT,
        "The code as compared: upper case, of ICD, ATC and OPCS without dots; empty where the rows have a name alone.",
    ),
)
UNLISTED_COLUMNS: Final[tuple[Column, ...]] = (
    *_WHICH,
    Column("name", _TEXT, "The name it came with, in lower case."),
    Column("rows", _ROWS, "Rows of the extract that bear it, of people who did not opt out."),
    Column(
        "looks_like",
        _TEXT,
        "Groups of words its name holds (`rules/codelists/lookalikes.toml`), joined by `; `.",
    ),
    Column("under", _TEXT, "Codes one level above a listed code that it lies under, joined by `; `."),
    Column("is_unverified", pl.Boolean(), "A list holds it as unverified; a site can switch that list's on."),
    Column("codelists", _TEXT, "The codelists it may belong to, joined by `; `."),
)
FALLING_COLUMNS: Final[tuple[Column, ...]] = (
    *_WHICH,
    Column("name", _TEXT, "The name, in lower case, where the rows have no code."),
    Column(
        "rows_before", _ROWS, "Rows that bore it in the latest published run of an earlier day that counted."
    ),
    Column("rows", _ROWS, "Rows tonight; empty: none, or too few to be told."),
    Column("codelists", _TEXT, "The codelists that hold it; empty where the site's own words did."),
)
