"""Every clinical number of the reference. Source: specification section 1 unless another is named."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

AGE_MIN: Final = 16
AGE_OLDER_MMA: Final = 65  # mma_uln_65plus
AGE_RISK: Final = 76  # spec 5.4 and 8 (tier E): over 75, that is 76 completed years or more

# The same B12 limits as published in each unit: LOW below the first, UNLIKELY above the second.
B12_TOTAL_NG_L: Final = (Decimal(180), Decimal(350))
B12_TOTAL_PMOL_L: Final = (Decimal(133), Decimal(258))
B12_ACTIVE_PMOL_L: Final = (Decimal(25), Decimal(70))

LOW_LOOKBACK: Final = 1095
B12_FRESH: Final = 365
STALE_AFTER: Final = 365
PAIR_DAYS: Final = 30  # spec 13.4

MMA_PLAUSIBLE: Final = (Decimal(20), Decimal(200_000))  # spec 2
MMA_NORMAL_MAX: Final = Decimal(280)
MMA_UPPER_16_64: Final = Decimal(400)
MMA_UPPER_65: Final = Decimal(460)
MMA_RENAL_MIN: Final = Decimal(750)
MMA_BEFORE: Final = 90
MMA_AFTER: Final = 180
MMA_IN_FORCE: Final = 1095  # spec 6.3
EGFR_CAVEAT: Final = Decimal(60)
EGFR_NEAREST: Final = 365

SYMPTOM_WINDOW: Final = 730
NEW_SYMPTOM: Final = 365
BLOOD_SIGN_WINDOW: Final = 365

HB_LOW_MALE: Final = Decimal(130)
HB_LOW_FEMALE: Final = Decimal(120)
HB_LOW_PREGNANT: Final = Decimal(105)  # reading 35
HB_SEVERE: Final = Decimal(80)  # spec 7, R11
HB_PREGNANT_REVIEW: Final = Decimal(100)  # spec 7, R09
MCV_HIGH: Final = Decimal(100)
PLT_SEVERE: Final = Decimal(50)  # spec 7, R11

PREGNANCY_DAYS: Final = 294  # spec 13.10
POSTPARTUM_DAYS: Final = 42

LOADING_DAYS: Final = 42  # spec 5.1
LOADING_DOSES: Final = 6
LOAD_DAYS: Final = 28  # spec 3, S15
DEFICIENT_BEFORE_LOAD: Final = 365  # reading 91
IM_LAPSED: Final = 105
IM_LAPSED_MONTHLY: Final = 60
MONTHLY_GAP: Final = (21, 38)
LOADING_GAP: Final = 14
RX_GAP: Final = 30
WASHOUT: Final = 120
TREATMENT_DOSE_UG: Final = 50

TIER_C_AGE: Final = 65  # spec 8
TIER_C_DOSE_UG: Final = Decimal(2_000_000)
TIER_C_DAYS: Final = 1461
ORDER_OPEN_DAYS: Final = 30  # spec 7, last paragraphs
ILEAL_LENGTH_CM: Final = Decimal(20)

DUE_DAYS: Final = {"P1": 2, "P2": 14, "P3": 28}  # reading 49; P4 has no date
REPEAT_B12_DAYS: Final = 180  # reading 44, R27; spec 7, R24 with `symptomatic_only`

# Lapsed replacement (spec 5.1, R04)
PRIOR_INJECTIONS: Final = 6
INTERVALS_LAPSED: Final = 2
IM_INTERVAL_NEURO: Final = 61  # section 1, im_interval_neuro
IM_INTERVAL: Final = 91
IM_INTERVAL_MONTHLY: Final = 30
ORAL_INTERVAL: Final = 90

# Nitrous oxide (spec 6.4, R07, R08)
NITROUS_RECENT: Final = 365
SUPPORTING_LAB_DAYS: Final = 365  # homocysteine and folate, reading 59
HOMOCYSTEINE_UPPER: Final = Decimal(15)  # umol/L
FOLATE_LOW: Final = {"ug/L": Decimal("3.9"), "nmol/L": Decimal("8.8")}

MMA_ALONE_DAYS: Final = 365  # R49
HIGH_B12_NG_L: Final = Decimal(1000)  # section 1, high_b12
HIGH_B12_APART: Final = 90

# First tests (spec 8)
REPEAT_SAMPLE_DAYS: Final = 90  # tier F
TIER_E_ACID_DAYS: Final = 365  # section 1, ppi_h2ra_min
TIER_E_METFORMIN_DAYS: Final = 120  # section 1, metformin_min

# Follow-up (spec 10, section 1 review_first)
BASELINE_DAYS: Final = 365  # reading 67
REVIEW_DAYS: Final = 90
REVIEW_DAYS_PREGNANT: Final = 30
REVIEW_DAYS_NEURO: Final = 14
REVIEW_CLOSED_AFTER: Final = 60
REVIEW_CLOSED_AFTER_NEURO: Final = 10
REVIEW_LAPSES: Final = 180
REVIEW_OVERDUE: Final = 14
BREASTFEEDING_DAYS: Final = 365  # spec 5.6
BLOOD_COUNT_DAYS: Final = 28
BLOOD_COUNT_OVERDUE: Final = 14
PLT_LOW: Final = Decimal(150)  # section 1
POTASSIUM_DAYS: Final = 2
POTASSIUM_OVERDUE: Final = 2
MAINTENANCE_OVERDUE: Final = 14
MAINTENANCE_OVERDUE_MONTHLY: Final = 7
PLATEAU_FIRST: Final = 21
PLATEAU_EVERY: Final = 14
PLATEAU_OVERDUE: Final = 7
ORAL_FIRST_REVIEW: Final = 90
ORAL_REVIEW: Final = 365
ORAL_B12_AFTER: Final = 60  # reading 73
ORAL_OVERDUE: Final = 30
NOT_BETTER_AFTER: Final = 90
ORDERED_ON_IM_DAYS: Final = 30
LOW_ON_TREATMENT_AFTER: Final = 28
LOW_ON_TREATMENT_DAYS: Final = 365  # reading 76

# Cautions (spec 11)
FOLIC_ACID_UG: Final = Decimal(400)
ORAL_MALABSORPTION_UG: Final = Decimal(1000)
AFTER_INJECTION: Final = (1, 14)  # C17
AFTER_INJECTION_SEEN: Final = 365
NEW_ON_ORAL: Final = 365  # C03, reading 79
