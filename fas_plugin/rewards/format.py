"""Reward for the structure of a completion."""

from __future__ import annotations

from fas_plugin.completion import Completion


def format_reward(completion: Completion) -> float:
    """1.0 for exactly one think and one answer block in this order and nothing else, else 0.0."""
    return float(completion.format_ok)
