"""The header of a part: read by us, so that columns are bound by name and never by position."""

from __future__ import annotations

import codecs
import csv
import difflib
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from schemas.canonical_columns import COLUMNS, REQUIRED
from schemas.errors import ConfigurationError, InputRefused
from sources.base import SourceSettings, TableMapping

HEAD_BYTES = 64 * 1024
"""How much of a part is looked at to judge its encoding; the header must end within it."""

UTF8_BOM = codecs.BOM_UTF8
WIDE_BOMS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
"""Longest first: the mark of UTF-32 begins with that of UTF-16."""

DELIMITERS = {";": "a semicolon", "\t": "a tab", "|": "a vertical bar", ",": "a comma"}
LONE_CARRIAGE_RETURN = re.compile("\r(?!\n)")
# Matches once a line: whatever follows the first undecodable byte is taken with it.
UNDECODABLE_IN_LINE = re.compile("[\udc80-\udcff][^\n]*")


@dataclass(frozen=True)
class Header:
    """The trimmed column names in file order, and how many lines and bytes they take up."""

    names: tuple[str, ...]
    lines: int
    length: int


def closest(name: str, candidates: Iterable[str]) -> str | None:
    """The candidate that a person most probably meant by `name`, regardless of case; null if none is near."""
    folded = {candidate.casefold(): candidate for candidate in candidates}
    found = difflib.get_close_matches(name.casefold(), folded, n=1)
    return folded[found[0]] if found else None


def check_mapping(source: SourceSettings) -> None:
    """Raise ConfigurationError where the mapping names a table or column that does not exist."""
    if len(source.delimiter) != 1 or source.delimiter in '"\r\n':
        raise ConfigurationError(
            f"source {source.name}: delimiter {source.delimiter!r} cannot separate columns",
            'It must be one character, such as delimiter = ";".',
        )
    for table, mapping in source.tables.items():
        if table not in COLUMNS:
            raise ConfigurationError(
                f"source {source.name}: {table} is not a canonical table", _did_you_mean(table, COLUMNS)
            )
        _check_table_mapping(f"source {source.name}, table {table}", mapping, COLUMNS[table])


def refuse_mapped_columns(source: SourceSettings, what: str, section: str) -> None:
    """Raise ConfigurationError where the mapping names columns of a source whose columns a standard names."""
    for table, mapping in source.tables.items():
        if mapping.columns:
            raise ConfigurationError(
                f"source {source.name}, table {table}: {what} has no columns to map",
                f"Leave `columns` out; what {section.upper()} leaves open is chosen under `{section}`.",
            )


def _check_table_mapping(where: str, mapping: TableMapping, canonical: Sequence[str]) -> None:
    for setting in ("columns", "constants"):
        for column in getattr(mapping, setting):
            if column not in canonical:
                raise ConfigurationError(
                    f"{where}: {setting} names {column}, which is not a canonical column",
                    _did_you_mean(column, canonical),
                )
    if twice := sorted(set(mapping.columns) & set(mapping.constants)):
        raise ConfigurationError(
            f"{where}: {', '.join(twice)} is both a column of the file and a constant", "Keep one of the two."
        )
    if unnamed := sorted(column for column, site_name in mapping.columns.items() if not site_name.strip()):
        raise ConfigurationError(
            f"{where}: columns gives no site name for {', '.join(unnamed)}", "Name it, or leave the line out."
        )


def _did_you_mean(name: str, known: Iterable[str]) -> str:
    known = tuple(known)
    match = closest(name, known)
    return f"Did you mean {match}?" if match else f"Expected one of: {', '.join(known)}."


