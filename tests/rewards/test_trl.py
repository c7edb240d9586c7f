"""TRL trains a tiny vision-language model with the rewards, two real GRPO steps on the CPU."""

import math

import pytest
import torch
from datasets import Dataset
from PIL import Image
from transformers import AutoModelForImageTextToText, AutoProcessor
from trl import GRPOConfig, GRPOTrainer

from fas_plugin.labels import FasClass
from fas_plugin.rewards.combine import COMPONENTS
from fas_plugin.rewards.frameworks.trl import fas_reward, total_reward
from fas_plugin.training.tiny_policy.language import completion
from fas_plugin.training.tiny_policy.model import build
from fas_plugin.training.tiny_policy.observe import OBSERVATIONS

RESPONSE = "<think>Moire is visible, so this is a replay.</think><answer>spoof</answer>"
QUESTION = "is this face real or a spoof?"
SIDE = 56  # pixels


def face(brightness):
    return Image.new("RGB", (SIDE, SIDE), (brightness, 90, 90))


def sentences():
    """One well-formed completion for either class, in the tiny policy's own words."""
    levels = dict.fromkeys(OBSERVATIONS, 1)
    return [completion(levels, dict.fromkeys(OBSERVATIONS, cls), cls, cls) for cls in FasClass]


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """For a model this small a second thread only waits for the first, for long on a busy machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def policy(tmp_path_factory):
    """A tiny Qwen2.5-VL that says either sentence about any face: GRPO has something to choose."""
    folder = tmp_path_factory.mktemp("policy")
    build(folder, image_size=SIDE, seed=0)
    processor = AutoProcessor.from_pretrained(folder)
    model = AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.float32)
    messages = [
        {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": QUESTION}]}
    ]
    prompt = processor.apply_chat_template(messages, add_generation_prompt=True)
    texts = [prompt + sentence + "<|im_end|>" for sentence in sentences()]
    # The same face with either answer: which one it will give is left to chance.
    batch = processor(
        text=texts,
        images=[face(120)] * len(texts),
        padding=True,
        padding_side="right",
        return_tensors="pt",
    )
    targets = batch["input_ids"].clone()
    start = targets[0].tolist().index(processor.tokenizer.convert_tokens_to_ids("<think>"))
    targets[:, :start] = -100
    targets[batch["attention_mask"] == 0] = -100
    optimiser = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(60):
        model(**batch, labels=targets).loss.backward()
        optimiser.step()
        optimiser.zero_grad()
    return model, processor


def test_trl_trains_two_steps_on_images(policy, tmp_path):
    model, processor = policy
    rows = [
        {
            "prompt": [{"role": "user", "content": QUESTION}],
            "image": face(110 + 5 * i),
            "label": ("real", "spoof:print.flat")[i % 2],
        }
        for i in range(4)
    ]
    trainer = GRPOTrainer(
        model=model,
        processing_class=processor,
        reward_funcs=fas_reward,
        args=GRPOConfig(
            output_dir=str(tmp_path),
            max_steps=2,
            per_device_train_batch_size=16,
            num_generations=8,
            max_completion_length=40,
            learning_rate=1e-4,
            logging_steps=1,
            report_to=[],
            use_cpu=True,
            bf16=False,
            save_strategy="no",
            seed=0,
        ),
        train_dataset=Dataset.from_list(rows),
    )
    before = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    trainer.train()
    logs = [log for log in trainer.state.log_history if "reward" in log]
    assert len(logs) == 2
    for log in logs:
        # Both answers were given, so the groups told right from wrong and moved the policy.
        assert 0.1 < log["rewards/fas_reward/mean"] < 1
        assert log["reward_std"] > 0 and log["grad_norm"] > 0 and math.isfinite(log["loss"])
        assert log["fas_format"] > 0.5
        assert all(0 <= log[f"fas_{name}"] <= 1 for name in COMPONENTS)
    assert any(not torch.equal(before[name], w) for name, w in model.named_parameters())


def test_plain_and_conversational_completions():
    plain = fas_reward(completions=[RESPONSE, "x"], label=["spoof", "real"], prompts=["", ""])
    chat = [[{"role": "assistant", "content": RESPONSE}], [{"role": "assistant", "content": None}]]
    parts = [[{"role": "assistant", "content": [{"type": "text", "text": RESPONSE}]}]]
    assert plain == fas_reward(completions=chat, label=["spoof", "real"]) == [1.0, 0.0]
    assert fas_reward(completions=parts, label=["spoof"]) == [1.0]


def test_components_are_logged():
    logged = {}
    total_reward("paper")([RESPONSE], ["real"], log_metric=logged.__setitem__)
    assert logged == {
        "fas_format": 1.0,
        "fas_class_consistency": 0.0,
        "fas_reasoning_consistency": 1.0,
    }


def test_a_bad_label_is_named_by_its_index():
    with pytest.raises(ValueError, match="label 1: unknown label 'live'"):
        fas_reward(completions=["a", "b"], label=["real", "live"])
