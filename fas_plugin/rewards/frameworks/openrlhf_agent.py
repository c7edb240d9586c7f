"""OpenRLHF: an agent executor whose rewards survive their server, for ``--train.agent_func_path``.

It does what OpenRLHF's own single-turn executor does, but asks the servers in the environment
variable ``FAS_REWARD_URL`` (with commas between) through :class:`RewardClient`: when none answers, the
rollout workers compute the rewards themselves, by the preset in ``FAS_REWARD_PRESET``, and the run
goes on. OpenRLHF's own client gives up after five seconds and then the run crashes. Both variables
must be set where Ray's workers start.
"""

from __future__ import annotations

import os

from openrlhf.utils.agent import SingleTurnAgentExecutor

from fas_plugin.rewards.client import RewardClient


class AgentExecutor(SingleTurnAgentExecutor):
    """Raises ``ValueError`` where ``FAS_REWARD_URL`` is not set or the preset is unknown."""

    def __init__(self) -> None:
        urls = os.environ.get("FAS_REWARD_URL", "")
        if not urls:
            raise ValueError("FAS_REWARD_URL is not set; expected http://host:port, or several")
        super().__init__(urls.split(","))
        client = RewardClient(urls, preset=os.environ.get("FAS_REWARD_PRESET", "default"))
        self.reward_func = client.get_reward  # which OpenRLHF calls in threads
