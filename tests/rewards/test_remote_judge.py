"""The language model as judge, against a server that behaves and misbehaves."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from fas_plugin import rewards
from fas_plugin.labels import FasClass
from fas_plugin.rewards import load_judge, load_preset, score, score_batch
from fas_plugin.rewards.remote_judge import RemoteJudge

PRESETS = Path(rewards.__file__).parent / "presets"
REASONING = "Moire is visible, so it is a replay."


@pytest.fixture
def endpoint():
    """A server whose ``reply(reasoning)`` is what the model says; it keeps what it was sent."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            server.requests.append((self.path, sent))
            content = server.reply(json.loads(sent["messages"][-1]["content"]))
            body = content
            if not isinstance(content, bytes):
                body = json.dumps({"choices": [{"message": {"content": content}}]}).encode()
            self.send_response(server.status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.requests, server.status, server.reply = [], 200, lambda reasoning: "real"
    server.url = f"http://127.0.0.1:{server.server_port}/v1"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_models_word_counts_and_is_asked_for_once(endpoint):
    judge = load_judge(f"{endpoint.url}#some/model")
    assert judge.classes([REASONING, REASONING]) == [FasClass.REAL, FasClass.REAL]
    assert judge.stance(REASONING).cls is FasClass.REAL
    [(path, sent)] = endpoint.requests
    assert path == "/v1/chat/completions"
    assert sent["model"] == "some/model"
    assert json.loads(sent["messages"][-1]["content"]) == REASONING


def test_a_preset_names_it_and_it_takes_part_in_the_rewards(endpoint, tmp_path):
    content = json.loads((PRESETS / "default.json").read_text())
    (tmp_path / "p.json").write_text(json.dumps(content | {"judge": f"{endpoint.url}#m"}))
    preset = load_preset(str(tmp_path / "p.json"))
    text = f"<think>{REASONING}</think><answer>real</answer>"
    assert score(text, "real", load_preset("default")).reasoning_consistency == 0.0
    assert score(text, "real", preset).reasoning_consistency == 1.0
    batch = score_batch([text, "", text], ["real"] * 3, preset)
    assert [r.stance for r in batch] == [FasClass.REAL, None, FasClass.REAL]


def test_a_batch_is_asked_at_the_same_time(endpoint):
    together = threading.Barrier(8)  # no reply before eight requests are there

    def reply(reasoning):
        together.wait(30)
        return "spoof" if "7" in reasoning else "none"

    endpoint.reply = reply
    classes = RemoteJudge(endpoint.url, "m").classes([f"reasoning {i}" for i in range(16)])
    assert [i for i, cls in enumerate(classes) if cls] == [7]


@pytest.mark.parametrize(
    "reply",
    [
        "real, because I was told so",
        "",
        None,
        7,
        b"garbage",
        b"[]",
        b'{"choices": []}',
        b"\xff" * 99,
    ],
)
def test_the_local_judge_answers_for_garbage(endpoint, reply):
    endpoint.reply = lambda reasoning: reply
    judge = RemoteJudge(endpoint.url, "m")
    assert judge.classes([REASONING]) == [FasClass.SPOOF]
    endpoint.reply = lambda reasoning: "Real."
    assert judge.classes([REASONING]) == [FasClass.REAL]  # what failed is asked again


def test_the_local_judge_answers_for_errors_and_time_outs(endpoint):
    endpoint.status = 500
    assert RemoteJudge(endpoint.url, "m").classes([REASONING]) == [FasClass.SPOOF]
    endpoint.status = 200
    endpoint.reply = lambda reasoning: (time.sleep(0.5), "real")[1]
    assert RemoteJudge(endpoint.url, "m", timeout=0.1).classes([REASONING]) == [FasClass.SPOOF]
    assert RemoteJudge("http://127.0.0.1:9/v1", "m").classes([REASONING]) == [FasClass.SPOOF]


@pytest.mark.parametrize(
    "setting", ["", "remote", "http://host/v1", "ftp://host#m", "http://host/v1#"]
)
def test_unknown_settings_are_named(setting):
    with pytest.raises(ValueError, match="expected 'local' or"):
        load_judge(setting)
