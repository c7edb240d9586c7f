"""What short texts say in so many words, and what that adds to the network's odds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fas_plugin.labels import FasClass
from fas_plugin.rewards import stance
from fas_plugin.rewards.saying import LONGEST, OUTPUTS, WEIGHT, said


@pytest.mark.parametrize(
    ("text", "cls"),
    [
        ("It is not the case that this is not a real face.", FasClass.REAL),
        ("A living man; I have no doubt.", FasClass.REAL),
        ("No attack.", FasClass.REAL),
        ("这是真人，不是照片。", FasClass.REAL),
        ("This isn't a live face.", FasClass.SPOOF),
        ("Not real, just a printed photo.", FasClass.SPOOF),
        ("这是照片，不是真人。", FasClass.SPOOF),
    ],
)
def test_a_short_verdict_is_what_its_words_say(text, cls):
    assert said([text])[0, OUTPUTS.index(cls)] == WEIGHT
    assert stance(text).cls is cls


@pytest.mark.parametrize("text", ["", "The wall is white.", "Real or fake?", "It may be a print."])
def test_who_says_nothing_gains_nothing(text):
    assert not said([text]).any()


def test_long_texts_are_left_to_the_network():
    short = "This is a live face".ljust(LONGEST - 1, "!") + "."
    long = short + "."
    assert len(short) == LONGEST
    odds = said([short, long])
    assert odds[0].tolist() == [WEIGHT, 0, 0]
    assert not odds[1].any()


def test_evidence_in_a_longer_text_is_the_networks(monkeypatch):
    text = (
        "This is a live face. The wall behind it is white and a lamp stands on the left side of it."
    )
    assert len(text) > LONGEST
    found = stance(text)
    monkeypatch.setattr("fas_plugin.rewards.saying.WEIGHT", 0.0)
    assert stance(text) == found
    assert text[found.evidence[0].start : found.evidence[0].end] == "This is a live face"


@given(st.lists(st.text(max_size=200), max_size=5))
def test_each_text_gains_for_one_class_at_most(texts):
    odds = said(texts)
    assert odds.shape == (len(texts), len(OUTPUTS))
    assert (odds.sum(1) <= WEIGHT).all()
