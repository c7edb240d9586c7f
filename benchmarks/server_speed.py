"""The reward server against its peers, in the same run: ratios of requests per CPU-second.

python benchmarks/server_speed.py             # about two minutes; needs wrk (Debian: apt-get install wrk)

1. wrk posts single completions, each on a new connection, 64 at a time, to the reward server, to a
   FastAPI server written as OpenRLHF's openrlhf/cli/serve_rm.py is with the same rewards in it, and
   to a handler on uvicorn that reads the body and does nothing. Where granian is installed, the
   rewards on it too: what another stack would give.
2. OpenRLHF's own client code is the load, on the reward server and on the empty handler: the server's
   share of the processor time, and how long requests take.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
from rewards_speed import completions

from fas_plugin.rewards import load_preset
from fas_plugin.rewards.frameworks.openrlhf import get_reward

PROMPT = (
    "<|im_start|>user\n<|vision_start|><|image_pad|><|vision_end|>Is this face real? Reason in "
    "<think>, decide in <answer>.<|im_end|>\n<|im_start|>assistant\n"
)
CLIENTS = 64
RATIO_FASTAPI, RATIO_EMPTY, CPU_SHARE, P99_MORE = 1.7, 0.7, 0.35, 0.005

SCRIPT = """
local requests, i = {}, 0
init = function(arguments)
  for line in io.lines(os.getenv("BODIES")) do
    requests[#requests + 1] = wrk.format("POST", "/get_reward",
      {["Content-Type"] = "application/json", ["Connection"] = "close"}, line)
  end
end
request = function() i = i % #requests + 1; return requests[i] end
"""

FASTAPI = """
import logging, sys
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from fas_plugin.rewards import load_preset
from fas_plugin.rewards.frameworks.openrlhf import get_reward as rewards

logger, preset, app = logging.getLogger("peer"), load_preset("default"), FastAPI()

@app.post("/get_reward")
async def get_reward(request: Request):
    data = await request.json()
    result = rewards(data.get("query"), data.get("prompts"), data.get("labels"), preset)
    logger.info(f"Sent JSON: {result}")
    return JSONResponse(result)

uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="info")
"""

EMPTY = """
import sys
import uvicorn

async def app(scope, receive, send):
    while (await receive()).get("more_body"):
        pass
    headers = [(b"content-type", b"application/json"), (b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"{}"})

uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", access_log=False,
            lifespan="off", loop="uvloop", http="httptools", server_header=False, date_header=False)
"""

GRANIAN = """
import sys
from granian.server.embed import Server
from granian.constants import Interfaces
import asyncio, uvloop
from fas_plugin.rewards.server.app import create_app
uvloop.run(Server(create_app(), address="127.0.0.1", port=int(sys.argv[1]),
                  interface=Interfaces.ASGINL, log_enabled=False).serve())
