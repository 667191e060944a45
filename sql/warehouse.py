"""The warehouse: the only module that opens DuckDB.

A night is `stage` (parse once, keep what is in scope), then per table `staged` and `refuse`, patients first, because
a row of another table is judged by its person; then `select_in_force`, and `commit`. What the night gathers lies
in a database of its own in the work folder, so that the warehouse file is written in one transaction, and each
stage may open the warehouse anew.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime, time
from itertools import accumulate
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import duckdb
import polars as pl

from schemas.canonical_columns import COLUMNS
from schemas.errors import (
    ConfigurationError,
    ContractError,
    InputRefused,
    OutputError,
    RunLocked,
    ScreenError,
)
from schemas.vocabulary import FAMILIES, TABLES
from sql.engine import Engine, Matching
from sql.extracts import Part, Source, alike, canonical, every_column, lines_at
from sql.statements import filled, statement, text_literal

EngineError = duckdb.Error
"""For rooms that run statements through this one and may not know the engine."""

SCHEMA_VERSION: Final = 1
STORAGE_VERSION: Final = "v1.5.0"
"""Files of this version can be read by DuckDB 1.5 and later."""

STORED_ROWS: Final = 1 << 40
"""Row numbers from here on are rows of an earlier night; below, rows of tonight."""

MACROS: Final = (
    "tidy",
    "treated",
    "needs_trimming",
    "code_text",
    "is_listed",
    "squeezed",
    "offset_at",
    "iso_at",
    "read_at",
    "read_number",
    "word",
    "person_hash",
    "bucket",
    "evidence_id",
)
WORK_TABLES: Final = (
    "sources",
    "parts",
    "malformed",
    "opted_out",
    "links",
    "people",
    "persons",
    "duplicates",
    "refused",
    "validated",
    "selected",
    "codes",
    "code_use",
    *TABLES,
)
RUN_TABLES: Final = ("runs", "run_inputs", "quarantine", "code_use", "decisions", "worklist_items")
STORE_TABLES: Final = ("schema_version", "opted_out", "watermarks", *RUN_TABLES, *TABLES)
VIEWS: Final = ("v_worklist", "v_funnel", "v_patient_timeline")

NAMED: Final = {
    "labs": "test_name",
    "orders": "test_name",
    "medications": "drug_name",
    "conditions": "name",
    "procedures": "name",
}
"""Table -> its column with the name of what is coded."""

END_OF_DAY: Final = time(23, 59, 59, 999999)
NO_FORMAT: Final = "\x01"
"""A strptime format that nothing matches: DuckDB refuses an empty list."""


Rows = list[tuple[Any, ...]]

NO_LINKS: Final = pl.DataFrame(schema=dict.fromkeys(("source", "patient_id", "person_id"), pl.String))


def memory(spill: Path, engine: Engine) -> duckdb.DuckDBPyConnection:
    """An engine without a file of its own; what does not fit into its memory it keeps in `spill`."""
    chosen: dict[str, Any] = {
        "memory_limit": engine.memory_limit,
        "temp_directory": str(spill),
        "preserve_insertion_order": False,
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "allow_community_extensions": False,
    }
    return duckdb.connect(":memory:", config=chosen | ({"threads": engine.threads} if engine.threads else {}))


class Warehouse:
    """One open warehouse file with the night's work database beside it. Use it in a `with` statement.

    Raises RunLocked where another process has the file open, and ConfigurationError where the file is not one of
    ours or of another layout.
    """

    def __init__(self, path: Path, work: Path, engine: Engine | None = None) -> None:
        # The file itself: what is written anew takes its place, not that of a link to it.
        self.path = path.resolve()
        self.work = work
        self.engine = engine or Engine()
        self._is_narrowed = False
        self._marker = self.path.with_name(f".{self.path.name}.to-be-written-anew")

    def __enter__(self) -> Warehouse:
        is_new = not self.path.exists()
        self._connection = memory(self.work / "spill", self.engine)
        try:
            self._open()
        except BaseException:
            self._connection.close()
            if is_new:
                # A stump of a file that could not be begun would keep every later night from opening it.
                self.path.unlink(missing_ok=True)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    # -- opening ------------------------------------------------------------------------------------------

    def _open(self) -> None:
        self._run("set enable_progress_bar = false")
        self._attach(self.path, "store")
        self._attach(self.work / "night.duckdb", "work")
        self._check_layout()
        if self._marker.exists():
            self._write_anew()
        self._run("set timezone = $zone", zone=self.engine.timezone)
        for name in MACROS:
            self._run(statement(f"ddl/macro_{name}"))
        for name in STORE_TABLES:
            self._run(statement(f"ddl/store_{name}"))
        for name in WORK_TABLES:
            self._run(statement(f"ddl/work_{name}"))
        self._run(statement("ledger/schema_version"), version=SCHEMA_VERSION)
        for table in TABLES:
            self._run(filled("staging/distinct", table=table))
            self._run(filled("merge/tonight", table=table))
            self._run(filled("merge/versions", table=table, stored_rows=str(STORED_ROWS)))
        self._run("use store")
        for name in VIEWS:
            self._run(statement(f"views/{name}"))
        self._run("use memory")

    def _attach(self, path: Path, name: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        problem: ScreenError | None = None
        try:
            self._run(f"attach {text_literal(str(path))} as {name} (storage_version '{STORAGE_VERSION}')")
        except duckdb.IOException as error:
            problem = _not_opened(path, str(error))
        except duckdb.Error as error:
            problem = ConfigurationError(
                f"{path.name} cannot be opened as a warehouse ({type(error).__name__}).",
                "Name another file with --warehouse, or move this one away.",
            )
        if problem:
            raise problem

    def _check_layout(self) -> None:
        tables = {
            row[0]
            for row in self._rows(
                "select table_name from duckdb_tables() where database_name = 'store' and not internal"
            )
        }
        if not tables:
            return
        found = self._rows("select version from store.schema_version") if "schema_version" in tables else []
        if found != [(SCHEMA_VERSION,)]:
            version = found[0][0] if found else "none"
            raise ConfigurationError(
                f"{self.path.name} has layout {version}; this version of the program writes layout {SCHEMA_VERSION}.",
                "Use the program that wrote it, or name a new file with --warehouse.",
            )

    # -- running statements ---------------------------------------------------------------------------------

    def _run(self, text: str, /, **values: Any) -> None:
        self._connection.execute(text, values or None).fetchall()

    def _rows(self, text: str, /, **values: Any) -> Rows:
        return self._connection.execute(text, values or None).fetchall()

    def _frame(self, text: str, /, **values: Any) -> pl.DataFrame:
        return self._connection.sql(text, params=values or None).pl()

    def _put(self, name: str, frame: pl.DataFrame) -> None:
        """The frame as a table of this connection's memory."""
        self._connection.register("given", frame)
        self._run(filled("staging/put", name=name))
        self._connection.unregister("given")

    def _narrow_access(self, folders: Sequence[Path]) -> None:
        """From here on no statement can read or write outside these folders; the engine lets nobody undo it."""
        if self._is_narrowed:
            return
        allowed = sorted({str(folder.absolute()) for folder in (self.work, self.path.parent, *folders)})
        listed = ", ".join(text_literal(f"{folder}/") for folder in allowed)
        self._run(f"set allowed_directories = [{listed}]")
        self._run("set enable_external_access = false")
        self._is_narrowed = True

    # -- stage --------------------------------------------------------------------------------------------

    def stage(
        self,
        parts: Sequence[Part],
        sources: Sequence[Source],
        matching: Matching,
        count_codes_from: int | None = None,
        links: pl.DataFrame | None = None,
    ) -> dict[str, int]:
        """Read every part once and keep the rows a rule can use, typed; gives rows delivered and kept.

        count_codes_from: also count the rows of every code and name there is, in scope or not, and keep the counts
        from so many rows on; this reads the code columns a second time. None: nothing is counted.
        links: the crosswalk (source, patient_id, person_id); identifiers with one person_id are one person tonight.
        Patients are read first: rows of people who opted out are dropped before anything is stored. Raises
        InputRefused where a file holds other rows than were counted in it without a parser.
        """
        if self._rows("select 1 from work.sources limit 1"):
            raise ContractError(
                "The night's work database already holds rows.", "Begin with an empty work folder."
            )
        by_name = {source.name: source for source in sources}
        groups = alike(parts)
        self._run("pragma enable_profiling = 'no_output'")
        self._narrow_access([part.read_path.parent for part in parts])
        self._put_sources(sources)
        self._put("given_links", NO_LINKS if links is None else links)
        self._run(statement("staging/links"))
        first_part_of = self._put_parts(groups)
        drug_pattern = self._put_matching(matching)
        self._run(statement("staging/patients_reported"))
        self._run(statement("staging/code_uses_begun"))
        # The engine takes a CSV for a small table and would gather all of it in memory as the inner side of a join.
        self._run("set disabled_optimizers = 'join_order,build_side_probe_side'")
        for table in TABLES:
            if table in FAMILIES:
                self._run(statement("staging/scope"), families=list(FAMILIES[table]))
            for number, group in enumerate(groups):
                if group[0].table == table:
                    source = by_name[group[0].source]
                    self._stage_group(group, first_part_of[number], source, drug_pattern)
                    if count_codes_from is not None and table in NAMED:
                        self._count_codes(group, source, drug_pattern)
            if table == "patients":
                self._settle_people()
            self._run(filled("staging/duplicates", table=table))
        self._run("reset disabled_optimizers")
        self._run(statement("staging/codes"))
        if count_codes_from is not None:
            self._run(statement("staging/code_use"), min_rows=count_codes_from)
        # Rare names must not outlive this line.
        self._run("drop table code_uses")
        kept = sum(
            self._rows(f"select count(*) from work.{table} where not is_opted_out")[0][0] for table in TABLES
        )
        return {"rows": sum(part.rows for part in parts), "kept": kept}

    def _put_sources(self, sources: Sequence[Source]) -> None:
        frame = pl.DataFrame(
            [
                (source.name, source.mode, source.identifiers or source.name, source.home_rank)
                for source in sources
            ],
            schema={
                "source": pl.String,
                "mode": pl.String,
                "namespace": pl.String,
                "home_rank": pl.Int32,
            },
            orient="row",
        )
        self._put("given_sources", frame)
        self._run("insert into work.sources by name from given_sources")

    def _put_parts(self, groups: Sequence[Sequence[Part]]) -> list[int]:
        """Number the parts group by group; gives the number of each group's first part."""
        parts = [part for group in groups for part in group]
        frame = pl.DataFrame(
            {
                "part_no": range(len(parts)),
                "source": [part.source for part in parts],
                "table_name": [part.table for part in parts],
                "name": [part.name for part in parts],
                "format": [part.format for part in parts],
                "rows_counted": [part.rows for part in parts],
                "sha256": [part.sha256 for part in parts],
                "size": [part.size for part in parts],
            }
        )
        self._put("given_parts", frame)
        self._run("insert into work.parts by name from given_parts")
        return list(accumulate((len(group) for group in groups), initial=0))[:-1]

    def _put_matching(self, matching: Matching) -> str:
        """Make the codes known to the connection; gives the pattern that finds a drug name in scope."""
        too_short = matching.codes.filter(
            (pl.col("match") == "prefix") & (pl.col("match_code").str.len_chars() < PREFIX_LENGTH)
        )
        if too_short.height:
            raise ContractError(
                f"{too_short.height} codes that match by prefix have fewer than {PREFIX_LENGTH} characters."
            )
        self._put("pack_codes", matching.codes)
        self._put("drug_names", matching.drug_names)
        self._put("aliases", matching.code_system_aliases)
        self._run(statement("staging/prefix_systems"))
        return str(self._rows(statement("staging/drug_pattern"))[0][0])

    def _put_words(self, source: Source) -> None:
        """Make the site's own words known to the connection."""
        self._put("site_code_systems", _words(source.code_systems, "spelling", "system"))
        self._run(statement("staging/spelling"))
        self._put("site_codes", _words(_upper(source.codes), "reported_code", "concept"))
        self._put("site_test_codes", _words(_upper(source.test_codes), "reported_code", "concept"))
        self._put("site_test_names", _words(_lower(source.test_names), "reported_name", "concept"))
        self._put("site_test_units", _words(_upper(source.test_units), "key", "unit"))

    def _settle_people(self) -> None:
        for name in ("identities", "opted_out", "opted_out_linked", "people", "kept_patients"):
            self._run(statement(f"staging/{name}"))
        # Both hold who opted out.
        self._run("drop table patients_reported")
        self._run("drop table identities")

    def _stage_group(self, group: Sequence[Part], first_part: int, source: Source, drug_pattern: str) -> None:
        first = group[0]
        mapping = source.tables.get(first.table)
        formats = mapping.date_formats if mapping else ()
        self._put_words(source)
        self._read_as_extract(group, source)
        date_formats, instant_formats = _formats(formats)
        text = statement(f"staging/{first.table}")
        values = {
            "source": source.name,
            "first_part": first_part,
            "zone": self.engine.timezone,
            "date_formats": date_formats,
            "instant_formats": instant_formats,
            "decimal_comma": source.decimal_comma,
            "drug_pattern": drug_pattern,
        }
        used = {name: value for name, value in values.items() if f"${name}" in text}
        _parsed(group, lambda: self._rows(text, **used))
        parsed = _rows_read(json.loads(self._connection.get_profiling_information("json")))
        if first.format == "csv":
            self._account(group, first_part, parsed)
        else:
            self._account_landed(group, first_part)

    def _count_codes(self, group: Sequence[Part], source: Source, drug_pattern: str) -> None:
        """Count the rows of each code and name in the files of a group that has been staged."""
        table = group[0].table
        self._read_as_extract(group, source)
        counting = filled("staging/code_counts", named=NAMED[table])
        _parsed(group, lambda: self._rows(counting, source=source.name))
        self._drop_rejects()
        self._run(filled("staging/code_uses", table=table), source=source.name, drug_pattern=drug_pattern)
        self._run("drop table code_counts")

    def _read_as_extract(self, group: Sequence[Part], source: Source) -> None:
        first = group[0]
        mapping = source.tables.get(first.table)
        constants = mapping.constants if mapping else {}
        self._read_as_every_column(group)
        self._run(
            f"create or replace temp view extract as {canonical(first, COLUMNS[first.table], constants)}"
        )

    def _account(self, group: Sequence[Part], first_part: int, parsed: int) -> None:
        """Compare the rows parsed with the lines counted; quarantine single bad lines, refuse everything else."""
        rejected = self._rows(statement("staging/rejected"))
        self._drop_rejects()
        begins: dict[str, list[int]] = {}
        for path, begins_at, spans_lines in rejected:
            if spans_lines:
                name = next(part.name for part in group if str(part.read_path) == path)
                raise InputRefused(
                    f"{group[0].table}: in {name} a quote that is not closed swallows the lines after it.",
                    "Repair the quoting of the export, or deliver the file again.",
                )
            begins.setdefault(path, []).append(begins_at)
        bad_lines = pl.DataFrame(
            [
                (first_part + place, line)
                for place, part in enumerate(group)
                if str(part.read_path) in begins
                for line in lines_at(part, begins[str(part.read_path)])
            ],
            schema={"part_no": pl.Int32, "line": pl.UInt64},
            orient="row",
        )
        self._note_malformed(bad_lines)
        if parsed + bad_lines.height == sum(part.rows for part in group) and len(group) == 1:
            self._note_parsed(group, first_part, [parsed])
            return
        bad = _by_part(bad_lines)
        self._account_by_file(group, first_part, parsed, bad)

    def _account_landed(self, group: Sequence[Part], first_part: int) -> None:
        """Parquet holds the rows its footer counts; the lines that its landing could not read are quarantined."""
        self._note_malformed(
            pl.DataFrame(
                [
                    (first_part + place, line)
                    for place, part in enumerate(group)
                    for line in part.malformed_lines
                ],
                schema={"part_no": pl.Int32, "line": pl.UInt64},
                orient="row",
            )
        )
        self._note_parsed(group, first_part, [part.rows - len(part.malformed_lines) for part in group])

    def _note_malformed(self, lines: pl.DataFrame) -> None:
        self._put("given_lines", lines)
        self._run("insert into work.malformed by name from given_lines")

    def _account_by_file(
        self, group: Sequence[Part], first_part: int, parsed: int, bad: Mapping[int, int]
    ) -> None:
        """Settle the rows of each file; where the sum differs, by looking for values that run over several lines."""
        expected = [part.rows - bad.get(first_part + place, 0) for place, part in enumerate(group)]
        if parsed == sum(expected):
            self._note_parsed(group, first_part, expected)
            return
        columns = ", ".join(f"c{number}" for number in range(len(group[0].header)))
        records = []
        for part, lines in zip(group, expected, strict=True):
            self._read_as_every_column([part])
            found, further_lines, swallowed = self._further_lines(part, columns)
            self._drop_rejects()
            if swallowed:
                raise InputRefused(
                    f"{part.table}: in {part.name} {swallowed} whole lines lie within quoted values.",
                    "A stray quote has swallowed them. Repair the quoting of the export, and deliver it again.",
                )
            if found + further_lines != lines:
                raise InputRefused(
                    f"{part.table}: {part.name} has {part.rows} lines after its header, of which "
                    f"{found} can be read as rows, {further_lines} lie within quoted values and "
                    f"{part.rows - lines} are malformed: {lines - found - further_lines} are unaccounted for.",
                    "Look for unclosed quotes, very long lines or a cut file, and deliver it again.",
                )
            records.append(found)
        self._note_parsed(group, first_part, records)

    def _further_lines(self, part: Part, columns: str) -> tuple[int, int, int]:
        text = filled("staging/line_breaks", columns=columns)
        separators = len(part.header) - 1
        found = _parsed(
            [part], lambda: self._rows(text, delimiter=part.delimiter, separators=max(separators, 1))
        )
        records, further_lines, swallowed = found[0]
        return int(records), int(further_lines), int(swallowed)

    def _note_parsed(self, group: Sequence[Part], first_part: int, records: Sequence[int]) -> None:
        for place, (_, rows_parsed) in enumerate(zip(group, records, strict=True)):
            self._run(statement("ledger/parsed"), part_no=first_part + place, rows_parsed=rows_parsed)

    def _read_as_every_column(self, group: Sequence[Part]) -> None:
        query = every_column(group, self.engine.max_line_bytes)
        self._run(f"create or replace temp view every_column as {query}")

    def _drop_rejects(self) -> None:
        self._run("drop table if exists reject_errors")
        self._run("drop table if exists reject_scans")

    # -- validate -----------------------------------------------------------------------------------------

    def staged(self, table: str) -> pl.DataFrame:
        """One row per distinct staged row of `table`, with the columns of its model in schemas.canonical.

        Patients are to be refused first: a row of another table is judged by its person.
        """
        if table != "patients" and "patients" not in self._validated():
            raise ContractError(f"{table} was asked for before patients were validated.")
        return self._frame(statement(f"validate/{table}"))

    def refuse(self, table: str, refused: pl.DataFrame, as_of: date | None = None) -> None:
        """Quarantine the rows of `refused` (row_no, reasons). To be called for each table, also with no row.

        Patients: what is left are the persons of the night; `as_of` is the day on which somebody is responsible for
        them, where several records describe one person. Laboratory rows may be refused again after
        `select_in_force`, when their values have been read; they then count as quarantined, not as in force.
        """
        self._put("given_refused", refused.select(pl.col("row_no").cast(pl.UInt64), "reasons"))
        self._run(filled("ledger/refused", table=table))
        if table in self._validated():
            return
        self._run("insert into work.validated select $table", table=table)
        if table == "patients":
            self._run(statement("validate/persons"), stored_rows=STORED_ROWS, as_of=as_of)

    def _validated(self) -> set[str]:
        return {row[0] for row in self._rows("select table_name from work.validated")}

    # -- select -------------------------------------------------------------------------------------------

    def select_in_force(self, as_of: date, folder: Path) -> dict[str, dict[str, int]]:
        """Write the rows in force at the end of `as_of` to one Parquet file per table; gives rows per state.

        All tables must have been validated. Of the versions of a record the latest received counts, then the
        corrected before the final before the preliminary; of B12 and MMA every one that ties is written.
        """
        if missing := set(TABLES) - self._validated():
            raise ContractError(f"Not validated yet: {', '.join(sorted(missing))}.")
        folder.mkdir(parents=True, exist_ok=True)
        self._narrow_access([folder])
        self._run("delete from work.selected")
        self._run(statement("merge/selected_patients"))
        for table in TABLES:
            if table != "patients":
                self._select(table, datetime.combine(as_of, END_OF_DAY))
            self._export(table, folder)
        self._export("codes", folder)
        self._export("identities", folder)
        self._export("unseen", folder, as_of_end=datetime.combine(as_of, END_OF_DAY))
        counts: dict[str, dict[str, int]] = {table: dict.fromkeys(STATES, 0) for table in TABLES}
        for table, state, rows in self._rows(
            "select table_name, state, count(*) from work.selected group by table_name, state"
        ):
            counts[table][state] = rows
        return counts

    def _select(self, table: str, as_of_end: datetime) -> None:
        self._run(statement(f"merge/known_{table}"), as_of_end=as_of_end)
        self._run(statement("merge/in_force"))
        self._run(statement("merge/same_sample" if table == "labs" else "merge/no_same_sample"))
        self._run(filled("merge/selected", table=table))
        for name in ("known", "standing", "same_sample"):
            self._run(f"drop table {name}")
        # Few rows are left out as a rule: telling those apart is cheaper than joining all that stand.
        self._run(filled("merge/left_out", table=table))

    def _export(self, name: str, folder: Path, **values: Any) -> None:
        text = filled(f"merge/export_{name}", compression=COMPRESSION)
        self._run(text, path=str(folder / f"{name}.parquet"), **values)

    # -- account ------------------------------------------------------------------------------------------

    def content_fingerprint(self) -> str:
        """A hash of the rows in scope and the count of malformed lines, whatever their order, files or engine."""
        rows = [self._rows(filled("ledger/fingerprint", table=table))[0] for table in TABLES]
        rows += self._rows(statement("ledger/malformed"))
        rows += self._rows(statement("ledger/opt_out_sums"))
        rows += self._rows(statement("ledger/link_sums"))
        rows += self._rows(statement("ledger/code_use_sums"))
        return hashlib.sha256(json.dumps([[str(cell) for cell in row] for row in rows]).encode()).hexdigest()

    def conservation(self) -> list[dict[str, Any]]:
        """One entry per table: where every delivered row went. Raises ContractError where the numbers do not add up."""
        entries = [self._conserved(table) for table in TABLES]
        for entry in entries:
            parts = sum(entry[category] for category in CATEGORIES)
            if parts != entry["rows_in"] or min(entry[category] for category in CATEGORIES) < 0:
                raise ContractError(
                    f"{entry['table']}: {entry['rows_in']} rows came in, {parts} are accounted for."
                )
        return entries

    def _conserved(self, table: str) -> dict[str, Any]:
        text = filled("ledger/conservation", table=table)
        names = ("table", "rows_in", *CATEGORIES, "duplicate", "superseded", "malformed")
        return dict(zip(names, self._rows(text, stored_rows=STORED_ROWS)[0], strict=True))

    def lab_concepts(self) -> pl.DataFrame:
        """One row per laboratory concept: rows_in_scope, and of these duplicate and refused."""
        return self._frame(statement("ledger/concepts"))

    def reasons(self) -> pl.DataFrame:
        """One row per table_name and quarantine reason, with its rows. A row with two reasons counts under both."""
        return self._frame(statement("ledger/reasons"))

    def quarantine(self, table: str) -> pl.DataFrame:
        """One row per refused row of `table`: reasons (joined), source, file, line, and its columns as text.

        `line` is known for malformed lines only, and of those nothing else is kept.
        """
        return self._frame(statement(f"ledger/quarantine_{table}"), **_stored_rows(table))

    def links(self) -> dict[str, int]:
        """How many links of the crosswalk name a source of tonight, and what they join: identifiers and persons."""
        names = ("links", "linked_identifiers", "linked_persons", "contested_identifiers")
        return dict(zip(names, self._rows(statement("ledger/links"))[0], strict=True))

    def recognised_b12(self) -> int:
        """How many B12 results are in force tonight and readable."""
        return int(self._rows(statement("ledger/recognised_b12"))[0][0])

    def previous_publication(self, run_id: str = "") -> dict[str, Any] | None:
        """run_id, as_of and recognised_b12_rows of the latest published run other than `run_id`, or None."""
        found = self._rows(statement("ledger/previous_publication"), run_id=run_id)
        return dict(zip(("run_id", "as_of", "recognised_b12_rows"), found[0], strict=True)) if found else None

    def code_use(self) -> pl.DataFrame:
        """One row per source, table_name, code_system, code and name of tonight's extract: rows, is_listed.

        What is absent is ''; system and code are as compared, names in lower case. Empty where nothing was counted.
        """
        return self._frame(statement("ledger/code_use"))

    def previous_code_use(self, as_of: date) -> pl.DataFrame:
        """One row per code of a list in the latest run of an earlier day: source, table_name, code_system, code,
        name (where there is no code), rows. Empty where none counted. Tonight's own run changes nothing here.
        """
        return self._frame(statement("ledger/previous_code_use"), as_of=as_of)

    # -- commit -------------------------------------------------------------------------------------------

    def commit(
        self,
        run: Mapping[str, Any],
        decisions: Path,
        worklists: Path,
        watermarks: Mapping[tuple[str, str], str] | None = None,
    ) -> None:
        """Write the night to the warehouse file in one transaction. The same run again replaces itself.

        run: run_id, as_of, state, pack, code_version, counts. decisions, worklists: a Parquet file, or a folder of
        them, with the columns of the published tables. watermarks: (source, table) -> how far tonight read; the
        next night reads on from there, so they are stored with what was read or not at all. Every stored row of a
        person who opted out tonight is deleted, and the file is then written anew, so that no block of it holds
        them any more.
        """
        run_id = run["run_id"]
        self._narrow_access([decisions.parent, worklists.parent])
        for table in TABLES:
            text = statement(f"ledger/quarantine_{table}").rstrip().rstrip(";")
            self._run(f"create or replace temp table quarantined_{table} as {text}", **_stored_rows(table))
        recognised = self.recognised_b12()
        self._connection.begin()
        try:
            for table in TABLES:
                self._merge(table, run_id)
            self._write_run(run, recognised)
            self._insert_published("decisions", decisions, run_id)
            self._insert_published("worklist_items", worklists, run_id)
            self._store_watermarks(watermarks or {}, run_id)
            forgotten = self._forget_people()
            if forgotten:
                # From here on the file is to be written anew, by whoever opens it next if this night dies.
                self._marker.touch()
            self._connection.commit()
        except BaseException:
            # A commit that could not be written has ended the transaction already.
            with suppress(duckdb.TransactionException):
                self._connection.rollback()
            raise
        if forgotten:
            self._write_anew()

    def watermarks(self) -> dict[tuple[str, str], str]:
        """(source, table) -> how far the committed nights have read; only of what is read from a watermark on."""
        found = self._rows("select source, table_name, watermark from store.watermarks order by all")
        return {(source, table): watermark for source, table, watermark in found}

    def _store_watermarks(self, watermarks: Mapping[tuple[str, str], str], run_id: str) -> None:
        frame = pl.DataFrame(
            [(*key, watermark) for key, watermark in watermarks.items()],
            schema=dict.fromkeys(("source", "table_name", "watermark"), pl.String),
            orient="row",
        )
        self._put("given_watermarks", frame)
        self._run(statement("merge/watermarks"), run_id=run_id)

    def _forget_people(self) -> int:
        """Delete every stored row of who opted out, and remember the opt-outs; gives the rows deleted."""
        deleted = sum(self._rows(filled("merge/forget", table=table))[0][0] for table in TABLES)
        deleted += self._rows(statement("ledger/forget_worklist_items"))[0][0]
        for table in ("quarantine", "decisions"):
            deleted += self._rows(filled("ledger/forget_people", table=table))[0][0]
        self._run(statement("ledger/forget_opt_outs"))
        self._run(statement("ledger/opt_outs"))
        return int(deleted)

    def _write_anew(self) -> None:
        """Put a copy in the place of the warehouse file: the free blocks of the old one keep deleted rows."""
        copy = self.path.with_name(f".{self.path.name}.anew")
        copy.unlink(missing_ok=True)
        self._attach(copy, "anew")
        self._run("copy from database store to anew")
        self._run("detach anew")
        self._run("detach store")
        copy.chmod(self.path.stat().st_mode)
        copy.replace(self.path)
        self.path.with_name(f"{self.path.name}.wal").unlink(missing_ok=True)
        self._marker.unlink(missing_ok=True)
        self._attach(self.path, "store")

    def _merge(self, table: str, run_id: str) -> None:
        # First what left, while the store does not hold the new rows yet: they need not be looked at.
        self._run(filled("merge/absent", table=table), run_id=run_id)
        self._run(filled("merge/fresh", table=table))
        self._run(filled("merge/returned", table=table))
        self._run(
            filled("merge/store", table=table, raw_columns=", ".join(RAW_COLUMNS[table])), run_id=run_id
        )
        repeated = self._rows(filled("merge/repeated_versions", table=table))[0][0]
        if repeated:
            raise ContractError(f"{table}: the warehouse would hold {repeated} versions twice.")

    def _write_run(self, run: Mapping[str, Any], recognised: int) -> None:
        run_id = run["run_id"]
        before = self._rows(statement("ledger/run_no"), run_id=run_id)
        for table in RUN_TABLES:
            self._run(filled("ledger/forget_run", table=table), run_id=run_id)
        self._run(
            statement("ledger/run"),
            run_no=before[0][0] if before else None,
            run_id=run_id,
            as_of=run["as_of"],
            state=run["state"],
            pack=run["pack"],
            code_version=run["code_version"],
            recognised_b12_rows=recognised,
            counts=json.dumps(run.get("counts", {}), default=str, sort_keys=True),
        )
        self._run(statement("ledger/run_inputs"), run_id=run_id)
        self._run(statement("ledger/store_code_use"), run_id=run_id)
        for table in TABLES:
            self._run(filled("ledger/store_quarantine", table=table), run_id=run_id)

    def _insert_published(self, table: str, path: Path, run_id: str) -> None:
        """Store those columns of a published table that the warehouse keeps."""
        files = sorted(str(file) for file in path.glob("*.parquet")) if path.is_dir() else [str(path)]
        if not files:
            return
        given = pl.scan_parquet(files[0]).collect_schema().names()
        kept = [column for column in self._columns(table) if column in given and column != "run_id"]
        self._run(
            filled("ledger/published", table=table, columns=", ".join(kept)), run_id=run_id, files=files
        )

    def _columns(self, table: str) -> list[str]:
        text = (
            "select column_name from duckdb_columns() where database_name = 'store' and table_name = $table"
        )
        return [row[0] for row in self._rows(text, table=table)]


