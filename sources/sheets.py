"""Workbooks (.xlsx): the cells of a sheet as the texts a CSV file of it would hold, written as Parquet.

A workbook is read whole, one at a time: a sheet has at most 1,048,576 rows. What the reader gives is compared with a
count of the rows in the file itself.
"""

from __future__ import annotations

import logging
import posixpath
import re
import threading
import zipfile
import zlib
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, TypeVar
from xml.etree import ElementTree

import polars as pl

from schemas.errors import ConfigurationError, InputRefused, OutputError
from schemas.vocabulary import TABLES
from sources.base import Part, SourceSettings, TableMapping
from sources.headers import bind
from sources.streams import Delivery

if TYPE_CHECKING:
    from fastexcel import DType, ExcelReader, ExcelSheet

log: Final = logging.getLogger("b12screen")

COMPOUND_FILE: Final = bytes.fromhex("d0cf11e0a1b11ae1")
"""How the old .xls begins, and a workbook with a password."""

ENCRYPTED: Final = "EncryptedPackage".encode("utf-16-le")
DIRECTORY_BYTES: Final = 4 * 1024 * 1024

BLOCK_BYTES: Final = 4 * 1024 * 1024
MAX_INDEX_BYTES: Final = 16 * 1024 * 1024
MAX_ROW_BYTES: Final = 64 * 1024 * 1024
MAX_UNPACKED: Final = 2 * 1024**3
MAX_CELLS: Final = 20_000_000
"""The reader keeps the whole rectangle that a sheet's cells span; more of them than this do not fit in memory."""

EXACT_DIGITS: Final = 15
"""Digits of a number that a spreadsheet shows; what a cell holds beyond them is noise of its arithmetic."""

ERRORS: Final[Mapping[str, str]] = {
    "NA": "#N/A",
    "Div0": "#DIV/0!",
    "Name": "#NAME?",
    "Null": "#NULL!",
    "Num": "#NUM!",
    "Ref": "#REF!",
    "Value": "#VALUE!",
    "GettingData": "#GETTING_DATA",
}
"""The reader's word for an error -> what the cell shows."""

ERROR_CELL: Final = re.compile(r"'Error\((\w+)\)'")
# An empty group: of a row nothing is kept but that it is there.
ROW_WITH_A_VALUE: Final = re.compile(
    rb"<(?:\w+:)?(?:v(?:\s[^>]*)?>[^<]|is(?:\s[^>]*)?>)().*?</(?:\w+:)?row>", re.DOTALL
)
END_OF_ROW: Final = re.compile(rb"</(?:\w+:)?row>")
FILLED_CELL: Final = re.compile(rb'<(?:\w+:)?c\s(?:[^>]*?\s)?r="([A-Z]{1,3})(\d{1,7})"(?:[^>]*[^/>])?>')

EXPECTED: Final = "Expected a workbook as Excel and LibreOffice save it, .xlsx, without a password."

ARCHIVE_FAULTS: Final = (
    zipfile.BadZipFile,
    zlib.error,
    ElementTree.ParseError,
    LookupError,
    StopIteration,
    EOFError,
    ValueError,
    OSError,
    RuntimeError,
)
"""What unpacking and indexing an archive that is damaged, or of something else, may raise."""

READER_MODULES: Final = ("_fastexcel", "fastexcel", "pyo3_runtime")

T = TypeVar("T")

_one_at_a_time = threading.Lock()


@dataclass(frozen=True)
class Workbook:
    """A workbook that holds one table. name: for messages and the manifest. sheet: null where the table names it."""

    table: str
    path: Path
    name: str
    sheet: str | None = None


@dataclass(frozen=True)
class _Extent:
    """What a sheet's own file says of it: rows in which something stands, the last of them, and the widest."""

    rows: int
    last_row: int
    width: int


def find_sheets(path: Path, where: str) -> dict[str, str]:
    """Table -> the sheet of the workbook that is named for it, in whatever case; other sheets are logged by name.

    Raises InputRefused where the file is no workbook, no sheet is named for a table, or two are for one.
    """
    names = _looked_into(path, where, lambda archive: list(_sheets(archive)))
    found: dict[str, str] = {}
    for name in names:
        table = name.strip().casefold()
        if table in found:
            raise InputRefused(
                f"{where}: the sheets {found[table]} and {name} are both table {table}", "Keep one."
            )
        if table in TABLES:
            found[table] = name
    if not found:
        raise InputRefused(
            f"{where}: no sheet is named for a table; found: {', '.join(names)}",
            f"Name the sheets {', '.join(TABLES)}.",
        )
    if others := [name for name in names if name not in found.values()]:
        log.warning("%s: sheets that are no table of ours are not read: %s", where, ", ".join(others))
    return found


