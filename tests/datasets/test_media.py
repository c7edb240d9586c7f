"""Decoding: which frames, upright, and what a broken or hostile file is told."""

import fractions
from itertools import pairwise

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fas_plugin.datasets.media import MediaError, frame_indices, sample_frames


def write_video(path, count=10, size=(64, 48), codec="mpeg4"):
    """Frame i is grey of brightness 20 i (modulo 256), with a bright top left corner."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, rate=fractions.Fraction(25))
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        for i in range(count):
            picture = np.full((size[1], size[0], 3), 20 * i % 256, np.uint8)
            picture[:16, :16] = 255
            out.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        out.mux(stream.encode())
    return path


@given(st.integers(1, 10_000), st.integers(1, 64))
def test_frames_are_distinct_ordered_and_spread(count, k):
    indices = frame_indices(count, k)
    assert len(indices) == min(k, count)
    assert indices == sorted(set(indices)) and indices[0] >= 0 and indices[-1] < count
    gaps = {b - a for a, b in pairwise(indices)}
    assert len(gaps) <= 1 or max(gaps) - min(gaps) == 1


def test_two_frames_of_ten_are_the_third_and_the_eighth(tmp_path):
    sample = sample_frames(write_video(tmp_path / "a.avi"), 2)
    assert [index for index, _ in sample.frames] == [2, 7]
    for index, frame in sample.frames:
        assert frame.shape == (48, 64, 3) and frame.dtype == np.uint8
        assert abs(int(frame[40, 40].mean()) - 20 * index) < 6


def test_a_clip_stored_upside_down_is_turned(tmp_path):
    path = write_video(tmp_path / "a.mp4")
    plain = sample_frames(path, 1)
    turned = sample_frames(path, 1, stored_rotation=180)
    assert plain.rotation_applied == 0 and turned.rotation_applied == 180
    np.testing.assert_array_equal(turned.frames[0][1], plain.frames[0][1][::-1, ::-1])


def test_a_file_cut_off_in_the_middle_is_broken_by_name(tmp_path):
    path = write_video(tmp_path / "cut.avi", count=40)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(MediaError, match=r"cut\.avi"):
        sample_frames(path, 2)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0" * 4096,
        b"not a video at all",
        b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n",  # a playlist would open other files
        b"ffconcat version 1.0\nfile '/etc/passwd'\n",
    ],
)
def test_whatever_is_no_video_is_refused_by_name(tmp_path, content):
    path = tmp_path / "clip.avi"
    path.write_bytes(content)
    with pytest.raises(MediaError, match=r"clip\.avi"):
        sample_frames(path, 2)


def test_frames_too_small_to_hold_a_face_are_refused(tmp_path):
    with pytest.raises(MediaError, match="16 x 16 pixels"):
        sample_frames(write_video(tmp_path / "a.avi", size=(16, 16)), 1)
