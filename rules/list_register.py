"""The register of the codelists: version, date, source and hash of each, so that no list changes unseen."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final

from rules.reading import SIGNED, Entry, is_date, read_toml, signature
from schemas.errors import RulePackError
from schemas.vocabulary import SIGN_OFF_STATES

REGISTER: Final = "lists.toml"
_NEEDED: Final = ("version", "date", "source", "state")
_WRITE: Final = "`b12screen rules codelists --write`"


@dataclass(frozen=True)
class Registered:
    """What the register says of one list file; `sha256` is empty where no hash was written yet."""

    name: str
    version: str
    date: str
    source: str
    sha256: str
    state: str


def read_register(root: Traversable) -> dict[str, Registered]:
    """The register's entries by list. Refuses an entry that is incomplete, and one without its file."""
    folder = root.joinpath("codelists")
    files = _files(folder)
    found = {
        name: _registered(name, entry) for name, entry in read_toml(folder, REGISTER, "codelists").entries()
    }
    for name in found:
        if name not in files:
            raise RulePackError(
                f"codelists {REGISTER}: [{name}] stands for a file that is not there.",
                f"Put codelists/{name}.csv back, or drop the entry.",
            )
    return found


def _registered(name: str, entry: Entry) -> Registered:
    entry.require(_NEEDED, ("sha256", *SIGNED))
    for key in ("version", "source"):
        if not entry.text(key).strip():
            raise entry.refuse(f"has an empty `{key}`.", f'Write `{key} = "..."`.')
    if not is_date(entry.text("date")):
        raise entry.refuse("has a `date` that is no day.", 'Write `date = "YYYY-MM-DD"`.')
    state = entry.one_of("state", SIGN_OFF_STATES)
    if state != "draft":
        if f"{state}_by" not in entry.values:
            raise entry.refuse(
                f"is {state} without saying by which role and when.",
                f'Add `{state}_by = {{ role = "...", on = "YYYY-MM-DD" }}`.',
            )
        signature(entry.child(f"{state}_by"))
    return Registered(
        name=name,
        version=entry.text("version"),
        date=entry.text("date"),
        source=entry.text("source"),
        sha256=entry.text("sha256", ""),
        state=state,
    )


def check_register(root: Traversable) -> dict[str, Registered]:
    """The register, where every list file has an entry and is what its entry's hash says; refused otherwise."""
    register = read_register(root)
    for name, path in _files(root.joinpath("codelists")).items():
        if name not in register:
            raise RulePackError(
                f"codelists/{name}.csv has no entry in {REGISTER}: nobody says its version or its source.",
                f"Add [{name}] with version, date, source and state to rules/codelists/{REGISTER}, then run {_WRITE}.",
            )
        said = register[name]
        if said.sha256 != _sha256(path):
            raise RulePackError(
                f"codelists/{name}.csv is not what {REGISTER} says of its version {said.version} of {said.date}: "
                f"its content has changed since.",
                f"If the change is meant, give [{name}] in rules/codelists/{REGISTER} a new version and date and run "
                f"{_WRITE}; somebody should look at the codes before. If it is not, put the former file back.",
            )
    return register


def changed_lists(root: Traversable) -> list[str]:
    """Names of the registered lists whose content is not what the register says, in order."""
    files = _files(root.joinpath("codelists"))
    return sorted(name for name, said in read_register(root).items() if said.sha256 != _sha256(files[name]))


def write_hashes(root: Path) -> list[str]:
    """Writes the hash of every changed list into the register and gives their names.

    A changed list is a draft again, whoever had signed it: its signatures are dropped. Version, date and source
    are for whoever changed it to say. Lines of other lists stay as they are.
    """
    changed = changed_lists(root)
    path = root / "codelists" / REGISTER
    files = _files(root / "codelists")
    blocks = re.split(r"(?m)^(?=\[)", path.read_text(encoding="utf-8"))
    new = {name: _sha256(files[name]) for name in changed}
    path.write_text("".join(_rehashed(block, new) for block in blocks), encoding="utf-8")
    return changed


def register_root() -> Path:
    """The folder of the rules that this program reads. Refused where the rules do not lie in a folder."""
    root = files("rules")
    if not isinstance(root, Path):
        raise RulePackError("The rules of this program do not lie in a folder.", "Work in a checkout.")
    return root


def in_words(
    register: Mapping[str, Registered], changed: Collection[str], written: Collection[str]
) -> list[str]:
    """One line per list, and what is to be done about changed ones."""
    width = max((len(name) for name in register), default=0)
    lines = [
        f"{each.name:{width}}  {each.version}  {each.date}  {each.state:8}  "
        + ("CHANGED: not what its hash says" if each.name in changed else each.sha256[:12])
        for each in register.values()
    ]
    if written:
        lines.append(
            f"New hashes written, state draft: {', '.join(written)}. Check their version, date and source."
        )
    if changed:
        lines.append(f"{len(changed)} lists are not what their hash says and would be refused: {_WRITE}.")
    return lines


def _rehashed(block: str, new: Mapping[str, str]) -> str:
    name = block.split("]", 1)[0].removeprefix("[").strip('"') if block.startswith("[") else ""
    if name not in new:
        return block
    replaced = ("sha256", "state", *SIGNED)
    kept = [line for line in block.splitlines() if line.split("=", 1)[0].strip() not in replaced]
    while not kept[-1].strip():
        kept.pop()
    return "\n".join([*kept, f'sha256 = "{new[name]}"', 'state = "draft"', "", ""])


def _files(folder: Traversable) -> dict[str, Traversable]:
    named = {path.name.removesuffix(".csv"): path for path in folder.iterdir() if path.name.endswith(".csv")}
    return dict(sorted(named.items()))


def _sha256(path: Traversable) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
