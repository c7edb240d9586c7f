"""What the reward server recorded of a training: the rewards of every completion that it scored.

OpenRLHF's own curves show the groups that dynamic filtering keeps, which become harder as the policy
becomes better. The record shows all of them.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

#: Points of a curve, at most, and completions behind each, at least.
POINTS = 60
WINDOW = 128


def read_reward_curves(path: Path) -> dict[str, list[tuple[int, float]]]:
    """Means over equal stretches of ``rewards.jsonl``.

    Lines that are no JSON objects of numbers (the last one after a kill) are left out.

    Returns:
        name (``reward``, ``fas_class_consistency``, …) -> (completions scored so far, mean);
        empty where nothing was recorded.
    """
    if not path.exists():
        return {}
    rows = []
    with path.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            try:
                row = json.loads(line)
                rows.append({name: float(value) for name, value in row.items()})
            except (ValueError, TypeError, AttributeError):
                continue
    if not rows:
        return {}
    stretches = np.array_split(np.arange(len(rows)), max(1, min(POINTS, len(rows) // WINDOW)))
    names = [name for name in rows[0] if name != "time"]
    return {
        name: [
            (int(stretch[-1]) + 1, float(np.mean([rows[i].get(name, np.nan) for i in stretch])))
            for stretch in stretches
        ]
        for name in names
    }
