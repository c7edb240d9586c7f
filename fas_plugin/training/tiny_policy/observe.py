"""Measurable properties of a face image, computed from its pixels alone, without any label.

They are the observations that the warm-up teaches the tiny policy to put into words. None of them
says what class an image has; which of them matter is for the rewards to teach.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import cv2
import numpy as np

Image = np.ndarray  # (H, W, 3) uint8 RGB


def _luma(image: Image) -> np.ndarray:
    return cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255


def periodicity(image: Image) -> float:
    """How far the strongest fine spatial frequency stands out of its surroundings, in decades.

    Halftone dots and the beat of a pixel grid with a sensor (moire) are periodic; skin is not.
    """
    luma = _luma(image)
    detail = luma - cv2.GaussianBlur(luma, (0, 0), 2.0)
    window = np.outer(np.hanning(luma.shape[0]), np.hanning(luma.shape[1]))
    spectrum = np.abs(np.fft.fftshift(np.fft.fft2(detail * window)))
    height, width = luma.shape
    y, x = np.ogrid[:height, :width]
    radius = np.hypot((y - height // 2) / height, (x - width // 2) / width)
    band = spectrum[(radius > 0.1) & (radius < 0.5)]
    return float(np.log10((np.partition(band, -8)[-8] + 1e-6) / (np.median(band) + 1e-6)))


def straight_border(image: Image) -> float:
    """Contrast of the strongest straight line that runs through most of the image, in [0, 1].

    The edge of a sheet or a screen is straight over its whole length.
    """
    luma = cv2.GaussianBlur(_luma(image), (0, 0), 1.0)
    best = 0.0
    for gradient in (np.diff(luma, axis=1), np.diff(luma, axis=0).T):  # columns are candidate lines
        # The median over the line ignores short edges, such as an eye or a collar.
        for shear in (-4, -2, 0, 2, 4):
            rows = np.arange(gradient.shape[0])
            shift = np.rint(shear * (rows / gradient.shape[0] - 0.5)).astype(int)
            columns = (np.arange(gradient.shape[1])[None, :] + shift[:, None]) % gradient.shape[1]
            line = np.abs(np.median(np.take_along_axis(gradient, columns, axis=1), axis=0))
            best = max(best, float(line[4:-4].max()))
    return best


def colour_range(image: Image) -> float:
    """Spread of the chroma, the 5th to the 95th percentile of both axes, in 8-bit steps."""
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB).astype(np.float32)
    low, high = np.percentile(lab[..., 1:].reshape(-1, 2), (5, 95), axis=0)
    return float((high - low).sum())


def black_level(image: Image) -> float:
    """Luma of the darkest twentieth of the pixels, in [0, 1]: screens and paper have no deep black."""
    return float(np.percentile(_luma(image), 5))


def sharpness(image: Image) -> float:
    """Logarithm of the variance of the Laplacian of the luma."""
    return float(np.log10(cv2.Laplacian(_luma(image), cv2.CV_32F).var() + 1e-8))


#: Name in the reasoning -> measurement.
OBSERVATIONS: dict[str, Callable[[Image], float]] = {
    "pattern": periodicity,
    "line": straight_border,
    "colour": colour_range,
    "black": black_level,
    "detail": sharpness,
}

#: Name -> words for a low, a middle and a high value.
LEVELS: dict[str, tuple[str, str, str]] = {
    "pattern": ("irregular", "mixed", "regular"),
    "line": ("none", "faint", "clear"),
    "colour": ("narrow", "medium", "wide"),
    "black": ("deep", "middling", "raised"),
    "detail": ("soft", "fair", "crisp"),
}


def measure(image: Image) -> dict[str, float]:
    """Every observation of one image."""
    return {name: function(image) for name, function in OBSERVATIONS.items()}


def terciles(measurements: Sequence[Mapping[str, float]]) -> dict[str, tuple[float, float]]:
    """The two bounds that split each observation into three equally frequent levels."""
    return {
        name: tuple(float(q) for q in np.quantile([m[name] for m in measurements], (1 / 3, 2 / 3)))
        for name in OBSERVATIONS
    }


def level(value: float, bounds: tuple[float, float]) -> int:
    """0, 1 or 2: below, between or above the bounds."""
    return int(value > bounds[0]) + int(value > bounds[1])
