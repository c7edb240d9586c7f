"""The record's schema says what the code says."""

import json
from importlib import resources

import pytest

from fas_plugin.datasets.adapters import SPLITS
from fas_plugin.datasets.files import fingerprint
from fas_plugin.datasets.record import SCHEMA_VERSION, json_line
from fas_plugin.labels import INSTRUMENTS, Label

SCHEMA = json.loads((resources.files("fas_plugin.datasets") / "record.schema.json").read_text())


def test_the_schema_has_the_labels_the_splits_and_the_version_of_the_code():
    fields = SCHEMA["properties"]
    labels = {"real", "spoof", *(f"spoof:{name}" for name in INSTRUMENTS)}
    assert set(fields["label"]["enum"]) == labels
    assert {str(Label.parse(text)) for text in labels} == labels
    assert tuple(fields["split"]["enum"]) == SPLITS
    assert fields["schema_version"] == {"const": SCHEMA_VERSION}
    assert set(SCHEMA["required"]) == set(fields)


@pytest.mark.parametrize("size", [0, 5, 65_536, 300_000])
def test_a_fingerprint_sees_size_head_and_tail(tmp_path, size):
    content = bytes(range(256)) * (size // 256 + 1)
    prints = set()
    for name, changed in {
        "same": content[:size],
        "longer": content[: size + 1],
        "head": b"\xff" + content[1:size],
        "tail": content[: max(0, size - 1)] + b"\xfe",
    }.items():
        (tmp_path / name).write_bytes(changed)
        prints.add(fingerprint(tmp_path / name))
    assert len(prints) == 4
    assert fingerprint(tmp_path / "same") == fingerprint(tmp_path / "same")


def test_a_json_line_has_sorted_keys_and_readable_text():
    row = {"b": ["真人", None, True], "a": 0.5}
    assert json_line(row) == '{"a":0.5,"b":["真人",null,true]}\n'.encode()
    assert json.loads(json_line(row)) == row
