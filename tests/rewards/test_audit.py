"""The audit: shipped presets hold against the whole zoo, weak ones don't, and its sums are right."""

import dataclasses
import json
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest
from PIL import Image

from fas_plugin.cli import main
from fas_plugin.labels import FasClass, Label
from fas_plugin.rewards import load_preset, preset_names, score, stance
from fas_plugin.rewards.audit import ESTIMATORS, audit, constant_answers, dr_grpo, group_norm
from fas_plugin.rewards.audit_picture import picture
from fas_plugin.rewards.zoo import BASELINE, BLIND, CHEATS, CONSTANT, HONEST, REASONINGS, Kind

WEAK = Path(__file__).with_name("weak_presets")


@pytest.fixture(scope="module", params=preset_names())
def shipped(request):
    return audit(load_preset(request.param))


def test_no_cheat_beats_the_honest_policy_under_a_shipped_preset(shipped):
    assert len(shipped.outcomes) == len(HONEST) + len(CHEATS)
    assert not shipped.winners


def test_honest_policies_are_paid_by_their_accuracy(shipped):
    rewards = [o.reward for o in shipped.outcomes if o.kind is Kind.HONEST]
    assert rewards == sorted(rewards)
    assert rewards[-1] > 0.9


def test_blind_policies_earn_clearly_less(shipped):
    gaps = [o.gap for o in shipped.outcomes if o.kind is Kind.BLIND]
    assert max(gap.mean for gap in gaps) < -0.05


def test_lazy_reasoning_earns_less_than_reasoning(shipped):
    outcomes = {o.policy: o for o in shipped.outcomes}
    for policy in ("empty think", "task restated", "keyword list", "contradictory", "empty talk"):
        assert outcomes[policy].gap.mean < -0.1


@pytest.mark.parametrize("name", ["format_only", "consistency_only"])
def test_a_weak_preset_fails(name):
    played = audit(load_preset(str(WEAK / f"{name}.json")), policies=CONSTANT)
    assert {"always real, one text", "always spoof, one text"} <= {o.policy for o in played.winners}


def test_the_gate_takes_from_blind_policies_more_than_from_honest_ones():
    """Why version 2 of the paper preset has the gate."""
    gated = load_preset("paper")
    constant = [p for p in CONSTANT if p.name == "always spoof, one text"]
    [without] = audit(dataclasses.replace(gated, gates={}), policies=constant).outcomes
    [with_gate] = audit(gated, policies=constant).outcomes
    assert without.reward == pytest.approx(0.75)
    assert with_gate.reward == pytest.approx(0.5)
    assert with_gate.gap.mean < without.gap.mean - 0.02


def test_credit_for_instruments_pays_no_guesses():
    credited = dataclasses.replace(load_preset("default"), instrument_credit=0.2)
    played = audit(credited, policies=BLIND)
    outcomes = {o.policy: o.reward for o in played.outcomes}
    assert not played.winners
    assert outcomes["a guessed instrument"] < outcomes["always spoof, argued"]
    assert outcomes["every instrument"] < outcomes["always spoof, argued"]


@pytest.mark.parametrize("share", [0.2, 0.8])
def test_without_class_weights_the_majority_answer_wins_on_unbalanced_prompts(share):
    played = audit(load_preset("default"), attack_share=share, policies=CONSTANT[:2])
    frequent = "always spoof, argued" if share > 0.5 else "always real, argued"
    assert [o.policy for o in played.winners] == [frequent]


@pytest.mark.parametrize("name", preset_names())
def test_class_weights_help_where_the_estimator_keeps_them(name):
    for played in constant_answers(load_preset(name)):
        assert all(o.gap.mean < 0 for o in played.outcomes)  # the expected reward, either way
        # group_norm divides the weights out again: no reward can repair the balance there.
        assert bool(played.winners) == (played.estimator == "group_norm")


