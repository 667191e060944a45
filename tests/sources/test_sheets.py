"""Workbooks as a source: every kind of cell, workbooks as people send them, and those that cannot be trusted."""

from __future__ import annotations

import io
import logging
import re
import zipfile
from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import xlsxwriter

from flows import stages
from flows.context import opened, plan
from schemas.canonical_columns import COLUMNS
from schemas.errors import InputRefused, OutputError
from schemas.vocabulary import TABLES
from sources import sheets
from sources.base import Asked, Part, SourceSettings, SpreadsheetSettings, TableMapping
from sources.gather import gather
from tests.integration.command import call
from tests.sources import demo

AS_OF = date(2026, 6, 30)
SECRET = "ID-SENTINEL-4711"
PATIENTS = "patient_id,birth_date,sex,clinic_id\nA1,1950-05-04,F,North\n"
MEDICATIONS = "patient_id,drug_name\nA1,metformin\n"
LABS_HEADER = ("patient_id", "value", "collected_at", "code")

Cell = Any
Sheets = Mapping[str, list[list[Cell]]]


def written(path: Path, content: Sheets, **options: Any) -> Path:
    """A workbook with these cells: each by the type of its value, dates in a format that a site would choose."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with xlsxwriter.Workbook(path, options) as book:
        as_date = book.add_format({"num_format": "dd/mm/yyyy"})
        as_time = book.add_format({"num_format": "dd/mm/yyyy hh:mm"})
        for name, rows in content.items():
            sheet = book.add_worksheet(name)
            for at, row in enumerate(rows):
                for column, cell in enumerate(row):
                    if isinstance(cell, str) and not cell.startswith("="):
                        sheet.write_string(at, column, cell)
                    elif isinstance(cell, datetime):
                        sheet.write_datetime(at, column, cell, as_time)
                    elif isinstance(cell, date | time):
                        sheet.write_datetime(at, column, cell, as_date)
                    elif isinstance(cell, tuple):
                        sheet.write_formula(at, column, cell[0], None, cell[1])
                    elif cell is not None:
                        sheet.write(at, column, cell)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An extract whose table of results is still missing."""
    home = tmp_path / "extract"
    home.mkdir()
    (home / "patients.csv").write_text(PATIENTS)
    (home / "medications.csv").write_text(MEDICATIONS)
    return home


def source(folder: Path, **given: Any) -> SourceSettings:
    return SourceSettings(name="practice", path=folder, **given)


def labs_of(asked_of: SourceSettings, work: Path, sample: int | None = None) -> Part:
    parts = gather(asked_of, Asked(work=work / "work", as_of=AS_OF, sample=sample))
    return next(part for part in parts if part.table == "labs")


def texts(part: Part) -> list[tuple[str | None, ...]]:
    frame = pl.read_parquet(part.read_path)
    assert set(frame.dtypes) <= {pl.String}
    assert part.rows == frame.height
    return frame.rows()


def landed(folder: Path, rows: list[list[Cell]], **given: Any) -> list[tuple[str | None, ...]]:
    written(folder / "labs.xlsx", {"labs": rows})
    return texts(labs_of(source(folder, **given), folder.parent))


def value_of(folder: Path, cell: Cell) -> str | None:
    return landed(folder, [list(LABS_HEADER), ["A1", cell, "2026-05-20", "B12"]])[0][1]


# -- cells -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (12.0, "12"),
        (212, "212"),
        (0.1, "0.1"),
        (0.1 + 0.2, "0.3"),
        (212.45, "212.45"),
        (1 / 3, "0.333333333333333"),
        (2.57123e-10, "2.57123e-10"),
        (9434765919, "9434765919"),
        (123456789012345, "123456789012345"),
        (True, "true"),
        (False, "false"),
        ("<150", "<150"),
        ("0012", "0012"),
        ("12.50", "12.50"),
        ("1,5", "1,5"),
        (" 212 ", " 212 "),
        ("two\nlines", "two\nlines"),
        ("0.333333333", "0.333333333"),
        ("2026-05-20 00:00:00", "2026-05-20 00:00:00"),
        ("2026-05-20T14:30:15+01:00", "2026-05-20T14:30:15+01:00"),
        ("2026-05-20T00:00:00", "2026-05-20T00:00:00"),
        ("#N/A", "#N/A"),
        (("=106*2", 212), "212"),
        (('="<"&150', "<150"), "<150"),
        (("=NA()", "#N/A"), "#N/A"),
        (("=1/0", "#DIV/0!"), "#DIV/0!"),
        (("=X", "#NAME?"), "#NAME?"),
        (("=A:A B:B", "#NULL!"), "#NULL!"),
        (("=9^9^9", "#NUM!"), "#NUM!"),
        (("=#REF!", "#REF!"), "#REF!"),
        (('=1+"a"', "#VALUE!"), "#VALUE!"),
        (None, None),
    ],
)
def test_a_cell_is_the_text_that_it_holds(folder: Path, cell: Cell, text: str | None) -> None:
    assert value_of(folder, cell) == text


