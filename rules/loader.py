"""Loads a rule pack and refuses it unless it is complete, cited and free of contradictions.

A pack that loads has been proven: its bands tile the line, its decision table gives everybody exactly one
row, every row can be reached, every word is one of the closed vocabularies, every codelist exists, every
entry names its evidence. What it says is then for clinicians to judge, not for the program.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final

import polars as pl

from rules.decision_table import PLACEHOLDERS, ROW_ID, read_decisions
from rules.inheritance import (
    Inherited,
    check_nobody_dropped,
    check_signatures,
    pack_refs,
    pack_sha256,
    read_pack,
)
from rules.model import (
    Band,
    BandSet,
    Cause,
    Change,
    Clue,
    Pack,
    Parameter,
    Regimen,
    ReplacementForm,
    SignOff,
)
from rules.monitoring import (
    MONITORING_CONTEXT,
    MONITORING_NUMBERS,
    MONITORING_WORDS,
    read_cautions,
    read_follow_up,
)
from rules.proof import band_fault
from rules.reading import CITED, Entry, Lexicon, signature
from rules.terminology import (
    concept_names,
    read_code_systems,
    read_codes,
    read_drug_names,
    read_routes,
    read_units,
)
from schemas.errors import RulePackError
from schemas.vocabulary import CAUSES, FACTS, PRIORITIES, SIGN_OFF_STATES

__all__ = ["PLACEHOLDERS", "REQUIRED_PARAMETERS", "code_system_aliases", "held_packs", "load_pack"]

REQUIRED_NUMBERS: Final = (
    "age_min",
    "b12_fresh_days",
    "b12_low_lookback_days",
    "b12_stale_days",
    "pair_days",
    "washout_days",
    "mma_window_before_days",
    "mma_window_after_days",
    "mma_in_force_days",
    "mma_older_age",
    "mma_renal_min",
    "mma_plausible_min",
    "mma_plausible_max",
    "egfr_caveat",
    "egfr_nearest_days",
    "ckd_epi_scale",
    "ckd_epi_kappa_female",
    "ckd_epi_kappa_male",
    "ckd_epi_alpha_female",
    "ckd_epi_alpha_male",
    "ckd_epi_max_exponent",
    "ckd_epi_age_base",
    "ckd_epi_female_factor",
    "creatinine_umol_per_mg_dl",
    "blood_sign_days",
    "hb_low_male",
    "hb_low_female",
    "hb_low_pregnant",
    "hb_low_unknown_sex",
    "hb_review_pregnancy",
    "hb_severe",
    "plt_severe",
    "mcv_high",
    "symptom_window_days",
    "new_feature_days",
    "rx_gap_days",
    "loading_days",
    "loading_doses",
    "loading_gap_days",
    "im_lapsed_days",
    "im_monthly_lapsed_days",
    "im_monthly_gap_min",
    "im_monthly_gap_max",
    "oral_dose_min_ug",
    "pregnancy_days",
    "postpartum_days",
    "age_risk",
    "tier_c_age",
    "tier_c_metformin_ug",
    "tier_c_metformin_days",
    "tier_e_acid_days",
    "tier_e_metformin_days",
    "repeat_sample_days",
    "resection_cm",
    "im_interval_days",
    "im_interval_neuro_days",
    "im_interval_monthly_days",
    "oral_interval_days",
    "lapsed_intervals",
    "prior_deficiency_injections",
    "nitrous_oxide_days",
    "homocysteine_days",
    "homocysteine_high",
    "folate_days",
    "folate_low_ug_l",
    "folate_low_nmol_l",
    "mma_alone_days",
    "high_b12_ng_l",
    "high_b12_gap_days",
    "order_open_days",
    "due_days_p1",
    "due_days_p2",
    "due_days_p3",
    *MONITORING_NUMBERS,
)
REQUIRED_WORDS: Final = (
    "mma_for",
    "mma_policy",
    "egfr_variant_code",
    "first_test_tier_e",
    "regimen_optic",
    "regimen_neuro",
    "regimen_severe_anaemia",
    *MONITORING_WORDS,
)
REQUIRED_PARAMETERS: Final = (*REQUIRED_NUMBERS, *REQUIRED_WORDS)
"""Parameters that the transforms read. A pack holds these and no others: an unread one would mislead."""

WHOLE_UNITS: Final = ("days", "years", "doses")
WORDS: Final = "words"
WORD_LIST: Final = re.compile(r"[a-z]+(?:[ -][a-z]+)*(?:, [a-z]+(?:[ -][a-z]+)*)*")
MMA_POLICIES: Final = ("lab_range", "three_zone")
SWITCH: Final = ("off", "on")

B12_BANDS: Final = ("LOW", "INDET", "UNLIKELY")
MMA_BANDS: Final = ("NORMAL", "EQUIVOCAL", "ELEVATED")
REQUIRED_BANDS: Final = {
    "b12_total_ng_l": ("lab_b12_total", "ng/L", B12_BANDS),
    "b12_total_pmol_l": ("lab_b12_total", "pmol/L", B12_BANDS),
    "b12_active_pmol_l": ("lab_b12_active", "pmol/L", B12_BANDS),
    "mma_16_64": ("lab_mma_serum", "nmol/L", MMA_BANDS),
    "mma_65_plus": ("lab_mma_serum", "nmol/L", MMA_BANDS),
}

CLUE_GROUPS: Final = ("symptom", "ng239", "aafp", "bsh", "context")
NEURO_WORDS: Final = ("", "low", "high", "high_when_new")
REQUIRED_CONTEXT: Final = (
    "alternative_neuro_cause",
    "pregnancy",
    "pregnancy_end",
    "combined_contraceptive",
    "inherited_mma",
    "ckd_3_5",
    "megaloblastic",
    "family_history_of",
    "b12_deficiency",
    "nitrous_oxide_misuse",
    "leber_tobacco_amblyopia",
    "total_gastrectomy",
    "ileal_resection_any",
    "high_risk_surgery",
    "first_test_in_window",
    "first_test_when_new",
    "first_test_acid_medicine",
    "first_test_risk_alone",
    *MONITORING_CONTEXT,
)
CLUES_WITHOUT_LIST: Final = ("age_76",)
REPLACEMENT_FORMS: Final = ("im", "oral", "sublingual", "nasal", "unstated")
CAUSE_RULES: Final = (
    "",
    "resection_over_limit",
    "positive_intrinsic_factor_antibody",
    "current_risk_medicine",
)
_PACK_FILES: Final = (
    "pack.toml",
    "parameters.toml",
    "bands.toml",
    "clues.toml",
    "replacement.toml",
    "causes.toml",
    "regimens.toml",
    "decisions.toml",
    "cautions.toml",
    "follow_up.toml",
)
_SHARED_FILES: Final = ("code_systems.csv", "drug_names.csv", "routes.csv", "units.csv")


def load_pack(pack_ref: str = "b12/1.0.0", root: Path | None = None, switched_on: Sequence[str] = ()) -> Pack:
    """The pack `id/version`, read from `root` (a folder laid out as this package) or from the installed package.

    switched_on: the codelists whose unverified codes match too, as a site may choose.

    Raises RulePackError, naming file, entry, what is wrong and what to write instead, if anything in the pack,
    the codelists or the spellings is not fit to decide with.
    """
    home = _home(root)
    whole = read_pack(home, pack_ref, _PACK_FILES)
    sheet = whole.sheets
    about = _about(sheet["pack.toml"], pack_ref)
    words = Lexicon(about.sources, concept_names(home))
    regimens = _regimens(sheet["regimens.toml"], words)
    decisions, suppressed_by = read_decisions(sheet["decisions.toml"], words, tuple(regimens))
    check_nobody_dropped(whole, decisions)
    _check_not_held(sheet["pack.toml"], about.rows_not_held, {row.id for row in decisions})
    codes, held_codes, lists = read_codes(home, switched_on)
    drug_names, names_held_back = read_drug_names(home)
    units = read_units(home, about.sources)
    read_code_systems(home)
    parameters = _parameters(sheet["parameters.toml"], words, tuple(regimens))
    pack = Pack(
        id=about.id,
        version=about.version,
        title=about.title,
        sha256=pack_sha256(home, whole.line, _SHARED_FILES),
        sign_off=about.sign_off,
        rows_not_held=tuple(f"{row}: {reason}" for row, reason in about.rows_not_held.items()),
        sources=about.sources,
        parameters=parameters,
        band_sets=_band_sets(sheet["bands.toml"], words, units),
        clues=_clues(sheet["clues.toml"], words),
        replacement_forms=_replacement(sheet["replacement.toml"], words),
        causes=_causes(sheet["causes.toml"], words, tuple(regimens)),
        regimens=regimens,
        decisions=decisions,
        suppressed_by=suppressed_by,
        codes=codes,
        drug_names=drug_names,
        units=units,
        routes=read_routes(home),
        cautions=read_cautions(sheet["cautions.toml"], words),
        follow_up=read_follow_up(sheet["follow_up.toml"], words, parameters),
        population=about.population,
        codes_held_back=held_codes.height,
        held_codes=held_codes,
        lists=lists,
        names_held_back=names_held_back,
        inherits=whole.line[1].ref if len(whole.line) > 1 else "",
        changes=_changes(whole, words),
    )
    _check_signed(pack)
    check_signatures(home, whole.line, _SHARED_FILES)
    return pack


def _check_signed(pack: Pack) -> None:
    """A pack is signed entry by entry: its own signature stands for all of them."""
    open_entries = [name for name, fact in pack.entries() if fact.state != "signed"]
    if pack.sign_off.state == "signed" and open_entries:
        raise RulePackError(
            f"{pack.id}/{pack.version} pack.toml: the pack is signed, but {len(open_entries)} of its entries are "
            f"not, for example {', '.join(open_entries[:3])}.",
            'Set `state = "signed"` on every entry that was signed, or leave the pack unsigned.',
        )


def code_system_aliases(root: Path | None = None) -> pl.DataFrame:
    """One row per accepted name, URI or OID of a code system: alias (squeezed for comparison), system.

    Compare with the reported name in lower case, without spaces, dashes and underscores.
    """
    return read_code_systems(_home(root))


def _home(root: Path | None) -> Traversable:
    return files("rules") if root is None else root


def held_packs(root: Path | None = None) -> list[str]:
    """Every pack there is, as `id/version`, in order; none of them loaded."""
    return pack_refs(_home(root))


_SPOKEN_OF: Final = {
    "causes.toml": "cause ",
    "cautions.toml": "caution ",
    "follow_up.toml": "follow-up ",
}
"""What stands before an entry's name where the pack lists its entries."""


