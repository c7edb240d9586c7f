"""The systems that can be evaluated: VLMs in process or behind an endpoint, classifiers, scores."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

from fas_plugin.evaluation.predictions import Prediction, Sample


class System(Protocol):
    """Scores samples.

    Attributes:
        about: what decides its predictions, as JSON values; stored with them.
    """

    about: Mapping[str, Any]

    def predict(self, samples: Sequence[Sample]) -> Iterator[Prediction]:
        """One prediction for each sample, in any order, as soon as it is there."""
        ...


@dataclass(frozen=True)
class Sampling:
    """How a VLM is asked.

    Attributes:
        mode: ``reason``: reasoning first, then the answer; ``verdict``: the answer alone, prefilled.
        samples: completions per image; the score is the mean over them (self-consistency).
        temperature: of sampling; 0 is greedy.
        top_p: share of the probability mass that is sampled from, in (0, 1].
        max_new_tokens: upper bound of a completion, in tokens.
        seed: of the sampler.
    """

    mode: str = "reason"
    samples: int = 1
    temperature: float = 0.0
    top_p: float = 1.0
    max_new_tokens: int = 512
    seed: int = 0

    def __post_init__(self) -> None:
        if self.mode not in ("reason", "verdict"):
            raise ValueError(f"mode {self.mode!r}: expected reason or verdict")
        if self.samples < 1:
            raise ValueError(f"{self.samples} samples: expected at least 1")
        if self.samples > 1 and self.temperature == 0:
            raise ValueError(
                f"{self.samples} samples at temperature 0 would be the same; give a temperature"
            )

    @property
    def tokens(self) -> int:
        """A verdict is one word and a tag."""
        return min(self.max_new_tokens, 8) if self.mode == "verdict" else self.max_new_tokens


@dataclass(frozen=True)
class EngineOptions:
    """Of vLLM in process: ``max_model_len`` in tokens, and further arguments of ``vllm.LLM``."""

    max_model_len: int = 4096
    arguments: Mapping[str, Any] = field(default_factory=dict)


def open_system(
    name: str,
    sampling: Sampling,
    engine: EngineOptions | None = None,
    card: str | None = None,
) -> System:
    """The system that ``name`` means.

    Args:
        name: a checkpoint folder or hub name of a VLM; ``http(s)://host/v1#model`` for a model behind
            an OpenAI-compatible endpoint; ``file.onnx`` for a classifier; ``file.parquet``, ``.csv``
            or ``.jsonl`` for scores that are already there.
        card: how the classifier's input and output are meant; see ``classifier``.

    Raises:
        ValueError: a file that is missing or of no known kind, or an endpoint without a model.
    """
    if name.startswith(("http://", "https://")):
        from fas_plugin.evaluation.systems.endpoint import Endpoint

        url, _, model = name.partition("#")
        if not model:
            raise ValueError(f"endpoint {name!r}: expected http(s)://host/v1#model")
        return Endpoint(url, model, sampling)
    suffix = Path(name).suffix
    if suffix == ".onnx":
        from fas_plugin.evaluation.systems.classifier import Classifier, load_card

        return Classifier(Path(name), load_card(card, Path(name)))
    if suffix in (".parquet", ".csv", ".jsonl"):
        from fas_plugin.evaluation.systems.given import GivenScores

        return GivenScores(Path(name))
    from fas_plugin.evaluation.systems.in_process import VllmInProcess

    return VllmInProcess(name, sampling, engine or EngineOptions())


def as_settings(sampling: Sampling) -> dict[str, Any]:
    """For ``about``."""
    return asdict(sampling)
