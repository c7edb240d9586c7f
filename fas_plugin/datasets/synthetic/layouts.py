"""How the four datasets name, sort and annotate their clips; which clips the synthetic ones have."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

#: Dataset folder under the OCIM root, by domain letter.
FOLDERS = {"O": "OULU-NPU", "C": "CASIA-FASD", "I": "Replay-Attack", "M": "MSU-MFSD"}

#: Frames of a clip.
FRAMES = 6

#: MSU-MFSD's bona fide android clips that the release stores upside down.
MSU_ROTATED = (3, 5, 6, 7, 8, 9)


@dataclass(frozen=True)
class Clip:
    """One clip to make.

    Attributes:
        path: below the dataset folder.
        subject: identity within the domain.
        instrument: None for bona fide.
        size: (width, height) in pixels.
        codec: of a video; or ``image``, ``images`` (numbered, the path is the first), ``3dmad`` or
            ``wmca`` (HDF5 files of those datasets).
        annotation: path of the shipped annotation, or None.
        style: annotation format: ``oulu`` (eyes), ``replay`` or ``msu`` (boxes), or None.
        low_light: adverse light.
        handheld: the medium moves.
        rotated: stored upside down.
        frames: how many; the originals have 100 to 500.
        cropped: side of the face crop that is stored instead of the frame, in pixels.
        split: where the release has the clip, when its path doesn't say it.
    """

    path: str
    subject: int
    instrument: str | None
    size: tuple[int, int]
    codec: str
    annotation: str | None = None
    style: str | None = None
    low_light: bool = False
    handheld: bool = False
    rotated: bool = False
    frames: int = FRAMES
    cropped: int | None = None
    split: str = ""


@dataclass(frozen=True)
class Layout:
    """The clips of one dataset and the text files beside them (path -> content)."""

    clips: tuple[Clip, ...]
    files: dict[str, str]


def layout(domain: str, size: str) -> Layout:
    """The clips of one domain; ``size`` is ``small`` (for a run) or ``tiny`` (for tests)."""
    return {"O": _oulu, "C": _casia, "I": _replay, "M": _msu}[domain](size == "tiny")


def _oulu(tiny: bool) -> Layout:
    subjects = {
        "Train": (1, 2) if tiny else (1, 3, 5, 8, 12, 15, 19),
        "Dev": (21,),
        "Test": (36, 37) if tiny else (36, 38, 41, 44, 47, 50, 55),
    }
    instruments = {
        1: None,
        2: "print.flat",
        3: "print.flat",
        4: "replay.monitor",
        5: "replay.laptop",
    }
    clips, files = [], {}
    for split, ids in subjects.items():
        listed = []
        for subject in ids:
            # Each subject is seen by two of the six phones, in one session each.
            for take in range(1 if tiny else 2):
                phone, session = (subject + 3 * take) % 6 + 1, (subject + take) % 3 + 1
                for code, instrument in instruments.items():
                    stem = f"{phone}_{session}_{subject:02}_{code}"
                    folder = f"{split}_files"
                    clips.append(
                        Clip(
                            path=f"{folder}/{stem}.avi",
                            subject=subject,
                            instrument=instrument,
                            size=(324, 576),
                            codec="mpeg4",
                            annotation=f"{folder}/{stem}.txt",
                            style="oulu",
                            handheld=code > 3,
                        )
                    )
                    if session < 3 or split == "Test":
                        listed.append(f"{'+1' if instrument is None else '-1'},{stem}")
        files[f"Protocols/Protocol_1/{split}.txt"] = "\n".join(listed) + "\n"
    return Layout(tuple(clips), files)


def _casia(tiny: bool) -> Layout:
    subjects = {
        "train_release": (1, 2) if tiny else (1, 4, 9, 13, 18),
        "test_release": (1, 2) if tiny else (1, 5, 11, 17, 23, 30),
    }
    kinds = (None, "print.warped", "print.cut", "replay.tablet")
    clips = []
    for folder, ids in subjects.items():
        for number in ids:
            subject = number if folder == "train_release" else number + 20
            for position, kind in enumerate(kinds):
                stems = (f"{2 * position + 1}", f"{2 * position + 2}", f"HR_{position + 1}")
                for stem, size in zip(stems, ((320, 240), (240, 320), (324, 576)), strict=True):
                    clips.append(
                        Clip(
                            path=f"{folder}/{number}/{stem}.avi",
                            subject=subject,
                            instrument=kind,
                            size=size,
                            codec="mpeg4",
                            handheld=kind is not None,
                        )
                    )
    return Layout(tuple(clips), {})


def _replay(tiny: bool) -> Layout:
    subjects = {
        "train": (1, 2) if tiny else (1, 4, 8, 18),
        "devel": (3,),
        "test": (9, 11) if tiny else (9, 14, 21, 104, 117),
    }
    stems = [
        (device, source, kind)
        for device, source, kind in (
            ("print", "highdef", "photo"),
            ("mobile", "mobile", "photo"),
            ("mobile", "mobile", "video"),
            ("highdef", "highdef", "photo"),
            ("highdef", "highdef", "video"),
        )
    ]
    devices = {"print": "print.flat", "mobile": "replay.phone", "highdef": "replay.tablet"}
    clips, files = [], {}
    clients = []
    for split, ids in subjects.items():
        real, attacks = [], []
        for subject in ids:
            clients.append(f"{subject:03} {split}")
            for light, take in product(("controlled", "adverse"), (1, 2)):
                stem = (
                    f"{split}/real/client{subject:03}_session01_webcam_authenticate_{light}_{take}"
                )
                real.append(stem)
                clips.append(_replay_clip(stem, subject, None, light == "adverse"))
            for i, ((device, source, kind), light) in enumerate(
                product(stems, ("controlled", "adverse"))
            ):
                support = ("fixed", "hand")[(i + i // 2) % 2]
                name = f"attack_{device}_client{subject:03}_session01_{source}_{kind}_{light}"
                stem = f"{split}/attack/{support}/{name}"
                attacks.append(stem)
                clips.append(
                    _replay_clip(
                        stem, subject, devices[device], light == "adverse", support == "hand"
                    )
                )
        files[f"protocols/real-{split}.txt"] = "\n".join(real) + "\n"
        files[f"protocols/attack-grandtest-allsupports-{split}.txt"] = "\n".join(attacks) + "\n"
    files["protocols/clients.txt"] = "\n".join(clients) + "\n"
    return Layout(tuple(clips), files)


def _replay_clip(
    stem: str, subject: int, instrument: str | None, adverse: bool, hand: bool = False
) -> Clip:
    return Clip(
        path=f"{stem}.mov",
        subject=subject,
        instrument=instrument,
        size=(320, 240),
        codec="mjpeg",
        annotation=f"face-locations/{stem}.face",
        style="replay",
        low_light=adverse,
        handheld=hand,
    )


def _msu(tiny: bool) -> Layout:
    train = (2, 3) if tiny else (2, 3, 5, 7, 11, 21, 34)
    test = (1, 13) if tiny else (1, 13, 23, 26, 30, 36, 42, 50)
    attacks = {
        "ipad_video": "replay.tablet",
        "iphone_video": "replay.phone",
        "printed_photo": "print.flat",
    }
    clips = []
    for subject in train + test:
        for camera, extension, size in (
            ("android", "mp4", (360, 240)),
            ("laptop", "mov", (320, 240)),
        ):
            stem = f"scene01/real/real_client{subject:03}_{camera}_SD_scene01"
            upside_down = camera == "android" and subject in MSU_ROTATED
            clips.append(_msu_clip(stem, extension, subject, None, size, upside_down))
            for code, instrument in attacks.items():
                stem = f"scene01/attack/attack_client{subject:03}_{camera}_SD_{code}_scene01"
                clips.append(_msu_clip(stem, extension, subject, instrument, size, False))
    files = {
        "train_sub_list.txt": "\n".join(f"{s:02}" for s in train) + "\n",
        "test_sub_list.txt": "\n".join(f"{s:02}" for s in test) + "\n",
    }
    return Layout(tuple(clips), files)


def _msu_clip(
    stem: str,
    extension: str,
    subject: int,
    instrument: str | None,
    size: tuple[int, int],
    rotated: bool,
) -> Clip:
    return Clip(
        path=f"{stem}.{extension}",
        subject=subject,
        instrument=instrument,
        size=size,
        codec="h264",
        annotation=f"{stem}.face",
        style="msu",
        handheld=instrument == "print.flat",
        rotated=rotated,
    )
