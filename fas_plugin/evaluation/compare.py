"""Runs side by side with each other and with published numbers, and whether they really differ.

Differences are tested by a paired bootstrap: both systems are measured on the same draws of subjects,
so what makes a person hard for both cancels out. McNemar's and DeLong's tests would take clips of one
person for independent.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from fas_plugin.evaluation import bootstrap, metrics
from fas_plugin.evaluation.measure import scored
from fas_plugin.evaluation.predictions import (
    PredictionSet,
    PredictionsError,
    check_same_samples,
    read_predictions,
)
from fas_plugin.evaluation.tables import Table, bare_percent

#: Families of protocols, as the published table has them: prefix of a protocol's name -> title.
FAMILIES = {
    "ocim_loo": "OCIM, leave one out",
    "ocim_limited": "OCIM, limited sources",
    "ocim_single": "OCIM, single source",
    "one_to_eleven": "CelebA-Spoof to eleven sets",
}


@dataclass(frozen=True)
class Result:
    """A system on one protocol; rates in [0, 1], NaN where they cannot be had.

    Attributes:
        hter: at the equal-error threshold of the source validation clips.
        hter_ideal: at the equal-error threshold of the target itself, as most papers report it.
    """

    hter: float
    hter_ideal: float
    auc: float


@dataclass(frozen=True)
class Difference:
    """First minus second: HTER at each system's own source threshold, and AUC."""

    protocol: str
    first: str
    second: str
    hter: float
    hter_interval: tuple[float, float]
    hter_p: float
    auc: float
    auc_interval: tuple[float, float]
    auc_p: float


def read_runs(arguments: Sequence[str]) -> dict[str, dict[str, PredictionSet]]:
    """System -> protocol -> predictions.

    Args:
        arguments: folders or Parquet files; ``name=path`` names the system, else the folder does.
            The same name for several protocols is one system.

    Raises:
        PredictionsError: see ``read_predictions``; or a system twice on one protocol.
    """
    runs: dict[str, dict[str, PredictionSet]] = {}
    for argument in arguments:
        name, separator, path = argument.partition("=")
        if not separator:
            name, path = Path(argument).resolve().name.removesuffix(".parquet"), argument
        made = read_predictions(Path(path))
        system = runs.setdefault(name, {})
        if made.protocol in system:
            raise PredictionsError(
                f"{name}: protocol {made.protocol!r} twice; tell the runs apart with NAME={path}"
            )
        system[made.protocol] = made
    return runs


def compare(
    runs: Mapping[str, Mapping[str, PredictionSet]], *, published: bool = True
) -> list[Table]:
    """Tables of results by family of protocols, then of paired differences.

    Raises:
        PredictionsError: two systems on one protocol were tested on different samples.
    """
    results = {
        name: {protocol: result(made) for protocol, made in sets.items()}
        for name, sets in runs.items()
    }
    protocols = list(dict.fromkeys(p for sets in runs.values() for p in sets))
    synthetic = any(made.synthetic for sets in runs.values() for made in sets.values())
    tables = []
    for family in dict.fromkeys(map(_family, protocols)):
        mine = [p for p in protocols if _family(p) == family]
        tables += _result_tables(family, mine, results, synthetic, published)
    found = [d for p in protocols for d in differences(p, {n: s[p] for n, s in runs.items() if p in s})]
    return [*tables, _difference_table(found)] if found else tables


def result(made: PredictionSet) -> Result:
    """HTER by both conventions, and AUC, of clips."""
    test, validation = scored(made.split("test")), scored(made.split("validation"))
    data = (test.scores, test.real)
    threshold = math.nan
    if len(validation.scores):
        threshold = metrics.eer(validation.scores, validation.real)[1]
    ideal, own = metrics.eer(*data)
    return Result(
        hter=math.nan if math.isnan(threshold) else metrics.hter(*data, threshold),
        hter_ideal=math.nan if math.isnan(own) else ideal,
        auc=metrics.auc(*data),
    )


def differences(protocol: str, sets: Mapping[str, PredictionSet]) -> list[Difference]:
    """Every pair of systems on one protocol, p-values adjusted for their number (Holm).

    Raises:
        PredictionsError: they were tested on different samples.
    """
    if len(sets) < 2:
        return []
    check_same_samples(sets)
    clips = {name: scored(made.split("test")) for name, made in sets.items()}
    first = next(iter(clips.values()))
    draws = bootstrap.draw_subjects(len(set(first.subject)))
    found: dict[str, tuple[Result, np.ndarray, np.ndarray]] = {}
    for name, test in clips.items():
        validation = scored(sets[name].split("validation"))
        threshold = math.nan
        if len(validation.scores):
            threshold = metrics.eer(validation.scores, validation.real)[1]
        data = (test.scores, test.real, test.subject)
        found[name] = (
            result(sets[name]),
            bootstrap.at_threshold(*data, threshold, test.species, draws).hter,
            bootstrap.over_thresholds(*data, draws).auc,
        )
    pairs = list(combinations(found, 2))
    hters = [found[a][1] - found[b][1] for a, b in pairs]
    aucs = [found[a][2] - found[b][2] for a, b in pairs]
    hter_p = bootstrap.holm([bootstrap.paired_p_value(d) for d in hters])
    auc_p = bootstrap.holm([bootstrap.paired_p_value(d) for d in aucs])
    return [
        Difference(
            protocol,
            a,
            b,
            found[a][0].hter - found[b][0].hter,
            bootstrap.interval(hters[i]),
            hter_p[i],
            found[a][0].auc - found[b][0].auc,
            bootstrap.interval(aucs[i]),
            auc_p[i],
        )
        for i, (a, b) in enumerate(pairs)
    ]


