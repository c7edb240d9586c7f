"""``metrics.json`` and the self-contained ``report.html`` of an evaluated system."""

from __future__ import annotations

import base64
import io
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from PIL import Image

from fas_plugin.datasets.files import write_file
from fas_plugin.evaluation import figures
from fas_plugin.evaluation.compare import Difference, differences
from fas_plugin.evaluation.diagnosis import Finding, Training, read_training, summary
from fas_plugin.evaluation.explanations import read_reasoning
from fas_plugin.evaluation.measure import MAIN, measure, scored, without_nan
from fas_plugin.evaluation.metrics import calibration
from fas_plugin.evaluation.predictions import Prediction, PredictionsError, PredictionSet
from fas_plugin.evaluation.tables import Table, percent
from fas_plugin.labels import INSTRUMENTS, FasClass

#: Faces in the gallery, of which so many are the hardest errors; the side of their pictures, in
#: pixels; characters of a completion. They bound the page's size.
GALLERY, ERRORS, THUMBNAIL, TEXT = 240, 60, 112, 1_500
#: Bytes of all pictures together, encoded; what is over goes without a picture.
PICTURES = 2_500_000

#: The main table: name -> where the value is, and its interval where there is one.
ROWS: tuple[tuple[str, tuple[str, ...], tuple[str, ...] | None], ...] = (
    (
        "HTER at the source-validation threshold",
        ("level", "operating_points", "source_eer", "hter"),
        ("level", "operating_points", "source_eer", "hter_interval"),
    ),
    ("HTER at the target's EER (idealised)", ("level", "eer"), ("level", "eer_interval")),
    ("AUC", ("level", "auc"), ("level", "auc_interval")),
    (
        "BPCER",
        ("level", "operating_points", "source_eer", "bpcer"),
        ("level", "operating_points", "source_eer", "bpcer_interval"),
    ),
    (
        "APCER, worst instrument",
        ("level", "operating_points", "source_eer", "apcer_max"),
        ("level", "operating_points", "source_eer", "apcer_max_interval"),
    ),
    (
        "APCER, pooled",
        ("level", "operating_points", "source_eer", "apcer_pooled"),
        ("level", "operating_points", "source_eer", "apcer_pooled_interval"),
    ),
    ("ACER", ("level", "operating_points", "source_eer", "acer"), None),
    ("BPCER10 (target threshold)", ("level", "bpcer10"), None),
    ("BPCER20 (target threshold)", ("level", "bpcer20"), None),
    ("BPCER100 (target threshold)", ("level", "bpcer100"), None),
    ("Expected calibration error", ("calibration", "ece"), None),
    ("Stated answers that are right (frames)", ("answers", "accuracy"), None),
    ("No readable answer: attacks, APNRR (frames)", ("answers", "apnrr"), None),
    ("No readable answer: bona fide, BPNRR (frames)", ("answers", "bpnrr"), None),
    ("Reasoning agrees with answer (frames)", ("explanations", "agreement"), None),
)
#: Rows of the table for a terminal.
SHORT = (0, 1, 2, 3, 4, 11, 14)

OPERATING_POINTS = {
    "source_eer": "EER of the source validation (main)",
    "source_apcer_5": "APCER ≤ 5 % on the source validation",
    "source_bpcer_5": "BPCER ≤ 5 % on the source validation",
    "fixed_0.5": "fixed, 0.5",
    "target_eer": "EER of the target (idealised)",
}
LEVEL_NAMES = {
    "video_mean": "clip, mean of its frames (main)",
    "video_median": "clip, median",
    "video_vote": "clip, share of frames at 0.5 or above",
    "frame": "frame",
}
_EXPLANATIONS = {
    "agreement": "answers that the reasoning argues for",
    "stance_right": "reasoning argues for the true class",
    "stance_wrong": "reasoning argues for the wrong class",
    "stance_none": "reasoning argues for neither",
    "right_for_wrong_reason": "right answers whose reasoning argues for the wrong class",
    "right_without_reason": "right answers whose reasoning argues for neither",
    "instrument_named": "answers that name an instrument, of attacks called spoof",
    "instrument_right": "… and name the right kind",
    "format": "well-formed completions",
    "repetition": "repeated runs of four words",
    "distinct": "distinct completions, of all",
    "most_frequent": "most frequent completion, of all",
}


