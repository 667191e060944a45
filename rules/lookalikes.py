"""The words by which a code that no list holds looks like one of ours; they serve the nightly report alone."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final

from rules.model import Pack
from rules.reading import CITED, Entry, Lexicon, read_rows, read_toml
from rules.terminology import concept_names
from schemas.errors import RulePackError
from schemas.vocabulary import FAMILIES

LOOKALIKES: Final = "lookalikes.toml"
_NAMES: Final = "drug_names.csv"


@dataclass(frozen=True)
class Lookalike:
    """Words for the names of some tables: `pattern` finds any of them in a lower-case name."""

    id: str
    tables: tuple[str, ...]
    concepts: tuple[str, ...]
    pattern: str


def read_lookalikes(pack: Pack, root: Path | None = None) -> tuple[Lookalike, ...]:
    """The word groups of lookalikes.toml, then one per codelist of drug_names.csv, unreviewed names included.

    Raises RulePackError, naming the entry, where a word, table, codelist or its evidence is not fit to use.
    """
    home: Traversable = files("rules") if root is None else root
    words = Lexicon(pack.sources, concept_names(home))
    sheet = read_toml(home.joinpath("codelists"), LOOKALIKES, "codelists")
    return (*(_group(name, entry, words) for name, entry in sheet.entries()), *_medicines(home))


def check_line(pack: Pack) -> str:
    """How many groups of words there are, after all of them were read as a night reads them; raises as that does."""
    groups = len(read_lookalikes(pack))
    return f"{groups} groups of words ({LOOKALIKES}, {_NAMES}) find codes that no list holds."


def lookalikes_sha256(root: Path | None = None) -> str:
    """Hash of the words, for the run id: they change what a night reports, not what it decides."""
    home: Traversable = files("rules") if root is None else root
    return hashlib.sha256(home.joinpath("codelists", LOOKALIKES).read_bytes()).hexdigest()


def _group(name: str, entry: Entry, words: Lexicon) -> Lookalike:
    entry.require(("tables", "words", "concepts", *CITED))
    words.fact(entry)
    for table in entry.words("tables"):
        entry.known(table, FAMILIES, "table")
    for word in entry.words("words"):
        if word != word.strip().lower() or not word.strip("* ") or "*" in word.strip("*"):
            raise entry.refuse(
                f"has the word `{word}`.",
                "Write words in lower case, without outer spaces, and `*` at either end only.",
            )
    if not entry.words("words") or not entry.words("tables"):
        raise entry.refuse("has no words or no tables.", "Give at least one of each.")
    return Lookalike(name, entry.words("tables"), words.codelists(entry), any_of(entry.words("words")))


def _medicines(home: Traversable) -> list[Lookalike]:
    names: dict[str, list[str]] = {}
    columns = ("name", "concept", "ingredient_source", "reviewed")
    for place, row in read_rows(home.joinpath(_NAMES), columns):
        if not row["name"]:
            raise RulePackError(f"{place} has no name.", "Complete the row.")
        names.setdefault(row["concept"], []).append(row["name"])
    return [
        Lookalike(concept, ("medications",), (concept,), any_of(tuple(of)))
        for concept, of in sorted(names.items())
    ]


def any_of(words: tuple[str, ...]) -> str:
    """The pattern that finds any of the words in a lower-case name."""
    return "|".join(_pattern(word) for word in words)


def _pattern(word: str) -> str:
    core = r"[^\p{L}\p{N}]*".join(re.escape(part) for part in word.strip("*").split())
    before = "" if word.startswith("*") else r"(?:^|[^\p{L}\p{N}])"
    after = "" if word.endswith("*") else r"(?:[^\p{L}\p{N}]|$)"
    return f"{before}{core}{after}"
