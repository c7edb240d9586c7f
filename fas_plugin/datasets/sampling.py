"""Which frames of a clip are used: the policies of the published code bases, by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

#: SSDG and FLIP leave the first six frames of a clip out.
_SSDG_START = 6
_SSAN_FRAMES = 8
#: Most frames of a clip that ``uniform:K`` may ask for.
MAX_FRAMES = 10_000


@dataclass(frozen=True)
class Sampling:
    """A named choice of frames.

    Attributes:
        name: as given to :func:`get_sampling`.
        reference: who samples so.
        indices: number of frames in a clip -> indices of the chosen ones, from 0, ascending,
            distinct; never empty.
    """

    name: str
    reference: str
    indices: Callable[[int], list[int]]


def uniform(count: int, k: int) -> list[int]:
    """``k`` of ``count`` frames: the middle one of each of ``k`` equal stretches of the clip.

    The middles keep away from the first and last frames, where hands still move a medium into
    place. A clip with fewer than ``k`` frames gives each of its frames once.

    Raises:
        ValueError: ``count`` or ``k`` is below 1.
    """
    if count < 1 or k < 1:
        raise ValueError(f"count {count} and k {k} must be at least 1")
    if k >= count:
        return list(range(count))
    return [(2 * i + 1) * count // (2 * k) for i in range(k)]


def ssdg(count: int, k: int = 2) -> list[int]:
    """Frames ``6 + j * floor(count / k)``; in a short clip the last frame stands for later ones."""
    return sorted({min(_SSDG_START + j * (count // k), count - 1) for j in range(k)})


def ssan(count: int) -> list[int]:
    """Eight frames from the first on, a tenth of the clip apart."""
    return sorted({i * (count // 10) for i in range(_SSAN_FRAMES)})


SAMPLINGS: dict[str, Sampling] = {
    sampling.name: sampling
    for sampling in (
        Sampling("ssdg", "SSDG (CVPR 2020), utils.sample_frames: two frames a test clip", ssdg),
        Sampling(
            "ssdg:1",
            "SSDG (CVPR 2020), utils.sample_frames: one frame a training clip",
            lambda count: ssdg(count, 1),
        ),
        Sampling("flip", "FLIP (ICCV 2023): frames 6 and 6 + floor(N / 2), as SSDG tests", ssdg),
        Sampling(
            "ssan", "SSAN (CVPR 2022), validation and test: eight frames, N // 10 apart", ssan
        ),
        Sampling("all", "every frame", lambda count: list(range(count))),
    )
}


def get_sampling(name: str) -> Sampling:
    """A policy by name; ``uniform:K`` for K evenly spaced frames.

    Raises:
        ValueError: no such policy; the message lists those there are.
    """
    if name in SAMPLINGS:
        return SAMPLINGS[name]
    kind, _, number = name.partition(":")
    if kind == "uniform" and number.isascii() and number.isdigit():
        k = int(number)
        if 1 <= k <= MAX_FRAMES:
            return Sampling(name, "the middles of K equal stretches", lambda n: uniform(n, k))
    raise ValueError(
        f"unknown sampling {name[:60]!r}; expected {', '.join(SAMPLINGS)} "
        f"or uniform:K with K from 1 to {MAX_FRAMES}"
    )
