"""The words that every file a person opens has in common, so that they are said the same way once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from schemas.published import WORKLIST_COLUMNS

DECISION_SUPPORT: Final = "Decision support, not a diagnosis."

DECISION_SUPPORT_LONG: Final = (
    "The lists rank people for a clinician to look at and say why. "
    "They diagnose nothing, order nothing and prescribe nothing."
)

LIST_TITLES: Final[dict[str, str]] = {
    "mma_testing": "MMA testing",
    "b12_replacement": "B12 replacement",
    "first_b12_test": "First B12 test",
    "follow_up": "Follow-up",
    "safety_review": "Safety review",
}

LIST_MEANINGS: Final[dict[str, str]] = {
    "mma_testing": "Serum methylmalonic acid (MMA) may settle what the B12 result leaves open.",
    "b12_replacement": "Results suggest B12 deficiency or make it likely enough to consider replacement.",
    "first_b12_test": "A B12 test (first, repeated or of the other kind) is worth considering.",
    "follow_up": "A follow-up step that the rules name is due.",
    "safety_review": "Medicines or records call for a safety review.",
}

PRIORITIES_IN_WORDS: Final = next(c.meaning for c in WORKLIST_COLUMNS if c.name == "priority")

CAUTIONS_IN_WORDS: Final = (
    "The column `cautions` names what to be careful about; its sentences end the suggested action. "
    "Only what is recorded and coded is seen: allergies, for example, are not. "
    "An empty cell does not mean that there is nothing to be cautious about."
)

ORDER_IN_WORDS: Final = "Rows are ordered by priority, then due date (rows without one last), then patient."

SIGN_OFF_STATES_IN_WORDS: Final[dict[str, str]] = {
    "draft": "not clinically signed off",
    "reviewed": "reviewed, not yet clinically signed off",
    "signed": "clinically signed off",
}


def unverified_in_words(summary: Mapping[str, Any]) -> str:
    """Which codelists' unverified codes the site switched on, as a sentence; empty where none."""
    names = (summary.get("codelists") or {}).get("unverified_switched_on") or ()
    if not names:
        return ""
    return f"Unverified codes are switched on at this site and count as evidence: {', '.join(names)}."
