"""The rest of the people with an expected decision: lapsed and maintained replacement, surgery, nitrous oxide,
lone MMA results, first tests, follow-up items and cautions.

They come after everybody else in the extract, so that the ids given out before them stay what they were.
Every expectation is derived by hand, as in `demo_cast`.
"""

from __future__ import annotations

from demo_cast import (
    FIRST_P2,
    FIRST_P3,
    FIRST_P4,
    FOLLOW_P1,
    FOLLOW_P2,
    FOLLOW_P4,
    MMA_P1,
    MMA_P2,
    MMA_P3,
    MMA_P4,
    NO_LIST,
    SAFETY_P2,
    SAFETY_P4,
    TREAT_P1,
    TREAT_P2,
    Cast,
)
from demo_people import Extract

LOADING_DAYS = (0, 2, 5, 7, 9, 11)
"""Three injections a week for two weeks, counted from the first."""


def loading(start: int) -> tuple[int, ...]:
    """Days ago of the six loading injections of a course that began `start` days ago."""
    return tuple(start - day for day in LOADING_DAYS)


def add_further_cast(extract: Extract) -> Cast:
    """Add the rest of the cast and return it with its expectations."""
    cast = Cast(extract)
    for scene in (
        lapsed,
        resections,
        high_risk_causes,
        indeterminate_with_neurology,
        inhalants,
        mma_beside_a_good_b12,
        very_high_b12,
        mma_without_b12,
        first_tests,
        first_review,
        blood_counts_and_potassium,
        maintenance,
        plateau,
        oral_review,
        not_better,
        b12_on_injections,
        low_on_treatment,
        folic_acid,
        thiamine,
        neurology_on_tablets,
        choice_of_route,
        reading_of_results,
    ):
        scene(cast)
    cast.furnish()
    return cast


def lapsed(cast: Cast) -> None:
    add = cast.add
    both = f"{TREAT_P2}; {FOLLOW_P2}"
    add(
        "R04",
        f"{FOLLOW_P2}; {SAFETY_P2}",
        "Pernicious anaemia, last of three-monthly injections 150 days ago: lapsed, within two intervals",
        cautions="C14a:high",
    ).condition("pernicious_anaemia", 2000).injections(150, 241, 332)
    add(
        "R04",
        f"{FOLLOW_P2}; {SAFETY_P2}",
        "Near miss of R04 with treatment: a gap of exactly 182 days is not over two intervals",
        cautions="C14a:high",
    ).condition("pernicious_anaemia", 1800).injections(182, 273)
    add(
        "R04",
        f"{both}; {SAFETY_P2}",
        "Total gastrectomy, last injection 200 days ago: over two intervals, so treatment as well",
        age=64,
        cautions="C14a:high",
    ).procedure("total_gastrectomy", 2500).injections(200, 291, 382)
    add("R04", both, "Six injections in the past show a deficiency; the last 190 days ago").injections(
        190, 281, 372, 463, 554, 645
    )
    add(
        "R04",
        f"{TREAT_P1}; {FOLLOW_P1}",
        "Cobalamin deficiency on record, injections stopped 120 days ago, new neuropathy",
    ).condition("b12_deficiency", 3000).injections(120, 181, 242).condition("neuropathy", 60)
    add(
        "R04",
        both,
        "Low B12 before the tablets, which ended 150 days ago; B12 low again 20 days ago",
    ).b12(140, 1500).drug("cyanocobalamin_1mg", 1480, "dm+d", end=150, status="completed").b12(172, 20)
    add(
        "R04",
        f"{both}; {SAFETY_P2}",
        "Pernicious anaemia, one injection 400 days ago: a good B12 since does not undo the cause",
        cautions="C14a:high",
    ).condition("pernicious_anaemia", 1900).injections(400).b12(600, 50)
    add(
        "R40",
        NO_LIST,
        "Near miss of R04: cobalamin deficiency, but a B12 of 520 ng/L long after the last injection",
    ).condition("b12_deficiency", 3000).injections(300, 391).b12(520, 100)
    add(
        "R50",
        NO_LIST,
        "Near miss of R04: five injections, the last 300 days ago, show no deficiency",
    ).injections(300, 391, 482, 573, 664)


