"""What train, validation and test share is found, even when it was changed a little."""

import dataclasses
import shutil

import cv2
import numpy as np
import pytest

from fas_plugin.cli import main
from fas_plugin.datasets.faces import difference_hash
from fas_plugin.datasets.leakage import (
    EXACT,
    NEAR,
    LeakageError,
    check_leakage,
    drop_leaks,
    find_leaks,
)
from fas_plugin.datasets.protocols import load_protocol, split_records
from fas_plugin.datasets.record import json_line


@pytest.fixture
def splits(records):
    return split_records(load_protocol("ocim_loo_M"), records, seed=0)


@pytest.mark.parametrize("part", ["train", "validation"])
@pytest.mark.parametrize("field", EXACT)
def test_anything_shared_is_found(splits, field, part):
    shared = getattr(splits.parts[part][0], field)
    leaking = dataclasses.replace(splits.test[0], **{field: shared})
    with pytest.raises(LeakageError, match=field):
        check_leakage(dataclasses.replace(splits, test=(leaking, *splits.test[1:])))


def leak_a_picture(splits, faces, folder, change):
    """A training picture, changed a little, becomes one of the test pictures of another clip."""
    victim = splits.train[0]
    image = cv2.imread(str(faces / victim.image))
    changed = change(image)
    path = folder / "leaked.png"
    cv2.imwrite(str(path), changed)
    shutil.copytree(faces / "images", folder / "images")
    leaked = dataclasses.replace(
        splits.test[0],
        image="leaked.png",
        image_sha256="f" * 64,
        image_dhash=difference_hash(cv2.cvtColor(changed, cv2.COLOR_BGR2RGB)),
    )
    return victim, dataclasses.replace(splits, test=(leaked, *splits.test[1:]))


def jpeg(image):
    return cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 80])[1], 1)


CHANGES = {
    "jpeg": jpeg,
    "brighter": lambda image: np.clip(image.astype(int) + 4, 0, 255).astype(np.uint8),
    "smaller": lambda image: cv2.resize(image, (96, 96), interpolation=cv2.INTER_AREA),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_copy_of_a_picture_is_a_leak(splits, faces, tmp_path, change):
    victim, leaking = leak_a_picture(splits, faces, tmp_path, CHANGES[change])
    report = find_leaks(leaking, tmp_path)
    assert [leak.kind for leak in report.leaks] == [NEAR]
    assert report.leaks[0].first == ("train", victim.record_id)
    with pytest.raises(LeakageError, match="near_duplicate"):
        check_leakage(leaking, tmp_path)


def test_equal_hashes_of_other_pictures_are_no_leak(splits, faces):
    alike = dataclasses.replace(splits.test[0], image_dhash=splits.train[0].image_dhash)
    report = find_leaks(dataclasses.replace(splits, test=(alike, *splits.test[1:])), faces)
    assert not report.leaks and report.look_alikes == 1


def test_pictures_without_content_do_not_swamp_the_search(splits):
    def flat(part):
        return tuple(dataclasses.replace(r, image_dhash="0" * 64) for r in part)

    swamped = dataclasses.replace(splits, train=flat(splits.train), test=flat(splits.test))
    assert find_leaks(swamped).not_compared == 1  # one of each part stands for all


def test_the_distance_search_misses_nothing(splits):
    random = np.random.default_rng(0)
    train, test, near = [], [], set()
    for i, (a, b) in enumerate(zip(splits.train * 3, splits.test * 3, strict=False)):
        bits = random.integers(0, 2, 256, dtype=np.uint8)
        other = bits.copy()
        distance = int(random.integers(0, 17))
        other[random.choice(256, distance, replace=False)] ^= 1
        if distance <= 8:
            near.add(i)
        train.append(dataclasses.replace(a, image_dhash=np.packbits(bits).tobytes().hex()))
        test.append(dataclasses.replace(b, image_dhash=np.packbits(other).tobytes().hex()))
    made = dataclasses.replace(splits, train=tuple(train), test=tuple(test), validation=())
    assert find_leaks(made).not_compared == len(near)


def test_what_leaks_can_be_dropped_and_the_test_stays(splits, faces, tmp_path):
    victim, leaking = leak_a_picture(splits, faces, tmp_path, jpeg)
    shared = dataclasses.replace(leaking.validation[0], subject=leaking.test[5].subject)
    leaking = dataclasses.replace(leaking, validation=(shared, *leaking.validation[1:]))
    cleaned, report = drop_leaks(leaking, tmp_path)
    assert {leak.kind for leak in report.leaks} == {NEAR, "subject"}
    assert cleaned.test == leaking.test
    assert victim not in cleaned.train and len(cleaned.train) == len(leaking.train) - 1
    assert shared not in cleaned.validation
    assert not find_leaks(cleaned, tmp_path).leaks


def test_the_commands_refuse_a_leak_and_drop_it_when_told(records, faces, tmp_path, capsys):
    folder = tmp_path / "faces"
    shutil.copytree(faces / "images", folder / "images")
    train, test = (next(r for r in records if r.domain == domain) for domain in "CM")
    leaking = [
        r if r is not test else dataclasses.replace(r, subject=train.subject) for r in records
    ]
    (folder / "manifest.jsonl").write_bytes(b"".join(json_line(r.as_dict()) for r in leaking))
    export = ["data", "export", str(folder), str(tmp_path / "out"), "--protocol", "ocim_single_C_M"]
    assert main(["data", "protocol", "ocim_single_C_M", str(folder)]) == 1
    assert "1 subject" in capsys.readouterr().out
    assert main(export) == 1
    assert f"subject '{train.subject}'" in capsys.readouterr().err
    assert main([*export, "--drop-leaks"]) == 0
    assert "records taken out of" in capsys.readouterr().out
