"""SiW-Mv2: ``Live/*`` and ``Spoof/<kind>/*``; lists name the clips ``Live_3`` or ``Mask_Half_12``.

Folders and lists name the kinds differently; both are read. Who is seen is not in the names.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from fas_plugin.datasets.adapters.base import Adapter, Complete, Named, NotAClip, Place, find_lists
from fas_plugin.labels import FasClass, Label

#: Kind as the lists name it -> other names (folders of this release and of SiW-M) and label.
_KINDS = {
    "Live": ("", "real"),
    "Makeup_Co": ("makeup_cosmetic makeup/cosmetic", "spoof:makeup.cosmetic"),
    "Makeup_Im": ("makeup_impersonation makeup/impersonation", "spoof:makeup.impersonation"),
    "Makeup_Ob": ("makeup_obfuscation makeup/obfuscation", "spoof:makeup.obfuscation"),
    "Mask_Half": ("mask_halfmask mask/halfmask", "spoof:mask.half"),
    "Mask_Mann": (
        "mannequin mask_mannequin mask_mannequinhead mask/mannequinhead",
        "spoof:mannequin",
    ),
    "Mask_Paper": ("mask_papermask mask/papermask", "spoof:mask.paper"),
    "Mask_Silicone": ("silicone mask_siliconemask mask/siliconemask", "spoof:mask.flexible"),
    "Mask_Trans": ("mask_transparentmask mask/transparentmask", "spoof:mask.transparent"),
    "Paper": ("print", "spoof:print"),
    "Replay": ("", "spoof:replay"),
    "Partial_Eye": ("partial_papercut partial/papercut partial/eye", "spoof:partial.eyes"),
    "Partial_Funnyeye": (
        "partial_funnyeyeglasses partial/funnyeyeglasses",
        "spoof:partial.glasses",
    ),
    "Partial_Mouth": ("partial/mouth", "spoof:partial.mouth"),
    "Partial_Paperglass": ("partial_paperglasses partial/paperglasses", "spoof:partial.glasses"),
    "Spoof": ("", "spoof"),  # what the authors' preprocessing calls its outputs
}
_LABELS = {kind: Label.parse(label) for kind, (_, label) in _KINDS.items()}
_NAMES = {
    name: kind for kind, (names, _) in _KINDS.items() for name in (kind.lower(), *names.split())
}
_FILE = re.compile(
    rf"({'|'.join(sorted((n for n in _NAMES if '/' not in n), key=len, reverse=True))})[-_ ]?(\d+)",
    re.IGNORECASE,
)
_NO_SUBJECT = "names don't say who is seen: every clip counts as a person of its own"


def _parse(place: Place) -> Named:
    match = _FILE.fullmatch(place.stem)
    kind = _NAMES[match[1].lower()] if match else _folder(place)
    if kind is None:
        raise NotAClip("neither the name nor a folder says the kind of presentation")
    clip = f"{kind}_{int(match[2])}" if match else f"{kind}/{place.stem}"
    label = _LABELS[kind]
    return Named(
        label=label,
        subject=clip,
        clip=clip.lower(),
        pai_code=None if label.cls is FasClass.REAL else kind,
        assumed=(_NO_SUBJECT,),
    )


def _folder(place: Place) -> str | None:
    for depth in range(len(place.folders), 0, -1):
        pair = "/".join(place.folders[max(0, depth - 2) : depth])
        for name in (pair, place.folders[depth - 1]):
            if name in _NAMES:
                return _NAMES[name]
    return None


def _complete(folder: Path) -> Complete:
    splits: dict[str, str] = {}
    for split in ("train", "test"):
        for path in find_lists(folder, f"{split}list_*.txt"):
            for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
                splits.setdefault(line.strip().lower(), split)  # lines repeat, to balance kinds

    def complete(named: Named, media: str) -> Named:
        if not splits:
            return named.assuming("no trainlist_all.txt and its kin in the folder: no split")
        return replace(named, split=splits.get(named.clip, named.split))

    return complete


ADAPTER = Adapter(
    name="siw_mv2",
    title="SiW-Mv2",
    domain="SIWMV2",
    folders=("siwmv2", "siwm", "siwmv1"),
    expected="Live/Live_0.mov and Spoof/Mask_HalfMask/Mask_Half_1.mov and so on",
    parse=_parse,
    complete=_complete,
)
