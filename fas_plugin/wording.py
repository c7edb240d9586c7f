"""Reads what a short or a long text says about the class: tokens, clauses, negation, claims.

The algorithm, in reading order: ``fold`` the text, find the phrases of the lexicon, cut sentences
into segments and segments into clauses, resolve negation inside each clause. What the clauses say
together is for ``class_of_wording`` (an answer) and for ``rewards.stance`` (a reasoning).

All passes are linear in the length of the text.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from fas_plugin.labels import FasClass
from fas_plugin.lexicon import TABLES, Entry, Role

#: An answer longer than this states nothing. Characters.
MAX_WORDING = 20_000

_PLAIN = Entry(Role.NEUTRAL)


@dataclass(frozen=True)
class Token:
    """A word, phrase or mark with its role. ``start`` and ``end`` count the original's characters."""

    text: str
    entry: Entry
    start: int
    end: int

    @property
    def role(self) -> Role:
        return self.entry.role


@dataclass(frozen=True)
class Mention:
    """A class or a piece of evidence, negation resolved.

    ``claimed``: the clause asserts it, in contrast to naming it in passing.
    """

    cls: FasClass
    weight: float
    evidence: bool
    claimed: bool
    start: int
    end: int


@dataclass
class Clause:
    """One statement: its mentions and how it is put."""

    tokens: list[list[Token]] = field(default_factory=list)  # by segment
    links: list[Role | None] = field(default_factory=list)  # what joins each segment to the last
    roles: set[Role] = field(default_factory=set)
    ignored: bool = False  # question, task, instruction, hypothesis
    mentions: tuple[Mention, ...] = ()

    @property
    def states(self) -> bool:
        """Whether there is a predicate at all: a list of keywords states nothing."""
        return bool(self.roles & (_VERBS | {Role.NEGATION, Role.CONCLUSION, Role.TURN}))


_VERBS = frozenset({Role.CLAIM, Role.PREDICATE, Role.EXISTS})
#: Start a clause of their own, wherever they stand.
_OPENERS = frozenset({Role.CONTRAST, Role.CONCESSION, Role.REASON, Role.CONDITION})
#: Start one only where the clause at hand already says something.
_ADVERBS = frozenset({Role.TURN, Role.CONCLUSION})
_MENTIONS = frozenset({Role.CLASS, Role.EVIDENCE})

_STOPS = frozenset(".!?;。！？；\n…")
_COMMAS = frozenset(",，、()（）[]—–")
_CJK = "\u3400-\u4dbf\u4e00-\u9fff"
_HAN = re.compile(f"[{_CJK}]")


def _lexicon() -> tuple[dict[str, list[tuple[tuple[str, ...], Entry]]], re.Pattern[str]]:
    """First word -> phrases, longest first; and the pattern of a token."""
    phrases: dict[tuple[str, ...], Entry] = {}
    han: set[str] = set()
    for entry, table in TABLES:
        for phrase in table.split(","):
            words = tuple(phrase.split())
            phrases[words] = entry
            if _HAN.match(words[0]):
                han.add(words[0])
    index: dict[str, list[tuple[tuple[str, ...], Entry]]] = {}
    for words in sorted(phrases, key=len, reverse=True):
        index.setdefault(words[0], []).append((words, phrases[words]))
    chinese = "|".join(sorted(han, key=len, reverse=True))
    pattern = rf"[a-z]+(?:'[a-z]+)*|\d+[a-z]?|{chinese}|[{_CJK}]|[^\w\s'\"*`~#<>{{}}]|\n"
    return index, re.compile(pattern)


_INDEX, _TOKEN = _lexicon()


@lru_cache(maxsize=4096)
def _fold_character(character: str) -> str:
    if unicodedata.category(character) in ("Cf", "Mn"):  # zero-width and combining characters
        return ""
    return "".join(
        c for c in unicodedata.normalize("NFKD", character) if unicodedata.category(c) != "Mn"
    ).lower()


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
        stem, apostrophe, ending = word.partition("'")
        if not apostrophe or not stem:
            words.append((word, start, end))
        elif ending == "t" and stem.endswith("n"):  # isn't, can't
            words += [(stem[:-1] if stem not in ("can", "won") else "can", start, end), ("not", start, end)]
        else:  # it's, they're
            words += [(stem, start, end), ("is" if ending in ("s", "re", "m") else ending, start, end)]
    i = 0
    while i < len(words):
        word, start, end = words[i]
        length, entry = _match(words, i)
        if length > 1:
            end = words[i + length - 1][2]
        if word == "\n" and i + 1 < len(words) and text[words[i + 1][1]].islower():
            pass  # a line that was only wrapped
        else:
            yield Token(word, entry, start, end)
        i += length


def _match(words: Sequence[tuple[str, int, int]], i: int) -> tuple[int, Entry]:
    """Length and entry of the longest phrase that starts at word ``i``."""
    word = words[i][0]
    for phrase, entry in _INDEX.get(word) or _INDEX.get(word.removesuffix("s")) or ():
        n = len(phrase)
        if n == 1:
            return 1, entry
        if i + n <= len(words) and all(
            words[i + j][0] in (phrase[j], phrase[j] + "s") for j in range(1, n)
        ):
            return n, entry
    if word != (stem := word.removesuffix("s")) and word in _INDEX:
        for phrase, entry in _INDEX.get(stem, ()):
            if len(phrase) == 1:
                return 1, entry
    return 1, _PLAIN