@pytest.mark.parametrize("epoch", [False, True])
@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (date(2026, 5, 20), "2026-05-20"),
        (datetime.fromisoformat("2026-05-20T14:30:15"), "2026-05-20T14:30:15"),
        (datetime.fromisoformat("2026-05-20T00:00:00"), "2026-05-20"),
        (datetime.fromisoformat("2026-05-20T23:59:59"), "2026-05-20T23:59:59"),
        (date(1931, 2, 28), "1931-02-28"),
    ],
)
def test_a_date_cell_is_an_iso_date(folder: Path, cell: date, text: str, epoch: bool) -> None:
    written(
        folder / "labs.xlsx", {"labs": [list(LABS_HEADER), ["A1", 1, cell, "B12"]]}, **{"date_1904": epoch}
    )
    assert texts(labs_of(source(folder), folder.parent)) == [("A1", "1", text, "B12")]


def test_an_error_and_a_text_stand_side_by_side_in_one_column(folder: Path) -> None:
    column = [212, ("=NA()", "#N/A"), "<150", ("=1/0", "#DIV/0!"), 0.5]
    rows = landed(folder, [list(LABS_HEADER), *(["A1", cell, "2026-05-20", "B12"] for cell in column)])
    assert [row[1] for row in rows] == ["212", "#N/A", "<150", "#DIV/0!", "0.5"]


# -- rows and headers ------------------------------------------------------------------------------------------------


def test_rows_without_anything_in_them_are_no_rows(folder: Path) -> None:
    rows = [
        [],
        list(LABS_HEADER),
        ["A1", 1, "2026-05-20", "B12"],
        [],
        ["", " "],
        ["A1", 2, "2026-05-20", "B12"],
        [" "],
    ]
    assert [row[1] for row in landed(folder, rows)] == ["1", "2"]


def test_formulas_filled_down_below_the_table_are_no_rows(folder: Path) -> None:
    good(folder)
    empty = b"".join(
        b'<row r="%d"><c r="A%d" t="str"><f>""</f><v></v></c></row>' % (n, n) for n in range(60, 90)
    )
    blank = b'<row r="90"><c r="A90" t="inlineStr"><is><t></t></is></c></row>'
    rewritten(
        folder / "labs.xlsx",
        SHEET,
        lambda text: text.replace(b"</sheetData>", empty + blank + b"</sheetData>"),
    )
    assert labs_of(source(folder), folder.parent).rows == 50


def test_a_sheet_that_begins_elsewhere_and_hidden_rows_count_like_others(folder: Path) -> None:
    with xlsxwriter.Workbook(folder / "labs.xlsx") as book:
        sheet = book.add_worksheet("Export")
        sheet.write_row("C5", LABS_HEADER)
        for at, value in enumerate(("1", "2", "3"), 5):
            sheet.write_row(at, 2, ("A1", value, "2026-05-20", "B12"))
        sheet.set_row(6, None, None, {"hidden": True})
        sheet.autofilter("C5:F8")
    assert [row[1] for row in texts(labs_of(source(folder), folder.parent))] == ["1", "2", "3"]


def test_rows_above_the_header_are_skipped_only_when_the_setting_says_so(folder: Path) -> None:
    titled = [
        ["Results of May"],
        ["made by the laboratory"],
        list(LABS_HEADER),
        ["A1", 1, "2026-05-20", "B12"],
    ]
    with pytest.raises(InputRefused, match="required columns patient_id, value"):
        landed(folder, titled)
    told = SpreadsheetSettings(header_row=3)
    assert landed(folder, titled, spreadsheet=told) == [("A1", "1", "2026-05-20", "B12")]
    with pytest.raises(InputRefused, match=r"row 7 of the sheet holds no column names\n.*header_row"):
        landed(folder, titled, spreadsheet=SpreadsheetSettings(header_row=7))


