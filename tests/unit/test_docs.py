"""The pages for people: every command, option, file and example they name exists, and nothing is fetched."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import typer

from flows.cli import app
from flows.pages import stale_pages
from flows.settings import load
from rules.loader import load_pack
from schemas.canonical_columns import COLUMNS, REQUIRED
from schemas.errors import ScreenError
from schemas.published import WORKLIST_COLUMNS
from schemas.vocabulary import CLINICAL_STATUSES, LISTS

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
HOW_TOS = sorted((DOCS / "how-to").glob("*.md"))
PAGES = [ROOT / "README.md", *HOW_TOS]
EVERY_PAGE = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]
BLOCK = re.compile(r"^[ ]*```(\w*)\n(.*?)^[ ]*```$", re.MULTILINE | re.DOTALL)
LARGEST_PICTURE = 300_000

# Words of a page that look like paths of the project and are those of a publication, a site or an example.
NOT_OF_THE_PROJECT = re.compile(
    r"^(out|clinics|quarantine|all|extracts|labs|CLINIC-\d+|schemas/contract\.py:.*|Europe)(/|$)|^(config/site\.toml|rules/packs/b12/1\.1\.0)"
)


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path, language: str | None = None) -> list[str]:
    found = BLOCK.findall(page.read_text(encoding="utf-8"))
    return [text for kind, text in found if language is None or kind == language]


def in_backticks(page: Path) -> list[str]:
    prose = BLOCK.sub("", page.read_text(encoding="utf-8"))
    return re.findall(r"`([^`\n]+)`", prose)


def commands_of(page: Path) -> list[list[str]]:
    """Every call of b12screen on a page, as words, without its comment."""
    lines = [line for text in blocks(page) for line in text.splitlines()] + in_backticks(page)
    calls = (re.search(r"(?:^|\s|/)b12screen ([^#>|]+)", line) for line in lines)
    return [call.group(1).split() for call in calls if call]


def resolved(words: list[str]) -> tuple[Any, list[str]]:
    """The command that the words lead to and the words that are left."""
    command, rest = typer.main.get_command(app), list(words)
    while rest and rest[0] in subcommands(command):
        command = subcommands(command)[rest.pop(0)]
    return command, rest


def subcommands(command: Any) -> dict[str, Any]:
    return getattr(command, "commands", {})


def options_of(command: Any) -> set[str]:
    names = {name for parameter in command.params for name in parameter.opts if name.startswith("--")}
    return names | {"--help"}


def every_command(command: Any) -> list[Any]:
    return [command, *(below for each in subcommands(command).values() for below in every_command(each))]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_command_and_option_exists(page):
    for words in commands_of(page):
        command, rest = resolved(words)
        assert not subcommands(command) or words[0].startswith("--"), f"no command: {' '.join(words)}"
        unknown = {word for word in rest if word.startswith("--")} - options_of(command)
        assert not unknown, f"{' '.join(words)}: {unknown}"


def test_the_commands_are_found_at_all():
    called = {words[0] for page in PAGES for words in commands_of(page)}
    assert {"run", "explain", "serve", "rules"} <= called


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_option_in_the_prose_exists(page):
    known = set().union(*(options_of(command) for command in every_command(typer.main.get_command(app))))
    named = {option for text in in_backticks(page) for option in re.findall(r"(?<![\w-])--[a-z-]+", text)}
    assert named <= known


@pytest.mark.parametrize("page", EVERY_PAGE, ids=name_of)
def test_every_link_leads_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if not target.startswith(("https://", "#")):
            assert (page.parent / target.split("#")[0]).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_file_of_the_project_that_is_named_exists(page):
    folders = {entry.name for entry in ROOT.iterdir() if entry.is_dir()}
    for word in in_backticks(page):
        is_path = "/" in word and word.split("/")[0] in folders
        if is_path and " " not in word and "<" not in word and not NOT_OF_THE_PROJECT.match(word):
            assert (ROOT / word).exists(), word


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_make_target_exists(page):
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    text = "\n".join([*blocks(page), *in_backticks(page)])
    assert set(re.findall(r"^make ([a-z]+)", text, re.MULTILINE)) <= targets


@pytest.mark.parametrize("page", EVERY_PAGE, ids=name_of)
def test_pictures_are_here_and_small(page):
    for target in re.findall(r"!\[[^]]*\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        picture = page.parent / target
        assert picture.is_file(), "a picture from elsewhere would be fetched when the page is read"
        assert picture.stat().st_size < LARGEST_PICTURE
    assert "<img" not in page.read_text(encoding="utf-8")


def test_every_example_of_a_configuration_loads(tmp_path):
    examples = [(page, text) for page in PAGES for text in blocks(page, "toml") if "[sources." in text]
    assert examples
    for number, (page, text) in enumerate(examples):
        file = tmp_path / f"{number}.toml"
        file.write_text(text, encoding="utf-8")
        assert load(file, {}).sources, name_of(page)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_toml_block_is_toml(page):
    for text in blocks(page, "toml"):
        tomllib.loads(text)


def test_a_misspelt_key_of_an_example_would_be_seen(tmp_path):
    text = next(text for text in blocks(DOCS / "how-to" / "map-your-extract.md", "toml"))
    file = tmp_path / "site.toml"
    file.write_text(text.replace("timezone", "timezon"), encoding="utf-8")
    with pytest.raises(ScreenError, match="timezone"):
        load(file, {})


def test_generated_pages_are_fresh():
    assert stale_pages(DOCS) == []


def test_the_input_tables_are_those_of_the_contract():
    page = (DOCS / "how-to" / "map-your-extract.md").read_text(encoding="utf-8")
    for table, columns in COLUMNS.items():
        row = next(line for line in page.splitlines() if line.startswith(f"| `{table}` |"))
        must, may = (set(re.findall(r"`(\w+)`", cell)) for cell in row.split("|")[2:4])
        assert must == {column for group in REQUIRED[table] for column in group}
        assert must | may == set(columns)


def test_the_pages_name_every_list():
    for page in (ROOT / "README.md", DOCS / "how-to" / "for-the-clinic.md"):
        text = page.read_text(encoding="utf-8")
        assert [name for name in LISTS if f"`{name}`" not in text and f"{name}," not in text] == []


def test_the_readme_says_which_rows_the_pack_holds():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    pack = load_pack("b12/1.0.0")
    held = " ".join(dict.fromkeys(row.id for row in pack.decisions))
    assert f"It holds decision rows {held}." in text
    assert pack.rows_not_held == ()


def test_the_readme_counts_the_columns_of_a_list():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"7 of its {len(WORKLIST_COLUMNS)} columns" in text


@pytest.mark.parametrize("page", sorted((DOCS / "decisions").glob("000[2-8]*.md")), ids=name_of)
def test_a_decision_has_context_choice_and_price(page):
    text = page.read_text(encoding="utf-8")
    assert re.match(rf"# {int(page.name[:4])}\. ", text)
    parts = [text.index(part) for part in ("**Context.**", "**Choice.**", "**Price.**")]
    assert parts == sorted(parts)


def test_statuses_named_in_pages_exist():
    words = {
        word for page in PAGES for text in blocks(page) for word in re.findall(r"\bR\d\d ([A-Z_]+):", text)
    }
    assert words
    assert words <= set(CLINICAL_STATUSES)


def test_the_help_of_every_command_answers():
    for words in ([], ["run"], ["explain"], ["serve"], ["rules"], ["rules", "check"]):
        told = subprocess.run(
            [sys.executable, "-m", "flows.cli", *words, "--help"], cwd=ROOT, capture_output=True, check=False
        )
        assert told.returncode == 0
