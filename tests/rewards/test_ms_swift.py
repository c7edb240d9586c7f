"""ms-swift loads the plugin as its command line does and pays completions with it."""

import importlib.util
import sys
from pathlib import Path

import pytest
import torch
from swift.rl_core.data import GRPOSample
from swift.rl_core.grpo_algorithm import score_completions
from swift.rlhf_trainers.utils import resolve_reward_funcs
from swift.utils.utils import import_external_file

from fas_plugin.rewards import load_preset, score

PLUGIN = Path(importlib.util.find_spec("fas_plugin.rewards.frameworks.ms_swift").origin).with_name(
    "plugin.py"
)
RIGHT = "<think>Moire is visible, so this is a replay.</think><answer>spoof</answer>"
TASK = {"role": "user", "content": "<image>Is this face real or a spoof?"}


@pytest.fixture(scope="module")
def rewards():
    """``--external_plugins .../plugin.py --reward_funcs fas``, resolved by ms-swift."""
    path = list(sys.path)
    import_external_file(str(PLUGIN))
    added = [folder for folder in sys.path if folder not in path]
    sys.path[:] = path
    # ms-swift leaves the plugin's folder first on the path: nothing there may hide a package.
    assert [p.name for folder in added for p in Path(folder).glob("*.py")] in (
        ["plugin.py", "__init__.py"],
        ["__init__.py", "plugin.py"],
    )
    functions, names = resolve_reward_funcs(["fas"])
    assert names == ["FasReward"]
    return functions


def pay(rewards, completions, **columns):
    """What ms-swift's GRPO trainer does with a batch of rollouts."""
    samples = [
        GRPOSample.from_row(
            {
                "messages": [TASK, {"role": "assistant", "content": completion}],
                "images": ["face.png"],
                **{name: values[i] for name, values in columns.items()},
            }
        )
        for i, completion in enumerate(completions)
    ]
    return score_completions(samples, rewards, None, False, torch.device("cpu")).tolist()


@pytest.mark.parametrize("column", ["label", "solution"])
def test_ms_swift_pays_completions(rewards, column):
    completions, labels = [RIGHT, RIGHT, "x"], ["spoof:replay.tablet", "real", "spoof"]
    expected = [
        score(c, label, load_preset("default")).total
        for c, label in zip(completions, labels, strict=True)
    ]
    paid = pay(rewards, completions, **{column: labels})
    assert [row[0] for row in paid] == pytest.approx(expected)


def test_a_bad_or_missing_label_reaches_the_caller(rewards):
    with pytest.raises(ValueError, match="label 1: unknown label 'fake'"):
        pay(rewards, [RIGHT, RIGHT], label=["spoof", "fake"])
    with pytest.raises(ValueError, match="neither a column 'label' nor 'solution'"):
        pay(rewards, [RIGHT])
