"""Reads OpenRLHF's log on standard input and prints one readable line per training step."""

import ast
import re
import sys

STEP = re.compile(r"Global step (\d+): (\{.*\})")

planned = sys.argv[1]
for line in sys.stdin:
    found = STEP.search(line)
    if not found:
        continue
    try:
        status = ast.literal_eval(re.sub(r"\b(nan|inf)\b", "None", found[2]))
    except (SyntaxError, ValueError):
        continue
    shown = {
        "reward": "reward",
        "class": "fas_class_consistency",
        "reasoning": "fas_reasoning_consistency",
        "format": "fas_format",
        "KL": "kl",
    }
    values = "  ".join(
        f"{name} {status[key]:.3f}" for name, key in shown.items() if status.get(key) is not None
    )
    seconds = status.get("timing/step_total") or 0.0
    print(f"  step {found[1]:>3} of {planned}  {values}  {seconds:.1f} s", flush=True)
