"""verl's own loader and reward manager call the reward function."""

from importlib import resources

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from verl import DataProto
from verl.trainer.ppo.reward import load_reward_manager

from fas_plugin.rewards import load_preset, score
from fas_plugin.rewards.frameworks import verl
from fas_plugin.training.tiny_policy.model import build_tokenizer

RIGHT = "<think>moire is visible, so this is a replay.</think><answer>spoof</answer>"
WRONG = "<think>pores are visible, so this is a live face.</think><answer>real</answer>"


@pytest.fixture(scope="module")
def tokenizer():
    return build_tokenizer()


def manager(tokenizer, path, **reward_kwargs):
    """verl's reward manager for verl's own default configuration and our function."""
    defaults = resources.files("verl") / "trainer" / "config" / "reward" / "reward.yaml"
    reward = OmegaConf.load(str(defaults))
    reward.custom_reward_function = {
        "path": path,
        "name": "compute_score",
        "reward_kwargs": reward_kwargs,
    }
    return load_reward_manager(OmegaConf.create({"reward": reward}), tokenizer)


def sample(tokenizer, response, label):
    """One row as verl's rollout leaves it: token ids padded on the right, the row beside it."""
    prompt = tokenizer("is this real or a spoof?")["input_ids"]
    ids = [*tokenizer(response)["input_ids"], tokenizer.eos_token_id]
    padding = [tokenizer.pad_token_id] * 7
    return DataProto.from_dict(
        tensors={
            "prompts": torch.tensor([prompt]),
            "responses": torch.tensor([ids + padding]),
            "attention_mask": torch.tensor([[1] * (len(prompt) + len(ids)) + [0] * 7]),
        },
        non_tensors={
            "data_source": np.array(["synthetic"], object),
            "reward_model": np.array([{"style": "rule", "ground_truth": label}], object),
            "extra_info": np.array([{}], object),
        },
    )


@pytest.mark.parametrize("path", ["pkg://fas_plugin.rewards.frameworks.verl", verl.__file__])
def test_verls_reward_manager_calls_it(tokenizer, path):
    naive = manager(tokenizer, path)
    assert type(naive).__name__ == "NaiveRewardManager"
    keys = set()
    for response, label in ((RIGHT, "spoof:replay.tablet"), (WRONG, "spoof"), ("", "real")):
        answer = naive.loop.run_until_complete(naive.run_single(sample(tokenizer, response, label)))
        expected = score(response, label, load_preset("default"))
        assert answer["reward_score"] == pytest.approx(expected.total)
        extra = answer["reward_extra_info"]
        assert extra["acc"] == expected.class_consistency
        assert extra["fas_reasoning_consistency"] == expected.reasoning_consistency
        keys.add(tuple(extra))
    assert len(keys) == 1


def test_the_preset_comes_from_verls_reward_kwargs(tokenizer):
    naive = manager(tokenizer, "pkg://fas_plugin.rewards.frameworks.verl", preset="paper")
    row = sample(tokenizer, "<think>a face.</think><answer>real</answer>", "spoof")
    answer = naive.loop.run_until_complete(naive.run_single(row))
    assert answer["reward_score"] == 0.0  # 0.1 under the default preset


def test_a_bad_label_reaches_the_caller(tokenizer):
    naive = manager(tokenizer, "pkg://fas_plugin.rewards.frameworks.verl")
    with pytest.raises(ValueError, match="unknown label 'live'"):
        naive.loop.run_until_complete(naive.run_single(sample(tokenizer, RIGHT, "live")))
