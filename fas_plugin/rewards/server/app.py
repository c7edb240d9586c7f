"""The ASGI application: whatever a client sends, the worst it gets is one line of 4xx."""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import hmac
import json
import logging
import os
import time
from collections.abc import Awaitable, Callable, Iterator, MutableMapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from fas_plugin import __version__
from fas_plugin.completion import parse_completion
from fas_plugin.rewards.combine import Preset, RewardResult, load_preset, score_batch
from fas_plugin.rewards.explain import explain
from fas_plugin.rewards.frameworks import openrlhf
from fas_plugin.rewards.judges import LOCAL, load_judge
from fas_plugin.rewards.server.contract import Contract, Refusal, openapi
from fas_plugin.rewards.server.judging import JudgeDesk
from fas_plugin.rewards.server.logs import Seldom
from fas_plugin.rewards.server.options import TOKEN_VARIABLE, Options
from fas_plugin.rewards.server.record import RewardRecord
from fas_plugin.rewards.server.tally import Tally, exposition
from fas_plugin.rewards.server.together import Together

logger = logging.getLogger(__name__)

#: Characters and completions that are scored before other requests have their turn.
_SLICE_TEXT, _SLICE = 100_000, 32
#: Bytes of unfinished bodies that a worker holds, in bodies of the largest size.
_BODIES = 8
#: Bytes of a refused body that are read all the same, and seconds to wait for the next of them.
_DISCARDED, _DISCARD_SECONDS = 64 * 1024 * 1024, 1.0
#: Characters of a completion that the log shows, if it shows any.
_LOG_TEXT = 2_000

#: Where in the scope of a request its body is, if it has been read already.
WHOLE_BODY = "fas_plugin.body"

_Message = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[_Message]]
_Send = Callable[[_Message], Awaitable[None]]
_Handler = Callable[[bytes], Awaitable[bytes]]

_JSON = (b"content-type", b"application/json")
_TEXT = (b"content-type", b"text/plain; version=0.0.4; charset=utf-8")
_RETRY = ((b"retry-after", b"1"),)


class _Incoming:
    """The body of a request, as it arrives.

    Attributes:
        announced: its length according to the head, 0 where that does not say.
        complete: whether all of it has been read.
        whole: all of it, where the protocol has read it already.
    """

    def __init__(self, scope: _Message, receive: _Receive) -> None:
        self._receive = receive
        self.announced, self.complete = 0, True
        self.whole: bytes | None = scope.get(WHOLE_BODY)
        if self.whole is not None:
            self.announced = len(self.whole)
            return
        for name, value in scope["headers"]:
            if name == b"content-length":
                self.announced, self.complete = int(value), value == b"0"
            elif name == b"transfer-encoding":
                self.complete = False

    async def read(self) -> bytes:
        if self.complete:
            return b""
        message = await self._receive()
        if message["type"] == "http.disconnect":
            self.complete = True
            raise Refusal(400, "body", "the client left before it was complete")
        self.complete = not message.get("more_body")
        return message["body"]

    async def discard(self) -> None:
        """Read what is left, up to a limit: who still sends when the connection is closed may never
        see the answer."""
        size = 0
        with contextlib.suppress(Refusal, TimeoutError):
            while not self.complete and size < _DISCARDED:
                async with asyncio.timeout(_DISCARD_SECONDS):
                    size += len(await self.read())


