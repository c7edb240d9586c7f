"""What the server recorded, read back and shown, also when it was killed."""

import gzip
import json

import pytest

from fas_plugin.cli import main
from fas_plugin.evaluation.reward_record import POINTS, read_record, read_reward_curves
from fas_plugin.rewards import load_preset, score
from fas_plugin.rewards.server.record import RewardRecord

PRESET = load_preset("default")
RIGHT = "<think>Natural pores; this is a live face.</think><answer>real</answer>"
AGAINST = "<think>Natural pores; this is a live face. {}</think><answer>spoof</answer>"
CUT = "<think>Moire"


def line(i, text, label="real", **more):
    row = {"time": float(i), "label": label, **score(text, label, PRESET).as_dict(), **more}
    return json.dumps(row) + "\n"


def record(folder, count, name="rewards-1.jsonl"):
    """The first half cut off, the second right."""
    folder.mkdir(exist_ok=True)
    rows = [line(i, RIGHT if i >= count / 2 else CUT) for i in range(count)]
    (folder / name).write_text("".join(rows))
    return folder


def test_curves_are_means_over_equal_stretches(tmp_path):
    curves = read_reward_curves(record(tmp_path, 512))
    assert [count for count, _ in curves["reward"]] == [128, 256, 384, 512]
    assert [value for _, value in curves["fas_format"]] == [0, 0, 1, 1]
    assert curves["fas_think_words"][0][1] == 1 and curves["fas_think_words"][-1][1] == 7
    assert "time" not in curves


def test_long_records_keep_few_points_and_short_ones_one(tmp_path):
    assert len(read_reward_curves(record(tmp_path / "a", 10_000))["reward"]) == POINTS
    assert len(read_reward_curves(record(tmp_path / "b", 5))["reward"]) == 1


def test_the_files_of_several_workers_are_merged_by_time(tmp_path):
    (tmp_path / "rewards-1.jsonl").write_text("".join(line(2 * i, RIGHT) for i in range(200)))
    packed = "".join(line(2 * i + 1, CUT) for i in range(200)).encode()
    (tmp_path / "rewards-2.jsonl.gz").write_bytes(gzip.compress(packed))
    read = read_record(tmp_path)
    assert read.columns["time"].tolist() == list(range(400))
    assert read.columns["fas_format"].tolist() == [1.0, 0.0] * 200
    assert read.faults["unclosed_think"].tolist() == [False, True] * 200


def test_a_cut_off_line_garbage_and_a_missing_folder_are_no_obstacle(tmp_path):
    path = record(tmp_path, 256) / "rewards-1.jsonl"
    with path.open("ab") as lines:
        lines.write(b'\xff\xfe\n[1]\n{"time": "x"}\n' + line(9, RIGHT)[:-30].encode())
    read = read_record(tmp_path)
    assert len(read) == 256 and read.broken == 4
    assert read_reward_curves(tmp_path / "none") == {}


def test_what_the_server_writes_is_read(tmp_path):
    RewardRecord(tmp_path, keep_text=True).append([RIGHT], ["real"], [score(RIGHT, "real", PRESET)])
    assert read_record(tmp_path).columns["reward"].tolist() == [1.0]


def test_show_draws_a_page_and_lists_the_worst_disagreements(tmp_path, capsys):
    folder = record(tmp_path / "rewards", 512)
    hostile = AGAINST.format("<script>alert(1)</script>\x1b[2J He is a living man, though blurred.")
    sure = AGAINST.format("")
    rows = [line(1000, hostile, completion=hostile), line(1001, sure, "spoof", completion=sure)]
    (folder / "rewards-2.jsonl").write_text("".join(rows))
    assert main(["rewards", "show", str(folder)]) == 0
    out = capsys.readouterr().out
    assert "514 completions" in out and "fault unclosed_think" in out
    assert "argues real, answers spoof" in out and "\x1b" not in out
    page = (folder / "rewards.html").read_text()
    assert "<script>" not in page and "&lt;script&gt;" in page
    assert page.count("<svg") == 3 and "unclosed_think" in page
    # The one without a doubt in it comes first.
    first, second = read_record(folder).worst_disagreements(2)
    assert first["completion"] == sure and first["confidence"] >= second["confidence"]


@pytest.mark.parametrize("make", [False, True])
def test_show_says_what_it_needs(tmp_path, capsys, make):
    if make:
        (tmp_path / "d").mkdir()
    assert main(["rewards", "show", str(tmp_path / "d")]) == 1
    assert "fas-plugin serve --record" in capsys.readouterr().err
