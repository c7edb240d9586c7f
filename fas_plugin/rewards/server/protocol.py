"""What uvicorn leaves open on connections: how long a request may take to arrive, how large its head
may be, what becomes of fresh connections when the server stops; and an answer in one piece."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Coroutine, Iterable, MutableMapping
from typing import Any

from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.protocols.utils import get_local_addr, get_remote_addr, is_ssl

from fas_plugin.rewards.server.app import WHOLE_BODY, RewardApp
from fas_plugin.rewards.server.options import Options

#: Bytes of a request line and headers.
MAX_HEAD = 32 * 1024
#: Bytes of a request that is answered as soon as it is there.
_AT_ONCE = 64 * 1024
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

    def is_closing(self) -> bool:  # asked twice a request; the way above takes longer
        return self._transport.is_closing()

    def write(self, data: bytes) -> None:
        if self._head:
            self._transport.write(self._head + data)
            self._head = b""
        elif data.startswith(b"HTTP/1.1 ") and not data.startswith(b"HTTP/1.1 100"):
            self._head = data
        else:
            self._transport.write(data)

    def write_whole(self, answer: bytes) -> None:
        """Head and body at once."""
        self._transport.write(answer)

    def flush(self) -> None:
        """The answer is complete; some have no body."""
        if self._head:
            self._transport.write(self._head)
            self._head = b""

    def close(self) -> None:
        self.flush()
        self._transport.close()


class LimitedProtocol(HttpToolsProtocol):
    """A connection to :class:`RewardApp`. A request has to be there in time from its first byte on,
    the first one from the start of the connection; :func:`end_late` looks after that."""

    transport: _WholeAnswers  # type: ignore[assignment]
    app: RewardApp  # type: ignore[assignment]
    parser: Any  # uvicorn sets it to None at the end

    def __init__(self, *, options: Options, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.options = options
        self._head = 0  # bytes of the head so far; -1 behind it
        self._since: float | None = None  # when the request began to arrive, None between requests
        self._unread_since: float | None = None  # when an answer was first seen to be stuck
        self._pieces: list[bytes] | None = None  # of the body of a request to answer at once
        self._answering: Coroutine[Any, None, None] | None = None  # such a request
        self._sent: list[MutableMapping[str, Any]] = []  # its answer
        self._keep = False  # whether the connection stays open behind it
        self._draining = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        # Not uvicorn's, which asks for both addresses: small requests need neither.
        self.connections.add(self)
        self.transport = _WholeAnswers(transport)
        self.flow = FlowControl(self.transport)  # type: ignore[arg-type]
        self._since = time.monotonic()

    def on_message_begin(self) -> None:
        self.url, self.headers, self.expect_100_continue = b"", [], False

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
        while self._answering is not None:  # who does not wait for answers gets them in order
            self.app.score_waiting()
            self._go_on(self._answering)
        if self._can_be_answered_at_once():
            self._pieces = []
            return
        self._make_scope()
        super().on_headers_complete()
        if self._draining:
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        if self._pieces is None:
            super().on_body(body)
        else:
            self._pieces.append(body)

    def on_message_complete(self) -> None:
        self._head, self._since = 0, None
        if self._pieces is None:
            super().on_message_complete()
        else:
            body, self._pieces = b"".join(self._pieces), None
            self._answer_at_once(body)

    def _make_scope(self) -> None:
        """What uvicorn keeps of a connection and of a request, for one that is answered its way."""
        if self.scheme is None:
            transport: Any = self.transport
            self.server, self.client = get_local_addr(transport), get_remote_addr(transport)
            self.scheme = "https" if is_ssl(transport) else "http"
        url, headers, expect = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.expect_100_continue = url, expect
        self.headers += headers

    def _can_be_answered_at_once(self) -> bool:
        """Whether the application answers this request without waiting for anything."""
        return (
            self.url == b"/get_reward"
            and self.app.at_once
            and self.parser.get_method() == b"POST"
            and (self.cycle is None or self.cycle.response_complete)
            and not (self.expect_100_continue or self.parser.should_upgrade())
            and 0 < _announced(self.headers) <= _AT_ONCE
        )

    def _answer_at_once(self, body: bytes) -> None:
        """What OpenRLHF sends, a small request on a connection of its own, without the task, the
        events and the queues that other requests take: they would cost more than the rewards."""
        if self.transport.is_closing():
            return
        sent: list[MutableMapping[str, Any]] = []

        async def send(message: MutableMapping[str, Any]) -> None:
            sent.append(message)

        scope = {"type": "http", "path": "/get_reward", "method": "POST", "headers": self.headers}
        scope[WHOLE_BODY] = body
        self._answering = self.app(scope, _nothing_more, send)
        self._sent, self._keep = sent, self.parser.should_keep_alive()
        self._go_on(self._answering)

    def _go_on(self, answering: Coroutine[Any, None, None]) -> None:
        """Run the application until it has answered or waits to be scored together with others."""
        if answering is not self._answering:
            return
        try:
            waits_for = answering.send(None)
            while waits_for is None:  # it gives way between parts of a batch
                waits_for = answering.send(None)
        except StopIteration:
            self._answering = None
            self._write_answer()
        else:
            waits_for.add_done_callback(lambda _: self._go_on(answering))

    def _write_answer(self) -> None:
        if self.transport.is_closing():
            return
        start, end = self._sent
        head = [STATUS_LINE[start["status"]]]
        for name, value in start["headers"]:
            head += [name, b": ", value, b"\r\n"]
        keep = self._keep and not self._draining
        if not keep:
            head.append(b"connection: close\r\n")
        self.transport.write_whole(b"".join([*head, b"\r\n", end["body"]]))
        self.server_state.total_requests += 1
        if keep:
            self._unset_keepalive_if_required()
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )
        else:
            self.transport.close()

    def on_response_complete(self) -> None:
        self.transport.flush()
        super().on_response_complete()

    def shutdown(self) -> None:
        self._draining = True
        # uvicorn closes connections whose request it has not read yet; it may be on its way.
        if self.cycle is None:
            self.loop.call_later(_LAST_CALL, self._close_if_silent)
        else:
            super().shutdown()

    def send_400_response(self, msg: str) -> None:
        self._refuse(400, "request", "not valid HTTP")

    def end_if_late(self, now: float) -> None:
        """Refuse a request that has been arriving for too long; drop a client that does not read."""
        if not self.transport.get_write_buffer_size():
            self._unread_since = None
        elif self._unread_since is None:
            self._unread_since = now
        elif now - self._unread_since > self.options.read_seconds:
            self.transport.abort()
            return
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


async def _nothing_more() -> dict[str, Any]:
    return {"type": "http.disconnect"}


def _announced(headers: list[tuple[bytes, bytes]]) -> int:
    """Bytes of the body, as the head says; 0 where it does not."""
    return next((int(value) for name, value in headers if name == b"content-length"), 0)


async def end_late(connections: Iterable[Any], every: float) -> None:
    """Refuse what arrives too slowly, for ever; looking at all now and then is cheaper than a timer
    for each. Seconds between looks: ``every``."""
    while True:
        await asyncio.sleep(every)
        now = time.monotonic()
        for connection in list(connections):
            connection.end_if_late(now)
