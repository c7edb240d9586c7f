"""Reasoning-consistent reward: does the reasoning argue for the class that the answer states?"""

from __future__ import annotations

from fas_plugin.labels import FasClass


def reasoning_consistency_reward(stance: FasClass | None, answer: FasClass | None) -> float:
    """1.0 if both are known and equal, else 0.0. The truth plays no part here; presets gate it."""
    return float(stance is not None and stance is answer)
