"""The people who are in the demonstration for a reason, each with the decision a clinician's reading gives.

Every expected row is derived by hand from the clinical decision table and the written readings of it;
no program's answer was copied here. `because` says in plain words why the person is there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from demo_people import Extract, Person, days_ago

MMA_P1: Final = "mma_testing:P1"
MMA_P2: Final = "mma_testing:P2"
MMA_P3: Final = "mma_testing:P3"
MMA_P4: Final = "mma_testing:P4"
TREAT_P1: Final = "b12_replacement:P1"
TREAT_P2: Final = "b12_replacement:P2"
TREAT_P3: Final = "b12_replacement:P3"
FIRST_P2: Final = "first_b12_test:P2"
FIRST_P3: Final = "first_b12_test:P3"
FIRST_P4: Final = "first_b12_test:P4"
FOLLOW_P1: Final = "follow_up:P1"
FOLLOW_P2: Final = "follow_up:P2"
FOLLOW_P4: Final = "follow_up:P4"
SAFETY_P1: Final = "safety_review:P1"
SAFETY_P2: Final = "safety_review:P2"
SAFETY_P4: Final = "safety_review:P4"
NO_LIST: Final = ""


@dataclass
class Cast:
    """People with an expected decision, in the order they were added."""

    extract: Extract
    expected: list[dict[str, str]] = field(default_factory=list)
    people: list[tuple[Person, bool]] = field(default_factory=list)

    def add(
        self,
        rule: str,
        lists: str,
        because: str,
        *,
        cautions: str = "",
        items: str = "",
        load: str = "",
        plain: bool = False,
        **person: Any,
    ) -> Person:
        """Add one person; `plain` keeps unrelated rows out of a record that must not have them.

        `cautions` are written as "C10:medium", `items` of follow-up as "F4:due" or "F4:overdue". `load` is
        said of loading courses: incomplete, unknown, or complete, which is also where six are not asked for."""
        someone = self.extract.person(**person)
        self.people.append((someone, plain))
        self.expected.append(
            {
                "patient_id": someone.patient_id,
                "expected_rule_id": rule,
                "expected_lists": lists,
                "expected_cautions": cautions,
                "expected_follow_up_items": items,
                "expected_loading_course": load,
                "why": because,
            }
        )
        return someone

    def furnish(self) -> None:
        """Give everybody the unrelated rows of a real record; they change no decision."""
        blood_tests = {"haemoglobin", "mcv", "platelets", "egfr", "creatinine"}
        for someone, plain in self.people:
            if plain:
                continue
            someone.household_rows()
            if not someone.tests & blood_tests and self.extract.draw.chance(0.5):
                someone.normal_bloods()


def add_cast(extract: Extract) -> Cast:
    """Add the whole cast and return it with its expectations."""
    cast = Cast(extract)
    for scene in (
        not_eligible,
        under_age,
        on_replacement,
        pregnant,
        low_with_neurology,
        low_without_neurology,
        low_by_version_and_day,
        discordant,
        raised_mma,
        indeterminate_with_symptoms,
        indeterminate_without_symptoms,
        open_orders,
        equivocal_mma,
        renal_mma,
        normal_mma,
        ambiguous,
        unlikely,
        metformin_untested,
        untested,
    ):
        scene(cast)
    cast.furnish()
    return cast


def not_eligible(cast: Cast) -> None:
    add = cast.add
    add("R01", NO_LIST, "Died 40 days ago; low B12 before that", plain=True, deceased_on=days_ago(40)).b12(
        150, 60
    )
    add("R01", NO_LIST, "Died on the as-of date itself", plain=True, deceased_on=days_ago(0)).b12(160, 20)
    add("R01", NO_LIST, "Left the practice 10 days ago", deregistered_on=days_ago(10)).b12(170, 30)
    add("R01", NO_LIST, "Leaves the practice on the as-of date", deregistered_on=days_ago(0)).b12(140, 15)
    add("R01", NO_LIST, "Registers only next month", registered_on="2026-07-15").b12(175, 25)
    add(
        "R11",
        TREAT_P2,
        "Near miss of R01: leaves tomorrow, so still registered",
        deregistered_on="2026-07-01",
    ).b12(170, 30)


def under_age(cast: Cast) -> None:
    add = cast.add
    add("R02", NO_LIST, "Nine years old with a low B12: counted, on no list", plain=True, age=9).b12(150, 30)
    add("R02", NO_LIST, "Sixteenth birthday is tomorrow", plain=True, born=date(2010, 7, 1)).b12(220, 30)
    add("R24", MMA_P4, "Near miss of R02: sixteen on the as-of date", plain=True, born=date(2010, 6, 30)).b12(
        220, 30
    )


def on_replacement(cast: Cast) -> None:
    add = cast.add
    add("R03", NO_LIST, "Injections every three months, the last 40 days ago").b12(130, 900).injections(
        40, 131, 222, 313, 404
    )
    add(
        "R03",
        FOLLOW_P2,
        "Only injection exactly 105 days ago: still active, review and next injection overdue",
        items="F1:overdue; F4:overdue",
    ).injections(105, by="atc")
    add("R03", NO_LIST, "Loading: first of four injections 12 days ago, low B12 that same morning").b12(
        120, 12
    ).condition("paraesthesia", 20).injections(12, 10, 7, 5)
    add(
        "R03",
        FOLLOW_P2,
        "Open-ended cyanocobalamin 1 mg tablets since 200 days, B12 not measured since",
        items="F6:overdue",
    ).b12(165, 230).drug("cyanocobalamin_1mg", 200, "dm+d")
    add(
        "R03",
        FOLLOW_P2,
        "Tablets ended 25 days ago, within the 30 days allowed; never reviewed since 150 days",
        items="F1:overdue; F6:overdue",
    ).drug("cyanocobalamin_50ug", 150, "atc", end=25, status="completed")
    add("R03", NO_LIST, "Sublingual tablets, 56 days supplied 30 days ago").drug(
        "cyanocobalamin_sl", 30, "dm+d", days_supply=56
    )
    add("R03", NO_LIST, "Hydroxocobalamin known by product name only, 30 days ago").injections(30, by="name")
    add("R03", NO_LIST, "Total gastrectomy, maintained with injections", age=68).procedure(
        "total_gastrectomy", 1500
    ).injections(50, 140, 231)
    add(
        "R50", NO_LIST, "Near miss of R03: single injection 106 days ago has lapsed, never tested"
    ).injections(106)
    add("R50", NO_LIST, "Near miss of R03: monthly injections stopped 65 days ago, never tested").injections(
        65, 95, 125
    )
    add("R11", TREAT_P2, "Near miss of R03: tablets ran out 33 days ago; B12 ten days ago still low").b12(
        150, 10
    ).drug("cyanocobalamin_1mg", 60, "dm+d", days_supply=28)
    add("R11", TREAT_P2, "Near miss of R03: vitamin B compound is no treatment; low B12").b12(160, 20).drug(
        "b_compound", 100, "dm+d"
    )
    add(
        "R11", TREAT_P2, "Near miss of R03: cyanide antidote ten days ago is no treatment; low B12 before"
    ).b12(155, 30).drug("cyanide_antidote", 10, "atc", kind="administration", status="completed")
    add("R11", TREAT_P2, "Near miss of R03: tablets of 35 micrograms a day are no treatment; low B12").b12(
        171, 25
    ).drug("cyanocobalamin_50ug", 120, "atc", dose_quantity="35")
    add(
        "R50", NO_LIST, "Injection 125 days ago; B12 of 240 ng/L taken within 120 days of it is not used"
    ).b12(240, 20).injections(125)
    add("R24", MMA_P4, "Injection 150 days ago; B12 of 240 ng/L taken 125 days after it is used").b12(
        240, 25
    ).injections(150)


def pregnant(cast: Cast) -> None:
    def add(rule: str, lists: str, because: str, cautions: str = "C10:medium", **person: Any) -> Person:
        return cast.add(rule, lists, because, cautions=cautions, sex="female", age=31, **person)

    add("R09", FIRST_P2, "Pregnant, total B12 of 210 ng/L in this pregnancy, no active B12").condition(
        "pregnancy", 120
    ).b12(210, 30)
    add(
        "R09", FIRST_P2, "Pregnant, total B12 of 140 ng/L in this pregnancy is not proof of deficiency"
    ).condition("pregnancy", 150).b12(140, 20)
    add("R09", f"{TREAT_P1}; {FIRST_P2}", "Pregnant, total B12 of 195 ng/L and haemoglobin 94 g/L").condition(
        "pregnancy", 100
    ).b12(195, 20).lab("haemoglobin", 94, 20)
    add("R09", f"{TREAT_P1}; {FIRST_P2}", "Pregnant, total B12 of 150 pmol/L and new paraesthesia").condition(
        "pregnancy", 90
    ).b12(150, 15, "pmol/L").condition("paraesthesia", 14)
    add("R09", NO_LIST, "Pregnant, total B12 of 205 ng/L; active B12 ordered five days ago").condition(
        "pregnancy", 110
    ).b12(205, 12).order("active_b12", 5)
    add("R24", MMA_P4, "Near miss of R09: active B12 of 45 pmol/L was measured too").condition(
        "pregnancy", 100
    ).b12(200, 20).active(45, 15)
    add("R50", NO_LIST, "Near miss of R09: total B12 of 420 ng/L in pregnancy").condition(
        "pregnancy", 130
    ).b12(420, 25)
    add(
        "R50",
        NO_LIST,
        "Near miss of R09: delivered 20 days ago; total B12 ten days later is not read",
        cautions="",
    ).condition("pregnancy", 220).condition("delivery", 20).b12(190, 10)
    add(
        "R24", MMA_P4, "Near miss of R09: pregnancy evidence is 310 days old and has lapsed", cautions=""
    ).condition("pregnancy", 310).b12(230, 3)


def low_with_neurology(cast: Cast) -> None:
    add = cast.add
    add("R10", TREAT_P1, "Total B12 165 ng/L, new paraesthesia").b12(165, 20).condition("paraesthesia", 100)
    add("R10", TREAT_P1, "Total B12 132.9 pmol/L, ataxia").b12(132.9, 33, "pmol/L").condition("ataxia", 60)
    add("R10", TREAT_P1, "Active B12 24.9 pmol/L, optic neuritis 600 days ago").active(24.9, 12).condition(
        "optic_neuritis", 600
    )
    add("R10", TREAT_P1, "Total B12 98 pg/mL, subacute combined degeneration").b12(98, 9, "pg/mL").condition(
        "cord_degeneration", 8
    )
    add("R10", TREAT_P1, "Neuropathy of years ago first recorded a month ago; it counts as new").b12(
        172, 40
    ).condition("neuropathy", 30, onset=1900)
    add("R10", TREAT_P1, "Paraesthesia recorded as resolved stays a feature of the past year").b12(
        140, 50
    ).condition("paraesthesia", 200, resolved_on=days_ago(90), status="resolved")
    add("R10", TREAT_P2, "Low B12 with dementia only: low certainty", age=72).b12(151, 26).condition(
        "dementia", 300
    )
    add("R10", TREAT_P2, "Low B12, new neuropathy, but type 2 diabetes explains it").b12(166, 18).condition(
        "neuropathy", 120
    ).condition("type2_diabetes", 2000)
    add("R10", TREAT_P2, "Low B12, neuropathy 500 days old").b12(158, 35).condition("neuropathy", 500)
    add(
        "R10",
        f"{TREAT_P2}; {SAFETY_P2}",
        "Low B12, paraesthesia, alcohol dependence on record: thiamine before glucose",
        cautions="C02:high",
    ).b12(161, 28).condition("paraesthesia", 90).condition("alcohol", 1500)
    add("R11", TREAT_P2, "Near miss of R10: unsteady gait is a broad code").b12(163, 22).condition(
        "unsteady_gait", 40
    )
    add("R11", TREAT_P2, "Near miss of R10: neuropathy 731 days old is out of the window").b12(
        164, 31
    ).condition("neuropathy", 731)
    add("R11", TREAT_P2, "Near miss of R10: dementia is the family's").b12(168, 29).condition(
        "dementia", 100, is_family_history="yes"
    )
    add("R11", TREAT_P2, "Near miss of R10: neuropathy was entered in error").b12(169, 27).condition(
        "neuropathy", 80, status="entered-in-error"
    )


def low_without_neurology(cast: Cast) -> None:
    add = cast.add
    add("R11", TREAT_P2, "Total B12 of 179.9 ng/L").b12(179.9, 14)
    add("R11", TREAT_P2, "Total B12 of 110 pmol/L").b12(110, 45, "pmol/L")
    add("R11", TREAT_P2, "Active B12 of 18 pmol/L").active(18, 21)
    add("R11", TREAT_P2, "Total B12 <150 ng/L").b12("<150", 19)
    add("R11", TREAT_P2, "Total B12 <180 ng/L").b12("<180", 16)
    add("R11", TREAT_P2, "Active B12 <5 pmol/L").active("<5", 17)
    add("R11", TREAT_P2, "Total B12 of 160 ng/L and active B12 of 50 pmol/L: either test confirms").b12(
        160, 24
    ).active(50, 20)
    add("R11", TREAT_P2, "Low B12 exactly 365 days old is not stale yet").b12(140, 365)
    add(
        "R11", TREAT_P1, "Pregnant, active B12 of 20 pmol/L", cautions="C10:medium", sex="female", age=29
    ).condition("pregnancy", 90).active(20, 10)
    add(
        "R11",
        TREAT_P1,
        "Low B12 140 days before the pregnancy was known stays low, whatever the total B12 since",
        cautions="C10:medium",
        sex="female",
        age=34,
    ).b12(150, 200).condition("pregnancy", 60).b12(230, 20)
    add("R11", f"{TREAT_P1}; {SAFETY_P1}", "Low B12, haemoglobin 72 g/L", cautions="C09:high").b12(
        105, 6
    ).lab("haemoglobin", 72, 6).lab("mcv", 118, 6)
    add("R11", TREAT_P1, "Low B12, platelets 42", cautions="C06:medium").b12(120, 8).lab("platelets", 42, 8)
    add("R11", TREAT_P3, "Low B12 of 500 days ago, never acted on").b12(155, 500)
    add("R11", TREAT_P3, "Low B12 exactly 1,095 days ago").b12(148, 1095)
    add("R50", NO_LIST, "Near miss of R11: low B12 of 1,096 days ago").b12(148, 1096)
    add("R24", MMA_P4, "Near miss of R11: total B12 of exactly 180 ng/L").b12(180, 14)
    add("R24", MMA_P4, "Near miss of R11: total B12 of exactly 133 pmol/L").b12(133, 14, "pmol/L")
    add("R24", MMA_P4, "Near miss of R11: active B12 of exactly 25 pmol/L").active(25, 14)


def low_by_version_and_day(cast: Cast) -> None:
    add = cast.add
    amended = add("R11", TREAT_P2, "Reported as 250 ng/L, amended to 165 ng/L two days later")
    amended.b12(250, 30, result_id="L-AMENDED-1", status="final", received_at=days_ago(29))
    amended.b12(165, 30, result_id="L-AMENDED-1", status="amended", received_at=days_ago(27))
    corrected = add("R24", MMA_P4, "Near miss of R11: reported as 165 ng/L, corrected to 250 ng/L")
    corrected.b12(165, 30, result_id="L-CORRECTED-1", status="final", received_at=days_ago(29))
    corrected.b12(250, 30, result_id="L-CORRECTED-1", status="corrected", received_at=days_ago(27))
    late = add("R24", MMA_P4, "Near miss of R11: the amendment to 165 ng/L arrives after the as-of date")
    late.b12(250, 10, result_id="L-LATE-1", status="final", received_at=days_ago(9))
    late.b12(165, 10, result_id="L-LATE-1", status="amended", received_at="2026-07-02")
    add("R11", TREAT_P2, "Two samples on one day, 175 and 210 ng/L: the low one counts").b12(
        210, 40, sample_id="TWICE-1"
    ).b12(175, 40, sample_id="TWICE-2")
    add("R24", MMA_P4, "Near miss of R11: low result of 300 days ago, 240 ng/L since").b12(150, 300).b12(
        240, 100
    )


def discordant(cast: Cast) -> None:
    add = cast.add
    add("R12", f"{MMA_P2}; {TREAT_P3}", "Total B12 150 ng/L, active B12 90 pmol/L from one sample").b12(
        150, 30
    ).active(90, 30)
    add(
        "R12", f"{MMA_P2}; {TREAT_P3}", "Active B12 22 pmol/L, total B12 of 300 pmol/L 30 days before"
    ).active(22, 10).b12(300, 40, "pmol/L")
    add("R12", f"{MMA_P1}; {TREAT_P1}", "Total and active B12 disagree, ataxia").b12(160, 20).active(
        85, 20
    ).condition("ataxia", 50)
    add("R12", f"{MMA_P2}; {TREAT_P2}", "Total and active B12 disagree, dementia only", age=70).b12(
        160, 20
    ).active(85, 20).condition("dementia", 400)
    add("R28", NO_LIST, "Near miss of R12: they disagree, but MMA is normal").b12(160, 60).active(80, 60).mma(
        190, 30
    )
    add("R20", TREAT_P2, "Near miss of R12: they disagree, and MMA is raised").b12(165, 60).active(
        80, 60
    ).mma(620, 30)
    add(
        "R40", NO_LIST, "Near miss of R12: the total B12 is 31 days older and is not read with the active"
    ).b12(160, 61).active(90, 30)
    add(
        "R40",
        NO_LIST,
        "Near miss of R12: on a combined pill, where the active B12 decides",
        cautions="C11:medium",
        sex="female",
        age=27,
    ).b12(150, 30).active(95, 30).drug("combined_pill", 400, "atc")


def raised_mma(cast: Cast) -> None:
    add = cast.add
    add("R20", TREAT_P2, "B12 240 ng/L, MMA 320 over the laboratory's own limit of 300").b12(240, 60).mma(
        320, 30, reference_high="300"
    )
    add("R20", TREAT_P2, "B12 250 ng/L, MMA 401 at age 45 (three zones)", age=45).b12(250, 70).mma(401, 40)
    add("R20", TREAT_P2, "B12 200 pmol/L, MMA 0.52 umol/L").b12(200, 50, "pmol/L").mma(0.52, 20, "umol/L")
    add("R20", TREAT_P2, "B12 230 ng/L, MMA 461 at age 70", age=70).b12(230, 45).mma(461, 30)
    add("R20", TREAT_P2, "B12 260 ng/L, MMA >1000").b12(260, 45).mma(">1000", 30)
    add(
        "R20", TREAT_P2, "B12 270 ng/L, MMA 760 with eGFR 45: over 750 counts", cautions="C04:medium", age=62
    ).b12(270, 60).mma(760, 40).lab("egfr", 45, 40)
    add("R20", TREAT_P2, "B12 235 ng/L now; MMA of 510 from 400 days ago still in force").b12(235, 30).mma(
        510, 400
    )
    add("R20", TREAT_P1, "Raised MMA with new neuropathy").b12(220, 40).mma(580, 25).condition(
        "neuropathy", 60
    )
    add("R20", TREAT_P2, "Raised MMA with memory impairment only", age=67).b12(245, 40).mma(
        640, 25
    ).condition("memory", 200)
    add(
        "R20",
        TREAT_P1,
        "Pregnant, active B12 40 pmol/L, MMA 450",
        cautions="C10:medium",
        sex="female",
        age=30,
    ).condition("pregnancy", 100).active(40, 20).mma(450, 12)
    add("R20", f"{TREAT_P1}; {SAFETY_P1}", "Raised MMA with haemoglobin 75 g/L", cautions="C09:high").b12(
        210, 20
    ).mma(900, 15).lab("haemoglobin", 75, 20)
    add("R28", NO_LIST, "Near miss of R20: MMA of 300 is not over the laboratory's limit of 300").b12(
        240, 60
    ).mma(300, 30, reference_high="300")
    add("R25", TREAT_P3, "Near miss of R20: MMA of exactly 400 at age 45", age=45).b12(250, 70).mma(400, 40)
    add("R25", TREAT_P3, "Near miss of R20: MMA of exactly 460 at age 70", age=70).b12(230, 45).mma(460, 30)


def indeterminate_with_symptoms(cast: Cast) -> None:
    add = cast.add
    add("R22", MMA_P2, "B12 240 ng/L and glossitis").b12(240, 30).condition("glossitis", 60)
    add("R22", MMA_P2, "B12 220 pmol/L and haemoglobin 118 g/L in a man", sex="male").b12(
        220, 30, "pmol/L"
    ).lab("haemoglobin", 118, 30)
    add("R22", MMA_P2, "B12 300 ng/L and MCV 104 fL").b12(300, 25).lab("mcv", 104, 25).lab(
        "haemoglobin", 140, 25
    )
    add("R22", MMA_P2, "Active B12 40 pmol/L and memory impairment", age=66).active(40, 20).condition(
        "memory", 500
    )
    add("R22", MMA_P2, "B12 260 ng/L, unsteady gait (a broad code is still a symptom)").b12(
        260, 30
    ).condition("unsteady_gait", 70)
    add("R21", f"{MMA_P1}; {TREAT_P1}", "B12 230 ng/L and new paraesthesia: MMA and treatment at once").b12(
        230, 18
    ).condition("paraesthesia", 30)
    add("R22", MMA_P2, "Fatigue and macrocytic anaemia").b12(210, 35).condition("fatigue", 90).condition(
        "macrocytic_anaemia", 60
    )
    add("R22", MMA_P3, "B12 280 ng/L and fatigue only").b12(280, 30).condition("fatigue", 100)
    add("R22", MMA_P3, "B12 190 ng/L, depression and anxiety only").b12(190, 45).condition(
        "depression", 300
    ).condition("anxiety", 200)
    add("R22", MMA_P2, "Total B12 250 ng/L, active B12 88 pmol/L, glossitis: read as indeterminate").b12(
        250, 30
    ).active(88, 30).condition("glossitis", 45)
    add("R40", NO_LIST, "Near miss of R22: total B12 250 ng/L, active B12 88 pmol/L, no symptom").b12(
        250, 30
    ).active(88, 30)
    add("R24", MMA_P4, "Near miss of R22: glossitis 731 days ago").b12(240, 30).condition("glossitis", 731)
    add("R24", MMA_P4, "Near miss of R22: haemoglobin of exactly 130 g/L in a man", sex="male").b12(
        240, 30
    ).lab("haemoglobin", 130, 30)
    add("R24", MMA_P4, "Near miss of R22: haemoglobin low 366 days ago, none since", sex="female").b12(
        240, 30
    ).lab("haemoglobin", 101, 366)


def indeterminate_without_symptoms(cast: Cast) -> None:
    add = cast.add
    add("R24", MMA_P3, "B12 240 ng/L on metformin", cautions="C15:low").b12(240, 50).drug(
        "metformin", 700, "dm+d"
    ).condition("type2_diabetes", 1200)
    add("R24", MMA_P3, "B12 260 ng/L on omeprazole known by name only").b12(260, 40).drug(
        "omeprazole", 400, "name"
    )
    add("R24", MMA_P3, "B12 210 pmol/L and coeliac disease").b12(210, 60, "pmol/L").condition("coeliac", 3000)
    add("R24", MMA_P3, "Active B12 50 pmol/L, autoimmune thyroiditis").active(50, 33).condition(
        "thyroiditis", 2500
    )
    add("R24", MMA_P3, "B12 320 ng/L, family history of B12 deficiency").b12(320, 70).condition(
        "b12_deficiency", 400, is_family_history="yes"
    )
    add("R23", MMA_P3, "B12 300 ng/L, partial gastrectomy", age=58).b12(300, 44).procedure(
        "partial_gastrectomy", 2000
    )
    add("R23", MMA_P3, "B12 270 ng/L, 15 cm of ileum removed").b12(270, 41).procedure(
        "ileal_resection", 1800, length_cm="15"
    )
    add("R24", MMA_P3, "B12 290 ng/L at 76 completed years", plain=True, age=76).b12(290, 30)
    add("R24", MMA_P3, "B12 245 ng/L; lansoprazole ended 20 days ago").b12(245, 30).drug(
        "lansoprazole", 300, "dm+d", end=20, status="completed"
    )
    add("R24", MMA_P3, "B12 255 ng/L, diet recorded under a broad code").b12(255, 36).condition(
        "diet_proxy", 200
    )
    add("R24", MMA_P3, "B12 350 ng/L exactly, on colchicine").b12(350, 30).drug("colchicine", 90, "dm+d")
    add("R24", MMA_P3, "B12 248 ng/L on famotidine since an unknown date").b12(248, 30).drug(
        "famotidine", None, "dm+d"
    )
    add("R24", MMA_P4, "B12 240 ng/L, nothing else").b12(240, 30)
    add("R24", MMA_P4, "B12 258 pmol/L exactly, nothing else").b12(258, 30, "pmol/L")
    add("R24", MMA_P4, "B12 300 ng/L exactly 365 days ago, nothing else").b12(300, 365)
    add("R24", MMA_P4, "B12 285 ng/L; hypertension and statin only").b12(285, 30).condition(
        "hypertension", 900
    ).drug("atorvastatin", 900, "atc")
    add("R24", MMA_P4, "Near miss of R24 with a risk factor: metformin ended 40 days ago").b12(240, 50).drug(
        "metformin", 700, "dm+d", end=40, status="completed"
    )
    add(
        "R24", MMA_P4, "Near miss of R24 with a risk factor: 75 years old", plain=True, born=date(1950, 7, 1)
    ).b12(290, 30)
    add(
        "R24", MMA_P4, "Near miss of R24 with a risk factor: Helicobacter eradication pack is a short course"
    ).b12(265, 30).drug("eradication_pack", 10, "atc", days_supply=14)
    add("R24", MMA_P4, "Near miss of R28: MMA 95 days before the B12 does not answer it").b12(240, 100).mma(
        190, 195
    )
    add("R24", MMA_P4, "Near miss of R28: MMA <300 may be normal or not, so it answers nothing").b12(
        240, 60
    ).mma("<300", 30)
    add("R24", MMA_P4, "Near miss of R28: MMA of 0.25 nmol/L is implausible and is refused").b12(240, 60).mma(
        0.25, 30
    )
    add("R24", MMA_P4, "Near miss of R28: MMA sample haemolysed").b12(240, 60).mma("haemolysed", 30, unit="")


def open_orders(cast: Cast) -> None:
    add = cast.add
    add("R22", NO_LIST, "B12 240 ng/L and glossitis, MMA ordered five days ago").b12(240, 30).condition(
        "glossitis", 60
    ).order("mma", 5)
    add("R24", NO_LIST, "B12 240 ng/L, MMA ordered exactly 30 days ago").b12(240, 40).order("mma", 30)
    add("R24", MMA_P4, "Near miss of R24 with an open order: MMA ordered 31 days ago").b12(240, 40).order(
        "mma", 31
    )
    add("R24", MMA_P4, "Near miss of R24 with an open order: MMA order cancelled").b12(240, 40).order(
        "mma", 5, "cancelled"
    )
    add("R12", TREAT_P3, "Total and active B12 disagree, MMA on order: treatment review stays").b12(
        150, 30
    ).active(90, 30).order("mma", 10)
    add("R24", MMA_P4, "Near miss of R24 with an open order: a B12 order does not stand in for MMA").b12(
        240, 40
    ).order("total_b12_mass", 5)


def equivocal_mma(cast: Cast) -> None:
    add = cast.add
    add("R25", TREAT_P3, "B12 230 ng/L, MMA 350").b12(230, 60).mma(350, 40)
    add("R25", TREAT_P3, "B12 200 pmol/L, MMA 0.281 umol/L").b12(200, 60, "pmol/L").mma(0.281, 40, "umol/L")
    add("R25", TREAT_P1, "B12 240 ng/L, MMA 380, new paraesthesia").b12(240, 50).mma(380, 30).condition(
        "paraesthesia", 60
    )
    add("R25", TREAT_P3, "B12 240 ng/L, MMA 380, dementia only", age=63).b12(240, 50).mma(380, 30).condition(
        "dementia", 60
    )
    add("R25", TREAT_P3, "B12 240 ng/L, MMA 350 with eGFR of exactly 60", age=59).b12(240, 60).mma(
        350, 40
    ).lab("egfr", 60, 40)
    add("R28", NO_LIST, "Near miss of R25: MMA of exactly 280").b12(230, 60).mma(280, 40)


def renal_mma(cast: Cast) -> None:
    add = cast.add
    add("R26", TREAT_P3, "B12 240 ng/L, MMA 500, eGFR 45", cautions="C04:medium", age=64).b12(240, 60).mma(
        500, 40
    ).lab("egfr", 45, 40)
    add("R26", TREAT_P3, "B12 240 ng/L, MMA of exactly 750, eGFR 59", cautions="C04:medium", age=64).b12(
        240, 60
    ).mma(750, 40).lab("egfr", 59, 30)
    add(
        "R26",
        TREAT_P3,
        "B12 250 ng/L, MMA 350, CKD stage 3 on record and no eGFR",
        cautions="C04:medium",
        plain=True,
        age=66,
    ).b12(250, 60).mma(350, 40).condition("ckd_stage_3", 900)
    add(
        "R26",
        TREAT_P3,
        "MMA 480; only a creatinine of 150 umol/L, which gives an eGFR near 30",
        cautions="C04:medium",
        sex="female",
        age=71,
    ).b12(260, 60).mma(480, 40).lab("creatinine", 150, 40)
    add(
        "R26",
        TREAT_P3,
        "MMA 320 over the laboratory's limit of 300, but eGFR 50",
        cautions="C04:medium",
        age=61,
    ).b12(240, 60).mma(320, 40, reference_high="300").lab("egfr", 50, 40)
    add("R26", TREAT_P1, "B12 240 ng/L, MMA 500, eGFR 40, ataxia", cautions="C04:medium", age=60).b12(
        240, 60
    ).mma(500, 40).lab("egfr", 40, 40).condition("ataxia", 90)
    add(
        "R20", TREAT_P2, "Near miss of R26: CKD of unstated stage is no kidney caveat", plain=True, age=55
    ).b12(250, 60).mma(500, 40).condition("ckd_unstaged", 900)
    add(
        "R28", NO_LIST, "Near miss of R26: MMA 270 is normal with eGFR 40 too", cautions="C04:medium", age=63
    ).b12(250, 60).mma(270, 40).lab("egfr", 40, 40)


def normal_mma(cast: Cast) -> None:
    add = cast.add
    add("R27", FOLLOW_P4, "B12 240 ng/L, fatigue, MMA 190").b12(240, 60).mma(190, 40).condition(
        "fatigue", 100
    )
    add("R27", FOLLOW_P4, "B12 220 pmol/L, MCV 103 fL, MMA 0.15 umol/L").b12(220, 60, "pmol/L").mma(
        0.15, 40, "umol/L"
    ).lab("mcv", 103, 60).lab("haemoglobin", 141, 60)
    add("R27", FOLLOW_P2, "B12 240 ng/L, new neuropathy, MMA 210").b12(240, 60).mma(210, 40).condition(
        "neuropathy", 50
    )
    add("R27", FOLLOW_P4, "B12 240 ng/L, dementia only, MMA 210", age=70).b12(240, 60).mma(210, 40).condition(
        "dementia", 50
    )
    add("R28", NO_LIST, "Near miss of R27: fatigue 731 days ago, MMA 190").b12(240, 60).mma(
        190, 40
    ).condition("fatigue", 731)
    add("R28", NO_LIST, "B12 240 ng/L, MMA 190, no symptom").b12(240, 60).mma(190, 40)
    add("R28", NO_LIST, "B12 210 ng/L, MMA <100").b12(210, 60).mma("<100", 40)
    add("R28", NO_LIST, "B12 240 ng/L, MMA 170 taken 90 days before it").b12(240, 60).mma(170, 150)
    add("R28", NO_LIST, "B12 240 ng/L; raised MMA 300 days ago, normal MMA since").b12(240, 60).mma(
        520, 300
    ).mma(200, 40)
    add("R20", TREAT_P2, "Near miss of R28: normal MMA 50 days ago, raised MMA since").b12(240, 60).mma(
        200, 50
    ).mma(520, 20)


def ambiguous(cast: Cast) -> None:
    add = cast.add
    add("R29", MMA_P4, "Total B12 <200 ng/L, nothing else").b12("<200", 30)
    add("R29", MMA_P3, "Total B12 >150 ng/L on metformin", cautions="C15:low").b12(">150", 30).drug(
        "metformin", 600, "dm+d"
    )
    add("R29", MMA_P2, "Total B12 <200 ng/L and glossitis").b12("<200", 30).condition("glossitis", 60)
    add("R29", MMA_P3, "Total B12 <200 ng/L and fatigue only").b12("<200", 30).condition("fatigue", 60)
    add("R29", MMA_P4, "Total B12 <148 pmol/L, nothing else").b12("<148", 30, "pmol/L")
    add("R29", MMA_P4, "Total B12 <=180 ng/L, nothing else").b12("<=180", 30)
    add("R29", FIRST_P3, "Total B12 <200 ng/L, MMA 190: normal MMA does not clear a possible low").b12(
        "<200", 60
    ).mma(190, 40)
    add("R29", NO_LIST, "Total B12 >=350 ng/L, MMA 190, no symptom: low is not possible").b12(
        ">=350", 60
    ).mma(190, 40)
    add("R29", FOLLOW_P4, "Total B12 >=350 ng/L, MMA 190, fatigue").b12(">=350", 60).mma(190, 40).condition(
        "fatigue", 90
    )
    add("R29", TREAT_P2, "Total B12 >150 ng/L, MMA 455", age=45).b12(">150", 60).mma(455, 40)
    add("R29", TREAT_P1, "Total B12 <200 ng/L, MMA 455, new paraesthesia", age=45).b12("<200", 60).mma(
        455, 40
    ).condition("paraesthesia", 50)
    add("R29", TREAT_P3, "Total B12 <200 ng/L, MMA 350").b12("<200", 60).mma(350, 40)
    add("R40", NO_LIST, "Near miss of R29: total B12 >2000 ng/L").b12(">2000", 30)
    add("R40", NO_LIST, "Near miss of R29: active B12 >128 pmol/L").active(">128", 30)


def unlikely(cast: Cast) -> None:
    add = cast.add
    add("R40", NO_LIST, "Near miss of R24: total B12 of 350.1 ng/L").b12(350.1, 30)
    add("R40", NO_LIST, "Total B12 of 410 pmol/L, fatigue").b12(410, 30, "pmol/L").condition("fatigue", 60)
    add("R40", NO_LIST, "Near miss of R24: active B12 of 70.1 pmol/L").active(70.1, 30)
    add("R40", MMA_P4, "B12 420 ng/L, new paraesthesia, pernicious anaemia on record").b12(420, 30).condition(
        "paraesthesia", 40
    ).condition("pernicious_anaemia", 2000)
    add("R40", MMA_P4, "B12 390 ng/L, ataxia, on omeprazole").b12(390, 30).condition("ataxia", 40).drug(
        "omeprazole", 800, "atc"
    )
    add("R40", NO_LIST, "Ataxia and omeprazole, but MMA ordered ten days ago").b12(390, 30).condition(
        "ataxia", 40
    ).drug("omeprazole", 800, "atc").order("mma", 10)
    add("R40", NO_LIST, "Ataxia and omeprazole, and MMA of 180 already there").b12(390, 30).condition(
        "ataxia", 40
    ).drug("omeprazole", 800, "atc").mma(180, 20)
    add("R40", NO_LIST, "Near miss of R40 with a list: ataxia without a risk factor").b12(400, 30).condition(
        "ataxia", 40
    )
    add("R40", NO_LIST, "Near miss of R40 with a list: dementia and omeprazole", age=69).b12(
        400, 30
    ).condition("dementia", 40).drug("omeprazole", 800, "atc")
    add("R50", NO_LIST, "Near miss of R40: B12 of 400 ng/L 366 days ago").b12(400, 366)


def metformin_untested(cast: Cast) -> None:
    def add(rule: str, lists: str, because: str, cautions: str = "C15:low", **person: Any) -> Person:
        return cast.add(rule, lists, because, cautions=cautions, **person).condition("type2_diabetes", 2200)

    add("R50", FIRST_P2, "Metformin and new neuropathy, never tested").drug(
        "metformin", 900, "dm+d"
    ).condition("neuropathy", 60)
    add("R50", FIRST_P2, "Metformin and megaloblastic anaemia, never tested").drug(
        "metformin", 900, "atc"
    ).condition("megaloblastic_anaemia", 90)
    add("R50", FIRST_P2, "Metformin, haemoglobin 108 g/L with MCV 106 fL", sex="female").drug(
        "metformin", 600, "dm+d"
    ).lab("haemoglobin", 108, 40).lab("mcv", 106, 40)
    add("R50", FIRST_P2, "Metformin and paraesthesia; last B12 of 500 ng/L two years ago").drug(
        "metformin", 1000, "name"
    ).condition("paraesthesia", 365).b12(500, 730)
    add("R50", NO_LIST, "Metformin and new neuropathy, B12 ordered ten days ago").drug(
        "metformin", 900, "dm+d"
    ).condition("neuropathy", 60).order("total_b12_mass", 10)
    add("R50", FIRST_P4, "Metformin and lansoprazole, never tested").drug("metformin", 500, "dm+d").drug(
        "lansoprazole", 300, "dm+d"
    )
    add("R50", FIRST_P4, "Metformin at 70 years", age=70).drug("metformin", 500, "dm+d")
    add("R50", FIRST_P4, "Metformin 1 g twice a day").drug("metformin_1g", 500, "dm+d")
    add("R50", FIRST_P4, "Metformin for 1,461 days").drug("metformin", 1461, "dm+d")
    add("R50", FIRST_P4, "Metformin after a gastric sleeve").drug("metformin", 300, "dm+d").procedure(
        "gastric_sleeve", 1000
    )
    add("R50", FIRST_P4, "Metformin and coeliac disease").drug("metformin", 300, "atc").condition(
        "coeliac", 1800
    )
    add("R50", FIRST_P4, "Metformin and colchicine").drug("metformin", 300, "dm+d").drug(
        "colchicine", 60, "dm+d"
    )
    add("R50", NO_LIST, "Near miss of R50 with metformin: 300 days at 500 mg twice a day, nothing else").drug(
        "metformin", 300, "dm+d"
    )
    add("R50", NO_LIST, "Near miss of R50 with metformin: metformin for 1,460 days").drug(
        "metformin", 1460, "dm+d"
    )
    add(
        "R50",
        FIRST_P2,
        "Metformin and neuropathy 366 days old: no longer new, but a symptom and a risk factor",
    ).drug("metformin", 900, "dm+d").condition("neuropathy", 366)
    add(
        "R50",
        FIRST_P2,
        "Metformin stopped 60 days ago; the new neuropathy asks for B12 by itself",
        cautions="",
    ).drug("metformin", 900, "dm+d", end=60, status="completed").condition("neuropathy", 60)
    add("R24", MMA_P3, "Near miss of R50 with metformin: tested, B12 300 ng/L", age=70).drug(
        "metformin", 500, "dm+d"
    ).b12(300, 100)


def untested(cast: Cast) -> None:
    add = cast.add
    add("R50", NO_LIST, "Never tested, nothing on record")
    add("R50", NO_LIST, "Never tested, on omeprazole only: a risk factor alone lists nobody").drug(
        "omeprazole", 900, "dm+d"
    )
    add("R50", FIRST_P2, "Never tested, new neuropathy without metformin").condition("neuropathy", 60)
    add("R50", NO_LIST, "Only B12 is of 240 ng/L, 366 days ago").b12(240, 366)
    add("R50", FIRST_P3, "Only B12 sample haemolysed: repeat it").b12("haemolysed", 30, unit="")
    add("R50", NO_LIST, "Coeliac disease, never tested").condition("coeliac", 900)
