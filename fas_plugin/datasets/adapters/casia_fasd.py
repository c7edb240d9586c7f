"""CASIA-FASD: ``{train,test}_release/<subject>/{1..8,HR_1..HR_4}.avi``, no annotations.

The stem says the class: 1, 2, HR_1 bona fide; 3, 4, HR_2 warped print; 5, 6, HR_3 cut print;
7, 8, HR_4 tablet replay. Subject folders restart at 1 in the test part: other people.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from fas_plugin.datasets.adapters.base import Adapter, Clip
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
_TRAIN_SUBJECTS = 20


def _clips(folder: Path, unknown: Callable[[Path], None]) -> Iterator[Clip]:
    for path in folder.rglob("*.avi"):
        split = {"train_release": "train", "test_release": "test"}.get(
            path.parent.parent.name.lower()
        )
        number = path.parent.name
        if path.stem not in _STEMS or split is None or not number.isdecimal():
            unknown(path)
            continue
        label, camera = _STEMS[path.stem]
        subject = int(number) + (_TRAIN_SUBJECTS if split == "test" else 0)
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
