"""A vision-language model in process, with vLLM.

Asked for beside the completion are the probabilities of the tokens of the class words alone, which
costs a gather; asking for the most likely tokens would cost a sort of the vocabulary for every token
and miss a class that is unlikely. What follows the first piece of a word that was not generated is
asked for afterwards, where it matters (``answer_score``).
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from PIL import Image

from fas_plugin.evaluation.answer_score import (
    ANSWER,
    AnswerTree,
    Path,
    Piece,
    along,
    answer_start,
    sample_score,
)
from fas_plugin.evaluation.predictions import Prediction, Sample
from fas_plugin.evaluation.systems import EngineOptions, Sampling, as_settings
from fas_plugin.labels import FasClass
from fas_plugin.prompts import opening

#: Sequences waiting in the engine beyond those it runs at once: it never idles, and a kill loses few.
AHEAD = 2


@dataclass
class _Job:
    """A sample in the engine."""

    sample: Sample
    tokens: list[int]
    images: list[Image.Image]
    prefix: str
    started: float
    completions: list[str] = field(default_factory=list)
    trees: list[AnswerTree] = field(default_factory=list)
    answers: list[list[int]] = field(default_factory=list)
    waiting: int = 0


class VllmInProcess:
    """``model`` is a checkpoint folder or hub name. The engine starts with the first prediction."""

    def __init__(self, model: str, sampling: Sampling, engine: EngineOptions) -> None:
        self.about: Mapping[str, Any] = {
            "kind": "vllm",
            "model": model,
            **as_settings(sampling),
            "max_model_len": engine.max_model_len,
        }
        self._model, self._sampling, self._options = model, sampling, engine
        self._llm: Any = None
        self._decoded: dict[int, str] = {}

    def predict(self, samples: Sequence[Sample]) -> Iterator[Prediction]:
        from vllm import LLM, SamplingParams

        sampling = self._sampling
        if self._llm is None:
            self._llm = LLM(
                model=self._model,
                max_model_len=self._options.max_model_len,
                limit_mm_per_prompt={"image": max(len(s.images) for s in samples)},
                seed=sampling.seed,
                **self._options.arguments,
            )
        llm, engine = self._llm, self._llm.llm_engine
        self._tokenizer = llm.get_tokenizer()
        self._texts = word_tokens(self._tokenizer)
        # Texts are decoded here, once for each completion: vLLM's own way is token by token, also
        # for the tokens that were only asked about.
        common = {
            "logprob_token_ids": sorted(self._texts),
            "flat_logprobs": True,
            "detokenize": False,
        }
        generate = SamplingParams(
            n=sampling.samples,
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            max_tokens=sampling.tokens,
            **common,
        )
        follow = SamplingParams(temperature=0.0, max_tokens=1, **common)
        running = engine.vllm_config.scheduler_config.max_num_seqs
        window = max(1, AHEAD * running // sampling.samples)
        todo = deque(samples)
        jobs: dict[str, _Job] = {}
        questions: dict[str, tuple[_Job, int, Path]] = {}
        while todo or jobs or questions:
            while todo and len(jobs) < window:
                job = self._job(todo.popleft())
                [request] = llm.enqueue([_request(job, job.tokens)], generate, use_tqdm=False)
                jobs[_plain(request)] = job
            for output in engine.step():
                if not output.finished:
                    continue
                if (job := jobs.pop(_plain(output.request_id), None)) is not None:
                    self._read(job, output.outputs)
                    asked = [(i, path) for i, t in enumerate(job.trees) for path in t.wanted()]
                else:
                    job, index, path = questions.pop(_plain(output.request_id))
                    [answer] = output.outputs
                    job.trees[index].known[path] = self._pieces(answer.logprobs[0])
                    job.waiting -= 1
                    below = job.trees[index].wanted()
                    asked = [(index, p) for p in below if p[: len(path)] == path]
                for index, path in asked:
                    tokens = [*job.tokens, *job.answers[index], *path]
                    [request] = llm.enqueue([_request(job, tokens)], follow, use_tqdm=False)
                    questions[_plain(request)] = (job, index, path)
                    job.waiting += 1
                if not job.waiting:
                    yield _finished(job)

    def _job(self, sample: Sample) -> _Job:
        # The template's text is split into tokens without the tokenizer's own extras, which the
        # template has written already.
        text = self._tokenizer.apply_chat_template(
            list(sample.messages), tokenize=False, add_generation_prompt=True
        )
        prefix = opening(text)
        if self._sampling.mode == "verdict":
            text += "</think>" * bool(prefix) + ANSWER
            prefix += "</think>" * bool(prefix) + ANSWER
        tokens = self._tokenizer(text, add_special_tokens=False)["input_ids"]
        images = [_read_image(path) for path in sample.images]
        return _Job(sample, tokens, images, prefix, time.monotonic())

    def _read(self, job: _Job, outputs: Sequence[Any]) -> None:
        """Completions, and for each the tree along its answer."""
        for output in outputs:
            tokens = list(output.token_ids)
            text = self._tokenizer.decode(tokens, skip_special_tokens=False)
            completion = job.prefix + text
            start = 0 if self._sampling.mode == "verdict" else self._answer_start(text, tokens)
            tree = AnswerTree()
            if start is not None and start < len(tokens):
                places = [self._pieces(p) for p in output.logprobs[start : start + 8]]
                said = [Piece(self._text(t), 1.0, t) for t in tokens[start : start + 8]]
                tree = along(places, said)
            job.completions.append(completion)
            job.trees.append(tree)
            job.answers.append(tokens[: start or 0])

    def _answer_start(self, text: str, tokens: list[int]) -> int | None:
        if ANSWER not in text:
            return None
        return answer_start([self._text(token) for token in tokens])

    def _pieces(self, place: Any) -> list[Piece]:
        """The tokens at a place of vLLM's log-probabilities: those of class words, and the one that
        was generated, which may be white space before the word."""
        return [
            Piece(self._text(token), math.exp(entry.logprob), token)
            for token, entry in place.items()
        ]

    def _text(self, token: int) -> str:
        if token not in self._decoded:
            self._decoded[token] = self._tokenizer.decode([token], skip_special_tokens=False)
        return self._decoded[token]


def word_tokens(tokenizer: Any) -> dict[int, str]:
    """The tokens that class words are made of, in the usual ways to write them, and their texts."""
    texts: dict[int, str] = {}
    for cls in FasClass:
        for word in (cls.value, cls.value.capitalize(), cls.value.upper()):
            for before in ("", " ", "\n"):
                # Behind the tag, as a word is split there; the tag's own tokens come first.
                tokens = tokenizer(ANSWER + before + word, add_special_tokens=False)["input_ids"]
                position = 0
                for token in tokens:
                    text = tokenizer.decode([token], skip_special_tokens=False)
                    if position >= len(ANSWER):
                        texts[token] = text
                    position += len(text)
    return texts


def _request(job: _Job, tokens: list[int]) -> dict[str, Any]:
    return {"prompt_token_ids": tokens, "multi_modal_data": {"image": job.images}}


def _read_image(path: str) -> Image.Image:
    with Image.open(path) as image:
        return image.convert("RGB")


def _plain(request_id: str) -> str:
    """vLLM appends a random part to the ids that it hands out, and not to those of outputs."""
    return request_id.partition("-")[0]


def _finished(job: _Job) -> Prediction:
    scored = [sample_score(c, t) for c, t in zip(job.completions, job.trees, strict=True)]
    values = tuple(score.value for score in scored)
    return Prediction(
        job.sample,
        sum(values) / len(values),
        tuple(job.completions),
        values,
        tuple(score.source for score in scored),
        time.monotonic() - job.started,
    )