def read_sheet(
    workbook: Workbook, source: SourceSettings, copy: Path, where: str, sample: int | None = None
) -> Part:
    """The part of one table in a workbook, its bound columns written to `copy` as Parquet, every value text.

    Numbers have at most 15 digits after which nothing but noise follows, dates are ISO (midnight is a date alone),
    booleans true and false, errors their text, formulas their last value. Rows without anything in them are no rows.
    Raises InputRefused where the workbook cannot be read to its end, has a password, lacks a required column, or gives
    other than the rows that are in the file; OutputError where the copy cannot be written; ConfigurationError where
    the reader is not installed.
    """
    delivery = Delivery(workbook.path, where)
    deque(delivery.blocks() if sample is None else (), maxlen=0)
    with _one_at_a_time:
        sheet, extent = _looked_into(workbook.path, where, lambda archive: _sheet(archive, workbook, where))
        cells = _cells(workbook.path, sheet, extent, where)
    delivery.refuse_if_changed()
    header, rows = _header_and_rows(cells, source.spreadsheet.header_row, where)
    columns = bind(header, workbook.table, source.tables.get(workbook.table, TableMapping()), where)
    landed = rows.select(
        pl.col(rows.columns[header.index(name)]).alias(column) for column, name in columns.items()
    )
    landed = landed if sample is None else landed.head(sample)
    path = copy.with_suffix(".parquet")
    _write(landed, path, where)
    return Part(
        source=source.name,
        table=workbook.table,
        name=workbook.name,
        read_path=path,
        format="parquet",
        compression="none",
        delimiter=source.delimiter,
        header=tuple(columns),
        columns={column: column for column in columns},
        rows=landed.height,
        sha256=delivery.sha256,
        size=delivery.size,
    )


# -- the file ----------------------------------------------------------------------------------------------------------


def _looked_into(path: Path, where: str, look: Callable[[zipfile.ZipFile], T]) -> T:
    """What `look` finds in the workbook's archive, which is unpacked before so that every checksum is compared."""
    _refuse_other_formats(path, where)
    try:
        with zipfile.ZipFile(path) as archive:
            _refuse_too_large(archive, where)
            if archive.testzip() is None:
                return look(archive)
    except ARCHIVE_FAULTS:
        pass
    # Raised here, the refusal holds nothing of what was found wrong.
    raise _damaged(where)


def _refuse_too_large(archive: zipfile.ZipFile, where: str) -> None:
    if sum(member.file_size for member in archive.infolist()) > MAX_UNPACKED:
        raise InputRefused(
            f"{where}: unpacked, the workbook is larger than {MAX_UNPACKED // 1024**3} GiB",
            "Deliver such a table as CSV or Parquet.",
        )


def _refuse_other_formats(path: Path, where: str) -> None:
    try:
        with path.open("rb") as file:
            head = file.read(DIRECTORY_BYTES)
            file.seek(max(0, path.stat().st_size - DIRECTORY_BYTES))
            tail = file.read()
    except OSError as error:
        raise InputRefused(f"{where}: the file cannot be read ({error.strerror})") from None
    if not head:
        raise InputRefused(f"{where}: the file is empty", "Deliver the file again.")
    if head.startswith(COMPOUND_FILE) and (ENCRYPTED in head or ENCRYPTED in tail):
        raise InputRefused(f"{where}: the workbook is protected by a password", EXPECTED)
    if head.startswith(COMPOUND_FILE):
        raise InputRefused(f"{where}: the workbook is of the old kind, .xls", EXPECTED)
    if not head.startswith(b"PK"):
        raise InputRefused(f"{where}: not a workbook", EXPECTED)


def _damaged(where: str) -> InputRefused:
    return InputRefused(
        f"{where}: the workbook is damaged, cut before its end, or of another kind",
        f"Deliver the file again. {EXPECTED}",
    )


