"""The changes of the packs, which tests/spec/test_mutations.py asks, as rows of the same table."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import NamedTuple

import pytest

from rules.loader import load_pack
from tests.mutants import (
    Mutant,
    band_mutants,
    caution_mutants,
    decision_mutants,
    entry_mutants,
    follow_up_mutants,
    parameter_mutants,
    suppression_mutants,
)
from tests.mutation.judge import ROOT
from tests.spec.test_mutations import INHERITING, PACK, REASONS, inherited_mutants

TESTS = "tests/spec/test_mutations.py"


class Group(NamedTuple):
    """Changes of one kind; `same`: how many are proven or listed to change nothing."""

    name: str
    mutants: int
    same: int


def groups() -> Iterator[Group]:
    entries = [Mutant(one.name, None) for one in entry_mutants(PACK)]
    told = {
        "decisions": list(decision_mutants(PACK)),
        "cautions": list(caution_mutants(PACK)),
        "follow_up": list(follow_up_mutants(PACK)),
        "bands": list(band_mutants(PACK)),
        "parameters": list(parameter_mutants(PACK)),
        "entries": entries,
        "suppression": [Mutant(name, None) for name, _ in suppression_mutants(PACK)],
        **{ref: list(inherited_mutants(load_pack(ref))) for ref in INHERITING},
    }
    for name, mutants in told.items():
        reasons = REASONS.get(name, {})
        same = [
            one
            for one in mutants
            if one.is_redundant or any(fnmatchcase(one.name, reason) for reason in reasons)
        ]
        yield Group(name, len(mutants), len(same))


def are_all_noticed() -> bool:
    return pytest.main(["-q", "-p", "no:cacheprovider", str(ROOT / TESTS)]) == 0
