"""Where an OMOP store lies: a folder of exports, a DuckDB file, or a PostgreSQL database.

Whatever it is, its tables end as views of the landing's engine with the names and columns of CDM 5.4, every value
text. A table that a store may lack is then an empty one.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import pyarrow
from pyarrow import parquet

from schemas.errors import InputRefused
from sources.base import Asked, Part, SourceSettings
from sources.headers import closest, read_header, refuse_other_encoding
from sources.streams import (
    Compression,
    Delivery,
    count_rows,
    decoded,
    decompressed,
    is_utf8,
    peek,
    refuse_nul,
)
from sql.extracts import lines_at
from sql.landing import Landing, paths
from sql.statements import filled, identifier, statement, text_literal

COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "person": (
        "person_id",
        "year_of_birth",
        "month_of_birth",
        "day_of_birth",
        "birth_datetime",
        "gender_concept_id",
        "gender_source_value",
        "race_concept_id",
        "race_source_value",
        "ethnicity_concept_id",
        "ethnicity_source_value",
        "person_source_value",
        "care_site_id",
        "location_id",
    ),
    "measurement": (
        "measurement_id",
        "person_id",
        "measurement_concept_id",
        "measurement_date",
        "measurement_datetime",
        "operator_concept_id",
        "value_as_number",
        "value_as_concept_id",
        "unit_concept_id",
        "range_low",
        "range_high",
        "measurement_source_value",
        "measurement_source_concept_id",
        "unit_source_value",
        "value_source_value",
    ),
    "drug_exposure": (
        "drug_exposure_id",
        "person_id",
        "drug_concept_id",
        "drug_exposure_start_date",
        "drug_exposure_start_datetime",
        "drug_exposure_end_date",
        "drug_exposure_end_datetime",
        "verbatim_end_date",
        "drug_type_concept_id",
        "stop_reason",
        "quantity",
        "days_supply",
        "route_concept_id",
        "drug_source_value",
        "drug_source_concept_id",
        "route_source_value",
        "dose_unit_source_value",
    ),
    "condition_occurrence": (
        "condition_occurrence_id",
        "person_id",
        "condition_concept_id",
        "condition_start_date",
        "condition_start_datetime",
        "condition_end_date",
        "condition_end_datetime",
        "condition_status_concept_id",
        "condition_source_value",
        "condition_source_concept_id",
    ),
    "procedure_occurrence": (
        "procedure_occurrence_id",
        "person_id",
        "procedure_concept_id",
        "procedure_date",
        "procedure_datetime",
        "procedure_source_value",
        "procedure_source_concept_id",
    ),
    "observation": (
        "observation_id",
        "person_id",
        "observation_concept_id",
        "observation_date",
        "observation_datetime",
        "value_as_number",
        "value_as_string",
        "value_as_concept_id",
        "observation_source_value",
        "observation_source_concept_id",
    ),
    "death": ("person_id", "death_date", "death_datetime"),
    "observation_period": ("person_id", "observation_period_start_date", "observation_period_end_date"),
    "care_site": ("care_site_id", "care_site_name", "care_site_source_value"),
    "location": ("location_id", "location_source_value"),
    "concept": ("concept_id", "concept_name", "vocabulary_id", "concept_code", "concept_class_id"),
    "concept_ancestor": (
        "ancestor_concept_id",
        "descendant_concept_id",
        "min_levels_of_separation",
    ),
}
"""Table of the model -> its columns that are read."""

REQUIRED: Final[Mapping[str, tuple[str, ...]]] = {
    "person": ("person_id", "year_of_birth", "gender_concept_id"),
    "measurement": ("measurement_id", "person_id", "measurement_concept_id", "measurement_date"),
    "drug_exposure": ("drug_exposure_id", "person_id", "drug_concept_id", "drug_exposure_start_date"),
    "condition_occurrence": ("person_id", "condition_concept_id", "condition_start_date"),
    "procedure_occurrence": ("person_id", "procedure_concept_id", "procedure_date"),
    "observation": ("observation_id", "person_id", "observation_concept_id", "observation_date"),
    "death": ("person_id", "death_date"),
    "observation_period": COLUMNS["observation_period"],
    "care_site": ("care_site_id",),
    "location": ("location_id",),
    "concept": ("concept_id", "concept_name", "vocabulary_id", "concept_code"),
    "concept_ancestor": ("ancestor_concept_id", "descendant_concept_id"),
}
"""Table of the model -> columns without which it cannot be read, where it is there."""

VOCABULARY: Final = ("concept", "concept_ancestor")
SUFFIXES: Final[Mapping[str, Compression]] = {
    ".parquet": "none",
    ".csv": "none",
    ".csv.gz": "gzip",
    ".csv.zst": "zstd",
}
DATABASE_SUFFIXES: Final = (".duckdb", ".db")
DATABASE_MARK: Final = b"DUCK"
FILES_NAMED: Final = 12
EXPECTED: Final = (
    "Expected <table>.parquet, .csv, .csv.gz or .csv.zst, or a folder <table> of Parquet files, named for the tables"
    " of OMOP CDM 5.4."
)
FLOATS: Final = ("DOUBLE", "FLOAT")


@dataclass(frozen=True)
class Table:
    """A table of the store. relation: what the engine selects from. columns: name in lower case -> as written, type.

    rows: counted without a parser, malformed lines with them; null where only a sample is read. sha256, size: of the
    bytes as delivered, empty where nothing was delivered as a file.
    """

    name: str
    where: str
    relation: str
    columns: Mapping[str, tuple[str, str]]
    rows: int | None = None
    sha256: str = ""
    size: int = 0
    malformed_lines: tuple[int, ...] = ()


Deliveries = list[Delivery]


class Store:
    """The tables of one store, known to the engine. `deliveries`: the files that they were read from."""

    def __init__(self, source: SourceSettings, asked: Asked, landing: Landing) -> None:
        self.source = source
        self.asked = asked
        self.landing = landing
        self.where = f"source {source.name}"
        self.deliveries: Deliveries = []

    def refuse_if_changed(self) -> None:
        for delivery in self.deliveries:
            delivery.refuse_if_changed()


def open_files(store: Store) -> dict[str, Table]:
    """The tables of a folder of exports or of a DuckDB file, by name."""
    path = store.source.path
    if path.is_dir():
        return _open_folder(store)
    if path.is_file() and path.name.lower().endswith(DATABASE_SUFFIXES):
        return _open_database(store)
    problem = "is not a folder, and not named .duckdb" if path.exists() else "does not exist"
    raise InputRefused(f"{store.where}: {path} {problem}", f"{EXPECTED} Or a DuckDB file <name>.duckdb.")


def make_views(tables: Mapping[str, Table], store: Store) -> None:
    """Make every table of the model known to statements under its own name, every value text.

    Raises InputRefused where a table that the source delivers is missing, or a column without which one cannot be
    read, with the nearest name that is there.
    """
    for name, columns in COLUMNS.items():
        table = tables.get(name)
        if table:
            _refuse_missing_columns(table)
        selected = [f"{_expression(table, column)} as {column}" for column in columns]
        limit = f" limit {store.asked.sample}" if store.asked.sample and name not in VOCABULARY else ""
        relation = table.relation if table else "(select 1) where false"
        store.landing.run(
            f"create or replace temp view {name} as select {', '.join(selected)} from {relation}{limit}",
            table.where if table else store.where,
        )


def refuse_missing_tables(
    tables: Mapping[str, Table], wanted: Iterable[str], found: Sequence[str], where: str
) -> None:
    for name in wanted:
        if name not in tables:
            free = {
                entry.split(".")[0]: entry for entry in found if entry.split(".")[0].lower() not in tables
            }
            near = free.get(closest(name, free) or "")
            raise InputRefused(
                f"{where}: table {name} not found; found: {_listed(found) or 'nothing'}",
                EXPECTED + (f" Did you mean {near} for {name}?" if near else ""),
            )


def _listed(names: Sequence[str]) -> str:
    more = len(names) - FILES_NAMED
    return ", ".join(names[:FILES_NAMED]) + (f" and {more} more" if more > 0 else "")


def _refuse_missing_columns(table: Table) -> None:
    missing = [column for column in REQUIRED[table.name] if column not in table.columns]
    if missing:
        free = [name for name in table.columns if name not in COLUMNS[table.name]]
        near = {column: found for column in missing if (found := closest(column, free))}
        raise InputRefused(
            f"{table.where}: required column{'s' if len(missing) > 1 else ''} {', '.join(missing)} of table "
            f"{table.name} not there",
            "Expected the columns of OMOP CDM 5.4, in either case."
            + "".join(f' Closest to {column}: "{found}".' for column, found in near.items()),
        )


def _expression(table: Table | None, column: str) -> str:
    """A column as text: exactly what is written; a number in binary without the noise or point of its form."""
    if table is None or column not in table.columns:
        return "cast(null as varchar)"
    written, of_type = table.columns[column]
    name = identifier(written)
    if of_type in FLOATS:
        return (
            f"case when isnan({name}) then null "
            f"when {name} = trunc({name}) and abs({name}) < 1e15 "
            f"then cast(cast({name} as bigint) as varchar) else cast({name} as varchar) end"
        )
    return f"nullif(cast({name} as varchar), '')"


# -- a folder ---------------------------------------------------------------------------------------------------


def _open_folder(store: Store) -> dict[str, Table]:
    entries = _visible(store.source.path, store.where)
    by_table: dict[str, list[Path]] = {}
    for entry in entries:
        by_table.setdefault(_table_of(entry), []).append(entry)
    wanted = {name: found for name, found in by_table.items() if name in COLUMNS}
    for name, found in wanted.items():
        if len(found) > 1:
            raise InputRefused(
                f"{store.where}: table {name} is there more than once: {_listed([one.name for one in found])}",
                "Keep one of them.",
            )
    refuse_missing_tables(
        wanted_tables(wanted), required(store.source), [e.name for e in entries], store.where
    )
    return {name: _open_entry(name, found[0], store) for name, found in wanted.items()}


def wanted_tables(found: Iterable[str]) -> dict[str, Table]:
    """Names alone, where tables have not been opened yet."""
    return {name: Table(name, "", "", {}) for name in found}


def required(source: SourceSettings) -> list[str]:
    """The tables of the model without which the source is not whole."""
    of_table = {"patients": "person", "labs": "measurement", "medications": "drug_exposure"}
    more = {"conditions": "condition_occurrence", "procedures": "procedure_occurrence"}
    wanted = source.delivers if source.mode == "snapshot" else ()
    # Without people nothing else can be read: each row is of one of them.
    return [
        "person",
        *(name for table, name in (of_table | more).items() if table in wanted and name != "person"),
    ]


def _visible(folder: Path, where: str) -> list[Path]:
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        raise InputRefused(
            f"{where}: the folder {folder} cannot be read ({error.strerror})", EXPECTED
        ) from None
    return [entry for entry in entries if not entry.name.startswith((".", "_", "~", "#"))]


def _table_of(entry: Path) -> str:
    name = entry.name.lower()
    suffix = "" if entry.is_dir() else next((end for end in SUFFIXES if name.endswith(end)), None)
    return name if suffix == "" else name.removesuffix(suffix) if suffix else ""


def _open_entry(name: str, entry: Path, store: Store) -> Table:
    where = f"{store.where}, {entry.name}"
    if entry.is_dir():
        files = [part for part in _visible(entry, where) if part.name.lower().endswith(".parquet")]
        if not files:
            raise InputRefused(f"{where}: the folder holds no Parquet file", EXPECTED)
        return _open_parquet(name, entry, files, store, where)
    if not entry.is_file():
        raise InputRefused(f"{where}: not a readable file", EXPECTED)
    if entry.name.lower().endswith(".parquet"):
        return _open_parquet(name, entry, [entry], store, where)
    return _open_delimited(name, entry, store, where)


def _open_parquet(name: str, entry: Path, files: list[Path], store: Store, where: str) -> Table:
    rows, sha256, size = 0, [], 0
    for file in files:
        delivery = Delivery(file, where)
        if not store.asked.sample:
            deque(delivery.blocks(), maxlen=0)
        try:
            rows += parquet.read_metadata(file).num_rows
        except (pyarrow.ArrowException, OSError):
            raise InputRefused(
                f"{where}: not a readable Parquet file, or cut before its end", "Deliver the file again."
            ) from None
        store.deliveries.append(delivery)
        sha256.append(delivery.sha256)
        size += delivery.size
    relation = f"read_parquet({paths(files)}, union_by_name = true)"
    return Table(
        name=name,
        where=where,
        relation=relation,
        columns=_columns_of(relation, store, where),
        rows=rows,
        sha256=sha256[0] if len(sha256) == 1 else hashlib.sha256("".join(sha256).encode()).hexdigest(),
        size=size,
    )


def _columns_of(relation: str, store: Store, where: str) -> dict[str, tuple[str, str]]:
    described = store.landing.run(f"describe select * from {relation}", where)
    return _folded([(str(row[0]), str(row[1])) for row in described], where)


def _folded(columns: Sequence[tuple[str, str]], where: str) -> dict[str, tuple[str, str]]:
    folded: dict[str, tuple[str, str]] = {}
    for written, of_type in columns:
        name = written.strip().lower()
        if name in folded:
            raise InputRefused(
                f"{where}: column {name} is there more than once",
                "Rename or remove the ones that do not hold it.",
            )
        folded[name] = (written, of_type)
    return folded


def _open_delimited(name: str, entry: Path, store: Store, where: str) -> Table:
    """A delimited file, rewritten as Parquet; lines that cannot be read are known by their numbers.

    Vocabularies are delivered with tabs and without quoting, whatever the other tables are like.
    """
    compression = next(kind for end, kind in SUFFIXES.items() if entry.name.lower().endswith(end))
    delivery = Delivery(entry, where)
    store.deliveries.append(delivery)
    blocks = decompressed(delivery.blocks(), compression, where)
    read_path = entry
    if not is_utf8(store.source.encoding):
        read_path, compression = store.landing.folder / f"decoded-{name}.csv", "none"
        blocks = decoded(blocks, store.source.encoding, read_path, where)
    head, blocks = peek(blocks)
    refuse_other_encoding(head, where)
    refuse_nul(head, 0, where)
    first_line = head.split(b"\n", 1)[0]
    has_tabs = b"\t" in first_line and store.source.delimiter.encode() not in first_line
    settings = replace(store.source, delimiter="\t") if has_tabs else store.source
    header = read_header(head, settings, where)
    counted = count_rows(blocks, header, where)
    names = tuple(f"c{number}" for number in range(len(header.names)))
    query = filled(
        "omop/delimited",
        files=paths([read_path]),
        columns="{" + ", ".join(f"'{name}': 'VARCHAR'" for name in names) + "}",
        delimiter=text_literal(settings.delimiter),
        quote=text_literal("" if has_tabs else '"'),
        compression=text_literal(compression),
        longest_line=str(store.asked.engine.max_line_bytes),
    )
    copy = store.landing.folder / f"{name}.read.parquet"
    read = store.landing.write(query.rstrip().rstrip(";"), copy, where)
    as_read = Part(
        source=store.source.name,
        table=name,
        name=entry.name,
        read_path=read_path,
        format="csv",
        compression=compression,
        delimiter=settings.delimiter,
        header=header.names,
        columns={},
        rows=counted,
        sha256=delivery.sha256,
        size=delivery.size,
    )
    malformed = _rejected(as_read, store, where)
    _refuse_unaccounted(copy, read, len(malformed), counted, store, where)
    if malformed and name not in LINES_COUNTED_IN:
        raise InputRefused(
            f"{where}: {len(malformed)} lines cannot be read, the first of them line {malformed[0]}",
            "Repair the quoting or the delimiters of the export, or deliver the file again.",
        )
    return Table(
        name=name,
        where=where,
        relation=f"read_parquet({paths([copy])})",
        columns={
            folded: (place, "VARCHAR")
            for (folded, _), place in zip(_folded_names(header.names, where), names, strict=True)
        },
        rows=read + len(malformed),
        sha256=delivery.sha256,
        size=delivery.size,
        malformed_lines=malformed,
    )


LINES_COUNTED_IN: Final = (
    "person",
    "measurement",
    "drug_exposure",
    "condition_occurrence",
    "procedure_occurrence",
)
"""Tables whose lines are rows of ours, so that one that cannot be read is quarantined; others must be whole."""


def _folded_names(names: Sequence[str], where: str) -> list[tuple[str, str]]:
    return [(name, written) for name, (written, _) in _folded([(name, "") for name in names], where).items()]


def _rejected(file: Part, store: Store, where: str) -> tuple[int, ...]:
    """The numbers of the lines that the parser refused."""
    rejected = store.landing.run(statement("staging/rejected"), where)
    for table in ("reject_errors", "reject_scans"):
        store.landing.run(f"drop table if exists {table}", where)
    if any(spans_lines for _, _, spans_lines in rejected):
        raise InputRefused(
            f"{where}: a quote that is not closed swallows the lines after it",
            "Repair the quoting of the export, or deliver the file again.",
        )
    return tuple(lines_at(file, [begins_at for _, begins_at, _ in rejected]))


def _refuse_unaccounted(
    copy: Path, read: int, malformed: int, counted: int, store: Store, where: str
) -> None:
    """Raise InputRefused where rows, lines within quoted values and malformed lines are not all lines of the file."""
    if read + malformed == counted:
        return
    text = filled("omop/further_lines", file=text_literal(str(copy)))
    further = int(store.landing.run(text, where)[0][1])
    if read + further + malformed != counted:
        raise InputRefused(
            f"{where}: it has {counted} lines after its header, of which {read} can be read as rows, {further} lie "
            f"within quoted values and {malformed} are malformed",
            "Look for unclosed quotes, very long lines or a cut file, and deliver it again.",
        )


# -- a DuckDB file ------------------------------------------------------------------------------------------------


def _open_database(store: Store) -> dict[str, Table]:
    path, landing, where = store.source.path, store.landing, f"{store.where}, {store.source.path.name}"
    delivery = Delivery(path, where)
    head, blocks = peek(delivery.blocks())
    if head[8:12] != DATABASE_MARK:
        raise InputRefused(f"{where}: not a DuckDB database", EXPECTED)
    if not store.asked.sample:
        deque(blocks, maxlen=0)
    store.deliveries.append(delivery)
    problem = False
    try:
        landing.run(f"attach {text_literal(str(path))} as cdm (read_only)", where)
    except InputRefused:
        problem = True
    if problem:
        raise InputRefused(
            f"{where}: the DuckDB database cannot be opened for reading",
            "Close what writes to it, and write it with DuckDB 1.5 or an earlier version.",
        )
    rows = landing.run(
        "select schema_name, table_name, column_name, data_type from duckdb_columns() "
        "where database_name = 'cdm' and not internal order by schema_name, table_name, column_index",
        where,
    )
    tables = {}
    for name, (schema, written, columns) in chosen_tables(rows, store).items():
        relation = f"cdm.{identifier(schema)}.{identifier(written)}"
        counted = int(landing.run(f"select count(*) from {relation}", where)[0][0])
        tables[name] = Table(
            name=name,
            where=f"{where}, table {written}",
            relation=relation,
            columns=_folded(columns, f"{where}, table {written}"),
            rows=counted,
            sha256=delivery.sha256,
            size=delivery.size,
        )
    return tables


Chosen = tuple[str, str, list[tuple[str, str]]]


def chosen_tables(rows: Sequence[tuple[str, ...]], store: Store) -> dict[str, Chosen]:
    """Table of the model -> its schema, its name and its columns as written, out of a database's catalogue.

    rows: schema, table, column and type. Tables are looked for in the schema that the settings name, or else in the
    only one that has people; the vocabulary in its own schema where one is named.
    """
    found: dict[tuple[str, str], Chosen] = {}
    for schema, written, column, of_type in rows:
        key = (schema, written.lower())
        if written.lower() in COLUMNS:
            found.setdefault(key, (schema, written, []))[2].append((column, of_type))
    schema = _schema(store, found)
    of_vocabulary = store.source.omop.vocabulary_schema or schema
    tables = {}
    for name in COLUMNS:
        home = _written_as(of_vocabulary if name in VOCABULARY else schema, found)
        if (home, name) in found:
            tables[name] = found[home, name]
    names = sorted(
        {written for _, written, _ in found.values()} | {row[1] for row in rows if row[0] == schema}
    )
    refuse_missing_tables(wanted_tables(tables), required(store.source), names, store.where)
    return tables


def _schema(store: Store, found: Mapping[tuple[str, str], Chosen]) -> str:
    named = store.source.omop.cdm_schema
    if named:
        return _written_as(named, found)
    with_people = sorted({schema for schema, table in found if table == "person"})
    if len(with_people) > 1:
        raise InputRefused(
            f"{store.where}: {len(with_people)} schemas have a table person: {_listed(with_people)}",
            "Name the one to read: cdm_schema.",
        )
    return with_people[0] if with_people else ""


def _written_as(schema: str, found: Mapping[tuple[str, str], Chosen]) -> str:
    known = {name.lower(): name for name, _ in found}
    return known.get(schema.lower(), schema)
