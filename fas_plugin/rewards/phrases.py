"""What words and pairs of neighbours say by themselves: the linear half of the judge.

A weight per class for each word and each known pair, once for the whole text and once more for its
end, where conclusions stand. Their sum is divided by the square root of the number of words.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from fas_plugin.rewards.words import MARGIN, Cut, first_clauses

#: Words at the end of a text that count once more, the added line's end included.
END = 13
#: Bits of a place in the table of pairs.
_PLACE = 18
#: Bits of a pair's number.
_NUMBER = 20
_FACTOR = np.uint64(0x9E3779B97F4A7C15)


class Extent(NamedTuple):
    """Where texts stand in ``Cut.words``: their first words, how many, and (texts, END) last ones.

    Texts that are shorter than END have paddings, whose place is 0, in front of their last words.
    """

    first: np.ndarray
    count: np.ndarray
    last: np.ndarray


def extent(cut: Cut) -> Extent:
    first = cut.starts.take(first_clauses(cut))
    behind = np.append(first[1:], len(cut.words)) - MARGIN
    last = behind[:, None] - np.arange(END, 0, -1)
    return Extent(first, behind - first, np.where(last < first[:, None], 0, last))


def pair_keys(words: np.ndarray) -> np.ndarray:
    """A number for each word (along the last axis) and its right neighbour."""
    return words[..., :-1] << 20 | words[..., 1:]


def pair_places(keys: np.ndarray) -> np.ndarray:
    """Where pairs stand in the table; of those that have the same place one can be known."""
    return ((keys.view(np.uint64) * _FACTOR) >> np.uint64(64 - _PLACE)).view(np.int64)


class Phrases:
    """The weights of words and pairs, as whole numbers. ``judge.npz`` holds them."""

    def __init__(self, weights: dict[str, np.ndarray]) -> None:
        keys = weights["pairs"].astype(np.int64)
        places = pair_places(keys)
        #: A pair's key and, in the lower bits, its number; 0 is the number of those not known.
        self._table = np.full(1 << _PLACE, -1)
        self._table[places] = keys << _NUMBER | np.arange(1, len(keys) + 1)
        # A table per class: sums along one dimension are much the faster ones.
        self._words, self._pairs, self._end_words, self._end_pairs = (
            [np.ascontiguousarray(column, np.int32) for column in weights[f"{name}_weights"].T]
            for name in ("word", "pair", "end_word", "end_pair")
        )
        self._bias = weights["phrase_bias"].astype(np.float64)
        self._scale = float(weights["phrase_scale"])

    def outputs(self, cut: Cut) -> np.ndarray:
        """(texts, classes): what speaks for each class, in whole numbers."""
        first, count, last = extent(cut)
        words, pairs = cut.words, self._known(pair_keys(cut.words))
        # A padding at the end makes them as many; no known pair begins with one.
        pairs = np.append(pairs, 0)
        end_words, end_pairs = words.take(last), pairs.take(last[:, :-1])
        share = np.sqrt(count.astype(np.float64))
        end_share = np.sqrt(np.minimum(count, END).astype(np.float64))
        result = np.empty((len(first), len(self._words)))
        for i in range(len(self._words)):
            told = np.add.reduceat(self._words[i].take(words) + self._pairs[i].take(pairs), first)
            end = self._end_words[i].take(end_words).sum(1)
            end += self._end_pairs[i].take(end_pairs).sum(1)
            result[:, i] = told / share + end / end_share
        return np.floor(result * self._scale + self._bias)

    def _known(self, keys: np.ndarray) -> np.ndarray:
        """The numbers of pairs."""
        entries = self._table.take(pair_places(keys))
        entries ^= keys << _NUMBER
        entries[entries >> _NUMBER != 0] = 0
        return entries
