"""From dataset folders to face images and a manifest: parallel, restartable, every failure counted.

In the folder that preparation writes::

    settings.json     what the images depend on
    images/           the face images, spread over at most 256 folders a dataset
    journal.jsonl     one line per clip: its records, or why it is broken
    manifest.jsonl    the records
    summary.json      counts

While it works, finished clips are appended to ``journal.partial.jsonl``; a killed call goes on from
there and ends with the same bytes as an undisturbed one.
"""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from tqdm import tqdm

from fas_plugin.datasets.adapters import (
    ADAPTERS,
    Adapter,
    Clip,
    DatasetError,
    Found,
    find_folder,
    iter_clips,
)
from fas_plugin.datasets.clip_images import Settings, clip_key, clip_lines, died
from fas_plugin.datasets.engines import run_here, run_processes, run_ray
from fas_plugin.datasets.faces import CROPS, FORMATS
from fas_plugin.datasets.files import write_file, writing
from fas_plugin.datasets.journal import Journal
from fas_plugin.datasets.record import json_line
from fas_plugin.datasets.sampling import get_sampling
from fas_plugin.datasets.synthetic import MARKER
from fas_plugin.labels import FasClass

logger = logging.getLogger(__name__)

#: Reasons that the summary keeps; all are counted, and the journal has every one.
MAX_REASONS = 1000
#: Image files that are worked on together; a video or HDF5 file is work enough alone.
IMAGES_A_JOB = 64


class PrepareError(ValueError):
    """Preparation cannot start or has nothing to show."""


@dataclass(frozen=True)
class PrepareSummary:
    """Counts of a preparation, by ``domain/label``.

    Attributes:
        clips: clips listed.
        images: face images written.
        faces_missed: images of whole frames, because neither the annotation nor the detector knows a
            face (failure to acquire); a part of ``images``.
        face_sources: images by who said where the face is.
        broken: clips that could not be decoded, by ``domain/label``.
        broken_clips: what was wrong with each, at most :data:`MAX_REASONS`.
        skipped: files that are no clips of the release or cannot be used, by domain.
        skipped_files: why each was not used, at most :data:`MAX_REASONS`.
        unused: files of the release that are no part of the task, by reason.
        assumed: what was taken for granted, and for how many files.
        lacking: classes of which a dataset has no usable clip, as ``domain/class``.
        synthetic: the datasets are synthetic.
    """

    clips: dict[str, int]
    images: dict[str, int]
    faces_missed: dict[str, int]
    face_sources: dict[str, int]
    broken: dict[str, int]
    broken_clips: tuple[str, ...]
    skipped: dict[str, int]
    skipped_files: tuple[str, ...]
    unused: dict[str, int]
    assumed: dict[str, int]
    lacking: tuple[str, ...]
    synthetic: bool

    @property
    def complete(self) -> bool:
        """Whether every file was used that looks like a clip."""
        return not self.broken and not self.skipped

    def __str__(self) -> str:
        lines = ["synthetic data" if self.synthetic else "datasets as released"]
        width = max(map(len, self.clips), default=0)
        for name, clips in self.clips.items():
            line = f"  {name:<{width}}  {clips:>7} clips  {self.images.get(name, 0):>7} images"
            if name in self.faces_missed:
                line += f"  {self.faces_missed[name]} without a face found (whole frame)"
            if name in self.broken:
                line += f"  {self.broken[name]} broken"
            lines.append(line)
        sources = ", ".join(f"{count} by {name}" for name, count in self.face_sources.items())
        lines.append(f"  face boxes: {sources}")
        for what, counts, reasons in (
            ("broken", self.broken, self.broken_clips),
            ("skipped", self.skipped, self.skipped_files),
        ):
            lines += [f"  {what}: {text}" for text in reasons[:5]]
            if sum(counts.values()) > 5:
                lines.append(f"  {what}: {sum(counts.values())} in all; see summary.json")
        lines += [f"  assumed for {count} files: {what}" for what, count in self.assumed.items()]
        lines += [f"  warning: no usable clip of {name}" for name in self.lacking]
        return "\n".join(lines)


