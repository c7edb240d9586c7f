"""The tiny policy knows nothing of the classes when GRPO starts, and what it says can be judged."""

from collections import Counter
from itertools import product

import numpy as np
import pytest

from fas_plugin.labels import FasClass
from fas_plugin.rewards import load_preset, score
from fas_plugin.training.tiny_policy.language import completion, majority
from fas_plugin.training.tiny_policy.model import build_tokenizer
from fas_plugin.training.tiny_policy.observe import OBSERVATIONS, measure
from fas_plugin.training.tiny_policy.warm_up import mutual_information

REAL, SPOOF = FasClass


@pytest.mark.parametrize(
    ("conclusion", "answer", "truth"), list(product(FasClass, FasClass, FasClass))
)
def test_the_rewards_read_every_sentence_of_the_language(conclusion, answer, truth):
    for level, opinions in product(range(3), product(FasClass, repeat=len(OBSERVATIONS))):
        text = completion(
            dict.fromkeys(OBSERVATIONS, level),
            dict(zip(OBSERVATIONS, opinions, strict=True)),
            conclusion,
            answer,
        )
        result = score(text, str(truth), load_preset("default"))
        assert result.format == 1.0
        assert result.answer is answer and result.stance is conclusion


def test_tokenizer_keeps_text_and_speaks_in_whole_words():
    tokenizer = build_tokenizer()
    levels = dict.fromkeys(OBSERVATIONS, 2)
    text = completion(levels, dict.fromkeys(OBSERVATIONS, REAL), REAL, SPOOF)
    tokens = tokenizer(text)["input_ids"]
    assert tokenizer.decode(tokens) == text
    assert len(tokens) < 32


def test_majority():
    names = list(OBSERVATIONS)
    assert majority(dict(zip(names, (REAL, REAL, SPOOF), strict=True))) is REAL
    assert majority(dict(zip(names, (SPOOF, REAL, SPOOF), strict=True))) is SPOOF


def test_mutual_information_of_coin_and_of_copy():
    coin = Counter({(t, a): 100 for t in FasClass for a in FasClass})
    assert mutual_information(coin) == pytest.approx(0.0)
    copy = Counter({(REAL, REAL): 50, (SPOOF, SPOOF): 50})
    assert mutual_information(copy) == pytest.approx(1.0)


def test_measurements_see_what_they_are_named_after():
    random = np.random.default_rng(0)
    plain = random.normal(128, 6, (112, 112, 3)).clip(0, 255).astype(np.uint8)
    wave = 12 * np.sin(2 * np.pi * np.arange(112) / 4)
    halftone = (plain + wave[None, :, None]).clip(0, 255).astype(np.uint8)
    edge = plain.copy()
    edge[:, 90:] //= 2
    red = plain.copy()
    red[..., 1:] //= 3
    assert measure(halftone)["pattern"] > measure(plain)["pattern"] + 0.2
    assert measure(edge)["line"] > 5 * measure(plain)["line"]
    assert measure(red)["colour"] > 3 * measure(plain)["colour"]
