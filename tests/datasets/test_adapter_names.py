"""Names built from the published grammar of each dataset are read as published, wherever they lie."""

from collections import Counter
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fas_plugin.datasets.adapters import ADAPTERS, NotAClip, get_adapter
from fas_plugin.labels import FasClass

number = st.integers


@st.composite
def oulu(draw):
    phone, session, subject, file = (
        draw(number(1, 6)),
        draw(number(1, 3)),
        draw(number(1, 55)),
        draw(number(1, 5)),
    )
    split = "Train" if subject <= 20 else "Dev" if subject <= 35 else "Test"
    label = ("real", *["spoof:print.flat"] * 2, "spoof:replay.monitor", "spoof:replay.laptop")
    return (
        f"{split}_files/{phone}_{session}_{subject:02}_{file}",
        ".avi",
        label[file - 1],
        f"{subject:02}",
        split.lower(),
    )


@st.composite
def casia(draw):
    split = draw(st.sampled_from(["train", "test"]))
    subject = draw(number(1, 20 if split == "train" else 30))
    kind = draw(number(0, 3))
    stem = draw(st.sampled_from([f"{2 * kind + 1}", f"{2 * kind + 2}", f"HR_{kind + 1}"]))
    label = ("real", "spoof:print.warped", "spoof:print.cut", "spoof:replay.tablet")[kind]
    person = subject + 20 * (split == "test")
    return f"{split}_release/{subject}/{stem}", ".avi", label, f"{person:02}", split


@st.composite
def replay(draw):
    split, client = draw(st.sampled_from([("train", 1), ("devel", 3), ("test", 9), ("test", 117)]))
    light = draw(st.sampled_from(["adverse", "controlled"]))
    folder = "dev" if split == "devel" else split
    if draw(st.booleans()):
        take = draw(number(1, 2))
        stem = f"client{client:03}_session01_webcam_authenticate_{light}_{take}"
        return f"{split}/real/{stem}", ".mov", "real", f"{client:03}", folder
    device, source, kind, label = draw(
        st.sampled_from(
            [
                ("print", "highdef", "photo", "spoof:print.flat"),
                ("mobile", "mobile", "photo", "spoof:replay.phone"),
                ("mobile", "mobile", "video", "spoof:replay.phone"),
                ("highdef", "highdef", "photo", "spoof:replay.tablet"),
                ("highdef", "highdef", "video", "spoof:replay.tablet"),
            ]
        )
    )
    attack = draw(st.sampled_from(["attack", "attk"]))
    support = draw(st.sampled_from(["fixed", "hand"]))
    stem = f"attack_{device}_client{client:03}_session01_{source}_{kind}_{light}"
    return f"{split}/{attack}/{support}/{stem}", ".mov", label, f"{client:03}", folder


@st.composite
def msu(draw):
    client, split = draw(st.sampled_from([(2, "train"), (55, "train"), (1, "test"), (51, "test")]))
    camera, suffix = draw(st.sampled_from([("android", ".mp4"), ("laptop", ".mov")]))
    pai, label = draw(
        st.sampled_from(
            [
                (None, "real"),
                ("ipad_video", "spoof:replay.tablet"),
                ("iphone_video", "spoof:replay.phone"),
                ("printed_photo", "spoof:print.flat"),
            ]
        )
    )
    cls = "attack" if pai else "real"
    scene = draw(st.sampled_from(["scene01/", ""]))
    stem = f"{cls}_client{client:03}_{camera}_SD_{pai + '_' if pai else ''}scene01"
    return f"{scene}{cls}/{stem}", suffix, label, f"{client:02}", split


@st.composite
def celeba(draw):
    split, subject = draw(st.sampled_from(["train", "test"])), draw(number(1, 10_177))
    cls = draw(st.sampled_from(["live", "spoof"]))
    name = f"{draw(number(0, 999_999)):06}"
    suffix = draw(st.sampled_from([".jpg", ".png"]))
    label = "real" if cls == "live" else "spoof"
    return f"Data/{split}/{subject}/{cls}/{name}", suffix, label, str(subject), split


