"""CASIA-SURF-3DMask: ``Real/<date>_<subject>/<condition>.MOV`` and
``Fake/<date>_<subject>/<level>/<condition>.MOV``, as lists also with underscores between.
"""

from __future__ import annotations

import re

from fas_plugin.datasets.adapters.base import Adapter, Named, NotAClip, Place
from fas_plugin.labels import FasClass, Label

_REAL = re.compile(r"(?:.*[/_])?real[/_](\d{3,4}_\d{1,3})[/_](\d{1,2})", re.IGNORECASE)
_FAKE = re.compile(r"(?:.*[/_])?fake[/_](\d{3,4}_\d{1,3})[/_]([1-9])[/_](\d{1,2})", re.IGNORECASE)
#: Bona fide conditions have other numbers than the same conditions of attacks.
_CONDITIONS = {"1": "1", "15": "2", "16": "3", "17": "4", "22": "5", "23": "6"}


def _parse(place: Place) -> Named:
    if real := _REAL.fullmatch(place.path):
        subject, condition = real.groups()
        return Named(
            label=Label(FasClass.REAL),
            subject=subject,
            clip=f"real/{subject}/{condition}",
            session=_CONDITIONS.get(condition, condition),
        )
    if fake := _FAKE.fullmatch(place.path):
        subject, level, condition = fake.groups()
        return Named(
            label=Label(FasClass.SPOOF, "mask"),
            subject=subject,
            clip=f"fake/{subject}/{level}/{condition}",
            pai_code=level,
            session=condition,
        )
    raise NotAClip(
        "not Real/<date>_<subject>/<condition> or Fake/<date>_<subject>/<level>/<condition>"
    )


ADAPTER = Adapter(
    name="casia_surf_3dmask",
    title="CASIA-SURF-3DMask",
    domain="3DMASK",
    folders=("casiasurf3dmask", "3dmask", "casia3dmask"),
    expected="Real/0927_013/1.MOV and Fake/0927_013/1/1.MOV and so on",
    parse=_parse,
    published={"all": (288, 858)},
)
