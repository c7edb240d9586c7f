"""The client, against servers that answer, lie, vanish and come back."""

import contextlib
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from serving import RIGHT, WRONG, running
from test_app import run_executor

from fas_plugin.rewards import client as client_module
from fas_plugin.rewards import load_preset
from fas_plugin.rewards.client import RewardClient, RewardRequestError
from fas_plugin.rewards.frameworks import openrlhf

NOBODY = "http://127.0.0.1:9"


@contextlib.contextmanager
def impostor(status, body, **headers):
    """Something that answers every request with this; a list of the paths asked for."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            asked.append(self.path)
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    thread.join()
    server.server_close()


def test_server_and_fall_back_answer_the_same(server):
    here, there = RewardClient(NOBODY, patience=0), RewardClient(server.url)
    completions, labels = [RIGHT, WRONG, "nonsense"], ["real", "real", "spoof:mask"]
    assert there.score(completions, labels) == here.score(completions, labels)
    queries = ["P" + completion for completion in completions]
    asked = queries, ["P"] * 3, labels
    assert there.get_reward(*asked) == here.get_reward(*asked)
    assert there.get_reward(*asked) == openrlhf.get_reward(*asked, load_preset("default"))
    assert (there.fallbacks, here.fallbacks) == (0, 6)


def test_endpoints_take_turns_and_stand_in_for_each_other(server):
    with running() as second:
        client = RewardClient(f"{server.url}/get_reward, {NOBODY},{second.url}")
        before = server.metric("fas_completions_total")
        for _ in range(9):
            assert client.score([RIGHT], ["real"])[0]["total"] == 1.0
        shares = (
            server.metric("fas_completions_total") - before,
            second.metric("fas_completions_total"),
        )
        assert sum(shares) == 9 and min(shares) >= 3 and client.fallbacks == 0


def test_tokens_and_unix_sockets(tmp_path):
    path = tmp_path / "s"
    with running("--unix", path, FAS_REWARD_TOKEN="t@ken"):
        time.sleep(0.3)
        assert RewardClient(f"unix:{path}", token="t@ken", fall_back=False).score([], []) == []
        with pytest.raises(ConnectionError):
            RewardClient(f"unix:{path}", patience=0, fall_back=False).score([], [])
    with running(FAS_REWARD_TOKEN="t@ken") as server:
        url = server.url.replace("//", "//fas:t%40ken@")
        assert RewardClient(url, fall_back=False).score([RIGHT], ["real"])[0]["total"] == 1.0


def test_mistakes_in_a_request_are_told_and_not_tried_again(server):
    client = RewardClient(server.url)
    with pytest.raises(RewardRequestError, match=r"422 labels/1: unknown label 'live'"):
        client.score(["", ""], ["real", "live"])
    with pytest.raises(ValueError, match="label 1"):
        RewardClient(NOBODY, patience=0).score(["", ""], ["real", "live"])
    for url in ("", "127.0.0.1:5000", "ftp://host"):
        with pytest.raises(ValueError, match="expected http://host:port"):
            RewardClient(url)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b"<html>"),
        (200, {"rewards": [1.0]}),
        (200, {"rewards": [2.0], "scores": [1.0], "extra_logs": {"fas_x": [1]}}),
        (200, {"rewards": [], "scores": [], "extra_logs": {"fas_x": []}}),
        (200, b'{"rewards": [NaN], "scores": [1.0], "extra_logs": {"fas_x": [1]}}'),
        (404, {"error": "no such page"}),
        (500, b""),
        (503, {"error": "overloaded"}),
    ],
)
def test_what_is_no_reward_server_is_not_believed(status, body, caplog):
    with impostor(status, body) as (url, asked):
        client = RewardClient(url, patience=0.5)
        assert client.get_reward(["p" + RIGHT], ["p"], ["real"])["rewards"] == [1.0]
        assert len(asked) >= 2 and set(asked) == {"/get_reward"}
    assert "rewards are computed here" in caplog.text and url in caplog.text


def test_retry_after_is_respected():
    with impostor(503, {"error": "overloaded"}, Retry_After="1") as (url, asked):
        client = RewardClient(url, patience=2.5, fall_back=False)
        with pytest.raises(ConnectionError):
            client.score([RIGHT], ["real"])
        assert len(asked) == 3


def test_a_server_that_never_comes_back_costs_its_patience_once(server, monkeypatch):
    monkeypatch.setattr(client_module, "_PROBE", 1.0)
    client = RewardClient(NOBODY, patience=1)
    with ThreadPoolExecutor(16) as pool:
        began = time.monotonic()
        rows = list(pool.map(lambda _: client.score([RIGHT], ["real"])[0]["total"], range(200)))
        assert rows == [1.0] * 200 and time.monotonic() - began < 2.5
    # One that comes back is found again.
    client._endpoints = RewardClient(server.url)._endpoints
    time.sleep(1.1)
    before = client.fallbacks
    assert client.score([RIGHT], ["real"])[0]["total"] == 1.0 and client.fallbacks == before


def test_another_preset_on_the_server_is_told(server, caplog):
    RewardClient(server.url, preset="paper").score([RIGHT], ["real"])
    assert "has preset default/" in caplog.text and "this process has paper/" in caplog.text


def test_openrlhf_agent_survives_a_server_that_never_comes_back(monkeypatch):
    """Loaded and run as OpenRLHF's rollout actor does it."""
    from openrlhf.trainer.ray.vllm_engine import _load_agent_executor

    with running() as server:
        monkeypatch.setenv("FAS_REWARD_URL", f"{server.url}/get_reward")
        from fas_plugin.rewards.frameworks import openrlhf_agent

        executor = _load_agent_executor(openrlhf_agent.__file__)
        from_server = run_executor(executor, "real", WRONG)
        assert server.metric("fas_completions_total") == 1
        server.process.kill()
        server.process.wait()
        executor.reward_func.__self__._patience = 0.5
        alone = run_executor(executor, "real", WRONG)
    for name in ("reward", "scores", "extra_logs"):
        assert alone[name] == from_server[name] and alone[name] is not None
    monkeypatch.delenv("FAS_REWARD_URL")
    with pytest.raises(ValueError, match="FAS_REWARD_URL is not set"):
        _load_agent_executor(openrlhf_agent.__file__)
