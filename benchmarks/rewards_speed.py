"""How fast the rewards are: completions a second, time against length, and a fuzz.

python benchmarks/rewards_speed.py            # speed
python benchmarks/rewards_speed.py --fuzz 1000000 --seed 0
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import time
from collections.abc import Callable
from pathlib import Path

from fas_plugin.rewards import load_preset, score, score_batch

PRESET = load_preset("default")
TEXTS = Path(__file__).parent / "judge_training"
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
    """Completions of about ``words`` words, made of whole training reasonings; all differ."""
    rows = [
        json.loads(line)
        for path in sorted(TEXTS.glob("*.jsonl"))
        for line in path.read_text(encoding="utf-8").splitlines()
    ]
    thoughts = [row["think"] for row in rows if row["think"].isascii()]
    chance = random.Random(seed)
    result = []
    for _ in range(count):
        said: list[str] = []
        while sum(len(thought.split()) for thought in said) < words:
            said.append(chance.choice(thoughts))
        think = " ".join(" ".join(said).split()[:words])
        verdict = chance.choice(["So this is a live person.", "Therefore it is a replay attack."])
        answer = chance.choice(["real", "spoof"])
        result.append(f"<think>{think} {verdict}</think><answer>{answer}</answer>")
    return result


def seconds(work: Callable[[], object], repeats: int = 5) -> float:
    """The least processor time of ``work``, of all threads."""
    best = float("inf")
    for _ in range(repeats):
        started = time.process_time()
        work()
        best = min(best, time.process_time() - started)
    return best


def speed() -> None:
    batch = completions(2000, 200, seed=0)
    labels = ["real"] * len(batch)
    score(batch[0], "real", PRESET)  # reads the judge's weights
    for name, work in (
        ("a batch", lambda: score_batch(batch, labels, PRESET)),
        ("one by one", lambda: [score(text, "real", PRESET) for text in batch[:200]]),
        ("str.split alone, to compare", lambda: [text.lower().split() for text in batch]),
    ):
        each = seconds(work) / (200 if name == "one by one" else len(batch))
        print(
            f"{name}: {1 / each:,.0f} completions of 200 words a second, {1e6 * each:.0f} us each"
        )
    print(f"memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MiB at most")
    print("milliseconds against length, worst hostile text:")
    for length in (10_000, 100_000, 1_000_000):
        worst = 0.0
        for unit in HOSTILE:
            text = unit * (length // len(unit))
            hostile = f"<think>{text}</think><answer>{text}</answer>"
            worst = max(worst, seconds(lambda h=hostile: score(h, "real", PRESET), 2))
        print(f"  {length:>9,} characters: {1000 * worst:.1f}")


def fuzz(count: int, seed: int) -> None:
    """Scores random completions, in batches of a thousand; an exception ends it."""
    chance = random.Random(seed)
    for _ in range(0, count, 1000):
        texts = ["".join(chance.choices(PIECES, k=chance.randrange(40))) for _ in range(1000)]
        texts[::2] = [
            f"<think>{text}</think><answer>{chance.choice(PIECES)}</answer>" for text in texts[::2]
        ]
        for text, result in zip(
            texts, score_batch(texts, ["real"] * len(texts), PRESET), strict=True
        ):
            if not 0 <= result.total <= 1:
                raise AssertionError(repr(text))
        alone = chance.randrange(1000)
        if score(texts[alone], "real", PRESET) != score_batch([texts[alone]], ["real"], PRESET)[0]:
            raise AssertionError(repr(texts[alone]))
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
