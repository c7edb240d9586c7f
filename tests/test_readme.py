"""The README's snippets do what it says: each is taken from its text and run."""

import asyncio
import re
import shlex
import sys
import tomllib
from pathlib import Path

import pytest
import verifiers.v1 as vf
from datasets import Dataset
from omegaconf import OmegaConf
from openrlhf.utils.agent import SingleTurnAgentExecutor
from swift.rlhf_trainers.utils import resolve_reward_funcs
from swift.utils.utils import import_external_file
from transformers import Qwen2Config, Qwen2ForCausalLM
from trl import GRPOConfig
from verl.trainer.ppo.reward import get_custom_reward_fn

from fas_plugin.training.tiny_policy.model import build_tokenizer

README = Path(__file__).parent.with_name("README.md")
RIGHT = "<think>Moire is visible, so this is a replay.</think><answer>spoof</answer>"


def snippet(language, word):
    """The one fenced block of ``language`` that holds ``word``."""
    blocks = re.findall(rf"```{language}\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    [found] = [block for block in blocks if word in block]
    return found


def option(command, name):
    """The value that a command line gives to an option."""
    words = shlex.split(command)
    return words[words.index(name) + 1]


def test_every_python_block_is_run_here():
    text = README.read_text(encoding="utf-8")
    assert text.count("```python") == 2


def test_five_lines(capsys):
    exec(snippet("python", "load_preset"), {})
    assert capsys.readouterr().out == "1.0 real real\n"


def test_openrlhf():
    executor = SingleTurnAgentExecutor(
        [option(snippet("bash", "openrlhf.cli"), "--reward.remote_url")]
    )
    assert executor.reward_func([RIGHT], [""], ["spoof"])["rewards"] == [pytest.approx(1.0)]


def test_trl(tmp_path):
    tokenizer = build_tokenizer()
    config = Qwen2Config(
        vocab_size=len(tokenizer),
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=1,
        eos_token_id=tokenizer.eos_token_id,
    )
    Qwen2ForCausalLM(config).save_pretrained(tmp_path / "model")
    tokenizer.save_pretrained(tmp_path / "model")
    names = {
        "model": str(tmp_path / "model"),
        "args": GRPOConfig(
            output_dir=str(tmp_path / "out"),
            max_steps=2,
            per_device_train_batch_size=2,
            num_generations=2,
            max_completion_length=4,
            logging_steps=1,
            report_to=[],
            use_cpu=True,
            bf16=False,
            save_strategy="no",
        ),
        "dataset": Dataset.from_dict({"prompt": ["real?", "spoof?"], "label": ["real", "spoof"]}),
    }
    exec(snippet("python", "GRPOTrainer"), names)
    names["trainer"].train()
    logged = [log for log in names["trainer"].state.log_history if "fas_format" in log]
    assert len(logged) == 2


def test_verl():
    command = shlex.split(snippet("bash", "verl.trainer"))
    settings = OmegaConf.from_dotlist([word for word in command if "=" in word])
    defaults = {"reward": {"custom_reward_function": {"path": None, "name": "compute_score"}}}
    reward = get_custom_reward_fn(OmegaConf.merge(defaults, settings))
    paid = reward(data_source="d", solution_str=RIGHT, ground_truth="spoof", extra_info={})
    assert paid["score"] == pytest.approx(1.0)


def test_ms_swift(monkeypatch):
    command = snippet("bash", "swift rlhf").replace("\\\n", "")
    monkeypatch.setattr(sys, "path", list(sys.path))  # the plugin's folder is put in front
    import_external_file(option(command, "--external_plugins"))
    [reward], _ = resolve_reward_funcs([option(command, "--reward_funcs")])
    assert reward([RIGHT], label=["spoof"]) == [pytest.approx(1.0)]


def test_verifiers():
    class Data(vf.TaskData):
        label: str

    class Task(vf.Task[Data]):
        pass

    config = tomllib.loads(snippet("toml", "verifiers"))["env"]["taskset"]["task"]
    task = Task(Data(label="spoof"), vf.TaskConfig(**config))
    trace = vf.Trace(
        task=vf.TraceTask(type="Task", data=task.data),
        agent=vf.AgentInfo(config=vf.AgentConfig()),
        nodes=[vf.MessageNode(message=vf.AssistantMessage(content=RIGHT), sampled=True)],
    )
    asyncio.run(task.score(trace))
    assert trace.reward == pytest.approx(1.0)
    assert trace.metrics["fas_reasoning_consistency"] == 1.0
