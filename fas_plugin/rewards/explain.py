"""A completion's rewards with the argument behind its stance: what ``POST /v1/score`` answers."""

from __future__ import annotations

from typing import Any

from fas_plugin.completion import parse_completion
from fas_plugin.rewards.combine import Preset, RewardResult


def explain(completion: str, result: RewardResult, preset: Preset) -> dict[str, Any]:
    """``result`` as JSON values, with how sure the stance is, in [0, 1], and the words that it hangs
    on. Their places count characters of the reasoning."""
    row = {**result.as_dict(), "stance_confidence": 0.0, "evidence": []}
    think = parse_completion(completion).think
    if think:
        argued = preset.judge.stance(think)
        row["stance_confidence"] = argued.confidence
        row["evidence"] = [
            {
                "start": span.start,
                "end": span.end,
                "class": span.polarity.value,
                "text": think[span.start : span.end],
            }
            for span in argued.evidence
        ]
    return row