def prepare(
    root: Path,
    out: Path,
    *,
    domains: Sequence[str] | None = None,
    frames: str = "uniform:2",
    crop_style: str = "context",
    image_size: int = 112,
    image_format: str = "png",
    workers: int = 2,
    engine: str = "local",
) -> PrepareSummary:
    """Read every clip below ``root``, write face images and ``manifest.jsonl`` into ``out``.

    Args:
        root: folder that holds one folder per dataset.
        out: folder to write; on a Ray cluster one that all nodes share, as they share ``root``.
        domains: of the datasets to read; None for all that are there.
        frames: name of a sampling policy.
        crop_style: name of a crop style.
        image_size: side of a face image, in pixels.
        image_format: ``png``, ``webp`` (both lossless) or ``jpeg`` (quality 98).
        workers: processes; with the engine ``ray`` Ray decides.
        engine: ``local`` or ``ray``.

    Raises:
        DatasetError: a dataset is missing, or none is there.
        PrepareError: ``out`` was prepared with other settings, no clip can be used, or clips came or
            went meanwhile.
        ValueError: an unknown policy, style, format or engine.
    """
    settings = _settings(root, domains, frames, crop_style, image_size, image_format)
    run = _engine(engine, workers)
    with _alone(out):
        _check_settings(out, settings)
        folders = [(find_folder(root, ADAPTERS[name]), ADAPTERS[name]) for name in settings.domains]
        write_file(out / "settings.json", (json.dumps(asdict(settings), indent=2) + "\n").encode())
        found = {adapter.domain: Found() for _, adapter in folders}
        order = [clip_key(clip) for clip in _clips(folders, found)]
        journal = Journal(out, set(order))
        with tqdm(
            total=len(order), initial=len(journal.places), desc="prepare", unit="clip"
        ) as bar:
            todo = (clip for clip in _clips(folders) if clip_key(clip) not in journal.places)
            for lines in run(partial(clip_lines, settings=settings, out=out), _jobs(todo)):
                for key, line in lines:
                    journal.append(key, line)
                bar.update(len(lines))
        if any(key not in journal.places for key in order):
            raise PrepareError(
                "the datasets changed while they were read; run the same command again"
            )
        return _finish(out, settings, found, journal, order)


# --- Settings and folders -------------------------------------------------------------------------


def _settings(
    root: Path,
    domains: Sequence[str] | None,
    frames: str,
    crop_style: str,
    image_size: int,
    image_format: str,
) -> Settings:
    get_sampling(frames)
    for what, value, known in (
        ("crop style", crop_style, CROPS),
        ("image format", image_format, FORMATS),
    ):
        if value not in known:
            raise ValueError(f"unknown {what} {value!r}; expected one of {', '.join(known)}")
    if not 16 <= image_size <= 4096:
        raise ValueError(f"image size {image_size}: expected 16 to 4096 pixels")
    unknown = [name for name in domains or () if name not in ADAPTERS]
    if unknown:
        raise ValueError(
            f"unknown dataset {unknown[0]!r}; expected some of "
            + ", ".join(f"{name} ({adapter.title})" for name, adapter in ADAPTERS.items())
        )
    for name in domains or ():
        find_folder(root, ADAPTERS[name])
    if not domains:
        domains = [name for name, adapter in ADAPTERS.items() if _is_there(root, adapter)]
        if not domains:
            known = ", ".join(adapter.title for adapter in ADAPTERS.values())
            raise DatasetError(f"{root}: no folder of a known dataset ({known})")
    return Settings(
        root=str(root.resolve()),
        domains=tuple(sorted(set(domains))),
        frames=frames,
        crop=crop_style,
        image_size=image_size,
        image_format=image_format,
        synthetic=(root / MARKER).exists(),
    )


def _is_there(root: Path, adapter: Adapter) -> bool:
    try:
        find_folder(root, adapter)
    except DatasetError:
        return False
    return True


def _engine(name: str, workers: int):
    if name == "ray":
        return partial(run_ray, workers=workers)
    if name != "local":
        raise ValueError(f"unknown engine {name!r}; expected local or ray")
    return run_here if workers == 1 else partial(run_processes, workers=workers, died=died)