def test_advantages_are_openrlhfs():
    """The formulas of openrlhf/trainer/ppo_utils/experience_maker.py, with its tensors."""
    torch = pytest.importorskip("torch")
    random = Random(0)
    for _ in range(20):
        rewards = [random.random() for _ in range(8)]
        tensor = torch.tensor(rewards, dtype=torch.float64)
        centred = tensor - tensor.mean(-1, keepdim=True)
        assert dr_grpo(rewards) == pytest.approx(centred.tolist())
        assert group_norm(rewards) == pytest.approx(
            (centred / (tensor.std(-1, keepdim=True) + 1e-9)).tolist()
        )
    assert group_norm([0.7] * 8) == [0.0] * 8


def test_expected_rewards_agree_with_arithmetic():
    played = audit(load_preset("default"), policies=CONSTANT)
    for outcome in played.outcomes:
        if outcome.policy.endswith("one text"):  # right in half: 1.0, else the format's 0.1
            assert outcome.reward == pytest.approx(0.55)
            assert outcome.spread == pytest.approx(0.45)


def test_the_same_seed_gives_the_same_audit_and_another_one_another():
    play = [
        audit(load_preset("default"), policies=HONEST, prompts=50, seed=s).outcomes
        for s in (3, 3, 4)
    ]
    assert play[0] == play[1] != play[2]


@pytest.mark.parametrize("policy", BLIND, ids=lambda policy: policy.name)
def test_blind_policies_do_not_look(policy):
    attack, genuine = Label(FasClass.SPOOF, "print.flat"), Label(FasClass.REAL)
    assert [policy.write(Random(i), attack) for i in range(20)] == [
        policy.write(Random(i), genuine) for i in range(20)
    ]


def test_honest_reasonings_are_many_and_read_for_what_they_say():
    for cls, reasonings in REASONINGS.items():
        assert len(set(reasonings)) >= 10
        read = [stance(text).cls for text in reasonings]
        assert cls.other not in read
        assert read.count(cls) >= 0.8 * len(read)


def test_the_policy_to_beat_is_right_in_sixty_of_a_hundred():
    random, label = Random(1), Label(FasClass.REAL)
    texts = [BASELINE.write(random, label) for _ in range(4000)]
    right = [score(text, "real", load_preset("default")).class_consistency for text in texts]
    assert sum(right) / len(right) == pytest.approx(0.6, abs=0.03)


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"attack_share": 1.0}, "1.0: expected a share"), ({"estimator": "gae"}, "'gae'.*group_norm")],
)
def test_wrong_settings_are_named(settings, message):
    with pytest.raises(ValueError, match=message):
        audit(load_preset("default"), **settings)


def test_the_command_prints_writes_and_fails_by_exit_status(tmp_path, capsys):
    picture, outcomes = tmp_path / "audit.png", tmp_path / "audit.json"
    assert main(["audit", "--picture", str(picture), "--json", str(outcomes)]) == 0
    printed = capsys.readouterr().out
    assert "passed: no cheat beats the honest 60 %" in printed
    assert all(f"\n{policy.name} " in printed for policy in CHEATS)
    with Image.open(picture) as image:
        assert min(image.size) > 800
    assert json.loads(outcomes.read_text())["passed"] is True
    assert main(["audit", "--preset", str(WEAK / "format_only.json")]) == 1
    assert "FAILED: " in capsys.readouterr().out


def test_a_picture_of_an_unknown_kind_is_refused():
    played = audit(load_preset("default"), policies=HONEST, prompts=10)
    with pytest.raises(ValueError, match=r"'\.bmp': expected \.png or \.svg"):
        picture(played, ".bmp")
    assert picture(played, ".svg") == picture(played, ".svg")


def test_the_audit_needs_matplotlib_for_the_picture_only():
    code = "import sys, fas_plugin.rewards.audit; assert 'matplotlib' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_estimators_are_openrlhfs_names():
    assert set(ESTIMATORS) == {"group_norm", "dr_grpo"}
