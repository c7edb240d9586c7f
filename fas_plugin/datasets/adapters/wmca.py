"""WMCA: ``preprocessed-face-station_RGB/face-station/<date>/<client>_<session>_<presenter>_<type>_
<pai>.hdf5``, one group per frame with an ``array`` of (3, 128, 128) RGB: faces, already cropped.

Type 0 is bona fide. Which species the other codes are was inferred from published counts per species,
not read from a list, so every instrument is reported as an assumption; classes are certain.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from fas_plugin.datasets.adapters.base import (
    NO_SPLIT,
    Adapter,
    Complete,
    Named,
    Place,
    by_pattern,
    find_lists,
)
from fas_plugin.labels import FasClass, Label

_name = by_pattern(
    r"(?:\d\d\.\d\d\.\d\d[/_])?(?P<subject>\d{3})_(?P<session>\d\d)_\d{3}_(?P<code>\d)_\d\d",
    labels={"0": "real"} | {str(kind): "spoof" for kind in range(1, 10)},
)


def _numbers(text: str) -> set[int]:
    numbers: set[int] = set()
    for part in text.split():
        first, _, last = part.partition("-")
        numbers.update(range(int(first), int(last or first) + 1))
    return numbers


#: (type, pai) -> instrument.
SPECIES = {
    (kind, pai): instrument
    for instrument, kind, pais in (
        ("partial.glasses", 1, "1 4-7 15 16"),
        ("mask.rigid", 1, "2 13 14"),
        ("mannequin", 2, "1-7"),
        ("mask.paper", 2, "8-11"),
        ("mask.rigid", 2, "12-17"),
        ("mask.flexible", 2, "18 75-99"),
        ("print", 3, "0-4 6-9 11-14 16-99"),
        ("replay", 3, "5 10 15"),
        ("replay", 4, "1-18"),
    )
    for pai in _numbers(pais)
}
_STEM = re.compile(r"(?<![\d_])\d{3}_\d\d_\d{3}_\d_\d\d(?![\d_])")
_OTHER_CHANNELS = re.compile(r"station_cdit$|^(?:depth|ir|infrared|thermal)$")
_SPLITS = {"train": "train", "dev": "dev", "eval": "test", "test": "test"}


def _parse(place: Place) -> Named:
    named = _name(place)
    parts = named.clip.replace("/", "_").split("_")[-5:]
    kind, pai = int(parts[3]), int(parts[4])
    other = any(_OTHER_CHANNELS.search(folder) for folder in place.folders)
    named = replace(
        named,
        clip="_".join(parts),
        device="face-station",
        unused="depth, infrared and thermal channels: no colour in them" if other else None,
        split=next((_SPLITS[f] for f in reversed(place.folders) if f in _SPLITS), NO_SPLIT),
    )
    if named.label.cls is FasClass.REAL:
        return named
    named = replace(named, pai_code=f"{kind}_{pai:02}")
    instrument = SPECIES.get((kind, pai))
    if instrument is None:
        return named.assuming(f"type {kind}, pai {pai:02} is in no list: an attack of unknown kind")
    return named.assuming(
        "instruments follow from published counts per species",
        label=Label(FasClass.SPOOF, instrument),
    )


def _complete(folder: Path) -> Complete:
    """Splits from the grandtest list: rows with a path and a group among their columns."""
    splits: dict[str, str] = {}
    for path in find_lists(folder, "*grand*test*"):
        if path.suffix.lower() not in (".csv", ".txt"):
            continue
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            cells = [cell.strip() for cell in line.split(",")]
            group = next((_SPLITS[cell] for cell in cells if cell in _SPLITS), None)
            name = _STEM.search(line)
            if name and group:
                splits[name[0]] = group

    def complete(named: Named, media: str) -> Named:
        if not splits:
            return (
                named if named.split != NO_SPLIT else named.assuming("no grandtest list: no split")
            )
        return replace(named, split=splits.get(named.clip, named.split))

    return complete


ADAPTER = Adapter(
    name="wmca",
    title="WMCA",
    domain="W",
    folders=("wmca", "idiapwmca", "w"),
    expected="preprocessed-face-station_RGB/face-station/31.01.18/035_01_000_0_00.hdf5 and so on",
    parse=_parse,
    published={"train": (124, 441), "dev": (108, 449), "test": (115, 442)},
    cropped=True,
    complete=_complete,
)
