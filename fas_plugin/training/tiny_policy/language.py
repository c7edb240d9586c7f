"""The little language that the tiny policy speaks: observations, a conclusion, an answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product

from fas_plugin.labels import FasClass
from fas_plugin.prompts import PROMPTS
from fas_plugin.training.tiny_policy.observe import LEVELS, OBSERVATIONS

#: How the reasoning ends. The words differ at one place, so one token decides.
CONCLUSIONS = {
    FasClass.REAL: "this looks like a live person.",
    FasClass.SPOOF: "this looks like a recaptured picture.",
}


def reasoning(levels: Mapping[str, int], conclusion: FasClass) -> str:
    """What is inside ``<think>``: each observation's level in words, then the conclusion."""
    seen = ", ".join(f"{name} {LEVELS[name][levels[name]]}" for name in OBSERVATIONS)
    return f"{seen}; {CONCLUSIONS[conclusion]}"


def completion(levels: Mapping[str, int], conclusion: FasClass, answer: FasClass) -> str:
    """A whole completion. ``conclusion`` and ``answer`` may contradict each other."""
    return f"<think>{reasoning(levels, conclusion)}</think><answer>{answer}</answer>"


def corpus() -> Iterator[str]:
    """Every text the tokenizer must cover in whole words."""
    for prompt in PROMPTS.values():
        yield prompt.text
    for level, conclusion, answer in product(range(3), FasClass, FasClass):
        yield completion(dict.fromkeys(OBSERVATIONS, level), conclusion, answer)
