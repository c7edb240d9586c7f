"""TRL: reward functions for ``GRPOTrainer``::

    GRPOTrainer(..., reward_funcs=fas_reward)                    # the default preset's total
    GRPOTrainer(..., reward_funcs=total_reward("preset.json"))   # another preset's total

The dataset needs a ``label`` column of label strings.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from fas_plugin.rewards.combine import load_preset, score_batch

Completions = Sequence[str] | Sequence[Sequence[dict[str, Any]]]


def total_reward(preset: str = "default") -> Callable[..., list[float]]:
    """A reward function that returns the preset's total, in [0, 1], one float per completion."""
    loaded = load_preset(preset)

    def fas_reward(
        completions: Completions,
        label: Sequence[str],
        log_metric: Callable[[str, float], None] | None = None,
        **_: object,
    ) -> list[float]:
        results = score_batch([_text(c) for c in completions], label, loaded)
        if log_metric and results:
            for name in ("format", "class_consistency", "reasoning_consistency"):
                log_metric(f"fas_{name}", sum(getattr(r, name) for r in results) / len(results))
        return [result.total for result in results]

    return fas_reward


fas_reward = total_reward()


def _text(completion: str | Sequence[dict[str, Any]]) -> str:
    """The policy's text: a plain completion, or the messages of a conversational one."""
    if isinstance(completion, str):
        return completion
    contents = [message.get("content") or "" for message in completion]
    return "".join(
        content
        if isinstance(content, str)
        else "".join(part.get("text") or "" for part in content if isinstance(part, dict))
        for content in contents
    )
