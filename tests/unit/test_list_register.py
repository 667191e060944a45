"""The register of the codelists: no list changes unseen, and a site switches unverified codes on by name."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows.cli import app
from rules.list_register import changed_lists, read_register, write_hashes
from rules.loader import load_pack
from rules.terminology import EXPANSION, PREFIX_SYSTEMS
from schemas.errors import RulePackError

RULES = Path(__file__).parents[2] / "rules"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    home = tmp_path / "rules"
    shutil.copytree(RULES, home, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    return home


def replaced(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def refusal(root: Path) -> str:
    with pytest.raises(RulePackError) as caught:
        load_pack(root=root)
    assert caught.value.hint
    return str(caught.value)


def test_every_list_file_has_an_entry_and_no_hash_is_stale() -> None:
    files = {path.stem for path in (RULES / "codelists").glob("*.csv")}
    assert set(read_register(RULES)) == files
    assert changed_lists(RULES) == []
    assert {each.name for each in load_pack().lists} == files - {"exceptions"}


def test_a_changed_list_is_refused_and_says_what_to_do(root: Path) -> None:
    replaced(root / "codelists" / "cond_hiv.csv", "HIV positive", "HIV antibody positive")
    message = refusal(root)
    assert "codelists/cond_hiv.csv is not what lists.toml says of its version 1.0.0" in message
    assert "[cond_hiv]" in message
    assert "rules codelists --write" in message


def test_a_changed_exception_is_refused_too(root: Path) -> None:
    replaced(root / "codelists" / "exceptions.csv", "short courses", "brief courses")
    assert "codelists/exceptions.csv is not what" in refusal(root)


def test_writing_hashes_touches_only_changed_lists_and_makes_them_drafts(root: Path) -> None:
    register = root / "codelists" / "lists.toml"
    signed = 'state = "signed"\nsigned_by = { role = "Terminology lead", on = "2026-11-23" }'
    text = register.read_text(encoding="utf-8")
    before, rest = text.split("[cond_hiv]", 1)
    register.write_text(before + "[cond_hiv]" + rest.replace('state = "draft"', signed, 1), encoding="utf-8")
    assert read_register(root)["cond_hiv"].state == "signed"
    old = read_register(root)
    replaced(root / "codelists" / "cond_hiv.csv", "HIV positive", "HIV antibody positive")
    assert changed_lists(root) == ["cond_hiv"]
    assert write_hashes(root) == ["cond_hiv"]
    new = read_register(root)
    assert {name for name in new if new[name] != old[name]} == {"cond_hiv"}
    assert new["cond_hiv"].state == "draft"
    assert register.read_text(encoding="utf-8").count("signed_by") == 0
    assert load_pack(root=root).lists
    assert write_hashes(root) == []


def test_a_list_without_an_entry_and_an_entry_without_a_list_are_refused(root: Path) -> None:
    replaced(root / "codelists" / "lists.toml", "[cond_hiv]", "[cond_hvi]")
    assert "[cond_hvi] stands for a file that is not there" in refusal(root)
    lists = root / "codelists" / "lists.toml"
    blocks = lists.read_text(encoding="utf-8").split("\n\n")
    lists.write_text("\n\n".join(b for b in blocks if not b.startswith("[cond_hvi]")), encoding="utf-8")
    assert "codelists/cond_hiv.csv has no entry in lists.toml" in refusal(root)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('version = "1.0.0"', 'version = " "', "has an empty `version`"),
        ('date = "2026-11-22"', 'date = "22 November"', "`date` that is no day"),
        ('state = "draft"', 'state = "signed"', "is signed without saying by which role"),
        ('state = "draft"', 'state = "done"', "unknown state `done`"),
        ('version = "1.0.0"', 'verson = "1.0.0"', "unknown key `verson`"),
    ],
)
def test_an_incomplete_entry_is_refused(root: Path, old: str, new: str, says: str) -> None:
    replaced(root / "codelists" / "lists.toml", old, new)
    assert says in refusal(root)


def test_a_site_switches_the_unverified_codes_of_one_list_on() -> None:
    plain, pack = load_pack(), load_pack(switched_on=("cond_leber_tobacco_amblyopia",))
    known = ["concept", "system", "code"]
    added = set(pack.codes.select(known).rows()) - set(plain.codes.select(known).rows())
    assert added == {("cond_leber_tobacco_amblyopia", "SNOMED-CT", "58610003")}
    assert (plain.unverified_lists, pack.unverified_lists) == ((), ("cond_leber_tobacco_amblyopia",))
    assert pack.codes_held_back == plain.codes_held_back - 1
    # The rules are the same: what a site switches on is no part of the pack.
    assert pack.sha256 == plain.sha256


def test_an_excepted_code_stays_off_whatever_is_switched_on() -> None:
    pack = load_pack(switched_on=("drug_b12_cyanocobalamin_nasal",))
    assert pack.codes.filter(concept="drug_b12_cyanocobalamin_nasal").is_empty()
    assert pack.unverified_lists == ()


def test_an_unknown_list_is_named_with_the_nearest_one() -> None:
    with pytest.raises(RulePackError, match="Did you mean `cond_glossitis`") as caught:
        load_pack(switched_on=("cond_glositis",))
    assert "[codelists] switched_on" in str(caught.value)


def test_the_expansion_of_every_system_is_data() -> None:
    assert PREFIX_SYSTEMS == ("ATC", "ICD-10", "ICD-10-CM", "OPCS-4")
    assert {system for system, of in EXPANSION.items() if of["ignores_dots"]} == set(PREFIX_SYSTEMS)
    assert EXPANSION["ATC"]["levels"] == [3, 4, 5, 7]


def test_the_command_shows_every_list_and_writes_changed_ones(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rules.list_register.register_root", lambda: root)
    replaced(root / "codelists" / "cond_hiv.csv", "HIV positive", "HIV antibody positive")
    shown = CliRunner().invoke(app, ["rules", "codelists"])
    assert "CHANGED: not what its hash says" in shown.stdout
    assert changed_lists(root) == ["cond_hiv"]
    written = CliRunner().invoke(app, ["rules", "codelists", "--write", "--json"])
    assert (written.exit_code, json.loads(written.stdout)["written"]) == (0, ["cond_hiv"])
    assert changed_lists(root) == []