@st.composite
def siw(draw):
    split = draw(st.sampled_from(["Train", "Test"]))
    subject, sensor, session = draw(number(1, 165)), draw(number(1, 2)), draw(number(1, 2))
    kind = draw(number(1, 3))
    medium = draw(number(1, 4 if kind == 3 else 2))
    suffix = draw(st.sampled_from([".mov", ".mp4", ".m.mov"]))
    label = ("real", "spoof:print", "spoof:replay")[kind - 1]
    folder = "live" if kind == 1 else "spoof"
    stem = f"{subject:03}-{sensor}-{kind}-{medium}-{session}"
    return (
        f"{split}/{folder}/{subject:03}/{stem}",
        suffix,
        label,
        f"{subject:03}",
        split.lower(),
    )


MV2 = {
    ("Live", "Live"): "real",
    ("Spoof/Makeup_Cosmetic", "Makeup_Co"): "spoof:makeup.cosmetic",
    ("Spoof/Makeup_Impersonation", "Makeup_Im"): "spoof:makeup.impersonation",
    ("Spoof/Makeup_Obfuscation", "Makeup_Ob"): "spoof:makeup.obfuscation",
    ("Spoof/Mannequin", "Mask_Mann"): "spoof:mannequin",
    ("Spoof/Silicone", "Mask_Silicone"): "spoof:mask.flexible",
    ("Spoof/Print", "Paper"): "spoof:print",
    ("Spoof/Replay", "Replay"): "spoof:replay",
    ("Spoof/Partial_FunnyeyeGlasses", "Partial_Funnyeye"): "spoof:partial.glasses",
    ("Spoof/Partial_PaperGlasses", "Partial_Paperglass"): "spoof:partial.glasses",
    ("Spoof/Partial_Eye", "Partial_Eye"): "spoof:partial.eyes",
    ("Spoof/Partial_Mouth", "Partial_Mouth"): "spoof:partial.mouth",
    ("Spoof/Mask_HalfMask", "Mask_Half"): "spoof:mask.half",
    ("Spoof/Mask_PaperMask", "Mask_Paper"): "spoof:mask.paper",
    ("Spoof/Mask_TransparentMask", "Mask_Trans"): "spoof:mask.transparent",
}


@st.composite
def siw_mv2(draw):
    (folder, kind), label = draw(st.sampled_from(list(MV2.items())))
    stem = f"{kind}_{draw(number(0, 999))}"
    # The lists have the stem alone.
    place = draw(st.sampled_from([f"{folder}/{stem}", stem, f"{folder}/video_of_somebody"]))
    if place == stem or place.endswith(stem):
        return place, ".mov", label, stem, "none"
    return place, ".mov", label, None, "none"


@st.composite
def rose(draw):
    kind, label = draw(
        st.sampled_from(
            [
                ("G", "real"),
                ("Ps", "spoof:print.flat"),
                ("Pq", "spoof:print"),
                ("Vl", "spoof:replay.monitor"),
                ("Vm", "spoof:replay.laptop"),
                ("Mc", "spoof:mask.paper"),
                ("Mf", "spoof:mask.paper"),
                ("Mu", "spoof:mask.paper"),
            ]
        )
    )
    subject = draw(number(1, 25))
    stem = "_".join(
        (
            kind,
            draw(st.sampled_from(["T", "NT"])),
            draw(st.sampled_from(["HS", "HW", "IP", "5s", "ZTE"])),
            draw(st.sampled_from(["g", "wg"])),
            "E",
            str(subject),
            str(draw(number(1, 300))),
        )
    )
    split, folder = draw(
        st.sampled_from([("train", "train/"), ("test", "test/_"), ("none", ""), ("none", "all/")])
    )
    return f"{folder}{subject}/{stem}", ".mp4", label, f"{subject:02}", split


@st.composite
def wmca(draw):
    kind, pai, label = draw(
        st.sampled_from(
            [
                (0, 0, "real"),
                (0, 2, "real"),
                (1, 5, "spoof:partial.glasses"),
                (1, 2, "spoof:mask.rigid"),
                (2, 7, "spoof:mannequin"),
                (2, 11, "spoof:mask.paper"),
                (2, 12, "spoof:mask.rigid"),
                (2, 99, "spoof:mask.flexible"),
                (3, 13, "spoof:print"),
                (3, 15, "spoof:replay"),
                (4, 18, "spoof:replay"),
                (4, 77, "spoof"),  # in no list
            ]
        )
    )
    client, session = draw(number(1, 999)), draw(number(1, 7))
    stem = f"{client:03}_{session:02}_{draw(number(0, 999)):03}_{kind}_{pai:02}"
    folder = draw(
        st.sampled_from(["preprocessed-face-station_RGB/face-station/31.01.18/", "R_CDIT/", ""])
    )
    return folder + stem, ".hdf5", label, f"{client:03}", "none"


