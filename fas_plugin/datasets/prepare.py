"""From dataset folders to face images and a manifest: parallel, restartable, every failure counted."""

from __future__ import annotations

import hashlib
import json
import logging
import multiprocessing
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
from tqdm import tqdm

from fas_plugin.datasets.adapters import ADAPTERS, Clip, DatasetError, list_clips
from fas_plugin.datasets.faces import MARGIN, Box, crop, encode_png, locate
from fas_plugin.datasets.files import fingerprint, write_file
from fas_plugin.datasets.media import MediaError, sample_frames
from fas_plugin.datasets.record import SCHEMA_VERSION, Record, write_manifest
from fas_plugin.datasets.synthetic import MARKER
from fas_plugin.labels import FasClass

logger = logging.getLogger(__name__)


class PrepareError(ValueError):
    """Preparation cannot start or has nothing to show."""


@dataclass(frozen=True)
class PrepareSummary:
    """Counts of a preparation, by ``domain/label``.

    Attributes:
        clips: clips read.
        images: face images written.
        face_sources: images by ``domain/class/source`` of the face box.
        broken: clips that could not be decoded.
        broken_clips: what was wrong with each, at most 100.
        unused: files that are no clips of the release, by domain.
        unused_files: why each was not used, at most 100.
        synthetic: the datasets are synthetic.
    """

    clips: dict[str, int]
    images: dict[str, int]
    face_sources: dict[str, int]
    broken: dict[str, int]
    broken_clips: tuple[str, ...]
    unused: dict[str, int]
    unused_files: tuple[str, ...]
    synthetic: bool

    def __str__(self) -> str:
        lines = ["synthetic data" if self.synthetic else "datasets as released"]
        width = max(map(len, self.clips), default=0)
        lines += [
            f"  {name:<{width}}  {self.clips[name]:>6} clips  {self.images.get(name, 0):>6} images"
            + (f"  {self.broken[name]} broken" if name in self.broken else "")
            for name in self.clips
        ]
        sources = Counter()
        for name, count in self.face_sources.items():
            sources[name.rpartition("/")[2]] += count
        lines.append("  face boxes: " + ", ".join(f"{n} by {s}" for s, n in sources.most_common()))
        lines += [f"  broken: {text}" for text in self.broken_clips[:5]]
        lines += [f"  not used: {text}" for text in self.unused_files[:5]]
        return "\n".join(lines)


def prepare(
    root: Path,
    out: Path,
    *,
    domains: Sequence[str] = ("O", "C", "I", "M"),
    frames_per_video: int = 2,
    image_size: int = 112,
    workers: int = 2,
) -> PrepareSummary:
    """Read every clip below ``root``, write face images and ``manifest.jsonl`` into ``out``.

    Each finished clip leaves its records in ``out/clips``; a killed call goes on from there and ends
    with the same bytes as an undisturbed one.

    Args:
        root: folder that holds one folder per dataset.
        out: folder for ``images/``, ``manifest.jsonl`` and ``summary.json``.
        domains: letters of the datasets to read.
        frames_per_video: frames per clip, evenly spaced.
        image_size: side of a face image, in pixels.
        workers: processes.

    Raises:
        DatasetError: a dataset is missing or empty.
        PrepareError: ``out`` was prepared with other settings, or a dataset has no usable clip of
            one class.
    """
    settings = {
        "schema_version": SCHEMA_VERSION,
        "root": str(root.resolve()),
        "domains": list(domains),
        "frames_per_video": frames_per_video,
        "image_size": image_size,
        "margin": MARGIN,
    }
    _check_settings(out, settings)
    synthetic = (root / MARKER).exists()
    listed = {domain: list_clips(root, ADAPTERS[domain]) for domain in domains}
    clips = {domain: found for domain, (found, _) in listed.items()}
    unused = {domain: skipped for domain, (_, skipped) in listed.items() if skipped}
    write_file(out / "settings.json", (json.dumps(settings, indent=2) + "\n").encode())

    todo = [
        (domain, clip, out, frames_per_video, image_size, synthetic)
        for domain in domains
        for clip in clips[domain]
        if not _result_path(out, clip).exists()
    ]
    if todo:
        # Processes, not threads: decoding and cropping hold the interpreter's lock.
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(workers, mp_context=context) as pool:
            futures = [pool.submit(_prepare_clip, *job) for job in todo]
            try:
                for future in tqdm(
                    as_completed(futures), total=len(futures), desc="prepare", unit="clip"
                ):
                    future.result()
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
    return _finish(out, clips, unused, synthetic)


