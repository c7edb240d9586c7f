"""OULU-NPU: ``{Train,Dev,Test}_files/P_S_UU_F.avi`` with eye positions in ``P_S_UU_F.txt``.

P phone 1-6, S session 1-3, UU subject 01-55, F file: 1 bona fide, 2 and 3 prints of two printers,
4 and 5 replays on two displays.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from fas_plugin.datasets.adapters.base import Adapter, Clip, Skip, media_files, read_rows
from fas_plugin.datasets.faces import Box, box_from_eyes
from fas_plugin.labels import FasClass, Label

_STEM = re.compile(r"([1-6])_([1-3])_(\d\d)_([1-5])")
_LABELS = {
    "1": Label(FasClass.REAL),
    "2": Label(FasClass.SPOOF, "print.flat"),
    "3": Label(FasClass.SPOOF, "print.flat"),
    "4": Label(FasClass.SPOOF, "replay.monitor"),
    "5": Label(FasClass.SPOOF, "replay.laptop"),
}


#: Part -> its subjects.
_SUBJECTS = {"train": range(1, 21), "dev": range(21, 36), "test": range(36, 56)}


def _clips(folder: Path, skip: Skip) -> Iterator[Clip]:
    for path in media_files(folder, ".avi"):
        match = _STEM.fullmatch(path.stem)
        split = path.parent.name.lower().removesuffix("_files")
        if match is None:
            skip(path, "not a clip name of the release (P_S_UU_F)")
            continue
        if split not in _SUBJECTS:
            skip(path, "not in Train_files, Dev_files or Test_files")
            continue
        phone, session, subject, code = match.groups()
        if int(subject) not in _SUBJECTS[split]:
            part = _SUBJECTS[split]
            skip(path, f"the {split} part has subjects {part[0]} to {part[-1]}")
            continue
        annotation = path.with_suffix(".txt")
        yield Clip(
            path=path,
            media=path.relative_to(folder).as_posix(),
            label=_LABELS[code],
            pai_code=None if code == "1" else code,
            subject=f"O/{subject}",
            session=session,
            device=f"phone{phone}",
            split=split,
            annotation=annotation if annotation.is_file() else None,
        )


def _boxes(path: Path) -> Mapping[int, Box]:
    boxes = {}
    for index, *eyes in read_rows(path, ",", 5):
        box = box_from_eyes(*eyes)
        if box is not None:
            boxes[index] = box
    return boxes


ADAPTER = Adapter(
    name="oulu_npu",
    domain="O",
    folders=("oulunpu", "oulu", "o"),
    expected="Train_files/1_1_01_1.avi and so on",
    clips=_clips,
    boxes=_boxes,
)
