"""The capture side: four domains with their own rooms, light and cameras."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

Frame = np.ndarray  # (H, W, 3) float32 linear-ish RGB in [0, 1]


@dataclass(frozen=True)
class Camera:
    """A camera in its light.

    Attributes:
        tint: gain of red, green and blue (white balance and lamp colour).
        exposure: overall gain.
        blur: standard deviation of the point spread, in pixels.
        noise: standard deviation of the sensor noise, in [0, 1].
        contrast: slope of the tone curve around middle grey.
        vignette: loss of light in the corners, in [0, 1].
    """

    tint: tuple[float, float, float]
    exposure: float
    blur: float
    noise: float
    contrast: float
    vignette: float


#: Domain letter -> its camera. Visibly different, the same for bona fide and attack clips.
CAMERAS = {
    "O": Camera((1.06, 1.0, 0.92), 1.02, 0.55, 0.010, 1.05, 0.10),
    "C": Camera((0.92, 1.0, 1.08), 0.95, 0.80, 0.022, 0.95, 0.20),
    "I": Camera((1.10, 1.0, 0.84), 1.05, 0.70, 0.016, 0.90, 0.05),
    "M": Camera((0.97, 1.03, 0.98), 1.10, 0.60, 0.012, 1.15, 0.30),
}


def vary(camera: Camera, random: np.random.Generator, low_light: bool = False) -> Camera:
    """The same camera on another day: exposure, colour, focus and noise wander."""
    tint = tuple(float(t * random.uniform(0.94, 1.06)) for t in camera.tint)
    return Camera(
        tint=(tint[0], tint[1], tint[2]),
        exposure=camera.exposure * float(random.uniform(0.85, 1.15)) * (0.62 if low_light else 1.0),
        blur=camera.blur * float(random.uniform(0.8, 1.6)),
        noise=camera.noise * float(random.uniform(0.8, 1.4)) * (2.0 if low_light else 1.0),
        contrast=camera.contrast * float(random.uniform(0.92, 1.08)),
        vignette=camera.vignette,
    )


def room(random: np.random.Generator, domain: str, width: int, height: int) -> Frame:
    """A background: a wall with a gradient, and per domain a window, shelf, curtain or door."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    base = random.uniform(0.25, 0.8) * np.ones(3) + random.normal(0, 0.06, 3)
    slope = random.uniform(-0.2, 0.2, 2)
    wall = base + ((x / width - 0.5) * slope[0] + (y / height - 0.5) * slope[1])[..., None]
    grain = cv2.GaussianBlur(random.normal(0, 1, (height, width)).astype(np.float32), (0, 0), 6)
    wall = wall * (1 + 0.15 * grain[..., None])
    if domain == "O":  # office: picture frames and a blurred window
        for _ in range(int(random.integers(1, 4))):
            _block(wall, random, random.uniform(0.1, 0.9, 3))
    elif domain == "C":  # curtain
        folds = 1 + 0.12 * np.sin(x / random.uniform(9, 22) + 1.5 * np.sin(y / 60))
        wall = wall * folds[..., None]
    elif domain == "M":  # shelf and door edge
        _block(wall, random, random.uniform(0.05, 0.5, 3))
        wall[:, : int(width * random.uniform(0.05, 0.2))] *= random.uniform(0.5, 0.9)
    elif random.random() < 0.5:  # webcam: a uniform wall, or daylight with things behind
        _block(wall, random, random.uniform(0.2, 0.95, 3))
    return np.clip(cv2.GaussianBlur(wall.astype(np.float32), (0, 0), 2.2), 0, 1)


def take(scene: Frame, camera: Camera, random: np.random.Generator) -> np.ndarray:
    """Photograph a scene: lens, sensor and tone curve. Returns (H, W, 3) uint8 RGB."""
    height, width = scene.shape[:2]
    picture = cv2.GaussianBlur(scene, (0, 0), camera.blur)
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    picture = picture * (np.array(camera.tint, np.float32) * camera.exposure)
    picture = picture * (1 - camera.vignette * (x**2 + y**2) / 2)[..., None]
    picture = (picture - 0.5) * camera.contrast + 0.5
    picture = picture + camera.noise * random.standard_normal(picture.shape, dtype=np.float32)
    return (np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8)


def _block(wall: np.ndarray, random: np.random.Generator, colour: np.ndarray) -> None:
    height, width = wall.shape[:2]
    left, top = random.integers(0, width - width // 5), random.integers(0, height // 2)
    right = left + random.integers(width // 8, width // 3)
    bottom = top + random.integers(height // 8, height // 2)
    wall[top:bottom, left:right] = wall[top:bottom, left:right] * 0.3 + colour * 0.7
