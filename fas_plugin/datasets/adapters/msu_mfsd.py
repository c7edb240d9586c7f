"""MSU-MFSD: ``scene01/{real,attack}/*.{mp4,mov}`` with a ``.face`` file beside each clip, and
``{train,test}_sub_list.txt`` at the root.

Six bona fide android clips are stored upside down, and the boxes shipped with them are unreliable.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import product
from pathlib import Path

from fas_plugin.datasets.adapters.base import (
    Adapter,
    Annotated,
    Complete,
    DatasetError,
    Named,
    NotAClip,
    Place,
    beside,
    by_pattern,
    find_lists,
)
from fas_plugin.datasets.faces import Box
from fas_plugin.labels import FasClass

_ENDING = "(?:_scene01)?"
_real = by_pattern(
    rf"(?P<code>real)_client(?P<subject>\d{{2,3}})_(?P<device>android|laptop)_SD{_ENDING}",
    labels={"real": "real"},
)
_attack = by_pattern(
    r"attack_client(?P<subject>\d{2,3})_(?P<device>android|laptop)_SD"
    rf"_(?P<code>[a-z]+_[a-z]+){_ENDING}",
    labels={
        "ipad_video": "spoof:replay.tablet",
        "iphone_video": "spoof:replay.phone",
        "printed_photo": "spoof:print.flat",
    },
)
_UPSIDE_DOWN = frozenset((3, 5, 6, 7, 8, 9))  # bona fide clients, android only
#: The lists of the public release: 35 of the 55 clients.
_CLIENTS = {
    "train": (2, 3, 5, 6, 7, 8, 9, 11, 12, 21, 22, 34, 53, 54, 55),
    "test": (1, 13, 14, 23, 24, 26, 28, 29, 30, 32, 33, 35, 36, 37, 39, 42, 48, 49, 50, 51),
}
_SPLITS = {client: split for split, clients in _CLIENTS.items() for client in clients}


def _parse(place: Place) -> Named:
    named = (_attack if place.stem.lower().startswith("attack") else _real)(place)
    client = int(named.subject)
    real = named.label.cls is FasClass.REAL
    named = replace(
        named,
        subject=f"{client:02}",
        device=(named.device or "").lower(),
        clip=named.clip.removesuffix("_scene01"),
        pai_code=named.pai_code and named.pai_code.lower(),
        upside_down=real and (named.device or "").lower() == "android" and client in _UPSIDE_DOWN,
    )
    if client not in _SPLITS:
        return named.assuming("client in neither published list: no split")
    return replace(named, split=_SPLITS[client])


def _complete(folder: Path) -> Complete:
    """The lists in the folder come before the published ones."""
    splits: dict[int, str] = {}
    for split in _CLIENTS:
        for client in _clients(folder, f"{split}_sub_list.txt"):
            if splits.setdefault(client, split) != split:
                raise DatasetError(
                    f"{folder}: client {client} is in both train_sub_list.txt and "
                    "test_sub_list.txt; take the lists of the release"
                )

    def complete(named: Named, media: str) -> Named:
        if not splits:
            return named.assuming("no sub lists in the folder: the published ones")
        client = int(named.subject)
        if client not in splits:
            raise NotAClip(
                f"client {client} is in neither train_sub_list.txt nor test_sub_list.txt"
            )
        return replace(named, split=splits[client], assumed=())

    return complete


def _clients(folder: Path, name: str) -> list[int]:
    for path in find_lists(folder, name):
        numbers = re.findall(r"\d{1,3}", path.read_text(encoding="utf-8", errors="replace"))
        return [int(number) for number in numbers]
    return []


def _names() -> Iterator[str]:
    for client, (camera, suffix) in product(_SPLITS, (("android", "mp4"), ("laptop", "mov"))):
        start = f"client{client:03}_{camera}_SD"
        yield f"scene01/real/real_{start}_scene01.{suffix}"
        for code in ("ipad_video", "iphone_video", "printed_photo"):
            yield f"scene01/attack/attack_{start}_{code}_scene01.{suffix}"


def _box(left: int, top: int, right: int, bottom: int, *eyes: int) -> Box | None:
    if right <= left or bottom <= top:
        return None
    ax, ay, bx, by = eyes
    return Box(left, top, right - left, bottom - top, (bx, by, ax, ay) if ax > bx else None)


def _boxes(path: Path, width: int, height: int) -> Mapping[int, Box]:
    return Annotated(path, ",", 9, _box)


ADAPTER = Adapter(
    name="msu_mfsd",
    title="MSU-MFSD",
    domain="M",
    folders=("msumfsd", "msumfsdpublish", "msu", "m"),
    expected="scene01/real/real_client001_android_SD_scene01.mp4 and so on",
    parse=_parse,
    published={"train": (30, 90), "test": (40, 120)},
    names=_names,
    complete=_complete,
    annotation=beside(".face"),
    boxes=_boxes,
)
