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

from fas_plugin.datasets.protocols import ProtocolError, load_protocol
from fas_plugin.evaluation import bootstrap, metrics
from fas_plugin.evaluation.measure import domain_result, scored, source_threshold
from fas_plugin.evaluation.predictions import (
    PredictionsError,
    PredictionSet,
    check_same_samples,
    read_predictions,
)
from fas_plugin.evaluation.tables import Table, bare_percent

#: Families of protocols in the published table: how their names start -> title.
FAMILIES = {
    "ocim_loo": "OCIM, leave one out",
    "ocim_limited": "OCIM, limited sources",
    "ocim_single": "OCIM, single source",
    "celeba_to_eleven": "CelebA-Spoof to eleven sets",
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
        name: {
            column: found
            for protocol, made in sets.items()
            for column, found in domain_results(protocol, made).items()
        }
        for name, sets in runs.items()
    }
    protocols = list(dict.fromkeys(p for sets in runs.values() for p in sets))
    synthetic = any(made.synthetic for sets in runs.values() for made in sets.values())
    tables = []
    columns = list(dict.fromkeys(c for found in results.values() for c in found))
    for family in dict.fromkeys(map(_family, columns)):
        mine = [c for c in columns if _family(c) == family]
        tables += _result_tables(family, mine, results, synthetic, published)
    found = [
        d for p in protocols for d in differences(p, {n: s[p] for n, s in runs.items() if p in s})
    ]
    return [*tables, _difference_table(found)] if found else tables


def domain_results(protocol: str, made: PredictionSet) -> dict[str, Result]:
    """Results of clips by column: a protocol, or ``protocol/domain`` where it tests several domains."""
    threshold = source_threshold(made)
    domains = sorted({p.sample.domain for p in made.split("test")})
    found = {}
    for domain in domains:
        numbers = domain_result(made, domain, threshold)
        column = protocol if len(domains) == 1 else f"{protocol}/{domain}"
        found[column] = Result(numbers["hter"], numbers["eer"], numbers["auc"])
    return found


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
    hter: dict[str, tuple[float, np.ndarray]] = {}
    auc: dict[str, tuple[float, np.ndarray]] = {}
    for name, test in clips.items():
        threshold = source_threshold(sets[name])
        data = (test.scores, test.real, test.subject)
        drawn = bootstrap.at_threshold(*data, threshold, test.species, draws).hter
        known = not math.isnan(threshold)
        hter[name] = (metrics.hter(*data[:2], threshold) if known else math.nan, drawn)
        auc[name] = (metrics.auc(*data[:2]), bootstrap.over_thresholds(*data, draws).auc)
    pairs = list(combinations(sets, 2))
    hters = [hter[a][1] - hter[b][1] for a, b in pairs]
    aucs = [auc[a][1] - auc[b][1] for a, b in pairs]
    hter_p = bootstrap.holm([bootstrap.paired_p_value(d) for d in hters])
    auc_p = bootstrap.holm([bootstrap.paired_p_value(d) for d in aucs])
    return [
        Difference(
            protocol,
            a,
            b,
            hter[a][0] - hter[b][0],
            bootstrap.interval(hters[i]),
            hter_p[i],
            auc[a][0] - auc[b][0],
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
    if entries and family in ("ocim_loo", "celeba_to_eleven"):  # all that the family has
        columns = sorted({c for e in entries for c in e["results"]}, key=_order)
    rows = {False: [], True: []}  # by whether the threshold was fixed beforehand
    for name, found in results.items():
        shown = [found.get(p) for p in columns]
        if any(shown):
            cells = [
                "–" if r is None else f"{bare_percent(r.hter_ideal)} / {bare_percent(r.auc)}"
                for r in (*shown, _mean_result(shown))
            ]
            rows[False].append((name + " (synthetic)" * synthetic, *cells))
            cells = [
                "–" if r is None else bare_percent(r.hter) for r in (*shown, _mean_result(shown))
            ]
            rows[True].append((name + " (synthetic)" * synthetic, *cells))
    notes: dict[bool, dict[str, int]] = {False: {}, True: {}}
    for entry in entries:
        shown = [entry["results"].get(p) for p in columns]
        mean = entry.get("mean") or _published_mean(shown)
        if not any(shown) and mean is None:
            continue
        honest = entry["threshold"].startswith("source")
        caveats = (
            f"Training data: {entry['training_data']}",
            f"threshold: {entry['threshold']}",
            entry["note"],
            f"source: {entry['source']}",
        )
        caveat = "; ".join(text for text in caveats if text)
        mark = notes[honest].setdefault(caveat, len(notes[honest]) + 1)
        cells = [_published_cell(r, with_auc=not honest) for r in (*shown, mean)]
        rows[honest].append((f"{entry['method']} [{mark}]", *cells))
    title = FAMILIES.get(family, family)
    places = (*map(_short, columns), "mean")
    warning = ["Runs on synthetic data say nothing about the published rows."] * synthetic
    ideal = Table(
        f"{title}: HTER / AUC, %",
        ("", *places),
        tuple(rows[False]),
        (
            "HTER at the target's own equal-error threshold, as most papers report it (idealised).",
            *warning,
            *(f"[{mark}] {caveat}." for caveat, mark in notes[False].items()),
        ),
    )
    honest = Table(
        f"{title}: HTER at the threshold of the source validation clips, %",
        ("", *places),
        tuple(rows[True]),
        (
            "Nothing of the target was looked at to choose this threshold.",
            *(f"[{mark}] {caveat}." for caveat, mark in notes[True].items()),
        ),
    )
    return [ideal, honest]


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


def _mean_result(shown: Sequence[Result | None]) -> Result | None:
    """The mean over all columns; None where one is missing, or there is but one."""
    known = [r for r in shown if r is not None]
    if len(known) < len(shown) or len(known) < 2:
        return None
    return Result(
        *(
            sum(getattr(r, name) for r in known) / len(known)
            for name in ("hter", "hter_ideal", "auc")
        )
    )


def _published_cell(found: Mapping[str, float | None] | None, with_auc: bool) -> str:
    if found is None:
        return "–"
    values = (found["hter"], found["auc"]) if with_auc else (found["hter"],)
    return " / ".join("–" if v is None else f"{v:.2f}" for v in values)


def _published_mean(
    shown: Sequence[Mapping[str, float | None] | None],
) -> dict[str, float | None] | None:
    known = [r for r in shown if r is not None]
    if len(known) < len(shown) or len(known) < 2:
        return None
    mean: dict[str, float | None] = {}
    for key in ("hter", "auc"):
        values = [v for r in known if (v := r[key]) is not None]
        mean[key] = sum(values) / len(values) if len(values) == len(known) else None
    return mean


def _family(column: str) -> str:
    protocol = column.partition("/")[0]
    for family in FAMILIES:
        rest = protocol.removeprefix(family)
        # "ocim_loo_M" belongs to "ocim_loo"; "ocim_loo_train_M" is another protocol.
        if rest != protocol and "train" not in rest and "test" not in rest:
            return family
    return protocol


def _order(column: str) -> tuple[int, str]:
    return ("MCIO".find(column[-1]), column)


def _short(column: str) -> str:
    """As the field writes it."""
    protocol, _, domain = column.partition("/")
    if domain:
        return domain
    try:
        return load_protocol(protocol).title
    except ProtocolError:  # one that this package does not ship
        return protocol or "no protocol"
