"""Presets and the total: the pure core of the rewards.

Same input, same output; no I/O but ``load_preset``; a completion never raises, however broken.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from fas_plugin.completion import Completion, parse_completion
from fas_plugin.labels import FasClass, Label, LabelError
from fas_plugin.rewards.class_consistency import class_consistency_reward
from fas_plugin.rewards.format import format_reward
from fas_plugin.rewards.instrument import instruments_named
from fas_plugin.rewards.judges import LOCAL, Judge, load_judge
from fas_plugin.rewards.reasoning_consistency import reasoning_consistency_reward

COMPONENTS = ("format", "class_consistency", "reasoning_consistency")

_EVEN = dict.fromkeys(FasClass, 0.5)


class PresetError(ValueError):
    """A preset that does not exist or does not hold what the schema asks for."""


@dataclass(frozen=True)
class Preset:
    """How the components make the total.

    Attributes:
        name, version: what outputs record.
        weights: component -> weight; not negative, 1 in sum, so that the total lies in [0, 1].
        gates: component -> components that it is multiplied by before it counts.
        reasons: setting -> why it is as it is.
        instrument_credit: share of class consistency that hangs on naming an attack's instrument.
        class_shares: class -> its share of the training prompts, 1 in sum. Totals of the more
            frequent class are scaled down so that both classes count the same.
        judge: what reads the reasoning. The local one is pure; a model behind an endpoint is not.
        opening: put in front of completions that lack it: what the chat template has written into
            the prompt already, for frameworks that hand over the completion alone.
    """

    name: str
    version: int
    weights: Mapping[str, float]
    gates: Mapping[str, Sequence[str]]
    reasons: Mapping[str, str]
    instrument_credit: float = 0.0
    class_shares: Mapping[FasClass, float] = field(default_factory=lambda: _EVEN)
    judge: Judge = LOCAL
    opening: str = ""

    @property
    def id(self) -> str:
        return f"{self.name}/{self.version}"

    def total(self, components: Mapping[str, float]) -> float:
        """Weighted sum of the gated components, in [0, 1] for components in [0, 1].

        Before the weight of the class, see :meth:`class_weight`.
        """
        terms = []
        for value, factors in self._terms:
            for name in factors:
                value *= components[name]
            terms.append(value)
        return min(1.0, math.fsum(terms))

    @cached_property
    def _terms(self) -> list[tuple[float, tuple[str, ...]]]:
        """Each weight with the components that it is multiplied by: its own one and its gates."""
        return [(w, (name, *self.gates.get(name, ()))) for name, w in self.weights.items()]

    def class_weight(self, truth: FasClass) -> float:
        """What the total of a completion about ``truth`` is multiplied by: 1 for the rarer class,
        for the other as much less as it is more frequent, so that always answering one class earns
        the same for either. In (0, 1]."""
        return self._class_weights[truth]

    @cached_property
    def _class_weights(self) -> dict[FasClass, float]:
        rarer = min(self.class_shares.values())
        return {cls: rarer / share for cls, share in self.class_shares.items()}

    def balanced_for(self, attack_share: float) -> Preset:
        """The same preset for training prompts of which ``attack_share``, in (0, 1), are attacks."""
        return replace(
            self, class_shares={FasClass.REAL: 1 - attack_share, FasClass.SPOOF: attack_share}
        )


class RewardResult(NamedTuple):
    """One completion's rewards, all in [0, 1], and what they were computed from.

    Attributes:
        total: weighted by the preset.
        format, class_consistency, reasoning_consistency: the components, before gates.
        answer: the class that the answer states.
        stance: the class that the reasoning argues for.
        truth: the class of the label.
        faults: what is wrong with the structure, as short constant names.
        instruments: the attack instruments that the answer names, in alphabetical order.
        think: the reasoning itself, or None.
    """

    total: float
    format: float
    class_consistency: float
    reasoning_consistency: float
    answer: FasClass | None
    stance: FasClass | None
    truth: FasClass
    faults: tuple[str, ...]
    instruments: tuple[str, ...] = ()
    think: str | None = None

    @property
    def think_words(self) -> int:
        """Length of the reasoning, split at white space. Counted when asked for: it costs a tenth
        of all rewards."""
        return len(self.think.split()) if self.think else 0

    def as_dict(self) -> dict[str, Any]:
        """The same as JSON values: classes as words, tuples as lists, the reasoning's length in words."""
        values = {
            **self._asdict(),
            "answer": self.answer and self.answer.value,
            "stance": self.stance and self.stance.value,
            "truth": self.truth.value,
            "think_words": self.think_words,
            "faults": list(self.faults),
            "instruments": list(self.instruments),
        }
        del values["think"]
        return values


