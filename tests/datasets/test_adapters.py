"""Names and places on disk say class, instrument, subject and split as the releases document."""

import shutil
from pathlib import Path

import pytest

from fas_plugin.datasets.adapters import ADAPTERS, DatasetError, list_clips
from fas_plugin.datasets.faces import Box

#: A file as released -> label, subject, split.
EXAMPLES = {
    "O": {
        "OULU-NPU/Train_files/1_1_01_1.avi": ("real", "O/01", "train"),
        "OULU-NPU/Dev_files/6_2_21_3.avi": ("spoof:print.flat", "O/21", "dev"),
        "OULU-NPU/Test_files/3_3_55_4.avi": ("spoof:replay.monitor", "O/55", "test"),
        "OULU-NPU/Test_files/3_3_55_5.avi": ("spoof:replay.laptop", "O/55", "test"),
    },
    "C": {
        "CASIA-FASD/train_release/1/1.avi": ("real", "C/01", "train"),
        "CASIA-FASD/test_release/1/2.avi": ("real", "C/21", "test"),
        "CASIA-FASD/test_release/30/HR_1.avi": ("real", "C/50", "test"),
        "CASIA-FASD/train_release/7/3.avi": ("spoof:print.warped", "C/07", "train"),
        "CASIA-FASD/train_release/7/HR_3.avi": ("spoof:print.cut", "C/07", "train"),
        "CASIA-FASD/train_release/7/8.avi": ("spoof:replay.tablet", "C/07", "train"),
    },
    "I": {
        "Replay-Attack/train/real/client001_session01_webcam_authenticate_adverse_1.mov": (
            "real",
            "I/001",
            "train",
        ),
        "Replay-Attack/replayattack-devel/devel/attack/hand/"
        "attack_mobile_client003_session01_mobile_video_adverse.mov": (
            "spoof:replay.phone",
            "I/003",
            "dev",
        ),
        "Replay-Attack/test/attack/fixed/"
        "attack_print_client009_session01_highdef_photo_controlled.mov": (
            "spoof:print.flat",
            "I/009",
            "test",
        ),
        "Replay-Attack/test/attack/fixed/"
        "attack_highdef_client009_session01_highdef_video_controlled.mov": (
            "spoof:replay.tablet",
            "I/009",
            "test",
        ),
    },
    "M": {
        "MSU-MFSD/scene01/real/real_client002_laptop_SD_scene01.mov": ("real", "M/02", "train"),
        "MSU-MFSD/scene01/attack/attack_client001_android_SD_ipad_video_scene01.mp4": (
            "spoof:replay.tablet",
            "M/01",
            "test",
        ),
        "MSU-MFSD/scene01/attack/attack_client001_laptop_SD_iphone_video_scene01.mov": (
            "spoof:replay.phone",
            "M/01",
            "test",
        ),
        "MSU-MFSD/scene01/attack/attack_client002_laptop_SD_printed_photo_scene01.mov": (
            "spoof:print.flat",
            "M/02",
            "train",
        ),
    },
}


@pytest.mark.parametrize("domain", EXAMPLES)
def test_released_names_are_read_as_documented(tmp_path, domain):
    for name in EXAMPLES[domain]:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    if domain == "M":
        (tmp_path / "MSU-MFSD/train_sub_list.txt").write_text("02\n")
        (tmp_path / "MSU-MFSD/test_sub_list.txt").write_text("01\n")
    clips, _ = list_clips(tmp_path, ADAPTERS[domain])
    found = {
        f"{clip.path.relative_to(tmp_path).as_posix()}": (str(clip.label), clip.subject, clip.split)
        for clip in clips
    }
    assert found == EXAMPLES[domain]


def test_enrolment_clips_and_unknown_names_are_left_out(tmp_path, caplog):
    folder = tmp_path / "replayattack"
    for name in (
        "train/real/client001_session01_webcam_authenticate_adverse_1.mov",
        "enroll/train/client001_session01_webcam_enroll_adverse.mov",
        "train/real/holiday.mov",
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    clips, skipped = list_clips(tmp_path, ADAPTERS["I"])
    assert len(clips) == 1
    assert [text.split(":")[0] for text in skipped] == ["replayattack/train/real/holiday.mov"]
    assert "holiday.mov" in caplog.text


def test_only_the_six_rotated_msu_clips_are_turned(ocim):
    turned = [clip for clip in list_clips(ocim, ADAPTERS["M"])[0] if clip.upside_down]
    assert [Path(clip.media).name for clip in turned] == ["real_client003_android_SD_scene01.mp4"]
    assert turned[0].annotation is None  # its shipped boxes are unreliable


def test_annotations_are_boxes_by_frame_and_broken_rows_are_left_out(tmp_path):
    annotation = tmp_path / "clip.face"
    annotation.write_text(
        "0 10 20 30 40\n1 x 2 3 4\n2 1 2 0 0\n\n3.0 4.6 5 6 1e1\n4 1 2 3\ninf 1 2 3 4\n"
        "5 1e308 1 2 3\n6 1 2 3 4\n6 1 2 3\n7 1 2 3 4 5\n"
    )
    boxes = ADAPTERS["I"].boxes(annotation, 320, 240)
    assert dict(boxes) == {0: Box(10, 20, 30, 40), 3: Box(5, 5, 6, 10), 6: Box(1, 2, 3, 4)}
    assert len(boxes) == 3 and 1 not in boxes and boxes.get(2) is None and boxes.get(9) is None
    annotation.write_text("5,1e308,1,2,3\n")
    assert not dict(ADAPTERS["O"].boxes(annotation, 320, 240))


@pytest.mark.parametrize("domain", ADAPTERS)
def test_a_missing_dataset_is_told_with_what_was_looked_for(tmp_path, domain):
    (tmp_path / "holidays").mkdir()
    with pytest.raises(DatasetError) as error:
        list_clips(tmp_path, ADAPTERS[domain])
    assert str(tmp_path) in str(error.value) and "holidays" in str(error.value)


def test_an_empty_dataset_is_told_with_what_was_expected(ocim, tmp_path):
    (tmp_path / "CASIA-FASD").mkdir()
    with pytest.raises(DatasetError, match=r"train_release/1/1\.avi"):
        list_clips(tmp_path, ADAPTERS["C"])
    shutil.copytree(ocim / "CASIA-FASD" / "test_release", tmp_path / "CASIA-FASD" / "test_release")
    assert len(list_clips(tmp_path, ADAPTERS["C"])[0]) == 24


@pytest.mark.parametrize(
    ("domain", "name", "reason"),
    [
        ("O", "OULU-NPU/Train_files/1_1_56_1.avi", "01 to 55"),
        ("O", "OULU-NPU/Train_files/1_1_01_6.avi", "not a clip name"),
        ("C", "CASIA-FASD/train_release/21/1.avi", "subjects 1 to 20"),
        ("C", "CASIA-FASD/train_release/1/9.avi", "not a clip name"),
        ("I", "Replay-Attack/attack_print_client032_session01_highdef_photo_adverse.mov", "032"),
        ("M", "MSU-MFSD/scene01/real/real_client050_laptop_SD_scene01.mov", "neither"),
    ],
)
def test_clips_that_contradict_the_release_are_skipped_with_the_reason(
    ocim, tmp_path, domain, name, reason
):
    root = tmp_path / "root"
    shutil.copytree(ocim, root)
    before, _ = list_clips(root, ADAPTERS[domain])
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).touch()
    clips, [skipped] = list_clips(root, ADAPTERS[domain])
    assert clips == before
    assert skipped.startswith(name) and reason in skipped


