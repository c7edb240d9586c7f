"""Verifiable rewards for face anti-spoofing, as pure functions.

>>> from fas_plugin.rewards import load_preset, score
>>> text = "<think>Moire crosses the cheek, so this is a replay.</think><answer>spoof</answer>"
>>> score(text, "spoof:replay.tablet", load_preset("default")).total
1.0
"""

from fas_plugin.completion import Completion, parse_completion
from fas_plugin.rewards.combine import (
    Preset,
    PresetError,
    RewardResult,
    load_preset,
    preset_names,
    score,
    score_batch,
)
from fas_plugin.rewards.judges import Judge, load_judge
from fas_plugin.rewards.stance import Span, Stance, stance

__all__ = [
    "Completion",
    "Judge",
    "Preset",
    "PresetError",
    "RewardResult",
    "Span",
    "Stance",
    "load_judge",
    "load_preset",
    "parse_completion",
    "preset_names",
    "score",
    "score_batch",
    "stance",
]