PREFIX_LENGTH: Final = 3
"""Codes that match by prefix are looked up by this many characters first."""

COMPRESSION: Final = "snappy"
STATES: Final = ("in_force", "superseded", "not_yet_known")
CATEGORIES: Final = (
    "in_force",
    "duplicate_or_superseded",
    "not_yet_known",
    "out_of_scope",
    "opted_out",
    "quarantined",
)
"""Every delivered row is in exactly one of these."""

RAW_COLUMNS: Final = {
    "patients": ("birth_date_raw", "registered_on_raw", "deregistered_on_raw", "deceased_on_raw"),
    "labs": ("collected_at_raw", "received_at_raw"),
    "medications": (
        "start_on_raw",
        "end_on_raw",
        "received_at_raw",
        "days_supply_raw",
        "dose_quantity_raw",
        "doses_per_day_raw",
    ),
    "conditions": ("onset_on_raw", "recorded_on_raw", "resolved_on_raw", "received_at_raw"),
    "procedures": ("performed_on_raw", "received_at_raw", "length_cm_raw"),
    "orders": ("ordered_on_raw", "received_at_raw"),
}
"""Table -> its columns that hold what could not be typed; a valid row has none."""


def _stored_rows(table: str) -> dict[str, int]:
    # Only laboratory rows of an earlier night can be refused tonight: values are read after the selection.
    return {"stored_rows": STORED_ROWS} if table == "labs" else {}


