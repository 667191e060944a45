"""A pack that inherits holds only what it changes; a change that could mislead, or an edited signature, is refused."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows.cli import app
from rules.describe import check_lines, show_markdown
from rules.list_register import write_hashes
from rules.loader import held_packs, load_pack
from schemas.errors import RulePackError

RULES = Path(__file__).parents[2] / "rules"
CITED = 'evidence = ["P"]\nsource = "A choice of this clinic"\nstate = "draft"\n'
ABOUT = """id = "{id}"
version = "1.0.0"
title = "A clinic's own"
inherits = "{parent}"
[sign_off]
state = "draft"
role = ""
on = ""
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A copy of the rules that a test may add packs to."""
    home = tmp_path / "rules"
    shutil.copytree(RULES, home, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    return home


def add(root: Path, pack_id: str = "own", parent: str = "b12/1.0.0", **sheets: str) -> str:
    folder = root / "packs" / pack_id / "1.0.0"
    folder.mkdir(parents=True)
    (folder / "pack.toml").write_text(ABOUT.format(id=pack_id, parent=parent), encoding="utf-8")
    for sheet, text in sheets.items():
        (folder / f"{sheet}.toml").write_text(text, encoding="utf-8")
    return f"{pack_id}/1.0.0"


def refusal(root: Path, ref: str) -> str:
    with pytest.raises(RulePackError) as caught:
        load_pack(ref, root=root)
    assert caught.value.hint
    assert caught.value.exit_code == 2
    return str(caught.value)


def test_a_pack_that_changes_nothing_decides_as_its_parent(root: Path) -> None:
    own, parent = load_pack(add(root), root=root), load_pack("b12/1.0.0", root=root)
    assert (own.parameters, own.band_sets, own.decisions) == (
        parent.parameters,
        parent.band_sets,
        parent.decisions,
    )
    assert (own.ref, own.inherits, own.changes) == ("own/1.0.0", "b12/1.0.0", ())
    assert own.sha256 != parent.sha256


def test_one_parameter_is_changed_and_keeps_its_unit_and_meaning(root: Path) -> None:
    own = load_pack(add(root, parameters=f"[pair_days]\nvalue = 21\n{CITED}"), root=root)
    parent = load_pack("b12/1.0.0", root=root)
    changed, before = own.parameters["pair_days"], parent.parameters["pair_days"]
    assert (changed.value, changed.unit, changed.meaning) == (21, before.unit, before.meaning)
    assert changed.fact.source == "A choice of this clinic"
    assert {name for name in own.parameters if own.parameters[name] != parent.parameters[name]} == {
        "pair_days"
    }
    assert [(change.entry, change.is_off) for change in own.changes] == [("pair_days", False)]


def test_a_row_is_changed_in_its_place(root: Path) -> None:
    row = f'[[row]]\nid = "R24"\ncase = "watch"\nlabel = "Watched here"\n{CITED}'
    own, parent = load_pack(add(root, decisions=row), root=root), load_pack("b12/1.0.0", root=root)
    assert [each.key for each in own.decisions] == [each.key for each in parent.decisions]
    changed = {each.key: each.label for each in own.decisions if each not in parent.decisions}
    assert changed == {"R24.watch": "Watched here"}


def test_a_row_a_clue_and_a_suppression_are_switched_off_by_name(root: Path) -> None:
    ref = add(
        root,
        decisions=f'[[switched_off]]\nname = "R40.neuro_at_risk"\n{CITED}'
        f'[[switched_off]]\nname = "suppressed_by.mma_testing"\n{CITED}',
        clues=f'[[switched_off]]\nname = "glossitis"\n{CITED}',
    )
    own = load_pack(ref, root=root)
    assert "R40.neuro_at_risk" not in {row.key for row in own.decisions}
    assert "glossitis" not in {clue.id for clue in own.clues}
    assert "mma_testing" not in own.suppressed_by
    # What is switched off is an entry to sign as any other.
    names = [name for name, _ in own.entries()]
    assert [name for name in ("R40.neuro_at_risk", "glossitis", "suppressed_by.mma_testing") if name in names]
    assert all(change.is_off for change in own.changes)


def test_a_suppression_is_changed_with_evidence_of_its_own(root: Path) -> None:
    when = f'[suppressed_by.mma_testing]\nwhen = {{ b12_order_open = ["yes"] }}\n{CITED}'
    own = load_pack(add(root, decisions=when), root=root)
    assert own.suppressed_by["mma_testing"] == {"b12_order_open": ("yes",)}
    assert "suppressed_by.mma_testing" in [name for name, _ in own.entries()]


def test_cautions_and_follow_up_are_changed_like_rows(root: Path) -> None:
    ref = add(
        root,
        cautions=f'[[caution]]\nid = "C01"\nlabel = "Folic acid"\n{CITED}',
        follow_up=f'[[switched_off]]\nname = "F2"\n{CITED}',
    )
    own, parent = load_pack(ref, root=root), load_pack("b12/1.0.0", root=root)
    assert [caution.label for caution in own.cautions if caution not in parent.cautions] == ["Folic acid"]
    assert [caution.id for caution in own.cautions] == [caution.id for caution in parent.cautions]
    assert {item.id for item in parent.follow_up} - {item.id for item in own.follow_up} == {"F2"}
    assert {change.entry for change in own.changes} == {"caution C01", "follow-up F2"}


def test_a_pack_inherits_through_its_parent(root: Path) -> None:
    add(root, "clinic", parameters=f"[pair_days]\nvalue = 21\n{CITED}")
    ref = add(root, "ward", "clinic/1.0.0", parameters=f"[age_min]\nvalue = 18\n{CITED}")
    ward = load_pack(ref, root=root)
    assert (ward.number("pair_days"), ward.number("age_min")) == (21, 18)
    assert [(change.pack_ref, change.entry) for change in ward.changes] == [
        ("clinic/1.0.0", "pair_days"),
        ("ward/1.0.0", "age_min"),
    ]


def test_the_hash_covers_the_whole_line(root: Path) -> None:
    ref = add(root)
    before = load_pack(ref, root=root).sha256
    cases = root / "packs" / "b12" / "1.0.0" / "cases.md"
    cases.write_text(cases.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    assert load_pack(ref, root=root).sha256 != before


def test_a_source_is_added_and_cited(root: Path) -> None:
    ref = add(
        root,
        parameters='[pair_days]\nvalue = 21\nevidence = ["V99"]\nsource = "It says so"\nstate = "draft"\n',
    )
    assert "cites V99, which pack.toml does not list" in refusal(root, ref)
    about = root / "packs" / ref / "pack.toml"
    about.write_text(about.read_text(encoding="utf-8") + '[sources]\nV99 = "A paper"\n', encoding="utf-8")
    own = load_pack(ref, root=root)
    assert own.sources["V99"] == "A paper"
    assert "V1" in own.sources


REFUSALS = [
    ("parameters", f"[pair_dayz]\nvalue = 21\n{CITED}", "changes `pair_dayz`, which the pack it inherits does not"),
    ("parameters", f"[pair_dayz]\nvalue = 21\n{CITED}", "Did you mean `pair_days`?"),
    ("parameters", f"[pair_days]\nvalu = 21\n{CITED}", "pair_days has the unknown key `valu`"),
    ("parameters", "[pair_days]\nvalue = 21\n", "pair_days changes what it inherits without `evidence`"),
    ("parameters", 'pair_days = 21\n', "not a table"),
    ("bands", f"[b12_total_ng_l]\n{CITED}[b12_total_ng_l.bands]\nLOW = {{ lt = 170 }}\n"
     "INDET = { ge = 180, le = 350 }\nUNLIKELY = { gt = 350 }\n", "has a gap above 170 ng/L"),
    ("bands", f"[b12_total_ng_l]\n{CITED}[b12_total_ng_l.bands]\nLOW = {{ lt = 170 }}\n", "does not name every band"),
    ("decisions", f'[[row]]\nid = "R24"\ncase = "wotch"\n{CITED}', "Did you mean `R24.watch`?"),
    ("decisions", f'[[row]]\nid = "R24"\ncase = "watch"\nwhen = {{ index_class = ["LOW"] }}\n{CITED}',
     "R24.watch can never be reached"),
    ("decisions", f'[[row]]\nid = "R24"\nlabel = "A"\n{CITED}[[row]]\nid = "R24"\nlabel = "B"\n{CITED}',
     "R24 stands twice"),
    ("decisions", f'[[rows]]\nid = "R24"\n{CITED}', "changes `R24`, which the pack it inherits does not have"),
    ("decisions", f'[[switched_off]]\nname = "R24"\n{CITED}', "leaves people of `R24` to the last row, R50"),
    ("decisions", f'[[row]]\nid = "R24"\nwhen = {{ index_class = ["INDET"], mma = ["NONE"], symptom = ["none"], '
     f'mma_for = ["all_indeterminate"], pregnant = ["no"] }}\n{CITED}',
     "leaves people of `R24` to the last row"),
    ("decisions", f'[[switched_off]]\nname = "R24.wach"\n{CITED}', "Did you mean `R24.watch`?"),
    ("decisions", '[[switched_off]]\nname = "R24"\n', "lacks `evidence`"),
    ("decisions", f"[suppressed_by.follow_up]\nwhen = {{ mma_order_open = [\"yes\"] }}\n{CITED}",
     "does not suppress"),
    ("parameters", f'[[switched_off]]\nname = "pair_days"\n{CITED}', "lacks the parameter `pair_days`"),
    ("parameter", f"[pair_days]\nvalue = 21\n{CITED}", "Did you mean `parameters.toml`?"),
]  # fmt: skip


@pytest.mark.parametrize(("sheet", "text", "says"), REFUSALS, ids=[case[2] for case in REFUSALS])
def test_refusals(root: Path, sheet: str, text: str, says: str) -> None:
    message = refusal(root, add(root, **{sheet: text}))
    assert says in message
    assert "own/1.0.0" in message
    assert f"{sheet}.toml" in message


def test_a_missing_parent_is_refused_with_those_there_are(root: Path) -> None:
    message = refusal(root, add(root, parent="b12/1.0.1"))
    assert "own/1.0.0 pack.toml: inherits `b12/1.0.1`, which is not there" in message
    assert "Did you mean `b12/1.0.0`?" in message


def test_a_ring_of_packs_is_refused(root: Path) -> None:
    add(root, "clinic", "ward/1.0.0")
    ref = add(root, "ward", "clinic/1.0.0")
    assert "ward/1.0.0 inherits clinic/1.0.0 inherits ward/1.0.0" in refusal(root, ref)


def test_title_and_sign_off_are_not_inherited(root: Path) -> None:
    ref = add(root)
    about = root / "packs" / ref / "pack.toml"
    about.write_text(about.read_text(encoding="utf-8").split("[sign_off]")[0], encoding="utf-8")
    assert "lacks `sign_off`" in refusal(root, ref)


# Sign-off


SIGNED_BY = 'state = "signed"\nsigned_by = { role = "Consultant haematologist", on = "2026-07-01" }'


def sign(root: Path, ref: str = "b12/1.0.0", signed_sha256: str | None = None) -> None:
    """Signs every entry of the pack and then the pack."""
    folder = root / "packs" / ref
    for sheet in folder.glob("*.toml"):
        text = sheet.read_text(encoding="utf-8")
        if sheet.name == "pack.toml":
            signed = 'state = "signed"\nrole = "Consultant haematologist"\non = "2026-07-01"'
            if signed_sha256:
                signed += f'\nsigned_sha256 = "{signed_sha256}"'
            text = re.sub(r'state = ".*"\nrole = ".*"\non = ".*"(\nsigned_sha256 = ".*")?', signed, text)
        else:
            text = text.replace('state = "draft"', SIGNED_BY)
        sheet.write_text(text, encoding="utf-8")


def signed(root: Path) -> str:
    """The sha256 of the pack, which is signed with it."""
    sign(root)
    asked = re.search(r'signed_sha256 = "([0-9a-f]{64})"', refusal(root, "b12/1.0.0"))
    assert asked
    sign(root, signed_sha256=asked[1])
    return asked[1]


def test_a_signed_pack_loads_while_it_is_what_was_signed(root: Path) -> None:
    sha256 = signed(root)
    pack = load_pack(root=root)
    assert (pack.sign_off.state, pack.sha256) == ("signed", sha256)
    assert pack.sign_off.line == "Clinically signed off by the Consultant haematologist on 2026-07-01."
    assert {fact.state for _, fact in pack.entries()} == {"signed"}
    assert "0 of" in "\n".join(check_lines(pack))
    assert "signed by the Consultant haematologist on 2026-07-01]" in show_markdown(pack)


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("packs/b12/1.0.0/parameters.toml", "value = 365", "value = 366"),
        ("packs/b12/1.0.0/pack.toml", "2026-07-01", "2026-07-02"),
        ("codelists/cond_hiv.csv", "HIV positive", "HIV antibody positive"),
    ],
)
def test_a_signed_pack_that_was_edited_is_refused(root: Path, file: str, old: str, new: str) -> None:
    signed(root)
    path = root / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    write_hashes(root)
    message = refusal(root, "b12/1.0.0")
    assert "was signed for another content" in message
    assert "make a new version" in message


def test_an_edited_signed_parent_is_refused_for_its_child_too(root: Path) -> None:
    signed(root)
    ref = add(root)
    assert load_pack(ref, root=root).sign_off.state == "draft"
    cases = root / "packs" / "b12" / "1.0.0" / "cases.md"
    cases.write_text(cases.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    assert "b12/1.0.0 pack.toml: sign_off: was signed for another content" in refusal(root, ref)


def test_a_change_is_not_covered_by_the_parents_signature(root: Path) -> None:
    signed(root)
    own = load_pack(add(root, parameters=f"[pair_days]\nvalue = 21\n{CITED}"), root=root)
    assert own.parameters["pair_days"].fact.signed_by is None
    assert [name for name, fact in own.entries() if fact.state != "signed"] == ["pair_days"]
    assert "1 of them not signed: pair_days" in "\n".join(check_lines(own))


@pytest.mark.parametrize(
    ("state", "says"),
    [
        ('state = "signed"', "is signed without saying by which role"),
        ('state = "reviewed"', "is reviewed without saying by which role"),
        ('state = "reviewed"\nreviewed_by = { role = "Pharmacist", on = "1 July" }', "lacks its role or its date"),
        ('state = "reviewed"\nreviewed_by = { role = "Pharmacist" }', "lacks `on`"),
        ('state = "reviewed"\nreviewed_by = { role = "Dr Example", on = "2026-07-01" }', "names a person"),
    ],
)  # fmt: skip
def test_an_entry_is_signed_by_role_and_date(root: Path, state: str, says: str) -> None:
    entry = f'[pair_days]\nvalue = 21\nevidence = ["P"]\nsource = "A choice"\n{state}\n'
    assert says in refusal(root, add(root, parameters=entry))


def test_a_reviewed_entry_says_who_reviewed_it(root: Path) -> None:
    state = 'state = "reviewed"\nreviewed_by = { role = "Pharmacist", on = "2026-07-01" }'
    entry = f'[pair_days]\nvalue = 21\nevidence = ["P"]\nsource = "A choice"\n{state}\n'
    own = load_pack(add(root, parameters=entry), root=root)
    reviewed_by = own.parameters["pair_days"].fact.reviewed_by
    assert reviewed_by is not None
    assert (reviewed_by.role, reviewed_by.on) == ("Pharmacist", "2026-07-01")
    assert "(1 of them reviewed)" in "\n".join(check_lines(own))


# The packs that come along


def test_every_pack_that_comes_along_loads() -> None:
    assert held_packs() == ["b12-ng239/1.0.0", "b12-us-aafp2017/1.0.0", "b12/1.0.0"]
    assert {load_pack(ref).sign_off.state for ref in held_packs()} == {"draft"}


def test_ng239_changes_who_gets_mma_and_nothing_else() -> None:
    pack = load_pack("b12-ng239/1.0.0")
    assert [change.entry for change in pack.changes] == ["mma_for"]
    assert pack.word("mma_for") == "symptomatic_only"


def test_the_older_american_limits_rest_on_general_knowledge() -> None:
    pack = load_pack("b12-us-aafp2017/1.0.0")
    assert pack.bands("b12_total_ng_l").fact.evidence == ("K",)
    pmol = {band.name: band for band in pack.bands("b12_total_pmol_l").bands}
    assert pmol["LOW"].lt == pytest.approx(150 * 0.7378)
    assert pmol["UNLIKELY"].ge == pytest.approx(400 * 0.7378)
    assert {cause.regimen_id for cause in pack.causes} == {"RG-CY", "RG-O"}
    assert pack.word("first_test_tier_e") == "on"


def test_the_page_of_an_inheriting_pack_begins_with_what_it_changes() -> None:
    own, parent = load_pack("b12-ng239/1.0.0"), load_pack("b12/1.0.0")
    page = show_markdown(own, parent)
    line = "| parameter `mma_for` | value | all_indeterminate | symptomatic_only |"
    assert page.index(line) < page.index("## Decision table")
    assert "What it changes" not in show_markdown(parent)


def test_check_goes_through_every_pack() -> None:
    told = CliRunner().invoke(app, ["rules", "check", "--json"])
    assert told.exit_code == 0
    packs = {each["pack"]: "\n".join(each["lines"]) for each in json.loads(told.stdout)["packs"]}
    assert list(packs) == held_packs()
    assert (
        "It inherits b12/1.0.0 and changes 1 entries, 1 of them not signed: mma_for."
        in packs["b12-ng239/1.0.0"]
    )
    assert "b12_total_ng_l" in next(
        line for line in packs["b12-us-aafp2017/1.0.0"].splitlines() if "general knowledge alone [K]" in line
    )


def test_check_of_one_pack_names_that_one() -> None:
    told = CliRunner().invoke(app, ["rules", "check", "--pack", "b12-ng239/1.0.0", "--json"])
    assert json.loads(told.stdout)["pack"] == "b12-ng239/1.0.0"


def test_docs_writes_a_page_for_every_pack(tmp_path: Path) -> None:
    told = CliRunner().invoke(app, ["rules", "docs", str(tmp_path)])
    assert told.exit_code == 0
    assert {page.name for page in tmp_path.iterdir()} == {
        f"rules-{ref.replace('/', '-')}.md" for ref in held_packs()
    }