def refuse_other_encoding(head: bytes, where: str) -> None:
    """Raise InputRefused where the first bytes of a part show that it is not UTF-8 at all.

    A single undecodable line is not refused here: it is quarantined later, with its number. More than one
    line, and more than a tenth of them, is a file in another encoding.
    """
    marked = (name for mark, name in WIDE_BOMS.items() if head.startswith(mark))
    if wide := next(marked, None) or _unmarked_wide(head):
        raise InputRefused(f"{where}: the file is {wide.upper()}, not UTF-8", encoding_hint(wide))
    whole_lines = head[: head.rfind(b"\n") + 1] or head
    text = whole_lines.decode("utf-8", errors="surrogateescape")
    lines, undecodable = text.count("\n"), len(UNDECODABLE_IN_LINE.findall(text))
    if undecodable > max(1, lines // 10):
        raise InputRefused(
            f"{where}: the file is not UTF-8: {undecodable} of its first {lines} lines cannot be decoded",
            encoding_hint("cp1252"),
        )


def encoding_hint(encoding: str) -> str:
    """What to do about a file in another encoding than the configured one."""
    return f'Name the encoding of the files in the source\'s configuration, such as encoding = "{encoding}".'


def _unmarked_wide(head: bytes) -> str | None:
    # In UTF-16 and UTF-32 text of Latin letters the zero bytes stand at fixed places.
    start = head[:64]
    for encoding, width, letter in (
        ("utf-32-le", 4, 0),
        ("utf-32-be", 4, 3),
        ("utf-16-le", 2, 0),
        ("utf-16-be", 2, 1),
    ):
        zeros = b"".join(start[place::width] for place in range(width) if place != letter)
        if zeros and not any(zeros) and all(start[letter::width]):
            return encoding
    return None


def read_header(head: bytes, source: SourceSettings, where: str) -> Header:
    """The header of a CSV part from its first bytes: UTF-8, at most HEAD_BYTES of them.

    A byte order mark is dropped, quoting is respected and names are trimmed. Raises InputRefused where the
    first line cannot be a header. No message repeats that line: without a header it would be a person's row.
    """
    text = head.removeprefix(UTF8_BOM)
    if not text:
        raise InputRefused(f"{where}: the file is empty", "Expected at least a line of column names.")
    taken: list[bytes] = []
    names = _first_record(text, taken, source.delimiter, where)
    length = sum(map(len, taken)) + len(head) - len(text)
    if length >= HEAD_BYTES:
        raise InputRefused(
            f"{where}: the header does not end within the first {HEAD_BYTES // 1024} KiB",
            "Expected a line of column names that ends in a line feed.",
        )
    if not any(names):
        raise InputRefused(f"{where}: the first line is empty", "Expected the column names there.")
    if len(names) == 1:
        _refuse_other_delimiter(names[0], source, where)
    return Header(names=names, lines=len(taken), length=length)


def _first_record(text: bytes, taken: list[bytes], delimiter: str, where: str) -> tuple[str, ...]:
    """The trimmed fields of the first record; `taken` receives the physical lines it stands on."""

    def lines() -> Iterator[str]:
        for line in io.BytesIO(text):
            taken.append(line)
            yield line.decode("utf-8")

    try:
        record = next(csv.reader(lines(), delimiter=delimiter, skipinitialspace=True, strict=True))
    except UnicodeDecodeError:
        raise InputRefused(f"{where}: the header is not UTF-8", encoding_hint("cp1252")) from None
    except csv.Error:
        _refuse_carriage_returns(b"".join(taken), where)
        raise InputRefused(
            f"{where}: the quoting of the header cannot be read",
            'Every quote must be closed, and a quote within a name is written twice ("").',
        ) from None
    if taken[-1].endswith(b"\r"):
        _refuse_carriage_returns(taken[-1], where)
    return tuple(name.strip() for name in record)


def _refuse_carriage_returns(text: bytes, where: str) -> None:
    if LONE_CARRIAGE_RETURN.search(text.decode("utf-8", errors="replace")):
        raise InputRefused(
            f"{where}: lines end in a lone carriage return (the line end of old Macintosh systems)",
            "Export the file with line feeds, with or without carriage returns before them.",
        )


def _refuse_other_delimiter(name: str, source: SourceSettings, where: str) -> None:
    found = next((mark for mark in DELIMITERS if mark in name and mark != source.delimiter), None)
    if found:
        setting = "\\t" if found == "\t" else found
        raise InputRefused(
            f"{where}: the header is a single column; the delimiter looks like {DELIMITERS[found]}",
            f'Set delimiter = "{setting}" in the configuration of source {source.name}.',
        )


def bind(names: Sequence[str], table: str, mapping: TableMapping, where: str) -> dict[str, str]:
    """Canonical column -> the column of the file that holds it, for every canonical column the file has.

    A mapped name, or else the canonical name, is looked for as written and then regardless of case. A column
    of the file that the mapping claims is not bound again under its own name, and a constant is never bound.
    Raises InputRefused where a required or mapped column is missing, or stands in the header twice.
    """
    mapped = {column: _find(site_name, names, where) for column, site_name in mapping.columns.items()}
    _refuse_missing_mapped(mapped, mapping, names, where)
    own_names = (c for c in COLUMNS[table] if c not in mapping.columns and c not in mapping.constants)
    own = {column: _find(column, names, where) for column in own_names}
    claimed = set(mapped.values())
    bound = mapped | {column: name for column, name in own.items() if name not in claimed}
    columns = {column: name for column in COLUMNS[table] if (name := bound.get(column)) is not None}
    _refuse_missing_required(table, columns, mapping, names, where)
    return columns


def _find(wanted: str, names: Sequence[str], where: str) -> str | None:
    as_written = [name for name in names if name.strip() == wanted.strip()]
    any_case = [name for name in names if name.strip().casefold() == wanted.strip().casefold()]
    found = as_written or any_case
    if len(found) > 1:
        raise InputRefused(
            f"{where}: column {wanted} stands in the header {len(found)} times",
            "Rename or remove the columns that do not hold it.",
        )
    return found[0] if found else None


def _refuse_missing_mapped(
    mapped: Mapping[str, str | None], mapping: TableMapping, names: Sequence[str], where: str
) -> None:
    missing = [mapping.columns[column] for column, name in mapped.items() if name is None]
    if missing:
        raise InputRefused(
            f"{where}: the mapping names {_listed(missing)}, not in the header",
            _closest_columns({name: (name,) for name in missing}, names),
        )


def _refuse_missing_required(
    table: str, columns: Mapping[str, str], mapping: TableMapping, names: Sequence[str], where: str
) -> None:
    missing = [
        group
        for group in REQUIRED[table]
        if not any(column in columns or column in mapping.constants for column in group)
    ]
    if missing:
        free = [name for name in names if name not in columns.values()]
        wanted = {" or ".join(group): group for group in missing}
        raise InputRefused(
            f"{where}: required {_listed(wanted)} of table {table} not in the header",
            _closest_columns(wanted, free),
        )


def _listed(columns: Iterable[str]) -> str:
    columns = tuple(columns)
    return f"column{'s' if len(columns) > 1 else ''} {', '.join(columns)}"


def _closest_columns(wanted: Mapping[str, Sequence[str]], names: Sequence[str]) -> str:
    """A hint with the nearest column of the file for each missing one; other names are not repeated."""
    near = {
        label: match
        for label, columns in wanted.items()
        if (match := next((m for column in columns if (m := closest(column, names))), None))
    }
    found = "".join(f' Closest to {label}: "{match}".' for label, match in near.items())
    return (
        "Is the first line the column names? Map a column under the name it has in the file"
        f' (columns = {{ canonical = "site name" }}), or give a constant.{found}'
    )
