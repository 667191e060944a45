"""Write the clinic demonstration: some 600 made-up people in six clinics, at one fixed as-of date.

    python sample_data/make_clinic_demo.py [--out DIR]

The same program always writes the same bytes. Nobody in it exists. Standard library only.
"""

from __future__ import annotations

import argparse
import csv
import io
import re
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from demo_cast import add_cast
from demo_cast_further import add_further_cast
from demo_cast_last import add_last_cast
from demo_dirt import Dirt, add_dirt
from demo_people import AS_OF, COLUMNS, Draw, Extract, Person, Row

BACKGROUND_PEOPLE = 200
HERE = Path(__file__).resolve().parent


def background_person(extract: Extract) -> None:
    """One ordinary person: whatever the stream draws, with no decision in mind."""
    draw = extract.draw
    child = draw.chance(0.06)
    age = draw.between(8, 15) if child else draw.between(17, 92)
    adrift = {"clinic_id": ""} if draw.chance(0.02) else {}
    person = extract.person(age=age, **adrift)
    if child:
        return
    person.household_rows()
    if draw.chance(0.6):
        person.household_rows()
    if draw.chance(0.55):
        person.normal_bloods()
    background_results(person, draw)
    background_medicines(person, draw, age)
    background_conditions(person, draw, age)


def background_results(person: Person, draw: Draw) -> None:
    if draw.chance(0.45):
        days = draw.between(5, 700)
        # Two draws added make low and high values rarer than middling ones.
        value = draw.between(70, 380) + draw.between(60, 330)
        unit = draw.one_of(("ng/L", "ng/L", "ng/L", "pg/mL", "pmol/L"))
        person.b12(round(value * 0.7378) if unit == "pmol/L" else value, days, unit)
        if draw.chance(0.25):
            nmol = draw.between(90, 260) + draw.between(0, 260)
            in_umol = draw.chance(0.3)
            mma_days = max(1, days - draw.between(3, 40))
            person.mma(f"{nmol / 1000:.3f}" if in_umol else nmol, mma_days, "umol/L" if in_umol else "nmol/L")
    elif draw.chance(0.15):
        person.active(draw.between(12, 110), draw.between(5, 400))
    if draw.chance(0.2):
        person.lab("haemoglobin", draw.between(98, 165), draw.between(5, 500))
    if draw.chance(0.1):
        person.lab("mcv", draw.between(78, 108), draw.between(5, 500))
    if draw.chance(0.1):
        person.lab("creatinine", draw.between(52, 160), draw.between(5, 500))
    if draw.chance(0.15):
        person.lab("folate", f"{draw.between(20, 160) / 10:g}", draw.between(5, 500))


def background_medicines(person: Person, draw: Draw, age: int) -> None:
    long_term = ({}, {"days_supply": 28}, {"days_supply": 56})
    if draw.chance(0.18):
        person.drug(
            draw.one_of(("omeprazole", "lansoprazole")), draw.between(5, 1500), **draw.one_of(long_term)
        )
    if draw.chance(0.12 if age > 40 else 0.03):
        person.drug("metformin", draw.between(20, 2500), **draw.one_of(long_term)).condition(
            "type2_diabetes", draw.between(600, 3000)
        )
    if draw.chance(0.06):
        last = draw.between(2, 200)
        person.injections(*(last + 91 * place for place in range(draw.between(1, 5))))
    if draw.chance(0.03):
        person.drug("cyanocobalamin_50ug", draw.between(10, 300), **draw.one_of(long_term))
    if draw.chance(0.05):
        person.drug(draw.one_of(("pregabalin", "topiramate", "colchicine")), draw.between(10, 600))
    if draw.chance(0.05):
        person.drug("folic_acid_5mg", draw.between(10, 300), days_supply=28)


def background_conditions(person: Person, draw: Draw, age: int) -> None:
    for name, share in (
        ("fatigue", 0.10),
        ("depression", 0.08),
        ("anaemia", 0.04),
        ("paraesthesia", 0.03),
        ("neuropathy", 0.03),
        ("thyroiditis", 0.03),
        ("coeliac", 0.02),
        ("crohn_ileum", 0.01),
        ("vitiligo", 0.01),
        ("pernicious_anaemia", 0.01),
        ("dementia", 0.12 if age > 75 else 0.0),
        ("ckd_stage_3", 0.12 if age > 65 else 0.01),
    ):
        if draw.chance(share):
            days = draw.between(5, 1500)
            person.condition(name, days, onset=days + draw.between(0, 60) if draw.chance(0.5) else None)


def as_csv(columns: Sequence[str], rows: Iterable[Row]) -> list[str]:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().splitlines()


def table_lines(table: str, extract: Extract, dirt: Dirt) -> list[str]:
    """Header and rows in a drawn order, with the malformed lines in between."""
    header, *lines = as_csv(COLUMNS[table], extract.rows[table])
    return [header, *extract.draw.shuffled([*lines, *dirt.raw_lines.get(table, [])])]


def markdown_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = ["| " + " | ".join(columns) + " |", "|" + " --- |" * len(columns)]
    return [*lines, *("| " + " | ".join(row) + " |" for row in rows)]


def counted(expected: Iterable[Row], column: str) -> str:
    """How many people have each word of a column, severities and priorities aside."""
    found = Counter(
        name for row in expected for name in {mark.split(":")[0] for mark in row[column].split("; ") if mark}
    )
    return ", ".join(f"{name} {people}" for name, people in sorted(found.items(), key=by_number))


