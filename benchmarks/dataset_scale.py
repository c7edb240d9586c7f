"""Half a million records: how long a scan, a protocol with its leakage report and an export take, and
how much memory.

python benchmarks/dataset_scale.py              # 500,000 records
python benchmarks/dataset_scale.py --records 50000

Each step is a process of its own, as on the command line; the images are empty files.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from fas_plugin.datasets.adapters import ADAPTERS
from fas_plugin.datasets.record import SCHEMA_VERSION, json_line, validate

#: A quarter of CelebA-Spoof's images are bona fide.
LABELS = ("real", "spoof:print.flat", "spoof:replay.tablet", "spoof:mask.paper")


def make(folder: Path, count: int) -> None:
    """A CelebA-Spoof of empty image files, and prepared faces for it: a manifest and empty images."""
    chance = random.Random(0)
    dataset, faces = folder / "data/CelebA_Spoof/Data", folder / "faces"
    faces.mkdir(parents=True)
    per_subject = 60
    with (faces / "manifest.jsonl").open("wb") as manifest:
        for number in range(count):
            subject = number // per_subject
            split = "train" if subject % 10 < 8 else "test"
            label = LABELS[number % len(LABELS)]
            kind = "live" if label == "real" else "spoof"
            media = f"{split}/{subject}/{kind}/{number:06}.jpg"
            image = f"images/CA/{number % 256:02x}/{number:06}.png"
            for path in (dataset / media, faces / image):
                _touch(path)
            digest = hashlib.sha256(media.encode()).hexdigest()
            row = {
                "schema_version": SCHEMA_VERSION,
                "record_id": f"CA/Data/{media[:-4]}#0",
                "dataset": "celeba_spoof",
                "domain": "CA",
                "media": f"Data/{media}",
                "frame_index": 0,
                "image": image,
                "label": label,
                "pai_code": None if label == "real" else "1",
                "subject": f"CA/{subject}",
                "session": "1/1",
                "device": None,
                "split": split,
                "video": f"CA/Data/{media[:-4]}",
                "face_box": [10, 20, 100, 120],
                "face_source": "annotation",
                "rotation_applied": 0,
                "width": 400,
                "height": 500,
                "image_sha256": digest,
                "image_dhash": f"{chance.getrandbits(256):064x}",
                "media_fingerprint": digest,
                "synthetic": True,
            }
            if number == 0:
                validate(row)
            manifest.write(json_line(row))
    own = {
        "name": "celeba_intra",
        "title": "CelebA-Spoof, training part → test part",
        "reference": "the official split; the validation subjects are ours",
        "train": [{"domain": ["CA"], "split": ["train"]}],
        "validation_subjects": 0.02,
        "test": [{"domain": ["CA"], "split": ["test"]}],
    }
    (folder / "intra.json").write_text(json.dumps(own))


def _touch(path: Path) -> None:
    try:
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY))
    except FileNotFoundError:
        path.parent.mkdir(parents=True)
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--records", type=int, default=500_000)
    options = parser.parse_args()
    assert "CA" in ADAPTERS
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make(folder, options.records)
        faces, protocol = str(folder / "faces"), str(folder / "intra.json")
        steps = {
            "scan": ["scan", str(folder / "data")],
            "protocol, leakage report": ["protocol", protocol, faces],
            "export, jsonl": ["export", faces, str(folder / "jsonl"), "--protocol", protocol],
            "export, parquet": [
                *("export", faces, str(folder / "parquet"), "--protocol", protocol),
                *("--format", "parquet"),
            ],
        }
        total = 0.0
        print(f"{options.records:,} records")
        for step, arguments in steps.items():
            took, busy, peak, status = _run(
                [sys.executable, "-m", "fas_plugin", "data", *arguments]
            )
            if step != "export, parquet":
                total += took
            print(
                f"  {step:<26}{took:>7.1f} s, {busy:.1f} s of them on a processor{peak:>7.2f} GiB   "
                f"exit status {status}",
                flush=True,
            )
        print(f"  scan, protocol and export to JSON Lines: {total:.1f} s")


def _run(command: list[str]) -> tuple[float, float, float, int]:
    """Seconds, processor seconds, peak memory in GiB and exit status."""
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    took = time.perf_counter() - started
    busy = usage.ru_utime + usage.ru_stime
    return took, busy, usage.ru_maxrss / 2**20, os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    main()
