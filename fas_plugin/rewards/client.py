"""A client of the reward server that a training can rely on.

It tries every endpoint, again and again with growing pauses; when none answers it computes the
rewards in this process, and looks for the servers again every half minute.

>>> from fas_plugin.rewards.client import RewardClient
>>> text = "<think>Moire crosses the cheek, so this is a replay.</think><answer>spoof</answer>"
>>> RewardClient("http://127.0.0.1:9", patience=0).score([text], ["spoof"])[0]["total"]
1.0
"""

from __future__ import annotations

import http.client
import json
import logging
import os
import random
import socket
import time
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any
from urllib.parse import unquote, urlsplit

from jsonschema import Draft202012Validator

from fas_plugin.rewards.combine import load_preset, score_batch
from fas_plugin.rewards.explain import explain
from fas_plugin.rewards.frameworks import openrlhf
from fas_plugin.rewards.server import TOKEN_VARIABLE, read_schema

logger = logging.getLogger(__name__)

#: Seconds: the first pause between rounds, the longest, and until lost servers are looked for again.
_PAUSE, _LONGEST, _PROBE = 0.1, 5.0, 30.0


class RewardRequestError(ValueError):
    """The server refuses the request: trying again would not help."""


class _Unanswered(Exception):
    """An endpoint did not answer properly. ``retry_after`` is in seconds."""

    def __init__(self, reason: object, retry_after: float = 0.0) -> None:
        super().__init__(str(reason) or type(reason).__name__)
        self.retry_after = retry_after


class RewardClient:
    """Rewards from servers. May be used from many threads.

    Args:
        urls: ``http://host:port`` or ``unix:/path``, several in a list or with commas between, as
            OpenRLHF takes them (``/get_reward`` at the end is fine, and so is a token as password).
        token: bearer token; by default that of the URL, or of ``FAS_REWARD_TOKEN``.
        preset: what rewards are computed by here when no server answers: name or JSON file.
        timeout: seconds for one answer.
        patience: seconds to go on trying when no endpoint answers.
        fall_back: whether to compute rewards here then, or to raise ``ConnectionError``.

    Attributes:
        fallbacks: completions that were scored here.
    """

    def __init__(
        self,
        urls: str | Sequence[str],
        *,
        token: str | None = None,
        preset: str = "default",
        timeout: float = 60.0,
        patience: float = 10.0,
        fall_back: bool = True,
    ) -> None:
        urls = urls.split(",") if isinstance(urls, str) else urls
        token = token or os.environ.get(TOKEN_VARIABLE)
        self._endpoints = [_Endpoint(url.strip(), token, timeout) for url in urls if url.strip()]
        if not self._endpoints:
            raise ValueError("no URL of a reward server; expected http://host:port")
        self._preset = load_preset(preset)
        self._patience, self._fall_back = patience, fall_back
        self._turn = 0
        self._lost_until = 0.0  # until then no server is looked for
        self._warned = 0.0
        self.fallbacks = 0

    def score(self, completions: Sequence[str], labels: Sequence[str]) -> list[dict[str, Any]]:
        """A dict per completion, as ``POST /v1/score`` gives them: components, stance, evidence.

        Raises:
            ValueError: the lengths differ or a label is unknown; names the field and the index.
            ConnectionError: no server answers and ``fall_back`` is off.
        """
        request = {"completions": list(completions), "labels": list(labels)}

        def here() -> dict[str, Any]:
            results = score_batch(completions, labels, self._preset)
            rows = map(explain, completions, results, [self._preset] * len(results))
            return {"results": list(rows)}

        return self._ask("/v1/score", "score.response", request, here)["results"]

    def get_reward(
        self, queries: Sequence[str], prompts: Sequence[str], labels: Sequence[str]
    ) -> dict[str, Any]:
        """``rewards``, ``scores`` and ``extra_logs`` in OpenRLHF's shape; raises as ``score`` does."""
        request = {"query": list(queries), "prompts": list(prompts), "labels": list(labels)}
        return self._ask(
            "/get_reward",
            "get_reward.response",
            request,
            lambda: openrlhf.get_reward(queries, prompts, labels, self._preset),
        )

    def _ask(
        self, path: str, schema: str, request: dict[str, Any], here: Callable[[], dict[str, Any]]
    ) -> dict[str, Any]:
        count = len(request["labels"])
        answer = self._from_servers(path, schema, json.dumps(request).encode(), count)
        if answer is not None:
            return answer
        if not self._fall_back:
            raise ConnectionError("no reward server answers; its log says why")
        self.fallbacks += count
        return here()

    def _from_servers(
        self, path: str, schema: str, body: bytes, count: int
    ) -> dict[str, Any] | None:
        began, pause = time.monotonic(), _PAUSE
        lost = self._lost_until > 0
        if began < self._lost_until:
            return None
        if lost:  # this call looks whether one is back; the others need not wait for it
            self._lost_until = began + _PROBE
        while True:
            self._turn += 1
            wait = 0.0
            for i in range(len(self._endpoints)):
                endpoint = self._endpoints[(self._turn + i) % len(self._endpoints)]
                try:
                    answer = _checked(endpoint.post(path, body), schema, count)
                except _Unanswered as error:
                    wait = max(wait, error.retry_after)
                    self._warn(f"{endpoint.name}: {error}")
                    continue
                endpoint.compare(self._preset.id)
                self._lost_until = 0.0
                return answer
            # Less than all of the pause, by chance: many clients do not come back at once.
            sleep = max(wait, pause * random.uniform(0.5, 1.0))
            if lost or time.monotonic() + sleep > began + self._patience:
                break
            time.sleep(sleep)
            pause = min(2 * pause, _LONGEST)
        if self._fall_back:
            self._lost_until = time.monotonic() + _PROBE
            logger.warning(
                "no reward server answers; rewards are computed here, for %g s or longer", _PROBE
            )
        return None

    def _warn(self, line: str) -> None:
        if time.monotonic() > self._warned + 5:
            self._warned = time.monotonic()
            logger.warning("%s", line)


