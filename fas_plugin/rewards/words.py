"""Cuts many texts into known words and clauses at once, with array operations.

A word is a run of letters and digits; some marks are words too. Case, accents, width, invisible
characters, hyphens and apostrophes do not matter, every digit reads 0, and each Chinese character is a
word of its own. A clause ends with a mark that ends or divides sentences.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

#: Numbers of the padding between texts and of a word that is not in the vocabulary.
PADDING, UNKNOWN = 0, 1
#: Paddings around each text; as far as a word's surroundings reach.
MARGIN = 1
#: A longer clause is cut. Words.
MAX_CLAUSE = 24

_LETTER, _MARK, _BREAK, _PADDING = 1, 2, 3, 4
_KINDS = bytearray(256)
for _kind, _characters in (
    (_LETTER, "abcdefghijklmnopqrstuvwxyz0123456789"),
    (_MARK, "/%*|#~"),
    (_BREAK, '.,;:!?()"=\n'),
    (_PADDING, "\0"),
):
    for _character in _characters:
        _KINDS[ord(_character)] = _kind
_LOWER = bytes(range(256)).lower().translate(bytes.maketrans(b"123456789", b"0" * 9))

_QUOTES = {
    **dict.fromkeys("“”„«»「」『』", '"'),
    **dict.fromkeys("‘’ʼ`´", "'"),
    **dict.fromkeys("—–", ";"),
    **dict.fromkeys("→⇒", "="),
    **dict.fromkeys("，、", ","),
    "。": ".",
    "…": ".",
    "\0": " ",
}
_CJK = re.compile("[\u3400-\u4dbf\u4e00-\u9fff]")
#: A character that unfolds into more would make a long text of a short one.
_MAX_UNFOLDED = 4
_MAX_FOLDS = 20_000


class _Folds(dict[int, str]):
    """Code point -> ASCII; remembers what it was asked for."""

    def __missing__(self, code: int) -> str:
        if len(self) >= _MAX_FOLDS:
            self.clear()
        folded = self[code] = _fold_character(chr(code))
        return folded


def _fold_character(character: str) -> str:
    if character in _QUOTES:
        return _QUOTES[character]
    if character.isascii():
        return character
    if _CJK.match(character):
        return f" {chinese(character)} "
    if unicodedata.category(character) in ("Cf", "Mn"):  # zero-width and combining characters
        return ""
    plain = unicodedata.normalize("NFKD", character)
    plain = "".join(c for c in plain if unicodedata.category(c) != "Mn")
    return plain if plain.isascii() and len(plain) <= _MAX_UNFOLDED else " ~ "


def chinese(character: str) -> str:
    """The word that stands for a Chinese character: its code in letters."""
    return "zq" + "".join(chr(ord("a") + (ord(character) >> s & 15)) for s in (12, 8, 4, 0))


_FOLDS = _Folds()


def fold(text: str) -> str:
    """``text`` in ASCII."""
    return text if text.isascii() and "\0" not in text else text.translate(_FOLDS)


def fold_lengths(text: str) -> list[int]:
    """How long each character of ``text`` is in ``fold(text)``."""
    return [len(_FOLDS[ord(character)]) for character in text]


#: An unknown word may lose so many letters at its end, and keeps at least so many.
_MAX_ENDING, _MIN_STEM = 3, 4
#: An entry of the vocabulary's table has a word's number in these bits and its hash in the others.
_LOW = np.uint64((1 << 20) - 1)


class Cut(NamedTuple):
    """Texts, cut.

    Attributes:
        words: number of each word; ``MARGIN`` paddings stand before, between and after the texts.
        places: where each word starts in the joined text, in bytes.
        starts, lengths: of each clause, in words. A text has at least one clause.
        texts: the index of each clause's text.
    """

    words: np.ndarray
    places: np.ndarray
    starts: np.ndarray
    lengths: np.ndarray
    texts: np.ndarray


def first_clauses(cut: Cut) -> np.ndarray:
    """The index of each text's first clause."""
    return np.append(0, np.flatnonzero(cut.texts[1:] != cut.texts[:-1]) + 1)


