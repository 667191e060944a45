"""The folder source: finds the files of each canonical table and checks every one to its last byte."""

from __future__ import annotations

import glob
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pyarrow
from pyarrow import parquet

from schemas.errors import InputRefused
from schemas.vocabulary import TABLES
from sources.base import Part, SourceSettings, TableMapping, as_path
from sources.headers import bind, check_mapping, closest, read_header, refuse_other_encoding
from sources.sheets import Workbook, find_sheets, read_sheet
from sources.streams import (
    Compression,
    Delivery,
    check_encoding,
    count_rows,
    decoded,
    decompressed,
    first_lines,
    is_utf8,
    peek,
    refuse_nul,
)

CSV_SUFFIXES: dict[str, Compression] = {".csv": "none", ".csv.gz": "gzip", ".csv.zst": "zstd"}
SUFFIXES = (*CSV_SUFFIXES, ".parquet", ".xlsx")
EXPECTED_FILES = "<table>.csv, .csv.gz, .csv.zst, .parquet or .xlsx, or a folder <table> of such files"
UNFINISHED_SUFFIXES = (".tmp", ".temp", ".part", ".partial", ".crdownload", ".swp", ".bak", "~")
FILES_NAMED = 12
READERS = 4


@dataclass(frozen=True)
class _Found:
    table: str
    path: Path
    name: str
    sheet: str | None = None


def discover(source: SourceSettings, work: Path, sample: int | None = None) -> list[Part]:
    """One part per file of the source's folder, by table in canonical order and then by name.

    Every file is read once to its end: hashed as delivered, decompressed with its checksums compared, counted
    without a parser, its header bound by name. `work` receives a UTF-8 copy of each file in another encoding
    and nothing else is written; with `sample`, a copy of the first so many rows of each file, which is read no
    further then, neither hashed nor counted. Raises InputRefused where a required table is missing or a file cannot be
    trusted, and ConfigurationError where the source's own settings cannot be meant.
    """
    check_mapping(source)
    check_encoding(source.encoding, f"source {source.name}")
    found = _find_tables(source)
    with ThreadPoolExecutor(max_workers=READERS) as readers:
        return list(readers.map(lambda file: _read_part(file, source, work, sample), found))


def _find_tables(source: SourceSettings) -> list[_Found]:
    entries = _visible(_one_folder(source), f"source {source.name}")
    if not entries:
        raise InputRefused(
            f"source {source.name}: the folder {_place(source)} is empty", f"Expected {EXPECTED_FILES}."
        )
    sheets = _find_sheets(entries, source)
    return [found for table in TABLES for found in _find_table(table, entries, sheets, source)]


def _place(source: SourceSettings) -> str | Path:
    """Where the extract lies, in the words of the configuration."""
    return source.storage.url if source.storage else source.path


def _one_folder(source: SourceSettings) -> Path:
    """The source's folder; where its path is a pattern, the one folder that matches it."""
    if not glob.has_magic(str(source.path)) or source.path.exists():
        return source.path
    matches = [path for path in map(Path, sorted(glob.glob(str(source.path)))) if path.is_dir()]
    if len(matches) != 1:
        raise InputRefused(
            f"source {source.name}: the pattern {source.path} matches {len(matches)} folders, not one"
            + (f": {_names(matches)}" if matches else ""),
            "Keep one folder that matches it, or name the folder.",
        )
    return matches[0]


def _find_sheets(entries: Sequence[Path], source: SourceSettings) -> dict[str, _Found]:
    """Table -> its sheet in the source's workbook, where it has one."""
    name = source.spreadsheet.workbook
    if name is None:
        return {}
    path = next((entry for entry in entries if entry.name == name), None)
    if path is None:
        raise InputRefused(
            f"source {source.name}: the workbook {name} not found in {_place(source)}; found: {_names(entries)}",
            "Check `workbook` in its section `spreadsheet`.",
        )
    sheets = find_sheets(path, f"source {source.name}, {name}")
    return {table: _Found(table, path, f"{name}/{sheet}", sheet) for table, sheet in sheets.items()}


