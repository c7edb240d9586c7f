"""Reads what a short or a long text says about the class: tokens, clauses, negation, claims.

The algorithm, in reading order: ``fold`` the text, find the phrases of the lexicon, cut sentences
into segments and segments into clauses, resolve negation inside each clause. What the clauses say
together is for ``answer.class_of_wording`` and for ``rewards.stance``.

All passes are linear in the length of the text.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from fas_plugin.labels import FasClass
from fas_plugin.lexicon import TABLES, Entry, Role

_PLAIN = Entry(Role.NEUTRAL)


class Token(NamedTuple):
    """A word, phrase or mark with its role. ``start`` and ``end`` count the original's characters."""

    text: str
    role: Role
    entry: Entry
    start: int
    end: int


class Mention(NamedTuple):
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
        return bool(self.roles & (_VERBS | _ADVERBS | {Role.NEGATION}))


_VERBS = frozenset({Role.CLAIM, Role.PREDICATE, Role.EXISTS})
#: Start a clause of their own, wherever they stand.
_OPENERS = frozenset({Role.CONTRAST, Role.CONCESSION, Role.REASON, Role.CONDITION})
#: Start one only where the clause at hand already says something.
_ADVERBS = frozenset({Role.TURN, Role.CONCLUSION, Role.LIKELY})
_MENTIONS = frozenset({Role.CLASS, Role.EVIDENCE})
HEDGES = frozenset({Role.MODAL, Role.UNDECIDED, Role.LIKELY})
#: Make a claim of the class that the clause names.
_MARKS = frozenset({Role.CONTRAST, Role.TURN, Role.CONCLUSION, Role.LIKELY})

_TAKING_BACK = frozenset({Role.CONTRAST, Role.TURN, Role.NEGATION, Role.SUBJECT}) | _VERBS

_STOPS = frozenset(".!?;。！？；\n…")
_COMMAS = frozenset(",，、()（）[]—–")
_HYPHENS = frozenset("-‐‑")
_CJK = "\u3400-\u4dbf\u4e00-\u9fff"
_HAN = re.compile(f"[{_CJK}]")


def _lexicon() -> tuple[dict[str, list[tuple[tuple[str, ...], Entry]]], re.Pattern[str]]:
    """First word, or its plural -> phrases, longest first; and the pattern of a token."""
    phrases: dict[tuple[str, ...], Entry] = {}
    han: set[str] = set()
    for entry, table in TABLES:
        for phrase in table.split(","):
            words = tuple(phrase.split())
            phrases[words] = entry
            if _HAN.match(words[0]):
                han.add(words[0])
    index: dict[str, list[tuple[tuple[str, ...], Entry]]] = {}
    for words, entry in phrases.items():
        index.setdefault(words[0], []).append((words, entry))
    for words, entry in phrases.items():  # after what is listed itself, as "looks" is
        index.setdefault(words[0] + "s", []).append((words, entry))
    for found in index.values():
        found.sort(key=lambda phrase: len(phrase[0]), reverse=True)
    chinese = "|".join(sorted(han, key=len, reverse=True))
    pattern = rf"[a-z]+(?:'[a-z]+)*|\d+[a-z]?|{chinese}|[{_CJK}]|[^\w\s'\"*`~#<>{{}}]|\n"
    return index, re.compile(pattern)


