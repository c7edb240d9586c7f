"""Samples to score, predictions on them, and the checks that both have to pass.

A sample is a row of a prompt dataset (``fas-plugin data export``); a prediction is what a system made
of it. Predictions lie in one Parquet file, whose metadata tell what made them.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from fas_plugin import __version__
from fas_plugin.completion import Completion, parse_completion
from fas_plugin.datasets.files import write_file
from fas_plugin.labels import FasClass, Label

SPLITS = ("validation", "test")
SCHEMA_VERSION = 2
#: Where the metadata of the Parquet file lie.
_METADATA = b"fas_plugin"
#: What a score may come from, see ``answer_score.SampleScore``; the last two are other systems.
SOURCES = ("logprobs", "text", "none", "classifier", "given")


class PredictionsError(ValueError):
    """Predictions, or samples, that cannot be evaluated."""


@dataclass(frozen=True)
class Sample:
    """What gets one score: the image of a frame, or several frames of a clip in one prompt.

    Attributes:
        protocol: name of the protocol that chose it; empty where the dataset has none.
        prompt_id: name and version of the prompt.
        images: paths, in the order in which the messages show them.
        messages: the chat messages.
    """

    record_id: str
    video: str
    subject: str
    domain: str
    label: Label
    split: str
    protocol: str
    prompt_id: str
    images: tuple[str, ...]
    synthetic: bool
    messages: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True)
class Prediction:
    """What a system made of one sample.

    Attributes:
        score: probability of bona fide, in [0, 1]; the mean over the completions.
        completions: the whole text of each; none for a classifier.
        scores, sources: of each completion, see ``answer_score``; one each for a classifier.
        seconds: from handing the sample over until it was done; samples beside it share them.
    """

    sample: Sample
    score: float
    completions: tuple[str, ...]
    scores: tuple[float, ...]
    sources: tuple[str, ...]
    seconds: float

    @cached_property
    def parsed(self) -> tuple[Completion, ...]:
        return tuple(map(parse_completion, self.completions))

    @cached_property
    def answer(self) -> FasClass | None:
        """What most completions answer; with a draw, what the score is nearer to."""
        counts = Counter(p.answer for p in self.parsed if p.answer)
        if not counts:
            return None
        most = max(counts.values())
        winners = [cls for cls, count in counts.items() if count == most]
        nearer = FasClass.REAL if self.score >= 0.5 else FasClass.SPOOF
        return winners[0] if len(winners) == 1 else nearer


@dataclass(frozen=True)
class PredictionSet:
    """Checked predictions and what made them (``name``, ``system``, ``prompt_id``, …)."""

    predictions: tuple[Prediction, ...]
    made_by: Mapping[str, Any]

    @property
    def protocol(self) -> str:
        return self.predictions[0].sample.protocol

    @property
    def synthetic(self) -> bool:
        return any(p.sample.synthetic for p in self.predictions)

    def split(self, name: str) -> list[Prediction]:
        return [p for p in self.predictions if p.sample.split == name]


def read_samples(prompts: Path) -> list[Sample]:
    """The validation and test rows of a prompt dataset.

    Raises:
        PredictionsError: no test rows, a malformed row (with file and line), a record twice, or rows
            of several protocols.
    """
    samples = []
    protocol = _exported(prompts).get("protocol", {}).get("name", "")
    for split in SPLITS:
        path = prompts / f"{split}.jsonl"
        if not path.is_file():
            if split == "test":
                raise PredictionsError(f"{path}: missing; `fas-plugin data export` writes it")
            continue
        with path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                try:
                    samples.append(_sample(json.loads(line), split, protocol))
                except (ValueError, TypeError, LookupError) as error:
                    raise PredictionsError(f"{path}, line {number}: {_reason(error)}") from None
    if not any(sample.split == "test" for sample in samples):
        raise PredictionsError(f"{prompts / 'test.jsonl'}: no rows")
    refuse_twice((s.record_id for s in samples), str(prompts))
    _refuse_mixed(((s.protocol, s.record_id) for s in samples), str(prompts))
    return samples


def _exported(prompts: Path) -> dict[str, Any]:
    """What ``data export`` noted about the dataset, as far as it is there."""
    path = prompts / "export.json"
    if not path.is_file():
        return {}
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
        form = about["format"]
    except (ValueError, LookupError, TypeError) as error:
        raise PredictionsError(f"{path}: not what data export writes ({error})") from None
    if form != "jsonl":
        raise PredictionsError(
            f"{prompts}: in the format {form!r}; evaluation reads jsonl, as export writes it "
            "without --format"
        )
    return about


def _sample(row: Mapping[str, Any], split: str, protocol: str) -> Sample:
    if not row["images"]:
        raise ValueError("no images")
    return Sample(
        record_id=str(row["record_id"]),
        video=str(row["video"]),
        subject=str(row["subject"]),
        domain=str(row["datasource"]),
        label=Label.parse(row["label"]),
        split=split,
        protocol=str(row.get("protocol") or protocol),
        prompt_id=str(row.get("prompt_id") or ""),
        images=tuple(map(str, row["images"])),
        synthetic=bool(row.get("synthetic")),
        messages=tuple(row["prompt"]),
    )


def check(
    predictions: Sequence[Prediction], source: str, samples: Sequence[Sample] | None = None
) -> None:
    """Refuse what would give wrong numbers.

    Args:
        source: what the message calls the predictions, a path for instance.
        samples: what has to be predicted, each once; None where that is not known.

    Raises:
        PredictionsError: names what is wrong, with the count and the first five records: samples
            without a prediction, predictions twice or of unknown samples, scores that are no number
            from 0 to 1, or several protocols.
    """
    if not predictions and not samples:
        raise PredictionsError(f"{source}: no predictions")
    bad = [p.sample.record_id for p in predictions if not 0 <= p.score <= 1]  # NaN is neither
    refuse(bad, source, "have a score that is not a number from 0 to 1")
    refuse_twice((p.sample.record_id for p in predictions), source)
    _refuse_mixed(((p.sample.protocol, p.sample.record_id) for p in predictions), source)
    if samples is not None:
        expected = {s.record_id for s in samples}
        found = {p.sample.record_id for p in predictions}
        refuse(
            [s.record_id for s in samples if s.record_id not in found], source, "are not predicted"
        )
        refuse(
            [p.sample.record_id for p in predictions if p.sample.record_id not in expected],
            source,
            "are not in the prompt dataset",
        )


def check_same_samples(sets: Mapping[str, PredictionSet]) -> None:
    """Refuse to pair systems that were tested on different samples.

    Raises:
        PredictionsError: with the count and the first five.
    """
    names = list(sets)
    for name in names[1:]:
        first, other = sets[names[0]], sets[name]
        if first.protocol != other.protocol:
            raise PredictionsError(
                f"{names[0]} is of protocol {first.protocol!r}, {name} of {other.protocol!r}"
            )
        ids = [{p.sample.record_id for p in s.split("test")} for s in (first, other)]
        refuse(sorted(ids[0] - ids[1]), name, f"of {names[0]} are not predicted")
        refuse(sorted(ids[1] - ids[0]), names[0], f"of {name} are not predicted")


def refuse(records: Sequence[str], source: str, what: str) -> None:
    """Raises a :class:`PredictionsError` with the count and the first five, if there are any."""
    if records:
        if len(records) == 1:
            what = what.replace("are ", "is ", 1).replace("have ", "has ", 1)
        count = f"{len(records)} sample{'s' if len(records) > 1 else ''}"
        more = ", …" if len(records) > 5 else ""
        raise PredictionsError(f"{source}: {count} {what}: {', '.join(records[:5])}{more}")


def refuse_twice(record_ids: Iterable[str], source: str) -> None:
    """Refuses records that are there more than once."""
    counts = Counter(record_ids)
    refuse([name for name, count in counts.items() if count > 1], source, "are there twice")


def _refuse_mixed(protocols: Iterable[tuple[str, str]], source: str) -> None:
    """``protocols``: of each record, and the record."""
    owners: dict[str, list[str]] = {}
    for protocol, record_id in protocols:
        owners.setdefault(protocol, []).append(record_id)
    if len(owners) > 1:
        (main, _), *others = sorted(owners.items(), key=lambda item: -len(item[1]))
        for protocol, records in others:
            refuse(records, source, f"are of protocol {protocol!r}, the others of {main!r}")


def write_predictions(path: Path, made: PredictionSet) -> None:
    """Write a Parquet file: one row a sample, metadata with what made it."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [_row(p) for p in made.predictions]
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    types = {
        "score": pa.float64(),
        "seconds": pa.float64(),
        "synthetic": pa.bool_(),
        "images": pa.list_(pa.string()),
        "completions": pa.list_(pa.string()),
        "scores": pa.list_(pa.float64()),
        "sources": pa.list_(pa.string()),
    }
    schema = pa.schema([(name, types.get(name, pa.string())) for name in columns])
    about = {"schema_version": SCHEMA_VERSION, "fas_plugin": __version__, **made.made_by}
    table = pa.table(columns, schema.with_metadata({_METADATA: json.dumps(about).encode()}))
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    write_file(path, sink.getvalue().to_pybytes())