def _check_settings(out: Path, settings: Settings) -> None:
    path = out / "settings.json"
    if not path.exists():
        return
    try:
        before = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        before = {}
    now = json.loads(json.dumps(asdict(settings)))
    changed = [name for name in now if before.get(name) != now[name]]
    if changed:
        raise PrepareError(
            f"{out} was prepared with other settings ("
            + "; ".join(f"{name} {before.get(name)!r}, now {now[name]!r}" for name in changed)
            + "); choose another folder or remove it"
        )


class _alone:
    """One preparation at a time in a folder."""

    def __init__(self, out: Path) -> None:
        self.path = out / ".lock"

    def __enter__(self) -> None:
        import fcntl

        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.file = self.path.open("w")
        try:
            fcntl.flock(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self.file.close()
            raise PrepareError(
                f"{self.path.parent}: another preparation works in this folder; wait for its end"
            ) from None
        for left in self.path.parent.glob(".*.partial"):  # of a killed one
            left.unlink()

    def __exit__(self, *_: object) -> None:
        self.path.unlink(missing_ok=True)
        self.file.close()


# --- The list of clips ----------------------------------------------------------------------------


def _clips(
    folders: Iterable[tuple[Path, Adapter]], found: Mapping[str, Found] | None = None
) -> Iterator[Clip]:
    """Every clip, dataset after dataset; never all in memory."""
    for folder, adapter in folders:
        yield from iter_clips(folder, adapter, found[adapter.domain] if found else Found())


def _jobs(clips: Iterable[Clip]) -> Iterator[list[Clip]]:
    """Clips in handfuls of about the same work."""
    job: list[Clip] = []
    work = 0
    for clip in clips:
        job.append(clip)
        work += len(clip.frames) or IMAGES_A_JOB
        if work >= IMAGES_A_JOB:
            yield job
            job, work = [], 0
    if job:
        yield job


# --- The end --------------------------------------------------------------------------------------


def _finish(
    out: Path,
    settings: Settings,
    found: Mapping[str, Found],
    journal: Journal,
    order: Sequence[str],
) -> PrepareSummary:
    counts: dict[str, Counter[str]] = {
        name: Counter() for name in ("clips", "images", "faces_missed", "face_sources", "broken")
    }
    reasons: list[str] = []
    cropped = {name for name in settings.domains if ADAPTERS[name].cropped}
    with writing(out / "journal.jsonl") as kept, writing(out / "manifest.jsonl") as manifest:
        for line in journal.lines(order):
            kept.write(line)
            row = json.loads(line)
            name = row["clip"]
            counts["clips"][name] += 1
            if "broken" in row:
                counts["broken"][name] += 1
                if len(reasons) < MAX_REASONS:
                    reasons.append(row["broken"])
                continue
            for record in row["records"]:
                manifest.write(json_line(record))
                counts["images"][name] += 1
                counts["face_sources"][record["face_source"]] += 1
                if record["face_source"] == "frame" and record["domain"] not in cropped:
                    counts["faces_missed"][name] += 1
    journal.close()
    if not counts["images"]:
        raise PrepareError(
            f"{settings.root}: no usable clip among {len(order)}; "
            f"{reasons[0] if reasons else 'is the copy complete?'}"
        )
    usable = {name.partition(":")[0] for name in counts["images"]}
    skipped = {name: seen.skips.total() for name, seen in found.items() if seen.skips}
    summary = PrepareSummary(
        **{name: dict(sorted(counter.items())) for name, counter in counts.items()},
        broken_clips=tuple(reasons),
        skipped=skipped,
        skipped_files=tuple(
            f"{name}/{text}" for name, seen in found.items() for text in seen.skipped
        )[:MAX_REASONS],
        unused=dict(sorted(sum((seen.unused for seen in found.values()), Counter()).items())),
        assumed=dict(sorted(sum((seen.assumed for seen in found.values()), Counter()).items())),
        lacking=tuple(
            f"{name}/{cls}"
            for name in settings.domains
            for cls in FasClass
            if f"{name}/{cls}" not in usable
        ),
        synthetic=settings.synthetic,
    )
    for reason in (*summary.broken_clips[:20], *summary.skipped_files[:20]):
        logger.warning("not used: %s", reason)
    write_file(out / "summary.json", (json.dumps(asdict(summary), indent=2) + "\n").encode())
    return summary
