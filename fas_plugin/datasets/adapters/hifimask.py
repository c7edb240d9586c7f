"""HiFiMask: ``Data/<complexion>_<subject>_<type>_<scene>_<light>_<sensor>/0000.png`` to ``0009.png``,
already cropped. Type 0 is live, 1 a transparent, 2 a plaster, 3 a resin mask.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from fas_plugin.datasets.adapters.base import (
    SPLITS,
    Adapter,
    Complete,
    Named,
    Place,
    by_pattern,
    find_lists,
)

_PATTERN = r"[1-3]_\d\d_[0-3]_\d_\d_\d"
_name = by_pattern(
    r"(?P<subject>[1-3]_\d\d)_(?P<code>[0-3])_(?P<session>\d_\d)_(?P<device>\d)",
    labels={
        "0": "real",
        "1": "spoof:mask.transparent",
        "2": "spoof:mask.plaster",
        "3": "spoof:mask.resin",
    },
)
_IN_LIST = re.compile(rf"(?<![\d_]){_PATTERN}(?![\d_])")
#: A list of tens of thousands of names; more than this is none.
_MAX_LIST_BYTES = 100_000_000


def _parse(place: Place) -> Named:
    named = _name(place)
    scene, light = (named.session or "").split("_")
    return replace(named, session=f"scene{scene}/light{light}", device=f"sensor{named.device}")


def _complete(folder: Path) -> Complete:
    """Splits of protocol 1, which uses every clip."""
    splits: dict[str, str] = {}
    for path in find_lists(folder, "*@p1_*.txt"):
        split = path.stem.rpartition("_")[2].lower()
        if split in SPLITS and path.stat().st_size <= _MAX_LIST_BYTES:
            text = path.read_text(encoding="utf-8", errors="replace")
            splits.update(dict.fromkeys(_IN_LIST.findall(text), split))

    def complete(named: Named, media: str) -> Named:
        if not splits:
            return named.assuming("no lists of protocol 1 in the folder: no split")
        return replace(named, split=splits.get(named.clip, named.split))

    return complete


ADAPTER = Adapter(
    name="hifimask",
    title="HiFiMask",
    domain="HIFI",
    folders=("casiahifimask", "hifimask", "hifi"),
    expected="Data/1_01_0_1_0_0/0000.png and so on",
    parse=_parse,
    published={"train": (8108, 24_406), "dev": (1084, 3263), "test": (4335, 13_027)},
    cropped=True,
    complete=_complete,
)
