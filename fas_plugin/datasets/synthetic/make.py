"""Makes a synthetic OCIM: four datasets in the original layouts, with clips rendered by a model."""

from __future__ import annotations

import fractions
import json
import logging
import multiprocessing
import os
import zlib
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from pathlib import Path

import av
import cv2
import numpy as np
from tqdm import tqdm

from fas_plugin.datasets.files import reporting_full_disk, write_file
from fas_plugin.datasets.synthetic import face
from fas_plugin.datasets.synthetic.attack import cut_eyes, make_medium, present
from fas_plugin.datasets.synthetic.capture import CAMERAS, room, take, vary
from fas_plugin.datasets.synthetic.layouts import FOLDERS, Clip, layout

logger = logging.getLogger(__name__)

VERSION = 2
FRAMES = 6  # per clip; the originals have 100 to 500
FRAME_RATE = 25
SIZES = ("small", "tiny")

#: The file that says "synthetic"; adapters never look at it, preparation marks records by it.
MARKER = "SYNTHETIC.json"


class SyntheticRootError(ValueError):
    """The folder cannot take a synthetic OCIM."""


def make_ocim(root: Path, *, seed: int = 0, size: str = "small", workers: int = 2) -> None:
    """Write OULU-NPU, CASIA-FASD, Replay-Attack and MSU-MFSD look-alikes below ``root``.

    Equal seeds give equal bytes. Clips that are there already are kept, so a killed call goes on.

    Args:
        root: folder to fill.
        seed: of identities, rooms, cameras and instruments.
        size: ``small`` (about 550 clips) or ``tiny`` (about 100, for tests).
        workers: processes.

    Raises:
        SyntheticRootError: ``root`` holds other data, or a synthetic OCIM with other settings.
        ValueError: unknown size.
    """
    if size not in SIZES:
        raise ValueError(f"size {size!r}: expected one of {', '.join(SIZES)}")
    settings = {
        "synthetic": True,
        "generator_version": VERSION,
        "seed": seed,
        "size": size,
        "frames_per_clip": FRAMES,
        "note": "Rendered faces, no person. Frames are smaller than the originals'.",
    }
    marker = root / MARKER
    if marker.exists():
        found = json.loads(marker.read_text(encoding="utf-8"))
        if found != settings:
            raise SyntheticRootError(
                f"{root} holds a synthetic OCIM with other settings ({found}); "
                "remove the folder or choose another"
            )
    elif root.exists() and any(root.iterdir()):
        raise SyntheticRootError(
            f"{root} is not empty and not a synthetic OCIM; choose a new folder"
        )
    root.mkdir(parents=True, exist_ok=True)
    write_file(marker, (json.dumps(settings, indent=2) + "\n").encode())

    jobs = []
    for domain, folder in FOLDERS.items():
        plan = layout(domain, size)
        for name, content in plan.files.items():
            write_file(root / folder / name, content.encode())
        jobs += [
            (root / folder, domain, clip, seed)
            for clip in plan.clips
            if not (root / folder / clip.path).exists()
        ]
    if not jobs:
        logger.info("%s: complete", root)
        return
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        futures = [pool.submit(_make_clip, *job) for job in jobs]
        try:
            for future in tqdm(
                as_completed(futures), total=len(futures), desc="synthesize", unit="clip"
            ):
                future.result()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _make_clip(folder: Path, domain: str, clip: Clip, seed: int) -> None:
    cv2.setNumThreads(1)
    # crc32, not hash(): the latter differs from process to process.
    random = np.random.default_rng((seed, zlib.crc32(f"{domain}/{clip.path}".encode())))
    frames, box, eyes = render_clip(domain, clip, seed, random)
    if clip.rotated:
        frames = [np.ascontiguousarray(frame[::-1, ::-1]) for frame in frames]
    if clip.annotation:
        write_file(folder / clip.annotation, _annotation(clip, box, eyes).encode())
    _encode(folder / clip.path, frames, clip)  # last: a clip that is there is complete


