"""Signs, symptoms, risk factors, first-test tier, cause, regimen and open orders."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Final

from tests.reference.codes import EXACT
from tests.reference.medicines import is_medicine_current, is_supply_current
from tests.reference.parameters import (
    AGE_RISK,
    BLOOD_SIGN_WINDOW,
    HB_LOW_FEMALE,
    HB_LOW_MALE,
    HB_LOW_PREGNANT,
    HB_SEVERE,
    ILEAL_LENGTH_CM,
    MCV_HIGH,
    NEW_SYMPTOM,
    ORDER_OPEN_DAYS,
    REPEAT_SAMPLE_DAYS,
    RX_GAP,
    SYMPTOM_WINDOW,
    TIER_C_AGE,
    TIER_C_DAYS,
    TIER_C_DOSE_UG,
    TIER_E_ACID_DAYS,
    TIER_E_METFORMIN_DAYS,
)
from tests.reference.pregnancy import is_pregnant_on
from tests.reference.records import Chart, Lab, age_on, is_within

# Blood signs (readings 22, 35, 40)


def latest_value(chart: Chart, analyte: str, as_of: date) -> Lab | None:
    """The latest readable value at most 365 days old."""
    found: Lab | None = None
    for lab in chart.labs:
        if lab.analyte != analyte or lab.common is None:
            continue
        if not is_within(BLOOD_SIGN_WINDOW, lab.collected_on, as_of):
            continue
        if found is None or _lateness(lab) > _lateness(found):
            found = lab
    return found


def _lateness(lab: Lab) -> tuple[object, ...]:
    return (lab.collected_at, lab.received_at, lab.record_id or "")


def is_below(lab: Lab | None, limit: Decimal) -> bool:
    return lab is not None and lab.common is not None and lab.common.wholly_below(limit)


def low_haemoglobin_limit(chart: Chart, as_of: date) -> Decimal:
    if is_pregnant_on(chart, as_of):
        return HB_LOW_PREGNANT
    return HB_LOW_MALE if chart.person.sex == "male" else HB_LOW_FEMALE


def has_low_haemoglobin(chart: Chart, as_of: date) -> bool:
    return is_below(latest_value(chart, "haemoglobin", as_of), low_haemoglobin_limit(chart, as_of))


def has_high_mcv(chart: Chart, as_of: date) -> bool:
    lab = latest_value(chart, "mcv", as_of)
    return lab is not None and lab.common is not None and lab.common.wholly_above(MCV_HIGH)


# Neurological flag, symptoms (readings 34, 35)

SYMPTOM_LISTS: Final = {
    "neuropathy": "cond_peripheral_neuropathy",
    "paraesthesia": "cond_paraesthesia",
    "ataxia": "cond_ataxia_gait",
    "cognitive": "cond_cognitive_impairment_dementia",
    "scd": "cond_subacute_combined_degeneration",
    "optic": "cond_optic_neuropathy",
    "glossitis": "cond_glossitis",
    "fatigue": "cond_fatigue",
    "depression": "cond_depression",
    "psychosis_anxiety": "cond_psychosis_anxiety",
    "anaemia": "cond_anaemia",
    "macrocytosis": "cond_macrocytosis_megaloblastic",
}
FATIGUE_OR_MOOD: Final = {"fatigue", "depression", "psychosis_anxiety"}
ALWAYS_HIGH: Final = (
    "cond_subacute_combined_degeneration",
    "cond_ataxia_gait",
    "cond_optic_neuropathy",
)
HIGH_IF_NEW: Final = ("cond_peripheral_neuropathy", "cond_paraesthesia")
OTHER_CAUSES: Final = ("cond_type1_diabetes", "cond_type2_diabetes", "cond_alcohol_misuse")


def has_code(chart: Chart, codelist: str, breadth: str | None, within: int | None, as_of: date) -> bool:
    """Any row of this list; `within` days if given, else at any time (undated rows included)."""
    for feature in chart.features:
        if feature.is_in(codelist, breadth) and (within is None or is_within(within, feature.on, as_of)):
            return True
    return False


def neuro_certainty(chart: Chart, as_of: date) -> str:
    for codelist in ALWAYS_HIGH:
        if has_code(chart, codelist, EXACT, SYMPTOM_WINDOW, as_of):
            return "high"
    has_other_cause = any(has_code(chart, codelist, EXACT, None, as_of) for codelist in OTHER_CAUSES)
    for codelist in HIGH_IF_NEW:
        if has_code(chart, codelist, EXACT, NEW_SYMPTOM, as_of) and not has_other_cause:
            return "high"
    for codelist in (*HIGH_IF_NEW, "cond_cognitive_impairment_dementia"):
        if has_code(chart, codelist, EXACT, SYMPTOM_WINDOW, as_of):
            return "low"
    return "none"


NEURO_LISTS: Final = (*ALWAYS_HIGH, *HIGH_IF_NEW, "cond_cognitive_impairment_dementia")


def neuro_ever(chart: Chart) -> bool:
    """Reading 54: an exact code of the six lists, whenever it was."""
    return any(any(feature.is_in(codelist, EXACT) for codelist in NEURO_LISTS) for feature in chart.features)


def find_symptoms(chart: Chart, as_of: date) -> frozenset[str]:
    found: set[str] = set()
    for symptom, codelist in SYMPTOM_LISTS.items():
        if has_code(chart, codelist, None, SYMPTOM_WINDOW, as_of):
            found.add(symptom)
    if has_low_haemoglobin(chart, as_of):
        found.add("anaemia")
    if has_high_mcv(chart, as_of):
        found.add("macrocytosis")
    return frozenset(found)


def symptom_fact(symptoms: frozenset[str]) -> str:
    if not symptoms:
        return "none"
    return "fatigue_or_mood" if symptoms <= FATIGUE_OR_MOOD else "present"


# Risk factors (readings 36, 37)

RISK_LISTS: Final = {
    "low_b12_diet": ("cond_vegan_low_b12_diet",),
    "family_history": ("cond_family_history_b12_autoimmune",),
    "atrophic_gastritis": ("cond_atrophic_gastritis",),
    "pernicious_anaemia": ("cond_pernicious_anaemia_autoimmune_gastritis",),
    "coeliac": ("cond_coeliac",),
    "autoimmune_thyroid": ("cond_autoimmune_thyroid",),
    "sjogren": ("cond_sjogren",),
    "type1_diabetes": ("cond_type1_diabetes",),
    "other_autoimmune": ("cond_other_autoimmune",),
    "radiotherapy": ("proc_abdominal_pelvic_radiotherapy",),
    "gastrectomy_partial": ("proc_gastrectomy_partial",),
    "gastrectomy_total": ("proc_gastrectomy_total",),
    "ileal_resection": ("proc_ileal_resection",),
    "bariatric": ("proc_bariatric_bypass", "proc_bariatric_sleeve"),
    "nitrous_oxide": ("cond_nitrous_oxide_misuse",),
    "crohn": ("cond_crohn_ileal",),
    "malabsorption": ("cond_malabsorption_other",),
    "hiv": ("cond_hiv",),
}
RISK_MEDICINES: Final = {
    "colchicine": "drug_colchicine",
    "h2ra": "drug_h2ra",
    "metformin": "drug_metformin",
    "phenobarbital": "drug_phenobarbital",
    "pregabalin": "drug_pregabalin",
    "primidone": "drug_primidone",
    "ppi": "drug_ppi",
    "topiramate": "drug_topiramate",
}


def find_risk_factors(chart: Chart, as_of: date) -> frozenset[str]:
    found: set[str] = set()
    for risk, codelists in RISK_LISTS.items():
        if any(has_code(chart, codelist, None, None, as_of) for codelist in codelists):
            found.add(risk)
    for risk, codelist in RISK_MEDICINES.items():
        if is_medicine_current(chart, {codelist}, as_of):
            found.add(risk)
    if age_on(chart.person, as_of) >= AGE_RISK:
        found.add("age_76")
    return frozenset(found)


# First test (readings 38, 65)

TIER_C_LISTS: Final = (
    "cond_autoimmune_thyroid",
    "cond_sjogren",
    "cond_type1_diabetes",
    "cond_other_autoimmune",
    "cond_pernicious_anaemia_autoimmune_gastritis",
    "cond_atrophic_gastritis",
    "cond_coeliac",
    "cond_crohn_ileal",
    "cond_malabsorption_other",
    "cond_vegan_low_b12_diet",
    "proc_gastrectomy_partial",
    "proc_gastrectomy_total",
    "proc_ileal_resection",
    "proc_bariatric_bypass",
    "proc_bariatric_sleeve",
)


def exact_symptoms(chart: Chart, as_of: date) -> frozenset[str]:
    """Reading 65, tier A: without what only broad codes say."""
    found: set[str] = set()
    for symptom, codelist in SYMPTOM_LISTS.items():
        if has_code(chart, codelist, EXACT, SYMPTOM_WINDOW, as_of):
            found.add(symptom)
    if has_low_haemoglobin(chart, as_of):
        found.add("anaemia")
    if has_high_mcv(chart, as_of):
        found.add("macrocytosis")
    return frozenset(found)


NOT_OF_NG239: Final = {"crohn", "malabsorption", "hiv"}  # spec 5.4, last sentences; nor is age


def has_exact_ng239_risk(chart: Chart, as_of: date) -> bool:
    for risk, codelists in RISK_LISTS.items():
        if risk in NOT_OF_NG239:
            continue
        if any(has_code(chart, codelist, EXACT, None, as_of) for codelist in codelists):
            return True
    return is_medicine_current(chart, set(RISK_MEDICINES.values()), as_of)


TIER_PRIORITY: Final = {
    "A_symptom_and_risk": "P3",  # P2 with neuro
    "B_signs_alone": "P2",
    "C_new_signs": "P2",
    "C_periodic": "P4",
    "F_repeat_sample": "P3",
    "D_after_surgery": "P4",
    "E_risk_alone": "P4",
    "none": "P9",
}
"""Spec 8, in the order that decides between tiers of one priority (reading 65)."""


def tier_priority(tier: str, neuro: str) -> str:
    if tier == "A_symptom_and_risk" and neuro != "none":
        return "P2"
    return TIER_PRIORITY[tier]


def first_test_tier(chart: Chart, as_of: date, is_tier_e_on: bool = False) -> str:
    """The most urgent tier that fits; on a tie in the order C A B F D E (reading 82)."""
    fitting: list[str] = []
    tier_c = metformin_tier(chart, as_of)
    if tier_c != "none":
        fitting.append(tier_c)
    if exact_symptoms(chart, as_of) and has_exact_ng239_risk(chart, as_of):
        fitting.append("A_symptom_and_risk")
    if is_tier_b(chart, as_of):
        fitting.append("B_signs_alone")
    if is_latest_b12_unreadable(chart, as_of):
        fitting.append("F_repeat_sample")
    if any(has_code(chart, codelist, EXACT, None, as_of) for codelist in SURGERY_LISTS):
        fitting.append("D_after_surgery")
    if is_tier_e_on and is_tier_e(chart, as_of):
        fitting.append("E_risk_alone")
    neuro = neuro_certainty(chart, as_of)
    # `min` keeps the first of equals.
    return min(fitting, key=lambda tier: tier_priority(tier, neuro)) if fitting else "none"


SURGERY_LISTS: Final = (
    "proc_gastrectomy_partial",
    "proc_gastrectomy_total",
    "proc_ileal_resection",
    "proc_bariatric_bypass",
    "proc_bariatric_sleeve",
)


def is_tier_b(chart: Chart, as_of: date) -> bool:
    for codelist in ("cond_macrocytosis_megaloblastic", "cond_subacute_combined_degeneration"):
        if has_code(chart, codelist, EXACT, SYMPTOM_WINDOW, as_of):
            return True
    if has_high_mcv(chart, as_of):
        return True
    return any(
        has_code(chart, codelist, EXACT, NEW_SYMPTOM, as_of)
        for codelist in (*HIGH_IF_NEW, "cond_ataxia_gait")
    )


def is_latest_b12_unreadable(chart: Chart, as_of: date) -> bool:
    """Tier F: of the last day with a B12 sample nothing can be read, and it is at most 90 days ago."""
    samples = [lab for lab in chart.labs if lab.analyte in {"b12_total", "b12_active"}]
    return _is_last_day_unreadable(samples, as_of)


def unreadable_mma_on(chart: Chart, as_of: date) -> date | None:
    """The day of the latest MMA sample, if nothing of it can be read and it is at most 90 days ago."""
    samples = [lab for lab in chart.labs if lab.analyte == "mma_serum"]
    if not _is_last_day_unreadable(samples, as_of):
        return None
    return max(lab.collected_on for lab in samples)


def _is_last_day_unreadable(samples: list[Lab], as_of: date) -> bool:
    if not samples:
        return False
    last_on = max(lab.collected_on for lab in samples)
    if not is_within(REPEAT_SAMPLE_DAYS, last_on, as_of):
        return False
    return all(lab.value is None for lab in samples if lab.collected_on == last_on)


def is_tier_e(chart: Chart, as_of: date) -> bool:
    return (
        age_on(chart.person, as_of) >= AGE_RISK
        or supply_days(chart, "drug_ppi", as_of) > TIER_E_ACID_DAYS
        or supply_days(chart, "drug_h2ra", as_of) > TIER_E_ACID_DAYS
        or supply_days(chart, "drug_metformin", as_of) > TIER_E_METFORMIN_DAYS
        or has_code(chart, "cond_vegan_low_b12_diet", EXACT, None, as_of)
        or has_code(chart, "cond_crohn_ileal", EXACT, None, as_of)
    )


def metformin_tier(chart: Chart, as_of: date) -> str:
    """Tier C (reading 38)."""
    if not is_medicine_current(chart, {"drug_metformin"}, as_of):
        return "none"
    for codelist in (*HIGH_IF_NEW, "cond_macrocytosis_megaloblastic"):
        if has_code(chart, codelist, EXACT, NEW_SYMPTOM, as_of):
            return "C_new_signs"
    if has_low_haemoglobin(chart, as_of) and has_high_mcv(chart, as_of):
        return "C_new_signs"
    if is_medicine_current(chart, {"drug_ppi", "drug_h2ra", "drug_colchicine"}, as_of):
        return "C_periodic"
    if any(has_code(chart, codelist, EXACT, None, as_of) for codelist in TIER_C_LISTS):
        return "C_periodic"
    if age_on(chart.person, as_of) >= TIER_C_AGE:
        return "C_periodic"
    for medication in chart.medications:
        if "drug_metformin" in medication.lists and is_supply_current(medication, as_of):
            dose = medication.daily_dose_ug
            if dose is not None and dose >= TIER_C_DOSE_UG:
                return "C_periodic"
    if supply_days(chart, "drug_metformin", as_of) >= TIER_C_DAYS:
        return "C_periodic"
    return "none"


def supply_days(chart: Chart, codelist: str, as_of: date) -> int:
    """Reading 37: from the start of the current run of supplies, gaps of at most 30 days bridged."""
    supplies: list[tuple[date, date]] = []
    for medication in chart.medications:
        if codelist in medication.lists and medication.start_on is not None:
            end_on = as_of if medication.is_open else medication.end_on or medication.start_on
            supplies.append((medication.start_on, end_on))
    run_start: date | None = None
    run_end: date | None = None
    for start_on, end_on in sorted(supplies):
        if run_end is None or (start_on - run_end).days > RX_GAP:
            run_start, run_end = start_on, end_on
        else:
            run_end = max(run_end, end_on)
    if run_start is None or run_end is None or run_end + timedelta(days=RX_GAP) < as_of:
        return 0
    return (as_of - run_start).days


# Cause and regimen (readings 41, 42, 66)

OTHER_MALABSORPTION: Final = (
    "cond_coeliac",
    "proc_gastrectomy_partial",
    "proc_bariatric_bypass",
    "proc_bariatric_sleeve",
    "cond_crohn_ileal",
    "cond_malabsorption_other",
    "proc_ileal_resection",
    "proc_abdominal_pelvic_radiotherapy",
)


def find_cause(chart: Chart, as_of: date) -> str:
    if has_code(chart, "cond_nitrous_oxide_misuse", EXACT, None, as_of):
        return "nitrous_oxide"
    if has_code(chart, "proc_gastrectomy_total", EXACT, None, as_of):
        return "total_gastrectomy"
    for feature in chart.features:
        length = feature.length_cm
        if feature.is_in("proc_ileal_resection", EXACT) and length is not None and length > ILEAL_LENGTH_CM:
            return "ileal_resection"
    if has_code(chart, "cond_pernicious_anaemia_autoimmune_gastritis", EXACT, None, as_of):
        return "pernicious_anaemia"
    if any(is_positive_antibody(lab) for lab in chart.labs if lab.analyte == "intrinsic_factor_ab"):
        return "pernicious_anaemia"
    if any(has_code(chart, codelist, EXACT, None, as_of) for codelist in OTHER_MALABSORPTION):
        return "other_malabsorption"
    if is_medicine_current(chart, set(RISK_MEDICINES.values()), as_of):
        return "medicine"
    if has_code(chart, "cond_vegan_low_b12_diet", EXACT, None, as_of):
        return "diet"
    return "unknown"


def is_positive_antibody(lab: Lab) -> bool:
    if lab.value is None:
        return lab.reported.lower().startswith(("pos", "detected"))
    return lab.upper_limit is not None and lab.value.wholly_above(lab.upper_limit)


def has_leber_or_tobacco_amblyopia(chart: Chart, as_of: date) -> bool:
    return has_code(chart, "cond_leber_tobacco_amblyopia", EXACT, None, as_of)


def find_regimen(chart: Chart, neuro: str, cause: str, as_of: date) -> str:
    """Reading 66, after RG-P of R05."""
    if has_leber_or_tobacco_amblyopia(chart, as_of):
        return "RG-X"
    if neuro != "none":
        return "RG-N"
    if cause in {"total_gastrectomy", "ileal_resection", "pernicious_anaemia", "other_malabsorption"}:
        return "RG-S"
    if cause == "nitrous_oxide":
        return "RG-S"
    if cause in {"medicine", "diet"}:
        return "RG-O"
    if is_below(latest_value(chart, "haemoglobin", as_of), HB_SEVERE):
        return "RG-S"
    return "RG-O"


# Orders (reading 47)


def has_open_order(chart: Chart, analytes: set[str], as_of: date) -> bool:
    for order in chart.orders:
        is_active = order.analyte in analytes and order.status == "active"
        if is_active and is_within(ORDER_OPEN_DAYS, order.ordered_on, as_of):
            return True
    return False
