"""What uvicorn leaves open on connections: how long a request may take to arrive, how large its head
may be, what becomes of fresh connections when the server stops; and an answer in one piece."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterable
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from fas_plugin.rewards.server.options import Options

#: Bytes of a request line and headers.
MAX_HEAD = 32 * 1024
#: Seconds that a connection without a request gets to send one when the server stops.
_LAST_CALL = 1.0


class _WholeAnswers:
    """A transport that holds the head of an answer back until the body is there.

    One system call less a request, and nobody reads half an answer of a worker that dies.
    """

    __slots__ = ("_head", "_transport")

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport, self._head = transport, b""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        if self._head:
            self._transport.write(self._head + data)
            self._head = b""
        elif data.startswith(b"HTTP/1.1 ") and not data.startswith(b"HTTP/1.1 100"):
            self._head = data
        else:
            self._transport.write(data)

    def flush(self) -> None:
        """The answer is complete; some have no body."""
        if self._head:
            self._transport.write(self._head)
            self._head = b""

    def close(self) -> None:
        self.flush()
        self._transport.close()


class LimitedProtocol(HttpToolsProtocol):
    """A connection. A request has to be there in time from its first byte on, the first one from the
    start of the connection; :func:`end_late` looks after that."""

    transport: _WholeAnswers  # type: ignore[assignment]

    def __init__(self, *, options: Options, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.options = options
        self._head = 0  # bytes of the head so far; -1 behind it
        self._since: float | None = None  # when the request began to arrive, None between requests
        self._draining = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(_WholeAnswers(transport))  # type: ignore[arg-type]
        self._since = time.monotonic()

    def data_received(self, data: bytes) -> None:
        if self._head >= 0:
            self._head += len(data)
            if self._head > MAX_HEAD and b"\r\n\r\n" not in data:
                self._refuse(431, "header", f"larger than {MAX_HEAD} bytes")
                return
            if self._since is None:
                self._since = time.monotonic()
        super().data_received(data)

    def on_headers_complete(self) -> None:
        self._head = -1
        super().on_headers_complete()
        if self._draining:
            self.cycle.keep_alive = False

    def on_message_complete(self) -> None:
        self._head, self._since = 0, None
        super().on_message_complete()

    def on_response_complete(self) -> None:
        self.transport.flush()
        super().on_response_complete()

    def shutdown(self) -> None:
        # uvicorn closes connections whose request it has not read yet; it may be on its way.
        if self.cycle is None:
            self._draining = True
            self.loop.call_later(_LAST_CALL, self._close_if_silent)
        else:
            super().shutdown()

    def send_400_response(self, msg: str) -> None:
        self._refuse(400, "request", "not valid HTTP")

    def end_if_late(self, now: float) -> None:
        """Refuse a request that has been arriving for too long."""
        if self._since is None:
            return
        part, seconds = (
            ("body", self.options.read_seconds)
            if self._head < 0
            else ("header", self.options.header_seconds)
        )
        if now - self._since > seconds:
            self._refuse(408, part, f"not complete after {seconds:g} seconds")

    def _close_if_silent(self) -> None:
        if self.cycle is None:
            self.transport.close()

    def _refuse(self, status: int, field: str, reason: str) -> None:
        self._since = None
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True  # the application stops waiting for the body
            self.cycle.message_event.set()
        content = json.dumps({"error": f"{field}: {reason}", "field": field}).encode()
        self.transport.write(
            STATUS_LINE[status]
            + b"content-type: application/json\r\nconnection: close\r\ncontent-length: "
            + str(len(content)).encode()
            + b"\r\n\r\n"
            + content
        )
        self.transport.close()


async def end_late(connections: Iterable[Any], every: float) -> None:
    """Refuse what arrives too slowly, for ever; looking at all now and then is cheaper than a timer
    for each. Seconds between looks: ``every``."""
    while True:
        await asyncio.sleep(every)
        now = time.monotonic()
        for connection in list(connections):
            connection.end_if_late(now)
