"""Decoding: from a clip (a video, an HDF5 file, image files) to frames."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import av
import av.container
import numpy as np
from av.error import FFmpegError
from PIL import Image

from fas_plugin.datasets.pictures import Picture, Pixels, VideoPicture
from fas_plugin.datasets.sampling import Sampling

#: Bounds on what is decoded. The largest clip of the known datasets is 1080 x 1920.
MIN_SIDE = 32
MAX_SIDE = 8192
MAX_PIXELS = 4096 * 4096
MAX_FRAMES = 100_000
#: Share of the announced frames that a whole clip must have.
WHOLE = 0.9
#: Up to so many frames of a video are sought one by one; more are read in one go.
SEEK_LIMIT = 16
#: Largest stored piece of an HDF5 file that is unpacked at once, in bytes.
MAX_CHUNK = 256 * 2**20
#: Demuxers that may open a clip. Without the list, FFmpeg takes a text file named .avi for a
#: playlist and opens the files and addresses in it.
DEMUXERS = "avi,mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,mpeg,mpegts,asf,flv"
HDF5_SUFFIXES = frozenset((".hdf5", ".h5"))
#: Image formats that may be opened; Pillow knows some that start programs.
_IMAGE_FORMATS = ("JPEG", "PNG", "BMP", "WEBP", "TIFF")
#: Clockwise degrees by EXIF orientation; mirrored ones are mirrored back before.
_EXIF_TURNS = {3: 180, 4: 180, 5: 270, 6: 90, 7: 90, 8: 270}
_EXIF_MIRRORED = (2, 4, 5, 7)
_EXIF_ORIENTATION = 0x0112


class MediaError(ValueError):
    """A clip that cannot be decoded: broken, cut off, or beyond the bounds."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame.

    Attributes:
        index: in the clip, from 0, in presentation order.
        picture: as stored.
        tag: clockwise degrees (0, 90, 180, 270) by which the container or EXIF says to turn it.
    """

    index: int
    picture: Picture
    tag: int

    def upright(self, degrees: int) -> Picture:
        """The picture, turned clockwise by 0, 90, 180 or 270 degrees."""
        return Pixels(upright(self.picture.rgb(), degrees)) if degrees else self.picture


def read_frames(
    path: Path, sampling: Sampling, images: Sequence[tuple[int, Path]] = ()
) -> Iterator[Frame]:
    """Decode the frames that ``sampling`` chooses, in order; memory does not grow with their number.

    A video is sought: decoding starts at the key frame before a wanted frame, and the frames are the
    ones that decoding from the start gives.

    Args:
        path: the clip. ``.hdf5`` and ``.h5`` are HDF5, everything else is a video.
        sampling: is asked with the number of frames that are there.
        images: of a clip of image files their frame numbers and paths, in order.

    Raises:
        MediaError: names the clip and what is wrong with it.
    """
    try:
        with _opened(path, images) as clip:
            yield from clip.read(sampling)
    except MediaError:
        raise
    except (
        *(FFmpegError, OSError, EOFError, MemoryError),
        *(ValueError, SyntaxError, Image.DecompressionBombError),  # Pillow's, for broken images
    ) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise MediaError(f"{path}: cannot be decoded ({reason[:200]})") from None


def upright(pixels: np.ndarray, degrees: int) -> np.ndarray:
    """Turn a frame clockwise by 0, 90, 180 or 270 degrees."""
    # rot90 turns counter-clockwise.
    return np.ascontiguousarray(np.rot90(pixels, -degrees // 90)) if degrees else pixels


class _Clip(Protocol):
    def read(self, sampling: Sampling) -> Iterator[Frame]: ...


@contextmanager
def _opened(path: Path, images: Sequence[tuple[int, Path]]) -> Iterator[_Clip]:
    if images:
        yield _Images(images)
    elif path.suffix.lower() in HDF5_SUFFIXES:
        import h5py

        with h5py.File(path, "r") as file:
            yield _Hdf5(path, file)
    else:
        yield _Video(path)


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


def _check_count(path: Path, count: int) -> None:
    if count == 0:
        raise MediaError(f"{path}: no frames in it")
    if count > MAX_FRAMES:
        raise MediaError(f"{path}: more than {MAX_FRAMES} frames; cut the clip")


# --- Images ---------------------------------------------------------------------------------------


class _Images:
    """Image files, one frame each."""

    def __init__(self, images: Sequence[tuple[int, Path]]) -> None:
        self.images = images

    def read(self, sampling: Sampling) -> Iterator[Frame]:
        for position in sampling.indices(len(self.images)):
            number, path = self.images[position]
            pixels, tag = _read_image(path)
            yield Frame(number, Pixels(pixels), tag)


def _read_image(path: Path) -> tuple[np.ndarray, int]:
    """Pixels and the clockwise turn that EXIF asks for."""
    with Image.open(path, formats=_IMAGE_FORMATS) as image:  # reads the header only
        _check_size(path, *image.size)
        orientation = image.getexif().get(_EXIF_ORIENTATION, 1)
        if image.mode.startswith("I;16") or image.mode == "I":  # 16 bits: to 8, not clipped
            image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
        pixels = np.asarray(image.convert("RGB"))
    if orientation in _EXIF_MIRRORED:
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels), _EXIF_TURNS.get(orientation, 0)


# --- HDF5 -----------------------------------------------------------------------------------------


def _natural(name: str) -> list[tuple[int, int | str]]:
    """Sorts ``Frame_2`` before ``Frame_10``."""
    return [
        (0, int(part)) if part.isdigit() else (1, part)
        for part in re.split(r"([0-9]{1,18})", name)
        if part
    ]


class _Hdf5:
    """RGB frames, channel first: 3DMAD (``Color_Data``) or one group with ``array`` per frame (WMCA)."""

    def __init__(self, path: Path, file) -> None:
        self.path, self.file = path, file
        if "Color_Data" in file:
            colour = self._dataset("Color_Data", 4)
            self.frames = [(colour, (i,)) for i in range(min(colour.shape[0], MAX_FRAMES + 1))]
        else:
            names = sorted((name for name in file if f"{name}/array" in file), key=_natural)
            _check_count(path, len(names))
            self.frames = [(self._dataset(f"{name}/array", 3), ()) for name in names]
        _check_count(path, len(self.frames))

    def read(self, sampling: Sampling) -> Iterator[Frame]:
        for index in sampling.indices(len(self.frames)):
            dataset, position = self.frames[index]
            pixels = np.ascontiguousarray(dataset[position][:3].transpose(1, 2, 0))
            yield Frame(index, Pixels(pixels), 0)

    def _dataset(self, name: str, dimensions: int):
        import h5py

        for part in range(name.count("/") + 1):
            link = self.file.get("/".join(name.split("/")[: part + 1]), getlink=True)
            if not isinstance(link, h5py.HardLink):
                raise MediaError(f"{self.path}: {name} is a link to somewhere else")
        found = self.file[name]
        if not isinstance(found, h5py.Dataset) or found.is_virtual or found.external:
            raise MediaError(f"{self.path}: {name} holds no frames of its own")
        if found.dtype != np.uint8 or found.ndim != dimensions or found.shape[-3] < 3:
            raise MediaError(
                f"{self.path}: {name} is {found.dtype} {found.shape}; expected uint8 frames with "
                "three colours first"
            )
        _check_size(self.path, found.shape[-1], found.shape[-2])
        if found.chunks and np.prod(found.chunks, dtype=np.int64) > MAX_CHUNK:
            raise MediaError(f"{self.path}: {name} is stored in pieces of {found.chunks}")
        return found


# --- Videos ---------------------------------------------------------------------------------------


class _Video:
    """A video file: an index of its packets first, then the frames."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self, sampling: Sampling) -> Iterator[Frame]:
        with self._container() as (container, stream):
            times, keys = self._index(container, stream)
            wanted = sampling.indices(len(times))
            frames = None
            if len(wanted) <= SEEK_LIMIT:
                frames = self._sought(container, stream, wanted, times, keys)
        if frames is None:
            yield from self._in_order(sampling, len(times))
        else:
            yield from frames

    @contextmanager
    def _container(self) -> Iterator[tuple[av.container.InputContainer, av.VideoStream]]:
        options = {"format_whitelist": DEMUXERS, "protocol_whitelist": "file"}
        with closing(av.open(str(self.path.absolute()), options=options)) as container:
            if not container.streams.video:
                raise MediaError(f"{self.path}: no video in it")
            stream = container.streams.video[0]
            _check_size(self.path, stream.codec_context.width, stream.codec_context.height)
            stream.codec_context.thread_count = 1  # the clips are what is worked on in parallel
            yield container, stream

    def _index(self, container, stream) -> tuple[list[int], list[int]]:
        """Presentation times of all frames, ascending, and those of the key frames; without decoding.

        Where the times don't say the order of the frames, there are no key frames.
        """
        packets = self._listed(stream)
        for packet in container.demux(stream) if not packets else ():
            if packet.size:
                packets.append((packet.pts, packet.is_keyframe))
                if len(packets) > MAX_FRAMES:
                    break
        count, announced = len(packets), stream.frames
        _check_count(self.path, count)
        if count < WHOLE * announced:
            raise MediaError(
                f"{self.path}: cut off; the header announces {announced} frames, {count} are there"
            )
        times = sorted({time for time, _ in packets if time is not None})
        self._check_duration(container, stream, times)
        # An AVI has no presentation times; those of H.264 and HEVC in it are guesses.
        guessed = container.format.name == "avi" and stream.codec_context.name in ("h264", "hevc")
        if len(times) < count or guessed:
            return list(range(count)), []
        return times, sorted(time for time, is_key in packets if is_key)

    def _listed(self, stream) -> list[tuple[int, bool]]:
        """Times of all frames and whether each is a key frame, as the container's own list has them;
        empty where that does not tell: frames stand in another order, or the file lacks some."""
        entries, codec = stream.index_entries, stream.codec_context
        # A codec that announces no frames in another order and has some is found out when they come.
        ordered = codec.codec.intra_only or not codec.has_b_frames
        if not ordered or not MAX_FRAMES >= len(entries) >= stream.frames > 0:
            return []
        length = self.path.stat().st_size
        listed = []
        for entry in entries:
            if not entry.size or entry.pos + entry.size > length:
                return []
            listed.append((entry.timestamp, entry.is_keyframe))
        return listed

    def _check_duration(self, container, stream, times: list[int]) -> None:
        """Containers that announce no number of frames announce how long they are."""
        if stream.frames or container.duration is None or len(times) < 2:
            return
        announced = container.duration / av.time_base
        found = float((times[-1] - times[0]) * stream.time_base)
        found += found / (len(times) - 1)
        if found < WHOLE * announced and announced - found > 1:
            raise MediaError(
                f"{self.path}: cut off; the header announces {announced:.1f} s, "
                f"{found:.1f} s are there"
            )

    def _sought(
        self, container, stream, wanted: list[int], times: list[int], keys: list[int]
    ) -> list[Frame] | None:
        """The wanted frames, each decoded from the key frame before it.

        Every frame on the way is compared with the index, so that a wrong frame is never given: None
        where the index and the decoder disagree.
        """
        position = {time: index for index, time in enumerate(times)}
        key_positions = [position[key] for key in keys]
        frames: list[Frame] = []
        decoder: Iterator[av.VideoFrame] = iter(())
        reached = -2  # index of the frame that the decoder gave last; far from all at first
        for index in wanted:
            before = bisect_right(key_positions, index)
            if not before:
                return None
            start = key_positions[before - 1]
            if not start <= reached + 1 <= index:
                container.seek(times[start], stream=stream)
                decoder, reached = container.decode(stream), start - 1
            frame = None
            while reached < index:
                try:
                    frame = next(decoder, None)
                except FFmpegError:
                    return None
                if frame is None or frame.pts is None:
                    return None
                found = position.get(frame.pts)
                if found is not None and found <= reached == start - 1:
                    continue  # before the key frame: a longer way than needed
                if found != reached + 1:
                    return None
                reached += 1
            if frame is None:
                return None
            frames.append(self._frame(index, frame))
        return frames

    def _in_order(self, sampling: Sampling, count: int) -> Iterator[Frame]:
        """The chosen frames by decoding from the start.

        Raises:
            MediaError: too few of the frames that the packets announce can be decoded.
        """
        wanted = sampling.indices(count)
        if len(wanted) <= SEEK_LIMIT:
            # Some encoders pad with packets that hold no frame: choose among those there are.
            seen = sum(1 for _ in self._decoded())
            self._check_whole(seen, count)
            wanted = sampling.indices(seen)
        chosen = frozenset(wanted)
        seen = 0
        for frame in self._decoded():
            if seen in chosen:
                yield self._frame(seen, frame)
            seen += 1
            if seen > wanted[-1]:
                return
        self._check_whole(seen, count)

    def _check_whole(self, seen: int, count: int) -> None:
        if seen < max(1, WHOLE * count):
            raise MediaError(f"{self.path}: cut off; {seen} of {count} frames can be decoded")

    def _decoded(self) -> Iterator[av.VideoFrame]:
        with self._container() as (container, stream):
            yield from container.decode(stream)

    def _frame(self, index: int, frame: av.VideoFrame) -> Frame:
        _check_size(self.path, frame.width, frame.height)
        # FFmpeg counts the turn counter-clockwise and leaves it to us.
        tag = round(-frame.rotation / 90) * 90 % 360
        return Frame(index, VideoPicture(frame), tag)
