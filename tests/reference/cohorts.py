"""Seeded cohorts that are dense in difficult cases: every limit, window, unit and spelling of the screen.

Nobody here is real, and nothing is realistic in its proportions: the people are made so that each decision
row, and each side of each limit, is met often.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from random import Random
from typing import Final

from hypothesis import strategies as st

from tests.reference.making import (
    ACTIVE_CODES,
    AS_OF,
    B12_CLASSES,
    B12_INJECTED,
    B12_SUPPLIED,
    COLUMNS,
    CREATININE_CODES,
    EGFR_CODES,
    EGFR_LOW,
    EGFR_UNITS,
    EGFR_VALUES,
    ETHNICITIES,
    FATIGUE_OR_MOOD,
    HB_CODES,
    HB_VALUES,
    KIDNEY,
    MCV_CODES,
    MCV_VALUES,
    METFORMIN,
    MMA_CODES,
    MMA_NMOL,
    NEURO_BROAD,
    NEURO_EXACT,
    NOT_TREATMENT,
    OTHER_CAUSES,
    OTHER_MEDICINES,
    OTHER_SYMPTOMS,
    PLATELET_CODES,
    PLATELET_UNITS,
    PLATELET_VALUES,
    PREGNANCY,
    PREGNANCY_END,
    PROCEDURES,
    RISK_CONDITIONS,
    TOTAL_CODES,
    UNRELATED,
    Maker,
    Row,
    Tables,
    ago,
)
from tests.reference.stories import LATER_STORIES, add_extra

# Parts of a person --------------------------------------------------------------------------------------


def _demographics(maker: Maker) -> Row:
    rng = maker.rng
    born = AS_OF - timedelta(days=rng.randrange(18 * 365, 95 * 365))
    if maker.chance(0.15):
        born = maker.pick(
            (
                date(2009, 2, 28),
                date(2009, 3, 1),
                date(2009, 2, 27),
                date(2012, 5, 1),
                date(1960, 2, 28),
                date(1960, 2, 29),
                date(1960, 3, 1),
                date(1949, 2, 28),
                date(1949, 3, 1),
                date(1948, 2, 29),
            )
        )
    elif maker.chance(0.3):
        born = AS_OF - timedelta(days=rng.randrange(18 * 365, 45 * 365))
    row = maker.add(
        "patients",
        birth_date=born.isoformat(),
        sex=maker.pick(("female", "female", "female", "F", "male", "male", "M", "other", "unknown", "x?")),
        clinic_id=maker.pick(("north", "south", "east", "west", None if maker.chance(0.3) else "north")),
        registered_on=maker.pick((None, None, "2020-06-01")),
        ethnicity=maker.pick(ETHNICITIES),
        opted_out=maker.pick((None, "false", "no", "0")),
    )
    way = rng.randrange(100)
    if way < 3:
        row["deceased_on"] = ago(maker.near(0, 0, 200)).isoformat()
    elif way < 4:
        row["deceased_on"] = (AS_OF + timedelta(days=1)).isoformat()
    elif way < 7:
        row["deregistered_on"] = ago(maker.near(0, 0, 200)).isoformat()
    elif way < 8:
        row["deregistered_on"] = (AS_OF + timedelta(days=1)).isoformat()
    elif way < 9:
        row["registered_on"] = maker.pick((AS_OF, AS_OF + timedelta(days=1))).isoformat()
    elif way < 11:
        row["opted_out"] = maker.pick(("true", "yes", "Y", "1", "perhaps"))
    elif way < 12:
        maker.tables["patients"].append(dict(row))
    elif way < 13:
        maker.tables["patients"].append({**row, "clinic_id": "elsewhere"})
    elif way < 14:
        row["birth_date"] = maker.pick((None, "unknown", "1970-02-30"))
    return row


def _replacement(maker: Maker) -> None:
    way = maker.rng.randrange(10)
    if way < 2:  # loading course
        last = maker.pick((0, 1, 5, 20, 30, 41, 42, 43))
        count = maker.pick((1, 2, 5, 6, 7))
        days = [last + 2 * number for number in range(count)]
        _inject(maker, days)
    elif way < 5:  # maintenance, regular or monthly
        gap = maker.pick((20, 21, 30, 38, 39, 61, 90, 91))
        last = maker.near(30, 60, 60, 105, 105, 120)
        _inject(maker, [last + gap * number for number in range(maker.pick((1, 2, 3, 4, 6)))])
    elif way == 5 and maker.chance(0.5):  # whether a short gap belongs to a loading course
        last, short = maker.pick((60, 61, 90, 105, 106)), maker.pick((13, 14, 15))
        _inject(maker, [last, last + short, last + short + 30, last + short + 91])
    elif way < 6:  # one injection, long ago or at the washout
        _inject(maker, [maker.near(105, 120, 121, 400)])
    elif way < 9:
        drug, route = maker.pick(B12_SUPPLIED)
        quantity, unit, times = maker.pick(
            (
                ("1", "mg", None),
                ("1000", "mcg", "1"),
                ("50", "micrograms", "1"),
                ("49", "ug", None),
                ("25", "µg", "2"),
                ("24", "microgram", "2"),
                (None, None, None),
                ("1", "tablet", "1"),
            )
        )
        if quantity is not None and unit == "micrograms":
            unit = "microgram"
        before = len(maker.tables["medications"])
        maker.supply(drug, route=route, dose_quantity=quantity, dose_unit=unit, doses_per_day=times)
        for row in maker.tables["medications"][before:]:
            for column in ("start_on", "end_on"):
                if row[column]:
                    maker.dose_dates.append(date.fromisoformat(row[column] or ""))
    else:
        maker.medication(maker.pick(NOT_TREATMENT), ago(maker.near(10, 60)), kind="prescription")


def _inject(maker: Maker, days: list[int]) -> None:
    drug, kind, route = maker.pick(B12_INJECTED)
    for day in days:
        maker.medication(
            drug, ago(day), kind=kind, route=route, status=maker.pick(("completed", "active", None))
        )
        maker.dose_dates.append(ago(day))


def _sample_date(maker: Maker) -> date:
    """Mostly within the year, often on the edge of a window or near a dose of B12."""
    if maker.dose_dates and maker.chance(0.6):
        days = maker.pick((-1, 0, 1, 30, 119, 120, 121))
        return min(maker.pick(maker.dose_dates) + timedelta(days=days), AS_OF)
    if maker.chance(0.2):
        return ago(maker.near(0, 365, 365, 1095))
    if maker.chance(0.1):
        return ago(maker.rng.randrange(366, 1094))
    return ago(maker.rng.randrange(365))


def _mma_after(maker: Maker, sampled_on: date, zone: str) -> None:
    days = maker.pick((0, 0, 7, 14, 28, 60, -90, -91, -89, 179, 180, 181, -300))
    on = sampled_on + timedelta(days=days)
    if on > AS_OF:
        on = sampled_on
    if zone == "ELEVATED" and maker.chance(0.1):
        on = ago(maker.near(1095))
    maker.mma(zone, on)
    if maker.chance(0.1):
        maker.mma(maker.pick((*MMA_NMOL, "CENSORED")), on + timedelta(days=maker.pick((-200, -30, 30, 200))))


def _add_another_of_that_instant(maker: Maker, row: Row, values: Sequence[str]) -> None:
    """A second result beside `row` that nothing but its value tells apart (reading 95)."""
    row["result_id"] = row["sample_id"] = None
    maker.tables["labs"].append({**row, "value": maker.pick(values)})


def _kidneys(maker: Maker, near_date: date, is_low: bool) -> None:
    on = near_date + timedelta(days=maker.pick((0, 0, 5, -40, 364, 365, 366, -364, -365, -366)))
    if is_low and maker.chance(0.7):
        on = near_date + timedelta(days=maker.pick((0, -3, 10)))
    way = maker.rng.randrange(10)
    if way < 6:
        value = maker.pick(EGFR_LOW if is_low else EGFR_VALUES)
        row = maker.lab(EGFR_CODES, on, value, maker.pick(EGFR_UNITS))
        if maker.chance(0.15):
            _add_another_of_that_instant(maker, row, EGFR_VALUES)
        if maker.chance(0.15) and value.replace(".", "").isdigit():
            raised = f"{Decimal(value) * Decimal('1.159'):.1f}"
            maker.lab((("LOINC", "48643-1"),), on, raised, "mL/min/1.73m2")
        if maker.chance(0.15):  # as near on the other side
            other = near_date - (on - near_date)
            maker.lab(EGFR_CODES, other, maker.pick(EGFR_VALUES), maker.pick(EGFR_UNITS))
    elif way < 8:
        if maker.chance(0.5):
            value = str(maker.rng.randrange(100, 180) if is_low else maker.rng.randrange(55, 140))
            row = maker.lab(CREATININE_CODES, on, value, maker.pick(("umol/L", "µmol/L")))
            others = ("60", "90", "200")
        else:
            value = (
                f"{maker.rng.randrange(120, 220) / 100 if is_low else maker.rng.randrange(60, 170) / 100:.2f}"
            )
            row = maker.lab(CREATININE_CODES, on, value, maker.pick(("mg/dL", "mg/dl")))
            others = ("0.65", "1.02", "2.30")
        if maker.chance(0.25):
            _add_another_of_that_instant(maker, row, others)
    else:
        maker.condition(maker.pick(KIDNEY), ago(maker.rng.randrange(3000)))


def _blood_count(maker: Maker) -> None:
    on = ago(maker.pick((0, 10, 100, 200, 364, 365, 366)))
    if maker.chance(0.7):
        unit = maker.pick(("g/L", "g/L", "g/dL", "mmol/L"))
        maker.lab(HB_CODES, on, maker.pick(HB_VALUES[unit]), unit)
    if maker.chance(0.6):
        maker.lab(MCV_CODES, on, maker.pick(MCV_VALUES), maker.pick(("fL", "um3")))
    if maker.chance(0.4):
        maker.lab(PLATELET_CODES, on, maker.pick(PLATELET_VALUES), maker.pick(PLATELET_UNITS))
    if maker.chance(0.15):
        older = on - timedelta(days=20)
        maker.lab(HB_CODES, older, maker.pick(("75", "118", "140")), "g/L")


def _conditions(maker: Maker) -> None:
    for _ in range(maker.pick((1, 1, 2, 3))):
        pool = maker.pick(
            (
                NEURO_EXACT,
                NEURO_EXACT,
                NEURO_EXACT,
                NEURO_BROAD,
                FATIGUE_OR_MOOD,
                FATIGUE_OR_MOOD,
                OTHER_SYMPTOMS,
                RISK_CONDITIONS,
                RISK_CONDITIONS,
                OTHER_CAUSES,
                UNRELATED,
            )
        )
        days = maker.near(0, 365, 730) if maker.chance(0.4) else maker.rng.randrange(900)
        flag = None
        if pool is RISK_CONDITIONS:
            flag = maker.pick((None, None, None, "false", "true", "Y", "1"))
        maker.condition(maker.pick(pool), ago(days), flag)
    if maker.chance(0.02):
        maker.condition(("ICD-10", "E71.1"), ago(2000))
    if maker.chance(0.03):
        maker.condition(maker.pick(NEURO_EXACT), AS_OF + timedelta(days=3))


def _medicines(maker: Maker) -> None:
    if maker.chance(0.5):
        quantity, times = maker.pick(
            ((None, None), ("500", "2"), ("1000", "2"), ("999", "2"), ("2000", None), ("850", "3"))
        )
        maker.supply(
            maker.pick(METFORMIN),
            dose_quantity=quantity,
            dose_unit="mg" if quantity else None,
            doses_per_day=times,
        )
    if maker.chance(0.6):
        maker.supply(maker.pick(OTHER_MEDICINES))


def _new_signs_on_metformin(maker: Maker) -> None:
    maker.medication(maker.pick(METFORMIN), ago(100), kind="prescription")
    if maker.chance(0.4):
        signs = (
            ("ICD-10", "G62.9"),
            ("SNOMED-CT", "91019004"),
            ("ICD-10", "D53.1"),
            ("SNOMED-CT", "53165003"),
        )
        maker.condition(maker.pick(signs), ago(maker.pick((0, 100, 364, 365, 366))))
    else:
        on = ago(maker.pick((0, 100, 364, 365, 366)))
        maker.lab(HB_CODES, on, maker.pick(("130", "129", "119", "120", "104")), "g/L")
        maker.lab(MCV_CODES, on, maker.pick(("100", "101")), "fL")


def _childbirth(maker: Maker) -> None:
    """A total B12 about 42 days after the birth."""
    born_on = ago(maker.rng.randrange(44, 200))
    maker.condition(maker.pick(PREGNANCY), born_on - timedelta(days=100))
    maker.condition(("ICD-10", "O80"), born_on)
    sampled_on = born_on + timedelta(days=maker.pick((-1, 0, 41, 42, 43)))
    maker.b12("total", maker.pick(("LOW", "INDET")), sampled_on)


def _sixty_fifth_birthday(maker: Maker, person: Row) -> None:
    """An MMA on the day before, of or after the birthday; or metformin and nothing else on that day."""
    if maker.chance(0.5):
        person["birth_date"] = maker.pick(("1960-02-27", "1960-02-28", "1960-02-29", "1960-03-01"))
        maker.medication(maker.pick(METFORMIN), ago(maker.rng.randrange(500)), kind="prescription")
        return
    sampled_on = ago(maker.rng.randrange(300))
    birthday = sampled_on + timedelta(days=maker.pick((-1, 0, 1)))
    person["birth_date"] = date(birthday.year - 65, birthday.month, min(birthday.day, 28)).isoformat()
    maker.b12("total", "INDET", sampled_on)
    maker.mma(maker.pick(("EQUIVOCAL", "OLDER", "ELEVATED")), sampled_on)


def _pregnancy(maker: Maker) -> date:
    days = maker.pick((5, 40, 100, 200, 293, 294, 295))
    has_ended = maker.chance(0.25)
    resolved_on = None
    if not has_ended and maker.chance(0.1):
        resolved_on = ago(maker.pick((-1, 0, 1, 30)))
    maker.condition(maker.pick(PREGNANCY), ago(days), resolved_on=resolved_on)
    if has_ended:
        ended = maker.pick((0, 1, 20, 41, 42, 43, 60, days))
        maker.condition(maker.pick(PREGNANCY_END), ago(min(ended, days)))
    return ago(days)


def _orders(maker: Maker) -> None:
    codes = maker.pick((MMA_CODES[:1], TOTAL_CODES, ACTIVE_CODES))
    maker.add(
        "orders",
        **maker.coded(maker.pick(codes)),
        ordered_on=ago(maker.pick((-1, 0, 10, 29, 30, 31, 90))).isoformat(),
        status=maker.pick((None, "active", "active", "completed", "cancelled")),
    )


# Whole people -------------------------------------------------------------------------------------------


STORIES: Final = {
    "untested": 11,
    "low": 11,
    "indeterminate": 39,
    "ambiguous": 9,
    "unlikely": 9,
    "pair": 14,
    "pregnant": 15,
    "childbirth": 2,
    "mma_only": 2,
    "kidney": 5,
    "birthday": 4,
    **{story: weight for story, (weight, _) in LATER_STORIES.items()},
}
"""What a person is mainly about -> how many of them, relatively."""


def _add_person(rng: Random, patient_id: str, tables: Tables) -> None:
    maker = Maker(rng, patient_id, tables)
    person = _demographics(maker)
    story = rng.choices(tuple(STORIES), tuple(STORIES.values()))[0]
    if story == "birthday":
        _sixty_fifth_birthday(maker, person)
        return
    if maker.chance(0.2):
        add_extra(maker)
    if story in LATER_STORIES:
        LATER_STORIES[story][1](maker, person)
        return
    if maker.chance(0.22):
        _replacement(maker)
    if maker.chance(0.55):
        _conditions(maker)
    if maker.chance(0.45) or story == "untested":
        _medicines(maker)
    if maker.chance(0.35):
        _blood_count(maker)
    if maker.chance(0.08):
        maker.procedure(maker.pick(PROCEDURES), ago(maker.rng.randrange(4000)))
    if maker.chance(0.04):
        value, limit = maker.pick(
            (("positive", None), ("Detected", None), ("negative", None), ("30", "20"), ("20", "20"))
        )
        maker.lab(
            (("LOINC", "31444-3"),), ago(maker.rng.randrange(2000)), value, maker.pick((None, "U/mL")), limit
        )
    if maker.chance(0.15):
        _orders(maker)

    if story == "untested":
        if maker.chance(0.25):
            _new_signs_on_metformin(maker)
        if maker.chance(0.3):
            maker._spoil(maker.lab(TOTAL_CODES, _sample_date(maker), "250", "ng/L"))
        return
    if story == "kidney":
        sampled_on = ago(maker.rng.randrange(300))
        maker.b12(maker.pick(("total", "active")), "INDET", sampled_on)
        maker.mma(maker.pick(("NORMAL", "EQUIVOCAL", "OLDER", "ELEVATED")), sampled_on)
        if maker.chance(0.3):
            days = maker.pick((364, 365, 366, -10, -20))
            on = sampled_on - timedelta(days=days)
            maker.lab(EGFR_CODES, on, maker.pick(EGFR_LOW), maker.pick(EGFR_UNITS))
        else:
            _kidneys(maker, sampled_on, is_low=True)
        return
    if story == "mma_only":
        maker.mma(maker.pick((*MMA_NMOL, "CENSORED")), _sample_date(maker))
        return
    if story == "childbirth":
        person["sex"] = "female"
        _childbirth(maker)
        return
    if story == "pregnant":
        person["sex"] = maker.pick(("female", "female", "female", "F", "unknown", "male"))
        began = _pregnancy(maker)
        if maker.chance(0.3):
            edges = ("105", "104.9", "104", "100", "99.9", "99")
            maker.lab(HB_CODES, ago(maker.pick((0, 20, 365))), maker.pick(edges), "g/L")
        sampled_on = min(began + timedelta(days=maker.pick((-400, -1, 0, 1, 10, 30))), AS_OF)
        maker.b12("total", maker.pick(("LOW", "INDET", "INDET", "AMBIGUOUS", "UNLIKELY")), sampled_on)
        if maker.chance(0.3):
            days = maker.pick((-31, -30, -10, 0, 10, 30, 31))
            maker.b12("active", maker.pick(B12_CLASSES), min(sampled_on + timedelta(days=days), AS_OF))
        if maker.chance(0.25):
            maker.b12("total", maker.pick(("LOW", "INDET")), sampled_on - timedelta(days=200))
        if maker.chance(0.3):
            _mma_after(maker, sampled_on, maker.pick(("NORMAL", "ELEVATED")))
        return

    sampled_on = _sample_date(maker)
    if story == "unlikely" and maker.chance(0.3):
        maker.condition(maker.pick(NEURO_EXACT), ago(maker.near(0, 365)))
    if story == "pair":
        first, second = maker.pick((("total", "active"), ("active", "total")))
        classes = maker.pick(
            (("LOW", "UNLIKELY"), ("UNLIKELY", "LOW"), (maker.pick(B12_CLASSES), maker.pick(B12_CLASSES)))
        )
        maker.b12(first, classes[0], sampled_on)
        maker.b12(second, classes[1], sampled_on - timedelta(days=maker.pick((0, 0, 1, 15, 29, 30, 31))))
        if maker.chance(0.2):
            maker.supply(("ATC", "G03AA07", "levonorgestrel and ethinylestradiol"))
    else:
        b12_class = {
            "low": "LOW",
            "indeterminate": "INDET",
            "ambiguous": "AMBIGUOUS",
            "unlikely": "UNLIKELY",
        }[story]
        maker.b12(maker.pick(("total", "total", "total", "active")), b12_class, sampled_on)
        if maker.chance(0.15):
            maker.b12(
                maker.pick(("total", "active")),
                maker.pick(B12_CLASSES),
                sampled_on - timedelta(days=maker.near(120, 400)),
            )
    if maker.chance({"low": 0.2, "unlikely": 0.3, "pair": 0.3}.get(story, 0.65)):
        zone = maker.pick(("NORMAL", "NORMAL", "EQUIVOCAL", "OLDER", "ELEVATED", "ELEVATED", "CENSORED"))
        _mma_after(maker, sampled_on, zone)
        if maker.chance(0.4):
            _kidneys(maker, sampled_on, is_low=maker.chance(0.7))


def make_cohort(seed: int, people: int) -> Tables:
    """A cohort to be screened on `AS_OF`. The same seed and size give the same rows in the same order.

    Some seeds leave optional tables out: every fifth no orders, every seventh no procedures, every eleventh
    no conditions; every thirteenth has no optional laboratory columns but the code.
    """
    rng = Random(seed)
    tables: Tables = {table: [] for table in COLUMNS}
    for number in range(people):
        _add_person(rng, f"P{number:05}", tables)
    for rows in tables.values():
        rng.shuffle(rows)
    if seed % 5 == 4:
        del tables["orders"]
    if seed % 7 == 6:
        del tables["procedures"]
    if seed % 11 == 10:
        del tables["conditions"]
    if seed % 13 == 12:
        kept = ("patient_id", "value", "unit", "collected_at", "code_system", "code")
        tables["labs"] = [{column: row[column] for column in kept} for row in tables["labs"]]
    return tables


def cohorts(max_people: int = 40) -> st.SearchStrategy[Tables]:
    """Cohorts of one person upwards, by seed and size."""
    return st.builds(make_cohort, st.integers(0, 2**32 - 1), st.integers(1, max_people))
