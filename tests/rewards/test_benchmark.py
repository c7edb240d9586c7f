"""The labelled benchmark: how often parser and judge read what a person reads.

The judge was trained on the ``dev`` part, which holds earlier blind parts too. On the ``held_out`` part,
by three writers, it was not, but settings were compared on it. The ``blind`` part is by another writer who
knew neither the judge nor the other texts; the judge read it once, when it was finished. The bars lie a
little below what was measured.
"""

import json
from pathlib import Path

import pytest

from fas_plugin.rewards import load_preset, score_batch


def read(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


BARS = {
    "dev": {"format": 0.99, "answer": 0.98, "stance": 0.98, "stated": 0.98, "agreement": 0.98},
    "held_out": {"format": 0.99, "answer": 0.98, "stance": 0.95, "stated": 0.97, "agreement": 0.95},
    "blind": {"format": 0.99, "answer": 0.98, "stance": 0.97, "stated": 0.97, "agreement": 0.97},
}
PARTS = {part: read(Path(__file__).parent / f"reasoning_benchmark/{part}.jsonl") for part in BARS}


def test_the_benchmark_is_large_and_balanced():
    cases = [case for some in PARTS.values() for case in some]
    assert len(cases) >= 320
    assert len({case["id"] for case in cases}) == len(cases)
    for some in PARTS.values():
        stances = [case["stance"] for case in some]
        assert min(stances.count(s) for s in ("real", "spoof", None)) >= 35
    assert sum(not case["states_verdict"] for case in cases) > len(cases) / 2


@pytest.mark.parametrize("part", BARS)
def test_the_bars_hold(part):
    cases = PARTS[part]
    results = score_batch(
        [case["completion"] for case in cases], ["real"] * len(cases), load_preset("default")
    )
    right: dict[str, list[bool]] = {name: [] for name in BARS[part]}
    for case, result in zip(cases, results, strict=True):
        read = result.as_dict()
        agree = case["stance"] is not None and case["stance"] == case["answer"]
        right["format"].append(bool(result.format) == case["format"])
        right["answer"].append(read["answer"] == case["answer"])
        right["stance"].append(read["stance"] == case["stance"])
        right["agreement"].append(bool(result.reasoning_consistency) == agree)
        if case["states_verdict"]:
            right["stated"].append(read["stance"] == case["stance"])
    accuracy = {name: sum(values) / len(values) for name, values in right.items()}
    assert all(accuracy[name] >= bar for name, bar in BARS[part].items()), accuracy
