"""How fast preparation is, beside a bare loop that opens, seeks, decodes and does nothing else.

python benchmarks/prepare_speed.py                  # ratios for each kind of clip, one and two processes
python benchmarks/prepare_speed.py --kills 10       # killed at random moments: are the bytes the same?

The clips are like those of the releases: codec, container, size, length and annotation.
"""

from __future__ import annotations

import argparse
import fractions
import hashlib
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np

from fas_plugin.datasets.adapters import ADAPTERS, Found
from fas_plugin.datasets.adapters.listing import find_folder, iter_clips
from fas_plugin.datasets.prepare import PrepareError, prepare
from fas_plugin.datasets.sampling import get_sampling


@dataclass(frozen=True)
class Kind:
    """Clips of one release."""

    domain: str
    name: str
    codec: str
    options: dict[str, str]
    size: tuple[int, int]
    frames: int


KINDS = (
    Kind("O", "OULU-NPU: MPEG-4 .avi", "mpeg4", {"qscale:v": "4"}, (1080, 1920), 150),
    Kind("M", "MSU-MFSD: H.264 .mp4, B-frames", "h264", {"crf": "20", "bf": "3"}, (720, 480), 300),
    Kind("I", "Replay-Attack: Motion JPEG .mov", "mjpeg", {"qscale:v": "3"}, (320, 240), 235),
)


#: Image formats and sides.
OPTIONS = (("png", 448), ("jpeg", 448), ("png", 224), ("png", 112))