def _changes(whole: Inherited, words: Lexicon) -> tuple[Change, ...]:
    return tuple(
        Change(
            pack_ref=change.pack_ref,
            file=change.file,
            entry=_SPOKEN_OF.get(change.file, "") + change.name,
            is_off=change.is_off,
            has_entry=not change.is_off and not change.name.startswith("suppressed_by."),
            fact=words.fact(change.entry),
        )
        for change in whole.alterations
    )


@dataclass(frozen=True)
class _About:
    id: str
    version: str
    title: str
    population: str
    sign_off: SignOff
    rows_not_held: Mapping[str, str]
    sources: Mapping[str, str]


def _about(sheet: Entry, pack_ref: str) -> _About:
    sheet.require(("id", "version", "title", "population", "sign_off", "rows_not_held", "sources"))
    if f"{sheet.text('id')}/{sheet.text('version')}" != pack_ref:
        raise sheet.refuse("names another pack than its folder.", f"Expected {pack_ref}.")
    return _About(
        id=sheet.text("id"),
        version=sheet.text("version"),
        title=sheet.text("title"),
        population=sheet.text("population"),
        sign_off=_sign_off(sheet.child("sign_off")),
        rows_not_held=_not_held(sheet),
        sources=_sources(sheet.child("sources")),
    )


