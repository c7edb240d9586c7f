"""The compiled network against a slow reading of the same weights."""

from importlib import resources
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fas_plugin.rewards import phrases, words
from fas_plugin.rewards.network import (
    MAX_ANSWER,
    MAX_FILTER,
    SUM_SHARE,
    WIDTH,
    Network,
    network,
)
from fas_plugin.rewards.words import MAX_CLAUSE

with (resources.files("fas_plugin.rewards") / "judge.npz").open("rb") as file:
    WEIGHTS = dict(np.load(file))
END = phrases.END
PAIRS = {int(key): number for number, key in enumerate(WEIGHTS["pairs"], 1)}


def slow(text):
    """What ``outputs`` gives for one text."""
    cut = network().vocabulary.cut([text])
    numbers = cut.words
    answers = sum(
        np.floor(
            WEIGHTS["vectors"].astype(np.float32)[numbers[tap : len(numbers) - 2 + tap]]
            @ taps.astype(np.float32)
            * WEIGHTS["filter_scale"]
        )
        for tap, taps in enumerate(WEIGHTS["filters"])
    )
    answers = np.clip(answers + WEIGHTS["filter_bias"], 0, MAX_FILTER)
    clauses = []
    for start, length in zip(cut.starts, cut.lengths, strict=True):
        of_clause = answers[start - 1 : start - 1 + length]
        mean = np.floor(
            of_clause.sum(0).astype(np.float32) * (np.float32(1) / np.float32(length + 2))
        )
        clauses.append([*(of_clause.max(0) // 4), *np.minimum(mean, MAX_ANSWER)])
    told = layer("clause", np.array(clauses))
    padded = np.pad(told, ((1, 1), (0, 0)))
    told = layer("context", np.hstack([padded[:-2], padded[1:-1], padded[2:]]))
    total = told.sum(0)
    whole = [
        *told.max(0),
        *np.floor(total.astype(np.float32) / np.float32(len(told) + 1)),
        *np.minimum(total // SUM_SHARE, MAX_ANSWER),
        *told[-1],
    ]
    read = layer("text", np.array([whole]))[0] @ WEIGHTS["verdict_weights"].astype(float)
    return read + WEIGHTS["verdict_bias"] + told_by_phrases(numbers[1:-1].tolist())


def layer(name, rows):
    sums = rows @ WEIGHTS[f"{name}_weights"].astype(float) + WEIGHTS[f"{name}_bias"]
    return np.clip(np.floor(sums.astype(np.float32) * WEIGHTS[f"{name}_scale"]), 0, MAX_ANSWER)


def told_by_phrases(some_words):
    pairs = [PAIRS.get(a << phrases.NUMBER | b, 0) for a, b in pairwise(some_words)]
    told = 0
    for prefix, some, two in (
        ("", some_words, pairs),
        ("end_", some_words[-END:], pairs[-END + 1 :]),
    ):
        weights = WEIGHTS[f"{prefix}word_weights"].astype(int)[some].sum(0)
        weights = weights + WEIGHTS[f"{prefix}pair_weights"].astype(int)[two].sum(0)
        told = told + weights / np.sqrt(len(some))
    return np.floor(told * WEIGHTS["phrase_scale"] + WEIGHTS["phrase_bias"])


WORDS = (
    "no moire is visible so this face seems real but wait it is a spoof . , ; ? \n 真 人 pores qqq"
)
TEXTS = st.lists(st.sampled_from([*WORDS.split(" "), "a b " * 20, "..."]), max_size=60).map(
    " ".join
)


@settings(deadline=None)
@given(TEXTS)
def test_a_text_is_read_as_the_weights_say(text):
    assert network().outputs([text])[0].tolist() == slow(text).tolist()


def test_the_largest_answers_of_a_clause_can_be_added_up():
    assert MAX_CLAUSE * MAX_FILTER < 2**15


def test_the_padding_has_one_number():
    # Stated in two files: compiled loops may take constants from their own file alone.
    assert phrases.PADDING == words.PADDING


def test_weights_of_another_width_are_refused():
    narrow = {**WEIGHTS, "filters": WEIGHTS["filters"][:, :, :16], "filter_bias": np.zeros(16)}
    with pytest.raises(ValueError, match=f"expected .*{WIDTH}"):
        Network(narrow)
