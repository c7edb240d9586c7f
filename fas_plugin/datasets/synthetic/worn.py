"""Attacks that are worn or stand where a head should be: masks, make-up, partial covers, mannequins.

They are painted onto the canvas of a rendered face, so room, light and camera treat them like skin.
"""

from __future__ import annotations

import cv2
import numpy as np

from fas_plugin.datasets.synthetic.face import CANVAS, EYE_Y, Identity

_CENTRE = CANVAS / 2
_MOUTH_Y = 204
_WHITE = np.array((0.93, 0.92, 0.88), np.float32)

#: Mask -> (colour it tends to, how much, blur, shine).
_MATERIALS: dict[str, tuple[tuple[float, float, float] | None, float, float, float]] = {
    "mask": (None, 0.0, 1.6, 0.25),
    "mask.rigid": (None, 0.0, 1.8, 0.35),
    "mask.half": (None, 0.0, 1.8, 0.35),
    "mask.flexible": ((0.85, 0.62, 0.5), 0.35, 2.4, 0.12),
    "mask.plaster": ((0.9, 0.88, 0.83), 0.8, 1.2, 0.05),
    "mask.resin": ((0.82, 0.7, 0.55), 0.45, 1.4, 0.5),
    "mask.transparent": ((0.88, 0.93, 1.0), 0.2, 0.6, 0.7),
    "mask.paper": ((0.9, 0.86, 0.8), 0.3, 0.8, 0.0),
    "mannequin": ((0.86, 0.74, 0.64), 0.6, 2.6, 0.4),
}


def is_worn(instrument: str | None) -> bool:
    """Whether an instrument is painted onto the face, rather than held before the camera."""
    return bool(instrument) and not str(instrument).startswith(("print", "replay"))


def wear(
    drawn: np.ndarray, person: Identity, instrument: str, random: np.random.Generator
) -> np.ndarray:
    """Paint an attack onto a face.

    Args:
        drawn: (CANVAS, CANVAS, 3) float32 RGB in [0, 1], from :func:`face.render`.
        instrument: from the taxonomy; not a print or a replay.

    Returns:
        A new canvas.
    """
    y, x = np.mgrid[:CANVAS, :CANVAS].astype(np.float32)
    family = instrument.partition(".")[0]
    if family == "makeup":
        painted = _make_up(drawn, x, y, person, instrument, random)
    elif family == "partial":
        painted = _partial(drawn, x, y, person, instrument, random)
    else:
        painted = _mask(drawn, x, y, person, instrument, random)
    return np.clip(painted, 0, 1).astype(np.float32)


def _mask(drawn, x, y, person, instrument, random):
    colour, share, blur, shine = _MATERIALS[instrument]
    surface = cv2.GaussianBlur(drawn, (0, 0), blur)
    if colour is not None:
        light = surface.mean(axis=2, keepdims=True) / max(
            0.05, float(surface[110:220, 100:188].mean())
        )
        surface = surface * (1 - share) + np.array(colour, np.float32) * light * 0.8 * share
    if instrument == "mask.paper":  # coarse print dots on a sheet
        pitch = random.uniform(4.5, 6)
        dots = np.cos(2 * np.pi * (x + y) / pitch) + np.cos(2 * np.pi * (x - y) / pitch)
        surface = surface * (1 + 0.12 * dots[..., None])
    spot = np.exp(
        -(
            (x - _CENTRE - random.uniform(-22, 22)) ** 2 / 700
            + (y - random.uniform(105, 130)) ** 2 / 260
        )
    )
    surface = surface + shine * spot[..., None]
    u = (x - _CENTRE) / (person.head_width * random.uniform(0.98, 1.04))
    v = (y - 160) / (person.head_height * random.uniform(0.92, 0.98))
    radius = np.hypot(u, v)
    area = np.clip((1 - radius) / 0.03, 0, 1)
    if instrument == "mask.half":
        area = area * np.clip((y - 166) / 3, 0, 1)
    edge = np.exp(-(((radius - 0.985) / 0.025) ** 2)) * (area if instrument == "mask.half" else 1)
    result = drawn * (1 - area[..., None]) + surface * area[..., None]
    rim = 0.75 if instrument in ("mask.paper", "mask.plaster") else 0.18
    result = result * (1 - 0.7 * edge[..., None]) + rim * 0.7 * edge[..., None]
    if instrument == "mannequin":
        return result
    for side in (-1, 1):  # holes, through which the wearer looks
        distance = np.hypot((x - _CENTRE - side * person.eye_distance) / 1.6, y - EYE_Y)
        hole = np.clip(person.eye_size * 0.62 - distance, 0, 1)[..., None]
        shade = np.exp(-((distance - person.eye_size * 0.66) ** 2) / 2)[..., None]
        result = (result * (1 - 0.5 * shade)) * (1 - hole) + drawn * 0.8 * hole
    return result


