"""A pack that inherits another: only what it changes stands in its folder, and one whole pack is read from both.

`inherits = "b12/1.0.0"` in pack.toml names the pack that everything else comes from. An entry that stands in
the inheriting folder replaces, key by key, the entry of the same name; a decision row is named by id and case.
`[[switched_off]]` takes an entry away by name. Nothing can be added: a misspelt name would otherwise become a
new entry, and the safeguard that was meant to change would stay as it is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from typing import Final

from rules.model import DecisionRow
from rules.proof import Box, left_over, reach, whole
from rules.reading import CITED, SIGNED, Entry, closest, read_toml
from schemas.errors import RulePackError
from schemas.vocabulary import FACTS

ABOUT: Final = "pack.toml"
DECISIONS: Final = "decisions.toml"
SWITCHED_OFF: Final = "switched_off"
_OF_ITS_OWN: Final = ("id", "version", "title", "sign_off")
_OF_WHOM: Final = ("row", "id", "name")
"""Keys that may name one table of a list; the first that it has counts."""

Table = dict[str, object]


@dataclass(frozen=True)
class Generation:
    """One pack of a line of packs, as it stands in its own folder."""

    ref: str
    folder: Traversable
    sheets: Mapping[str, Entry]


@dataclass(frozen=True)
class Alteration:
    """One entry that a pack changes or switches off: file, name, the table that says so, and what stood before."""

    pack_ref: str
    file: str
    name: str
    is_off: bool
    entry: Entry
    before: Mapping[str, object]


@dataclass(frozen=True)
class Inherited:
    """A whole pack: its sheets by file, its line of packs (itself first), and what the line changes, oldest first."""

    sheets: Mapping[str, Entry]
    line: tuple[Generation, ...]
    alterations: tuple[Alteration, ...]


def pack_refs(home: Traversable) -> list[str]:
    """Every `id/version` under `packs/`, in order."""
    shelf = home.joinpath("packs")
    if not shelf.is_dir():
        raise RulePackError("There is no folder `packs`.", "Packs stand in packs/<id>/<version>/.")
    return sorted(
        f"{pack.name}/{version.name}"
        for pack in shelf.iterdir()
        if pack.is_dir()
        for version in pack.iterdir()
        if version.joinpath(ABOUT).is_file()
    )


def pack_folder(home: Traversable, pack_ref: str) -> Traversable:
    packs = pack_refs(home)
    if pack_ref not in packs:
        raise RulePackError(f"No rule pack `{pack_ref}`.", closest(pack_ref, packs))
    return home.joinpath("packs", *pack_ref.split("/"))


def read_pack(home: Traversable, pack_ref: str, pack_files: Sequence[str]) -> Inherited:
    """The sheets of the pack `id/version`, whole: its own and what it inherits, merged file by file.

    Raises RulePackError where a parent is missing, packs inherit each other in a ring, a file is unknown, or an
    entry is changed that the parent does not have or without evidence, source and state of its own.
    """
    line = _line(home, pack_ref, pack_files)
    oldest = line[-1]
    sheets: dict[str, Entry] = dict(oldest.sheets)
    alterations: list[Alteration] = []
    for generation in reversed(line[:-1]):
        sheets[ABOUT] = _about(sheets[ABOUT], generation)
        for file, own in generation.sheets.items():
            if file != ABOUT:
                sheets[file], found = _merged(sheets[file], own, generation.ref, file)
                alterations += found
    where = pack_ref if len(line) == 1 else f"{pack_ref} (inherits {line[1].ref})"
    named = {file: Entry(f"{where} {file}:", sheets[file].values) for file in pack_files}
    return Inherited(named, line, tuple(alterations))


def _line(home: Traversable, pack_ref: str, pack_files: Sequence[str]) -> tuple[Generation, ...]:
    """The pack and its ancestors, itself first."""
    line = [_generation(home, pack_ref, pack_files)]
    while "inherits" in line[-1].sheets[ABOUT].values:
        about = line[-1].sheets[ABOUT]
        parent = about.text("inherits")
        seen = [generation.ref for generation in line]
        if parent in seen:
            raise about.refuse(
                f"inherits itself: {' inherits '.join([*seen, parent])}.",
                "Name a pack that stands by itself, or drop `inherits` and hold every file.",
            )
        packs = pack_refs(home)
        if parent not in packs:
            raise about.refuse(f"inherits `{parent}`, which is not there.", closest(parent, packs))
        line.append(_generation(home, parent, pack_files))
    return tuple(line)


def _generation(home: Traversable, pack_ref: str, pack_files: Sequence[str]) -> Generation:
    folder = pack_folder(home, pack_ref)
    about = read_toml(folder, ABOUT, pack_ref)
    if "inherits" not in about.values:
        return Generation(pack_ref, folder, {file: read_toml(folder, file, pack_ref) for file in pack_files})
    own = sorted(path.name for path in folder.iterdir() if path.name.endswith(".toml"))
    for file in own:
        if file not in pack_files:
            raise RulePackError(f"{pack_ref} {file}: a pack has no such file.", closest(file, pack_files))
    return Generation(pack_ref, folder, {file: read_toml(folder, file, pack_ref) for file in own})


def _about(inherited: Entry, generation: Generation) -> Entry:
    """pack.toml of an inheriting pack: its own name and sign-off; sources and rows not held are added up."""
    own = generation.sheets[ABOUT]
    for key in _OF_ITS_OWN:
        if key not in own.values:
            raise own.refuse(f"lacks `{key}`.", f"`{key}` is not inherited: give the pack its own.")
    values: Table = {key: value for key, value in inherited.values.items() if key not in _OF_ITS_OWN}
    values |= {key: value for key, value in own.values.items() if key != "inherits"}
    values["sources"] = {**inherited.child("sources").values, **own.child("sources").values}
    rows = {_name_of(entry): entry for entry in inherited.children("rows_not_held")}
    rows |= {_name_of(entry): entry for entry in own.children("rows_not_held")}
    values["rows_not_held"] = [dict(entry.values) for entry in rows.values()]
    return Entry(own.where, values)


def _merged(inherited: Entry, own: Entry, ref: str, file: str) -> tuple[Entry, list[Alteration]]:
    values: Table = dict(inherited.values)
    found = [_switch_off(values, entry, ref, file) for entry in own.children(SWITCHED_OFF)]
    for key, value in own.values.items():
        if key == SWITCHED_OFF:
            continue
        if isinstance(value, list):
            found += _change_list(values, key, own, ref, file)
        elif key == "suppressed_by":
            found += _change_suppression(values, own.child(key), ref, file)
        else:
            entry = Entry(f"{own.where} {key}", own.child(key).values)
            before = _inherited(values.get(key), entry, key, values)
            values[key] = _changed(before, entry)
            found.append(Alteration(ref, file, key, False, entry, before))
    return Entry(own.where, values), found


def _inherited(found: object, own: Entry, name: str, known: Collection[str]) -> Table:
    if not isinstance(found, dict):
        raise own.refuse(f"changes `{name}`, which the pack it inherits does not have.", closest(name, known))
    return found


def _changed(inherited: Table, own: Entry) -> Table:
    """The inherited table with the keys that the own one gives; who signed the old words has not signed these."""
    _check_cited(own)
    return {key: value for key, value in inherited.items() if key not in SIGNED} | dict(own.values)


def _check_cited(own: Entry) -> None:
    for key in CITED:
        if key not in own.values:
            raise own.refuse(
                f"changes what it inherits without `{key}` of its own.",
                "Each change says evidence, source and state: those of the old words do not cover it.",
            )


def _change_list(values: Table, key: str, own: Entry, ref: str, file: str) -> list[Alteration]:
    tables = values.get(key, [])
    if not isinstance(tables, list):
        raise own.refuse(f"has a list `{key}`, which the pack it inherits does not have.", "Drop it.")
    by_name = {_name_of(Entry("", table)): table for table in tables}
    found: list[Alteration] = []
    for table in own.children(key):
        name = _name_of(table)
        entry = Entry(f"{own.where} {name}", table.values)
        if name in {alteration.name for alteration in found}:
            raise entry.refuse("stands twice.", "Write every change of one entry in one place.")
        before = _inherited(by_name.get(name), entry, name, by_name)
        by_name[name] = _changed(before, entry)
        found.append(Alteration(ref, file, name, False, entry, before))
    values[key] = list(by_name.values())
    return found


def _change_suppression(values: Table, own: Entry, ref: str, file: str) -> list[Alteration]:
    """`[suppressed_by.<list>]` of an inheriting pack has `when` and, as every change, its evidence."""
    inherited = values.get("suppressed_by")
    conditions: Table = dict(inherited) if isinstance(inherited, dict) else {}
    found = []
    for worklist, entry in own.entries():
        name = f"suppressed_by.{worklist}"
        if worklist not in conditions:
            raise own.refuse(
                f"changes `{worklist}`, which the pack it inherits does not suppress.",
                closest(worklist, conditions),
            )
        entry.require(("when", *CITED))
        conditions[worklist] = dict(entry.child("when").values)
        found.append(Alteration(ref, file, name, False, entry, {}))
    values["suppressed_by"] = conditions
    return found


def _switch_off(values: Table, own: Entry, ref: str, file: str) -> Alteration:
    own.require(("name", *CITED))
    name = own.text("name")
    group, _, member = name.partition(".")
    holder = values.get(group) if group == "suppressed_by" else None
    before: Table = {}
    if isinstance(values.get(name), dict):
        del values[name]
    elif isinstance(holder, dict) and member in holder:
        values[group] = {key: value for key, value in holder.items() if key != member}
    else:
        before = _take_from_a_list(values, name, own)
    return Alteration(ref, file, name, True, own, before)


def _take_from_a_list(values: Table, name: str, own: Entry) -> Table:
    known = [key for key, value in values.items() if isinstance(value, dict)]
    for key, tables in values.items():
        if not isinstance(tables, list):
            continue
        names = [_name_of(Entry("", table)) for table in tables]
        if name in names:
            values[key] = [table for table, other in zip(tables, names, strict=True) if other != name]
            return dict(tables[names.index(name)])
        known += names
    raise own.refuse(f"`{name}`: the pack it inherits does not have it.", closest(name, known))


def _name_of(entry: Entry) -> str:
    """What a table of a list is called: its id, with the case where it has one."""
    name = next((str(entry.values[key]) for key in _OF_WHOM if key in entry.values), "")
    case = entry.values.get("case", "")
    return f"{name}.{case}" if isinstance(case, str) and case else name


def check_nobody_dropped(inherited: Inherited, decisions: Sequence[DecisionRow]) -> None:
    """Refuses a change of the decision table that leaves people to its last row, which takes whoever is left.

    That row would say of them that there is no result, whatever there is: nobody may come to it by a switch.
    """
    narrowed = [
        alteration
        for alteration in inherited.alterations
        if alteration.file == DECISIONS and (alteration.is_off or "when" in alteration.entry.values)
    ]
    if not narrowed:
        return
    left: list[Box] = [whole(FACTS)]
    for row in decisions[:-1]:
        left = left_over(left, row.when)
    for alteration in narrowed:
        before = Entry("", alteration.before).child("when")
        condition = {fact: before.words(fact) for fact in before.values}
        if condition and reach(left, condition):
            raise alteration.entry.refuse(
                f"leaves people of `{alteration.name}` to the last row, {decisions[-1].key}.",
                "Change the row instead: `output = []` takes its lists away and keeps its status.",
            )


def pack_sha256(home: Traversable, line: Sequence[Generation], shared_files: Sequence[str]) -> str:
    """Hash over names and bytes of everything that decides, the whole line of packs included, in name order.

    The line `signed_sha256 = ...` of the pack itself is left out, so that it can hold this very hash.
    """
    parts = {f"pack/{name}": content for name, content in _contents(line[0]).items()}
    for generation in line[1:]:
        parts |= {
            f"inherits/{generation.ref}/{name}": content for name, content in _contents(generation).items()
        }
    lists = home.joinpath("codelists")
    parts |= {
        f"codelists/{path.name}": path.read_bytes() for path in lists.iterdir() if path.name.endswith(".csv")
    }
    parts["codelists/expansion.toml"] = lists.joinpath("expansion.toml").read_bytes()
    parts |= {name: home.joinpath(name).read_bytes() for name in shared_files}
    digest = hashlib.sha256()
    for name in sorted(parts):
        digest.update(f"{name}\0{len(parts[name])}\0".encode())
        digest.update(parts[name])
    return digest.hexdigest()


def _contents(generation: Generation) -> dict[str, bytes]:
    contents = {
        path.name: path.read_bytes()
        for path in generation.folder.iterdir()
        if path.name.endswith((".toml", ".md"))
    }
    lines = contents[ABOUT].splitlines(keepends=True)
    contents[ABOUT] = b"".join(line for line in lines if not line.lstrip().startswith(b"signed_sha256"))
    return contents


def check_signatures(home: Traversable, line: Sequence[Generation], shared_files: Sequence[str]) -> None:
    """Refuses a signed pack, or one that inherits it, whose content is no longer what was signed."""
    for place, generation in enumerate(line):
        sign_off = generation.sheets[ABOUT].child("sign_off")
        if sign_off.values.get("state") != "signed":
            continue
        found = pack_sha256(home, line[place:], shared_files)
        signed = sign_off.text("signed_sha256", "")
        if signed == found:
            continue
        if not signed:
            raise sign_off.refuse(
                "is signed but does not say which content.",
                f'Add `signed_sha256 = "{found}"` if that is what was read and signed.',
            )
        raise sign_off.refuse(
            "was signed for another content: a pack, a codelist or a spelling has changed since.",
            f"A signed pack is never edited: make a new version. What stands here now has sha256 {found}.",
        )
