"""Curves of every completion's rewards, from what the server recorded, also when it was killed."""

import json

import pytest

from fas_plugin.evaluation.reward_record import POINTS, read_reward_curves


def record(path, count):
    rows = [
        {"time": i, "reward": i / count, "fas_format": float(i >= count / 2)} for i in range(count)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_curves_are_means_over_equal_stretches(tmp_path):
    curves = read_reward_curves(record(tmp_path / "rewards.jsonl", 512))
    assert [count for count, _ in curves["reward"]] == [128, 256, 384, 512]
    assert [value for _, value in curves["fas_format"]] == [0, 0, 1, 1]
    assert curves["reward"][0][1] == pytest.approx(63.5 / 512)
    assert "time" not in curves


def test_long_records_keep_few_points_and_short_ones_one(tmp_path):
    assert len(read_reward_curves(record(tmp_path / "a", 20_000))["reward"]) == POINTS
    assert len(read_reward_curves(record(tmp_path / "b", 5))["reward"]) == 1


def test_a_cut_off_line_and_a_missing_file_are_no_obstacle(tmp_path):
    path = record(tmp_path / "rewards.jsonl", 256)
    with path.open("a") as lines:
        lines.write('{"time": 1, "rew')
    assert read_reward_curves(path)["reward"][-1][0] == 256
    assert read_reward_curves(tmp_path / "none") == {}
