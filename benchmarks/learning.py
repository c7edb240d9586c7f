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
            if not (run / "after" / "report.html").exists():
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
        numbers = [
            json.loads((run / stage / "metrics.json").read_text(encoding="utf-8"))
            for stage in ("before", "after")
        ]
        hter = [
            n["levels"]["video_mean"]["operating_points"]["source_eer"]["hter"] for n in numbers
        ]
        auc = [n["levels"]["video_mean"]["auc"] for n in numbers]
        agreement = [n["explanations"]["agreement"] for n in numbers]
        curves = read_reward_curves(run / "rewards")
        cells = [
            numbers[1]["protocol"]["title"],
            numbers[1]["run"]["settings"]["seed"],
            f"{100 * hter[0]:.1f} → {100 * hter[1]:.1f}",
            f"{auc[0]:.3f} → {auc[1]:.3f}",
            f"{agreement[0]:.3f} → {agreement[1]:.3f}",
            ends(curves["fas_class_consistency"]),
            ends(curves["fas_reasoning_consistency"]),
        ]
        print(f"| {' | '.join(cells)} |")
        errors.append(hter[1])
        worse += hter[1] >= hter[0]
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
