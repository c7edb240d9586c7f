"""What is there: clips per class, instrument and split, against the published counts, and every fault.

Nothing is decoded. A scan opens files only when it is told to check their headers.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from fas_plugin.datasets.adapters import ADAPTERS, Adapter, DatasetError
from fas_plugin.datasets.adapters.base import Named, NotAClip
from fas_plugin.datasets.adapters.listing import (
    Clip,
    Found,
    folder_fits,
    iter_clips,
    printable,
)
from fas_plugin.datasets.files import MARKER
from fas_plugin.labels import FasClass, Label

#: Longest line of a list of files that is read, in characters.
MAX_LINE = 4096
#: Names that a report keeps of each kind of fault; all are counted.
MAX_NAMES = 1000
#: Clips whose headers are opened before the next ones are listed.
_BATCH = 1024


@dataclass
class Scan:
    """What was found of one dataset.

    Attributes:
        dataset, title, domain: of the adapter.
        place: the folder or the list.
        counts: (split, label) -> clips.
        frames: images of clips that are images.
        annotated: clips with an annotation.
        published: (split, class) -> published clips; split ``all`` where only totals are known.
        found: files, faults and assumptions.
        missing: clips of the release that are not there, where its names are known.
        broken: clips whose header could not be opened; only after a check.
        listed: label in a list -> class -> lines, to see which number means what.
    """

    dataset: str
    title: str
    domain: str
    place: str
    counts: Counter[tuple[str, Label]] = field(default_factory=Counter)
    frames: int = 0
    annotated: int = 0
    published: dict[tuple[str, FasClass], int] = field(default_factory=dict)
    found: Found = field(default_factory=Found)
    missing: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    listed: Counter[tuple[str, FasClass]] = field(default_factory=Counter)

    @property
    def clips(self) -> int:
        """All clips."""
        return self.counts.total()

    def of_class(self, split: str, cls: FasClass) -> int:
        """Clips of one class in a split; ``all`` means every split."""
        return sum(
            count
            for (where, label), count in self.counts.items()
            if label.cls is cls and split in (where, "all")
        )

    @property
    def short(self) -> dict[tuple[str, FasClass], int]:
        """How many published clips are not there, by split and class."""
        gaps = {key: count - self.of_class(*key) for key, count in self.published.items()}
        return {key: gap for key, gap in gaps.items() if gap > 0}

    @property
    def faults(self) -> int:
        """Files that are skipped, empty or broken, and published clips that are not there."""
        found = self.found
        return found.skips.total() + len(found.empty) + len(self.broken) + sum(self.short.values())

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        found = self.found
        return {
            "dataset": self.dataset,
            "domain": self.domain,
            "place": self.place,
            "files": found.files,
            "clips": self.clips,
            "frames": self.frames,
            "annotated": self.annotated,
            "counts": [
                {"split": split, "label": str(label), "clips": count}
                for (split, label), count in sorted(
                    self.counts.items(), key=lambda item: (item[0][0], str(item[0][1]))
                )
            ],
            "published": [
                {
                    "split": split,
                    "class": cls.value,
                    "published": count,
                    "found": self.of_class(split, cls),
                }
                for (split, cls), count in self.published.items()
            ],
            "faults": self.faults,
            "skipped": {"count": found.skips.total(), "files": found.skipped[:MAX_NAMES]},
            "missing": {"count": len(self.missing), "files": self.missing[:MAX_NAMES]},
            "empty": {"count": len(found.empty), "files": found.empty[:MAX_NAMES]},
            "broken": {"count": len(self.broken), "files": self.broken[:MAX_NAMES]},
            "unused": dict(found.unused),
            "assumed": dict(found.assumed),
            "listed_labels": {
                value: {cls.value: n for (v, cls), n in self.listed.items() if v == value}
                for value in sorted({value for value, _ in self.listed})
            },
        }

    def __str__(self) -> str:
        found = self.found
        lines = [f"{self.title} ({self.domain})  {self.place}"]
        lines.append(
            f"  {self.clips:,} clips in {found.files:,} files, {self.annotated:,} annotated"
        )
        splits = sorted({split for split, _ in self.counts}, key=_order)
        shown = {key[0] for key in self.published}
        for split in [*splits, *(["all"] if "all" in shown else sorted(shown - set(splits)))]:
            numbers = []
            for cls in FasClass:
                there, published = self.of_class(split, cls), self.published.get((split, cls))
                text = f"{there:,}" if published is None else f"{there:,}/{published:,}"
                numbers.append(f"{cls} {text}")
            lines.append(f"  {split:<5}  " + "   ".join(numbers))
        if self.published:
            lines.append("         (found/published)")
        kinds: Counter[str] = Counter()
        for (_, label), count in self.counts.items():
            if label.cls is FasClass.SPOOF:
                kinds[label.instrument or "unknown"] += count
        if kinds:
            lines.append(
                "  instruments: " + ", ".join(f"{k} {n:,}" for k, n in sorted(kinds.items()))
            )
        for value in sorted({value for value, _ in self.listed}):
            means = {cls: n for (v, cls), n in self.listed.items() if v == value}
            lines.append(
                f"  label {value} in the list: " + ", ".join(f"{n:,} {c}" for c, n in means.items())
            )
        lines += [f"  assumed ({n:,}): {text}" for text, n in sorted(found.assumed.items())]
        lines += [f"  not used ({n:,}): {text}" for text, n in sorted(found.unused.items())]
        for title, names, count in (
            ("skipped", found.skipped, found.skips.total()),
            ("missing", self.missing, len(self.missing)),
            ("empty", [printable(name) for name in found.empty], len(found.empty)),
            ("broken", self.broken, len(self.broken)),
        ):
            if count:
                lines.append(f"  {title}: {count:,}")
                lines += [f"    {name}" for name in names[:10]]
                if count > 10:
                    lines.append(f"    and {count - 10:,} more")
        return "\n".join(lines)


def _order(split: str) -> int:
    order = ("train", "dev", "test", "none")
    return order.index(split) if split in order else len(order)


def scan(
    root: Path,
    dataset: Adapter | None = None,
    *,
    check: bool = False,
    step: Callable[[int], object] | None = None,
) -> list[Scan]:
    """Scan every dataset below ``root``, or one.

    Args:
        root: folder that holds datasets, or the folder of one.
        dataset: look for this one only; ``root`` may then have any name.
        check: open the header of every media file.
        step: is called with the number of files of each folder, for a progress bar.

    Raises:
        DatasetError: ``root`` is no folder, or no folder in it is called like a dataset.
    """
    found = list(_folders(root, dataset))
    if not found:
        names = ", ".join(sorted(p.name for p in root.iterdir() if p.is_dir())[:10]) or "nothing"
        raise DatasetError(
            f"{root}: no folder called like a dataset (found: {names}); name the dataset with "
            f"--dataset: {', '.join(a.name for a in ADAPTERS.values())}"
        )
    return [_scan_folder(folder, adapter, check, step) for folder, adapter in found]


def _folders(root: Path, dataset: Adapter | None) -> Iterator[tuple[Path, Adapter]]:
    if not root.is_dir():
        raise DatasetError(f"{root}: no such folder; give the folder that holds the datasets")
    adapters: Sequence[Adapter] = [dataset] if dataset else list(ADAPTERS.values())
    children = sorted(path for path in root.iterdir() if path.is_dir())
    for adapter in adapters:
        own = [child for child in children if folder_fits(child.name, adapter)]
        if own:
            yield own[0], adapter
        elif dataset or (len(folder := root.resolve().name) > 1 and folder_fits(folder, adapter)):
            yield root, adapter


def _scan_folder(
    folder: Path, adapter: Adapter, check: bool, step: Callable[[int], object] | None
) -> Scan:
    result = _empty_scan(adapter, str(folder))
    if any((place / MARKER).is_file() for place in (folder, folder.parent)):
        result.published = {}  # a twin has as many clips as its generator makes
    try:
        _count(result, iter_clips(folder, adapter, result.found, step), check)
    except (DatasetError, OSError) as error:  # its lists contradict each other, or cannot be read
        result.found.skip(str(folder), str(error))
        return result
    if adapter.names and result.published:
        there = result.found.clips
        result.missing = [name for name in adapter.names() if adapter.read(name).clip not in there]
    return result


def _count(result: Scan, clips: Iterator[Clip], check: bool) -> None:
    with ThreadPoolExecutor() as pool:
        while batch := list(islice(clips, _BATCH)):
            for clip in batch:
                result.counts[clip.split, clip.label] += 1
                result.frames += len(clip.frames)
                result.annotated += clip.annotated_by is not None
            if check:
                for clip, fault in zip(batch, pool.map(header_fault, batch), strict=True):
                    if fault and clip.size:
                        result.broken.append(f"{printable(clip.media)}: {fault}")


def _empty_scan(adapter: Adapter, place: str) -> Scan:
    return Scan(
        dataset=adapter.name,
        title=adapter.title,
        domain=adapter.domain,
        place=place,
        published={
            (split, cls): count
            for split, counts in adapter.published.items()
            for cls, count in zip((FasClass.REAL, FasClass.SPOOF), counts, strict=True)
        },
    )


_COLUMNS = re.compile(r"[\s,;]+")
_LABEL = re.compile(r"[+-]?\d{1,2}|real|live|spoof|fake|attack", re.IGNORECASE)


def scan_list(lines: Iterable[str], adapter: Adapter, place: str = "list") -> Scan:
    """Parse a list of relative paths, without a look at the disk.

    A line is a path, alone or as one of several columns (``a/b.avi 1``, ``-1,b``, ``b.mov 022 print``).
    A column that looks like a label is only counted against what the name says: labels mean different
    things in different lists.
    """
    result = _empty_scan(adapter, place)
    result.published = {}
    found = result.found
    seen: set[str] = set()
    for line in lines:
        text = line[:MAX_LINE].strip().replace("\\", "/")
        if not text:
            continue
        found.files += 1
        try:
            if len(line) >= MAX_LINE:
                raise NotAClip(f"longer than {MAX_LINE} characters")
            if "../" in text or "\0" in text:
                raise NotAClip("a path with '..'")
            named, others = _entry(text, adapter)
        except NotAClip as reason:
            found.skip(text[:200], str(reason))
            continue
        if value := next((other for other in others if _LABEL.fullmatch(other)), None):
            result.listed[value, named.label.cls] += 1
        if named.clip in seen:  # another frame, or a line that is there to balance classes
            continue
        seen.add(named.clip)
        result.counts[named.split, named.label] += 1
        found.assumed.update(named.assumed)
        if named.unused:
            found.unused[named.unused] += 1
    return result


def _entry(text: str, adapter: Adapter) -> tuple[Named, list[str]]:
    """What the path in a line says, and the other columns: the first column counts if it is a path,
    else the whole line, else the first column that is one."""
    columns = [column.strip("\"'[]{}") for column in _COLUMNS.split(text)]
    why = None
    for path in (columns[0], text, *columns[1:]):
        try:
            return adapter.read(path), [column for column in columns if path not in (column, text)]
        except NotAClip as reason:
            why = why or reason
    raise why or NotAClip("no file name")


def read_list(path: Path) -> Iterator[str]:
    """The lines of a list, bounded in length, with what is not UTF-8 escaped."""
    with path.open(encoding="utf-8-sig", errors="surrogateescape") as lines:
        while line := lines.readline(MAX_LINE):
            yield line


_IMAGE_FORMATS = ("JPEG", "PNG", "BMP", "WEBP", "TIFF")


def header_fault(clip: Clip) -> str | None:
    """Why a clip's media cannot be opened; None where its header is sound. Decodes nothing."""
    import av
    from PIL import Image, UnidentifiedImageError

    from fas_plugin.datasets.media import DEMUXERS

    try:
        if clip.kind == "hdf5":
            import h5py

            with h5py.File(clip.path) as file:
                return None if len(file) else "an HDF5 file without data"
        if clip.kind == "images":
            for _, name in clip.frames:
                # Pillow knows formats that start programs.
                with Image.open(clip.folder / clip.frame_media(name), formats=_IMAGE_FORMATS):
                    pass
            return None
        options = {"format_whitelist": DEMUXERS, "protocol_whitelist": "file"}
        with av.open(str(clip.path.absolute()), options=options) as container:
            return None if container.streams.video else "no video in it"
    except UnidentifiedImageError:
        return "not an image"
    except (OSError, EOFError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        return (getattr(error, "strerror", None) or str(error) or type(error).__name__)[:200]
