"""How fast the rewards are: completions a second, time against length, and a fuzz.

python benchmarks/rewards_speed.py            # speed
python benchmarks/rewards_speed.py --fuzz 1000000 --seed 0
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable
from pathlib import Path

from fas_plugin.rewards import load_preset, score, score_batch
from fas_plugin.rewards.stance import forget

PRESET = load_preset("default")
CLAUSES = Path(__file__).parent / "judge_training"
HOSTILE = [
    "<think>",
    "not ",
    "no moire, ",
    "so this is real. ",
    "real and ",
    "(",
    "不",
    "ﷺ",
    "\n",
    "a",
]
PIECES = [
    *(
        "<think>",
        "</think>",
        "<answer>",
        "</answer>",
        "real",
        "spoof",
        "not",
        "no",
        "is",
        "but",
        "so",
    ),
    *(
        " ",
        "\n",
        ".",
        ",",
        "?",
        ":",
        "{",
        "}",
        '"',
        "[",
        "moire",
        "pores",
        "isn't",
        "真人",
        "不是",
        "。",
    ),
    *("\u200b", "\ud800", "\x00", "ﷺ", "é", "🙂", "<|im_end|>", "-", "'", "’", "5", "if", "please"),
]


def completions(count: int, words: int, seed: int) -> list[str]:
    """Completions whose reasoning has about ``words`` words, made of random training clauses."""
    texts = [(CLAUSES / f"{name}.txt").read_text("utf-8") for name in ("real", "spoof", "neutral")]
    clauses = [c.strip() for text in texts for c in text.replace("\n", "/").split("/") if c.strip()]
    chance = random.Random(seed)
    result = []
    for _ in range(count):
        said: list[str] = []
        while len(" ".join(said).split()) < words:
            first, second = chance.choice(clauses), chance.choice(clauses)
            said.append(f"{first.capitalize()}, {chance.choice(['and', 'but', 'while'])} {second}.")
        verdict = chance.choice(["So this is a live person.", "Therefore it is a replay attack."])
        answer = chance.choice(["real", "spoof"])
        result.append(f"<think>{' '.join(said)} {verdict}</think><answer>{answer}</answer>")
    return result


def seconds(work: Callable[[], object], before: Callable[[], object], repeats: int = 5) -> float:
    """The least processor time of ``work``; ``before`` it is not timed."""
    best = float("inf")
    for _ in range(repeats):
        before()
        started = time.process_time()
        work()
        best = min(best, time.process_time() - started)
    return best


def speed() -> None:
    batch = completions(1000, 200, seed=0)
    labels = ["real"] * len(batch)
    for name, before in (
        ("all sentences new", forget),
        ("all sentences heard before", lambda: None),
    ):
        took = seconds(lambda: score_batch(batch, labels, PRESET), before)
        print(
            f"{name}: {len(batch) / took:,.0f} completions/s, {1e6 * took / len(batch):.0f} us each"
        )
    print("milliseconds against length, worst hostile text:")
    for length in (10_000, 100_000, 1_000_000):
        worst = 0.0
        for unit in HOSTILE:
            text = unit * (length // len(unit))
            hostile = f"<think>{text}</think><answer>{text}</answer>"
            worst = max(worst, seconds(lambda h=hostile: score(h, "real", PRESET), forget, 2))
        print(f"  {length:>9,} characters: {1000 * worst:.1f}")


def fuzz(count: int, seed: int) -> None:
    """Scores random completions; an exception ends it."""
    chance = random.Random(seed)
    for done in range(count):
        text = "".join(chance.choices(PIECES, k=chance.randrange(40)))
        if done % 2:
            text = f"<think>{text}</think><answer>{chance.choice(PIECES)}</answer>"
        result = score(text, "real", PRESET)
        if not 0 <= result.total <= 1:
            raise AssertionError(repr(text))
    print(f"{count:,} inputs, no exception")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fuzz", type=int, metavar="N", help="score N random inputs instead")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if options.fuzz:
        fuzz(options.fuzz, options.seed)
    else:
        speed()


if __name__ == "__main__":
    main()
