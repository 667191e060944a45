"""The shipped pack loads; a pack that could mislead is refused, and the refusal says what to do."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from rules.list_register import write_hashes
from rules.loader import REQUIRED_PARAMETERS, code_system_aliases, load_pack
from schemas.errors import RulePackError

RULES = Path(__file__).parents[2] / "rules"
PACK = Path("packs/b12/1.0.0")

HELD = (
    "01",
    "02",
    "03",
    "04",
    "05",
    "06",
    "07",
    "08",
    "09",
    *range(10, 13),
    *range(20, 30),
    39,
    40,
    41,
    49,
    50,
)

Edit = Callable[[str, str, str], None]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A copy of the rules that a test may spoil."""
    home = tmp_path / "rules"
    shutil.copytree(RULES, home, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    return home


@pytest.fixture
def edit(root: Path) -> Edit:
    """Replaces a text that stands in a file of the copy, once."""

    def replace(file: str, old: str, new: str) -> None:
        path = root / PACK / file if file.endswith(".toml") else root / file
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), encoding="utf-8")

    return replace


def refusal(root: Path) -> str:
    with pytest.raises(RulePackError) as caught:
        load_pack(root=root)
    assert caught.value.hint
    assert caught.value.exit_code == 2
    return str(caught.value)


def test_the_shipped_pack_loads_from_the_package() -> None:
    pack = load_pack()
    assert (pack.id, pack.version, pack.sign_off.state) == ("b12", "1.0.0", "draft")
    assert set(pack.parameters) == set(REQUIRED_PARAMETERS)
    assert [row.id for row in pack.decisions][:4] == ["R01", "R01", "R02", "R03"]
    assert {row.id for row in pack.decisions} == {f"R{row}" for row in HELD}
    assert pack.decisions[-1].key == "R50"
    assert pack.decisions[-1].when == {}
    assert [cause.id for cause in pack.causes][-1] == "unknown"


def test_a_copy_is_the_same_pack(root: Path) -> None:
    assert load_pack(root=root).sha256 == load_pack().sha256


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("packs/b12/1.0.0/cases.md", "# Cases", "# The cases"),
        ("codelists/cond_hiv.csv", "HIV positive", "HIV antibody positive"),
        ("routes.csv", "by mouth,oral", "bymouth,oral"),
        ("code_systems.csv", "SCTID,", "SCT-ID,"),
    ],
)
def test_every_file_that_decides_is_in_the_hash(
    root: Path, edit: Edit, file: str, old: str, new: str
) -> None:
    before = load_pack(root=root).sha256
    edit(file, old, new)
    write_hashes(root)
    assert load_pack(root=root).sha256 != before


def test_sources_cover_every_citation() -> None:
    pack = load_pack()
    cited = {tag for row in pack.decisions for tag in row.fact.evidence if tag.startswith("V")}
    assert cited <= set(pack.sources)


