"""Several sources, one person: the crosswalk, shared identifiers, who is responsible, and opt-outs across sources."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from tests.small_night import LABS, Outcome, SmallNight

HEADER = "patient_id,birth_date,sex,clinic_id,registered_on,deregistered_on,deceased_on,ethnicity,opted_out\n"


def patient(patient_id: str, birth_date: str = "1950-01-01", sex: str = "female", **given: str) -> str:
    further = ("clinic_id", "registered_on", "deregistered_on", "deceased_on", "ethnicity", "opted_out")
    return ",".join([patient_id, birth_date, sex, *(given.get(name, "") for name in further)]) + "\n"


def lab(patient_id: str, value: int, day: str = "2026-05-01", sample: str = "") -> str:
    return f"{patient_id},{value},ng/L,{day},LOINC,2132-9,{sample}\n"


def linked(*links: tuple[str, str, str]) -> pl.DataFrame:
    return pl.DataFrame(links, schema=["source", "patient_id", "person_id"], orient="row")


def night(folder: Path, **of_source: Any) -> SmallNight:
    """Sources gp, hospital, ...: each its patient rows, its laboratory rows, and settings."""
    made = SmallNight(folder)
    for name, (patients, labs, settings) in of_source.items():
        made.source(name, **settings)
        made.csv("patients", HEADER + patients, source=name)
        made.csv("labs", LABS.strip() + ",sample_id\n" + labs, source=name)
    return made


def persons(outcome: Outcome) -> list[tuple[Any, ...]]:
    chosen = (
        outcome.in_force["patients"].sort("patient_id").select("source", "patient_id", "clinic_id", "sex")
    )
    return [tuple(row.values()) for row in chosen.to_dicts()]


def values(outcome: Outcome) -> list[tuple[str, str]]:
    """(identifier of the person in force, value), of every laboratory result in force."""
    labs = outcome.in_force["labs"].join(outcome.in_force["patients"], on="person_key")
    return sorted(zip(labs["patient_id"], labs["value"], strict=True))


GP = (patient("A", clinic_id="C1") + patient("B", "1960-02-02", clinic_id="C1"), lab("A", 1), {})
HOSPITAL = (patient("77", clinic_id="W9"), lab("77", 2) + lab("78", 3), {"home_rank": 1})


def test_without_a_crosswalk_sources_do_not_meet(tmp_path: Path) -> None:
    outcome = night(tmp_path, gp=GP, hospital=HOSPITAL).run()
    assert persons(outcome) == [
        ("hospital", "77", "W9", "female"),
        ("gp", "A", "C1", "female"),
        ("gp", "B", "C1", "female"),
    ]
    assert values(outcome) == [("77", "2"), ("A", "1")]
    assert outcome.quarantine["labs"]["reasons"].to_list() == ["patient_unknown"]


def test_linked_identifiers_are_one_person_of_their_home(tmp_path: Path) -> None:
    # 78 has a result but no row of its own: the link alone makes it known.
    links = linked(("gp", "A", "P1"), ("hospital", "77", "P1"), ("hospital", "78", "P1"), ("pacs", "1", "P1"))
    outcome = night(tmp_path, gp=GP, hospital=HOSPITAL).run(links=links)
    assert persons(outcome) == [("gp", "A", "C1", "female"), ("gp", "B", "C1", "female")]
    assert values(outcome) == [("A", "1"), ("A", "2"), ("A", "3")]
    assert outcome.in_force["identities"].rows() == [
        ("hospital", "77", "gp", "A"),
        ("hospital", "78", "gp", "A"),
    ]
    assert outcome.conservation["patients"]["superseded"] == 1
    buckets = outcome.in_force["labs"]["person_bucket"].unique()
    assert buckets.to_list() == outcome.in_force["patients"].filter(patient_id="A")["person_bucket"].to_list()


def test_a_merge_and_its_undoing_move_results_between_nights(tmp_path: Path) -> None:
    made = {"gp": (GP[0], lab("A", 1) + lab("B", 2), {})}
    # The same birth date, or the link would be refused.
    made["gp"] = (patient("A", clinic_id="C1") + patient("B", clinic_id="C1"), made["gp"][1], {})
    merged = night(tmp_path / "1", **made).run(links=linked(("gp", "A", "P"), ("gp", "B", "P")))
    assert values(merged) == [("A", "1"), ("A", "2")]
    parted = night(tmp_path / "2", **made).run(links=linked(("gp", "A", "P"), ("gp", "B", "Q")))
    assert values(parted) == [("A", "1"), ("B", "2")]
    assert merged.fingerprint != parted.fingerprint


@pytest.mark.parametrize(
    ("gp", "hospital", "home"),
    [
        # as of 2026-06-30
        ({"clinic_id": "C1"}, {"clinic_id": "W9"}, "gp"),
        ({"clinic_id": "C1", "deregistered_on": "2026-06-30"}, {"clinic_id": "W9"}, "hospital"),
        ({"clinic_id": "C1", "deregistered_on": "2026-07-01"}, {"clinic_id": "W9"}, "gp"),
        ({"clinic_id": "C1", "registered_on": "2026-07-01"}, {"clinic_id": "W9"}, "hospital"),
        ({"clinic_id": "C1", "registered_on": "2026-06-30"}, {"clinic_id": "W9"}, "gp"),
        ({}, {"clinic_id": "W9"}, "hospital"),
        # Nobody is responsible any more: the record is shown where it ranks first.
        (
            {"deregistered_on": "2026-01-01", "clinic_id": "C1"},
            {"deregistered_on": "2026-02-01", "clinic_id": "W9"},
            "gp",
        ),
    ],
)
def test_who_is_responsible_on_the_day_is_the_home(
    tmp_path: Path, gp: dict[str, str], hospital: dict[str, str], home: str
) -> None:
    outcome = night(
        tmp_path,
        gp=(patient("A", **gp), lab("A", 1), {}),
        hospital=(patient("77", **hospital), lab("77", 2), {"home_rank": 1}),
    ).run(links=linked(("gp", "A", "P"), ("hospital", "77", "P")))
    assert outcome.in_force["patients"]["source"].to_list() == [home]
    assert len(values(outcome)) == 2


def test_the_later_registration_is_the_home_within_a_source(tmp_path: Path) -> None:
    moved = patient("OLD", clinic_id="C1", registered_on="2010-01-01") + patient(
        "NEW", clinic_id="C2", registered_on="2020-01-01"
    )
    outcome = night(tmp_path, gp=(moved, lab("OLD", 1), {})).run(
        links=linked(("gp", "OLD", "P"), ("gp", "NEW", "P"))
    )
    assert persons(outcome) == [("gp", "NEW", "C2", "female")]
    assert values(outcome) == [("NEW", "1")]


def test_what_records_of_one_person_agree_on(tmp_path: Path) -> None:
    links = linked(("gp", "A", "P"), ("hospital", "77", "P"), ("gp", "B", "Q"), ("hospital", "78", "Q"))
    outcome = night(
        tmp_path,
        gp=(
            patient("A", sex="unknown", clinic_id="C1") + patient("B", sex="male", clinic_id="C1"),
            lab("A", 1, "2026-05-03"),
            {},
        ),
        hospital=(
            patient("77", sex="female", ethnicity="x", deceased_on="2026-05-02")
            + patient("78", sex="female"),
            "",
            {"home_rank": 1},
        ),
    ).run(links=links)
    first, second = outcome.in_force["patients"].sort("patient_id").to_dicts()
    assert (first["sex"], first["ethnicity"], str(first["deceased_on"])) == ("female", "x", "2026-05-02")
    assert (second["sex"], second["is_sex_unreadable"]) == ("unknown", True)
    # The death that the hospital tells makes the practice's later result impossible.
    assert outcome.quarantine["labs"]["reasons"].to_list() == ["after_death"]


def test_records_with_different_birth_dates_are_not_mixed(tmp_path: Path) -> None:
    links = linked(("gp", "A", "P"), ("hospital", "77", "P"))
    hospital = (patient("77", "1950-01-02", clinic_id="W9"), lab("77", 2), {})
    outcome = night(tmp_path, gp=GP, hospital=hospital).run(links=links)
    assert persons(outcome) == [("gp", "B", "C1", "female")]
    assert outcome.quarantine["patients"]["reasons"].to_list() == ["link_conflicting"] * 2
    assert outcome.quarantine["labs"]["reasons"].to_list() == ["patient_quarantined"] * 2


def test_an_identifier_linked_to_two_persons_is_nobody(tmp_path: Path) -> None:
    links = linked(("gp", "A", "P"), ("gp", "A", "Q"), ("hospital", "77", "P"))
    outcome = night(tmp_path, gp=GP, hospital=HOSPITAL).run(links=links)
    assert [row[1] for row in persons(outcome)] == ["77", "B"]
    assert outcome.quarantine["patients"].select("patient_id", "reasons").rows() == [
        ("A", "link_conflicting")
    ]
    assert values(outcome) == [("77", "2")]


def test_sources_that_share_identifiers_need_no_crosswalk(tmp_path: Path) -> None:
    shared = {"identifiers": "national"}
    laboratory = SmallNight(tmp_path)
    laboratory.source("gp", **shared).csv("patients", HEADER + patient("A", clinic_id="C1"), source="gp")
    laboratory.source("lab", **shared).csv(
        "labs", LABS + "A,140,ng/L,2026-05-01,LOINC,2132-9\n", source="lab"
    )
    outcome = laboratory.run()
    assert persons(outcome) == [("gp", "A", "C1", "female")]
    assert values(outcome) == [("A", "140")]


def test_one_sample_told_by_two_sources_is_one_result(tmp_path: Path) -> None:
    links = linked(("gp", "A", "P"), ("hospital", "77", "P"))
    outcome = night(
        tmp_path,
        gp=(patient("A", clinic_id="C1"), lab("A", 140, sample="S1") + lab("A", 150, "2026-05-02", "S2"), {}),
        hospital=(patient("77"), lab("77", 140, sample="S1") + lab("77", 150, "2026-05-02", "S3"), {}),
    ).run(links=links)
    assert values(outcome) == [("A", "140"), ("A", "150"), ("A", "150")]
    assert outcome.conservation["labs"]["superseded"] == 1


@pytest.mark.parametrize("who", ["gp", "hospital"])
def test_who_opts_out_anywhere_is_gone_everywhere(tmp_path: Path, who: str) -> None:
    out = {"opted_out": "yes"}
    gp = patient("A", clinic_id="C1", **(out if who == "gp" else {}))
    hospital = patient("77", clinic_id="W9", **(out if who == "hospital" else {}))
    made = night(tmp_path, gp=(gp, lab("A", 1), {}), hospital=(hospital, lab("77", 2) + lab("78", 3), {}))
    outcome = made.run(links=linked(("gp", "A", "P"), ("hospital", "77", "P"), ("hospital", "78", "P")))
    assert persons(outcome) == []
    assert values(outcome) == []
    assert outcome.conservation["patients"]["opted_out"] == 2
    assert outcome.conservation["labs"]["opted_out"] == 3


def test_a_contested_identifier_that_may_have_opted_out_has(tmp_path: Path) -> None:
    links = linked(("gp", "A", "P"), ("gp", "A", "Q"), ("hospital", "77", "Q"))
    hospital = (patient("77", clinic_id="W9", opted_out="yes"), lab("77", 2), {})
    outcome = night(tmp_path, gp=GP, hospital=hospital).run(links=links)
    assert [row[1] for row in persons(outcome)] == ["B"]
    assert outcome.conservation["labs"]["opted_out"] == 2


def test_an_opt_out_taken_back_at_its_source_frees_the_linked_records(tmp_path: Path) -> None:
    """The hospital is an increment: what it is told through a link must not be remembered as its own word."""
    links = linked(("gp", "A", "P"), ("hospital", "77", "P"))
    file = tmp_path / "warehouse.duckdb"

    def one(folder: str, said: str, hospital: str) -> Outcome:
        made = SmallNight(tmp_path / folder, warehouse=file)
        made.source("gp").csv("patients", HEADER + patient("A", clinic_id="C1", opted_out=said), source="gp")
        made.csv("labs", LABS + "A,1,ng/L,2026-05-01,LOINC,2132-9\n", source="gp")
        made.source("hospital", mode="increment").csv("patients", HEADER + hospital, source="hospital")
        outcome = made.run(links=links)
        made.commit(folder, patients=())
        return outcome

    assert persons(one("1", "", patient("77"))) == [("gp", "A", "C1", "female")]
    assert persons(one("2", "yes", "")) == []
    with duckdb.connect(str(file), read_only=True) as connection:
        assert connection.execute("select count(*) from patients").fetchall() == [(0,)]
        assert connection.execute("select source from opted_out").fetchall() == [("gp",)]
    assert persons(one("3", "no", patient("77"))) == [("gp", "A", "C1", "female")]


@pytest.mark.parametrize(
    ("refused", "home", "reasons"),
    [
        # Another record says the birth date: the row stays, and with it the clinic.
        (patient("A", "", clinic_id="C1"), "gp", []),
        (patient("A", "31/02/1950", clinic_id="C1"), "gp", []),
        # What cannot be used might say that the person is dead, or registered elsewhere.
        (
            patient("A", clinic_id="C1", deceased_on="soon"),
            None,
            ["date_unreadable; link_conflicting", "link_conflicting"],
        ),
        (
            patient("A", clinic_id="C1") + patient("A", clinic_id="C2", deceased_on="2026-01-01"),
            None,
            ["link_conflicting"] + ["link_conflicting; patient_conflicting"] * 2,
        ),
    ],
)
def test_a_record_that_cannot_be_used_holds_back_the_person_or_is_completed(
    tmp_path: Path, refused: str, home: str | None, reasons: list[str]
) -> None:
    outcome = night(
        tmp_path,
        gp=(refused, lab("A", 1), {}),
        hospital=(patient("77", clinic_id="W9"), lab("77", 2), {"home_rank": 1}),
    ).run(links=linked(("gp", "A", "P"), ("hospital", "77", "P")))
    assert outcome.in_force["patients"]["source"].to_list() == ([home] if home else [])
    assert sorted(outcome.quarantine["patients"]["reasons"]) == reasons
    assert len(values(outcome)) == (2 if home else 0)


def test_an_increment_is_compared_with_what_is_stored(tmp_path: Path) -> None:
    links, file = linked(("gp", "A", "P"), ("hospital", "77", "P")), tmp_path / "warehouse.duckdb"

    def one(folder: str, gp: str, hospital: str) -> Outcome:
        made = SmallNight(tmp_path / folder, warehouse=file)
        made.source("gp", mode="increment").csv("patients", HEADER + gp, source="gp")
        made.source("hospital").csv("patients", HEADER + hospital, source="hospital")
        outcome = made.run(links=links)
        made.commit(folder, patients=())
        return outcome

    assert len(persons(one("1", patient("A", clinic_id="C1"), patient("77")))) == 1
    assert persons(one("2", "", patient("77", "1950-01-02"))) == []


class Nights:
    """Nights of one warehouse with changing sources; each gives the persons in force."""

    LINKS = linked(("gp", "A", "P"), ("hospital", "77", "P"))

    def __init__(self, folder: Path) -> None:
        self.folder, self.file, self.number = folder, folder / "warehouse.duckdb", 0

    def run(self, gp: str | None, hospital: str | None, gp_mode: str = "snapshot") -> list[str]:
        self.number += 1
        made = SmallNight(self.folder / str(self.number), warehouse=self.file)
        if gp is not None:
            made.source("gp", mode=gp_mode).csv("patients", HEADER + gp, source="gp")
        if hospital is not None:
            made.source("hospital").csv("patients", HEADER + hospital, source="hospital")
            made.csv("labs", LABS + "77,2,ng/L,2026-05-01,LOINC,2132-9\n", source="hospital")
        outcome = made.run(links=self.LINKS)
        made.commit(str(self.number), patients=())
        return [str(row[1]) for row in persons(outcome)]

    def stored(self, table: str) -> int:
        with duckdb.connect(str(self.file), read_only=True) as connection:
            found = connection.execute(f"select count(*) from {table}").fetchall()
        return int(found[0][0])


OUT, STAYS = patient("A", clinic_id="C1", opted_out="yes"), patient("B", "1960-02-02", clinic_id="C1")


def test_an_opt_out_holds_while_its_source_is_not_read(tmp_path: Path) -> None:
    nights = Nights(tmp_path)
    assert nights.run(OUT, patient("77"), gp_mode="increment") == []
    assert nights.run(None, patient("77")) == []
    assert nights.stored("labs") == 0


def test_an_opt_out_holds_when_the_source_drops_the_person(tmp_path: Path) -> None:
    nights = Nights(tmp_path)
    assert nights.run(OUT + STAYS, patient("77")) == ["B"]
    assert nights.run(STAYS, patient("77")) == ["B"]
    # A row of the person that does not say so ends it.
    assert nights.run(patient("A", clinic_id="C1") + STAYS, patient("77")) == ["A", "B"]


def test_an_opt_out_reaches_what_a_source_left_behind(tmp_path: Path) -> None:
    nights = Nights(tmp_path)
    assert nights.run(STAYS, patient("77")) == ["77", "B"]
    assert nights.stored("labs") == 1
    assert nights.run(OUT + STAYS, None) == ["B"]
    assert nights.stored("labs") == 0
