"""Label strings."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fas_plugin.labels import INSTRUMENTS, FasClass, Label, LabelError


@pytest.mark.parametrize("text", ["real", "spoof", *(f"spoof:{i}" for i in INSTRUMENTS)])
def test_a_label_string_survives_reading_and_writing(text):
    assert str(Label.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Real",
        "live",
        "0",
        "1",
        "spoof:",
        "spoof:hologram",
        "real:print",
        "real:",
        "spoof print",
    ],
)
def test_anything_else_is_refused_by_name(text):
    with pytest.raises(LabelError) as error:
        Label.parse(text)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("value", [None, 0, 1, True, ["real"], b"real"])
def test_a_label_is_a_string(value):
    with pytest.raises(LabelError, match=type(value).__name__):
        Label.parse(value)


@given(st.text())
def test_reading_gives_a_label_or_a_label_error(text):
    with contextlib.suppress(LabelError):
        assert Label.parse(text).cls in FasClass


def test_each_class_is_the_other_of_its_other():
    assert FasClass.REAL.other is FasClass.SPOOF
    assert all(cls.other.other is cls for cls in FasClass)
