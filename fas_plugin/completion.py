"""A completion's structure: what it thinks, what it answers, what is wrong with its form.

The only parser of model text. A well-formed completion is one non-empty ``<think>...</think>``,
then one ``<answer>...</answer>``, and nothing else but white space and trailing chat end tokens.
"""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

from fas_plugin.answer import class_of_wording
from fas_plugin.labels import FasClass

__all__ = ["END_TOKENS", "Completion", "class_of_wording", "parse_completion"]

#: What chat models end or pad a turn with.
END_TOKENS = (
    "<|im_end|>",
    "<|endoftext|>",
    "<|eot_id|>",
    "<|eom_id|>",
    "<|end_of_text|>",
    "<|end|>",
    "<|return|>",
    "<|endofturn|>",
    "<|end_of_turn|>",
    "<|eos|>",
    "<end_of_turn>",
    "<turn|>",
    "<eos>",
    "</s>",
    "<pad>",
    "<|pad|>",
    "[EOS]",
    "<｜end▁of▁sentence｜>",
)

#: A completion with more tags than this is not read further.
MAX_TAGS = 256

_TAG = re.compile("</?(?:think|answer)>")
#: Nearly every completion of a trained policy: well-formed, and no other "<" in it.
_PLAIN = re.compile(
    r"\s*+<think>([^<]*+)</think>\s*+<answer>([^<]*+)</answer>\s*+(?:<\|im_end\|>\s*+)?+"
)


class Completion(NamedTuple):
    """What a completion says, as far as its structure can be made out.

    Attributes:
        think: the text inside all think blocks without the answers in them, also where they are
            unclosed or nested; None where none is opened.
        answer_text: the text of the one complete answer block; None where there is none, or more.
        answer: the class that ``answer_text`` states, or None.
        format_ok: whether the structure is exactly right; then ``faults`` is empty.
        faults: what is wrong with the structure, as short constant names.
    """

    think: str | None
    answer_text: str | None
    answer: FasClass | None
    format_ok: bool
    faults: tuple[str, ...]


def parse_completion(text: str) -> Completion:
    """Read a completion. Never raises on a string; linear in its length."""
    plain = _PLAIN.fullmatch(text)
    if plain and not _is_blank(plain[1]):
        return Completion(plain[1], plain[2], class_of_wording(plain[2]), True, ())
    tags: list[tuple[str, int, int]] = []
    for match in _TAG.finditer(text):
        tags.append((match.group(), match.start(), match.end()))
        if len(tags) > MAX_TAGS:
            break
    thoughts, answers, unclosed = _blocks(text, tags[:MAX_TAGS])
    think = "\n".join(thoughts) if any(tag == "<think>" for tag, _, _ in tags) else None
    answer_text = answers[0] if len(answers) == 1 and len(tags) <= MAX_TAGS else None
    faults = _faults(text, tags, think, len(answers), unclosed)
    return Completion(
        think=think,
        answer_text=answer_text,
        answer=None if answer_text is None else class_of_wording(answer_text),
        format_ok=not faults,
        faults=faults,
    )


def _blocks(text: str, tags: list[tuple[str, int, int]]) -> tuple[list[str], list[str], set[str]]:
    """Reasoning, complete answers and the names of the blocks left open."""
    thoughts: list[str] = []
    answers: list[str] = []
    unclosed: set[str] = set()
    stack: list[tuple[str, int]] = []  # open blocks: name, where the content starts
    position = 0
    for tag, start, end in [*tags, ("", len(text), len(text))]:
        if stack and stack[-1][0] == "think" and text[position:start].strip():
            thoughts.append(text[position:start])
        position = end
        name = tag.strip("</>")
        if tag.startswith("</"):
            if any(opened == name for opened, _ in stack):
                while (block := stack.pop())[0] != name:
                    unclosed.add(block[0])
                if name == "answer":
                    answers.append(text[block[1] : start])
        elif tag:
            # An answer opened twice and closed once is one answer, with all that it says.
            again = name == "answer" and stack and stack[-1][0] == "answer"
            stack.append((name, stack[-1][1] if again else end))
    unclosed.update(name for name, _ in stack)
    return thoughts, answers, unclosed


def _faults(
    text: str,
    tags: list[tuple[str, int, int]],
    think: str | None,
    answers: int,
    unclosed: set[str],
) -> tuple[str, ...]:
    names = [tag for tag, _, _ in tags]
    faults: list[str] = []
    if think is None:
        faults.append("no_think")
    elif _is_blank(think):
        faults.append("empty_think")
    if "think" in unclosed:
        faults.append("unclosed_think")
    if names.count("<think>") > 1:
        faults.append("several_thinks")
    if not answers:
        faults.append("unclosed_answer" if "<answer>" in names else "no_answer")
    if answers > 1:
        faults.append("several_answers")
    if names == ["<think>", "</think>", "<answer>", "</answer>"]:
        if text[: tags[0][1]].strip():
            faults.append("text_before_think")
        if text[tags[1][2] : tags[2][1]].strip():
            faults.append("text_between_blocks")
        if _without_end_tokens(text[tags[3][2] :]):
            faults.append("text_after_answer")
    elif not faults:
        faults.append("wrong_order")
    return tuple(faults)


def _is_blank(think: str) -> bool:
    """Whether there is nothing but white space and invisible characters."""
    return all(c.isspace() or unicodedata.category(c) == "Cf" for c in think)


def _without_end_tokens(tail: str) -> str:
    """What is left of ``tail`` when white space and end tokens are taken off its front."""
    position, length = 0, len(tail)
    while position < length:
        if tail[position].isspace():
            position += 1
        elif token := next((t for t in END_TOKENS if tail.startswith(t, position)), ""):
            position += len(token)
        else:
            return tail[position:]
    return ""