def resections(cast: Cast) -> None:
    add = cast.add
    add("R05", TREAT_P2, "Total gastrectomy, never replaced, never tested", age=63).procedure(
        "total_gastrectomy", 900
    )
    add("R05", TREAT_P2, "35 cm of ileum removed, B12 300 ng/L, never replaced").procedure(
        "ileal_resection", 1200, length_cm="35"
    ).b12(300, 60)
    add("R50", FIRST_P4, "Near miss of R05: exactly 20 cm of ileum removed, never tested").procedure(
        "ileal_resection", 1100, length_cm="20"
    )
    add("R11", TREAT_P2, "Near miss of R05: total gastrectomy and a low B12", age=61).procedure(
        "total_gastrectomy", 1000
    ).b12(160, 30)
    add("R06", FIRST_P3, "Ileum removed, length not recorded, never tested").procedure(
        "ileal_resection", 1500
    )
    add("R06", FIRST_P3, "Right hemicolectomy; the last B12, 500 ng/L, is 400 days old", age=66).procedure(
        "right_hemicolectomy", 1300
    ).b12(500, 400)
    add("R40", NO_LIST, "Near miss of R06: B12 420 ng/L after an ileal resection").procedure(
        "ileal_resection", 1400
    ).b12(420, 20)
    add("R50", FIRST_P4, "Near miss of R06: the length is recorded as 12 cm").procedure(
        "ileal_resection", 1600, length_cm="12"
    )


def high_risk_causes(cast: Cast) -> None:
    add = cast.add
    add("R23", MMA_P3, "B12 270 ng/L after a gastric bypass").procedure("gastric_bypass", 1500).b12(270, 40)
    add("R23", MMA_P3, "B12 300 ng/L, pernicious anaemia, never replaced").condition(
        "pernicious_anaemia", 2100
    ).b12(300, 35)
    add("R23", MMA_P3, "B12 310 ng/L, intrinsic-factor antibody positive").b12(310, 50).lab(
        "intrinsic_factor_ab", "positive", 50
    )
    add(
        "R24", MMA_P3, "Near miss of R23: Crohn disease of the ileum without surgery, B12 310 ng/L"
    ).condition("crohn_ileum", 2000).b12(310, 45)
    add("R22", MMA_P2, "Near miss of R23: gastric bypass and glossitis, B12 270 ng/L").procedure(
        "gastric_bypass", 1400
    ).b12(270, 40).condition("glossitis", 70)


def indeterminate_with_neurology(cast: Cast) -> None:
    add = cast.add
    add("R21", f"{MMA_P1}; {TREAT_P1}", "B12 200 pmol/L, ataxia").b12(200, 15, "pmol/L").condition(
        "ataxia", 30
    )
    add("R21", TREAT_P1, "B12 260 ng/L, new neuropathy, MMA ordered three days ago").b12(260, 12).condition(
        "neuropathy", 25
    ).order("mma", 3)
    add("R22", MMA_P2, "Near miss of R21: neuropathy 500 days old, B12 240 ng/L").b12(240, 30).condition(
        "neuropathy", 500
    )
    add("R29", f"{MMA_P1}; {TREAT_P1}", "Near miss of R21: total B12 <200 ng/L, new paraesthesia").b12(
        "<200", 20
    ).condition("paraesthesia", 40)


