"""verl: a custom reward function, by path or by package::

    reward.custom_reward_function.path=pkg://fas_plugin.rewards.frameworks.verl
    +reward.custom_reward_function.reward_kwargs.preset=paper

Rows carry the label string as ``reward_model.ground_truth``. Read from verl 0.9.1.
"""

from __future__ import annotations

from functools import cache

from fas_plugin.rewards.combine import COMPONENTS, Preset, load_preset, score
from fas_plugin.rewards.frameworks.messages import Completion, completion_text


def compute_score(
    data_source: str,
    solution_str: Completion,
    ground_truth: str,
    extra_info: object = None,
    preset: str = "default",
    **_: object,
) -> dict[str, float]:
    """The rewards of one sample: ``score`` is the total, ``acc`` the class consistency, which verl
    averages in validation; the components follow. The keys are the same for every sample.

    Args:
        data_source: verl's name of the data set; plays no part.
        solution_str: the response, or its messages.
        ground_truth: a label string.
        extra_info: verl's; plays no part.
        preset: name or JSON file, from verl's ``reward_kwargs``.

    Raises:
        LabelError: ``ground_truth`` names no class or no known instrument.
        PresetError: there is no such preset.
    """
    result = score(completion_text(solution_str), ground_truth, _preset(preset))
    return {
        "score": result.total,
        "acc": result.class_consistency,
        **{f"fas_{name}": getattr(result, name) for name in COMPONENTS},
    }


@cache
def _preset(name: str) -> Preset:
    return load_preset(name)