def _sheets(archive: zipfile.ZipFile) -> dict[str, str]:
    """The name of each worksheet -> its file in the archive, in the order of the workbook."""
    book = next(
        _target("", relation)
        for relation in _index(archive, "_rels/.rels")
        if relation.get("Type", "").endswith("/officeDocument")
    )
    folder, file = posixpath.split(book)
    members = {
        relation.get("Id"): _target(folder, relation)
        for relation in _index(archive, f"{folder}/_rels/{file}.rels".lstrip("/"))
        if relation.get("Type", "").endswith("/worksheet")
    }
    named = {
        element.get("name", ""): next((v for k, v in element.items() if k.endswith("}id")), None)
        for element in _index(archive, book)
        if element.tag.endswith("}sheet")
    }
    return {name: members[key] for name, key in named.items() if key in members}


def _index(archive: zipfile.ZipFile, member: str) -> Iterator[ElementTree.Element]:
    if archive.getinfo(member).file_size > MAX_INDEX_BYTES:
        raise zipfile.BadZipFile
    return ElementTree.fromstring(archive.read(member)).iter()


def _target(folder: str, relation: ElementTree.Element) -> str:
    target = relation.get("Target", "")
    return posixpath.normpath(target if target.startswith("/") else posixpath.join(folder, target)).lstrip(
        "/"
    )


def _sheet_of(table: str, names: Sequence[str], where: str) -> str:
    own = [name for name in names if name.strip().casefold() == table]
    if len(own) == 1 or len(names) == 1:
        return (own or list(names))[0]
    raise InputRefused(
        f"{where}: which of its sheets is table {table} cannot be told: {', '.join(names) or 'there is none'}",
        f"Keep one sheet, or name one {table}.",
    )


def _sheet(archive: zipfile.ZipFile, workbook: Workbook, where: str) -> tuple[str, _Extent]:
    sheets = _sheets(archive)
    sheet = workbook.sheet or _sheet_of(workbook.table, list(sheets), where)
    with archive.open(sheets[sheet]) as file:
        return sheet, _extent(file, where)


def _extent(file: IO[bytes], where: str) -> _Extent:
    """How far the cells of a sheet reach, from its own XML; refused where they span more than fits in memory."""
    rows = last_row = width = 0
    rest = b""
    while block := file.read(BLOCK_BYTES):
        text = rest + block
        end = END_OF_ROW.search(text)
        cut = text.rfind(end[0]) + len(end[0]) if end else 0
        whole, rest = text[:cut], text[cut:]
        if len(rest) > MAX_ROW_BYTES:
            raise _damaged(where)
        rows += len(ROW_WITH_A_VALUE.findall(whole))
        cells = FILLED_CELL.findall(whole)
        width = max((width, *map(_column_number, {letters for letters, _ in cells})))
        last_row = max((last_row, *map(int, {number for _, number in cells})))
    if max(last_row, rows) * width > MAX_CELLS:
        raise InputRefused(
            f"{where}: its cells span {max(last_row, rows)} rows and {width} columns, more than can be read",
            "Remove cells far from the table, or deliver it as CSV or Parquet.",
        )
    return _Extent(rows, last_row, width)


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - ord("A") + 1
    return number


# -- the cells ---------------------------------------------------------------------------------------------------------


def _cells(path: Path, sheet: str, extent: _Extent, where: str) -> pl.DataFrame:
    """Every cell from row 1 on as text; an empty cell is null. Raises InputRefused where rows are missing."""
    texts = _texts(path, sheet, where)
    # A formula may give a text of no length: the file has no value there, the reader an empty one.
    read = _rows_where(texts, pl.all().is_not_null())
    if not _rows_where(texts, pl.all().str.len_bytes() > 0) <= extent.rows <= read:
        raise InputRefused(
            f"{where}: {extent.rows} rows stand in the sheet and {read} of them could be read",
            "Save the workbook anew, or deliver the table as CSV.",
        )
    if not read:
        raise InputRefused(f"{where}: the sheet is empty", "Expected at least a row of column names.")
    return texts


def _rows_where(texts: pl.DataFrame, holds: pl.Expr) -> int:
    return texts.filter(pl.any_horizontal(holds)).height if texts.width else 0


