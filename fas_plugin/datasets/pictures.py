"""Pictures that become RGB as late as possible: of a video's frame only the piece that is wanted, when
it has the wanted size. Converting a whole frame of 1080 x 1920 pixels takes longer than all the rest."""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple, Protocol

import av
import av.video.plane
import cv2
import numpy as np
from av.video.reformatter import VideoReformatter

#: Of whole frames and of pieces. Kept, and without threads of their own: making a converter for every
#: frame takes longer than converting.
_WHOLE, _PIECES = VideoReformatter(), VideoReformatter()
#: Planar formats of 8 bits: pixels that share a colour, across and down.
_PLANAR = {
    "yuv420p": (2, 2),
    "yuv422p": (2, 1),
    "yuv444p": (1, 1),
    "yuvj420p": (2, 2),
    "yuvj422p": (2, 1),
    "yuvj444p": (1, 1),
}
#: Side from which on what is scaled down is halved first: that takes half the time.
_HALVED_FROM = 800


class Area(NamedTuple):
    """A part of a picture, in pixels; right and bottom are the first ones outside."""

    left: int
    top: int
    right: int
    bottom: int


class Picture(Protocol):
    """Something that can become RGB, upright or not.

    Attributes:
        width, height: in pixels.
    """

    width: int
    height: int

    def rgb(self) -> np.ndarray:
        """All of it: (height, width, 3) uint8."""
        ...

    def cut(self, area: Area, size: tuple[int, int]) -> np.ndarray:
        """A part, scaled to ``size`` (width, height): (size[1], size[0], 3) uint8 RGB."""
        ...


class Pixels:
    """A picture that is RGB: (H, W, 3) uint8."""

    def __init__(self, pixels: np.ndarray) -> None:
        self._pixels = pixels
        self.height, self.width = pixels.shape[:2]

    def rgb(self) -> np.ndarray:
        return self._pixels

    def cut(self, area: Area, size: tuple[int, int]) -> np.ndarray:
        return scaled(self._pixels[area.top : area.bottom, area.left : area.right], size)


class VideoPicture:
    """A decoded frame of a video."""

    def __init__(self, frame: av.VideoFrame) -> None:
        self._frame = frame
        self.width, self.height = frame.width, frame.height

    def rgb(self) -> np.ndarray:
        return self._rgb

    @cached_property
    def _rgb(self) -> np.ndarray:
        return _rgb(self._frame)

    def cut(self, area: Area, size: tuple[int, int]) -> np.ndarray:
        """As :meth:`Picture.cut`. The area is widened to whole samples of colour, by a pixel at most."""
        frame = self._frame
        if frame.format.name not in _PLANAR:
            return Pixels(self._rgb).cut(area, size)
        across, down = _PLANAR[frame.format.name]
        left, top = area.left // across * across, area.top // down * down
        right = min(-(-area.right // across) * across, frame.width)
        bottom = min(-(-area.bottom // down) * down, frame.height)
        piece = av.VideoFrame(right - left, bottom - top, frame.format.name)
        piece.colorspace, piece.color_range = frame.colorspace, frame.color_range
        for i, (source, copy) in enumerate(zip(frame.planes, piece.planes, strict=True)):
            x, y = (left // across, top // down) if i else (left, top)
            copy_samples = _samples(copy)
            height, width = copy_samples.shape
            copy_samples[:] = _samples(source)[y : y + height, x : x + width]
        # Planes of RGB: FFmpeg scales the colours of what stands side by side worse, to save time.
        scaled_piece = _PIECES.reformat(
            piece,
            *size,
            format="gbrp",
            interpolation="AREA" if size[0] < piece.width else "BICUBIC",
            threads=1,
        )
        green, blue, red = map(_samples, scaled_piece.planes)
        return cv2.merge([red, green, blue])


def _samples(plane: av.video.plane.VideoPlane) -> np.ndarray:
    """(height, width) uint8, in the plane's own memory."""
    rows = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)
    return rows[:, : plane.width]


def _rgb(frame: av.VideoFrame) -> np.ndarray:
    return _WHOLE.reformat(frame, format="rgb24", threads=1).to_ndarray()


def scaled(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """An image in another size (width, height): means where it becomes smaller, else cubic."""
    height, width = image.shape[:2]
    smaller = size[0] < width
    if 2 * size[0] <= width and min(width, height) >= _HALVED_FROM:
        image = halved(image)
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA if smaller else cv2.INTER_CUBIC)


def halved(image: np.ndarray) -> np.ndarray:
    """Means of two by two pixels; a last odd row or column goes."""
    height, width = image.shape[0] // 2, image.shape[1] // 2
    even = image[: 2 * height, : 2 * width]
    return cv2.resize(even, (width, height), interpolation=cv2.INTER_AREA)
