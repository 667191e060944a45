"""Reading pack files strictly: a key that is unknown, missing or of the wrong kind is refused, never ignored.

A misspelt key that is quietly skipped can switch off a safeguard; so every table of a pack file is read
through an `Entry`, which knows where it stands and words the refusal for the person who edits the file.
"""

from __future__ import annotations

import csv
import difflib
import io
import re
import tomllib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from importlib.resources.abc import Traversable
from typing import Final, TypeVar

from rules.model import Fact, Signature
from schemas.errors import RulePackError
from schemas.vocabulary import SIGN_OFF_STATES

Value = TypeVar("Value")

CITED: Final = ("evidence", "source", "state")
"""What every entry of a pack must say of itself."""

SIGNED: Final = ("reviewed_by", "signed_by")
"""Who has reviewed and signed an entry, by role and date: `signed_by = { role = "...", on = "2026-07-01" }`."""

_PERSON: Final = re.compile(r"\b(Dr|Mr|Mrs|Ms|Mx|Prof)\b\.?\s+[A-Z]")
_TAG: Final = re.compile(r"S([1-9]|[12]\d|3[0-6])|V\d+[a-z]?|K|P")


def closest(word: str, allowed: Collection[str]) -> str:
    """A hint that names the nearest allowed word, or all of them where none is near."""
    near = difflib.get_close_matches(word, list(allowed), n=1, cutoff=0.6)
    if near:
        return f"Did you mean `{near[0]}`?"
    return "Allowed: " + ", ".join(sorted(allowed)) + "."


@dataclass(frozen=True)
class Entry:
    """One table of a pack file: `where` names file and entry, `values` is what stands there."""

    where: str
    values: Mapping[str, object]

    def refuse(self, what: str, hint: str = "") -> RulePackError:
        return RulePackError(f"{self.where} {what}", hint)

    def require(self, needed: Collection[str], optional: Collection[str] = ()) -> None:
        known = {*needed, *optional, *(SIGNED if {*CITED} <= {*needed} else ())}
        for key in self.values:
            if key not in known:
                raise self.refuse(f"has the unknown key `{key}`.", closest(key, known))
        for key in needed:
            if key not in self.values:
                raise self.refuse(f"lacks `{key}`.", f"Add `{key} = ...`; this kind of entry needs it.")

    def _of(self, key: str, kind: type[Value], name: str, default: Value | None) -> Value:
        value = self.values.get(key, default)
        if not isinstance(value, kind):
            raise self.refuse(f"has a `{key}` that is not {name}.", f"Write {name}.")
        return value

    def text(self, key: str, default: str | None = None) -> str:
        return self._of(key, str, "text in double quotes", default)

    def flag(self, key: str, default: bool | None = None) -> bool:
        return self._of(key, bool, "true or false", default)

    def number(self, key: str) -> float:
        value = self.values.get(key)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.refuse(f"has a `{key}` that is not a number.", "Write a number without quotes.")
        return float(value)

    def words(self, key: str, default: tuple[str, ...] | None = None) -> tuple[str, ...]:
        value = self.values.get(key, default)
        if not isinstance(value, list | tuple) or not all(isinstance(word, str) for word in value):
            raise self.refuse(f"has a `{key}` that is not a list of words.", f'Write `{key} = ["..."]`.')
        return tuple(value)

    def one_of(self, key: str, allowed: Collection[str], default: str | None = None) -> str:
        return self.known(self.text(key, default), allowed, key)

    def known(self, word: str, allowed: Collection[str], what: str) -> str:
        if word not in allowed:
            raise self.refuse(f"has the unknown {what} `{word}`.", closest(word, allowed))
        return word

    def child(self, key: str) -> Entry:
        """The table under `key`; an absent one reads as empty."""
        value = self.values.get(key, {})
        if not isinstance(value, dict):
            raise self.refuse(f"has a `{key}` that is not a table.", f"Write `{key} = {{ ... }}`.")
        return Entry(f"{self.where} {key}:", value)

    def children(self, key: str) -> tuple[Entry, ...]:
        """The tables listed under `key`, in order; an absent list reads as empty."""
        value = self.values.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise self.refuse(f"has a `{key}` that is not a list of tables.", f"Write `[[{key}]]` tables.")
        return tuple(
            Entry(f"{self.where} {key} {position}:", item) for position, item in enumerate(value, start=1)
        )

    def entries(self) -> Iterator[tuple[str, Entry]]:
        """Every named table of a file, in order, with its name."""
        for name, value in self.values.items():
            if not isinstance(value, dict):
                raise self.refuse(f"has the key `{name}` outside of an entry.", f"Put it under `[{name}]`.")
            yield name, Entry(f"{self.where} {name}", value)


