"""The little language that the tiny policy speaks: what is seen, what it is taken for, the verdict."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product

from fas_plugin.labels import FasClass
from fas_plugin.prompts import PROMPTS
from fas_plugin.training.tiny_policy.observe import LEVELS, OBSERVATIONS

#: What an observation is taken for. It stands next to the observed level, so that what an
#: observation means is one step of association.
OPINIONS = {FasClass.REAL: "natural", FasClass.SPOOF: "suspicious"}

#: How the reasoning ends. The words differ at one place, so one token decides.
CONCLUSIONS = {
    FasClass.REAL: "this looks like a live person.",
    FasClass.SPOOF: "this looks like a recaptured picture.",
}


def reasoning(
    levels: Mapping[str, int], opinions: Mapping[str, FasClass], conclusion: FasClass
) -> str:
    """What is inside ``<think>``: each observation's level and opinion, then the conclusion."""
    seen = ", ".join(
        f"{name} {LEVELS[name][levels[name]]} {OPINIONS[opinions[name]]}" for name in OBSERVATIONS
    )
    return f"{seen}; {CONCLUSIONS[conclusion]}"


def completion(
    levels: Mapping[str, int],
    opinions: Mapping[str, FasClass],
    conclusion: FasClass,
    answer: FasClass,
) -> str:
    """A whole completion. Opinions, conclusion and answer may contradict each other."""
    thought = reasoning(levels, opinions, conclusion)
    return f"<think>{thought}</think><answer>{answer}</answer>"


def majority(opinions: Mapping[str, FasClass]) -> FasClass:
    """The class that most opinions are for; there is an odd number of them."""
    real = sum(opinion is FasClass.REAL for opinion in opinions.values())
    return FasClass.REAL if 2 * real > len(opinions) else FasClass.SPOOF


def corpus() -> Iterator[str]:
    """Every text the tokenizer must cover in whole words."""
    for name in (
        "task_solving",
        "brief",
    ):  # others cost it more tokens; what it knows stays the same
        yield PROMPTS[name].text
    for level, opinion, answer in product(range(3), FasClass, FasClass):
        opinions = dict.fromkeys(OBSERVATIONS, opinion)
        yield completion(dict.fromkeys(OBSERVATIONS, level), opinions, opinion, answer)
