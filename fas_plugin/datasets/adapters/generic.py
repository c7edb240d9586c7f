"""Data of your own: a folder per class, or a list (``clips.csv`` or ``clips.jsonl``).

Folders: ``[train|dev|test]/{real,spoof}/[instrument]/[subject]/<file>``; the levels in brackets are
optional. A list has the columns ``path`` and ``label`` and may have ``subject``, ``session``,
``device``, ``split``, ``instrument`` and ``box`` (x, y, width, height in pixels of the stored frame).
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from fas_plugin.datasets.adapters.base import (
    NO_SPLIT,
    SPLITS,
    Adapter,
    DatasetError,
    Entries,
    Named,
    NotAClip,
    Place,
    split_suffix,
)
from fas_plugin.datasets.faces import Box
from fas_plugin.labels import INSTRUMENTS, FasClass, Label, LabelError

LISTS = ("clips.csv", "clips.jsonl")
COLUMNS = ("path", "label", "subject", "session", "device", "split", "instrument", "box")
#: Longest row of a list that is read, in characters.
MAX_ROW = 20_000

#: Numbers are missing on purpose: the field's code bases do not agree on which class is 1.
_CLASSES = {
    **dict.fromkeys(("real", "live", "bonafide", "genuine"), FasClass.REAL),
    **dict.fromkeys(("spoof", "fake", "attack", "attk"), FasClass.SPOOF),
}
_SPLIT_NAMES = {
    **{split: split for split in SPLITS},
    **dict.fromkeys(("training",), "train"),
    **dict.fromkeys(("devel", "development", "val", "valid", "validation"), "dev"),
    **dict.fromkeys(("testing", "eval", "evaluation"), "test"),
}
_PLAIN = str.maketrans("", "", "-_ ")
_INSTRUMENT_NAMES = {re.sub(r"[-_. ]", "", name): name for name in INSTRUMENTS}


def class_of(text: str) -> FasClass:
    """``real`` or ``spoof``, or a common word for them.

    Raises:
        NotAClip: another word, or a number: 1 is real in one code base and an attack in the next.
    """
    cls = _CLASSES.get(text.strip().lower().translate(_PLAIN))
    if cls is None:
        raise NotAClip(f"label {text[:40]!r}: expected real or spoof, in words")
    return cls


def _parse(place: Place) -> Named:
    for position in range(len(place.folders) - 1, -1, -1):
        cls = _CLASSES.get(place.folders[position].translate(_PLAIN))
        if cls is not None:
            break
    else:
        raise NotAClip("not below a folder named real or spoof")
    split = next(
        (_SPLIT_NAMES[f] for f in reversed(place.folders[:position]) if f in _SPLIT_NAMES), NO_SPLIT
    )
    below = list(place.folders[position + 1 :])
    instrument = None
    if cls is FasClass.SPOOF and below:
        instrument = _INSTRUMENT_NAMES.get(re.sub(r"[-_. ]", "", below[0]))
        if instrument:
            below.pop(0)
    clip = place.path.lower()
    named = Named(
        label=Label(cls, instrument),
        subject=below[0] if below else clip,
        clip=clip,
        pai_code=instrument,
        split=split,
    )
    return named if below else named.assuming("no folder per subject: every file counts as one")


def _entries(folder: Path) -> Entries | None:
    found = [folder / name for name in LISTS if (folder / name).is_file()]
    if len(found) > 1:
        raise DatasetError(f"{folder}: both {LISTS[0]} and {LISTS[1]}; keep one")
    return _rows(found[0]) if found else None


def _rows(path: Path) -> Iterator[tuple[str, Named | NotAClip, Box | None]]:
    read = _csv_rows if path.suffix == ".csv" else _json_rows
    for number, row in read(path):
        place = f"{path.name} line {number}"
        if isinstance(row, str):
            yield place, NotAClip(row), None
            continue
        media = str(row.get("path") or "").strip().replace("\\", "/").removeprefix("./")
        try:
            named, box = _row(media, row)
        except (NotAClip, LabelError) as error:
            yield media or place, NotAClip(f"{error} ({place})"), None
            continue
        yield media, named, box


def _row(media: str, row: dict[str, Any]) -> tuple[Named, Box | None]:
    if not media:
        raise NotAClip("field path: empty")
    if media.startswith("/") or re.match(r"[A-Za-z]:", media) or ".." in media.split("/"):
        raise NotAClip("field path: expected a path below the folder of the list, without '..'")
    if not split_suffix(media)[1]:
        raise NotAClip("field path: not the name of a video, an image or an HDF5 file")
    text = {name: str(row[name]).strip() for name in COLUMNS if row.get(name) not in (None, "")}
    name, _, instrument = text.get("label", "").partition(":")
    cls = class_of(name)
    instrument = text.get("instrument", instrument) or None
    if cls is FasClass.REAL and instrument:
        raise NotAClip(f"field instrument: {instrument!r} for a bona fide file")
    split = _SPLIT_NAMES.get(text.get("split", NO_SPLIT).lower())
    if split is None:
        raise NotAClip(f"field split: {text['split'][:40]!r}; expected one of {', '.join(SPLITS)}")
    named = Named(
        label=Label(cls, instrument),
        subject=text.get("subject", media)[:200],
        clip=media,
        pai_code=instrument,
        session=text.get("session", "")[:64] or None,
        device=text.get("device", "")[:64] or None,
        split=split,
    )
    if "subject" not in text:
        named = named.assuming("no subject: every file counts as one")
    return named, _box(row.get("box"))


def _box(value: Any) -> Box | None:
    if value in (None, ""):
        return None
    cells = value if isinstance(value, list) else re.split(r"[\s,;]+", str(value).strip("[]() "))
    try:
        x, y, width, height = (round(float(cell)) for cell in cells)
        if width > 0 and height > 0:
            return Box(x, y, width, height)
    except (TypeError, ValueError, OverflowError):
        pass
    raise NotAClip(f"field box: {str(value)[:60]!r}; expected x, y, width, height")


def _csv_rows(path: Path) -> Iterator[tuple[int, dict[str, Any] | str]]:
    csv.field_size_limit(MAX_ROW)
    with path.open(encoding="utf-8-sig", errors="backslashreplace", newline="") as lines:
        rows = csv.DictReader(lines, skipinitialspace=True)
        header = [name.strip().lower() for name in rows.fieldnames or []]
        if not {"path", "label"} <= set(header):
            raise DatasetError(f"{path}: the first line names no columns path and label: {header}")
        rows.fieldnames = header
        while True:
            try:
                row = next(rows)
            except StopIteration:
                return
            except csv.Error as error:
                yield rows.line_num, f"not a row of CSV ({error})"
                continue
            yield rows.line_num, row


def _json_rows(path: Path) -> Iterator[tuple[int, dict[str, Any] | str]]:
    with path.open(encoding="utf-8", errors="backslashreplace") as lines:
        number = 0
        while line := lines.readline(MAX_ROW):
            number += 1
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except (ValueError, RecursionError):
                yield number, "not JSON"
                continue
            yield number, row if isinstance(row, dict) else "not a JSON object"


def generic(name: str, domain: str, *folders: str) -> Adapter:
    """An adapter for a dataset of your own.

    Args:
        name: of the dataset.
        domain: short name for protocols.
        folders: further accepted names of its folder, lower case, without separators.
    """
    return Adapter(
        name=name,
        title=name,
        domain=domain,
        folders=(re.sub(r"[-_. ]", "", name.lower()), *folders),
        expected="real/<subject>/<file> and spoof/<instrument>/<subject>/<file>, or clips.csv",
        parse=_parse,
        images=True,
        entries=_entries,
    )


ADAPTER = replace(generic("generic", "OWN", "own", "private", "custom"), title="data of your own")
