"""A run folder's ``metrics.json`` and its self-contained ``report.html``."""

from __future__ import annotations

import base64
import io
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from PIL import Image

from fas_plugin import __version__
from fas_plugin.datasets.files import write_file
from fas_plugin.datasets.protocols import load_protocol
from fas_plugin.evaluation import figures
from fas_plugin.evaluation.metrics import evaluate
from fas_plugin.evaluation.predictions import Prediction, read_predictions
from fas_plugin.evaluation.reward_record import read_reward_curves
from fas_plugin.labels import INSTRUMENTS

#: Frames in the gallery and the side of their pictures, in pixels: they bound the page's size.
GALLERY = 36
THUMBNAIL = 160

#: Metric -> how the tables call it.
ROWS = {
    "hter": "HTER at the source-validation threshold",
    "hter_at_target_eer": "HTER at the target's EER (idealised)",
    "auc": "AUC",
    "bpcer": "BPCER",
    "apcer_max": "APCER, worst instrument",
    "apcer_pooled": "APCER, pooled",
    "bpcer_at_apcer_10": "BPCER at 10 % pooled APCER (target threshold)",
    "answer_accuracy": "Stated answers that are right (frames)",
    "think_answer_agreement": "Reasoning agrees with answer (frames)",
    "non_response": "No readable answer (frames)",
}


def write_report(run: Path) -> Path:
    """Evaluate the predictions in a run folder and write ``metrics.json`` and ``report.html``.

    Reads ``run.json``, ``predictions_after.jsonl`` and, where there are any,
    ``predictions_before.jsonl``, ``rewards/``, ``training_curves.json`` and
    ``policy/warm_up.json``.

    Returns:
        The path of the page. It loads nothing from anywhere else.

    Raises:
        PredictionsError: predictions are missing or malformed.
        OSError: ``run.json`` is missing or the folder cannot be written.
    """
    info = json.loads((run / "run.json").read_text(encoding="utf-8"))
    predictions = {"after": read_predictions(run / "predictions_after.jsonl")}
    if (run / "predictions_before.jsonl").exists():
        predictions = {"before": read_predictions(run / "predictions_before.jsonl"), **predictions}
    protocol = load_protocol(info["settings"]["protocol"])
    metrics = {
        "schema_version": 1,
        "fas_plugin": __version__,
        "protocol": {"name": protocol.name, "title": protocol.title},
        "synthetic": info["settings"].get("synthetic") == "1",
        "settings": info["settings"],
        "versions": info.get("versions", {}),
        "warm_up": _optional_json(run / "policy" / "warm_up.json"),
        **{when: evaluate(rows) for when, rows in predictions.items()},
    }
    curves = _optional_json(run / "training_curves.json") or {}
    environment = Environment(
        loader=PackageLoader("fas_plugin.evaluation", "."),
        autoescape=True,  # completions are hostile text
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template("report.html.j2").render(
        metrics=metrics,
        stages=list(predictions),
        rows=_table(metrics, list(predictions)),
        instruments=_instruments(metrics, list(predictions)),
        roc=figures.roc_figure(predictions),
        histograms=figures.histogram_figure(predictions),
        reward_curves=figures.curves_figure(
            read_reward_curves(run / "rewards"), figures.REWARDS, "completions scored"
        ),
        group_curves=figures.curves_figure(curves, figures.GROUP_TAGS, "step"),
        gallery=_gallery(predictions["after"], metrics["after"]["threshold"]),
    )
    numbers = json.dumps(metrics, indent=2, ensure_ascii=False) + "\n"
    write_file(run / "metrics.json", numbers.encode())
    write_file(run / "report.html", page.encode())
    return run / "report.html"


def summary_table(metrics: Mapping[str, Any]) -> str:
    """The main numbers as text for a terminal."""
    stages = [stage for stage in ("before", "after") if stage in metrics]
    marker = "  (synthetic data)" if metrics["synthetic"] else ""
    lines = [f"{metrics['protocol']['title']}{marker}"]
    lines.append(f"  {'':<46}" + "".join(f"{stage:>10}" for stage in stages))
    for row in _table(metrics, stages):
        lines.append(
            f"  {row['name']:<46}" + "".join(f"{cell['value']:>10}" for cell in row["cells"])
        )
    return "\n".join(lines)


def _table(metrics: Mapping[str, Any], stages: Sequence[str]) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "cells": [
                {
                    "value": percent(metrics[stage][key]),
                    "interval": _interval(metrics[stage].get(f"{key}_interval")),
                }
                for stage in stages
            ],
        }
        for key, name in ROWS.items()
    ]


def _instruments(metrics: Mapping[str, Any], stages: Sequence[str]) -> list[dict[str, Any]]:
    return [
        {
            "name": INSTRUMENTS.get(name, name),
            "videos": count,
            "cells": [percent(metrics[stage]["apcer_by_instrument"].get(name)) for stage in stages],
        }
        for name, count in metrics["after"]["attack_videos_by_instrument"].items()
    ]


def percent(value: float | None) -> str:
    """A rate in percent with one decimal; a dash where there is none."""
    return "–" if value is None else f"{100 * value:.1f} %"


def _interval(bounds: Sequence[float | None] | None) -> str:
    if not bounds or None in bounds:
        return ""
    return f"{100 * bounds[0]:.1f} to {100 * bounds[1]:.1f}"


def _gallery(predictions: Sequence[Prediction], threshold: float | None) -> list[dict[str, Any]]:
    """Test frames of every class and instrument in turn, the least certain decisions first."""
    groups: dict[str, list[Prediction]] = defaultdict(list)
    for prediction in predictions:
        if prediction.split == "test":
            groups[str(prediction.label)].append(prediction)
    limit = 0.5 if threshold is None else threshold
    for group in groups.values():
        # Half of each group's places go to its hardest frames, half to its clearest.
        group.sort(key=lambda p: abs(p.score - limit))
        clear = group[::-1]
        group[:] = [p for pair in zip(group, clear, strict=True) for p in pair][: len(group)]
    chosen: list[Prediction] = []
    while len(chosen) < GALLERY and any(groups.values()):
        for group in groups.values():
            if group and len(chosen) < GALLERY:
                candidate = group.pop(0)
                if candidate not in chosen:
                    chosen.append(candidate)
    return [
        {
            "image": _thumbnail(Path(p.image)),
            "truth": p.label.cls.value,
            "instrument": INSTRUMENTS.get(p.label.instrument or "", "bona fide"),
            "answer": p.answer.value if p.answer else "none",
            "right": p.answer is p.label.cls,
            "agrees": p.answer is not None and p.answer is p.stance,
            "score": f"{p.score:.2f}",
            "completion": p.completion[:4000],
            "record": p.record_id,
        }
        for p in chosen
    ]


def _thumbnail(path: Path) -> str | None:
    try:
        with Image.open(path) as image:
            small = image.convert("RGB")
            small.thumbnail((THUMBNAIL, THUMBNAIL))
            content = io.BytesIO()
            small.save(content, "PNG")
    except OSError:
        return None
    return "data:image/png;base64," + base64.b64encode(content.getvalue()).decode()


def _optional_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
