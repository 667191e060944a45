"""Write extracts of any size for the benchmark, as CSV and as Parquet, with DuckDB alone.

    python tests/benchmark/generate.py --people 1000000 [--dir .bench] [--seed 1]

Every cell is a hash of seed, row number and a word for the column, so the same people, seed and DuckDB
version give the same rows, whatever the number of threads. Each row draws its own patient: rows of one
person lie scattered over the file, as in a feed that grew over years, and the storage order helps nobody.
About 12 laboratory rows, 15 medication rows and 8 condition rows fall on a person; most are of no interest
to the screen, as in real feeds. All columns are text, as in the canonical extracts.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from pathlib import Path

import duckdb

AS_OF = "2026-06-30"
CLINICS = 200
ROWS_PER_PERSON = {"labs": 12, "medications": 15, "conditions": 8}
TABLES = ("patients", *ROWS_PER_PERSON)
FORMATS = ("csv", "parquet")
RECIPE = 1
"""Raised when the same people and seed would give other rows, so that older extracts are not reused."""

# (code, test name, unit, low, high, decimals, rows per thousand). Values are spread evenly.
LAB_TESTS = (
    ("718-7", "Haemoglobin", "g/L", 95, 175, 0, 60),
    ("62238-1", "eGFR", "mL/min/1.73m2", 35, 90, 0, 55),
    ("14682-9", "Creatinine", "umol/L", 45, 150, 0, 55),
    ("787-2", "MCV", "fL", 76, 106, 1, 35),
    ("777-3", "Platelets", "10^9/L", 130, 430, 0, 35),
)
OTHER_LAB_TESTS = (
    ("2951-2", "Sodium", "mmol/L", 130, 148, 0),
    ("2075-0", "Chloride", "mmol/L", 95, 110, 0),
    ("3094-0", "Urea nitrogen", "mg/dL", 5, 40, 0),
    ("2345-7", "Glucose", "mg/dL", 60, 220, 0),
    ("17861-6", "Calcium", "mg/dL", 8, 11, 2),
    ("2885-2", "Protein", "g/dL", 5, 9, 1),
    ("1751-7", "Albumin", "g/dL", 3, 5, 1),
    ("1975-2", "Bilirubin", "mg/dL", 0, 3, 2),
    ("1742-6", "Alanine aminotransferase", "U/L", 5, 90, 0),
    ("1920-8", "Aspartate aminotransferase", "U/L", 5, 90, 0),
    ("6768-6", "Alkaline phosphatase", "U/L", 30, 160, 0),
    ("2324-2", "Gamma glutamyl transferase", "U/L", 5, 140, 0),
    ("2093-3", "Cholesterol", "mg/dL", 110, 320, 0),
    ("2085-9", "HDL cholesterol", "mg/dL", 25, 95, 0),
    ("13457-7", "LDL cholesterol", "mg/dL", 40, 220, 0),
    ("2571-8", "Triglyceride", "mg/dL", 40, 420, 0),
    ("4548-4", "HbA1c", "%", 4, 11, 1),
    ("3016-3", "Thyrotropin", "mU/L", 0, 9, 2),
    ("6690-2", "Leukocytes", "10*3/uL", 3, 14, 1),
    ("789-8", "Erythrocytes", "10*6/uL", 3, 6, 2),
    ("4544-3", "Haematocrit", "%", 30, 52, 1),
    ("785-6", "MCH", "pg", 24, 36, 1),
    ("788-0", "Red cell distribution width", "%", 11, 18, 1),
    ("751-8", "Neutrophils", "10*3/uL", 1, 9, 1),
    ("731-0", "Lymphocytes", "10*3/uL", 1, 5, 1),
    ("1988-5", "C reactive protein", "mg/L", 0, 60, 1),
    ("2276-4", "Ferritin", "ng/mL", 8, 420, 0),
    ("1989-3", "Vitamin D", "ng/mL", 8, 70, 0),
)
# (code, drug name, kind, route, rows per thousand)
DRUGS = (
    ("A02BC01", "Omeprazole", "prescription", "oral", 30),
    ("A02BC03", "Lansoprazole", "prescription", "oral", 15),
    ("A10BA02", "Metformin", "prescription", "oral", 25),
    ("B03BA03", "Hydroxocobalamin", "administration", "intramuscular", 8),
    ("B03BA01", "Cyanocobalamin", "prescription", "oral", 4),
    ("A02BA03", "Famotidine", "prescription", "oral", 5),
    ("B03BB01", "Folic acid", "prescription", "oral", 8),
    ("N02BF02", "Pregabalin", "prescription", "oral", 5),
    ("N03AX11", "Topiramate", "prescription", "oral", 2),
    ("M04AC01", "Colchicine", "prescription", "oral", 2),
)
OTHER_DRUGS = (
    ("C10AA05", "Atorvastatin"),
    ("C10AA01", "Simvastatin"),
    ("C08CA01", "Amlodipine"),
    ("C09AA05", "Ramipril"),
    ("C09CA01", "Losartan"),
    ("C07AB07", "Bisoprolol"),
    ("C03AA03", "Hydrochlorothiazide"),
    ("C03CA01", "Furosemide"),
    ("H03AA01", "Levothyroxine"),
    ("N06AB06", "Sertraline"),
    ("N06AB04", "Citalopram"),
    ("N06AX11", "Mirtazapine"),
    ("N02BE01", "Paracetamol"),
    ("M01AE01", "Ibuprofen"),
    ("M01AE02", "Naproxen"),
    ("R03AC02", "Salbutamol"),
    ("R03BA01", "Beclometasone"),
    ("R06AE07", "Cetirizine"),
    ("J01CA04", "Amoxicillin"),
    ("J01AA02", "Doxycycline"),
    ("A10BB09", "Gliclazide"),
    ("A10AE04", "Insulin glargine"),
    ("M05BA04", "Alendronic acid"),
    ("N05CF01", "Zopiclone"),
)
# (system, code, name, rows per thousand)
CONDITIONS = (
    ("ICD-10", "E11.9", "Type 2 diabetes mellitus", 25),
    ("SNOMED-CT", "84229001", "Fatigue", 15),
    ("ICD-10", "F32.9", "Depressive episode", 12),
    ("ICD-10", "N18.3", "Chronic kidney disease, stage 3", 8),
    ("ICD-10", "D64.9", "Anaemia", 8),
    ("ICD-10", "G62.9", "Polyneuropathy", 6),
    ("SNOMED-CT", "91019004", "Paraesthesia", 6),
    ("ICD-10", "F03", "Dementia", 5),
    ("ICD-10", "E06.3", "Autoimmune thyroiditis", 5),
    ("SNOMED-CT", "396331005", "Coeliac disease", 3),
    ("SNOMED-CT", "84027009", "Pernicious anaemia", 2),
    ("ICD-10", "Z34.9", "Supervision of normal pregnancy", 3),
    ("ICD-10", "O80", "Single spontaneous delivery", 2),
)
OTHER_CONDITIONS = (
    ("ICD-10", "I10", "Essential hypertension"),
    ("ICD-10", "E78.5", "Hyperlipidaemia"),
    ("ICD-10", "J45.9", "Asthma"),
    ("ICD-10", "M54.5", "Low back pain"),
    ("ICD-10", "M17.9", "Gonarthrosis"),
    ("ICD-10", "J06.9", "Upper respiratory infection"),
    ("ICD-10", "N39.0", "Urinary tract infection"),
    ("ICD-10", "K21.9", "Reflux disease"),
    ("ICD-10", "I25.1", "Atherosclerotic heart disease"),
    ("ICD-10", "I48.9", "Atrial fibrillation"),
    ("ICD-10", "H25.9", "Senile cataract"),
    ("ICD-10", "L30.9", "Dermatitis"),
    ("SNOMED-CT", "195967001", "Asthma"),
    ("SNOMED-CT", "38341003", "Hypertensive disorder"),
    ("SNOMED-CT", "396275006", "Osteoarthritis"),
    ("SNOMED-CT", "55822004", "Hyperlipidaemia"),
)


def slots(
    wanted: tuple[tuple[object, ...], ...], others: tuple[tuple[object, ...], ...]
) -> list[tuple[object, ...]]:
    """A thousand catalogue rows: wanted ones as often as their last cell says, others in the rest."""
    drawn = [entry[:-1] for entry in wanted for _ in range(int(str(entry[-1])))]
    return drawn + [others[place % len(others)] for place in range(1000 - len(drawn))]


def literal(cell: object) -> str:
    return str(cell) if isinstance(cell, int | float) else "'" + str(cell).replace("'", "''") + "'"


def create_catalogue(
    connection: duckdb.DuckDBPyConnection, name: str, columns: str, entries: list[tuple[object, ...]]
) -> None:
    """One row per slot of a thousand: what a row that draws this slot is about."""
    values = ", ".join(f"({slot}, {', '.join(map(literal, entry))})" for slot, entry in enumerate(entries))
    connection.execute(f"create temp table {name} as select * from (values {values}) as t(slot, {columns})")


def create_catalogues(connection: duckdb.DuckDBPyConnection) -> None:
    create_catalogue(
        connection,
        "lab_catalogue",
        "code, test_name, unit, low, high, decimals",
        slots(LAB_TESTS, OTHER_LAB_TESTS),
    )
    other_drugs = tuple((*drug, "prescription", "oral") for drug in OTHER_DRUGS)
    create_catalogue(connection, "drug_catalogue", "code, drug_name, kind, route", slots(DRUGS, other_drugs))
    create_catalogue(
        connection, "condition_catalogue", "code_system, code, name", slots(CONDITIONS, OTHER_CONDITIONS)
    )


def create_draws(connection: duckdb.DuckDBPyConnection, seed: int) -> None:
    """`draw(row, word, n)`: a whole number below n; `share(row, word)`: a number from 0 up to 1."""
    connection.execute(
        f"create temp macro draw(row_number, word, n) as (hash(row_number, word, {seed}) % n)::bigint"
    )
    connection.execute(
        "create temp macro share(row_number, word) as draw(row_number, word, 1000003) / 1000003.0"
    )
    connection.execute(f"create temp macro days_before(days) as (date '{AS_OF}' - days::integer)::varchar")
    connection.execute("create temp macro patient(number) as 'P' || lpad(number::varchar, 8, '0')")


def patients_sql(people: int) -> str:
    # Nobody is younger than the oldest record: events before birth would be refused.
    return f"""
        select patient(person) as patient_id,
            days_before(draw(person, 'born', 30700) + 3700) as birth_date,
            case draw(person, 'sex', 40) when 0 then 'unknown'
                else if(draw(person, 'sex', 2) = 0, 'female', 'male') end as sex,
            'CLINIC-' || lpad((1 + draw(person, 'clinic', {CLINICS}))::varchar, 3, '0') as clinic_id
        from range({people}) as numbered(person)
    """


def labs_sql(people: int) -> str:
    """Three people in ten belong to those who are ever tested for B12, a tenth of them for MMA too."""
    return f"""
        with drawn as (
            select item, draw(item, 'lab person', {people}) as person,
                draw(item, 'lab slot', 1000) as slot, 1 + draw(item, 'lab day', 1825) as days,
                share(item, 'lab value') as position, draw(item, 'lab kind', 1000) as kind,
                draw(item, 'lab dirt', 2000) as dirt
            from range({people * ROWS_PER_PERSON["labs"]}) as numbered(item)
        ),
        placed as (
            select *,
                case when draw(person, 'b12 group', 1000) >= 300 then 'other'
                    when draw(person, 'mma group', 1000) < 120 and kind < 150 then 'mma'
                    when kind < 180 then if(kind % 8 = 0, 'active', if(kind % 3 = 0, 'molar', 'mass'))
                    else 'other' end as test
            from drawn
        ),
        measured as (
            select item, person, days, dirt, test,
                case test when 'mass' then '2132-9' when 'molar' then '14685-2' when 'active' then '72160-5'
                    when 'mma' then '13964-2' else code end as code,
                case test when 'mma' then 'Methylmalonate' when 'active' then 'Holotranscobalamin'
                    when 'other' then test_name else 'Vitamin B12' end as test_name,
                case test when 'mass' then if(item % 4 = 0, 'pg/mL', 'ng/L') when 'mma' then 'nmol/L'
                    when 'other' then unit else 'pmol/L' end as unit,
                -- Geometric spread: as many values around the limits as far above them.
                case test when 'mass' then 130 * power(10, position)
                    when 'molar' then 96 * power(10, position) when 'active' then 17 * power(10, position)
                    when 'mma' then 90 * power(8, position)
                    else low + position * (high - low) end as amount,
                if(test = 'other', decimals, 0) as decimals
            from placed join lab_catalogue using (slot)
        )
        select 'L' || item as result_id, patient(person) as patient_id, 'LOINC' as code_system, code,
            test_name,
            case when dirt = 0 then '0'
                when test = 'mass' and dirt < 20 then if(dirt < 10, '<150', '>2000')
                when decimals = 0 then round(amount)::bigint::varchar
                when decimals = 1 then round(amount, 1)::decimal(9, 1)::varchar
                else round(amount, 2)::decimal(9, 2)::varchar end as value,
            if(dirt = 1, 'IU/L', unit) as unit,
            days_before(days) || if(item % 2 = 0, 'T09:10:00', 'T11:40:00') as collected_at,
            days_before(days - 1) || 'T06:00:00' as received_at, 'final' as status, 'S' || item as sample_id
        from measured
    """


def medications_sql(people: int) -> str:
    return f"""
        with drawn as (
            select item, draw(item, 'drug person', {people}) as person, draw(item, 'drug slot', 1000) as slot,
                draw(item, 'drug day', 1825) as days, draw(item, 'supply', 20) as supply
            from range({people * ROWS_PER_PERSON["medications"]}) as numbered(item)
        )
        select 'M' || item as medication_id, patient(person) as patient_id, 'ATC' as code_system, code,
            drug_name, kind, route, days_before(days) as start_on,
            case when kind = 'administration' or supply < 2 then null when supply < 12 then '28'
                when supply < 17 then '56' else '84' end as days_supply,
            if(supply = 1, days_before(greatest(days - 200, 0)), null) as end_on,
            if(supply = 0 and kind = 'prescription', 'active', 'completed') as status
        from drawn join drug_catalogue using (slot)
    """


def conditions_sql(people: int) -> str:
    return f"""
        with drawn as (
            select item, draw(item, 'condition person', {people}) as person,
                draw(item, 'condition slot', 1000) as slot, draw(item, 'condition day', 3650) as days
            from range({people * ROWS_PER_PERSON["conditions"]}) as numbered(item)
        )
        select 'C' || item as condition_id, patient(person) as patient_id, code_system, code, name,
            if(item % 2 = 0, days_before(days + 20), null) as onset_on, days_before(days) as recorded_on,
            'active' as status
        from drawn join condition_catalogue using (slot)
    """


SELECTS = {
    "patients": patients_sql,
    "labs": labs_sql,
    "medications": medications_sql,
    "conditions": conditions_sql,
}


def made_already(folders: dict[str, Path], recipe: dict[str, object]) -> bool:
    """Whether both folders hold complete extracts of this very recipe."""
    notes = [folder / "recipe.json" for folder in folders.values()]
    return all(note.exists() and json.loads(note.read_text()) == recipe for note in notes)


def write_extracts(people: int, base: Path, seed: int = 1) -> dict[str, Path]:
    """Write `base/csv/<people>/` and `base/parquet/<people>/` unless they are there; returns both folders."""
    folders = {form: base / form / str(people) for form in FORMATS}
    recipe: dict[str, object] = {
        "as_of": AS_OF,
        "people": people,
        "seed": seed,
        "recipe": RECIPE,
        "duckdb": duckdb.__version__,
    }
    if made_already(folders, recipe):
        return folders
    for folder in folders.values():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    with duckdb.connect() as connection:
        create_draws(connection, seed)
        create_catalogues(connection)
        for table in TABLES:
            parquet, text = folders["parquet"] / f"{table}.parquet", folders["csv"] / f"{table}.csv"
            connection.execute(
                f"copy ({SELECTS[table](people)}) to '{parquet}' (format parquet, compression zstd)"
            )
            connection.execute(f"copy (from '{parquet}') to '{text}' (format csv, header)")
    # Last of all: a folder without its recipe is unfinished and is made again.
    for folder in folders.values():
        (folder / "recipe.json").write_text(json.dumps(recipe) + "\n")
    return folders


def main() -> None:
    parser = argparse.ArgumentParser(description="Write benchmark extracts as CSV and Parquet.")
    parser.add_argument("--people", type=int, nargs="+", default=[100_000], help="sizes to write")
    parser.add_argument("--dir", type=Path, default=Path(".bench"), help="base folder")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    for people in arguments.people:
        for folder in write_extracts(people, arguments.dir, arguments.seed).values():
            sys.stdout.write(f"{folder}\n")


if __name__ == "__main__":
    main()
