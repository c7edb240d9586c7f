"""The reward server: OpenRLHF's HTTP contract on a bare ASGI application.

``POST /get_reward`` takes ``{"query": [...], "prompts": [...], "labels": [...]}`` and answers
``{"rewards": [...], "scores": [...], "extra_logs": {...}}``. ``GET /healthz``, ``/readyz`` and
``/version`` are for operators. Whatever a client sends, the worst it gets is one line of 4xx.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import json
import logging
import os
import socket
import sys
import time
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from fas_plugin import __version__
from fas_plugin.rewards.combine import Preset, load_preset
from fas_plugin.rewards.frameworks.openrlhf import get_reward
from fas_plugin.rewards.judges import LOCAL

logger = logging.getLogger(__name__)

#: A body larger than this is refused before it is read whole.
MAX_BODY_BYTES = 16 * 1024 * 1024
#: Seconds that requests in flight get when the server is asked to stop.
DRAIN_SECONDS = 10

_Message = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[_Message]]
_Send = Callable[[_Message], Awaitable[None]]


class _Refusal(Exception):
    """A request that is answered with ``status`` and one line."""

    def __init__(self, status: int, reason: str) -> None:
        self.status, self.reason = status, reason


class RewardApp:
    """The ASGI application."""

    def __init__(self, preset: Preset, record: Path | None = None) -> None:
        self._preset = preset
        self._record = record and os.open(record, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        self._routes: dict[str, dict[str, Callable[[bytes], dict[str, Any]]]] = {
            "/get_reward": {"POST": self._get_reward},
            "/healthz": {"GET": lambda _: {"status": "ok"}},
            "/readyz": {"GET": lambda _: {"status": "ready"}},
            "/version": {"GET": lambda _: self._version()},
        }

    async def __call__(self, scope: _Message, receive: _Receive, send: _Send) -> None:
        if scope["type"] != "http":
            return
        try:
            methods = self._routes.get(scope["path"])
            if methods is None:
                raise _Refusal(404, f"no such path; expected one of {', '.join(self._routes)}")
            if scope["method"] not in methods:
                raise _Refusal(405, f"expected {' or '.join(methods)}")
            body = await _read_body(receive)
            status, answer = 200, await self._run(methods[scope["method"]], body)
        except _Refusal as refusal:
            status, answer = refusal.status, {"error": refusal.reason}
        content = json.dumps(answer).encode()
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(content)).encode()),
        ]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": content})

    async def _run(self, handler: Callable[[bytes], dict[str, Any]], body: bytes) -> dict[str, Any]:
        if self._preset.judge is LOCAL:
            return handler(body)  # faster than a thread
        return await asyncio.to_thread(handler, body)  # it waits for a model

    def _get_reward(self, body: bytes) -> dict[str, Any]:
        try:
            request = json.loads(body)
        except (ValueError, RecursionError):
            raise _Refusal(400, "the body is not JSON in UTF-8") from None
        # A batch at its limits can hold a million faults: look at a few, tell of the worst.
        error = best_match(_first(_validator().iter_errors(request), 20))
        if error is not None:
            field = "/".join(map(str, error.absolute_path)) or "body"
            raise _Refusal(422, f"{field}: {_expectation(error)}")
        lengths = {name: len(request[name]) for name in ("query", "prompts", "labels")}
        if len(set(lengths.values())) > 1:
            raise _Refusal(
                422, f"unequal lengths: {lengths}; expected one prompt and label a query"
            )
        try:
            answer = get_reward(
                request["query"], request["prompts"], request["labels"], self._preset
            )
        except ValueError as error:  # an unknown label
            raise _Refusal(422, f"labels: {str(error)[:300]}") from None
        if self._record is not None:
            # One write: lines of several workers do not mix, and a kill leaves whole lines.
            os.write(self._record, _record_lines(answer))
        return answer

    def _version(self) -> dict[str, Any]:
        return {
            "fas_plugin": __version__,
            "preset": self._preset.name,
            "preset_version": self._preset.version,
        }


def _record_lines(answer: dict[str, Any]) -> bytes:
    """A JSON line per completion: when it was scored, its total and what is logged of it."""
    now, logs = round(time.time(), 3), answer["extra_logs"]
    rows = (
        {"time": now, "reward": reward, **{name: values[i] for name, values in logs.items()}}
        for i, reward in enumerate(answer["rewards"])
    )
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


async def _read_body(receive: _Receive) -> bytes:
    chunks, size = [], 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _Refusal(400, "the client left before its body was complete")
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > MAX_BODY_BYTES:
            raise _Refusal(413, f"body: larger than {MAX_BODY_BYTES} bytes; send smaller batches")
        if not message.get("more_body"):
            return b"".join(chunks)


@functools.cache
def _validator() -> Draft202012Validator:
    path = Path(__file__).with_name("get_reward.request.schema.json")
    return Draft202012Validator(json.loads(path.read_text(encoding="utf-8")))


def _first(items: Any, count: int) -> Any:
    for _, item in zip(range(count), items, strict=False):
        yield item


def _expectation(error: Any) -> str:
    """What the schema expected, without echoing the value (it may be a megabyte of completion)."""
    if error.validator == "type":
        return f"expected {error.validator_value}, got {type(error.instance).__name__}"
    if error.validator == "required":
        return error.message[:200]
    return f"expected {error.validator} {error.validator_value}"


def run_server(
    *,
    host: str = "127.0.0.1",
    port: int = 5000,
    preset: str = "default",
    workers: int = 1,
    record: Path | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT, then finish the requests in flight.

    Args:
        host: address to listen on; loopback unless you mean others to reach it.
        port: 0 takes a free one and prints it.
        preset: reward preset, by name or path.
        workers: processes; a dead one is replaced.
        record: file that gets a JSON line per scored completion; it holds no text of any.

    Raises:
        OSError: the port is in use, or ``record`` cannot be written.
        ValueError: unknown or malformed preset.
    """
    import uvicorn

    chosen = load_preset(preset)
    os.environ["FAS_REWARD_PRESET"] = preset  # worker processes build their own application
    if record:
        record.open("a").close()  # fails here rather than in a worker
        os.environ["FAS_REWARD_RECORD"] = str(record.absolute())
    listener = _listen(host, port)
    logger.info(
        "reward server %s on http://%s:%d/get_reward, preset %s/%d %s",
        __version__,
        host,
        listener.getsockname()[1],
        chosen.name,
        chosen.version,
        dict(chosen.weights),
    )
    config = uvicorn.Config(
        "fas_plugin.rewards.server:create_app",
        factory=True,
        workers=workers,
        log_level="warning",
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=DRAIN_SECONDS,
    )
    server = uvicorn.Server(config)
    if workers > 1:
        from uvicorn.supervisors import Multiprocess

        Multiprocess(config, sockets=[listener]).run()
    else:
        server.run(sockets=[listener])


