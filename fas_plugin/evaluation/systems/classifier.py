"""A classical face anti-spoofing classifier as an ONNX file, the baseline to beat.

No weights come with this package. A card, a small JSON file, tells how a network wants its image and
which of its outputs is bona fide: a wrong colour order or range is enough to make a good network look
like chance, so nothing is guessed. The cards that come with the package are of networks whose
preprocessing their authors published. The image is the face crop of the prompt dataset as it is;
networks that want a wider crop are at a disadvantage, which the report says.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match
from PIL import Image

from fas_plugin.evaluation.predictions import Prediction, Sample

_CARDS = resources.files("fas_plugin.evaluation.systems") / "cards"


class CardError(ValueError):
    """A card that is missing, malformed, or does not fit its network."""


@dataclass(frozen=True)
class Card:
    """How a network is used. The meaning of each field is in ``cards/card.schema.json``."""

    name: str
    source: str
    size: tuple[int, int]
    colour: str
    scale: float
    mean: tuple[float, ...]
    std: tuple[float, ...]
    output: str
    bona_fide: int
    crop: str

    def pixels(self, image: Image.Image) -> np.ndarray:
        """(1, 3, height, width), float32."""
        small = image.convert("RGB").resize(self.size, Image.Resampling.BILINEAR)
        values = np.asarray(small, np.float32)
        if self.colour == "bgr":
            values = values[..., ::-1]
        values = (values * self.scale - np.array(self.mean, np.float32)) / np.array(
            self.std, np.float32
        )
        return np.ascontiguousarray(values.transpose(2, 0, 1)[None], np.float32)

    def probability(self, output: np.ndarray) -> float:
        """Probability of bona fide of one image's output."""
        values = np.asarray(output, np.float64).ravel()
        if self.bona_fide >= len(values):
            raise CardError(
                f"card {self.name}: bona_fide is output {self.bona_fide}, the network has {len(values)}"
            )
        if self.output == "logits":
            values = np.exp(values - values.max())
            values /= values.sum()
        value = float(values[self.bona_fide])
        if self.output == "logit":
            value = float(1 / (1 + np.exp(-value)))
        elif self.output == "spoof_probability":
            value = 1 - value
        return value


def card_names() -> list[str]:
    """The cards that come with the package."""
    return sorted(
        f.name[:-5] for f in _CARDS.iterdir() if f.name.endswith(".json") and "schema" not in f.name
    )


def load_card(name: str | None, network: Path) -> Card:
    """A card by name, by path, or the one beside the network (``net.json`` for ``net.onnx``).

    Raises:
        CardError: there is none, or it does not fit the schema; the message names the field.
    """
    beside = network.with_suffix(".json")
    if name in card_names():
        source, content = f"{name}.json", (_CARDS / f"{name}.json").read_bytes()
    else:
        path = Path(name) if name else beside
        if not path.is_file():
            raise CardError(
                f"{path}: no card there. Give the name of one ({', '.join(card_names())}) or a JSON "
                f"file as --card, or put it beside the network as {beside.name}"
            )
        source, content = str(path), path.read_bytes()
    try:
        data = json.loads(content)
    except ValueError as error:
        raise CardError(f"{source}: not JSON: {error}") from None
    error = best_match(_validator().iter_errors(data))
    if error is not None:
        field = ".".join(map(str, error.absolute_path)) or "card"
        raise CardError(f"{source}: {field}: {error.message[:200]}")
    return Card(
        name=data["name"],
        source=data["source"],
        size=tuple(data["size"]),
        colour=data["colour"],
        scale=data["scale"],
        mean=tuple(data.get("mean", (0, 0, 0))),
        std=tuple(data.get("std", (1, 1, 1))),
        output=data["output"],
        bona_fide=data["bona_fide"],
        crop=data["crop"],
    )


@cache
def _validator() -> Draft202012Validator:
    return Draft202012Validator(json.loads((_CARDS / "card.schema.json").read_bytes()))


class Classifier:
    """The network in ``path``, run by ONNX Runtime on the processor."""

    def __init__(self, path: Path, card: Card) -> None:
        try:
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
        except OSError as error:
            raise CardError(f"{path}: {error.strerror}") from None
        self.about: Mapping[str, Any] = {
            "kind": "classifier",
            "model": card.name,
            "file": str(path),
            "sha256": digest,
            "card": {
                **card.__dict__,
                "size": list(card.size),
                "mean": list(card.mean),
                "std": list(card.std),
            },
        }
        self._path, self._card = path, card

    def predict(self, samples: Sequence[Sample]) -> Iterator[Prediction]:
        import onnxruntime

        session = onnxruntime.InferenceSession(str(self._path), providers=["CPUExecutionProvider"])
        [first, *_] = session.get_inputs()
        for sample in samples:
            started = time.monotonic()
            scores = []
            for path in sample.images:
                with Image.open(path) as image:
                    pixels = self._card.pixels(image)
                output = np.asarray(session.run(None, {first.name: pixels})[0])
                scores.append(self._card.probability(output))
            seconds = time.monotonic() - started
            sources = ("classifier",) * len(scores)
            mean = sum(scores) / len(scores)
            yield Prediction(sample, mean, (), tuple(scores), sources, seconds)