def _visible(folder: Path, where: str) -> list[Path]:
    """What a folder holds, by name, without hidden, marker and unfinished files."""
    if not folder.is_dir():
        problem = "is a file, not a folder" if folder.is_file() else "does not exist"
        raise InputRefused(f"{where}: the extract folder {folder} {problem}", f"Expected {EXPECTED_FILES}.")
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        raise InputRefused(f"{where}: the folder {folder} cannot be read ({error.strerror})") from None
    return [entry for entry in entries if is_delivered(entry.name)]


def is_delivered(name: str) -> bool:
    """Whether a file of this name is delivered, and not hidden, a marker or unfinished."""
    return not name.startswith((".", "_", "~", "#")) and not name.lower().endswith(UNFINISHED_SUFFIXES)


def _find_table(
    table: str, entries: Sequence[Path], sheets: Mapping[str, _Found], source: SourceSettings
) -> list[_Found]:
    sheet = sheets.get(table)
    candidates = [
        entry for entry in entries if _table_of(entry) == table and entry.name != source.spreadsheet.workbook
    ]
    if sheet and candidates:
        raise InputRefused(
            f"source {source.name}: table {table} is there more than once: {sheet.name}, {_names(candidates)}",
            "Keep one of them.",
        )
    if sheet:
        return [sheet]
    if len(candidates) > 1:
        raise InputRefused(
            f"source {source.name}: table {table} is there more than once: {_names(candidates)}",
            f"Keep one of them, or put all parts into one folder {table}.",
        )
    if not candidates:
        _refuse_missing(table, entries, source)
        return []
    entry = candidates[0]
    if not entry.is_dir():
        return [_Found(table, entry, entry.name)]
    return [_Found(table, part, f"{table}/{part.name}") for part in _parts_of(entry, source)]


def _table_of(entry: Path) -> str | None:
    """The table an entry is named for, as written; null where it is not a file or folder of ours."""
    if entry.is_dir():
        return entry.name
    suffix = _suffix(entry)
    return entry.name[: -len(suffix)] if suffix else None


def _suffix(entry: Path) -> str | None:
    return next((suffix for suffix in SUFFIXES if entry.name.lower().endswith(suffix)), None)


def _parts_of(folder: Path, source: SourceSettings) -> list[Path]:
    where = f"source {source.name}: folder {folder.name}"
    parts = _visible(folder, where)
    if not parts:
        raise InputRefused(f"{where} holds no parts", "Deliver its parts, or remove the folder.")
    # A part that is passed over in silence would be missing from every decision.
    if strange := [part for part in parts if part.is_dir() or not _suffix(part)]:
        raise InputRefused(
            f"{where} holds what is not a part: {_names(strange)}",
            f"Expected only {', '.join(SUFFIXES)} files.",
        )
    return parts


def _refuse_missing(table: str, entries: Sequence[Path], source: SourceSettings) -> None:
    """Raise InputRefused for an absent table that is required, or that is there under a name like its own."""
    alike = [entry for entry in entries if entry.name.split(".")[0].casefold() == table]
    # An increment brings what is new: a night without news of a table has no file for it.
    is_required = table in source.delivers and source.mode == "snapshot"
    if not is_required and not alike:
        return
    by_stem = {entry.name.split(".")[0]: entry for entry in entries if _table_of(entry) not in TABLES}
    near = alike[0] if alike else by_stem.get(closest(table, by_stem) or "")
    raise InputRefused(
        f"source {source.name}: table {table} not found in {_place(source)}; found: {_names(entries)}",
        f"Expected {EXPECTED_FILES}."
        + (f" Did you mean {near.name} -> {_right_name(table, near)}?" if near else ""),
    )


def _right_name(table: str, entry: Path) -> str:
    return table if entry.is_dir() else f"{table}{_suffix(entry) or '.csv'}"


