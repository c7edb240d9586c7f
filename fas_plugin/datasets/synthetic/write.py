"""Writes rendered frames as the releases do: videos, images, HDF5 files, and their annotations."""

from __future__ import annotations

import fractions
import io
import os
from pathlib import Path
from typing import cast

import av
import cv2
import numpy as np

from fas_plugin.datasets.files import reporting_full_disk, write_file
from fas_plugin.datasets.synthetic.layouts import Clip

FRAME_RATE = 25
#: Millimetres from a Kinect to a face and to the wall behind it.
_NEAR, _FAR = 800, 1900


def annotation_text(clip: Clip, boxes: np.ndarray, eyes: np.ndarray) -> str:
    """The content of a clip's annotation file, in the style of its dataset."""
    lines = []
    for index, ((x, y, w, h), points) in enumerate(zip(boxes, eyes, strict=True)):
        (ax, ay), (bx, by) = points  # left in the image is the subject's right
        if clip.style == "oulu":
            row = ",".join(str(round(v)) for v in (index, ax, ay, bx, by))
        elif clip.style == "replay":
            row = " ".join(str(round(v)) for v in (index, x, y, w, h))
        elif clip.style == "celeba":  # of an image of 224 x 224 pixels
            scaled = (x / clip.size[0], y / clip.size[1], w / clip.size[0], h / clip.size[1])
            row = " ".join(f"{224 * v:.2f}" for v in scaled) + " 0.9990"
        else:
            row = ",".join(str(round(v)) for v in (index, x, y, x + w, y + h, bx, by, ax, ay))
        lines.append(row)
    return "\n".join(lines) + "\n"


def write_media(folder: Path, clip: Clip, frames: list[np.ndarray], eyes: np.ndarray) -> None:
    """Write a clip below the dataset's folder; its own file is there only when all is.

    Args:
        frames: (H, W, 3) uint8 RGB.
        eyes: (N, 2, 2), the eye that is left in the image first.
    """
    path = folder / clip.path
    if clip.codec in ("image", "images"):
        for index in reversed(range(len(frames))):  # the first one last
            name = f"{index:04}{path.suffix}" if clip.codec == "images" else path.name
            write_file(path.with_name(name), _image(frames[index], path.suffix))
    elif clip.codec == "wmca":
        grey = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames]
        other = folder / clip.path.replace("_RGB/", "_CDIT/")
        # Colour as grey, depth, infrared, thermal; the last three only look like it.
        write_file(other, _wmca([np.stack((g, 255 - g, g, 255 - g // 2)) for g in grey]))
        write_file(path, _wmca([frame.transpose(2, 0, 1) for frame in frames]))
    elif clip.codec == "3dmad":
        write_file(path, _3dmad(frames, eyes))
    else:
        _write_whole_video(path, frames, clip)


def _image(frame: np.ndarray, suffix: str) -> bytes:
    quality = [cv2.IMWRITE_JPEG_QUALITY, 95] if suffix == ".jpg" else []
    done, content = cv2.imencode(suffix, cv2.cvtColor(frame, cv2.COLOR_RGB2BGR), quality)
    if not done:
        raise ValueError(f"OpenCV cannot write {suffix} images")
    return content.tobytes()


def _wmca(arrays: list[np.ndarray]) -> bytes:
    import h5py

    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        for index, array in enumerate(arrays):
            group = file.create_group(f"Frame_{index}")
            # Without times in it, equal seeds give equal bytes.
            group.create_dataset("array", data=array, track_times=False)
    return content.getvalue()


def _3dmad(frames: list[np.ndarray], eyes: np.ndarray) -> bytes:
    import h5py

    colour = np.stack([frame.transpose(2, 0, 1) for frame in frames])
    # Bright is near, which is right for faces in front of walls often enough.
    depth = (_FAR - (_FAR - _NEAR) * colour.mean(axis=1, keepdims=True) / 255).astype(np.uint16)
    arrays = {
        "Color_Data": colour,
        "Depth_Data": depth,
        "Eye_Pos": eyes.round().astype(np.int16).reshape(len(frames), 4),
    }
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        for name, array in arrays.items():
            file.create_dataset(name, data=array, track_times=False, compression="gzip")
    return content.getvalue()


def _write_whole_video(path: Path, frames: list[np.ndarray], clip: Clip) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    quality = {
        "mpeg4": {"qscale:v": "2", "flags": "+qscale", "global_quality": str(118 * 2)},
        "mjpeg": {"flags": "+qscale", "global_quality": str(118 * 2)},
        # With B-frames, x264 now and then writes other bytes for the same frames.
        "h264": {"crf": "16", "preset": "veryfast", "bf": "0"},
    }[clip.codec]
    try:
        with reporting_full_disk(path.parent):
            _write_video(partial, path.suffix.lstrip(".").lower(), frames, clip, quality)
        os.replace(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def _write_video(
    path: Path, container: str, frames: list[np.ndarray], clip: Clip, quality: dict[str, str]
) -> None:
    with av.open(str(path), "w", format=container, options={"fflags": "+bitexact"}) as out:
        rate = fractions.Fraction(FRAME_RATE)
        stream = cast(av.VideoStream, out.add_stream(clip.codec, rate=rate, options=quality))
        stream.width, stream.height = clip.size
        stream.pix_fmt = "yuvj420p" if clip.codec == "mjpeg" else "yuv420p"
        stream.codec_context.thread_count = 1
        stream.codec_context.flags |= 1 << 23  # AV_CODEC_FLAG_BITEXACT: no encoder version inside
        for frame in frames:
            out.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        out.mux(stream.encode())
