"""SiW: ``{Train,Test}/{live,spoof}/<subject>/<subject>-<sensor>-<type>-<medium>-<session>.mov``.

Type 1 is live, 2 a print, 3 a replay; some files end in ``.m.mov``.
"""

from __future__ import annotations

from dataclasses import replace

from fas_plugin.datasets.adapters.base import Adapter, Named, Place, by_pattern
from fas_plugin.labels import FasClass

_name = by_pattern(
    r"(?P<subject>\d{3})-(?P<device>\d)-(?P<code>[123])-\d+-(?P<session>\d+)(?:\.m)?",
    labels={"1": "real", "2": "spoof:print", "3": "spoof:replay"},
    splits={"train": "train", "test": "test"},
)


def _parse(place: Place) -> Named:
    named = _name(place)
    clip = named.clip.removesuffix(".m")
    _, _, kind, medium, _ = clip.split("-")
    code = f"{kind}-{medium}"
    return replace(
        named,
        clip=clip,
        device=f"sensor{named.device}",
        pai_code=None if named.label.cls is FasClass.REAL else code,
    )


ADAPTER = Adapter(
    name="siw",
    title="SiW",
    domain="SIW",
    folders=("siw", "siw60", "siwrelease", "spoofinthewild"),
    expected="Train/live/003/003-1-1-1-1.mov and so on",
    parse=_parse,
    published={"train": (714, 1702), "test": (599, 1454)},
)
