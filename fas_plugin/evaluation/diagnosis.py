"""Is a training healthy? Plain warnings from what the reward server recorded and OpenRLHF logged.

Two sources: ``RUN/rewards/`` (every completion that was scored) and ``RUN/training_curves.json`` or
``RUN/tensorboard/`` (one value a step, of the groups that were trained on). Either alone will do.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fas_plugin.evaluation.reward_record import RewardRecord, read_record, reward_curves
from fas_plugin.evaluation.tables import percent
from fas_plugin.training.run import read_curves

Curves = Mapping[str, Sequence[tuple[int, float]]]

#: Completions below which a record's tenths say nothing.
FEW_COMPLETIONS = 500
#: A change of a reward's mean that counts as one.
RISE = 0.05
#: Share of groups with a signal below which most of the generation is wasted.
FEW_GROUPS = 0.2
#: Answers of the rarer class below this share are a collapse, where labels have this share more.
COLLAPSE, BALANCE = 0.1, 0.15
#: Reasoning shorter than this many words says nothing; a change by these factors is drastic.
FEW_WORDS, SHRINK, GROWTH = 5, 0.5, 2.0
#: Share of completions that end at the length limit.
TRUNCATED = 0.1
#: KL to the start (k3, per token) above which the policy has left its language.
FAR = 1.0
#: Share of right answers whose reasoning argues for the other class.
WRONG_REASON = 0.1


@dataclass(frozen=True)
class Finding:
    """``level`` is ``warning`` or ``note``; ``text`` says what was seen and what to try."""

    level: str
    title: str
    text: str


@dataclass(frozen=True)
class Training:
    """What a run left behind.

    Attributes:
        record: every completion that was scored; None where the server did not record.
        curves: TensorBoard tag -> (step, value).
        group_size: completions per prompt; None where it is not known.
    """

    record: RewardRecord | None
    curves: Curves
    group_size: int | None

    @property
    def reward_curves(self) -> Curves:
        return reward_curves(self.record) if self.record else {}


def read_training(run: Path) -> Training:
    """What there is under ``run``, a run folder of the recipe or any with ``tensorboard/``.

    Raises:
        ValueError: there is neither a record nor curves.
    """
    record = read_record(run / "rewards")
    curves: Curves = {}
    if (run / "training_curves.json").is_file():
        curves = json.loads((run / "training_curves.json").read_text(encoding="utf-8"))
    elif (run / "tensorboard").is_dir():
        curves = read_curves(run / "tensorboard")
    if not len(record) and not curves:
        raise ValueError(
            f"{run}: no training there; expected rewards/ (fas-plugin serve --record), "
            "training_curves.json or tensorboard/"
        )
    settings = {}
    if (run / "run.json").is_file():
        settings = json.loads((run / "run.json").read_text(encoding="utf-8"))["settings"]
    size = str(settings.get("group_size", ""))
    return Training(record if len(record) else None, curves, int(size) if size.isdigit() else None)


def diagnose(training: Training) -> list[Finding]:
    """What is wrong, warnings first; empty where nothing is."""
    found: list[Finding] = []
    if training.record is not None:
        found += _of_record(training.record)
    found += _of_curves(training.curves, training.group_size)
    return sorted(found, key=lambda finding: finding.level != "warning")


def summary(training: Training) -> dict[str, Any]:
    """The section of ``metrics.json``: findings, and means over the first and the last tenth."""
    curves = {**training.curves, **training.reward_curves}
    return {
        "completions": len(training.record) if training.record else None,
        "findings": [asdict(finding) for finding in diagnose(training)],
        "tenths": {
            name: [_first([v for _, v in points]), _last([v for _, v in points])]
            for name, points in curves.items()
            if points
        },
    }


def _of_record(record: RewardRecord) -> list[Finding]:
    columns = record.columns
    if len(record) < FEW_COMPLETIONS:
        text = f"{len(record)} completions were scored; from {FEW_COMPLETIONS} on trends are looked at."
        return [Finding("note", "Too short to judge", text)]
    found = []
    right = columns["fas_class_consistency"]
    total = columns["reward"]
    gain = _last(total) - _first(total)
    right_gain = _last(right) - _first(right)
    if gain > RISE and right_gain < gain / 4:
        risen = [
            name
            for name, column in (
                ("format", "fas_format"),
                ("reasoning consistency", "fas_reasoning_consistency"),
            )
            if _last(columns[column]) - _first(columns[column]) > RISE / 2
        ]
        found.append(
            Finding(
                "warning",
                "The reward rises, the answers do not get better",
                f"The total reward rose by {gain:.2f}, right answers by {right_gain:+.2f}. "
                + (f"What rose is {' and '.join(risen)}. " if risen else "")
                + "That is how reward hacking looks: read the gallery, and give the class more weight.",
            )
        )
    elif abs(right_gain) < RISE / 2 and _last(right) < 0.95:
        found.append(
            Finding(
                "note",
                "Right answers did not become more frequent",
                f"{percent(_first(right), 0)} of answers were right in the first tenth, {percent(_last(right), 0)} in "
                "the last. More steps, a higher learning rate or larger groups may help.",
            )
        )
    elif right_gain < -RISE:
        found.append(
            Finding(
                "warning",
                "Right answers became rarer",
                f"From {percent(_first(right), 0)} in the first tenth to {percent(_last(right), 0)} in the last: the "
                "training diverges. Lower the learning rate or raise the KL coefficient.",
            )
        )
    answered = columns["fas_answered"] > 0
    share = _last(columns["fas_answer_real"][answered]) if answered.any() else math.nan
    truth = _last(columns["fas_truth_real"])
    rarer = min(share, 1 - share)
    if rarer < COLLAPSE and min(truth, 1 - truth) > rarer + BALANCE:
        name = "real" if share > 0.5 else "spoof"
        found.append(
            Finding(
                "warning",
                "Class collapse: almost every answer is the same",
                f"{percent(max(share, 1 - share), 0)} of the answers in the last tenth are {name}, while "
                f"{percent(truth, 0)} of the labels are real. Balance the prompts, use larger groups, or set "
                "class_shares in the preset.",
            )
        )
    silent = 1 - _last(columns["fas_answered"])
    if silent > TRUNCATED:
        found.append(
            Finding(
                "warning",
                "Many completions have no readable answer",
                f"{percent(silent, 0)} in the last tenth"
                + (f"; most frequent fault: {_worst_fault(record)}" if record.faults else "")
                + ". Raise max_new_tokens if they are cut off, or the weight of the format.",
            )
        )
    words = columns["fas_think_words"]
    first, last = _first(words), _last(words)
    if last < FEW_WORDS or last < SHRINK * first:
        found.append(
            Finding(
                "warning",
                "Length collapse: the reasoning becomes empty",
                f"From {first:.0f} words on average in the first tenth to {last:.0f} in the last. "
                "The reasoning has stopped paying: give reasoning consistency more weight.",
            )
        )
    elif last > GROWTH * first:
        found.append(
            Finding(
                "note",
                "The reasoning becomes ever longer",
                f"From {first:.0f} words on average in the first tenth to {last:.0f} in the last. "
                "Check in the gallery that it says more, and does not repeat itself.",
            )
        )
    is_right = right == 1
    against = (
        is_right
        & (columns["fas_stance_none"] == 0)
        & (columns["fas_stance_real"] != columns["fas_truth_real"])
    )
    tail = slice(-max(1, len(right) // 10), None)
    if is_right[tail].any() and against[tail].sum() / is_right[tail].sum() > WRONG_REASON:
        found.append(
            Finding(
                "warning",
                "Right answers with reasoning for the other class",
                f"{percent(against[tail].sum() / is_right[tail].sum(), 0)} of the right answers in the last "
                "tenth. The answer is not drawn from the reasoning: give reasoning consistency more "
                "weight.",
            )
        )
    if record.broken > 10:
        found.append(
            Finding(
                "note",
                "Broken lines in the record",
                f"{record.broken} lines of rewards/ could not be read and are left out.",
            )
        )
    return found


def _of_curves(curves: Curves, group_size: int | None) -> list[Finding]:
    values = {tag: np.array([v for _, v in points], float) for tag, points in curves.items()}
    found = []
    broken = sorted(tag for tag, v in values.items() if len(v) and not np.isfinite(v).all())
    if broken:
        found.append(
            Finding(
                "warning",
                "Curves that are not numbers",
                f"NaN or infinity in {', '.join(broken[:5])}: the training diverged. Lower the "
                "learning rate.",
            )
        )
    rates = values.get("train/dynamic_filtering_pass_rate")
    if rates is not None and group_size:
        # OpenRLHF's rate is completions kept for each prompt drawn, in per cent.
        share = _last(rates) / 100 / group_size
        if share < FEW_GROUPS:
            found.append(
                Finding(
                    "warning",
                    "Most groups carry no signal",
                    f"In the last tenth only {percent(share, 0)} of the groups had answers that were not all "
                    "right or all wrong; the rest was generated in vain. If accuracy is high, the "
                    "training is done; if not, use larger groups or a higher temperature.",
                )
            )
    spread = values.get("train/group_reward_std")
    if spread is not None and len(spread) and _last(spread) < 0.02:
        found.append(
            Finding(
                "warning",
                "Groups without variance",
                f"The rewards within a group differ by {_last(spread):.3f} in the last tenth: "
                "advantages are noise. Use dynamic filtering, larger groups or a higher temperature.",
            )
        )
    cut = values.get("train/truncated", values.get("train/rollout/truncated_rate"))
    if cut is not None and len(cut) and _last(cut) > TRUNCATED:
        found.append(
            Finding(
                "warning",
                "Completions are cut off",
                f"{percent(_last(cut), 0)} reach the length limit in the last tenth: their answers are lost. "
                "Raise max_new_tokens.",
            )
        )
    kl = values.get("train/kl")
    if kl is not None and len(kl) and _last(kl) > FAR:
        found.append(
            Finding(
                "warning",
                "Far from the start",
                f"KL to the start is {_last(kl):.2f} in the last tenth. A policy that far away often "
                "has lost its language: read the gallery, raise the KL coefficient.",
            )
        )
    return found


def _worst_fault(record: RewardRecord) -> str:
    return max(record.faults, key=lambda name: _last(record.faults[name].astype(float)))


def _first(values: Any) -> float:
    values = np.asarray(values, float)
    return float(values[: max(1, len(values) // 10)].mean())


def _last(values: Any) -> float:
    values = np.asarray(values, float)
    return float(values[-max(1, len(values) // 10) :].mean())
