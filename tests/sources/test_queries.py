"""The queries of a database source: which files there must be, and parameters told apart from what looks like one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import ConfigurationError
from sources.base import DatabaseSettings, SourceSettings
from sources.queries import Query, read_queries, written_for

REQUIRED = ("patients", "labs", "medications")


def of(text: str) -> Query:
    return Query("labs", "labs.sql", "source hospital, labs.sql", text)


def marked(text: str, dialect: str = "postgres") -> tuple[str, list[str]]:
    return written_for(of(text), dialect, lambda name: f"<{name}>")


@pytest.mark.parametrize(
    ("dialect", "text", "written"),
    [
        ("postgres", "select $as_of::date", "select <as_of>::date"),
        ("postgres", "where a>$watermark", "where a><watermark>"),
        ("postgres", "select '$as_of', 'it''s $as_of'", None),
        ("postgres", 'select "a$watermark", a$watermark', None),
        ("postgres", "select 1 -- $as_of", None),
        ("postgres", "select 1 /* $as_of /* $as_of */ */", None),
        ("postgres", "select $$ $as_of $$, $t$ $as_of $t$", None),
        ("postgres", "select e'\\'$as_of', $as_of", "select e'\\'$as_of', <as_of>"),
        ("tsql", "select [$as_of], $as_of -- $watermark", "select [$as_of], <as_of> -- $watermark"),
        (
            "mysql",
            'select `$as_of`, "$as_of", $as_of # $as_of',
            'select `$as_of`, "$as_of", <as_of> # $as_of',
        ),
        (
            "oracle",
            "select q'[$as_of']' from v$session where $as_of",
            "select q'[$as_of']' from v$session where <as_of>",
        ),
    ],
)
def test_only_parameters_are_taken_for_parameters(dialect: str, text: str, written: str | None) -> None:
    assert marked(text, dialect)[0] == (written or text)


def test_parameters_are_told_in_their_order() -> None:
    assert marked("select $watermark, $as_of, $watermark")[1] == ["watermark", "as_of", "watermark"]


@given(
    st.lists(
        st.sampled_from(
            [
                "select ",
                "$as_of ",
                "'$as_of' ",
                "'it''s' ",
                "-- $as_of\n",
                "/* ' $as_of */ ",
                '"$as_of" ',
                "$$ ' $as_of $$ ",
            ]
        ),
        min_size=1,
    )
)
def test_every_parameter_and_nothing_else_is_replaced(pieces: list[str]) -> None:
    expected = "".join("<as_of> " if piece == "$as_of " else piece for piece in pieces)
    if not expected.replace("-- $as_of\n", "").replace("/* ' $as_of */ ", ""):
        return
    assert marked("".join(pieces))[0] == expected


def test_a_closing_semicolon_is_left_out_and_lines_stay() -> None:
    assert marked("select 1\nfrom a;\n-- the end\n")[0] == "select 1\nfrom a"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("select 1\nwhere $since", r"line 2: there is no parameter \$since"),
        ("select $1", r"there is no parameter \$1"),
        ("select 1;\nselect 2", "line 1: the query is more than one statement"),
        (";", "more than one statement"),
        ("-- nothing", "the query is empty"),
        ("select 'a", "not SQL as this database writes it"),
    ],
)
def test_what_cannot_be_meant_is_said(text: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        marked(text)


def folder_of(folder: Path, *names: str) -> SourceSettings:
    for name in names:
        (folder / name).write_text("select 1")
    return SourceSettings("hospital", Path(), kind="postgres", database=DatabaseSettings(queries=folder))


def read(source: SourceSettings) -> list[str]:
    assert source.database
    return [query.table for query in read_queries(source, source.database)]


def test_queries_come_in_canonical_order(tmp_path: Path) -> None:
    assert read(folder_of(tmp_path, "orders.sql", "medications.sql", "labs.sql", "patients.sql")) == [
        *REQUIRED,
        "orders",
    ]


@pytest.mark.parametrize(
    ("names", "said", "hint"),
    [
        (("patients.sql", "labs.sql"), r"no query medications\.sql", "delivers"),
        (("patients.sql", "lab.sql", "medications.sql"), r"lab\.sql is named for no table", r"labs\.sql"),
    ],
)
def test_a_table_without_its_query_is_said(
    tmp_path: Path, names: tuple[str, ...], said: str, hint: str
) -> None:
    with pytest.raises(ConfigurationError, match=said) as told:
        read(folder_of(tmp_path, *names))
    assert re.search(hint, told.value.hint)


def test_a_missing_folder_and_a_file_that_is_no_text_are_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="there is no folder"):
        read(folder_of(tmp_path / "none"))
    source = folder_of(tmp_path, *(f"{table}.sql" for table in REQUIRED))
    (tmp_path / "labs.sql").write_bytes(b"select '\xff'")
    with pytest.raises(ConfigurationError, match=r"labs\.sql: the query cannot be read"):
        read(source)


def test_a_watermark_needs_its_query(tmp_path: Path) -> None:
    source = folder_of(tmp_path, *(f"{table}.sql" for table in REQUIRED))
    database = DatabaseSettings(queries=tmp_path, watermark={"orders": "changed_at"})
    with pytest.raises(ConfigurationError, match="`watermark` names orders"):
        read_queries(source, database)
