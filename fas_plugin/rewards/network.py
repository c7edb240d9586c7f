"""The judge's network: from texts to what each argues for, in whole numbers.

A word has a small vector; a filter looks at a word and its neighbours; a clause keeps the strongest
answer and the mean answer of each filter; two layers read a clause and its neighbours; a text keeps
the strongest, the mean, the summed and the last answer over its clauses, and two layers decide. What
``rewards.phrases`` reads, without any layer, is added.

All sums are of whole numbers, hence exact, so that results depend neither on the machine nor on what
else is in the batch. ``benchmarks/train_judge.py`` makes the weights.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from importlib import resources
from typing import NamedTuple

import numpy as np

from fas_plugin.rewards.compiled import compiled
from fas_plugin.rewards.phrases import Phrases
from fas_plugin.rewards.saying import OUTPUTS
from fas_plugin.rewards.words import Cut, Vocabulary

#: The largest answer of a filter, and of any later layer.
MAX_FILTER, MAX_ANSWER = 1023, 255
#: Answers summed over clauses are divided by this.
SUM_SHARE = 4
#: How many filters there are, and answers of a layer: as constants, for which loops are compiled to
#: much faster code.
WIDTH = 32
#: Characters that are read at once, so that long lists take little memory.
_CHUNK = 80_000


class Layer(NamedTuple):
    """Of whole numbers but for ``scale``: ``bias`` is added to the sums, then they are scaled.

    Attributes:
        weights: (WIDTH, inputs), int16.
        bias: (WIDTH,), int32.
        scale: (WIDTH,), float32.
    """

    weights: np.ndarray
    bias: np.ndarray
    scale: np.ndarray


class Network:
    """See the module. ``weights`` is what ``judge.npz`` holds."""

    def __init__(self, weights: dict[str, np.ndarray]) -> None:
        self.vocabulary = Vocabulary(weights["words"].tobytes().decode("ascii").split(" "))
        vectors = weights["vectors"].astype(np.float32)
        before, at, behind = (
            np.floor((vectors @ taps.astype(np.float32)) * weights["filter_scale"]).astype(np.int16)
            for taps in weights["filters"]
        )
        #: What the filters answer to a word that stands before, at and behind their place.
        self._filters = before, at + weights["filter_bias"].astype(np.int16), behind
        self._layers = tuple(
            Layer(
                np.ascontiguousarray(weights[f"{name}_weights"].T, np.int16),
                weights[f"{name}_bias"].astype(np.int32),
                weights[f"{name}_scale"].astype(np.float32),
            )
            for name in ("clause", "context", "text")
        )
        # The compiled loops read as much as this, and check nothing.
        shapes = [at.shape[1:], *(layer.weights.shape for layer in self._layers)]
        expected = [(WIDTH,), *((WIDTH, inputs * WIDTH) for inputs in (2, 3, 4))]
        if shapes != expected:
            raise ValueError(f"the judge's weights have shapes {shapes}; expected {expected}")
        self._verdict = weights["verdict_weights"].astype(np.int32), weights["verdict_bias"]
        self._phrases = Phrases(weights)
        #: An output is so many times the logarithm of odds.
        self.unit = float(weights["unit"])

    def outputs(self, texts: Sequence[str]) -> np.ndarray:
        """(texts, 3): what speaks for each of ``OUTPUTS``, in whole numbers."""
        if not texts:
            return np.zeros((0, len(OUTPUTS)))
        read = [self.read(self.vocabulary.cut(chunk)) for chunk in _chunks(texts)]
        return np.concatenate(read) if len(read) > 1 else read[0]

    def read(self, cut: Cut) -> np.ndarray:
        """The outputs for texts that are cut: the network's and the phrases'."""
        told = _read(
            cut.words,
            cut.starts,
            cut.lengths,
            cut.texts,
            self._filters,
            self._layers,
            self._verdict,
        )
        told += self._phrases.outputs(cut)
        return told


@compiled
def _read(words, starts, lengths, texts, filters, layers, verdict):
    """(texts, 3): the network's outputs."""
    of_clause, of_context, of_text = layers
    weights, bias = verdict
    result = np.empty((texts[-1] + 1, len(bias)))
    pooled = np.empty(2 * WIDTH, np.int16)
    around = np.empty(3 * WIDTH, np.int16)
    whole = np.empty(4 * WIDTH, np.int16)
    told = np.empty(WIDTH, np.int32)
    strongest = np.empty(WIDTH, np.int32)
    total = np.empty(WIDTH, np.int32)
    clause = 0
    for text in range(len(result)):
        first = clause
        around[:] = 0
        strongest[:] = 0
        total[:] = 0
        inside = True
        while inside:
            # A clause is read when the next one is known, of which the last has none.
            inside = clause < len(texts) and texts[clause] == text
            if inside:
                _pool(words, starts[clause], lengths[clause], filters, pooled)
                _clause_layer(pooled, of_clause, told)
                clause += 1
            else:
                told[:] = 0
            for i in range(WIDTH):
                around[i] = around[WIDTH + i]
                around[WIDTH + i] = around[2 * WIDTH + i]
                around[2 * WIDTH + i] = told[i]
            if clause > first + inside:
                _context_layer(around, of_context, told)
                for i in range(WIDTH):
                    strongest[i] = max(strongest[i], told[i])
                    total[i] += told[i]
        count = np.float32(clause - first + 1)
        for i in range(WIDTH):
            whole[i] = strongest[i]
            whole[WIDTH + i] = np.int16(np.floor(np.float32(total[i]) / count))
            whole[2 * WIDTH + i] = np.int16(min(total[i] // SUM_SHARE, MAX_ANSWER))
            whole[3 * WIDTH + i] = told[i]
        _text_layer(whole, of_text, told)
        for i in range(len(bias)):
            result[text, i] = bias[i]
            for k in range(WIDTH):
                result[text, i] += told[k] * weights[k, i]
    return result


# numba widens sums of small numbers to 64 bits. Narrowed at once, four times as many fit in a vector.


@compiled
def _pool(words, start, length, filters, pooled):
    """What a clause keeps of the filters: the strongest answer, in quarters, and the mean."""
    before, at, behind = filters
    strongest, total = pooled[:WIDTH], pooled[WIDTH:]
    pooled[:] = 0
    for word in range(start, start + length):
        a, b, c = words[word - 1], words[word], words[word + 1]
        for i in range(WIDTH):
            answer = np.int16(before[a, i] + at[b, i] + behind[c, i])
            answer = np.int16(min(max(answer, np.int16(0)), np.int16(MAX_FILTER)))
            strongest[i] = max(strongest[i], answer)
            total[i] = np.int16(total[i] + answer)
    share = np.float32(1) / np.float32(length + 2)
    for i in range(WIDTH):
        strongest[i] >>= 2
        mean = np.floor(np.float32(total[i]) * share)
        total[i] = np.int16(min(mean, np.float32(MAX_ANSWER)))


def _layer(inputs: int) -> Callable:
    """A layer with so many inputs, at most ``MAX_ANSWER`` each."""

    @compiled
    def answer(row, layer, answers):
        for i in range(WIDTH):
            told = np.int32(0)
            for k in range(inputs):
                told = np.int32(told + np.int32(row[k]) * np.int32(layer.weights[i, k]))
            answers[i] = told
        for i in range(WIDTH):
            told = np.floor(np.float32(np.int32(answers[i] + layer.bias[i])) * layer.scale[i])
            answers[i] = np.int32(min(max(told, np.float32(0)), np.float32(MAX_ANSWER)))

    return answer


_clause_layer, _context_layer, _text_layer = (_layer(n * WIDTH) for n in (2, 3, 4))


def _chunks(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    start = size = 0
    for i, text in enumerate(texts):
        size += len(text)
        if size >= _CHUNK:
            yield texts[start : i + 1]
            start, size = i + 1, 0
    if start < len(texts):
        yield texts[start:]


@cache
def network() -> Network:
    """The network that comes with the package, read and compiled when it is first needed."""
    with (resources.files("fas_plugin.rewards") / "judge.npz").open("rb") as file:
        result = Network(dict(np.load(file, allow_pickle=False)))
    result.outputs(["."])
    return result
