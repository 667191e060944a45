"""Builds made-up people, row by row, in the canonical columns; one seeded stream draws what is random.

Only `random.Random.random()` is drawn from: it is the one method whose sequence Python promises to keep.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Final, TypeVar

T = TypeVar("T")
Row = dict[str, str]

AS_OF: Final = date(2026, 6, 30)
SEED: Final = 20260630

COLUMNS: Final[dict[str, tuple[str, ...]]] = {
    "patients": (
        "patient_id",
        "birth_date",
        "sex",
        "clinic_id",
        "registered_on",
        "deregistered_on",
        "deceased_on",
        "ethnicity",
        "opted_out",
    ),
    "labs": (
        "result_id",
        "patient_id",
        "code_system",
        "code",
        "test_name",
        "value",
        "unit",
        "collected_at",
        "received_at",
        "status",
        "sample_id",
        "reference_low",
        "reference_high",
        "performing_lab",
    ),
    "medications": (
        "medication_id",
        "patient_id",
        "code_system",
        "code",
        "drug_name",
        "kind",
        "route",
        "dose_quantity",
        "dose_unit",
        "doses_per_day",
        "start_on",
        "days_supply",
        "end_on",
        "status",
    ),
    "conditions": (
        "condition_id",
        "patient_id",
        "code_system",
        "code",
        "name",
        "onset_on",
        "recorded_on",
        "resolved_on",
        "status",
        "is_family_history",
    ),
    "procedures": (
        "procedure_id",
        "patient_id",
        "code_system",
        "code",
        "name",
        "performed_on",
        "length_cm",
        "status",
    ),
    "orders": ("patient_id", "code_system", "code", "test_name", "ordered_on", "status"),
}

CLINICS: Final = ("CLINIC-01", "CLINIC-02", "CLINIC-03", "CLINIC-04", "CLINIC-05", "Clinic 6/East")
"""The sixth has a space and a slash, as real organisation names do."""

OTHER_SPELLINGS: Final[dict[str, tuple[str, ...]]] = {
    "LOINC": ("http://loinc.org", "loinc", "urn:oid:2.16.840.1.113883.6.1"),
    "SNOMED-CT": ("http://snomed.info/sct", "SNOMED CT", "snomed-ct"),
    "ICD-10": ("http://hl7.org/fhir/sid/icd-10", "ICD10", "icd-10"),
    "ATC": ("http://www.whocc.no/atc", "atc"),
    "dm+d": ("https://dmd.nhs.uk", "DM+D"),
    "OPCS-4": ("OPCS4", "opcs-4"),
}

# test -> codes it may be reported under; the first of a B12 tuple is the mass, the second the molar one.
TESTS: Final[dict[str, tuple[tuple[str, str, str], ...]]] = {
    "total_b12_mass": (
        ("LOINC", "2132-9", "Vitamin B12"),
        ("LOINC", "2132-9", "Serum vitamin B12"),
        ("SNOMED-CT", "271216009", "Serum vitamin B12 level"),
    ),
    "total_b12_molar": (
        ("LOINC", "14685-2", "Vitamin B12 (molar)"),
        ("SNOMED-CT", "271216009", "Serum vitamin B12 level"),
    ),
    "active_b12": (("LOINC", "72160-5", "Active B12 (holotranscobalamin)"),),
    "mma": (("LOINC", "13964-2", "Methylmalonic acid, serum"),),
    "haemoglobin": (
        ("LOINC", "718-7", "Haemoglobin"),
        ("SNOMED-CT", "1022431000000105", "Haemoglobin estimation"),
    ),
    "mcv": (
        ("LOINC", "787-2", "Mean cell volume"),
        ("SNOMED-CT", "1022491000000106", "Mean corpuscular volume"),
    ),
    "platelets": (("LOINC", "777-3", "Platelet count"), ("SNOMED-CT", "1022651000000100", "Platelet count")),
    "creatinine": (
        ("LOINC", "14682-9", "Creatinine"),
        ("SNOMED-CT", "1000731000000107", "Serum creatinine level"),
    ),
    "egfr": (("LOINC", "62238-1", "eGFR (CKD-EPI)"), ("SNOMED-CT", "963631000000100", "Estimated GFR")),
    "folate": (("LOINC", "2284-8", "Folate, serum"), ("SNOMED-CT", "993411000000108", "Serum folate level")),
    "intrinsic_factor_ab": (("LOINC", "31444-3", "Intrinsic factor antibody"),),
    "homocysteine": (("LOINC", "13965-9", "Homocysteine"),),
    "potassium": (("LOINC", "2823-3", "Potassium"),),
    "cholesterol": (("LOINC", "14647-2", "Cholesterol"),),
    "sodium": (("LOINC", "2951-2", "Sodium"),),
    "alt": (("LOINC", "1742-6", "Alanine aminotransferase"),),
    "tsh": (("LOINC", "3016-3", "Thyroid stimulating hormone"),),
    "hba1c": (("LOINC", "59261-8", "HbA1c (IFCC)"),),
}

UNITS: Final = {
    "active_b12": "pmol/L",
    "mma": "nmol/L",
    "haemoglobin": "g/L",
    "mcv": "fL",
    "platelets": "10^9/L",
    "creatinine": "umol/L",
    "egfr": "mL/min/1.73m2",
    "folate": "ug/L",
    "intrinsic_factor_ab": "",
    "homocysteine": "umol/L",
    "potassium": "mmol/L",
    "cholesterol": "mmol/L",
    "sodium": "mmol/L",
    "alt": "U/L",
    "tsh": "mU/L",
    "hba1c": "mmol/mol",
}

# An MMA carries no range unless a person is there for it: the laboratory's own limit changes its class.
RANGES: Final = {
    ("total_b12_mass", "ng/L"): ("180", "910"),
    ("total_b12_mass", "pg/mL"): ("180", "910"),
    ("total_b12_molar", "pmol/L"): ("133", "671"),
    ("active_b12", "pmol/L"): ("25", "165"),
    ("mcv", "fL"): ("80", "100"),
    ("platelets", "10^9/L"): ("150", "400"),
    ("folate", "ug/L"): ("3.9", "26.8"),
    ("sodium", "mmol/L"): ("133", "146"),
    ("potassium", "mmol/L"): ("3.5", "5.3"),
}

# drug -> (ATC, dm+d, product name, route, dose, dose unit, doses a day); an empty code is a code it lacks.
DRUGS: Final[dict[str, tuple[str, str, str, str, str, str, str]]] = {
    "metformin": ("A10BA02", "325278007", "Metformin 500mg tablets", "oral", "500", "mg", "2"),
    "metformin_1g": ("A10BA02", "39394811000001105", "Metformin 1g tablets", "oral", "1000", "mg", "2"),
    "omeprazole": (
        "A02BC01",
        "317291008",
        "Omeprazole 20mg gastro-resistant capsules",
        "oral",
        "20",
        "mg",
        "1",
    ),
    "lansoprazole": (
        "A02BC03",
        "317309001",
        "Lansoprazole 30mg gastro-resistant capsules",
        "oral",
        "30",
        "mg",
        "1",
    ),
    "famotidine": ("A02BA03", "317275005", "Famotidine 20mg tablets", "oral", "20", "mg", "1"),
    "colchicine": ("M04AC01", "330079002", "Colchicine 500microgram tablets", "oral", "500", "ug", "2"),
    "pregabalin": ("N02BF02", "415162000", "Pregabalin 150mg capsules", "oral", "150", "mg", "2"),
    "topiramate": ("N03AX11", "323029005", "Topiramate 25mg tablets", "oral", "25", "mg", "2"),
    "eradication_pack": (
        "A02BD06",
        "",
        "Esomeprazole, amoxicillin and clarithromycin pack",
        "oral",
        "",
        "",
        "",
    ),
    "hydroxocobalamin": (
        "B03BA03",
        "2858311000001109",
        "Hydroxocobalamin 1mg/1ml solution for injection ampoules",
        "intramuscular",
        "1",
        "mg",
        "",
    ),
    "cyanocobalamin_1mg": (
        "B03BA01",
        "21333811000001109",
        "Cyanocobalamin 1mg tablets",
        "oral",
        "1",
        "mg",
        "1",
    ),
    "cyanocobalamin_50ug": (
        "B03BA01",
        "327545000",
        "Cyanocobalamin 50microgram tablets",
        "oral",
        "50",
        "ug",
        "1",
    ),
    "cyanocobalamin_sl": (
        "",
        "18059911000001109",
        "Cyanocobalamin 1mg sublingual tablets sugar free",
        "sublingual",
        "1",
        "mg",
        "1",
    ),
    "b_compound": (
        "",
        "2918311000001105",
        "Vitamin B compound strong tablets",
        "oral",
        "1",
        "tablet",
        "1",
    ),
    "cyanide_antidote": (
        "V03AB33",
        "",
        "Hydroxocobalamin 5g powder for solution for infusion",
        "intravenous",
        "5",
        "g",
        "",
    ),
    "folic_acid_5mg": ("B03BB01", "327550006", "Folic acid 5mg tablets", "oral", "5", "mg", "1"),
    "folic_acid_400ug": (
        "B03BB01",
        "327552003",
        "Folic acid 400microgram tablets",
        "oral",
        "400",
        "ug",
        "1",
    ),
    "apixaban": ("B01AF02", "", "Apixaban 5mg tablets", "oral", "5", "mg", "2"),
    "combined_pill": (
        "G03AA07",
        "",
        "Ethinylestradiol 30microgram / Levonorgestrel 150microgram tablets",
        "oral",
        "1",
        "tablet",
        "1",
    ),
    "atorvastatin": ("C10AA05", "", "Atorvastatin 20mg tablets", "oral", "20", "mg", "1"),
    "amlodipine": ("C08CA01", "", "Amlodipine 5mg tablets", "oral", "5", "mg", "1"),
    "ramipril": ("C09AA05", "", "Ramipril 5mg capsules", "oral", "5", "mg", "1"),
    "paracetamol": ("N02BE01", "", "Paracetamol 500mg tablets", "oral", "1000", "mg", "4"),
    "salbutamol": ("R03AC02", "", "Salbutamol 100micrograms/dose inhaler", "inhalation", "", "", ""),
    "sertraline": ("N06AB06", "", "Sertraline 50mg tablets", "oral", "50", "mg", "1"),
}

CONDITIONS: Final[dict[str, tuple[tuple[str, str, str], ...]]] = {
    "paraesthesia": (
        ("SNOMED-CT", "91019004", "Paraesthesia"),
        ("ICD-10", "R20.2", "Paraesthesia of skin"),
    ),
    "neuropathy": (
        ("SNOMED-CT", "42345000", "Polyneuropathy"),
        ("ICD-10", "G62.9", "Polyneuropathy, unspecified"),
    ),
    "ataxia": (("SNOMED-CT", "20262006", "Ataxia"), ("ICD-10", "R27.0", "Ataxia, unspecified")),
    "cord_degeneration": (("ICD-10", "G32.0", "Subacute combined degeneration of spinal cord"),),
    "optic_neuritis": (("SNOMED-CT", "66760008", "Optic neuritis"), ("ICD-10", "H46", "Optic neuritis")),
    "dementia": (("SNOMED-CT", "52448006", "Dementia"), ("ICD-10", "F03", "Unspecified dementia")),
    "memory": (("SNOMED-CT", "386807006", "Memory impairment"), ("ICD-10", "R41.3", "Other amnesia")),
    "unsteady_gait": (("ICD-10", "R26.8", "Other abnormalities of gait and mobility"),),
    "glossitis": (("ICD-10", "K14.0", "Glossitis"),),
    "fatigue": (("SNOMED-CT", "84229001", "Fatigue"), ("ICD-10", "R53", "Malaise and fatigue")),
    "depression": (
        ("SNOMED-CT", "35489007", "Depressive disorder"),
        ("ICD-10", "F32.1", "Depressive episode"),
    ),
    "anxiety": (("ICD-10", "F41.9", "Anxiety disorder, unspecified"),),
    "anaemia": (("SNOMED-CT", "271737000", "Anaemia"), ("ICD-10", "D64.9", "Anaemia, unspecified")),
    "macrocytic_anaemia": (("SNOMED-CT", "83414005", "Macrocytic anaemia"),),
    "megaloblastic_anaemia": (
        ("SNOMED-CT", "53165003", "Megaloblastic anaemia"),
        ("ICD-10", "D53.1", "Other megaloblastic anaemias"),
    ),
    "coeliac": (
        ("SNOMED-CT", "396331005", "Coeliac disease"),
        ("ICD-10", "K90.0", "Coeliac disease"),
    ),
    "thyroiditis": (
        ("SNOMED-CT", "21983002", "Hashimoto thyroiditis"),
        ("ICD-10", "E06.3", "Autoimmune thyroiditis"),
    ),
    "pernicious_anaemia": (("SNOMED-CT", "84027009", "Pernicious anaemia"),),
    "b12_deficiency": (("SNOMED-CT", "190634004", "Cobalamin deficiency"),),
    "crohn_ileum": (("SNOMED-CT", "38106008", "Crohn disease of ileum"),),
    "diet_proxy": (("ICD-10", "Z72.4", "Inappropriate diet and eating habits"),),
    "vitiligo": (("ICD-10", "L80", "Vitiligo"),),
    "type2_diabetes": (
        ("SNOMED-CT", "44054006", "Type 2 diabetes mellitus"),
        ("ICD-10", "E11.9", "Type 2 diabetes mellitus without complications"),
    ),
    "type1_diabetes": (("SNOMED-CT", "46635009", "Type 1 diabetes mellitus"),),
    "alcohol": (("SNOMED-CT", "7200002", "Alcoholism"), ("ICD-10", "F10.2", "Alcohol dependence syndrome")),
    "alcohol_abuse": (("SNOMED-CT", "15167005", "Alcohol abuse"),),
    "thiamine_deficiency": (("ICD-10", "E51.9", "Thiamine deficiency, unspecified"),),
    "inhalants": (
        ("ICD-10", "F18.1", "Harmful use of volatile solvents"),
        ("ICD-10", "T41.0", "Poisoning by inhaled anaesthetics"),
    ),
    "needle_phobia": (
        ("SNOMED-CT", "231501003", "Needle phobia"),
        ("ICD-10", "F40.2", "Specific (isolated) phobias"),
    ),
    "tobacco_amblyopia": (("SNOMED-CT", "314538009", "Tobacco related optic neuropathy"),),
    "hiv": (("SNOMED-CT", "165816005", "HIV positive"),),
    "ckd_stage_3": (
        ("SNOMED-CT", "433144002", "Chronic kidney disease stage 3"),
        ("ICD-10", "N18.3", "Chronic kidney disease, stage 3"),
    ),
    "ckd_unstaged": (("SNOMED-CT", "709044004", "Chronic kidney disease"),),
    "pregnancy": (
        ("SNOMED-CT", "77386006", "Patient currently pregnant"),
        ("ICD-10", "Z34.9", "Supervision of normal pregnancy"),
    ),
    "delivery": (("ICD-10", "O80", "Single spontaneous delivery"),),
    "hypertension": (
        ("SNOMED-CT", "38341003", "Hypertensive disorder"),
        ("ICD-10", "I10", "Essential hypertension"),
    ),
    "asthma": (("SNOMED-CT", "195967001", "Asthma"), ("ICD-10", "J45.9", "Asthma, unspecified")),
    "osteoarthritis": (("SNOMED-CT", "396275006", "Osteoarthritis"), ("ICD-10", "M19.9", "Arthrosis")),
    "hyperlipidaemia": (("SNOMED-CT", "55822004", "Hyperlipidaemia"),),
    "back_pain": (("ICD-10", "M54.5", "Low back pain"),),
    # On no list; the clinics' own word for the first.
    "laughing_gas": (("clinic", "LG1", "Laughing gas misuse"),),
    "dyspepsia": (("ICD-10", "K30", "Functional dyspepsia"),),
    "weight_loss": (("ICD-10", "R63.4", "Abnormal weight loss"),),
    "iron_deficiency": (("ICD-10", "E61.1", "Iron deficiency"),),
    "medicine_allergy": (
        (
            "ICD-10",
            "Z88.8",
            "Personal history of allergy to other drugs, medicaments and biological substances",
        ),
    ),
}

PROCEDURES: Final = {
    "partial_gastrectomy": ("OPCS-4", "G28.1", "Partial gastrectomy and anastomosis of stomach to duodenum"),
    "total_gastrectomy": (
        "OPCS-4",
        "G27.5",
        "Total gastrectomy and anastomosis of oesophagus to jejunum NEC",
    ),
    "gastric_bypass": ("OPCS-4", "G33.1", "Bypass of stomach by anastomosis of stomach to jejunum NEC"),
    "gastric_sleeve": ("OPCS-4", "G28.5", "Sleeve gastrectomy NEC"),
    "ileal_resection": ("OPCS-4", "G69.3", "Ileectomy and anastomosis of ileum to ileum"),
    "right_hemicolectomy": ("OPCS-4", "H07.3", "Right hemicolectomy and anastomosis NEC"),
    "pelvic_radiotherapy": ("SNOMED-CT", "428829005", "Radiotherapy to pelvis"),
    "cataract": ("OPCS-4", "C75.1", "Insertion of prosthetic replacement for lens NEC"),
    "hip_replacement": ("OPCS-4", "W37.1", "Primary total prosthetic replacement of hip joint using cement"),
}

HOUSEHOLD_TESTS: Final = ("cholesterol", "sodium", "alt", "tsh", "hba1c")
HOUSEHOLD_DRUGS: Final = ("atorvastatin", "amlodipine", "ramipril", "paracetamol", "salbutamol", "sertraline")
HOUSEHOLD_CONDITIONS: Final = ("hypertension", "asthma", "osteoarthritis", "hyperlipidaemia", "back_pain")


def days_ago(days: int) -> str:
    """ISO date `days` before the extract's as-of date."""
    return (AS_OF - timedelta(days=days)).isoformat()


