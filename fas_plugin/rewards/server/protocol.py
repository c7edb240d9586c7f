"""Limits on connections that uvicorn leaves open: how long a request may take to arrive, how large
its head may be, and what becomes of fresh connections when the server stops."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from fas_plugin.rewards.server.options import Options

#: Bytes of a request line and headers.
MAX_HEAD = 32 * 1024
#: Seconds that a connection without a request gets to send one when the server stops.
_LAST_CALL = 1.0


class LimitedProtocol(HttpToolsProtocol):
    """A connection. Each request has a deadline from its first byte (the first: from the start)."""

    options: Options

    def __init__(self, *, options: Options, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.options = options
        self._head = 0  # bytes of the head so far; -1 behind it
        self._deadline: asyncio.TimerHandle | None = None
        self._draining = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._deadline = self.loop.call_later(self.options.header_seconds, self._late)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_clock()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._head >= 0:
            self._head += len(data)
            if self._head > MAX_HEAD and b"\r\n\r\n" not in data:
                self._refuse(431, "header", f"larger than {MAX_HEAD} bytes")
                return
            if self._deadline is None:
                self._deadline = self.loop.call_later(self.options.header_seconds, self._late)
        super().data_received(data)

    def on_headers_complete(self) -> None:
        self._head = -1
        super().on_headers_complete()
        if self._draining:
            self.cycle.keep_alive = False

    def on_message_complete(self) -> None:
        self._stop_clock()
        self._head = 0
        super().on_message_complete()

    def shutdown(self) -> None:
        # uvicorn closes connections whose request it has not read yet; it may be on its way.
        if self.cycle is None:
            self._draining = True
            self.loop.call_later(_LAST_CALL, self._close_if_silent)
        else:
            super().shutdown()

    def send_400_response(self, msg: str) -> None:
        self._refuse(400, "request", "not valid HTTP")

    def _close_if_silent(self) -> None:
        if self.cycle is None:
            self.transport.close()

    def _late(self) -> None:
        self._deadline = None
        if self._head < 0 and self.options.read_seconds > self.options.header_seconds:
            rest = self.options.read_seconds - self.options.header_seconds
            self._deadline = self.loop.call_later(rest, self._refuse_late)
        else:
            self._refuse_late()

    def _refuse_late(self) -> None:
        seconds = self.options.read_seconds if self._head < 0 else self.options.header_seconds
        part = "body" if self._head < 0 else "header"
        self._refuse(408, part, f"not complete after {seconds:g} seconds")

    def _refuse(self, status: int, field: str, reason: str) -> None:
        self._stop_clock()
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

    def _stop_clock(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
