"""Decoding: from a clip to a few upright RGB frames."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

#: Bounds on what is decoded. The largest clip of the four datasets is 1080 x 1920, 500 frames.
MIN_SIDE = 32
MAX_SIDE = 8192
MAX_PIXELS = 4096 * 4096
MAX_FRAMES = 100_000
#: Share of the announced frames that a whole clip must have.
WHOLE = 0.9
#: Demuxers that may open a clip. Without the list, FFmpeg takes a text file named .avi for a
#: playlist and opens the files and addresses in it.
DEMUXERS = "avi,mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,mpeg,mpegts,asf,flv"


class MediaError(ValueError):
    """A clip that cannot be decoded: broken, cut off, or beyond the bounds."""


@dataclass(frozen=True)
class Sample:
    """Frames of one clip.

    Attributes:
        frames: (index in the clip from 0, (H, W, 3) uint8 RGB, upright), in order.
        rotation_applied: clockwise degrees by which the stored frames were turned; 0, 90, 180, 270.
    """

    frames: tuple[tuple[int, np.ndarray], ...]
    rotation_applied: int


def frame_indices(count: int, k: int) -> list[int]:
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


def sample_frames(path: Path, k: int, *, stored_rotation: int = 0) -> Sample:
    """Decode ``k`` evenly spaced frames (see :func:`frame_indices`).

    Args:
        path: the clip.
        k: frames wanted.
        stored_rotation: clockwise turn, in degrees, that makes the stored frames upright when the
            container has no rotation tag. A tag wins: whoever added it has corrected the clip.

    Raises:
        MediaError: names the clip and what is wrong with it.
    """
    try:
        count = _count_frames(path)
        frames, seen, tag = _decode(path, frame_indices(count, k))
        if seen < count and len(frames) < min(k, count):
            # Some encoders pad with packets that hold no frame; a cut-off clip lacks many.
            if seen < WHOLE * count:
                raise MediaError(f"{path}: cut off; {seen} of {count} frames can be decoded")
            frames, seen, tag = _decode(path, frame_indices(seen, k))
    except (av.FFmpegError, OSError, EOFError, MemoryError) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise MediaError(f"{path}: cannot be decoded ({reason})") from None
    rotation = tag or stored_rotation
    # rot90 turns counter-clockwise.
    upright = [(i, np.ascontiguousarray(np.rot90(frame, -rotation // 90))) for i, frame in frames]
    return Sample(tuple(upright), rotation)


@contextmanager
def _opened(path: Path) -> Iterator[tuple[av.container.InputContainer, av.VideoStream]]:
    options = {"format_whitelist": DEMUXERS, "protocol_whitelist": "file"}
    with closing(av.open(str(path.absolute()), options=options)) as container:
        if not container.streams.video:
            raise MediaError(f"{path}: no video in it")
        stream = container.streams.video[0]
        _check_size(path, stream.codec_context.width, stream.codec_context.height)
        stream.codec_context.thread_count = 1  # the clips are what is worked on in parallel
        yield container, stream


def _check_size(path: Path, width: int, height: int) -> None:
    if (
        min(width, height) < MIN_SIDE
        or max(width, height) > MAX_SIDE
        or width * height > MAX_PIXELS
    ):
        raise MediaError(
            f"{path}: frames of {width} x {height} pixels; "
            f"expected sides of {MIN_SIDE} to {MAX_SIDE} and at most {MAX_PIXELS} pixels"
        )


def _count_frames(path: Path) -> int:
    """Frames in the file, without decoding them; what the header announces is only checked."""
    with _opened(path) as (container, stream):
        count = 0
        for packet in container.demux(stream):
            count += bool(packet.size)
            if count > MAX_FRAMES:
                raise MediaError(f"{path}: more than {MAX_FRAMES} frames; cut the clip")
        if count == 0:
            raise MediaError(f"{path}: no frames in it")
        if count < WHOLE * stream.frames:
            raise MediaError(
                f"{path}: cut off; the header announces {stream.frames} frames, {count} are there"
            )
        return count


def _decode(path: Path, wanted: list[int]) -> tuple[list[tuple[int, np.ndarray]], int, int]:
    """The wanted frames as they are stored, how many frames were seen, the clockwise rotation tag."""
    frames, seen, tag = [], 0, 0
    with _opened(path) as (container, stream):
        missing = set(wanted)
        for frame in container.decode(stream):
            if seen in missing:
                _check_size(path, frame.width, frame.height)
                frames.append((seen, frame.to_ndarray(format="rgb24")))
                missing.remove(seen)
                # FFmpeg counts counter-clockwise and leaves the turning to us.
                tag = round(-frame.rotation / 90) * 90 % 360
            seen += 1
            if not missing:
                break
    return frames, seen, tag
