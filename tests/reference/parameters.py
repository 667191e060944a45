"""Every clinical number of the reference. Source: specification section 1 unless another is named."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

AGE_MIN: Final = 16
AGE_OLDER_MMA: Final = 65  # mma_uln_65plus
AGE_RISK: Final = 76  # spec 5.4: over 75, that is 76 completed years or more

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
REPEAT_B12_DAYS: Final = 180  # reading 44, R27
