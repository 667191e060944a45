"""FHIR R4: a folder of NDJSON as bulk exports deliver it, landed as canonical tables.

A file is parsed once, by the engine and straight into typed columns, while another thread hashes it and counts its
lines without a parser. Where the two do not agree to the line, or a line cannot be read, that file is read again line
by line: what cannot be read is then known by its number, and the rest is landed.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import polars as pl
import pyarrow as pa

from schemas.canonical_columns import COLUMNS
from schemas.errors import InputRefused
from schemas.vocabulary import FAMILIES, TABLES
from sources.base import Asked, Part, SourceSettings, as_path
from sources.fhir_shapes import CONCEPT, LOOKED_UP, SHAPES, TABLE_OF, as_columns, as_structure, as_type
from sources.headers import UTF8_BOM, refuse_mapped_columns, refuse_other_encoding
from sources.streams import Compression, Delivery, decompressed, peek
from sql.engine import Matching
from sql.landing import ROW_GROUP, Landing, paths
from sql.statements import filled, statement, text_literal
from sql.warehouse import NAMED

SUFFIXES: Final[dict[str, Compression]] = {".ndjson": "none", ".ndjson.gz": "gzip"}
COMPRESSION_OF: Final = {"none": "uncompressed", "gzip": "gzip"}
"""Compression -> the reader's word for it."""
DISTINCT_TEXTS: Final = 1000
"""Columns with more different texts in a row group are written as they are."""
UNFINISHED: Final = (".", "_", "~", "#")
READERS: Final = 2
FILES_NAMED: Final = 12
LONGEST_LINE: Final = 16 * 1024 * 1024
"""Bytes of the longest line that is read: a photograph of a person may be in it."""

STATEMENT_OF: Final = {kind: "fhir/" + re.sub(r"(?<!^)(?=[A-Z])", "_", kind).lower() for kind in TABLE_OF}

MACROS: Final = (
    *("ddl/macro_tidy", "ddl/macro_code_text", "ddl/macro_squeezed"),
    *("fhir/macro_bare_id", "fhir/macro_clinic_of", "fhir/macro_person_of", "fhir/macro_person_named"),
    *("fhir/macro_has_concept", "fhir/macro_in_words", "fhir/macro_unit_of", "fhir/macro_limit_of"),
    *("fhir/macro_written", "fhir/macro_days_of", "fhir/macro_per_day", "fhir/macro_whole_on"),
    *("fhir/macro_fate", "fhir/macro_own_id", "fhir/macro_told", "fhir/macro_received"),
    *("fhir/macro_drug_of", "fhir/macro_system_of", "fhir/macro_is_offered"),
)

ETHNICITY_EXTENSIONS: Final = (
    "http://hl7.org/fhir/us/core/StructureDefinition/us-core-race",
    "http://hl7.org/fhir/us/core/StructureDefinition/us-core-ethnicity",
    "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-EthnicCategory",
)
DAYS_PER_UNIT: Final = {
    "s": 1 / 86_400,
    "min": 1 / 1_440,
    "h": 1 / 24,
    "d": 1.0,
    "day": 1.0,
    "days": 1.0,
    "wk": 7.0,
    "week": 7.0,
    "weeks": 7.0,
    "mo": 30.4375,
    "a": 365.25,
}
"""Unit of time (UCUM, or a day or week in words) -> days."""

LINES: Final = pa.schema([("line_no", pa.int64()), ("line", pa.binary())])
EXPECTED: Final = (
    "Expected the files of a FHIR bulk export: <any name>.ndjson or .ndjson.gz, one resource on a line."
)
RESOURCE_TYPE: Final = re.compile(rb'"resourceType"\s*:\s*"([A-Za-z]+)"')
BLANKS: Final = b" \t\r\n"
BLANK_LINE: Final = re.compile(rb"\n[ \t\r]*(?=\n)")

