"""What words and pairs of neighbours say by themselves: the linear half of the judge.

A weight per class for each word and each known pair, once for the whole text and once more for its
end, where conclusions stand. Their sum is divided by the square root of the number of words.
"""

from __future__ import annotations

import numpy as np

from fas_plugin.rewards.compiled import compiled
from fas_plugin.rewards.words import Cut

#: The number of the padding around each text, as in ``rewards.words``.
PADDING = 0
#: Words at the end of a text that count once more, the added line's end included.
END = 13
#: Bits of a word's or pair's number, and of a place in the table of pairs.
NUMBER, _PLACE = 20, 18
_FACTOR, _UNUSED = np.uint64(0x9E3779B97F4A7C15), np.uint64(64 - _PLACE)


@compiled
def pair_key(word, next_word):
    """A number for two neighbours, or arrays of them."""
    return word << NUMBER | next_word


@compiled
def pair_place(key):
    """Where a pair stands in the table; of those that have the same place one can be known."""
    return np.int64((np.uint64(key) * _FACTOR) >> _UNUSED)


class Phrases:
    """The weights of words and pairs, as whole numbers. ``judge.npz`` holds them."""

    def __init__(self, weights: dict[str, np.ndarray]) -> None:
        #: A pair's key and, in the lower bits, its number; 0 is the number of those not known.
        self._table = _enter(weights["pairs"].astype(np.int64))
        # What a word or pair counts anywhere, and besides at the end, side by side.
        self._words, self._pairs = (
            np.hstack([weights[f"{name}_weights"], weights[f"end_{name}_weights"]]).astype(np.int32)
            for name in ("word", "pair")
        )
        self._bias = weights["phrase_bias"].astype(np.float64)
        self._scale = float(weights["phrase_scale"])

    def outputs(self, cut: Cut) -> np.ndarray:
        """(texts, classes): what speaks for each class, in whole numbers."""
        count = int(cut.texts[-1]) + 1
        told = _add_up(cut.words, count, self._table, self._words, self._pairs)
        told *= self._scale
        told += self._bias
        return np.floor(told, out=told)


@compiled
def _enter(keys):
    table = np.full(1 << _PLACE, -1)
    for pair in range(len(keys)):
        table[pair_place(keys[pair])] = keys[pair] << NUMBER | (pair + 1)
    return table


@compiled
def _add_up(words, texts, table, of_words, of_pairs):
    """(texts, classes): the weights of all words and pairs and the further ones of those at the end."""
    classes = of_words.shape[1] // 2
    result = np.empty((texts, classes))
    sums = np.empty(2 * classes, np.int64)
    behind = 0  # the padding behind the text
    for text in range(texts):
        first = behind + 1
        behind = first
        while words[behind] != PADDING:
            behind += 1
        count = behind - first
        sums[:] = 0
        for at in range(first, behind):
            word = words[at]
            key = pair_key(word, words[at + 1])
            entry = table[pair_place(key)]
            pair = entry & ((1 << NUMBER) - 1) if entry >> NUMBER == key else 0
            for i in range(2 * classes if at >= behind - END else classes):
                sums[i] += of_words[word, i] + of_pairs[pair, i]
        for i in range(classes):
            end = sums[classes + i] / np.sqrt(min(count, END))
            result[text, i] = sums[i] / np.sqrt(count) + end
    return result