REFUSALS = [
    # bands
    ("bands.toml", "{ ge = 180, le = 350 }", "{ ge = 190, le = 350 }", "b12_total_ng_l has a gap above 180 ng/L"),
    ("bands.toml", "{ ge = 180, le = 350 }", "{ gt = 180, le = 350 }", "has a gap at 180 ng/L"),
    ("bands.toml", "{ ge = 180, le = 350 }", "{ ge = 170, le = 350 }", "has an overlap: LOW ends at 180"),
    ("bands.toml", "{ lt = 180 }", "{ le = 180 }", "has an overlap: 180 ng/L lies in LOW and in INDET"),
    ("bands.toml", "{ lt = 180 }", "{ lt = 180, gt = 10 }", "has a gap below 10 ng/L"),
    ("bands.toml", "{ gt = 350 }", "{ gt = 350, le = 5000 }", "has a gap above 5000 ng/L"),
    ("bands.toml", "{ ge = 180, le = 350 }", "{ ge = 360, le = 350 }", "INDET holds no value"),
    ("bands.toml", "{ lt = 180 }", "{ lt = 180, le = 180 }", "two limits on one side"),
    ("bands.toml", "{ lt = 180 }", "{ below = 180 }", "unknown key `below`"),
    ("bands.toml", "{ lt = 180 }", '{ lt = "180" }', "not a number"),
    ("bands.toml", "UNLIKELY = { gt = 350 }", "UNLIKLY = { gt = 350 }", "Did you mean `UNLIKELY`?"),
    ("bands.toml", 'unit = "ng/L"', 'unit = "ug/L"', "Expected lab_b12_total in ng/L"),
    ("bands.toml", "[b12_active_pmol_l]", "[b12_active]", "Did you mean `b12_active_pmol_l`?"),
    # what every entry must say
    ("clues.toml", "label = ", "lable = ", "Did you mean `label`?"),
    ("clues.toml", 'state = "draft"\n', "", "lacks `state`"),
    ("clues.toml", 'evidence = ["S7", "K"]', "evidence = []", "scd is not cited"),
    ("clues.toml", 'source = "Combined medullary sclerosis"', 'source = " "', "scd is not cited"),
    ("clues.toml", '["S7", "K"]', '["S37"]', "evidence tag `S37`"),
    ("clues.toml", '["S7", "K"]', '["guideline"]', "evidence tag `guideline`"),
    ("clues.toml", '["S7", "K"]', '["V99"]', "cites V99, which pack.toml does not list"),
    ("clues.toml", 'state = "draft"', 'state = "final"', "unknown state `final`"),
    ("clues.toml", "[scd]", "[scd", "is not readable as TOML"),
    # clues
    ("clues.toml", '"cond_coeliac"', '"cond_celiac"', "unknown codelist `cond_celiac`"),
    ("clues.toml", 'neuro = "high_when_new"', 'neuro = "new"', "unknown neuro `new`"),
    ("clues.toml", "current_only = true\n", "", "is a medicine without `current_only`"),
    ("clues.toml", '["cond_glossitis"]', "[]", "glossitis names no codelist"),
    ("clues.toml", "[ckd_3_5]", "[ckd]", "lacks the context clue `ckd_3_5`"),
    ("clues.toml", "low_weight = true", "low_weight = 1", "not true or false"),
    # parameters
    ("parameters.toml", "[age_min]", "[min_age]", "unknown parameter `min_age`"),
    ("parameters.toml", "[pair_days]\nvalue = 30", "[pair_days]\nvalue = 30.5", "in fractions"),
    ("parameters.toml", "[pair_days]\nvalue = 30", "[pair_days]\nvalue = -30", "has the value -30"),
    ("parameters.toml", "[pair_days]\nvalue = 30", '[pair_days]\nvalue = "30"', "not a number"),
    ("parameters.toml", '"all_indeterminate"', '"everybody"', "unknown value `everybody`"),
    ("parameters.toml", 'value = "RG-N"', 'value = "RG-M"', "unknown value `RG-M`"),
    # replacement, causes, regimens
    ("replacement.toml", "[drug_b12_methylcobalamin]", "[drug_metformin]", "nothing of drug_b12_methylcobalamin"),
    ("replacement.toml", 'form = "nasal"', 'form = "nose"', "unknown form `nose`"),
    ("causes.toml", 'rule = "current_risk_medicine"', 'rule = "any_medicine"', "unknown rule `any_medicine`"),
    ("causes.toml", 'concepts = ["cond_vegan_low_b12_diet"]\n', "", "diet holds for everybody"),
    ("causes.toml", 'regimen_id = "RG-O"', 'regimen_id = "RG-Q"', "unknown regimen_id `RG-Q`"),
    ("regimens.toml", "[RG-O]", "[oral]", "is no regimen id"),
    # decisions: words
    ("decisions.toml", 'index_class = ["LOW"], neuro = ["high"]', 'index_clas = ["LOW"]', "unknown fact `index_clas`"),
    ("decisions.toml", '["LOW"], neuro = ["high"]', '["LOWISH"]', "unknown word for index_class `LOWISH`"),
    ("decisions.toml", '["LOW"], neuro = ["high"]', "[]", "gives no word for index_class"),
    ("decisions.toml", '"CONFIRMED_NEURO"', '"CONFIRMD"', "unknown status `CONFIRMD`"),
    ("decisions.toml", 'worklist = "mma_testing"', 'worklist = "mma"', "unknown worklist `mma`"),
    ("decisions.toml", '{ priority = "P1" }', '{ priority = "P0" }', "unknown priority `P0`"),
    ("decisions.toml", 'regimen = "RG-P"', 'regimen = "RG-M"', "unknown regimen `RG-M`"),
    ("decisions.toml", 'regimen = "RG-P"\n', "", "regimen off the replacement list, or none on it"),
    ("decisions.toml", "({b12})", "({b_12})", "unknown placeholder `b_12`"),
    ("decisions.toml", "({b12})", "({b12)", "brace without its partner"),
    ("decisions.toml", 'action = "Request MMA."', 'action = "Request MMA ({mma})."',
     "unknown placeholder of an action `mma`"),
    ("decisions.toml", 'reason = "Died on or before the as-of date."', 'reason = ""', "empty reason"),
    ("decisions.toml", "Died on", "{mma} died on", "uses {mma}, which may be empty"),
    ("decisions.toml", 'due_from = "index"\n', "", "only one of `due_days` and `due_from`"),
    ("decisions.toml", "due_days = 180", "due_days = 0", "no number of days"),
    ("decisions.toml", "mma_order_open = ", "mma_order = ", "unknown fact `mma_order`"),
    # decisions: proofs
    ("decisions.toml", 'neuro = ["low"] }\nreason', 'neuro = ["high"] }\nreason', "R10.neuro_low can never be reached"),
    ("decisions.toml", '["INDET"], mma = ["NONE"], symptom = ["none"]', '["LOW"], mma = ["NONE"], symptom = ["none"]',
     "R23 can never be reached"),
    ("decisions.toml", 'label = "Untested"\n', 'label = "Untested"\nwhen = { neuro = ["none"] }\n',
     "decides nothing for"),
    ("decisions.toml", '  { when = { severe = ["yes"] }, priority = "P1" },\n  { priority = "P3" },\n',
     '  { when = { severe = ["yes"] }, priority = "P1" },\n', "no priority for a person with"),
    ("decisions.toml", '{ when = { neuro = ["low"] }, priority = "P2", action',
     '{ when = { neuro = ["high"] }, priority = "P2", action',
     "an alternative with P2 can never hold"),
    ("decisions.toml", 'listed = "sometimes"\n', "", "no priority for a person with"),
    ("decisions.toml", 'worklist = "follow_up"\n', 'worklist = "follow_up"\nlisted = "sometimes"\n',
     "somebody always is"),
    ("decisions.toml", 'case = "not_registered"', 'case = "deceased"', "stands twice"),
    ("decisions.toml", 'id = "R02"', 'id = "R2"', "is no row id"),
    ("decisions.toml", 'worklist = "mma_testing"', 'worklist = "b12_replacement"\nregimen = "by_cause"',
     "twice on one list"),
    # pack.toml
    ("pack.toml", 'version = "1.0.0"', 'version = "1.0.1"', "names another pack than its folder"),
    ("pack.toml", "rows_not_held = []", 'rows_not_held = [{ row = "R11", reason = "Later." }]', "says R11 is not held"),
    ("pack.toml", 'state = "draft"', 'state = "signed"', "signed without role or date"),
    ("pack.toml", 'V34 = "', 'W34 = "', "has the tag `W34`"),
    # codelists and spellings
    ("codelists/lab_b12_total.csv", "2132-9", "2132-8", "fails the check digit of LOINC"),
    ("codelists/lab_b12_total.csv", "271216009", "271216008", "fails the check digit of SNOMED CT"),
    ("codelists/drug_pregabalin.csv", "dm+d,415162000", "dm+d,415162001", "fails the check digit of SNOMED CT"),
    ("codelists/drug_pregabalin.csv", "N02BF02", "N2BF02", "has not the form of a ATC code"),
    ("codelists/cond_hiv.csv", "ICD-10,B20", "ICD-10,20B", "has not the form of a ICD-10 code"),
    ("codelists/proc_gastrectomy_total.csv", "G27.1", "G27.12", "has not the form of a OPCS-4 code"),
    ("codelists/drug_pregabalin.csv", "RxNorm,187832", "RxNorm,18A832", "has not the form of a RxNorm code"),
    ("codelists/drug_pregabalin.csv", "OMOP,734354", "OMOP,0734354", "has not the form of a OMOP code"),
    ("codelists/cond_hiv.csv", "cond_hiv,ICD-10,", "cond_hiv,ICD-9,", "unknown code system `ICD-9`"),
    ("codelists/cond_hiv.csv", ",exact,", ",precise,", "unknown breadth `precise`"),
    ("codelists/cond_hiv.csv", "cond_hiv,ICD-10,", "cond_aids,ICD-10,", "names another list than its file"),
    ("codelists/exceptions.csv", "A02BD", "A02BX", "excepts a code that no list holds"),
    ("units.csv", "lab_b12_total,pg/ml,", "lab_b12_total,ng/l,", "lists `ng/l` twice for lab_b12_total"),
    ("units.csv", "lab_b12_total,ng/l,", "lab_b12_total,ng/L,", "spelling that no unit can equal"),
    ("units.csv", "lab_mma_serum,umol/l,umol/L,nmol/L,1000", "lab_mma_serum,umol/l,umol/L,nmol/L,100",
     "second meaning"),
    ("units.csv", "lab_mma_serum,", "lab_mma,", "unknown codelist `lab_mma`"),
    ("routes.csv", "po,oral", "oral,oral", "lists `oral` twice"),
    ("routes.csv", "po,oral", "po,mouth", "unknown form `mouth`"),
    ("drug_names.csv", "warfarin,", "apixaban,", "repeats the name `apixaban`"),
    ("drug_names.csv", "warfarin,", "Warfarin,", "lower case"),
    ("code_systems.csv", "SCTID,SNOMED-CT", "sct,SNOMED-CT", "repeats an alias"),
]  # fmt: skip


