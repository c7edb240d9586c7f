"""The class-consistent reward, its credit for instruments and the weights of the classes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fas_plugin.labels import INSTRUMENTS, FasClass, Label
from fas_plugin.rewards import PresetError, load_preset, preset_names, score
from fas_plugin.rewards.class_consistency import class_consistency_reward
from fas_plugin.rewards.instrument import instruments_named

THINK = "<think>Moire is visible, so this is a replay.</think>"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("spoof (replay on a tablet)", {"replay.tablet"}),
        ("spoof:replay.tablet", {"replay.tablet"}),
        ("Spoof: a printed photo", {"print"}),
        ("**spoof** (an iPad screen)", {"replay.tablet"}),
        ('{"class": "spoof", "instrument": "silicone mask"}', {"mask.flexible"}),
        ("paper mask", {"mask.paper"}),
        ("Attack - 3D masks", {"mask"}),
        ("a cut-out photo attack", {"print.cut"}),
        ("攻击：屏幕翻拍（平板）", {"replay.tablet"}),
        ("spoof: print or replay", {"print", "replay"}),
        ("spoof", set()),
        ("footprints", set()),
        ("", set()),
    ],
)
def test_instruments_are_read_from_the_answer(text, named):
    assert instruments_named(text) == named


@pytest.mark.parametrize("name", INSTRUMENTS)
def test_every_instrument_is_read_from_the_label_and_from_its_description(name):
    assert instruments_named(f"spoof:{name}") == {name}
    assert {n.partition(".")[0] for n in instruments_named(INSTRUMENTS[name])} == {
        name.partition(".")[0]
    }


@given(st.text())
def test_any_answer_can_be_read(text):
    assert instruments_named(text) <= set(INSTRUMENTS)


@pytest.mark.parametrize(
    ("answer", "label", "value"),
    [
        ("spoof (replay on a tablet)", "spoof:replay.tablet", 1.0),
        ("spoof (replay)", "spoof:replay.tablet", 0.9),
        ("spoof (phone)", "spoof:replay.tablet", 0.9),
        ("spoof", "spoof:replay.tablet", 0.8),
        ("spoof (printed photo)", "spoof:replay.tablet", 0.6),
        ("spoof (print, replay, mask)", "spoof:replay.tablet", 0.6),
        ("spoof (tablet)", "spoof:replay", 1.0),
        ("spoof (tablet)", "spoof", 1.0),
        ("real", "real", 1.0),
        ("real", "spoof:replay.tablet", 0.0),
        ("spoof (replay on a tablet)", "real", 0.0),
    ],
)
def test_instrument_credit(write, answer, label, value):
    completion = f"{THINK}<answer>{answer}</answer>"
    paid = score(completion, label, load_preset(write(instrument_credit=0.2)))
    assert paid.class_consistency == pytest.approx(value)
    # Off in the shipped presets: the class is all.
    assert score(completion, label, load_preset("default")).class_consistency == float(value > 0)


def test_the_instruments_are_reported():
    result = score(
        f"{THINK}<answer>spoof (tablet)</answer>", "spoof", load_preset(preset_names()[0])
    )
    assert result.instruments == ("replay.tablet",)
    assert result.as_dict()["instruments"] == ["replay.tablet"]


@pytest.mark.parametrize("name", [n for n in INSTRUMENTS if "." in n])
def test_guessing_an_instrument_of_another_family_never_pays(name):
    truth = Label(FasClass.SPOOF, name)
    bare = class_consistency_reward(FasClass.SPOOF, truth, frozenset(), 0.25)
    families = {n for n in INSTRUMENTS if "." not in n}
    guesses = [class_consistency_reward(FasClass.SPOOF, truth, {n}, 0.25) for n in families]
    assert sum(guesses) / len(guesses) < bare
    assert class_consistency_reward(FasClass.SPOOF, truth, families, 0.25) < bare
    assert min(guesses) > class_consistency_reward(FasClass.REAL, truth, frozenset(), 0.25)


def test_classes_of_unequal_share_count_the_same(write):
    preset = load_preset(write(class_shares={"real": 0.2, "spoof": 0.8}))
    assert preset.class_weight(FasClass.REAL) == 1.0
    assert preset.class_weight(FasClass.SPOOF) == pytest.approx(0.25)
    right = {
        label: score(f"{THINK}<answer>{label}</answer>", label, preset).total
        for label in ("real", "spoof")
    }
    # Always the same answer: its reward, times how often it is right, is equal for both classes.
    assert right["spoof"] * 0.8 == pytest.approx(0.25 * 0.8)
    assert load_preset("default").class_weight(FasClass.SPOOF) == 1.0


@given(st.floats(0.01, 0.99), st.sampled_from(["real", "spoof"]), st.sampled_from(preset_names()))
def test_weighted_totals_stay_in_range(share, label, name):
    preset = load_preset(name).balanced_for(share)
    result = score(f"{THINK}<answer>{label}</answer>", label, preset)
    assert 0 < result.total <= 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"instrument_credit": 0.5}, r"instrument_credit = 0\.5"),
        ({"instrument_credit": "much"}, "instrument_credit = 'much'"),
        ({"class_shares": {"real": 0.5}}, "class_shares.*'spoof'"),
        ({"class_shares": {"real": -1, "spoof": 0.5}}, r"class_shares\.real = -1"),
        ({"class_shares": {"real": 0.5, "spoof": 0.6}}, "class_shares.*sum is not 1"),
    ],
)
def test_a_bad_setting_is_named(write, changes, message):
    with pytest.raises(PresetError, match=message):
        load_preset(write(**changes))