def inhalants(cast: Cast) -> None:
    """Codes of volatile substances may mean nitrous oxide; no verified code says so, so it is only asked."""
    add = cast.add
    asked = "C13:medium"
    add("R07", MMA_P3, "B12 450 ng/L, fatigue, code for inhalants 90 days ago: ask", cautions=asked).b12(
        450, 20
    ).condition("fatigue", 60).condition("inhalants", 90)
    add("R07", MMA_P3, "Never tested, fatigue, code for inhalants: ask", cautions=asked).condition(
        "fatigue", 80
    ).condition("inhalants", 100)
    add("R07", MMA_P3, "B12 500 ng/L, new paraesthesia, code for inhalants: ask", cautions=asked).b12(
        500, 25
    ).condition("paraesthesia", 30).condition("inhalants", 200)
    add("R40", NO_LIST, "Near miss of R07: the code for inhalants is 366 days old").b12(450, 20).condition(
        "fatigue", 60
    ).condition("inhalants", 366)
    add("R40", NO_LIST, "Near miss of R07: code for inhalants, no symptom, B12 450 ng/L", cautions=asked).b12(
        450, 20
    ).condition("inhalants", 90)
    add(
        "R50",
        FIRST_P2,
        "Near miss of R07: never tested, the new neuropathy asks for a B12 first",
        cautions=asked,
    ).condition("neuropathy", 30).condition("inhalants", 90)
    add(
        "R39",
        FOLLOW_P4,
        "Near miss of R08: MMA 620 beside a B12 of 430 ng/L, but the code does not say nitrous oxide",
        cautions=asked,
    ).b12(430, 30).mma(620, 25).condition("inhalants", 60)
    add(
        "R40",
        NO_LIST,
        "Near miss of R08: homocysteine 28, folate 9, eGFR 80, but the code does not say nitrous oxide",
        cautions=asked,
    ).b12(460, 30).lab("homocysteine", 28, 25).lab("folate", 9, 25).lab("egfr", 80, 25).condition(
        "inhalants", 60
    )


def mma_beside_a_good_b12(cast: Cast) -> None:
    add = cast.add
    add("R39", FOLLOW_P4, "B12 420 ng/L, MMA 520").b12(420, 20).mma(520, 15)
    add("R39", FOLLOW_P2, "B12 400 ng/L, MMA 480, new paraesthesia").b12(400, 30).mma(480, 20).condition(
        "paraesthesia", 40
    )
    add("R40", NO_LIST, "Near miss of R39: MMA 520 with eGFR 50", cautions="C04:medium").b12(420, 20).mma(
        520, 15
    ).lab("egfr", 50, 15)
    add(
        "R40", NO_LIST, "Near miss of R39: MMA 800 counts as raised, but eGFR is 50", cautions="C04:medium"
    ).b12(420, 20).mma(800, 15).lab("egfr", 50, 15)
    add("R40", NO_LIST, "Near miss of R39: the raised MMA is from 200 days before the B12").b12(430, 20).mma(
        520, 220
    )


def very_high_b12(cast: Cast) -> None:
    add = cast.add
    add("R41", NO_LIST, "B12 1,250 ng/L, 1,400 ng/L 120 days before", cautions="C16:medium").b12(
        1250, 20
    ).b12(1400, 140)
    add("R41", NO_LIST, "B12 900 pmol/L, >2000 ng/L 90 days before", cautions="C16:medium").b12(
        900, 10, "pmol/L"
    ).b12(">2000", 100)
    add("R40", NO_LIST, "Near miss of R41: the two high results are 89 days apart").b12(1250, 20).b12(
        1400, 109
    )
    add("R40", NO_LIST, "Near miss of R41: the later result is exactly 1,000 ng/L").b12(1000, 20).b12(
        1400, 200
    )


def mma_without_b12(cast: Cast) -> None:
    add = cast.add
    add("R49", FIRST_P2, "MMA 620, no B12 ever").mma(620, 30)
    add("R49", FIRST_P2, "MMA 0.55 umol/L; the last B12, 500 ng/L, is 500 days old").mma(
        0.55, 20, "umol/L"
    ).b12(500, 500)
    add("R50", NO_LIST, "Near miss of R49: MMA 620 is 366 days old, no B12 ever").mma(620, 366)
    add("R50", NO_LIST, "Near miss of R49: MMA 800 with eGFR 40, no B12 ever", cautions="C04:medium").mma(
        800, 30
    ).lab("egfr", 40, 30)
    add("R50", NO_LIST, "Near miss of R49: MMA 350 is in the grey zone, no B12 ever").mma(350, 30)


