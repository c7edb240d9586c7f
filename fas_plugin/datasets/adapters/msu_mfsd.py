"""MSU-MFSD: ``scene01/{real,attack}/*.{mp4,mov}`` with a ``.face`` file beside each clip, and
``{train,test}_sub_list.txt`` at the root.

Six bona fide android clips are stored upside down, and the boxes shipped with them are unreliable.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from fas_plugin.datasets.adapters.base import (
    Adapter,
    Clip,
    DatasetError,
    Skip,
    media_files,
    read_rows,
)
from fas_plugin.datasets.faces import Box
from fas_plugin.labels import FasClass, Label

_REAL = re.compile(r"real_client(\d{3})_(android|laptop)_SD_scene01")
_ATTACK = re.compile(
    r"attack_client(\d{3})_(android|laptop)_SD_(ipad_video|iphone_video|printed_photo)_scene01"
)
_INSTRUMENTS = {
    "ipad_video": "replay.tablet",
    "iphone_video": "replay.phone",
    "printed_photo": "print.flat",
}
_UPSIDE_DOWN = frozenset((3, 5, 6, 7, 8, 9))  # bona fide clients, android only


def _clips(folder: Path, skip: Skip) -> Iterator[Clip]:
    splits = _splits(folder)
    for path in media_files(folder, ".mp4", ".mov"):
        real, attack = _REAL.fullmatch(path.stem), _ATTACK.fullmatch(path.stem)
        match = real or attack
        if match is None:
            skip(path, "not a clip name of the release")
            continue
        client, device = int(match[1]), match[2]
        if client not in splits:
            skip(path, f"client {client} is in neither train_sub_list.txt nor test_sub_list.txt")
            continue
        upside_down = real is not None and device == "android" and client in _UPSIDE_DOWN
        annotation = path.with_suffix(".face")
        code = match[3] if attack else None
        yield Clip(
            path=path,
            media=path.relative_to(folder).as_posix(),
            label=Label(FasClass.SPOOF, _INSTRUMENTS[code]) if code else Label(FasClass.REAL),
            pai_code=code,
            subject=f"M/{client:02}",
            session=None,
            device=device,
            split=splits[client],
            annotation=annotation if annotation.is_file() and not upside_down else None,
            upside_down=upside_down,
        )


def _splits(folder: Path) -> dict[int, str]:
    splits: dict[int, str] = {}
    for split in ("train", "test"):
        for client in _clients(folder, f"{split}_sub_list.txt"):
            if splits.setdefault(client, split) != split:
                raise DatasetError(
                    f"{folder}: client {client} is in both train_sub_list.txt and "
                    "test_sub_list.txt; take the lists of the release"
                )
    return splits


def _clients(folder: Path, name: str) -> list[int]:
    path = next(folder.rglob(name), None)
    if path is None:
        raise DatasetError(f"{folder}: no {name}; the release has it beside scene01")
    numbers = re.findall(r"\d{1,3}", path.read_text(encoding="utf-8", errors="replace"))
    return [int(number) for number in numbers]


def _boxes(path: Path) -> Mapping[int, Box]:
    return {
        index: Box(left, top, right - left, bottom - top)
        for index, left, top, right, bottom, *_eyes in read_rows(path, ",", 9)
        if right > left and bottom > top
    }


ADAPTER = Adapter(
    name="msu_mfsd",
    domain="M",
    folders=("msumfsd", "msu", "m"),
    expected="scene01/real/real_client001_android_SD_scene01.mp4 and so on",
    clips=_clips,
    boxes=_boxes,
)
