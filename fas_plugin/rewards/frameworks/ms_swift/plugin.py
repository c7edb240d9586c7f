"""ms-swift: a plugin that registers the reward ``fas``::

    swift rlhf --rlhf_type grpo --external_plugins .../ms_swift/plugin.py --reward_funcs fas

The dataset needs a column ``label`` or, in ms-swift's own manner, ``solution``, of label strings.
The preset comes from the environment variable ``FAS_REWARD_PRESET`` (a name or a JSON file). Read
from ms-swift 4.6.0. The file has a folder of its own, as ms-swift puts a plugin's folder first on
the import path, where a neighbour called trl.py would hide TRL.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from swift.rewards import ORM, orms

from fas_plugin.rewards.combine import load_preset, score_batch
from fas_plugin.rewards.frameworks.messages import Completion, completion_text


class FasReward(ORM):
    """The preset's total, in [0, 1], one float per completion."""

    def __init__(self, args: Any = None, **kwargs: Any) -> None:
        super().__init__(args, **kwargs)
        self._preset = load_preset(os.environ.get("FAS_REWARD_PRESET", "default"))

    def __call__(  # pyright: ignore[reportIncompatibleMethodOverride]: as all of ms-swift's own
        self,
        completions: Sequence[Completion],
        label: Sequence[str] | None = None,
        solution: Sequence[str] | None = None,
        **_: object,
    ) -> list[float]:
        labels = solution if label is None else label
        if labels is None:
            raise ValueError("the dataset has neither a column 'label' nor 'solution'")
        texts = [completion_text(completion) for completion in completions]
        return [result.total for result in score_batch(texts, labels, self._preset)]


orms["fas"] = FasReward
