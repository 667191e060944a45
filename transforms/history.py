"""What is on record of the people of a screen, and what it says of symptoms, risks and causes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import polars as pl

from rules.model import Pack
from transforms import clues
from transforms.clues import Pregnancy, age_years
from transforms.inputs import Inputs, Keep
from transforms.replacement import doses, state


@dataclass(frozen=True)
class History:
    """Records as the screen reads them, each frame held as its caller wants it.

    people: one row per person, with `age`. happened: coded events; supplied: medicines. doses: of B12, of which
    `dosed` are those that count as treatment; courses: the state of replacement they give. pregnancies: to be
    asked at any date; pregnant: who is at `as_of`.
    """

    inputs: Inputs
    people: pl.LazyFrame
    happened: pl.LazyFrame
    supplied: pl.LazyFrame
    doses: pl.LazyFrame
    dosed: pl.LazyFrame
    courses: pl.LazyFrame
    pregnancies: Pregnancy
    pregnant: pl.LazyFrame


@dataclass(frozen=True)
class Signs:
    """What speaks for a deficiency beside its own tests: one row per person, in `*_rows` per record."""

    blood: pl.LazyFrame
    symptom_rows: pl.LazyFrame
    symptoms: pl.LazyFrame
    risk_rows: pl.LazyFrame
    risks: pl.LazyFrame
    cause: pl.LazyFrame
    neuro_ever: pl.LazyFrame


def history_of(inputs: Inputs, pack: Pack, as_of: date, keep: Keep) -> History:
    people = keep(inputs.patients.with_columns(age=age_years("birth_date", pl.lit(as_of))))
    happened = keep(clues.events(inputs, pack))
    taken = keep(doses(inputs.medications, inputs.codes, pack))
    dosed = keep(taken.filter("is_counted"))
    pregnancies = clues.pregnancy_records(happened, people, pack, keep)
    asked_now = people.select("person_key", asked_on=pl.lit(as_of))
    return History(
        inputs=inputs,
        people=people,
        happened=happened,
        supplied=keep(clues.supplied_concepts(inputs, pack)),
        doses=taken,
        dosed=dosed,
        courses=keep(state(dosed, pack, as_of)),
        pregnancies=pregnancies,
        pregnant=keep(clues.pregnant_at(asked_now, pregnancies, pack)),
    )


def signs_of(history: History, pack: Pack, as_of: date, keep: Keep) -> Signs:
    people, happened, observations = history.people, history.happened, history.inputs.observations
    blood = keep(clues.blood_signs(people, observations, history.pregnant, pack, as_of))
    symptom_rows = keep(clues.symptom_rows(happened, blood, pack, as_of))
    risk_rows = keep(clues.risk_rows(happened, history.supplied, people, pack, as_of))
    risks = keep(clues.risk_factors(risk_rows))
    return Signs(
        blood=blood,
        symptom_rows=symptom_rows,
        symptoms=keep(clues.symptoms(symptom_rows, happened, pack)),
        risk_rows=risk_rows,
        risks=risks,
        cause=keep(clues.causes(happened, observations, risks, pack)),
        neuro_ever=keep(clues.ever_neuro(happened, pack)),
    )
