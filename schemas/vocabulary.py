"""The closed vocabularies of the screen: every word that may stand in a coded column.

Facts are the columns a decision row may test. Each has a closed domain, so that the loader can prove
that the decision table is complete and that every row can be reached.
"""

from __future__ import annotations

from typing import Final

TABLES: Final = ("patients", "labs", "medications", "conditions", "procedures", "orders")
REQUIRED_TABLES: Final = ("patients", "labs", "medications")
FAMILIES: Final = {
    "labs": ("lab",),
    "orders": ("lab",),
    "medications": ("drug",),
    "conditions": ("cond", "proc"),
    "procedures": ("cond", "proc"),
}
"""Table with codes -> first words of the codelists that bring its rows into scope."""

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
    "lapsed": ("none", "due", "gap_over_two_intervals"),
    "resection": ("none", "im_for_life", "length_unknown"),
    "high_risk_cause": YES_NO,
    "nitrous_oxide": ("none", "class_level", "recent"),
    "homocysteine_confirms": YES_NO,
    "mma_raised_alone": YES_NO,
    "high_b12_twice": YES_NO,
    "first_test_tier": (
        "none",
        "A_symptom_and_risk",
        "B_signs_alone",
        "C_new_signs",
        "C_periodic",
        "D_after_surgery",
        "E_risk_alone",
        "F_repeat_sample",
    ),
    "mma_for": ("all_indeterminate", "symptomatic_only"),
    "mma_order_open": YES_NO,
    "b12_order_open": YES_NO,
}
"""Fact column -> its words. Every person has exactly one word in every fact; unknown is a word, never null."""

_B12: Final = ("lab_b12_total", "lab_b12_active")
_MMA: Final = ("lab_mma_serum", "lab_egfr", "lab_creatinine")

SEEN_FROM: Final[dict[str, tuple[str, ...]]] = {
    "eligibility": (),
    "age_group": (),
    "replacement": ("medications",),
    "index_class": _B12,
    "low_possible": _B12,
    "index_stale": _B12,
    "mma": _MMA,
    "neuro": ("conditions", "undated conditions"),
    "symptom": ("conditions", "undated conditions", "lab_haemoglobin", "lab_mcv"),
    "risk_factor": ("conditions", "medications", "procedures"),
    "pregnant": ("conditions", "undated conditions"),
    "total_b12_in_pregnancy": ("conditions", "undated conditions", "lab_b12_total"),
    "severe": ("lab_haemoglobin", "lab_platelets"),
    "haemoglobin_below_100": ("lab_haemoglobin",),
    "lapsed": ("medications", "conditions", "procedures", *_B12),
    "resection": ("procedures",),
    "high_risk_cause": ("conditions", "procedures", "lab_intrinsic_factor_ab"),
    "nitrous_oxide": ("conditions", "undated conditions"),
    "homocysteine_confirms": ("lab_homocysteine", "lab_folate_serum", "lab_egfr", "lab_creatinine"),
    "mma_raised_alone": _MMA,
    "high_b12_twice": ("lab_b12_total",),
    "first_test_tier": (
        *("conditions", "undated conditions", "medications", "procedures"),
        *("lab_haemoglobin", "lab_mcv", *_B12),
    ),
    "mma_for": (),
    "mma_order_open": ("orders",),
    "b12_order_open": ("orders",),
}
"""Fact -> where it is seen from: tables, laboratory concepts, and conditions without a date.

What could not be seen there leaves the fact uncertain: its word says what was seen, not that there is nothing.
"""

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

SEVERITIES: Final = ("high", "medium", "low")

MONITORING_FACTS: Final[dict[str, tuple[str, ...]]] = {
    "early_review": YES_NO,
    "breastfeeding": YES_NO,
    "im_interval": ("none", "monthly", "neuro", "standard"),
    "oral_review": ("none", "first", "reviewed", "undated", "undated_reviewed"),
    "b12_since_start": ("none", "low", "not_low"),
}
"""Facts of people on replacement that only follow-up items ask for; whoever is not has the first word or `no`."""