def _texts(path: Path, sheet: str, where: str) -> pl.DataFrame:
    try:
        from fastexcel import read_excel  # noqa: PLC0415
    except ImportError:
        raise ConfigurationError(
            f"{where}: the package fastexcel is not installed, without which workbooks cannot be read",
            "Install the extra: pip install 'b12screen[spreadsheets]'.",
        ) from None
    try:
        book = read_excel(path)
        texts = _with_errors(_load(book, sheet, "string"))
        if not texts.width:
            return texts
        numbers = pl.DataFrame(_load(book, sheet, "float"))
        moments = pl.DataFrame(_load(book, sheet, "datetime"))
        return pl.DataFrame(
            [_as_written(texts[name], numbers[name], moments[name]) for name in texts.columns]
        )
    except BaseException as error:
        # What the reader did not expect ends in a panic, which is no Exception.
        if type(error).__module__ not in READER_MODULES:
            raise
    # Raised here, the refusal holds nothing of what the reader says: it quotes cells.
    raise _damaged(where)


def _load(book: ExcelReader, sheet: str, kind: DType) -> ExcelSheet:
    # With no rows skipped, the first row is row 1, whether anything stands in it or not.
    loaded: ExcelSheet = book.load_sheet(sheet, header_row=None, skip_rows=0, dtypes=kind)
    return loaded


def _with_errors(sheet: ExcelSheet) -> pl.DataFrame:
    """The texts of a sheet; where a cell holds an error, its text, which the reader leaves out."""
    if not sheet.width or not sheet.total_height:
        return pl.DataFrame()
    batch, faults = sheet.to_arrow_with_errors()
    texts = pl.DataFrame(batch)
    if faults is None:
        return texts
    cells = pl.DataFrame(
        [(*fault.position, _error_text(fault.detail)) for fault in faults.errors],
        schema={"row": pl.UInt32, "column": pl.UInt32, "text": pl.String},
        orient="row",
    )
    for (column,), wrong in cells.group_by("column"):
        patched = texts.to_series(int(str(column))).scatter(wrong["row"], wrong["text"])
        texts = texts.with_columns(patched)
    return texts


def _error_text(detail: str) -> str:
    told = ERROR_CELL.search(detail)
    return ERRORS.get(told[1], "#ERROR!") if told else "#ERROR!"


def _as_written(text: pl.Series, number: pl.Series, moment: pl.Series) -> pl.Series:
    """A column as text: dates in ISO, and numbers that the reader cut after nine decimals with all their digits."""
    given = pl.DataFrame({"text": text, "number": number, "moment": moment})
    is_moment = (
        pl.col("number").is_null()
        & pl.col("moment").is_not_null()
        # A text that looks like a moment stays as it is; a date cell comes with a space before its time.
        & (pl.col("text").str.slice(0, 19) == pl.col("moment").dt.strftime("%Y-%m-%d %H:%M:%S"))
    )
    was_cut = pl.col("text").cast(pl.Float64, strict=False) != pl.col("number")
    day, instant = pl.col("text").str.slice(0, 10), pl.col("text").str.replace(" ", "T", literal=True)
    is_midnight = pl.col("moment").dt.time() == pl.time(0, 0, 0)
    return given.select(
        pl.when(is_moment & is_midnight)
        .then(day)
        .when(is_moment)
        .then(instant)
        .when(was_cut)
        .then(pl.col("number").round_sig_figs(EXACT_DIGITS).cast(pl.String))
        .otherwise("text")
        .alias(text.name)
    ).to_series()


def _header_and_rows(
    cells: pl.DataFrame, header_row: int | None, where: str
) -> tuple[list[str], pl.DataFrame]:
    """The trimmed column names, and the rows below them in which anything stands."""
    holds = pl.any_horizontal(pl.all().str.strip_chars().str.len_chars() > 0)
    filled = cells.select(holds.fill_null(False).alias("is_filled")).to_series()
    first = header_row - 1 if header_row else filled.arg_max()
    if first is None or first >= cells.height or not filled[first]:
        raise InputRefused(
            f"{where}: row {header_row or 1} of the sheet holds no column names",
            "Check `header_row` in its section `spreadsheet`.",
        )
    header = [(name or "").strip() for name in cells.row(first)]
    return header, cells.slice(first + 1).filter(filled.slice(first + 1))


def _write(landed: pl.DataFrame, path: Path, where: str) -> None:
    problem = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        landed.write_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        problem = getattr(error, "strerror", None) or type(error).__name__
    if problem:
        raise OutputError(
            f"{where}: its landed copy cannot be written ({problem})",
            "Check the space and the permissions of the working folder.",
        )
