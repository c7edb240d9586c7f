"""The main job end to end: real Ray, vLLM, DeepSpeed and OpenRLHF, on a tiny synthetic OCIM."""

import json
import os
import shlex
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SETTINGS = {
    "TARGET": "C",
    "MODEL": "tiny",
    "SYNTHETIC_SIZE": "tiny",
    "EYES_STEPS": "3",
    "WARM_UP_STEPS": "120",
    "MAX_PROMPTS": "32",
    "SAVE_STEPS": "1",
    "GROUP_SIZE": "4",
    "ROLLOUT_PROMPTS": "4",
    "TRAIN_BATCH": "16",
    "MICRO_BATCH": "16",
    "EVAL_SAMPLES": "1",
}


def start(tmp_path, **settings):
    environment = {
        **os.environ,
        **SETTINGS,
        "RUN": str(tmp_path / "run"),
        "DATA": str(tmp_path / "data"),
        **settings,
    }
    return subprocess.Popen(
        ["bash", ROOT / "recipes/grpo_ocim.sh"],
        cwd=tmp_path,  # works from any folder
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


@pytest.fixture
def short_folder():
    """For Ray's sockets, whose paths may have 107 characters."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        yield Path(folder)


def test_recipe_trains_survives_a_kill_and_reports(tmp_path, short_folder):
    run = tmp_path / "run"
    job = start(tmp_path, TMPDIR=str(short_folder))
    # Killed outright in the middle of training, once a checkpoint has been written.
    deadline = time.monotonic() + 400
    while not list(run.glob("states/_actor/latest")):
        assert job.poll() is None, job.communicate()[0][-4000:]
        assert time.monotonic() < deadline
        time.sleep(0.5)
    # The reward server dies first: that costs a pause. Then the whole job, outright.
    os.kill(min(processes(f"serve .*--record {run}/rewards")), signal.SIGKILL)
    scored = recorded(run)
    while recorded(run) == scored and job.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert "starting it again" in (run / "reward_server.log").read_text()
    os.killpg(job.pid, signal.SIGKILL)
    job.wait()
    before = (run / "before" / "predictions.parquet").stat().st_mtime
    policy = (run / "policy" / "model.safetensors").stat().st_mtime

    output, _ = start(tmp_path, TMPDIR=str(short_folder)).communicate(timeout=500)
    assert "report:" in output.splitlines()[-1], output[-4000:]
    assert (run / "before" / "predictions.parquet").stat().st_mtime == before  # work done was kept
    assert (run / "policy" / "model.safetensors").stat().st_mtime == policy

    for stage in ("before", "after"):
        metrics = json.loads((run / stage / "metrics.json").read_text())
        assert metrics["synthetic"] and metrics["protocol"]["title"] == "O&M&I→C"
        assert 0 <= metrics["levels"]["video_mean"]["operating_points"]["source_eer"]["hter"] <= 1
        assert metrics["scoring"]["sources"]["logprobs"] > 0.5
    assert metrics["training"]["completions"] > 32  # what the reward server recorded
    assert [c["second"] for c in metrics["comparison"]] == ["before"]
    curves = json.loads((run / "training_curves.json").read_text())
    steps = [step for step, _ in curves["train/fas_class_consistency"]]
    # Groups without signal are filtered, so the number of steps is not known; none is lost.
    assert len(steps) >= 2 and steps == list(range(1, len(steps) + 1))
    assert (run / "checkpoint" / "preprocessor_config.json").exists() or (
        run / "checkpoint" / "processor_config.json"
    ).exists()
    started = (run / "policy" / "model.safetensors").read_bytes()
    assert (run / "checkpoint" / "model.safetensors").read_bytes() != started
    environments = [
        path for path in Path("/proc").glob("[0-9]*/environ") if os.access(path, os.R_OK)
    ]
    mark = f"FAS_RUN={run}#".encode()
    assert not [path for path in environments if mark in read_bytes(path)]  # nothing left running
    assert not list(short_folder.glob("fas-ray.*"))


def test_a_run_is_claimed_while_what_a_killed_one_left_behind_ends(tmp_path):
    """A process may be gone between being found and being looked at."""
    script = """
        set -euo pipefail
        fail() { echo "error: $*" >&2; exit 1; }
        source recipes/processes.sh
        processes_with() { if mkdir "$FOLDER/seen" 2>/dev/null; then echo 999999999; fi; }
        claim_run "$FOLDER/run"
        echo "$FAS_RUN"
    """
    answer = subprocess.run(
        ["bash", "-c", script],
        cwd=ROOT,
        env={**os.environ, "FOLDER": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert answer.stdout.startswith(f"{tmp_path}/run#"), answer


def recorded(run):
    return sum(path.stat().st_size for path in run.glob("rewards/rewards-*.jsonl"))


def processes(command):
    found = subprocess.run(["pgrep", "-f", command], capture_output=True, text=True)
    return [int(line) for line in found.stdout.split()]


def read_bytes(path):
    try:
        return path.read_bytes()
    except OSError:  # it ended meanwhile
        return b""


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"TARGET": "X"}, "TARGET=X: expected O (OULU-NPU)"),
        ({"OCIM_ROOT": "/nowhere"}, "OCIM_ROOT=/nowhere: no such folder"),
        ({"OCIM_ROOT": "."}, "no folder for oulu_npu"),
        ({"DISK_GB": "1000000"}, "GiB free, DISK_GB=1000000 wanted; free some space"),
        ({"DATA": "/proc/none"}, "/proc/none"),
    ],
)
def test_bad_settings_end_early_with_one_message(tmp_path, settings, message):
    job = start(tmp_path, **settings)
    output, _ = job.communicate(timeout=60)
    assert job.returncode != 0
    assert message in output and "Traceback" not in output


def dry_run(folder, **settings):
    return subprocess.run(
        ["bash", ROOT / "recipes/grpo_ocim.sh", "--dry-run"],
        cwd=folder,
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        check=True,
    ).stdout


GPU_JOB = {"GPUS": "8", "MODEL": "Qwen/Qwen2.5-VL-3B-Instruct", "TARGET": "O"}


def test_openrlhf_knows_every_flag_of_the_gpu_job(tmp_path):
    """Its parser names the flags it does not know before it does anything else."""
    command = [*shlex.split(dry_run(tmp_path, **GPU_JOB)), "--no-such-flag"]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert answer.stderr.endswith("error: unrecognized arguments: --no-such-flag\n")


def test_dry_run_prints_the_command_and_does_nothing(tmp_path):
    command = dry_run(tmp_path, **GPU_JOB)
    assert "--algo.advantage.estimator group_norm" in command and "k3" in command
    assert "--actor.num_gpus_per_node 8" in command and "flash_attention_2" in command
    assert not list(tmp_path.iterdir())
