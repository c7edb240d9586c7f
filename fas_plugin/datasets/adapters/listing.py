"""From a dataset's folder to its clips: one pass over the folders, nothing is opened."""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from fas_plugin.datasets.adapters.base import (
    IMAGES,
    MEDIA,
    SEQUENCES,
    Adapter,
    DatasetError,
    Named,
    NotAClip,
    split_suffix,
)
from fas_plugin.datasets.faces import Box
from fas_plugin.labels import Label

logger = logging.getLogger(__name__)

_NO_SEPARATORS = str.maketrans("", "", "-_ .")


@dataclass(frozen=True, slots=True)
class Clip:
    """One presentation on disk: a video, an HDF5 sequence, an image, or the frames of a video.

    Attributes:
        folder: the dataset's folder.
        media: the file below it, with forward slashes; of extracted frames the first one.
        video: unique over all datasets.
        label, pai_code, session, device, split, upside_down: see :class:`Named`.
        subject: unique over all datasets.
        size: in bytes.
        annotated_by: file with face boxes or eyes below ``folder``; None when there is none.
        frames: for images their number and file name, all beside ``media``; empty for others.
        box: the face in every stored frame, where a list of the dataset says it.
    """

    folder: Path
    media: str
    video: str
    label: Label
    pai_code: str | None
    subject: str
    session: str | None
    device: str | None
    split: str
    upside_down: bool
    size: int
    annotated_by: str | None
    frames: tuple[tuple[int, str], ...] = ()
    box: Box | None = None

    @property
    def path(self) -> Path:
        """Absolute path of the media file."""
        return self.folder / self.media

    @property
    def annotation(self) -> Path | None:
        """Absolute path of the annotation."""
        return self.folder / self.annotated_by if self.annotated_by else None

    @property
    def kind(self) -> str:
        """``video``, ``images`` or ``hdf5``."""
        if self.frames:
            return "images"
        return "hdf5" if Path(self.media).suffix.lower() in SEQUENCES else "video"

    def frame_media(self, name: str) -> str:
        """The path below the dataset's folder of one of the ``frames``."""
        return f"{self.media.rpartition('/')[0]}/{name}".lstrip("/")


@dataclass
class Found:
    """What a pass over a folder saw beside the clips.

    Attributes:
        skipped: files that are named or placed wrong, with the reason; at most :data:`MAX_NAMED`.
        skips: how many, by reason.
        unused: files of the release that are no part of the task, by reason.
        empty: media files without a byte; they are listed as clips all the same.
        assumed: how often something was assumed.
        clips: the clips (see :class:`Named`) and their media files.
        files: how many files were seen.
    """

    skipped: list[str] = field(default_factory=list)
    skips: Counter[str] = field(default_factory=Counter)
    unused: Counter[str] = field(default_factory=Counter)
    empty: list[str] = field(default_factory=list)
    assumed: Counter[str] = field(default_factory=Counter)
    clips: dict[str, str] = field(default_factory=dict)
    files: int = 0

    def skip(self, path: str, reason: str) -> None:
        """Count a file that is not used, and keep its name."""
        self.skips[reason] += 1
        if len(self.skipped) < MAX_NAMED:
            self.skipped.append(f"{printable(path)}: {reason}")


#: Begins the reason for a file that a list of the dataset names.
MISSING = "listed, but not there"
#: Skipped files that are kept by name; all are counted.
MAX_NAMED = 10_000


