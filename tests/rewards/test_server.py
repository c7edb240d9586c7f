"""The reward server over real sockets, and OpenRLHF's own executor as its client."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

RIGHT = "<think>Natural pores; this is a live face.</think><answer>real</answer>"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def running(port, *options):
    command = [sys.executable, "-m", "fas_plugin.rewards.server", "--port", str(port), *options]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        deadline = time.monotonic() + 20
        while True:
            try:
                get(port, "/readyz")
                break
            except OSError:
                assert process.poll() is None and time.monotonic() < deadline
                time.sleep(0.1)
        yield process
    finally:
        process.terminate()
        process.wait(15)


@pytest.fixture(scope="module")
def server():
    port = free_port()
    with running(port):
        yield port


def get(port, path):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
        return json.load(answer)


def post(port, body, path="/get_reward"):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def request_for(*completions, label="real"):
    return {
        "query": ["PROMPT" + completion for completion in completions],
        "prompts": ["PROMPT"] * len(completions),
        "labels": [label] * len(completions),
    }


def test_single_and_batched_requests_get_the_same_rewards(server):
    status, one = post(server, request_for(RIGHT))
    assert status == 200 and one["rewards"] == [1.0] and one["scores"] == [1.0]
    status, two = post(server, request_for(RIGHT, "nonsense"))
    assert status == 200 and two["rewards"] == [1.0, 0.0]
    assert set(one["extra_logs"]) == set(two["extra_logs"])
    assert all(len(values) == 2 for values in two["extra_logs"].values())


def test_operators_can_ask(server):
    assert get(server, "/healthz") == {"status": "ok"}
    assert get(server, "/version")["preset"] == "default"


@pytest.mark.parametrize(
    ("body", "status", "names"),
    [
        (b"\xff\xfe not json", 400, "JSON"),
        (b"[" * 100_000, 400, "JSON"),
        ([], 422, "body"),
        ({"query": ["a"], "prompts": ["a"]}, 422, "labels"),
        ({"query": [1], "prompts": ["a"], "labels": ["real"]}, 422, "query/0"),
        ({"query": ["a", "b"], "prompts": ["a"], "labels": ["real"]}, 422, "unequal lengths"),
        ({"query": ["a"], "prompts": ["a"], "labels": ["live"]}, 422, "live"),
        ({"query": ["a", "b"], "prompts": ["", ""], "labels": ["real", "live"]}, 422, "label 1:"),
        ({"query": ["a", "b"], "prompts": ["", ""], "labels": ["real", None]}, 422, "labels/1"),
        (
            {"query": ["a"], "prompts": [""], "labels": ["spoof:tv"]},
            422,
            "label 0: unknown instrument 'tv'",
        ),
        ({"query": ["a"] * 1025, "prompts": ["a"] * 1025, "labels": ["real"] * 1025}, 422, "1024"),
    ],
)
def test_bad_requests_get_one_line_that_names_the_fault(server, body, status, names):
    code, answer = post(server, body)
    assert code == status
    assert names in answer["error"] and "\n" not in answer["error"]


def test_unknown_paths_and_methods(server):
    assert post(server, {}, "/elsewhere")[0] == 404
    with pytest.raises(urllib.error.HTTPError) as error:
        get(server, "/get_reward")
    assert error.value.code == 405


def test_a_body_beyond_the_limit_is_refused(server):
    assert post(server, b"x" * (17 * 1024 * 1024))[0] == 413


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["query", "prompts", "labels", "x"]), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(st.one_of(st.binary(max_size=200), json_values))
@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_hostile_bodies_never_break_it(server, body):
    assert post(server, body)[0] in (200, 400, 422)


def test_port_in_use_is_told_with_the_remedy(server):
    command = [sys.executable, "-m", "fas_plugin", "serve", "--port", str(server)]
    second = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert second.returncode == 1
    assert f"127.0.0.1:{server}" in second.stderr and "choose another" in second.stderr
    assert "Traceback" not in second.stderr


def test_openrlhf_executor_gets_its_reward_from_the_server(server):
    """OpenRLHF's own single-turn executor, with only the engine's text given."""
    from openrlhf.utils.agent import SingleTurnAgentExecutor

    class Tokenizer:
        def __call__(self, text, **_):
            import torch

            return {"input_ids": torch.tensor([list(text.encode())])}

        def decode(self, tokens, **_):
            return bytes(tokens).decode()

    class Engine:
        async def generate(self, *_, **__):
            output = SimpleNamespace(
                token_ids=list(RIGHT.encode()), finish_reason="stop", logprobs=None, text=RIGHT
            )
            return SimpleNamespace(outputs=[output])

    executor = SingleTurnAgentExecutor([f"http://127.0.0.1:{server}/get_reward"])
    sampling = SimpleNamespace(max_tokens=200, logprobs=None)
    for label, reward in (("real", 1.0), ("spoof:print.flat", 0.1)):
        answer = asyncio.run(
            executor.execute(
                "user: real?\nassistant: ", label, sampling, 1000, Tokenizer(), Engine()
            )
        )
        assert answer["reward"] == [pytest.approx(reward)]
        assert answer["scores"] == [float(label == "real")]
        assert answer["extra_logs"]["fas_format"] == [1.0]


def test_the_recipe_keeps_the_server_alive_after_kill_9(tmp_path):
    """Killed outright, the server answers again on the same port before a client's retries end."""
    script = f"""
    set -euo pipefail
    fail() {{ echo "error: $*" >&2; exit 1; }}
    root=$PWD
    source recipes/environment.sh
    source recipes/reward_server.sh
    reward_server_start 127.0.0.1 0 default {tmp_path}
    echo "$REWARD_URL"
    read -r _
    reward_server_stop
    """
    bash = subprocess.Popen(
        ["bash", "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    url = bash.stdout.readline().strip()
    port = int(url.split(":")[2].split("/")[0])
    try:
        [pid] = processes(f"serve .*--port {port} ")
        os.kill(pid, signal.SIGKILL)
        began = time.monotonic()
        while True:
            try:
                assert post(port, request_for(RIGHT))[1]["rewards"] == [1.0]
                break
            except OSError:
                assert time.monotonic() - began < 4.5  # OpenRLHF: five tries, a second apart
                time.sleep(0.1)
    finally:
        bash.communicate("stop\n", timeout=20)
    assert bash.returncode == 0
    assert not processes(f"serve .*--port {port} ")


def processes(command):
    found = subprocess.run(["pgrep", "-f", command], capture_output=True, text=True)
    return [int(line) for line in found.stdout.split()]


def test_the_record_has_a_line_per_completion_and_no_text(tmp_path):
    port, record = free_port(), tmp_path / "rewards.jsonl"
    with running(port, "--record", str(record)):
        post(port, {"query": ["p" + RIGHT] * 2, "prompts": ["p"] * 2, "labels": ["real", "spoof"]})
        post(port, {"query": ["p"], "prompts": ["p"], "labels": ["no class"]})  # refused: no line
    rows = [json.loads(line) for line in record.read_text().splitlines()]
    assert [row["fas_class_consistency"] for row in rows] == [1.0, 0.0]
    assert rows[0]["reward"] == 1.0 and "pores" not in record.read_text()


def test_a_worker_that_dies_is_replaced(tmp_path):
    port = free_port()
    with running(port, "--workers", "2") as server:
        workers = children(server.pid)
        assert len(workers) >= 2
        os.kill(workers[-1], signal.SIGKILL)
        deadline = time.monotonic() + 60
        while len(set(children(server.pid)) - {workers[-1]}) < len(workers):
            assert time.monotonic() < deadline
            time.sleep(0.2)
        assert post(port, request_for(RIGHT))[1]["rewards"] == [1.0]


def children(pid):
    """Living child processes that serve, oldest first."""
    found = subprocess.run(
        ["pgrep", "-P", str(pid), "-f", "multiprocessing.spawn"], capture_output=True, text=True
    )
    return [int(line) for line in found.stdout.split()]
