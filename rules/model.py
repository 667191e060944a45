"""What a rule pack holds, typed. Nothing here decides: it is what the transforms read.

Every entry carries a `Fact`: where it comes from, how strong that is, and who has signed it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import polars as pl


@dataclass(frozen=True)
class Signature:
    """Who reviewed or signed, by role and date (`2026-07-01`); never a person's name."""

    role: str
    on: str


@dataclass(frozen=True)
class Fact:
    """Provenance of one entry: evidence tags (`S2`, `V9`, `K`, `P`), the source in words, sign-off state.

    A reviewed entry has `reviewed_by`, a signed one `signed_by`.
    """

    evidence: tuple[str, ...]
    source: str
    state: str
    reviewed_by: Signature | None = None
    signed_by: Signature | None = None


@dataclass(frozen=True)
class Parameter:
    """One number or word of the clinical parameters, with its unit."""

    id: str
    value: float | str
    unit: str
    meaning: str
    fact: Fact


@dataclass(frozen=True)
class Band:
    """One band of the number line. `None` bounds are open ends; `ge`/`le` include their limit, `gt`/`lt` do not."""

    name: str
    lt: float | None = None
    le: float | None = None
    gt: float | None = None
    ge: float | None = None


@dataclass(frozen=True)
class BandSet:
    """Bands of one analyte in one unit; together they tile the line from 0 up.

    `applies` narrows the set, for example to an age group; empty for all.
    """

    id: str
    analyte: str
    unit: str
    bands: tuple[Band, ...]
    applies: str
    fact: Fact


@dataclass(frozen=True)
class Clue:
    """A symptom, sign or risk factor: codelists that show it and how it may be used.

    `low_weight`: mood and fatigue. `neuro`: "" or the certainty an exact code in the window gives:
    `high` always, `high_when_new` high if new and without another cause, `low` never more than low.
    `tier_c`: counts as the second factor of the metformin tier.
    `current_only`: a medicine counts only while supplied. `group`: which guidance names it.
    """

    id: str
    label: str
    concepts: tuple[str, ...]
    group: str
    neuro: str
    low_weight: bool
    tier_c: bool
    current_only: bool
    fact: Fact


@dataclass(frozen=True)
class ReplacementForm:
    """How a B12 codelist is read: `form` is im, oral, sublingual, nasal or unstated; `counts` false for low-dose."""

    concept: str
    form: str
    counts: bool
    fact: Fact


@dataclass(frozen=True)
class Cause:
    """One row of the cause table, first match. `concepts` (exact codes only) unless `rule` names a computed clue."""

    id: str
    label: str
    concepts: tuple[str, ...]
    rule: str
    irreversible: bool
    regimen_id: str
    fact: Fact


@dataclass(frozen=True)
class Regimen:
    """A replacement regimen as text; the prescriber decides."""

    id: str
    text: str
    fact: Fact


Condition = Mapping[str, tuple[str, ...]]
"""Fact name -> words that satisfy it. All must hold; empty holds always."""


@dataclass(frozen=True)
class Priority:
    """One alternative of an output's priority: the first whose `when` holds counts.

    `action`: what is suggested to its people instead of the output's own action; "" for that action.
    """

    when: Condition
    priority: str
    action: str = ""


@dataclass(frozen=True)
class Output:
    """A worklist a decision row puts the person on. Not listed if no priority alternative holds.

    `regimen`: "" for none, "by_cause", or a regimen id. `due_days`/`due_from`: a date of its own
    (days after `index`, the index sample), else by priority. `action`: the suggested action.
    """

    worklist: str
    priorities: tuple[Priority, ...]
    regimen: str
    action: str
    due_days: int | None
    due_from: str


@dataclass(frozen=True)
class DecisionRow:
    """One row of the ordered, first-match decision table. `case` tells apart rows that share an id (`R29`)."""

    id: str
    case: str
    when: Condition
    status: str
    label: str
    reason: str
    outputs: tuple[Output, ...]
    fact: Fact

    @property
    def key(self) -> str:
        return f"{self.id}.{self.case}" if self.case else self.id


@dataclass(frozen=True)
class CautionCase:
    """One case of a caution: the first whose `when` holds gives its severity and its sentence.

    `finding`: what is so; `advice`: what to think of or to do. Together they are the sentence.
    """

    case: str
    when: Condition
    severity: str
    finding: str
    advice: str

    @property
    def text(self) -> str:
        return f"{self.finding}: {self.advice}"


@dataclass(frozen=True)
class Caution:
    """One caution. `alone`: the severities that list a person for safety review who is on no other list.

    `not_computed`: what of it no structured record shows, and what is done instead; without cases, all of it.
    """

    id: str
    label: str
    cases: tuple[CautionCase, ...]
    alone: tuple[str, ...]
    not_computed: str
    fact: Fact


@dataclass(frozen=True)
class FollowUpCase:
    """One case of a follow-up item: due so many days after the item's own date, first match.

    `overdue_days`: overdue so many days after that; None: never.
    """

    case: str
    when: Condition
    due_days: int
    overdue_days: int | None
    text: str


@dataclass(frozen=True)
class FollowUpItem:
    """One follow-up item. `priorities`: the first whose `when` holds counts, `overdue` included among the facts.

    `dated`: whether its date is told as the day it was `due` or the day `since` which it holds.
    """

    id: str
    label: str
    dated: str
    priorities: tuple[Priority, ...]
    cases: tuple[FollowUpCase, ...]
    not_computed: str
    fact: Fact


