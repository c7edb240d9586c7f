"""Contact sheets of prepared faces: a row per dataset, class and instrument, to look at before training."""

from __future__ import annotations

import base64
import hashlib
import heapq
import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from PIL import Image, ImageDraw, ImageFont, UnidentifiedImageError

from fas_plugin.datasets.adapters import ADAPTERS
from fas_plugin.datasets.files import write_file
from fas_plugin.datasets.record import Record, iter_manifest
from fas_plugin.labels import INSTRUMENTS, Label

#: Side of a face on the sheets, in pixels.
THUMBNAIL = 128
#: Width of the words beside a row of the picture, and its gaps, in pixels.
_WORDS = 300
_GAP = 6


@dataclass
class _Row:
    """One dataset, class and instrument."""

    domain: str
    label: str
    images: int = 0
    videos: set[str] = field(default_factory=set)
    sources: Counter[str] = field(default_factory=Counter)
    chosen: list[tuple[int, str, Record]] = field(default_factory=list)

    @property
    def title(self) -> str:
        adapter = ADAPTERS.get(self.domain)
        return f"{adapter.title if adapter else self.domain}: {self.what}"

    @property
    def what(self) -> str:
        label = Label.parse(self.label)
        if label.instrument is None:
            return "bona fide" if label.cls == "real" else "attack, instrument unknown"
        return INSTRUMENTS[label.instrument]

    @property
    def facts(self) -> str:
        where = {"annotation": "annotated", "detector": "detected", "frame": "whole frames"}
        sources = ", ".join(f"{n} {where[name]}" for name, n in self.sources.most_common())
        return f"{len(self.videos)} clips, {self.images} images: {sources}"


def show(
    faces: Path, out: Path | None = None, *, columns: int = 8, seed: int = 0
) -> tuple[Path, Path]:
    """Write ``contact_sheet.png`` and ``contact_sheet.html``.

    Args:
        faces: folder that preparation wrote.
        out: folder for the two; None for ``faces``.
        columns: faces in a row, of as many clips where there are so many; drawn by ``seed``.

    Returns:
        Their paths. The page loads nothing from anywhere else.

    Raises:
        RecordError: the manifest is broken or empty.
        ValueError: ``columns`` is not 1 to 50.
    """
    if not 1 <= columns <= 50:
        raise ValueError(f"columns {columns}: expected 1 to 50")
    rows = _rows(faces / "manifest.jsonl", columns, seed)
    if not rows:
        raise ValueError(f"{faces}: no records; make them with 'fas-plugin data prepare'")
    out = out or faces
    sheet = [(row, [_thumbnail(faces / record.image) for *_, record in row.chosen]) for row in rows]
    picture = io.BytesIO()
    _picture(sheet, columns).save(picture, "PNG")
    environment = Environment(
        loader=PackageLoader("fas_plugin.datasets", "."),
        autoescape=True,  # names come from the disk
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template("contact_sheet.html.j2").render(
        sheet=[
            (
                row,
                [
                    (record, _data_address(image))
                    for (*_, record), image in zip(row.chosen, images, strict=True)
                ],
            )
            for row, images in sheet
        ],
        synthetic=any(record.synthetic for row in rows for *_, record in row.chosen),
        folder=str(faces),
        images=sum(row.images for row in rows),
        thumbnail=THUMBNAIL,
    )
    paths = out / "contact_sheet.png", out / "contact_sheet.html"
    write_file(paths[0], picture.getvalue())
    write_file(paths[1], page.encode())
    return paths


def _rows(manifest: Path, columns: int, seed: int) -> list[_Row]:
    rows: dict[tuple[str, str], _Row] = {}
    for record in iter_manifest(manifest):
        key = (record.domain, record.label)
        row = rows.setdefault(key, _Row(*key))
        row.images += 1
        row.sources[record.face_source] += 1
        if record.video in row.videos:
            continue  # one frame of a clip; the largest of random numbers are kept
        row.videos.add(record.video)
        drawn = hashlib.blake2b(f"{seed}/{record.record_id}".encode(), digest_size=8).digest()
        item = (int.from_bytes(drawn), record.record_id, record)
        if len(row.chosen) < columns:
            heapq.heappush(row.chosen, item)
        else:
            heapq.heappushpop(row.chosen, item)
    for row in rows.values():
        row.chosen.sort(key=lambda item: item[1])
    return [row for _, row in sorted(rows.items())]


def _thumbnail(path: Path) -> Image.Image:
    try:
        with Image.open(path) as image:
            return image.convert("RGB").resize((THUMBNAIL, THUMBNAIL), Image.Resampling.LANCZOS)
    except (OSError, UnidentifiedImageError):
        missing = Image.new("RGB", (THUMBNAIL, THUMBNAIL), "#dddddd")
        ImageDraw.Draw(missing).text((10, 55), "missing", "#990000", _font(16))
        return missing


def _data_address(image: Image.Image) -> str:
    content = io.BytesIO()
    image.save(content, "WEBP", quality=90)
    return "data:image/webp;base64," + base64.b64encode(content.getvalue()).decode()


def _picture(sheet: Sequence[tuple[_Row, list[Image.Image]]], columns: int) -> Image.Image:
    height = THUMBNAIL + _GAP
    size = (_WORDS + columns * height + _GAP, len(sheet) * height + _GAP)
    picture = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(picture)
    for number, (row, images) in enumerate(sheet):
        top = _GAP + number * height
        colour = "#1b7837" if row.label == "real" else "#b2182b"
        adapter = ADAPTERS.get(row.domain)
        draw.rectangle((0, top, 5, top + THUMBNAIL - 1), colour)
        draw.text((14, top + 8), adapter.title if adapter else row.domain, "black", _font(18))
        for line, words in enumerate(_wrapped(row.what, 34)):
            draw.text((14, top + 34 + 18 * line), words, colour, _font(15))
        for line, words in enumerate(_wrapped(row.facts, 46)):
            draw.text((14, top + 78 + 15 * line), words, "#555555", _font(12))
        for column, image in enumerate(images):
            picture.paste(image, (_WORDS + column * height, top))
    return picture


def _wrapped(text: str, width: int) -> list[str]:
    lines = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
