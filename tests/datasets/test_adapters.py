"""Names and places on disk say class, instrument, subject and split as the releases document."""

import shutil
from pathlib import Path

import pytest

from fas_plugin.datasets.adapters import ADAPTERS, DatasetError, list_clips

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
    clips = list_clips(tmp_path, ADAPTERS[domain])
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
    assert len(list_clips(tmp_path, ADAPTERS["I"])) == 1
    assert "holiday.mov" in caplog.text and "enroll" not in caplog.text


def test_only_the_six_rotated_msu_clips_are_turned(ocim):
    turned = [clip for clip in list_clips(ocim, ADAPTERS["M"]) if clip.upside_down]
    assert [Path(clip.media).name for clip in turned] == ["real_client003_android_SD_scene01.mp4"]
    assert turned[0].annotation is None  # its shipped boxes are unreliable


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
    assert len(list_clips(tmp_path, ADAPTERS["C"])) == 24
