"""vLLM inference over an exported prompt dataset: one prediction with a continuous score per frame."""

from __future__ import annotations

import json
import logging
import math
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from PIL import Image
from tqdm import tqdm

from fas_plugin.completion import parse_completion
from fas_plugin.labels import FasClass
from fas_plugin.prompts import opening
from fas_plugin.rewards.stance import stance

logger = logging.getLogger(__name__)

#: Prompts per call of the engine; finished calls survive a kill.
CHUNK = 256
#: Alternatives looked at where the answer word starts (vLLM's default upper limit).
TOP_LOGPROBS = 20


def predict(
    model: str,
    prompts: dict[str, Path],
    out: Path,
    *,
    n_samples: int,
    temperature: float,
    top_p: float,
    max_new_tokens: int,
    max_model_len: int,
    seed: int,
    engine_options: dict[str, Any],
) -> None:
    """Score every row of the prompt datasets and write one prediction per row to ``out``.

    The score is the probability of ``real`` against ``spoof`` at the first token of the answer,
    averaged over ``n_samples`` sampled reasonings: the policy's own probability that it answers
    real, with the reasoning integrated out by Monte Carlo.

    Args:
        model: checkpoint folder or hub name.
        prompts: split name (``validation``, ``test``) -> JSON Lines prompt dataset.
        out: JSON Lines predictions. While unfinished they lie in ``<out>.partial``; a second call
            goes on from there.
        n_samples: completions per row; the first one is stored.
        temperature: of sampling; 0 is greedy, for one sample.
        top_p: share of the probability mass that is sampled from, in (0, 1].
        max_new_tokens: upper bound of a completion, in tokens.
        max_model_len: upper bound of prompt and completion, in tokens.
        seed: of the sampler.
        engine_options: further arguments of ``vllm.LLM``.
    """
    partial = out.with_name(out.name + ".partial")
    done = _finished(partial)
    todo = [
        (split, row)
        for split, path in prompts.items()
        for row in _rows(path)
        if (split, row["record_id"]) not in done
    ]
    logger.info("%s: %d predictions to make, %d kept from before", out, len(todo), len(done))
    if todo:
        from vllm import LLM, SamplingParams

        engine = LLM(
            model=model,
            max_model_len=max_model_len,
            limit_mm_per_prompt={"image": 1},
            seed=seed,
            **engine_options,
        )
        tokenizer = engine.get_tokenizer()
        sampling = SamplingParams(
            n=n_samples,
            temperature=temperature,
            top_p=top_p,
            max_tokens=max_new_tokens,
            logprobs=TOP_LOGPROBS,
            skip_special_tokens=False,
        )
        with (
            partial.open("a", encoding="utf-8") as file,
            tqdm(total=len(todo), desc="predict") as bar,
        ):
            for chunk in _chunks(todo):
                requests = [_request(tokenizer, row) for _, row in chunk]
                outputs = engine.generate(requests, sampling, use_tqdm=False)
                for (split, row), request, output in zip(chunk, requests, outputs, strict=True):
                    opened = opening(request["prompt"])
                    prediction = _prediction(split, row, opened, output.outputs)
                    file.write(json.dumps(prediction) + "\n")
                file.flush()
                bar.update(len(chunk))
    os.replace(partial, out)


def answer_probability(texts: Sequence[str], logprobs: Sequence[dict[int, Any]]) -> float | None:
    """Probability of ``real`` against ``spoof`` where the answer word of one completion starts.

    Args:
        texts: the decoded tokens of the completion, in order.
        logprobs: for each of them, vLLM's alternatives (``decoded_token``, ``logprob``).

    Returns:
        A probability in [0, 1], renormalised over the two words; None when the completion opens no
        answer or neither word is among the alternatives.
    """
    written = ""
    for text, alternatives in zip(texts, logprobs, strict=True):
        if "<answer>" in written and text.strip():
            mass = dict.fromkeys(FasClass, 0.0)
            for alternative in alternatives.values():
                word = (alternative.decoded_token or "").strip().lower()
                for cls in FasClass:
                    # A first piece of the word ("sp"), or the word and more ("real</").
                    if word and (cls.value.startswith(word) or word.startswith(cls.value)):
                        mass[cls] += math.exp(alternative.logprob)
            total = sum(mass.values())
            return mass[FasClass.REAL] / total if total > 0 else None
        written += text
    return None


def _prediction(
    split: str, row: dict[str, Any], opened: str, samples: Sequence[Any]
) -> dict[str, Any]:
    scores = []
    for sample in samples:
        alternatives = sample.logprobs or []
        texts = [
            alternatives[i][token].decoded_token or "" for i, token in enumerate(sample.token_ids)
        ]
        score = answer_probability(texts, alternatives)
        if score is None:  # no word to weigh: fall back to what the text says, undecided if nothing
            score = {FasClass.REAL: 1.0, FasClass.SPOOF: 0.0, None: 0.5}[
                parse_completion(opened + sample.text).answer
            ]
        scores.append(score)
    shown = opened + samples[0].text
    completion = parse_completion(shown)
    argued = stance(completion.think).cls if completion.think else None
    return {
        "record_id": row["record_id"],
        "video": row["video"],
        "subject": row["subject"],
        "domain": row["datasource"],
        "label": row["label"],
        "split": split,
        "score": sum(scores) / len(scores),
        "completion": shown,
        "answer": completion.answer and completion.answer.value,
        "stance": argued and argued.value,
        "image": row["images"][0],
        "n_samples": len(samples),
    }


def _request(tokenizer: Any, row: dict[str, Any]) -> dict[str, Any]:
    text = tokenizer.apply_chat_template(row["prompt"], tokenize=False, add_generation_prompt=True)
    with Image.open(row["images"][0]) as image:
        return {"prompt": text, "multi_modal_data": {"image": image.convert("RGB")}}


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def _finished(partial: Path) -> set[tuple[str, str]]:
    """What an earlier, killed call has finished. Cuts off a line that it did not finish writing."""
    if not partial.exists():
        return set()
    text = partial.read_bytes()
    whole = text[: text.rfind(b"\n") + 1]
    if len(whole) < len(text):
        os.truncate(partial, len(whole))
    rows = map(json.loads, whole.decode("utf-8").splitlines())
    return {(row["split"], row["record_id"]) for row in rows}


def _chunks(items: Sequence[Any]) -> Iterable[Sequence[Any]]:
    return (items[i : i + CHUNK] for i in range(0, len(items), CHUNK))