def _by_part(lines: pl.DataFrame) -> dict[int, int]:
    counts = lines.group_by("part_no").len()
    return dict(zip(counts["part_no"].to_list(), counts["len"].to_list(), strict=True))


def _not_opened(path: Path, text: str) -> ScreenError:
    words = text.lower()
    if "file too large" in words or "no space left" in words:
        return OutputError(f"{path.name} cannot be written: the disk is full.", "Make room, then run again.")
    if "could not set lock" in words or "conflicting lock" in words:
        return RunLocked(
            f"{path.name} is open in another process.",
            "Wait until it has ended, or close what reads the file.",
        )
    return ConfigurationError(
        f"{path.name} cannot be opened as a warehouse.",
        "Check that it is a warehouse file that can be read and written, or name another with --warehouse.",
    )


def _parsed(parts: Sequence[Part], read: Callable[[], Rows]) -> Rows:
    """What `read` gives; what the parser says instead, which quotes rows, becomes a refusal that names the files."""
    kind = ""
    try:
        return read()
    except (duckdb.InvalidInputException, duckdb.ConversionException) as error:
        kind = type(error).__name__
    names = ", ".join(part.name for part in parts)
    raise InputRefused(
        f"{parts[0].table}: {names} cannot be read as {parts[0].format} ({kind}).",
        "Line ends (with or without carriage return) and quoting must be the same throughout a file.",
    )


