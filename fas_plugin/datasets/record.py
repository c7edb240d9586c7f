"""The record: one face crop of one frame, and where it comes from. A manifest is records in lines."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs
import msgspec
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

SCHEMA_VERSION = 2
#: Longest manifest line that is read, in characters; a record has about 700.
MAX_LINE = 65_536


class RecordError(ValueError):
    """A record or manifest that does not fit the schema."""


@dataclass(frozen=True, slots=True)
class Record:
    """One face crop. The meaning of each field is in ``record.schema.json``.

    Attributes:
        face_box: x, y, width, height in the upright source frame, in pixels.
        rotation_applied: clockwise degrees from the stored to the upright frame.
        width, height: of the upright source frame, in pixels.
    """

    record_id: str
    dataset: str
    domain: str
    media: str
    frame_index: int
    image: str
    label: str
    pai_code: str | None
    subject: str
    session: str | None
    device: str | None
    split: str
    video: str
    face_box: tuple[int, int, int, int]
    face_source: str
    rotation_applied: int
    width: int
    height: int
    image_sha256: str
    image_dhash: str
    media_fingerprint: str
    synthetic: bool
    schema_version: int = SCHEMA_VERSION

    def as_dict(self) -> dict[str, Any]:
        """The JSON object, not yet validated."""
        row = {name: getattr(self, name) for name in _FIELDS}
        row["face_box"] = list(self.face_box)
        return row

    @classmethod
    def from_dict(cls, row: Any) -> Record:
        """Read a JSON object, which the record takes over.

        Raises:
            RecordError: it does not fit the schema; the message names the field.
        """
        validate(row)
        for name in _REPEATED:  # one string for all records that share it
            if row[name] is not None:
                row[name] = sys.intern(row[name])
        row["face_box"] = tuple(row["face_box"])
        return cls(**row)


_FIELDS = tuple(field.name for field in fields(Record))
#: Fields whose few values are shared by many records.
_REPEATED = (
    *("dataset", "domain", "label", "pai_code", "subject", "session", "device", "split"),
    *("media", "video", "media_fingerprint"),
)


def validate(row: Any) -> None:
    """Check one JSON object against the schema, which holds the taxonomy of instruments.

    Raises:
        RecordError: the first fault, with its field.
    """
    check, validator = _validators()
    if check.is_valid(row):
        return
    error = best_match(validator.iter_errors(row))  # its words are better
    if error is None:
        raise RecordError("field record: does not fit the schema")
    field = "/".join(map(str, error.absolute_path)) or "record"
    message = error.message
    if error.validator == "not":
        message = f"{error.instance!r} is not a relative path without '..'"
    raise RecordError(f"field {field}: {message[:300]}")


def read_manifest(path: Path) -> list[Record]:
    """Read a manifest (JSON Lines, one record a line).

    Raises:
        RecordError: names the file, the line and the field that is wrong.
        OSError: the file cannot be read.
    """
    records = list(iter_manifest(path))
    if not records:
        raise RecordError(f"{path}: no records; make them with 'fas-plugin data prepare'")
    return records


def iter_manifest(path: Path) -> Iterator[Record]:
    """The same, one record after another."""
    path = Path(path)
    seen: dict[str, int] = {}
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such manifest; make it with 'fas-plugin data prepare'")
    with path.open(encoding="utf-8") as lines:
        number = 0
        try:
            while line := lines.readline(MAX_LINE):
                number += 1
                if not line.strip():
                    continue
                record = Record.from_dict(_parse(line))
                first = seen.setdefault(record.record_id, number)
                if first != number:
                    raise RecordError(
                        f"field record_id: {record.record_id!r} is in line {first} too"
                    )
                yield record
        except UnicodeDecodeError:
            raise RecordError(f"{path}, after line {number}: not UTF-8 text") from None
        except RecordError as error:
            raise RecordError(f"{path}, line {number}, {error}") from None


def json_line(row: Mapping[str, Any]) -> bytes:
    """One line of JSON Lines, of plain Python values, with its keys in a fixed order."""
    return msgspec.json.encode(row, order="sorted") + b"\n"


def _parse(line: str) -> Any:
    try:
        return msgspec.json.decode(line)
    except (msgspec.DecodeError, RecursionError) as error:
        if len(line) == MAX_LINE:
            raise RecordError(f"field record: longer than {MAX_LINE} characters") from None
        raise RecordError(f"field record: not JSON ({error})") from None


@cache
def _validators() -> tuple[jsonschema_rs.Validator, Draft202012Validator]:
    """One that takes a microsecond a record, and one that explains."""
    schema = json.loads(Path(__file__).with_name("record.schema.json").read_text(encoding="utf-8"))
    return jsonschema_rs.validator_for(schema), Draft202012Validator(schema)
