"""Predictions made up for tests: a system with a given skill on M, clips of fifteen subjects."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fas_plugin.evaluation.predictions import Prediction, PredictionSet, Sample
from fas_plugin.labels import FasClass, Label

INSTRUMENTS = ("print.flat", "replay.phone", "replay.tablet")


def make(
    frames: int = 240,
    skill: float = 1.5,
    seed: int = 0,
    text: str | None = None,
    images: Path | None = None,
    protocol: str = "ocim_loo_M",
) -> PredictionSet:
    """``frames`` test frames and half as many for validation, two a clip, a quarter bona fide.

    Args:
        skill: distance of the classes in standard deviations.
        text: of every completion; None: reasoning and answer that follow the score.
        images: folder for small pictures; None: the paths lead nowhere.
    """
    random = np.random.default_rng(seed)
    predictions = []
    for split, count in (("validation", frames // 2), ("test", frames)):
        for i in range(count):
            clip = i // 2
            real = clip % 4 == 0
            label = (
                Label(FasClass.REAL)
                if real
                else Label(FasClass.SPOOF, INSTRUMENTS[clip % len(INSTRUMENTS)])
            )
            value = random.normal(skill / 2 if real else -skill / 2)
            score = float(1 / (1 + np.exp(-2 * value)))
            sample = Sample(
                record_id=f"M/{split}/{clip}#{i % 2}",
                video=f"M/{split}/{clip}",
                subject=f"M/{split}/{clip % 15}",
                domain="M" if split == "test" else "O",
                label=label,
                split=split,
                protocol=protocol,
                prompt_id="brief/1",
                images=(
                    str(_image(images, random, f"{split}-{i}") if images else f"/none/{i}.png"),
                ),
                synthetic=True,
            )
            said = text if text is not None else _text(score >= 0.5, i)
            predictions.append(Prediction(sample, score, (said,), (score,), ("logprobs",), 0.5))
    about = {"system": {"kind": "vllm", "model": "tiny"}, "prompt_id": "brief/1"}
    return PredictionSet(tuple(predictions), about)


def _text(real: bool, number: int) -> str:
    if real:
        return f"<think>Pores are visible in spot {number}; this is a live face.</think><answer>real</answer>"
    return (
        f"<think>Moire crosses spot {number}, so this is a replay.</think>"
        "<answer>spoof (a phone screen)</answer>"
    )


def _image(folder: Path, random: np.random.Generator, name: str) -> Path:
    from PIL import Image, ImageFilter

    path = folder / f"{name}.png"
    noise = Image.fromarray(random.integers(0, 255, (112, 112, 3), np.uint8))
    noise.filter(ImageFilter.GaussianBlur(1)).save(path)
    return path