def render_clip(
    domain: str, clip: Clip, seed: int, random: np.random.Generator
) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    """Render the frames of one clip.

    Returns:
        Frames, each (H, W, 3) uint8 RGB; face boxes (FRAMES, 4) as x, y, width, height; eye centres
        (FRAMES, 2, 2), the one that is left in the image first.
    """
    width, height = clip.size
    light = float(random.uniform(-0.9, 0.9))
    person = face.make_identity((seed, ord(domain), clip.subject))
    scale = min(width, height) / face.CANVAS * float(random.uniform(0.78, 1.0))
    left = (width - face.CANVAS * scale) / 2 + float(random.normal(0, width * 0.03))
    top = (height - face.CANVAS * scale) * float(random.uniform(0.35, 0.55))
    place = np.array([[scale, 0, left], [0, scale, top]])

    def stage(blink: bool) -> np.ndarray:
        drawn, cover = face.render(person, light, blink)
        size = (width, height)
        drawn = cv2.warpAffine(
            drawn, place, size, flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE
        )
        cover = cv2.warpAffine(cover, place, size, flags=cv2.INTER_AREA)[..., None]
        return drawn * cover + background * (1 - cover)

    background = room(random, domain, width, height)
    open_eyes = stage(False)
    closed_eyes = stage(True) if clip.instrument in (None, "print.cut") else open_eyes
    camera = vary(CAMERAS[domain], random, clip.low_light)
    box = np.array(face.BOX, float) * scale + (left, top, 0, 0)
    eyes = np.array(
        [(face.CANVAS / 2 + s * person.eye_distance, face.EYE_Y) for s in (-1, 1)]
    ) * scale + (left, top)

    behind = room(random, domain, width, height) if clip.instrument else None
    medium = make_medium(clip.instrument, random, box[2] / 2, height) if clip.instrument else None
    middle = (box[0] + box[2] / 2, box[1] + box[3] * 0.55)
    sway = 1.4 if clip.handheld else 0.5
    shift = random.normal(0, sway, 2)
    frames, boxes, eye_points = [], [], []
    for index in range(FRAMES):
        # A scene is rendered anew twice a clip, the second time with closed eyes where they are
        # real; in between it only sways. Rendering is the expensive part.
        step = random.normal(0, sway, 2)
        if index % (FRAMES // 2) == 0:
            person_now = closed_eyes if index else open_eyes
            scene, offset = _moved(person_now, shift), shift.copy()
            if medium is not None and behind is not None:
                centre = (middle[0] + shift[0], middle[1] + shift[1])
                sheet = replace(medium, period=medium.period * (1 + 0.004 * shift[0]))
                scene = present(_moved(open_eyes, shift), behind, sheet, centre)
                if clip.instrument == "print.cut":
                    through = _moved(person_now, shift + np.array((1.5, 1.0)))
                    radius = scale * person.eye_size * 0.72
                    scene = cut_eyes(scene, through, list(eyes + shift), radius)
        shift = 0.8 * shift + step
        frames.append(take(_moved(scene, shift - offset), camera, random))
        boxes.append(box + np.array((*shift, 0, 0)))
        eye_points.append(eyes + shift)
    return frames, np.array(boxes), np.array(eye_points)


def _moved(image: np.ndarray, shift: np.ndarray) -> np.ndarray:
    matrix = np.array([[1, 0, shift[0]], [0, 1, shift[1]]])
    return cv2.warpAffine(image, matrix, image.shape[1::-1], borderMode=cv2.BORDER_REPLICATE)


def _annotation(clip: Clip, boxes: np.ndarray, eyes: np.ndarray) -> str:
    lines = []
    for index, ((x, y, w, h), points) in enumerate(zip(boxes, eyes, strict=True)):
        (ax, ay), (bx, by) = points  # left in the image is the subject's right
        if clip.style == "oulu":
            row = ",".join(str(round(v)) for v in (index, ax, ay, bx, by))
        elif clip.style == "replay":
            row = " ".join(str(round(v)) for v in (index, x, y, w, h))
        else:
            row = ",".join(str(round(v)) for v in (index, x, y, x + w, y + h, bx, by, ax, ay))
        lines.append(row)
    return "\n".join(lines) + "\n"


def _encode(path: Path, frames: list[np.ndarray], clip: Clip) -> None:
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
            _write_video(partial, path.suffix.lstrip("."), frames, clip, quality)
        os.replace(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def _write_video(
    path: Path, container: str, frames: list[np.ndarray], clip: Clip, quality: dict[str, str]
) -> None:
    with av.open(str(path), "w", format=container, options={"fflags": "+bitexact"}) as out:
        stream = out.add_stream(clip.codec, rate=fractions.Fraction(FRAME_RATE), options=quality)
        stream.width, stream.height = clip.size
        stream.pix_fmt = "yuvj420p" if clip.codec == "mjpeg" else "yuv420p"
        stream.codec_context.thread_count = 1
        stream.codec_context.flags |= 1 << 23  # AV_CODEC_FLAG_BITEXACT: no encoder version inside
        for frame in frames:
            out.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        out.mux(stream.encode())
