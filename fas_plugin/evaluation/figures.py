"""The report's figures, as inline SVG that follows the page's colours."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from markupsafe import Markup

from fas_plugin.evaluation.metrics import arrays, roc
from fas_plugin.evaluation.predictions import Prediction, per_video
from fas_plugin.labels import FasClass

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

_COLOURS = {"before": "#8a8f98", "after": "#2563c9"}
_CLASS_COLOURS = {FasClass.REAL: "#1f9d6b", FasClass.SPOOF: "#c9372c"}
_STYLE = {
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


def roc_figure(predictions: Mapping[str, Sequence[Prediction]]) -> Markup:
    """ROC of the test clips, before and after training."""
    with plt.rc_context(_STYLE):
        figure, axes = plt.subplots(figsize=(4.6, 4.2))
        for stage, rows in predictions.items():
            curve = roc(*arrays(per_video([p for p in rows if p.split == "test"])))
            axes.plot(curve.apcer, 1 - curve.bpcer, label=stage, color=_COLOURS[stage], linewidth=2)
        axes.plot((0, 1), (0, 1), ":", color="#8a8f98", linewidth=1)
        axes.set_xlabel("attacks accepted (APCER, pooled)")
        axes.set_ylabel("bona fide accepted (1 − BPCER)")
        axes.legend(loc="lower right", frameon=False)
        return _svg(figure, "ROC of the target clips before and after training")


def histogram_figure(predictions: Mapping[str, Sequence[Prediction]]) -> Markup:
    """Clip scores by class, one panel per stage."""
    with plt.rc_context(_STYLE):
        figure, panels = plt.subplots(
            1, len(predictions), figsize=(4.2 * len(predictions), 3.2), sharey=True, squeeze=False
        )
        for axes, (stage, rows) in zip(panels[0], predictions.items(), strict=True):
            videos = per_video([p for p in rows if p.split == "test"])
            for cls, name in ((FasClass.REAL, "bona fide"), (FasClass.SPOOF, "attack")):
                scores = [video.score for video in videos if video.label.cls is cls]
                weights = np.full(len(scores), 1 / max(1, len(scores)))
                axes.hist(
                    scores,
                    bins=20,
                    range=(0, 1),
                    weights=weights,
                    alpha=0.6,
                    color=_CLASS_COLOURS[cls],
                    label=name,
                )
            axes.set_title(stage)
            axes.set_xlabel("score: probability of bona fide")
        panels[0][0].set_ylabel("share of the class's clips")
        panels[0][-1].legend(frameon=False)
        return _svg(figure, "Histograms of clip scores for bona fide and attacks")


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