NO_MATCHING: Final = Matching(
    pl.DataFrame(schema=dict.fromkeys(("concept", "system", "code", "match", "match_code"), pl.String)),
    pl.DataFrame(),
    pl.DataFrame(schema=dict.fromkeys(("alias", "system"), pl.String)),
)


@dataclass(frozen=True)
class _File:
    path: Path
    compression: Compression
    where: str

    @property
    def name(self) -> str:
        return self.path.name


@dataclass(frozen=True)
class _Counted:
    """What is known of a file without a parser. lines: all of them, blank ones too."""

    delivery: Delivery
    lines: int


@dataclass(frozen=True)
class _Scanned:
    """One reading of a file for one type of resource.

    path: the Parquet with every row and fate. fates: fate -> lines. broken, unreadable: numbers of the lines that
    are no resource, and of those whose resource does not say what it is about.
    """

    path: Path
    fates: Mapping[str, int]
    broken: tuple[int, ...] = ()
    unreadable: tuple[int, ...] = ()

    @property
    def lines(self) -> int:
        return sum(self.fates.values()) - self.fates.get("component", 0)

    @property
    def landed(self) -> int:
        return self.fates.get("row", 0) + self.fates.get("component", 0)

    @property
    def types(self) -> set[str]:
        return {fate for fate in self.fates if fate in SHAPES}


def land(source: SourceSettings, asked: Asked) -> list[Part]:
    """One part per file of the export and canonical table, by table in canonical order and then by name.

    Files are `*.ndjson` and `*.ndjson.gz` under any name; the type of a resource is decided line by line. Resources
    of types that are no rows of a table are counted and passed over. A line that is no resource, or whose resource
    does not say what it is about, becomes one of the part's malformed lines. Raises InputRefused where the folder,
    or a file of it, cannot be trusted, or where a table that the source is to deliver has no resource.
    """
    refuse_mapped_columns(source, "a FHIR source", "fhir")
    files = _found(source)
    folder = asked.work / "landed" / as_path(source.name)
    with Landing(folder, asked.engine) as landing, ThreadPoolExecutor(READERS) as readers:
        delivered = [(file, Delivery(file.path, file.where)) for file in files]
        counted = {}
        if not asked.sample:
            counted = {file: readers.submit(_count, one, file.compression) for file, one in delivered}
        try:
            parts = _Export(source, asked, landing, counted).parts(files)
        except BaseException:
            readers.shutdown(cancel_futures=True)
            raise
    return sorted(parts, key=lambda part: (TABLES.index(part.table), part.name))


def _found(source: SourceSettings) -> list[_File]:
    """The files of the export by name, without hidden and unfinished ones."""
    where = f"source {source.name}"
    if not source.path.is_dir():
        problem = "is a file, not a folder" if source.path.is_file() else "does not exist"
        raise InputRefused(f"{where}: the export folder {source.path} {problem}", EXPECTED)
    try:
        entries = sorted(source.path.iterdir())
    except OSError as error:
        raise InputRefused(
            f"{where}: the folder {source.path} cannot be read ({error.strerror})", EXPECTED
        ) from None
    files = [
        _File(entry, SUFFIXES[suffix], f"{where}, {entry.name}")
        for entry in entries
        if not entry.name.startswith(UNFINISHED) and (suffix := _suffix(entry))
    ]
    if not files:
        raise InputRefused(
            f"{where}: no file of a FHIR export in {source.path}; found: {_names(entries) or 'nothing'}",
            EXPECTED,
        )
    for file in files:
        if not file.path.is_file():
            raise InputRefused(f"{file.where}: not a readable file", EXPECTED)
    return files


def _suffix(entry: Path) -> str | None:
    return next((suffix for suffix in SUFFIXES if entry.name.lower().endswith(suffix)), None)


def _names(entries: Sequence[Path]) -> str:
    more = len(entries) - FILES_NAMED
    return ", ".join(entry.name for entry in entries[:FILES_NAMED]) + (
        f" and {more} more" if more > 0 else ""
    )


# -- reading a file without a parser --------------------------------------------------------------------------