CAUTION_FACTS: Final[dict[str, tuple[str, ...]]] = {
    "cause": CAUSES,
    "folic_acid": ("none", "below_limit", "at_limit", "above_limit", "unknown_dose"),
    "b12_ever": YES_NO,
    "anaemia_or_macrocytosis": YES_NO,
    "macrocytosis": YES_NO,
    "thiamine_risk": ("none", "possible", "high"),
    "b12_since_start": MONITORING_FACTS["b12_since_start"],
    "neuro_since_start": YES_NO,
    "mma_with_low_egfr": YES_NO,
    "cyanocobalamin": YES_NO,
    "amblyopia": YES_NO,
    "anticoagulant": YES_NO,
    "very_low_platelets": YES_NO,
    "needle_phobia": YES_NO,
    "severe_anaemia": YES_NO,
    "contraceptive": YES_NO,
    "black_ethnicity": YES_NO,
    "irreversible_cause": YES_NO,
    "oral_dose": ("unknown", "below_limit", "enough"),
    "metformin": YES_NO,
    "sample_after_injection": YES_NO,
    "positive_antibody": YES_NO,
    "false_low_condition": YES_NO,
    "index_test": ("none", "total", "active"),
    "on_replacement_list": YES_NO,
    "on_replacement_or_mma_list": YES_NO,
    "replacement_listed_or_injected": YES_NO,
}
"""Facts that only cautions ask for, beside those of the decision table: kept apart, so that its proof stays small."""

EVIDENCE_TAG_KINDS: Final = ("S", "V", "K", "P")
SIGN_OFF_STATES: Final = ("draft", "reviewed", "signed")

RECORD_KINDS: Final = (
    "total_b12",
    "active_b12",
    "mma",
    "egfr",
    "homocysteine",
    "antibody",
    "symptom",
    "risk_factor",
    "replacement",
    "pregnancy",
    "pregnancy_end",
    "history",
    "request",
)
RECORD_USES: Final[dict[str, str]] = {
    "index": "the B12 result that decides",
    "paired": "the B12 result of the other test, read together with it",
    "asks_for_active": "the total B12 of a pregnancy, which asks for an active B12",
    "answers_index": "the MMA that counts",
    "read_with_mma": "the kidney function that MMA is read with",
    "confirms": "a homocysteine that confirms a deficiency",
    "counted": "counts as what it shows",
    "supports": "counts, but not where an exact code is asked for",
    "not_used": "was looked at and left aside",
}
RECORD_REASONS: Final[dict[str, str]] = {
    "not_interpretable": "the laboratory could not measure the sample",
    "taken_on_replacement": "sampled on B12 replacement or too soon after it",
    "too_old": "older than its window",
    "in_pregnancy": "total B12 sampled in a pregnancy or soon after it",
    "other_of_the_day": "another result of the same day stands for the day",
    "not_the_latest": "a later result of the same test counts",
    "other_test_later": "the other B12 test was sampled later, too far from it to be read together",
    "no_class": "its value lies on both sides of a limit, or a disorder makes it unreadable",
    "no_index_result": "there is no B12 result for it to answer",
    "outside_mma_window": "sampled too far from the B12 result that decides",
    "undated": "no date says when it was",
    "outside_window": "outside the time in which it counts",
    "broad_only": "a broad code, which sets no neurological flag, first-test tier, cause or pregnancy",
    "not_current": "a medicine that is no longer supplied",
    "dose_too_low": "a known dose too low to be treatment",
    "ended": "the pregnancy it shows has ended, or is not possible by the recorded sex",
    "negative": "the laboratory found nothing",
    "closed": "the request is no longer open",
}
"""Why a record was left aside (`not_used`), or does not count for everything (`supports`)."""

UNASSIGNED_CLINIC: Final = "_unassigned"