@st.composite
def hkbu(draw):
    cls, subject = draw(st.sampled_from(["real", "attack"])), draw(number(1, 12))
    last = draw(st.sampled_from([f"{subject:02}", str(subject)]))  # one list writes _9
    stem = f"{draw(number(1, 7)):02}_{draw(number(1, 6)):02}_{last}"
    label = "real" if cls == "real" else "spoof:mask"
    return f"{cls}/{subject:02}/{stem}", ".avi", label, f"{subject:02}", "none"


@st.composite
def hkbu_v1(draw):
    group, subject = draw(st.sampled_from(["s1", "s2", "s3"])), draw(number(1, 12))
    label = "spoof:mask" if group == "s3" else "real"
    return f"{group}/{subject:02}_{draw(number(1, 9))}", ".mp4", label, f"v1-{subject:02}", "none"


@st.composite
def casia_3dmask(draw):
    person = f"{draw(st.sampled_from(['0927', '0928', '0929']))}_{draw(number(1, 42)):03}"
    if draw(st.booleans()):
        path, label = f"Real/{person}/{draw(st.sampled_from([1, 15, 16, 17, 22, 23]))}", "real"
    else:
        path = f"Fake/{person}/{draw(number(1, 3))}/{draw(number(1, 6))}"
        label = "spoof:mask"
    return path, ".MOV", label, person, "none"


@st.composite
def hifimask(draw):
    person = f"{draw(number(1, 3))}_{draw(number(1, 75)):02}"
    kind = draw(number(0, 3))
    stem = f"{person}_{kind}_{draw(number(1, 6))}_{draw(number(0, 6))}_{draw(number(0, 8))}"
    label = ("real", "spoof:mask.transparent", "spoof:mask.plaster", "spoof:mask.resin")[kind]
    return f"Data/{stem}", "/0007.png", label, person, "none"


@st.composite
def threedmad(draw):
    subject, session = draw(number(1, 17)), draw(number(1, 3))
    split = "train" if subject <= 7 else "dev" if subject <= 12 else "test"
    label = "spoof:mask.rigid" if session == 3 else "real"
    stem = f"{subject:02}_{session:02}_{draw(number(1, 5)):02}"
    return f"session{session:02}/Data/{stem}", ".hdf5", label, f"{subject:02}", split


GRAMMARS = {
    "O": oulu(),
    "C": casia(),
    "I": replay(),
    "M": msu(),
    "CA": celeba(),
    "SIW": siw(),
    "SIWMV2": siw_mv2(),
    "ROSE": rose(),
    "W": wmca(),
    "H": hkbu(),
    "H1": hkbu_v1(),
    "3DMASK": casia_3dmask(),
    "HIFI": hifimask(),
    "D": threedmad(),
}


def test_every_dataset_with_a_published_grammar_is_here():
    assert set(GRAMMARS) | {"OWN"} == set(ADAPTERS)


@pytest.mark.parametrize("domain", GRAMMARS)
@given(st.data())
def test_published_names_are_read_as_published(domain, data):
    path, suffix, label, subject, split = data.draw(GRAMMARS[domain])
    level = data.draw(st.sampled_from(["", "unpacked/", "/mnt/disk1/fas/", "a b/"]))
    ending = data.draw(st.sampled_from([suffix, suffix.upper(), ""]))
    named = ADAPTERS[domain].read(level + path + ending)
    assert str(named.label) == label
    assert subject is None or named.subject == subject
    assert named.split == split
    if label != "spoof":
        assert (named.pai_code is None) == (named.label.cls is FasClass.REAL)
    # The same clip in another place is the same clip.
    assert named.clip == ADAPTERS[domain].read(path + suffix).clip


