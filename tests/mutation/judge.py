"""One worker of the run: applies mutants and asks everybody who watches, the quickest first."""

from __future__ import annotations

import contextlib
import importlib
import io
import os
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.mutation.operators import Mutant, mutants
from tests.mutation.people import of_cases, of_cohort

ROOT = Path(__file__).parents[2]

FACTS_ALONE = ("tests/unit/test_screen_facts.py",)
VALUES_ALONE = ("tests/spec/test_screen_cases.py", "-k", "not test_story")
TESTS: dict[str, tuple[tuple[str, ...], ...]] = {
    "code_use": (("tests/unit/test_code_use.py",),),
    "course": (("tests/unit/test_course.py",),),
    "inputs": (("tests/unit/test_inputs.py",),),
    "medication": (("tests/unit/test_medication.py",),),
    "normalise": (VALUES_ALONE, ("tests/unit/test_normalise.py",), FACTS_ALONE),
    "present": (FACTS_ALONE, ("tests/unit/test_explain.py",), ("tests/unit/test_exports_publish.py",)),
    "records": (("tests/unit/test_records.py",), ("tests/unit/test_explain.py",)),
    "results": (VALUES_ALONE, FACTS_ALONE),
    "summarise": (("tests/unit/test_summarise.py",), ("tests/integration/test_night.py",)),
    "unseen": (("tests/unit/test_unseen.py",), ("tests/unit/test_explain.py",)),
}
"""Module -> what to ask pytest for: the tests of what no person's decision shows."""
NOT_BY_PEOPLE = ("code_use", "records", "summarise", "unseen")
"""Modules that no decision comes from."""


class Verdict(NamedTuple):
    """What became of one mutant: who noticed it, or nobody (empty)."""

    module: str
    mutant: str
    line: int
    noticed_by: str


def mutants_of(module: str) -> list[Mutant]:
    return list(mutants(importlib.import_module(f"transforms.{module}")))


_watched: list[tuple[str, Any, Any]] = []


def prepare(home: str) -> None:
    """Screens everybody once with the code as it is."""
    folder = Path(home) / str(os.getpid())
    first, *others = of_cases(folder).items()
    # The quickest and the most telling are asked first.
    for name, seen in (first, ("cohort", of_cohort(folder)), *others):
        _watched.append((name, seen, seen()))


def judged(module: str, names: list[str]) -> list[Verdict]:
    """The verdict of each of these mutants of a module."""
    found = []
    for mutant in (one for one in mutants_of(module) if one.name in names):
        with mutant.applied(), contextlib.redirect_stdout(io.StringIO()):
            by_people = "" if module in NOT_BY_PEOPLE else _by_people()
            noticed_by = by_people or _by_tests(TESTS.get(module, (FACTS_ALONE,)))
        found.append(Verdict(module, mutant.name, mutant.line, noticed_by))
    return found


def _by_people() -> str:
    for name, seen, before in _watched:
        try:
            is_noticed = seen() != before
        except KeyboardInterrupt:
            raise
        except BaseException:  # A panic of Polars is no Exception.
            return f"{name}, error"
        if is_noticed:
            return name
    return ""


def _by_tests(asked: tuple[tuple[str, ...], ...]) -> str:
    for file, *chosen in asked:
        told = [str(ROOT / file), *chosen, "-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--tb=no"]
        if pytest.main(told):
            return file
    return ""
