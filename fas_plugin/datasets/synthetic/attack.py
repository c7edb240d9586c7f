"""Presentation attack instruments: what paper and screens do to a picture on its way to a camera.

A printed sheet shows dots (halftone), a smaller gamut, no deep black, and its edges. A screen shows
its pixel grid, which the sensor samples too coarsely (moire), raised blacks, a blue tint, glare and
its bezel. Both have been photographed once before, so both are less sharp.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

Frame = np.ndarray  # (H, W, 3) float32 RGB in [0, 1]


@dataclass(frozen=True)
class Medium:
    """One sheet or screen in front of the camera.

    Attributes:
        instrument: from the taxonomy (``print.flat``, ``replay.tablet``, …).
        half_width, half_height: half the side of the picture area, in pixels.
        margin: width of the paper's border or the screen's bezel, in pixels.
        angle: rotation in the image plane, in radians.
        period: pitch of the halftone dots, or of the screen's pixels, in sensor pixels.
        strength: amplitude of that pattern, in [0, 1].
        bend: how far a warped sheet bends, in pixels.
        glare: (x, y, radius, strength) of the reflection, in units of the half size.
    """

    instrument: str
    half_width: float
    half_height: float
    margin: float
    angle: float
    period: float
    strength: float
    bend: float
    glare: tuple[float, float, float, float]


def make_medium(
    instrument: str, random: np.random.Generator, face_half: float, height: int
) -> Medium:
    """Draw a medium whose edge lies within a face crop of usual margin in about two thirds of cases.

    Args:
        face_half: half the width of the face box, in pixels; a crop reaches about 1.9 times as far.
        height: of the frame, in pixels.
    """
    paper = instrument.startswith("print")
    reach = face_half * random.uniform(1.25, 2.3)
    aspect = random.uniform(1.1, 1.35) if paper or instrument == "replay.phone" else 0.95
    return Medium(
        instrument=instrument,
        half_width=reach,
        half_height=min(reach * aspect * 1.1, height * 0.62),
        margin=face_half * (random.uniform(0.12, 0.3) if paper else random.uniform(0.15, 0.35)),
        angle=float(random.normal(0, 0.035)),
        # A desktop printer's dots grow with the sheet in the frame; a screen's pixels are finer than
        # the sensor's whatever the distance, and what is seen is their beat.
        period=float(
            2 * face_half * random.uniform(0.048, 0.06)
            if paper
            else random.choice([1.12, 1.18, 1.24, 1.3])
        ),
        strength=float(random.uniform(0.18, 0.3) if paper else random.uniform(0.16, 0.32)),
        bend=float(random.uniform(8, 18)) if instrument == "print.warped" else 0.0,
        glare=(
            float(random.uniform(-0.7, 0.7)),
            float(random.uniform(-0.8, 0.2)),
            float(random.uniform(0.2, 0.45)),
            float(random.uniform(0.15, 0.5) * (0.4 if paper else 1.0)),
        ),
    )


def present(picture: Frame, behind: Frame, medium: Medium, centre: tuple[float, float]) -> Frame:
    """Show ``picture`` on a medium that is held in front of ``behind``.

    Args:
        picture, behind: frames of equal shape; the picture's face lies at ``centre``.
        centre: (x, y) of the medium's centre, in pixels.

    Returns:
        The scene that the second camera sees, before its lens.
    """
    height, width = picture.shape[:2]
    y, x = np.mgrid[:height, :width].astype(np.float32)
    cos, sin = np.cos(medium.angle), np.sin(medium.angle)
    u = (x - centre[0]) * cos + (y - centre[1]) * sin
    v = (y - centre[1]) * cos - (x - centre[0]) * sin
    shown = cv2.GaussianBlur(picture, (0, 0), 0.9)
    if medium.bend:
        lift = medium.bend * np.cos(u / medium.half_width * 1.4)
        v = v + lift - medium.bend * 0.6
        shown = cv2.remap(
            shown, x, (y + lift - medium.bend * 0.6).astype(np.float32), cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )  # fmt: skip
        shown = shown * (0.9 + 0.22 * np.sin(u / medium.half_width * 2.0))[..., None]
    paper = medium.instrument.startswith("print")
    surface = _printed(shown, u, v, medium) if paper else _displayed(shown, u, v, medium)
    gx, gy, radius, strength = medium.glare
    spot = ((u / medium.half_width - gx) ** 2 + (v / medium.half_height - gy) ** 2) / radius**2
    surface = surface + strength * np.exp(-(spot**1.5))[..., None]

    inside = np.maximum(np.abs(u) - medium.half_width, np.abs(v) - medium.half_height)
    picture_area = np.clip(0.5 - inside, 0, 1)[..., None]
    frame_area = np.clip(0.5 - (inside - medium.margin), 0, 1)[..., None]
    border = np.full(3, 0.86 if paper else 0.06, np.float32)
    shadow = np.clip(1 - 0.35 * np.exp(-np.clip(inside - medium.margin, 0, None) / 6), 0, 1)
    scene = behind * shadow[..., None]
    scene = scene * (1 - frame_area) + border * frame_area
    return (scene * (1 - picture_area) + surface * picture_area).astype(np.float32)


def cut_eyes(scene: Frame, real: Frame, eyes: list[tuple[float, float]], radius: float) -> Frame:
    """Cut holes into a presented sheet: through them the attacker's own eyes are seen."""
    height, width = scene.shape[:2]
    y, x = np.mgrid[:height, :width].astype(np.float32)
    for ex, ey in eyes:
        distance = np.hypot((x - ex) / 1.7, y - ey)
        hole = np.clip(radius - distance + 0.5, 0, 1)[..., None]
        rim = np.exp(-((distance - radius) ** 2) / 1.5)[..., None] * 0.5
        scene = (scene * (1 - rim) + 0.92 * rim) * (1 - hole) + real * 0.75 * hole
    return scene.astype(np.float32)


