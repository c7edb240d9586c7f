"""Splits to prompt datasets that OpenRLHF, TRL, verl and ms-swift read."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from fas_plugin import __version__
from fas_plugin.datasets.files import write_file, writing
from fas_plugin.datasets.protocols import Splits
from fas_plugin.datasets.record import Record, json_line
from fas_plugin.datasets.sampling import uniform
from fas_plugin.labels import FasClass, Label
from fas_plugin.prompts import Prompt, messages, tagged

#: The frames that one prompt shows: one, or several of a clip.
Item = tuple[Record, ...]
#: Rows that are written together.
_BATCH = 10_000


class ExportError(ValueError):
    """Records whose images are missing, or an unknown format."""


@dataclass(frozen=True)
class ExportSummary:
    """Rows per file, by ``part/domain/label``."""

    rows: dict[str, int]

    def __str__(self) -> str:
        totals: Counter[str] = Counter()
        for key, count in self.rows.items():
            part, _, label = key.split("/")
            totals[f"{part} {label.partition(':')[0]}"] += count
        return "  " + ", ".join(f"{count} {name}" for name, count in totals.items())


def export_prompts(
    splits: Splits,
    manifest_dir: Path,
    out: Path,
    *,
    prompt: Prompt,
    seed: int,
    frames: int = 1,
    export_format: str = "jsonl",
) -> ExportSummary:
    """Write the parts ``train``, ``validation`` and ``test`` into ``out``, and ``export.json``.

    Training rows are balanced and repeat rare kinds: half bona fide, half attack; within a class
    every domain, and within a domain's attacks every instrument, equally often. The order is drawn
    by ``seed`` such that every prefix is balanced too, because a short run sees only a prefix.

    Args:
        splits: from :func:`fas_plugin.datasets.protocols.split_records`.
        manifest_dir: folder that the records' images are relative to.
        prompt: text that follows the images in the user message.
        frames: of a clip in each prompt. With 1 every frame is a row; with more every clip is one,
            and shows its frames, so many at most, evenly spaced.
        export_format: name in :data:`FORMATS`.

    Raises:
        ExportError: an image is missing, or the format is unknown.
    """
    if export_format not in FORMATS:
        known = ", ".join(FORMATS)
        raise ExportError(f"unknown format {export_format!r}; expected one of {known}")
    row, write = FORMATS[export_format]
    folder = str(manifest_dir.resolve())
    counts: Counter[str] = Counter()
    for part, records in splits.parts.items():
        _check_images(records, folder)
        items = _items(records, frames)
        if part == "train":
            items = balanced(items, seed)
        write(
            out,
            part,
            (row(_Sample(item, part, folder, prompt, i)) for i, item in enumerate(items)),
        )
        counts.update(f"{part}/{item[0].domain}/{item[0].label}" for item in items)
    if write is _write_dataset:
        parts = {"splits": list(splits.parts)}
        write_file(out / "dataset_dict.json", json.dumps(parts).encode())
    info = {
        "format": export_format,
        "protocol": {
            "name": splits.protocol.name,
            "title": splits.protocol.title,
            "reference": splits.protocol.reference,
        },
        "prompt": {"id": prompt.id, "text": prompt.text},
        "frames": frames,
        "seed": seed,
        "images": folder,
        "missing": list(splits.missing),
        "rows": dict(counts),
        "fas_plugin": __version__,
        "git_commit": _git_commit(),
    }
    write_file(
        out / "export.json", (json.dumps(info, indent=2, ensure_ascii=False) + "\n").encode()
    )
    return ExportSummary(dict(counts))


def _check_images(records: Iterable[Record], folder: str) -> None:
    for record in records:
        path = f"{folder}/{record.image}"
        if not os.path.isfile(path):
            raise ExportError(f"{path}: missing; run `fas-plugin data prepare` again")


def _git_commit() -> str | None:
    """Of the source that runs; None for an installed package."""
    try:
        found = subprocess.run(
            ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"],
            capture_output=True,
            text=True,
            timeout=10,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return found.stdout.strip() or None


# --- Order ----------------------------------------------------------------------------------------


def _items(records: Sequence[Record], frames: int) -> list[Item]:
    if frames == 1:
        return [(record,) for record in records]
    clips: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        clips[record.video].append(record)
    return [tuple(clip[i] for i in uniform(len(clip), frames)) for clip in clips.values()]


def balanced(items: Sequence[Item], seed: int) -> list[Item]:
    """Items of both classes in turn, repeated so that the more frequent class is seen whole."""
    random = np.random.default_rng(seed)
    groups: dict[FasClass, dict[str, dict[str, list[Item]]]] = {cls: {} for cls in FasClass}
    sizes: Counter[FasClass] = Counter()
    classes: dict[str, FasClass] = {}
    for item in items:
        record = item[0]
        if record.label not in classes:
            classes[record.label] = Label.parse(record.label).cls
        cls = classes[record.label]
        sizes[cls] += 1
        groups[cls].setdefault(record.domain, {}).setdefault(record.label, []).append(item)
    first, second = (_stream(groups[cls], random) for cls in FasClass)
    order = []
    for turned in random.integers(2, size=max(sizes.values())).tolist():
        pair = (next(first), next(second))
        order += pair[::-1] if turned else pair
    return order


def _stream(
    groups: dict[str, dict[str, list[Item]]], random: np.random.Generator
) -> Iterator[Item]:
    """Endless items of one class: domains in turn, a domain's instruments in turn, each drawn
    without replacement until it is used up."""
    domains = [
        _in_turn([_reshuffled(group, random) for _, group in sorted(kinds.items())], random)
        for _, kinds in sorted(groups.items())
    ]
    return _in_turn(domains, random)


def _in_turn(streams: Sequence[Iterator[Item]], random: np.random.Generator) -> Iterator[Item]:
    if len(streams) == 1:  # nothing to draw, and drawing takes longer than all the rest
        yield from streams[0]
    while True:
        for index in random.permutation(len(streams)):
            yield next(streams[index])


def _reshuffled(items: Sequence[Item], random: np.random.Generator) -> Iterator[Item]:
    while True:
        for index in random.permutation(len(items)):
            yield items[index]


# --- Rows -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Sample:
    """What a row is made of."""

    item: Item
    part: str
    folder: str
    prompt: Prompt
    index: int

    @property
    def images(self) -> list[str]:
        return [f"{self.folder}/{record.image}" for record in self.item]

    @property
    def origin(self) -> dict[str, Any]:
        """What traces a row back to its records."""
        first = self.item[0]
        name = first.record_id
        if len(self.item) > 1:
            name = f"{first.video}#" + ",".join(str(record.frame_index) for record in self.item)
        return {
            "record_id": name,
            "video": first.video,
            "subject": first.subject,
            "prompt_id": self.prompt.id,
            "synthetic": first.synthetic,
        }


def _openrlhf_row(sample: _Sample) -> dict[str, Any]:
    return {
        "prompt": messages(sample.prompt.text, len(sample.item)),
        "images": sample.images,
        "label": sample.item[0].label,
        "datasource": sample.item[0].domain,
        **sample.origin,
    }


def _trl_row(sample: _Sample) -> dict[str, Any]:
    # TRL puts the images in front of a text by itself.
    return {
        **_openrlhf_row(sample),
        "prompt": [{"role": "user", "content": sample.prompt.text}],
    }


def _verl_row(sample: _Sample) -> dict[str, Any]:
    return {
        "data_source": sample.item[0].domain,
        "prompt": tagged(sample.prompt.text, len(sample.item)),
        "images": sample.images,
        "ability": "face_anti_spoofing",
        "reward_model": {"style": "rule", "ground_truth": sample.item[0].label},
        "extra_info": {"split": sample.part, "index": sample.index, **sample.origin},
    }


def _ms_swift_row(sample: _Sample) -> dict[str, Any]:
    return {
        "messages": tagged(sample.prompt.text, len(sample.item)),
        "images": sample.images,
        "solution": sample.item[0].label,
        "datasource": sample.item[0].domain,
        **sample.origin,
    }


# --- Files ----------------------------------------------------------------------------------------


def _write_json_lines(out: Path, part: str, rows: Iterable[dict[str, Any]]) -> None:
    with writing(out / f"{part}.jsonl") as file:
        for row in rows:
            file.write(json_line(row))


def _write_parquet(out: Path, part: str, rows: Iterable[dict[str, Any]]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with writing(out / f"{part}.parquet") as file:
        writer = None
        for batch in _batches(rows):
            table = pa.Table.from_pylist(batch, schema=writer and writer.schema)
            if writer is None:
                writer = pq.ParquetWriter(file, table.schema)
            writer.write_table(table)
        if writer is not None:
            writer.close()


def _write_dataset(out: Path, part: str, rows: Iterable[dict[str, Any]]) -> None:
    """A folder that ``datasets.load_from_disk`` reads, with the images in it."""
    import datasets
    from datasets.arrow_writer import ArrowWriter

    partial = out / f".{part}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    rows = iter(rows)
    first = next(rows)
    features = datasets.Features(
        {
            name: datasets.List(datasets.Image()) if name == "images" else _feature(value)
            for name, value in first.items()
        }
    )
    try:
        writer = ArrowWriter(path=str(partial / "rows.arrow"), features=features)
        for row in chain([first], rows):
            writer.write(row)
        writer.finalize()
        datasets.Dataset.from_file(str(partial / "rows.arrow")).save_to_disk(partial / "new")
        shutil.rmtree(out / part, ignore_errors=True)
        os.replace(partial / "new", out / part)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _feature(value: Any) -> Any:
    import datasets

    if isinstance(value, list):
        merged: dict[str, Any] = {}
        for item in value:
            merged |= item
        return [{name: _feature(item) for name, item in merged.items()}]
    return datasets.Value("bool" if isinstance(value, bool) else "string")


def _batches(rows: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    batch = []
    for row in rows:
        batch.append(row)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


Row = Callable[[_Sample], dict[str, Any]]
Write = Callable[[Path, str, Iterable[dict[str, Any]]], None]

#: Format -> how a row and how a part is written. The first three are for OpenRLHF.
FORMATS: dict[str, tuple[Row, Write]] = {
    "jsonl": (_openrlhf_row, _write_json_lines),
    "parquet": (_openrlhf_row, _write_parquet),
    "datasets": (_openrlhf_row, _write_dataset),
    "trl": (_trl_row, _write_dataset),
    "verl": (_verl_row, _write_parquet),
    "ms-swift": (_ms_swift_row, _write_json_lines),
}
