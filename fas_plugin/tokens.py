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


#: A line's end that ends a sentence; one that goes on in lower case is only wrapped.
_LINE = re.compile(r"(?<=[^\n])\n+(?=[^a-z\n])")


def encode(text: str) -> str:
    """``text`` as one character per word or mark."""
    if "\n" in text:
        text = _LINE.sub(" ; ", text).replace("\n", " ")
    return "".join([CODES.get(word, UNKNOWN) for word in words(text)])


def roles(codes: str) -> str:
    """The role of each token, as a letter.

    A phrase of the lexicon has its role at its first word; the others are padding.
    """
    pairs = list(map(add, codes, codes[1:]))
    if not _PHRASES.keys().isdisjoint(pairs):
        codes = _with_phrases(codes, [i for i, pair in enumerate(pairs) if pair in _PHRASES])
    return "".join(map(_LETTERS.get, codes, repeat(Role.NEUTRAL.value)))


def _with_phrases(codes: str, starts: list[int]) -> str:
    """``codes`` with the code of a phrase at its first word and ``PADDING`` at the others."""
    pieces: list[str] = []
    done = 0
    for i in starts:
        if i >= done:
            for spelled, replacement in _PHRASES[codes[i : i + 2]]:
                if codes.startswith(spelled, i):
                    pieces += (codes[done:i], replacement)
                    done = i + len(spelled)
                    break
    pieces.append(codes[done:])
    return "".join(pieces)
