"""The report's figures, as inline SVG that follows the page's colours."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from markupsafe import Markup

from fas_plugin.evaluation import bootstrap
from fas_plugin.evaluation.measure import GRID, Scored
from fas_plugin.evaluation.metrics import CalibrationBin, Roc, roc
from fas_plugin.labels import INSTRUMENTS, FasClass

#: Name in the reward server's record -> title.
REWARDS = {
    "reward": "total reward",
    "fas_class_consistency": "class consistency",
    "fas_reasoning_consistency": "reasoning consistency",
    "fas_format": "format",
    "fas_answer_real": "share of answers that say real",
    "fas_think_words": "words of reasoning",
}
#: TensorBoard tag -> title.
GROUP_TAGS = {
    "train/reward": "total reward",
    "train/fas_class_consistency": "class consistency",
    "train/fas_reasoning_consistency": "reasoning consistency",
    "train/group_reward_std": "reward spread within groups",
    "train/dynamic_filtering_pass_rate": "samples kept per 100 prompts drawn",
    "train/kl": "KL to the start (k3)",
    "train/actor_grad_norm": "gradient norm",
}

#: Of systems, told apart without red against green; the first is the one that is reported on.
_SYSTEMS = ("#2563c9", "#8a8f98", "#d9780f", "#8a4fbf", "#1f9d9d", "#b3261e")
_NORMAL = NormalDist()
_CLASS_COLOURS = {FasClass.REAL: "#1f9d6b", FasClass.SPOOF: "#c9372c"}
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "fas",  # equal input, equal bytes
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "figure.constrained_layout.use": True,
}


@dataclass(frozen=True)
class SystemCurves:
    """What the figures need of a system: its clips, and a band around its ROC.

    Attributes:
        test: clips of the test split.
        grid: pooled APCERs, (points,).
        band: lowest BPCER at each, low and high end of the interval; (2, points).
    """

    test: Scored
    grid: np.ndarray
    band: np.ndarray


def system_curves(test: Scored) -> SystemCurves:
    """The band comes from drawing subjects (``bootstrap``)."""
    draws = bootstrap.draw_subjects(len(set(test.subject)))
    found = bootstrap.over_thresholds(test.scores, test.real, test.subject, draws, GRID)
    known = found.bpcer_on_grid[~np.isnan(found.auc)]
    tail = 50 * (1 - bootstrap.LEVEL)
    band = (
        np.percentile(known, (tail, 100 - tail), axis=0)
        if len(known)
        else np.full((2, len(GRID)), np.nan)
    )
    return SystemCurves(test, np.array(GRID), band)


def roc_figure(systems: Mapping[str, SystemCurves]) -> Markup:
    """ROC of the test clips with 95 % bands, one curve a system."""
    with plt.rc_context(_STYLE):
        figure, axes = plt.subplots(figsize=(4.6, 4.2))
        for (name, system), colour in zip(systems.items(), _SYSTEMS, strict=False):
            curve = _thinned(roc(system.test.scores, system.test.real))
            # Between two thresholds nothing is known, so it is drawn in steps.
            axes.step(
                curve.apcer, 1 - curve.bpcer, where="post", label=name, color=colour, linewidth=2
            )
            low, high = 1 - system.band[1], 1 - system.band[0]
            axes.fill_between(
                system.grid, low, high, step="post", color=colour, alpha=0.15, linewidth=0
            )
        axes.plot((0, 1), (0, 1), ":", color="#8a8f98", linewidth=1)
        axes.set_xlabel("attacks accepted (APCER, pooled)")
        axes.set_ylabel("bona fide accepted (1 − BPCER)")
        axes.legend(loc="lower right", frameon=False)
        return _svg(figure, "ROC of the target clips: " + ", ".join(systems))


#: Error rates that a DET plot is labelled with.
_DET_TICKS = (0.001, 0.005, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 0.95)


def det_figure(systems: Mapping[str, SystemCurves]) -> Markup:
    """DET curve: both error rates on normal deviate scales, with 95 % bands."""
    with plt.rc_context(_STYLE):
        figure, axes = plt.subplots(figsize=(4.6, 4.2))
        lowest = 0.5
        for (name, system), colour in zip(systems.items(), _SYSTEMS, strict=False):
            attacks, bona_fide = (~system.test.real).sum(), system.test.real.sum()
            if not (attacks and bona_fide):
                continue
            # Half a clip: a rate of zero has no place on this scale.
            floor = (0.5 / attacks, 0.5 / bona_fide)
            lowest = min(lowest, *floor)
            curve = _thinned(roc(system.test.scores, system.test.real))
            axes.step(
                _deviate(curve.apcer, floor[0]),
                _deviate(curve.bpcer, floor[1]),
                where="post",
                label=name,
                color=colour,
                linewidth=2,
            )
            axes.fill_between(
                _deviate(system.grid, floor[0]),
                _deviate(system.band[0], floor[1]),
                _deviate(system.band[1], floor[1]),
                step="post",
                color=colour,
                alpha=0.15,
                linewidth=0,
            )
        ticks = [t for t in _DET_TICKS if t >= lowest / 2] or [0.5]
        places = _deviate(np.array(ticks), 1e-6)
        span = _deviate(np.array([max(lowest / 1.2, 1e-4), 0.97]), 1e-6)
        for set_ticks, set_limits in (
            (axes.set_xticks, axes.set_xlim),
            (axes.set_yticks, axes.set_ylim),
        ):
            set_ticks(places, [f"{100 * t:g}" for t in ticks])
            set_limits(*span)
        axes.plot(span, span, ":", color="#8a8f98", linewidth=1)
        axes.set_xlabel("APCER, pooled (%)")
        axes.set_ylabel("BPCER (%)")
        if axes.lines[:-1]:
            axes.legend(loc="upper right", frameon=False)
        return _svg(figure, "DET curve of the target clips: " + ", ".join(systems))


def histogram_figure(test: Scored, threshold: float | None) -> Markup:
    """Clip scores, one panel for bona fide and one for each instrument, all on one scale."""
    groups = {"bona fide": test.scores[test.real]}
    for name in sorted(set(test.species[~test.real])):
        groups[INSTRUMENTS.get(str(name), str(name))] = test.scores[
            ~test.real & (test.species == name)
        ]
    columns = min(4, len(groups))
    lines = -(-len(groups) // columns)
    with plt.rc_context(_STYLE):
        figure, panels = plt.subplots(
            lines,
            columns,
            figsize=(2.9 * columns, 2.3 * lines),
            sharex=True,
            sharey=True,
            squeeze=False,
        )
        for axes, (name, scores) in zip(panels.flat, groups.items(), strict=False):
            cls = FasClass.REAL if name == "bona fide" else FasClass.SPOOF
            weights = np.full(len(scores), 1 / max(1, len(scores)))
            axes.hist(scores, bins=20, range=(0, 1), weights=weights, color=_CLASS_COLOURS[cls])
            if threshold is not None:
                axes.axvline(min(threshold, 1.0), color="#8a8f98", linewidth=1.5, linestyle="--")
            axes.set_title(f"{name} (n = {len(scores)})", fontsize=9)
        for axes in list(panels.flat)[len(groups) :]:
            axes.set_visible(False)
        figure.supxlabel("score: probability of bona fide; dashed: the threshold", fontsize=10)
        figure.supylabel("share of clips", fontsize=10)
        return _svg(figure, "Histograms of clip scores: " + ", ".join(groups))


def reliability_figure(bins: Sequence[CalibrationBin]) -> Markup:
    """Share of bona fide over the mean score of each bin; areas as large as the bins are full."""
    with plt.rc_context(_STYLE):
        figure, axes = plt.subplots(figsize=(4.6, 4.2))
        axes.plot((0, 1), (0, 1), ":", color="#8a8f98", linewidth=1)
        full = [b for b in bins if b.count]
        most = max((b.count for b in full), default=1)
        axes.plot([b.score for b in full], [b.real for b in full], color="#9db9e8", linewidth=1.5)
        axes.scatter(
            [b.score for b in full],
            [b.real for b in full],
            s=[20 + 180 * b.count / most for b in full],
            color="#2563c9",
            zorder=3,
        )
        axes.set_xlim(-0.03, 1.03)
        axes.set_ylim(-0.05, 1.05)
        axes.set_xlabel("mean score of the bin")
        axes.set_ylabel("share of bona fide in the bin")
        return _svg(figure, "Reliability diagram of clip scores")


def _thinned(curve: Roc, points: int = 400) -> Roc:
    """As many points as the eye can tell apart, equally far from each other along the curve."""
    if len(curve.thresholds) <= points:
        return curve
    along = np.append(0, np.cumsum(np.diff(curve.apcer) - np.diff(curve.bpcer)))
    kept = np.unique(np.searchsorted(along, np.linspace(0, along[-1], points)))
    kept = np.clip(kept, 0, len(along) - 1)
    return Roc(curve.thresholds[kept], curve.apcer[kept], curve.bpcer[kept])


def _deviate(rates: np.ndarray, floor: float) -> np.ndarray:
    clipped = np.clip(np.nan_to_num(rates, nan=0.5), floor, 1 - floor)
    return np.array([_NORMAL.inv_cdf(float(rate)) for rate in clipped])


def curves_figure(
    curves: Mapping[str, Sequence[tuple[int, float]]], tags: Mapping[str, str], unit: str
) -> Markup | None:
    """Small panels of training curves over ``unit``; None when none of the tags was logged."""
    shown = {tag: curves[tag] for tag in tags if curves.get(tag)}
    if not shown:
        return None
    columns = min(3, len(shown))
    lines = -(-len(shown) // columns)
    with plt.rc_context(_STYLE):
        figure, panels = plt.subplots(
            lines, columns, figsize=(3.4 * columns, 2.4 * lines), squeeze=False
        )
        for axes, (tag, points) in zip(panels.flat, shown.items(), strict=False):
            steps, values = np.array(points, float).T
            axes.plot(steps, values, color="#9db9e8", linewidth=1)
            axes.plot(steps, _smooth(values), color="#2563c9", linewidth=2)
            axes.set_title(tags[tag], fontsize=10)
            axes.set_xlabel(unit)
        for axes in list(panels.flat)[len(shown) :]:
            axes.set_visible(False)
        return _svg(figure, "Training curves: " + ", ".join(tags[tag] for tag in shown))


#: Curves of one panel, told apart without red against green.
_LINES = ("#2563c9", "#d9780f", "#8a4fbf", "#1f9d9d", "#b3261e", "#6b7280", "#a3b800", "#d14f95")


def lines_figure(
    panels: Mapping[str, Mapping[str, Sequence[tuple[int, float]]]], unit: str
) -> Markup:
    """Panels side by side, each with several curves of shares in [0, 1] over ``unit``."""
    with plt.rc_context(_STYLE):
        columns = max(2, len(panels))
        figure, axes = plt.subplots(1, columns, figsize=(4.2 * columns, 3.4), squeeze=False)
        for place, (title, curves) in zip(axes[0], panels.items(), strict=False):
            for (name, points), colour in zip(curves.items(), _LINES, strict=False):
                if points:
                    steps, values = np.array(points, float).T
                    mark = "o" if len(points) == 1 else ""
                    place.plot(steps, values, mark, color=colour, linewidth=1.8, label=name)
            place.set_ylim(-0.02, 1.02)
            place.set_title(title, fontsize=10)
            place.set_xlabel(unit)
            place.legend(frameon=False, fontsize=8)
        for place in axes[0][len(panels) :]:
            place.set_visible(False)
        return _svg(figure, "; ".join(panels))


def band_figure(points: Sequence[tuple[float, ...]], unit: str, title: str) -> Markup:
    """A curve within its range: x, low, middle and high of each point."""
    with plt.rc_context(_STYLE):
        figure, place = plt.subplots(figsize=(8.4, 2.8))
        steps, low, middle, high = np.array(points, float).T
        mark = "o" if len(points) == 1 else ""
        place.fill_between(steps, low, high, color="#9db9e8", alpha=0.5, linewidth=0)
        place.plot(steps, middle, mark, color="#2563c9", linewidth=2)
        place.set_ylim(bottom=0)
        place.set_xlabel(unit)
        place.set_ylabel(title)
        return _svg(figure, title)


def _smooth(values: np.ndarray, span: int = 7) -> np.ndarray:
    """Centred moving average; shorter at both ends."""
    return np.array(
        [values[max(0, i - span // 2) : i + span // 2 + 1].mean() for i in range(len(values))]
    )


def _svg(figure, title: str) -> Markup:
    content = io.StringIO()
    figure.savefig(content, format="svg", transparent=True, metadata={"Date": None})
    plt.close(figure)
    text = content.getvalue()
    # Matplotlib writes black; the page decides by its colour scheme.
    for black in ("#000000", "black"):
        text = text.replace(f"stroke: {black}", "stroke: currentColor")
        text = text.replace(f"fill: {black}", "fill: currentColor")
    text = text.replace("<text ", '<text fill="currentColor" ')
    return Markup(
        text[text.index("<svg") :].replace("<svg ", f'<svg role="img" aria-label="{title}" ', 1)
    )
