"""Class-consistent reward: does the answer state the true class?"""

from __future__ import annotations

from fas_plugin.labels import FasClass


def class_consistency_reward(answer: FasClass | None, truth: FasClass) -> float:
    """1.0 if the answer states ``truth``, else 0.0; an answer that states no class gets 0.0."""
    return float(answer is truth)