@pytest.mark.parametrize(("file", "old", "new", "says"), REFUSALS, ids=[case[3] for case in REFUSALS])
def test_refusals(root: Path, edit: Edit, file: str, old: str, new: str, says: str) -> None:
    edit(file, old, new)
    message = refusal(root)
    assert says in message
    assert Path(file).name in message


def test_a_missing_codelist_is_refused(root: Path) -> None:
    (root / "codelists" / "cond_coeliac.csv").unlink()
    register = root / "codelists" / "lists.toml"
    blocks = register.read_text(encoding="utf-8").split("\n\n")
    kept = [block for block in blocks if not block.startswith("[cond_coeliac]")]
    register.write_text("\n\n".join(kept), encoding="utf-8")
    assert "unknown codelist `cond_coeliac`" in refusal(root)


def test_a_missing_parameter_is_refused(root: Path) -> None:
    path = root / PACK / "parameters.toml"
    text = path.read_text(encoding="utf-8")
    sections = [part for part in text.split("\n\n") if not part.startswith("[washout_days]")]
    path.write_text("\n\n".join(sections), encoding="utf-8")
    assert "lacks the parameter `washout_days`" in refusal(root)


def test_a_missing_file_is_refused(root: Path) -> None:
    (root / PACK / "causes.toml").unlink()
    assert "causes.toml: the file is missing" in refusal(root)