def _make_up(drawn, x, y, person, instrument, random):
    strength = {"makeup.cosmetic": 0.5, "makeup.impersonation": 0.7}.get(instrument, 0.85)
    result = cv2.GaussianBlur(drawn, (0, 0), 1.2) * 0.5 + drawn * 0.5  # foundation hides pores
    colours = [(0.65, 0.12, 0.2), (0.35, 0.2, 0.5), (0.8, 0.35, 0.35)]
    spots = [
        (_CENTRE, _MOUTH_Y, person.mouth_width, 7.0, colours[0]),
        *[(_CENTRE + s * person.eye_distance, EYE_Y - 9, 13.0, 7.0, colours[1]) for s in (-1, 1)],
        *[(_CENTRE + s * 36, 184.0, 15.0, 11.0, colours[2]) for s in (-1, 1)],
    ]
    if instrument == "makeup.obfuscation":  # painted patches that break up the face
        for _ in range(5):
            colour = tuple(random.uniform(0.05, 0.95, 3))
            spots.append(
                (
                    _CENTRE + random.uniform(-45, 45),
                    random.uniform(100, 225),
                    random.uniform(9, 22),
                    random.uniform(6, 15),
                    colour,
                )
            )
    if instrument == "makeup.impersonation":  # contours of another face: dark sides of the nose
        spots += [(_CENTRE + s * 11, 170.0, 4.0, 22.0, (0.3, 0.18, 0.12)) for s in (-1, 1)]
    for cx, cy, width, height, colour in spots:
        alpha = strength * np.exp(-(((x - cx) / width) ** 2 + ((y - cy) / height) ** 2))[..., None]
        result = result * (1 - alpha) + np.array(colour, np.float32) * alpha
    return result


def _partial(drawn, x, y, person, instrument, random):
    printed = cv2.GaussianBlur(drawn, (0, 0), 1.0) * 0.62 + 0.2
    pitch = random.uniform(4, 5.5)
    dots = np.cos(2 * np.pi * x / pitch) + np.cos(2 * np.pi * y / pitch)
    printed = printed * (1 + 0.1 * dots[..., None])
    eyes = [_CENTRE + side * person.eye_distance for side in (-1, 1)]
    if instrument == "partial.glasses":  # paper eyes in a frame
        distance = np.minimum(*(np.hypot(x - cx, y - EYE_Y) for cx in eyes))
        lens = np.clip(19 - distance, 0, 1)[..., None]
        ring = np.clip(3 - np.abs(distance - 20), 0, 1)[..., None]
        result = drawn * (1 - lens) + (0.4 * printed + 0.6 * _WHITE) * lens
        pupil = np.clip(8 - distance, 0, 1)[..., None]
        result = result * (1 - pupil) + 0.05 * pupil
        return result * (1 - ring) + np.array((0.7, 0.1, 0.1), np.float32) * ring
    centre_y, half_width, half_height = {
        "partial.eyes": (EYE_Y, 52.0, 17.0),
        "partial.mouth": (_MOUTH_Y, 34.0, 16.0),
    }.get(instrument, (random.uniform(150, 190), random.uniform(38, 52), random.uniform(20, 32)))
    outside = np.maximum(np.abs(x - _CENTRE) - half_width, np.abs(y - centre_y) - half_height)
    patch = np.clip(0.5 - outside, 0, 1)[..., None]
    border = np.clip(2.5 - np.abs(outside + 1.5), 0, 1)[..., None]
    shadow = np.clip(1 - 0.3 * np.exp(-np.clip(outside, 0, None) / 5), 0, 1)[..., None]
    result = drawn * shadow * (1 - patch) + printed * patch
    return result * (1 - border) + _WHITE * border
