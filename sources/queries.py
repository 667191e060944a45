"""A database source's own queries: one file per canonical table, with `$as_of` and `$watermark` in it.

The dialect's tokens are those of sqlglot, so that a name within a string, a quoted name or a comment stays what
it is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Final

from schemas.errors import ConfigurationError
from schemas.vocabulary import TABLES
from sources.base import DatabaseSettings, SourceSettings
from sources.headers import closest

if TYPE_CHECKING:
    from sqlglot import Token

PARAMETERS: Final = ("as_of", "watermark")
"""as_of: the day that is screened for. watermark: where to read on from, null on the first night. Both are text."""


@dataclass(frozen=True)
class Query:
    """One query file. where: source and file, for messages. text: one statement without its semicolon."""

    table: str
    name: str
    where: str
    text: str


def read_queries(source: SourceSettings, database: DatabaseSettings) -> list[Query]:
    """The source's queries by table in canonical order.

    Raises ConfigurationError where the folder or a table that the source delivers is missing, where a file is named
    for no table, and where one cannot be read.
    """
    folder = database.queries
    where = f"source {source.name}"
    if not folder.is_dir():
        raise ConfigurationError(
            f"{where}: there is no folder {folder} of queries",
            "Expected <table>.sql in it, one for each table.",
        )
    files = {path.stem: path for path in sorted(folder.glob("*.sql"))}
    for name in files:
        if name not in TABLES:
            raise ConfigurationError(
                f"{where}: the query {name}.sql is named for no table", _did_you_mean(name)
            )
    if missing := [table for table in source.delivers if table not in files]:
        raise ConfigurationError(
            f"{where}: there is no query {', '.join(f'{table}.sql' for table in missing)} in {folder}",
            "Write it, or name in `delivers` the tables that this source has.",
        )
    if strange := [table for table in database.watermark if table not in files]:
        raise ConfigurationError(
            f"{where}: `watermark` names {', '.join(strange)}, for which there is no query in {folder}",
            "Write the query, or leave the table out.",
        )
    return [_read(files[table], where) for table in TABLES if table in files]


def _did_you_mean(name: str) -> str:
    near = closest(name, TABLES)
    return f"Did you mean {near}.sql?" if near else f"Expected one of: {', '.join(TABLES)}."


def _read(path: Path, where: str) -> Query:
    try:
        return Query(path.stem, path.name, f"{where}, {path.name}", path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        kind = type(error).__name__
    raise ConfigurationError(
        f"{where}, {path.name}: the query cannot be read ({kind})", "Expected UTF-8 text."
    )


def written_for(query: Query, dialect: str, marker: Callable[[str], str]) -> tuple[str, list[str]]:
    """The query with each parameter as the database wants it, without a closing semicolon; and the parameters met.

    Line breaks stay where they are. Raises ConfigurationError for a parameter that there is not, for more than one
    statement, and for text that cannot be told apart into tokens.
    """
    tokens = _tokens(query, dialect)
    if not tokens:
        raise ConfigurationError(f"{query.where}: the query is empty", "Expected one select.")
    text, end, met = "", 0, []
    for name, start, stop, line in _parameters(tokens):
        if name not in PARAMETERS:
            raise ConfigurationError(
                f"{query.where}, line {line}: there is no parameter ${name}",
                f"Parameters are {' and '.join(f'${known}' for known in PARAMETERS)}.",
            )
        text += query.text[end:start] + marker(name)
        end = stop
        met.append(name)
    return text + query.text[end : _end_of_statement(query, tokens)], met


def _tokens(query: Query, dialect: str) -> list[Token]:
    try:
        from sqlglot import tokenize  # noqa: PLC0415
        from sqlglot.errors import SqlglotError  # noqa: PLC0415
    except ImportError:
        raise missing("sqlglot", dialect) from None
    try:
        return tokenize(query.text, read=dialect)
    except SqlglotError:
        pass
    raise ConfigurationError(
        f"{query.where}: the query is not SQL as this database writes it",
        "A quote, a bracket or a comment is not closed.",
    )


def missing(package: str, extra: str) -> ConfigurationError:
    extra = "sqlserver" if extra == "tsql" else extra
    return ConfigurationError(
        f"The package {package} is not installed, without which no source of kind `{extra}` can be read.",
        f"Install the extra: pip install 'b12screen[{extra}]'.",
    )


def _parameters(tokens: list[Token]) -> list[tuple[str, int, int, int]]:
    """Name, first place, place after the last, and line of everything that is written as a parameter."""
    # Some dialects take `$name` for one word, others for a mark and a word beside it.
    alone = [
        (token.text[1:], token.start, token.end + 1, token.line)
        for token in tokens
        if token.token_type.name == "VAR" and token.text.startswith("$")
    ]
    in_two = [
        (word.text, mark.start, word.end + 1, mark.line)
        for mark, word in pairwise(tokens)
        if mark.token_type.name == "PARAMETER" and mark.text == "$" and word.start == mark.end + 1
    ]
    return sorted(alone + in_two, key=lambda found: found[1])


def _end_of_statement(query: Query, tokens: list[Token]) -> int:
    ends = [place for place, token in enumerate(tokens) if token.token_type.name == "SEMICOLON"]
    if not ends:
        return len(query.text)
    if ends[0] == 0 or any(token.token_type.name != "SEMICOLON" for token in tokens[ends[0] :]):
        raise ConfigurationError(
            f"{query.where}, line {tokens[ends[0]].line}: the query is more than one statement",
            "Expected one select; everything else belongs into the database, as a view for example.",
        )
    return tokens[ends[0]].start
