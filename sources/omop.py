"""OMOP CDM 5.4 as a source: folders of exports, DuckDB files and PostgreSQL, landed as canonical tables.

A row of OMOP says what it is about in up to three ways: a standard concept, the concept of its source, and the
source's own word. It is landed under that code which the lists hold; `docs/decisions/0015` says how it is chosen.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import polars as pl

from schemas.canonical_columns import COLUMNS
from schemas.errors import ContractError
from schemas.vocabulary import FAMILIES, TABLES
from sources.base import Asked, Part, SourceSettings, as_path
from sources.headers import refuse_mapped_columns
from sources.omop_database import open_database
from sources.omop_store import Store, Table, make_views, open_files
from sql.engine import Matching
from sql.landing import Landing
from sql.statements import filled, statement, text_literal

MACROS: Final = (
    *("ddl/macro_tidy", "ddl/macro_code_text", "ddl/macro_squeezed"),
    *("omop/macro_whole", "omop/macro_concept_of", "omop/macro_moment_of", "omop/macro_day_of"),
    *("omop/macro_born_on", "omop/macro_person_named"),
)
VOCABULARY: Final = ("used", "ancestry", "concepts", "ingredients", "people")

NO_MATCHING: Final = Matching(
    pl.DataFrame(
        schema=dict.fromkeys(("concept", "system", "code", "match", "match_code", "breadth"), pl.String)
    ),
    pl.DataFrame(),
    pl.DataFrame(schema=dict.fromkeys(("alias", "system"), pl.String)),
)


@dataclass(frozen=True)
class _Coded:
    """How a table of the model says what its rows are about.

    table: the canonical table its rows land in. source_value, source_concept, concept: expressions. is_split: a row
    that says several things is landed once for each.
    """

    table: str
    source_value: str
    source_concept: str
    concept: str
    is_split: bool = False


CODED: Final[Mapping[str, _Coded]] = {
    "measurement": _Coded(
        "labs", "measurement_source_value", "measurement_source_concept_id", "measurement_concept_id"
    ),
    "drug_exposure": _Coded("medications", "drug_source_value", "drug_source_concept_id", "drug_concept_id"),
    "condition_occurrence": _Coded(
        "conditions",
        "condition_source_value",
        "condition_source_concept_id",
        "condition_concept_id",
        is_split=True,
    ),
    "observation": _Coded(
        "conditions",
        "observation_source_value",
        "observation_source_concept_id",
        "observation_concept_id",
        is_split=True,
    ),
    "procedure_occurrence": _Coded(
        "procedures",
        "procedure_source_value",
        "procedure_source_concept_id",
        "procedure_concept_id",
        is_split=True,
    ),
}
"""Table of the model with codes -> how its rows are landed, in the order of the canonical tables."""

OF_FACTS: Final = {"observation": "facts"}
"""Table of the model -> the view of its rows that can be landed, where not all of them can."""


def land(source: SourceSettings, asked: Asked) -> list[Part]:
    """One part per table of the model that is there, by table in canonical order and then by name.

    Every row of person, measurement and drug_exposure is one row; one of the other tables is as many as it says
    things that a list holds, and at least one. Orders are not in the model. Raises InputRefused where a table or a
    column is missing, or a file cannot be trusted; SourceUnavailable where a database goes on not to answer.
    """
    refuse_mapped_columns(source, "an OMOP source", "omop")
    folder = asked.work / "landed" / as_path(source.name)
    with Landing(folder, asked.engine) as landing:
        store = Store(source, asked, landing)
        tables = open_database(store, source.database) if source.database else open_files(store)
        parts = _Landed(store, tables).parts()
        store.refuse_if_changed()
    return sorted(parts, key=lambda part: (TABLES.index(part.table), part.name))


class _Landed:
    """One store being landed."""

    def __init__(self, store: Store, tables: Mapping[str, Table]) -> None:
        self.store = store
        self.tables = tables
        self.source = store.source
        self.landing = store.landing
        self.matching = store.asked.matching or NO_MATCHING

    def parts(self) -> list[Part]:
        make_views(self.tables, self.store)
        self._prepare()
        parts = [self._part(self.tables["person"], "patients", "omop/patients")]
        for name, coded in CODED.items():
            if name in self.tables:
                self._name_codes(name, coded)
                words = "observations" if name == "observation" else coded.table
                parts.append(self._part(self.tables[name], coded.table, f"omop/{words}"))
        return parts

    def _prepare(self) -> None:
        for name in MACROS:
            self._run(statement(name))
        chosen = self.source.omop
        for name, literal in {
            "patient_id": text_literal(chosen.patient_id),
            "clinic": text_literal(chosen.clinic),
            "has_registration": str(chosen.has_registration).lower(),
            "has_ends": str(chosen.has_condition_ends).lower(),
        }.items():
            self._run(f"set variable {name} = {literal}")
        for name, frame in (
            ("pack_codes", self.matching.codes),
            ("aliases", self.matching.code_system_aliases),
            ("site_code_systems", _pairs(self.source.code_systems, "spelling", "system")),
            ("site_names", _pairs(_lower(self.source.test_names), "reported_name", "concept")),
        ):
            self.landing.give(name, frame)
        for name in ("staging/prefix_systems", "staging/spelling"):
            self._run(statement(name))
        for name in VOCABULARY:
            self._run(statement(f"omop/{name}"))
        self._run(statement("omop/facts"))

    def _name_codes(self, name: str, coded: _Coded) -> None:
        """Make `coded`: the code of every way in which rows of a table say what they are about."""
        is_drug = coded.table == "medications"
        self.landing.give("site_codes", _pairs(self._site_codes(coded.table), "reported_code", "concept"))
        system = self.source.omop.source_systems.get(name)
        self._run(filled("omop/listed", families=_list(FAMILIES[coded.table])))
        self._run(
            filled(
                "omop/keys",
                table=OF_FACTS.get(name, name),
                concept=coded.concept,
                source_concept=coded.source_concept,
                source_value=coded.source_value,
            )
        )
        self._run(statement("omop/above_drugs" if is_drug else "omop/above_concepts"))
        literal = text_literal(system) if system else "cast(null as varchar)"
        self._run(filled("omop/candidates", source_system=literal, is_drug=str(is_drug).lower()))
        self._run(filled("omop/coded", per="key_no, concept" if coded.is_split else "key_no"))

    def _site_codes(self, table: str) -> dict[str, str]:
        if table == "labs":
            return _upper(self.source.test_codes)
        return {
            code: concept
            for code, concept in _upper(self.source.codes).items()
            if concept.startswith("drug_") == (table == "medications")
        }

    def _part(self, table: Table, canonical: str, name: str) -> Part:
        path = self.landing.folder / f"{table.name}.parquet"
        query = statement(name).rstrip().rstrip(";")
        rows = self.landing.write(query, path, table.where)
        delivered = None if table.rows is None else table.rows - len(table.malformed_lines)
        if (
            not self.store.asked.sample
            and delivered is not None
            and not _is_whole(table.name, rows, delivered)
        ):
            raise ContractError(f"{table.where}: {delivered} rows were delivered and {rows} landed.")
        header = tuple(self.landing.columns(query, table.where))
        return Part(
            source=self.source.name,
            table=canonical,
            name=table.name,
            read_path=path,
            format="parquet",
            compression="none",
            delimiter=self.source.delimiter,
            header=header,
            columns={column: column for column in COLUMNS[canonical] if column in header},
            rows=rows + len(table.malformed_lines),
            sha256=table.sha256 or _digest(path),
            size=table.size or path.stat().st_size,
            malformed_lines=table.malformed_lines,
        )

    def _run(self, text: str) -> None:
        self.landing.run(text, self.store.where)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _is_whole(name: str, landed: int, delivered: int) -> bool:
    if name == "observation":
        return True
    is_split = name in CODED and CODED[name].is_split
    return landed >= delivered if is_split else landed == delivered


def _list(texts: Iterable[str]) -> str:
    return "[" + ", ".join(text_literal(text) for text in texts) + "]::varchar[]"


def _pairs(words: Mapping[str, str], *names: str) -> pl.DataFrame:
    return pl.DataFrame(list(words.items()), schema=dict.fromkeys(names, pl.String), orient="row")


def _upper(words: Mapping[str, str]) -> dict[str, str]:
    return {key.strip().upper(): value for key, value in words.items()}


def _lower(words: Mapping[str, str]) -> dict[str, str]:
    return {key.strip().lower(): value for key, value in words.items()}
