"""Reads which class an answer names: clauses, negation, claims.

The algorithm, in reading order: write the text as a string of roles (``tokens``), cut sentences into
clauses, resolve negation inside each clause, see which of the claims holds in the end. What to make
of it is for ``answer.class_of_wording``.

All passes are linear in the length of the text. Roles are single letters here (see ``lexicon``).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from fas_plugin.labels import FasClass

#: A clause is cut before these, wherever they stand ...
_OPENERS = "KQri"
#: ... and before these where it already says something.
_ADVERBS = "TCL"
_VERBS = frozenset("cpe:")
_NEGATIONS = frozenset("nftb")
_SENTENCE = re.compile(r"[^.?]*[.?]?")
_CLASSES = re.compile("[RS]")
_PIECE = re.compile(r"[,ao]?[KQriTCL:]?[^,aoKQriTCL:]*")

_DENIAL = re.compile("[nft]")
#: What opens a statement behind a comma -> what must have been denied before it, for the denial to end
#: there: any thing, or in front of a bare "is" one that can be a class ("not a photo, is a person").
_THINGS = {"s": frozenset("_BH"), "C": frozenset("_BH"), "c": frozenset("BH")}
#: Words that name nothing, and padding.
_PLAIN = frozenset("_+")
#: A clause of nothing else that contrasts and denies takes back what was said ("but it is not").
_TAKING_BACK = frozenset("KTnfscpe,.")


class Mention(NamedTuple):
    """A class that is named. Negation is resolved.

    ``claimed``: the clause asserts it, in contrast to naming it in passing.
    """

    cls: FasClass
    claimed: bool


class Clause:
    """One statement.

    Attributes:
        roles: the letters of its tokens.
        ignored: whether it is a question, the task, an instruction or a hypothesis.
        mentions: the classes it names, in order.
        verdict: whether it is a sentence of hardly more than a class, after others ("Live.").
    """

    __slots__ = ("ignored", "mentions", "roles", "verdict")

    def __init__(self, roles: str, ignored: bool, verdict: bool) -> None:
        self.roles, self.ignored, self.verdict = roles, ignored, verdict
        self.mentions: list[Mention] = []

    def has(self, letters: str) -> bool:
        """Whether any of ``letters`` is among the roles."""
        return not _SETS[letters].isdisjoint(self.roles)


class _Sets(dict[str, frozenset[str]]):
    def __missing__(self, letters: str) -> frozenset[str]:
        made = self[letters] = frozenset(letters)
        return made


_SETS = _Sets()


def clauses(roles: str, *, bare: str = "") -> list[Clause]:
    """The statements of a text.

    Args:
        roles: the letters of its tokens.
        bare: the letter of a role that names a class too: of words such as "photo", or "person".
    """
    result: list[Clause] = []
    for sentence in _SENTENCE.finditer(roles):
        text = sentence.group()
        if not text:
            continue
        fragment = sentence.start() > 0 and len(text) <= 6 and len(_CLASSES.findall(text)) == 1
        verdict = fragment and _VERBS.isdisjoint(text)
        ignored = text[-1] == "?" or "k" in text or "G" in text
        for start, segments in _cut(text, sentence.start()):
            letters = roles[start : segments[-1][2]]
            ignored = ignored or "i" in letters
            clause = Clause(letters, ignored, verdict)
            result.append(clause)
            if "R" in letters or "S" in letters or (bare and bare in letters):
                _resolve_negation(clause, segments, roles, bare)
    return result


_Segment = tuple[str, int, int]  # what joins it to the last one; its tokens


def _cut(sentence: str, offset: int) -> list[tuple[int, list[_Segment]]]:
    """The clauses of a sentence: where each starts, and its segments between commas and "and"."""
    found: list[tuple[int, list[_Segment]]] = []
    segments: list[_Segment] = []
    verb = worded = says = False  # what the clause at hand has, its last segment left out
    for piece in _PIECE.finditer(sentence):
        text = piece.group()
        if not text:
            continue
        start, end = piece.start() + offset, piece.end() + offset
        link = text[0] if text[0] in ",ao" else ""
        opener = text[len(link) : len(link) + 1]
        opens = opener in _OPENERS if opener else False
        if opener and not opens and opener in _ADVERBS:
            opens = says
        elif opener == ":":
            tail = text[len(link) + 1 :]
            opens = not _VERBS.isdisjoint(tail) and (verb or tail[0] == "s")
        has_verb = not _VERBS.isdisjoint(text)
        subject = opener == "s"
        if segments and (opens or (link and worded and has_verb and (verb or subject))):
            found.append((segments[0][1], segments))
            segments, verb, worded, says = [], False, False, False
        if link or opens or not segments:
            segments.append((link, start, end))
        else:
            segments[-1] = (segments[-1][0], segments[-1][1], end)
        verb = verb or has_verb
        worded = worded or bool(text.strip(",aoKQriTCL."))
        says = says or "R" in text or "S" in text
    if segments:
        found.append((segments[0][1], segments))
    return found


def _resolve_negation(clause: Clause, segments: list[_Segment], roles: str, bare: str) -> None:
    """Sets the mentions of a clause.

    A negation reaches to the end of its clause: over "or" always; over commas, "and" and a verb only
    to the class that was negated first ("no print, mask and replay", but "no print and a live face").
    At the end it turns what precedes ("a spoof it is not"). Two negations in a row cancel out.
    """
    letters = clause.roles
    found: list[Mention] = []
    negated = same_only = claimed = seen_verb = generic = False
    scope: FasClass | None = None  # the class negated first
    concluded = clause.verdict or not _SETS[_ADVERBS].isdisjoint(letters)
    noun_phrase = letters[0] == "g" and _VERBS.isdisjoint(letters)
    generic_start = True  # nothing yet but words that make a rule of the subject
    turnable = 0  # the first mention that a negation behind it can turn
    for link, start, end in segments:
        if link != "o":
            same_only = True
        if seen_verb:
            turnable = len(found)
        pending = ""  # a negation that has nothing behind it yet
        before = len(found)  # mentions in front of it
        predicate = False  # whether a predicate stands behind it
        first = start + len(link)
        things = _THINGS.get(roles[first : first + 1])
        if things and link == "," and negated and scope is None:
            # "No bezel, this is ...": what was missing is no class, and a statement of its own follows.
            negated = not _lacks(things, roles[segments[0][1] : start])
        for position, role in enumerate(roles[first:end]):
            if role in _VERBS:
                seen_verb = predicate = True
                claimed = claimed or role in "c:"
                same_only = same_only or scope is not None
                if role == "e" and generic:  # "a real face is present"
                    found = [m._replace(claimed=True) for m in found]
                    generic = False
            elif role == "b":
                found = _turned(found)
            elif role in _NEGATIONS and role != "t":
                negated = not negated if pending else True
                scope, same_only, pending = None, False, role
                before, predicate = len(found), False
            elif role == "t":
                negated, scope, same_only = True, None, False
            elif role in "RS" or role == bare:
                cls = FasClass.REAL if role in "RH" else FasClass.SPOOF
                if same_only and scope is cls.other:
                    negated = False
                if negated:
                    scope = scope or cls
                generic = generic or (generic_start and not negated)
                sure = claimed or concluded or noun_phrase or negated
                found.append(Mention(cls.other if negated else cls, sure))
                pending = ""
            if role in _PLAIN:
                generic_start = generic_start and position != 1
            else:
                generic_start = generic_start and position < 2 and role == "g"
        if pending:
            said = roles[first:end].rstrip(".?")
            if before > turnable and (said[-1:] == pending or predicate or pending == "n"):
                found[turnable:before] = _turned(found[turnable:before])
                negated = generic = False
            elif len(said) == 1:  # an interjection: "no, ..."
                negated = False
            turnable = len(found)
    if generic and not _VERBS.isdisjoint(letters) and not bare:
        return  # "real faces show pores": a rule, no observation
    clause.mentions = found


def _lacks(things: frozenset[str], said: str) -> bool:
    """Whether the last negation denies a thing, in contrast to an opinion ("I don't think") or to
    nothing yet ("it is not, clearly, ...")."""
    denied = _DENIAL.split(said)[-1]
    return not things.isdisjoint(denied) and _VERBS.isdisjoint(denied)


def _turned(mentions: Sequence[Mention]) -> list[Mention]:
    return [Mention(m.cls.other, True) for m in mentions]


class Verdict(NamedTuple):
    """The last class that a text claims and that nothing after it takes back.

    ``marked``: its clause concludes or contrasts ("so", "but").
    """

    cls: FasClass | None
    clause: Clause | None
    marked: bool


def resolve(read: Sequence[Clause]) -> Verdict:
    """Which of the claims holds in the end.

    A later claim replaces an earlier one of the other class only where a word says so; indecision
    or a hedged claim of the other class after it leaves nothing decided.
    """
    nothing = Verdict(None, None, False)
    last: dict[FasClass, tuple[int, Clause]] = {}
    final, doubt, hedge = nothing, -1, dict[FasClass, int]()
    turns = conclusions = -1  # where the last contrast and the last conclusion stand
    for i, clause in enumerate(read):
        if clause.ignored:
            continue
        roles = clause.roles
        if "K" in roles or "T" in roles or _interjects(roles):
            turns = i
        if "C" in roles or "L" in roles:
            conclusions = i
        claimed = {m.cls for m in clause.mentions if m.claimed}
        if "u" in roles or len(claimed) == 2:
            doubt = i
        elif "m" in roles:
            hedge.update(dict.fromkeys(claimed, i))
        elif (claimed or _takes_back(roles)) and "Q" not in roles:
            cls = claimed.pop() if claimed else final.cls and final.cls.other
            if cls is None:
                continue
            final = Verdict(cls, clause, clause.has("KTCL") or _interjects(roles))
            before, earlier = last.get(cls.other, (-1, None))
            # A conclusion outweighs a plain claim; only a contrast outweighs a conclusion.
            concluded = earlier is not None and earlier.has("CL")
            if before >= 0 and not turns > before and (concluded or not conclusions > before):
                doubt = i
            elif doubt == before:
                doubt = -1
            last[cls] = (i, clause)
            hedge = {c: at for c, at in hedge.items() if at > i}
    if final.cls is None:
        return nothing
    at = last[final.cls][0]
    if doubt >= at or hedge.get(final.cls.other, -1) > at:
        return nothing
    return final


def _interjects(roles: str) -> bool:
    """Whether the clause starts with a "no" of its own ("no, it is ...")."""
    return roles == "f" or roles.startswith(("f,", "f."))


def _takes_back(roles: str) -> bool:
    """Whether the clause denies what was said before and says nothing else ("but it is not")."""
    return "K" in roles and ("n" in roles or "f" in roles) and _TAKING_BACK.issuperset(roles)