def whole_releases():
    """Every name of the releases whose grammar leaves nothing open."""
    parts = {"Train": range(1, 21), "Dev": range(21, 36), "Test": range(36, 56)}
    yield (
        "O",
        [
            f"{part}_files/{phone}_{session}_{subject:02}_{file}.avi"
            for part, subjects in parts.items()
            for phone, session, subject, file in product(
                range(1, 7), range(1, 4), subjects, range(1, 6)
            )
        ],
    )
    stems = [*map(str, range(1, 9)), *(f"HR_{i}" for i in range(1, 5))]
    yield (
        "C",
        [
            f"{part}_release/{subject}/{stem}.avi"
            for part, count in (("train", 20), ("test", 30))
            for subject, stem in product(range(1, count + 1), stems)
        ],
    )
    clients = {
        "train": "001 002 004 006 007 008 012 016 018 025 027 103 105 108 110",
        "devel": "003 005 010 015 017 022 029 030 101 111 113 114 116 118 119",
        "test": "009 011 013 014 019 020 021 023 024 026 028 031 102 104 106 107 109 112 115 117",
    }
    attacks = (
        "print {} highdef_photo|mobile {} mobile_photo|mobile {} mobile_video|"
        "highdef {} highdef_photo|highdef {} highdef_video"
    )
    names = []
    for part, people in clients.items():
        for client, light in product(people.split(), ("adverse", "controlled")):
            start = f"client{client}_session01"
            names += [f"{part}/real/{start}_webcam_authenticate_{light}_{n}.mov" for n in (1, 2)]
            names += [
                f"{part}/attack/{support}/attack_{kind.format(start)}_{light}.mov".replace(" ", "_")
                for support, kind in product(("fixed", "hand"), attacks.split("|"))
            ]
    yield "I", names
    people = (
        "01 02 03 05 06 07 08 09 11 12 13 14 21 22 23 24 26 28 29 30 32 33 34 35 36 37 39 42 48"
    )
    names = []
    for client, camera in product(f"{people} 49 50 51 53 54 55".split(), ("android", "laptop")):
        ending = f"scene01.{'mp4' if camera == 'android' else 'mov'}"
        start = f"client0{client}_{camera}_SD"
        names.append(f"scene01/real/real_{start}_{ending}")
        for pai in ("ipad_video", "iphone_video", "printed_photo"):
            names.append(f"scene01/attack/attack_{start}_{pai}_{ending}")
    yield "M", names
    yield (
        "D",
        [
            f"session{session:02}/Data/{subject:02}_{session:02}_{shot:02}.hdf5"
            for session, subject, shot in product(range(1, 4), range(1, 18), range(1, 6))
        ],
    )
    yield (
        "H",
        [
            f"{cls}/{subject:02}/{camera:02}_{light:02}_{subject:02}.avi"
            for cls, subject, camera, light in product(
                ("real", "attack"), range(1, 13), range(1, 8), range(1, 7)
            )
        ],
    )


def test_what_a_scan_looks_for_is_known_for_the_releases_below():
    known = {domain for domain, adapter in ADAPTERS.items() if adapter.names}
    assert known == {domain for domain, _ in whole_releases()}


@pytest.mark.parametrize(("domain", "names"), list(whole_releases()))
def test_whole_releases_have_the_published_counts(domain, names):
    adapter = ADAPTERS[domain]
    read = [adapter.read(name) for name in names]
    assert len({named.clip for named in read}) == len(names)
    assert set(adapter.names()) == set(names)  # what a scan looks for
    for split, published in adapter.published.items():
        found = Counter(named.label.cls for named in read if split in (named.split, "all"))
        assert (found["real"], found["spoof"]) == published
    assert not any(named.assumed for named in read) or domain == "H"


