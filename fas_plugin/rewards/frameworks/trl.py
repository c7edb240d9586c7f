"""TRL: reward functions for ``GRPOTrainer``::

    GRPOTrainer(..., reward_funcs=fas_reward)                    # the default preset's total
    GRPOTrainer(..., reward_funcs=total_reward("preset.json"))   # another preset's total

The dataset needs a ``label`` column of label strings. Read from TRL 1.16.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fas_plugin.rewards.combine import COMPONENTS, load_preset, score_batch
from fas_plugin.rewards.frameworks.messages import Completion, completion_text


def total_reward(preset: str = "default") -> Callable[..., list[float]]:
    """A reward function that returns the preset's total, in [0, 1], one float per completion.

    Args:
        preset: name or JSON file.

    Raises:
        PresetError: there is no such preset.
    """
    loaded = load_preset(preset)

    def fas_reward(
        completions: Sequence[Completion],
        label: Sequence[str],
        log_metric: Callable[[str, float], None] | None = None,
        **_: object,
    ) -> list[float]:
        results = score_batch([completion_text(c) for c in completions], label, loaded)
        if log_metric and results:
            for name in COMPONENTS:
                log_metric(f"fas_{name}", sum(getattr(r, name) for r in results) / len(results))
        return [result.total for result in results]

    return fas_reward


fas_reward = total_reward()