class _Endpoint:
    """One server."""

    def __init__(self, url: str, token: str | None, timeout: float) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https", "unix") or not (parts.hostname or parts.path):
            raise ValueError(f"reward server {url!r}: expected http://host:port or unix:/path")
        self.name = url.rpartition("@")[2]
        self._unix = parts.path if parts.scheme == "unix" else None
        self._https = parts.scheme == "https"
        self._host, self._port = parts.hostname or "localhost", parts.port
        self._base = "" if self._unix else parts.path.removesuffix("/get_reward").rstrip("/")
        token = unquote(parts.password) if parts.password else token
        self._headers = {"Content-Type": "application/json"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        self._timeout = timeout
        self._compared = False

    def post(self, path: str, body: bytes) -> Any:
        return self._request("POST", path, body)

    def compare(self, preset: str) -> None:
        """Warn once where the server's preset is not the one that would be used here."""
        if self._compared:
            return
        self._compared = True
        try:
            theirs = self._request("GET", "/version", None)
            found = f"{theirs['preset']}/{theirs['preset_version']}"
        except (_Unanswered, RewardRequestError, LookupError, TypeError):
            return
        if found != preset:
            logger.warning("%s has preset %s, this process has %s", self.name, found, preset)

    def _connection(self) -> http.client.HTTPConnection:
        if self._https:
            return http.client.HTTPSConnection(self._host, self._port, timeout=self._timeout)
        connection = http.client.HTTPConnection(self._host, self._port, timeout=self._timeout)
        if self._unix:
            connection.sock = socket.socket(socket.AF_UNIX)
            connection.sock.settimeout(self._timeout)
            connection.sock.connect(self._unix)
        return connection

    def _request(self, method: str, path: str, body: bytes | None) -> Any:
        connection = None
        try:
            connection = self._connection()
            headers = {**self._headers, "Connection": "close"}
            connection.request(method, self._base + path, body, headers)
            answer = connection.getresponse()
            content = json.loads(answer.read(), parse_constant=_no_number)
        except (OSError, http.client.HTTPException, ValueError, RecursionError) as error:
            raise _Unanswered(error) from None
        finally:
            if connection is not None:
                connection.close()
        if answer.status == 200:
            return content
        reason = content.get("error") if isinstance(content, dict) else None
        line = f"{answer.status} {str(reason)[:500]}"
        if answer.status in (400, 413, 422):
            raise RewardRequestError(f"{self.name}: {line}")
        after = answer.headers.get("Retry-After", "")
        raise _Unanswered(line, min(float(after), _LONGEST) if after.isdigit() else 0.0)


def _no_number(name: str) -> None:
    raise ValueError(f"{name} in an answer")


def _checked(answer: Any, schema: str, count: int) -> dict[str, Any]:
    """``answer``, if it is what the contract says; anything may listen at an address."""
    if not _validator(schema).is_valid(answer):
        raise _Unanswered("its answer is not that of a reward server")
    lists = [answer.get("rewards"), answer.get("scores"), answer.get("results")]
    lists += answer.get("extra_logs", {}).values()
    if any(len(values) != count for values in lists if values is not None):
        raise _Unanswered(f"its answer is not about {count} completions")
    return answer


@cache
def _validator(name: str) -> Draft202012Validator:
    return Draft202012Validator(read_schema(name))
