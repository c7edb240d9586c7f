"""Makes synthetic twins: datasets in their original layouts, with clips rendered by a model."""

from __future__ import annotations

import json
import logging
import multiprocessing
import zlib
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from fas_plugin.datasets.files import MARKER, write_file
from fas_plugin.datasets.synthetic import face
from fas_plugin.datasets.synthetic.attack import cut_eyes, make_medium, present
from fas_plugin.datasets.synthetic.capture import CAMERAS, Camera, room, take, vary
from fas_plugin.datasets.synthetic.catalogue import CATALOGUE
from fas_plugin.datasets.synthetic.layouts import FOLDERS, FRAMES, Clip, Layout, layout
from fas_plugin.datasets.synthetic.worn import is_worn, wear
from fas_plugin.datasets.synthetic.write import annotation_text, write_media

logger = logging.getLogger(__name__)

VERSION = 2
SIZES = ("small", "tiny")


class SyntheticRootError(ValueError):
    """The folder cannot take synthetic data."""


#: Domain -> folder of its twin.
TWINS = FOLDERS | {domain: folder for domain, (folder, _) in CATALOGUE.items()}


def twin_layout(domain: str, size: str) -> Layout:
    """The clips and files of one twin; ``size`` is one of :data:`SIZES`."""
    if domain in FOLDERS:
        return layout(domain, size)
    return CATALOGUE[domain][1](size == "tiny")


def make_ocim(root: Path, *, seed: int = 0, size: str = "small", workers: int = 2) -> None:
    """:func:`make_twins` of OULU-NPU, CASIA-FASD, Replay-Attack and MSU-MFSD."""
    make_twins(root, tuple(FOLDERS), seed=seed, size=size, workers=workers)


def make_twins(
    root: Path, domains: Sequence[str], *, seed: int = 0, size: str = "small", workers: int = 2
) -> None:
    """Write look-alikes of datasets below ``root``, each in the layout of its release.

    Equal seeds give equal bytes. Clips that are there already are kept, so a killed call goes on, and
    further datasets can be added.

    Args:
        root: folder to fill.
        domains: which datasets, from :data:`TWINS`.
        seed: of identities, rooms, cameras and instruments.
        size: ``small`` (for runs; the four of OCIM have about 550 clips) or ``tiny`` (for tests).
        workers: processes.

    Raises:
        SyntheticRootError: ``root`` holds other data, or synthetic data with other settings.
        ValueError: unknown size or domain.
    """
    unknown = [domain for domain in domains if domain not in TWINS]
    if unknown:
        raise ValueError(f"no synthetic twin of {unknown[0]!r}; there are {', '.join(TWINS)}")
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
                f"{root} holds synthetic data with other settings ({found}); "
                "remove the folder or choose another"
            )
    elif root.exists() and any(root.iterdir()):
        raise SyntheticRootError(
            f"{root} is not empty and holds no synthetic data; choose a new folder"
        )
    root.mkdir(parents=True, exist_ok=True)
    write_file(marker, (json.dumps(settings, indent=2) + "\n").encode())

    jobs = []
    for domain in domains:
        folder, plan = TWINS[domain], twin_layout(domain, size)
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
        write_file(folder / clip.annotation, annotation_text(clip, box, eyes).encode())
    if clip.cropped:
        frames = [_cropped(f, b, clip.cropped) for f, b in zip(frames, box, strict=True)]
    write_media(folder, clip, frames, eyes)  # last: a clip that is there is complete


def _cropped(frame: np.ndarray, box: np.ndarray, side: int) -> np.ndarray:
    x, y, width, height = box
    half = max(width, height) * 0.55
    centre = (x + width / 2, y + height / 2)
    size = max(8, round(2 * half))
    patch = cv2.getRectSubPix(frame, (size, size), centre)
    return cv2.resize(patch, (side, side), interpolation=cv2.INTER_AREA)


def render_clip(
    domain: str, clip: Clip, seed: int, random: np.random.Generator
) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    """Render the frames of one clip.

    Returns:
        Frames, each (H, W, 3) uint8 RGB; face boxes (N, 4) as x, y, width, height; eye centres
        (N, 2, 2), the one that is left in the image first.
    """
    width, height = clip.size
    light = float(random.uniform(-0.9, 0.9))
    code = _code(domain)
    person = face.make_identity((seed, code, clip.subject))
    scale = min(width, height) / face.CANVAS * float(random.uniform(0.78, 1.0))
    left = (width - face.CANVAS * scale) / 2 + float(random.normal(0, width * 0.03))
    top = (height - face.CANVAS * scale) * float(random.uniform(0.35, 0.55))
    place = np.array([[scale, 0, left], [0, scale, top]])

    def stage(blink: bool) -> np.ndarray:
        drawn, cover = face.render(person, light, blink)
        if worn:
            drawn = wear(drawn, person, worn, np.random.default_rng((seed, code, clip.subject, 1)))
        size = (width, height)
        drawn = cv2.warpAffine(
            drawn, place, size, flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE
        )
        cover = cv2.warpAffine(cover, place, size, flags=cv2.INTER_AREA)[..., None]
        return drawn * cover + background * (1 - cover)

    worn = clip.instrument if is_worn(clip.instrument) else None
    held = None if worn else clip.instrument
    background = room(random, domain, width, height)
    open_eyes = stage(False)
    closed_eyes = stage(True) if held in (None, "print.cut") else open_eyes
    camera = vary(_camera(domain), random, clip.low_light)
    box = np.array(face.BOX, float) * scale + (left, top, 0, 0)
    eyes = np.array(
        [(face.CANVAS / 2 + s * person.eye_distance, face.EYE_Y) for s in (-1, 1)]
    ) * scale + (left, top)

    behind = room(random, domain, width, height) if held else None
    medium = make_medium(held, random, box[2] / 2, height) if held else None
    middle = (box[0] + box[2] / 2, box[1] + box[3] * 0.55)
    sway = 1.4 if clip.handheld else 0.5
    shift = random.normal(0, sway, 2)
    scene, offset = open_eyes, shift
    frames, boxes, eye_points = [], [], []
    for index in range(clip.frames):
        # A scene is rendered anew twice a clip, the second time with closed eyes where they are
        # real; in between it only sways. Rendering is the expensive part.
        step = random.normal(0, sway, 2)
        if index % max(1, clip.frames // 2) == 0:
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


def _code(domain: str) -> int:
    """A number per domain; of one letter its code, which the first four datasets were made with."""
    return ord(domain) if len(domain) == 1 else zlib.crc32(domain.encode())


def _camera(domain: str) -> Camera:
    """The camera of a domain; one without a description has some camera, always the same."""
    if domain in CAMERAS:
        return CAMERAS[domain]
    random = np.random.default_rng(_code(domain))
    return vary(CAMERAS[str(random.choice(list(CAMERAS)))], random)