_INDEX, _TOKEN = _lexicon()


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
        stem, apostrophe, ending = word.partition("'")
        if not apostrophe or not stem:
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
    for phrase, entry in _INDEX.get(words[i][0], ()):
        n = len(phrase)
        if n == 1:
            return 1, entry
        if i + n <= len(words) and all(
            words[i + j][0] in (phrase[j], phrase[j] + "s") for j in range(1, n)
        ):
            return n, entry
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
    worded = False  # whether the clause at hand has more than the word that opens it
    says = False  # whether it has a mention

    def close_segment(next_link: Role | None) -> None:
        nonlocal clause, segment, link, worded, says
        if segment:
            roles = {token.role for token in segment}
            starts = segment[0].role is Role.SUBJECT
            if worded and roles & _VERBS and (clause.roles & _VERBS or starts):
                close_clause()
            worded = worded or bool(roles - _OPENERS - _ADVERBS)
            says = says or bool(roles & _MENTIONS)
            clause.tokens.append(segment)
            clause.links.append(link)
            clause.roles |= roles
        segment, link = [], next_link

    def close_clause() -> None:
        nonlocal clause, worded, says
        if clause.tokens:
            sentence.append(clause)
        clause, worded, says = Clause(), False, False

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
            if token.role in _OPENERS or (token.role in _ADVERBS and says):
                close_segment(None)
                close_clause()
            if token.text == ":":
                token = token._replace(role=Role.PREDICATE)
            segment.append(token)
            says = says or token.role in _MENTIONS
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
    concluded = bool(clause.roles & _ADVERBS)
    first = clause.tokens[0][0].text if clause.tokens else ""
    noun_phrase = first in ("a", "an") and not clause.roles & _VERBS
    previous, turnable = "", 0
    for link, segment in zip(clause.links, clause.tokens, strict=True):
        pending: int | None = None  # mentions before a negation that has nothing behind it yet
        if link is not Role.OR:
            listed = True
        for token in segment:
            role = token.role
            if role in _VERBS:
                seen_verb = True
                claimed = claimed or role is Role.CLAIM
                if role is Role.EXISTS and generic:
                    found = [m._replace(claimed=not m.evidence) for m in found]
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
            found[turnable:pending] = [
                m._replace(cls=m.cls.other, claimed=not m.evidence) for m in found[turnable:pending]
            ]
            if pending > turnable or len(segment) == 1:  # turned, or an interjection ("no, ...")
                negated = generic = False
            turnable = pending
    if generic and clause.roles & _VERBS and not bare:
        return ()  # "real faces show pores": a rule, no observation
    return tuple(found)


@dataclass(frozen=True)
class Verdict:
    """The last class that a text claims and that nothing after it takes back.

    ``marked``: its clause concludes or contrasts ("so", "but").
    """

    cls: FasClass | None
    clause: Clause
    marked: bool


def resolve(read: Sequence[Clause]) -> Verdict:
    """Which of the claims holds in the end.

    A later claim replaces an earlier one of the other class only where a word says so; indecision
    or a hedged claim of the other class after it leaves nothing decided.
    """
    nothing = Verdict(None, Clause(), False)
    last: dict[FasClass, tuple[int, set[Role]]] = {}
    final, doubt, hedge = nothing, -1, dict[FasClass, int]()
    turns = conclusions = -1  # where the last contrast and the last conclusion stand
    for i, clause in enumerate(read):
        roles = clause.roles
        if clause.ignored:
            continue
        if roles & {Role.CONTRAST, Role.TURN}:
            turns = i
        if roles & {Role.CONCLUSION, Role.LIKELY}:
            conclusions = i
        claimed = {m.cls for m in clause.mentions if m.claimed}
        if Role.UNDECIDED in roles or len(claimed) == 2:
            doubt = i
        elif Role.MODAL in roles:
            hedge.update(dict.fromkeys(claimed, i))
        elif (claimed or _takes_back(clause)) and Role.CONCESSION not in roles:
            cls = claimed.pop() if claimed else final.cls and final.cls.other
            if cls is None:
                continue
            final = Verdict(cls, clause, bool(roles & _MARKS))
            before, how = last.get(cls.other, (-1, set()))
            # A conclusion outweighs a plain claim; only a contrast outweighs a conclusion.
            concluded = bool(how & {Role.CONCLUSION, Role.LIKELY})
            if before >= 0 and not turns > before and (concluded or not conclusions > before):
                doubt = i
            elif doubt == before:
                doubt = -1
            last[cls] = (i, roles)
            settled = i
            hedge = {c: at for c, at in hedge.items() if at > settled}
    if final.cls is None:
        return nothing
    at = last[final.cls][0]
    if doubt >= at or hedge.get(final.cls.other, -1) > at:
        return nothing
    return final


def _takes_back(clause: Clause) -> bool:
    """Whether the clause denies what was said before and says nothing else ("but it is not")."""
    return {Role.CONTRAST, Role.NEGATION} <= clause.roles <= _TAKING_BACK
