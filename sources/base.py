"""What a source promises: parts, each one readable file of one canonical table with its columns bound by name.

Files are parts as they lie. Every other kind (a database, a FHIR export, an OMOP store, a workbook) is *landed*
first: written as Parquet in canonical raw form, every value as text, into the night's work folder. From there on a
night cannot tell where a row came from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Literal

from sql.warehouse import Engine


@dataclass(frozen=True)
class TableMapping:
    """How one table of a source is written: site column names, constants and date formats.

    columns: canonical column -> the site's column name. constants: canonical column -> the value of every row.
    date_formats: strptime formats tried after ISO, for every date column of the table.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, str] = field(default_factory=dict)
    date_formats: tuple[str, ...] = ()


Kind = Literal["files"]
"""How a source is read; `sources.gather` has one module for each."""


@dataclass(frozen=True)
class SourceSettings:
    """One configured source: where its extract lies and how its own words map to ours.

    test_codes, test_names: a local test code or name -> laboratory concept (a codelist name such as
    `lab_b12_total`). test_units: a local test code, test name or concept -> the unit its results are in where
    the row has none; the only way a missing unit is ever filled. code_systems: the site's spelling -> ours.
    """

    name: str
    path: Path
    kind: Kind = "files"
    mode: Literal["snapshot", "increment"] = "snapshot"
    delimiter: str = ","
    encoding: str = "utf-8"
    decimal_comma: bool = False
    tables: Mapping[str, TableMapping] = field(default_factory=dict)
    test_codes: Mapping[str, str] = field(default_factory=dict)
    test_names: Mapping[str, str] = field(default_factory=dict)
    test_units: Mapping[str, str] = field(default_factory=dict)
    code_systems: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Asked:
    """What a night asks of its sources.

    work: the folder that landed copies go to. watermarks: (source, table) -> the highest watermark that a
    committed night has read, as text. sample: at most so many rows of a table, for a look without a run.
    """

    work: Path
    as_of: date
    engine: Engine = field(default_factory=Engine)
    watermarks: Mapping[tuple[str, str], str] = field(default_factory=dict)
    sample: int | None = None


@dataclass(frozen=True)
class Part:
    """One readable file of one canonical table, checked to its last byte and counted without a parser.

    name: the path relative to the source folder, for messages and the manifest. read_path: what DuckDB opens
    (a decoded copy where the original is not UTF-8). header: every column in file order. columns: canonical
    column -> column in the file. rows: physical lines less the header (CSV) or the footer's count (Parquet), and
    with them the malformed lines. sha256, size: of the bytes as delivered; of a query, of its result as landed.
    malformed_lines: lines of the delivered file that a landing could not read; each is quarantined by its number.
    watermark: the highest value of the query's watermark column (text), where an increment has one.
    """

    source: str
    table: str
    name: str
    read_path: Path
    format: Literal["csv", "parquet"]
    compression: Literal["none", "gzip", "zstd"]
    delimiter: str
    header: tuple[str, ...]
    columns: Mapping[str, str]
    rows: int
    sha256: str
    size: int
    malformed_lines: tuple[int, ...] = ()
    watermark: str | None = None
