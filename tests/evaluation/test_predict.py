"""Scores from a VLM in process: exact, whatever the tokens; and a kill loses nothing."""

import json
import math
import os
import signal
import subprocess
import sys
import time

import pytest
import torch
from PIL import Image
from transformers import AutoModelForImageTextToText, AutoProcessor

from fas_plugin.evaluation.answer_score import answer_start
from fas_plugin.evaluation.predict import predict
from fas_plugin.evaluation.predictions import PredictionsError, read_predictions, read_samples
from fas_plugin.evaluation.systems import EngineOptions, Sampling
from fas_plugin.evaluation.systems.in_process import VllmInProcess, word_tokens
from fas_plugin.labels import FasClass

ENGINE = EngineOptions(128, {"enforce_eager": True, "gpu_memory_utilization": 0.1})

#: Predicts, and dawdles after each prediction.
SLOW = """
import sys, time
from pathlib import Path
from fas_plugin.evaluation.predict import predict
from fas_plugin.evaluation.predictions import read_samples
from fas_plugin.evaluation.systems import EngineOptions, Sampling
from fas_plugin.evaluation.systems.in_process import VllmInProcess

class Slow(VllmInProcess):
    def predict(self, samples):
        for prediction in super().predict(samples):
            yield prediction
            time.sleep(0.5)

model, prompts, out = sys.argv[1:]
options = EngineOptions(128, {"enforce_eager": True, "gpu_memory_utilization": 0.1})
sampling = Sampling(samples=2, temperature=1.0, max_new_tokens=40)
predict(Slow(model, sampling, options), read_samples(Path(prompts)), Path(out))
"""


def system(model, **settings):
    return VllmInProcess(str(model), Sampling(**{"max_new_tokens": 40, **settings}), ENGINE)


@pytest.fixture(scope="module")
def speaking(policy):
    return system(policy, samples=2, temperature=1.0)


@pytest.fixture(scope="module")
def reasoned(speaking, prompts, tmp_path_factory):
    """Predictions of a policy that speaks, over two sampled reasonings."""
    out = tmp_path_factory.mktemp("reasoned")
    made = predict(speaking, read_samples(prompts), out)
    return made, out


def forward(model, processor, sample, completion_tokens):
    """Log-probabilities of what follows the prompt and ``completion_tokens``, without vLLM."""
    text = processor.tokenizer.apply_chat_template(
        list(sample.messages), tokenize=False, add_generation_prompt=True
    )
    with Image.open(sample.images[0]) as image:
        inputs = processor(text=[text], images=[image.convert("RGB")], return_tensors="pt")
    more = torch.tensor([completion_tokens], dtype=torch.long)
    ids = torch.cat([inputs["input_ids"], more], dim=1)
    with torch.no_grad():
        logits = model(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            pixel_values=inputs["pixel_values"].to(model.dtype),
            image_grid_thw=inputs["image_grid_thw"],
            mm_token_type_ids=torch.cat(
                [inputs["mm_token_type_ids"], torch.zeros_like(more)], dim=1
            ),
        ).logits
    return logits[0, -1].float().log_softmax(-1)


def word_probability(model, processor, sample, before, word):
    """Probability of all tokenisations of a word that the score looks at, by teacher forcing."""
    texts = word_tokens(processor.tokenizer)

    def below(path, said):
        logprobs = forward(model, processor, sample, [*before, *path])
        total = 0.0
        for token, text in texts.items():
            spelled = (said + text.lower()).lstrip()
            if spelled == word:
                total += math.exp(logprobs[token])
            elif spelled and word.startswith(spelled) and spelled != said:
                total += math.exp(logprobs[token]) * below([*path, token], spelled)
        return total

    return below([], "")


