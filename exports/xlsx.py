"""One workbook per clinic: a sheet that says what this is, then one sheet per list.

Text stays text (a cell that begins with `=` is shown, not run; `007` keeps its zeros), dates are dates.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from functools import cache
from io import BytesIO
from pathlib import Path
from traceback import clear_frames
from typing import Any, Final

import polars as pl
import xlsxwriter
from xlsxwriter.exceptions import FileCreateError
from xlsxwriter.format import Format
from xlsxwriter.utility import xl_col_to_name
from xlsxwriter.worksheet import Worksheet

from exports.csv import in_published_order
from exports.publish import output_error, output_errors
from exports.wording import (
    CAUTIONS_IN_WORDS,
    DECISION_SUPPORT,
    DECISION_SUPPORT_LONG,
    LIST_MEANINGS,
    LIST_TITLES,
    ORDER_IN_WORDS,
    PRIORITIES_IN_WORDS,
    not_seen_in_words,
    unverified_in_words,
)
from schemas.errors import ContractError
from schemas.published import WORKLIST_COLUMNS, Column
from schemas.vocabulary import LISTS

AS_OF: Final = "As of"
ABOUT: Final = "About"

# For programs and audits rather than for the morning: folded away, one click from sight.
FOLDED: Final = frozenset(
    {
        "item_id",
        "list",
        "clinic_id",
        "rule_id",
        "clinical_status",
        "b12_test",
        "neuro",
        "cause",
        "regimen_id",
        "state",
        "first_listed_on",
        "change",
        "guideline_refs",
        "pack_id",
        "pack_version",
        "run_id",
        "as_of",
        "evidence_ids",
    }
)

ROWS_OF_A_SHEET: Final = 1_048_575
# A spreadsheet takes 32,767 UTF-16 units in a cell and calls the file damaged above that.
LONGEST_TEXT: Final = 16_000

_WRAPPED_FROM_WIDTH: Final = 30
_SERIAL_OF_1970: Final = 25_569
_ROWS_AT_A_TIME: Final = 5_000
_ROWS_IN_MEMORY: Final = 10_000
_CELL_TEXT: Final = {
    **{chr(code): f"_x{code:04X}_" for code in range(32) if chr(code) not in "\t\n"},
    "\ufffe": "_xFFFE_",
    "\uffff": "_xFFFF_",
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
}
_PRIORITY_COLOURS: Final = {
    "P1": {"bg_color": "#B3261E", "font_color": "#FFFFFF", "bold": True},
    "P2": {"bg_color": "#F6C26B", "font_color": "#1F1F1F", "bold": True},
    "P3": {"bg_color": "#FFF1C9", "font_color": "#1F1F1F"},
    "P4": {"bg_color": "#E8ECEF", "font_color": "#1F1F1F"},
}
_OPTIONS: Final = {"strings_to_formulas": False, "strings_to_numbers": False, "strings_to_urls": False}
_FORMATS: Final[dict[str, dict[str, Any]]] = {
    "title": {"bold": True, "font_size": 16, "font_color": "#123A4A"},
    "label": {"bold": True, "valign": "top", "num_format": "@"},
    "words": {"text_wrap": True, "valign": "top", "num_format": "@"},
    "count": {"align": "left", "valign": "top", "num_format": "#,##0"},
    "header": {"bold": True, "bg_color": "#123A4A", "font_color": "#FFFFFF", "valign": "top", "border": 1},
    "text": {"valign": "top", "num_format": "@"},
    "wrapped": {"valign": "top", "num_format": "@", "text_wrap": True},
    "date": {"valign": "top", "num_format": "yyyy-mm-dd", "align": "left"},
}


class _ListSheet(Worksheet):  # type: ignore[misc]
    """A worksheet whose body is rendered column-wise by Polars.

    Cell by cell, the library takes six times as long and keeps every cell in memory: on the lists of a
    large population that would be most of a night's time.
    """

    body: pl.DataFrame
    styles: tuple[int, ...]

    def _write_sheet_data(self) -> None:
        self._xml_start_tag("sheetData")
        self._write_rows()
        for rows in self.body.iter_slices(_ROWS_AT_A_TIME):
            self.fh.write(rows.select(_row_xml(self.styles).str.join("")).item())
        self._xml_end_tag("sheetData")


def write_workbook(
    path: Path, clinic_id: str, worklists: dict[str, pl.DataFrame], cover: list[tuple[str, str]]
) -> None:
    """Write the workbook of one clinic: sheet `About`, then a sheet per list, in the published order.

    `worklists` holds this clinic's rows of every list; `cover` (see `cover_lines`) the lines of the first
    sheet and, under `As of`, the ISO date that also stands as the file's date, so that equal rows give equal
    bytes. A list longer than a sheet can be is cut at its least urgent end and `About` says so.
    Raises ContractError for other columns or lists than published, OutputError if it cannot be written.
    """
    if set(worklists) != set(LISTS):
        raise ContractError(f"Worklists to write are {sorted(worklists)}, expected {sorted(LISTS)}.")
    ordered = {name: in_published_order(worklists[name]) for name in LISTS}
    as_of = date.fromisoformat(dict(cover)[AS_OF])
    # Parts of a large workbook lie beside it, never in the system's temporary folder: they hold patients.
    is_small = sum(rows.height for rows in ordered.values()) <= _ROWS_IN_MEMORY
    archive = BytesIO()
    workbook = xlsxwriter.Workbook(archive, {**_OPTIONS, "in_memory": is_small, "tmpdir": str(path.parent)})
    workbook.use_zip64()
    workbook.set_properties(
        {"title": f"B12 screen, {as_of.isoformat()}", "created": datetime(as_of.year, as_of.month, as_of.day)}  # noqa: DTZ001
    )
    formats = {name: workbook.add_format(how) for name, how in _FORMATS.items()}
    _add_about(workbook, formats, clinic_id, ordered, cover)
    sign_off = _in_header(dict(cover).get("Sign-off", ""))
    for name, rows in ordered.items():
        _add_list(workbook, formats, name, rows.head(ROWS_OF_A_SHEET), f"{as_of.isoformat()}  {sign_off}")
    _close(workbook, path)
    with output_errors("write", path):
        path.write_bytes(archive.getbuffer())


def cover_lines(summary: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The lines of the first sheet, label and text, from the summary of a run."""
    pack, unverified = summary["pack"], unverified_in_words(summary)
    return [
        (AS_OF, str(summary["as_of"])),
        ("Sign-off", str(summary["sign_off_line"])),
        ("Publication", str(summary["run_id"])),
        ("Rules", f"{pack['title']} ({pack['id']} {pack['version']}, {pack['sign_off']})"),
        *([("Codelists", unverified)] if unverified else []),
        *(("Not seen", sentence) for sentence in not_seen_in_words(summary)),
    ]


