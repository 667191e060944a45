"""What the codes of an extract say about the codelists: codes that may be missing, and codes that went missing.

Both work on counts per distinct code, never on rows of people.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

import polars as pl

from rules.lookalikes import Lookalike
from rules.model import Pack
from rules.terminology import EXPANSION, PREFIX_SYSTEMS
from schemas.code_use import FALLING_COLUMNS, UNLISTED_COLUMNS
from schemas.vocabulary import FAMILIES

_WHICH: Final = ("source", "table_name", "code_system", "code", "name")
_LEVELED: Final = tuple(system for system, of in EXPANSION.items() if of["levels"])


def unlisted(used: pl.DataFrame, pack: Pack, lookalikes: Sequence[Lookalike]) -> pl.DataFrame:
    """One row per used code that no list holds and that looks like ours, most rows first.

    used: source, table_name, code_system, code, name, is_listed, rows, one row per distinct code and name.
    A code looks like ours by the words of its name, by standing under the code one level above a listed one,
    or because a list holds it unverified. Codes that a list excepts on purpose are left out. Source: the site's
    extract, rules/codelists.
    """
    keyed = _keyed(used.filter(~pl.col("is_listed")))
    excepted = _held(keyed, pack.held_codes.filter(pl.col("why") == "excepted"))
    keyed = keyed.join(excepted, on="number", how="anti")
    by_word = _by_word(keyed, lookalikes)
    by_place = _held(keyed, _stems(pack.codes)).rename({"match_code": "under"})
    unverified = _held(keyed, pack.held_codes.filter(pl.col("why") == "unverified"))
    codelists = pl.concat([part.select("number", "concept") for part in (by_word, by_place, unverified)])
    return (
        keyed.join(_joined(codelists, "concept", "codelists"), on="number")
        .join(_joined(by_word, "looks_like", "looks_like"), on="number", how="left")
        .join(_joined(by_place, "under", "under"), on="number", how="left")
        .with_columns(is_unverified=pl.col("number").is_in(unverified["number"].to_list()))
        .with_columns(pl.col("looks_like", "under").fill_null(""), pl.col("rows").cast(pl.Int64))
        .sort("rows", *_WHICH, descending=[True, *(False for _ in _WHICH)])
        .select(column.name for column in UNLISTED_COLUMNS)
    )


def falling(
    used: pl.DataFrame,
    before: pl.DataFrame,
    pack: Pack,
    sources: Collection[str],
    *,
    share: float,
    min_rows: int,
) -> pl.DataFrame:
    """One row per listed code with fewer than `share` of its rows of the previous run, where it had `min_rows`.

    before: source, table_name, code_system, code, name, rows of the previous run's listed codes. sources: those
    that deliver everything each night; what an increment holds says nothing about use. Most rows before first.
    """
    name = pl.when(pl.col("code") == "").then(pl.col("name")).otherwise(pl.lit(""))
    tonight = used.with_columns(name=name).group_by(_WHICH).agg(pl.col("rows").sum().cast(pl.Int64))
    fallen = (
        before.filter(pl.col("source").is_in(list(sources)) & (pl.col("rows") >= min_rows))
        .select(*_WHICH, rows_before=pl.col("rows").cast(pl.Int64))
        .join(tonight, on=_WHICH, how="left")
        .filter(pl.col("rows").fill_null(0) < share * pl.col("rows_before"))
    )
    keyed = _keyed(fallen)
    return (
        keyed.join(_joined(_held(keyed, pack.codes), "concept", "codelists"), on="number", how="left")
        .with_columns(pl.col("codelists").fill_null(""))
        .sort("rows_before", *_WHICH, descending=[True, *(False for _ in _WHICH)])
        .select(column.name for column in FALLING_COLUMNS)
    )


def _keyed(codes: pl.DataFrame) -> pl.DataFrame:
    """The same rows with a number each and the code as lists write it for comparison (`key`)."""
    dotless = [system for system, of in EXPANSION.items() if of["ignores_dots"]]
    is_dotless = pl.col("code_system").is_in(dotless)
    key = pl.when(is_dotless).then(pl.col("code").str.replace_all(".", "", literal=True)).otherwise("code")
    return codes.sort(_WHICH).with_columns(key=key).with_row_index("number")


def _held(keyed: pl.DataFrame, codes: pl.DataFrame) -> pl.DataFrame:
    """One row per numbered code and list row (concept, match_code) that reaches it, in the tables it is for."""
    listed = codes.select(
        "concept", "system", "match_code", family=pl.col("concept").str.split("_").list.first()
    )
    families = pl.DataFrame(
        [(table, family) for table, of in FAMILIES.items() for family in of],
        schema={"table_name": pl.String, "family": pl.String},
        orient="row",
    )
    wanted = keyed.filter(pl.col("key") != "").select("number", "table_name", system="code_system", key="key")
    wanted = wanted.join(families, on="table_name")
    is_prefix = pl.col("system").is_in(PREFIX_SYSTEMS)
    found = [
        wanted.join(
            listed.filter(~is_prefix).with_columns(key=pl.col("match_code").str.to_uppercase()),
            on=["system", "family", "key"],
        )
    ]
    prefixed = listed.filter(is_prefix)
    for length in sorted(prefixed["match_code"].str.len_chars().unique().to_list()):
        of_length = prefixed.filter(pl.col("match_code").str.len_chars() == length)
        begun = wanted.with_columns(match_code=pl.col("key").str.slice(0, length))
        found.append(begun.join(of_length, on=["system", "family", "match_code"]))
    return pl.concat([part.select("number", "concept", "match_code") for part in found])


def _stems(codes: pl.DataFrame) -> pl.DataFrame:
    """The code one level above each listed code of a system with a hierarchy; none where that level has no code."""
    listed = codes.filter(pl.col("system").is_in(_LEVELED))
    levels = pl.DataFrame(
        [(system, level) for system in _LEVELED for level in EXPANSION[system]["levels"]],
        schema={"system": pl.String, "level": pl.Int64},
        orient="row",
    )
    above = (
        listed.join(levels, on="system")
        .filter(pl.col("level") < pl.col("match_code").str.len_chars())
        .group_by("concept", "system", "match_code")
        .agg(pl.col("level").max())
    )
    return above.select(
        "concept", "system", match_code=pl.col("match_code").str.slice(0, pl.col("level"))
    ).unique()


def _by_word(keyed: pl.DataFrame, lookalikes: Sequence[Lookalike]) -> pl.DataFrame:
    schema = {"number": keyed.schema["number"], "concept": pl.String(), "looks_like": pl.String()}
    parts = [pl.DataFrame(schema=schema)]
    for group in lookalikes:
        met = keyed.filter(
            pl.col("table_name").is_in(group.tables) & pl.col("name").str.contains(group.pattern)
        ).select("number", looks_like=pl.lit(group.id))
        parts.append(met.join(pl.DataFrame({"concept": group.concepts}), how="cross").select(*schema))
    return pl.concat(parts)


def _joined(found: pl.DataFrame, column: str, name: str) -> pl.DataFrame:
    """One row per number: its distinct words in order, as one text."""
    return found.group_by("number").agg(pl.col(column).unique().sort().str.join("; ").alias(name))