def test_the_score_is_the_probability_of_the_class_words(policy, reasoned):
    """Equal to the model's own forward pass in another library, word by word and token by token."""
    made, _ = reasoned
    model = AutoModelForImageTextToText.from_pretrained(policy, dtype=torch.bfloat16).eval()
    processor = AutoProcessor.from_pretrained(policy)
    compared = 0
    for prediction in made.predictions[:3]:
        assert prediction.score == pytest.approx(sum(prediction.scores) / 2)
        for text, score in zip(prediction.completions, prediction.scores, strict=True):
            tokens = processor.tokenizer(text, add_special_tokens=False)["input_ids"]
            start = answer_start([processor.tokenizer.decode([t]) for t in tokens])
            if start is None:
                continue
            real, spoof = (
                word_probability(model, processor, prediction.sample, tokens[:start], cls.value)
                for cls in FasClass
            )
            assert score == pytest.approx(real / (real + spoof), abs=0.02)  # bfloat16, two kernels
            compared += 1
    assert compared >= 4


def test_words_of_several_tokens_are_followed_to_their_end(split_policy, prompts, tmp_path):
    """A tokenizer that spells both words letter by letter; random weights, so nothing is certain."""
    samples = read_samples(prompts)[:2]
    made = predict(system(split_policy, mode="verdict"), samples, tmp_path)
    model = AutoModelForImageTextToText.from_pretrained(split_policy, dtype=torch.bfloat16).eval()
    processor = AutoProcessor.from_pretrained(split_policy)
    assert len(processor.tokenizer("spoof", add_special_tokens=False)["input_ids"]) > 1
    before = processor.tokenizer("<answer>", add_special_tokens=False)["input_ids"]
    for prediction in made.predictions:
        assert prediction.completions[0].startswith("<answer>")
        real, spoof = (
            word_probability(model, processor, prediction.sample, before, cls.value)
            for cls in FasClass
        )
        assert prediction.score == pytest.approx(real / (real + spoof), rel=0.03)


def test_each_prediction_keeps_what_made_it(reasoned, prompts):
    made, out = reasoned
    assert {p.sample.record_id for p in made.predictions} == {
        s.record_id for s in read_samples(prompts)
    }
    read = read_predictions(out)
    assert read.predictions == tuple(
        p.__class__(**{f: getattr(p, f) for f in p.__dataclass_fields__} | {"sample": q.sample})
        for p, q in zip(made.predictions, read.predictions, strict=True)
    )
    for prediction in read.predictions:
        assert len(prediction.completions) == len(prediction.scores) == 2
        assert prediction.seconds > 0 and prediction.sample.prompt_id == "brief/1"
        assert prediction.sample.protocol == "ocim_loo_M"
    assert read.made_by["system"]["temperature"] == 1.0
    assert read.made_by["prompt_id"] == "brief/1"


def test_a_killed_prediction_repeats_nothing(policy, speaking, prompts, tmp_path, monkeypatch):
    """Killed outright in the middle, as soon as some predictions are on disk."""
    job = subprocess.Popen(
        [sys.executable, "-c", SLOW, policy, prompts, tmp_path], stderr=subprocess.DEVNULL
    )
    journal = tmp_path / "predictions.partial.jsonl"
    deadline = time.monotonic() + 100
    while not journal.exists() or journal.read_bytes().count(b"\n") < 3:
        assert job.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    os.kill(job.pid, signal.SIGKILL)
    job.wait()
    with journal.open("a") as file:
        file.write('{"record_id": "cut o')  # a line was being written
    kept = [json.loads(line) for line in journal.read_text().splitlines()[1:-1]]
    assert 2 <= len(kept) < len(read_samples(prompts))

    asked = []
    inner = speaking.predict
    monkeypatch.setattr(speaking, "predict", lambda todo: asked.extend(todo) or inner(todo))
    made = predict(speaking, read_samples(prompts), tmp_path)
    assert {s.record_id for s in asked}.isdisjoint(row["record_id"] for row in kept)
    by_id = {p.sample.record_id: p for p in made.predictions}
    for row in kept:
        assert by_id[row["record_id"]].seconds == row["seconds"]
    assert not journal.exists()


def test_other_settings_do_not_mix_with_what_is_there(policy, prompts, reasoned):
    _, out = reasoned
    with pytest.raises(PredictionsError, match=r"temperature was 1.0, is 0.5"):
        predict(system(policy, samples=2, temperature=0.5), read_samples(prompts), out)