def first_tests(cast: Cast) -> None:
    """Tiers A, B, D and F; C is in the first half of the cast, E is off."""
    add = cast.add
    add("R50", FIRST_P3, "Haemoglobin 112 g/L in a woman on omeprazole, never tested", sex="female").lab(
        "haemoglobin", 112, 40
    ).drug("omeprazole", 500, "dm+d")
    add("R50", FIRST_P2, "Memory impairment and coeliac disease, never tested", age=62).condition(
        "memory", 200
    ).condition("coeliac", 2500)
    add("R50", NO_LIST, "Near miss of R50 with symptom and risk: fatigue is a broad code").condition(
        "fatigue", 60
    ).drug("omeprazole", 500, "dm+d")
    add("R50", NO_LIST, "Near miss of R50 with symptom and risk: glossitis 731 days ago").condition(
        "glossitis", 731
    ).drug("omeprazole", 500, "dm+d")
    add("R50", FIRST_P2, "MCV 105 fL, never tested").lab("mcv", 105, 30).lab("haemoglobin", 142, 30)
    add("R50", FIRST_P2, "Subacute combined degeneration 300 days ago, never tested").condition(
        "cord_degeneration", 300
    )
    add("R50", NO_LIST, "Near miss of R50 with macrocytosis: MCV of exactly 100 fL").lab("mcv", 100, 30).lab(
        "haemoglobin", 142, 30
    )
    add("R50", FIRST_P4, "Gastric bypass, never tested").procedure("gastric_bypass", 1200)
    add("R50", FIRST_P4, "Partial gastrectomy; the last B12 is 366 days old", age=65).procedure(
        "partial_gastrectomy", 2200
    ).b12(450, 366)
    add("R40", NO_LIST, "Near miss of R50 after surgery: bypass, B12 480 ng/L 200 days ago").procedure(
        "gastric_bypass", 1200
    ).b12(480, 200)
    add("R50", FIRST_P3, "Active B12 sample insufficient exactly 90 days ago, nothing since").active(
        "insufficient", 90, unit=""
    )
    add("R50", NO_LIST, "Near miss of R50 with an unreadable sample: it is 91 days old").b12(
        "haemolysed", 91, unit=""
    )
    add("R40", NO_LIST, "Near miss of R50 with an unreadable sample: B12 410 ng/L since").b12(
        "haemolysed", 60, unit=""
    ).b12(410, 30)
    add("R50", NO_LIST, "Never tested at 80: age alone lists nobody", plain=True, age=80)


def first_review(cast: Cast) -> None:
    add = cast.add
    add("R03", FOLLOW_P4, "Injections begun 98 days ago, not reviewed", items="F1:due", plain=True).b12(
        150, 100
    ).injections(*loading(98))
    add(
        "R03",
        FOLLOW_P2,
        "Injections begun 110 days ago, going on, not reviewed",
        items="F1:overdue",
        plain=True,
    ).b12(150, 111).injections(*loading(110), 20)
    add(
        "R03",
        FOLLOW_P4,
        "Injections begun 16 days ago for ataxia: first look after 14 days",
        items="F1:due",
        plain=True,
    ).b12(140, 16).condition("ataxia", 40).injections(16, 14, 12, 9)
    add(
        "R03",
        FOLLOW_P4,
        "Pregnant, tablets begun 35 days ago: review after 30 days",
        cautions="C10:medium",
        items="F1:due",
        plain=True,
        sex="female",
        age=31,
    ).condition("pregnancy", 100).active(20, 36).drug("cyanocobalamin_1mg", 35, "dm+d")
    add(
        "R03",
        NO_LIST,
        "Near miss of R03 with a review due: blood count 70 days after the start",
        plain=True,
    ).b12(150, 101).injections(*loading(100), 10).lab("haemoglobin", 138, 30)


