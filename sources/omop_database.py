"""An OMOP store in PostgreSQL: its tables copied in one session, of the vocabulary only what the rows name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import pyarrow as pa

from sources.base import DatabaseSettings
from sources.database import in_session, written
from sources.omop_store import COLUMNS, VOCABULARY, Chosen, Store, Table, chosen_tables
from sources.queries import Query
from sources.session import Session, Wanted
from sql.landing import paths
from sql.statements import identifier, text_literal

NO_VALUES: Final = {"as_of": None, "watermark": None}
CATALOGUE: Final = ("table_schema", "table_name", "column_name", "data_type")


def open_database(store: Store, database: DatabaseSettings) -> dict[str, Table]:
    """The tables of the model in a PostgreSQL database, by name; all of them show one state of it.

    Raises InputRefused where a table is missing, SourceUnavailable where the database goes on not to answer.
    """
    return in_session(
        "postgres",
        store.source.name,
        database,
        store.landing.folder / "read",
        lambda session: _read(session, store),
    )


def _read(session: Session, store: Store) -> dict[str, Table]:
    chosen = chosen_tables(_catalogue(session, store), store)
    return {name: _copied(name, chosen, session, store) for name in chosen}


def _catalogue(session: Session, store: Store) -> list[tuple[str, ...]]:
    names = ", ".join(text_literal(name) for name in COLUMNS)
    text = (
        f"select {', '.join(CATALOGUE)} from information_schema.columns "
        f"where lower(table_name) in ({names}) order by table_schema, table_name, ordinal_position"
    )
    query = Query("catalogue", "its tables", f"{store.where}, its tables", text)
    by_name = {column.name: column for column in session.columns(query, NO_VALUES)}
    wanted = Wanted({name: by_name[name] for name in CATALOGUE})
    batches = list(session.batches(query, NO_VALUES, wanted))
    whole = pa.Table.from_batches(batches) if batches else pa.table({name: [] for name in CATALOGUE})
    store.landing.give("catalogue", whole)
    return store.landing.run(f"select {', '.join(CATALOGUE)} from catalogue", query.where)


def _copied(name: str, chosen: Mapping[str, Chosen], session: Session, store: Store) -> Table:
    schema, as_written, _ = chosen[name]
    where = f"{store.where}, table {schema}.{as_written}"
    query = Query(name, name, where, _text(name, chosen))
    wanted = Wanted(
        {
            column.name.lower(): column
            for column in session.columns(query, NO_VALUES)
            if column.name.lower() in COLUMNS[name]
        },
        limit=None if name in VOCABULARY else store.asked.sample,
    )
    copy = store.landing.folder / "read" / f"{name}.parquet"
    landed = written(copy, session.batches(query, NO_VALUES, wanted), wanted, query)
    return Table(
        name=name,
        where=where,
        relation=f"read_parquet({paths([copy])})",
        columns={column: (column, "VARCHAR") for column in wanted.columns},
        rows=landed.rows,
    )


def _text(name: str, chosen: Mapping[str, Chosen]) -> str:
    """The rows of a table; of the vocabulary those that rows of the other tables name, and what is above them."""
    if name not in VOCABULARY:
        return f"select * from {_place(name, chosen)}"
    used = " union ".join(
        f"select {identifier(column)} from {_place(table, chosen)}"
        for table, (_, _, columns) in chosen.items()
        if table not in VOCABULARY
        for column, _ in columns
        if column.lower() in COLUMNS[table] and column.lower().endswith("_concept_id")
    )
    if name == "concept_ancestor":
        below = _named("descendant_concept_id", name, chosen)
        return f"select * from {_place(name, chosen)} where {below} in ({used})"
    if "concept_ancestor" in chosen:
        above = _named("ancestor_concept_id", "concept_ancestor", chosen)
        below = _named("descendant_concept_id", "concept_ancestor", chosen)
        used += f" union select {above} from {_place('concept_ancestor', chosen)} where {below} in ({used})"
    return f"select * from {_place(name, chosen)} where {_named('concept_id', name, chosen)} in ({used})"


def _place(name: str, chosen: Mapping[str, Chosen]) -> str:
    schema, as_written, _ = chosen[name]
    return f"{identifier(schema)}.{identifier(as_written)}"


def _named(column: str, table: str, chosen: Mapping[str, Chosen]) -> str:
    """A column as the database writes it; as the model does where it is not there, for the refusal to name."""
    return identifier(next((written for written, _ in chosen[table][2] if written.lower() == column), column))
