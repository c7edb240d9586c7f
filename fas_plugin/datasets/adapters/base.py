"""What an adapter is, what it yields, and the little that adapters share.

An adapter says how one dataset names its files. :meth:`Adapter.read` is a pure function of a
relative path; only :mod:`~fas_plugin.datasets.adapters.listing` looks at the disk.
"""

from __future__ import annotations

import fnmatch
import logging
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

from fas_plugin.datasets.faces import Box
from fas_plugin.labels import FasClass, Label

logger = logging.getLogger(__name__)

VIDEOS = frozenset((".avi", ".mov", ".mp4", ".m4v", ".mkv", ".webm", ".mpg", ".mpeg", ".wmv"))
IMAGES = frozenset((".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff"))
SEQUENCES = frozenset((".hdf5", ".h5"))
MEDIA = VIDEOS | IMAGES | SEQUENCES

#: The split of a clip whose dataset publishes none, or whose lists are not there.
NO_SPLIT = "none"
SPLITS = ("train", "dev", "test", NO_SPLIT)

#: An annotation file holds a few numbers per frame; more than this is not one.
MAX_ANNOTATION_BYTES = 20_000_000
#: Largest number in it that is believed.
MAX_NUMBER = 1_000_000


class DatasetError(ValueError):
    """A dataset folder that is missing, empty or not in a known layout."""


class NotAClip(ValueError):
    """A name or place that is none of the release's; the message says why."""


class Place(NamedTuple):
    """Where a clip lies: ``folders`` below the dataset's folder, in lower case, and its ``stem``.

    For frames that somebody extracted it is the place that the clip itself would have:
    ``a/1_HR_1_frame0.png`` and ``a/1_HR_1/0000.png`` are frames of the clip ``a/1_HR_1``.
    """

    folders: tuple[str, ...]
    stem: str

    @property
    def path(self) -> str:
        """Folders and stem with slashes between."""
        return "/".join((*self.folders, self.stem))


@dataclass(frozen=True, slots=True)
class Named:
    """What the name and the place of a file say.

    Attributes:
        label: class and instrument.
        subject: unique in the dataset.
        clip: which presentation it is, the same wherever the file lies: two files with one ``clip``
            (and no frame number) are copies.
        pai_code: the dataset's own code for the attack; None for bona fide.
        session, device: as the dataset names them.
        split: one of :data:`SPLITS`.
        upside_down: the stored frames are rotated by 180 degrees.
        unused: why preparation leaves the file out, although its class is known.
        assumed: what was taken for granted because the name or place doesn't say it.
    """

    label: Label
    subject: str
    clip: str
    pai_code: str | None = None
    session: str | None = None
    device: str | None = None
    split: str = NO_SPLIT
    upside_down: bool = False
    unused: str | None = None
    assumed: tuple[str, ...] = ()

    def assuming(self, what: str, **changes) -> Named:
        """A copy with ``changes`` and one more assumption."""
        return replace(self, assumed=(*self.assumed, what), **changes)


#: What a release's lists add to what a name says; gets the path below the dataset's folder too.
Complete = Callable[[Named, str], Named]
#: The rows of a list of clips: path below the dataset's folder, what the row says of it or why it is
#: not used, and the face box of all its stored frames where the row has one.
Entries = Iterable[tuple[str, "Named | NotAClip", Box | None]]
#: Whether there is a file at a path below the dataset's folder.
Exists = Callable[[str], bool]


