"""CASIA-FASD: ``{train,test}_release/<subject>/{1..8,HR_1..HR_4}.avi``, no annotations.

The stem says the class: 1, 2, HR_1 bona fide; 3, 4, HR_2 warped print; 5, 6, HR_3 cut print;
7, 8, HR_4 tablet replay. Subject folders restart at 1 in the test part: other people.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from fas_plugin.datasets.adapters.base import Adapter, Clip, Skip, media_files
from fas_plugin.labels import FasClass, Label

_KINDS = (
    Label(FasClass.REAL),
    Label(FasClass.SPOOF, "print.warped"),
    Label(FasClass.SPOOF, "print.cut"),
    Label(FasClass.SPOOF, "replay.tablet"),
)
#: Stem -> label and camera: odd and even numbers are two cameras, HR is a third.
_STEMS = {
    stem: (label, camera)
    for position, label in enumerate(_KINDS)
    for stem, camera in (
        (f"{2 * position + 1}", "odd"),
        (f"{2 * position + 2}", "even"),
        (f"HR_{position + 1}", "HR"),
    )
}
#: Part -> subjects that it has.
_SUBJECTS = {"train": 20, "test": 30}


def _clips(folder: Path, skip: Skip) -> Iterator[Clip]:
    for path in media_files(folder, ".avi"):
        split = path.parent.parent.name.lower().removesuffix("_release")
        number = path.parent.name
        if path.stem not in _STEMS:
            skip(path, "not a clip name of the release (1 to 8, HR_1 to HR_4)")
            continue
        if split not in _SUBJECTS or not re.fullmatch(r"[1-9]\d?", number):
            skip(path, "not in train_release/<subject> or test_release/<subject>")
            continue
        if int(number) > _SUBJECTS[split]:
            skip(path, f"the {split} part has subjects 1 to {_SUBJECTS[split]}")
            continue
        label, camera = _STEMS[path.stem]
        subject = int(number) + (_SUBJECTS["train"] if split == "test" else 0)
        yield Clip(
            path=path,
            media=path.relative_to(folder).as_posix(),
            label=label,
            pai_code=None if label.cls is FasClass.REAL else path.stem,
            subject=f"C/{subject:02}",
            session=None,
            device=camera,
            split=split,
            annotation=None,
        )


ADAPTER = Adapter(
    name="casia_fasd",
    domain="C",
    folders=("casiafasd", "casiamfsd", "casia", "cbsr", "c"),
    expected="train_release/1/1.avi and so on",
    clips=_clips,
    boxes=None,
)