def years_ago(years: int, days: int = 0) -> date:
    """The same calendar day `years` earlier, less `days`."""
    return AS_OF.replace(year=AS_OF.year - years) - timedelta(days=days)


class Draw:
    """A seeded stream of choices."""

    def __init__(self, seed: int) -> None:
        self._stream = random.Random(seed)

    def chance(self, share: float) -> bool:
        return self._stream.random() < share

    def between(self, low: int, high: int) -> int:
        """A whole number from `low` to `high`, both included."""
        return low + int(self._stream.random() * (high - low + 1))

    def one_of(self, choices: Sequence[T]) -> T:
        return choices[int(self._stream.random() * len(choices))]

    def shuffled(self, rows: Sequence[T]) -> list[T]:
        keyed = [(self._stream.random(), place) for place in range(len(rows))]
        return [rows[place] for _, place in sorted(keyed)]


@dataclass
class Extract:
    """The six tables being written, and the stream that fills in what a person's story does not say."""

    draw: Draw = field(default_factory=lambda: Draw(SEED))
    rows: dict[str, list[Row]] = field(default_factory=lambda: {table: [] for table in COLUMNS})
    people: int = 0

    def add(self, table: str, **cells: Any) -> Row:
        """Append one row; columns not named stay empty."""
        row = dict.fromkeys(COLUMNS[table], "")
        row.update({column: "" if cell is None else str(cell) for column, cell in cells.items()})
        self.rows[table].append(row)
        return row

    def record_id(self, table: str, prefix: str) -> str:
        return f"{prefix}{len(self.rows[table]) + 1:06d}"

    def person(
        self,
        *,
        age: int | None = None,
        sex: str | None = None,
        born: date | None = None,
        **cells: Any,
    ) -> Person:
        """Add a person: adult under 60 with a drawn sex and clinic unless told otherwise."""
        self.people += 1
        draw = self.draw
        birth = born or years_ago(age or draw.between(24, 59), draw.between(20, 340))
        row = self.add(
            "patients",
            **{
                "patient_id": f"DEMO-{self.people:05d}",
                "birth_date": birth.isoformat(),
                "sex": sex or draw.one_of(("female", "male", "female", "male", "F", "M")),
                "clinic_id": draw.one_of(CLINICS),
                "registered_on": max(birth, years_ago(draw.between(2, 20), draw.between(0, 364))).isoformat(),
                "ethnicity": draw.one_of(("", "A", "A", "A", "H", "J", "M", "N", "Z")),
                "opted_out": draw.one_of(("no", "no", "false", "")),
                **cells,
            },
        )
        return Person(self, row)