def _count(delivery: Delivery, compression: Compression) -> _Counted:
    """Read a file to its last byte. Raises InputRefused where it is empty, cut, damaged or changed meanwhile."""
    head, blocks = peek(decompressed(delivery.blocks(), compression, delivery.where))
    refuse_other_encoding(head, delivery.where)
    lines = _count_lines(blocks)
    if delivery.size == 0:
        raise InputRefused(f"{delivery.where}: the file is empty", "Deliver the file again, or leave it out.")
    return _Counted(delivery, lines)


def _count_lines(blocks: Iterable[bytes]) -> int:
    """How many lines there are; the last one may lack its line feed."""
    line_feeds, last = 0, b"\n"
    for block in blocks:
        line_feeds += block.count(b"\n")
        last = block[-1:] or last
    return line_feeds + (last != b"\n")


def _count_blank_lines(blocks: Iterable[bytes]) -> int:
    """How many lines hold nothing but blanks, with or without a line feed at the end of the last one."""
    blank, open_line = 0, b"\n"
    for block in blocks:
        window = open_line + block
        blank += len(BLANK_LINE.findall(window))
        tail = window[window.rfind(b"\n") :]
        # Of an open line nothing matters but whether it is blank so far.
        open_line = b"\nx" if tail.strip(BLANKS) else tail
    return blank + (not open_line.strip(BLANKS) and len(open_line) > 1)


def _first_type(file: _File) -> str:
    """The type that the first lines of a file name; empty where they name none that is read."""
    head, _ = peek(decompressed(Delivery(file.path, file.where).blocks(), file.compression, file.where))
    refuse_other_encoding(head, file.where)
    found = RESOURCE_TYPE.search(head)
    kind = found[1].decode() if found else ""
    return kind if kind in SHAPES else ""


def _content(file: _File) -> Iterator[bytes]:
    """The bytes of a file, decompressed and without the mark of UTF-8."""
    head, blocks = peek(decompressed(Delivery(file.path, file.where).blocks(), file.compression, file.where))
    return itertools.chain([next(blocks).removeprefix(UTF8_BOM)] if head else [], blocks)


def _lines(file: _File) -> Iterator[pa.RecordBatch]:
    """The lines of a file with their numbers from 1; an over-long one is null, so that memory stays bounded."""
    number, rest = 1, b""
    for block in _content(file):
        *whole, rest = (rest + block).split(b"\n")
        rest = rest[: LONGEST_LINE + 1]
        if whole:
            yield _batch(number, whole)
            number += len(whole)
    if rest:
        yield _batch(number, [rest])


def _batch(number: int, lines: Sequence[bytes]) -> pa.RecordBatch:
    # Only the first line can have begun before this block.
    first = None if len(lines[0]) > LONGEST_LINE else lines[0]
    numbers = pa.array(range(number, number + len(lines)), pa.int64())
    return pa.record_batch([numbers, pa.array([first, *lines[1:]], pa.binary())], schema=LINES)


# -- landing ----------------------------------------------------------------------------------------------------


