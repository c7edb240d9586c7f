"""Predictions that would give wrong numbers are refused by name, with the count and the first five."""

import json
import math
from dataclasses import replace

import pytest
from samples import make

from fas_plugin.evaluation.predictions import (
    PredictionsError,
    PredictionSet,
    check,
    read_predictions,
    read_samples,
    write_predictions,
)


@pytest.fixture(scope="module")
def made():
    return make(40)


def samples(made):
    return [p.sample for p in made.predictions]


FIVE = r"M/test/17#0, M/test/17#1, M/test/18#0, M/test/18#1, M/test/19#0, …"


def test_missing(made):
    with pytest.raises(PredictionsError, match=rf"mine: 6 samples are not predicted: {FIVE}$"):
        check(made.predictions[:-6], "mine", samples(made))


def test_unknown(made):
    with pytest.raises(
        PredictionsError, match=rf"6 samples are not in the prompt dataset: {FIVE}$"
    ):
        check(made.predictions, "mine", samples(made)[:-6])


def test_twice(made):
    with pytest.raises(PredictionsError, match=rf"mine: 6 samples are there twice: {FIVE}$"):
        check([*made.predictions, *made.predictions[-6:]], "mine")


@pytest.mark.parametrize("score", [math.nan, math.inf, -0.1, 1.1])
def test_no_number(made, score):
    bad = [replace(p, score=score) for p in made.predictions[-6:]]
    with pytest.raises(PredictionsError, match=rf"mine: 6 samples have a score that .*: {FIVE}$"):
        check([*made.predictions[:-6], *bad], "mine")


def test_mixed_protocols(made):
    other = [
        replace(p, sample=replace(p.sample, protocol="ocim_loo_C")) for p in made.predictions[-6:]
    ]
    with pytest.raises(
        PredictionsError,
        match=rf"6 samples are of protocol 'ocim_loo_C', the others of 'ocim_loo_M': {FIVE}$",
    ):
        check([*made.predictions[:-6], *other], "mine")


@pytest.mark.parametrize("fault", ["twice", "nan", "mixed"])
def test_a_file_with_a_fault_is_refused_when_it_is_read(made, tmp_path, fault):
    first, *rest = made.predictions
    bad = {
        "twice": [first, first, *rest],
        "nan": [replace(first, score=math.nan), *rest],
        "mixed": [replace(first, sample=replace(first.sample, protocol="x")), *rest],
    }[fault]
    write_predictions(tmp_path / "predictions.parquet", PredictionSet(tuple(bad), {}))
    with pytest.raises(PredictionsError, match=r"predictions.parquet: 1 sample .*M/validation/0#0"):
        read_predictions(tmp_path)


def test_parquet_keeps_everything(made, tmp_path):
    write_predictions(tmp_path / "predictions.parquet", made)
    read = read_predictions(tmp_path)
    assert read.predictions == made.predictions
    assert read.made_by["system"] == made.made_by["system"]
    assert read.made_by["schema_version"] == 2


@pytest.mark.parametrize("content", [b"", b"not parquet", b"PAR1" * 10])
def test_what_is_no_parquet_file_is_said(tmp_path, content):
    (tmp_path / "predictions.parquet").write_bytes(content)
    with pytest.raises(PredictionsError, match="not a readable Parquet file"):
        read_predictions(tmp_path)
    with pytest.raises(PredictionsError, match="no predictions there"):
        read_predictions(tmp_path / "nowhere")


def row(**change):
    return {
        "prompt": [{"role": "user", "content": "?"}],
        "images": ["a.png"],
        "label": "real",
        "datasource": "M",
        "record_id": "M/1#0",
        "video": "M/1",
        "subject": "M/1",
        "protocol": "ocim_loo_M",
        **change,
    }


def test_a_dataset_for_another_framework_is_refused(tmp_path):
    (tmp_path / "test.jsonl").write_text(json.dumps(row()) + "\n")
    (tmp_path / "export.json").write_text(json.dumps({"format": "verl"}))
    with pytest.raises(PredictionsError, match="in the format 'verl'; evaluation reads jsonl"):
        read_samples(tmp_path)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "no rows"),
        ([row(label="unknown")], "line 1: unknown label"),
        ([{"prompt": []}], "line 1: no field"),
        ([row(), row()], "1 sample .*twice: M/1#0"),
        ([row(), row(record_id="M/2#0", protocol="x")], "of protocol"),
    ],
)
def test_prompt_datasets_are_checked_too(tmp_path, rows, message):
    (tmp_path / "test.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    with pytest.raises(PredictionsError, match=message):
        read_samples(tmp_path)
