"""What the server can be told: one dataclass, and the command line's options for it."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, fields
from pathlib import Path

#: A bearer token in this environment variable is asked for from then on.
TOKEN_VARIABLE = "FAS_REWARD_TOKEN"


@dataclass(frozen=True)
class Options:
    """Settings of the server. Sizes in bytes or characters, times in seconds.

    Attributes:
        host, port: where to listen; port 0 takes a free one. Not used with ``unix``.
        unix: path of a Unix socket to listen on instead.
        workers: processes; a dead one is replaced at once.
        preset: reward preset, by name or JSON file.
        judge: what reads the reasoning instead of the preset's judge.
        judge_timeout: how long a completion waits for a model as judge before the local one answers.
        record: folder that gets every scored completion's rewards; None keeps none.
        record_text: whether the record holds the completions too.
        log_format: ``text`` or ``json``.
        log_completions: whether the log shows each completion.
        max_body: bytes of a request's body.
        max_batch: completions of a request.
        max_text: characters of a query, prompt or completion.
        max_waiting: requests that a worker has in hand; for more it answers 503.
        header_seconds, read_seconds: for a request's head, and for the whole of it, to arrive.
        drain_seconds: for the requests in flight when the server is told to stop.
    """

    host: str = "127.0.0.1"
    port: int = 5000
    unix: Path | None = None
    workers: int = 1
    preset: str = "default"
    judge: str | None = None
    judge_timeout: float = 20.0
    record: Path | None = None
    record_text: bool = False
    log_format: str = "text"
    log_completions: bool = False
    max_body: int = 16 * 1024 * 1024
    max_batch: int = 1024
    max_text: int = 1_000_000
    max_waiting: int = 512
    header_seconds: float = 10.0
    read_seconds: float = 60.0
    drain_seconds: float = 10.0

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65535:
            raise ValueError(f"--port {self.port}: expected 0 to 65535")
        for name in ("workers", "max_body", "max_batch", "max_text", "max_waiting"):
            if getattr(self, name) < 1:
                raise ValueError(f"{_flag(name)} {getattr(self, name)}: expected 1 or more")
        for name in ("judge_timeout", "header_seconds", "read_seconds", "drain_seconds"):
            if not 0 < getattr(self, name) <= 86400:
                raise ValueError(f"{_flag(name)} {getattr(self, name)}: expected seconds above 0")


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``fas-plugin serve``."""
    default = Options()

    def add(
        group: argparse._ArgumentGroup, name: str, kind: type, text: str, **more: object
    ) -> None:
        value = getattr(default, name)
        shown = f"{text}; default {value}" if value is not None else text
        group.add_argument(_flag(name), type=kind, default=value, help=shown, **more)  # type: ignore[arg-type]

    listen = parser.add_argument_group("where")
    add(listen, "host", str, "address to listen on")
    add(listen, "port", int, "0 takes a free one")
    add(listen, "unix", Path, "listen on this Unix socket instead", metavar="PATH")
    add(listen, "workers", int, "processes; a dead one is replaced at once", metavar="N")
    what = parser.add_argument_group("what")
    add(what, "preset", str, "reward preset: name or JSON file")
    add(what, "judge", str, "instead of the preset's: local, or http(s)://host/v1#model")
    add(what, "judge_timeout", float, "then the local judge answers", metavar="SECONDS")
    kept = parser.add_argument_group("what is kept")
    add(kept, "record", Path, "folder for every completion's rewards", metavar="DIR")
    kept.add_argument("--record-text", action="store_true", help="the completions too")
    add(kept, "log_format", str, "text or json", choices=["text", "json"])
    kept.add_argument("--log-completions", action="store_true", help="show them in the log")
    limits = parser.add_argument_group("limits")
    add(limits, "max_body", int, "bytes of a request", metavar="N")
    add(limits, "max_batch", int, "completions of a request", metavar="N")
    add(limits, "max_text", int, "characters of a text", metavar="N")
    add(limits, "max_waiting", int, "requests in hand, then 503", metavar="N")
    add(limits, "header_seconds", float, "for a request's head", metavar="S")
    add(limits, "read_seconds", float, "for a whole request", metavar="S")
    add(limits, "drain_seconds", float, "for what is in flight at the end", metavar="S")


def from_arguments(arguments: argparse.Namespace) -> Options:
    """Raises ``ValueError`` with the flag and the value where one is out of range."""
    return Options(**{field.name: getattr(arguments, field.name) for field in fields(Options)})
