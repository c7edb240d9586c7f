"""CASIA-FASD: ``{train,test}_release/<subject>/{1..8,HR_1..HR_4}.avi``, no annotations.

The stem says the class: 1, 2, HR_1 bona fide; 3, 4, HR_2 warped print; 5, 6, HR_3 cut print;
7, 8, HR_4 tablet replay. Subject folders restart at 1 in the test part: other people.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import product

from fas_plugin.datasets.adapters.base import (
    NO_SPLIT,
    Adapter,
    Named,
    NotAClip,
    Place,
    by_pattern,
)

_KINDS = ("real", "spoof:print.warped", "spoof:print.cut", "spoof:replay.tablet")
_name = by_pattern(
    # Some copies are flat (1_HR_1 for 1/HR_1), some write NM_1 for 1.
    r"(?P<subject>[1-9]\d?)[/_](?:(?:nm|lm|nr|lr)_?)?(?P<code>[1-8]|hr_?[1-4])",
    labels={
        code: label
        for position, label in enumerate(_KINDS, 1)
        for code in (f"{2 * position - 1}", f"{2 * position}", f"hr_{position}", f"hr{position}")
    },
    splits={
        "train_release": "train",
        "train": "train",
        "test_release": "test",
        "test": "test",
    },
)
#: Part -> subjects that it has.
_SUBJECTS = {"train": 20, "test": 30}


def _parse(place: Place) -> Named:
    named = _name(place)
    number = int(named.subject)
    if number > _SUBJECTS.get(named.split, 30):
        raise NotAClip(f"the {named.split} part has subjects 1 to {_SUBJECTS.get(named.split, 30)}")
    stem = _stem(place.stem)
    device = "HR" if stem.startswith("HR") else "odd" if int(stem) % 2 else "even"
    named = replace(named, device=device, pai_code=stem if named.pai_code else None)
    if named.split == NO_SPLIT:
        return named.assuming(
            "no train or test folder: subject numbers are taken as they are",
            subject=f"unknown-{number:02}",
            clip=place.path,
        )
    subject = number + (_SUBJECTS["train"] if named.split == "test" else 0)
    return replace(named, subject=f"{subject:02}", clip=f"{subject}/{stem}")


def _stem(stem: str) -> str:
    """``HR_1`` or ``1``, whatever stands before."""
    number = stem[-1]
    return f"HR_{number}" if "hr" in stem.lower() else number


def _names() -> Iterator[str]:
    for split, count in _SUBJECTS.items():
        for subject, kind in product(range(1, count + 1), range(1, 5)):
            for stem in (2 * kind - 1, 2 * kind, f"HR_{kind}"):
                yield f"{split}_release/{subject}/{stem}.avi"


ADAPTER = Adapter(
    name="casia_fasd",
    title="CASIA-FASD",
    domain="C",
    folders=("casiafasd", "casiamfsd", "casia", "cbsr", "casiafaceantisp", "c"),
    expected="train_release/1/1.avi and so on",
    parse=_parse,
    published={"train": (60, 180), "test": (90, 270)},
    names=_names,
)
