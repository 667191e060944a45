"""A little of every kind of dirt that real extracts hold, each with the fate it should meet.

Fates are the words of the count that every run proves: `in force`, `duplicate`, `superseded`,
`not yet known`, `out of scope`, `opted out`, `quarantined`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from demo_people import AS_OF, Extract, Person, Row, days_ago

QUARANTINED: Final = "quarantined"


@dataclass
class Dirt:
    """What was made dirty: the list of fates, and raw lines that no CSV writer would produce."""

    extract: Extract
    fates: list[dict[str, str]] = field(default_factory=list)
    raw_lines: dict[str, list[str]] = field(default_factory=dict)

    def note(self, table: str, record: str, fate: str, because: str, rows: int = 1) -> None:
        self.fates.append(
            {"table": table, "record": record, "rows": str(rows), "expected_fate": fate, "why": because}
        )

    def lab(self, person: Person, fate: str, because: str, **cells: str) -> None:
        """One total B12 row of `person`, sampled 30 days ago unless told otherwise."""
        person.b12(cells.pop("value", "300"), 30, cells.pop("unit", "ng/L"), **cells)
        self.note("labs", self.last("labs")["result_id"], fate, because)

    def last(self, table: str) -> Row:
        return self.extract.rows[table][-1]

    def raw(self, table: str, line: str, record: str, because: str) -> None:
        self.raw_lines.setdefault(table, []).append(line)
        self.note(table, record, QUARANTINED, because)


def add_dirt(extract: Extract) -> Dirt:
    """Add every kind of dirt once or twice; the people it sits on carry nothing else of note."""
    dirt = Dirt(extract)
    for scene in (
        people,
        opted_out,
        lab_values,
        lab_rows,
        lab_time,
        medications,
        conditions,
        procedures_and_orders,
        malformed_lines,
    ):
        scene(dirt)
    return dirt


def people(dirt: Dirt) -> None:
    person, note = dirt.extract.person, dirt.note
    nobody = person(birth_date="")
    note("patients", nobody.patient_id, QUARANTINED, "Birth date missing")
    nobody.b12(240, 30)
    note("labs", dirt.last("labs")["result_id"], QUARANTINED, "Result of a quarantined person")
    impossible = person(birth_date="1961-02-30")
    note("patients", impossible.patient_id, QUARANTINED, "Birth date is no date")
    twice = person()
    dirt.extract.add("patients", **twice.row)
    note("patients", twice.patient_id, "duplicate", "The same row twice: one is in force, one collapsed")
    differing = person(sex="female")
    dirt.extract.add("patients", **{**differing.row, "sex": "male", "clinic_id": "CLINIC-02"})
    note("patients", differing.patient_id, QUARANTINED, "Two differing rows for one id: both refused", 2)
    note("patients", person(sex="Q").patient_id, "in force", "Sex unreadable: becomes unknown, flagged")
    for _ in range(2):
        adrift = person(clinic_id="").b12(240, 30)
        note("patients", adrift.patient_id, "in force", "Clinic empty: goes to _unassigned, flagged")


def opted_out(dirt: Dirt) -> None:
    for answer, because in (("yes", "Opted out"), ("perhaps", "Opt-out unreadable: counts as opted out")):
        gone = dirt.extract.person(opted_out=answer).b12(150, 30).drug("metformin", 300, "dm+d")
        dirt.note("patients", gone.patient_id, "opted out", because)
        dirt.note("labs", dirt.last("labs")["result_id"], "opted out", "Result of an opted-out person")
        dirt.note(
            "medications",
            dirt.last("medications")["medication_id"],
            "opted out",
            "Row of an opted-out person",
        )


def lab_values(dirt: Dirt) -> None:
    for value, because in (
        ("2l2", "Malformed number (a letter l)"),
        ("245,5", "Decimal comma, which no mapping declares"),
        ("NaN", "Not a number"),
        ("Infinity", "Infinity"),
        ("0", "Zero"),
        ("-212", "Negative"),
        ("", "Value missing"),
    ):
        dirt.lab(dirt.extract.person(), QUARANTINED, because, value=value)
    dirt.lab(dirt.extract.person(), QUARANTINED, "Unknown unit", unit="IU/L")
    dirt.lab(dirt.extract.person(), QUARANTINED, "Unit missing", unit="")
    active = dirt.extract.person().active(60, 30, unit="pg/mL")
    dirt.note("labs", dirt.last("labs")["result_id"], QUARANTINED, "Active B12 has no mass unit")
    active.mma(0.25, 30)
    dirt.note(
        "labs", dirt.last("labs")["result_id"], QUARANTINED, "MMA implausibly low: umol/L called nmol/L?"
    )
    dirt.extract.person().mma(450, 30, "umol/L")
    dirt.note(
        "labs", dirt.last("labs")["result_id"], QUARANTINED, "MMA implausibly high: nmol/L called umol/L?"
    )


def lab_rows(dirt: Dirt) -> None:
    person, lab = dirt.extract.person, dirt.lab
    lab(person(), "in force", "Haemolysed: kept as not interpretable", value="haemolysed", unit="")
    lab(person(), "in force", "Insufficient sample: kept as not interpretable", value="insufficient", unit="")
    lab(person(), QUARANTINED, "Unknown status", status="validated-ish")
    lab(person(), QUARANTINED, "Neither code nor name", code_system="", code="", test_name="")
    lab(person(), QUARANTINED, "Patient id empty", patient_id="")
    lab(person(), QUARANTINED, "Orphan: nobody has this id", patient_id="DEMO-99999")
    lab(
        person(),
        "out of scope",
        "Local code that nothing maps",
        code_system="LAB-NORTH",
        code="HB-771",
        test_name="Haematinics panel 771",
    )
    lab(person(), "superseded", "Cancelled before it was reported", status="cancelled")
    withdrawn = person()
    lab(withdrawn, "superseded", "Final result, withdrawn by the next row", value="160")
    original = dirt.last("labs")
    dirt.extract.add("labs", **{**original, "status": "entered-in-error", "received_at": days_ago(25)})
    dirt.note("labs", original["result_id"], "superseded", "Entered in error: withdraws the record")
    repeated = person()
    lab(repeated, "duplicate", "Exactly the same row three times: one in force, two collapsed")
    dirt.fates[-1]["rows"] = "2"
    for _ in range(2):
        dirt.extract.add("labs", **dirt.last("labs"))


def lab_time(dirt: Dirt) -> None:
    person, lab = dirt.extract.person, dirt.lab
    lab(person(), QUARANTINED, "Impossible date", collected_at="31/02/2024", received_at="")
    lab(person(), QUARANTINED, "Sample date missing", collected_at="", received_at="")
    lab(person(), QUARANTINED, "Sampled before birth", collected_at="1911-05-04T09:00:00", received_at="")
    dead = person(deceased_on=days_ago(60))
    lab(dead, QUARANTINED, "Sampled after death")
    lab(person(), "not yet known", "Received after the as-of date", received_at="2026-07-02T06:00:00")
    lab(person(), "not yet known", "Sampled after the as-of date", collected_at="2026-07-04", received_at="")


def medications(dirt: Dirt) -> None:
    add, note = dirt.extract.person, dirt.note
    for cells, fate, because in (
        ({"status": "ongoing?"}, QUARANTINED, "Unknown status"),
        ({"start_on": "2025-13-01"}, QUARANTINED, "Impossible date"),
        ({"code_system": "", "code": "", "drug_name": ""}, QUARANTINED, "Neither code nor name"),
        ({"patient_id": "DEMO-99998"}, QUARANTINED, "Orphan: nobody has this id"),
        ({"start_on": "1905-01-01"}, QUARANTINED, "Started before birth"),
        ({"start_on": "2026-07-09"}, "not yet known", "Starts after the as-of date"),
        ({"status": "entered-in-error"}, "superseded", "Entered in error"),
    ):
        add().drug("metformin", 200, "dm+d", **cells)
        note("medications", dirt.last("medications")["medication_id"], fate, because)
    add().drug("hydroxocobalamin", None, "dm+d", kind="administration", status="completed")
    note(
        "medications", dirt.last("medications")["medication_id"], QUARANTINED, "Administration without a date"
    )


def conditions(dirt: Dirt) -> None:
    for cells, fate, because in (
        ({"code": ""}, QUARANTINED, "Code missing"),
        ({"status": "maybe"}, QUARANTINED, "Unknown status"),
        ({"recorded_on": "2024-02-31"}, QUARANTINED, "Impossible date"),
        ({"patient_id": "DEMO-99997"}, QUARANTINED, "Orphan: nobody has this id"),
        ({"recorded_on": "2026-07-20"}, "not yet known", "Recorded after the as-of date"),
    ):
        dirt.extract.person().condition("coeliac", 300, **cells)
        dirt.note("conditions", dirt.last("conditions")["condition_id"], fate, because)


def procedures_and_orders(dirt: Dirt) -> None:
    person, note = dirt.extract.person, dirt.note
    for cells, because in (
        ({"performed_on": ""}, "Date missing"),
        ({"performed_on": "1903-03-03"}, "Performed before birth"),
    ):
        person().procedure("partial_gastrectomy", 900, **cells)
        note("procedures", dirt.last("procedures")["procedure_id"], QUARANTINED, because)
    for cells, because in (
        ({"ordered_on": ""}, "Date missing"),
        ({"status": "pending?"}, "Unknown status"),
        ({"patient_id": "DEMO-99996"}, "Orphan: nobody has this id"),
    ):
        someone = person().order("mma", 8, **cells)
        note("orders", f"order of {cells.get('patient_id', someone.patient_id)}", QUARANTINED, because)


def malformed_lines(dirt: Dirt) -> None:
    first = dirt.extract.people + 1
    short, long = f"DEMO-{first:05d}", f"DEMO-{first + 1:05d}"
    dirt.extract.people += 2
    dirt.raw("patients", f"{short},1970-01-01,female", short, "Line with three fields instead of nine")
    dirt.raw(
        "patients",
        f"{long},1971-01-01,male,CLINIC-01,,,,A,no,spare,spare",
        long,
        "Line with eleven fields instead of nine",
    )
    someone = dirt.extract.person().patient_id
    stamp = (AS_OF.replace(day=1)).isoformat()
    dirt.raw("labs", f"L-SHORT,{someone},LOINC,2132-9,Vitamin B12,212", "L-SHORT", "Line with too few fields")
    dirt.raw(
        "labs",
        f"L-LONG,{someone},LOINC,2132-9,Vitamin B12,212,ng/L,{stamp},,final,S1,180,910,LAB-NORTH,extra,extra",
        "L-LONG",
        "Line with too many fields",
    )
    dirt.raw("medications", f"M-SHORT,{someone},ATC,A10BA02", "M-SHORT", "Line with too few fields")
