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

from fas_plugin.cli import main
from fas_plugin.datasets.engines import run_processes
from fas_plugin.datasets.faces import difference_hash
from fas_plugin.datasets.prepare import PrepareError, prepare
from fas_plugin.datasets.record import RecordError, read_manifest

CASIA = {"domains": ("C",), "image_size": 56, "workers": 1}


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture
def casia(ocim, tmp_path):
    root = tmp_path / "root"
    for part in ("train_release/1", "train_release/2", "test_release/1"):
        shutil.copytree(ocim / "CASIA-FASD" / part, root / "CASIA-FASD" / part)
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
    assert not summary.complete


def test_whatever_lies_between_the_clips_is_named_and_the_run_goes_on(casia, tmp_path, capsys):
    part = casia / "CASIA-FASD/train_release"
    (tmp_path / "secret.avi").write_bytes(b"x")
    (part / "1/1.avi").unlink()
    (part / "1/1.avi").symlink_to(tmp_path / "secret.avi")  # out of the dataset
    shutil.copy(part / "1/3.avi", os.fsencode(part / "2") + b"/\xff.avi")  # not UTF-8
    shutil.copy(part / "1/3.avi", part / "2/holiday.avi")  # not of the release
    (part / "2/1.avi").write_bytes(b"#EXTM3U\nfile:///etc/passwd\n")
    (part / "2/2.avi").write_bytes((casia / "CASIA-FASD/test_release/1/2.avi").read_bytes()[:500])
    out = tmp_path / "out"
    assert main(["data", "prepare", str(casia), str(out), "--image-size", "56"]) == 3
    summary = json.loads((out / "summary.json").read_text())
    assert summary["skipped"] == {"C": 3} and summary["broken"] == {"C/real": 2}
    told = "\n".join(summary["skipped_files"] + summary["broken_clips"])
    for name in ("1/1.avi", r"\xff.avi", "holiday.avi", "2/1.avi", "2/2.avi"):
        assert name in told, name
    assert "holiday.avi" in capsys.readouterr().out


def test_a_face_that_nobody_finds_is_a_whole_frame_and_counted(faces):
    summary = json.loads((faces / "summary.json").read_text())
    missed = [r for r in read_manifest(faces / "manifest.jsonl") if r.face_source == "frame"]
    assert sum(summary["faces_missed"].values()) == len(missed) > 0
    for record in missed:
        assert record.face_box == (0, 0, record.width, record.height)


def test_a_class_without_a_usable_clip_is_told(casia, tmp_path):
    for stem in ("1", "2", "HR_1"):
        for path in casia.rglob(f"{stem}.avi"):
            path.write_bytes(b"")
    summary = prepare(casia, tmp_path / "out", **CASIA)
    assert summary.lacking == ("C/real",) and "no usable clip of C/real" in str(summary)


def test_nothing_usable_is_an_error(casia, tmp_path):
    for path in casia.rglob("*.avi"):
        path.write_bytes(b"")
    with pytest.raises(PrepareError, match="no usable clip among"):
        prepare(casia, tmp_path / "out", **CASIA)


def test_other_settings_in_the_same_folder_are_refused(casia, tmp_path):
    prepare(casia, tmp_path / "out", **CASIA)
    with pytest.raises(PrepareError, match="image_size 56, now 112"):
        prepare(casia, tmp_path / "out", domains=("C",), image_size=112, workers=1)
    with pytest.raises(PrepareError, match="frames 'uniform:2', now 'ssdg'"):
        prepare(casia, tmp_path / "out", frames="ssdg", **CASIA)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("frames", "some"),
        ("crop_style", "wide"),
        ("image_format", "gif"),
        ("engine", "spark"),
        ("domains", ["Z"]),
        ("image_size", 3),
    ],
)
def test_unknown_settings_are_refused_with_what_there_is(casia, tmp_path, option, value):
    with pytest.raises(ValueError, match="expected"):
        prepare(casia, tmp_path / "out", **{option: value})


def test_what_is_finished_is_not_done_again(casia, tmp_path, monkeypatch):
    out = tmp_path / "out"
    prepare(casia, out, **CASIA)
    before = contents(out)
    for path in casia.rglob("*.avi"):
        os.utime(path)  # as after a copy
    monkeypatch.setattr("fas_plugin.datasets.clip_images.read_frames", None)
    prepare(casia, out, **CASIA)
    assert contents(out) == before


def test_a_clip_that_was_replaced_is_done_again(casia, tmp_path):
    path = casia / "CASIA-FASD/train_release/1/1.avi"
    whole = path.read_bytes()
    path.write_bytes(whole[:3000])
    assert prepare(casia, tmp_path / "out", **CASIA).broken
    path.write_bytes(whole)
    assert not prepare(casia, tmp_path / "out", **CASIA).broken


def test_formats_and_crops(casia, tmp_path):
    for image_format, suffix in (("webp", ".webp"), ("jpeg", ".jpg")):
        out = tmp_path / image_format
        prepare(casia, out, image_format=image_format, crop_style="ssan", **CASIA)
        [record, *_] = read_manifest(out / "manifest.jsonl")
        assert record.image.endswith(suffix)
        with Image.open(out / record.image) as image:
            assert image.size == (56, 56)
            assert difference_hash(np.asarray(image.convert("RGB"))) == record.image_dhash or (
                suffix == ".jpg"
            )