@cache
def published_results() -> dict[str, Any]:
    """The bundled table of published numbers (``published.json``), in per cent."""
    source = resources.files("fas_plugin.evaluation") / "published.json"
    return json.loads(source.read_text(encoding="utf-8"))


def _result_tables(
    family: str,
    protocols: Sequence[str],
    results: Mapping[str, Mapping[str, Result]],
    synthetic: bool,
    published: bool,
) -> list[Table]:
    entries = [e for e in published_results()["entries"] if e["protocol_family"] == family]
    if not published:
        entries = []
    columns = sorted(protocols, key=_order)
    if family == "ocim_loo" and entries:
        columns = [f"ocim_loo_{letter}" for letter in "MCIO"]
    header = ("HTER / AUC, %", *map(_short, columns), "mean")
    rows, notes, marks = [], [], {}
    for name, found in results.items():
        if any(p in found for p in columns):
            cells = [_cell(found.get(p)) for p in columns]
            rows.append((name + " (synthetic)" * synthetic, *cells, _mean_cell(found, columns)))
    for entry in entries:
        shown = entry["results"]
        if "mean" not in entry and not any(p in shown for p in columns):
            continue
        caveat = "; ".join(
            text
            for text in (
                f"trained on {entry['training_data']}",
                f"threshold: {entry['threshold']}",
                entry["note"],
                f"source: {entry['source']}",
            )
            if text
        )
        mark = marks.setdefault(caveat, len(marks) + 1)
        whole = entry.get("mean") or _published_mean(shown, columns)
        cells = [_published_cell(shown.get(p)) for p in columns]
        rows.append((f"{entry['method']} [{mark}]", *cells, _published_cell(whole)))
    notes.append(
        "HTER at the target's own equal-error threshold, as most papers report it (idealised); "
        "the table below has the threshold fixed beforehand."
    )
    if synthetic:
        notes.append("Runs on synthetic data say nothing about the published rows.")
    notes += [f"[{mark}] {caveat}." for caveat, mark in marks.items()]
    title = FAMILIES.get(family, family)
    honest = Table(
        f"{title}: HTER at the threshold of the source validation clips, %",
        ("", *map(_short, columns), "mean"),
        tuple(
            (
                name + " (synthetic)" * synthetic,
                *(bare_percent(found[p].hter) if p in found else "–" for p in columns),
                _mean([found[p].hter for p in columns if p in found], len(columns)),
            )
            for name, found in results.items()
            if any(p in found for p in columns)
        ),
        ("Nothing of the target was looked at to choose this threshold.",),
    )
    return [Table(title, header, tuple(rows), tuple(notes)), honest]


def _difference_table(found: Sequence[Difference]) -> Table:
    def cells(value: float, interval: tuple[float, float], p: float) -> tuple[str, str]:
        if value != value:
            return "–", "–"
        low, high = interval
        return (
            f"{100 * value:+.2f} ({100 * low:+.2f} to {100 * high:+.2f})",
            f"{p:.3f}" if p >= 0.001 else "<0.001",
        )

    return Table(
        "Paired differences on the same subjects (95 % interval), in percentage points",
        ("first − second", "protocol", "ΔHTER", "p", "ΔAUC", "p"),
        tuple(
            (
                f"{d.first} − {d.second}",
                _short(d.protocol),
                *cells(d.hter, d.hter_interval, d.hter_p),
                *cells(d.auc, d.auc_interval, d.auc_p),
            )
            for d in found
        ),
        (
            f"Paired bootstrap over subjects, {bootstrap.REPLICATES} replicates; p-values adjusted "
            "for the pairs of a protocol (Holm). HTER at each system's own source threshold.",
        ),
    )


def _cell(found: Result | None) -> str:
    return "–" if found is None else f"{bare_percent(found.hter_ideal)} / {bare_percent(found.auc)}"


def _mean_cell(found: Mapping[str, Result], columns: Sequence[str]) -> str:
    shown = [found[p] for p in columns if p in found]
    if len(shown) < len(columns):
        return "–"
    return f"{_mean([r.hter_ideal for r in shown])} / {_mean([r.auc for r in shown])}"


def _mean(values: Sequence[float], wanted: int | None = None) -> str:
    if not values or (wanted is not None and len(values) < wanted):
        return "–"
    return bare_percent(sum(values) / len(values))


def _published_cell(found: Mapping[str, float | None] | None) -> str:
    if found is None:
        return "–"
    return " / ".join("–" if v is None else f"{v:.2f}" for v in (found["hter"], found["auc"]))


def _published_mean(
    shown: Mapping[str, Mapping[str, float | None]], columns: Sequence[str]
) -> dict[str, float | None] | None:
    if any(p not in shown for p in columns):
        return None
    mean: dict[str, float | None] = {}
    for key in ("hter", "auc"):
        values = [shown[p][key] for p in columns]
        mean[key] = None if None in values else sum(v for v in values if v is not None) / len(values)
    return mean


def _family(protocol: str) -> str:
    return next((family for family in FAMILIES if protocol.startswith(family)), protocol)


def _order(protocol: str) -> tuple[int, str]:
    return ("MCIO".find(protocol[-1]), protocol)


def _short(protocol: str) -> str:
    """``ocim_loo_M`` as the field writes it."""
    letters = "OCIM"
    if protocol.startswith("ocim_loo_") and protocol[-1] in letters:
        return f"{'&'.join(c for c in letters if c != protocol[-1])}→{protocol[-1]}"
    if protocol.startswith("ocim_single_"):
        return "→".join(protocol.removeprefix("ocim_single_").split("_"))
    for prefix in FAMILIES:
        protocol = protocol.removeprefix(prefix + "_")
    return protocol or "no protocol"
