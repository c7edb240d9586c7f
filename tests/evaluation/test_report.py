"""The page in a real browser: no network, escaped, filterable by keyboard, on a phone, and small."""

import json
from functools import cache
from importlib import resources

import pytest
from browser import CHROMIUM, Browser
from jsonschema import Draft202012Validator
from samples import make

from fas_plugin.evaluation.predictions import PredictionsError, PredictionSet
from fas_plugin.evaluation.report import GALLERY, evaluate, summary_table
from fas_plugin.evaluation.tables import render

HOSTILE = (
    "<think>ok</think><answer>real</answer><script>window.hacked=1</script>"
    "<img src=http://127.0.0.1:9/x onerror=window.hacked=1>"
)


@cache
def validator():
    schema = resources.files("fas_plugin.evaluation") / "metrics.schema.json"
    return Draft202012Validator(json.loads(schema.read_text()))


def valid(out):
    metrics = json.loads((out / "metrics.json").read_text())
    assert not [e.message for e in validator().iter_errors(metrics)]
    return metrics


@pytest.fixture(scope="module")
def browser():
    if CHROMIUM is None:
        pytest.skip("no Chromium: tests/run.sh installs it where it runs as root on Debian")
    browser = Browser()
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """A report of 2,000 test samples with pictures, as hard to compress as noise, beside another."""
    folder = tmp_path_factory.mktemp("report")
    made = make(2000, 2.0, images=folder)
    return evaluate(made, "after", folder / "out", against={"before": make(2000, 0.2, seed=1)})


@pytest.fixture
def page(browser, found):
    browser.open(found.page)
    return browser


def shown(page):
    return page.run("document.querySelectorAll('#faces .sample:not([hidden])').length")


def test_the_page_needs_no_network_and_is_small(page, found):
    assert found.page.stat().st_size <= 5_000_000
    asked = [r for r in page.requests if not r.startswith("data:")]
    assert asked == [found.page.resolve().as_uri()]
    assert page.errors == []
    assert page.run("document.images.length") > 200
    first = (
        "[...document.images].slice(0, 20).map(i => { i.loading = 'eager'; return i.decode(); })"
    )
    page.run(f"Promise.all({first})")
    assert page.run("[...document.images].slice(0, 20).every(i => i.naturalWidth > 50)")


def test_every_link_in_the_page_leads_somewhere(page):
    assert page.run(
        "[...document.querySelectorAll('nav a')].every(a => document.querySelector(a.hash))"
    )


def test_gallery_is_filtered_and_sorted(page):
    assert shown(page) == GALLERY
    choose = (
        "(name, value) => { const s = document.querySelector(name); s.value = value;"
        " s.dispatchEvent(new Event('input', {bubbles: true})); }"
    )
    page.run(f"({choose})('[data-filter=truth]', 'real')")
    real = shown(page)
    assert 0 < real < GALLERY
    page.run(f"({choose})('[data-filter=result]', 'wrong')")
    both = shown(page)
    assert 0 < both < real
    assert page.run("document.getElementById('count').textContent") == f"{both} shown"
    assert page.run(
        "[...document.querySelectorAll('#faces .sample:not([hidden])')]"
        ".every(f => f.dataset.truth === 'real' && f.dataset.result === 'wrong')"
    )
    page.run("document.querySelector('form.filters').reset()")
    page.run("new Promise(done => setTimeout(done, 50))")
    assert shown(page) == GALLERY
    page.run(f"({choose})('#search', 'Moire')")
    assert 0 < shown(page) < GALLERY
    page.run(f"({choose})('#search', '')")
    page.run(f"({choose})('#sort', 'score')")
    scores = page.run("[...document.querySelectorAll('#faces .sample')].map(f => +f.dataset.score)")
    assert scores == sorted(scores, reverse=True)


def test_everything_can_be_reached_by_keyboard(page):
    page.run("document.querySelector('[data-filter=truth]').focus()")
    page.press("ArrowDown", 40)  # chooses the next option, as in any form
    assert page.run("document.querySelector('[data-filter=truth]').value") == "real"
    assert 0 < shown(page) < GALLERY
    for _ in range(20):
        page.press("Tab", 9)
        if page.run("document.activeElement.matches('#faces .sample')"):
            break
    first = page.run("document.activeElement.dataset.rank")
    assert first is not None
    page.press("ArrowRight", 39)
    second = page.run("document.activeElement.dataset.rank")
    assert second not in (None, first)
    page.press("ArrowLeft", 37)
    assert page.run("document.activeElement.dataset.rank") == first


def test_on_a_phone_nothing_is_wider_than_the_screen(browser, found):
    browser.open(found.page, 360, 740, mobile=True)
    assert browser.run("document.documentElement.scrollWidth") <= 360
    wide = (
        "[...document.querySelectorAll('body *')].filter(e => !e.closest('.scroll, .wide, svg') &&"
        " e.getBoundingClientRect().right > 361).map(e => e.outerHTML.slice(0, 80))"
    )
    assert browser.run(wide) == []
    assert browser.run("parseFloat(getComputedStyle(document.body).fontSize)") >= 16