def blood_counts_and_potassium(cast: Cast) -> None:
    add = cast.add
    add(
        "R03",
        FOLLOW_P4,
        "Haemoglobin 98 g/L when injections began 40 days ago, not counted since",
        items="F2:due",
        plain=True,
        sex="female",
    ).b12(140, 41).lab("haemoglobin", 98, 41).injections(*loading(40))
    add(
        "R03",
        FOLLOW_P2,
        "Platelets 120 at the start, 132 fifty days ago: next count overdue",
        items="F2:overdue",
        plain=True,
    ).b12(140, 82).lab("platelets", 120, 82).injections(*loading(80)).lab("platelets", 132, 50)
    add(
        "R03",
        NO_LIST,
        "Near miss of R03 with a blood count due: MCV 108 fL at the start, 94 since",
        plain=True,
    ).b12(140, 61).lab("mcv", 108, 61).injections(*loading(60)).lab("mcv", 94, 20)
    add(
        "R03",
        f"{FOLLOW_P2}; {SAFETY_P2}",
        "Haemoglobin 72 g/L, injections begun three days ago, potassium not checked",
        cautions="C09:high",
        items="F3:due",
        plain=True,
    ).b12(110, 4).lab("haemoglobin", 72, 4).injections(3, 1)
    add(
        "R03",
        f"{FOLLOW_P2}; {SAFETY_P2}",
        "Haemoglobin 70 g/L, injections begun eight days ago, potassium not checked",
        cautions="C09:high",
        items="F3:overdue",
        plain=True,
    ).b12(105, 9).lab("haemoglobin", 70, 9).injections(8, 6, 4, 1)
    add(
        "R03",
        NO_LIST,
        "Near miss of R03 with potassium due: 4.1 on the second day; this caution alone lists nobody",
        cautions="C09:high",
        plain=True,
    ).b12(105, 9).lab("haemoglobin", 70, 9).injections(8, 6, 4, 1).lab("potassium", 4.1, 7)


def maintenance(cast: Cast) -> None:
    add = cast.add
    add("R03", FOLLOW_P4, "Three-monthly injections, the last 95 days ago", items="F4:due").injections(
        95, 186, 277
    )
    add(
        "R03",
        FOLLOW_P2,
        "Neuropathy years ago, so two-monthly; the last injection 76 days ago",
        items="F4:overdue",
    ).condition("neuropathy", 2000).injections(76, 137, 198)
    add("R03", FOLLOW_P2, "Monthly injections, the last 38 days ago", items="F4:overdue").injections(
        38, 68, 98, 128, 158, 188, 218
    )
    add("R03", NO_LIST, "Near miss of R03 with an injection due: the last 90 days ago").injections(
        90, 181, 272
    )


def plateau(cast: Cast) -> None:
    """Injections on alternate days for neurological features; the blood count closes the first review."""
    add = cast.add
    add(
        "R03",
        FOLLOW_P2,
        "Ataxia, alternate-day injections since 25 days: is there still progress?",
        items="F5:due",
        plain=True,
    ).b12(130, 26).condition("ataxia", 50).injections(*range(25, 0, -2)).lab("haemoglobin", 141, 12)
    add(
        "R03",
        FOLLOW_P2,
        "Ataxia, alternate-day injections since 30 days: the question is overdue",
        items="F5:overdue",
        plain=True,
    ).b12(130, 31).condition("ataxia", 50).injections(*range(30, 0, -2)).lab("haemoglobin", 141, 15)
    add(
        "R03",
        NO_LIST,
        "Near miss of R03 with a plateau check: the alternate-day injections ended 15 days ago",
        plain=True,
    ).b12(130, 42).condition("ataxia", 60).injections(*range(41, 14, -2)).lab("haemoglobin", 141, 20)


def oral_review(cast: Cast) -> None:
    add = cast.add
    add(
        "R03",
        FOLLOW_P4,
        "Tablets since 100 days, blood count done, B12 not",
        items="F6:due",
        plain=True,
    ).b12(165, 101).drug("cyanocobalamin_1mg", 100, "dm+d").lab("haemoglobin", 139, 30)
    add("R03", FOLLOW_P2, "Tablets for years, the last B12 400 days ago", items="F6:overdue").drug(
        "cyanocobalamin_1mg", 1000, "dm+d"
    ).b12(420, 400)
    add("R03", NO_LIST, "Near miss of R03 with a review of tablets: B12 380 ng/L 200 days ago").drug(
        "cyanocobalamin_1mg", 1000, "dm+d"
    ).b12(380, 200)


