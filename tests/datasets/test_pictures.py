"""A piece of a video's frame is what the same piece of the whole frame would be."""

import av
import cv2
import numpy as np
import pytest
from av.video.reformatter import ColorRange, Colorspace

from fas_plugin.datasets.pictures import Area, Pixels, VideoPicture


def frame(pixel_format, width=322, height=246, colorspace=Colorspace.ITU709):
    """A frame of soft colours."""
    noise = np.random.default_rng(0).integers(
        0, 256, (2 + height // 40, 2 + width // 40, 3), np.uint8
    )
    image = cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)
    full = "j" in pixel_format
    return av.VideoFrame.from_ndarray(image, format="rgb24").reformat(
        format=pixel_format,
        dst_colorspace=colorspace,
        dst_color_range=ColorRange.JPEG if full else ColorRange.MPEG,
    )


FORMATS = ("yuv420p", "yuvj420p", "yuv422p", "yuvj422p", "yuv444p", "yuv410p", "rgb24")


@pytest.mark.parametrize("pixel_format", FORMATS)
@pytest.mark.parametrize("size", [(100, 80), (200, 160), (60, 48), (448, 358)])
def test_a_piece_has_the_colours_of_the_whole(pixel_format, size):
    picture = VideoPicture(frame(pixel_format))
    area = Area(41, 33, 141, 113)  # starts amid a sample of colour
    piece = picture.cut(area, size)
    assert piece.shape == (size[1], size[0], 3)
    error = np.abs(piece.astype(int) - Pixels(picture.rgb()).cut(area, size))
    assert error.mean() < 4 and np.quantile(error, 0.99) < 16


@pytest.mark.parametrize("side", [448, 250, 112])
def test_a_piece_is_as_near_to_the_scene_as_one_of_the_whole(side):
    chance = np.random.default_rng(0)
    colours = cv2.resize(chance.integers(0, 156, (8, 8, 3), np.uint8), (320, 320))
    texture = cv2.resize(chance.integers(0, 100, (160, 160, 1), np.uint8), (320, 320))
    scene = colours + texture[..., None]
    picture = VideoPicture(
        av.VideoFrame.from_ndarray(scene, format="rgb24").reformat(format="yuv420p")
    )
    area, size = Area(20, 20, 300, 300), (side, side)
    truth = Pixels(scene).cut(area, size).astype(int)
    ours, whole = (
        np.square(cut - truth).mean()
        for cut in (picture.cut(area, size), Pixels(picture.rgb()).cut(area, size))
    )
    assert ours < 1.05 * whole


@pytest.mark.parametrize("colorspace", [Colorspace.ITU601, Colorspace.ITU709])
def test_colours_are_read_as_the_video_says(colorspace):
    picture = VideoPicture(frame("yuv420p", colorspace=colorspace))
    whole = picture.cut(Area(0, 0, 322, 246), (322, 246))
    assert np.abs(whole.astype(int) - picture.rgb()).mean() < 4


@pytest.mark.parametrize("width, height", [(33, 47), (64, 33), (35, 64)])
def test_odd_sizes_are_read_to_their_edge(width, height):
    picture = VideoPicture(frame("yuv420p", width, height))
    edge = picture.cut(Area(width - 9, height - 7, width, height), (9, 7))
    assert np.abs(edge.astype(int) - picture.rgb()[-7:, -9:]).mean() < 8


def test_a_large_picture_scaled_down_is_averaged():
    stripes = np.zeros((1000, 1000, 3), np.uint8)
    stripes[:, ::2] = 255
    small = Pixels(stripes).cut(Area(0, 0, 1000, 1000), (250, 250))
    assert np.abs(small.astype(int) - 127).max() <= 1  # no moire of our own
