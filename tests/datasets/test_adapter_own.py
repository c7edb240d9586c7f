"""Data of one's own: a folder per class, CSV or JSON Lines."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fas_plugin.datasets.adapters import ADAPTERS, DatasetError, list_clips
from fas_plugin.datasets.adapters.generic import generic
from fas_plugin.datasets.scan import scan
from fas_plugin.labels import INSTRUMENTS

OWN = ADAPTERS["OWN"]


def write(path, content="x"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")


@given(
    split=st.sampled_from([("", "none"), ("Train/", "train"), ("val/", "dev"), ("test/", "test")]),
    cls=st.sampled_from(["real", "Live", "bona_fide", "genuine"]),
    subject=st.from_regex(r"[a-z0-9]{1,8}", fullmatch=True),
)
def test_a_folder_per_class_says_it_all(split, cls, subject):
    named = OWN.read(f"{split[0]}{cls}/{subject}/a.mp4")
    assert (str(named.label), named.split, named.subject) == ("real", split[1], subject)


@pytest.mark.parametrize("instrument", INSTRUMENTS)
def test_a_folder_below_attacks_can_name_the_instrument(instrument):
    for folder in (instrument, instrument.replace(".", "_"), instrument.replace(".", "-").title()):
        named = OWN.read(f"attack/{folder}/ada/a.mp4")
        assert str(named.label) == f"spoof:{instrument}" and named.subject == "ada"


def test_the_innermost_class_folder_counts_and_numbers_are_no_class():
    assert str(OWN.read("attack/today/real/ada/1.jpg").label) == "real"
    assert OWN.read("real/1.jpg").assumed == ("no folder per subject: every file counts as one",)
    with pytest.raises(ValueError, match="real or spoof"):
        OWN.read("1/ada/a.mp4")


ROWS = [
    {"path": "a/1.mp4", "label": "real", "subject": "ada", "split": "train"},
    {"path": "a/2.png", "label": "spoof:print", "subject": "ada", "box": "10,20,30,40"},
    {"path": "a/3.mp4", "label": "attack", "instrument": "replay.phone", "device": "cam1"},
    {"path": "../secret.mp4", "label": "real"},
    {"path": "/etc/passwd.mp4", "label": "real"},
    {"path": "C:\\x.mp4", "label": "real"},
    {"path": "a/link.mp4", "label": "real"},
    {"path": "a/4.mp4", "label": "1"},
    {"path": "a/4.mp4", "label": "spoof:unheard_of"},
    {"path": "a/4.mp4", "label": "real", "instrument": "print"},
    {"path": "a/4.mp4", "label": "real", "split": "holdout"},
    {"path": "a/4.mp4", "label": "real", "box": "1,2,3"},
    {"path": "a/notes.txt", "label": "real"},
    {"path": "", "label": "real"},
    {"path": "a/1.mp4", "label": "real"},
    {"path": "a/1.mov", "label": "real"},
    {"path": "a/gone.mp4", "label": "real"},
]
REASONS = {
    "../secret.mp4": "'..'",
    "/etc/passwd.mp4": "field path",
    "C:/x.mp4": "field path",
    "a/link.mp4": "leads out",
    "a/4.mp4": "field box",
    "a/notes.txt": "not the name of a video",
    "a/1.mp4": "listed twice",
    "a/1.mov": "listed twice",
    "a/gone.mp4": "listed, but not there",
}


def as_csv(rows):
    columns = ["path", "label", "subject", "split", "instrument", "device", "box"]
    lines = [",".join(columns)]
    for row in rows:
        lines.append(",".join(f'"{row.get(column, "")}"' for column in columns))
    return "\n".join(lines) + "\n"


def as_json_lines(rows):
    return "\n".join([*map(json.dumps, rows), "{not json", "[1]", ""])


@pytest.mark.parametrize(("name", "text"), [("clips.csv", as_csv), ("clips.jsonl", as_json_lines)])
def test_lists_are_read_and_every_bad_row_is_named(tmp_path, name, text):
    folder = tmp_path / "own"
    for media in ("a/1.mp4", "a/1.mov", "a/2.png", "a/3.mp4", "a/4.mp4", "a/notes.txt"):
        write(folder / media)
    write(tmp_path / "outside.mp4")
    (folder / "a/link.mp4").symlink_to(tmp_path / "outside.mp4")
    write(folder / name, text(ROWS))
    clips, skipped = list_clips(tmp_path, OWN)
    assert [(c.media, str(c.label), c.subject, c.split) for c in clips] == [
        ("a/1.mp4", "real", "OWN/ada", "train"),
        ("a/2.png", "spoof:print", "OWN/ada", "none"),
        ("a/3.mp4", "spoof:replay.phone", "OWN/a/3.mp4", "none"),
    ]
    assert clips[1].box[:4] == (10, 20, 30, 40) and clips[1].frames == ((0, "2.png"),)
    reasons = dict(text.removeprefix("own/").split(": ", 1) for text in skipped)
    for path, reason in REASONS.items():
        assert reason in reasons[path], path
    assert sum("not JSON" in text or "JSON object" in text for text in skipped) == (
        2 if name == "clips.jsonl" else 0
    )
    [found] = scan(tmp_path)
    assert found.faults == len(skipped) == 14 + 2 * (name == "clips.jsonl")


def test_a_list_must_have_its_columns_and_be_the_only_one(tmp_path):
    write(tmp_path / "own/clips.csv", "file,class\na.mp4,real\n")
    with pytest.raises(DatasetError, match="path and label"):
        list_clips(tmp_path, OWN)
    write(tmp_path / "own/clips.jsonl", "")
    with pytest.raises(DatasetError, match="keep one"):
        list_clips(tmp_path, OWN)


@pytest.mark.parametrize("name", ["clips.csv", "clips.jsonl"])
@pytest.mark.parametrize(
    "content", [b"\xff\xfe\x00path,label\n\x00\n", b"path,label\n" + b"a" * 99_999]
)
def test_garbage_in_a_list_ends_in_an_error_that_names_it(tmp_path, name, content):
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / name).write_bytes(content)
    with pytest.raises(DatasetError, match="own"):
        list_clips(tmp_path, OWN)


def test_a_private_dataset_can_have_its_own_name(tmp_path):
    adapter = generic("door phone", "DOOR")
    write(tmp_path / "Door_Phone/test/live/ada/a.mov")
    [clip], _ = list_clips(tmp_path, adapter)
    assert clip.video == "DOOR/test/live/ada/a" and clip.subject == "DOOR/ada"