def score(completion: str, label: str, preset: Preset) -> RewardResult:
    """The rewards of one completion.

    Args:
        completion: the policy's response, without the prompt.
        label: a label string, for instance ``spoof:print.flat``.
        preset: from ``load_preset``.

    Raises:
        LabelError: ``label`` names no class or no known instrument.
    """
    truth = Label.parse(label)
    parsed = _parse(completion, preset)
    argued = preset.judge.classes([parsed.think])[0] if parsed.think else None
    return _result(parsed, truth, argued, preset)


def score_batch(
    completions: Sequence[str], labels: Sequence[str], preset: Preset
) -> list[RewardResult]:
    """``score`` for lists of the same length; the judge gets all reasonings at once.

    Raises:
        ValueError: the lengths differ.
        LabelError: a label is unknown; the message has its index.
    """
    if len(completions) != len(labels):
        raise ValueError(
            f"{len(completions)} completions but {len(labels)} labels; expected as many"
        )
    truths = [_truth(label, i) for i, label in enumerate(labels)]
    parsed = [_parse(completion, preset) for completion in completions]
    argued = iter(preset.judge.classes([p.think for p in parsed if p.think]))
    return [
        _result(p, truth, next(argued) if p.think else None, preset)
        for p, truth in zip(parsed, truths, strict=True)
    ]


def _parse(completion: str, preset: Preset) -> Completion:
    if preset.opening and not completion.lstrip().startswith(preset.opening):
        completion = preset.opening + completion
    return parse_completion(completion)


def _truth(label: str, index: int) -> Label:
    try:
        return Label.parse(label)
    except LabelError as error:
        raise LabelError(f"label {index}: {error}") from None


def _result(
    parsed: Completion, truth: Label, argued: FasClass | None, preset: Preset
) -> RewardResult:
    attack = parsed.answer is FasClass.SPOOF
    named = instruments_named(parsed.answer_text or "") if attack else frozenset()
    components = {
        "format": format_reward(parsed),
        "class_consistency": class_consistency_reward(
            parsed.answer, truth, named, preset.instrument_credit
        ),
        "reasoning_consistency": reasoning_consistency_reward(argued, parsed.answer),
    }
    return RewardResult(
        total=preset.class_weight(truth.cls) * preset.total(components),
        **components,
        answer=parsed.answer,
        stance=argued,
        truth=truth.cls,
        faults=parsed.faults,
        instruments=tuple(sorted(named)),
        think=parsed.think,
    )


def preset_names() -> list[str]:
    """The presets that come with the package."""
    folder = resources.files("fas_plugin.rewards") / "presets"
    return sorted(f.name[:-5] for f in folder.iterdir() if f.name.endswith(".json"))


def load_preset(name_or_path: str) -> Preset:
    """A preset by its name, or from a JSON file (anything with a ``/`` or that ends in ``.json``).

    Raises:
        PresetError: unknown name (the message lists those there are) or invalid content (it has
            the file, the field and the value).
        OSError: the file cannot be read.
    """
    name = str(name_or_path)
    if name.endswith(".json") or "/" in name or "\\" in name:
        return _read_preset(Path(name).read_bytes(), name)
    if name not in preset_names():
        raise PresetError(
            f"unknown preset {name!r}; expected one of {', '.join(preset_names())}, or a .json file"
        )
    source = resources.files("fas_plugin.rewards") / "presets" / f"{name}.json"
    return _read_preset(source.read_bytes(), f"{name}.json")


@cache
def _schema() -> dict[str, Any]:
    source = resources.files("fas_plugin.rewards") / "preset.schema.json"
    return json.loads(source.read_bytes())


def _read_preset(content: bytes, source: str) -> Preset:
    try:
        data = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise PresetError(f"{source}: not JSON: {error}") from None
    error = best_match(Draft202012Validator(_schema()).iter_errors(data))
    if error is not None:
        field = ".".join(map(str, error.absolute_path)) or "preset"
        value = repr(error.instance)[:80]
        reason = error.message[:200]
        raise PresetError(f"{source}: {field} = {value}: {reason}")
    weights = _shares(data["weights"], "weights", source)
    shares = _shares(data.get("class_shares", _EVEN), "class_shares", source)
    try:
        judge = load_judge(data.get("judge", "local"))
    except ValueError as error:
        raise PresetError(f"{source}: judge: {error}") from None
    return Preset(
        data["name"],
        data["version"],
        weights,
        data["gates"],
        data["reasons"],
        instrument_credit=float(data.get("instrument_credit", 0.0)),
        class_shares={FasClass(name): share for name, share in shares.items()},
        judge=judge,
        opening=data.get("opening", ""),
    )


def _shares(values: Mapping[str, float], setting: str, source: str) -> dict[str, float]:
    shares = {str(name): float(share) for name, share in values.items()}
    if not math.isclose(sum(shares.values()), 1.0, abs_tol=1e-9):
        raise PresetError(f"{source}: {setting} = {shares}: their sum is not 1")
    return shares
