"""Scores that are there already, for instance those of a network of one's own.

A Parquet, CSV or JSON Lines file with the columns ``record_id`` and ``score`` (probability of bona
fide) and, where the score goes with a text, ``completion``.
"""

from __future__ import annotations

import csv
import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from fas_plugin.evaluation.predictions import (
    Prediction,
    PredictionsError,
    Sample,
    refuse,
    refuse_twice,
)


class GivenScores:
    """The scores in ``path``.

    Raises:
        PredictionsError: the file cannot be read or lacks a column; or a record is there twice, or
            not in the prompt dataset (with the count and the first five).
    """

    def __init__(self, path: Path) -> None:
        try:
            content = path.read_bytes()
        except OSError as error:
            raise PredictionsError(f"{path}: {error.strerror}") from None
        digest = hashlib.sha256(content).hexdigest()
        self.about: Mapping[str, Any] = {
            "kind": "scores",
            "model": path.stem,
            "file": str(path),
            "sha256": digest,
        }
        self._path = path

    def predict(self, samples: Sequence[Sample]) -> Iterator[Prediction]:
        rows = _rows(self._path)
        known = {sample.record_id: sample for sample in samples}
        refuse_twice((row["record_id"] for row in rows), str(self._path))
        strangers = [row["record_id"] for row in rows if row["record_id"] not in known]
        refuse(strangers, str(self._path), "are not in the prompt dataset")
        for row in rows:
            score, text = row["score"], row.get("completion")
            yield Prediction(
                known[row["record_id"]],
                score,
                (str(text),) if text else (),
                (score,),
                ("given",),
                0.0,
            )


def _rows(path: Path) -> list[dict[str, Any]]:
    try:
        rows = list(_read(path))
    except (OSError, ValueError, csv.Error) as error:
        raise PredictionsError(f"{path}: not readable ({error})") from None
    for number, row in enumerate(rows, 1):
        missing = [name for name in ("record_id", "score") if name not in row]
        if missing:
            raise PredictionsError(f"{path}, row {number}: no column {missing[0]!r}")
        row["record_id"] = str(row["record_id"])
        try:
            row["score"] = math.nan if row["score"] in (None, "") else float(row["score"])
        except (TypeError, ValueError):
            raise PredictionsError(
                f"{path}, row {number}: score {row['score']!r} of {row['record_id']!r}: expected a "
                "number from 0 to 1"
            ) from None
    return rows


def _read(path: Path) -> Iterator[dict[str, Any]]:
    if path.suffix == ".parquet":
        import pyarrow.parquet as pq

        yield from pq.read_table(path).to_pylist()
    else:
        with path.open(encoding="utf-8", newline="") as file:
            if path.suffix == ".csv":
                yield from csv.DictReader(file)
            else:
                for line in file:
                    row = json.loads(line)
                    if not isinstance(row, Mapping):
                        raise ValueError(f"a line is no object: {line[:80]!r}")
                    yield dict(row)