def _sign_off(entry: Entry) -> SignOff:
    entry.require(("state", "role", "on"), ("signed_sha256",))
    state = entry.one_of("state", SIGN_OFF_STATES)
    if state != "draft" and not (entry.text("role") and entry.text("on")):
        raise entry.refuse(
            f"is {state} without role or date.", 'Give `role = "..."` and `on = "YYYY-MM-DD"`.'
        )
    if state != "draft":
        signature(Entry(entry.where, {key: entry.values[key] for key in ("role", "on")}))
    return SignOff(state, entry.text("role"), entry.text("on"))


def _not_held(sheet: Entry) -> dict[str, str]:
    rows: dict[str, str] = {}
    for entry in sheet.children("rows_not_held"):
        entry.require(("row", "reason"))
        row = entry.text("row")
        if not ROW_ID.fullmatch(row) or row in rows or not entry.text("reason"):
            raise entry.refuse(
                f"names `{row}` wrongly or twice, or gives no reason.", "Write each row once, as R04."
            )
        rows[row] = entry.text("reason")
    return rows


def _check_not_held(sheet: Entry, rows: Collection[str], held: Collection[str]) -> None:
    for row in rows:
        if row in held:
            raise sheet.refuse(
                f"says {row} is not held, but decisions.toml holds it.", "Drop one of the two."
            )


