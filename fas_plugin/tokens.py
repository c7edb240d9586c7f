"""Finds the phrases of the lexicon in a text, whatever its case, accents, width or plurals."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from fas_plugin.lexicon import TABLES, Entry, Role

_PLAIN = Entry(Role.NEUTRAL)
_HYPHENS = frozenset("-‐‑")
_CJK = "\u3400-\u4dbf\u4e00-\u9fff"
_HAN = re.compile(f"[{_CJK}]")


def _lexicon() -> tuple[
    dict[str, Entry], dict[tuple[str, str], list[tuple[tuple[str, ...], Entry]]], re.Pattern[str]
]:
    """Words; phrases by their first two words, longest first; the pattern of a token.

    Any word of a phrase may have a plural -s.
    """
    words: dict[str, Entry] = {}
    phrases: dict[tuple[str, str], list[tuple[tuple[str, ...], Entry]]] = {}
    for entry, table in TABLES:
        for phrase in table.split(","):
            first, *rest = phrase.split()
            if rest:
                for a in (first, first + "s"):
                    for b in (rest[0], rest[0] + "s"):
                        phrases.setdefault((a, b), []).append((tuple(rest[1:]), entry))
            else:
                words[first] = entry
    for found in phrases.values():
        found.sort(key=lambda phrase: len(phrase[0]), reverse=True)
    chinese = "|".join(sorted(filter(_HAN.match, words), key=len, reverse=True))
    pattern = rf"[a-z]+(?:'[a-z]+)*|\d+[a-z]?|{chinese}|[{_CJK}]|[^\w\s'\"*`~#<>{{}}]|\n"
    plurals = {word + "s": entry for word, entry in words.items()}
    return plurals | words, phrases, re.compile(pattern)


_WORDS, _PHRASES, _TOKEN = _lexicon()


class Token(NamedTuple):
    """A word, phrase or mark with its role. ``start`` and ``end`` count the original's characters."""

    text: str
    role: Role
    entry: Entry
    start: int
    end: int


@lru_cache(maxsize=4096)
def _fold_character(character: str) -> str:
    if unicodedata.category(character) in ("Cf", "Mn"):  # zero-width and combining characters
        return ""
    plain = unicodedata.normalize("NFKD", character)
    if len(plain) > 4:  # a ligature of whole words would make a long text of a short one
        return character
    return "".join(c for c in plain if unicodedata.category(c) != "Mn").lower()


def fold(text: str) -> tuple[str, Sequence[int]]:
    """Lower case, full-width to half-width, accents and invisible characters dropped.

    Returns:
        The folded text and, for each of its characters and for its end, the index in ``text``.
    """
    if text.isascii():
        return text.lower(), range(len(text) + 1)
    folded: list[str] = []
    origin: list[int] = []
    for i, character in enumerate(text):
        plain = _fold_character("'" if character in "’‘ʼ" else character)
        folded.append(plain)
        origin.extend([i] * len(plain))
    return "".join(folded), [*origin, len(text)]


def tokens(text: str) -> Iterator[Token]:
    """The phrases, words and marks of ``text``, in order."""
    folded, origin = fold(text)
    words: list[tuple[str, int, int]] = []
    for match in _TOKEN.finditer(folded):
        start, end = origin[match.start()], origin[match.end() - 1] + 1
        word = match.group()
        if word in _HYPHENS:
            if text[start - 1 : start].isalnum() and text[end : end + 1].isalnum():
                continue  # bona-fide
            word = ","  # a dash, or a bullet
        stem, apostrophe, ending = word.partition("'") if "'" in word else (word, "", "")
        if not apostrophe:
            words.append((word, start, end))
        elif ending == "t" and stem.endswith("n"):  # isn't, can't
            words += [
                (stem[:-1] if stem not in ("can", "won") else "can", start, end),
                ("not", start, end),
            ]
        else:  # it's, they're
            words += [
                (stem, start, end),
                ("is" if ending in ("s", "re", "m") else ending, start, end),
            ]
    i = 0
    while i < len(words):
        word, start, end = words[i]
        length, entry = _match(words, i)
        if length > 1:
            end = words[i + length - 1][2]
        wrapped = word == "\n" and i + 1 < len(words) and text[words[i + 1][1]].islower()
        if not wrapped:
            yield Token(word, entry.role, entry, start, end)
        i += length


def _match(words: Sequence[tuple[str, int, int]], i: int) -> tuple[int, Entry]:
    """Length and entry of the longest phrase that starts at word ``i``."""
    word = words[i][0]
    if i + 1 < len(words):
        for rest, entry in _PHRASES.get((word, words[i + 1][0]), ()):
            end = i + 2 + len(rest)
            following = [w for w, _, _ in words[i + 2 : end]]
            if len(following) == len(rest) and all(
                w in (expected, expected + "s") for w, expected in zip(following, rest, strict=True)
            ):
                return end - i, entry
    return 1, _WORDS.get(word, _PLAIN)