def create_app() -> RewardApp:
    """The application with the preset and record that :func:`run_server` was given."""
    record = os.environ.get("FAS_REWARD_RECORD")
    return RewardApp(
        load_preset(os.environ.get("FAS_REWARD_PRESET", "default")),
        Path(record) if record else None,
    )


def _listen(host: str, port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    # Lets a restarted server have its port back at once; a second live server is still refused.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(2048)
    except (OSError, OverflowError) as error:
        listener.close()
        raise OSError(
            f"cannot listen on {host}:{port} ({getattr(error, 'strerror', None) or error}); stop "
            "what uses the port, or choose another (port 0 takes a free one)"
        ) from None
    listener.set_inheritable(True)
    return listener


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``fas-plugin serve``."""
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=5000, help="0 takes a free one")
    parser.add_argument("--preset", default="default", help="reward preset: name or JSON file")
    parser.add_argument("--workers", type=int, default=1, help="processes")
    parser.add_argument("--record", type=Path, help="append the rewards of each completion here")


def serve(options: argparse.Namespace) -> None:
    run_server(
        host=options.host,
        port=options.port,
        preset=options.preset,
        workers=options.workers,
        record=options.record,
    )


def main() -> None:
    """``python -m fas_plugin.rewards.server``, the same as ``fas-plugin serve``."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_arguments(parser)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    try:
        serve(options)
    except (ValueError, OSError) as error:
        sys.exit(f"reward server: {error}")


if __name__ == "__main__":
    main()
