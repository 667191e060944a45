"""What a person's rows say, as tokens that a clinician can write into a cases table."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from rules.model import Pack


def said(rows: Iterable[Mapping[str, Any]], pack: Pack, as_of: date) -> set[str]:
    """The tokens of a person's rows.

    `C01 low` or `F1 oral` (the case whose sentence is told), `F3 due` or `F3 overdue`, `b12_replacement @14`
    (days to due_on). `rows` are a person's rows of the lists, with list, due_on, reason and suggested_action.
    On the safety list the finding is told in the reason and the advice as action.
    """
    found: set[str] = set()
    for row in rows:
        action, reason = row["suggested_action"] or "", row["reason"] or ""
        found |= {
            f"{caution.id} {case.case}"
            for caution in pack.cautions
            for case in caution.cases
            if f"Caution: {case.text}" in action
            or (f"{case.finding} ({caution.id}, {case.severity})." in reason and case.advice[1:] in action)
        }
        found |= {
            f"{item.id} {case.case}"
            for item in pack.follow_up
            for case in item.cases
            if f" ({item.id})." in reason and case.text in action
        }
        found |= {
            f"{item} {'overdue' if overdue else 'due'}"
            for overdue, item in re.findall(r", due [\d-]+(, overdue)? \((F\d+)\)\.", reason)
        }
        found |= {f"{row['list']} @{(row['due_on'] - as_of).days}"} if row["due_on"] else set()
    return found
