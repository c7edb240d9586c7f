"""CelebA-Spoof: ``Data/{train,test}/<subject>/{live,spoof}/<id>.{jpg,png}`` with a face box in
``<id>_BB.txt``; kinds of attacks in ``metas/intra_test/{train,test}_label.json``.

In the label files index 40 is the kind of attack, 41 the illumination, 42 the environment and 43 the
class, where 1 is an attack: the opposite of most code for the other datasets.
"""

from __future__ import annotations

import mmap
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from fas_plugin.datasets.adapters.base import (
    Adapter,
    Complete,
    Named,
    NotAClip,
    Place,
    beside,
    find_lists,
    with_split,
)
from fas_plugin.datasets.faces import Box
from fas_plugin.labels import FasClass, Label

_NAME = re.compile(
    r"(?:.*/)?(\d{1,6})[/_](live|spoof)(?:/crop)?(?:[/_](\d{1,9}))?"
    r"|(?:.*/)?(live|spoof)/(\d{1,6})",  # the folder of a subject in flat copies
    re.IGNORECASE,
)
_SPLITS = {"train": "train", "test": "test"}
#: Index 40 of a label -> instrument. Region masks are paper over a part of the face.
_KINDS = {
    1: "print.flat",
    2: "print.poster",
    3: "print.flat",
    4: "mask.paper",
    5: "mask.paper",
    6: "partial.paper",
    7: "replay.monitor",
    8: "replay.tablet",
    9: "replay.phone",
    10: "mask",
}
_LABELS = {kind: Label(FasClass.SPOOF, name) for kind, name in _KINDS.items()}
_REAL, _SPOOF = Label(FasClass.REAL), Label(FasClass.SPOOF)
#: One entry of a label file: path, 40 attributes, kind, illumination, environment, class.
_ENTRY = re.compile(
    rb'"([^"\\]{1,300})"\s*:\s*\[(?:\s*-?\d+\s*,){40}\s*(\d+)\s*,\s*(\d+)\s*,\s*(\d+)\s*,\s*([01])\s*\]'
)


def _parse(place: Place) -> Named:
    match = _NAME.fullmatch(place.path)
    if match is None:
        raise NotAClip("not <subject>/live/<id> or <subject>/spoof/<id>")
    subject, cls, number = match[1] or match[5], (match[2] or match[4]).lower(), match[3]
    named = Named(
        label=_REAL if cls == "live" else _SPOOF,
        subject=str(int(subject)),
        clip=f"{int(subject)}/{cls}/{number}",
    )
    return with_split(named, place, _SPLITS)


def _complete(folder: Path) -> Complete:
    kinds: dict[str, int] = {}
    for path in find_lists(folder, "*_label.json"):
        if path.parent.name == "intra_test":
            _read_labels(path, kinds)

    def complete(named: Named, media: str) -> Named:
        code = kinds.get(named.clip)
        if code is None:
            if named.label.cls is FasClass.REAL:
                return named
            return named.assuming("no entry in metas/intra_test: an attack of unknown kind")
        attack, kind, light, place = code & 1, code >> 1 & 63, code >> 7 & 63, code >> 13
        if attack != (named.label.cls is FasClass.SPOOF):
            raise NotAClip("the folder and the label file name different classes")
        return replace(
            named,
            label=_LABELS.get(kind, named.label) if attack else named.label,
            pai_code=str(kind) if attack else None,
            session=f"{light}/{place}",
        )

    return complete


def _read_labels(path: Path, kinds: dict[str, int]) -> None:
    # Half a million lists of 44 numbers would fill a gigabyte; one number of each is kept.
    if not path.stat().st_size:
        return
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
        for entry in _ENTRY.finditer(text):
            name = entry[1].decode("utf-8", "replace").rpartition(".")[0]
            match = _NAME.fullmatch(name)
            if match and match[3]:
                kind, light, place, attack = (min(int(number), 63) for number in entry.groups()[1:])
                key = f"{int(match[1])}/{match[2].lower()}/{match[3]}"
                kinds[key] = attack | kind << 1 | light << 7 | place << 13


def _boxes(path: Path, width: int, height: int) -> Mapping[int, Box]:
    """``x y w h score`` for an image of 224 x 224 pixels, whatever its real size."""
    try:
        cells = path.read_text(encoding="utf-8", errors="replace")[:1000].split()
        x, y, w, h = (float(cell) for cell in cells[:4])
        box = Box(
            round(x * width / 224),
            round(y * height / 224),
            round(w * width / 224),
            round(h * height / 224),
        )
    except (ValueError, OverflowError):
        return {}
    return {0: box} if box.width > 0 and box.height > 0 else {}


ADAPTER = Adapter(
    name="celeba_spoof",
    title="CelebA-Spoof",
    domain="CA",
    folders=("celebaspoof", "celeba", "celeb", "ca"),
    expected="Data/train/<subject>/live/<id>.jpg and so on",
    parse=_parse,
    published={"all": (156_384, 469_153)},
    images=True,
    complete=_complete,
    annotation=beside("_BB.txt"),
    boxes=_boxes,
)
