"""HKBU-MARs, version 2: ``{real,attack}/<subject>/<camera>_<light>_<subject>.avi``; version 1+:
``{s1,s2,s3}/<clip>``, where s1 and s2 are bona fide.

Version 1+ says no more than that in what is public about it; its subjects are the leading numbers of
the clips' names. No version has a published split.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import product

from fas_plugin.datasets.adapters.base import Adapter, Named, NotAClip, Place, by_pattern
from fas_plugin.labels import FasClass, Label

_v2 = by_pattern(
    r"(?P<code>real|attack|mask)/\d{1,2}/(?P<device>\d{1,2})_(?P<session>\d{1,2})_(?P<subject>\d{1,2})",
    labels={"real": "real", "attack": "spoof:mask", "mask": "spoof:mask"},
)
_V1_FOLDERS = re.compile(r"s([1-9])")
_LEADING = re.compile(r"[a-z]*[-_]?(\d{1,3})", re.IGNORECASE)


def _parse(place: Place) -> Named:
    for position in range(len(place.folders) - 1, -1, -1):
        group = _V1_FOLDERS.fullmatch(place.folders[position])
        if group:
            return _v1(place, group[1], place.folders[position + 1 :])
    named = _v2(place)
    return replace(
        named,
        subject=f"{int(named.subject):02}",
        device=f"camera{int(named.device or 0)}",
        session=f"light{int(named.session or 0)}",
        clip="/".join(str(int(p)) if p.isdigit() else p for p in re.split("[/_]", named.clip)),
        pai_code=named.pai_code and "mask",
    )


def _v1(place: Place, group: str, below: tuple[str, ...]) -> Named:
    number = next((m for name in (*below, place.stem) if (m := _LEADING.match(name))), None)
    if number is None:
        raise NotAClip("no number in the name")
    real = group in "12"
    return Named(
        label=Label(FasClass.REAL) if real else Label(FasClass.SPOOF, "mask"),
        subject=f"v1-{int(number[1]):02}",
        clip="/".join((f"s{group}", *below, place.stem)).lower(),
        pai_code=None if real else f"s{group}",
        session=f"s{group}",
        assumed=("version 1+: s1 and s2 bona fide, subject by the leading number of the name",),
    )


def _names() -> Iterator[str]:
    for cls, subject, camera, light in product(
        ("real", "attack"), range(1, 13), range(1, 8), range(1, 7)
    ):
        yield f"{cls}/{subject:02}/{camera:02}_{light:02}_{subject:02}.avi"


ADAPTER = Adapter(
    name="hkbu_mars",
    title="HKBU-MARs V2",
    domain="H",
    folders=("hkbumarsv2", "hkbuv2", "hkbumars", "hkbu", "h"),
    expected="real/01/01_01_01.avi and so on",
    parse=_parse,
    published={"all": (504, 504)},
    names=_names,
)
V1_ADAPTER = replace(
    ADAPTER,
    name="hkbu_mars_v1",
    title="HKBU-MARs V1+",
    domain="H1",
    folders=("hkbumarsv1+", "hkbumarsv1", "hkbumarsv1plus", "hkbuv1+", "hkbuv1", "h1"),
    expected="s1/<clip> and so on",
    published={},
    names=None,
)
