"""From one clip to its face images and its line of the journal (see :mod:`fas_plugin.datasets.prepare`)."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
from av.error import FFmpegError

from fas_plugin.datasets.adapters import ADAPTERS, Adapter, Clip
from fas_plugin.datasets.faces import (
    CROPS,
    FORMATS,
    Box,
    crop,
    difference_hash,
    encode,
    find_upright,
    locate,
    turned,
)
from fas_plugin.datasets.files import fingerprint
from fas_plugin.datasets.media import Frame, MediaError, read_frames
from fas_plugin.datasets.record import SCHEMA_VERSION, Record, validate
from fas_plugin.datasets.sampling import get_sampling

#: Of the layout of the folder and of what is done to images; another one is another setting.
VERSION = 5


@dataclass(frozen=True)
class Settings:
    """What the bytes of the images depend on.

    Attributes:
        root: folder that holds one folder per dataset.
        domains: letters or short names of the datasets.
        frames: name of a sampling policy (:mod:`fas_plugin.datasets.sampling`).
        crop: name of a crop style (:data:`fas_plugin.datasets.faces.CROPS`).
        image_size: side of a face image, in pixels.
        image_format: ``png``, ``webp`` or ``jpeg``.
    """

    root: str
    domains: tuple[str, ...]
    frames: str
    crop: str
    image_size: int
    image_format: str
    synthetic: bool
    version: int = VERSION
    schema_version: int = SCHEMA_VERSION


def clip_key(clip: Clip) -> str:
    """Tells one state of a clip from another: what is known of it, and its size on disk."""
    facts = (
        *(clip.video, clip.media, str(clip.label), clip.pai_code, clip.subject, clip.session),
        *(clip.device, clip.split, clip.upside_down, clip.size, clip.annotated_by, clip.frames),
        clip.box,
    )
    return hashlib.blake2b(repr(facts).encode(), digest_size=16).hexdigest()


def clip_lines(clips: Sequence[Clip], settings: Settings, out: Path) -> list[tuple[str, str]]:
    """The keys of some clips and their lines of the journal. Their images are written when it returns."""
    cv2.setNumThreads(1)
    return [_images(clip, settings, out) for clip in clips]


def died(clip: Clip) -> tuple[str, str]:
    """The same for a clip that the process died of that decoded it."""
    reason = "the process that decoded it died (a crash, or too little memory)"
    return _line(clip, broken=f"{clip.path}: {reason}")


def _images(clip: Clip, settings: Settings, out: Path) -> tuple[str, str]:
    written: list[Path] = []
    try:
        records = list(_records(clip, settings, out, written))
        if not records:
            raise MediaError(f"{clip.path}: no frames in it")
    except (MediaError, FFmpegError) as error:
        for path in written:
            path.unlink(missing_ok=True)
        # FFmpeg's: a frame that was decoded and cannot become RGB.
        reason = str(error) if isinstance(error, MediaError) else f"{clip.path}: {error}"
        return _line(clip, broken=reason)
    return _line(clip, records=records)


def _line(clip: Clip, **found: Any) -> tuple[str, str]:
    # The key comes first: the journal finds it without reading the rest.
    key = clip_key(clip)
    row = {"key": key, "clip": _name(clip), **found}
    return key, json.dumps(row, ensure_ascii=False) + "\n"


def _name(clip: Clip) -> str:
    """What a clip is counted under."""
    return f"{clip.video.partition('/')[0]}/{clip.label}"


def _records(
    clip: Clip, settings: Settings, out: Path, written: list[Path]
) -> Iterator[dict[str, Any]]:
    adapter = ADAPTERS[clip.video.partition("/")[0]]
    style = CROPS["frame" if adapter.cropped else settings.crop]
    images = [(number, clip.folder / clip.frame_media(name)) for number, name in clip.frames]
    media = dict(clip.frames)
    boxes: Mapping[int, Box] = {}
    fixed: Box | None = None
    turn: int | None = None
    prints: dict[str, str] = {}
    for frame in read_frames(clip.path, get_sampling(settings.frames), images):
        if turn is None:
            turn = _turn(clip, adapter, frame)
            boxes = _boxes(clip, adapter, frame, turn)
            if clip.box is not None:  # of all frames
                fixed = turned(clip.box, turn, frame.picture.width, frame.picture.height)
        picture = frame.upright(turn)
        if style.name == "frame":
            box, source = Box(0, 0, picture.width, picture.height), "frame"
        else:
            known = {frame.index: fixed} if fixed else boxes
            box, source = locate(picture, frame.index, known)
        image = crop(picture, box, source, settings.image_size, style)
        content = encode(image, settings.image_format)
        path = _image_path(clip.video, frame.index, settings.image_format)
        written.append(out / path)
        _write_image(out / path, content)
        name = clip.frame_media(media[frame.index]) if media else clip.media
        if name not in prints:
            prints[name] = fingerprint(clip.folder / name)
        record = Record(
            record_id=f"{clip.video}#{frame.index}",
            dataset=adapter.name,
            domain=adapter.domain,
            media=name,
            video=clip.video,
            frame_index=frame.index,
            image=path,
            label=str(clip.label),
            pai_code=clip.pai_code,
            subject=clip.subject,
            session=clip.session,
            device=clip.device,
            split=clip.split,
            face_box=(box.x, box.y, box.width, box.height),
            face_source=source,
            rotation_applied=turn,
            width=picture.width,
            height=picture.height,
            image_sha256=hashlib.sha256(content).hexdigest(),
            image_dhash=difference_hash(image),
            media_fingerprint=prints[name],
            synthetic=settings.synthetic,
        ).as_dict()
        try:
            validate(record)
        except ValueError as error:
            raise MediaError(f"{clip.path}: {error}") from None
        yield record


def _turn(clip: Clip, adapter: Adapter, frame: Frame) -> int:
    """By how many degrees clockwise the clip is turned: a tag wins (whoever added it has corrected
    the clip), then the release's known clips, then the detector where a release is known for it."""
    if frame.tag:
        return frame.tag
    if clip.upside_down:
        return 180
    return find_upright(frame.picture.rgb()) if adapter.turned_clips else 0


def _boxes(clip: Clip, adapter: Adapter, frame: Frame, turn: int) -> Mapping[int, Box]:
    """Known boxes by frame index, in the upright frame."""
    if adapter.boxes is None or clip.annotation is None:
        return {}
    width, height = frame.picture.width, frame.picture.height
    if clip.frames:  # who annotates images sees them as EXIF turns them
        if turn in (90, 270):
            height, width = width, height
        return adapter.boxes(clip.annotation, width, height)
    stored = adapter.boxes(clip.annotation, width, height)
    if turn == 0:
        return stored
    return {index: turned(box, turn, width, height) for index, box in stored.items()}


_UNSAFE = re.compile(r"[^A-Za-z0-9_-]+")


def _image_path(video: str, index: int, image_format: str) -> str:
    """``images/O/3f/Train_files-1_1_01_1-9c41d2_00012.png``: told apart by a digest of the clip."""
    domain, _, name = video.partition("/")
    digest = hashlib.blake2b(video.encode(), digest_size=8).hexdigest()
    readable = _UNSAFE.sub("-", name)[-80:]
    suffix = FORMATS[image_format]
    return f"images/{domain}/{digest[:2]}/{readable}-{digest[2:]}_{index:05}{suffix}"


def _write_image(path: Path, content: bytes) -> None:
    # Not renamed into place: an image counts only when the journal has its clip, and a clip that the
    # journal lacks is done again.
    try:
        path.write_bytes(content)
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