def clauses(text: str, *, bare: bool = False) -> list[Clause]:
    """The statements of ``text`` with their mentions.

    Args:
        text: any text.
        bare: whether words such as "photo" and "screen" name an attack by themselves.
    """
    result: list[Clause] = []
    sentence: list[Clause] = []
    clause, segment, link = Clause(), list[Token](), None

    def close_segment(next_link: Role | None) -> None:
        nonlocal clause, segment, link
        if segment:
            roles = {token.role for token in segment}
            starts = segment[0].role is Role.SUBJECT
            if clause.tokens and roles & _VERBS and (clause.roles & _VERBS or starts):
                if any(t.role not in _OPENERS | _ADVERBS for s in clause.tokens for t in s):
                    close_clause()
            clause.tokens.append(segment)
            clause.links.append(link)
            clause.roles |= roles
        segment, link = [], next_link

    def close_clause() -> None:
        nonlocal clause
        if clause.tokens:
            sentence.append(clause)
        clause = Clause()

    def close_sentence(question: bool) -> None:
        nonlocal sentence
        close_segment(None)
        close_clause()
        roles = set().union(*(c.roles for c in sentence))
        hypothetical = False
        for c in sentence:
            hypothetical = hypothetical or Role.CONDITION in c.roles
            c.ignored = question or hypothetical or bool(roles & {Role.TASK, Role.GRADER})
            c.mentions = _mentions(c, bare)
        result.extend(sentence)
        sentence = []

    for token in tokens(text):
        if token.text in _STOPS:
            close_sentence(token.text in "?？")
        elif token.text in _COMMAS:
            close_segment(None)
        elif token.role in (Role.AND, Role.OR) or token.text in "/|":
            close_segment(Role.AND if token.role is Role.AND else Role.OR)
        else:
            says = any(t.role in _MENTIONS for s in [*clause.tokens, segment] for t in s[-8:])
            if token.role in _OPENERS or (token.role in _ADVERBS and says):
                close_segment(None)
                close_clause()
            if token.text == ":":
                token = Token(":", Entry(Role.PREDICATE), token.start, token.end)
            segment.append(token)
    close_sentence(False)
    return result


def _mentions(clause: Clause, bare: bool) -> tuple[Mention, ...]:
    """Resolves negation.

    A negation reaches to the end of its clause, over "or" always, over commas and "and" only while
    the things listed speak for the same class ("no moire, bezel and glare", but "no moire and
    natural pores"). With nothing behind it, it turns what precedes ("moire is not visible").
    Two negations in a row cancel out.
    """
    found: list[Mention] = []
    negated = listed = claimed = seen_verb = generic = False
    scope: FasClass | None = None
    concluded = Role.CONCLUSION in clause.roles or Role.TURN in clause.roles
    first = clause.tokens[0][0].text if clause.tokens else ""
    noun_phrase = first in ("a", "an") and not clause.roles & _VERBS
    previous = ""
    for link, segment in zip(clause.links, clause.tokens, strict=True):
        pending: int | None = None  # mentions before a negation that has nothing behind it yet
        if link is not Role.OR:
            listed = True
        for token in segment:
            role = token.role
            if role in _VERBS:
                seen_verb = True
                claimed = claimed or role is Role.CLAIM
                if role is Role.EXISTS and generic and clause.roles & {Role.CLAIM, Role.EXISTS}:
                    found = [_replace(m, claimed=not m.evidence) for m in found]
                    generic = False
            if role is Role.NEGATION:
                negated = not negated if pending is not None else True
                scope, listed, pending = None, False, len(found)
            elif role is Role.THAN:
                negated, scope, listed = True, None, False
            elif role in _MENTIONS or (bare and role is Role.BARE):
                cls = token.entry.cls
                assert cls is not None
                if negated and listed and scope not in (None, cls):
                    negated = False
                if negated:
                    scope = cls
                evidence = role is Role.EVIDENCE
                if not found and not seen_verb and not evidence and previous not in ("the", "this"):
                    generic = not negated
                found.append(
                    Mention(
                        cls=cls.other if negated else cls,
                        weight=token.entry.weight,
                        evidence=evidence,
                        claimed=not evidence and (claimed or concluded or noun_phrase or negated),
                        start=token.start,
                        end=token.end,
                    )
                )
                pending = None
            previous = token.text
        if pending is not None:
            found[:pending] = [
                _replace(m, cls=m.cls.other, claimed=not m.evidence) for m in found[:pending]
            ]
            generic = generic and not pending
            if pending or len(segment) == 1:
                negated = False
    if generic and clause.roles & _VERBS and not bare:
        return ()  # "real faces show pores": a rule, no observation
    return tuple(found)


def _replace(mention: Mention, **changes: Any) -> Mention:
    return Mention(**{**mention.__dict__, **changes})


def class_of_wording(text: str) -> FasClass | None:
    """The class that an answer states.

    Reads synonyms, instruments, negation, JSON, Markdown and Chinese. None for an answer that names
    neither class, hedges, asks, or names both without saying which of them holds.
    """
    if len(text) > MAX_WORDING:
        return None
    folded, _ = fold(text)
    stripped = folded.strip().removeprefix("```json").strip("`\n ")
    if stripped[:1] in ("{", "["):
        try:
            return _class_of_json(json.loads(stripped, object_pairs_hook=_Pairs))
        except (ValueError, RecursionError):
            pass
    read = clauses(text)
    named = _agreed(m.cls for c in read for m in c.mentions if not m.evidence)
    if len(named) == 2:
        return _resolved(read)
    if any(c.ignored or c.roles & {Role.MODAL, Role.UNDECIDED} or _soft(c) for c in read):
        return _resolved(read)
    if not named:
        named = _agreed(m.cls for c in clauses(text, bare=True) for m in c.mentions if not m.evidence)
    return named.pop() if len(named) == 1 else None