def make(root: Path, kind: Kind, count: int) -> None:
    """Clips of a textured picture that moves, with the annotation of the release."""
    draw = np.random.default_rng(0)
    width, height = kind.size
    for number in range(count):
        wall = draw.integers(0, 256, (height // 4 + 30, width // 4 + 30, 3), dtype=np.uint8)
        wall = cv2.resize(wall, None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC)
        path, note, line = _names(root, kind, number)
        path.parent.mkdir(parents=True, exist_ok=True)
        note.parent.mkdir(parents=True, exist_ok=True)
        note.write_text("\n".join(line.format(i) for i in range(kind.frames)) + "\n")
        with av.open(str(path), "w") as out:
            rate = fractions.Fraction(25)
            stream = out.add_stream(kind.codec, rate=rate, options=kind.options)
            stream.width, stream.height = kind.size
            stream.pix_fmt = "yuvj420p" if kind.codec == "mjpeg" else "yuv420p"
            for i in range(kind.frames):
                x, y = int(50 + 40 * np.sin(i / 9)), int(50 + 40 * np.cos(i / 7))
                picture = np.ascontiguousarray(wall[y : y + height, x : x + width])
                frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
                out.mux(stream.encode(frame))
            out.mux(stream.encode())


def _names(root: Path, kind: Kind, number: int) -> tuple[Path, Path, str]:
    """A clip, its annotation, and the annotation's line; half of the clips are bona fide."""
    real = number % 2 == 0
    subject = number // 2 + 1
    x, y, w, h = (round(s * v) for s, v in zip((0.3, 0.25, 0.4, 0.35), kind.size * 2, strict=True))
    if kind.domain == "O":
        stem = root / f"OULU-NPU/Train_files/1_1_{subject:02}_{1 if real else 2}"
        eyes = (x + w // 4, y + h // 3, x + 3 * w // 4, y + h // 3)
        return stem.with_suffix(".avi"), stem.with_suffix(".txt"), "{}," + ",".join(map(str, eyes))
    if kind.domain == "M":
        subject = (2, 3, 5, 6, 7, 8, 9, 11, 12, 21, 22, 34, 53, 54, 55)[number // 2 % 15]
        name = (
            "real/real_client{:03}_laptop_SD_scene01"
            if real
            else ("attack/attack_client{:03}_laptop_SD_ipad_video_scene01")
        )
        stem = root / "MSU-MFSD/scene01" / name.format(subject)
        row = (x, y, x + w, y + h, x + w, y, x, y)
        return stem.with_suffix(".mov"), stem.with_suffix(".face"), "{}," + ",".join(map(str, row))
    clients = (1, 2, 4, 6, 7, 8, 12, 16, 18, 25, 27, 103, 105, 108, 110)
    client = f"client{clients[number // 2 % 15]:03}_session01"
    name = (
        f"train/real/{client}_webcam_authenticate_adverse_1"
        if real
        else (f"train/attack/fixed/attack_print_{client}_highdef_photo_adverse")
    )
    folder = root / "Replay-Attack"
    row = " ".join(map(str, (x, y, w, h)))
    return folder / f"{name}.mov", folder / f"face-locations/{name}.face", "{} " + row


def bare(paths: list[Path], frames: str) -> int:
    """Decode the same frames of the same clips with the same decoder; returns how many."""
    sampling = get_sampling(frames)
    done = 0
    for path in paths:
        with av.open(str(path)) as clip:
            stream = clip.streams.video[0]
            stream.codec_context.thread_count = 1
            step = 1 / (stream.average_rate * stream.time_base)
            start = stream.start_time or 0
            for index in sampling.indices(stream.frames):
                wanted = start + round(index * step)
                clip.seek(wanted, stream=stream)
                for frame in clip.decode(stream):
                    if frame.pts >= wanted:
                        frame.to_ndarray(format="rgb24")
                        done += 1
                        break
    return done


def speed(folder: Path, count: int, frames: str, rounds: int) -> None:
    print(
        f"{count} clips a kind, frames {frames}; frames/s in one process, and their ratio: medians of "
        f"{rounds} rounds.\nThe last column is the ratio of processor time, which other work on the "
        f"machine disturbs less.\n{'':<48}{'bare':>8}{'prepare':>9}{'ratio':>7}{'':>7}"
    )
    rates: dict[str, tuple[float, float]] = {}
    for kind in KINDS:
        root = folder / kind.domain
        make(root, kind, count)
        paths = [
            clip.path
            for clip in iter_clips(
                find_folder(root, ADAPTERS[kind.domain]), ADAPTERS[kind.domain], Found()
            )
        ]
        for image_format, size in OPTIONS:
            measured = []
            for number in range(rounds):
                started, busy = time.perf_counter(), time.process_time()
                done = bare(paths, frames)
                between, busy_between = time.perf_counter(), time.process_time()
                out = folder / f"out-{number}"
                options = {"image_format": image_format, "image_size": size, "workers": 1}
                summary = prepare(root, out, frames=frames, **options)
                ended, busy_ended = time.perf_counter(), time.process_time()
                if sum(summary.images.values()) != done:
                    raise AssertionError(f"{summary.images} images, {done} frames by the bare loop")
                shutil.rmtree(out)
                measured.append(
                    (
                        done / (between - started),
                        done / (ended - between),
                        (between - started) / (ended - between),
                        (busy_between - busy) / (busy_ended - busy_between),
                    )
                )
            theirs, ours, ratio, processor = map(statistics.median, zip(*measured, strict=True))
            name = f"{kind.name}, {image_format} {size}"
            print(f"{name:<48}{theirs:>8.1f}{ours:>9.1f}{ratio:>7.2f}{processor:>7.2f}", flush=True)
            if (image_format, size) == OPTIONS[0]:
                rates[kind.name] = (theirs, ours)
    theirs, ours = (sum(1 / rate[i] for rate in rates.values()) for i in (0, 1))
    print(
        f"as many frames of each kind, {OPTIONS[0][0]} {OPTIONS[0][1]}: ratio {theirs / ours:.2f}"
    )


def processes(folder: Path, clips: int, rounds: int) -> None:
    """Two processes against one, their start included; the clips are links to a few."""
    root = folder / "many"
    kind = KINDS[0]
    make(root, kind, 12)
    for number in range(12, clips):
        for old, new in zip(
            *(_names(root, kind, n)[:2] for n in (number % 12, number)), strict=True
        ):
            os.link(old, new)
    ratios = []
    for number in range(rounds):
        took = []
        for workers in (1, 2):
            out = folder / f"out-{workers}-{number}"
            started = time.perf_counter()
            prepare(root, out, frames="uniform:8", image_size=448, workers=workers)
            took.append(time.perf_counter() - started)
            shutil.rmtree(out)
        ratios.append(took[0] / took[1])
    print(
        f"two processes against one, {clips} clips, start included: "
        f"{statistics.median(ratios):.2f} times as fast"
    )


def kills(folder: Path, count: int, times: int, seed: int) -> None:
    """Kill a preparation at random moments, go on after each, and compare with an undisturbed one."""
    root = folder / "root"
    for kind in KINDS:
        make(root, kind, count)
    options = {"frames": "uniform:4", "image_size": 224, "workers": 2}
    started = time.perf_counter()
    prepare(root, folder / "undisturbed", **options)
    whole = time.perf_counter() - started
    script = folder / "job.py"
    script.write_text(
        "from pathlib import Path\nfrom fas_plugin.datasets.prepare import prepare\n"
        "if __name__ == '__main__':\n"
        f"    prepare(Path({str(root)!r}), Path({str(folder / 'killed')!r}), **{options!r})\n"
    )
    chance = random.Random(seed)
    killed = 0
    while killed < times:
        job = subprocess.Popen([sys.executable, script], stderr=subprocess.DEVNULL)
        try:
            job.wait(timeout=chance.uniform(0.5, 1.0 + whole / 4))
        except subprocess.TimeoutExpired:
            job.kill()
            job.wait()
            killed += 1
        else:  # it was done: begin anew
            shutil.rmtree(folder / "killed", ignore_errors=True)
    while True:
        try:
            prepare(root, folder / "killed", **options)
            break
        except PrepareError:  # a worker of the last one is ending
            time.sleep(0.1)
    same = _digests(folder / "killed") == _digests(folder / "undisturbed")
    files = len(_digests(folder / "undisturbed"))
    print(f"killed {killed} times: {files} files, {'the same bytes' if same else 'OTHER BYTES'}")
    if not same:
        sys.exit(1)


def _digests(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, default=24, help="of each kind")
    parser.add_argument("--frames", default="uniform:2")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--kills", type=int, metavar="N", help="kill N times instead")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as folder:
        if options.kills:
            kills(Path(folder), options.clips, options.kills, options.seed)
        else:
            speed(Path(folder), options.clips, options.frames, options.rounds)
            processes(Path(folder), 110, options.rounds)


if __name__ == "__main__":
    main()
