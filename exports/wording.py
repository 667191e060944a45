"""The words that every file a person opens has in common, so that they are said the same way once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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
    "The column `cautions` names what to be careful about; its sentences end the suggested action "
    "(on safety_review those that list the person are reason and action). "
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


PLACES_IN_WORDS: Final[dict[str, str]] = {
    "conditions": "diagnoses",
    "undated conditions": "diagnoses without a date",
    "medications": "medicines",
    "procedures": "operations",
    "orders": "open requests",
    "patients": "patient records",
    "lab_b12_total": "total B12",
    "lab_b12_active": "active B12",
    "lab_mma_serum": "MMA",
    "lab_egfr": "eGFR",
    "lab_creatinine": "creatinine",
    "lab_haemoglobin": "haemoglobin",
    "lab_mcv": "MCV",
    "lab_platelets": "platelets",
    "lab_homocysteine": "homocysteine",
    "lab_folate_serum": "serum folate",
    "lab_potassium": "potassium",
    "lab_intrinsic_factor_ab": "intrinsic-factor antibody",
}


def not_seen_in_words(summary: Mapping[str, Any]) -> tuple[str, ...]:
    """What no rule could see, one sentence each; empty where all was seen. Aggregates only, small counts hidden.

    Tables that were not delivered with the rows that ask for them, people whose only B12 result could not be used,
    and the kinds of records of which some could not be used.
    """
    found = summary.get("not_seen")
    if not found:
        return ()
    return (
        *(_absent(table, summary) for table in found.get("absent_tables", ())),
        *_unusable(found, int(summary["suppress_below"])),
    )


def _absent(table: Mapping[str, Any], summary: Mapping[str, Any]) -> str:
    name = str(table["table"])
    notes = (str(note).replace("`", "") for note in summary.get("notes", ()))
    note = next((one for one in notes if one.startswith(f"There are no {name}:")), f"There are no {name}.")
    rows = dict.fromkeys(str(key).split(".")[0] for key in table["decision_rows"])
    return f"{note} Rules that would have looked there: {', '.join(rows)}." if rows else note


def _unusable(found: Mapping[str, Any], below: int) -> Iterator[str]:
    people = int(found.get("untested_with_b12", 0))
    if people:
        how_many = f"fewer than {below}" if people < below else f"{people:,}"
        yield (
            f"Of {how_many} people a B12 result came that could not be used, and no other counts: "
            "they are read as without one."
        )
    places = dict.fromkeys(str(line["place"]) for line in found.get("places", ()))
    if places:
        named = sorted(PLACES_IN_WORDS.get(place, place.replace("_", " ")) for place in places)
        yield (
            f"Some records of these kinds could not be used: {', '.join(named)}. "
            "What they would have shown is unknown, not normal. "
            "report.html counts the people; not_seen in all/decisions.parquet says why for each."
        )
