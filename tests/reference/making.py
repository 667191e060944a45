"""What the people of the cohorts are made of: codes and values on every limit, and the rows of one person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from random import Random
from typing import Final, TypeVar

AS_OF: Final = date(2025, 2, 28)
"""A last day of February in a common year: people born on 29 February have not had their birthday."""

Row = dict[str, str | None]
Tables = dict[str, list[Row]]
T = TypeVar("T")

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
        "patient_id",
        "value",
        "unit",
        "collected_at",
        "code_system",
        "code",
        "test_name",
        "result_id",
        "sample_id",
        "received_at",
        "status",
        "reference_low",
        "reference_high",
        "performing_lab",
    ),
    "medications": (
        "patient_id",
        "start_on",
        "code_system",
        "code",
        "drug_name",
        "medication_id",
        "kind",
        "route",
        "dose_quantity",
        "dose_unit",
        "doses_per_day",
        "days_supply",
        "end_on",
        "status",
    ),
    "conditions": (
        "patient_id",
        "code_system",
        "code",
        "name",
        "condition_id",
        "onset_on",
        "recorded_on",
        "resolved_on",
        "status",
        "is_family_history",
    ),
    "procedures": (
        "patient_id",
        "code_system",
        "code",
        "name",
        "procedure_id",
        "performed_on",
        "length_cm",
        "status",
    ),
    "orders": ("patient_id", "code_system", "code", "test_name", "ordered_on", "status"),
}

SYSTEM_SPELLINGS: Final[dict[str, tuple[str, ...]]] = {
    "LOINC": ("LOINC", "loinc", "http://loinc.org"),
    "SNOMED-CT": ("SNOMED-CT", "snomed-ct", "http://snomed.info/sct"),
    "ICD-10": ("ICD-10", "icd-10", "ICD10", "http://hl7.org/fhir/sid/icd-10"),
    "ICD-10-CM": ("ICD-10-CM", "icd-10-cm", "ICD10CM", "http://hl7.org/fhir/sid/icd-10-cm"),
    "RxNorm": ("RxNorm", "RXNORM", "http://www.nlm.nih.gov/research/umls/rxnorm"),
    "ATC": ("ATC", "atc", "http://www.whocc.no/atc"),
    "dm+d": ("dm+d", "DM+D", "https://dmd.nhs.uk"),
    "OPCS-4": ("OPCS-4", "opcs-4", "OPCS4"),
    "OMOP": ("OMOP", "omop"),
}
DOTTED: Final = ("ICD-10", "ICD-10-CM", "OPCS-4")

Code = tuple[str, str]


def _codes(system: str, codes: str) -> tuple[Code, ...]:
    return tuple((system, code) for code in codes.split())


TOTAL_CODES: Final[tuple[Code, ...]] = (
    ("LOINC", "2132-9"),
    ("LOINC", "14685-2"),
    ("SNOMED-CT", "271216009"),
)
ACTIVE_CODES: Final[tuple[Code, ...]] = (("LOINC", "72160-5"),)
MMA_CODES: Final[tuple[Code, ...]] = (("LOINC", "13964-2"), ("OMOP", "3009799"))
EGFR_CODES: Final = (
    _codes("LOINC", "62238-1 33914-3") + _codes("SNOMED-CT", "1011481000000105") + _codes("OMOP", "3030354")
)
CREATININE_CODES: Final[tuple[Code, ...]] = (
    ("LOINC", "2160-0"),
    ("LOINC", "14682-9"),
    ("SNOMED-CT", "1000731000000107"),
)
HB_CODES: Final[tuple[Code, ...]] = (("LOINC", "718-7"), ("SNOMED-CT", "1022431000000105"))
MCV_CODES: Final[tuple[Code, ...]] = (("LOINC", "787-2"), ("LOINC", "30428-7"))
PLATELET_CODES: Final[tuple[Code, ...]] = (("LOINC", "777-3"), ("LOINC", "26515-7"))

NG_SPELLINGS: Final = ("ng/L", "pg/mL", "NG/L", "pg/ml", "ng / L")
PMOL_SPELLINGS: Final = ("pmol/L", "pmol/l", "PMOL/L")

TOTAL_NG: Final[dict[str, tuple[str, ...]]] = {
    "LOW": ("179.9", "179", "120", "90.5", "179.999", "1.5e2", "<150", "<180", "< 150", "≤150"),
    "INDET": ("180", "180.0", "181", "220", "250", "300", "349.9", "350"),
    "UNLIKELY": ("350.1", "351", "420", "900", "1200", ">350", ">2000", "> 500"),
    "AMBIGUOUS": ("<=180", "<200", ">150", ">=350", ">=180", ">200", "≥350", "<400"),
}
TOTAL_PMOL: Final[dict[str, tuple[str, ...]]] = {
    "LOW": ("132.9", "132", "100", "<133", "<100"),
    "INDET": ("133", "133.0", "200", "257.9", "258"),
    "UNLIKELY": ("258.1", "259", "400", ">258", ">1000"),
    "AMBIGUOUS": ("<=133", "<150", ">=258", ">133", ">=133"),
}
ACTIVE_PMOL: Final[dict[str, tuple[str, ...]]] = {
    "LOW": ("24.9", "20", "12.5", "<25", "<5"),
    "INDET": ("25", "25.0", "40", "69.9", "70"),
    "UNLIKELY": ("70.1", "71", "100", ">70", ">128"),
    "AMBIGUOUS": ("<=25", "<30", ">=70", ">25", ">=25"),
}
B12_CLASSES: Final = ("LOW", "INDET", "UNLIKELY", "AMBIGUOUS")

MMA_NMOL: Final[dict[str, tuple[str, ...]]] = {
    "NORMAL": ("280", "279.9", "150", "100", "200"),
    "EQUIVOCAL": ("281", "280.1", "350", "399.9", "400"),
    "OLDER": ("400.1", "401", "430", "459.9", "460"),
    "ELEVATED": ("460.1", "461", "600", "750", "750.1", "751", "1200", "20000"),
}
MMA_FAR_OUT: Final = ("200000", "200000.5", "200001", ">200000", ">=200000", "19.9", "20")
MMA_CENSORED: Final = ("<100", "<280", "<=280", ">1000", ">750", ">=751", ">300", "<400", "<=19", "<21")
MMA_UNITS: Final[dict[str, tuple[str, ...]]] = {
    "nmol/L": ("nmol/L", "NMOL/L", "nmol/l"),
    "umol/L": ("umol/L", "µmol/L", "μmol/l"),
    "nmol/mL": ("nmol/mL", "nmol/ml"),
    "ng/mL": ("ng/mL", "ng/ml"),
    "ug/L": ("ug/L", "µg/L", "UG/L"),
}
EGFR_VALUES: Final = (
    "59",
    "59.9",
    "60",
    "60.1",
    "61",
    "45",
    "15",
    "90",
    ">60",
    ">90",
    "<60",
    "<15",
    "<90",
    ">=60",
)
EGFR_LOW: Final = ("59", "59.9", "45", "15", "<60", "<15")
EGFR_UNITS: Final = (
    "mL/min/1.73m2",
    "mL/min/{1.73_m2}",
    "mL/min/1.73 m2",
    "mL/min/1.73m^2",
    "ml/min/1.73m2",
)
HB_VALUES: Final[dict[str, tuple[str, ...]]] = {
    "g/L": (
        "130",
        "129.9",
        "120",
        "119.9",
        "119",
        "105",
        "104",
        "100",
        "99.9",
        "99",
        "80",
        "79.9",
        "79",
        "145",
        "145",
        "<80",
        "<140",
    ),
    "g/dL": ("13.0", "12.9", "12", "11.9", "10.5", "10.4", "9.9", "7.9", "14.2", "14.8"),
    "mmol/L": ("8.1", "8.0", "7.4", "6.5", "4.9", "9.0", "9.3"),
}
MCV_VALUES: Final = ("100", "100.1", "99", "101", "90", "92", ">100", ">99", "112")
PLATELET_VALUES: Final = ("49", "50", "49.9", "150", "250", "<50", "<60")
PLATELETS_FEW: Final = ("149", "149.9", "100", "49", "<150", "<100")
PLATELETS_ENOUGH: Final = ("150", "150.1", "250", ">100", "<=150", ">=150")
"""As far as anybody can tell: an interval that is not wholly below 150."""
PLATELET_UNITS: Final = ("10*9/L", "10^9/L", "x10^9/L", "10*3/uL", "K/uL", "10^3/uL", "10*3/µL")

# As a site would add it: of itself F18.19 says no more than inhalants.
SITE_CODES: Final = (("cond_nitrous_oxide_misuse", "ICD-10-CM", "F18.19", "exact"),)

HOMOCYSTEINE_VALUES: Final[dict[str, tuple[str, ...]]] = {
    "umol/L": ("15", "15.1", "14.9", "40", ">15", ">100", "<16", "21.6", "50", "62"),
    "mg/L": ("2.0", "2.1", "5"),  # 14.794, 15.5337, 36.985 umol/L
}
FOLATE_VALUES: Final[dict[str, tuple[str, ...]]] = {
    "ug/L": ("3.9", "4.0", "3.8", "12", ">20", "<4", "9"),
    "nmol/L": ("8.8", "8.9", "8.7", "30", ">45"),
}
HOMOCYSTEINE_CODES: Final[tuple[Code, ...]] = (("LOINC", "13965-9"),)
FOLATE_CODES: Final[tuple[Code, ...]] = (("LOINC", "2284-8"), ("SNOMED-CT", "993411000000108"))
POTASSIUM_CODES: Final[tuple[Code, ...]] = (("LOINC", "2823-3"), ("SNOMED-CT", "1000651000000109"))
ANTIBODY_CODES: Final[tuple[Code, ...]] = (("LOINC", "31444-3"), ("LOINC", "9537-2"))
ETHNICITIES: Final = (
    None,
    None,
    None,
    None,
    None,
    "White",
    "White British",
    "Black Caribbean",
    "BLACK OR BLACK BRITISH - AFRICAN",
    "White and Black African",
    "black",
    "Blackfoot",
    "Asian (not black)",
    "unknown",
)

ANTIBODY_RESULTS: Final[tuple[tuple[str, str | None], ...]] = (
    ("positive", None),
    ("Detected", None),
    ("not detected", None),
    ("negative", None),
    ("30", "20"),
    ("30", None),
    ("20", "20"),
    (">20", "20"),
)
TEXT_RESULTS: Final = ("haemolysed", "insufficient", "see comment", "Not detected")
BAD_VALUES: Final = (
    "-5",
    "0",
    "0.0",
    "1,200",
    "12,5",
    "NaN",
    "inf",
    "Infinity",
    "<",
    "<0",
    "",
    "212 ng",
    "..5",
)
BAD_UNITS: Final = (None, "mg", "IU/L", "?", "mol")

NEURO_EXACT: Final = (
    _codes("ICD-10", "G62.9 G63.4 R20.2 R27.0 R26.0 G32.0 H46 H47.0 F03 G30.1 R41.3")
    + _codes("ICD-10-CM", "G31.84 R27.0 H47.20 G62.9")
    + _codes("SNOMED-CT", "302226006 42345000 91019004 20262006 52448006 386805003 26125006")
    + _codes("OMOP", "4117779 4236484 378419")
)
NEURO_BROAD: Final = (
    _codes("ICD-10", "R29.6")
    + _codes("ICD-10-CM", "R26.81")
    + _codes("ICD-10", "R26.8 G60.9 R20.8 H53.4")
    + _codes("SNOMED-CT", "12184005")
)
FATIGUE_OR_MOOD: Final = (
    _codes("ICD-10", "R53")
    + _codes("ICD-10-CM", "R53.83")
    + _codes("SNOMED-CT", "84229001")
    + _codes("ICD-10", "F32.1")
    + _codes("ICD-10-CM", "F33.9")
    + _codes("SNOMED-CT", "35489007")
    + _codes("ICD-10", "F41.1 F29")
)
OTHER_SYMPTOMS: Final = (
    _codes("ICD-10", "K14.0 D64.9 D50.9")
    + _codes("SNOMED-CT", "271737000")
    + _codes("ICD-10", "D53.1")
    + _codes("SNOMED-CT", "83414005 53165003")
    + _codes("ICD-10", "D75.8")
)
RISK_CONDITIONS: Final = (
    _codes("ICD-10", "K90.0")
    + _codes("SNOMED-CT", "396331005")
    + _codes("ICD-10", "E06.3")
    + _codes("SNOMED-CT", "21983002")
    + _codes("ICD-10-CM", "E05.0 M35.00")
    + _codes("ICD-10", "E10.9")
    + _codes("SNOMED-CT", "46635009")
    + _codes("ICD-10", "L80")
    + _codes("SNOMED-CT", "363732003")
    + _codes("ICD-10", "K29.4 D51.0")
    + _codes("SNOMED-CT", "84027009")
    + _codes("ICD-10", "K50 K50.0 K50.9")
    + _codes("SNOMED-CT", "34000006")
    + _codes("ICD-10", "K86.1 K90.9 B20 Z72.4 F50.0 D51.3 F18.1")
    + _codes("ICD-10-CM", "T41.0X1A")
    + _codes("ICD-10", "Z83.2 D51.9 E53.8")
    + _codes("SNOMED-CT", "190634004")
    + _codes("ICD-10", "K62.7 Z90.3")
    + _codes("ICD-10-CM", "Z98.84")
)
OTHER_CAUSES: Final = (
    _codes("ICD-10", "E11.9")
    + _codes("SNOMED-CT", "44054006")
    + _codes("ICD-10", "F10.2")
    + _codes("SNOMED-CT", "7200002")
)
KIDNEY: Final = (
    _codes("ICD-10", "N18.3")
    + _codes("ICD-10-CM", "N18.30")
    + _codes("ICD-10", "N18 N18.9 Z99.2")
    + _codes("SNOMED-CT", "433144002 709044004")
    + _codes("OMOP", "443611")
)
UNRELATED: Final[tuple[Code, ...]] = (("ICD-10", "I10"), ("SNOMED-CT", "38341003"), ("ICD-10", "J45.9"))
PREGNANCY: Final = (
    _codes("ICD-10", "Z34.9 O26") + _codes("SNOMED-CT", "77386006 72892002") + _codes("ICD-10-CM", "Z3A.20")
)
PREGNANCY_END: Final[tuple[Code, ...]] = (("ICD-10", "O80"), ("ICD-10-CM", "O00.9"))
PROCEDURES: Final = _codes("OPCS-4", "G27.1 G28.1 G69.3 H07.9 G32.1 G28.5 G28.4 X65.1 G30.3") + _codes(
    "SNOMED-CT", "442338001 53442002 428829005 84027009"
)

Drug = tuple[str | None, str | None, str | None]
"""Code system, code, drug name."""

METFORMIN: Final[tuple[Drug, ...]] = (
    ("ATC", "A10BA02", "metformin"),
    ("ATC", "a10bd07", "sitagliptin and metformin"),
    ("RxNorm", "6809", None),
    ("dm+d", "411533003", "Metformin 1g modified-release tablets"),
    ("OMOP", "1503297", None),
    (None, None, "Metformin 500mg tablets"),
    (None, None, "GLYBURIDE; METFORMIN"),
    ("RxNorm", "860975", "metformin hydrochloride 500 MG"),
)
METFORMIN_DOSES: Final[tuple[tuple[str | None, str | None], ...]] = (
    (None, None),
    ("500", "2"),
    ("1000", "2"),
    ("999", "2"),
    ("2000", None),
    ("850", "3"),
)
OTHER_MEDICINES: Final[tuple[Drug, ...]] = (
    ("ATC", "A02BC01", "omeprazole"),
    ("ATC", "A02BD05", "omeprazole, amoxicillin and clarithromycin"),
    ("RxNorm", "7646", None),
    (None, None, "Esomeprazole 20mg"),
    ("local", "PPI-1", "lansoprazole 30 mg"),
    ("ATC", "A02BA03", "famotidine"),
    ("RxNorm", "9143", "ranitidine"),
    (None, None, "Nizatidine"),
    ("ATC", "M04AC01", "colchicine"),
    ("RxNorm", "2683", "colchicine"),
    ("ATC", "N03AA02", "phenobarbital"),
    ("RxNorm", "187832", None),
    ("ATC", "N03AA03", None),
    ("OMOP", "742267", None),
    (None, None, "topiramate 25mg"),
    ("ATC", "B03BB01", "folic acid"),
    ("ATC", "C07AB02", "metoprolol"),
    ("ATC", "N05BA01", "diazepam, formerly metformin"),
    (None, None, "Metforminium"),
    ("dm+d", "703907006", "apixaban, not omeprazole"),
)
B12_INJECTED: Final[tuple[tuple[Drug, str | None, str | None], ...]] = (
    # drug, kind, route
    (("ATC", "B03BA03", "hydroxocobalamin"), "administration", "IM"),
    (("ATC", "B03BA03", "hydroxocobalamin"), "administration", None),
    (("ATC", "B03BA01", "cyanocobalamin"), "prescription", "intramuscular"),
    (("ATC", "B03BA01", "cyanocobalamin"), "administration", "Subcutaneous"),
    (("dm+d", "2858311000001109", None), "prescription", None),
    (("dm+d", "1070911000001108", None), "administration", None),
    (("SNOMED-CT", "170823005", None), "administration", None),
    (("RxNorm", "5514", "hydroxocobalamin"), "administration", "IM"),
    ((None, None, "Hydroxocobalamin 1 mg/mL"), "administration", "injection"),
    ((None, None, "Cyanocobalamin 1000 mcg"), "statement", "IM"),
)
B12_GIVEN: Final = tuple(way for way in B12_INJECTED if way[1] == "administration")
B12_NOT_KNOWN_GIVEN: Final = tuple(way for way in B12_INJECTED if way[1] != "administration")
B12_SUPPLIED: Final[tuple[tuple[Drug, str | None], ...]] = (
    # drug, route
    (("ATC", "B03BA01", "cyanocobalamin"), "oral"),
    (("ATC", "B03BA01", "cyanocobalamin"), None),
    (("ATC", "B03BA05", "mecobalamin"), "PO"),
    (("ATC", "B03BA01", "cyanocobalamin"), "nasal"),
    (("ATC", "B03BA01", "cyanocobalamin"), "sublingual"),
    (("dm+d", "21333811000001109", None), None),
    (("dm+d", "18059911000001109", None), None),
    ((None, None, "Cyanocobalamin"), "oral"),
    ((None, None, "methylcobalamin 1 mg"), "SL"),
    (("OMOP", "1308738", None), "oral"),
)
NOT_TREATMENT: Final[tuple[Drug, ...]] = (
    ("ATC", "A11EA", "vitamin B complex"),
    ("ATC", "B03AE01", None),
    ("ATC", "V03AB33", "hydroxocobalamin"),
    (None, None, "folic acid; cyanocobalamin"),
    (None, None, "Cyanocobalamin + folic acid"),
    (None, None, "pyridoxine and cyanocobalamin"),
    ("dm+d", "2920711000001104", None),
)


@dataclass
class Maker:
    """Adds the rows of one person."""

    rng: Random
    patient_id: str
    tables: Tables
    dose_dates: list[date] = field(default_factory=list)  # dates around which samples are interesting
    rows_made: int = 0

    def pick(self, choices: Sequence[T]) -> T:
        return self.rng.choice(choices)

    def chance(self, probability: float) -> bool:
        return self.rng.random() < probability

    def near(self, *edges: int) -> int:
        """A number of days on an edge, or one to either side of it."""
        return max(0, self.pick(edges) + self.pick((-1, 0, 0, 1)))

    def new_id(self) -> str:
        self.rows_made += 1
        return f"{self.patient_id}-{self.rows_made}"

    def add(self, table: str, **cells: str | None) -> Row:
        row: Row = dict.fromkeys(COLUMNS[table])
        row["patient_id"] = self.patient_id
        row.update(cells)
        self.tables[table].append(row)
        return row

    def coded(self, code: Code) -> dict[str, str | None]:
        """Code system and code in one of their spellings."""
        system, text = code
        if system in DOTTED:
            text = self.pick((text, text, text.replace(".", ""), text.lower()))
        return {"code_system": self.pick(SYSTEM_SPELLINGS[system]), "code": text}

    def instant(self, on: date) -> str:
        """A day, mostly bare, sometimes with a time of day or an offset."""
        clock = f"{self.rng.randrange(24):02}:{self.rng.randrange(60):02}"
        ending = self.pick(
            ("", "", "", "", "", f"T{clock}:00", f" {clock}", f"T{clock}:00Z", f"T{clock}:00+01:00")
        )
        return f"{on.isoformat()}{ending}"

    # Laboratory

    def lab(
        self,
        codes: Sequence[Code],
        on: date,
        value: str,
        unit: str | None,
        reference_high: str | None = None,
    ) -> Row:
        return self.add(
            "labs",
            **self.coded(self.pick(codes)),
            value=self.pick((value, value, value, f" {value} ")),
            unit=unit,
            collected_at=self.instant(on),
            result_id=None if self.chance(0.03) else self.new_id(),
            sample_id=self.new_id() if self.chance(0.7) else None,
            status=self.pick((None, "final", "final", "preliminary", "corrected")),
            reference_high=reference_high,
        )

    def b12(self, kind: str, b12_class: str, on: date) -> None:
        row = self.lab(*self._b12_cells(kind, b12_class, on))
        if self.chance(0.12):
            self._revise(row, lambda: self._b12_cells(kind, self.pick(B12_CLASSES), on)[2:4])
        if self.chance(0.05):  # another sample of the day
            self.lab(*self._b12_cells(kind, self.pick(B12_CLASSES), on))
        if self.chance(0.05):
            self._spoil(self.lab(*self._b12_cells(kind, self.pick(B12_CLASSES), on)))

    def _b12_cells(self, kind: str, b12_class: str, on: date) -> tuple[Sequence[Code], date, str, str]:
        if kind == "active":
            return ACTIVE_CODES, on, self.pick(ACTIVE_PMOL[b12_class]), self.pick(PMOL_SPELLINGS)
        if self.chance(0.35):
            return TOTAL_CODES, on, self.pick(TOTAL_PMOL[b12_class]), self.pick(PMOL_SPELLINGS)
        return TOTAL_CODES, on, self.pick(TOTAL_NG[b12_class]), self.pick(NG_SPELLINGS)

    def mma(self, zone: str, on: date) -> None:
        unit = self.pick(("nmol/L", "nmol/L", *MMA_UNITS))
        limit: str | None = None
        if zone == "CENSORED":
            unit, value = "nmol/L", self.pick(self.pick((MMA_CENSORED, MMA_FAR_OUT)))
        else:
            nanomoles = self.pick(MMA_NMOL[zone])
            value = _in_mma_unit(nanomoles, unit)
            if self.chance(0.25):
                limit = self.pick(
                    (
                        value,
                        _in_mma_unit("271", unit),
                        _in_mma_unit("376", unit),
                        _in_mma_unit("800", unit),
                        "0",
                        "<1",
                        "n/a",
                    )
                )
        row = self.lab(MMA_CODES, on, value, self.pick(MMA_UNITS[unit]), limit)
        if self.chance(0.1):
            self._revise(
                row, lambda: (_in_mma_unit(self.pick(MMA_NMOL[self.pick(sorted(MMA_NMOL))]), unit), unit)
            )
        if self.chance(0.04):
            self._spoil(self.lab(MMA_CODES, on, "300", "nmol/L"))
        if self.chance(0.03):
            self.lab(MMA_CODES, on, self.pick(MMA_NMOL[self.pick(sorted(MMA_NMOL))]), "nmol/L")
        if self.chance(0.03):
            self.lab((("LOINC", "13775-2"),), on, "4.2", "mmol/mol")  # urine: never compared

    def _revise(self, row: Row, other: object) -> None:
        """The same result again: repeated, corrected, amended under another id, or withdrawn."""
        assert callable(other)
        collected = date.fromisoformat((row["collected_at"] or "")[:10])
        later = (collected + timedelta(days=3)).isoformat()
        unseen = (AS_OF + timedelta(days=self.pick((1, 5)))).isoformat()
        way = self.rng.randrange(8)
        if way == 0:
            self.tables["labs"].append(dict(row))
            return
        if way == 1:  # one sample, one value, two ids
            row["sample_id"] = row["sample_id"] or self.new_id()
            self.tables["labs"].append({**row, "result_id": self.new_id(), "status": "final"})
            return
        value, unit = other()
        if way == 2:  # amended under a new id
            row["sample_id"] = row["sample_id"] or self.new_id()
            row["status"] = "final"
            self.tables["labs"].append(
                {**row, "result_id": self.new_id(), "value": value, "unit": unit, "status": "amended"}
            )
            return
        row["result_id"] = row["result_id"] or self.new_id()
        row["received_at"] = (collected + timedelta(days=1)).isoformat()
        newer: Row = {**row, "value": value, "unit": unit, "received_at": later, "status": "corrected"}
        if way == 3:
            pass
        elif way == 4:  # known only after the run
            newer["received_at"] = unseen
        elif way == 5:  # received together: the status decides
            newer["received_at"] = row["received_at"]
            row["status"], newer["status"] = self.pick((("preliminary", "final"), ("final", "corrected")))
        elif way == 6:  # received together, same status: the worse value decides
            newer["received_at"] = row["received_at"]
            row["status"] = newer["status"] = "final"
        else:
            newer["status"] = self.pick(("entered-in-error", "cancelled"))
        self.tables["labs"].append(newer)

    def _spoil(self, row: Row) -> None:
        """A row that is not interpretable, or refused, or not yet known."""
        way = self.rng.randrange(7)
        if way == 0:
            row["value"] = self.pick(TEXT_RESULTS)
            row["unit"] = self.pick((row["unit"], None))
        elif way == 1:
            row["value"] = self.pick(BAD_VALUES)
        elif way == 2:
            row["unit"] = self.pick(BAD_UNITS)
        elif way == 3:
            row["status"] = self.pick(("verified", "entered-in-error", "cancelled"))
        elif way == 4:
            row["received_at"] = (AS_OF + timedelta(days=1)).isoformat()
        elif way == 5:
            row["collected_at"] = self.pick(("31/12/2024", None, "2024-13-01", "1890-01-01"))
        else:
            row["collected_at"] = (AS_OF + timedelta(days=self.pick((1, 40)))).isoformat()

    # Everything else

    def condition(
        self, code: Code, on: date, family_history: str | None = None, resolved_on: date | None = None
    ) -> None:
        onset, recorded = self.pick(
            (
                (on, None),
                (None, on),
                (on - timedelta(days=200), on),
                (on, on - timedelta(days=30)),
                (on, on),
            )
        )
        row = self.add(
            "conditions",
            **self.coded(code),
            condition_id=self.new_id(),
            onset_on=onset.isoformat() if onset else None,
            recorded_on=recorded.isoformat() if recorded else None,
            status=self.pick((None, "active", "active")),
            resolved_on=resolved_on.isoformat() if resolved_on else None,
            is_family_history=family_history,
        )
        way = self.rng.randrange(40)
        if way == 0:
            row["status"] = self.pick(("entered-in-error", "refuted", "cancelled", "dubious"))
        elif way == 1:  # withdrawn by a second row of the same record
            self.tables["conditions"].append({**row, "status": "entered-in-error"})
        elif way == 2:
            self.tables["conditions"].append(dict(row))
        elif way == 3:
            row["status"] = "resolved"
            row["resolved_on"] = (on + timedelta(days=20)).isoformat()
        elif way == 4 and self.chance(0.5):
            row["onset_on"] = row["recorded_on"] = None

    def procedure(self, code: Code, on: date, *lengths: str | None) -> None:
        self.add(
            "procedures",
            **self.coded(code),
            procedure_id=self.new_id(),
            performed_on=on.isoformat(),
            length_cm=self.pick(lengths or (None, None, "15", "20", "20.5", "30")),
            status=self.pick((None, "completed", "completed", "completed", "entered-in-error")),
        )

    def medication(self, drug: Drug, start: date | None, **cells: str | None) -> Row:
        system, code, name = drug
        spelled = self.pick(SYSTEM_SPELLINGS.get(system, (system,))) if system else None
        row = self.add(
            "medications",
            code_system=spelled,
            code=code,
            drug_name=name,
            medication_id=self.new_id(),
            start_on=start.isoformat() if start else None,
            **{"status": self.pick(("active", None)), **cells},
        )
        if self.chance(0.02):
            self.tables["medications"].append({**row, "status": "entered-in-error"})
        elif self.chance(0.02):
            self.tables["medications"].append(dict(row))
        return row

    def supply(self, drug: Drug, **cells: str | None) -> None:
        """A supply that is current, just ended, ended 29 to 31 days ago, or long gone."""
        kind = self.pick(("prescription", "statement", None))
        way = self.rng.randrange(6)
        length = self.pick((28, 84, 365, 1459, 1460, 1461, 1462, 2000))
        if way == 0:
            self.medication(drug, ago(length), kind=kind, **cells)
        elif way == 1:
            ended = self.near(0, 30, 30, 120, 150)
            self.medication(
                drug,
                ago(ended + length),
                kind=kind,
                end_on=ago(ended).isoformat(),
                **{**cells, "status": "completed"},
            )
        elif way == 2:
            started = self.near(27, 57, 58)
            self.medication(drug, ago(started), kind=kind, days_supply="28", **cells)
        elif way == 3:
            self.medication(drug, None, kind=kind, **cells)
        elif way == 4:
            self.medication(drug, ago(self.near(30, 150)), kind=kind, **{**cells, "status": "stopped"})
        else:  # two supplies with a gap
            gap = self.pick((10, 25, 40, 60))
            middle = self.rng.randrange(200, 400)
            self.medication(
                drug, ago(middle + gap + length), kind=kind, end_on=ago(middle + gap).isoformat(), **cells
            )
            self.medication(drug, ago(middle), kind=kind, **cells)


def ago(days: int) -> date:
    return AS_OF - timedelta(days=days)


def _in_mma_unit(nanomoles: str, unit: str) -> str:
    number = Decimal(nanomoles)
    if unit == "nmol/L":
        return nanomoles
    if unit in {"umol/L", "nmol/mL"}:
        return f"{(number / 1000).normalize():f}"
    return f"{number / Decimal('8.468'):.2f}"
