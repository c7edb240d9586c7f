"""The class that an answer states."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fas_plugin.answer import MAX_WORDING
from fas_plugin.completion import class_of_wording
from fas_plugin.labels import INSTRUMENTS, FasClass

REAL, SPOOF = FasClass.REAL, FasClass.SPOOF

ANSWERS = {
    REAL: [
        "real",
        "Real.",
        "bona fide",
        "bona-fide",
        "BONA FIDE ✅",
        "live",
        "genuine",
        "not a spoof",
        "it's a real person",
        "This photo shows a real person",
        '{"label":"real","attack_type":null}',
        '{"real": true, "spoof": false}',
        "{'answer': 'real'}",
        "真人",
        "活体",
        "真人，不是照片",
        "是真人而不是照片。",
        "没有屏幕边框，所以是真人",
        "本人在场，毫无疑问",
        "这不是照片，是真人。",
        "No bezel, so it is live",
        "This is not, definitely, a spoof.",
        "这不是攻击",
        "真实",
        "无攻击",
        "real\u200b",
        "\u200breal",
        "ｒｅａｌ",
        "no attack",
        "non-spoof",
        "spoof = false",
        "spoof: no",
        "no spoof detected",
        "real, not a spoof",
        "not a spoof, real",
        "The face is real. No signs of spoofing.",
        "not an attack, it is a live face",
        "No, it is real",
        "<b>real</b>",
        "not only real but genuine",
        "not not real",
        "The face shows natural pores and a bezel is absent, so it is real",
        "Real (live person)",
        "I think it's real",
        "The answer is real.",
        "\\boxed{real}",
        "real real real",
        "not inauthentic",
        "真",
        "不是假的",
        "真人照片",
        "活体。",
        "**真人**",
        "<real>",
        "real</answer",
        "The person is real; the photo is genuine",
        "bonafide",
        "Bona Fide Presentation",
        "live face",
        "live human",
        "human",
        "a person, not a photo",
        "人",
        "the face is not spoofed",
        "no presentation attack",
        "no evidence of attack",
        "attack: none",
        "真实人脸",
        "是真人",
        '{"live": true}',
        '{"attack": false, "type": "none"}',
    ],
    SPOOF: [
        "spoof",
        "**Spoof**",
        "not a real face",
        "not real",
        "isn't real",
        "print",
        "photo",
        "a replay attack",
        "mask",
        "screen",
        '{"answer": "spoof"}',
        '{"is_real": false}',
        '```json\n{"class": "spoof"}\n```',
        "不是真人",
        "照片，不是真人。",
        "没有真人，只有照片",
        "It is not, clearly, real",
        "This is not, obviously, a live person.",
        "我不认为，这是真人",
        "不能说，这是真人",
        "没有证据表明，这是真人",
        "没有证据，证明是真人",
        "非活体",
        "攻击",
        "翻拍",
        "打印照片",
        "照片",
        "假体",
        "spoof: print.flat",
        "spoof:print.flat",
        "not real but a printed photo",
        "cannot be real",
        "unlikely to be real",
        "At first glance it looks real, but moire shows it is a replay.",
        "It might look real, but it is a spoof",
        "presentation attack",
        "Answer: spoof",
        "fake.",
        "this is a picture of a picture",
        "never a real face",
        "the image is fake, not genuine",
        "it isn't not a spoof",
        "The moiré pattern and the bezel reveal a replay; spoof.",
        "Spoof (replay on a tablet)",
        "spoof!",
        "SPOOF",
        "Final answer: spoof",
        "$\\text{spoof}$",
        "spoof, not real",
        "not live",
        "inauthentic",
        "not authentic",
        "deepfake",
        "假",
        "假的",
        "屏幕",
        "面具",
        "不是活体",
        "unreal",
        "3D mask",
        "silicone mask",
        "replay.tablet",
        "video replay attack",
        "phone",
        "mannequin",
        "no human",
        "a painted woman",
        "cardboard person",
        "不是人",
        "纸做的人",
        "makeup",
        "impersonation makeup",
        "非真人",
        "不像真人",
        '["spoof"]',
        '{"verdict": {"class": "spoof"}}',
        '"spoof"',
        '{"spoof": "yes"}',
    ],
    None: [
        "real or spoof",
        "real/spoof",
        "maybe real",
        "probably real",
        "real?",
        "neither real nor spoof",
        "",
        "yes",
        "unknown",
        '{"answer":"real","answer":"spoof"}',
        '{"real":0.9,"spoof":0.1}',
        "真人还是攻击",
        "可能是真人",
        "I'm not sure",
        "real and spoof",
        "spoof (looks real)",
        "real, but could be a spoof",
        "a person or a photo",
        "I am not sure, but real",
        "A",
        "0",
        "real spoof",
        "no",
        "not sure",
        "r e a l",
        "realistic",
        "surreal",
        "really",
        "surgical mask",
        "无法判断",
        "否",
        '{"answer": null}',
        '{"liveness": true}',
    ],
}


@pytest.mark.parametrize(
    ("text", "cls"), [(t, cls) for cls, texts in ANSWERS.items() for t in texts]
)
def test_states(text, cls):
    assert class_of_wording(text) is cls


@pytest.mark.parametrize("instrument", [i for i in INSTRUMENTS if i != "partial"])
def test_every_instrument_is_an_attack(instrument):
    assert class_of_wording(instrument) is SPOOF
    assert class_of_wording(f"spoof:{instrument}") is SPOOF


PLAIN = st.sampled_from(
    [("real", REAL), ("live", REAL), ("bona fide", REAL), ("spoof", SPOOF), ("replay", SPOOF)]
)


@given(
    PLAIN, st.sampled_from(["{}", "**{}**", " {}.", "`{}`", "\u200b{}\ufeff", "✅ {} 🙂", "_{}_"])
)
def test_wrapping_and_case_do_not_matter(plain, wrapping):
    word, cls = plain
    for form in (word, word.upper(), word.title()):
        assert class_of_wording(wrapping.format(form)) is cls


@given(
    PLAIN, st.sampled_from(["not {}", "not a {} face", "it isn't {}", "{}: false", "no {} at all"])
)
def test_negation_turns_the_class(plain, negation):
    word, cls = plain
    assert class_of_wording(negation.format(word)) is cls.other


@given(PLAIN, st.sampled_from(["answer", "label", "class", "prediction"]))
def test_json_is_the_class_it_holds(plain, key):
    word, cls = plain
    assert class_of_wording(json.dumps({key: word, "confidence": 0.9})) is cls


def test_an_answer_that_repeats_the_reasoning_has_its_class():
    text = "Pores are visible, the skin is natural and there is no moire, so it is a live face. "
    assert class_of_wording(text * 20) is REAL


def test_an_endless_answer_states_nothing():
    assert class_of_wording("real " * MAX_WORDING) is None


@given(st.text())
def test_never_raises(text):
    assert class_of_wording(text) in (REAL, SPOOF, None)


def test_deeply_nested_json_is_no_danger():
    assert class_of_wording("[" * 9000) is None
    assert class_of_wording('{"a":' * 3000 + '"real"' + "}" * 3000) in (REAL, None)
