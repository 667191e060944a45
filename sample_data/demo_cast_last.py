"""The last of the people with an expected decision: loading courses, platelets after the start, rarer ambiguous
results, and what the records say in words that no list holds.

They come after everybody else in the extract, so that the ids given out before them stay what they were.
Every expectation is derived by hand, as in `demo_cast`.
"""

from __future__ import annotations

from demo_cast import FOLLOW_P2, FOLLOW_P4, MMA_P3, NO_LIST, TREAT_P2, TREAT_P3, Cast
from demo_cast_further import loading
from demo_people import Extract


def add_last_cast(extract: Extract) -> Cast:
    """Add the last people of the cast and return them with their expectations."""
    cast = Cast(extract)
    for scene in (
        loading_courses,
        platelets_after_the_start,
        ambiguous_further,
        local_codes_of_nitrous_oxide,
        what_has_no_list,
    ):
        scene(cast)
    cast.furnish()
    return cast


def loading_courses(cast: Cast) -> None:
    """Six injections belong into the first 28 days; the first day is one of them."""
    add = cast.add
    add(
        "R03",
        FOLLOW_P4,
        "Four injections in nine days 98 days ago, then none: the loading course was not finished",
        items="F1:due; F4:due",
        load="incomplete",
        plain=True,
    ).b12(150, 99).injections(98, 96, 93, 91)
    add(
        "R03",
        NO_LIST,
        "Six injections on five days, begun 60 days ago: loading not finished, nothing due yet",
        load="incomplete",
        plain=True,
    ).b12(145, 61).injections(60, 58, 55, 53, 51, 51)
    add(
        "R03",
        FOLLOW_P4,
        "Near miss of a finished loading course: the sixth injection on its 29th day",
        items="F1:due",
        load="incomplete",
        plain=True,
    ).b12(155, 99).injections(98, 96, 93, 91, 89, 70)
    add(
        "R03",
        FOLLOW_P4,
        "Near miss of an unfinished loading course: the sixth injection on its 28th day",
        items="F1:due",
        load="complete",
        plain=True,
    ).b12(155, 99).injections(98, 96, 93, 91, 89, 71)
    add(
        "R03",
        FOLLOW_P2,
        "Near miss of an unfinished loading course: four injections, but with ataxia six are not the measure",
        items="F1:overdue; F4:overdue",
        load="complete",
        plain=True,
    ).b12(140, 99).condition("ataxia", 120).injections(98, 96, 93, 91)
    add(
        "R03",
        FOLLOW_P4,
        "Two prescriptions of hydroxocobalamin: whether the loading course was given cannot be told",
        items="F1:due; F4:due",
        load="unknown",
        plain=True,
    ).b12(160, 99).drug("hydroxocobalamin", 98, "dm+d", status="completed").drug(
        "hydroxocobalamin", 91, "dm+d", status="completed"
    )


def platelets_after_the_start(cast: Cast) -> None:
    add = cast.add
    add(
        "R03",
        FOLLOW_P4,
        "Platelets 210 when injections began, 128 thirty days ago: count again",
        items="F2:due",
        load="complete",
        plain=True,
    ).b12(150, 61).lab("platelets", 210, 61).injections(*loading(60)).lab("platelets", 128, 30)
    add(
        "R03",
        FOLLOW_P2,
        "Platelets first counted 30 days into the injections, 140 fifty days ago: next count overdue",
        items="F2:overdue",
        load="complete",
        plain=True,
    ).b12(150, 81).injections(*loading(80)).lab("platelets", 140, 50)
    add(
        "R03",
        FOLLOW_P4,
        "Tablets since 45 days, platelets 100 thirty-five days ago: count again",
        items="F2:due",
        plain=True,
    ).b12(165, 46).drug("cyanocobalamin_1mg", 45, "dm+d").lab("platelets", 100, 35)
    add(
        "R03",
        NO_LIST,
        "Near miss of R03 with platelets to count: exactly 150 since the injections began",
        load="complete",
        plain=True,
    ).b12(150, 61).injections(*loading(60)).lab("platelets", 150, 30)
    add(
        "R03",
        NO_LIST,
        "Near miss of R03 with platelets to count: 120 fifty days ago, 160 since",
        load="complete",
        plain=True,
    ).b12(150, 81).injections(*loading(80)).lab("platelets", 120, 50).lab("platelets", 160, 22)


def ambiguous_further(cast: Cast) -> None:
    add = cast.add
    add("R29", TREAT_P3, "Total B12 <200 ng/L, MMA 500, eGFR 45", cautions="C04:medium", age=64).b12(
        "<200", 60
    ).mma(500, 40).lab("egfr", 45, 40)
    add("R29", MMA_P3, "Total B12 <200 ng/L after a gastric bypass").procedure("gastric_bypass", 1500).b12(
        "<200", 40
    )


def local_codes_of_nitrous_oxide(cast: Cast) -> None:
    """The clinics' own code says laughing gas, but it is on no list: the run tells of the code, and counts nothing."""
    add = cast.add
    add("R40", NO_LIST, "Near miss of R07: laughing gas under the clinic's own code, new paraesthesia").b12(
        450, 20
    ).condition("paraesthesia", 30).condition("laughing_gas", 90)
    add("R40", NO_LIST, "Near miss of R07: laughing gas under the clinic's own code, glossitis").b12(
        480, 25
    ).condition("glossitis", 60).condition("laughing_gas", 100)
    add("R50", NO_LIST, "Near miss of R07: laughing gas under the clinic's own code, fatigue").condition(
        "fatigue", 80
    ).condition("laughing_gas", 120)
    add("R39", FOLLOW_P4, "Near miss of R08: laughing gas under the clinic's own code, MMA 620").b12(
        430, 30
    ).mma(620, 25).condition("laughing_gas", 60)
    add("R40", NO_LIST, "Near miss of R08: laughing gas under the clinic's own code, homocysteine 28").b12(
        460, 30
    ).lab("homocysteine", 28, 25).lab("folate", 9, 25).lab("egfr", 80, 25).condition("laughing_gas", 60)


def what_has_no_list(cast: Cast) -> None:
    add = cast.add
    add(
        "R03",
        NO_LIST,
        "Near miss of F9: pernicious anaemia on injections; dyspepsia, weight loss, iron deficiency are on no list",
    ).condition("pernicious_anaemia", 1500).injections(40, 131, 222).condition("dyspepsia", 50).condition(
        "weight_loss", 40
    ).condition("iron_deficiency", 30)
    add(
        "R11",
        TREAT_P2,
        "Near miss of C08: low B12 and an allergy to a medicine, which is on no list",
    ).b12(150, 20).condition("medicine_allergy", 2000)