def test_rows_of_one_id_stay_together(root: Path) -> None:
    path = root / PACK / "decisions.toml"
    text = path.read_text(encoding="utf-8")
    _, deceased, not_registered, under_age, rest = re.split(r"(?m)^(?=\[\[row\]\]$)", text, maxsplit=4)
    path.write_text(deceased + under_age + not_registered + rest, encoding="utf-8")
    assert "is apart from the other rows of R01" in refusal(root)


def test_an_unknown_pack_names_those_there_are() -> None:
    with pytest.raises(RulePackError, match=r"Did you mean `b12/1\.0\.0`"):
        load_pack("b12/1.0.1")


def test_a_path_is_no_pack() -> None:
    with pytest.raises(RulePackError):
        load_pack("../packs/b12/1.0.0")


@pytest.mark.parametrize(
    ("reported", "system"),
    [
        ("LOINC", "LOINC"),
        ("http://loinc.org", "LOINC"),
        ("urn:oid:2.16.840.1.113883.6.1", "LOINC"),
        ("SNOMED CT", "SNOMED-CT"),
        ("snomed_ct", "SNOMED-CT"),
        ("2.16.840.1.113883.6.96", "SNOMED-CT"),
        ("http://snomed.info/sct", "SNOMED-CT"),
        ("icd10", "ICD-10"),
        ("ICD-10-CM", "ICD-10-CM"),
        ("http://hl7.org/fhir/sid/icd-10-cm", "ICD-10-CM"),
        ("http://hl7.org/fhir/sid/icd-10", "ICD-10"),
        ("http://www.nlm.nih.gov/research/umls/rxnorm", "RxNorm"),
        ("http://www.whocc.no/atc", "ATC"),
        ("https://dmd.nhs.uk", "dm+d"),
        ("DM+D", "dm+d"),
        ("https://fhir.hl7.org.uk/Id/opcs-4", "OPCS-4"),
        ("OPCS4", "OPCS-4"),
        ("OMOP", "OMOP"),
    ],
)
def test_code_systems_are_known_by_many_names(reported: str, system: str) -> None:
    squeezed = reported.lower().replace(" ", "").replace("-", "").replace("_", "")
    assert code_system_aliases().filter(alias=squeezed)["system"].to_list() == [system]


def test_an_unknown_code_system_has_no_alias() -> None:
    assert code_system_aliases().filter(alias="read2").is_empty()