def _printed(picture: Frame, u: np.ndarray, v: np.ndarray, medium: Medium) -> Frame:
    """Four-colour halftone on dull paper. Dots are strongest in the mid-tones: they merge in the
    shadows and vanish in the highlights."""
    grey = picture.mean(axis=2, keepdims=True)
    ink = grey + (picture - grey) * 0.62  # ink on paper: a smaller gamut
    ink = 0.17 + ink * 0.66  # no deep black, no brilliant white
    result = np.empty_like(ink)
    for channel, screen in enumerate(np.deg2rad((15.0, 75.0, 45.0))):
        p = (u * np.cos(screen) + v * np.sin(screen)) * (2 * np.pi / medium.period)
        q = (v * np.cos(screen) - u * np.sin(screen)) * (2 * np.pi / medium.period)
        value = ink[..., channel]
        dots = 0.5 * (np.cos(p) + np.cos(q))
        result[..., channel] = value + medium.strength * 4 * value * (1 - value) * dots * 0.55
    return result * np.array((1.0, 0.985, 0.94), np.float32)


def _displayed(picture: Frame, u: np.ndarray, v: np.ndarray, medium: Medium) -> Frame:
    """A glowing pixel grid, sampled at the sensor's pixels. The grid is finer than the sensor
    resolves, so it folds back to coarse coloured waves: moire."""
    light = 0.1 + 0.84 * np.clip(picture, 0, 1) ** 1.12
    light = light * np.array((0.93, 0.99, 1.08), np.float32)
    pitch = medium.period
    rows = 0.5 + 0.5 * np.cos(2 * np.pi * v / pitch)
    result = np.empty_like(light)
    for channel in range(3):  # the stripes of red, green and blue lie a third of a pixel apart
        columns = 0.5 + 0.5 * np.cos(2 * np.pi * (u / pitch + channel / 3))
        grid = rows * 0.5 + columns * 0.5
        result[..., channel] = light[..., channel] * (1 + medium.strength * 2 * (grid - 0.5))
    return result