class _Export:
    """One folder being landed. `counted` is empty where only a sample is asked for."""

    def __init__(
        self,
        source: SourceSettings,
        asked: Asked,
        landing: Landing,
        counted: Mapping[_File, Future[_Counted]],
    ) -> None:
        self.source = source
        self.asked = asked
        self.landing = landing
        self.counted = counted
        self.where = f"source {source.name}"
        self._offered_to = ""

    def parts(self, files: Sequence[_File]) -> list[Part]:
        self._prepare()
        types = {file: {_first_type(file)} for file in files}
        scans = self._scan(types)
        # A file of one type, as the format has it, is read once; what another holds besides is known after that.
        if more := self._types_found(types, scans):
            types = {file: types[file] | more[file] for file in files}
            scans = self._scan(types)
        self._refuse_missing(types)
        return [part for file in files for part in self._parts_of(file, scans[file])]

    def _prepare(self) -> None:
        run = self.landing.run
        # The engine takes a file of JSON for a small table and would gather all of it as the inner side of a join.
        run("set disabled_optimizers = 'join_order,build_side_probe_side'", self.where)
        for name in MACROS:
            run(statement(name), self.where)
        for name, literal in self._variables().items():
            run(f"set variable {name} = {literal}", self.where)
        matching = self.asked.matching or NO_MATCHING
        for name, frame in (
            ("pack_codes", matching.codes),
            ("aliases", matching.code_system_aliases),
            ("site_code_systems", _pairs(self.source.code_systems, "spelling", "system")),
        ):
            self.landing.give(name, frame)
        for name in (
            "staging/prefix_systems",
            "staging/spelling",
            "fhir/known_spellings",
            "fhir/known_systems",
        ):
            run(statement(name), self.where)
        run(statement("fhir/people_unnamed"), self.where)
        run(statement("fhir/visited_nowhere"), self.where)
        run(filled("fhir/drugs_unnamed", concept=as_type(CONCEPT)), self.where)

    def _variables(self) -> dict[str, str]:
        chosen = self.source.fhir
        days = ", ".join(f"{text_literal(unit)}: {days!r}::double" for unit, days in DAYS_PER_UNIT.items())
        return {
            "as_of": f"date {text_literal(str(self.asked.as_of))}",
            "is_increment": str(self.source.mode == "increment").lower(),
            "identifier_system": _literal(chosen.patient_identifier_system),
            "clinic_from": _literal(chosen.clinic_from),
            "opt_out": _literal(chosen.opt_out),
            "length_extension": _literal(chosen.length_extension),
            "ethnicity_extensions": _list(ETHNICITY_EXTENSIONS),
            "types_read": _list([kind for kind in SHAPES if kind]),
            "local_codes": _list(
                code.strip().upper() for code in (*self.source.test_codes, *self.source.codes)
            ),
            "days_per_unit": f"map {{{days}}}",
        }

    def _scan(self, types: Mapping[_File, set[str]]) -> dict[_File, dict[str, _Scanned]]:
        """Every file once for each of its types that is landed, or once to be counted."""
        self._look_up(types)
        scans: dict[_File, dict[str, _Scanned]] = {}
        for number, (file, kinds) in enumerate(types.items()):
            landed = [kind for kind in TABLE_OF if kind in kinds] or [""]
            scans[file] = {kind: self._scan_file(file, kind, f"{number}-{kind}") for kind in landed}
        return scans

    def _look_up(self, types: Mapping[_File, set[str]]) -> None:
        """Read what other resources refer to: medicines, and where the site wants it persons and encounters."""
        wanted = {"Medication": "fhir/medication"}
        if self.source.fhir.patient_identifier_system:
            wanted["Patient"] = "fhir/person"
        if self.source.fhir.clinic_from == "encounter":
            wanted["Encounter"] = "fhir/encounter"
        for kind, name in wanted.items():
            if files := [file for file, kinds in types.items() if kind in kinds]:
                self._look_up_in(files, kind, statement(name))

    def _look_up_in(self, files: Sequence[_File], kind: str, text: str) -> None:
        if len({file.compression for file in files}) == 1:
            with suppress(InputRefused):
                self._parse(files, kind)
                self.landing.run(text, self.where)
                return
        self._transform(files, kind)
        self.landing.run(text, self.where)
        self.landing.forget("lines")

    def _types_found(
        self, types: Mapping[_File, set[str]], scans: Mapping[_File, Mapping[str, _Scanned]]
    ) -> dict[_File, set[str]]:
        found = {file: set().union(*(one.types for one in scans[file].values())) for file in types}
        return found if any(found[file] - types[file] for file in types) else {}

    def _scan_file(self, file: _File, kind: str, name: str) -> _Scanned:
        path = self.landing.folder / f"{name}.parquet"
        with suppress(InputRefused):
            self._parse([file], kind)
            scanned = self._written(kind, path, file)
            if self._is_whole(scanned, file):
                return scanned
        return self._scan_line_by_line(file, kind, path)

    def _is_whole(self, scanned: _Scanned, file: _File) -> bool:
        counted = self._count_of(file)
        return counted is None or (
            scanned.lines == counted.lines and scanned.fates.keys().isdisjoint(("broken", "unreadable"))
        )

    def _scan_line_by_line(self, file: _File, kind: str, path: Path) -> _Scanned:
        """The same with the number of each line that cannot be read. Slower, and sure of every line."""
        counted = self._count_of(file)
        self._transform([file], kind)
        scanned = self._written(kind, path, file)
        self.landing.forget("lines")
        expected = counted.lines - _count_blank_lines(_content(file)) if counted else scanned.lines
        if scanned.lines != expected:
            raise InputRefused(
                f"{file.where}: {expected} lines were counted and {scanned.lines} read",
                "The file changed while it was read, or is damaged. Deliver it again.",
            )
        if scanned.lines and scanned.fates.get("broken", 0) == scanned.lines:
            raise InputRefused(
                f"{file.where}: none of its {scanned.lines} lines is a FHIR resource", EXPECTED
            )
        rows = self.landing.run(filled("fhir/not_landed", landed=_file(path)), file.where)
        return replace(
            scanned,
            broken=tuple(line for line, fate in rows if fate == "broken"),
            unreadable=tuple(line for line, fate in rows if fate == "unreadable"),
        )

    def _count_of(self, file: _File) -> _Counted | None:
        return self.counted[file].result() if self.counted else None

    def _parse(self, files: Sequence[_File], kind: str) -> None:
        """Make `resources` the lines of the files, parsed by the engine into typed columns."""
        compression = COMPRESSION_OF[files[0].compression]
        lines = (
            f"read_ndjson({paths([file.path for file in files])}, columns = {as_columns(kind)}, "
            f"compression = '{compression}', ignore_errors = true, maximum_object_size = {LONGEST_LINE})"
        )
        self.landing.run(filled("fhir/parsed", lines=lines), self.where)

    def _transform(self, files: Sequence[_File], kind: str) -> None:
        """Make `resources` the lines of the files with their numbers. It can be read once."""
        batches = (batch for file in files for batch in _lines(file))
        self.landing.give("lines", pa.RecordBatchReader.from_batches(LINES, batches))
        resource = f"try(json_transform(line_text, {text_literal(as_structure(kind))}))"
        self.landing.run(filled("fhir/line_by_line", resource=resource), self.where)

    def _written(self, kind: str, path: Path, file: _File) -> _Scanned:
        self._write(self._query(kind), path, file)
        rows = self.landing.run(filled("fhir/fates", landed=_file(path)), file.where)
        return _Scanned(path, dict(rows))

    def _write(self, query: str, path: Path, file: _File) -> None:
        # Read twice at most, and gone in the morning: what is cheapest to write is best.
        text = filled(
            "fhir/kept",
            query=query,
            file=text_literal(str(path)),
            distinct=str(DISTINCT_TEXTS),
            rows=str(ROW_GROUP),
        )
        self.landing.run(text, file.where)

    def _query(self, kind: str) -> str:
        """The rows of one type of resource with the fate of every line, out of `resources`."""
        if not kind:
            return _bare(statement("fhir/other"))
        table = TABLE_OF[kind]
        said = _bare(statement(STATEMENT_OF[kind]))
        if table in NAMED:
            self._offer(table)
            said = _bare(filled("fhir/recognised", said=said))
        return f"{said} limit {self.asked.sample}" if self.asked.sample else said

    def _offer(self, table: str) -> None:
        """Make known which codings the lists of a table hold."""
        if self._offered_to != table:
            self.landing.run(f"set variable families = {_list(FAMILIES[table])}", self.where)
            for name in ("offered", "offered_codes", "offered_pairs", "offered_keys", "offered_beginnings"):
                self.landing.run(statement(f"fhir/{name}"), self.where)
            self._offered_to = table

    # -- parts ----------------------------------------------------------------------------------------------

    def _refuse_missing(self, types: Mapping[_File, set[str]]) -> None:
        """Raise InputRefused where a table that the source is to deliver has no resource in the whole export."""
        found = set().union(*types.values())
        for table in TABLES if self.source.mode == "snapshot" else ():
            wanted = [kind for kind, of in TABLE_OF.items() if of == table]
            if table in self.source.delivers and found.isdisjoint(wanted):
                raise InputRefused(
                    f"{self.where}: no {' or '.join(wanted)} in {self.source.path}; found: "
                    f"{', '.join(sorted(found - {''})) or 'no type that is read'} in "
                    f"{_names([file.path for file in types])}",
                    "Ask the server for that type as well, and deliver the export again.",
                )

    def _parts_of(self, file: _File, scans: Mapping[str, _Scanned]) -> list[Part]:
        landed = {kind: one for kind, one in scans.items() if kind and (one.landed or one.unreadable)}
        broken = next(iter(scans.values())).broken
        parts = []
        for kind, one in landed.items():
            path = self._without_fates(one, file)
            parts.append(self._part(file, TABLE_OF[kind], path, one.landed, {*broken, *one.unreadable}))
            broken = ()
        if broken:
            # Nothing of this file is a row; what its broken lines were is counted where such files belong.
            kind = _first_type(file)
            table = TABLE_OF.get(kind) or LOOKED_UP.get(kind, "labs")
            parts.append(self._part(file, table, self._nothing(table, file), 0, set(broken)))
        return parts

    def _without_fates(self, scanned: _Scanned, file: _File) -> Path:
        """The Parquet of a reading without the lines that are no rows; itself where every line is one."""
        if scanned.fates.keys() <= {"row", "component"}:
            return scanned.path
        path = scanned.path.with_suffix(".rows.parquet")
        query = _bare(filled("fhir/landed", landed=_file(scanned.path)))
        self._write(query, path, file)
        scanned.path.unlink()
        return path

    def _nothing(self, table: str, file: _File) -> Path:
        path = self.landing.folder / f"{as_path(file.name)}.nothing.parquet"
        columns = ", ".join(f"cast(null as varchar) as {column}" for column in COLUMNS[table])
        self._write(_bare(filled("fhir/nothing", columns=f"(select {columns})")), path, file)
        return path

    def _part(self, file: _File, table: str, path: Path, rows: int, malformed: set[int]) -> Part:
        header = tuple(self.landing.columns(f"select * from {_file(path)}", file.where))
        counted = self._count_of(file)
        if counted:
            counted.delivery.refuse_if_changed()
        return Part(
            source=self.source.name,
            table=table,
            name=file.name,
            read_path=path,
            format="parquet",
            compression="none",
            delimiter=self.source.delimiter,
            header=header,
            columns=_bound(table, header),
            rows=rows + len(malformed),
            sha256=counted.delivery.sha256 if counted else "",
            size=counted.delivery.size if counted else file.path.stat().st_size,
            malformed_lines=tuple(sorted(malformed)),
        )


def _bound(table: str, header: Sequence[str]) -> dict[str, str]:
    """Canonical column -> the column that holds it: what a concept says has the same names in every table."""
    said = {"code_system": "coding_system", "code": "coding_code", NAMED.get(table, ""): "coding_name"}
    held = {column: said.get(column, column) for column in COLUMNS[table]}
    return {column: name for column, name in held.items() if name in header}


def _file(path: Path) -> str:
    return f"read_parquet({text_literal(str(path))})"


def _bare(text: str) -> str:
    return text.rstrip().rstrip(";")


def _literal(text: str | None) -> str:
    return "cast(null as varchar)" if text is None else text_literal(text)


def _list(texts: Iterable[str]) -> str:
    return "[" + ", ".join(text_literal(text) for text in texts) + "]::varchar[]"


def _pairs(words: Mapping[str, str], *names: str) -> pl.DataFrame:
    return pl.DataFrame(list(words.items()), schema=dict.fromkeys(names, pl.String), orient="row")