@dataclass
class Person:
    """One made-up person; each method adds one row and returns the person, so that a story is one line."""

    extract: Extract
    row: Row
    tests: set[str] = field(default_factory=set)

    @property
    def patient_id(self) -> str:
        return self.row["patient_id"]

    def spelling(self, system: str) -> str:
        draw = self.extract.draw
        return draw.one_of(OTHER_SPELLINGS.get(system, (system,))) if draw.chance(0.12) else system

    def lab(self, test: str, value: object, days: int, unit: str | None = None, **cells: Any) -> Person:
        """One result of a sample taken `days` ago, received the next morning where that is not too late."""
        draw = self.extract.draw
        self.tests.add(test)
        system, code, name = draw.one_of(TESTS[test])
        unit = UNITS[test] if unit is None else unit
        low, high = RANGES.get((test, unit), ("", ""))
        clock = draw.one_of(("T08:40:00", "T09:15:00", "T11:05:00", "T10:20:00+01:00", "T14:30:00Z", ""))
        self.extract.add(
            "labs",
            **{
                "result_id": self.extract.record_id("labs", "L"),
                "patient_id": self.patient_id,
                "code_system": self.spelling(system),
                "code": code,
                "test_name": name,
                "value": value,
                "unit": unit,
                "collected_at": days_ago(days) + clock,
                "received_at": days_ago(days - 1) + "T06:00:00" if days > 1 and draw.chance(0.9) else "",
                "status": draw.one_of(("final", "final", "final", "")),
                "sample_id": f"S{self.patient_id[5:]}-{days}",
                "reference_low": low,
                "reference_high": high,
                "performing_lab": draw.one_of(("LAB-NORTH", "LAB-SOUTH")),
                **cells,
            },
        )
        return self

    def b12(self, value: object, days: int, unit: str = "ng/L", **cells: Any) -> Person:
        """A total B12 result."""
        return self.lab(
            "total_b12_molar" if unit == "pmol/L" else "total_b12_mass", value, days, unit, **cells
        )

    def active(self, value: object, days: int, **cells: Any) -> Person:
        return self.lab("active_b12", value, days, **cells)

    def mma(self, value: object, days: int, unit: str = "nmol/L", **cells: Any) -> Person:
        return self.lab("mma", value, days, unit, **cells)

    def drug(self, drug: str, start: int | None, by: str = "", **cells: Any) -> Person:
        """One supply that began `start` days ago; `by` is atc, dm+d or name (drawn where not told)."""
        atc, dmd, name, route, dose, unit, per_day = DRUGS[drug]
        wanted = by or self.extract.draw.one_of(("dm+d", "atc", "dm+d", "name"))
        code = {"atc": atc or dmd, "dm+d": dmd or atc, "name": ""}[wanted]
        system = "" if not code else "ATC" if code == atc else "dm+d"
        end = cells.pop("end", None)
        self.extract.add(
            "medications",
            **{
                "medication_id": self.extract.record_id("medications", "M"),
                "patient_id": self.patient_id,
                "code_system": self.spelling(system) if system else "",
                "code": code,
                "drug_name": name,
                "kind": "prescription",
                "route": route,
                "dose_quantity": dose,
                "dose_unit": unit,
                "doses_per_day": per_day,
                "start_on": "" if start is None else days_ago(start),
                "end_on": "" if end is None else days_ago(end),
                "status": "active",
                **cells,
            },
        )
        return self

    def injections(self, *days: int, by: str = "") -> Person:
        """Hydroxocobalamin 1 mg given on each of these days."""
        for day in days:
            self.drug("hydroxocobalamin", day, by, kind="administration", status="completed")
        return self

    def condition(self, name: str, days: int, onset: int | None = None, **cells: Any) -> Person:
        """One coded condition recorded `days` ago."""
        system, code, display = self.extract.draw.one_of(CONDITIONS[name])
        self.extract.add(
            "conditions",
            **{
                "condition_id": self.extract.record_id("conditions", "C"),
                "patient_id": self.patient_id,
                "code_system": self.spelling(system),
                "code": code,
                "name": display,
                "onset_on": "" if onset is None else days_ago(onset),
                "recorded_on": days_ago(days),
                "status": "active",
                "is_family_history": self.extract.draw.one_of(("no", "")),
                **cells,
            },
        )
        return self

    def procedure(self, name: str, days: int, **cells: Any) -> Person:
        system, code, display = PROCEDURES[name]
        self.extract.add(
            "procedures",
            **{
                "procedure_id": self.extract.record_id("procedures", "P"),
                "patient_id": self.patient_id,
                "code_system": self.spelling(system),
                "code": code,
                "name": display,
                "performed_on": days_ago(days),
                "status": "completed",
                **cells,
            },
        )
        return self

    def order(self, test: str, days: int, status: str = "active", **cells: Any) -> Person:
        system, code, name = TESTS[test][0]
        self.extract.add(
            "orders",
            **{
                "patient_id": self.patient_id,
                "code_system": self.spelling(system),
                "code": code,
                "test_name": name,
                "ordered_on": days_ago(days),
                "status": status,
                **cells,
            },
        )
        return self

    def household_rows(self) -> Person:
        """Rows every record is full of and no rule reads: lipids, statins, blood pressure."""
        draw = self.extract.draw
        for _ in range(draw.between(0, 3)):
            test = draw.one_of(HOUSEHOLD_TESTS)
            values = {"cholesterol": (34, 71), "sodium": (134, 145), "alt": (9, 60), "tsh": (6, 44)}
            low, high = values.get(test, (31, 58))
            number = draw.between(low, high)
            self.lab(test, number / 10 if test in ("cholesterol", "tsh") else number, draw.between(5, 900))
        for _ in range(draw.between(0, 2)):
            supply = draw.one_of(({"days_supply": 28}, {"days_supply": 56}, {}))
            self.drug(draw.one_of(HOUSEHOLD_DRUGS), draw.between(5, 900), **supply)
        for _ in range(draw.between(0, 1)):
            self.condition(draw.one_of(HOUSEHOLD_CONDITIONS), draw.between(30, 3000))
        if draw.chance(0.06):
            self.procedure(draw.one_of(("cataract", "hip_replacement")), draw.between(200, 4000))
        if draw.chance(0.05):
            self.order(draw.one_of(HOUSEHOLD_TESTS), draw.between(1, 60))
        return self

    def normal_bloods(self) -> Person:
        """A full blood count and kidney function with nothing to see, at most a year old."""
        draw = self.extract.draw
        days = draw.between(10, 350)
        self.lab("haemoglobin", draw.between(134, 158), days)
        self.lab("mcv", f"{draw.between(840, 960) / 10:g}", days)
        self.lab("platelets", draw.between(180, 370), days)
        self.lab("egfr", draw.between(68, 90), days)
        return self
