"""Cautions and follow-up items that could mislead are refused, and the refusal says what to do."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from rules.loader import load_pack
from schemas.errors import RulePackError

RULES = Path(__file__).parents[2] / "rules"
PACK = Path("packs/b12/1.0.0")

REFUSALS = [
    ("cautions.toml", 'severity = "high"', 'severity = "severe"', "unknown severity `severe`"),
    ("cautions.toml", "anaemia_or_macrocytosis =", "anaemia =", "unknown fact `anaemia`"),
    (
        "cautions.toml",
        'folic_acid = ["at_limit"]',
        'folic_acid = ["400"]',
        "unknown word for folic_acid `400`",
    ),
    ("cautions.toml", 'evidence = ["S12"]', "evidence = []", "C02 is not cited"),
    ("cautions.toml", 'evidence = ["S12"]', 'evidence = ["V99"]', "cites V99"),
    (
        "cautions.toml",
        "computable = false\n",
        "",
        "C08 has cases though it is not computable, or none though it is",
    ),
    ("cautions.toml", 'id = "C02"', 'id = "C01"', "has a caution twice or out of order"),
    ("cautions.toml", 'id = "C02"', 'id = "C2"', "has no id of its kind"),
    ("cautions.toml", "alone =", "lone =", "unknown key `lone`"),
    ("cautions.toml", 'alone = ["high"]', 'alone = ["low"]', "unknown severity `low`"),
    ("cautions.toml", 'when = { mma_with_low_egfr = ["yes"] }', "when = {}", "holds for everybody"),
    (
        "cautions.toml",
        'case = "low"\nwhen = {',
        'case = "low"\nwhen = { eligibility = ["dead"],',
        "unknown word for",
    ),
    ("follow_up.toml", "due_days = 90", "due_days = -1", "`due_days` that is no number of days"),
    ("follow_up.toml", "due_days = 90", "due_days = 1.5", "`due_days` that is no number of days"),
    ("follow_up.toml", '"im_interval_days"', '"im_interval"', "unknown due_days `im_interval`"),
    ("follow_up.toml", '"im_interval_days"', '"hb_severe"', "counts days by hb_severe, which is in g/L"),
    ("follow_up.toml", 'id = "F8"', 'id = "F11"', "nothing works out its date"),
    ("follow_up.toml", 'id = "F8"', 'id = "F7"', "has an item twice"),
    ("follow_up.toml", ', { priority = "P4" }]', "]", "may leave somebody without a priority"),
    ("follow_up.toml", 'case = "breastfeeding"', 'case = "pregnant"', "two cases of one name"),
    ("follow_up.toml", 'breastfeeding = ["yes"]', 'early_review = ["yes"]', "can never be reached"),
    ("follow_up.toml", 'not_computed = "There is no list', 'not_computed = ""\n# "', "does not say why"),
    ("parameters.toml", 'value = "black"', 'value = "Black"', "ethnicity_words has the words `Black`"),
    ("parameters.toml", '"pos, detected"', '"pos,"', "antibody_positive_words has the words `pos,`"),
    ("parameters.toml", '"pos, detected"', '""', "antibody_positive_words has the words ``"),
    ("follow_up.toml", 'text = "Yearly', 'text = " "\n# "', "has an empty `text`"),
]


@pytest.mark.parametrize(("file", "old", "new", "what"), REFUSALS)
def test_refusals(tmp_path: Path, file: str, old: str, new: str, what: str) -> None:
    home = tmp_path / "rules"
    shutil.copytree(RULES, home, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    path = home / PACK / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(RulePackError, match=r".") as caught:
        load_pack(root=home)
    assert what in str(caught.value)
    assert caught.value.hint


def test_intervals_come_from_the_parameters() -> None:
    pack = load_pack()
    (item,) = (item for item in pack.follow_up if item.id == "F4")
    assert [(case.case, case.due_days, case.overdue_days) for case in item.cases] == [
        ("monthly", 30, 7),
        ("neuro", 61, 14),
        ("standard", 91, 14),
    ]
