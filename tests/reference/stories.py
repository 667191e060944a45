"""People of the later decision rows: lapsed and present replacement, surgery, nitrous oxide, first tests.

Each story puts a person near its rows, follow-up items or cautions; the picks on either side of a limit are
the near misses.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Final

from tests.reference.making import (
    ACTIVE_CODES,
    ANTIBODY_CODES,
    ANTIBODY_RESULTS,
    AS_OF,
    B12_CLASSES,
    B12_GIVEN,
    B12_INJECTED,
    B12_NOT_KNOWN_GIVEN,
    B12_SUPPLIED,
    EGFR_CODES,
    FATIGUE_OR_MOOD,
    FOLATE_CODES,
    FOLATE_VALUES,
    HB_CODES,
    HOMOCYSTEINE_CODES,
    HOMOCYSTEINE_VALUES,
    MCV_CODES,
    METFORMIN,
    MMA_CODES,
    MMA_NMOL,
    NEURO_BROAD,
    NEURO_EXACT,
    OTHER_MEDICINES,
    OTHER_SYMPTOMS,
    PLATELET_CODES,
    PLATELET_UNITS,
    PLATELETS_ENOUGH,
    PLATELETS_FEW,
    POTASSIUM_CODES,
    PREGNANCY,
    RISK_CONDITIONS,
    TEXT_RESULTS,
    TOTAL_CODES,
    Code,
    Drug,
    Maker,
    Row,
    ago,
)

PERNICIOUS: Final[tuple[Code, ...]] = (("ICD-10", "D51.0"), ("SNOMED-CT", "84027009"))
ILEAL: Final[tuple[Code, ...]] = (("OPCS-4", "G69.3"), ("OPCS-4", "H07.9"), ("OPCS-4", "G69.4"))
TOTAL_GASTRECTOMY: Final[Code] = ("OPCS-4", "G27.1")
OTHER_SURGERY: Final[tuple[Code, ...]] = (
    ("OPCS-4", "G28.1"),
    ("OPCS-4", "G32.1"),
    ("OPCS-4", "G28.5"),
    ("SNOMED-CT", "442338001"),
    ("OPCS-4", "G30.3"),  # lower risk: no list of the screen
)
NITROUS: Final[tuple[Code, ...]] = (
    ("ICD-10-CM", "F18.19"),
    ("ICD-10-CM", "F18.19"),
    ("ICD-10-CM", "F18.19"),
    ("ICD-10", "F18.1"),
    ("ICD-10-CM", "T41.0X1A"),
)
LEBER: Final[tuple[Code, ...]] = (
    ("SNOMED-CT", "314538009"),
    ("SNOMED-CT", "314538009"),
    ("OMOP", "4150993"),
    ("ICD-10", "H47.2"),
)
ALCOHOL_AND_THIAMINE: Final[tuple[Code, ...]] = (
    ("ICD-10", "F10.2"),
    ("ICD-10-CM", "F10.20"),
    ("SNOMED-CT", "191811004"),
    ("OMOP", "4218106"),
    ("ICD-10", "F10.1"),
    ("SNOMED-CT", "15167005"),
    ("ICD-10", "G31.2"),
    ("ICD-10", "E51.2"),
    ("SNOMED-CT", "69482004"),
    ("ICD-10", "F50.0"),
    ("ICD-10-CM", "Z72.4"),
)
NEEDLE_PHOBIA: Final[tuple[Code, ...]] = (
    ("SNOMED-CT", "231501003"),
    ("ICD-10", "F40.2"),
    ("ICD-10", "F40.1"),
)
HIV: Final[tuple[Code, ...]] = (("ICD-10", "B20"), ("SNOMED-CT", "165816005"), ("ICD-10", "B24"))
BREASTFEEDING: Final[tuple[Code, ...]] = (("ICD-10", "Z39.1"), ("SNOMED-CT", "169750002"))
ANTICOAGULANTS: Final[tuple[Drug, ...]] = (
    ("ATC", "B01AA03", "warfarin"),
    ("ATC", "B01AF02", None),
    (None, None, "Apixaban 5mg tablets"),
    ("ATC", "B01AC06", "aspirin"),  # not an anticoagulant of the list
)
CONTRACEPTIVES: Final[tuple[Drug, ...]] = (
    ("ATC", "G03AA07", "levonorgestrel and ethinylestradiol"),
    ("ATC", "G03AC03", "levonorgestrel"),  # progestogen only
)
FOLIC_ACID: Final[tuple[Drug, ...]] = (
    ("ATC", "B03BB01", "folic acid"),
    (None, None, "Folic acid 5mg tablets"),
    ("ATC", "B03BB51", "folic acid, combinations"),
)
FOLIC_DOSES: Final[tuple[tuple[str | None, str | None, str | None], ...]] = (
    ("400", "ug", None),
    ("400", "mcg", "1"),
    ("200", "microgram", "2"),
    ("399", "ug", "1"),
    ("401", "ug", "1"),
    ("5", "mg", "1"),
    (None, None, None),
)
ORAL_DOSES: Final[tuple[tuple[str | None, str | None], ...]] = (
    ("1", "mg"),
    ("999", "ug"),
    ("50", "ug"),
    ("500", "mcg"),
    (None, None),
)


def _shifted(on: date, days: int) -> date:
    """Never after the day of the run."""
    return min(on + timedelta(days=days), AS_OF)


def _count(maker: Maker, on: date, way: str) -> None:
    """One blood count, abnormal in one respect, or normal, or on its limits."""
    haemoglobin = {"severe": ("79", "79.9", "60"), "low": ("90", "118", "104")}.get(way, ("145", "130", "80"))
    maker.lab(HB_CODES, on, maker.pick(haemoglobin), "g/L")
    if way == "mcv" or maker.chance(0.5):
        maker.lab(MCV_CODES, on, maker.pick(("101", "100.1") if way == "mcv" else ("90", "100")), "fL")
    if way == "platelets" or maker.chance(0.5):
        few = ("149", "149.9", "49", "50")
        maker.lab(PLATELET_CODES, on, maker.pick(few if way == "platelets" else ("150", "250")), "10*9/L")


COUNTS: Final = ("severe", "low", "mcv", "platelets", "normal")


def _neuro(maker: Maker, share: float) -> None:
    if maker.chance(share):
        maker.condition(maker.pick(NEURO_EXACT), ago(maker.near(0, 200, 365, 730, 731, 1500)))


Injected = tuple[Drug, str | None, str | None]
"""Drug, kind, route."""


def _inject(maker: Maker, days: list[int], ways: tuple[Injected, ...] = B12_INJECTED) -> None:
    drug, kind, route = maker.pick(ways)
    for day in days:
        maker.medication(drug, ago(day), kind=kind, route=route, status=maker.pick(("completed", "active")))
        maker.dose_dates.append(ago(day))


def _supply(maker: Maker, start: int | None, end: int | None, dose: tuple[str | None, str | None]) -> None:
    """A B12 supply by mouth, under the tongue or by the nose; days ago, None for unknown or open."""
    drug, route = maker.pick(B12_SUPPLIED)
    maker.medication(
        drug,
        None if start is None else ago(start),
        kind=maker.pick(("prescription", "statement", None)),
        route=route,
        dose_quantity=dose[0],
        dose_unit=dose[1],
        end_on=None if end is None else ago(end).isoformat(),
        status="active" if end is None else "completed",
    )


def _antibody(maker: Maker, on: date) -> None:
    value, limit = maker.pick(ANTIBODY_RESULTS)
    maker.lab(ANTIBODY_CODES, on, value, maker.pick((None, "U/mL")), limit)


def _lifelong_cause(maker: Maker) -> None:
    way = maker.rng.randrange(5)
    on = ago(maker.rng.randrange(400, 4000))
    if way == 0:
        maker.condition(maker.pick(PERNICIOUS), on)
    elif way == 1:
        maker.procedure(TOTAL_GASTRECTOMY, on)
    elif way == 2:
        maker.procedure(maker.pick(ILEAL), on, "20", "20.5", "21", None)
    elif way == 3:
        _antibody(maker, on)
    else:
        maker.condition(("ICD-10", "K29.4"), on)  # atrophic gastritis: no cause for life by itself


# Lapsed replacement -------------------------------------------------------------------------------------


def lapsed_person(maker: Maker, _: Row) -> None:
    course = maker.pick(("once", "loading", "monthly", "two_monthly", "several", "oral", "oral", "mixed"))
    last = maker.near(61, 106, 122, 123, 182, 183, 250, 400)
    first = last
    if course == "once":
        _inject(maker, [last])
    elif course == "loading":
        days = [last + 2 * number for number in range(maker.pick((5, 6, 7)))]
        _inject(maker, days)
        first = days[-1]
    elif course == "monthly":
        days = [last + 30 * number for number in range(maker.pick((2, 3, 4)))]
        _inject(maker, days)
        first = days[-1]
    elif course in {"two_monthly", "several"}:
        gap = 61 if course == "two_monthly" else maker.pick((90, 200))
        days = [last + gap * number for number in range(maker.pick((2, 3, 5, 6)))]
        _inject(maker, days)
        first = days[-1]
    else:
        last = maker.near(31, 179, 180, 181, 400)
        first = last + maker.pick((28, 365))
        _supply(maker, maker.pick((first, first, first, None)), last, maker.pick(ORAL_DOSES))
        if course == "mixed":
            _inject(maker, [last + maker.pick((-1, 0, 1, 40))])

    why = maker.rng.randrange(8)
    if why == 0:
        maker.condition(maker.pick((("ICD-10", "D51.9"), ("ICD-10-CM", "D51.3"))), ago(first + 20))
    elif why == 1:
        maker.condition(("ICD-10", "E53.8"), ago(first + 20))
    elif why in {2, 3, 4}:
        before = maker.pick((-1, 0, 1, 30, 1200, 3000))
        maker.b12(
            maker.pick(("total", "active")), maker.pick(("LOW", "LOW", "LOW", "INDET")), ago(first + before)
        )
    elif why in {5, 6}:
        _lifelong_cause(maker)
    if maker.chance(0.45):
        on = _shifted(ago(last), maker.pick((0, 119, 120, 121, 122, 150, 300)))
        kind, other = maker.pick((("total", "active"), ("active", "total")))
        b12_class = maker.pick(("UNLIKELY", "UNLIKELY", "INDET", "INDET", "AMBIGUOUS", "LOW"))
        maker.b12(kind, b12_class, on)
        if b12_class == "UNLIKELY" and maker.chance(0.4):
            maker.b12(other, maker.pick(("LOW", "INDET")), _shifted(on, maker.pick((-31, -30, 0, 30, 31))))
        if b12_class == "INDET" and maker.chance(0.8):
            zone = maker.pick(("NORMAL", "NORMAL", "EQUIVOCAL", "ELEVATED"))
            maker.mma(zone, _shifted(on, maker.pick((-91, -90, 0, 20, 180, 181))))
    _neuro(maker, 0.3)


# Present replacement ------------------------------------------------------------------------------------


def injected_person(maker: Maker, person: Row) -> None:
    """On injections: loading, an unfinished load, monthly, two-monthly, or a course after a gap."""
    course = maker.pick(
        ("loading", "loading", "neuro_load", "neuro_load", "monthly", "two_monthly", "after_gap", "one")
    )
    if course == "loading":
        start = maker.near(2, 4, 14, 20, 21, 28, 35, 41, 42, 49)
        gap = maker.pick((2, 2, 3, 13, 14))
        days = list(range(start, -1, -gap))[: maker.pick((2, 4, 6, 12, 30))]
    elif course == "neuro_load":  # alternate days until no better (F5)
        last = maker.near(1, 13, 14)
        days = list(range(last, maker.near(20, 21, 34, 35, 49), maker.pick((2, 2, 3, 13, 14))))[::-1]
        days = days or [last]
        maker.condition(maker.pick(NEURO_EXACT), ago(maker.pick((60, 200, 700, 731))))
    elif course == "monthly":
        last = maker.near(5, 29, 30, 36, 37, 58)
        days = [last + 30 * number for number in range(maker.pick((3, 4, 7)))]
    elif course == "two_monthly":
        last = maker.near(5, 60, 61, 75, 90, 91, 105)
        days = [last + maker.pick((61, 90)) * number for number in range(maker.pick((2, 3, 5)))]
    elif course == "after_gap":
        last = maker.near(5, 30, 90)
        days = [last, last + maker.pick((104, 105, 106, 200))]
    else:
        days = [maker.near(5, 61, 91, 105)]
    _inject(maker, days)
    if maker.chance(0.1):  # tablets bridge the gap
        _supply(maker, max(days) + 100, min(days) + 10, ("1", "mg"))
    _present_course(maker, person, max(days))
    if maker.chance(0.3):
        codes = maker.pick((TOTAL_CODES, ACTIVE_CODES, MMA_CODES[:1]))
        maker.add(
            "orders",
            **maker.coded(maker.pick(codes)),
            ordered_on=ago(maker.pick((0, 10, 29, 30, 31))).isoformat(),
            status=maker.pick((None, "active", "active", "completed")),
        )
    if maker.chance(0.2):
        on = _shifted(ago(maker.pick(days)), maker.pick((0, 1, 13, 14, 15)))
        if maker.chance(0.5):
            _antibody(maker, on)
        else:
            maker.b12("total", maker.pick(B12_CLASSES), on)


def oral_person(maker: Maker, person: Row) -> None:
    """On tablets: known or unknown start and dose, one supply or several, with or without a gap."""
    start = maker.near(3, 28, 60, 89, 90, 104, 120, 180, 181, 400, 800)
    dose = maker.pick(ORAL_DOSES)
    way = maker.rng.randrange(5)
    if way == 0:
        _supply(maker, None, None, dose)
    elif way == 1:
        _supply(maker, start, maker.near(0, 29, 30), dose) if start > 31 else _supply(
            maker, start, None, dose
        )
    elif way == 2 and start > 100:
        gap_end = start - 60
        _supply(maker, start, start - 30, dose)
        _supply(maker, gap_end + maker.pick((-2, -1, 0, 1)), None, dose)
    else:
        _supply(maker, start, None, dose)
    _present_course(maker, person, start)
    if maker.chance(0.35):
        _lifelong_cause(maker)
    elif maker.chance(0.3):
        maker.condition(maker.pick((("ICD-10", "K90.0"), ("ICD-10", "K86.1"))), ago(900))
    if maker.chance(0.12):
        maker.condition(maker.pick(LEBER), ago(maker.rng.randrange(2000)))
    if maker.chance(0.5):  # a level that is no longer low, and a nerve that is
        maker.b12(
            "total",
            maker.pick(("UNLIKELY", "INDET", "LOW")),
            _shifted(ago(start), maker.pick((0, 1, 59, 60, 61))),
        )
        maker.condition(
            maker.pick(NEURO_EXACT), _shifted(ago(start), maker.pick((-1, 0, 1, 89, 90, 91, 300)))
        )


def _present_course(maker: Maker, person: Row, start: int) -> None:
    """What a course that began `start` days ago is followed up by."""
    began = ago(start)
    if maker.chance(0.6):
        way = maker.pick(COUNTS)
        baseline_on = _shifted(began, maker.pick((0, 0, -1, -30, -365, -366)))
        _count(maker, baseline_on, way)
        later_on = _shifted(began, maker.pick((1, 9, 10, 20, 28, 59, 60, 100)))
        if later_on > baseline_on and maker.chance(0.4):
            _count(maker, later_on, maker.pick((way, "normal")))
    if maker.chance(0.2):
        maker.lab(
            POTASSIUM_CODES, _shifted(began, maker.pick((-1, 0, 2))), maker.pick(("3.9", "2.8")), "mmol/L"
        )
    if maker.chance(0.35):
        pool = maker.pick((NEURO_EXACT, FATIGUE_OR_MOOD, OTHER_SYMPTOMS, NEURO_BROAD))
        maker.condition(maker.pick(pool), _shifted(began, maker.pick((-200, 10, 89, 90, 91, 150))))
    if maker.chance(0.12):
        person["sex"] = "female"
        maker.condition(
            maker.pick((*BREASTFEEDING, *PREGNANCY)), ago(maker.pick((5, 100, 294, 364, 365, 366)))
        )
    if maker.chance(0.4):
        kind = maker.pick(("total", "active"))
        b12_class = maker.pick(("LOW", "LOW", "INDET", "UNLIKELY"))
        maker.b12(kind, b12_class, _shifted(began, maker.pick((9, 10, 27, 28, 29, 59, 60, 100))))
    if maker.chance(0.2):
        zone = maker.pick(("ELEVATED", "ELEVATED", "NORMAL", "EQUIVOCAL"))
        maker.mma(zone, _shifted(began, maker.pick((27, 28, 29, 90))))


# The load of a course, platelets during it --------------------------------------------------------------


def loaded_person(maker: Maker, person: Row) -> None:
    """Injections on about six days within about 28 days of the first, told by one kind of row or by two.

    Most were found deficient within the year before, or within a day of a year; some had B12 before.
    """
    start = maker.pick((27, 27, 28, 28, 29, 30, 42, 43, 60, 90, 105))
    count = maker.pick((1, 3, 5, 5, 5, 5, 6, 6, 6, 6, 6, 7))
    # The 28th day of the course lies 27 days after its first.
    last = maker.pick((12, 12, 26, 27, 27, 28, 28, 28, 29))
    days_after = [0, *(2 * number for number in range(1, count - 1)), last][:count]
    days = [start - after for after in days_after if after <= start]
    way = maker.rng.randrange(15)
    if way < 8:
        _inject(maker, days, B12_GIVEN)
    elif way < 10:
        _inject(maker, days, B12_NOT_KNOWN_GIVEN)
    elif way < 12:  # prescribed, then given
        _inject(maker, days[:1], B12_NOT_KNOWN_GIVEN)
        _inject(maker, [*days[maker.pick((0, 1, 1)) :], start - maker.pick((1, 2))], B12_GIVEN)
    elif way == 12:  # some of them given
        _inject(maker, days[:-1], B12_GIVEN)
        _inject(maker, days[-1:], B12_NOT_KNOWN_GIVEN)
    elif way == 13:  # tablets before, or from the same day on
        _inject(maker, days, B12_GIVEN)
        began, ended = maker.pick(((0, -5), (0, -5), (1, -5), (40, -5), (90, 30), (90, 31), (2000, 1900)))
        _supply(maker, start + began, start + ended, ("1", "mg"))
    else:  # nobody knows since when
        _inject(maker, days, B12_GIVEN)
        if maker.chance(0.5):
            _supply(maker, None, None, ("1", "mg"))
        else:
            drug = ("ATC", "B03BA03", "hydroxocobalamin")
            maker.medication(drug, None, kind="prescription", route="IM", status="active")
    if maker.chance(0.15):  # told twice
        _inject(maker, [maker.pick(days)], B12_GIVEN)
    if maker.chance(0.1):  # the end of an earlier course, or the beginning of this one
        _inject(maker, [start + maker.pick((104, 105, 106, 106, 900))], B12_GIVEN)
    found_on = ago(start + maker.pick((-1, 0, 0, 1, 30, 200, 365, 365, 366, 366)))
    evidence = maker.rng.randrange(10)
    if evidence < 6:
        maker.b12(maker.pick(("total", "active")), "LOW", found_on)
    elif evidence < 9:
        maker.mma("ELEVATED", found_on)
    if maker.chance(0.3):
        _present_course(maker, person, start)
    _neuro(maker, 0.15)


def platelets_person(maker: Maker, _: Row) -> None:
    """On replacement, with few platelets before it, at its start, or only after it."""
    start = maker.near(28, 42, 43, 100, 200)
    if maker.chance(0.5):
        _inject(maker, list(range(start, -1, -80)))
    else:
        known_start = None if maker.chance(0.1) else start
        end = maker.pick((29, 30, 31)) if start > 31 and maker.chance(0.2) else None
        _supply(maker, known_start, end, maker.pick(ORAL_DOSES))

    def counted(days_ago: int, values: tuple[str, ...]) -> None:
        maker.lab(PLATELET_CODES, ago(days_ago), maker.pick(values), maker.pick(PLATELET_UNITS))

    if maker.chance(0.6):
        before = start + maker.pick((0, 0, 1, 365, 366))
        counted(before, maker.pick((PLATELETS_ENOUGH, PLATELETS_ENOUGH, PLATELETS_FEW)))
    after = min(maker.pick((5, 27, 28, 29, 41, 42, 43, start - 1, start)), start)
    counted(after, maker.pick((PLATELETS_FEW, PLATELETS_FEW, PLATELETS_FEW, PLATELETS_ENOUGH)))
    if maker.chance(0.4):
        values = maker.pick((PLATELETS_ENOUGH, PLATELETS_ENOUGH, PLATELETS_FEW, TEXT_RESULTS))
        counted(maker.pick((0, after // 2)), values)
    if maker.chance(0.15):
        maker.supply(maker.pick(ANTICOAGULANTS))


# Surgery ------------------------------------------------------------------------------------------------


def operated_person(maker: Maker, _: Row) -> None:
    on = ago(maker.rng.randrange(30, 4000))
    way = maker.rng.randrange(6)
    if way < 3:
        maker.procedure(maker.pick(ILEAL), on, None, None, None, None, None, "15", "20", "20.5", "30")
        if maker.chance(0.15):
            maker.procedure(maker.pick(ILEAL), ago(20), None, "10", "25")
    elif way == 3:
        maker.procedure(TOTAL_GASTRECTOMY, on)
    else:
        maker.procedure(maker.pick(OTHER_SURGERY), on)
    if maker.chance(0.5):
        b12_class = maker.pick(("INDET", "INDET", "INDET", "LOW", "UNLIKELY", "AMBIGUOUS"))
        maker.b12(maker.pick(("total", "active")), b12_class, ago(maker.near(10, 200, 365)))
    if maker.chance(0.15):
        maker.mma(maker.pick(("ELEVATED", "NORMAL")), ago(maker.pick((5, 200, 364))))
    _neuro(maker, 0.12)
    if maker.chance(0.1):
        maker.add(
            "orders",
            **maker.coded(TOTAL_CODES[0]),
            ordered_on=ago(maker.pick((30, 31))).isoformat(),
            status=None,
        )


# Nitrous oxide ------------------------------------------------------------------------------------------


def nitrous_oxide_person(maker: Maker, _: Row) -> None:
    maker.condition(maker.pick(NITROUS), ago(maker.near(0, 100, 200, 365, 365, 800)))
    if maker.chance(0.25):
        _homocysteine_lowered(maker)
        return
    if maker.chance(0.75):
        pool = maker.pick((NEURO_EXACT, FATIGUE_OR_MOOD, OTHER_SYMPTOMS))
        maker.condition(maker.pick(pool), ago(maker.pick((3, 100, 400, 730, 731))))
    sampled_on = ago(maker.pick((5, 60, 300)))
    if maker.chance(0.6):
        maker.b12(
            maker.pick(("total", "active")), maker.pick(("LOW", "INDET", "UNLIKELY", "UNLIKELY")), sampled_on
        )
    if maker.chance(0.3):
        maker.mma(maker.pick(tuple(MMA_NMOL)), sampled_on)
    if maker.chance(0.65):
        unit = maker.pick(("umol/L", "umol/L", "mg/L"))
        row = maker.lab(
            HOMOCYSTEINE_CODES,
            ago(maker.pick((2, 5, 60, 90, 364, 365, 366))),
            maker.pick(HOMOCYSTEINE_VALUES[unit]),
            unit,
            maker.pick((None, None, "12", "39")) if unit == "umol/L" else None,
        )
        if maker.chance(0.9):
            folate_unit = maker.pick(("ug/L", "nmol/L"))
            folate = maker.lab(
                FOLATE_CODES,
                ago(maker.pick((2, 5, 60, 364, 365, 366))),
                maker.pick(FOLATE_VALUES[folate_unit]),
                folate_unit,
            )
            folate["reference_low"] = maker.pick((None, None, None, "3.0", "8.9", "n/a"))
        if maker.chance(0.85):
            near = date.fromisoformat((row["collected_at"] or "")[:10])
            maker.lab(
                EGFR_CODES,
                _shifted(near, maker.pick((0, -364, -366))),
                maker.pick(("60", "59", "90", "90")),
                "mL/min/1.73m2",
            )
    if maker.chance(0.1):
        _inject(maker, [maker.pick((90, 130, 400))])


def _homocysteine_lowered(maker: Maker) -> None:
    """Raised before an injection, normal after it, within the washout and past it."""
    injected = maker.pick((110, 150, 200))
    _inject(maker, [injected])
    raised, lowered = maker.pick((("40", "9"), ("40", "9"), ("40", "9"), ("9", "40")))
    for days_after, value in (
        (maker.pick((0, 0, -1, -40)), raised),
        (maker.pick((1, 30, 100, 119, 120, 121)), lowered),
    ):
        on = _shifted(ago(injected), days_after)
        maker.lab(HOMOCYSTEINE_CODES, on, value, "umol/L")
    maker.lab(FOLATE_CODES, ago(injected), maker.pick(("9", "9", "3.9")), "ug/L")
    maker.lab(EGFR_CODES, ago(injected), maker.pick(("90", "90", "59")), "mL/min/1.73m2")


# B12 that is high, MMA that is raised alone -------------------------------------------------------------


def high_b12_person(maker: Maker, _: Row) -> None:
    high = (("1001", "ng/L"), ("1000.5", "pg/mL"), (">1000", "ng/L"), (">=1001", "ng/L"), ("738", "pmol/L"))
    not_high = (("1000", "ng/L"), ("737", "pmol/L"), ("999", "ng/L"), (">900", "ng/L"))
    latest = ago(maker.near(3, 200, 365))
    value, unit = maker.pick((*high, *high, *not_high))
    maker.lab(TOTAL_CODES, latest, value, unit)
    value, unit = maker.pick((*high, *high, *not_high))
    maker.lab(TOTAL_CODES, latest - timedelta(days=maker.pick((89, 90, 91, 90, 700))), value, unit)
    if maker.chance(0.2):
        maker.lab(TOTAL_CODES, latest - timedelta(days=20), maker.pick(("400", "1200")), "ng/L")
    if maker.chance(0.2):
        _inject(maker, [maker.pick((500, 120 + 3, 330))])
    if maker.chance(0.2):
        maker.b12("active", maker.pick(("LOW", "INDET", "UNLIKELY")), latest)
    if maker.chance(0.2):
        _antibody(maker, ago(maker.rng.randrange(900)))
    if maker.chance(0.2):
        _count(maker, ago(maker.pick((10, 365, 366))), "mcv")
    _neuro(maker, 0.15)


def raised_mma_person(maker: Maker, _: Row) -> None:
    sampled_on = ago(maker.near(5, 100, 364, 365))
    if maker.chance(0.6):
        maker.b12(maker.pick(("total", "active")), "UNLIKELY", sampled_on)
        sampled_on = _shifted(sampled_on, maker.pick((-91, -90, 0, 5, 179, 180, 181)))
    maker.mma("ELEVATED", sampled_on)
    if maker.chance(0.6):
        maker.lab(
            EGFR_CODES, sampled_on, maker.pick(("59", "60", "90", "59.9", ">60", "<60")), "mL/min/1.73m2"
        )
    elif maker.chance(0.3):
        maker.condition(maker.pick((("ICD-10", "N18.3"), ("ICD-10", "N18.9"))), ago(900))
    _neuro(maker, 0.35)


# First tests --------------------------------------------------------------------------------------------


def untested_person(maker: Maker, _: Row) -> None:
    """Symptoms, risks and samples that could not be read, exact and broad, on either side of their windows."""
    if maker.chance(0.6):
        pool = maker.pick((NEURO_EXACT, NEURO_BROAD, FATIGUE_OR_MOOD, OTHER_SYMPTOMS, OTHER_SYMPTOMS))
        maker.condition(maker.pick(pool), ago(maker.near(3, 365, 730)))
    if maker.chance(0.5):
        if maker.chance(0.5):
            maker.condition(maker.pick(RISK_CONDITIONS), ago(maker.rng.randrange(3000)))
        else:
            maker.supply(maker.pick((*OTHER_MEDICINES, *METFORMIN)))
    if maker.chance(0.15):
        maker.procedure(maker.pick((*ILEAL, *OTHER_SURGERY, TOTAL_GASTRECTOMY)), ago(900))
    if maker.chance(0.25):
        _count(maker, ago(maker.pick((3, 365, 366))), maker.pick(COUNTS))
    if maker.chance(0.4):
        kind = maker.pick((TOTAL_CODES, ACTIVE_CODES))
        on = ago(maker.pick((0, 30, 89, 90, 91)))
        row = maker.lab(kind, on, maker.pick(TEXT_RESULTS), None)
        row["status"] = "final"
        if maker.chance(0.2):  # a readable one on the day, before or after
            maker.b12("active", maker.pick(B12_CLASSES), _shifted(on, maker.pick((-5, 0, 5))))
    if maker.chance(0.1):
        codes = maker.pick((TOTAL_CODES, ACTIVE_CODES))
        maker.add("orders", **maker.coded(maker.pick(codes)), ordered_on=ago(30).isoformat(), status="active")


def unreadable_mma_person(maker: Maker, _: Row) -> None:
    on = ago(maker.pick((5, 89, 90, 91)))
    maker.b12(maker.pick(("total", "active")), maker.pick(("INDET", "INDET", "AMBIGUOUS", "UNLIKELY")), on)
    row = maker.lab(MMA_CODES, on, maker.pick(TEXT_RESULTS), None)
    row["status"] = "final"
    if maker.chance(0.2):
        maker.mma("NORMAL", _shifted(on, maker.pick((-20, 0, 4))))
    if maker.chance(0.1):
        _inject(maker, [200])


# Folic acid and other things beside ---------------------------------------------------------------------


def folic_acid_person(maker: Maker, person: Row) -> None:
    _folic_acid(maker)
    if maker.chance(0.7):
        kind = maker.pick(("total", "active"))
        maker.b12(kind, maker.pick((*B12_CLASSES, "LOW")), ago(maker.near(5, 365)))
    if maker.chance(0.35):
        person["sex"] = "female"
        maker.condition(maker.pick(PREGNANCY), ago(maker.pick((20, 100, 294, 295))))
    if maker.chance(0.4):
        maker.condition(maker.pick(maker.pick((FATIGUE_OR_MOOD, OTHER_SYMPTOMS))), ago(maker.near(10, 730)))
    if maker.chance(0.15):
        _inject(maker, [maker.pick((10, 105, 106))])


def _folic_acid(maker: Maker) -> None:
    quantity, unit, times = maker.pick(FOLIC_DOSES)
    maker.supply(maker.pick(FOLIC_ACID), dose_quantity=quantity, dose_unit=unit, doses_per_day=times)


def add_extra(maker: Maker) -> None:
    """Something beside the story that a caution looks at."""
    on = ago(maker.rng.randrange(1500))
    way = maker.rng.randrange(11)
    if way == 0:
        maker.supply(maker.pick(CONTRACEPTIVES))
    elif way == 1:
        maker.supply(maker.pick(ANTICOAGULANTS))
    elif way == 2:
        maker.condition(maker.pick(NEEDLE_PHOBIA), on)
    elif way == 3:
        maker.condition(maker.pick(LEBER), on)
    elif way in {4, 5}:
        maker.condition(maker.pick(ALCOHOL_AND_THIAMINE), on)
    elif way == 6:
        maker.condition(maker.pick(HIV), on)
    elif way == 7:
        _antibody(maker, on)
    elif way == 8:
        _folic_acid(maker)
    elif way == 9:
        maker.supply(("ATC", "B03BA01", "cyanocobalamin"), route="oral", dose_quantity="40", dose_unit="ug")
        maker.condition(maker.pick(LEBER), on)
    else:
        _count(maker, ago(maker.pick((5, 365, 366))), maker.pick(COUNTS))


Story = Callable[[Maker, Row], None]

LATER_STORIES: Final[dict[str, tuple[int, Story]]] = {
    "lapsed": (14, lapsed_person),
    "injected": (14, injected_person),
    "loaded": (16, loaded_person),
    "platelets": (6, platelets_person),
    "oral": (10, oral_person),
    "operated": (10, operated_person),
    "nitrous_oxide": (11, nitrous_oxide_person),
    "high_b12": (4, high_b12_person),
    "raised_mma": (5, raised_mma_person),
    "first_test": (9, untested_person),
    "unreadable_mma": (2, unreadable_mma_person),
    "folic_acid": (6, folic_acid_person),
}
"""What a person is mainly about -> how many of them, relatively, and who adds the rows."""