@dataclass(frozen=True)
class Lexicon:
    """What entries may speak of: sources and codelists."""

    sources: Mapping[str, str]
    concepts: frozenset[str]

    def fact(self, entry: Entry) -> Fact:
        tags = entry.words("evidence")
        if not tags or not entry.text("source").strip():
            raise entry.refuse("is not cited.", 'Give `evidence = ["..."]` and `source = "..."`.')
        for tag in tags:
            self._check_tag(entry, tag)
        state = entry.one_of("state", SIGN_OFF_STATES)
        signatures = {key: signature(entry.child(key)) if key in entry.values else None for key in SIGNED}
        if state != "draft" and not signatures[f"{state}_by"]:
            raise entry.refuse(
                f"is {state} without saying by which role and when.",
                f'Add `{state}_by = {{ role = "...", on = "YYYY-MM-DD" }}`.',
            )
        return Fact(tags, entry.text("source"), state, **signatures)

    def _check_tag(self, entry: Entry, tag: str) -> None:
        if not _TAG.fullmatch(tag):
            raise entry.refuse(
                f"has the evidence tag `{tag}`.", "Tags are S1 to S36, V and a source number, K or P."
            )
        if tag.startswith("V") and tag not in self.sources:
            raise entry.refuse(
                f"cites {tag}, which pack.toml does not list.",
                f"Add it to [sources]. {closest(tag, self.sources)}",
            )

    def codelists(self, entry: Entry) -> tuple[str, ...]:
        concepts = entry.words("concepts", ())
        for concept in concepts:
            entry.known(concept, self.concepts, "codelist")
        return concepts


def signature(entry: Entry) -> Signature:
    """Role and date of a sign-off; a person's name is refused as far as it shows."""
    entry.require(("role", "on"))
    role, on = entry.text("role").strip(), entry.text("on")
    if not role or not is_date(on):
        raise entry.refuse("lacks its role or its date.", 'Give `role = "..."` and `on = "YYYY-MM-DD"`.')
    if _PERSON.search(role):
        raise entry.refuse("names a person.", 'Name the role alone, for example "Consultant haematologist".')
    return Signature(role, on)


def is_date(text: str) -> bool:
    """True for a day written as YYYY-MM-DD."""
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def read_toml(folder: Traversable, file: str, pack_ref: str) -> Entry:
    """The whole file as one entry."""
    where = f"{pack_ref} {file}:"
    path = folder.joinpath(file)
    if not path.is_file():
        raise RulePackError(f"{where} the file is missing.", "A rule pack needs this file.")
    try:
        return Entry(where, tomllib.loads(path.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RulePackError(f"{where} is not readable as TOML: {error}.", "Correct the line named.") from None


def read_rows(path: Traversable, columns: tuple[str, ...]) -> list[tuple[str, dict[str, str]]]:
    """Rows of a CSV file of the pack, each with the place to name in a refusal; columns exactly as given."""
    if not path.is_file():
        raise RulePackError(f"{path.name}: the file is missing.", "Put it back beside the rule packs.")
    reader = csv.reader(io.StringIO(path.read_text(encoding="utf-8")))
    header = tuple(next(reader, []))
    if header != columns:
        raise RulePackError(
            f"{path.name} line 1: unexpected columns.", "Expected: " + ",".join(columns) + "."
        )
    rows = []
    for cells in reader:
        place = f"{path.name} line {reader.line_num}:"
        if len(cells) != len(columns):
            raise RulePackError(
                f"{place} {len(cells)} cells instead of {len(columns)}.", "Quote a cell that holds a comma."
            )
        rows.append((place, dict(zip(columns, cells, strict=True))))
    return rows
