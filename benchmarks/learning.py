"""Runs the recipe over directions and seeds on the synthetic OCIM and prints the table of errors.

    python benchmarks/learning.py                      four directions, three seeds
    python benchmarks/learning.py --targets M --seeds 0

Finished runs under runs/ are not repeated, so it can be stopped and started again.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

from fas_plugin.evaluation.reward_record import read_reward_curves

ROOT = Path(__file__).parents[1]
HEADER = (
    "direction (synthetic)",
    "seed",
    "HTER before → after, %",
    "AUC before → after",
    "agreement before → after",
    "class reward, first → last tenth",
    "reasoning reward, first → last tenth",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--targets", default="MCIO", help="letters of the unseen domains")
    parser.add_argument("--seeds", default="0,1,2", help="with commas between")
    options = parser.parse_args()
    runs = []
    for seed in options.seeds.split(","):
        for target in options.targets:
            run = ROOT / "runs" / f"ocim-{target}-tiny-seed{seed}"
            if not (run / "report.html").exists():
                print(f"{target}, seed {seed} …", file=sys.stderr, flush=True)
                train(target, seed)
            runs.append(run)
    print_table(runs)


def train(target: str, seed: str) -> None:
    subprocess.run(
        ["bash", ROOT / "recipes/grpo_ocim.sh"],
        env={**os.environ, "TARGET": target, "SEED": seed, "MODEL": "tiny"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=True,
    )


def print_table(runs: list[Path]) -> None:
    print(f"| {' | '.join(HEADER)} |")
    print("|---" * len(HEADER) + "|")
    errors, worse = [], 0
    for run in sorted(runs, key=lambda run: run.name):
        metrics = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
        before, after = metrics["before"], metrics["after"]
        curves = read_reward_curves(run / "rewards")
        cells = [
            metrics["protocol"]["title"],
            metrics["settings"]["seed"],
            f"{100 * before['hter']:.1f} → {100 * after['hter']:.1f}",
            f"{before['auc']:.3f} → {after['auc']:.3f}",
            f"{before['think_answer_agreement']:.3f} → {after['think_answer_agreement']:.3f}",
            ends(curves["fas_class_consistency"]),
            ends(curves["fas_reasoning_consistency"]),
        ]
        print(f"| {' | '.join(cells)} |")
        errors.append(after["hter"])
        worse += after["hter"] >= before["hter"]
    print(
        f"\nmean HTER after training {100 * sum(errors) / len(errors):.1f} %, "
        f"{worse} of {len(runs)} runs no better than their start"
    )


def ends(curve: list[tuple[int, float]]) -> str:
    """Means of the first and the last tenth of a curve."""
    values = [value for _, value in curve]
    tenth = max(1, len(values) // 10)
    return f"{sum(values[:tenth]) / tenth:.2f} → {sum(values[-tenth:]) / tenth:.2f}"


if __name__ == "__main__":
    main()
