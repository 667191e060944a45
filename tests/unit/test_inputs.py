"""What a pass of the screen reads."""

from __future__ import annotations

from dataclasses import fields

import polars as pl

from transforms.inputs import Inputs, record_order


def test_a_pass_reads_its_buckets_to_the_last_and_every_code() -> None:
    every = pl.LazyFrame({"person_bucket": [1, 2, 3, 4]})
    narrowed = Inputs(**{field.name: every for field in fields(Inputs)}).of_buckets(2, 3)
    read = {name: frame.collect()["person_bucket"].to_list() for name, frame in vars(narrowed).items()}
    assert read.pop("codes") == [1, 2, 3, 4]
    assert set(map(tuple, read.values())) == {(2, 3)}


def test_a_row_without_a_record_id_comes_before_every_id() -> None:
    rows = pl.DataFrame({"evidence_id": ["A1", "row-9f", "-1", None]})
    assert rows.select(record_order()).to_series().to_list() == ["A1", "", "-1", ""]
