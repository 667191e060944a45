"""What holds whatever the extract: shown on seeded cohorts dense in difficult people, person by person.

A night costs a second and a person next to nothing. So every person is delivered several times under other
names: as they are, with other spellings of the units, with rows that nobody can know yet, and with one B12
result lowered. Each double has to be decided on as its original is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, time, timedelta
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from schemas.vocabulary import CLINICAL_STATUSES, PRIORITIES
from tests.night import Publication, screened_tables
from tests.reference.cohorts import ACTIVE_CODES, AS_OF, TOTAL_CODES, make_cohort

PEOPLE = 250
NIGHTS = 2

Row = dict[str, str | None]
Tables = dict[str, list[Row]]

OWN = frozenset({"patient_id", "person_bucket", "evidence_ids"})
"""What a double does not share: its name, and record ids that are hashes where the extract names none."""


# Doubles -------------------------------------------------------------------------------------------------


def renamed(tables: Mapping[str, list[Row]], prefix: str) -> Tables:
    return {
        table: [row | {"patient_id": f"{prefix}{row['patient_id']}"} for row in rows]
        for table, rows in tables.items()
    }


def together(*deliveries: Mapping[str, list[Row]]) -> Tables:
    return {
        table: [row for tables in deliveries for row in tables.get(table, [])]
        for table in {table for tables in deliveries for table in tables}
    }


SAME_AMOUNT = {
    "ng/l": "pg/mL",
    "pg/ml": "ng/L",
    "nmol/ml": "umol/L",
    "umol/l": "nmol/mL",
    "ng/ml": "ug/L",
    "ug/l": "ng/mL",
}
"""Unit -> another name of the same unit, for B12 and MMA."""
B12_CODES = {code.casefold() for _, code in (*TOTAL_CODES, *ACTIVE_CODES)}
MMA_CODES = {"13964-2", "3009799"}


def code_of(row: Row) -> str:
    return (row.get("code") or "").strip().casefold()


def in_other_units(tables: Tables, rng: Random) -> Tables:
    def other(row: Row) -> Row:
        unit = (row.get("unit") or "").replace(" ", "").casefold().replace("µ", "u").replace("μ", "u")
        is_read = code_of(row) in B12_CODES | MMA_CODES
        return row | {"unit": SAME_AMOUNT[unit]} if is_read and unit in SAME_AMOUNT else row

    return tables | {"labs": [other(row) for row in tables["labs"]]}


def with_what_nobody_knows_yet(tables: Tables, rng: Random) -> Tables:
    """Rows dated after the day of the screen, and rows and corrections that were received after it."""
    people = [row["patient_id"] for row in tables["patients"]]
    added: Tables = {table: [] for table in ("labs", "medications", "conditions", "procedures", "orders")}
    for person in people:
        after = AS_OF + timedelta(days=rng.choice((1, 2, 400)))
        before = AS_OF - timedelta(days=rng.choice((0, 1, 100)))
        for on, received in ((after, None), (after, after), (before, after)):
            for table, row in unseen_rows(person, on, received):
                added[table].append(row)
    for row in tables["labs"]:
        if rng.random() < 0.5 and row.get("result_id"):
            late = row | {"received_at": (AS_OF + timedelta(days=1)).isoformat()}
            added["labs"].append(late | rng.choice(CHANGES))
    for table in ("medications", "conditions"):
        id_column = f"{table.removesuffix('s')}_id"
        for row in tables.get(table, []):
            if rng.random() < 0.3 and row.get(id_column):
                late = row | {"received_at": f"{AS_OF + timedelta(days=1)}T00:00:00"}
                added[table].append(late | {"status": "entered-in-error"})
    return together(tables, added)


CHANGES: tuple[Row, ...] = (
    {"status": "corrected", "value": "50"},
    {"status": "entered-in-error"},
    {"status": "cancelled"},
    {"status": "final", "value": "5000"},
)


def unseen_rows(person: str | None, on: date, received: date | None) -> Iterator[tuple[str, Row]]:
    late = {
        "patient_id": person,
        "received_at": received and datetime.combine(received, time()).isoformat(),
    }
    when = on.isoformat()
    for code, value, unit in (
        ("2132-9", "50", "ng/L"),
        ("72160-5", "5", "pmol/L"),
        ("13964-2", "9000", "nmol/L"),
        ("62238-1", "10", "mL/min/1.73m2"),
        ("718-7", "60", "g/L"),
        ("777-3", "10", "10*9/L"),
    ):
        result = {"code_system": "LOINC", "code": code, "value": value, "unit": unit, "collected_at": when}
        yield "labs", late | result
    for code in ("G32.0", "O80", "Z34.9", "K90.0", "E10.9", "G62.9", "R53", "N18.5"):
        yield "conditions", late | {"code_system": "ICD-10", "code": code, "recorded_on": when}
    for drug in ("hydroxocobalamin 1 mg injection", "metformin 1 g", "omeprazole 20 mg"):
        yield "medications", late | {"drug_name": drug, "start_on": when, "kind": "prescription"}
    yield "procedures", late | {"code_system": "OPCS-4", "code": "G27.1", "performed_on": when}
    for code in ("13964-2", "2132-9"):
        order = {"code_system": "LOINC", "code": code, "ordered_on": when, "status": "active"}
        yield "orders", late | order


def with_one_b12_lowered(tables: Tables, rng: Random) -> Tables:
    """Of each person one numeric B12 result of the past year, lowered by a little, by half or by nine tenths.

    Older results are left alone: an indeterminate one of that age is out of its window and a low one is not,
    but stale, and stale results have a priority of their own (P3).
    """
    labs = list(tables["labs"])
    places: dict[str | None, list[int]] = {}
    for place, row in enumerate(labs):
        if code_of(row) in B12_CODES and is_number(row["value"]) and is_of_the_past_year(row["collected_at"]):
            places.setdefault(row["patient_id"], []).append(place)
    for person in sorted(places, key=str):
        place = rng.choice(places[person])
        lower = float(labs[place]["value"] or "") * rng.choice((0.1, 0.5, 0.5, 0.9))
        labs[place] = labs[place] | {"value": f"{lower:.3f}"}
    return tables | {"labs": labs}


def is_number(text: str | None) -> bool:
    try:
        return 0 < float(text or "") < 1e6
    except ValueError:
        return False


def is_of_the_past_year(text: str | None) -> bool:
    try:
        return AS_OF - timedelta(days=365) <= date.fromisoformat((text or "")[:10]) <= AS_OF
    except ValueError:
        return False


DOUBLES: dict[str, Callable[[Tables, Random], Tables]] = {
    "UNITS-": in_other_units,
    "LATER-": with_what_nobody_knows_yet,
    "LOWER-": with_one_b12_lowered,
}


# Nights --------------------------------------------------------------------------------------------------


class Nights(NamedTuple):
    """One cohort screened with its doubles, in another order, and in two halves."""

    tables: Tables
    whole: Publication
    reordered: Publication
    halves: tuple[Publication, Publication]


def screened_in_all_ways(seed: int, folder: Path) -> Nights:
    rng, plain = Random(seed), make_cohort(seed, PEOPLE)
    doubles = [renamed(change(plain, rng), prefix) for prefix, change in DOUBLES.items()]
    tables = together(plain, *doubles)
    shuffled = {table: rng.sample(rows, len(rows)) for table, rows in tables.items()}
    ids = [row["patient_id"] for row in plain["patients"]]
    firsts = set(rng.sample(ids, len(ids) // 2))
    halves = [
        {
            table: [row for row in rows if (row["patient_id"] in firsts) is is_first]
            for table, rows in plain.items()
        }
        for is_first in (True, False)
    ]
    return Nights(
        tables,
        screened_tables(tables, folder / "whole", AS_OF),
        screened_tables(shuffled, folder / "reordered", AS_OF),
        (
            screened_tables(halves[0], folder / "first", AS_OF),
            screened_tables(halves[1], folder / "second", AS_OF),
        ),
    )


def decided(person: Mapping[str, Any], ids: frozenset[str] = OWN) -> dict[str, Any]:
    return {name: cell for name, cell in person.items() if name not in ids}


def differing(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    return {name: (first[name], second[name]) for name in first if first[name] != second[name]}


def doubles_that_differ(night: Publication, prefix: str) -> dict[str, Any]:
    people = night.by_person
    originals = [name for name in people if not name.startswith(tuple(DOUBLES))]
    assert {f"{prefix}{name}" for name in originals} <= people.keys()
    found = {name: differing(decided(people[name]), decided(people[f"{prefix}{name}"])) for name in originals}
    return {name: unlike for name, unlike in found.items() if unlike}


def urgency(person: Mapping[str, Any]) -> int:
    """The higher the more urgent; 0 for a person on no list."""
    return 0 if person["priority"] is None else len(PRIORITIES) - PRIORITIES.index(person["priority"])


BY_THE_TABLE = ("R09", "R10.neuro_low")
"""Pregnant with uncertain neurological features: R09 asks for review at P1, R10 for confirmation at P2."""


def lowered_without_cause(night: Publication) -> dict[str, Any]:
    """People whose best priority over all lists fell when one B12 was lowered.

    Left out is who is kept off a list by a test already asked for: a lower result may call for another list
    than before, and on that list an open request for its test may be standing in for the person. So is who the
    specification's own rows give a lower priority.
    """
    people, found = night.by_person, {}
    for name, before in people.items():
        after = people.get(f"LOWER-{name}")
        if after is None or before["is_suppressed"] or after["is_suppressed"]:
            continue
        if (before["decision_key"], after["decision_key"]) == BY_THE_TABLE:
            continue
        if urgency(after) < urgency(before):
            shown = ("rule_id", "decision_key", "priority", "index_class", "mma", "pregnant")
            found[name] = {word: (before[word], after[word]) for word in shown}
    return found


def assert_one_status_each(nights: Nights) -> None:
    decisions = nights.whole.decisions
    assert decisions["patient_id"].is_unique().all()
    assert decisions["clinical_status"].is_in(list(CLINICAL_STATUSES)).all()
    assert set(decisions["patient_id"]) <= {row["patient_id"] for row in nights.tables["patients"]}
    assert (decisions["lists"].list.len() > 0).to_list() == decisions["priority"].is_not_null().to_list()
    listed = {name: set(rows) for name, rows in nights.whole.listed.items()}
    told = {name: set(person["lists"]) for name, person in nights.whole.by_person.items() if person["lists"]}
    assert listed == told


@pytest.mark.filterwarnings("ignore")
@settings(
    max_examples=NIGHTS,
    deadline=None,
    database=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
@given(seed=st.integers(0, 2**32 - 1))
def test_whatever_the_cohort(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    nights = screened_in_all_ways(seed, tmp_path_factory.mktemp("cohort"))
    whole = nights.whole.by_person
    # Exactly one status per person.
    assert_one_status_each(nights)
    # Row order changes nothing.
    assert nights.reordered.by_person == whole
    assert nights.reordered.folder.name == nights.whole.folder.name
    # The screen of A with B is the screen of A with the screen of B.
    apart = nights.halves[0].by_person | nights.halves[1].by_person
    assert {name: person for name, person in whole.items() if not name.startswith(tuple(DOUBLES))} == apart
    # The unit of report, within its own limits, changes nothing.
    assert doubles_that_differ(nights.whole, "UNITS-") == {}
    # A row dated or received after the day of the screen changes nothing.
    assert doubles_that_differ(nights.whole, "LATER-") == {}
    # Lowering a B12 never lowers the priority.
    assert lowered_without_cause(nights.whole) == {}
