"""The judge's network: from texts to what each argues for, in whole numbers.

A word has a small vector; a filter looks at a word and its neighbours; a clause keeps the strongest
answer and the mean answer of each filter; two layers read a clause and its neighbours; a text keeps
the strongest, the mean, the summed and the last answer over its clauses, and two layers decide. What
``rewards.phrases`` reads, without any layer, is added.

All numbers are whole and small enough for float32 to hold every sum exactly, so that results depend
neither on the machine nor on what else is in the batch. ``benchmarks/train_judge.py`` makes the weights.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from importlib import resources
from typing import NamedTuple

import numpy as np

from fas_plugin.rewards.phrases import Phrases
from fas_plugin.rewards.words import MARGIN, MAX_CLAUSE, Cut, Vocabulary, first_clauses

#: What a text can argue for, in the order of the network's outputs.
OUTPUTS = ("real", "spoof", "none")
#: The largest answer of a filter, and of any later layer.
MAX_FILTER, MAX_ANSWER = 1023, 255
#: Answers summed over clauses are divided by this.
SUM_SHARE = 4
#: Characters that are read at once: many for speed, few for memory.
_CHUNK = 80_000
#: OpenBLAS uses one thread for products of matrices with so many multiplications.
_ONE_THREAD = 250_000


#: What each word of a clause counts in the clause's mean, by the clause's length.
_SHARES = (np.float32(1) / np.arange(2, MAX_CLAUSE + 3, dtype=np.float32)).astype(np.float32)


class Layer(NamedTuple):
    """Of whole numbers but for ``scale``: ``bias`` is added to the sums, then they are scaled."""

    weights: np.ndarray
    bias: np.ndarray
    scale: np.ndarray


class Network:
    """See the module. ``weights`` is what ``judge.npz`` holds."""

    def __init__(self, weights: dict[str, np.ndarray]) -> None:
        words = weights["words"].tobytes().decode("ascii").split(" ")
        self._vocabulary = Vocabulary(words)
        vectors = weights["vectors"].astype(np.float32)
        self._tables = [
            np.floor((vectors @ taps.astype(np.float32)) * weights["filter_scale"]).astype(np.int16)
            for taps in weights["filters"]
        ]
        self._tables[MARGIN] += weights["filter_bias"].astype(np.int16)
        self._layers = {
            name: Layer(*(weights[f"{name}_{part}"].astype(np.float32) for part in Layer._fields))
            for name in ("clause", "context", "text")
        }
        #: The context's weights for the clause before, at and behind.
        self._around = np.split(self._layers["context"].weights, 3)
        self._phrases = Phrases(weights)
        self._verdict = weights["verdict_weights"].astype(np.float32)
        self._verdict_bias = weights["verdict_bias"].astype(np.float32)
        #: An output is so many times the logarithm of odds.
        self.unit = float(weights["unit"])

    def outputs(self, texts: Sequence[str]) -> np.ndarray:
        """(texts, 3): what speaks for each of ``OUTPUTS``, in whole numbers."""
        if not texts:
            return np.zeros((0, len(OUTPUTS)), np.float32)
        return np.concatenate([self.read(self.cut(chunk)) for chunk in _chunks(texts)])

    def cut(self, texts: Sequence[str]) -> Cut:
        return self._vocabulary.cut(texts)

    def read(self, cut: Cut) -> np.ndarray:
        """The outputs for texts that are cut: the network's and the phrases'."""
        return self._read(cut) + self._phrases.outputs(cut).astype(np.float32)

    def _read(self, cut: Cut) -> np.ndarray:
        told = self._layer("clause", self._clauses(cut))
        # Clauses with a gap around each text, so that the neighbours are of the same text.
        rows = np.arange(1, len(told) + 1) + cut.texts
        spaced = np.zeros((rows[-1] + 2, told.shape[1]), np.float32)
        spaced[rows] = told
        before, at, behind = (_product(spaced, weights) for weights in self._around)
        at = at[1:-1]
        at += before[:-2]
        at += behind[2:]
        return self._texts(self._answers("context", at).take(rows - 1, 0), first_clauses(cut))

    def _clauses(self, cut: Cut) -> np.ndarray:
        """(clauses, 2 filters): the strongest and the mean answer."""
        # One byte each, which numpy sorts much the faster.
        longest_first = np.argsort((-cut.lengths).astype(np.int8), kind="stable")
        starts = cut.starts[longest_first]
        # How many clauses have a first, a second, ... word.
        sizes = len(starts) - np.cumsum(np.bincount(cut.lengths))[:-1]
        at = np.concatenate([starts[:size] + i for i, size in enumerate(sizes)])
        answers = self._tables[MARGIN].take(cut.words.take(at), 0)
        for tap, table in enumerate(self._tables):
            if tap != MARGIN:
                answers += table.take(cut.words.take(at + (tap - MARGIN)), 0)
        answers.clip(0, MAX_FILTER, out=answers)
        strongest = answers[: sizes[0]].copy()
        total = strongest.copy()
        done = sizes[0]
        for size in sizes[1:]:
            word = answers[done : done + size]
            np.maximum(strongest[:size], word, out=strongest[:size])
            total[:size] += word
            done += size
        filters = strongest.shape[1]
        mean = total * _SHARES.take(cut.lengths.take(longest_first))[:, None]
        np.floor(mean, out=mean)
        np.minimum(mean, MAX_ANSWER, out=mean)
        pooled = np.empty((len(starts), 2 * filters), np.float32)
        pooled[:, :filters] = strongest >> 2
        pooled[:, filters:] = mean
        back = np.empty_like(longest_first)
        back[longest_first] = np.arange(len(back))
        return pooled.take(back, 0)

    def _layer(self, name: str, rows: np.ndarray) -> np.ndarray:
        return self._answers(name, _product(rows, self._layers[name].weights))

    def _answers(self, name: str, sums: np.ndarray) -> np.ndarray:
        """What a layer answers, from its weighted sums, which are overwritten."""
        layer = self._layers[name]
        sums += layer.bias
        sums *= layer.scale
        np.floor(sums, out=sums)
        return sums.clip(0, MAX_ANSWER, out=sums)

    def _texts(self, told: np.ndarray, first: np.ndarray) -> np.ndarray:
        last = np.append(first[1:], len(told)) - 1
        total = np.add.reduceat(told, first, axis=0)
        mean = np.floor(total / (last - first + 2)[:, None].astype(np.float32))
        total = np.minimum(np.floor(total / np.float32(SUM_SHARE)), MAX_ANSWER)
        strongest = np.maximum.reduceat(told, first, axis=0)
        answers = self._layer("text", np.hstack([strongest, mean, total, told[last]]))
        return answers @ self._verdict + self._verdict_bias


def _product(rows: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """``rows @ weights`` in blocks so small that BLAS starts no threads for them."""
    block = max(1, _ONE_THREAD // weights.size)
    if len(rows) <= block:
        return rows @ weights
    whole = len(rows) // block * block
    result = np.empty((len(rows), weights.shape[1]), np.float32)
    blocks = rows[:whole].reshape(-1, block, rows.shape[1])
    np.matmul(blocks, weights, out=result[:whole].reshape(-1, block, weights.shape[1]))
    np.matmul(rows[whole:], weights, out=result[whole:])
    return result


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
    """The network that comes with the package, read when it is first needed."""
    with (resources.files("fas_plugin.rewards") / "judge.npz").open("rb") as file:
        return Network(dict(np.load(file, allow_pickle=False)))
