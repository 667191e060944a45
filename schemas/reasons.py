"""Why a row was refused: every reason id that may stand in quarantine, as a sentence, with its severity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Severity = Literal["urgent", "review", "note"]


@dataclass(frozen=True)
class Reason:
    """One reason: what is wrong with the row, and how soon someone should look.

    severity: `urgent` a person cannot be screened at all; `review` a row that may matter is missing from the
    screen; `note` expected in small numbers.
    """

    id: str
    sentence: str
    severity: Severity


REASONS: Final[dict[str, Reason]] = {
    reason.id: reason
    for reason in (
        Reason("malformed_line", "The line cannot be told apart into its columns.", "review"),
        Reason("patient_id_missing", "The row names no patient.", "review"),
        Reason("patient_unknown", "The patients table does not hold this patient.", "review"),
        Reason("patient_quarantined", "The row belongs to a patient whose own row was refused.", "review"),
        Reason("patient_conflicting", "Differing rows describe the same patient.", "urgent"),
        Reason(
            "link_conflicting",
            "The crosswalk links the identifier to several persons, or to a record that contradicts it "
            "or cannot be used.",
            "urgent",
        ),
        Reason("birth_date_missing", "The patient has no birth date.", "urgent"),
        Reason("birth_date_unreadable", "The patient's birth date is not a date.", "urgent"),
        Reason("date_missing", "The row has no date of its own.", "review"),
        Reason("date_unreadable", "A date of the row is not a date.", "review"),
        Reason("before_birth", "The row is dated before the patient's birth.", "review"),
        Reason("after_death", "The row is dated after the patient's death.", "review"),
        Reason("status_unknown", "The row's status is not one of the known words.", "review"),
        Reason("kind_unknown", "The medication's kind is not one of the known words.", "review"),
        Reason("number_unreadable", "A number of the row is not a usable number.", "review"),
        Reason("administration_undated", "An administration has no date.", "review"),
        Reason("value_missing", "The result has no value.", "note"),
        Reason("value_malformed", "The result's value is neither a number nor words.", "review"),
        Reason("value_not_positive", "The result's value is zero or negative.", "review"),
        Reason("unit_missing", "The result has a number but no unit, and the site names none.", "review"),
        Reason("unit_unknown", "The result's unit is not one of its analyte.", "review"),
        Reason("value_implausible", "The result's value is outside what its analyte can have.", "review"),
    )
}
"""Reason id -> reason. A refused row carries one id or more."""
