"""OULU-NPU: ``{Train,Dev,Test}_files/P_S_UU_F.avi`` with eye positions in ``P_S_UU_F.txt``.

P phone 1-6, S session 1-3, UU subject 01-55, F file: 1 bona fide, 2 and 3 prints of two printers,
4 and 5 replays on two displays.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import product
from pathlib import Path

from fas_plugin.datasets.adapters.base import (
    Adapter,
    Annotated,
    Named,
    NotAClip,
    Place,
    beside,
    by_pattern,
    split_of_subject,
)
from fas_plugin.datasets.faces import Box, box_from_eyes

_name = by_pattern(
    r"(?P<device>[1-6])_(?P<session>[1-3])_(?P<subject>\d\d)_(?P<code>[1-5])",
    labels={
        "1": "real",
        "2": "spoof:print.flat",
        "3": "spoof:print.flat",
        "4": "spoof:replay.monitor",
        "5": "spoof:replay.laptop",
    },
    splits={
        f"{name}{ending}": split
        for name, split in {
            "train": "train",
            "dev": "dev",
            "devel": "dev",
            "val": "dev",
            "test": "test",
        }.items()
        for ending in ("", "_files")
    },
)
#: Part -> its subjects.
_SUBJECTS = {"train": range(1, 21), "dev": range(21, 36), "test": range(36, 56)}


def _parse(place: Place) -> Named:
    named = _name(place)
    for split, subjects in _SUBJECTS.items():
        if int(named.subject) in subjects:
            return split_of_subject(replace(named, device=f"phone{named.device}"), split)
    raise NotAClip(f"subject {named.subject}: expected 01 to 55")


def _names() -> Iterator[str]:
    for split, subjects in _SUBJECTS.items():
        for phone, session, subject, file in product(
            range(1, 7), range(1, 4), subjects, range(1, 6)
        ):
            yield f"{split.title()}_files/{phone}_{session}_{subject:02}_{file}.avi"


def _boxes(path: Path, width: int, height: int) -> Mapping[int, Box]:
    return Annotated(path, ",", 5, box_from_eyes)


ADAPTER = Adapter(
    name="oulu_npu",
    title="OULU-NPU",
    domain="O",
    folders=("oulunpu", "oulu", "o"),
    expected="Train_files/1_1_01_1.avi and so on",
    parse=_parse,
    published={"train": (360, 1440), "dev": (270, 1080), "test": (360, 1440)},
    names=_names,
    annotation=beside(".txt"),
    boxes=_boxes,
)