@dataclass(frozen=True)
class Evaluation:
    """What :func:`evaluate` wrote: ``metrics`` as in ``metrics.json``, those of ``others`` by name."""

    metrics: dict[str, Any]
    others: dict[str, dict[str, Any]]
    page: Path


def evaluate(
    made: PredictionSet,
    name: str,
    out: Path,
    *,
    against: Mapping[str, PredictionSet] | None = None,
    run: Path | None = None,
) -> Evaluation:
    """Write ``metrics.json`` and ``report.html`` into ``out``.

    Args:
        made: checked predictions of the system.
        name: of the system.
        against: other systems on the same samples, to be shown beside it.
        run: folder of the training that made the system: its health goes into the report.

    Raises:
        PredictionsError: a system of ``against`` was tested on other samples.
        ValueError: there is no training in ``run``.
        OSError: ``out`` cannot be written.
    """
    if name in (against or {}):
        raise PredictionsError(f"two systems are called {name!r}; give one another name")
    systems = {name: made, **(against or {})}
    paired = differences(made.protocol, systems)
    training = read_training(run) if run else None
    metrics = measure(made, name)
    metrics["comparison"] = without_nan([asdict(d) for d in paired if name in (d.first, d.second)])
    metrics["training"] = without_nan(summary(training)) if training else None
    metrics["run"] = _optional_json(run / "run.json") if run else None
    others = {other: measure(predictions, other) for other, predictions in (against or {}).items()}
    page = _page(systems, {name: metrics, **others}, paired, training, run)
    numbers = json.dumps(metrics, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    write_file(out / "metrics.json", numbers.encode())
    write_file(out / "report.html", page.encode())
    return Evaluation(metrics, others, out / "report.html")


def summary_table(found: Evaluation) -> Table:
    """The main numbers for a terminal, the others before the system itself."""
    systems = {**found.others, found.metrics["name"]: found.metrics}
    marker = "  (synthetic data)" if found.metrics["synthetic"] else ""
    rows = [(ROWS[i][0], *(percent(_at(m, ROWS[i][1])) for m in systems.values())) for i in SHORT]
    notes = [
        f"{f['level']}: {f['title']}. {f['text']}"
        for f in (found.metrics["training"] or {}).get("findings", [])
    ]
    return Table(
        f"{found.metrics['protocol']['title']}{marker}", ("", *systems), tuple(rows), tuple(notes)
    )


def _page(
    systems: Mapping[str, PredictionSet],
    numbers: Mapping[str, dict[str, Any]],
    paired: Sequence[Difference],
    training: Training | None,
    run: Path | None,
) -> str:
    name, made = next(iter(systems.items()))
    metrics = numbers[name]
    test = scored(made.split("test"))
    drawn = {n: figures.system_curves(scored(s.split("test"))) for n, s in systems.items()}
    threshold = metrics["levels"][MAIN]["operating_points"]["source_eer"]["threshold"]
    environment = Environment(
        loader=PackageLoader("fas_plugin.evaluation", "."),
        autoescape=True,  # completions are hostile text
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"percent": percent, "instrument": _instrument, "signed": _signed}
    cards = _gallery(made.split("test"), threshold)
    return environment.get_template("report.html.j2").render(
        metrics=metrics,
        level=metrics["levels"][MAIN],
        model=_model(made),
        numbers=numbers,
        threshold=threshold,
        findings=sorted(
            [
                *(Finding(**f) for f in (metrics["training"] or {}).get("findings", [])),
                *_remarks(metrics),
            ],
            key=lambda finding: finding.level != "warning",
        ),
        trained=training is not None,
        rows=_rows(numbers),
        points=OPERATING_POINTS,
        levels=LEVEL_NAMES,
        explanations=_EXPLANATIONS,
        paired=[d for d in paired if name in (d.first, d.second)],
        roc=figures.roc_figure(drawn),
        det=figures.det_figure(drawn),
        histograms=figures.histogram_figure(test, threshold),
        reliability=figures.reliability_figure(calibration(test.scores, test.real)[1]),
        reward_curves=training
        and figures.curves_figure(training.reward_curves, figures.REWARDS, "completions scored"),
        group_curves=training
        and figures.curves_figure(training.curves, figures.GROUP_TAGS, "step"),
        warm_up=_optional_json(run / "policy" / "warm_up.json") if run else None,
        gallery=cards,
        test_frames=metrics["counts"]["frames"],
        instruments=sorted({c["instrument"] for c in cards if c["truth"] == "spoof"}),
    )


def _model(made: PredictionSet) -> str:
    """Short, for the head of the page; the settings below have all of it."""
    name = str(made.made_by.get("system", {}).get("model", "unknown"))
    return "/".join(Path(name).parts[-2:]) if Path(name).is_absolute() else name


def _rows(numbers: Mapping[str, dict[str, Any]]) -> list[dict[str, Any]]:
    rows = [
        {
            "name": name,
            "cells": [
                {
                    "value": percent(_at(m, value)),
                    "interval": _interval(_at(m, interval)) if interval else "",
                }
                for m in numbers.values()
            ],
        }
        for name, value, interval in ROWS
    ]
    return [row for row in rows if any(cell["value"] != "–" for cell in row["cells"])]


def _remarks(metrics: Mapping[str, Any]) -> list[Finding]:
    """What a reader should know before believing the numbers."""
    found = []
    level, counts = metrics["levels"][MAIN], metrics["counts"]
    sources = metrics["scoring"]["sources"]
    points = level["operating_points"]
    if not counts["validation_videos"]:
        found.append(
            Finding(
                "warning",
                "No honest threshold",
                "There are no validation predictions, so the threshold cannot be fixed before the "
                "target is looked at; the HTER at the target's EER is idealised.",
            )
        )
    if sources.get("text"):
        found.append(
            Finding(
                "warning",
                "Scores from text",
                f"{percent(sources['text'])} of the scores are 1 or 0, as the text states, because the "
                "model gave no probabilities for the class words. Ties make the AUC coarse, and "
                "BPCER at a low APCER means little.",
            )
        )
    if counts["bona_fide_videos"] == 0 or counts["attack_videos"] == 0:
        found.append(
            Finding(
                "warning",
                "A class is missing",
                "There are no "
                + ("bona fide" if counts["bona_fide_videos"] == 0 else "attack")
                + " clips: error rates of both classes together cannot be had.",
            )
        )
    few = [k.upper() for k, names in level["too_few_attacks"].items() if names]
    if few:
        smallest = min(counts["attack_videos_by_instrument"].values())
        found.append(
            Finding(
                "note",
                "Few attacks of an instrument",
                f"{', '.join(few)}: some instrument has only {smallest} clips, so that a single one "
                f"is {percent(1 / smallest)}; these figures are coarse. An interval from 0 to 0 means "
                "that no error was seen; with n clips up to 3/n are compatible with that.",
            )
        )
    honest, ideal = points["source_eer"]["hter"], level["eer"]
    if honest is not None and ideal is not None and honest > ideal + 0.05:
        found.append(
            Finding(
                "note",
                "The threshold does not carry over",
                f"HTER is {percent(honest)} at the sources' threshold and {percent(ideal)} at the "
                "target's own: the scores separate the classes better than the threshold does.",
            )
        )
    answers, reasons = metrics["answers"], metrics["explanations"]
    if answers and (answers["non_response"] or 0) > 0.02:
        found.append(
            Finding(
                "note",
                "Non-responses",
                f"{percent(answers['non_response'])} of the frames have no readable answer. Their "
                "score is the probability of the class words where there is one, else 0.5.",
            )
        )
    if reasons:
        if (reasons["right_for_wrong_reason"] or 0) > 0.05:
            found.append(
                Finding(
                    "warning",
                    "Right for the wrong reason",
                    f"{percent(reasons['right_for_wrong_reason'])} of the right answers come with "
                    "reasoning that argues for the other class.",
                )
            )
        if reasons["most_frequent"] > 0.2 and reasons["completions"] >= 10:
            found.append(
                Finding(
                    "warning",
                    "The same text for many faces",
                    f"One completion makes up {percent(reasons['most_frequent'])} of all: it can "
                    "hardly describe what is in the image.",
                )
            )
        if reasons["repetition"] > 0.2:
            found.append(
                Finding(
                    "warning",
                    "Repetition",
                    f"{percent(reasons['repetition'])} of the runs of four words repeat an earlier "
                    "one of the same reasoning.",
                )
            )
    card = metrics["made_by"].get("system", {}).get("card")
    if card:
        found.append(
            Finding(
                "note",
                "Crop",
                f"The network was trained on another crop ({card['crop']}) than the face crops of "
                "this dataset, which may cost it accuracy.",
            )
        )
    return found


def _gallery(test: Sequence[Prediction], threshold: float | None) -> list[dict[str, Any]]:
    """The hardest errors, then faces of every class and instrument in turn, hard and clear ones."""
    limit = 0.5 if threshold is None else threshold

    def wrong(p: Prediction) -> float:
        """How far on the wrong side; negative on the right one."""
        return limit - p.score if p.sample.label.cls is FasClass.REAL else p.score - limit

    def is_error(p: Prediction) -> bool:
        return (p.score >= limit) is not (p.sample.label.cls is FasClass.REAL)

    errors = sorted(filter(is_error, test), key=lambda p: -wrong(p))[:ERRORS]
    chosen = {p.sample.record_id: p for p in errors}
    groups: dict[str, list[Prediction]] = defaultdict(list)
    for p in test:
        groups[str(p.sample.label)].append(p)
    for group in groups.values():
        group.sort(key=lambda p: abs(p.score - limit), reverse=True)
    turn = 0
    while len(chosen) < min(GALLERY, len(test)):
        for group in groups.values():
            if group and len(chosen) < GALLERY:
                p = group.pop(-1 if turn % 2 else 0)  # the least certain, then the clearest
                chosen.setdefault(p.sample.record_id, p)
        turn += 1
    cards, size = [], 0
    for rank, p in enumerate(chosen.values()):
        picture = _thumbnail(p.sample.images) if size < PICTURES else None
        size += len(picture or "")
        reasoning = read_reasoning(p)
        cards.append(
            {
                "image": picture,
                "record": p.sample.record_id,
                "domain": p.sample.domain,
                "truth": p.sample.label.cls.value,
                "instrument": _instrument(p.sample.label.instrument),
                "score": f"{p.score:.3f}",
                "error": is_error(p),
                "hardness": f"{wrong(p):.4f}",
                "answer": p.answer.value if p.answer else "none",
                "stance": reasoning.stance.value if reasoning and reasoning.stance else "none",
                "text": reasoning.text[:TEXT] if reasoning else "",
                "cut": reasoning is not None and len(reasoning.text) > TEXT,
                "disagrees": reasoning is not None and reasoning.stance is not reasoning.answer,
                "rank": rank,
            }
        )
    return cards


def _instrument(name: str | None) -> str:
    return "unknown instrument" if name in (None, "unknown") else INSTRUMENTS.get(name, name)


def _thumbnail(images: Sequence[str]) -> str | None:
    """The first image, as a data URL; None where it cannot be read."""
    try:
        with Image.open(images[0]) as image:
            small = image.convert("RGB")
            small.thumbnail((THUMBNAIL, THUMBNAIL))
            content = io.BytesIO()
            small.save(content, "WEBP", quality=80)
    except (OSError, IndexError):
        return None
    return "data:image/webp;base64," + base64.b64encode(content.getvalue()).decode()


def _signed(value: float) -> str:
    """A difference in percentage points."""
    return f"{100 * value:+.1f}".replace("-", "−")


def _interval(bounds: Sequence[float | None] | None) -> str:
    low, high = bounds or (None, None)
    return "" if low is None or high is None else f"{100 * low:.1f} to {100 * high:.1f}"


def _at(metrics: Mapping[str, Any], path: Sequence[str]) -> Any:
    """A value of ``metrics.json``; None where a part of the path is not there."""
    value: Any = {**metrics, "level": metrics["levels"][MAIN]}
    for key in path:
        value = value.get(key) if value else None
    return value


def _optional_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
