"""A run folder: its settings stay, and its curves survive a restart."""

import json

import pytest

from fas_plugin.training.run import RunSettingsError, read_curves, start_run


def test_the_same_settings_go_on_and_others_are_refused_by_name(tmp_path):
    start_run(tmp_path / "run", {"seed": "0", "target": "M"})
    written = (tmp_path / "run" / "run.json").read_text()
    start_run(tmp_path / "run", {"seed": "0", "target": "M"})
    assert (tmp_path / "run" / "run.json").read_text() == written
    with pytest.raises(RunSettingsError, match="seed was '0', is '1'"):
        start_run(tmp_path / "run", {"seed": "1", "target": "M"})
    versions = json.loads(written)["versions"]
    assert versions["openrlhf"] == "0.11.2" and "fas_plugin" in versions


def test_repeated_steps_after_a_restart_count_once(tmp_path):
    from torch.utils.tensorboard import SummaryWriter

    for attempt, steps in ((0, range(1, 5)), (1, range(3, 7))):  # killed in step 4, resumed at 3
        with SummaryWriter(tmp_path / str(attempt)) as writer:
            for step in steps:
                writer.add_scalar("train/reward", step + 100 * attempt, step)
    curve = read_curves(tmp_path)["train/reward"]
    assert curve == [(1, 1), (2, 2), (3, 103), (4, 104), (5, 105), (6, 106)]