@dataclass(frozen=True)
class SignOff:
    """Who signed the pack, by role and date; never a person's name."""

    state: str
    role: str
    on: str

    @property
    def line(self) -> str:
        if self.state == "signed":
            return f"Clinically signed off by the {self.role} on {self.on}."
        return f"Not clinically signed off (state: {self.state}). Decision support only, not a diagnosis."


@dataclass(frozen=True)
class CodeList:
    """A codelist as its register describes it; `codes` counts all its rows, `unverified` those not excepted.

    is_switched_on: the site lets its unverified codes match.
    """

    name: str
    version: str
    date: str
    source: str
    sha256: str
    state: str
    codes: int
    unverified: int
    is_switched_on: bool = False


@dataclass(frozen=True)
class Change:
    """What an inheriting pack changes: `entry` as `Pack.entries` names it or, switched off, as its parent did.

    `has_entry` false: nothing else in the pack carries its fact (switched off, or a list's `suppressed_by`).
    """

    pack_ref: str
    file: str
    entry: str
    is_off: bool
    has_entry: bool
    fact: Fact


@dataclass(frozen=True)
class Pack:
    """A rule pack: immutable, hashed, proven complete by the loader.

    codes: one row per codelist code that may match: `concept` (list name), `system`, `code` (as in the list),
      `match` ("exact" or "prefix"), `match_code` (prefix systems: dots removed, upper case), `breadth`
      ("exact" or "broad"), `display`. Verified rows, and those a site switched on by list.
    held_codes: the other rows of the lists, with `why` ("unverified" or "excepted").
    drug_names: one row per ingredient name: `name` (lower case), `concept`.
    units: one row per accepted spelling: `analyte` (concept), `spelling` (no spaces, lower case, u for micro),
      `unit` (standard spelling), `normal_unit`, `factor` (normal = value x factor).
    routes: one row per route spelling (lower case): `spelling`, `form` (im, oral, sublingual, nasal).
    """

    id: str
    version: str
    title: str
    sha256: str
    sign_off: SignOff
    rows_not_held: tuple[str, ...]
    sources: Mapping[str, str]
    parameters: Mapping[str, Parameter]
    band_sets: tuple[BandSet, ...]
    clues: tuple[Clue, ...]
    replacement_forms: tuple[ReplacementForm, ...]
    causes: tuple[Cause, ...]
    regimens: Mapping[str, Regimen]
    decisions: tuple[DecisionRow, ...]
    suppressed_by: Mapping[str, Condition]
    codes: pl.DataFrame
    drug_names: pl.DataFrame
    units: pl.DataFrame
    routes: pl.DataFrame
    cautions: tuple[Caution, ...] = ()
    follow_up: tuple[FollowUpItem, ...] = ()
    population: str = ""
    codes_held_back: int = 0
    held_codes: pl.DataFrame = field(default_factory=pl.DataFrame)
    lists: tuple[CodeList, ...] = ()
    names_held_back: int = 0
    inherits: str = ""
    changes: tuple[Change, ...] = ()

    @property
    def ref(self) -> str:
        return f"{self.id}/{self.version}"

    @property
    def unverified_lists(self) -> tuple[str, ...]:
        """Names of the lists whose unverified codes match because the site switched them on."""
        return tuple(each.name for each in self.lists if each.is_switched_on and each.unverified)

    def entries(self) -> Iterator[tuple[str, Fact]]:
        """Every cited entry of the pack, by name."""
        yield from ((parameter.id, parameter.fact) for parameter in self.parameters.values())
        yield from ((bands.id, bands.fact) for bands in self.band_sets)
        yield from ((clue.id, clue.fact) for clue in self.clues)
        yield from ((form.concept, form.fact) for form in self.replacement_forms)
        yield from ((f"cause {cause.id}", cause.fact) for cause in self.causes)
        yield from ((regimen.id, regimen.fact) for regimen in self.regimens.values())
        yield from ((row.key, row.fact) for row in self.decisions)
        yield from ((f"caution {caution.id}", caution.fact) for caution in self.cautions)
        yield from ((f"follow-up {item.id}", item.fact) for item in self.follow_up)
        yield from ((change.entry, change.fact) for change in self.changes if not change.has_entry)

    def number(self, parameter_id: str) -> float:
        """The numeric value of a parameter; the loader has checked that it exists and is a number."""
        value = self.parameters[parameter_id].value
        if not isinstance(value, int | float):
            raise TypeError(f"{parameter_id} is not a number")
        return float(value)

    def days(self, parameter_id: str) -> int:
        return int(self.number(parameter_id))

    def word(self, parameter_id: str) -> str:
        return str(self.parameters[parameter_id].value)

    def words(self, parameter_id: str) -> tuple[str, ...]:
        """The words of a parameter that holds several; the loader has checked that each is in small letters."""
        return tuple(self.word(parameter_id).split(", "))

    def bands(self, band_set_id: str) -> BandSet:
        return next(bands for bands in self.band_sets if bands.id == band_set_id)

    def symptoms(self) -> tuple[Clue, ...]:
        return tuple(clue for clue in self.clues if clue.group == "symptom")

    def risk_factors(self) -> tuple[Clue, ...]:
        return tuple(clue for clue in self.clues if clue.group in ("ng239", "aafp", "bsh"))

    def concepts_of(self, clue_id: str) -> tuple[str, ...]:
        """The codelists of one clue, whatever its group (`context` clues included)."""
        return next(clue.concepts for clue in self.clues if clue.id == clue_id)
