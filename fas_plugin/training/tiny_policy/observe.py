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
    """How far the strongest fine frequency stands out among those of equal wavelength, in decades.

    Halftone dots and the beat of a pixel grid with a sensor (moire) have a direction and a pitch;
    skin, hair and noise spread over all directions.
    """
    luma = _luma(image)
    detail = luma - cv2.GaussianBlur(luma, (0, 0), 2.0)
    height, width = luma.shape
    window = np.outer(np.hanning(height), np.hanning(width))
    spectrum = np.abs(np.fft.fftshift(np.fft.fft2(detail * window)))
    y, x = np.ogrid[:height, :width]
    radius = np.hypot((y - height // 2) / height, (x - width // 2) / width)  # cycles per pixel
    ring = (radius * max(height, width)).astype(int)
    typical = np.array([np.median(spectrum[ring == r]) for r in range(ring.max() + 1)])
    whitened = spectrum / (typical[ring] + 1e-6)
    band = whitened[(radius > 0.12) & (radius < 0.5)]
    return float(np.log10(np.partition(band, -4)[-4]))  # the spectrum is symmetric: second highest


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


def saturation(image: Image) -> float:
    """95th percentile of the colour saturation, in [0, 255]."""
    return float(np.percentile(cv2.cvtColor(image, cv2.COLOR_RGB2HSV)[..., 1], 95))


#: Name in the reasoning -> measurement.
OBSERVATIONS: dict[str, Callable[[Image], float]] = {
    "pattern": periodicity,
    "line": straight_border,
    "colour": saturation,
}

#: Name -> words for a low, a middle and a high value.
LEVELS: dict[str, tuple[str, str, str]] = {
    "pattern": ("irregular", "mixed", "regular"),
    "line": ("absent", "faint", "clear"),
    "colour": ("pale", "medium", "rich"),
}


def measure(image: Image) -> dict[str, float]:
    """Every observation of one image."""
    return {name: function(image) for name, function in OBSERVATIONS.items()}


def terciles(measurements: Sequence[Mapping[str, float]]) -> dict[str, tuple[float, float]]:
    """The two bounds that split each observation into three equally frequent levels."""
    bounds = {}
    for name in OBSERVATIONS:
        low, high = np.quantile([m[name] for m in measurements], (1 / 3, 2 / 3))
        bounds[name] = (float(low), float(high))
    return bounds


def level(value: float, bounds: tuple[float, float]) -> int:
    """0, 1 or 2: below, between or above the bounds."""
    return int(value > bounds[0]) + int(value > bounds[1])
