"""Other ways to get scores: a real vLLM server, a real ONNX network, a file; and their bad input."""

import json
import math
import os
import socket
import subprocess
import sys
import time
import urllib.request

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image
from samples import make

from fas_plugin.cli import main
from fas_plugin.evaluation.answer_score import Piece, along, answer_start, sample_score
from fas_plugin.evaluation.predict import predict
from fas_plugin.evaluation.predictions import (
    PredictionsError,
    read_predictions,
    read_samples,
    write_predictions,
)
from fas_plugin.evaluation.systems import Sampling, open_system
from fas_plugin.evaluation.systems.classifier import CardError, card_names, load_card
from fas_plugin.evaluation.systems.endpoint import Endpoint, EndpointError, _read


@pytest.fixture(scope="module")
def server(policy):
    """vLLM's own OpenAI-compatible server with the tiny policy."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    command = (
        f"{sys.executable} -m vllm.entrypoints.openai.api_server --port {port} --model".split()
    )
    flags = [
        "--served-model-name",
        "tiny",
        "--max-model-len",
        "128",
        "--enforce-eager",
        "--dtype",
        "bfloat16",
    ]
    job = subprocess.Popen(
        [*command, str(policy), *flags, "--gpu-memory-utilization", "0.1"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "no_proxy": "127.0.0.1"},
    )
    url = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + 400
    while True:
        assert job.poll() is None and time.monotonic() < deadline
        try:
            urllib.request.urlopen(f"{url}/health", timeout=5).close()
            break
        except OSError:
            time.sleep(0.5)
    yield f"{url}/v1"
    job.terminate()
    job.wait(timeout=60)


def test_a_real_server_scores_as_the_model_in_process(server, policy, prompts, tmp_path):
    from test_predict import system

    samples = read_samples(prompts)
    greedy = Sampling(max_new_tokens=40)
    served = predict(Endpoint(server, "tiny", greedy), samples, tmp_path / "served")
    inside = predict(system(policy), samples, tmp_path / "inside")
    same = [
        (a.score, b.score)
        for a, b in zip(served.predictions, inside.predictions, strict=True)
        if a.completions[0] == b.completions[0].removesuffix("<|im_end|>")
    ]
    assert len(same) >= 4  # bfloat16 may break a tie in another way
    for a, b in same:
        assert a == pytest.approx(b, abs=0.02)
    assert {s for p in served.predictions for s in p.sources} == {"logprobs"}


def test_a_real_server_continues_a_prefilled_verdict_and_samples_several(server, prompts, tmp_path):
    samples = read_samples(prompts)[:3]
    sampling = Sampling(mode="verdict", samples=3, temperature=1.0)
    made = predict(Endpoint(server, "tiny", sampling), samples, tmp_path)
    for prediction in made.predictions:
        assert len(prediction.completions) == 3
        assert all(text.startswith("<answer>") for text in prediction.completions)
        assert prediction.score == pytest.approx(np.mean(prediction.scores))
        assert np.ptp(prediction.scores) < 1e-3  # the answer comes first: nothing was sampled yet


def test_a_server_that_refuses_is_quoted(server, prompts, tmp_path):
    with pytest.raises(EndpointError, match=r"404 .*other"):
        predict(Endpoint(server, "other", Sampling()), read_samples(prompts)[:1], tmp_path)


def test_a_server_that_is_not_there_is_named_and_nothing_is_lost(prompts, tmp_path, monkeypatch):
    monkeypatch.setattr("fas_plugin.evaluation.systems.endpoint.PAUSE", 0.01)
    with pytest.raises(EndpointError, match=r"no answer after 5 tries .*what is finished is kept"):
        predict(
            Endpoint("http://127.0.0.1:9/v1", "x", Sampling()), read_samples(prompts)[:1], tmp_path
        )
    assert main(["evaluate", "http://127.0.0.1:9/v1", str(prompts), str(tmp_path / "x")]) == 1


def test_without_log_probabilities_the_text_counts_and_is_called_so():
    choice = {"message": {"content": "<think>Moire.</think><answer>spoof</answer>"}}
    text, tree = _read(choice, "")
    found = sample_score(text, tree)
    assert (found.value, found.source) == (0.0, "text")
    text, tree = _read({"message": {"content": "I cannot help"}}, "")
    assert (sample_score(text, tree).value, sample_score(text, tree).source) == (0.5, "none")


def test_the_score_is_renormalised_over_the_two_words():
    tree = along(
        [[Piece("real", 0.6), Piece("spoof", 0.2), Piece("banana", 0.2)]], [Piece("real", 1)]
    )
    assert sample_score("", tree).value == pytest.approx(0.75)


def test_white_space_before_the_word_is_walked_over():
    first = [Piece("\n\n", 0.9), Piece("real", 0.05), Piece("spoof", 0.01)]
    second = [Piece("real", 0.2), Piece("spoof", 0.8)]
    tree = along([first, second], [Piece("\n\n", 1), Piece("spoof", 1)])
    expected = (0.05 + 0.9 * 0.2) / (0.06 + 0.9)
    assert sample_score("", tree).value == pytest.approx(expected)


def test_other_words_than_the_two_count_as_stated():
    """P(real) is the larger of two tiny ones, but the model says fake."""
    tree = along(
        [[Piece("fake", 0.97), Piece("real", 0.02), Piece("spoof", 0.001)]], [Piece("fake", 1)]
    )
    found = sample_score("<think>x</think><answer>fake</answer>", tree)
    assert (found.value, found.source) == (0.0, "text")


@pytest.mark.parametrize(
    ("pieces", "start"),
    [
        (["<think>", "x", "</think>", "<answer>", "real"], 4),
        (["<ans", "wer>", "\n", "sp", "oof"], 2),
        (["say <answer>real</answer>", "no", "<answer>", "spoof"], 3),
        (["<answer>"], None),
        (["<answer>re", "al"], None),
        ([], None),
    ],
)
def test_where_the_answer_starts(pieces, start):
    assert answer_start(pieces) == start


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    """A real network: red against blue, in two logits; it wants BGR from 0 to 1."""
    weights = np.array([[8.0, 0.0, -8.0], [-8.0, 0.0, 8.0]], np.float32).T  # blue, green, red
    graph = helper.make_graph(
        [
            helper.make_node("GlobalAveragePool", ["image"], ["mean"]),
            helper.make_node("Flatten", ["mean"], ["flat"]),
            helper.make_node("MatMul", ["flat", "weights"], ["logits"]),
        ],
        "red",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, 16, 24])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, 2])],
        [numpy_helper.from_array(weights, "weights")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    path = tmp_path_factory.mktemp("network") / "red.onnx"
    onnx.save(model, path)
    card = {
        "name": "red",
        "source": "made here",
        "size": [24, 16],
        "colour": "bgr",
        "scale": 1 / 255,
        "output": "logits",
        "bona_fide": 1,
        "crop": "none",
    }
    path.with_suffix(".json").write_text(json.dumps(card))
    return path


def test_a_network_is_fed_and_read_as_its_card_says(network, prompts, tmp_path):
    samples = read_samples(prompts)
    made = predict(open_system(str(network), Sampling()), samples, tmp_path)
    for prediction in made.predictions:
        with Image.open(prediction.sample.images[0]) as image:
            small = np.asarray(image.convert("RGB").resize((24, 16), Image.Resampling.BILINEAR))
        red, _, blue = small.reshape(-1, 3).mean(0) / 255
        expected = 1 / (1 + math.exp(-16 * (red - blue)))
        assert prediction.score == pytest.approx(expected, abs=1e-4)
        assert prediction.sources == ("classifier",) and prediction.completions == ()


def test_the_baseline_has_the_same_report(network, prompts, tmp_path, capsys):
    assert main(["evaluate", str(network), str(prompts), str(tmp_path / "red")]) == 0
    assert "report:" in capsys.readouterr().out
    metrics = json.loads((tmp_path / "red" / "metrics.json").read_text())
    assert metrics["answers"] is None and metrics["explanations"] is None
    assert metrics["scoring"]["sources"] == {"classifier": 1.0}
    assert "This system gives scores and no text" in (tmp_path / "red/report.html").read_text()


def test_cards_are_checked(network, tmp_path):
    assert {"minifasnet_v2", "faceplugin_liveness"} <= set(card_names())
    for name in card_names():
        load_card(name, network)
    with pytest.raises(CardError, match=r"no card there.*minifasnet_v2"):
        load_card(None, tmp_path / "other.onnx")
    bad = json.loads(network.with_suffix(".json").read_text()) | {"colour": "rbg"}
    (tmp_path / "bad.json").write_text(json.dumps(bad))
    with pytest.raises(CardError, match=r"bad.json: colour: 'rbg' is not one of"):
        load_card(str(tmp_path / "bad.json"), network)


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_scores_of_ones_own(prompts, tmp_path, suffix):
    samples = read_samples(prompts)
    path = tmp_path / f"mine.{suffix}"
    rows = [{"record_id": s.record_id, "score": i / 20} for i, s in enumerate(samples)]
    if suffix == "csv":
        path.write_text(
            "record_id,score\n" + "".join(f"{r['record_id']},{r['score']}\n" for r in rows)
        )
    elif suffix == "jsonl":
        path.write_text("".join(json.dumps(r) + "\n" for r in rows))
    else:
        import pyarrow as pa
        import pyarrow.parquet as pq

        pq.write_table(pa.Table.from_pylist(rows), path)
    made = predict(open_system(str(path), Sampling()), samples, tmp_path / "out")
    assert [p.score for p in made.predictions] == [r["score"] for r in rows]
    assert read_predictions(tmp_path / "out").made_by["system"]["kind"] == "scores"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("record_id,score\n", "12 samples are not predicted"),
        ("record_id,points\na,1\n", "no column 'score'"),
        ("record_id,score\nnobody,0.5\n", "1 sample is not in the prompt dataset: nobody"),
        ("record_id,score\nID,0.5\nID,0.5\n", "there twice: ID"),
        ("record_id,score\nID,high\n", r"row 1: score 'high' of 'ID': expected a number"),
        ("record_id,score\nID,nan\n", "not a number from 0 to 1: ID"),
    ],
)
def test_bad_scores_are_refused_by_name(prompts, tmp_path, content, message):
    samples = read_samples(prompts)
    name = samples[0].record_id
    (tmp_path / "mine.csv").write_text(content.replace("ID", name))
    with pytest.raises(PredictionsError, match=message.replace("ID", name)):
        predict(open_system(str(tmp_path / "mine.csv"), Sampling()), samples, tmp_path / "out")


def test_an_evaluation_that_is_there_is_not_repeated(tmp_path, prompts, network):
    samples = read_samples(prompts)
    system = open_system(str(network), Sampling())
    first = predict(system, samples, tmp_path)
    system.predict = lambda todo: pytest.fail("scored again")
    assert predict(system, samples, tmp_path).predictions == tuple(
        p.__class__(**{f: getattr(p, f) for f in p.__dataclass_fields__} | {"sample": q.sample})
        for p, q in zip(first.predictions, read_predictions(tmp_path).predictions, strict=True)
    )
    write_predictions(tmp_path / "predictions.parquet", make(40))
    with pytest.raises(PredictionsError, match="holds predictions with other settings"):
        predict(system, samples, tmp_path)


def test_sampling_that_makes_no_sense_is_refused():
    with pytest.raises(ValueError, match="mode 'fast': expected reason or verdict"):
        Sampling(mode="fast")
    with pytest.raises(ValueError, match="4 samples at temperature 0"):
        Sampling(samples=4)