def not_better(cast: Cast) -> None:
    add = cast.add
    add("R03", FOLLOW_P2, "Tablets since 300 days, glossitis 40 days ago", items="F7:due").drug(
        "cyanocobalamin_1mg", 300, "dm+d"
    ).b12(410, 100).condition("glossitis", 40)
    add("R03", FOLLOW_P2, "Injections since 202 days, anaemia coded 60 days ago", items="F7:due").injections(
        20, 111, 202
    ).condition("anaemia", 60)
    add("R03", NO_LIST, "Near miss of R03 with no improvement: glossitis 89 days after the start").drug(
        "cyanocobalamin_1mg", 200, "dm+d"
    ).b12(400, 60).condition("glossitis", 111)


def b12_on_injections(cast: Cast) -> None:
    add = cast.add
    add("R03", FOLLOW_P4, "On injections, B12 ordered five days ago: of no value", items="F8:due").injections(
        30, 121, 212, 303
    ).order("total_b12_mass", 5)
    add("R03", NO_LIST, "Near miss of R03 with a needless order: B12 ordered 31 days ago").injections(
        30, 121, 212, 303
    ).order("total_b12_mass", 31)


def low_on_treatment(cast: Cast) -> None:
    add = cast.add
    add("R03", FOLLOW_P2, "Tablets since 200 days, B12 150 ng/L 30 days ago", items="F10:due").drug(
        "cyanocobalamin_1mg", 200, "dm+d"
    ).b12(150, 30)
    add("R03", FOLLOW_P1, "On injections, B12 160 ng/L, new neuropathy", items="F10:due").injections(
        20, 81, 142, 203
    ).condition("neuropathy", 150).b12(160, 40)
    add("R03", FOLLOW_P2, "Tablets since 150 days, MMA 500 forty days ago", items="F10:due").drug(
        "cyanocobalamin_1mg", 150, "dm+d"
    ).b12(390, 40).mma(500, 40)
    add("R03", NO_LIST, "Near miss of R03 with a low result: B12 150 ng/L after 27 days of tablets").drug(
        "cyanocobalamin_1mg", 60, "dm+d"
    ).b12(150, 33)


def folic_acid(cast: Cast) -> None:
    add = cast.add
    add(
        "R11", f"{TREAT_P2}; {SAFETY_P2}", "Folic acid 5 mg without B12, B12 150 ng/L", cautions="C01:high"
    ).b12(150, 25).drug("folic_acid_5mg", 60, "dm+d")
    add(
        "R28",
        SAFETY_P2,
        "Folic acid 5 mg, B12 250 ng/L, MMA 190: on no list but this",
        cautions="C01:medium",
    ).b12(250, 60).mma(190, 40).drug("folic_acid_5mg", 90, "dm+d")
    add(
        "R50", SAFETY_P2, "Folic acid 5 mg, fatigue, never tested: on no list but this", cautions="C01:medium"
    ).condition("fatigue", 60).drug("folic_acid_5mg", 90, "atc")
    add(
        "R24",
        MMA_P4,
        "Pregnant, folic acid 400 ug a day, active B12 45 pmol/L: do not stop the folic acid",
        cautions="C01:low; C10:medium",
        sex="female",
        age=29,
    ).condition("pregnancy", 80).active(45, 20).drug("folic_acid_400ug", 100, "dm+d")
    add("R11", TREAT_P2, "Near miss of C01: folic acid 200 ug a day, B12 155 ng/L").b12(155, 25).drug(
        "folic_acid_400ug", 60, "dm+d", dose_quantity="200"
    )
    add("R03", NO_LIST, "Near miss of C01: folic acid 5 mg beside injections").injections(30, 121, 212).drug(
        "folic_acid_5mg", 60, "dm+d"
    )


def thiamine(cast: Cast) -> None:
    add = cast.add
    add(
        "R24", f"{MMA_P4}; {SAFETY_P4}", "Thiamine deficiency on record, B12 240 ng/L", cautions="C02:high"
    ).b12(240, 30).condition("thiamine_deficiency", 500)
    add("R24", MMA_P4, "Alcohol abuse on record, B12 250 ng/L", cautions="C02:medium").b12(250, 30).condition(
        "alcohol_abuse", 700
    )
    add("R40", NO_LIST, "Near miss of C02: alcohol dependence, B12 430 ng/L, on no list").b12(
        430, 30
    ).condition("alcohol", 800)


