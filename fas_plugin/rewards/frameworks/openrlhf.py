"""OpenRLHF: the rewards as a file for ``--reward.remote_url fas_plugin/rewards/frameworks/openrlhf.py``.

The same function answers the HTTP form of the contract in ``fas_plugin.rewards.server``. The preset
of the file form comes from the environment variable ``FAS_REWARD_PRESET`` (a name or a JSON file).

OpenRLHF (0.11.2) calls with one sample at a time and merges what comes back, so every call must
return the same keys with values of the same shape: here always lists of floats.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Sequence
from functools import cache, lru_cache
from typing import NamedTuple

from fas_plugin.labels import FasClass
from fas_plugin.prompts import opening
from fas_plugin.rewards.combine import Preset, RewardResult, load_preset, score_batch

logger = logging.getLogger(__name__)

#: What stands for an image in a prompt. Repeated once per patch in the query.
_IMAGES = re.compile(
    r"<\|(?:image|video)_pad\|>|<\|vision_(?:start|end)\|>|<\|image\|?>|<image\|>"
    r"|<(?:image|video|img|IMG_CONTEXT|image_soft_token|start_of_image|end_of_image)>|</img>"
    r"|\[IMG(?:_BREAK|_END)?\]|<\|placeholder\|>"
)
_IMAGE_RUN = re.compile(f"(?:{_IMAGES.pattern})*")
#: Longer prompts are not remembered. Characters.
_MAX_REMEMBERED = 20_000
#: How an assistant's turn starts in the chat templates of VLM families.
_ASSISTANT_HEADERS = (
    "<|im_start|>assistant\n",
    "<start_of_turn>model\n",
    "<|turn>model\n",
    "<|start_header_id|>assistant<|end_header_id|>\n\n",
    "<|assistant|>\n",
    "[/INST]",
    "ASSISTANT:",
    "Assistant:",
)


def get_reward(
    queries: Sequence[str], prompts: Sequence[str], labels: Sequence[str], preset: Preset
) -> dict[str, list[float] | dict[str, list[float]]]:
    """The rewards of a batch in OpenRLHF's shape, ready for JSON.

    Args:
        queries: decoded prompts and responses, n strings.
        prompts: the prompts alone, n strings.
        labels: label strings, n of them.
        preset: how the components make the total.

    Returns:
        ``rewards``: n totals; ``scores``: n class-consistency values, for dynamic filtering;
        ``extra_logs``: constant names -> n floats.

    Raises:
        ValueError: the lengths differ.
        LabelError: a label is unknown; the message has its index.
    """
    if not len(queries) == len(prompts) == len(labels):
        raise ValueError(
            f"{len(queries)} queries, {len(prompts)} prompts and {len(labels)} labels; "
            "expected as many of each"
        )
    return answer(score_batch(responses(queries, prompts), labels, preset))


def responses(queries: Sequence[str], prompts: Sequence[str]) -> list[str]:
    """The policy's own texts, with the tag that a chat template has opened for them."""
    return [opening(p) + extract_response(q, p) for q, p in zip(queries, prompts, strict=True)]


def answer(
    results: Sequence[RewardResult],
) -> dict[str, list[float] | dict[str, list[float]]]:
    """What :func:`get_reward` returns, of completions that are scored already."""
    rows = [_logs(result) for result in results]
    return {
        "rewards": [result.total for result in results],
        "scores": [result.class_consistency for result in results],
        "extra_logs": {name: [row[i] for row in rows] for i, name in enumerate(_Logs._fields)},
    }


def reward_func(
    queries: Sequence[str], prompts: Sequence[str], labels: Sequence[str], **_: object
) -> dict[str, list[float] | dict[str, list[float]]]:
    """What OpenRLHF looks for in a reward file."""
    return get_reward(queries, prompts, labels, _environment_preset())


def extract_response(query: str, prompt: str) -> str:
    """The policy's own text in ``query``.

    ``query`` is the decoded prompt with its image placeholders expanded, then the response, so for
    images the prompt is no prefix of it. The response starts where the part of the prompt behind
    its last image ends. That part is looked for from the front, as everything behind it is the
    policy's and may hold the same words, chat headers included.

    Falls back, where the prompt cannot be found (a tokenizer that does not decode to what it read),
    to what follows as many assistant headers as the prompt has, and last to the empty string: what
    may be instructions is never read as the policy's words.
    """
    form = _form(prompt) if len(prompt) <= _MAX_REMEMBERED else _form.__wrapped__(prompt)
    end = _end_of_prompt(query, form.pieces)
    header = form.header
    # More headers than the prompt has: what was found is the policy's copy of the prompt.
    if end is not None and (header is None or query.count(header, 0, end) == form.turns):
        return query[end:]
    if header is None:
        _warn_once()
        return ""
    parts = query.split(header, form.turns)
    return parts[form.turns] if len(parts) > form.turns else ""


class _Form(NamedTuple):
    """What there is to know of a prompt: the pieces between its images, the assistant header of its
    chat template, and how often that stands in it."""

    pieces: tuple[str, ...]
    header: str | None
    turns: int


@lru_cache(maxsize=256)  # a group of completions shares its prompt
def _form(prompt: str) -> _Form:
    header = next((h for h in _ASSISTANT_HEADERS if h in prompt), None)
    turns = prompt.count(header) if header else 0
    # Images that follow each other are one run: nothing stands between them but at the prompt's ends.
    first, *others = _IMAGES.split(prompt)
    pieces = (first, *filter(None, others[:-1]), *others[-1:])
    return _Form(pieces, header, turns)


def _end_of_prompt(query: str, pieces: tuple[str, ...]) -> int | None:
    """Where the prompt ends in ``query``: its pieces between images, found one after the other."""
    position = 0
    for i, piece in enumerate(pieces):
        if i and " " not in piece:  # no image has a space in it: others can't be found within a run
            position = _IMAGE_RUN.match(query, position).end()  # type: ignore[union-attr]
        found = query.find(piece, position)
        if found < 0:
            return None
        position = found + len(piece)
    return position


@cache
def _warn_once() -> None:
    logger.warning(
        "a query does not contain its prompt and the prompt has no known assistant header: such "
        "responses are scored as empty; check that prompts come from the policy's chat template"
    )


class _Logs(NamedTuple):
    """Numbers whose mean over a batch shows what the policy does."""

    fas_format: float
    fas_class_consistency: float
    fas_reasoning_consistency: float
    fas_answered: float
    fas_answer_real: float
    fas_stance_real: float
    fas_stance_none: float
    fas_think_words: float
    fas_truth_real: float


def _logs(result: RewardResult) -> _Logs:
    answer, stance, real = result.answer, result.stance, FasClass.REAL
    return _Logs(
        fas_format=result.format,
        fas_class_consistency=result.class_consistency,
        fas_reasoning_consistency=result.reasoning_consistency,
        fas_answered=float(answer is not None),
        fas_answer_real=float(answer is real),
        fas_stance_real=float(stance is real),
        fas_stance_none=float(stance is None),
        fas_think_words=float(result.think_words),
        fas_truth_real=float(result.truth is real),
    )


@cache
def _environment_preset() -> Preset:
    return load_preset(os.environ.get("FAS_REWARD_PRESET", "default"))
