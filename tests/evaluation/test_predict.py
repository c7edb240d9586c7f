"""Scores from a VLM: what the probability is taken from, and that a killed prediction goes on."""

import json
import math
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fas_plugin.evaluation.predict import answer_probability, predict
from fas_plugin.evaluation.predictions import read_predictions
from fas_plugin.training.tiny_policy.model import build


def alternatives(**probabilities):
    return {
        i: SimpleNamespace(decoded_token=word, logprob=math.log(probability))
        for i, (word, probability) in enumerate(probabilities.items())
    }


def test_the_score_is_renormalised_over_the_two_words():
    texts = ["<think>", "x", "</think>", "<answer>", "real", "</answer>"]
    chosen = [{}] * 4 + [alternatives(real=0.6, spoof=0.2, banana=0.2), {}]
    assert answer_probability(texts, chosen) == pytest.approx(0.75)


def test_pieces_of_the_words_count_and_white_space_does_not():
    texts = ["<ans", "wer>", "\n", "sp", "oof"]
    chosen = [{}, {}, alternatives(real=0.9, spoof=0.1), alternatives(sp=0.6, real=0.2), {}]
    assert answer_probability(texts, chosen) == pytest.approx(0.25)


@given(st.lists(st.sampled_from(["<answer>", "real", "</answer>", "the", " "]), max_size=8))
def test_without_a_word_to_weigh_there_is_no_score(texts):
    assert answer_probability(texts, [alternatives(banana=1.0)] * len(texts)) is None


@pytest.fixture(scope="module")
def rows(tmp_path_factory, faces):
    """Six frames to score and a policy with random weights."""
    folder = tmp_path_factory.mktemp("predict")
    build(folder / "model", image_size=112, seed=0)
    records = [json.loads(line) for line in (faces / "manifest.jsonl").read_text().splitlines()]
    content = [{"type": "image"}, {"type": "text", "text": "real or spoof?"}]
    prompts = [
        {
            "prompt": [{"role": "user", "content": content}],
            "images": [str(faces / record["image"])],
            "label": record["label"],
            "datasource": record["domain"],
            **{name: record[name] for name in ("record_id", "video", "subject")},
        }
        for record in records[:6]
    ]
    lines = "".join(json.dumps(row) + "\n" for row in prompts)
    (folder / "test.jsonl").write_text(lines)
    return folder


def test_a_killed_prediction_keeps_what_it_had(rows):
    def run(out):
        predict(
            str(rows / "model"),
            {"test": rows / "test.jsonl"},
            out,
            n_samples=2,
            temperature=1.0,
            top_p=0.9,
            max_new_tokens=4,
            max_model_len=128,
            seed=0,
            engine_options={"enforce_eager": True, "gpu_memory_utilization": 0.1},
        )

    whole = rows / "whole.jsonl"
    run(whole)
    lines = whole.read_bytes().splitlines(keepends=True)
    predictions = read_predictions(whole)
    assert len(predictions) == 6 and all(p.n_samples == 2 for p in predictions)

    killed = rows / "killed.jsonl"
    marked = [line.replace(b'"n_samples": 2', b'"n_samples": 1') for line in lines[:4]]
    partial = killed.with_name("killed.jsonl.partial")
    partial.write_bytes(b"".join(marked) + lines[4][:20])  # the fifth was being written
    run(killed)
    assert killed.read_bytes().splitlines(keepends=True)[:4] == marked
    assert [p.record_id for p in read_predictions(killed)] == [p.record_id for p in predictions]
    assert not partial.exists()