def _sources(entry: Entry) -> dict[str, str]:
    sources = {}
    for tag in entry.values:
        if not re.fullmatch(r"V\d+[a-z]?", tag):
            raise entry.refuse(f"has the tag `{tag}`.", "Source tags are V and a number, as V5 or V5b.")
        if not entry.text(tag).strip():
            raise entry.refuse(f"says nothing of {tag}.", "Name title, year and where it is found.")
        sources[tag] = entry.text(tag)
    return sources


def _parameters(sheet: Entry, words: Lexicon, regimens: Collection[str]) -> dict[str, Parameter]:
    parameters = {}
    for name, entry in sheet.entries():
        sheet.known(name, REQUIRED_PARAMETERS, "parameter")
        entry.require(("value", "unit", "meaning", *CITED))
        value = entry.number("value") if name in REQUIRED_NUMBERS else entry.text("value")
        parameters[name] = Parameter(
            name, value, entry.text("unit"), entry.text("meaning"), words.fact(entry)
        )
        _check_parameter(entry, parameters[name], regimens)
    for name in REQUIRED_PARAMETERS:
        if name not in parameters:
            raise sheet.refuse(
                f"lacks the parameter `{name}`.", f"Add [{name}] with value, unit and meaning."
            )
    return parameters


def _check_parameter(entry: Entry, parameter: Parameter, regimens: Collection[str]) -> None:
    choices = {
        "mma_for": FACTS["mma_for"],
        "mma_policy": MMA_POLICIES,
        "first_test_tier_e": SWITCH,
        "regimen_optic": regimens,
        "regimen_neuro": regimens,
        "regimen_severe_anaemia": regimens,
        "safety_review_alone_priority": PRIORITIES,
    }
    if parameter.id in choices:
        entry.one_of("value", choices[parameter.id])
    if parameter.unit == WORDS and not WORD_LIST.fullmatch(str(parameter.value)):
        raise entry.refuse(
            f"has the words `{parameter.value}`.", 'Write them in small letters with ", " between two.'
        )
    if not parameter.unit or not parameter.meaning:
        raise entry.refuse("has no unit or no meaning.", "Say what the value counts and what it decides.")
    if isinstance(parameter.value, float):
        _check_number(entry, parameter, parameter.value)


def _check_number(entry: Entry, parameter: Parameter, value: float) -> None:
    if value <= 0 and parameter.unit != "exponent":
        raise entry.refuse(f"has the value {value:g}.", "Write a number above zero.")
    if parameter.unit in WHOLE_UNITS and value != int(value):
        raise entry.refuse(f"counts {parameter.unit} in fractions ({value:g}).", "Write a whole number.")


def _band_sets(sheet: Entry, words: Lexicon, units: pl.DataFrame) -> tuple[BandSet, ...]:
    sets = []
    for name, entry in sheet.entries():
        sheet.known(name, tuple(REQUIRED_BANDS), "band set")
        entry.require(("analyte", "unit", "applies", "bands", *CITED))
        sets.append(_band_set(name, entry, words, units))
    missing = [name for name in REQUIRED_BANDS if name not in {bands.id for bands in sets}]
    if missing:
        raise sheet.refuse(f"lacks the band set `{missing[0]}`.", f"Add [{missing[0]}].")
    return tuple(sets)


def _band_set(name: str, entry: Entry, words: Lexicon, units: pl.DataFrame) -> BandSet:
    analyte, unit, names = REQUIRED_BANDS[name]
    if (entry.text("analyte"), entry.text("unit")) != (analyte, unit):
        raise entry.refuse("reads another analyte or unit.", f"Expected {analyte} in {unit}.")
    if units.filter((pl.col("analyte") == analyte) & (pl.col("unit") == unit)).is_empty():
        raise entry.refuse(
            f"speaks of {unit}, which units.csv does not know for {analyte}.", "Add its spellings."
        )
    bands = tuple(_band(band, part) for band, part in entry.child("bands").entries())
    for band in bands:
        entry.known(band.name, names, "band")
    if len(bands) != len(names):
        raise entry.refuse("does not name every band.", "Expected " + ", ".join(names) + ".")
    fault = band_fault(bands, unit)
    if fault:
        raise entry.refuse(fault.what, fault.hint)
    return BandSet(name, analyte, unit, bands, entry.text("applies"), words.fact(entry))


def _band(name: str, entry: Entry) -> Band:
    entry.require((), ("lt", "le", "gt", "ge"))
    limits = {key: entry.number(key) for key in entry.values}
    return Band(name, **limits)