def _rows_read(profile: Mapping[str, Any]) -> int:
    """Rows that came out of the CSV scans of the last statement, by the engine's own profile (1.5 and 2.0)."""
    name = profile.get("operator_name") or (profile.get("extra_info") or {}).get("Function") or ""
    own = (
        profile.get("operator_cardinality", profile.get("intermediate_rows", 0)) if "READ_CSV" in name else 0
    )
    below = [*profile.get("children", ()), *profile.get("operator", ())]
    return int(own) + sum(_rows_read(node) for node in below)


def _formats(formats: Sequence[str]) -> tuple[list[str], list[str]]:
    """The site's strptime formats: those of dates alone, and those with a time."""
    zoned = [text for text in formats if "%z" in text or "%Z" in text]
    if zoned:
        raise ConfigurationError(
            f"The date format {zoned[0]!r} holds an offset.", "Instants with an offset are read as ISO only."
        )
    dates = [text for text in formats if not any(mark in text for mark in TIME_MARKS)]
    instants = [text for text in formats if text not in dates]
    return dates or [NO_FORMAT], instants or [NO_FORMAT]


TIME_MARKS: Final = (
    "%H",
    "%I",
    "%M",
    "%S",
    "%p",
    "%f",
    "%c",
    "%X",
    "%T",
    "%n",
    "%g",
    "%-H",
    "%-I",
    "%-M",
    "%-S",
)


def _words(words: Mapping[str, str], *names: str) -> pl.DataFrame:
    return pl.DataFrame(list(words.items()), schema=dict.fromkeys(names, pl.String), orient="row")


def _upper(words: Mapping[str, str]) -> dict[str, str]:
    return {key.strip().upper(): value for key, value in words.items()}


def _lower(words: Mapping[str, str]) -> dict[str, str]:
    return {key.strip().lower(): value for key, value in words.items()}
