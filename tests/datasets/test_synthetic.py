"""The synthetic OCIM: the same for the same seed, whole after a kill, and never taken for another."""

import json
import shutil
from collections import defaultdict

import av
import numpy as np
import pytest
from PIL import Image

from fas_plugin.datasets.synthetic import MARKER, SyntheticRootError, make_ocim
from fas_plugin.datasets.synthetic.face import make_identity
from fas_plugin.datasets.synthetic.layouts import FOLDERS, layout


def test_what_was_lost_is_made_again_byte_by_byte(ocim, tmp_path):
    root = tmp_path / "root"
    shutil.copytree(ocim, root)
    lost = []
    for domain, folder in FOLDERS.items():
        clips = layout(domain, "tiny").clips
        lost += [f"{folder}/{clip.path}" for clip in (clips[0], clips[-1])]
    for name in lost:
        (root / name).unlink()
    make_ocim(root, size="tiny")
    for name in lost:
        assert (root / name).read_bytes() == (ocim / name).read_bytes(), name
    assert not list(root.rglob("*.partial"))


def test_containers_and_codecs_are_those_of_the_releases(ocim):
    found = defaultdict(set)
    for path in ocim.rglob("*.*"):
        if path.suffix in (".avi", ".mov", ".mp4"):
            with av.open(str(path)) as clip:
                found[path.relative_to(ocim).parts[0]].add(
                    (path.suffix, clip.streams.video[0].codec_context.name)
                )
    assert found == {
        "OULU-NPU": {(".avi", "mpeg4")},
        "CASIA-FASD": {(".avi", "mpeg4")},
        "Replay-Attack": {(".mov", "mjpeg")},
        "MSU-MFSD": {(".mp4", "h264"), (".mov", "h264")},
    }


def test_no_identity_is_in_two_domains():
    people = [
        make_identity((0, ord(domain), clip.subject))
        for domain in FOLDERS
        for clip in layout(domain, "small").clips
    ]
    # One per domain and subject: a subject of one number has another face in another domain.
    pairs = {(domain, c.subject) for domain in FOLDERS for c in layout(domain, "small").clips}
    assert len(set(people)) == len(pairs)


def test_another_seed_gives_other_faces():
    assert make_identity((0, 79, 1)) != make_identity((1, 79, 1))


def test_it_says_that_it_is_synthetic(ocim):
    assert json.loads((ocim / MARKER).read_text())["synthetic"] is True


def test_other_data_and_other_settings_are_not_overwritten(ocim, tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(SyntheticRootError, match="not empty and holds no synthetic data"):
        make_ocim(tmp_path, size="tiny")
    with pytest.raises(SyntheticRootError, match="other settings"):
        make_ocim(ocim, size="tiny", seed=1)


def test_prints_have_a_smaller_gamut_than_the_faces_they_show(faces):
    rows = [json.loads(line) for line in (faces / "manifest.jsonl").read_text().splitlines()]
    colours = defaultdict(list)
    for row in rows:
        image = np.asarray(Image.open(faces / row["image"]), float)
        kind = row["label"].partition(".")[0]
        colours[kind].append((image.max(axis=2) - image.min(axis=2)).mean())
    assert np.mean(colours["spoof:print"]) < 0.75 * np.mean(colours["real"])
