"""What an adapter yields, and the little that adapters share."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from fas_plugin.datasets.faces import Box
from fas_plugin.labels import Label

logger = logging.getLogger(__name__)

#: An annotation file holds a few numbers per frame; more than this is not one.
MAX_ANNOTATION_BYTES = 20_000_000


#: Takes a file that is not used, and why.
Skip = Callable[[Path, str], None]


class DatasetError(ValueError):
    """A dataset folder that is missing, empty or not in a known layout."""


@dataclass(frozen=True)
class Clip:
    """One clip of a dataset, as its name and place say.

    Attributes:
        path: absolute path of the media file.
        media: the path below the dataset's folder, with forward slashes.
        label: class and instrument.
        pai_code: the dataset's own code for the attack; None for bona fide.
        subject: unique over all datasets.
        session, device: as the dataset names them.
        split: ``train``, ``dev`` or ``test``.
        annotation: file with face boxes or eyes; None when the release has none for it.
        upside_down: the stored frames are rotated by 180 degrees.
    """

    path: Path
    media: str
    label: Label
    pai_code: str | None
    subject: str
    session: str | None
    device: str | None
    split: str
    annotation: Path | None
    upside_down: bool = False


@dataclass(frozen=True)
class Adapter:
    """How to read one dataset.

    Attributes:
        name: the dataset.
        domain: its letter in the field's protocols.
        folders: accepted names of its folder, lower case, without ``-``, ``_`` and spaces.
        expected: what the folder should hold, for error messages.
        clips: yields every clip below the dataset's folder; what is none goes to the callback,
            with the reason.
        boxes: reads an annotation file: frame index -> face box in the stored frame.
    """

    name: str
    domain: str
    folders: tuple[str, ...]
    expected: str
    clips: Callable[[Path, Skip], Iterable[Clip]]
    boxes: Callable[[Path], Mapping[int, Box]] | None


def find_folder(root: Path, adapter: Adapter) -> Path:
    """The dataset's folder below ``root``.

    Raises:
        DatasetError: not there; lists what is.
    """
    if not root.is_dir():
        raise DatasetError(f"{root}: no such folder; give the folder that holds the datasets")
    children = sorted(path for path in root.iterdir() if path.is_dir())
    for child in children:
        if child.name.lower().translate(_NO_SEPARATORS) in adapter.folders:
            return child
    names = ", ".join(child.name for child in children[:10]) or "nothing"
    raise DatasetError(
        f"{root}: no folder for {adapter.name} (accepted names: {', '.join(adapter.folders)}; "
        f"found: {names}); unpack the dataset there or link it"
    )


_NO_SEPARATORS = str.maketrans("", "", "-_ .")


def list_clips(root: Path, adapter: Adapter) -> tuple[list[Clip], list[str]]:
    """Every clip of a dataset, sorted by path, and the files that are none, each with the reason.

    A clip that is there twice, as when two archives were unpacked side by side, counts once.

    Raises:
        DatasetError: no folder, or no clip in it.
    """
    folder = find_folder(root, adapter)
    skipped: list[str] = []

    def skip(path: Path, reason: str) -> None:
        skipped.append(f"{path.relative_to(root)}: {reason}")

    clips: dict[tuple[str, str, str, str], Clip] = {}
    for clip in sorted(adapter.clips(folder, skip), key=lambda clip: clip.media):
        key = (clip.split, clip.subject, clip.path.parent.name.lower(), clip.path.stem)
        first = clips.setdefault(key, clip)
        if first is not clip:
            skip(clip.path, f"a second copy of {first.media}")
    if not clips:
        found = f"; skipped {skipped[0]}" if skipped else ""
        raise DatasetError(
            f"{folder}: no clips of {adapter.name}; expected {adapter.expected}{found}"
        )
    if skipped:
        logger.warning("%s: %d files not used: %s", folder, len(skipped), "; ".join(skipped[:5]))
    return list(clips.values()), skipped


def media_files(folder: Path, *suffixes: str) -> Iterable[Path]:
    """Files below ``folder`` with one of the suffixes, in any case; not the hidden ones (a Mac
    leaves a ``._name`` beside every file that it copies)."""
    for path in folder.rglob("*"):
        if path.suffix.lower() in suffixes and not path.name.startswith("."):
            yield path


def read_rows(path: Path, separator: str | None, columns: int) -> Iterable[list[int]]:
    """The rows of an annotation file as integers; rows of another shape are left out."""
    if path.stat().st_size > MAX_ANNOTATION_BYTES:
        logger.warning("%s: too large for an annotation, not used", path)
        return
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            row = [round(float(cell)) for cell in line.split(separator)]
        except (ValueError, OverflowError):
            continue
        if len(row) == columns:
            yield row
