"""The README's snippets do what it says: each is taken from its text and run."""

import asyncio
import importlib
import os
import re
import shlex
import subprocess
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

from fas_plugin.cli import _parser as command_line
from fas_plugin.cli import main
from fas_plugin.datasets.adapters import ADAPTERS, list_clips
from fas_plugin.rewards.server import TOKEN_VARIABLE
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
    assert text.count("```python") == 4


def test_five_lines(capsys):
    exec(snippet("python", "load_preset"), {})
    assert capsys.readouterr().out == "1.0 real real\n"


def test_an_adapter_of_ones_own(tmp_path):
    names = {}
    exec(snippet("python", "door_phone"), names)
    named = names["ADAPTER"].read("val/s07_cam2_ipad_01.mp4")
    assert (str(named.label), named.subject, named.session, named.device, named.split) == (
        "spoof:replay.tablet",
        "07",
        "01",
        "cam2",
        "dev",
    )
    path = tmp_path / "door-phone/train/S07_CAM2_POSTER_01.MP4"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"x")
    [clip], skipped = list_clips(tmp_path, names["ADAPTER"])
    assert (str(clip.label), clip.subject) == ("spoof:print.poster", "DOOR/07") and not skipped


def test_a_list_of_ones_own(tmp_path):
    folder = tmp_path / "own"
    (folder / "door").mkdir(parents=True)
    (folder / "clips.csv").write_text(snippet("csv", "print.poster"))
    for name in ("0001.mp4", "0002.jpg"):
        (folder / "door" / name).write_bytes(b"x")
    clips, skipped = list_clips(tmp_path, ADAPTERS["OWN"])
    assert [str(clip.label) for clip in clips] == ["real", "spoof:print.poster"] and not skipped
    assert clips[1].box[:4] == (120, 80, 200, 260)


def test_the_table_of_datasets_has_the_published_counts():
    rows = re.findall(r"^\| ([^|]+) \| (`[^|]+`) \| ([\d,/]*)", README.read_text(), re.MULTILINE)
    table = {domain: numbers for _, domains, numbers in rows for domain in [domains.split("`")[1]]}
    for domain, adapter in ADAPTERS.items():
        if domain == "H1":
            continue
        totals = [sum(counts) for counts in zip(*adapter.published.values(), strict=True)]
        assert table[domain].replace(",", "") == "/".join(map(str, totals)), domain


def test_reward_server(capsys, tmp_path):
    serving, open_to_all, shown = snippet("bash", "--workers").splitlines()
    options = shlex.split(serving, comments=True)[1:]
    options[options.index("5000")], options[options.index("runs/demo/rewards")] = "0", str(tmp_path)
    environment = {**os.environ, "FAS_REWARD_TOKEN": ""}
    with subprocess.Popen(
        [sys.executable, "-m", "fas_plugin", *options],
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    ) as server:
        url = server.stderr.readline().split()[-1]
        code = snippet("python", "RewardClient").replace("http://127.0.0.1:5000", url)
        names = {"completions": [RIGHT] * 2, "labels": ["spoof", "real"]}
        exec(code, names)
        server.terminate()
    assert names["client"].fallbacks == 0
    assert [line.split()[:2] for line in capsys.readouterr().out.splitlines()] == [
        ["1.0", "spoof"],
        ["0.1", "spoof"],
    ]
    words = shlex.split(shown, comments=True)[1:]
    assert main([tmp_path.as_posix() if word.startswith("runs/") else word for word in words]) == 0
    assert "2 completions" in capsys.readouterr().out
    parsed = command_line().parse_args(shlex.split(open_to_all, comments=True)[2:])
    assert parsed.host == "0.0.0.0" and TOKEN_VARIABLE in open_to_all


def test_ray_serve():
    """Up to where Ray's processes would start (tests/rewards/server/test_ray_serve.py goes on)."""
    words = shlex.split(snippet("bash", "serve run"))
    module, name = words[2].split(":")
    build = getattr(importlib.import_module(module), name)
    with pytest.raises(ImportError, match="protobuf"):  # which says that the arguments are right
        build(dict(word.split("=") for word in words[3:]))


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
