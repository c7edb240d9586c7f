"""Preparation: everything recorded, broken clips counted, kills harmless."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

from fas_plugin.datasets.prepare import PrepareError, prepare
from fas_plugin.datasets.record import RecordError, read_manifest

CASIA = {"domains": ("C",), "image_size": 56}


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture
def casia(ocim, tmp_path):
    root = tmp_path / "root"
    shutil.copytree(ocim / "CASIA-FASD", root / "CASIA-FASD")
    return root


def test_every_clip_becomes_images_that_match_their_records(faces):
    records = read_manifest(faces / "manifest.jsonl")
    assert {record.domain for record in records} == set("OCIM")
    for record in records[:: len(records) // 20]:
        content = (faces / record.image).read_bytes()
        assert hashlib.sha256(content).hexdigest() == record.image_sha256
        with Image.open(faces / record.image) as image:
            assert image.size == (112, 112) and image.mode == "RGB"
    assert all(record.synthetic for record in records)


def test_annotations_come_first_then_the_detector(faces):
    sources = {}
    for record in read_manifest(faces / "manifest.jsonl"):
        sources.setdefault(record.domain, []).append(record.face_source)
    assert set(sources["O"]) == {"annotation"} and set(sources["I"]) == {"annotation"}
    assert "annotation" not in sources["C"]  # CASIA-FASD ships none
    assert sources["C"].count("detector") > 0.8 * len(sources["C"])


def test_rotated_msu_clips_end_upright(faces):
    records = read_manifest(faces / "manifest.jsonl")
    turned = [record for record in records if record.rotation_applied == 180]
    assert {record.video for record in turned} == {
        "M/scene01/real/real_client003_android_SD_scene01"
    }
    from fas_plugin.datasets.faces import detect

    for record in turned:  # the detector finds no face that stands on its head
        image = np.asarray(Image.open(faces / record.image).convert("RGB").resize((336, 336)))
        assert detect(image) is not None


def test_broken_clips_are_skipped_and_counted_by_class(casia, tmp_path):
    broken = casia / "CASIA-FASD/train_release/1/1.avi"
    broken.write_bytes(broken.read_bytes()[:3000])
    (casia / "CASIA-FASD/train_release/1/3.avi").write_bytes(b"")
    summary = prepare(casia, tmp_path / "out", **CASIA)
    assert summary.broken == {"C/real": 1, "C/spoof:print.warped": 1}
    assert any("1.avi" in reason for reason in summary.broken_clips)
    assert sum(summary.images.values()) == 2 * (sum(summary.clips.values()) - 2)


def test_a_class_without_a_usable_clip_is_an_error(casia, tmp_path):
    for stem in ("1", "2", "HR_1"):
        for path in casia.rglob(f"{stem}.avi"):
            path.write_bytes(b"")
    with pytest.raises(PrepareError, match="no usable real clip"):
        prepare(casia, tmp_path / "out", **CASIA)


def test_other_settings_in_the_same_folder_are_refused(casia, tmp_path):
    prepare(casia, tmp_path / "out", **CASIA)
    with pytest.raises(PrepareError, match="image_size 56, now 112"):
        prepare(casia, tmp_path / "out", domains=("C",), image_size=112)


def test_killed_and_started_again_it_ends_with_the_same_bytes(casia, tmp_path):
    prepare(casia, tmp_path / "undisturbed", **CASIA)
    script = (
        "from pathlib import Path\nfrom fas_plugin.datasets.prepare import prepare\n"
        "if __name__ == '__main__':\n"
        f"    prepare(Path({str(casia)!r}), Path({str(tmp_path / 'killed')!r}), **{CASIA!r})\n"
    )
    (tmp_path / "job.py").write_text(script)
    for _ in range(2):
        job = subprocess.Popen([sys.executable, tmp_path / "job.py"], start_new_session=True)
        deadline = time.monotonic() + 30
        count = len(list((tmp_path / "killed").rglob("*.png")))
        while time.monotonic() < deadline and job.poll() is None:
            if len(list((tmp_path / "killed").rglob("*.png"))) > count + 6:
                break
            time.sleep(0.02)
        os.killpg(job.pid, signal.SIGKILL)
        job.wait()
    prepare(casia, tmp_path / "killed", **CASIA)
    killed = {k: v for k, v in contents(tmp_path / "killed").items() if not k.endswith(".partial")}
    assert killed == contents(tmp_path / "undisturbed")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("image", "../../etc/passwd"),
        ("image", "/etc/passwd"),
        ("label", "spoof:unheard_of"),
        ("label", 1),
        ("split", "training"),
        ("face_box", [1, 2, 3]),
        ("image_sha256", "x"),
    ],
)
def test_a_manifest_with_a_bad_field_is_refused_by_line_and_field(faces, tmp_path, field, value):
    lines = (faces / "manifest.jsonl").read_text().splitlines()
    lines[1] = json.dumps(json.loads(lines[1]) | {field: value})
    path = tmp_path / "manifest.jsonl"
    path.write_text("\n".join(lines))
    with pytest.raises(RecordError, match=f"line 2.*{field}"):
        read_manifest(path)
