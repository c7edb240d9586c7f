"""How the datasets beyond OCIM name and sort their clips; which clips the synthetic ones have."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import product

from fas_plugin.datasets.synthetic.layouts import Clip, Layout


def _celeba(tiny: bool) -> Layout:
    kinds = {
        1: "print.flat",
        2: "print.poster",
        3: "print.flat",
        4: "mask.paper",
        5: "mask.paper",
        6: "partial.paper",
        7: "replay.monitor",
        8: "replay.tablet",
        9: "replay.phone",
        10: "mask",
    }
    subjects = {
        "train": (10, 563) if tiny else (10, 177, 563, 1201, 4077, 8192),
        "test": (8715, 9928) if tiny else (6766, 8715, 9928),
    }
    clips, files = [], {}
    number, kind = 348_200, 0
    for split, ids in subjects.items():
        labels = {}
        for subject in ids:
            for position in range(7):
                kind = kind % 10 + 1 if position > 1 else kind
                instrument = kinds[kind] if position > 1 else None
                number += 17
                stem = f"Data/{split}/{subject}/{'spoof' if instrument else 'live'}/{number:06}"
                suffix = "png" if number % 2 else "jpg"
                light, place = position % 4 + 1, position % 2 + 1
                code = [kind, light, place, 1] if instrument else [0, 0, 0, 0]
                labels[f"{stem}.{suffix}"] = [int(i == subject % 40) for i in range(40)] + code
                clips.append(
                    Clip(
                        path=f"{stem}.{suffix}",
                        subject=subject,
                        instrument=instrument,
                        size=(216, 264),
                        codec="image",
                        annotation=f"{stem}_BB.txt",
                        style="celeba",
                        handheld=bool(instrument),
                        frames=1,
                        split=split,
                    )
                )
        files[f"metas/intra_test/{split}_label.json"] = json.dumps(labels) + "\n"
    return Layout(tuple(clips), files)


def _siw(tiny: bool) -> Layout:
    subjects = {
        "Train": (3, 11) if tiny else (3, 11, 54, 92),
        "Test": (102, 153) if tiny else (12, 102, 114, 153),
    }
    kinds = {(1, 1): None, (1, 2): None, (2, 1): "print", (3, 1): "replay", (3, 4): "replay"}
    if not tiny:
        kinds |= {(2, 2): "print", (3, 2): "replay", (3, 3): "replay"}
    clips = []
    for split, ids in subjects.items():
        for subject, ((kind, medium), instrument) in product(ids, kinds.items()):
            sensor, session = (subject + medium) % 2 + 1, subject % 2 + 1
            stem = f"{subject:03}-{sensor}-{kind}-{medium}-{session}"
            # The release has a few files that end in .m.mov and a few in .mp4.
            ending = ".m.mov" if (subject, kind) == (153, 1) else ".mov"
            ending = ".mp4" if (kind, medium) == (3, 4) else ending
            folder = f"{split}/{'spoof' if instrument else 'live'}/{subject:03}"
            clips.append(
                _video(f"{folder}/{stem}{ending}", subject, instrument, split.lower(), (320, 240))
            )
    return Layout(tuple(clips), {})


def _siw_mv2(tiny: bool) -> Layout:
    folders = {
        "Makeup_Cosmetic": ("Makeup_Co", "makeup.cosmetic"),
        "Makeup_Impersonation": ("Makeup_Im", "makeup.impersonation"),
        "Makeup_Obfuscation": ("Makeup_Ob", "makeup.obfuscation"),
        "Mannequin": ("Mask_Mann", "mannequin"),
        "Silicone": ("Mask_Silicone", "mask.flexible"),
        "Print": ("Paper", "print"),
        "Replay": ("Replay", "replay"),
        "Partial_FunnyeyeGlasses": ("Partial_Funnyeye", "partial.glasses"),
        "Partial_PaperGlasses": ("Partial_Paperglass", "partial.glasses"),
        "Partial_Eye": ("Partial_Eye", "partial.eyes"),
        "Partial_Mouth": ("Partial_Mouth", "partial.mouth"),
        "Mask_HalfMask": ("Mask_Half", "mask.half"),
        "Mask_PaperMask": ("Mask_Paper", "mask.paper"),
        "Mask_TransparentMask": ("Mask_Trans", "mask.transparent"),
    }
    count = 2 if tiny else 6
    lists: dict[str, list[str]] = {}
    clips = []
    for subject in range(count * 2):
        split = "train" if subject % 2 else "test"
        lists.setdefault(f"{split}list_live", []).append(f"Live_{subject}")
        clips.append(_video(f"Live/Live_{subject}.mov", subject, None, split, (240, 320)))
    for subject, (folder, (kind, instrument)) in enumerate(folders.items(), 100):
        for number in range(1, count + 1):
            split = "train" if number % 2 else "test"
            name = f"{kind}_{number}"
            lists.setdefault(f"{split}list_all", []).extend([name] * (1 + number % 2))
            clips.append(
                _video(
                    f"Spoof/{folder}/{name}.mov", subject + number, instrument, split, (240, 320)
                )
            )
    files = {f"{name}.txt": "\n".join(lines) + "\n" for name, lines in lists.items()}
    return Layout(tuple(clips), files)


def _rose(tiny: bool) -> Layout:
    subjects = {
        "train": (2, 3) if tiny else (2, 3, 4, 5),
        "test": (10,) if tiny else (10, 11, 18, 20),
    }
    kinds = {
        "G": None,
        "Ps": "print.flat",
        "Pq": "print",
        "Vl": "replay.monitor",
        "Vm": "replay.laptop",
        "Mc": "mask.paper",
        "Mf": "mask.paper",
        "Mu": "mask.paper",
    }
    devices = ("HS", "HW", "IP", "5s", "ZTE")
    clips = []
    for split, ids in subjects.items():
        for subject in ids:
            for number, (kind, instrument) in enumerate(
                [("G", None), ("G", None), *kinds.items()], 1
            ):
                device = devices[(subject + number) % 5]
                talk, glasses = ("T", "NT")[number % 2], ("g", "wg")[subject % 2]
                name = f"{kind}_{talk}_{device}_{glasses}_E_{subject}_{number}"
                clips.append(
                    _video(f"{split}/{subject}/{name}.mp4", subject, instrument, split, (240, 320))
                )
    return Layout(tuple(clips), {})


def _wmca(tiny: bool) -> Layout:
    subjects = {
        "train": (35, 5) if tiny else (35, 5, 1, 2),
        "dev": (36,) if tiny else (36, 40),
        "eval": (72,) if tiny else (72, 73, 74),
    }
    attacks = {
        (1, 5): "partial.glasses",
        (2, 1): "mannequin",
        (2, 8): "mask.paper",
        (2, 13): "mask.rigid",
        (2, 78): "mask.flexible",
        (3, 13): "print",
        (4, 3): "replay",
    }
    clips, rows, bona_fide, attack_rows = [], [], [], []
    for group, ids in subjects.items():
        for position, subject in enumerate(ids):
            session = position % 7 + 1
            stems: list[tuple[str, str | None, int]] = [
                (f"{subject:03}_{session:02}_000_0_00", None, subject)
            ]
            for number, ((kind, pai), instrument) in enumerate(attacks.items()):
                client = 500 + 10 * subject + number if kind in (1, 2) else subject
                presenter = subject if kind < 3 else 0
                name = f"{client % 1000:03}_{session:02}_{presenter:03}_{kind}_{pai:02}"
                stems.append((name, instrument, client % 1000))
            for name, instrument, client in stems:
                place = f"face-station/31.01.18/{name}"
                clips.append(
                    Clip(
                        path=f"preprocessed-face-station_RGB/{place}.hdf5",
                        subject=client,
                        instrument=instrument,
                        size=(240, 240),
                        codec="wmca",
                        cropped=128,
                        split="test" if group == "eval" else group,
                    )
                )
                label = "attack" if instrument else "bonafide"
                rows.append(f"{place},{group},{label}")
                (attack_rows if instrument else bona_fide).append(f"{place}.hdf5")
    files = {
        "documentation/grandtest.csv": "\n".join(rows) + "\n",
        "documentation/attack_illustration_files.csv": "\n".join(attack_rows) + "\n",
        "documentation/bonafide_illustration_files.csv": "\n".join(bona_fide) + "\n",
    }
    return Layout(tuple(clips), files)


def _hkbu_v2(tiny: bool) -> Layout:
    clips = []
    for subject in (1, 9) if tiny else (1, 5, 9, 12):
        for cls, camera, light in product(("real", "attack"), (1, 4, 7), (1,) if tiny else (1, 6)):
            # The release writes one subject without its zero in the names of attacks.
            last = "9" if (subject, cls) == (9, "attack") else f"{subject:02}"
            path = f"{cls}/{subject:02}/{camera:02}_{light:02}_{last}.avi"
            instrument = "mask" if cls == "attack" else None
            clips.append(_video(path, subject, instrument, "none", (320, 240), codec="mjpeg"))
    return Layout(tuple(clips), {})


def _hkbu_v1(tiny: bool) -> Layout:
    clips = []
    for subject in (1, 2) if tiny else (1, 2, 3, 4):
        for group, take in product(("s1", "s2", "s3"), (1, 2)):
            instrument = "mask" if group == "s3" else None
            clips.append(
                _video(f"{group}/{subject:02}_{take}.mp4", subject, instrument, "none", (320, 240))
            )
    return Layout(tuple(clips), {})


def _casia_3dmask(tiny: bool) -> Layout:
    clips, lines = [], []
    people = ("0927_013", "0928_003") if tiny else ("0927_013", "0928_003", "0928_042", "0929_031")
    for subject, person in enumerate(people, 1):
        for condition in (1, 15, 16, 17, 22, 23):
            path = f"Real/{person}/{condition}.MOV"
            clips.append(_video(path, subject, None, "none", (180, 320)))
            lines.append(f"1,Real_{person}_{condition}")
        for level, condition in product((1, 2, 3), (1,) if tiny else (1, 6)):
            path = f"Fake/{person}/{level}/{condition}.MOV"
            clips.append(_video(path, subject, "mask", "none", (180, 320)))
            lines.append(f"-1,Fake_{person}_{level}_{condition}")
    return Layout(tuple(clips), {"CASIA_SURF_3DMask_list.txt": "\n".join(lines) + "\n"})


def _hifimask(tiny: bool) -> Layout:
    people = {
        "train": ("1_05", "2_51") if tiny else ("1_05", "1_12", "2_51", "3_49"),
        "dev": ("3_63",),
        "test": ("1_02",) if tiny else ("1_02", "2_66", "3_70"),
    }
    kinds = {0: None, 1: "mask.transparent", 2: "mask.plaster", 3: "mask.resin"}
    clips, files = [], {}
    for split, names in people.items():
        lines = []
        for person, kind in product(names, kinds):
            number, instrument = int(person[2:]), kinds[kind]
            name = f"{person}_{kind}_{number % 6 + 1}_{number % 7}_{number % 9}"
            lines.append(f"Data/{name} {int(bool(instrument))}")
            clips.append(
                Clip(
                    path=f"Data/{name}/0000.png",
                    subject=number,
                    instrument=instrument,
                    size=(240, 240),
                    codec="images",
                    frames=10,
                    cropped=160,
                    split=split,
                )
            )
        files[f"protocol/CASIA_HiFiMask@p1_video_{split}.txt"] = "\n".join(lines) + "\n"
    return Layout(tuple(clips), files)


def _3dmad(tiny: bool) -> Layout:
    splits = {"train": (1, 2), "dev": (8,), "test": (13, 17)}
    clips = []
    for split, subjects in splits.items():
        for subject, session, shot in product(subjects, (1, 2, 3), (1,) if tiny else (1, 2)):
            clips.append(
                Clip(
                    path=f"session{session:02}/Data/{subject:02}_{session:02}_{shot:02}.hdf5",
                    subject=subject,
                    instrument="mask.rigid" if session == 3 else None,
                    size=(320, 240),
                    codec="3dmad",
                    split=split,
                )
            )
    return Layout(tuple(clips), {})


def _own(tiny: bool) -> Layout:
    splits = {"train": ("ada", "bo"), "dev": ("cy",), "test": ("di", "eve")}
    clips = []
    for subject, (split, person) in enumerate(
        (split, person) for split, people in splits.items() for person in people
    ):
        for take in range(1, 2 if tiny else 4):
            for place, instrument in (
                (f"real/{person}", None),
                (f"spoof/print/{person}", "print"),
                (f"spoof/replay.phone/{person}", "replay.phone"),
            ):
                path = f"{split}/{place}/clip{take}.mp4"
                clips.append(_video(path, subject, instrument, split, (240, 320)))
    return Layout(tuple(clips), {})


def _video(
    path: str,
    subject: int,
    instrument: str | None,
    split: str,
    size: tuple[int, int],
    codec: str = "h264",
) -> Clip:
    return Clip(
        path=path,
        subject=subject,
        instrument=instrument,
        size=size,
        codec=codec,
        handheld=bool(instrument),
        split=split,
    )


#: Domain -> folder and layout.
CATALOGUE: dict[str, tuple[str, Callable[[bool], Layout]]] = {
    "CA": ("CelebA_Spoof", _celeba),
    "SIW": ("SiW", _siw),
    "SIWMV2": ("SiW-Mv2", _siw_mv2),
    "ROSE": ("ROSE-Youtu", _rose),
    "W": ("WMCA", _wmca),
    "H": ("HKBU_MARs_V2", _hkbu_v2),
    "H1": ("HKBU_MARs_V1+", _hkbu_v1),
    "3DMASK": ("CASIA_SURF_3DMask", _casia_3dmask),
    "HIFI": ("CASIA_HiFiMask", _hifimask),
    "D": ("3DMAD", _3dmad),
    "OWN": ("own", _own),
}
