"""Every synthetic twin is read back as it was made, with the containers that the release has."""

import json
import shutil
from collections import Counter

import av
import h5py
import numpy as np
import pytest
from PIL import Image

from fas_plugin.cli import main
from fas_plugin.datasets.adapters import ADAPTERS, list_clips
from fas_plugin.datasets.scan import header_fault
from fas_plugin.datasets.synthetic import MARKER, TWINS, make_twins, twin_layout

BEYOND_OCIM = [domain for domain in TWINS if domain not in "OCIM"]


def test_every_adapter_has_a_twin():
    assert set(TWINS) == set(ADAPTERS)


@pytest.mark.parametrize("domain", TWINS)
def test_names_of_the_larger_twins_are_read_too(domain):
    clips = twin_layout(domain, "small").clips
    assert len({clip.path for clip in clips}) == len(clips) > len(twin_layout(domain, "tiny").clips)
    for clip in clips:
        label = ADAPTERS[domain].read(clip.path).label
        assert label.instrument == clip.instrument or domain == "CA"  # its label files say it


@pytest.mark.parametrize("domain", TWINS)
def test_every_clip_is_read_as_it_was_made(ocim, twins, domain):
    root = ocim if domain in "OCIM" else twins
    clips, skipped = list_clips(root, ADAPTERS[domain])
    assert not skipped
    made = {clip.path: clip for clip in twin_layout(domain, "tiny").clips}
    assert {clip.media for clip in clips} == set(made)
    people = {}
    for clip in clips:
        plan = made[clip.media]
        assert clip.label.instrument == plan.instrument, clip.media
        assert (clip.label.cls == "real") == (plan.instrument is None), clip.media
        assert clip.split == plan.split or not plan.split, clip.media
        assert len(clip.frames) == (plan.frames if plan.codec in ("image", "images") else 0)
        assert header_fault(clip) is None and clip.size > 0
        if domain != "SIWMV2":  # its names don't say who is seen
            assert people.setdefault(clip.subject, plan.subject) == plan.subject, clip.media
    assert len({clip.video for clip in clips}) == len(clips)
    assert len(set(people.values())) == len(people)


@pytest.mark.parametrize("domain", [d for d in BEYOND_OCIM if ADAPTERS[d].boxes])
def test_shipped_annotations_lie_on_the_face(twins, domain):
    adapter = ADAPTERS[domain]
    for clip in list_clips(twins, adapter)[0]:
        width, height = next(
            c.size for c in twin_layout(domain, "tiny").clips if c.path == clip.media
        )
        boxes = adapter.boxes(clip.annotation, width, height)
        assert boxes
        for box in boxes.values():
            centre = (box.x + box.width / 2) / width, (box.y + box.height / 2) / height
            assert all(0.25 < c < 0.75 for c in centre) and 0.2 < box.width / width < 0.8


def test_what_was_lost_is_made_again_byte_by_byte(twins, tmp_path):
    root = tmp_path / "root"
    shutil.copytree(twins, root)
    lost = []
    for domain in BEYOND_OCIM:
        clips = twin_layout(domain, "tiny").clips
        lost += [f"{TWINS[domain]}/{clip.path}" for clip in (clips[0], clips[-1])]
    for name in lost:
        (root / name).unlink()
    make_twins(root, BEYOND_OCIM, size="tiny")
    for name in lost:
        assert (root / name).read_bytes() == (twins / name).read_bytes(), name


def test_the_command_makes_the_same_files(twins, tmp_path, capsys):
    root = tmp_path / "root"
    command = ["data", "synthesize", str(root), "--size", "tiny", "--dataset"]
    assert main([*command, "own", "--dataset", "OWN"]) == 0
    made = {p.relative_to(root) for p in root.rglob("*") if p.is_file()}
    assert {path.parts[0] for path in made} == {"own", MARKER}
    assert all((root / path).read_bytes() == (twins / path).read_bytes() for path in made)
    assert main([*command, "lfw"]) == 1
    assert "unknown dataset 'lfw'" in capsys.readouterr().err


def test_containers_are_those_of_the_releases(twins):
    found = {}
    for domain in ("SIW", "SIWMV2", "ROSE", "H", "3DMASK"):
        kinds = set()
        for clip in twin_layout(domain, "tiny").clips:
            path = twins / TWINS[domain] / clip.path
            with av.open(str(path)) as media:
                kinds.add((path.suffix, media.streams.video[0].codec_context.name))
        found[domain] = kinds
    assert found == {
        "SIW": {(".mov", "h264"), (".mp4", "h264")},
        "SIWMV2": {(".mov", "h264")},
        "ROSE": {(".mp4", "h264")},
        "H": {(".avi", "mjpeg")},
        "3DMASK": {(".MOV", "h264")},
    }
    folder = twins / TWINS["CA"]
    kinds = {Image.open(folder / c.path).format for c in twin_layout("CA", "tiny").clips}
    assert kinds == {"JPEG", "PNG"}


