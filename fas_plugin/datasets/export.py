"""Splits to prompt datasets that OpenRLHF reads: JSON Lines with messages, images and labels."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fas_plugin.datasets.files import write_file
from fas_plugin.datasets.protocols import Splits
from fas_plugin.datasets.record import Record, json_line
from fas_plugin.labels import FasClass, Label


class ExportError(ValueError):
    """Records whose images are missing."""


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
    splits: Splits, manifest_dir: Path, out: Path, *, prompt: str, prompt_id: str, seed: int
) -> ExportSummary:
    """Write ``train.jsonl``, ``validation.jsonl`` and ``test.jsonl`` into ``out``.

    Training rows are balanced and repeat rare kinds: half bona fide, half attack; within a class
    every domain, and within a domain's attacks every instrument, equally often. The order is drawn
    by ``seed`` such that every prefix is balanced too, because a short run sees only a prefix.

    Args:
        splits: from :func:`fas_plugin.datasets.protocols.split_records`.
        manifest_dir: folder that the records' images are relative to.
        prompt: text that follows the image in the user message.
        prompt_id: name and version of the prompt, stored in every row.

    Raises:
        ExportError: an image is missing.
    """
    manifest_dir = manifest_dir.resolve()
    parts = {
        "train": balanced(splits.train, seed),
        "validation": list(splits.validation),
        "test": list(splits.test),
    }
    counts: Counter[str] = Counter()
    for part, records in parts.items():
        lines = []
        for record in records:
            lines.append(json_line(_row(record, manifest_dir, prompt, prompt_id)))
            counts[f"{part}/{record.domain}/{record.label}"] += 1
        write_file(out / f"{part}.jsonl", "".join(lines).encode())
    return ExportSummary(dict(counts))


def balanced(records: Sequence[Record], seed: int) -> list[Record]:
    """Records of both classes in turn, repeated so that the more frequent class is seen whole."""
    random = np.random.default_rng(seed)
    streams = {cls: _stream(records, cls, random) for cls in FasClass}
    sizes = Counter(Label.parse(record.label).cls for record in records)
    order = []
    for _ in range(max(sizes.values())):
        pair = [next(streams[cls]) for cls in FasClass]
        order += [pair[i] for i in random.permutation(len(pair))]
    return order


def _stream(
    records: Sequence[Record], cls: FasClass, random: np.random.Generator
) -> Iterator[Record]:
    """Endless records of one class: domains in turn, a domain's instruments in turn, each drawn
    without replacement until it is used up."""
    groups: dict[str, dict[str, list[Record]]] = defaultdict(lambda: defaultdict(list))
    for record in records:
        if Label.parse(record.label).cls is cls:
            groups[record.domain][record.label].append(record)
    domains = [
        _in_turn([_reshuffled(group, random) for _, group in sorted(kinds.items())], random)
        for _, kinds in sorted(groups.items())
    ]
    return _in_turn(domains, random)


def _in_turn(streams: Sequence[Iterator[Record]], random: np.random.Generator) -> Iterator[Record]:
    while True:
        for index in random.permutation(len(streams)):
            yield next(streams[index])


def _reshuffled(records: Sequence[Record], random: np.random.Generator) -> Iterator[Record]:
    while True:
        for index in random.permutation(len(records)):
            yield records[index]


def _row(record: Record, manifest_dir: Path, prompt: str, prompt_id: str) -> dict[str, Any]:
    image = manifest_dir / record.image
    if not image.is_file():
        raise ExportError(f"{image}: missing; run `fas-plugin data prepare` again")
    return {
        "prompt": [
            {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": prompt}]}
        ],
        "images": [str(image)],
        "label": record.label,
        "datasource": record.domain,
        "record_id": record.record_id,
        "video": record.video,
        "subject": record.subject,
        "prompt_id": prompt_id,
        "synthetic": record.synthetic,
    }
