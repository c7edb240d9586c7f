"""``fas-plugin rewards show``: a record of rewards as a page to look at and a table to read."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined

from fas_plugin.datasets.files import write_file
from fas_plugin.evaluation import figures
from fas_plugin.evaluation.reward_record import RewardRecord, read_record

#: Disagreements that the page lists, and characters of each completion.
_LISTED, _TEXT = 20, 1_500

#: Title of a panel -> its curves: name -> column, and a class that the completions are of, or None.
_PANELS: dict[str, dict[str, tuple[str, str | None]]] = {
    "rewards": {
        "total": ("reward", None),
        "format": ("fas_format", None),
        "class consistency": ("fas_class_consistency", None),
        "reasoning consistency": ("fas_reasoning_consistency", None),
    },
    "class balance: share of “real”": {
        "labels": ("fas_truth_real", None),
        "answers": ("fas_answer_real", None),
        "reasoning": ("fas_stance_real", None),
    },
    "right answers by class": {
        "bona fide": ("fas_class_consistency", "real"),
        "attacks": ("fas_class_consistency", "spoof"),
    },
}


def show_record(
    folder: Path, page: Path | None = None, *, progress: bool = False
) -> tuple[Path, str]:
    """Write a self-contained page about the record in ``folder``.

    Args:
        folder: what ``serve --record`` was given.
        page: where to; by default ``rewards.html`` in the folder.
        progress: whether a bar shows how far reading is.

    Returns:
        The page's path, and the main numbers as a table for a terminal.

    Raises:
        ValueError: there is no record in ``folder``.
        OSError: a file cannot be read or written.
    """
    record = read_record(folder, progress=progress)
    if not len(record):
        raise ValueError(
            f"{folder}: no rewards in rewards-*.jsonl; expected a folder that "
            "`fas-plugin serve --record` has written to"
        )
    environment = Environment(
        loader=PackageLoader("fas_plugin.evaluation", "."),
        autoescape=True,  # completions are hostile text
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    worst = record.worst_disagreements(_LISTED)
    stretches = record.stretches()
    content = environment.get_template("reward_page.html.j2").render(
        folder=str(folder),
        record=record,
        first=_clock(record.columns["time"][0]),
        last=_clock(record.columns["time"][-1]),
        rows=_rows(record),
        panels=figures.lines_figure(
            {title: _curves(record, stretches, curves) for title, curves in _PANELS.items()},
            "completions scored",
        ),
        lengths=figures.band_figure(
            _lengths(record, stretches), "completions scored", "words of reasoning"
        ),
        faults=figures.lines_figure(
            {"completions with this fault": _faults(record, stretches)}, "completions scored"
        )
        if record.faults
        else None,
        worst=[{**row, "completion": row.get("completion", "")[:_TEXT]} for row in worst],
        disagreeing=len(record.disagreements),
    )
    page = page or folder / "rewards.html"
    write_file(page, content.encode())
    return page, _table(record, worst)


def _curves(
    record: RewardRecord,
    stretches: Sequence[np.ndarray],
    curves: dict[str, tuple[str, str | None]],
) -> dict[str, list[tuple[int, float]]]:
    drawn = {}
    real = record.columns["fas_truth_real"] > 0
    for name, (column, of) in curves.items():
        points = []
        for part in stretches:
            chosen = part if of is None else part[real[part] == (of == "real")]
            if len(chosen):
                points.append((int(part[-1]) + 1, float(record.columns[column][chosen].mean())))
        drawn[name] = points
    return drawn


def _lengths(record: RewardRecord, stretches: Sequence[np.ndarray]) -> list[tuple[float, ...]]:
    """Completions scored, and the tenth, half and nine tenths of the lengths, of each stretch."""
    words = record.columns["fas_think_words"]
    return [
        (int(part[-1]) + 1, *np.quantile(words[part], (0.1, 0.5, 0.9)).tolist())
        for part in stretches
    ]


def _faults(
    record: RewardRecord, stretches: Sequence[np.ndarray]
) -> dict[str, list[tuple[int, float]]]:
    """The most frequent kinds of failure first."""
    kinds = sorted(record.faults, key=lambda name: -record.faults[name].sum())[:8]
    return {
        name: [(int(part[-1]) + 1, float(record.faults[name][part].mean())) for part in stretches]
        for name in kinds
    }


def _rows(record: RewardRecord) -> list[tuple[str, str, str, str]]:
    """Name, and its mean over the first tenth, the last tenth and all completions."""
    tenth = max(1, len(record) // 10)
    names = {
        "reward": "total reward",
        "fas_format": "format",
        "fas_class_consistency": "class consistency",
        "fas_reasoning_consistency": "reasoning consistency",
        "fas_truth_real": "labels that say real",
        "fas_answer_real": "answers that say real",
        "fas_stance_none": "reasonings without a stance",
        "fas_think_words": "words of reasoning",
    }
    rows = []
    for column, name in names.items():
        values = record.columns[column]
        means = (values[:tenth].mean(), values[-tenth:].mean(), values.mean())
        form = "{:.1f}" if column == "fas_think_words" else "{:.3f}"
        rows.append((name, *(form.format(mean) for mean in means)))
    for fault in sorted(record.faults, key=lambda name: -record.faults[name].sum())[:6]:
        wrong = record.faults[fault]
        means = (wrong[:tenth].mean(), wrong[-tenth:].mean(), wrong.mean())
        rows.append((f"fault {fault}", *(f"{mean:.3f}" for mean in means)))
    return rows


def _table(record: RewardRecord, worst: Sequence[dict[str, Any]]) -> str:
    lines = [f"{len(record):,} completions, {record.broken} broken lines"]
    lines.append(f"  {'':<28}{'first tenth':>12}{'last tenth':>12}{'all':>9}")
    lines += [f"  {name:<28}{a:>12}{b:>12}{c:>9}" for name, a, b, c in _rows(record)]
    if worst:
        lines.append("worst disagreements between reasoning and answer:")
    for row in worst[:5]:
        words = ", ".join(row["evidence"]) or "(the record holds no text)"
        # Only printable characters: a completion may hold what a terminal obeys.
        words = "".join(c for c in words if c.isprintable())[:100]
        lines.append(
            f"  {_clock(row['time'])}  argues {row['stance']}, answers {row['answer']}, "
            f"is {row['label']}: {words}"
        )
    return "\n".join(lines)


def _clock(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))
