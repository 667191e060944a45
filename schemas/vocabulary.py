"""The closed vocabularies of the screen: every word that may stand in a coded column.

Facts are the columns a decision row may test. Each has a closed domain, so that the loader can prove
that the decision table is complete and that every row can be reached.
"""

from __future__ import annotations

from typing import Final

TABLES: Final = ("patients", "labs", "medications", "conditions", "procedures", "orders")
REQUIRED_TABLES: Final = ("patients", "labs", "medications")

LISTS: Final = ("mma_testing", "b12_replacement", "first_b12_test", "follow_up", "safety_review")
PRIORITIES: Final = ("P1", "P2", "P3", "P4")

CLINICAL_STATUSES: Final = (
    "NOT_ELIGIBLE",
    "UNDER_AGE",
    "ON_REPLACEMENT",
    "LAPSED",
    "PROPHYLAXIS_DUE",
    "RESECTION_CHECK",
    "CONFIRMED_FUNCTIONAL",
    "N2O",
    "PREG_USE_ACTIVE",
    "CONFIRMED_NEURO",
    "CONFIRMED",
    "DISCORDANT",
    "CONFIRMED_MMA",
    "INDET_NEURO",
    "INDET_SYMPT",
    "INDET_HIGHRISK",
    "INDET_ASYMPT",
    "MMA_EQUIVOCAL",
    "MMA_RENAL",
    "MMA_NEG",
    "MMA_NEG_ASYMPT",
    "AMBIGUOUS",
    "UNLIKELY_MMA_HIGH",
    "HIGH_B12",
    "UNLIKELY",
    "MMA_WITHOUT_B12",
    "UNTESTED",
)

B12_CLASSES: Final = ("LOW", "INDET", "UNLIKELY", "AMBIGUOUS", "NOT_INTERPRETABLE")
MMA_CLASSES: Final = ("NORMAL", "EQUIVOCAL", "EQUIVOCAL_RENAL", "ELEVATED", "AMBIGUOUS", "NOT_INTERPRETABLE")

YES_NO: Final = ("yes", "no")

FACTS: Final[dict[str, tuple[str, ...]]] = {
    "eligibility": ("eligible", "deceased", "not_registered"),
    "age_group": ("adult", "under_age"),
    "replacement": (
        "NEVER",
        "LOADING",
        "ACTIVE_IM",
        "ACTIVE_ORAL",
        "ACTIVE_SL",
        "ACTIVE_NASAL",
        "LAPSED",
    ),
    "index_class": ("LOW", "INDET", "UNLIKELY", "DISCORDANT", "AMBIGUOUS", "NONE"),
    "low_possible": YES_NO,
    "index_stale": YES_NO,
    "mma": ("NONE", "NORMAL", "EQUIVOCAL", "EQUIVOCAL_RENAL", "ELEVATED"),
    "neuro": ("none", "low", "high"),
    "symptom": ("none", "fatigue_or_mood", "present"),
    "risk_factor": ("none", "current"),
    "pregnant": YES_NO,
    "total_b12_in_pregnancy": YES_NO,
    "severe": YES_NO,
    "haemoglobin_below_100": YES_NO,
    "first_test_tier": ("none", "C_new_signs", "C_periodic"),
    "mma_for": ("all_indeterminate", "symptomatic_only"),
    "mma_order_open": YES_NO,
    "b12_order_open": YES_NO,
}
"""Fact column -> its words. Every person has exactly one word in every fact; unknown is a word, never null."""

CAUSES: Final = (
    "nitrous_oxide",
    "total_gastrectomy",
    "ileal_resection",
    "pernicious_anaemia",
    "other_malabsorption",
    "medicine",
    "diet",
    "unknown",
)

EVIDENCE_TAG_KINDS: Final = ("S", "V", "K", "P")
SIGN_OFF_STATES: Final = ("draft", "reviewed", "signed")

UNASSIGNED_CLINIC: Final = "_unassigned"