def printable(name: str) -> str:
    """A file name that can be printed and written as UTF-8."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def find_folder(root: Path, adapter: Adapter) -> Path:
    """The dataset's folder below ``root``.

    Raises:
        DatasetError: not there; lists what is.
    """
    if not root.is_dir():
        raise DatasetError(f"{root}: no such folder; give the folder that holds the datasets")
    children = sorted(path for path in root.iterdir() if path.is_dir())
    for child in children:
        if folder_fits(child.name, adapter):
            return child
    names = ", ".join(child.name for child in children[:10]) or "nothing"
    raise DatasetError(
        f"{root}: no folder for {adapter.name} (accepted names: {', '.join(adapter.folders)}; "
        f"found: {names}); unpack the dataset there or link it"
    )


def folder_fits(name: str, adapter: Adapter) -> bool:
    """Whether a folder is called like the dataset."""
    return name.lower().translate(_NO_SEPARATORS) in adapter.folders


def list_clips(root: Path, adapter: Adapter) -> tuple[list[Clip], list[str]]:
    """Every clip of a dataset, sorted by path, and the files that are none, each with the reason.

    Raises:
        DatasetError: no folder, or no clip in it.
    """
    folder = find_folder(root, adapter)
    found = Found()
    clips = sorted(iter_clips(folder, adapter, found), key=lambda clip: clip.media)
    if not clips:
        reason = f"; skipped {found.skipped[0]}" if found.skipped else ""
        raise DatasetError(
            f"{folder}: no clips of {adapter.name}; expected {adapter.expected}{reason}"
        )
    total = found.skips.total()
    if total:
        logger.warning("%s: %d files not used: %s", folder, total, "; ".join(found.skipped[:5]))
    for assumption, count in found.assumed.items():
        logger.info("%s: assumed for %d files: %s", folder, count, assumption)
    prefix = f"{folder.name}/"
    return clips, [prefix + text for text in found.skipped]


def iter_clips(
    folder: Path, adapter: Adapter, found: Found, step: Callable[[int], object] | None = None
) -> Iterator[Clip]:
    """Clips in the order of the folders; what is none is told to ``found``.

    A clip that is there twice, as when two archives were unpacked side by side, counts once.

    Args:
        step: is called with the number of files of each folder, for a progress bar.
    """
    entries = adapter.entries(folder) if adapter.entries else None
    if entries is not None:
        yield from _listed(folder, adapter, entries, found, step)
        return
    complete = adapter.complete(folder) if adapter.complete else None
    seen = found.clips
    for relative, names in _walk(folder, found):
        siblings = names.keys()
        frames: dict[str, dict[int, str]] = {}
        parts: dict[str, tuple[Named, str]] = {}

        def exists(path: str, relative=relative, siblings=siblings) -> bool:
            parent, _, name = path.rpartition("/")
            return name in siblings if parent == relative else os.path.isfile(folder / path)

        for name, size in sorted(names.items()):
            suffix = name.rpartition(".")[2].lower()
            media = f"{relative}/{name}" if relative else name
            if suffix not in _SUFFIXES:
                if suffix not in _BESIDE and _like_a_clip(adapter, media):
                    found.skip(media, "named like a clip, but not a video, an image or HDF5")
                continue
            try:
                named, place, frame = adapter.read_frame(media)
                if complete is not None:
                    named = complete(named, media)
            except NotAClip as reason:
                found.skip(media, str(reason))
                continue
            if named.unused:
                found.unused[named.unused] += 1
                continue
            if not size:
                found.empty.append(media)
            if frame is not None and named.clip in frames:
                other = frames[named.clip].setdefault(frame, name)
                if other != name:
                    found.skip(media, f"frame {frame} as {other}")
                continue
            first = seen.setdefault(named.clip, media)
            if first is not media:
                found.skip(media, f"a second copy of {printable(first)}")
                continue
            found.assumed.update(named.assumed)
            if frame is not None:
                frames[named.clip] = {frame: name}
                parts[named.clip] = (
                    named,
                    "/".join((*relative.split("/")[: len(place.folders)], place.stem)),
                )
                continue
            yield _clip(folder, adapter, named, media, media.rpartition(".")[0], size, exists)
        for key, (named, video) in parts.items():
            numbered = tuple(sorted(frames[key].items()))
            first_name = numbered[0][1]
            media = f"{relative}/{first_name}" if relative else first_name
            size = sum(names[name] for _, name in numbered)
            yield _clip(folder, adapter, named, media, video.lstrip("/"), size, exists, numbered)
        if step is not None:
            step(len(names))


def _listed(folder, adapter, entries, found, step) -> Iterator[Clip]:
    """The clips that a list names; each is looked up on the disk."""
    root = os.path.realpath(folder)
    seen: set[str] = set()
    for media, named, box in entries:
        found.files += 1
        if step is not None:
            step(1)
        if isinstance(named, NotAClip):
            found.skip(media, str(named))
            continue
        path = os.path.join(root, media)
        try:
            if not _inside(path, root):
                found.skip(media, "a link that leads out of the dataset's folder")
                continue
            video = media.rpartition(".")[0]
            if video in seen:
                found.skip(media, "listed twice (suffixes don't count)")
                continue
            seen.add(video)
            size = os.stat(path).st_size
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "no valid name"
            found.skip(media, f"{MISSING} ({reason})")
            continue
        if not size:
            found.empty.append(media)
        found.assumed.update(named.assumed)
        name = media.rpartition("/")[2]
        frames = ((0, name),) if split_suffix(name)[1] in IMAGES else ()
        yield replace(
            _clip(folder, adapter, named, media, video, size, os.path.isfile, frames), box=box
        )


_SUFFIXES = frozenset(suffix[1:] for suffix in MEDIA)
#: Suffixes of what lies beside clips and is named like them, with good reason.
_BESIDE = frozenset(
    [
        "txt",
        "face",
        "npy",
        "npz",
        "json",
        "jsonl",
        "csv",
        "lst",
        "md",
        "pdf",
        "xml",
        "mat",
        "pkl",
        "info",
        "html",
        "xlsx",
        "doc",
        "docx",
        "zip",
        "tar",
        "gz",
        "7z",
        "rar",
    ]
)


def _like_a_clip(adapter: Adapter, path: str) -> bool:
    try:
        adapter.read(path)
    except NotAClip:
        return False
    return True


def _clip(folder, adapter, named, media, video, size, exists, frames=()) -> Clip:
    return Clip(
        folder=folder,
        media=media,
        video=f"{adapter.domain}/{video}",
        label=named.label,
        pai_code=named.pai_code,
        subject=f"{adapter.domain}/{named.subject}",
        session=named.session,
        device=named.device,
        split=named.split,
        upside_down=named.upside_down,
        size=size,
        annotated_by=(
            adapter.annotation(media, exists)
            if adapter.annotation and not named.upside_down
            else None
        ),
        frames=frames,
    )


def _walk(folder: Path, found: Found) -> Iterator[tuple[str, dict[str, int]]]:
    """Every folder below ``folder``, as a relative path, with its files and their sizes.

    Hidden files are left out (a Mac leaves a ``._name`` beside every file that it copies). Links
    that lead out of the folder are not followed.
    """
    root = os.path.realpath(folder)
    waiting = [""]
    while waiting:
        relative = waiting.pop()
        names: dict[str, int] = {}
        folders = []
        try:
            with os.scandir(os.path.join(root, relative)) as entries:
                for entry in entries:
                    if entry.name.startswith("."):
                        continue
                    path = f"{relative}/{entry.name}" if relative else entry.name
                    try:
                        entry.name.encode()
                        if entry.is_symlink() and not _inside(entry.path, root):
                            found.skip(path, "a link that leads out of the dataset's folder")
                        elif entry.is_dir(follow_symlinks=False):
                            folders.append(path)
                        elif entry.is_dir():
                            found.skip(path, "a link to another folder of the dataset")
                        else:
                            names[entry.name] = entry.stat().st_size
                    except UnicodeEncodeError:
                        found.skip(path, "the name is not UTF-8")
                    except OSError as error:
                        found.skip(path, f"cannot be read ({error.strerror})")
        except OSError as error:
            found.skip(relative or str(folder), f"cannot be read ({error.strerror})")
        found.files += len(names)
        yield relative, names
        waiting += sorted(folders, reverse=True)


def _inside(path: str, root: str) -> bool:
    return os.path.realpath(path).startswith(root + os.sep)


__all__ = ["Clip", "Found", "find_folder", "folder_fits", "iter_clips", "list_clips"]
