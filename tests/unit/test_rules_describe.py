"""The pack in words."""

from __future__ import annotations

from dataclasses import replace

from rules.describe import check_lines, show_markdown
from rules.loader import load_pack
from rules.model import SignOff

PACK = load_pack()


def test_check_says_what_stands_in_the_way_of_signing() -> None:
    lines = "\n".join(check_lines(PACK))
    assert "Not clinically signed off (state: draft)" in lines
    assert "[K]" in lines
    assert "b12_fresh_days" in lines
    assert "40 codes are held back" in lines
    assert f"{len(PACK.rows_not_held)} rows of the clinical table are not held" in lines


def test_check_of_a_signed_pack_says_so() -> None:
    signed = replace(PACK, sign_off=SignOff("signed", "clinical lead", "2026-02-01"))
    assert "Clinically signed off by the clinical lead on 2026-02-01." in check_lines(signed)


def test_show_holds_every_entry_of_the_pack() -> None:
    shown = show_markdown(PACK)
    assert all(f"**{row.key}**" in shown for row in PACK.decisions)
    assert all(f"`{name}`" in shown for name in PACK.parameters)
    assert all(f"- {tag}: " in shown for tag in PACK.sources)
    assert all(regimen.text in shown for regimen in PACK.regimens.values())
    assert PACK.sha256 in shown


def test_show_keeps_the_order_of_the_decision_table() -> None:
    shown = show_markdown(PACK)
    places = [shown.index(f"**{row.key}**") for row in PACK.decisions]
    assert places == sorted(places)


def test_show_words_a_band_and_a_condition() -> None:
    shown = show_markdown(PACK)
    assert "LOW below 180; INDET at least 180 and at most 350; UNLIKELY over 350" in shown
    assert "when index_class is LOW and neuro is high" in shown
    assert "| `tier_c_metformin_ug` | 2000000 |" in shown
