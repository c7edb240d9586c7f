"""A scan says what is there and names every fault; the run goes on."""

import json
import os
import shutil

import pytest

from fas_plugin.cli import main
from fas_plugin.datasets.adapters import ADAPTERS, DatasetError, list_clips
from fas_plugin.datasets.scan import scan, scan_list
from fas_plugin.datasets.synthetic import TWINS, twin_layout
from fas_plugin.labels import FasClass

REAL, SPOOF = FasClass
ROSE = [
    f"{split}/{subject}/{kind}_T_HS_g_E_{subject}_{number}.mp4"
    for split, subject in (("train", 2), ("test", 10))
    for number, kind in enumerate(["G"] * 3 + ["Ps"] * 5)
]


@pytest.fixture
def rose(tmp_path):
    """A ROSE-Youtu of names; every file has one byte."""
    folder = tmp_path / "root" / "ROSE-Youtu"
    for name in ROSE:
        write(folder / name)
    return folder


def write(path, content=b"x"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def test_counts_are_shown_against_the_published_ones(rose):
    [found] = scan(rose.parent)
    assert found.clips == 16 and found.of_class("train", REAL) == 3
    assert found.short == {("all", REAL): 494, ("all", SPOOF): 2840}
    text = str(found)
    assert "ROSE-Youtu (ROSE)" in text and "real 6/500" in text and "spoof 10/2,850" in text
    assert "print.flat 10" in text


def test_a_whole_release_has_no_fault(tmp_path):
    for session, subject, shot in (
        (s, u, n) for s in (1, 2, 3) for u in range(1, 18) for n in range(1, 6)
    ):
        write(tmp_path / f"3DMAD/session{session:02}/Data/{subject:02}_{session:02}_{shot:02}.hdf5")
    [found] = scan(tmp_path)
    assert found.faults == 0 and found.clips == 255 and not found.short
    assert main(["data", "scan", str(tmp_path)]) == 0
    write(tmp_path / "3DMAD/session01/Data/01_01_06.txt")  # not media: nobody's business
    assert scan(tmp_path)[0].faults == 0
    (tmp_path / "3DMAD/session01/Data/01_01_01.hdf5").unlink()
    [found] = scan(tmp_path)
    assert found.short == {("train", REAL): 1} and found.faults == 1
    assert found.missing == ["session01/Data/01_01_01.hdf5"]
    assert "missing: 1\n    session01/Data/01_01_01.hdf5" in str(found)
    assert main(["data", "scan", str(tmp_path)]) == 3


def test_a_dataset_is_found_by_its_folder_or_named(rose, tmp_path):
    assert [s.domain for s in scan(rose)] == ["ROSE"]
    other = tmp_path / "disk7"
    rose.rename(other)
    with pytest.raises(DatasetError, match="--dataset"):
        scan(other)
    [found] = scan(other, ADAPTERS["ROSE"])
    assert found.clips == 16
    with pytest.raises(DatasetError, match="no such folder"):
        scan(tmp_path / "nowhere")


def test_faults_are_named_counted_and_the_scan_goes_on(rose, tmp_path, capsys):
    write(rose / "train/2/holiday.mp4")
    write(rose / "train/2/G_T_HS_g_E_2_80.mpv")
    write(rose / "train/2/G_T_HS_g_E_2_80.txt")  # something about the clip; nobody's business
    write(rose / "train/2/G_T_HS_g_E_2_77.mp4", b"")
    write(rose / "copy/train/2" / ROSE[0].rpartition("/")[2])
    write(tmp_path / "elsewhere.mp4")
    (rose / "train/2/G_T_HS_g_E_2_78.mp4").symlink_to(tmp_path / "elsewhere.mp4")
    (rose / "train/2/G_T_HS_g_E_2_79.mp4").symlink_to(rose / "gone.mp4")
    (rose / "loop").symlink_to(rose)
    (rose / "out").symlink_to(tmp_path)
    write(rose / "train/2/._G_T_HS_g_E_2_1.mp4")
    os.close(os.open(os.fsencode(rose) + b"/train/2/G_\xff_2.mp4", os.O_CREAT))
    assert main(["data", "scan", str(rose.parent), "--json", str(tmp_path / "scan.json")]) == 3
    [report] = json.loads((tmp_path / "scan.json").read_text())
    reasons = dict(text.split(": ", 1) for text in report["skipped"]["files"])
    assert reasons["train/2/holiday.mp4"] == "not a clip name of the release"
    assert reasons["train/2/G_T_HS_g_E_2_78.mp4"] == "a link that leads out of the dataset's folder"
    assert "cannot be read" in reasons["train/2/G_T_HS_g_E_2_79.mp4"]
    assert "named like a clip" in reasons["train/2/G_T_HS_g_E_2_80.mpv"]
    assert reasons["loop"] == "a link that leads out of the dataset's folder"
    assert reasons["out"] == "a link that leads out of the dataset's folder"
    assert reasons["train/2/G_\\xff_2.mp4"] == "the name is not UTF-8"
    assert "second copy" in "".join(report["skipped"]["files"])
    assert report["skipped"]["count"] == 8
    assert report["empty"] == {"count": 1, "files": ["train/2/G_T_HS_g_E_2_77.mp4"]}
    assert report["clips"] == 17
    assert "holiday.mp4" in capsys.readouterr().out


def test_an_unreadable_folder_is_named(rose, monkeypatch):
    real_scandir = os.scandir

    def scandir(path):
        if str(path).endswith("test/10"):
            raise PermissionError(13, "Permission denied")
        return real_scandir(path)

    monkeypatch.setattr(os, "scandir", scandir)  # root may read everything
    [found] = scan(rose.parent)
    assert found.found.skipped == ["test/10: cannot be read (Permission denied)"]
    assert found.clips == 8


def test_lists_that_contradict_each_other_do_not_end_the_scan(rose, ocim):
    shutil.copytree(ocim / "MSU-MFSD", rose.parent / "MSU-MFSD")
    for split in ("train", "test"):
        (rose.parent / f"MSU-MFSD/{split}_sub_list.txt").write_text("01\n")
    msu, found = scan(rose.parent)
    assert msu.clips == 0 and "is in both" in msu.found.skipped[0]
    assert found.clips == 16


def test_headers_are_opened_when_asked(twins, tmp_path):
    shutil.copytree(twins, tmp_path / "root")
    bad = {
        "SIW": b"#EXTM3U\nhttp://127.0.0.1/x.ts\n",
        "W": b"\x89HDF?",
        "CA": b"%!PS-Adobe",
        "ROSE": b"",
    }
    for domain, content in bad.items():
        clip = twin_layout(domain, "tiny").clips[3]
        path = tmp_path / "root" / TWINS[domain] / clip.path
        assert path.is_file()
        path.write_bytes(content)
        bad[domain] = clip.path
    found = scan(tmp_path / "root", check=True)
    broken = {s.domain: text.split(": ")[0] for s in found for text in s.broken}
    assert broken == {domain: bad[domain] for domain in ("SIW", "W", "CA")}
    assert [s.found.empty for s in found if s.found.empty] == [[bad["ROSE"]]]
    assert {s.domain for s in found} == set(ADAPTERS) - set("OCIM")


def test_of_synthetic_data_nothing_is_missing(twins):
    assert all(found.faults == 0 and not found.published for found in scan(twins))


def test_a_list_is_parsed_without_a_disk(tmp_path, capsys):
    lines = [
        "IDIAP_WMCA/R_CDIT/073_07_000_0_00 0",
        "IDIAP_WMCA/R_CDIT/109_01_003_2_78 1",
        "face-station/31.01.18/035_01_000_0_00.hdf5,train,bonafide",
        "",
        "../109_01_003_2_78 1",
        "readme " + "x" * 5000,
        "caf\udce9.hdf5",
    ]
    found = scan_list(lines[:2], ADAPTERS["W"])
    assert found.faults == 0 and found.listed == {("0", REAL): 1, ("1", SPOOF): 1}
    path = tmp_path / "list.txt"
    path.write_bytes("\n".join(lines).encode("utf-8", "surrogateescape"))
    assert main(["data", "scan", "--list", str(path), "--dataset", "wmca"]) == 3
    printed = capsys.readouterr().out
    assert "3 clips in" in printed and "../109_01_003_2_78 1: a path with '..'" in printed
    assert "label 1 in the list: 1 spoof" in printed and "caf\\xe9" in printed
    again = scan_list(["Live_3", "Paper_1", "Live_3"], ADAPTERS["SIWMV2"])  # balanced by repeating
    assert again.clips == 2 and again.found.files == 3
    mask = scan_list(["-1,Fake_0927_013_1_1", "1,Real_0929_031_22"], ADAPTERS["3DMASK"])
    assert mask.listed == {("-1", SPOOF): 1, ("1", REAL): 1} and mask.faults == 0


@pytest.mark.parametrize(
    ("domain", "line", "label", "value"),
    [
        ("SIW", "Train/spoof/022/022-1-3-4-1.mov 022 replay/4", "spoof:replay", None),
        ("SIW", "SiW/Test/live/153/153-2-1-1-1.m 0", "real", "0"),
        ("O", "+1,1_1_01_1", "real", "+1"),
        ("O", "Train_files/1_1_01_5.txt", "spoof:replay.laptop", None),
        ("C", "train_release/1/HR_1.avi,1", "real", "1"),
        ("C", "my disk/train_release/1/7", "spoof:replay.tablet", None),
        (
            "I",
            "attack/fixed/attack_print_client009_session01_highdef_photo_adverse",
            "spoof:print.flat",
            None,
        ),
        ("M", "./real/real_client003_android_SD_scene01.mp4", "real", None),
        ("CA", '"photo_path": "/d/Data/train/1/live/000184.png",', "real", None),
        ("H", "/Data/HKBU/attack/09/03_03_9 0", "spoof:mask", "0"),
        ("HIFI", "CASIA_HiFiMask/Data/2_66_2_2_6_4/0009.png 1", "spoof:mask.plaster", "1"),
        ("D", "/Data/3DMAD/01/12_01_03 1", "real", "1"),
        (
            "W",
            "face-station/31.01.18/514_01_035_1_05.hdf5,eval,attack",
            "spoof:partial.glasses",
            "attack",
        ),
        (
            "W",
            "1925,109,face-station/28.06.18/109_07_000_2_78,eval,attack",
            "spoof:mask.flexible",
            "attack",
        ),
        (
            "O",
            "Part_1/Files_1/3_1_25_4 model model attack/video_replay1/25",
            "spoof:replay.monitor",
            None,
        ),
        ("C", "CASIA_FASD/train_release/14/HR_1/crop/061.png 0", "real", "0"),
        ("CA", "fake/1557_spoof_101558.jpg,2,2,1,1,-1", "spoof", "2"),
        ("ROSE", r"test\\10\\Vm_NT_HS_wg_E_10_7.mp4", "spoof:replay.laptop", None),
    ],
)
def test_lists_of_many_makes_are_read(domain, line, label, value):
    found = scan_list([line + "\n"], ADAPTERS[domain])
    assert [str(label) for _, label in found.counts] == [label] and not found.faults
    assert [value for value, _ in found.listed] == ([value] if value else [])


def test_a_list_needs_a_dataset_and_no_folder(tmp_path, capsys):
    (tmp_path / "l").touch()
    assert main(["data", "scan", "--list", str(tmp_path / "l")]) == 1
    assert "--dataset" in capsys.readouterr().err
    assert main(["data", "scan"]) == 1
    assert "either a folder or --list" in capsys.readouterr().err


def test_many_files_of_one_folder_and_many_folders(tmp_path):
    for subject in range(1, 301):
        for cls in ("live", "spoof"):
            folder = tmp_path / f"CelebA_Spoof/Data/train/{subject}/{cls}"
            folder.mkdir(parents=True)
            for name in range(5):
                (folder / f"{subject * 10 + name:06}.jpg").touch()
    for frame in range(2000):
        (tmp_path / "CelebA_Spoof" / f"9999_live_{frame:06}.jpg").touch()
    steps = []
    [found] = scan(tmp_path, step=steps.append)
    assert found.clips == 5000 == sum(steps) and len(found.found.empty) == 5000
    clips, _ = list_clips(tmp_path, ADAPTERS["CA"])
    assert len({clip.video for clip in clips}) == 5000
