"""The reward server: OpenRLHF's HTTP contract and a framework-neutral one.

``fas-plugin serve`` and ``python -m fas_plugin.rewards.server`` run it. From the ground up:
``options`` (settings), ``contract`` (what requests and answers look like), ``tally`` (numbers for
Prometheus), ``record`` (what was scored, on disk), ``judging`` (waiting for a model as judge),
``together`` (one judgement for requests that arrive together),
``app`` (the ASGI application), ``protocol`` (limits on connections) and ``workers`` (processes).
"""

import json
from pathlib import Path
from typing import Any

from fas_plugin.rewards.server.options import TOKEN_VARIABLE, Options

__all__ = ["TOKEN_VARIABLE", "Options", "read_schema"]


def read_schema(name: str) -> dict[str, Any]:
    """The JSON Schema called ``name``, for instance ``score.request``."""
    path = Path(__file__).with_name("schemas") / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8"))