def _clues(sheet: Entry, words: Lexicon) -> tuple[Clue, ...]:
    clues = tuple(_clue(name, entry, words) for name, entry in sheet.entries())
    held = {clue.id for clue in clues if clue.group == "context"}
    for name in REQUIRED_CONTEXT:
        if name not in held:
            raise sheet.refuse(f"lacks the context clue `{name}`.", f'Add [{name}] with group = "context".')
    return clues


def _clue(name: str, entry: Entry, words: Lexicon) -> Clue:
    entry.require(("label", "concepts", "group", *CITED), ("neuro", "low_weight", "tier_c", "current_only"))
    clue = Clue(
        id=name,
        label=entry.text("label"),
        concepts=words.codelists(entry),
        group=entry.one_of("group", CLUE_GROUPS),
        neuro=entry.one_of("neuro", NEURO_WORDS, ""),
        low_weight=entry.flag("low_weight", False),
        tier_c=entry.flag("tier_c", False),
        current_only=entry.flag("current_only", False),
        fact=words.fact(entry),
    )
    _check_clue(entry, clue)
    return clue


def _check_clue(entry: Entry, clue: Clue) -> None:
    if not clue.concepts and clue.id not in CLUES_WITHOUT_LIST:
        raise entry.refuse("names no codelist.", 'Give `concepts = ["..."]`.')
    if clue.group != "symptom" and (clue.neuro or clue.low_weight):
        raise entry.refuse("is no symptom but has `neuro` or `low_weight`.", 'Use group = "symptom".')
    if clue.neuro and clue.low_weight:
        raise entry.refuse("is both neurological and of low weight.", "Keep one of the two.")
    is_medicine = any(concept.startswith("drug_") for concept in clue.concepts)
    if clue.group in ("ng239", "aafp", "bsh") and is_medicine != clue.current_only:
        raise entry.refuse(
            "is a medicine without `current_only`, or the reverse.", "Medicines count while supplied."
        )
    if clue.tier_c and clue.group in ("symptom", "context"):
        raise entry.refuse("is no risk factor but has `tier_c`.", "Only risk factors are second factors.")


def _replacement(sheet: Entry, words: Lexicon) -> tuple[ReplacementForm, ...]:
    forms = []
    for concept, entry in sheet.entries():
        sheet.known(concept, words.concepts, "codelist")
        entry.require(("form", "counts", *CITED))
        form = entry.one_of("form", REPLACEMENT_FORMS)
        forms.append(ReplacementForm(concept, form, entry.flag("counts"), words.fact(entry)))
    held = {form.concept for form in forms}
    for concept in sorted(words.concepts):
        if concept.startswith("drug_b12_") and concept not in held:
            raise sheet.refuse(f"says nothing of {concept}.", "Say of every B12 list whether it counts.")
    return tuple(forms)


def _causes(sheet: Entry, words: Lexicon, regimens: Collection[str]) -> tuple[Cause, ...]:
    causes = []
    for name, entry in sheet.entries():
        sheet.known(name, CAUSES, "cause")
        entry.require(("label", "irreversible", "regimen_id", *CITED), ("concepts", "rule"))
        causes.append(
            Cause(
                id=name,
                label=entry.text("label"),
                concepts=words.codelists(entry),
                rule=entry.one_of("rule", CAUSE_RULES, ""),
                irreversible=entry.flag("irreversible"),
                regimen_id=entry.one_of("regimen_id", regimens),
                fact=words.fact(entry),
            )
        )
    _check_causes(sheet, causes)
    return tuple(causes)


def _check_causes(sheet: Entry, causes: Sequence[Cause]) -> None:
    for cause in causes[:-1]:
        if not cause.concepts and not cause.rule:
            raise sheet.refuse(
                f"{cause.id} holds for everybody.", "Only the last cause may have no condition."
            )
    if not causes or causes[-1].id != "unknown" or causes[-1].concepts or causes[-1].rule:
        raise sheet.refuse("must end with [unknown], without condition.", "Everybody needs a cause.")


def _regimens(sheet: Entry, words: Lexicon) -> dict[str, Regimen]:
    regimens = {}
    for name, entry in sheet.entries():
        entry.require(("text", *CITED))
        if not re.fullmatch(r"RG-[A-Z]+", name) or not entry.text("text"):
            raise entry.refuse("is no regimen id or says nothing.", "Regimen ids are RG- and capitals.")
        regimens[name] = Regimen(name, entry.text("text"), words.fact(entry))
    return regimens
