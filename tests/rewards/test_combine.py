"""Presets and totals."""

import itertools
import json
from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fas_plugin.labels import LabelError
from fas_plugin.rewards import PresetError, load_preset, preset_names, score, score_batch
from fas_plugin.rewards.combine import COMPONENTS

DEFAULT, PAPER = load_preset("default"), load_preset("paper")
FOR_REAL = "Natural pores are visible, so this is a live face."
FOR_SPOOF = "Moire is visible, so this is a replay."


def completion(think, answer):
    return f"<think>{think}</think><answer>{answer}</answer>"


@pytest.mark.parametrize(
    ("think", "answer", "label", "total"),
    [
        (FOR_SPOOF, "spoof", "spoof:replay.tablet", 1.0),
        (FOR_REAL, "real", "real", 1.0),
        (FOR_REAL, "spoof", "spoof", 0.5),
        ("A face.", "spoof", "spoof", 0.5),
        (FOR_REAL, "real", "spoof", 0.1),
        (FOR_SPOOF, "real", "spoof", 0.1),
        (FOR_REAL, "", "real", 0.1),
    ],
)
def test_default_totals(think, answer, label, total):
    assert score(completion(think, answer), label, DEFAULT).total == pytest.approx(total)


def test_components_are_reported_before_gates():
    result = score(completion(FOR_REAL, "real"), "spoof", DEFAULT)
    assert (result.class_consistency, result.reasoning_consistency) == (0.0, 1.0)


@pytest.mark.parametrize("preset", [DEFAULT, PAPER], ids=["default", "paper"])
def test_no_wrong_completion_earns_more_than_a_right_one(preset):
    wrong, right = [], []
    for f, r in itertools.product((0.0, 1.0), repeat=2):
        for cls, totals in ((0.0, wrong), (1.0, right)):
            totals.append(preset.total(dict(zip(COMPONENTS, (f, cls, r), strict=True))))
    assert max(wrong) <= min(right)
    if preset is DEFAULT:
        assert max(wrong) < min(right)


def test_no_answer_and_no_stance_are_not_consistent():
    result = score(completion("A face.", "unsure"), "real", PAPER)
    assert result.reasoning_consistency == 0.0
    assert result.total == 0.0


@given(
    st.text(), st.sampled_from(["real", "spoof", "spoof:print"]), st.sampled_from([DEFAULT, PAPER])
)
def test_any_completion_scores_within_range(text, label, preset):
    result = score(text, label, preset)
    assert all(0 <= getattr(result, name) <= 1 for name in ("total", *COMPONENTS))
    assert json.loads(json.dumps(result.as_dict()))["truth"] == label.partition(":")[0]
    assert result == score(text, label, preset)


def test_a_batch_is_the_same_as_one_by_one():
    texts, labels = [completion(FOR_REAL, "real"), "x"], ["real", "spoof"]
    assert score_batch(texts, labels, DEFAULT) == [
        score(t, label, DEFAULT) for t, label in zip(texts, labels, strict=True)
    ]


def test_a_bad_label_in_a_batch_is_named_by_its_index():
    with pytest.raises(LabelError, match=r"label 1: unknown label 'fake'"):
        score_batch(["a", "b"], ["real", "fake"], DEFAULT)
    with pytest.raises(ValueError, match="1 completions but 2 labels"):
        score_batch(["a"], ["real", "spoof"], DEFAULT)


@pytest.mark.parametrize(
    "label",
    [
        None,
        0,
        1.5,
        True,
        b"real",
        ["real"],
        {},
        "",
        "Real",
        "live",
        "real:print",
        "spoof:",
        "spoof:tv",
    ],
)
def test_what_is_no_label_is_named_with_what_is_allowed(label):
    for completion_text in (completion(FOR_REAL, "real"), "", "<think>"):
        with pytest.raises(LabelError, match=r"expected|has no instrument") as error:
            score(completion_text, label, DEFAULT)
        value = label.rpartition(":")[2] if isinstance(label, str) else label
        assert repr(value) in str(error.value)
        assert isinstance(error.value, ValueError)


def test_unknown_preset_lists_the_known_ones():
    with pytest.raises(PresetError, match=r"'nope'.*default, paper"):
        load_preset("nope")
    assert preset_names() == ["default", "paper"]


def test_a_preset_of_ones_own(write):
    preset = load_preset(write())
    assert preset.id == "mine/3"
    assert score(completion(FOR_REAL, "real"), "real", preset).total == pytest.approx(1.0)
    assert score(completion(FOR_REAL, "real") + "!", "real", preset).total == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"weights": {"format": 0.5, "class_consistency": 0.5}}, "weights"),
        (
            {"weights": {"format": -1, "class_consistency": 1, "reasoning_consistency": 1}},
            r"weights\.format = -1",
        ),
        (
            {"weights": {"format": 1, "class_consistency": 1, "reasoning_consistency": 1}},
            "sum is not 1",
        ),
        ({"weights": {"format": "1"}}, "weights"),
        ({"gates": {"reasoning": ["format"]}}, "gates.*'reasoning'"),
        ({"gates": {"format": ["truth"]}}, r"gates\.format\.0 = 'truth'"),
        ({"version": 0}, "version = 0"),
        ({"extra": 1}, "'extra'"),
        ({"reasons": {}}, "reasons"),
    ],
)
def test_a_bad_preset_names_field_and_value(write, changes, message):
    with pytest.raises(PresetError, match=message) as error:
        load_preset(write(**changes))
    assert "mine.json" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '{"weights": NaN}', "[" * 100_000])
def test_a_file_that_is_no_preset(tmp_path, content):
    path = tmp_path / "p.json"
    path.write_text(content)
    with pytest.raises(PresetError, match=r"p\.json"):
        load_preset(str(path))


def test_the_paper_preset_marks_what_is_ours():
    assert "2506.21895" in PAPER.reasons["published"]
    for choice in ("weights", "format", "class_consistency", "reasoning_consistency", "gates"):
        assert PAPER.reasons[choice].startswith("Ours")


def test_what_the_chat_template_wrote_can_be_put_in_front(tmp_path):
    preset = json.loads(
        (resources.files("fas_plugin.rewards") / "presets/default.json").read_text()
    )
    path = tmp_path / "opened.json"
    path.write_text(json.dumps(preset | {"opening": "<think>"}))
    opened = load_preset(str(path))
    whole = completion(FOR_REAL, "real")
    rest = whole.removeprefix("<think>")
    assert score(rest, "real", DEFAULT).format == 0
    for text in (rest, whole, "\n" + whole):
        assert score(text, "real", opened) == score_batch([text], ["real"], opened)[0]
        assert score(text, "real", opened).total == 1
    path.write_text(json.dumps(preset | {"opening": "<answer>"}))
    with pytest.raises(PresetError, match="opening = '<answer>'"):
        load_preset(str(path))
