"""The changes of code that `make mutants` makes: each is one, is undone, and keeps its name when lines move."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from tests.mutation.operators import mutants

SOURCE = '''
import polars as pl

def is_in_window(days: int, limit: int = 30) -> bool:
    """True within the window, -1 and 30 included."""
    return 0 <= days and not days > limit
'''
CHANGED = [
    "and -> or #1",
    "<= -> < #1",
    "<= -> > #1",
    "0 + 1 #1",
    "0 - 1 #1",
    "without not #1",
    "> -> >= #1",
    "> -> <= #1",
]


def loaded(folder: Path, source: str) -> ModuleType:
    file = folder / "window.py"
    file.write_text(source, encoding="utf-8")
    spec = importlib.util.spec_from_file_location("transforms.window", file)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_comparisons_words_and_numbers_are_changed_and_defaults_are_not(tmp_path: Path) -> None:
    names = [one.name for one in mutants(loaded(tmp_path, SOURCE))]
    assert names == [f"window.is_in_window {change}" for change in CHANGED]


def test_names_stay_when_lines_move(tmp_path: Path) -> None:
    before = [one.name for one in mutants(loaded(tmp_path, SOURCE))]
    moved = SOURCE.replace("import polars", "\n\nOTHER = 1\n\nimport polars")
    assert [one.name for one in mutants(loaded(tmp_path, moved))] == before


@pytest.mark.parametrize(
    ("change", "days", "is_inside"),
    [("<= -> < #1", 0, False), ("> -> >= #1", 30, False), ("and -> or #1", 31, True), ("0 + 1 #1", 0, False)],
)
def test_a_change_holds_wherever_the_function_went_and_is_undone(
    tmp_path: Path, change: str, days: int, is_inside: bool
) -> None:
    module = loaded(tmp_path, SOURCE)
    imported = module.is_in_window
    [mutant] = [one for one in mutants(module) if one.name.endswith(change)]
    was = imported(days)
    with mutant.applied():
        assert imported(days) is is_inside
    assert imported(days) is was is not is_inside


def test_words_of_expressions_are_changed(tmp_path: Path) -> None:
    source = """
import polars as pl

def told(found):
    return found.filter(pl.col("a").is_in([]) & ~pl.col("b").fill_null(False)).join(found, on="a", how="semi")
"""
    changes = {one.name.removeprefix("window.told ") for one in mutants(loaded(tmp_path, source))}
    assert changes == {
        "semi -> anti #1",
        "without filter #1",
        "& -> | #1",
        "not is_in #1",
        "without ~ #1",
        "False -> True #1",
    }
