"""Where the face is, and the square that is cut out around it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fas_plugin.datasets.faces import Box, box_from_eyes, crop, locate, square

FRAME = np.zeros((240, 320, 3), np.uint8)


def test_eyes_give_a_box_around_them_in_either_order():
    box = box_from_eyes(140, 100, 180, 100)
    assert box == box_from_eyes(180, 100, 140, 100)
    assert box.x < 140 and box.x + box.width > 180
    assert box.y < 100 < box.y + box.height
    assert box.x + box.width / 2 == pytest.approx(160, abs=1)
    assert box_from_eyes(5, 5, 5, 5) is None


def test_a_near_annotation_counts_and_a_far_one_does_not():
    box = Box(100, 60, 80, 100)
    assert locate(FRAME, 10, {12: box}) == (box, "annotation")
    assert locate(FRAME, 30, {12: box}) == (Box(0, 0, 320, 240), "frame")  # no face to detect


@pytest.mark.parametrize("box", [Box(0, 0, 0, 0), Box(900, 60, 80, 100), Box(0, 0, 5000, 5000)])
def test_implausible_annotations_are_not_believed(box):
    assert locate(FRAME, 0, {0: box})[1] != "annotation"


boxes = st.builds(
    Box, st.integers(-50, 300), st.integers(-50, 220), st.integers(16, 700), st.integers(16, 700)
)


@given(boxes)
def test_every_crop_is_a_whole_square(box):
    left, top, side = square(box, 320, 240)
    if side <= 240:  # it fits: nothing outside the frame is needed
        assert left >= 0 and top >= 0 and left + side <= 320 and top + side <= 240
    image = crop(FRAME + np.uint8(7), box, "annotation", 112)
    assert image.shape == (112, 112, 3)
    assert (image == 7).all()  # the frame's edge is repeated, no black bars


def test_the_margin_shows_what_surrounds_the_face():
    frame = FRAME.copy()
    frame[:, 200:] = 255  # the edge of a sheet beside the face
    image = crop(frame, Box(110, 70, 80, 100), "annotation", 112)
    assert image[:, -5:].mean() > 200 and image[:, :60].mean() < 50