def _check_settings(out: Path, settings: dict[str, Any]) -> None:
    path = out / "settings.json"
    if not path.exists():
        return
    before = json.loads(path.read_text(encoding="utf-8"))
    changed = [name for name in settings if before.get(name) != settings[name]]
    if changed:
        raise PrepareError(
            f"{out} was prepared with other settings ("
            + "; ".join(f"{name} {before.get(name)!r}, now {settings[name]!r}" for name in changed)
            + "); choose another folder or remove it"
        )


def _result_path(out: Path, clip: Clip) -> Path:
    return out / "clips" / f"{clip.video}.json"


def _prepare_clip(
    domain: str, clip: Clip, out: Path, frames: int, image_size: int, synthetic: bool
) -> None:
    cv2.setNumThreads(1)
    try:
        records = list(_records(domain, clip, out, frames, image_size, synthetic))
        result: dict[str, Any] = {"records": [record.as_dict() for record in records]}
    except MediaError as error:
        result = {"broken": str(error)}
    write_file(_result_path(out, clip), (json.dumps(result) + "\n").encode())


def _records(
    domain: str, clip: Clip, out: Path, count: int, image_size: int, synthetic: bool
) -> Iterable[Record]:
    adapter = ADAPTERS[domain]
    sample = sample_frames(clip.path, count, stored_rotation=180 if clip.upside_down else 0)
    video = clip.video
    boxes: Mapping[int, Box] = {}
    if clip.box is not None:
        boxes = {index: clip.box for index, _ in sample.frames}
    elif adapter.boxes and clip.annotation and sample.frames:
        height, width = sample.frames[0][1].shape[:2]
        boxes = adapter.boxes(clip.annotation, width, height)
    media_fingerprint = fingerprint(clip.path)
    for index, frame in sample.frames:
        box, source = locate(frame, index, boxes)
        content = encode_png(crop(frame, box, source, image_size))
        image = f"images/{video}_{index:05}.png"
        write_file(out / image, content)
        yield Record(
            record_id=f"{video}#{index}",
            dataset=adapter.name,
            domain=domain,
            media=clip.media,
            video=video,
            frame_index=index,
            image=image,
            label=str(clip.label),
            pai_code=clip.pai_code,
            subject=clip.subject,
            session=clip.session,
            device=clip.device,
            split=clip.split,
            face_box=(box.x, box.y, box.width, box.height),
            face_source=source,
            rotation_applied=sample.rotation_applied,
            width=frame.shape[1],
            height=frame.shape[0],
            image_sha256=hashlib.sha256(content).hexdigest(),
            media_fingerprint=media_fingerprint,
            synthetic=synthetic,
        )


def _finish(
    out: Path, clips: dict[str, list[Clip]], unused: dict[str, list[str]], synthetic: bool
) -> PrepareSummary:
    counts: dict[str, Counter[str]] = {
        name: Counter() for name in ("clips", "images", "face_sources", "broken")
    }
    records, reasons = [], []
    for domain, listed in clips.items():
        usable: Counter[FasClass] = Counter()
        for clip in listed:
            key = f"{domain}/{clip.label}"
            result = json.loads(_result_path(out, clip).read_text(encoding="utf-8"))
            counts["clips"][key] += 1
            if "broken" in result:
                counts["broken"][key] += 1
                reasons.append(result["broken"])
                continue
            usable[clip.label.cls] += 1
            for row in result["records"]:
                record = Record.from_dict(row)
                records.append(record)
                counts["images"][key] += 1
                counts["face_sources"][f"{domain}/{clip.label.cls}/{record.face_source}"] += 1
        for cls in FasClass:
            if not usable[cls]:
                raise PrepareError(
                    f"{ADAPTERS[domain].name}: no usable {cls} clip among {len(listed)} "
                    f"({counts['broken'].total()} broken); {reasons[:1] or 'is the copy complete?'}"
                )
    for reason in reasons[:20]:
        logger.warning("skipped: %s", reason)
    write_manifest(out / "manifest.jsonl", records)
    summary = PrepareSummary(
        **{name: dict(sorted(counter.items())) for name, counter in counts.items()},
        broken_clips=tuple(reasons[:100]),
        unused={domain: len(skipped) for domain, skipped in unused.items()},
        unused_files=tuple(text for skipped in unused.values() for text in skipped)[:100],
        synthetic=synthetic,
    )
    write_file(out / "summary.json", (json.dumps(asdict(summary), indent=2) + "\n").encode())
    return summary


__all__ = ["DatasetError", "PrepareError", "PrepareSummary", "prepare"]