@dataclass(frozen=True)
class Adapter:
    """How to read one dataset.

    Attributes:
        name: the dataset.
        title: as its authors write it.
        domain: its letter or short name in the field's protocols.
        folders: accepted names of its folder, lower case, without ``-``, ``_``, dots and spaces.
        expected: what the folder should hold, for error messages.
        parse: what the place of a clip says; raises :class:`NotAClip`. Usually :func:`by_pattern`.
        published: files per split and class as published, e.g. ``{"train": (360, 1440)}`` for 360
            bona fide and 1440 attacks; empty where nobody has counted.
        names: every path of the release, where its grammar leaves nothing open; to name what is missing.
        images: the release holds images: the number in a name is no frame of a video.
        cropped: the release holds face crops: the whole frame is the face.
        turned_clips: clips are stored turned and no tag says so: the face detector finds out.
        complete: reads the lists of a release in the dataset's folder; None where names say it all.
        entries: reads a list in the dataset's folder that names the clips, so that nothing is searched
            for; None (or a call that gives None) where there is no such list.
        annotation: path of the file that annotates a clip, given the clip's path and what exists.
        boxes: reads an annotation file: its path, width and height of the stored frame in pixels ->
            frame index -> face box in the stored frame.
    """

    name: str
    title: str
    domain: str
    folders: tuple[str, ...]
    expected: str
    parse: Callable[[Place], Named]
    published: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    names: Callable[[], Iterable[str]] | None = None
    images: bool = False
    cropped: bool = False
    turned_clips: bool = False
    complete: Callable[[Path], Complete] | None = None
    entries: Callable[[Path], Entries | None] | None = None
    annotation: Callable[[str, Exists], str | None] | None = None
    boxes: Callable[[Path, int, int], Mapping[int, Box]] | None = None

    def read(self, path: str) -> Named:
        """What a path below the dataset's folder says, without a look at the disk.

        Raises:
            NotAClip: it is no file of the release.
        """
        return self.read_frame(path)[0]

    def read_frame(self, path: str) -> tuple[Named, Place, int | None]:
        """The same, with the place of the clip and, for an image, the number of the frame."""
        first = None
        for place, frame in places(path, self.images):
            try:
                return self.parse(place), place, frame
            except NotAClip as reason:
                first = first or reason
        raise first or NotAClip("no file name")


#: An image named by its number alone lies in a folder named like the clip.
_KIND = r"(?:frame|image|img|org|crop|square\d*|f)"
_NUMBER = re.compile(rf"{_KIND}?[-_ .]?(\d{{1,9}})(?:\.0)?", re.IGNORECASE)
_NUMBERED = re.compile(rf"(.+?)(?:[-_. ]{_KIND}?|frame)[-_]?(\d{{1,9}})(?:\.0)?", re.IGNORECASE)
_OTHER_SUFFIX = re.compile(r"[^.]\.(?=[a-z0-9]*[a-z])[a-z0-9]{1,5}$", re.IGNORECASE)
#: Folders that people put between a clip and its frames.
_BETWEEN = frozenset(("color", "colour", "rgb", "crop", "frames", "frame", "images", "profile"))
#: Some code bases extract to flat folders like ``casia_train_live_1_NM_1``.
_FLAT = re.compile(r"[a-z]+_(train|dev|test)_(live|spoof)_(.+)", re.IGNORECASE)


def places(path: str, images: bool = False) -> Iterable[tuple[Place, int | None]]:
    """Where the clip of a file would lie, likeliest first, with the frame's number for images."""
    *folders, name = [part for part in path.split("/") if part not in ("", ".")] or [""]
    stem, suffix = split_suffix(name)
    if images or suffix not in IMAGES:
        yield from _place(folders, stem, 0 if suffix in IMAGES else None)
        if not suffix and _OTHER_SUFFIX.search(stem):  # in lists: 1_1_01_1.txt, 1_1_01_1.npy
            yield from _place(folders, stem.rpartition(".")[0], None)
        return
    number = _NUMBER.fullmatch(stem)
    if number and folders:
        upper = folders[:-1] if folders[-1].lower() in _BETWEEN and folders[1:] else folders
        yield from _place(upper[:-1], split_suffix(upper[-1])[0], int(number[1]))
    yield from _place(folders, stem, 0)
    numbered = _NUMBERED.fullmatch(stem)
    if numbered:
        yield from _place(folders, split_suffix(numbered[1])[0], int(numbered[2]))


def _place(folders: list[str], stem: str, frame: int | None) -> Iterable[tuple[Place, int | None]]:
    lower = tuple(folder.lower() for folder in folders)
    yield Place(lower, stem), frame
    flat = _FLAT.fullmatch(stem)
    if flat:
        yield Place((*lower, flat[1].lower(), flat[2].lower()), flat[3]), frame


def split_suffix(name: str) -> tuple[str, str]:
    """Stem and suffix (lower case) of a media file; anything else has no suffix, all is stem."""
    stem, dot, suffix = name.rpartition(".")
    suffix = "." + suffix.lower()
    return (stem, suffix) if dot and stem and suffix in MEDIA else (name, "")


