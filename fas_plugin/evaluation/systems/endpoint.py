"""A vision-language model behind an OpenAI-compatible endpoint.

An endpoint tells the 20 most likely tokens of each place at most; a class that is not among them has
no mass in the score. One that gives no log-probabilities at all leaves what the text states.
"""

from __future__ import annotations

import base64
import json
import math
import os
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from http.client import HTTPException
from pathlib import Path
from typing import Any

from fas_plugin.evaluation.answer_score import (
    ANSWER,
    AnswerTree,
    Piece,
    along,
    answer_start,
    sample_score,
)
from fas_plugin.evaluation.predictions import Prediction, PredictionsError, Sample
from fas_plugin.evaluation.systems import Sampling, as_settings

#: Requests at the same time, seconds for each, tries, seconds before the second one (doubled after).
CONCURRENCY, TIMEOUT, TRIES, PAUSE = 16, 600.0, 5, 1.0
#: As many alternatives as the protocol allows.
TOP_LOGPROBS = 20
#: Bytes of a reply that are read.
MAX_REPLY = 64 * 1024 * 1024

_MIME = {".png": "image/png", ".webp": "image/webp"}


class EndpointError(OSError):
    """The endpoint refuses, or does not answer."""


class Endpoint:
    """``model`` at ``url`` (``…/v1``). An API key comes from the environment: ``FAS_API_KEY``."""

    def __init__(self, url: str, model: str, sampling: Sampling) -> None:
        self.about: Mapping[str, Any] = {
            "kind": "endpoint",
            "url": url,
            "model": model,
            **as_settings(sampling),
        }
        self._url = url.rstrip("/") + "/chat/completions"
        self._model, self._sampling = model, sampling

    def predict(self, samples: Sequence[Sample]) -> Iterator[Prediction]:
        with ThreadPoolExecutor(CONCURRENCY) as pool:
            waiting = [pool.submit(self._predict, sample) for sample in samples]
            try:
                for done in as_completed(waiting):
                    yield done.result()
            finally:
                pool.shutdown(cancel_futures=True)

    def _predict(self, sample: Sample) -> Prediction:
        started = time.monotonic()
        reply = self._post(self._body(sample))
        prefix = ANSWER if self._sampling.mode == "verdict" else ""
        try:
            choices = [_read(choice, prefix) for choice in reply["choices"]]
        except (LookupError, TypeError, AttributeError) as error:
            raise EndpointError(
                f"{self._url}: not a chat completion ({error!r}): {json.dumps(reply)[:200]}"
            ) from None
        scored = [sample_score(text, tree) for text, tree in choices]
        if len(scored) != self._sampling.samples:
            raise EndpointError(
                f"{self._url}: {len(scored)} completions, asked for {self._sampling.samples}"
            )
        values = tuple(score.value for score in scored)
        return Prediction(
            sample,
            sum(values) / len(values),
            tuple(text for text, _ in choices),
            values,
            tuple(score.source for score in scored),
            time.monotonic() - started,
        )

    def _body(self, sample: Sample) -> dict[str, Any]:
        sampling = self._sampling
        body: dict[str, Any] = {
            "model": self._model,
            "messages": _with_images(sample),
            "n": sampling.samples,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "max_tokens": sampling.tokens,
            "seed": sampling.seed,
            "logprobs": True,
            "top_logprobs": TOP_LOGPROBS,
        }
        if sampling.mode == "verdict":
            # vLLM and SGLang go on with a begun message; the protocol itself has no such thing.
            body["messages"].append({"role": "assistant", "content": ANSWER})
            body |= {"continue_final_message": True, "add_generation_prompt": False}
        return body

    def _post(self, body: Mapping[str, Any]) -> dict[str, Any]:
        headers = {"Content-Type": "application/json"}
        if key := os.environ.get("FAS_API_KEY"):
            headers["Authorization"] = f"Bearer {key}"
        content, reason = json.dumps(body).encode(), ""
        for attempt in range(TRIES):
            if attempt:
                time.sleep(PAUSE * 2 ** (attempt - 1))
            request = urllib.request.Request(self._url, content, headers)
            try:
                with urllib.request.urlopen(request, timeout=TIMEOUT) as response:
                    return json.loads(response.read(MAX_REPLY))
            except urllib.error.HTTPError as error:
                reason = f"{error.code} {error.read(500).decode(errors='replace')}"
                if error.code < 500 and error.code != 429:  # our fault: trying again is no use
                    raise EndpointError(f"{self._url}: {reason}") from None
            except (OSError, HTTPException, ValueError) as error:
                reason = str(error)
        raise EndpointError(
            f"{self._url}: no answer after {TRIES} tries ({reason}); what is finished is kept, "
            "run the same command again"
        )


def _with_images(sample: Sample) -> list[dict[str, Any]]:
    """The messages with their images inside, as data URLs."""
    images = iter(sample.images)
    return [
        {
            **message,
            "content": message["content"]
            if isinstance(message["content"], str)
            else [
                _image(next(images)) if part["type"] == "image" else part
                for part in message["content"]
            ],
        }
        for message in sample.messages
    ]


def _image(image: str) -> dict[str, Any]:
    path = Path(image)
    try:
        encoded = base64.b64encode(path.read_bytes()).decode()
    except OSError as error:
        raise PredictionsError(f"{path}: {error.strerror}") from None
    url = f"data:{_MIME.get(path.suffix.lower(), 'image/jpeg')};base64,{encoded}"
    return {"type": "image_url", "image_url": {"url": url}}


def _read(choice: Mapping[str, Any], prefix: str) -> tuple[str, AnswerTree]:
    """A completion, and the tree along its answer where there are log-probabilities."""
    message = choice["message"]
    text = message.get("content") or ""
    thought = message.get("reasoning") or message.get("reasoning_content")
    if thought:  # servers with a reasoning parser hand it out apart
        text = f"<think>{thought}</think>{text}"
    if prefix and not text.startswith(prefix):
        text = prefix + text
    places = (choice.get("logprobs") or {}).get("content") or []
    texts = [place["token"] for place in places]
    start = 0 if prefix else answer_start(texts)
    if start is None or start >= len(places):
        return text, AnswerTree()
    window = places[start : start + 8]
    pieces = [
        [Piece(a["token"], math.exp(a["logprob"])) for a in place.get("top_logprobs") or [place]]
        for place in window
    ]
    return text, along(pieces, [Piece(place["token"], 1.0) for place in window])
