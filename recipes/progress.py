"""Reads OpenRLHF's log on standard input and prints one readable line per training step."""

import ast
import re
import sys

STEP = re.compile(r"Global step (\d+): (\{.*\})")
SHOWN = {
    "reward": "reward",
    "class": "fas_class_consistency",
    "reasoning": "fas_reasoning_consistency",
    "format": "fas_format",
    "KL": "kl",
}

for line in sys.stdin:
    found = STEP.search(line)
    if not found:
        continue
    try:
        status = ast.literal_eval(re.sub(r"\b(nan|inf)\b", "None", found[2]))
    except (SyntaxError, ValueError):
        continue
    values = "  ".join(
        f"{name} {status[key]:.3f}" for name, key in SHOWN.items() if status.get(key) is not None
    )
    if not values:
        continue  # too few groups were left for an optimiser step
    # OpenRLHF's "pass rate" is completions kept per prompt drawn, in per cent.
    kept, rate = status.get("rollout/num_samples"), status.get("dynamic_filtering_pass_rate")
    drawn = f"  {100 * kept / rate:.0f} prompts" if kept and rate else ""
    seconds = status.get("timing/step_total") or 0.0
    print(f"  step {found[1]:>3}  {values}{drawn}  {seconds:.1f} s", flush=True)