class Vocabulary:
    """Known words, found by a hash of their first 16 letters and their length."""

    #: Bits of a place in the table, and places that a word can have.
    _PLACE, _TURNS = 18, 3

    def __init__(self, words: Sequence[str]) -> None:
        """Args: words: each of letters and zeros, or one mark; the first two are never looked up."""
        self._table = np.zeros(1 << self._PLACE, np.uint64)
        raw = _joined([" ".join(words[UNKNOWN + 1 :])])
        places, kinds, ends = _places(raw)
        inside = kinds != _PADDING
        keys = _hash(_eights(raw), places[inside], ends[inside])[: len(words) - 2]
        entries = keys & ~_LOW | np.arange(2, len(words), dtype=np.uint64)
        for turn in range(self._TURNS):  # the first comer gets the place
            slots = self._slots(keys, turn)
            left = (self._table[slots] == 0) & ~np.isin(entries, self._table)
            slots, first = np.unique(slots[left], return_index=True)
            self._table[slots] = entries[left][first]

    def cut(self, texts: Sequence[str]) -> Cut:
        """Numbers of words, and clauses."""
        raw = _joined([fold(text) for text in texts])
        places, kinds, ends = _places(raw)
        padding = kinds == _PADDING
        words = self._find(raw, places, ends)
        words[padding] = PADDING
        closing = kinds == _BREAK
        last = np.flatnonzero(closing)
        opening = np.empty_like(closing)
        opening[0] = False
        opening[1:] = (closing | padding)[:-1] & ~padding[1:]
        starts = np.flatnonzero(opening)
        lengths = last - starts + 1
        belongs = np.cumsum(padding)[starts] // MARGIN - 1
        if lengths.max() > MAX_CLAUSE:
            pieces = -(-lengths // MAX_CLAUSE)
            piece = np.arange(pieces.sum()) - np.repeat(np.cumsum(pieces) - pieces, pieces)
            starts = np.repeat(starts, pieces) + piece * MAX_CLAUSE
            lengths = np.minimum(np.repeat(lengths, pieces) - piece * MAX_CLAUSE, MAX_CLAUSE)
            belongs = np.repeat(belongs, pieces)
        return Cut(words, places, starts, lengths, belongs)

    def _slots(self, keys: np.ndarray, turn: int) -> np.ndarray:
        """Where words are looked for in the ``turn``-th place."""
        return (keys << np.uint64(8 * turn) >> np.uint64(64 - self._PLACE)).view(np.int64)

    def _find(self, raw: bytes, places: np.ndarray, ends: np.ndarray) -> np.ndarray:
        """Numbers of words; an unknown one counts as what is left without up to three letters."""
        eights = _eights(raw)
        words = self._number(_hash(eights, places, ends))
        missing = np.flatnonzero(words == UNKNOWN)
        missing = missing[(ends - places).take(missing) > _MIN_STEM]
        if len(missing):
            starts = places.take(missing)[:, None]
            stems = ends.take(missing)[:, None] - np.arange(1, _MAX_ENDING + 1)
            found = self._number(_hash(eights, starts, stems).ravel()).reshape(stems.shape)
            found[stems - starts < _MIN_STEM] = UNKNOWN
            first = np.argmax(found != UNKNOWN, axis=1)
            words[missing] = found[np.arange(len(missing)), first]
        return words

    def _number(self, keys: np.ndarray) -> np.ndarray:
        entries = self._table.take(self._slots(keys, 0))
        missing = np.flatnonzero((entries ^ keys) > _LOW)
        for turn in range(1, self._TURNS):
            wanted = keys.take(missing)
            found = self._table.take(self._slots(wanted, turn))
            entries[missing] = found
            missing = missing[(found ^ wanted) > _LOW]
        entries &= _LOW
        entries[missing] = UNKNOWN
        return entries.view(np.int64)


#: A line's end within a sentence, or before another one. What is replaced keeps its length.
_LINE = re.compile("\n(?=[a-z\n])")


def _joined(folded: Sequence[str]) -> bytes:
    """The texts in lower case, each with a line's end and between paddings."""
    margin = "\0" * MARGIN
    text = margin + f"\n{margin}".join(folded) + f"\n{margin}"
    text = _LINE.sub(" ", text).replace(" - ", " ; ").replace("--", "; ")
    return text.encode("ascii").translate(_LOWER)


def _places(raw: bytes) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Start, kind and end of each word and mark, in bytes."""
    kinds = np.frombuffer(raw.translate(bytes(_KINDS)), np.uint8)
    letter, mark = kinds == _LETTER, kinds > _LETTER
    starts = mark.copy()
    starts[1:] |= letter[1:] > letter[:-1]  # the text starts and ends with a padding
    ends = mark.copy()
    ends[:-1] |= letter[:-1] > letter[1:]
    places = np.flatnonzero(starts)
    return places, kinds.take(places), np.flatnonzero(ends) + 1


_MASKS = np.array([(1 << (8 * i)) - 1 for i in range(9)], np.uint64)


def _eights(raw: bytes) -> np.ndarray:
    """For each place in ``raw``, and eight behind it, the next eight bytes as one number."""
    return np.ndarray((len(raw) + 9,), "<u8", raw + bytes(16), strides=(1,))


def _hash(eights: np.ndarray, places: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """64 bits of each word, not all of the upper ones 0."""
    lengths = ends - places
    mixed = eights.take(places) & _MASKS.take(lengths, mode="clip")
    mixed *= np.uint64(0x9E3779B97F4A7C15)
    second = eights.take(places + 8) & _MASKS.take(lengths - 8, mode="clip")
    second *= np.uint64(0xC2B2AE3D27D4EB4F)
    mixed ^= second
    mixed ^= lengths.view(np.uint64) * np.uint64(0x165667B19E3779F9)
    mixed ^= mixed >> np.uint64(29)
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    mixed ^= mixed >> np.uint64(32)
    mixed |= _LOW + np.uint64(1)
    return mixed
