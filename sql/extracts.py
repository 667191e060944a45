"""How DuckDB is told to read a group of files: explicit text columns, bound by name, nothing guessed."""

from __future__ import annotations

import gzip
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Final, Literal, Protocol, cast

import zstandard

from sql.statements import identifier, text_literal

BLOCK_BYTES: Final = 4 * 1024 * 1024


class Part(Protocol):
    """One readable file of one canonical table; `rows` was counted without a parser."""

    @property
    def source(self) -> str: ...
    @property
    def table(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def read_path(self) -> Path: ...
    @property
    def format(self) -> Literal["csv", "parquet"]: ...
    @property
    def compression(self) -> Literal["none", "gzip", "zstd"]: ...
    @property
    def delimiter(self) -> str: ...
    @property
    def header(self) -> tuple[str, ...]: ...
    @property
    def columns(self) -> Mapping[str, str]: ...
    @property
    def rows(self) -> int: ...
    @property
    def sha256(self) -> str: ...
    @property
    def size(self) -> int: ...
    @property
    def malformed_lines(self) -> tuple[int, ...]: ...


class TableMapping(Protocol):
    @property
    def constants(self) -> Mapping[str, str]: ...
    @property
    def date_formats(self) -> tuple[str, ...]: ...


class Source(Protocol):
    """The words of one configured source."""

    @property
    def name(self) -> str: ...
    @property
    def mode(self) -> Literal["snapshot", "increment"]: ...
    @property
    def identifiers(self) -> str: ...
    @property
    def home_rank(self) -> int: ...
    @property
    def decimal_comma(self) -> bool: ...
    @property
    def tables(self) -> Mapping[str, Any]: ...
    @property
    def codes(self) -> Mapping[str, str]: ...
    @property
    def test_codes(self) -> Mapping[str, str]: ...
    @property
    def test_names(self) -> Mapping[str, str]: ...
    @property
    def test_units(self) -> Mapping[str, str]: ...
    @property
    def code_systems(self) -> Mapping[str, str]: ...


def alike(parts: Sequence[Part]) -> list[list[Part]]:
    """The parts in groups that one statement can read: same source, table, format and header."""
    groups: dict[tuple[object, ...], list[Part]] = {}
    for part in parts:
        written = (
            part.format,
            part.compression,
            part.delimiter,
            part.header,
            tuple(sorted(part.columns.items())),
        )
        groups.setdefault((part.source, part.table, *written), []).append(part)
    return list(groups.values())


def every_column(parts: Sequence[Part], max_line_bytes: int) -> str:
    """A query with the columns of the files as c0, c1, ... in file order, and which file each row stands in."""
    return _csv(parts, max_line_bytes) if parts[0].format == "csv" else _parquet(parts)


def canonical(part: Part, columns: Sequence[str], constants: Mapping[str, str]) -> str:
    """A query with exactly the canonical columns, taken from the view `every_column`.

    A column that the files lack is the site's constant for it, or null.
    """
    place = {name: f"c{number}" for number, name in enumerate(part.header)}

    def expression(column: str) -> str:
        if column in constants:
            return text_literal(constants[column])
        return place[part.columns[column]] if column in part.columns else "cast(null as varchar)"

    listed = ", ".join(f"{expression(column)} as {column}" for column in columns)
    return f"select part_index, {listed} from every_column"


def lines_at(part: Part, positions: Sequence[int]) -> list[int]:
    """The line of the file on which each byte stands (both from 1; positions in rising order).

    The parser numbers records, which differ from lines as soon as a quoted value holds a line break.
    """
    lines, passed, line = [], 0, 1
    with _content(part) as file:
        for position in positions:
            while passed < position - 1 and (block := file.read(min(BLOCK_BYTES, position - 1 - passed))):
                passed += len(block)
                line += block.count(b"\n")
            lines.append(line)
    return lines


def _content(part: Part) -> IO[bytes]:
    if part.compression == "gzip":
        return cast(IO[bytes], gzip.open(part.read_path))
    if part.compression == "zstd":
        return cast(IO[bytes], zstandard.open(part.read_path))
    return part.read_path.open("rb")


def _csv(parts: Sequence[Part], max_line_bytes: int) -> str:
    first = parts[0]
    columns = ", ".join(f"'c{number}': 'VARCHAR'" for number in range(len(first.header)))
    compression = {"none": "none", "gzip": "gzip", "zstd": "zstd"}[first.compression]
    return (
        f"select *, file_index as part_index from read_csv({_paths(parts)}, columns = {{{columns}}}, "
        f"auto_detect = false, header = true, delim = {text_literal(first.delimiter)}, quote = '\"', escape = '\"', "
        f"compression = '{compression}', strict_mode = true, null_padding = false, nullstr = '', "
        f"max_line_size = {max_line_bytes}, buffer_size = {8 * max_line_bytes}, "
        "store_rejects = true, rejects_table = 'reject_errors', rejects_scan = 'reject_scans', rejects_limit = 0)"
    )


def _parquet(parts: Sequence[Part]) -> str:
    listed = ", ".join(
        f"nullif(cast({identifier(name)} as varchar), '') as c{number}"
        for number, name in enumerate(parts[0].header)
    )
    return f"select file_index as part_index, {listed} from read_parquet({_paths(parts)})"


def _paths(parts: Sequence[Part]) -> str:
    return "[" + ", ".join(text_literal(str(part.read_path)) for part in parts) + "]"