class RewardApp:
    """Routes, checks, scores, counts and records.

    Attributes:
        at_once: whether rewards are computed without waiting for another machine.
    """

    def __init__(self, options: Options, preset: Preset, tally: Tally | None = None) -> None:
        self._options, self._preset = options, preset
        self._tally = tally or Tally()
        self._contract = Contract(options)
        self._record = options.record and RewardRecord(options.record, options.record_text)
        self._token = os.environ.get(TOKEN_VARIABLE, "").encode()
        self.at_once = preset.judge is LOCAL
        self._desk: JudgeDesk | None = None
        if preset.judge is not LOCAL:
            self._desk = JudgeDesk(preset.judge, options.judge_timeout, self._tally)
        self._together = Together(preset)
        self._waiting = self._held = 0
        self._refusals = Seldom()
        self._posts: dict[str, _Handler] = {
            "/get_reward": self._get_reward,
            "/v1/score": self._score,
        }
        fixed = {
            "/healthz": {"status": "ok"},
            "/readyz": {"status": "ready"},
            "/version": self._version(),
            "/schema": self._contract.schemas,
            "/openapi.json": openapi(self._contract.schemas),
        }
        self._pages = {path: json.dumps(page).encode() for path, page in fixed.items()}

    async def __call__(self, scope: _Message, receive: _Receive, send: _Send) -> None:
        if scope["type"] != "http":
            await _live(scope, receive, send)
            return
        started = time.perf_counter()
        incoming = _Incoming(scope, receive)
        path, media, more = scope["path"], _JSON, ()
        try:
            if (handler := self._posts.get(path)) is not None:
                _expect_method(scope, "POST")
                self._check_token(scope)
                content = await self._in_hand(handler, await self._body(incoming))
            elif path in self._pages:
                _expect_method(scope, "GET")
                if path not in ("/healthz", "/readyz"):
                    self._check_token(scope)
                content = self._pages[path]
            elif path == "/metrics":
                _expect_method(scope, "GET")
                self._check_token(scope)
                content, media = exposition(self._tally, self._preset), _TEXT
            else:
                paths = ", ".join([*self._posts, *self._pages, "/metrics"])
                path = "other"
                raise Refusal(404, "path", f"expected one of {paths}")
            status = 200
        except Refusal as refusal:
            await incoming.discard()
            status, more = refusal.status, refusal.headers
            content = json.dumps({"error": refusal.line, "field": refusal.field}).encode()
            if count := self._refusals.due():
                logger.warning(
                    "%d requests refused; the latest: %d %s", count, status, refusal.line
                )
        except Exception:
            logger.exception("a request to %s failed", path)
            status = 500
            content = json.dumps({"error": "server: failed; its log says why", "field": "server"})
            content = content.encode()
        length = (b"content-length", str(len(content)).encode())
        await send(
            {"type": "http.response.start", "status": status, "headers": (media, length, *more)}
        )
        await send({"type": "http.response.body", "body": content})
        self._tally.request(path, status, time.perf_counter() - started)

    def score_waiting(self) -> None:
        """Compute at once what waits for the loop's next turn."""
        self._together.score_waiting()

    def _check_token(self, scope: _Message) -> None:
        if not self._token:
            return
        given = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
        scheme, _, credentials = given.partition(b" ")
        if scheme.lower() == b"basic":  # what http://any:TOKEN@host becomes, OpenRLHF's only way
            try:
                credentials = base64.b64decode(credentials).partition(b":")[2]
            except binascii.Error:
                credentials = b""
        elif scheme.lower() != b"bearer":
            credentials = b""
        if not hmac.compare_digest(credentials.strip(), self._token):
            raise Refusal(
                401,
                "authorization",
                "expected 'Bearer TOKEN', or the token as the password in the URL",
                ((b"www-authenticate", b"Bearer"),),
            )

    async def _body(self, incoming: _Incoming) -> bytes:
        limit = self._options.max_body
        if incoming.announced > limit:
            raise _too_large(limit)
        if incoming.whole is not None:
            return incoming.whole
        first = await incoming.read()
        if incoming.complete:
            if len(first) > limit:
                raise _too_large(limit)
            return first
        body = bytearray(first)
        held = len(body)
        self._held += held
        try:
            while not incoming.complete:
                if held > limit:
                    raise _too_large(limit)
                if self._held > limit * _BODIES:
                    raise _overloaded("the bodies that it is receiving fill its memory")
                body += await incoming.read()
                self._held += len(body) - held
                held = len(body)
        finally:
            self._held -= held
        if held > limit:
            raise _too_large(limit)
        return bytes(body)

    async def _in_hand(self, handler: _Handler, body: bytes) -> bytes:
        """Scores, unless too many requests wait already: better a quick no than a slow yes."""
        if self._waiting >= self._options.max_waiting:
            raise _overloaded(f"{self._waiting} requests are waiting")
        self._waiting += 1
        self._tally.waiting(self._waiting)
        try:
            return await handler(body)
        finally:
            self._waiting -= 1
            self._tally.waiting(self._waiting)

    async def _get_reward(self, body: bytes) -> bytes:
        request = self._contract.read("get_reward.request", body)
        queries, prompts, labels = request["query"], request["prompts"], request["labels"]
        parts = list(_slices(queries))
        results: list[RewardResult] = []
        for part in parts:
            completions = openrlhf.responses(queries[part], prompts[part])
            results += (await self._results(completions, labels[part]))[1]
            if len(results) < len(queries):
                await asyncio.sleep(0)
        return msgspec.json.encode(openrlhf.answer(results))

    async def _score(self, body: bytes) -> bytes:
        request = self._contract.read("score.request", body)
        completions, labels = request["completions"], request["labels"]
        parts = list(_slices(completions))
        rows: list[dict[str, Any]] = []
        for part in parts:
            preset, results = await self._results(completions[part], labels[part])
            rows += map(explain, completions[part], results, [preset] * len(results))
            await asyncio.sleep(0)
        return json.dumps({"preset": self._preset.id, "results": rows}).encode()

    async def _results(
        self, completions: Sequence[str], labels: Sequence[str]
    ) -> tuple[Preset, list[RewardResult]]:
        """The rewards, counted and recorded, and the preset with the judge that was heard."""
        preset = self._preset
        if self._desk is not None:
            thoughts = (parse_completion(completion).think for completion in completions)
            preset = replace(preset, judge=await self._desk.hear([t for t in thoughts if t]))
            results = score_batch(completions, labels, preset)
        else:
            results = await self._together.score(completions, labels)
        self._tally.scored(results)
        if self._record and not self._record.append(completions, labels, results):
            self._tally.event("record_failures")
        if self._options.log_completions:
            for completion, label, result in zip(completions, labels, results, strict=True):
                logger.info(
                    "%s",
                    json.dumps(
                        {**result.as_dict(), "label": label, "completion": completion[:_LOG_TEXT]}
                    ),
                )
        return preset, results

    def _version(self) -> dict[str, Any]:
        return {
            "fas_plugin": __version__,
            "api": "v1",
            "preset": self._preset.name,
            "preset_version": self._preset.version,
            "judge": "local" if self._preset.judge is LOCAL else "remote",
        }


