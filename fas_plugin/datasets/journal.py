"""Which clips a preparation has finished, on disk: what a killed one goes on from."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path


class Journal:
    """Finished clips, by key; where their lines lie."""

    def __init__(self, out: Path, wanted: set[str]) -> None:
        self.finished = out / "journal.jsonl"
        self.growing = out / "journal.partial.jsonl"
        self.places: dict[str, tuple[bool, int]] = {}  # key -> in the growing file, offset
        for path in (self.finished, self.growing):
            self._scan(path, wanted)
        self.file = None

    def _scan(self, path: Path, wanted: set[str]) -> None:
        if not path.exists():
            return
        whole = 0
        with path.open("rb") as lines:
            for line in lines:
                if not line.endswith(b"\n"):
                    break
                key = line[9:41].decode("ascii", "replace")  # after {"key": "
                if key in wanted:
                    self.places[key] = (path == self.growing, whole)
                whole += len(line)
        if path == self.growing and whole < path.stat().st_size:
            os.truncate(path, whole)  # a line that a killed call did not finish

    def append(self, key: str, line: str) -> None:
        """Keep a finished clip, even if the next moment is the last."""
        if self.file is None:
            self.file = self.growing.open("ab")
        self.places[key] = (True, self.file.tell())
        self.file.write(line.encode())
        self.file.flush()

    def lines(self, order: Iterable[str]) -> Iterator[bytes]:
        """The lines of finished clips, in this order of their keys."""
        files = {}
        try:
            for key in order:
                growing, offset = self.places[key]
                if growing not in files:
                    files[growing] = (self.growing if growing else self.finished).open("rb")
                files[growing].seek(offset)
                yield files[growing].readline()
        finally:
            for file in files.values():
                file.close()

    def close(self) -> None:
        """All is in ``journal.jsonl``; the growing file goes."""
        if self.file is not None:
            self.file.close()
        self.growing.unlink(missing_ok=True)