def by_number(counted: tuple[str, int]) -> tuple[int, str]:
    """F2 before F10, C14a before C14b; what has no number by its name."""
    numbered = re.match(r"[A-Z](\d+)", counted[0])
    return int(numbered[1]) if numbered else 0, counted[0]


def how_many(expected: Sequence[Row]) -> list[tuple[str, str]]:
    return [
        ("decision row", counted(expected, "expected_rule_id")),
        ("list", counted(expected, "expected_lists")),
        ("follow-up item", counted(expected, "expected_follow_up_items")),
        ("caution", counted(expected, "expected_cautions")),
    ]


def readme(extract: Extract, expected: list[Row], dirt: Dirt) -> list[str]:
    cast_rows = [
        (
            row["patient_id"],
            row["why"],
            row["expected_rule_id"],
            row["expected_lists"] or "none",
            row["expected_follow_up_items"],
            row["expected_cautions"],
        )
        for row in expected
    ]
    dirt_rows = [
        (row["table"], row["record"], row["rows"], row["expected_fate"], row["why"]) for row in dirt.fates
    ]
    return [
        "# Clinic demonstration",
        "",
        f"{extract.people} made-up people in six clinics, for a screen as of {AS_OF.isoformat()}.",
        "Nobody here exists; ids, results and histories come from a seeded program.",
        "",
        "This page, `cast.csv`, `dirt.csv` and the six tables are written by",
        "`python sample_data/make_clinic_demo.py`; change the program, not these files.",
        "`screen.toml` and `local_codes.toml` are written by hand.",
        "",
        f"{len(expected)} people are there for a reason and are listed below. The rest are ordinary people",
        "drawn at random, and rows that no rule reads (cholesterol, statins, high blood pressure) lie over",
        "everybody. Codes are LOINC, SNOMED CT, ICD-10, ATC, dm+d and OPCS-4 in several spellings; some",
        "medicines have a name only. Values carry UK units in the main.",
        "",
        "## People with an expected decision",
        "",
        "Worked out by hand from the clinical decision table and `docs/decisions/`, for rule pack b12/1.0.0 and",
        "its default of listing every indeterminate result for MMA. Follow-up items and cautions are all of the",
        "person's, listed or not. A near miss is a person who looks like a row, an item or a caution and meets",
        "another one, or none. `cast.csv` holds the same table for programs.",
        "",
        "`expected_loading_course` of `cast.csv` says whether a loading course was left incomplete, where the",
        "person is there for that.",
        "",
        "## What is shown, and what cannot be",
        "",
        "People of the table below by what they meet:",
        "",
        *markdown_table(("kind", "people"), how_many(expected)),
        "",
        "Tier E of the first tests, and the repeated B12 that R24 and R29 give in the place of MMA, are choices of",
        "other rule packs. They are shown by the same people under",
        "`--config sample_data/clinic_demo/screen.toml --pack b12-us-aafp2017/1.0.0` and",
        "`--pack b12-ng239/1.0.0`.",
        "",
        "- **R08, and R07 beyond its question (P3)**, need a code that says nitrous oxide and nothing else. Every",
        "  code known for it, verified or not, holds other inhalants too: such a code asks but does not treat. Five",
        "  people have laughing gas under their clinic's own code, LG1. The default run names it in",
        "  `all/unlisted_codes.csv` as one that looks like nitrous oxide misuse; once it is mapped, as",
        "  `--config sample_data/clinic_demo/local_codes.toml` does, these five meet R07 and R08.",
        "- **F9** meets nobody: upper-gastrointestinal symptoms, weight loss and iron deficiency have no list. Shown",
        "  instead: one person who has them, and `b12screen explain`, which says what to look for.",
        "- **C08** meets nobody: there is no table of allergies and no list. Shown instead: one person with an allergy",
        "  to a medicine on record and a low B12, and `b12screen explain`, which says what to ask before a first dose.",
        "",
        "## Everybody with an expected decision",
        "",
        *markdown_table(("person", "why", "decision row", "lists", "follow-up items", "cautions"), cast_rows),
        "",
        "## Dirt and its expected fate",
        "",
        "The fates are the words of the count that every run proves. The table names the rows in question;",
        "the rest of the person's rows are sound. `dirt.csv` holds the same table for programs.",
        "",
        *markdown_table(("table", "record", "rows", "expected fate", "why"), dirt_rows),
    ]


def write(folder: Path, name: str, lines: Iterable[str]) -> None:
    (folder / name).write_bytes(("\n".join(lines) + "\n").encode())


def write_demo(folder: Path) -> int:
    """Write the six tables, the two expectation tables and the page into `folder`; returns the people."""
    folder.mkdir(parents=True, exist_ok=True)
    extract = Extract()
    cast = add_cast(extract)
    dirt = add_dirt(extract)
    for _ in range(BACKGROUND_PEOPLE):
        background_person(extract)
    expected = [*cast.expected, *add_further_cast(extract).expected, *add_last_cast(extract).expected]
    for table in COLUMNS:
        write(folder, f"{table}.csv", table_lines(table, extract, dirt))
    write(folder, "cast.csv", as_csv(list(expected[0]), expected))
    write(folder, "dirt.csv", as_csv(list(dirt.fates[0]), dirt.fates))
    write(folder, "README.md", readme(extract, expected, dirt))
    return extract.people


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the clinic demonstration extract.")
    parser.add_argument("--out", type=Path, default=HERE / "clinic_demo", help="folder to write into")
    arguments = parser.parse_args()
    people = write_demo(arguments.out)
    sys.stdout.write(f"{people} people written to {arguments.out}\n")


if __name__ == "__main__":
    main()