"""

OURS = """
import sys
from fas_plugin.cli import main
sys.exit(main(["serve", "--port", sys.argv[1]]))
"""


class Peer:
    """A server in a process of its own on a free port."""

    def __init__(self, name: str, code: str) -> None:
        self.name = name
        port = _free_port()
        self.url = f"http://127.0.0.1:{port}"
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self._process = psutil.Popen([sys.executable, "-c", code, str(port)], **quiet)
        while True:
            with _socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return
            if self._process.poll() is not None:
                raise RuntimeError(f"{name} does not start")
            time.sleep(0.05)

    def cpu(self) -> float:
        """Seconds of processor time so far, of it and its workers."""
        processes = [self._process, *self._process.children(recursive=True)]
        return sum(sum(process.cpu_times()[:2]) for process in processes)

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(30)


def _socket():
    import socket

    return socket.socket()


def _free_port() -> int:
    with _socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def bodies(count: int) -> list[dict]:
    chance = random.Random(0)
    prompt = PROMPT.replace("<|image_pad|>", "<|image_pad|>" * 64)  # as OpenRLHF expands it
    return [
        {
            "query": [prompt + text + "<|im_end|>"],
            "prompts": [PROMPT],
            "labels": [chance.choice(["real", "spoof", "spoof:replay.tablet"])],
        }
        for text in completions(count, 60, seed=0)
    ]


def rewards_alone(cases: list[dict]) -> float:
    """Seconds of processor time for the rewards of a request, without a server."""
    preset = load_preset("default")

    took = []
    for _ in range(3):
        started = time.process_time()
        for case in cases:
            get_reward(case["query"], case["prompts"], case["labels"], preset)
        took.append(time.process_time() - started)
    return min(took) / len(cases)


def with_wrk(peer: Peer, seconds: float, script: Path, lines: Path) -> float:
    """Requests per CPU-second of the server."""
    before = peer.cpu()
    command = ["wrk", "-t1", f"-c{CLIENTS}", f"-d{seconds:g}s", "-s", str(script), peer.url]
    told = subprocess.run(
        command,
        env={**os.environ, "BODIES": str(lines)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    used = peer.cpu() - before
    if "Non-2xx" in told or "Socket errors" in told:
        raise RuntimeError(f"{peer.name}: {told}")
    return int(told.split(" requests in ")[0].split()[-1]) / used


async def _client_load(url: str, cases: list[dict], seconds: float) -> list[float]:
    from openrlhf.utils.agent import SingleTurnAgentExecutor

    executor = SingleTurnAgentExecutor([f"{url}/get_reward"])
    took: list[float] = []
    until = time.perf_counter() + seconds

    async def client(number: int) -> None:
        chance = random.Random(number)
        while (start := time.perf_counter()) < until:
            case = chance.choice(cases)
            await executor._fetch_rewards_via_http(case["query"], case["prompts"], case["labels"])
            took.append(time.perf_counter() - start)

    await asyncio.gather(*(client(number) for number in range(CLIENTS)))
    return took


def with_openrlhf(peer: Peer, cases: list[dict], seconds: float) -> tuple[float, float, float]:
    """The server's share of the processor time, the 99th percentile in seconds, and requests/s."""
    server, client = peer.cpu(), time.process_time()
    took = asyncio.run(_client_load(peer.url, cases, seconds))
    server, client = peer.cpu() - server, time.process_time() - client
    return server / (server + client), statistics.quantiles(took, n=100)[98], len(took) / seconds


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=4, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    if not shutil.which("wrk"):
        sys.exit("wrk is not installed (Debian: apt-get install wrk)")
    peers = {"reward server": OURS, "FastAPI": FASTAPI, "empty handler": EMPTY}
    if importlib.util.find_spec("granian"):
        peers["granian"] = GRANIAN
    cases = bodies(1000)
    running = {name: Peer(name, code) for name, code in peers.items()}
    try:
        with tempfile.TemporaryDirectory() as folder:
            script, lines = Path(folder) / "post.lua", Path(folder) / "bodies.jsonl"
            script.write_text(SCRIPT)
            lines.write_text("".join(json.dumps(case) + "\n" for case in cases))
            rates: dict[str, list[float]] = {name: [] for name in peers}
            for turn in range(options.rounds + 1):
                for name, peer in running.items():
                    rate = with_wrk(peer, options.seconds if turn else 1, script, lines)
                    if turn:  # the first is to warm up
                        rates[name].append(rate)
        middle = {name: statistics.median(values) for name, values in rates.items()}
        print(f"new connections, single completions, {CLIENTS} at a time, by wrk:")
        for name, rate in middle.items():
            print(f"  {name:<14} {rate:7,.0f} requests per CPU-second, {1e6 / rate:4.0f} us each")
        print(f"  (the rewards alone, in this process: {1e6 * rewards_alone(cases):.0f} us)")
        fastapi = middle["reward server"] / middle["FastAPI"]
        empty = middle["reward server"] / middle["empty handler"]
        print(f"  reward server / FastAPI        {fastapi:5.2f}  (at least {RATIO_FASTAPI})")
        print(f"  reward server / empty handler  {empty:5.2f}  (at least {RATIO_EMPTY})")
        print(f"OpenRLHF's client as the load, {CLIENTS} at a time:")
        told: dict[str, list[tuple[float, float, float]]] = {
            "reward server": [],
            "empty handler": [],
        }
        for _ in range(max(1, options.rounds // 2)):
            for name, found in told.items():
                found.append(with_openrlhf(running[name], cases, 2 * options.seconds))
        shares, late, rate = (
            {name: statistics.median(row[i] for row in found) for name, found in told.items()}
            for i in range(3)
        )
        for name in told:
            print(
                f"  {name:<14} {100 * shares[name]:4.1f} % of the processor time, "
                f"99 % within {1000 * late[name]:.1f} ms, {rate[name]:,.0f} requests/s"
            )
        more = late["reward server"] - late["empty handler"]
        share = shares["reward server"]
        print(f"  share of the reward server     {share:5.2f}  (at most {CPU_SHARE})")
        print(
            f"  later than the empty handler  {1000 * more:5.1f} ms  (at most {1000 * P99_MORE:g})"
        )
    finally:
        for peer in running.values():
            peer.stop()
    held = fastapi >= RATIO_FASTAPI and empty >= RATIO_EMPTY
    return int(not (held and share <= CPU_SHARE and more <= P99_MORE))


if __name__ == "__main__":
    sys.exit(main())
