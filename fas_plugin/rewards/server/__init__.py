"""The reward server: OpenRLHF's HTTP contract and a framework-neutral one.

``fas-plugin serve`` and ``python -m fas_plugin.rewards.server`` run it. From the ground up:
``options`` (settings), ``contract`` (what requests and answers look like), ``tally`` (numbers for
Prometheus), ``record`` (what was scored, on disk), ``judging`` (waiting for a model as judge),
``app`` (the ASGI application), ``protocol`` (limits on connections) and ``workers`` (processes).
"""

from fas_plugin.rewards.server.options import TOKEN_VARIABLE, Options

__all__ = ["TOKEN_VARIABLE", "Options"]
