"""Which codes look like ours, and which fell off a cliff."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

from flows.cli import app
from rules.loader import load_pack
from rules.lookalikes import any_of, read_lookalikes
from schemas.code_use import FALLING_COLUMNS, UNLISTED_COLUMNS
from schemas.errors import RulePackError
from transforms.code_use import falling, unlisted

RULES = Path(__file__).parents[2] / "rules"
PACK = load_pack()
LOOKALIKES = read_lookalikes(PACK)


def used(*rows: tuple[str, str, str, str, int], is_listed: bool = False) -> pl.DataFrame:
    """Counts of one source: table, system, code, name, rows."""
    return pl.DataFrame(
        [("gp", table, system, code, name, is_listed, count) for table, system, code, name, count in rows],
        schema={
            "source": pl.String,
            "table_name": pl.String,
            "code_system": pl.String,
            "code": pl.String,
            "name": pl.String,
            "is_listed": pl.Boolean,
            "rows": pl.Int64,
        },
        orient="row",
    )


def found(*rows: tuple[str, str, str, str, int]) -> list[dict[str, Any]]:
    report = unlisted(used(*rows), PACK, LOOKALIKES)
    assert report.schema == {column.name: column.dtype for column in UNLISTED_COLUMNS}
    return report.to_dicts()


@pytest.mark.parametrize(
    ("table", "name", "group"),
    [
        ("labs", "serum vitamin b-12", "b12_test"),
        ("orders", "b12", "b12_test"),
        ("labs", "holotranscobalamin", "b12_test"),
        ("labs", "methylmalonate, serum", "mma"),
        ("labs", "plasma homocysteine", "homocysteine"),
        ("labs", "intrinsic factor antibodies", "gastric_antibodies"),
        ("medications", "neo-cytamen hydroxocobalamin 1mg", "b12_medicine; drug_b12_hydroxocobalamin_any"),
        ("medications", "dinitrogen oxide 50%", "drug_nitrous_oxide"),
        ("medications", "vonoprazan", "acid_medicine"),
        ("conditions", "pernicious anaemia", "b12_deficiency"),
        ("procedures", "laparoscopic sleeve gastrectomy", "surgery"),
    ],
)
def test_a_name_is_known_by_its_words(table: str, name: str, group: str) -> None:
    (row,) = found((table, "local", "X1", name, 7))
    assert (row["looks_like"], row["under"], row["is_unverified"], row["rows"]) == (group, "", False, 7)


@pytest.mark.parametrize(
    ("table", "name"),
    [
        ("labs", "b123 assay"),
        ("labs", "vitamin b6"),
        ("labs", "commander"),
        ("labs", "pernicious anaemia"),
        ("medications", "methylmalonate"),
        ("conditions", "omeprazole"),
        ("labs", ""),
    ],
)
def test_other_names_and_words_of_other_tables_are_not(table: str, name: str) -> None:
    assert found((table, "local", "X1", name, 7)) == []


def test_the_pattern_of_a_word() -> None:
    pattern = any_of(("b 12",)).replace(r"\p{L}\p{N}", "a-z0-9")
    assert all(re.search(pattern, text) for text in ("b12", "b 12", "vit. b-12.", "(b_12)"))
    assert not any(re.search(pattern, text) for text in ("ab12", "b121", "b 1 2"))


def test_a_code_is_known_by_its_place_in_the_hierarchy() -> None:
    # D51.0 and others are listed, D51 is one level up and itself listed as a prefix for cond_b12_deficiency, so a code
    # under it cannot be unlisted in an extract; K29.4 is listed, K29.5 is its sibling; K30 is of another category.
    rows = found(
        ("conditions", "ICD-10", "K29.5", "", 9),
        ("conditions", "ICD-10", "K30", "", 9),
        ("conditions", "ICD-10-CM", "K295", "", 8),
        ("procedures", "OPCS-4", "G30.1", "", 7),
        ("medications", "ATC", "A02BX02", "sucralfate", 6),
        ("labs", "ICD-10", "K29.5", "", 5),
        ("conditions", "SNOMED-CT", "8493009", "", 50),
    )
    told = [(row["table_name"], row["code_system"], row["code"], row["under"]) for row in rows]
    assert told == [
        ("conditions", "ICD-10", "K29.5", "K29"),
        ("conditions", "ICD-10-CM", "K295", "K29"),
        ("procedures", "OPCS-4", "G30.1", "G30"),
        ("medications", "ATC", "A02BX02", "A02B"),
    ]
    assert rows[0]["codelists"] == "cond_atrophic_gastritis"


def test_unverified_rows_are_told_and_excepted_ones_are_not() -> None:
    rows = found(
        ("conditions", "SNOMED-CT", "45534005", "", 9),
        ("medications", "ATC", "A02BD04", "pantoprazole, amoxicillin and clarithromycin", 90),
    )
    assert [(row["code"], row["is_unverified"], row["codelists"]) for row in rows] == [
        ("45534005", True, "cond_glossitis")
    ]


@pytest.mark.parametrize("code", ["455340051", "4553.4005", "4553"])
def test_a_code_of_a_system_without_a_hierarchy_is_known_by_all_of_it(code: str) -> None:
    assert found(("conditions", "SNOMED-CT", code, "", 9)) == []


def test_what_is_listed_is_not_told_and_most_rows_come_first() -> None:
    listed = used(("labs", "LOINC", "2132-9", "vitamin b12", 900), is_listed=True)
    other = used(
        ("labs", "local", "Z", "b12", 5), ("labs", "local", "A", "b12", 50), ("labs", "local", "B", "b12", 50)
    )
    report = unlisted(pl.concat([listed, other]).reverse(), PACK, LOOKALIKES)
    assert report["code"].to_list() == ["A", "B", "Z"]


def fallen(before: int, tonight: int | None, **more: Any) -> list[tuple[Any, ...]]:
    earlier = used(("conditions", "ICD-10", "K90.0", "", before)).drop("is_listed")
    # Two names of one code tonight: their rows count together.
    rows = (
        []
        if tonight is None
        else [("conditions", "ICD-10", "K90.0", name, tonight // 2) for name in ("a", "b")]
    )
    options = {"share": 0.5, "min_rows": 50} | more
    report = falling(used(*rows, is_listed=True), earlier, PACK, ["gp"], **options)
    assert report.schema == {column.name: column.dtype for column in FALLING_COLUMNS}
    return report.select("code", "rows_before", "rows", "codelists").rows()


def test_a_listed_code_falls_below_half() -> None:
    assert fallen(100, 48) == [("K90.0", 100, 48, "cond_coeliac")]
    assert fallen(100, 50) == []
    assert fallen(100, None) == [("K90.0", 100, None, "cond_coeliac")]
    assert fallen(50, 24) == [("K90.0", 50, 24, "cond_coeliac")]
    assert fallen(49, None) == []
    assert fallen(49, None, min_rows=49) != []
    assert fallen(100, 50, share=0.6) != []


def test_a_code_of_few_rows_falls_when_none_is_left() -> None:
    assert fallen(1, None, min_rows=1) == [("K90.0", 1, None, "cond_coeliac")]
    assert fallen(100, None, share=0.0) == []


def test_a_row_without_a_code_falls_by_its_name() -> None:
    names = ("hydroxocobalamin", "neo-cytamen")
    earlier = used(*(("medications", "", "", name, 100) for name in names)).drop("is_listed")
    tonight = used(
        *(("medications", "", "", name, rows) for name, rows in zip(names, (10, 90), strict=True)),
        is_listed=True,
    )
    report = falling(tonight, earlier, PACK, ["gp"], share=0.5, min_rows=50)
    assert report.select("name", "rows_before", "rows", "codelists").rows() == [(names[0], 100, 10, "")]


def test_of_fallen_codes_those_of_most_rows_come_first() -> None:
    before = {"K90.0": 100, "K29.4": 300, "D51.0": 100}
    earlier = used(*(("conditions", "ICD-10", code, "", rows) for code, rows in before.items()))
    report = falling(used(), earlier.drop("is_listed"), PACK, ["gp"], share=0.5, min_rows=50)
    assert report["code"].to_list() == ["K29.4", "D51.0", "K90.0"]


def test_an_increment_does_not_fall() -> None:
    earlier = used(("conditions", "ICD-10", "K90.0", "", 100)).drop("is_listed")
    assert falling(used(), earlier, PACK, [], share=0.5, min_rows=50).is_empty()


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('words = ["glossitis"]', 'words = ["Glossitis"]', "has the word `Glossitis`"),
        ('words = ["glossitis"]', 'words = ["gloss*itis"]', "`*` at either end only"),
        ('words = ["glossitis"]', "words = []", "has no words"),
        ('words = ["glossitis"]', 'words = "glossitis"', "has a `words` that is not a list of words"),
        (
            'words = ["glossitis"]',
            'wrods = ["glossitis"]',
            "has the unknown key `wrods`",
        ),
        ('concepts = ["cond_glossitis"]', 'concepts = ["cond_glositis"]', "Did you mean `cond_glossitis`"),
        ('tables = ["labs", "orders"]', 'tables = ["labs", "order"]', "Did you mean `orders`"),
        ('evidence = ["K"]', "evidence = []", "is not cited"),
    ],
)
def test_a_word_group_that_is_not_fit_is_refused(tmp_path: Path, old: str, new: str, says: str) -> None:
    with pytest.raises(RulePackError, match=re.escape(says)):
        read_lookalikes(PACK, spoiled(tmp_path / "rules", old, new))


def test_rules_check_reads_the_word_groups_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "groups of words (lookalikes.toml" in CliRunner().invoke(app, ["rules", "check"]).stdout
    home = spoiled(tmp_path / "rules", 'words = ["glossitis"]', 'wrods = ["glossitis"]')
    monkeypatch.setattr("rules.lookalikes.files", lambda _: home)
    told = CliRunner().invoke(app, ["rules", "check"])
    assert (told.exit_code, told.stdout) == (RulePackError.exit_code, "")
    assert "lookalikes.toml: mouth has the unknown key `wrods`." in told.stderr
    assert "Hint: Did you mean `words`?" in told.stderr


def spoiled(home: Path, old: str, new: str) -> Path:
    shutil.copytree(RULES, home, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    path = home / "codelists" / "lookalikes.toml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return home