def test_what_a_policy_writes_is_text(browser, tmp_path):
    made = make(40, text=HOSTILE)
    name = "<script>window.hacked=1</script>"
    browser.open(evaluate(made, name, tmp_path).page)
    assert browser.run("window.hacked") is None
    assert browser.run("document.querySelectorAll('script').length") == 1
    assert [r for r in browser.requests if r.startswith("http")] == []
    assert "<script>window.hacked=1</script>" in browser.run("document.body.innerText")


def test_metrics_fit_their_schema_and_the_tables(found):
    metrics = valid(found.page.parent)
    level = metrics["levels"]["video_mean"]
    assert level["presentations"] == 1000 and metrics["counts"]["subjects"] == 15
    assert set(metrics["counts"]["attack_videos_by_instrument"]) == {
        "print.flat",
        "replay.phone",
        "replay.tablet",
    }
    low, high = level["auc_interval"]
    assert low <= level["auc"] <= high
    point = level["operating_points"]["source_eer"]
    assert point["apcer_max"] == max(point["apcer_by_instrument"].values())
    assert point["hter"] == pytest.approx((point["apcer_pooled"] + point["bpcer"]) / 2)
    assert level["operating_points"]["target_eer"]["hter"] == pytest.approx(level["eer"])
    [difference] = metrics["comparison"]
    assert difference["second"] == "before" and difference["auc_p"] < 0.01
    text = render([summary_table(found)], "text")
    assert "synthetic" in text.splitlines()[0] and "before" in text


def test_synthetic_numbers_are_called_synthetic_everywhere(found):
    page = found.page.read_text()
    assert "Synthetic data." in page and page.count("(synthetic)") >= 10


def test_a_missing_class_gives_null_not_a_number(tmp_path):
    made = make(40)
    kept = tuple(
        p for p in made.predictions if p.sample.split == "test" and str(p.sample.label) == "real"
    )
    evaluate(PredictionSet(kept, made.made_by), "alone", tmp_path)
    metrics = valid(tmp_path)
    level = metrics["levels"]["video_mean"]
    assert level["auc"] is None and level["eer"] is None and level["bpcer100"] is None
    assert level["operating_points"]["source_eer"]["hter"] is None
    assert level["operating_points"]["fixed_0.5"]["apcer_max"] is None
    assert level["operating_points"]["fixed_0.5"]["bpcer"] is not None
    page = (tmp_path / "report.html").read_text()
    assert "No honest threshold" in page and "A class is missing" in page


def test_threshold_comes_from_the_sources_and_is_fixed_before_the_target(tmp_path):
    """A target whose scores are all shifted keeps its errors: the threshold is not tuned to it."""
    made = make(200, skill=6.0)
    shifted = tuple(
        p if p.sample.split == "validation" else p.__class__(**{**vars_of(p), "score": p.score / 4})
        for p in made.predictions
    )
    evaluate(PredictionSet(shifted, made.made_by), "shifted", tmp_path)
    level = valid(tmp_path)["levels"]["video_mean"]
    assert level["eer"] < 0.05 and level["operating_points"]["source_eer"]["bpcer"] > 0.9
    assert "The threshold does not carry over" in (tmp_path / "report.html").read_text()


def vars_of(prediction):
    return {name: getattr(prediction, name) for name in prediction.__dataclass_fields__}


def test_explanations_are_counted(tmp_path):
    """Right answers whose reasoning argues for the wrong class are found, and said to the reader."""
    text = "<think>Moire crosses the cheek, so this is a replay.</think><answer>real</answer>"
    evaluate(make(40, text=text), "liar", tmp_path)
    metrics = valid(tmp_path)
    found = metrics["explanations"]
    assert found["agreement"] == 0.0 and found["right_for_wrong_reason"] == 1.0
    assert found["most_frequent"] == 1.0 and found["language"] == {"latin": 1.0}
    assert found["evidence"]["replay.phone"]["spoof"]["so this is a replay"] == 1.0
    assert metrics["answers"]["accuracy_attacks"] == 0.0
    page = (tmp_path / "report.html").read_text()
    assert "Right for the wrong reason" in page and "The same text for many faces" in page


def test_systems_on_other_samples_are_not_compared(tmp_path):
    with pytest.raises(PredictionsError, match=r"20 samples of other are not predicted: M/test"):
        evaluate(make(40), "ours", tmp_path, against={"other": make(60)})


def test_two_systems_of_one_name_are_refused(tmp_path):
    with pytest.raises(PredictionsError, match="two systems are called 'ours'"):
        evaluate(make(40), "ours", tmp_path, against={"ours": make(40)})
