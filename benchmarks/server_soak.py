"""A reward server under OpenRLHF's own client while its workers are killed.

python benchmarks/server_soak.py                                  # ten minutes, 64 clients
python benchmarks/server_soak.py --seconds 30 --kill-every 5 --clients 16

Each client posts one completion after the other, each on a connection of its own, by the code of
OpenRLHF's executor with its own retries (five tries, a second apart). Every answer is compared with
what the rewards give in this process. All workers but the oldest are killed in turn; the oldest shows
best whether memory grows. Exit status 1 if an answer was wrong, a request was lost, or memory grew by more
than 5 % after the first minute.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter

import psutil
from openrlhf.utils.agent import SingleTurnAgentExecutor
from rewards_speed import completions

from fas_plugin.rewards import load_preset
from fas_plugin.rewards.frameworks.openrlhf import get_reward

PROMPT = "<|im_start|>user\nIs this face real?<|im_end|>\n<|im_start|>assistant\n"
LABELS = ("real", "spoof", "spoof:replay.tablet")
#: Memory may grow by this share after so many seconds; runs of less than twice that do not tell.
GROWTH, WARM_UP = 0.05, 60.0


class Server:
    """``fas-plugin serve`` as a process of its own."""

    def __init__(self, workers: int) -> None:
        self.process = psutil.Popen(
            [sys.executable, "-m", "fas_plugin", "serve", "--port", "0", "--workers", str(workers)],
            stderr=subprocess.PIPE,
            text=True,
        )
        line = self.process.stderr.readline()
        self.url = line.split()[-1]
        self._workers = workers
        time.sleep(1)

    def workers(self) -> list[psutil.Process]:
        """The oldest first."""
        return sorted(self.process.children(), key=lambda worker: worker.create_time())

    def memory(self) -> tuple[float, float]:
        """MB that the oldest worker occupies, and that all processes do, shared pages counted once.

        Not the oldest one's own pages alone: shared ones become its own as it touches them.
        """
        alive = self.workers()
        everything = sum(process.memory_full_info().pss for process in [self.process, *alive])
        return alive[0].memory_info().rss / 1e6, everything / 1e6

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.communicate(timeout=30)


def expected(seed: int) -> list[tuple[str, str, dict]]:
    """Queries and labels, and the rewards that this process computes for them."""
    preset, chance = load_preset("default"), random.Random(seed)
    texts = completions(500, 60, seed)
    texts += [text[: chance.randrange(len(text))] for text in texts[:100]]  # broken ones too
    cases = []
    for text in texts:
        query, label = PROMPT + text + "<|im_end|>", chance.choice(LABELS)
        cases.append((query, label, get_reward([query], [PROMPT], [label], preset)))
    return cases


async def load(url: str, cases: list, clients: int, until: float, seen: Counter) -> None:
    executor = SingleTurnAgentExecutor([url])

    async def client(number: int) -> None:
        chance = random.Random(number)
        while time.monotonic() < until:
            query, label, right = chance.choice(cases)
            try:
                [answer] = await executor._fetch_rewards_via_http([query], [PROMPT], [label])
            except RuntimeError:  # five tries have failed
                seen["lost"] += 1
                continue
            seen["right" if answer == right else "wrong"] += 1

    await asyncio.gather(*(client(number) for number in range(clients)))


class Retries(logging.Handler):
    """Counts the tries that OpenRLHF's client says have failed."""

    def __init__(self, seen: Counter) -> None:
        super().__init__()
        self._seen = seen

    def emit(self, record: logging.LogRecord) -> None:
        self._seen["retried"] += "error, please check" in record.getMessage()


async def soak(server: Server, seconds: float, kill_every: float, clients: int) -> dict:
    seen: Counter = Counter()
    log = logging.getLogger("openrlhf.utils.agent")
    log.handlers, log.propagate = [Retries(seen)], False
    began = time.monotonic()
    samples: list[tuple[float, float, float]] = []
    gaps: list[float] = []

    async def watch() -> None:
        while time.monotonic() < began + seconds:
            await asyncio.sleep(min(5.0, seconds / 10))
            try:
                own, everything = server.memory()
            except psutil.Error:  # one is just being replaced
                continue
            samples.append((time.monotonic() - began, own, everything))
            if sys.stderr.isatty() or len(samples) % 12 == 0:
                line = f"{samples[-1][0]:5.0f} s  {dict(seen)}  oldest worker {own:.1f} MB"
                print(line, file=sys.stderr, flush=True)

    async def kill() -> None:
        turn = 0
        while True:
            await asyncio.sleep(kill_every)
            if time.monotonic() > began + seconds:
                return
            before = {worker.pid for worker in server.workers()}
            victim = server.workers()[1:][turn % (len(before) - 1)].pid
            turn += 1
            os.kill(victim, signal.SIGKILL)
            killed = time.monotonic()
            while not {worker.pid for worker in server.workers()} - before:
                await asyncio.sleep(0.01)
            gaps.append(time.monotonic() - killed)

    async with asyncio.TaskGroup() as group:
        group.create_task(load(server.url, expected(0), clients, began + seconds, seen))
        group.create_task(watch())
        killer = group.create_task(kill())
        await asyncio.sleep(seconds)
        killer.cancel()
    warm = min(WARM_UP, seconds / 10)
    after = [sample for sample in samples if sample[0] >= warm]
    return {
        "seen": seen,
        "kills": len(gaps),
        "longest_gap": max(gaps, default=0.0),
        "oldest": _grown([own for _, own, _ in after]),
        "all": _grown([everything for *_, everything in after]),
        "rate": sum(seen[kind] for kind in ("right", "wrong", "lost")) / seconds,
    }


def _grown(memory: list[float]) -> tuple[float, float]:
    """The most memory of the first and of the last samples: workers that are new have less."""
    window = max(1, min(12, len(memory) // 3))
    return max(memory[:window]), max(memory[-window:])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--kill-every", type=float, default=20)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--workers", type=int, default=3)
    options = parser.parse_args()
    server = Server(options.workers)
    try:
        told = asyncio.run(soak(server, options.seconds, options.kill_every, options.clients))
    finally:
        server.stop()
    seen = told["seen"]
    print(
        f"{options.seconds:.0f} s, {options.clients} clients, {told['rate']:,.0f} requests/s: "
        f"{seen['right']:,} right, {seen['wrong']} wrong, {seen['lost']} lost, "
        f"{seen['retried']} tries repeated"
    )
    print(
        f"{told['kills']} workers killed; the longest until a new one: {told['longest_gap']:.2f} s"
    )
    grown = []
    for name in ("oldest", "all"):
        start, end = told[name]
        grown.append(end / start - 1)
        print(
            f"memory, {name}: {start:.1f} -> {end:.1f} MB after warm-up, {100 * grown[-1]:+.1f} %"
        )
    flat = max(grown) <= GROWTH or options.seconds < 2 * WARM_UP  # too short to tell
    return int(seen["wrong"] + seen["lost"] > 0 or told["longest_gap"] > 1 or not flat)


if __name__ == "__main__":
    sys.exit(main())