def test_every_frame_of_a_clip(casia, tmp_path):
    prepare(casia, tmp_path / "out", frames="all", **CASIA)
    frames = {}
    for record in read_manifest(tmp_path / "out/manifest.jsonl"):
        frames.setdefault(record.video, []).append(record.frame_index)
    assert all(indices == list(range(len(indices))) for indices in frames.values())
    assert min(map(len, frames.values())) > 2


def test_killed_and_started_again_it_ends_with_the_same_bytes(casia, tmp_path):
    prepare(casia, tmp_path / "undisturbed", **CASIA)
    two = CASIA | {"workers": 2}
    script = (
        "from pathlib import Path\nfrom fas_plugin.datasets.prepare import prepare\n"
        "if __name__ == '__main__':\n"
        f"    prepare(Path({str(casia)!r}), Path({str(tmp_path / 'killed')!r}), **{two!r})\n"
    )
    (tmp_path / "job.py").write_text(script)
    for _ in range(2):
        job = subprocess.Popen([sys.executable, tmp_path / "job.py"])
        deadline = time.monotonic() + 30
        count = len(list((tmp_path / "killed").rglob("*.png")))
        while time.monotonic() < deadline and job.poll() is None:
            if len(list((tmp_path / "killed").rglob("*.png"))) > count + 6:
                break
            time.sleep(0.02)
        job.kill()  # not its workers: they end by themselves
        job.wait()
    while True:
        try:
            prepare(casia, tmp_path / "killed", **CASIA)
            break
        except PrepareError:  # a worker still holds the lock
            assert time.monotonic() < deadline + 30
            time.sleep(0.1)
    assert contents(tmp_path / "killed") == contents(tmp_path / "undisturbed")


def test_two_at_a_time_are_refused(casia, tmp_path):
    import fcntl

    (tmp_path / "out").mkdir()
    with (tmp_path / "out/.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(PrepareError, match="another preparation"):
            prepare(casia, tmp_path / "out", **CASIA)


def die_of_three(items):
    for item in items:
        if item == 3:
            os.kill(os.getpid(), signal.SIGSEGV)
    return [10 * item for item in items]


def test_a_clip_that_a_process_dies_of_is_found_and_the_others_are_done():
    jobs = [[1, 2], [3, 4], [5], [6, 7]]
    results = run_processes(die_of_three, jobs, 2, died=lambda item: -item)
    assert sorted(value for result in results for value in result) == [-3, 10, 20, 40, 50, 60, 70]


def test_ray_data_gives_the_same_bytes(casia, tmp_path):
    prepare(casia, tmp_path / "processes", **CASIA)
    prepare(casia, tmp_path / "ray", engine="ray", **CASIA | {"workers": 2})
    assert contents(tmp_path / "ray") == contents(tmp_path / "processes")


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


def test_every_release_is_read_whatever_its_files_are(twins, tmp_path):
    """Videos, images, HDF5 and folders of frames; crops as they are; nothing broken."""
    summary = prepare(twins, tmp_path / "out", image_size=56, workers=1)
    assert not summary.broken
    records = read_manifest(tmp_path / "out/manifest.jsonl")
    sources, turns = {}, {}
    for record in records:
        sources.setdefault(record.domain, set()).add(record.face_source)
        turns.setdefault(record.domain, set()).add(record.rotation_applied)
    assert sources["HIFI"] == sources["W"] == {"frame"}  # cropped already
    assert sources["CA"] == {"annotation"} and "annotation" in sources["D"]
    assert not {name for name in summary.faces_missed if name.startswith(("HIFI", "W/"))}
    assert turns["ROSE"] == {0}  # the twins are stored upright, and the detector leaves them so
    numbers = {record.frame_index for record in records if record.domain == "HIFI"}
    assert numbers == {2, 7}  # of 0000.png to 0009.png


def test_clips_that_a_release_stores_turned_are_turned_by_the_detector(twins, ocim, tmp_path):
    import av

    source = next(ocim.glob("CASIA-FASD/train_release/1/HR_1.avi"))
    clip = next(path for path in twins.rglob("G_*.mp4") if "ROSE" in str(path))
    root = tmp_path / "root"
    target = root / clip.relative_to(twins)
    target.parent.mkdir(parents=True)
    with av.open(str(source)) as stored, av.open(str(target), "w") as out:
        frames = [frame.to_ndarray(format="rgb24") for frame in stored.decode(video=0)][:10]
        stream = out.add_stream("h264", rate=25)
        stream.width, stream.height = frames[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        for frame in frames:  # counter-clockwise
            turned = np.ascontiguousarray(np.rot90(frame))
            out.mux(stream.encode(av.VideoFrame.from_ndarray(turned, format="rgb24")))
        out.mux(stream.encode())
    prepare(root, tmp_path / "out", image_size=56, workers=1)
    records = read_manifest(tmp_path / "out/manifest.jsonl")
    assert {record.rotation_applied for record in records} == {90}
    assert {(record.width, record.height) for record in records} == {frames[0].shape[1::-1]}


def test_a_box_in_a_list_of_your_own_counts_for_every_frame(casia, tmp_path):
    own = tmp_path / "data/own"
    own.mkdir(parents=True)
    shutil.copy(next(casia.rglob("HR_1.avi")), own / "a.avi")
    (own / "clips.csv").write_text("path,label,box\na.avi,real,60 80 120 150\n")
    prepare(tmp_path / "data", tmp_path / "out", image_size=56, workers=1)
    records = read_manifest(tmp_path / "out/manifest.jsonl")
    assert len(records) == 2
    for record in records:
        assert record.face_box == (60, 80, 120, 150) and record.face_source == "annotation"