def test_columns_are_bound_by_name_whatever_stands_beside_them(folder: Path) -> None:
    header = ["Notes", " RESULT ", None, "code", "PATIENT_ID", "collected_at", "Notes"]
    row = ["n", 5, "stray", "B12", 42, "2026-05-20", "m"]
    mapping = {"labs": TableMapping(columns={"value": "RESULT"})}
    assert landed(folder, [header, row], tables=mapping) == [("42", "5", "2026-05-20", "B12")]


def test_a_header_alone_is_a_table_without_rows(folder: Path) -> None:
    assert landed(folder, [list(LABS_HEADER)]) == []


def test_a_sample_is_the_first_rows(folder: Path) -> None:
    rows = [["A1", n, "2026-05-20", "B12"] for n in range(10)]
    written(folder / "labs.xlsx", {"labs": [list(LABS_HEADER), *rows]})
    part = labs_of(source(folder), folder.parent, sample=3)
    assert [row[1] for row in texts(part)] == ["0", "1", "2"]


# -- sheets ----------------------------------------------------------------------------------------------------------


def test_a_workbook_among_parts_is_one_of_them(folder: Path) -> None:
    (folder / "labs").mkdir()
    written(folder / "labs" / "may.xlsx", {"Sheet1": [list(LABS_HEADER), ["A1", 1, "2026-05-20", "B12"]]})
    (folder / "labs" / "june.csv").write_text(",".join(LABS_HEADER) + "\nA1,2,2026-06-20,B12\n")
    parts = gather(source(folder), Asked(work=folder.parent, as_of=AS_OF))
    assert [(p.name, p.rows) for p in parts if p.table == "labs"] == [
        ("labs/june.csv", 1),
        ("labs/may.xlsx", 1),
    ]


def test_one_workbook_holds_every_table(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    content = {
        "About": [["made in May"]],
        "PATIENTS": [
            ["patient_id", "birth_date", "sex", "clinic_id"],
            ["A1", date(1950, 5, 4), "F", "North"],
        ],
        "Labs ": [list(LABS_HEADER), ["A1", 212, date(2026, 5, 20), "B12"]],
        "medications": [["patient_id", "drug_name"], ["A1", "metformin"]],
    }
    written(tmp_path / "extract" / "May.xlsx", content)
    asked_of = source(tmp_path / "extract", spreadsheet=SpreadsheetSettings("May.xlsx"))
    with caplog.at_level(logging.WARNING, "b12screen"):
        parts = gather(asked_of, Asked(work=tmp_path, as_of=AS_OF))
    assert [(part.table, part.name, part.rows) for part in parts] == [
        ("patients", "May.xlsx/PATIENTS", 1),
        ("labs", "May.xlsx/Labs ", 1),
        ("medications", "May.xlsx/medications", 1),
    ]
    assert "sheets that are no table of ours are not read: About" in caplog.text


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ({"a": [["x"]], "b": [["x"]]}, "no sheet is named for a table; found: a, b"),
        ({"labs": [["x"]], "Labs ": [["x"]]}, "the sheets labs and Labs  are both table labs"),
    ],
)
def test_sheets_that_cannot_be_told_apart_are_refused(tmp_path: Path, content: Sheets, told: str) -> None:
    written(tmp_path / "extract" / "May.xlsx", content)
    with pytest.raises(InputRefused, match=told):
        labs_of(source(tmp_path / "extract", spreadsheet=SpreadsheetSettings("May.xlsx")), tmp_path)


def test_a_table_in_the_workbook_and_beside_it_is_refused(folder: Path) -> None:
    written(folder / "May.xlsx", {"labs": [list(LABS_HEADER)], "patients": [["patient_id"]]})
    with pytest.raises(
        InputRefused, match=r"patients is there more than once: May.xlsx/patients, patients.csv"
    ):
        labs_of(source(folder, spreadsheet=SpreadsheetSettings("May.xlsx")), folder.parent)


def test_a_workbook_that_is_not_there_is_told(folder: Path) -> None:
    with pytest.raises(InputRefused, match=r"the workbook May.xlsx not found in .*; found: medications.csv"):
        labs_of(source(folder, spreadsheet=SpreadsheetSettings("May.xlsx")), folder.parent)