def _names(entries: Sequence[Path]) -> str:
    shown = [f"{entry.name}/" if entry.is_dir() else entry.name for entry in entries[:FILES_NAMED]]
    more = len(entries) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def _read_part(found: _Found, source: SourceSettings, work: Path, sample: int | None) -> Part:
    where = f"source {source.name}, {found.name}"
    if not found.path.is_file():
        raise InputRefused(f"{where}: not a readable file", "Expected a regular file, or a link to one.")
    suffix = _suffix(found.path)
    if found.sheet is not None or suffix == ".xlsx":
        delivered = Workbook(found.table, found.path, found.name, found.sheet)
        return read_sheet(delivered, source, _copy_path(source, found, work), where, sample)
    read = _read_parquet if suffix == ".parquet" else _read_csv
    return read(found, source, work, where, sample)


def _read_csv(
    found: _Found, source: SourceSettings, work: Path, where: str, sample: int | None = None
) -> Part:
    compression = CSV_SUFFIXES[_suffix(found.path) or ".csv"]
    delivery = Delivery(found.path, where)
    blocks = decompressed(delivery.blocks(), compression, where)
    read_path = found.path
    if not is_utf8(source.encoding) or sample is not None:
        read_path, compression = _copy_path(source, found, work), "none"
    if sample is not None:
        blocks = first_lines(blocks, sample + 1)
    if read_path != found.path:
        blocks = decoded(blocks, source.encoding, read_path, where)
    head, blocks = peek(blocks)
    refuse_other_encoding(head, where)
    refuse_nul(head, 0, where)
    header = read_header(head, source, where)
    columns = bind(header.names, found.table, _mapping(source, found.table), where)
    rows = count_rows(blocks, header, where)
    delivery.refuse_if_changed()
    return Part(
        source=source.name,
        table=found.table,
        name=found.name,
        read_path=read_path,
        format="csv",
        compression=compression,
        delimiter=source.delimiter,
        header=header.names,
        columns=columns,
        rows=rows,
        sha256=delivery.sha256,
        size=delivery.size,
    )


def _copy_path(source: SourceSettings, found: _Found, work: Path) -> Path:
    return work / f"decoded-{as_path(f'{source.name}/{found.name}')}.csv"


def _read_parquet(
    found: _Found, source: SourceSettings, work: Path, where: str, sample: int | None = None
) -> Part:
    delivery = Delivery(found.path, where)
    if sample is None:
        _exhaust(delivery.blocks())
    if found.path.stat().st_size == 0:
        raise InputRefused(f"{where}: the file is empty", "Deliver the file again.")
    try:
        footer = parquet.read_metadata(found.path)
        header = tuple(footer.schema.to_arrow_schema().names)
    except (pyarrow.ArrowException, OSError):
        raise InputRefused(
            f"{where}: not a readable Parquet file, or cut before its end", "Deliver the file again."
        ) from None
    delivery.refuse_if_changed()
    read_path, rows = found.path, footer.num_rows
    if sample is not None and sample < rows:
        read_path = _copy_path(source, found, work).with_suffix(".parquet")
        rows = _copy_first_rows(found.path, read_path, sample)
    return Part(
        source=source.name,
        table=found.table,
        name=found.name,
        read_path=read_path,
        format="parquet",
        compression="none",
        delimiter=source.delimiter,
        header=header,
        columns=bind(header, found.table, _mapping(source, found.table), where),
        rows=rows,
        sha256=delivery.sha256,
        size=delivery.size,
    )


def _copy_first_rows(path: Path, copy: Path, rows: int) -> int:
    head = next(parquet.ParquetFile(path).iter_batches(batch_size=rows))
    parquet.write_table(pyarrow.Table.from_batches([head]), copy)
    return int(head.num_rows)


def _exhaust(blocks: Iterable[bytes]) -> None:
    deque(blocks, maxlen=0)


def _mapping(source: SourceSettings, table: str) -> TableMapping:
    return source.tables.get(table, TableMapping())
