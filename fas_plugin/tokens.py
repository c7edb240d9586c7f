"""Cuts a text into tokens, one character each, so that C code does most of the reading.

A token is a word or a mark. ``encode`` writes a text as a string with one character per token (its
*code*); ``roles`` turns that string into one with a letter per token that says what it does in a
sentence (``lexicon.Role``).

Case, accents, width, invisible characters, hyphens and a plural -s do not matter.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from itertools import repeat
from operator import add

from fas_plugin.evidence import learned_weights
from fas_plugin.lexicon import TABLES, Role

PADDING = "\x01"
UNKNOWN = "\x02"
_CJK = "\u3400-\u4dbf\u4e00-\u9fff"

#: Marks by what they do; any other mark is dropped.
_MARKS = {
    **dict.fromkeys(".!;。！；…", Role.STOP),
    **dict.fromkeys("?？", Role.QUESTION),
    **dict.fromkeys(",，、()（）[]—–", Role.COMMA),
    **dict.fromkeys("/|", Role.OR),
    **dict.fromkeys(":：", Role.COLON),
    **dict.fromkeys("=→⇒", Role.CLAIM),
}
#: Four letters and an -s that is no plural.
_NO_PLURAL = frozenset(
    ("lens", "does", "this", "thus", "plus", "news", "alas", "bias", "iris", "glasses", "axes")
)

#: An 's behind any other word is a possessive.
_PRONOUNS = frozenset(
    ("it", "that", "this", "there", "here", "he", "she", "what", "who", "where", "how")
)

#: A chunk longer than this is not remembered.
_MAX_CHUNK = 40
#: As many chunks are remembered before the memory starts anew.
_MAX_MEMORY = 50_000


def stem(word: str) -> str:
    """``word`` without its plural ending."""
    if word.endswith(("shes", "ches", "xes")) and word not in _NO_PLURAL:
        return word[:-2]
    if len(word) < 4 or word[-1] != "s" or word[-2:] in ("ss", "us", "is") or word in _NO_PLURAL:
        return word
    return word[:-3] + "y" if word.endswith("ies") and len(word) > 4 else word[:-1]


class _Codes(dict[str, str]):
    """Token -> code; a token that is asked for gets one."""

    def __missing__(self, token: str) -> str:
        code = self[token] = chr(len(self) + 0x100)
        return code


def _lexicon() -> tuple[dict[str, str], dict[str, list[tuple[str, str]]]]:
    """Code -> role letter; phrases by the codes of their first two words, longest first."""
    letters: dict[str, str] = {}
    phrases: dict[str, list[tuple[str, str]]] = {}
    for role, table in TABLES:
        for phrase in table.split(","):
            words = [stem(word) for word in phrase.split()]
            code = CODES[" ".join(words)]
            letters[code] = role.value
            if len(words) > 1:
                spelled = "".join(CODES[word] for word in words)
                found = phrases.setdefault(spelled[:2], [])
                found[:] = [old for old in found if old[0] != spelled]
                found.append((spelled, code + PADDING * (len(words) - 1)))
    for mark, role in _MARKS.items():
        letters[CODES[mark]] = role.value
    letters[CODES["\n"]] = Role.STOP.value
    letters[PADDING] = Role.PADDING.value
    for found in phrases.values():
        found.sort(key=lambda phrase: len(phrase[0]), reverse=True)
    return letters, phrases


CODES = _Codes()
_LETTERS, _PHRASES = _lexicon()


def _evidence() -> tuple[dict[str, float], dict[str, float]]:
    """Code -> weight, and two codes -> weight."""
    singles: dict[str, float] = {}
    pairs: dict[str, float] = {}
    for tokens, weight in learned_weights().items():
        first, _, second = tokens.partition(" ")
        if second:
            pairs[CODES[first] + CODES[second]] = weight
        else:
            singles[CODES[first]] = weight
    return singles, pairs


_SINGLES, _PAIRS = _evidence()


_CHINESE = "|".join(
    sorted((w for w in CODES if re.match(f"[{_CJK}]{{2}}", w)), key=len, reverse=True)
)
_TOKEN = re.compile(
    rf"[a-z]+(?:'[a-z]+)*|\d+[a-z]?|{_CHINESE}|[{_CJK}]|[{re.escape(''.join(_MARKS))}\n]|(?<!\w)-+|-+(?!\w)"
)


@lru_cache(maxsize=4096)
def _fold_character(character: str) -> str:
    if unicodedata.category(character) in ("Cf", "Mn"):  # zero-width and combining characters
        return ""
    plain = unicodedata.normalize("NFKD", character)
    if len(plain) > 4:  # a ligature of whole words would make a long text of a short one
        return character
    return "".join(c for c in plain if unicodedata.category(c) != "Mn").lower()


def fold(text: str) -> str:
    """Lower case, full-width to half-width, accents and invisible characters dropped."""
    if text.isascii():
        return text.lower()
    return "".join([_fold_character("'" if c in "’‘ʼ" else c) for c in text])


def words(text: str) -> Iterator[str]:
    """The words and marks of ``text``, stemmed, in order; contractions are written out."""
    for token in _TOKEN.findall(fold(text)):
        if "'" in token:
            yield from _written_out(*token.split("'", 1))
        elif token[0] == "-":  # a dash or a bullet; the hyphen of bona-fide is no token
            yield ","
        else:
            yield stem(token)


def _written_out(first: str, ending: str) -> tuple[str, ...]:
    if ending == "t" and first.endswith("n"):  # isn't, can't
        return ("can" if first in ("can", "won") else first[:-1]), "not"
    if ending == "s" and first not in _PRONOUNS:  # a possessive
        return (stem(first),)
    return first, "is" if ending in ("s", "re", "m") else ending


def _related(word: str) -> str:
    """The code of an unknown word: that of its stem, where that is known."""
    for ending, replacements in (
        ("ed", ("", "e")),
        ("ing", ("", "e")),
        ("ly", ("",)),
        ("y", ("",)),
    ):
        if word.endswith(ending) and len(word) > len(ending) + 3:
            for replacement in replacements:
                if code := CODES.get(word.removesuffix(ending) + replacement):
                    return code
    return UNKNOWN


class _Memory(dict[str, str]):
    """Chunk of text without white space -> codes. Most chunks come again and again."""

    def __missing__(self, chunk: str) -> str:
        codes = "".join([CODES.get(word) or _related(word) for word in words(chunk)])
        if len(chunk) <= _MAX_CHUNK:
            if len(self) >= _MAX_MEMORY:
                self.clear()
            self[chunk] = codes
        return codes


_memory = _Memory()
#: A line's end that ends a sentence; one that goes on in lower case is only wrapped.
LINE = re.compile(r"(?<=[^\n])\n+(?=[^a-z\n])")


def encode(text: str) -> str:
    """``text`` as one character per word or mark."""
    if "\n" in text:
        text = LINE.sub(" ; ", text)
    return "".join(map(_memory.__getitem__, text.split()))


def read(codes: str) -> tuple[str, list[float]]:
    """Of each token its role, as a letter, and what it speaks for.

    A phrase of the lexicon has its role at its first word; the others are padding. A weight is
    positive for real and negative for spoof; that of a pair of neighbours stands at its second.
    """
    pairs = list(map(add, codes, codes[1:]))
    weights = list(map(_SINGLES.get, codes, repeat(0.0)))
    weights[1:] = map(add, weights[1:], map(_PAIRS.get, pairs, repeat(0.0)))
    if not _PHRASES.keys().isdisjoint(pairs):
        codes = _with_phrases(
            codes, [i for i, pair in enumerate(pairs) if pair in _PHRASES], weights
        )
    return "".join(map(_LETTERS.get, codes, repeat(Role.NEUTRAL.value))), weights


def _with_phrases(codes: str, starts: list[int], weights: list[float]) -> str:
    """``codes`` with the code of a phrase at its first word and ``PADDING`` at the others.

    The words of a phrase lose their weights: "fails to" is no failure.
    """
    pieces: list[str] = []
    done = 0
    for i in starts:
        if i >= done:
            for spelled, replacement in _PHRASES[codes[i : i + 2]]:
                if codes.startswith(spelled, i):
                    pieces += (codes[done:i], replacement)
                    done = i + len(spelled)
                    weights[i:done] = [0.0] * len(spelled)
                    break
    pieces.append(codes[done:])
    return "".join(pieces)


def token_spans(text: str) -> list[tuple[int, int]]:
    """Start and end of the chunk that each token of ``encode(text)`` comes from; one line only.

    Slower than ``encode``; for those who want to see where a token stands.
    """
    spans: list[tuple[int, int]] = []
    for chunk in re.finditer(r"\S+", text):
        start, end = chunk.span()
        word = re.search(r"\w(?:.*\w)?", chunk.group())
        if word is not None:
            start, end = start + word.start(), start + word.end()
        spans += [(start, end)] * len(_memory[chunk.group()])
    return spans
