"""The audit: can a reward be gained without looking at the face, or without reasoning?

Every policy of the zoo is sampled over the same labelled prompts as an honest policy that is right
in 60 % of cases, in groups that hold as many completions of either, and both are paid. A reward
fails if a cheat

- *earns more* than the honest policy;
- *gains advantage*: its completions have a positive mean advantage in the mixed groups, so that
  training would move towards them;
- *earns as much* without looking: then nothing is to be learnt from faces.

All three are asked of means over prompts, with three standard errors as the doubt. Lazy policies
know as much as the honest one: what they can earn more is what the judge misses in its sentences.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from random import Random
from typing import Any

from fas_plugin.labels import FasClass, Label
from fas_plugin.rewards.combine import Preset, score
from fas_plugin.rewards.zoo import BASELINE, CHEATS, CONSTANT, HONEST, Kind, Policy

#: Completions of either policy in a group.
HALF_GROUP = 4
#: Standard errors that a difference must exceed to count.
DOUBT = 3.0


def group_norm(rewards: Sequence[float]) -> list[float]:
    """GRPO's advantages, as OpenRLHF computes them: centred, divided by the standard deviation."""
    centred = dr_grpo(rewards)
    spread = math.sqrt(sum(c * c for c in centred) / (len(rewards) - 1))
    return [c / (spread + 1e-9) for c in centred]


def dr_grpo(rewards: Sequence[float]) -> list[float]:
    """Centred only. Unlike ``group_norm``, this leaves the weights of the classes standing."""
    mean = _mean(rewards)
    return [reward - mean for reward in rewards]


ESTIMATORS: dict[str, Callable[[Sequence[float]], list[float]]] = {
    "group_norm": group_norm,
    "dr_grpo": dr_grpo,
}

#: What the attacks among the prompts are, in equal parts.
_ATTACKS = ("print.flat", "print.warped", "replay.phone", "replay.tablet", "mask.rigid", None)


@dataclass(frozen=True)
class Estimate:
    """A mean over prompts and its standard error."""

    mean: float
    error: float

    @property
    def above_zero(self) -> bool:
        """Whether it is, beyond doubt."""
        return self.mean > DOUBT * self.error

    @property
    def below_zero(self) -> bool:
        """Whether it is, beyond doubt."""
        return self.mean < -DOUBT * self.error


@dataclass(frozen=True)
class Outcome:
    """What one policy gets.

    Attributes:
        policy: its name.
        kind: its kind, see ``zoo``.
        reward: expected total of a completion.
        spread: standard deviation of the totals of single completions.
        gap: expected total less that of the honest policy of 60 %.
        advantage: mean advantage of its completions in groups mixed with that policy's.
    """

    policy: str
    kind: Kind
    reward: float
    spread: float
    gap: Estimate
    advantage: Estimate

    @property
    def wins(self) -> str:
        """How a cheat wins, or the empty string. Honest policies may."""
        if self.kind is Kind.HONEST:
            return ""
        if self.gap.above_zero:
            return "earns more"
        if self.advantage.above_zero:
            return "gains advantage"
        if self.kind is Kind.BLIND and not self.gap.below_zero:
            return "earns as much"
        return ""


@dataclass(frozen=True)
class Audit:
    """The outcomes of all policies under one preset.

    Attributes:
        preset: its name and version.
        attack_share: share of attacks among the prompts.
        estimator: how advantages are computed.
        outcomes: one per policy.
    """

    preset: str
    attack_share: float
    estimator: str
    outcomes: tuple[Outcome, ...]

    @property
    def winners(self) -> tuple[Outcome, ...]:
        """The cheats that win; none if the preset passes."""
        return tuple(outcome for outcome in self.outcomes if outcome.wins)

    def as_dict(self) -> dict[str, Any]:
        """The same as JSON values, with ``passed`` and each outcome's ``wins``."""
        outcomes = [{**asdict(o), "kind": o.kind.value, "wins": o.wins} for o in self.outcomes]
        return {**asdict(self), "outcomes": outcomes, "passed": not self.winners}


def audit(
    preset: Preset,
    *,
    attack_share: float = 0.5,
    estimator: str = "group_norm",
    policies: Sequence[Policy] = (*HONEST, *CHEATS),
    prompts: int = 1000,
    seed: int = 0,
) -> Audit:
    """Play ``policies`` against ``preset``.

    Args:
        preset: the reward.
        attack_share: share of attacks among the prompts, strictly between 0 and 1.
        estimator: a name in ``ESTIMATORS``.
        policies: the zoo, or a part of it.
        prompts: number of groups.
        seed: of all that is drawn. Same arguments, same outcome.

    Raises:
        ValueError: ``attack_share`` or ``estimator`` is none.
    """
    if not 0 < attack_share < 1:
        raise ValueError(f"class balance {attack_share}: expected a share of attacks in (0, 1)")
    if estimator not in ESTIMATORS:
        raise ValueError(
            f"unknown estimator {estimator!r}; expected one of {', '.join(ESTIMATORS)}"
        )
    labels = _labels(prompts, attack_share, seed)
    paid: dict[tuple[str, str], float] = {}  # the zoo repeats itself; the judge need not

    def pay(policy: Policy, stream: str) -> list[list[float]]:
        random = Random(f"{seed} {stream}")
        rewards = []
        for label in labels:
            texts = [(policy.write(random, label), str(label)) for _ in range(HALF_GROUP)]
            for key in texts:
                if key not in paid:
                    paid[key] = score(*key, preset).total
            rewards.append([paid[key] for key in texts])
        return rewards

    honest = pay(BASELINE, "the policy to beat")
    advantages = ESTIMATORS[estimator]
    outcomes = [
        _outcome(policy, pay(policy, policy.name), honest, labels, advantages)
        for policy in policies
    ]
    return Audit(preset.id, attack_share, estimator, tuple(outcomes))


