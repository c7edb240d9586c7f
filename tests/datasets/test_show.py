"""Contact sheets: every dataset, class and instrument, and nothing from elsewhere."""

import re

from PIL import Image

from fas_plugin.cli import main
from fas_plugin.datasets.show import THUMBNAIL


def test_every_class_and_instrument_has_its_row(faces, records, tmp_path, capsys):
    assert main(["data", "show", str(faces), "--out", str(tmp_path), "--columns", "3"]) == 0
    picture, page = (tmp_path / f"contact_sheet.{suffix}" for suffix in ("png", "html"))
    assert capsys.readouterr().out.split() == [str(picture), str(page)]
    rows = {(record.domain, record.label) for record in records}
    text = page.read_text(encoding="utf-8")
    assert text.count("<section") == len(rows)
    with Image.open(picture) as image:
        assert image.height > len(rows) * THUMBNAIL and image.width > 3 * THUMBNAIL
    for words in ("MSU-MFSD: bona fide", "CASIA-FASD: printed photo with cut-out eyes"):
        assert words in text
    # Everything is inside: no address but those of the pictures themselves.
    assert all(
        link.startswith("data:image/webp;base64,") for link in re.findall(r'src="([^"]+)', text)
    )
    assert not re.search(r"https?://|<script|<link|url\(", text)
    shown = re.findall(r"<figcaption>([^<]+?)(?: \(whole frame\))?</figcaption>", text)
    videos = {record.record_id: record.video for record in records}
    assert len(shown) == len({videos[name] for name in shown})  # one frame of a clip


def test_a_picture_that_is_gone_is_drawn_as_missing(faces, records, tmp_path):
    (tmp_path / "manifest.jsonl").write_bytes((faces / "manifest.jsonl").read_bytes())
    assert main(["data", "show", str(tmp_path)]) == 0
    assert (tmp_path / "contact_sheet.png").stat().st_size > 1000
