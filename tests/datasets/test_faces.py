"""Where the face is, and the square that is cut out around it."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fas_plugin.datasets.faces import (
    CROPS,
    Box,
    box_from_eyes,
    crop,
    difference_hash,
    encode,
    find_upright,
    locate,
    square,
    turned,
)
from fas_plugin.datasets.pictures import Pixels

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
    assert locate(Pixels(FRAME), 10, {12: box}) == (box, "annotation")
    assert locate(Pixels(FRAME), 30, {12: box}) == (
        Box(0, 0, 320, 240),
        "frame",
    )  # no face to detect


@pytest.mark.parametrize("box", [Box(0, 0, 0, 0), Box(900, 60, 80, 100), Box(0, 0, 5000, 5000)])
def test_implausible_annotations_are_not_believed(box):
    assert locate(Pixels(FRAME), 0, {0: box})[1] != "annotation"


boxes = st.builds(
    Box, st.integers(-50, 300), st.integers(-50, 220), st.integers(16, 700), st.integers(16, 700)
)


@given(boxes, st.sampled_from(sorted(CROPS)))
@example(Box(10, 20, 80, 100, (30, 40, 30, 40)), "aligned")  # both eyes at one point
def test_every_crop_is_a_whole_square(box, style):
    left, top, side = square(box, 320, 240, 1.6)
    if side <= 240:  # it fits: nothing outside the frame is needed
        assert left >= 0 and top >= 0 and left + side <= 320 and top + side <= 240
    image = crop(Pixels(FRAME + np.uint8(7)), box, "annotation", 112, CROPS[style])
    assert image.shape == (112, 112, 3)
    assert (image == 7).all()  # the frame's edge is repeated, no black bars


def test_the_margin_shows_what_surrounds_the_face():
    frame = FRAME.copy()
    frame[:, 200:] = 255  # the edge of a sheet beside the face
    image = crop(Pixels(frame), Box(110, 70, 80, 100), "annotation", 112)
    assert image[:, -5:].mean() > 200 and image[:, :60].mean() < 50


def test_aligned_eyes_are_level_and_where_published():
    frame = np.zeros((480, 640, 3), np.uint8)
    ax, ay, bx, by = 250, 260, 370, 210  # a tilted head
    frame[ay - 4 : ay + 5, ax - 4 : ax + 5, 0] = 255
    frame[by - 4 : by + 5, bx - 4 : bx + 5, 1] = 255
    image = crop(Pixels(frame), box_from_eyes(ax, ay, bx, by), "annotation", 256, CROPS["aligned"])
    for channel, share in ((0, 0.224152), (1, 0.75610125)):
        rows, columns = np.nonzero(image[:, :, channel] > 128)
        assert rows.mean() == pytest.approx((0.37 + 0.2119465) / 1.74 * 256, abs=1.5)
        assert columns.mean() == pytest.approx((0.37 + share) / 1.74 * 256, abs=1.5)


def test_the_margin_of_a_style_is_that_of_its_source():
    box = Box(110, 70, 80, 100)
    frame = FRAME.copy()
    frame[70:170] = 255  # as high as the box: its share of the crop tells the margin
    for name, margin in (("tight", 1.0), ("ssan", 1.3), ("context", 1.6)):
        image = crop(Pixels(frame), box, "annotation", 208, CROPS[name])
        assert (image[:, 104, 0] > 127).mean() == pytest.approx(1 / margin, abs=0.02)
    assert (
        crop(Pixels(frame), box, "annotation", 208, CROPS["frame"])[:, 104, 0] > 127
    ).mean() < 0.5


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_a_box_turns_with_its_frame(degrees):
    box = Box(200, 40, 60, 90, (215, 70, 245, 75))
    marked = np.zeros((240, 320), np.uint8)
    marked[40:130, 200:260] = 1
    marked[70, 215] = marked[75, 245] = 2
    upright = np.rot90(marked, -degrees // 90)
    got = turned(box, degrees, 320, 240)
    rows, columns = np.nonzero(upright)
    assert got[:4] == (
        columns.min(),
        rows.min(),
        columns.max() - columns.min() + 1,
        rows.max() - rows.min() + 1,
    )
    eyes = sorted((column, row) for row, column in zip(*np.nonzero(upright == 2), strict=True))
    assert [got.eyes[:2], got.eyes[2:]] == eyes


def test_the_detector_finds_which_way_is_up(ocim):
    from fas_plugin.datasets.media import read_frames
    from fas_plugin.datasets.sampling import get_sampling

    clip = next(ocim.glob("CASIA-FASD/train_release/1/HR_1.avi"))
    [frame] = read_frames(clip, get_sampling("uniform:1"))
    for degrees in (0, 90, 180, 270):
        stored = np.ascontiguousarray(np.rot90(frame.picture.rgb(), degrees // 90))
        assert find_upright(stored) == degrees


def test_lossless_formats_keep_every_pixel_and_jpeg_nearly():
    import io

    from PIL import Image

    random = np.random.default_rng(0)
    image = random.integers(0, 256, (64, 64, 3), dtype=np.uint8)
    for image_format, error in (("png", 0), ("webp", 0), ("jpeg", 8)):
        read = Image.open(io.BytesIO(encode(image, image_format))).convert("RGB")
        assert np.abs(np.asarray(read, int) - image).max() <= error, image_format


def test_the_difference_hash_of_a_changed_copy_is_near_and_of_another_picture_far():
    import cv2

    random = np.random.default_rng(0)

    def bits(image):
        return int(difference_hash(image), 16)

    def picture():
        noise = random.integers(0, 256, (14, 14, 3), dtype=np.uint8)
        return cv2.resize(noise, (224, 224), interpolation=cv2.INTER_CUBIC)

    one, other = picture(), picture()
    brighter = np.clip(one.astype(int) + 10, 0, 255).astype(np.uint8)
    jpeg = cv2.imdecode(cv2.imencode(".jpg", one, [cv2.IMWRITE_JPEG_QUALITY, 70])[1], 1)
    smaller = cv2.resize(one, (112, 112), interpolation=cv2.INTER_AREA)
    for copy in (brighter, jpeg, smaller):
        assert (bits(one) ^ bits(copy)).bit_count() <= 12
    assert (bits(one) ^ bits(other)).bit_count() > 60
