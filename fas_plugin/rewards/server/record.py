"""What was scored, on disk: a JSON line per completion.

A worker writes to files of its own, ``rewards-<start>-<worker>-<number>.jsonl``, and begins a new
one when a file is full. The lines of a request are written at once, before it is answered: a killed
server has lost nothing that it answered, and at most the last line of a file is cut off.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Sequence
from pathlib import Path

from fas_plugin.rewards.combine import RewardResult

logger = logging.getLogger(__name__)

#: Bytes of a file, about; and characters of a completion that are kept.
MAX_FILE = 64 * 1024 * 1024
MAX_TEXT = 8_000


class RewardRecord:
    """Appends to ``folder``. Each line has ``time`` (Unix seconds), ``label`` and what
    ``RewardResult.as_dict`` gives, and with ``keep_text`` the ``completion``.

    Raises:
        OSError: the folder cannot be made or written to.
    """

    def __init__(self, folder: Path, keep_text: bool = False, max_file: int = MAX_FILE) -> None:
        self._folder, self._keep_text, self._max_file = folder, keep_text, max_file
        self._start = time.strftime("%Y%m%dT%H%M%S")
        self._number = 0
        self._warned = 0.0
        folder.mkdir(parents=True, exist_ok=True)
        self._open()

    def _open(self) -> None:
        self._number += 1
        name = f"rewards-{self._start}-{os.getpid()}-{self._number:04d}.jsonl"
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        self._file = os.open(self._folder / name, flags, 0o644)
        self._size = 0

    def append(
        self, completions: Sequence[str], labels: Sequence[str], results: Sequence[RewardResult]
    ) -> bool:
        """Write a line for each. False where that failed: rewards matter more than their record."""
        now = round(time.time(), 3)
        lines = []
        for completion, label, result in zip(completions, labels, results, strict=True):
            row = {"time": now, "label": label, **result.as_dict()}
            if self._keep_text:
                row["completion"] = completion[-MAX_TEXT:]
            lines.append(json.dumps(row) + "\n")
        content = "".join(lines).encode()
        try:
            if self._size and self._size + len(content) > self._max_file:
                os.fdatasync(self._file)
                os.close(self._file)
                self._open()
            written = os.write(self._file, content)
            while written < len(content):
                written += os.write(self._file, content[written:])
        except OSError as error:
            if time.monotonic() - self._warned > 60:
                self._warned = time.monotonic()
                logger.warning("record in %s: %s; scoring goes on without it", self._folder, error)
            return False
        self._size += len(content)
        return True
