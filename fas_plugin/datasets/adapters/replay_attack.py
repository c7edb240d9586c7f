"""Idiap Replay-Attack: ``{train,devel,test}/{real,attack/{fixed,hand}}/*.mov`` with face boxes in
``face-locations/``.

Attack names carry the device that shows the attack, the client, the camera that took the source,
its kind (photo or video) and the light. Enrolment clips are bona fide but not part of the task.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from fas_plugin.datasets.adapters.base import Adapter, Clip, Skip, media_files, read_rows
from fas_plugin.datasets.faces import Box
from fas_plugin.labels import FasClass, Label

_REAL = re.compile(r"client(\d{3})_session(\d\d)_webcam_authenticate_(adverse|controlled)_[12]")
_ATTACK = re.compile(
    r"attack_(print|mobile|highdef)_client(\d{3})_session(\d\d)_(highdef|mobile)_(photo|video)"
    r"_(adverse|controlled)"
)
_INSTRUMENTS = {"print": "print.flat", "mobile": "replay.phone", "highdef": "replay.tablet"}
_SPLITS = {"train": "train", "devel": "dev", "test": "test"}


def _clips(folder: Path, skip: Skip) -> Iterator[Clip]:
    for path in media_files(folder, ".mov"):
        parts = [part.lower() for part in path.relative_to(folder).parts[:-1]]
        if any(part.startswith("enrol") for part in parts):
            continue
        # Archives unpack as replayattack-train/train/real; the innermost name counts.
        split = next((_SPLITS[part] for part in reversed(parts) if part in _SPLITS), None)
        real, attack = _REAL.fullmatch(path.stem), _ATTACK.fullmatch(path.stem)
        if not (real or attack):
            skip(path, "not a clip name of the release")
            continue
        if split is None:
            skip(path, "not below train, devel or test")
            continue
        if real:
            client, session, light = real.groups()
            label, code = Label(FasClass.REAL), None
        else:
            assert attack is not None
            device, client, session, _, kind, light = attack.groups()
            label, code = Label(FasClass.SPOOF, _INSTRUMENTS[device]), f"{device}_{kind}"
        yield Clip(
            path=path,
            media=path.relative_to(folder).as_posix(),
            label=label,
            pai_code=code,
            subject=f"I/{client}",
            session=f"{session}/{light}",
            device="webcam",
            split=split,
            annotation=_annotation(folder, path),
        )


def _annotation(folder: Path, path: Path) -> Path | None:
    parts = path.relative_to(folder).with_suffix(".face").parts
    lower = tuple(part.lower() for part in parts[:-1]) + parts[-1:]
    for start in range(len(parts) - 1):  # with and without the levels that archives add
        for tail in (parts[start:], lower[start:]):
            candidate = Path(folder, "face-locations", *tail)
            if candidate.is_file():
                return candidate
    return None


def _boxes(path: Path) -> Mapping[int, Box]:
    return {
        index: Box(x, y, width, height)
        for index, x, y, width, height in read_rows(path, None, 5)
        if width > 0 and height > 0
    }


ADAPTER = Adapter(
    name="replay_attack",
    domain="I",
    folders=("replayattack", "idiap", "idiapreplayattack", "replay", "i"),
    expected="train/real/client001_session01_webcam_authenticate_adverse_1.mov and so on",
    clips=_clips,
    boxes=_boxes,
)
