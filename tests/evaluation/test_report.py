"""The report: opens offline, escapes what a policy wrote, says where numbers are synthetic."""

import json
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from fas_plugin.evaluation.predictions import PredictionsError, read_predictions
from fas_plugin.evaluation.report import summary_table, write_report
from fas_plugin.rewards import load_preset, score

HOSTILE = (
    "<think>ok</think><answer>real</answer><script>alert(1)</script><img src=x onerror=alert(1)>"
)


class Elements(HTMLParser):
    """What a browser would make of the page: its elements, and what they load."""

    def __init__(self):
        super().__init__()
        self.names, self.loaded = [], []

    def handle_starttag(self, tag, attrs):
        self.names.append(tag)
        self.loaded += [value for name, value in attrs if name in ("src", "href", "xlink:href")]


@pytest.fixture
def run(tmp_path):
    random = np.random.default_rng(0)
    rows = []
    for index in range(24):
        real = index % 4 == 0
        image = tmp_path / f"{index}.png"
        Image.fromarray(random.integers(0, 255, (64, 64, 3), np.uint8)).save(image)
        rows.append(
            {
                "record_id": f"M/{index}#0",
                "video": f"M/{index}",
                "subject": f"M/{index % 6}",
                "domain": "M",
                "label": "real" if real else "spoof:print.flat",
                "split": "validation" if index < 12 else "test",
                "score": float(random.uniform(0.4, 1) if real else random.uniform(0, 0.6)),
                "completion": HOSTILE,
                "answer": "real" if real else "spoof",
                "stance": None,
                "image": str(image),
                "n_samples": 1,
            }
        )
    folder = tmp_path / "run"
    folder.mkdir()
    for stage in ("before", "after"):
        (folder / f"predictions_{stage}.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n")
    settings = {
        "name": "t",
        "protocol": "ocim_loo_M",
        "model": "tiny",
        "seed": "0",
        "synthetic": "1",
    }
    (folder / "run.json").write_text(json.dumps({"settings": settings}))
    curves = {"train/reward": [[i, i / 10] for i in range(10)]}
    (folder / "training_curves.json").write_text(json.dumps(curves))
    return folder


def test_page_is_self_contained_and_escapes_completions(run):
    page = write_report(run).read_text()
    assert "<script>alert" not in page and "<img src=x" not in page
    assert "&lt;script&gt;alert(1)" in page
    elements = Elements()
    elements.feed(page)
    assert elements.names.count("script") == 1  # the page's own
    assert elements.loaded and all(t.startswith(("data:", "#")) for t in elements.loaded)


def test_synthetic_numbers_are_called_synthetic_everywhere(run):
    page = write_report(run).read_text()
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["synthetic"] is True
    assert "Synthetic data." in page and page.count("synthetic)") >= 2
    assert "synthetic" in summary_table(metrics).splitlines()[0]


def test_report_without_curves_or_before_says_so(run):
    (run / "training_curves.json").unlink()
    (run / "predictions_before.jsonl").unlink()
    page = write_report(run).read_text()
    assert "there is no record of them" in page
    assert "before" not in json.loads((run / "metrics.json").read_text())


def test_a_vanished_image_does_not_stop_the_report(run, tmp_path):
    (tmp_path / "13.png").unlink()
    assert write_report(run).exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"score": float("nan")}, "score"),
        ({"score": 1.5}, "score"),
        ({"label": "unknown"}, "label"),
        ({"split": "train"}, "split"),
        ({"answer": "maybe"}, "maybe"),
    ],
)
def test_bad_rows_are_refused_with_their_line(run, change, message):
    path = run / "predictions_after.jsonl"
    lines = path.read_text().splitlines()
    lines[2] = json.dumps(json.loads(lines[2]) | change)
    path.write_text("\n".join(lines))
    with pytest.raises(PredictionsError, match="line 3") as error:
        read_predictions(path)
    assert message in str(error.value)


def test_a_record_twice_is_refused_by_name(run):
    path = run / "predictions_after.jsonl"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines, lines[0]]))
    with pytest.raises(PredictionsError, match="1 records more than once: M/0#0"):
        read_predictions(path)


def test_recorded_rewards_are_drawn(run):
    row = score("<think>A mask.</think><answer>spoof</answer>", "spoof", load_preset("default"))
    line = json.dumps({"time": 1.0, "label": "spoof", **row.as_dict()}) + "\n"
    (run / "rewards").mkdir()
    (run / "rewards" / "rewards-1.jsonl").write_text(line * 300)
    page = write_report(run).read_text()
    assert "completions scored" in page and "there is no record of them" not in page
