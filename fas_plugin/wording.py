"""Reads what a short or a long text says about the class: clauses, negation, claims.

The algorithm, in reading order: find the phrases of the lexicon (``tokens``), cut sentences into
clauses, resolve negation inside each clause, see which of the claims holds in the end. What to make
of it is for ``answer.class_of_wording`` and for ``rewards.stance``.

All passes are linear in the length of the text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from fas_plugin.labels import FasClass
from fas_plugin.lexicon import Role
from fas_plugin.tokens import Token, tokens


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

#: What makes a rule of a subject ("a real face shows pores").
_GENERIC = frozenset(
    [
        "a",
        "an",
        "any",
        "most",
        "many",
        "all",
        "every",
        "each",
        "usual",
        "typical",
        "actual",
        "often",
    ]
)
#: Negations that turn what precedes them only with a predicate behind ("pores are not visible").
_FORWARD = frozenset(["not", "no", "non", "without", "rather", "instead", "unlike", "as", "in"])

_STOPS = frozenset(".!?;。！？；\n…")
_COMMAS = frozenset(",，、()（）[]—–")


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
            if len(segment) == 1 and segment[0].text == "no":  # "no, it is ..."
                clause.roles.add(Role.TURN)
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

    A negation reaches to the end of its clause: over "or" always; over commas, "and" and a verb only
    to what speaks for the same class as the first thing negated ("no moire, bezel and glare", but
    "no moire and natural pores", "the absence of pores suggests a mask"). At the end it turns what
    precedes ("moire is not visible", "moire is absent"). Two negations in a row cancel out.
    """
    found: list[Mention] = []
    negated = same_only = claimed = seen_verb = generic = False
    scope: FasClass | None = None  # class of the first thing negated
    concluded = bool(clause.roles & _ADVERBS)
    noun_phrase = clause.tokens[0][0].text in ("a", "an") and not clause.roles & _VERBS
    generic_start = True  # nothing yet but words that make a rule of the subject
    turnable = 0  # the first mention that a negation behind it can turn
    for link, segment in zip(clause.links, clause.tokens, strict=True):
        if link is not Role.OR:
            same_only = True
        if seen_verb:
            turnable = len(found)
        pending: Token | None = None  # a negation that has nothing behind it yet
        before = len(found)  # mentions in front of it
        predicate = False  # whether a predicate stands behind it
        for position, token in enumerate(segment):
            role = token.role
            if role in _VERBS:
                seen_verb = predicate = True
                claimed = claimed or role is Role.CLAIM
                same_only = same_only or scope is not None
                if role is Role.EXISTS and generic:  # "a real face is present"
                    found = [m._replace(claimed=not m.evidence) for m in found]
                    generic = False
            elif role is Role.NEGATION:
                negated = not negated if pending else True
                scope, same_only, pending = None, False, token
                before, predicate = len(found), False
            elif role is Role.THAN:
                negated, scope, same_only = True, None, False
            elif role in _MENTIONS or (bare and role is Role.BARE):
                cls = token.entry.cls or FasClass.SPOOF
                if same_only and scope not in (None, cls):
                    negated = False
                if negated:
                    scope = scope or cls
                evidence = role is Role.EVIDENCE
                generic = generic or (generic_start and not evidence and not negated)
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
            generic_start = generic_start and position < 2 and token.text in _GENERIC
        if pending:
            last = segment[-1] is pending
            if before > turnable and (last or predicate or pending.text not in _FORWARD):
                found[turnable:before] = [
                    m._replace(cls=m.cls.other, claimed=not m.evidence)
                    for m in found[turnable:before]
                ]
                negated = generic = False
            elif len(segment) == 1:  # an interjection: "no, ..."
                negated = False
            turnable = len(found)
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
