"""Which judge reads the reasoning: the local one, or a language model at an endpoint."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from fas_plugin.labels import FasClass
from fas_plugin.rewards.stance import Stance, classes, network, stance


class Judge(Protocol):
    """Says what reasonings argue for."""

    def stance(self, reasoning: str) -> Stance:
        """The class argued for, with confidence and evidence."""
        ...

    def classes(self, reasonings: Sequence[str]) -> list[FasClass | None]:
        """The classes alone, for many reasonings."""
        ...


class LocalJudge:
    """``rewards.stance``: deterministic, needs nothing."""

    def stance(self, reasoning: str) -> Stance:
        return stance(reasoning)

    def classes(self, reasonings: Sequence[str]) -> list[FasClass | None]:
        return classes(reasonings)


LOCAL: Judge = LocalJudge()


def load_judge(setting: str = "local") -> Judge:
    """The judge that a setting names.

    Args:
        setting: ``local``, or the base URL of an OpenAI-compatible endpoint and the model's name
            with a ``#`` between: ``http://127.0.0.1:8000/v1#Qwen/Qwen3-8B``.

    Raises:
        ValueError: neither of these.
    """
    judge = LOCAL if setting == "local" else _remote(setting)
    # Any judge may need it, a model where it does not answer. Read now, so that no reasoning waits for
    # it, nor any process forked later.
    network()
    return judge


def _remote(setting: str) -> Judge:
    url, separator, model = setting.partition("#")
    if not (separator and model and url.startswith(("http://", "https://"))):
        raise ValueError(
            f"unknown judge {setting!r}; expected 'local' or 'http(s)://host/v1#model'"
        )
    from fas_plugin.rewards.remote_judge import RemoteJudge

    return RemoteJudge(url, model)
