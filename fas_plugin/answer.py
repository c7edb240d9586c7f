"""The class that an answer states: wording, negation, JSON, Chinese."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

from fas_plugin.labels import INSTRUMENTS, FasClass
from fas_plugin.lexicon import Role
from fas_plugin.tokens import encode, fold, roles
from fas_plugin.wording import clauses, resolve

#: Modal, undecided and likely.
_HEDGES = "muL"
#: An answer longer than this states nothing. Characters.
MAX_WORDING = 20_000
#: Characters.
_SHORT = 64


def class_of_wording(text: str) -> FasClass | None:
    """The class that an answer states.

    Reads synonyms, instruments, negation, JSON, Markdown and Chinese. None for an answer that names
    neither class, hedges, asks, or names both without saying which of them holds.
    """
    if len(text) > MAX_WORDING:
        return None
    return _class_of_word(text) if len(text) <= _SHORT else _class_of_text(text)


def _class_of_text(text: str) -> FasClass | None:
    stripped = fold(text).strip().removeprefix("```json").strip("`\n ")
    if "." in stripped and stripped in INSTRUMENTS:  # "partial.eyes": the name, not two sentences
        return FasClass.SPOOF
    if stripped[:1] in ("{", "["):
        try:
            return _class_of_json(json.loads(stripped, object_pairs_hook=_Pairs))
        except (ValueError, RecursionError):
            pass
    letters = roles(encode(text))
    said = clauses(letters)
    named = {m.cls for c in said if not c.ignored for m in c.mentions}
    hedged = any(c.ignored or c.has(_HEDGES) for c in said)
    if len(named) == 2 or (hedged and named):
        final = resolve(said)
        return (
            final.cls if final.marked and final.clause and not final.clause.has(_HEDGES) else None
        )
    both = {Role.BARE_SPOOF, Role.BARE_REAL, Role.OR} <= set(letters)  # "a person or a photo"
    for bare in (Role.BARE_SPOOF, Role.BARE_REAL):
        if not (named or hedged or both):
            named = {m.cls for c in clauses(letters, bare=bare.value) for m in c.mentions}
    return named.pop() if len(named) == 1 else None


#: A policy has few short answers, so they are remembered.
_class_of_word = lru_cache(maxsize=4096)(_class_of_text)


class _Pairs(list[tuple[str, Any]]):
    """A JSON object with its duplicate keys."""


#: Keys that hold the answer, whatever else the object says.
_VERDICT_KEYS = {"answer", "final_answer", "label", "class", "verdict", "prediction"}
_VERDICT_KEYS |= {"decision", "result", "conclusion"}
_YES = frozenset({"true", "yes", "1", "是"})
_NO = frozenset({"false", "no", "0", "none", "null", "n/a", "", "否", "无"})


def _class_of_json(value: Any) -> FasClass | None:
    if isinstance(value, str):
        return class_of_wording(value)
    if isinstance(value, _Pairs):
        verdicts = [v for k, v in value if k.lower().replace(" ", "_") in _VERDICT_KEYS]
        stated = map(_class_of_json, verdicts) if verdicts else map(_class_of_pair, value)
    elif isinstance(value, list):
        stated = map(_class_of_json, value)
    else:
        return None
    named = {cls for cls in stated if cls}
    return named.pop() if len(named) == 1 else None


def _class_of_pair(pair: tuple[str, Any]) -> FasClass | None:
    key, value = pair
    about = class_of_wording(key.replace("_", " "))
    plain = "null" if value is None else str(value).strip().lower()
    if about and not isinstance(value, list):
        if plain in _YES:
            return about
        if plain in _NO:
            return about.other
    return _class_of_json(value)