def test_a_clip_that_was_unpacked_twice_counts_once(ocim, tmp_path):
    shutil.copytree(ocim / "Replay-Attack", tmp_path / "Replay-Attack")
    before, _ = list_clips(tmp_path, ADAPTERS["I"])
    shutil.copytree(
        tmp_path / "Replay-Attack/train", tmp_path / "Replay-Attack/replayattack-train/train"
    )
    after, skipped = list_clips(tmp_path, ADAPTERS["I"])
    assert len(after) == len(before)
    assert len(skipped) == sum(clip.split == "train" for clip in before)
    assert all("a second copy" in text for text in skipped)


@pytest.mark.parametrize(
    ("domain", "old", "new"),
    [
        ("C", "CASIA-FASD/train_release", "CASIA-FASD/train"),
        ("C", "CASIA-FASD/train_release", "CASIA-FASD/Train_Release"),
        ("I", "Replay-Attack/train", "Replay-Attack/Train"),
        ("I", "Replay-Attack/train", "Replay-Attack/archives/replayattack-train/train"),
        ("O", "OULU-NPU/Train_files", "OULU-NPU/train_files"),
    ],
)
def test_common_variants_of_the_folders_are_accepted(ocim, tmp_path, domain, old, new):
    root = tmp_path / "root"
    shutil.copytree(ocim, root)
    before, _ = list_clips(root, ADAPTERS[domain])
    (root / new).parent.mkdir(parents=True, exist_ok=True)
    (root / old).rename(root / new)
    after, skipped = list_clips(root, ADAPTERS[domain])
    assert not skipped

    def facts(clips):
        return sorted((c.subject, c.path.stem, c.split, c.annotation is None) for c in clips)

    assert facts(after) == facts(before)


def test_suffixes_in_capitals_are_read_and_what_a_mac_leaves_is_not(ocim, tmp_path):
    shutil.copytree(ocim / "CASIA-FASD", tmp_path / "CASIA-FASD")
    before, _ = list_clips(tmp_path, ADAPTERS["C"])
    first = before[0].path
    first.rename(first.with_suffix(".AVI"))
    first.with_name("._1.avi").touch()
    after, skipped = list_clips(tmp_path, ADAPTERS["C"])
    assert len(after) == len(before) and not skipped


def test_a_subject_in_both_lists_is_refused(ocim, tmp_path):
    shutil.copytree(ocim / "MSU-MFSD", tmp_path / "MSU-MFSD")
    lists = [next(tmp_path.rglob(f"{split}_sub_list.txt")) for split in ("train", "test")]
    lists[0].write_text(lists[0].read_text() + lists[1].read_text())
    with pytest.raises(DatasetError, match=r"client \d+ is in both train_sub_list.txt and"):
        list_clips(tmp_path, ADAPTERS["M"])


def test_extracted_frames_are_one_clip_and_no_frame_is_there_twice(tmp_path):
    folder = tmp_path / "CASIA-FASD/train_release/1/HR_1"
    folder.mkdir(parents=True)
    for name in ("0007.png", "0002.png", "0010.png", "0002.jpg"):
        (folder / name).write_bytes(b"x")
    [clip], [skipped] = list_clips(tmp_path, ADAPTERS["C"])
    assert clip.frames == ((2, "0002.jpg"), (7, "0007.png"), (10, "0010.png"))
    assert clip.video == "C/train_release/1/HR_1" and clip.kind == "images"
    assert clip.media == "train_release/1/HR_1/0002.jpg" and clip.size == 3
    assert clip.frame_media("0007.png") == "train_release/1/HR_1/0007.png"
    assert skipped == "CASIA-FASD/train_release/1/HR_1/0002.png: frame 2 as 0002.jpg"