def neurology_on_tablets(cast: Cast) -> None:
    add = cast.add
    urgent = f"{FOLLOW_P2}; {SAFETY_P2}"
    add(
        "R03",
        urgent,
        "Tablets since 400 days, B12 480 ng/L, neuropathy 300 days after the start",
        cautions="C03:high",
        items="F7:due",
    ).drug("cyanocobalamin_1mg", 400, "dm+d").b12(480, 60).condition("neuropathy", 100)
    add(
        "R03",
        urgent,
        "Tablets since 150 days, B12 420 ng/L, paraesthesia 40 days after the start",
        cautions="C03:high",
    ).drug("cyanocobalamin_1mg", 150, "dm+d").b12(420, 30).condition("paraesthesia", 110)
    add("R03", NO_LIST, "Near miss of C03: the paraesthesia was there before the tablets").drug(
        "cyanocobalamin_1mg", 150, "dm+d"
    ).b12(420, 30).condition("paraesthesia", 160)


def choice_of_route(cast: Cast) -> None:
    add = cast.add
    add(
        "R03",
        f"{FOLLOW_P2}; {SAFETY_P2}",
        "Tobacco amblyopia and cyanocobalamin tablets, B12 not measured since 200 days",
        cautions="C05:high",
        items="F6:overdue",
    ).condition("tobacco_amblyopia", 900).drug("cyanocobalamin_1mg", 200, "dm+d")
    add("R11", TREAT_P2, "Near miss of C05: tobacco amblyopia, low B12, no cyanocobalamin yet").condition(
        "tobacco_amblyopia", 900
    ).b12(150, 20)
    add("R11", TREAT_P2, "Low B12 on apixaban", cautions="C06:medium").b12(165, 25).drug(
        "apixaban", 300, "atc"
    )
    add("R40", NO_LIST, "Near miss of C06: on apixaban, B12 not low and no injections").b12(460, 25).drug(
        "apixaban", 300, "atc"
    )
    add("R11", TREAT_P2, "Low B12, fear of needles", cautions="C07:low").b12(168, 25).condition(
        "needle_phobia", 1500
    )
    add("R03", NO_LIST, "Pernicious anaemia on tablets only, B12 400 ng/L", cautions="C14b:medium").condition(
        "pernicious_anaemia", 1700
    ).drug("cyanocobalamin_1mg", 300, "dm+d").b12(400, 100)
    add("R03", NO_LIST, "Coeliac disease, tablets of 50 ug a day", cautions="C14b:medium").condition(
        "coeliac", 1700
    ).drug("cyanocobalamin_50ug", 300, "atc").b12(370, 100)
    add("R03", NO_LIST, "Near miss of C14b: coeliac disease, tablets of 1 mg a day").condition(
        "coeliac", 1700
    ).drug("cyanocobalamin_1mg", 300, "dm+d").b12(400, 100)


def reading_of_results(cast: Cast) -> None:
    add = cast.add
    add(
        "R11",
        TREAT_P2,
        "Low B12; ethnicity recorded as Black Caribbean: a note, no other limit",
        cautions="C12:low",
        ethnicity="Black Caribbean",
    ).b12(170, 25)
    add("R03", NO_LIST, "B12 sampled five days after an injection", cautions="C17:low").injections(
        30, 121, 212, 303
    ).b12(600, 25)
    add("R03", NO_LIST, "Near miss of C17: B12 sampled 15 days after an injection").injections(
        30, 121, 212, 303
    ).b12(600, 15)
    add("R40", NO_LIST, "B12 480 ng/L, intrinsic-factor antibody positive", cautions="C18:low").b12(
        480, 30
    ).lab("intrinsic_factor_ab", "positive", 30)
    add("R40", NO_LIST, "B12 450 ng/L, MCV 104 fL", cautions="C19:low").b12(450, 30).lab("mcv", 104, 30).lab(
        "haemoglobin", 142, 30
    )
    add("R11", TREAT_P2, "Low total B12, HIV on record", cautions="C20:low").b12(160, 30).condition(
        "hiv", 1500
    )
    add("R11", TREAT_P2, "Near miss of C20: HIV on record, but the low result is an active B12").active(
        18, 30
    ).condition("hiv", 1500)