def test_which_of_several_sheets_is_the_table_must_be_clear(folder: Path) -> None:
    rows = [list(LABS_HEADER), ["A1", 1, "2026-05-20", "B12"]]
    written(folder / "labs.xlsx", {"First": rows, "LABS": rows})
    assert labs_of(source(folder), folder.parent).rows == 1
    written(folder / "labs.xlsx", {"First": rows, "Second": rows})
    with pytest.raises(InputRefused, match="which of its sheets is table labs cannot be told: First, Second"):
        labs_of(source(folder), folder.parent)


# -- what cannot be trusted --------------------------------------------------------------------------------------------


def refusal(folder: Path, **given: Any) -> str:
    with pytest.raises(InputRefused) as refused:
        labs_of(source(folder, **given), folder.parent)
    assert SECRET not in str(refused.value)
    assert refused.value.__context__ is None
    return str(refused.value)


def good(folder: Path) -> Path:
    row = [SECRET, 212, date(2026, 5, 20), "B12"]
    return written(folder / "labs.xlsx", {"labs": [list(LABS_HEADER), *([row] * 50)]})


def rewritten(path: Path, member: str, change: Callable[[bytes], bytes]) -> None:
    """The workbook again, with one of its members changed and every checksum right."""
    with zipfile.ZipFile(path) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    content[member] = change(content[member])
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in content.items():
            archive.writestr(name, text)


SHEET = "xl/worksheets/sheet1.xml"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "the file is empty"),
        (b"patient_id,value\n", "not a workbook"),
        (sheets.COMPOUND_FILE + bytes(600), "of the old kind, .xls"),
        (sheets.COMPOUND_FILE + bytes(600) + sheets.ENCRYPTED + bytes(600), "protected by a password"),
        (b"PK\x03\x04" + bytes(50), "damaged, cut before its end, or of another kind"),
    ],
)
def test_what_is_no_workbook_is_refused(folder: Path, content: bytes, told: str) -> None:
    (folder / "labs.xlsx").write_bytes(content)
    assert told in refusal(folder)


