"""verifiers: a reward and metrics for any task whose data has a ``label``, plugged in by its config::

    [env.taskset.task.rewards.fas]
    fn = "fas_plugin.rewards.frameworks.verifiers:fas_reward"
    [env.taskset.task.metrics.fas]
    fn = "fas_plugin.rewards.frameworks.verifiers:fas_metrics"

The preset comes from the environment variable ``FAS_REWARD_PRESET`` (a name or a JSON file). Read
from verifiers 0.4.0 (``verifiers.v1``).
"""

from __future__ import annotations

import os
from functools import cache
from typing import Any

from fas_plugin.rewards.combine import COMPONENTS, Preset, RewardResult, load_preset, score
from fas_plugin.rewards.frameworks.messages import completion_text


async def fas_reward(task: Any, trace: Any) -> float:
    """The preset's total for the last message that the policy wrote, in [0, 1].

    Raises:
        LabelError: ``task.label`` names no class or no known instrument.
    """
    return _score(task, trace).total


async def fas_metrics(task: Any, trace: Any) -> dict[str, float]:
    """The components under constant names."""
    result = _score(task, trace)
    return {f"fas_{name}": getattr(result, name) for name in COMPONENTS}


def _score(task: Any, trace: Any) -> RewardResult:
    written = [message.model_dump() for message in trace.assistant_messages[-1:]]
    return score(completion_text(written), task.label, _preset())


@cache
def _preset() -> Preset:
    return load_preset(os.environ.get("FAS_REWARD_PRESET", "default"))
