"""Requests that arrive together are scored together: scored each at its turn, between the server's other
work, they take twice the processor time."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from fas_plugin.rewards.combine import Preset, RewardResult, score_batch

#: Characters that are scored in one go, so that other work has its turn after a few milliseconds.
_MAX_TEXT = 100_000
#: Turns of the event loop without another request, after which those that wait are scored. A turn takes
#: microseconds; a new connection is accepted in one and read in the next.
_TURNS = 3


class Together:
    """Collects requests until the event loop finds no more. ``preset`` has the local judge."""

    def __init__(self, preset: Preset) -> None:
        self._preset = preset
        self._waiting: list[tuple[Sequence[str], Sequence[str], asyncio.Future]] = []
        self._text = 0  # characters that wait
        self._quiet = 0  # turns since the last of them came
        self._turning = False

    async def score(self, completions: Sequence[str], labels: Sequence[str]) -> list[RewardResult]:
        """As ``score_batch``, whose errors it raises too."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[list[RewardResult]] = loop.create_future()
        self._waiting.append((completions, labels, answer))
        self._text += sum(map(len, completions))
        self._quiet = 0
        if self._text > _MAX_TEXT:
            self.score_waiting()
        elif not self._turning:
            self._turning = True
            loop.call_soon(self._turn, loop)
        return await answer

    def _turn(self, loop: asyncio.AbstractEventLoop) -> None:
        self._quiet += 1
        if self._waiting and self._quiet <= _TURNS:
            loop.call_soon(self._turn, loop)
        else:
            self._turning = False
            self.score_waiting()

    def score_waiting(self) -> None:
        """Score what waits now."""
        waiting, self._waiting, self._text = self._waiting, [], 0
        if not waiting:
            return
        try:
            results = iter(
                score_batch(
                    [text for completions, _, _ in waiting for text in completions],
                    [label for _, labels, _ in waiting for label in labels],
                    self._preset,
                )
            )
        except Exception as error:
            for *_, answer in waiting:
                if not answer.done():
                    answer.set_exception(error)
            return
        for completions, _, answer in waiting:
            mine = [next(results) for _ in completions]
            if not answer.done():  # its client may have gone
                answer.set_result(mine)
