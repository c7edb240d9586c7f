"""The audit as a bar chart. Needs matplotlib (the ``evaluation`` extra)."""

from __future__ import annotations

import io

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
from matplotlib.patches import Patch

from fas_plugin.rewards.audit import Audit
from fas_plugin.rewards.zoo import BASELINE, Kind

_COLOURS = {Kind.HONEST: "#1f9d6b", Kind.LAZY: "#d99a1c", Kind.BLIND: "#8a8f98"}
_WINNER = "#c9372c"
_MEANING = {
    Kind.HONEST: "honest: looks and reasons",
    Kind.LAZY: "lazy: knows 60 %, does not reason",
    Kind.BLIND: "blind: never looks",
}
FORMATS = (".png", ".svg")


def picture(played: Audit, suffix: str) -> bytes:
    """Expected reward and mean advantage of every policy, best paid first, as an image file.

    Args:
        played: the audit.
        suffix: ``.png`` or ``.svg``.

    Raises:
        ValueError: another suffix.
    """
    if suffix not in FORMATS:
        raise ValueError(f"picture format {suffix!r}: expected {' or '.join(FORMATS)}")
    outcomes = sorted(played.outcomes, key=lambda o: o.reward)
    names = [o.policy for o in outcomes]
    colours = [_WINNER if o.wins else _COLOURS[o.kind] for o in outcomes]
    honest = next((o.reward for o in outcomes if o.policy == BASELINE.name), None)
    with plt.rc_context(
        {"font.size": 9, "svg.hashsalt": "fas", "figure.constrained_layout.use": True}
    ):
        figure, (left, right) = plt.subplots(
            1, 2, figsize=(10, 1.5 + 0.19 * len(outcomes)), sharey=True
        )
        left.barh(names, [o.reward for o in outcomes], color=colours)
        left.set_xlabel("expected reward")
        left.set_xlim(0, 1)
        if honest is not None:
            left.axvline(honest, color="#1f9d6b", linestyle="--", linewidth=1)
        right.barh(names, [o.advantage.mean for o in outcomes], color=colours)
        right.set_xlabel(f"mean advantage beside honest 60 % ({played.estimator})")
        right.axvline(0, color="black", linewidth=0.8)
        for axes in (left, right):
            axes.spines[["top", "right"]].set_visible(False)
            axes.grid(axis="x", alpha=0.25)
            axes.set_axisbelow(True)
            axes.margins(y=0.01)
        bars = [Patch(color=colour) for colour in (*map(_COLOURS.get, _MEANING), _WINNER)]
        figure.legend(
            bars,
            [*_MEANING.values(), "a cheat that wins"],
            loc="outside lower center",
            ncols=len(bars),
            frameon=False,
        )
        verdict = "a cheat wins" if played.winners else "no cheat beats honest 60 %"
        figure.suptitle(f"{played.preset}, {played.attack_share:.0%} attacks: {verdict}")
        content = io.BytesIO()
        figure.savefig(
            content, format=suffix[1:], dpi=110, metadata={"Date": None} if suffix == ".svg" else {}
        )
        plt.close(figure)
    return content.getvalue()
