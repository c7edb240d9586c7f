"""Decoding: the wanted frames exactly, and what a broken or hostile file is told."""

import fractions
import shutil

import av
import h5py
import numpy as np
import pytest
from PIL import Image

from fas_plugin.datasets import media
from fas_plugin.datasets.media import MediaError, read_frames, upright
from fas_plugin.datasets.sampling import Sampling, get_sampling

TWO = get_sampling("uniform:2")


def write_video(path, count=10, size=(64, 48), codec="mpeg4", options=None, turn=0):
    """Frame i is grey of brightness 20 i (modulo 256), with a bright top left corner."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, rate=fractions.Fraction(25), options=options or {})
        stream.width, stream.height = size
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        if turn:
            stream.set_display_rotation(turn)
        for i in range(count):
            picture = np.full((size[1], size[0], 3), 20 * i % 256, np.uint8)
            picture[:16, :16] = 255
            out.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        out.mux(stream.encode())
    return path


def every_frame(path):
    """By decoding from the start, with nothing of ours."""
    with av.open(str(path)) as clip:
        return [frame.to_ndarray(format="rgb24") for frame in clip.decode(video=0)]


CLIPS = {
    "long_gop.mp4": ("h264", {"bf": "3", "g": "250"}),
    "b_frames.mov": ("h264", {"bf": "3", "g": "12", "b_strategy": "0"}),
    "open_gop.mp4": ("h264", {"x264-params": "open-gop=1:keyint=12:bframes=3:scenecut=0"}),
    "b_frames.avi": ("mpeg4", {"bf": "2", "g": "12"}),
    "no_times.avi": ("h264", {"bf": "3", "g": "12"}),  # an AVI has no presentation times
    "stream.ts": ("h264", {"bf": "3", "g": "12"}),
    "plain.avi": ("mpeg4", {"g": "12"}),
    "every_frame_alone.mov": ("mjpeg", {}),
    "b_frames.mkv": ("h264", {"bf": "3", "g": "12"}),
}


@pytest.mark.parametrize("name", CLIPS)
def test_sought_frames_are_those_that_decoding_from_the_start_gives(tmp_path, name):
    codec, options = CLIPS[name]
    path = write_video(tmp_path / name, count=60, codec=codec, options=options)
    frames = every_frame(path)
    assert len(frames) == 60
    for wanted in ([0], [59], [3, 4], [11, 12, 13], [12, 30, 31, 55], [7, 36], list(range(60))):
        got = list(read_frames(path, Sampling("test", "", lambda count, w=wanted: w)))
        assert [frame.index for frame in got] == wanted
        for frame in got:
            np.testing.assert_array_equal(frame.picture.rgb(), frames[frame.index])


def test_only_what_is_needed_is_decoded(tmp_path, monkeypatch):
    path = write_video(tmp_path / "a.mp4", count=120, codec="h264", options={"g": "10", "bf": "2"})
    decoded = []
    real = av.container.InputContainer.decode

    class Spy:
        def __init__(self, container):
            self.container = container

        def decode(self, *streams):
            for frame in real(self.container, *streams):
                decoded.append(frame.pts)
                yield frame

        def __getattr__(self, name):
            return getattr(self.container, name)

    opened = av.open
    monkeypatch.setattr(media.av, "open", lambda *a, **k: Spy(opened(*a, **k)))
    read(path)
    assert 2 <= len(decoded) <= 2 * 12


def test_a_rotation_tag_is_reported_and_turns_the_frame_upright(tmp_path):
    tagged = write_video(tmp_path / "a.mp4", codec="h264", turn=90)  # counter-clockwise
    [frame] = read_frames(tagged, get_sampling("uniform:1"))
    assert frame.tag == 270
    turned = upright(frame.picture.rgb(), frame.tag)
    assert turned.shape == (64, 48, 3)
    np.testing.assert_array_equal(turned, np.rot90(frame.picture.rgb()))
    np.testing.assert_array_equal(
        upright(frame.picture.rgb(), 180), frame.picture.rgb()[::-1, ::-1]
    )
    np.testing.assert_array_equal(
        upright(frame.picture.rgb(), 90), np.rot90(frame.picture.rgb(), -1)
    )


@pytest.mark.parametrize("name", ["cut.avi", "cut.mp4", "cut.mkv", "cut.mov"])
def test_a_file_cut_off_in_the_middle_is_broken_by_name(tmp_path, name):
    options = {"movflags": "faststart"} if name.endswith("mp4") else {}
    path = write_video(tmp_path / name, count=200, options=options)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(MediaError, match=name.replace(".", r"\.")):
        read(path)


HOSTILE = [
    b"",
    b"\0" * 4096,
    b"not a video at all",
    b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n",  # a playlist would open other files
    b"ffconcat version 1.0\nfile '/etc/passwd'\n",
]


def read(path, sampling=TWO):
    images = [(0, path)] if path.suffix in (".png", ".jpg") else []
    return list(read_frames(path, sampling, images))


@pytest.mark.parametrize("name", ["clip.avi", "clip.mp4", "clip.jpg", "clip.png", "clip.hdf5"])
@pytest.mark.parametrize("content", HOSTILE)
def test_whatever_is_no_clip_is_refused_by_name(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(MediaError, match=name.replace(".", r"\.")):
        read(path)


def test_frames_too_small_to_hold_a_face_are_refused(tmp_path):
    with pytest.raises(MediaError, match="16 x 16 pixels"):
        list(read_frames(write_video(tmp_path / "a.avi", size=(16, 16)), TWO))


def test_a_wrong_extension_is_refused_by_name(tmp_path, ocim):
    clip = next(ocim.rglob("*.avi"))
    shutil.copy(clip, tmp_path / "a.png")
    with pytest.raises(MediaError, match=r"a\.png"):
        read(tmp_path / "a.png")


# --- Images ---------------------------------------------------------------------------------------


def picture(width=64, height=48):
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[:, :, 0] = np.linspace(0, 255, width, dtype=np.uint8)
    pixels[:, :, 1] = np.linspace(0, 255, height, dtype=np.uint8)[:, None]
    return pixels


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_ends_upright_as_pillow_does_it(tmp_path, orientation):
    from PIL import ImageOps

    image = Image.fromarray(picture())
    exif = Image.Exif()
    exif[0x0112] = orientation
    image.save(tmp_path / "a.png", exif=exif)
    [frame] = read(tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as stored:
        expected = np.asarray(ImageOps.exif_transpose(stored))
    np.testing.assert_array_equal(upright(frame.picture.rgb(), frame.tag), expected)


def test_a_picture_of_30000_pixels_is_refused_without_decoding_it(tmp_path):
    Image.new("1", (30_000, 30_000)).save(tmp_path / "bomb.png")  # a few kB of file
    with pytest.raises(MediaError, match=r"bomb\.png: .* pixels"):
        read(tmp_path / "bomb.png")


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "CMYK", "I;16", "1"])
def test_every_kind_of_picture_becomes_rgb(tmp_path, mode):
    if mode == "I;16":
        image = Image.fromarray(np.full((48, 64), 200 << 8, np.uint16))
    else:
        image = Image.fromarray(picture()).convert(mode)
    path = tmp_path / ("a.jpg" if mode == "CMYK" else "a.png")
    image.save(path)
    [frame] = read(path)
    assert frame.picture.rgb().shape == (48, 64, 3) and frame.picture.rgb().dtype == np.uint8
    if mode == "I;16":
        assert (frame.picture.rgb() == 200).all()


def test_a_truncated_picture_is_broken_by_name(tmp_path):
    Image.fromarray(picture(640, 480)).save(tmp_path / "a.jpg")
    content = (tmp_path / "a.jpg").read_bytes()
    (tmp_path / "a.jpg").write_bytes(content[: len(content) // 2])
    with pytest.raises(MediaError, match=r"a\.jpg"):
        read(tmp_path / "a.jpg")


def test_image_files_are_a_clip_and_keep_their_numbers(tmp_path):
    images = []
    for number in range(0, 110, 10):
        Image.new("RGB", (64, 48), (number, 0, 0)).save(tmp_path / f"{number}.png")
        images.append((number, tmp_path / f"{number}.png"))
    frames = list(read_frames(tmp_path / "0.png", get_sampling("all"), images))
    assert [(frame.index, frame.picture.rgb()[0, 0, 0]) for frame in frames] == [
        (number, number) for number, _ in images
    ]
    assert [f.index for f in read_frames(tmp_path / "0.png", TWO, images)] == [20, 80]


# --- HDF5 -----------------------------------------------------------------------------------------


def coloured(count, height=48, width=64):
    """(count, 3, height, width): frame i is red i, green 100, blue 200."""
    frames = np.zeros((count, 3, height, width), np.uint8)
    frames[:, 0] = np.arange(count)[:, None, None]
    frames[:, 1], frames[:, 2] = 100, 200
    return frames


def test_3dmad_frames_are_rgb_channel_first(tmp_path):
    with h5py.File(tmp_path / "01_01_01.hdf5", "w") as file:
        file.create_dataset("Color_Data", data=coloured(10), chunks=(1, 3, 48, 64))
        file.create_dataset("Depth_Data", data=np.zeros((10, 1, 48, 64), np.uint16))
    frames = list(read_frames(tmp_path / "01_01_01.hdf5", TWO))
    assert [frame.index for frame in frames] == [2, 7]
    for frame in frames:
        assert frame.picture.rgb().shape == (48, 64, 3)
        assert frame.picture.rgb()[0, 0].tolist() == [frame.index, 100, 200]


def test_wmca_frames_are_groups_in_the_order_of_their_numbers(tmp_path):
    with h5py.File(tmp_path / "a.hdf5", "w") as file:
        for i in range(12):
            file.create_dataset(f"Frame_{i}/array", data=coloured(12)[i])
    frames = list(read_frames(tmp_path / "a.hdf5", get_sampling("all")))
    assert [frame.picture.rgb()[0, 0, 0] for frame in frames] == list(range(12))


def test_hdf5_links_to_other_files_are_refused(tmp_path):
    with h5py.File(tmp_path / "secret.hdf5", "w") as file:
        file.create_dataset("Color_Data", data=coloured(3))
    with h5py.File(tmp_path / "link.hdf5", "w") as file:
        file["Color_Data"] = h5py.ExternalLink("secret.hdf5", "Color_Data")
    (tmp_path / "raw").write_bytes(coloured(3).tobytes())
    with h5py.File(tmp_path / "raw.hdf5", "w") as file:
        file.create_dataset("Color_Data", (3, 3, 48, 64), np.uint8, external=str(tmp_path / "raw"))
    for name in ("link.hdf5", "raw.hdf5"):
        with pytest.raises(MediaError, match=r"a link|of its own"):
            list(read_frames(tmp_path / name, TWO))


@pytest.mark.parametrize(
    ("shape", "dtype", "chunks", "reason"),
    [
        ((2, 3, 30_000, 30_000), "u1", (1, 3, 64, 64), "30000 x 30000 pixels"),
        ((100_000, 3, 480, 640), "u1", (10_000, 3, 480, 640), "in pieces of"),
        ((2, 3, 48, 64), "f8", None, "float64"),
        ((2, 48, 64, 3), "u1", None, "3 x 64|64 x 3 pixels|three colours"),
        ((0, 3, 48, 64), "u1", None, "no frames"),
    ],
)
def test_hdf5_bombs_and_other_shapes_are_refused(tmp_path, shape, dtype, chunks, reason):
    with h5py.File(tmp_path / "a.hdf5", "w") as file:
        file.create_dataset("Color_Data", shape, dtype, chunks=chunks)  # written lazily: a few kB
    with pytest.raises(MediaError, match=reason):
        list(read_frames(tmp_path / "a.hdf5", TWO))
