"""Processes that die, stop, share an address, and leave a record."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from serving import RIGHT, WRONG, children, request_for, running
from test_limits import model

from fas_plugin.rewards import load_preset, score
from fas_plugin.rewards.server.record import RewardRecord


def test_port_in_use_is_told_with_the_remedy(server):
    command = [sys.executable, "-m", "fas_plugin", "serve", "--port", str(server.port)]
    second = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert second.returncode == 1
    assert f"127.0.0.1:{server.port}" in second.stderr and "choose another" in second.stderr
    assert "Traceback" not in second.stderr


def test_unix_sockets(tmp_path):
    path = tmp_path / "rewards.sock"
    with socket.socket(socket.AF_UNIX) as stale:  # one that a killed server has left
        stale.bind(str(path))
    with running("--unix", path):
        client = http.client.HTTPConnection("localhost")
        client.sock = socket.socket(socket.AF_UNIX)
        client.sock.connect(str(path))
        client.request("POST", "/get_reward", json.dumps(request_for(RIGHT)))
        assert json.load(client.getresponse())["rewards"] == [1.0]
        assert path.stat().st_mode & 0o777 == 0o600
        command = [sys.executable, "-m", "fas_plugin", "serve", "--unix", str(path)]
        second = subprocess.run(command, capture_output=True, text=True, timeout=30)
        assert second.returncode == 1 and f"cannot listen on {path}" in second.stderr
    assert not path.exists()


def test_settings_in_force_are_printed(server):
    log = server.log()
    assert f"on http://127.0.0.1:{server.port}/get_reward" in log
    assert "preset default/" in log and "1 workers" in log and "body 16777216 bytes" in log


class Load:
    """Clients that post without a pause, each request on a connection of its own, with retries."""

    def __init__(self, server, clients):
        self.answers, self.lost, self.stopped = Counter(), [], threading.Event()
        self._server = server
        self._threads = [threading.Thread(target=self._client, args=(i,)) for i in range(clients)]
        for thread in self._threads:
            thread.start()

    def _client(self, number):
        while not self.stopped.is_set():
            completion, right = ((RIGHT, [1.0]), (WRONG, [pytest.approx(0.1)]))[number % 2]
            for attempt in range(5):
                try:
                    status, answer = self._server.post(request_for(completion))
                    self.answers[status, answer.get("rewards") == right] += 1
                    break
                except (OSError, http.client.HTTPException):
                    self.answers["retried"] += 1
                    time.sleep(0.2 * attempt)
            else:
                self.lost.append(completion)

    def stop(self):
        self.stopped.set()
        for thread in self._threads:
            thread.join()


def test_workers_that_die_are_replaced_within_a_second_and_cost_nothing():
    with running("--workers", "2") as server:
        load = Load(server, 8)
        for _ in range(4):
            time.sleep(0.3)
            victim = server.workers()[0]
            os.kill(victim, signal.SIGKILL)
            killed = time.monotonic()
            while len(server.workers()) < 2 or victim in server.workers():
                assert time.monotonic() - killed < 1
                time.sleep(0.02)
        load.stop()
        assert not load.lost
        assert set(load.answers) <= {(200, True), "retried"}
        assert load.answers[200, True] > 100
        # What was on its way in the dead worker, and no more; the numbers go on.
        assert load.answers["retried"] <= 4 * 8
        assert server.metric("fas_worker_starts_total") == 6
        assert server.metric("fas_completions_total") >= load.answers[200, True]


def test_a_worker_that_hangs_is_replaced(monkeypatch, tmp_path):
    script = "from fas_plugin.rewards.server import workers as w; import sys; w._HUNG = 2.0; "
    script += "from fas_plugin.cli import main; sys.exit(main(['serve', '--port', '0']))"
    process = subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.PIPE, text=True)
    try:
        while "preset" not in process.stderr.readline():
            pass
        deadline = time.monotonic() + 10
        while not (before := children(process.pid)):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        os.kill(before[0], signal.SIGSTOP)
        while not set(children(process.pid)) - set(before):
            assert time.monotonic() < deadline
            time.sleep(0.1)
    finally:
        process.terminate()
        process.wait(20)


def test_stopping_finishes_what_is_in_flight():
    with model(1) as judge, running("--judge", judge) as server:
        bodies = [
            request_for(f"<think>A face, {i}.</think><answer>real</answer>") for i in range(16)
        ]
        with ThreadPoolExecutor(16) as clients:
            answers = [clients.submit(server.post, body) for body in bodies]
            time.sleep(0.5)
            server.process.send_signal(signal.SIGTERM)
            assert [answer.result()[1]["rewards"] for answer in answers] == [[1.0]] * 16
        assert server.process.wait(10) == 0


def test_when_the_watching_process_is_killed_the_port_is_free_at_once():
    with running("--workers", "2") as server:
        workers = server.workers()
        server.process.kill()
        server.process.wait()
        with running("--port", server.port, attempts=20) as second:
            assert second.post(request_for(RIGHT))[0] == 200
        deadline = time.monotonic() + 5
        while any(os.path.exists(f"/proc/{pid}") for pid in workers):
            assert time.monotonic() < deadline
            time.sleep(0.05)


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

    def post():
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        client.request("POST", "/get_reward", json.dumps(request_for(RIGHT)))
        return json.load(client.getresponse())["rewards"]

    try:
        assert post() == [1.0]
        os.kill(min(processes(f"serve .*--port {port} ")), signal.SIGKILL)
        began = time.monotonic()
        while True:
            try:
                assert post() == [1.0]
                break
            except (OSError, http.client.HTTPException):
                assert time.monotonic() - began < 4.5  # OpenRLHF: five tries, a second apart
                time.sleep(0.1)
    finally:
        bash.communicate("stop\n", timeout=20)
    assert bash.returncode == 0
    while processes(f"serve .*--port {port} "):  # the orphans of the killed one finish their work
        assert time.monotonic() - began < 10
        time.sleep(0.1)
    assert list((tmp_path / "rewards").glob("rewards-*.jsonl"))


def processes(command):
    found = subprocess.run(["pgrep", "-f", command], capture_output=True, text=True)
    return [int(line) for line in found.stdout.split()]


def rows(folder):
    found = [
        json.loads(line)
        for path in folder.glob("rewards-*.jsonl")
        for line in path.read_text().splitlines()
    ]
    return sorted(found, key=lambda row: row["time"])


def test_the_record_has_a_line_per_completion_and_text_only_if_asked(tmp_path):
    with running("--record", tmp_path / "a", "--workers", "2") as server:
        server.post(request_for(RIGHT, WRONG))
        server.post({"query": ["p"], "prompts": ["p"], "labels": ["no class"]})  # refused: no line
        server.post({"completions": ["nonsense"], "labels": ["spoof"]}, "/v1/score")
        os.kill(server.workers()[0], signal.SIGKILL)
        kept = rows(tmp_path / "a")  # all that was answered, while it runs
    assert [row["total"] for row in kept] == pytest.approx([1.0, 0.1, 0.0])
    assert kept[1]["answer"] == "spoof" and kept[1]["stance"] == "real"
    assert kept[2]["label"] == "spoof" and "no_think" in kept[2]["faults"]
    assert not any("pores" in json.dumps(row) for row in kept)
    with running("--record", tmp_path / "b", "--record-text") as server:
        server.post(request_for(RIGHT))
    assert rows(tmp_path / "b")[0]["completion"] == RIGHT


def test_the_record_begins_new_files_and_survives_a_full_disk(tmp_path, caplog):
    results = [score(RIGHT, "real", load_preset("default"))]
    record = RewardRecord(tmp_path / "many", max_file=1000)
    for _ in range(10):
        assert record.append([RIGHT], ["real"], results)
    files = list((tmp_path / "many").glob("*.jsonl"))
    assert len(files) > 2 and all(path.stat().st_size <= 1000 for path in files)
    assert len(rows(tmp_path / "many")) == 10
    record._file = os.open("/dev/full", os.O_WRONLY)
    assert not record.append([RIGHT], ["real"], results)
    assert "scoring goes on without it" in caplog.text
