"""Idiap Replay-Attack: ``{train,devel,test}/{real,attack/{fixed,hand}}/*.mov`` with face boxes in
``face-locations/``.

Attack names carry the device that shows the attack, the client, the camera that took the source,
its kind (photo or video) and the light. Enrolment clips are bona fide but not part of the task.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import product
from pathlib import Path

from fas_plugin.datasets.adapters.base import (
    Adapter,
    Annotated,
    Exists,
    Named,
    NotAClip,
    Place,
    split_of_subject,
    with_split,
)
from fas_plugin.datasets.faces import Box
from fas_plugin.labels import FasClass, Label

_REAL = re.compile(
    r"(?:real_)?client(\d{3})_session(\d\d)_webcam_(authenticate|enroll)_(adverse|controlled)(?:_(\d))?",
    re.IGNORECASE,
)
_ATTACK = re.compile(
    r"(?:(fixed|hand)_)?attack_(print|mobile|highdef)_client(\d{3})_session(\d\d)"
    r"_(?:highdef|mobile)_(photo|video)_(adverse|controlled)",
    re.IGNORECASE,
)
_LABELS = {
    "print": Label(FasClass.SPOOF, "print.flat"),
    "mobile": Label(FasClass.SPOOF, "replay.phone"),
    "highdef": Label(FasClass.SPOOF, "replay.tablet"),
}
#: Device that shows the attack, camera of the source, kind.
_ATTACKS = (
    ("print", "highdef", "photo"),
    ("mobile", "mobile", "photo"),
    ("mobile", "mobile", "video"),
    ("highdef", "highdef", "photo"),
    ("highdef", "highdef", "video"),
)
_SPLITS = {"train": "train", "devel": "dev", "dev": "dev", "test": "test"}
_CLIENTS = {
    int(client): split
    for split, clients in {
        "train": "1 2 4 6 7 8 12 16 18 25 27 103 105 108 110",
        "dev": "3 5 10 15 17 22 29 30 101 111 113 114 116 118 119",
        "test": "9 11 13 14 19 20 21 23 24 26 28 31 102 104 106 107 109 112 115 117",
    }.items()
    for client in clients.split()
}


def _parse(place: Place) -> Named:
    real, attack = _REAL.fullmatch(place.stem), _ATTACK.fullmatch(place.stem)
    if real:
        client, session, purpose, light, take = real.groups()
        enrolment = purpose.lower() == "enroll"
        if not (take or enrolment):
            raise NotAClip("not a clip name of the release")
        named = Named(
            label=Label(FasClass.REAL),
            subject=client,
            clip=place.stem.lower().removeprefix("real_"),
            session=f"{session}/{light.lower()}",
            device="webcam",
            unused="enrolment clips: bona fide, but no part of the task" if enrolment else None,
        )
    elif attack:
        support, device, client, session, kind, light = attack.groups()
        support = (
            support or next((f for f in place.folders if f in ("fixed", "hand")), "")
        ).lower()
        name = place.stem.lower().removeprefix(f"{support}_")
        named = Named(
            label=_LABELS[device.lower()],
            subject=client,
            clip=f"{support or place.path}/{name}",
            pai_code=f"{device}_{kind}".lower(),
            session=f"{session}/{light.lower()}",
            device="webcam",
            assumed=() if support else ("no fixed or hand folder: support unknown",),
        )
    else:
        raise NotAClip("not a clip name of the release")
    # Archives unpack as replayattack-train/train/real; the innermost name counts.
    named = with_split(named, place, _SPLITS)
    if int(client) not in _CLIENTS:
        raise NotAClip(f"client {client} is not in the release's list of clients")
    return split_of_subject(named, _CLIENTS[int(client)])


def _names() -> Iterator[str]:
    folders = {"train": "train", "dev": "devel", "test": "test"}
    for (client, split), light in product(_CLIENTS.items(), ("adverse", "controlled")):
        start = f"client{client:03}_session01"
        for take in (1, 2):
            yield f"{folders[split]}/real/{start}_webcam_authenticate_{light}_{take}.mov"
        for support, (device, source, kind) in product(("fixed", "hand"), _ATTACKS):
            name = f"attack_{device}_{start}_{source}_{kind}_{light}.mov"
            yield f"{folders[split]}/attack/{support}/{name}"


def _annotation(media: str, exists: Exists) -> str | None:
    parts = (media.rpartition(".")[0] + ".face").split("/")
    lower = [part.lower() for part in parts[:-1]] + parts[-1:]
    for start in range(len(parts) - 1):  # with and without the levels that archives add
        for tail in (parts[start:], lower[start:]):
            candidate = "/".join(("face-locations", *tail))
            if exists(candidate):
                return candidate
    return None


def _box(x: int, y: int, width: int, height: int) -> Box | None:
    return Box(x, y, width, height) if width > 0 and height > 0 else None


def _boxes(path: Path, width: int, height: int) -> Mapping[int, Box]:
    return Annotated(path, None, 5, _box)


ADAPTER = Adapter(
    name="replay_attack",
    title="Replay-Attack",
    domain="I",
    folders=("replayattack", "idiap", "idiapreplayattack", "replay", "i"),
    expected="train/real/client001_session01_webcam_authenticate_adverse_1.mov and so on",
    parse=_parse,
    published={"train": (60, 300), "dev": (60, 300), "test": (80, 400)},
    names=_names,
    annotation=_annotation,
    boxes=_boxes,
)