FRAMES = {
    "casia_fasd": {
        "casia/train/real/17_HR_1_frame0.png": ("real", "17", "train", 0),
        "casia/test/fake/13_3_frame1.png": ("spoof:print.warped", "33", "test", 1),
        "preposess/casia_train_live_1_NM_1/org_0005.jpg": ("real", "01", "train", 5),
        "train_release/7/HR_4/0012.jpg": ("spoof:replay.tablet", "07", "train", 12),
        "test_release/7/5.avi/3.png": ("spoof:print.cut", "27", "test", 3),
    },
    "oulu_npu": {
        "oulu/test/fake/1_1_36_2_frame1.png": ("spoof:print.flat", "36", "test", 1),
        "Train_files/1_1_01_1/frame_25.0.jpg": ("real", "01", "train", 25),
        "Train_files/1_1_01_1.avi/25.png": ("real", "01", "train", 25),
    },
    "replay_attack": {
        "replay/train/real/real_client001_session01_webcam_authenticate_adverse_1_frame0.png": (
            "real",
            "001",
            "train",
            0,
        ),
        "replay/dev/fake/fixed_attack_highdef_client003_session01_highdef_photo_adverse_frame1.png": (
            "spoof:replay.tablet",
            "003",
            "dev",
            1,
        ),
    },
    "msu_mfsd": {
        "msu/test/fake/attack_client001_android_SD_ipad_video_scene01_frame1.png": (
            "spoof:replay.tablet",
            "01",
            "test",
            1,
        ),
    },
    "celeba_spoof": {
        "celeb/real/167_live_096546.jpg": ("real", "167", "none", 0),
        "celeb/fake/197_spoof_420156.jpg": ("spoof", "197", "none", 0),
        "CelebA_Spoof/test/7592/spoof/crop/515673.png": ("spoof", "7592", "test", 0),
        "CelebA_Spoof/test/8715/live": ("real", "8715", "test", None),  # a list of folders
    },
    "siw": {"Train/live/003/003-1-1-1-1/17.png": ("real", "003", "train", 17)},
    "siw_mv2": {
        "Live/Train/Live_33.mov": ("real", "Live_33", "none", None),
        "Mask/MannequinHead/anything.mov": ("spoof:mannequin", "Mask_Mann/anything", "none", None),
        "Train/spoof/Spoof_0/1.png": ("spoof", "Spoof_0", "none", 1),
    },
    "rose_youtu": {
        "2_G_NT_5s_g_E_2_1.jpg": ("real", "02", "none", 0),
        "negative/Mc_NT_5s_g_E_20_51_29.jpg": ("spoof:mask.paper", "20", "none", 29),
    },
    "wmca": {
        "wmca/test/fake/31.01.18_098_01_035_3_13_01.jpg": ("spoof:print", "098", "test", 1),
        "_extracted/data/035_01_000_0_00/color/0012.jpg": ("real", "035", "none", 12),
    },
    "casia_surf_3dmask": {
        "Fake_0927_013_1_1": ("spoof:mask", "0927_013", "none", None),
        "Real_0929_031_22": ("real", "0929_031", "none", None),
        "Fake/0927_013/1/2/0003.jpg": ("spoof:mask", "0927_013", "none", 3),
    },
    "hifimask": {"crops/2_51_1_6_3_4_0003.png": ("spoof:mask.transparent", "2_51", "none", 3)},
    "3dmad": {"3dmad_256/session01/01_01_01/0001.png": ("real", "01", "train", 1)},
}


@pytest.mark.parametrize(
    ("name", "path"), [(name, path) for name, paths in FRAMES.items() for path in paths]
)
def test_known_variants_and_extracted_frames_are_read(name, path):
    named, _, frame = get_adapter(name).read_frame(path)
    assert (str(named.label), named.subject, named.split, frame) == FRAMES[name][path]


@pytest.mark.parametrize("domain", ADAPTERS)
@given(path=st.text(st.characters(exclude_categories=["Cs"]), max_size=80))
def test_any_text_is_a_clip_or_is_refused_with_a_reason(domain, path):
    try:
        named = ADAPTERS[domain].read(path)
    except NotAClip as reason:
        assert str(reason)
    else:
        assert named.clip and named.subject


def test_long_names_of_digits_and_separators_are_refused_at_once():
    for part in ("1_", "a-", "0", "frame", "_frame_"):
        for adapter in ADAPTERS.values():
            with pytest.raises(NotAClip):
                adapter.read(part * 2000 + ".png")


def test_what_is_inferred_is_said():
    assert "published counts" in get_adapter("wmca").read("098_01_035_3_13.hdf5").assumed[0]
    assert not get_adapter("wmca").read("preprocessed-face-station_RGB/098_01_035_3_13").unused
    assert get_adapter("wmca").read("preprocessed-face-station_CDIT/098_01_035_3_13.hdf5").unused
    other = get_adapter("oulu_npu").read("Train_files/1_1_36_1.avi")
    assert other.split == "test" and "published lists" in other.assumed[0]


def test_an_unknown_dataset_is_told_with_the_known_ones():
    with pytest.raises(ValueError, match=r"'lfw'.*casia_surf_3dmask"):
        get_adapter("lfw")
    assert get_adapter("SiW-Mv2").domain == "SIWMV2" and get_adapter("ca").name == "celeba_spoof"