def test_hdf5_files_have_the_keys_and_the_order_of_the_releases(twins):
    with h5py.File(twins / "3DMAD/session03/Data/01_03_01.hdf5") as file:
        colour, depth, eyes = (file[name][:] for name in ("Color_Data", "Depth_Data", "Eye_Pos"))
    assert colour.shape[1] == 3 and colour.dtype == np.uint8
    assert depth.shape == (len(colour), 1, *colour.shape[2:]) and eyes.shape == (len(colour), 4)
    rgb = next((twins / "WMCA/preprocessed-face-station_RGB").rglob("*.hdf5"))
    for path, channels in ((rgb, 3), (str(rgb).replace("_RGB", "_CDIT"), 4)):
        with h5py.File(path) as file:
            assert set(file) == {f"Frame_{index}" for index in range(len(file))}
            assert all(group["array"].shape == (channels, 128, 128) for group in file.values())
    with h5py.File(rgb) as file:  # red before blue: skin is warm
        middle = file["Frame_0"]["array"][:, 48:80, 48:80].mean(axis=(1, 2))
    assert middle[0] > middle[2]


def test_label_files_of_celeba_spoof_say_the_kind_and_must_agree_with_the_folder(twins, tmp_path):
    shutil.copytree(twins / "CelebA_Spoof", tmp_path / "CelebA_Spoof")
    clips, _ = list_clips(tmp_path, ADAPTERS["CA"])
    assert Counter(c.pai_code for c in clips if c.pai_code) == {str(k): 2 for k in range(1, 11)}
    path = tmp_path / "CelebA_Spoof/metas/intra_test/train_label.json"
    labels = json.loads(path.read_text())
    turned = next(name for name, codes in labels.items() if codes[43] == 0)
    labels[turned][43] = 1
    path.write_text(json.dumps(labels, indent=1))
    left, [skipped] = list_clips(tmp_path, ADAPTERS["CA"])
    assert len(left) == len(clips) - 1
    assert turned in skipped and "different classes" in skipped
    shutil.rmtree(path.parent)
    bare, _ = list_clips(tmp_path, ADAPTERS["CA"])
    assert Counter(str(c.label) for c in bare) == {"real": 8, "spoof": 20}


@pytest.mark.parametrize("domain", ["HIFI", "W", "SIWMV2", "CA"])
def test_lists_are_found_below_further_levels_of_archives(twins, tmp_path, domain):
    shutil.copytree(twins / TWINS[domain], tmp_path / TWINS[domain] / "unpacked" / "again")
    before, after = (list_clips(root, ADAPTERS[domain])[0] for root in (twins, tmp_path))
    assert [clip.split for clip in after] == [clip.split for clip in before]
    assert [clip.label for clip in after] == [clip.label for clip in before]


def test_the_grandtest_list_of_wmca_may_have_further_columns(twins, tmp_path):
    shutil.copytree(twins / "WMCA", tmp_path / "WMCA")
    path = tmp_path / "WMCA/documentation/grandtest.csv"
    rows = [f"{i},{i % 9},{line}" for i, line in enumerate(path.read_text().splitlines())]
    path.unlink()
    (tmp_path / "WMCA/WMCA_Grandtest.txt").write_text("\n".join(rows))
    before, after = (list_clips(root, ADAPTERS["W"])[0] for root in (twins, tmp_path))
    assert [clip.split for clip in after] == [clip.split for clip in before]


@pytest.mark.parametrize(
    ("domain", "lists"),
    [("HIFI", "protocol"), ("W", "documentation"), ("SIWMV2", "trainlist_all.txt")],
)
def test_without_the_lists_of_a_release_there_is_no_split(twins, tmp_path, domain, lists):
    folder = tmp_path / TWINS[domain]
    shutil.copytree(twins / TWINS[domain], folder)
    for path in folder.glob("*list_*.txt"):
        path.unlink()
    shutil.rmtree(folder / lists, ignore_errors=True)
    before = list_clips(twins, ADAPTERS[domain])[0]
    clips, _ = list_clips(tmp_path, ADAPTERS[domain])
    assert {clip.split for clip in clips} == {"none"}
    assert {clip.split for clip in before} >= {"train", "test"}
    assert [clip.label for clip in clips] == [clip.label for clip in before]
