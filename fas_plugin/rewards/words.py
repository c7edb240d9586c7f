"""Cuts texts into known words and clauses, in one pass over their characters.

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

from fas_plugin.rewards.compiled import compiled

#: Numbers of the padding between texts and of a word that is not in the vocabulary.
PADDING, UNKNOWN = 0, 1
#: A longer clause is cut. Words; so many of the largest answers in ``rewards.network`` fit in 16 bits.
MAX_CLAUSE = 24

_LETTER, _MARK, _BREAK, _GAP = 1, 2, 3, 4
_KINDS = np.zeros(256, np.uint8)
_KINDS[[c for c in range(128) if chr(c).isalnum()]] = _LETTER
_KINDS[[ord(c) for c in "/%*|#~"]] = _MARK
_KINDS[[ord(c) for c in '.,;:!?()"=\n']] = _BREAK
_KINDS[0] = _GAP
#: How each character reads: in lower case, and 0 for every digit.
_READ = np.arange(256, dtype=np.uint64)
_READ[ord("A") : ord("Z") + 1] += ord("a") - ord("A")
_READ[ord("0") : ord("9") + 1] = ord("0")
_DASH, _SPACE, _LINE = (ord(c) for c in "- \n")
_SEMICOLON = np.frombuffer(b";", np.uint8)

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
_NUMBER = np.uint64((1 << 20) - 1)


class Cut(NamedTuple):
    """Texts, cut.

    Attributes:
        words: number of each word; a padding stands before, between and after the texts.
        places: where each word starts in the joined text, in characters.
        starts, lengths: of each clause, in words. A text has at least one clause.
        texts: the index of each clause's text.
    """

    words: np.ndarray
    places: np.ndarray
    starts: np.ndarray
    lengths: np.ndarray
    texts: np.ndarray


class Vocabulary:
    """Known words, found by a hash."""

    def __init__(self, words: Sequence[str]) -> None:
        """Args: words: each of letters and zeros, or one mark; the first two are never looked up."""
        known = words[UNKNOWN + 1 :]
        ends = np.cumsum([len(word) + 1 for word in known]) - 1
        starts = ends - [len(word) for word in known]
        size = 1 << (4 * len(known)).bit_length()
        self._table = _enter(_bytes(" ".join(known)), starts, ends, size)

    def cut(self, texts: Sequence[str]) -> Cut:
        """Numbers of words, and clauses."""
        folded = "\n\0".join([fold(text) for text in texts])
        return Cut(*_cut(_bytes(f"\0{folded}\n\0"), self._table))

    def clause_starts(self, text: str) -> list[int]:
        """Where each clause of ``text`` starts, in characters."""
        cut = self.cut([text])
        folded = cut.places[cut.starts] - 1
        if fold(text) is text:
            return folded.tolist()
        behind = np.cumsum(fold_lengths(text))  # each character
        return np.searchsorted(behind, folded, side="right").tolist()


def _bytes(text: str) -> np.ndarray:
    return np.frombuffer(text.encode("ascii"), np.uint8)


@compiled
def _cut(raw, table):
    """The fields of ``Cut`` for texts that each stand between paddings and end with a line's end."""
    most = len(raw)
    words, places = np.empty(most, np.int64), np.empty(most, np.int64)
    starts, lengths = np.empty(most, np.int64), np.empty(most, np.int64)
    texts = np.empty(most, np.int64)
    count = clauses = opened = at = 0
    text = -1
    while at < most:
        place = at
        kind = _KINDS[raw[place]]
        at += 1
        if kind == _LETTER:
            while _KINDS[raw[at]] == _LETTER:
                at += 1
            number = _number(raw, place, at, table)
        elif kind == _GAP:
            number = PADDING
        elif raw[place] == _DASH:
            if raw[at] == _DASH:
                at += 1
            elif not (_is_blank(raw, place - 1) and _is_blank(raw, at)):
                continue
            kind = _BREAK
            number = _find(table, _key(_SEMICOLON, 0, 1))
        elif kind == 0 or _is_blank(raw, place):
            continue
        else:
            number = _find(table, _key(raw, place, at))
        words[count], places[count] = number, place
        count += 1
        if kind == _GAP:
            opened = count
            text += 1
        elif kind == _BREAK or count - opened == MAX_CLAUSE:
            starts[clauses], lengths[clauses], texts[clauses] = opened, count - opened, text
            clauses += 1
            opened = count
    return words[:count], places[:count], starts[:clauses], lengths[:clauses], texts[:clauses]


@compiled
def _is_blank(raw, at):
    """Whether there is a space, or a line's end within a sentence or before another one."""
    if raw[at] == _LINE:
        return raw[at + 1] == _LINE or ord("a") <= raw[at + 1] <= ord("z")
    return raw[at] == _SPACE


@compiled
def _number(raw, start, end, table):
    """The number of a word. An unknown one counts as what is left without up to three letters."""
    number = _find(table, _key(raw, start, end))
    stem = end - 1
    while number == UNKNOWN and stem >= end - _MAX_ENDING and stem - start >= _MIN_STEM:
        number = _find(table, _key(raw, start, stem))
        stem -= 1
    return number


@compiled
def _key(raw, start, end):
    """64 bits that hardly any two words share."""
    key = np.uint64(end - start)
    for at in range(start, end):
        key = (key ^ _READ[raw[at]]) * np.uint64(0x9E3779B97F4A7C15)
    key ^= key >> np.uint64(29)
    key *= np.uint64(0xBF58476D1CE4E5B9)
    return key ^ (key >> np.uint64(32))


@compiled
def _find(table, key):
    """The number of the word that has ``key``."""
    place = np.int64(key) & (len(table) - 1)
    while table[place]:
        if table[place] ^ key <= _NUMBER:
            return np.int64(table[place] & _NUMBER)
        place = (place + 1) & (len(table) - 1)
    return UNKNOWN


@compiled
def _enter(raw, starts, ends, size):
    """The table that ``_find`` looks into, of words that start and end at these places."""
    table = np.zeros(size, np.uint64)
    for word in range(len(starts)):
        key = _key(raw, starts[word], ends[word])
        place = np.int64(key) & (size - 1)
        while table[place]:
            place = (place + 1) & (size - 1)
        table[place] = (key & ~_NUMBER) | np.uint64(UNKNOWN + 1 + word)
    return table
