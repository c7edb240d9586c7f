"""3DMAD: ``session{01,02,03}/Data/<subject>_<session>_<shot>.hdf5``; session 03 shows masks.

A file holds ``Color_Data`` (N, 3, 480, 640) RGB, ``Depth_Data`` and ``Eye_Pos`` (N, 4): x and y of the
right, then of the left eye.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

from fas_plugin.datasets.adapters.base import (
    Adapter,
    Exists,
    Named,
    NotAClip,
    Place,
    by_pattern,
    split_of_subject,
)
from fas_plugin.datasets.faces import Box, box_from_eyes

_name = by_pattern(
    r"(?P<subject>\d\d)_(?P<code>0[123])_\d\d",
    labels={"01": "real", "02": "real", "03": "spoof:mask.rigid"},
)
_SUBJECTS = {"train": range(1, 8), "dev": range(8, 13), "test": range(13, 18)}


def _parse(place: Place) -> Named:
    named = _name(place)
    for split, subjects in _SUBJECTS.items():
        if int(named.subject) in subjects:
            session = named.clip.split("_")[1]
            named = replace(named, session=session, device="kinect", split=split)
            return split_of_subject(named, split)
    raise NotAClip(f"subject {named.subject}: expected 01 to 17")


def _names() -> Iterator[str]:
    for session, subject, shot in product(range(1, 4), range(1, 18), range(1, 6)):
        yield f"session{session:02}/Data/{subject:02}_{session:02}_{shot:02}.hdf5"


def _annotation(media: str, exists: Exists) -> str | None:
    return media if media.lower().endswith((".hdf5", ".h5")) else None


def _boxes(path: Path, width: int, height: int) -> Mapping[int, Box]:
    import h5py

    try:
        with h5py.File(path) as file:
            dataset = file["Eye_Pos"]
            eyes: Any = dataset[:] if isinstance(dataset, h5py.Dataset) else ()
        boxes = {i: box_from_eyes(*(int(v) for v in row[:4])) for i, row in enumerate(eyes)}
    except (OSError, KeyError, TypeError, ValueError, IndexError):
        return {}
    return {i: box for i, box in boxes.items() if box is not None}


ADAPTER = Adapter(
    name="3dmad",
    title="3DMAD",
    domain="D",
    folders=("3dmad", "maskattack", "d"),
    expected="session01/Data/01_01_01.hdf5 and so on",
    parse=_parse,
    published={"train": (70, 35), "dev": (50, 25), "test": (50, 25)},
    names=_names,
    annotation=_annotation,
    boxes=_boxes,
)
