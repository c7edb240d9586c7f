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
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--targets", default="MCIO", help="letters of the unseen domains")
    parser.add_argument("--seeds", default="0,1,2", help="with commas between")
    options = parser.parse_args()
    rows = []
    for seed in options.seeds.split(","):
        for target in options.targets:
            run = ROOT / "runs" / f"ocim-{target}-tiny-seed{seed}"
            began = time.monotonic()
            if not (run / "report.html").exists():
                print(f"{target}, seed {seed} …", file=sys.stderr, flush=True)
                subprocess.run(
                    ["bash", ROOT / "recipes/grpo_ocim.sh"],
                    env={**os.environ, "TARGET": target, "SEED": seed, "MODEL": "tiny"},
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    check=True,
                )
                (run / "seconds.json").write_text(json.dumps(time.monotonic() - began))
            metrics = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
            seconds = run / "seconds.json"
            rows.append(
                (metrics, seed, json.loads(seconds.read_text()) if seconds.exists() else None)
            )
    print_table(rows)


def print_table(rows) -> None:
    print("| direction (synthetic) | seed | HTER before | HTER after | AUC before | AUC after | agreement | minutes |")
    print("|---|---|---|---|---|---|---|---|")
    for metrics, seed, seconds in rows:
        before, after = metrics["before"], metrics["after"]
        cells = [
            metrics["protocol"]["title"],
            seed,
            *(f"{100 * part['hter']:.1f}" for part in (before, after)),
            *(f"{part['auc']:.3f}" for part in (before, after)),
            f"{after['think_answer_agreement']:.3f}",
            "–" if seconds is None else f"{seconds / 60:.1f}",
        ]
        print("| " + " | ".join(cells) + " |")
    mean = sum(metrics["after"]["hter"] for metrics, *_ in rows) / len(rows)
    worse = sum(m["after"]["hter"] >= m["before"]["hter"] for m, *_ in rows)
    print(f"\nmean HTER after training {100 * mean:.1f} %, {worse} of {len(rows)} runs no better than their start")


if __name__ == "__main__":
    main()