def constant_answers(preset: Preset, *, seed: int = 0) -> tuple[Audit, ...]:
    """The policies that always answer one class, where 20 or 80 % of the prompts are attacks, and the preset's class
    shares say so: for either balance under every estimator."""
    return tuple(
        audit(
            preset.balanced_for(share),
            attack_share=share,
            estimator=estimator,
            policies=CONSTANT[:2],
            seed=seed,
        )
        for share in (0.2, 0.8)
        for estimator in ESTIMATORS
    )


def table(played: Audit) -> str:
    """The outcomes as text, best paid first, with the verdict as its last line."""
    lines = [
        f"preset {played.preset}, {played.attack_share:.0%} attacks, {played.estimator}",
        f"{'policy':<28} {'kind':<6} {'reward ± spread':>15} {'over 60 %':>10} {'advantage':>10}",
    ]
    for o in sorted(played.outcomes, key=lambda o: -o.reward):
        lines.append(
            f"{o.policy:<28} {o.kind.value:<6} {o.reward:>7.3f} ± {o.spread:.3f} "
            f"{o.gap.mean:>+10.3f} {o.advantage.mean:>+10.3f}  {o.wins}".rstrip()
        )
    names = ", ".join(f"{o.policy} ({o.wins})" for o in played.winners)
    lines.append(f"FAILED: {names}" if names else "passed: no cheat beats the honest 60 %")
    return "\n".join(lines)


def balances_table(constant: Sequence[Audit]) -> str:
    """What ``constant_answers`` found, as text."""
    lines = [
        "constant answers to unbalanced prompts, classes weighted by their shares",
        f"{'policy':<24} {'attacks':>7} {'estimator':<10} {'over 60 %':>10} {'advantage':>10}",
    ]
    lines += [
        f"{o.policy:<24} {played.attack_share:>7.0%} {played.estimator:<10} "
        f"{o.gap.mean:>+10.3f} {o.advantage.mean:>+10.3f}  {o.wins}".rstrip()
        for played in constant
        for o in played.outcomes
    ]
    if {played.estimator for played in constant if played.winners} == {"group_norm"}:
        lines.append(
            "group_norm divides by the spread of a group, whose samples share one class, and so "
            "undoes the weights:\nbalance the prompts (fas-plugin data export does), or train with "
            "dr_grpo and state class_shares in the preset."
        )
    return "\n".join(lines)


def _labels(count: int, attack_share: float, seed: int) -> list[Label]:
    attacks = round(count * attack_share)
    labels = [Label(FasClass.REAL)] * (count - attacks)
    labels += [Label(FasClass.SPOOF, _ATTACKS[i % len(_ATTACKS)]) for i in range(attacks)]
    Random(f"{seed} labels").shuffle(labels)
    return labels


def _outcome(
    policy: Policy,
    mine: Sequence[Sequence[float]],
    honest: Sequence[Sequence[float]],
    labels: Sequence[Label],
    advantages: Callable[[Sequence[float]], list[float]],
) -> Outcome:
    single = [reward for rewards in mine for reward in rewards]
    pairs = list(zip(mine, honest, strict=True))
    return Outcome(
        policy=policy.name,
        kind=policy.kind,
        reward=_mean(single),
        spread=_spread(single),
        gap=_estimate([_mean(m) - _mean(h) for m, h in pairs], labels),
        advantage=_estimate([_mean(advantages([*m, *h])[: len(m)]) for m, h in pairs], labels),
    )


def _estimate(values: Sequence[float], labels: Sequence[Label]) -> Estimate:
    """The mean and its error; the shares of the classes are given, so only the spread within the
    classes is chance."""
    variance = 0.0
    for cls in FasClass:
        within = [v for v, label in zip(values, labels, strict=True) if label.cls is cls]
        if len(within) > 1:
            error = _spread(within) / math.sqrt(len(within) - 1)
            variance += (len(within) / len(values) * error) ** 2
    return Estimate(_mean(values), math.sqrt(variance))


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def _spread(values: Sequence[float]) -> float:
    mean = _mean(values)
    return math.sqrt(math.fsum((value - mean) ** 2 for value in values) / len(values))