def create_app(options: Options | None = None) -> RewardApp:
    """The application alone, for an ASGI server of one's own.

    Raises:
        ValueError: unknown or malformed preset or judge.
        OSError: a preset's file cannot be read, or the record cannot be written.
    """
    options = options or Options()
    return RewardApp(options, read_preset(options))


def read_preset(options: Options) -> Preset:
    """The preset with the judge that the options name."""
    preset = load_preset(options.preset)
    return replace(preset, judge=load_judge(options.judge)) if options.judge else preset


async def _live(scope: _Message, receive: _Receive, send: _Send) -> None:
    """Servers that ask whether it has started and stopped are told so; web sockets get nothing."""
    while scope["type"] == "lifespan":
        step = (await receive())["type"]
        await send({"type": f"{step}.complete"})
        if step == "lifespan.shutdown":
            return


def _slices(texts: Sequence[str]) -> Iterator[slice]:
    """Pieces of a batch that take a few milliseconds each; one even for an empty batch."""
    start = size = 0
    for i, text in enumerate(texts):
        if i > start and (i - start >= _SLICE or size + len(text) > _SLICE_TEXT):
            yield slice(start, i)
            start, size = i, 0
        size += len(text)
    yield slice(start, len(texts))


def _expect_method(scope: _Message, method: str) -> None:
    if scope["method"] != method and not (scope["method"] == "HEAD" and method == "GET"):
        raise Refusal(405, "method", f"expected {method}", ((b"allow", method.encode()),))


def _too_large(limit: int) -> Refusal:
    return Refusal(413, "body", f"larger than {limit} bytes; send smaller batches")


def _overloaded(reason: str) -> Refusal:
    return Refusal(503, "server", f"overloaded, {reason}; come back in a second", _RETRY)
