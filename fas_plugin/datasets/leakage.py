"""Whether train, validation and test share a subject, a clip or a picture."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from fas_plugin.datasets.faces import DHASH_SIDE
from fas_plugin.datasets.protocols import PARTS, Splits
from fas_plugin.datasets.record import Record

#: Fields whose values no two parts may share.
EXACT = ("subject", "video", "media_fingerprint", "image_sha256")
NEAR = "near_duplicate"
#: Bits of 256 by which the difference hashes of near duplicates may differ.
NEAR_BITS = 8
#: Pairs of images that are compared pixel by pixel; more are only counted.
MAX_COMPARED = 500
#: Pairs with one band of the hash in common that are looked at; a bound for pictures without content.
_MAX_CANDIDATES = 20_000_000
_MAX_BUCKET = 2_000
_MAX_NEAR = 100_000
#: Two pictures are the same if, at this size, their grey values correlate so much and differ so little.
_SIDE = 64
_CORRELATION = 0.99
_DIFFERENCE = 8.0


class LeakageError(ValueError):
    """Something that is in more than one of train, validation and test."""


@dataclass(frozen=True)
class Leak:
    """One thing that two parts share.

    Attributes:
        kind: one of :data:`EXACT` or :data:`NEAR`.
        value: what is shared; for near duplicates the distance in bits.
        first, second: (part, record id).
    """

    kind: str
    value: str
    first: tuple[str, str]
    second: tuple[str, str]

    def __str__(self) -> str:
        return (
            f"{self.kind} {self.value!r} is in {self.first[0]} ({self.first[1]}) and in "
            f"{self.second[0]} ({self.second[1]})"
        )


@dataclass(frozen=True)
class LeakReport:
    """What the parts share.

    Attributes:
        leaks: one for each shared value, in the order of :data:`EXACT`, then near duplicates.
        look_alikes: pairs whose hashes are near but whose pixels are not; no leaks.
        not_compared: pairs whose hashes are near and whose pixels were not compared: there are too
            many, or the images are not there.
    """

    leaks: tuple[Leak, ...]
    look_alikes: int = 0
    not_compared: int = 0

    def __str__(self) -> str:
        counts = Counter(leak.kind for leak in self.leaks)
        lines = [
            "leakage: " + ", ".join(f"{counts[kind]} {kind}" for kind in (*EXACT, NEAR)) + " shared"
        ]
        lines += [f"  {leak}" for leak in self.leaks[:10]]
        if self.look_alikes:
            lines.append(f"  {self.look_alikes} pairs of images look alike but differ")
        if self.not_compared:
            lines.append(f"  {self.not_compared} pairs of images look alike and were not compared")
        return "\n".join(lines)


def find_leaks(splits: Splits, folder: Path | None = None) -> LeakReport:
    """Everything that train, validation and test share.

    Args:
        folder: of the manifest, where the images lie; without it near duplicates are not compared
            pixel by pixel, and not reported as leaks.
    """
    leaks: list[Leak] = []
    for field in EXACT:
        owner: dict[str, tuple[str, str]] = {}
        told: set[tuple[str, str]] = set()
        for part, records in splits.parts.items():
            for record in records:
                value = getattr(record, field)
                first = owner.setdefault(value, (part, record.record_id))
                if first[0] != part and (value, part) not in told:
                    told.add((value, part))
                    leaks.append(Leak(field, value, first, (part, record.record_id)))
    same = {(leak.first[1], leak.second[1]) for leak in leaks if leak.kind == "image_sha256"}
    near, left_out = _near_pairs(splits)
    near = [pair for pair in near if (pair[0][1].record_id, pair[1][1].record_id) not in same]
    look_alikes, compared = 0, 0
    for (first_part, first), (second_part, second), bits in near[:MAX_COMPARED]:
        if folder is None:
            break
        alike = _same_picture(folder / first.image, folder / second.image)
        if alike is None:
            continue
        compared += 1
        look_alikes += not alike
        if alike:
            places = (first_part, first.record_id), (second_part, second.record_id)
            leaks.append(Leak(NEAR, f"{bits} of {DHASH_SIDE**2} bits", *places))
    return LeakReport(tuple(leaks), look_alikes, len(near) - compared + left_out)


def check_leakage(splits: Splits, folder: Path | None = None) -> LeakReport:
    """Refuse splits that share anything.

    Raises:
        LeakageError: names what is shared, between which parts.
    """
    report = find_leaks(splits, folder)
    if report.leaks:
        more = f"; {len(report.leaks) - 1} more" if report.leaks[1:] else ""
        raise LeakageError(
            f"{report.leaks[0]}{more}; see 'fas-plugin data protocol', or take what leaks out of "
            "training and validation with --drop-leaks"
        )
    return report


def drop_leaks(splits: Splits, folder: Path | None = None) -> tuple[Splits, LeakReport]:
    """Take what leaks out of train and validation; test stays as published.

    Of what train and validation share, validation loses its records. A shared subject takes all
    records of the subject with it.

    Returns:
        The splits without leaks, and what was found before.
    """
    report = found = find_leaks(splits, folder)
    while report.leaks:
        values: dict[tuple[str, str], set[str]] = {}
        for leak in report.leaks:
            a, b = sorted((leak.first, leak.second), key=lambda place: PARTS.index(place[0]))
            loser = a if b[0] == "test" else b
            key = (loser[0], leak.kind)
            values.setdefault(key, set()).add(loser[1] if leak.kind == NEAR else leak.value)
        kept = {}
        for part, records in splits.parts.items():
            kept[part] = tuple(
                record
                for record in records
                if not any(
                    (record.record_id if kind == NEAR else getattr(record, kind)) in gone
                    for (loser, kind), gone in values.items()
                    if loser == part
                )
            )
        splits = replace(splits, **kept)
        report = find_leaks(splits, folder)
    return splits, found


def _near_pairs(splits: Splits) -> tuple[list[tuple], int]:
    """Pairs of records of different parts whose hashes differ in at most :data:`NEAR_BITS` bits, and
    how many were not looked at.

    Two hashes that differ in so few bits have one of ``NEAR_BITS + 1`` bands in common: only records
    that share a band are compared. Of equal hashes in a part one record stands for all.
    """
    owners, hashes = {}, {}
    for part, records in splits.parts.items():
        first: dict[str, Record] = {}
        for record in records:
            first.setdefault(record.image_dhash, record)
        owners[part] = list(first.values())
        packed = np.frombuffer(bytes.fromhex("".join(first)), np.uint8)
        hashes[part] = packed.reshape(len(first), DHASH_SIDE**2 // 8)
    # The bits of a band lie all over the picture: a plain wall fills no band.
    order = np.random.default_rng(0).permutation(DHASH_SIDE**2)
    bands = np.array_split(order, NEAR_BITS + 1)
    keys = {part: [_keys(content, band) for band in bands] for part, content in hashes.items()}
    words = {part: content.view(np.uint64) for part, content in hashes.items()}
    found: dict[tuple[str, int, str, int], int] = {}
    left_out = 0
    for one, other in itertools.combinations(PARTS, 2):
        budget = _MAX_CANDIDATES
        for band in range(len(bands)):
            a, b = keys[one][band], keys[other][band]
            sorter = np.argsort(b, kind="stable")
            ordered = b[sorter]
            start = np.searchsorted(ordered, a, "left")
            counts = np.searchsorted(ordered, a, "right") - start
            over = counts > _MAX_BUCKET
            left_out += int((counts[over] - _MAX_BUCKET).sum())
            counts = np.minimum(counts, _MAX_BUCKET)
            total = int(counts.sum())
            if total > budget:
                left_out += total - budget
                keep = np.searchsorted(np.cumsum(counts), budget)
                counts[keep:] = 0
                total = int(counts.sum())
            budget -= total
            rows = np.repeat(np.arange(len(a)), counts)
            offsets = np.arange(total) - np.repeat(np.cumsum(counts) - counts, counts)
            columns = sorter[np.repeat(start, counts) + offsets]
            for begin in range(0, total, 1_000_000):
                piece = slice(begin, begin + 1_000_000)
                i, j = rows[piece], columns[piece]
                bits = np.bitwise_count(words[one][i] ^ words[other][j]).sum(axis=1)
                near = np.nonzero(bits <= NEAR_BITS)[0]
                room = max(0, _MAX_NEAR - len(found))
                left_out += max(0, len(near) - room)
                for k in near[:room]:
                    found[one, int(i[k]), other, int(j[k])] = int(bits[k])
    pairs = [
        ((one, owners[one][i]), (other, owners[other][j]), bits)
        for (one, i, other, j), bits in sorted(found.items(), key=lambda item: (item[1], item[0]))
    ]
    return pairs, left_out


def _keys(hashes: np.ndarray, band: np.ndarray) -> np.ndarray:
    """The bits of a band as one number for each hash."""
    keys = np.zeros(len(hashes), np.int64)
    for bit in band:
        keys = keys << 1 | hashes[:, bit // 8] >> (7 - bit % 8) & 1
    return keys


def _same_picture(first: Path, second: Path) -> bool | None:
    """Whether two image files show the same picture; None where one cannot be read."""
    greys = []
    for path in (first, second):
        image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        if image is None:
            return None
        small = cv2.resize(image, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
        greys.append(small.astype(np.float64).ravel())
    if np.abs(greys[0] - greys[1]).mean() > _DIFFERENCE:
        return False
    spread = [grey.std() for grey in greys]
    if min(spread) < 1:  # nothing on it: no picture that could be learnt
        return False
    return bool(np.corrcoef(greys)[0, 1] >= _CORRELATION)