def _add_about(
    workbook: Any,
    formats: Mapping[str, Format],
    clinic_id: str,
    worklists: Mapping[str, pl.DataFrame],
    cover: list[tuple[str, str]],
) -> None:
    lines = [
        ("", DECISION_SUPPORT + " " + DECISION_SUPPORT_LONG),
        ("Clinic", clinic_id),
        *cover,
        ("Priorities", PRIORITIES_IN_WORDS),
        ("Order", ORDER_IN_WORDS),
        (
            "Columns",
            "Columns for programs and columns that are empty on a sheet are folded away: "
            "press the 2 or the + above the sheet to see them. All columns are in the CSV files too.",
        ),
        ("Cautions", CAUTIONS_IN_WORDS),
        (
            "Text",
            "Cells are typed: identifiers are text and keep their zeros, dates are dates, nothing runs as "
            "a formula. The apostrophe that guards cells of the CSV files is therefore not used here.",
        ),
    ]
    sheet = workbook.add_worksheet(ABOUT)
    sheet.hide_gridlines(2)
    sheet.set_column(0, 0, 18)
    sheet.set_column(1, 1, 12)
    sheet.set_column(2, 2, 84)
    sheet.write_string(0, 0, "Vitamin B12 screen: worklists of one clinic", formats["title"])
    for line, (label, words) in enumerate(lines, start=2):
        sheet.write_string(line, 0, label, formats["label"])
        sheet.merge_range(line, 1, line, 2, "", formats["words"])
        sheet.write_string(line, 1, words, formats["words"])
        # Merged cells are not fitted to their text by any spreadsheet.
        sheet.set_row(line, 15 * (1 + len(words) // 95))
    top = len(lines) + 3
    sheet.write_row(top, 0, ["List", "Rows", "Meaning"], formats["header"])
    sheet.write_column(top + 1, 0, list(worklists), formats["label"])
    sheet.write_column(top + 1, 1, [rows.height for rows in worklists.values()], formats["count"])
    sheet.write_column(top + 1, 2, [_meaning(*of) for of in worklists.items()], formats["words"])
    _set_page(sheet, "B12 screen")


def _meaning(name: str, rows: pl.DataFrame) -> str:
    words = f"{LIST_TITLES[name]}. {LIST_MEANINGS[name]}"
    if rows.height <= ROWS_OF_A_SHEET:
        return words
    return f"{words} The sheet holds the first {ROWS_OF_A_SHEET:,} rows; all are in {name}.csv."


def _add_list(
    workbook: Any, formats: Mapping[str, Format], name: str, rows: pl.DataFrame, subtitle: str
) -> None:
    sheet = workbook.add_worksheet(name, _ListSheet)
    for at, column in enumerate(WORKLIST_COLUMNS):
        folded = column.name in FOLDED or (rows.height > 0 and rows[column.name].null_count() == rows.height)
        options = {"level": 1, "hidden": True} if folded else {}
        sheet.set_column(at, at, column.width, formats[_style(column)], options)
    sheet.write_row(0, 0, [column.name for column in WORKLIST_COLUMNS], formats["header"])
    sheet.body = _cells(rows)
    sheet.styles = tuple(formats[_style(column)]._get_xf_index() for column in WORKLIST_COLUMNS)
    last_row, last_column = max(rows.height, 1), len(WORKLIST_COLUMNS) - 1
    sheet._check_dimensions(rows.height, last_column)
    sheet.freeze_panes(1, 4)
    sheet.autofilter(0, 0, last_row, last_column)
    at = [column.name for column in WORKLIST_COLUMNS].index("priority")
    for priority, colours in _PRIORITY_COLOURS.items():
        rule = {"type": "cell", "criteria": "==", "value": f'"{priority}"'}
        sheet.conditional_format(1, at, last_row, at, {**rule, "format": workbook.add_format(colours)})
    sheet.repeat_rows(0)
    _set_page(sheet, f"{LIST_TITLES[name]}  {subtitle}")


def _set_page(sheet: Worksheet, header: str) -> None:
    sheet.set_landscape()
    sheet.set_paper(9)
    sheet.set_margins(left=0.3, right=0.3, top=0.7, bottom=0.6)
    sheet.fit_to_pages(1, 0)
    sheet.set_header(f"&L{header}")
    sheet.set_footer(f"&L{DECISION_SUPPORT}&RPage &P of &N")


def _in_header(words: str) -> str:
    # `&` begins a command in a page header, and the whole header has room for 255 characters.
    return words[:120].replace("&", "&&")


def _style(column: Column) -> str:
    if column.dtype == pl.Date:
        return "date"
    return "wrapped" if column.width >= _WRAPPED_FROM_WIDTH else "text"


def _cells(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows with every cell as the text that stands in the sheet's XML, and their row number `at`."""
    return rows.select(*_cell_texts(), at=pl.int_range(2, pl.len() + 2).cast(pl.String))


# Built once: for the workbook of a small clinic, building expressions would take longer than using them.
@cache
def _cell_texts() -> list[pl.Expr]:
    return [_cell_text(column) for column in WORKLIST_COLUMNS]


def _cell_text(column: Column) -> pl.Expr:
    cell = pl.col(column.name)
    if column.dtype == pl.Date:
        return (cell.to_physical() + _SERIAL_OF_1970).cast(pl.String)
    cut = pl.when(cell.str.len_chars() > LONGEST_TEXT).then(cell.str.head(LONGEST_TEXT - 1) + "…")
    # `_x0041_` in a workbook means the character 41: such a text is escaped itself.
    literal = cut.otherwise(cell).str.replace_all(r"_(x[0-9a-fA-F]{4}_)", "_x005F_$1")
    return literal.str.replace_many(_CELL_TEXT).name.keep()


@cache
def _row_xml(styles: tuple[int, ...]) -> pl.Expr:
    cells = [
        _cell_xml(column, xl_col_to_name(at), style)
        for at, (column, style) in enumerate(zip(WORKLIST_COLUMNS, styles, strict=True))
    ]
    return pl.concat_str(pl.lit('<row r="'), pl.col("at"), pl.lit('">'), *cells, pl.lit("</row>"))


def _cell_xml(column: Column, letters: str, style: int) -> pl.Expr:
    start = f'<c r="{letters}'
    if column.dtype == pl.Date:
        before, after = f'" s="{style}"><v>', "</v></c>"
    else:
        before, after = f'" s="{style}" t="inlineStr"><is><t xml:space="preserve">', "</t></is></c>"
    cell = pl.concat_str(pl.lit(start), pl.col("at"), pl.lit(before), pl.col(column.name), pl.lit(after))
    return cell.fill_null("")


def _close(workbook: Any, path: Path) -> None:
    try:
        workbook.close()
    except (OSError, FileCreateError) as error:
        cause = error if isinstance(error, OSError) else error.__context__
        # Lets go of the half-made archive while its buffer is still open; later it would complain on stderr.
        clear_frames(cause.__traceback__ if cause else None)
        raise output_error("write", path, cause if isinstance(cause, OSError) else OSError()) from error
    finally:
        # Else the library tries to write once more when the object is collected.
        workbook.fileclosed = True