def by_pattern(
    pattern: str, labels: Mapping[str, str], splits: Mapping[str, str] | None = None
) -> Callable[[Place], Named]:
    """A ``parse`` that is a pattern and two tables; enough for most datasets.

    Args:
        pattern: of the end of a clip's path without suffix, in any case. The groups ``subject`` and
            ``code`` are needed, ``session`` and ``device`` can be there; what the pattern matches is
            the name of the clip.
        labels: code, lower case -> label string.
        splits: folder, lower case -> split; the innermost folder that is in the table counts.
    """
    wanted = re.compile(rf"(?:.*/)?(?P<clip>{pattern})", re.IGNORECASE)
    table = {code: Label.parse(text) for code, text in labels.items()}
    names = set(wanted.groupindex)

    def parse(place: Place) -> Named:
        match = wanted.fullmatch(place.path)
        if match is None:
            raise NotAClip("not a clip name of the release")
        groups = match.groupdict()
        code = groups["code"].lower()
        if code not in table:
            raise NotAClip(f"unknown class or attack {groups['code']!r}")
        label = table[code]
        named = Named(
            label=label,
            subject=groups["subject"].lower(),
            clip=groups["clip"].lower(),
            pai_code=None if label.cls is FasClass.REAL else groups["code"],
            session=groups["session"] if "session" in names else None,
            device=groups["device"] if "device" in names else None,
        )
        return with_split(named, place, splits) if splits else named

    return parse


def with_split(named: Named, place: Place, splits: Mapping[str, str]) -> Named:
    """The split that the innermost folder in the table says."""
    for folder in reversed(place.folders):
        if folder in splits:
            return replace(named, split=splits[folder])
    return named.assuming("no folder says the split: none")


def split_of_subject(named: Named, split: str) -> Named:
    """The published split of a subject; a folder that says otherwise is overruled."""
    if named.split == split:
        return named
    if named.split == NO_SPLIT:
        return replace(named, split=split, assumed=("split by the published list of subjects",))
    return named.assuming(
        f"in a {named.split} folder, but the published lists have the subject in {split}",
        split=split,
    )


def beside(ending: str) -> Callable[[str, Exists], str | None]:
    """Annotations that lie beside their clip: its stem with ``ending``."""

    def annotation(media: str, exists: Exists) -> str | None:
        path = media.rpartition(".")[0] + ending
        return path if exists(path) else None

    return annotation


#: Folders of one level, and levels, that are looked into for the lists of a release, at most.
_MAX_FOLDERS = 2000
_MAX_DEPTH = 6


def find_lists(folder: Path, pattern: str) -> list[Path]:
    """Files of a release's lists, by a pattern in lower case (``*_label.json``), sorted.

    Not looked into are folders whose names start with a digit: they hold the clips of one subject.
    """
    found: list[Path] = []
    level = [str(folder)]
    for _ in range(_MAX_DEPTH):
        below: list[str] = []
        for place in level[:_MAX_FOLDERS]:
            try:
                with os.scandir(place) as entries:
                    for entry in entries:
                        if entry.is_dir(follow_symlinks=False):
                            if not entry.name[:1].isdigit():
                                below.append(entry.path)
                        elif fnmatch.fnmatch(entry.name.lower(), pattern) and entry.is_file():
                            found.append(Path(entry.path))
            except OSError:  # the pass over the clips names it
                continue
        level = sorted(below)
    return sorted(found)


class Annotated(Mapping[int, Box]):
    """Face boxes by frame, from a text file with a row of numbers per frame, the frame's first.

    A row is read when its frame is asked for; there are hundreds of which two are needed. Rows of another
    shape are left out. Of several rows of a frame the last counts, and counts as missing if it has no box.
    """

    def __init__(
        self, path: Path, separator: str | None, columns: int, box: Callable[..., Box | None]
    ) -> None:
        """
        Args:
            separator: between the numbers of a row; None for white space.
            columns: numbers in a row.
            box: makes a box of a row's numbers but the first; None where they hold none.
        """
        self._separator, self._box = separator, box
        self._rows: dict[int, str] = {}
        if path.stat().st_size > MAX_ANNOTATION_BYTES:
            logger.warning("%s: too large for an annotation, not used", path)
            return
        for row in path.read_text(encoding="utf-8", errors="replace").splitlines():
            cells = row.split(separator, columns)
            if len(cells) == columns and (frame := _whole(cells[0])) is not None:
                self._rows[frame] = row

    def __getitem__(self, frame: int) -> Box:
        _, *numbers = map(_whole, self._rows[frame].split(self._separator))
        box = None if None in numbers else self._box(*numbers)
        if box is None:
            raise KeyError(frame)
        return box

    def __iter__(self) -> Iterator[int]:
        return (frame for frame in self._rows if self.get(frame) is not None)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _whole(cell: str) -> int | None:
    """A number, rounded; None where there is none that can be a frame or a place in it."""
    try:
        number = int(cell)
    except ValueError:
        try:
            number = round(float(cell))
        except (ValueError, OverflowError):
            return None
    return number if abs(number) <= MAX_NUMBER else None
