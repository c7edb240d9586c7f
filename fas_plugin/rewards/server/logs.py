"""The server's log: lines for people, or JSON for machines."""

from __future__ import annotations

import json
import logging
import time


class _JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        row = {
            "time": round(record.created, 3),
            "level": record.levelname,
            "logger": record.name,
            "process": record.process,
            "message": record.getMessage(),
        }
        if record.exc_info:
            row["exception"] = self.formatException(record.exc_info)
        return json.dumps(row)


def set_up(log_format: str) -> None:
    """Send the log to standard error in ``text`` or ``json``."""
    handler = logging.StreamHandler()
    handler.setFormatter(
        _JsonFormatter()
        if log_format == "json"
        else logging.Formatter("%(asctime)s %(levelname)s [%(process)d] %(message)s")
    )
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)  # it warns of every broken request


class Seldom:
    """Counts what happens often and lets it be told once in ``seconds``."""

    def __init__(self, seconds: float = 10.0) -> None:
        self._seconds, self._next, self._count = seconds, 0.0, 0

    def due(self) -> int:
        """How many since it was last told, or 0 while it is too early to tell again."""
        self._count += 1
        now = time.monotonic()
        if now < self._next:
            return 0
        count, self._count, self._next = self._count, 0, now + self._seconds
        return count
