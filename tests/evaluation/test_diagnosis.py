"""Sick trainings are called sick, each with the right words, and a healthy one is left in peace."""

import json
import math

import numpy as np
import pytest

from fas_plugin.evaluation.diagnosis import diagnose, read_training, summary
from fas_plugin.evaluation.report import evaluate

from samples import make  # isort: skip

STEPS = 2000


def write_record(run, change, seed=0):
    """A record as the server writes it, of a training that gets better; ``change(row, progress)``."""
    random = np.random.default_rng(seed)
    lines = []
    for i in range(STEPS):
        progress = i / STEPS
        truth = "real" if random.random() < 0.5 else "spoof"
        other = {"real": "spoof", "spoof": "real"}[truth]
        answer = truth if random.random() < 0.5 + 0.4 * progress else other
        stance = answer if random.random() < 0.95 else {"real": "spoof", "spoof": "real"}[answer]
        row = {
            "time": 1.7e9 + i,
            "label": truth,
            "truth": truth,
            "answer": answer,
            "stance": stance,
            "format": 1.0,
            "think_words": int(random.integers(10, 20)),
            "faults": [],
            "instruments": [],
            **(change(truth, other, progress, random) if change else {}),
        }
        row["class_consistency"] = float(row["answer"] == truth)
        row["reasoning_consistency"] = float(row["answer"] == row["stance"])
        row["total"] = row.pop(
            "total", 0.5 * row["class_consistency"] + 0.5 * row["reasoning_consistency"]
        )
        lines.append(json.dumps(row) + "\n")
    (run / "rewards").mkdir(parents=True)
    (run / "rewards" / "rewards-1-1-0001.jsonl").write_text("".join(lines))


def healthy_curves():
    return {
        "train/dynamic_filtering_pass_rate": [[i, 600.0] for i in range(20)],
        "train/group_reward_std": [[i, 0.4] for i in range(20)],
        "train/kl": [[i, i / 200] for i in range(20)],
        "train/truncated": [[i, 0.0] for i in range(20)],
    }


def titles(run):
    return [finding.title for finding in diagnose(read_training(run))]


def write_curves(run, **change):
    run.mkdir(parents=True, exist_ok=True)
    curves = healthy_curves() | {f"train/{name}": points for name, points in change.items()}
    (run / "training_curves.json").write_text(json.dumps(curves))
    (run / "run.json").write_text(json.dumps({"settings": {"group_size": "8"}}))


def test_a_healthy_training_is_left_in_peace(tmp_path):
    write_record(tmp_path, None)
    write_curves(tmp_path)
    assert titles(tmp_path) == []


@pytest.mark.parametrize(
    ("change", "title"),
    [
        (
            lambda truth, other, progress, random: (
                {
                    "answer": "real",
                    "stance": "real",
                }
                if random.random() < progress * 1.2
                else {}
            ),
            "Class collapse: almost every answer is the same",
        ),
        (
            lambda truth, other, progress, random: {"think_words": int(15 * (1 - progress)) + 1},
            "Length collapse: the reasoning becomes empty",
        ),
        (
            lambda truth, other, progress, random: {"think_words": int(15 + 100 * progress)},
            "The reasoning becomes ever longer",
        ),
        (
            lambda truth, other, progress, random: {
                "answer": truth if random.random() < 0.6 else other,
                "total": 0.3 + 0.5 * progress,
            },
            "The reward rises, the answers do not get better",
        ),
        (
            lambda truth, other, progress, random: (
                {"answer": None, "faults": ["no_answer"]} if random.random() < progress / 2 else {}
            ),
            "Many completions have no readable answer",
        ),
        (
            lambda truth, other, progress, random: (
                {"answer": truth, "stance": other} if random.random() < progress else {}
            ),
            "Right answers with reasoning for the other class",
        ),
        (
            lambda truth, other, progress, random: {
                "answer": truth if random.random() < 0.9 - 0.5 * progress else other
            },
            "Right answers became rarer",
        ),
    ],
)
def test_what_the_record_shows(tmp_path, change, title):
    write_record(tmp_path, change)
    assert title in titles(tmp_path)


@pytest.mark.parametrize(
    ("curves", "title"),
    [
        (
            {"dynamic_filtering_pass_rate": [[i, 800 - 38 * i] for i in range(20)]},
            "Most groups carry no signal",
        ),
        ({"group_reward_std": [[i, 0.4 - i / 50] for i in range(21)]}, "Groups without variance"),
        ({"kl": [[i, i / 5] for i in range(20)]}, "Far from the start"),
        ({"truncated": [[i, i / 40] for i in range(20)]}, "Completions are cut off"),
        ({"policy_loss": [[0, 0.1], [1, math.nan]]}, "Curves that are not numbers"),
    ],
)
def test_what_the_curves_show(tmp_path, curves, title):
    write_curves(tmp_path, **curves)
    assert titles(tmp_path) == [title]


def test_curves_come_from_tensorboard_itself_where_nobody_collected_them(tmp_path):
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(tmp_path / "tensorboard") as writer:
        for step in range(20):
            writer.add_scalar("train/kl", step / 5, step)
    assert titles(tmp_path) == ["Far from the start"]
    first, last = summary(read_training(tmp_path))["tenths"]["train/kl"]
    assert first < last


def test_findings_are_in_the_report(tmp_path):
    write_record(tmp_path / "run", lambda *_: {"answer": "real", "stance": "real"})
    write_curves(tmp_path / "run")
    found = evaluate(make(40), "collapsed", tmp_path / "out", run=tmp_path / "run")
    assert "Class collapse" in found.page.read_text()
    assert found.metrics["training"]["completions"] == STEPS


def test_a_folder_without_a_training_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"no training there; expected rewards/"):
        read_training(tmp_path)
