"""Waiting for a model as judge without holding anything else up."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from fas_plugin.labels import FasClass
from fas_plugin.rewards.judges import LOCAL, Judge
from fas_plugin.rewards.server.tally import Tally
from fas_plugin.rewards.stance import Stance, stance

logger = logging.getLogger(__name__)

#: Requests that wait for the model at the same time; further ones queue within their time.
THREADS = 64
#: After as many time-outs in a row the model is left alone for some seconds.
_TIME_OUTS, _PAUSE = 8, 30.0


@dataclass(frozen=True)
class Heard:
    """A judge that repeats what another one said of the same reasonings."""

    said: dict[str, FasClass | None]

    def stance(self, reasoning: str) -> Stance:
        cls = self.said[reasoning]
        return Stance(cls, float(cls is not None), stance(reasoning).evidence)

    def classes(self, reasonings: Sequence[str]) -> list[FasClass | None]:
        return [self.said[reasoning] for reasoning in reasonings]


class JudgeDesk:
    """Asks ``judge`` in threads; what takes longer than ``timeout`` seconds is the local judge's."""

    def __init__(self, judge: Judge, timeout: float, tally: Tally) -> None:
        self._judge, self._timeout, self._tally = judge, timeout, tally
        self._pool = ThreadPoolExecutor(THREADS, "judge")
        self._in_a_row = self._failures = 0
        self._paused_until = 0.0

    async def hear(self, reasonings: Sequence[str]) -> Judge:
        """A judge that answers for these reasonings at once."""
        if not reasonings or time.monotonic() < self._paused_until:
            return LOCAL
        unique = list(dict.fromkeys(reasonings))
        self._tally.event("judge_asked", len(unique))
        asked = asyncio.get_running_loop().run_in_executor(self._pool, self._judge.classes, unique)
        try:
            classes = await asyncio.wait_for(asked, self._timeout)
        except TimeoutError:
            self._tally.event("judge_time_outs")
            self._in_a_row += 1
            if self._in_a_row >= _TIME_OUTS:
                self._in_a_row, self._paused_until = 0, time.monotonic() + _PAUSE
                logger.warning(
                    "the judge took more than %g s %d times in a row; the local judge answers for "
                    "%g s",
                    self._timeout,
                    _TIME_OUTS,
                    _PAUSE,
                )
            return LOCAL
        self._in_a_row = 0
        failures = getattr(self._judge, "failures", 0)
        self._tally.event("judge_failures", failures - self._failures)
        self._failures = failures
        return Heard(dict(zip(unique, classes, strict=True)))