def test_a_workbook_cut_anywhere_is_refused(folder: Path) -> None:
    whole = good(folder).read_bytes()
    for share in range(1, 10):
        (folder / "labs.xlsx").write_bytes(whole[: len(whole) * share // 10])
        assert "damaged" in refusal(folder)


def test_a_flipped_byte_is_refused_or_changes_nothing(folder: Path) -> None:
    whole = good(folder).read_bytes()
    expected = texts(labs_of(source(folder), folder.parent))
    for place in range(0, len(whole), max(1, len(whole) // 60)):
        (folder / "labs.xlsx").write_bytes(whole[:place] + bytes([whole[place] ^ 255]) + whole[place + 1 :])
        try:
            found = texts(labs_of(source(folder), folder.parent))
        except InputRefused:
            continue
        assert found == expected


def test_a_zip_file_of_something_else_is_refused(folder: Path) -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("word/document.xml", "<a/>")
    (folder / "labs.xlsx").write_bytes(content.getvalue())
    assert "of another kind" in refusal(folder)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text[: len(text) // 2],
        lambda text: text.replace(b"</sheetData>", b""),
        lambda text: re.sub(rb'(<c r="A2" t="s"><v>)\d+', rb"\g<1>99999", text),
        lambda text: text.replace(b"</row>", b"", 3),
    ],
    ids=["half a sheet", "no end", "a text that is not there", "rows that run on"],
)
def test_a_sheet_whose_rows_cannot_all_be_read_is_refused(
    folder: Path, change: Callable[[bytes], bytes]
) -> None:
    good(folder)
    rewritten(folder / "labs.xlsx", SHEET, change)
    refusal(folder)


def test_rows_that_the_reader_leaves_out_are_noticed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good(folder)
    monkeypatch.setattr(sheets, "_with_errors", lambda sheet: pl.DataFrame(sheet).head(30))
    monkeypatch.setattr(sheets, "_as_written", lambda text, number, moment: text)
    assert "51 rows stand in the sheet and 30 of them could be read" in refusal(folder)


def test_a_cell_far_away_is_refused_before_it_fills_the_memory(folder: Path) -> None:
    with xlsxwriter.Workbook(folder / "labs.xlsx") as book:
        sheet = book.add_worksheet("labs")
        sheet.write_row(0, 0, LABS_HEADER)
        sheet.write(1_048_575, 16_383, "x")
    assert "span 1048576 rows and 16384 columns" in refusal(folder)


def test_formats_far_away_are_not_cells(folder: Path) -> None:
    with xlsxwriter.Workbook(folder / "labs.xlsx") as book:
        sheet = book.add_worksheet("labs")
        sheet.write_row(0, 0, LABS_HEADER)
        sheet.write_row(1, 0, ("A1", 1, "2026-05-20", "B12"))
        sheet.write_blank(1_048_575, 16_383, None, book.add_format({"bold": True}))
    assert labs_of(source(folder), folder.parent).rows == 1


def test_an_empty_sheet_is_refused(folder: Path) -> None:
    written(folder / "labs.xlsx", {"labs": []})
    assert "the sheet is empty" in refusal(folder)


def test_a_missing_column_is_named_and_no_cell_is(folder: Path) -> None:
    written(folder / "labs.xlsx", {"labs": [["patient_id", "value", "code"], [SECRET, 1, "B12"]]})
    assert "required column collected_at" in refusal(folder)


def test_a_full_disk_is_said(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good(folder)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pl.DataFrame, "write_parquet", full)
    with pytest.raises(OutputError, match="No space left on device"):
        labs_of(source(folder), folder.parent)


# -- the same people ---------------------------------------------------------------------------------------------------

NUMBER = re.compile(r"(?:0|[1-9]\d{0,14})(?:\.\d{0,5}[1-9])?")
DAY = re.compile(r"(?:19|20)\d\d-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d)")


def as_cell(text: str) -> Cell:
    """A text as the cell that a person would make of it: a number, a date, or the text."""
    if DAY.fullmatch(text):
        try:
            return date.fromisoformat(text)
        except ValueError:
            return text
    return float(text) if NUMBER.fullmatch(text) else text or None


def demo_sheets() -> Sheets:
    return {
        table: [
            list(demo.rows_of(table)[0]),
            *([as_cell(cell) for cell in row.values()] for row in demo.rows_of(table)),
        ]
        for table in TABLES
    }


def test_the_demonstration_people_land_as_they_stand_in_their_files(tmp_path: Path) -> None:
    written(tmp_path / "extract" / "clinic.xlsx", demo_sheets())
    asked_of = source(tmp_path / "extract", spreadsheet=SpreadsheetSettings("clinic.xlsx"))
    parts = gather(asked_of, Asked(work=tmp_path, as_of=AS_OF))
    assert [part.table for part in parts] == list(TABLES)
    for part in parts:
        rows = pl.read_parquet(part.read_path).to_dicts()
        found = [demo.canonical(part.table, row) for row in rows]
        assert found == [demo.canonical(part.table, row) for row in demo.rows_of(part.table)], part.table
        assert set(part.columns) <= set(COLUMNS[part.table])


CONFIG = """
[screen]
as_of = 2026-06-30
timezone = "Europe/London"
output = "out"

[sources.clinic]
path = "extract"
"""


def published(home: Path, more: str = "") -> dict[str, bytes]:
    (home / "site.toml").write_text(CONFIG + more)
    with opened(plan(config=home / "site.toml", with_workbooks=False, accept_low_volume=True)) as night:
        run = night.output / stages.run_all(night)["run_id"]
    return {str(path.relative_to(run.parent)): path.read_bytes() for path in run.rglob("*") if path.is_file()}


def test_the_lists_are_byte_for_byte_those_of_the_files(tmp_path: Path) -> None:
    demo.as_folder(tmp_path / "files" / "extract")
    written(tmp_path / "book" / "extract" / "clinic.xlsx", demo_sheets())
    expected = published(tmp_path / "files")
    found = published(tmp_path / "book", '[sources.clinic.spreadsheet]\nworkbook = "clinic.xlsx"\n')
    assert set(found) == set(expected)
    lists = [name for name in sorted(expected) if "/all/" in name or "/clinics/" in name]
    assert len(lists) > 10
    assert [name for name in lists if found[name] != expected[name]] == []


PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "source-spreadsheet.md"


def test_the_page_works_word_for_word(tmp_path: Path) -> None:
    told = re.findall(r"```toml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    (tmp_path / "site.toml").write_text('[screen]\nas_of = 2026-06-30\noutput = "out"\n' + "".join(told))
    titled = {name: [["Clinic"], ["made in June"], *rows] for name, rows in demo_sheets().items()}
    written(tmp_path / "extract" / "clinic.xlsx", titled)
    checked = call("check", "--config", tmp_path / "site.toml")
    assert "Source practice (files, snapshot): can be read" in checked.out
    assert checked.code == 0
