"""What the reward server recorded (``fas-plugin serve --record``): every completion that it scored.

OpenRLHF's own curves show the groups that dynamic filtering keeps, which become harder as the policy
becomes better. The record shows all of them.
"""

from __future__ import annotations

import gzip
import json
from array import array
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from fas_plugin.completion import parse_completion
from fas_plugin.rewards.stance import stance

#: Points of a curve, at most, and completions behind each, at least.
POINTS = 60
WINDOW = 128
#: Disagreements that are looked at for the worst: the latest.
_CANDIDATES = 2_000
#: Kinds of failure that are told apart.
_MAX_FAULTS = 32

#: Name -> what it is of a line of the record. The names are those of OpenRLHF's logs.
_COLUMNS = {
    "time": lambda row: row["time"],
    "reward": lambda row: row["total"],
    "fas_format": lambda row: row["format"],
    "fas_class_consistency": lambda row: row["class_consistency"],
    "fas_reasoning_consistency": lambda row: row["reasoning_consistency"],
    "fas_answered": lambda row: row["answer"] is not None,
    "fas_answer_real": lambda row: row["answer"] == "real",
    "fas_stance_real": lambda row: row["stance"] == "real",
    "fas_stance_none": lambda row: row["stance"] is None,
    "fas_truth_real": lambda row: row["truth"] == "real",
    "fas_think_words": lambda row: row["think_words"],
}


@dataclass(frozen=True)
class RewardRecord:
    """All completions in the order in which they were scored.

    Attributes:
        columns: name -> a value per completion, as OpenRLHF's logs call them; ``time`` is in Unix
            seconds.
        faults: what is wrong with completions -> whether it is, for each.
        disagreements: the latest lines whose reasoning argues for another class than they answer.
        broken: lines that could not be read (the last one of a file after a kill).
    """

    columns: dict[str, np.ndarray]
    faults: dict[str, np.ndarray]
    disagreements: list[dict[str, Any]]
    broken: int

    def __len__(self) -> int:
        return len(self.columns["time"])

    def stretches(self) -> list[np.ndarray]:
        """Indices of the completions behind each point of a curve."""
        return np.array_split(np.arange(len(self)), max(1, min(POINTS, len(self) // WINDOW)))

    def worst_disagreements(self, count: int) -> list[dict[str, Any]]:
        """The surest first, with ``confidence`` and the ``evidence`` that the local judge names; both
        need the text (``serve --record-text``), the latest come first where there is none."""
        found = []
        for row in reversed(self.disagreements):
            argued = stance(parse_completion(row.get("completion", "")).think or "")
            sure = argued.confidence if argued.cls == row["stance"] else 0.0
            think = parse_completion(row.get("completion", "")).think or ""
            words = [think[s.start : s.end] for s in argued.evidence if s.polarity == row["stance"]]
            found.append({**row, "confidence": sure, "evidence": words[:8]})
        return sorted(found, key=lambda row: -row["confidence"])[:count]


def read_record(folder: Path, *, progress: bool = False) -> RewardRecord:
    """The record in ``folder``: ``rewards-*.jsonl``, or ``.jsonl.gz`` where you packed old files.

    Raises:
        OSError: a file cannot be read.
    """
    values = {name: array("d") for name in _COLUMNS}
    kinds: dict[str, int] = {}
    wrong = array("Q")
    latest: deque[tuple[float, dict[str, Any]]] = deque()
    broken = 0
    for line in _lines(folder, progress):
        try:
            row = json.loads(line)
            numbers = [float(read(row)) for read in _COLUMNS.values()]
            bits = 0
            for fault in row["faults"]:
                if len(kinds) < _MAX_FAULTS or fault in kinds:
                    bits |= 1 << kinds.setdefault(fault, len(kinds))
        except (ValueError, TypeError, LookupError, RecursionError):
            broken += 1
            continue
        for column, number in zip(values.values(), numbers, strict=True):
            column.append(number)
        wrong.append(bits)
        if row["answer"] and row["stance"] and row["answer"] != row["stance"]:
            latest.append((row["time"], row))
            if len(latest) > 2 * _CANDIDATES:  # files of several workers overlap in time
                latest = deque(sorted(latest, key=lambda item: item[0])[-_CANDIDATES:])
    columns = {name: np.frombuffer(column, float) for name, column in values.items()}
    order = np.argsort(columns["time"], kind="stable")
    faults = np.frombuffer(wrong, np.uint64)[order]
    newest = sorted(latest, key=lambda item: item[0])[-_CANDIDATES:]
    return RewardRecord(
        columns={name: column[order] for name, column in columns.items()},
        faults={name: (faults >> np.uint64(bit)) & np.uint64(1) > 0 for name, bit in kinds.items()},
        disagreements=[row for _, row in newest],
        broken=broken,
    )


def _lines(folder: Path, progress: bool) -> Iterator[str]:
    paths = sorted([*folder.glob("rewards-*.jsonl"), *folder.glob("rewards-*.jsonl.gz")])
    size = sum(path.stat().st_size for path in paths)
    with tqdm(
        total=size, unit="B", unit_scale=True, desc="record", disable=not progress or size < 2**24
    ) as bar:
        for path in paths:
            packed = path.suffix == ".gz"
            with gzip.open(path) if packed else path.open("rb") as lines:
                for line in lines:
                    if not packed:
                        bar.update(len(line))
                    yield line.decode("utf-8", "replace")
            if packed:
                bar.update(path.stat().st_size)


def read_reward_curves(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """Means over equal stretches of the record in ``folder``.

    Returns:
        name (``reward``, ``fas_class_consistency``, …) -> (completions scored so far, mean);
        empty where nothing was recorded.
    """
    return reward_curves(read_record(folder))


def reward_curves(record: RewardRecord) -> dict[str, list[tuple[int, float]]]:
    """The same of a record that is read already."""
    if not len(record):
        return {}
    return {
        name: [(int(part[-1]) + 1, float(column[part].mean())) for part in record.stretches()]
        for name, column in record.columns.items()
        if name != "time"
    }