def _row(prediction: Prediction) -> dict[str, Any]:
    sample = prediction.sample
    return {
        "record_id": sample.record_id,
        "video": sample.video,
        "subject": sample.subject,
        "domain": sample.domain,
        "label": str(sample.label),
        "split": sample.split,
        "protocol": sample.protocol,
        "prompt_id": sample.prompt_id,
        "images": list(sample.images),
        "synthetic": sample.synthetic,
        "score": prediction.score,
        "completions": list(prediction.completions),
        "scores": list(prediction.scores),
        "sources": list(prediction.sources),
        "seconds": prediction.seconds,
    }


def read_predictions(path: Path) -> PredictionSet:
    """Read and check a Parquet file that :func:`write_predictions` wrote, or the folder it lies in.

    Raises:
        PredictionsError: missing, unreadable, a malformed row (with its number), or one of the
            faults that :func:`check` finds.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = path / "predictions.parquet" if path.is_dir() else path
    if not path.is_file():
        raise PredictionsError(f"{path}: no predictions there; `fas-plugin evaluate` makes them")
    try:
        table = pq.read_table(path)
    except (pa.ArrowException, OSError) as error:
        raise PredictionsError(f"{path}: not a readable Parquet file ({error})") from None
    about = json.loads((table.schema.metadata or {}).get(_METADATA, b"{}"))
    predictions = []
    for number, row in enumerate(table.to_pylist(), 1):
        try:
            predictions.append(_prediction(row))
        except (ValueError, TypeError, LookupError) as error:
            raise PredictionsError(f"{path}, row {number}: {_reason(error)}") from None
    check(predictions, str(path))
    return PredictionSet(tuple(predictions), about)


def _prediction(row: Mapping[str, Any]) -> Prediction:
    if row["split"] not in SPLITS:
        raise ValueError(f"split {row['split']!r}: expected one of {', '.join(SPLITS)}")
    sample = Sample(
        record_id=str(row["record_id"]),
        video=str(row["video"]),
        subject=str(row["subject"]),
        domain=str(row["domain"]),
        split=str(row["split"]),
        images=tuple(map(str, row["images"] or ())),
        protocol=str(row.get("protocol") or ""),
        prompt_id=str(row.get("prompt_id") or ""),
        label=Label.parse(row["label"]),
        synthetic=bool(row.get("synthetic")),
    )
    return Prediction(
        sample=sample,
        score=math.nan if row["score"] is None else float(row["score"]),
        completions=tuple(row["completions"] or ()),
        scores=tuple(row["scores"] or ()),
        sources=tuple(row["sources"] or ()),
        seconds=float(row["seconds"] or 0.0),
    )


def _reason(error: Exception) -> str:
    return f"no field {error}" if isinstance(error, KeyError) else str(error)
