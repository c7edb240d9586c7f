"""The policy's text in a completion, whichever way a framework hands it over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Completion = str | Sequence[Mapping[str, Any]]


def completion_text(completion: Completion) -> str:
    """The text of a plain completion, or of the assistant's messages of a conversational one.

    A message's content is a string, a list of parts (those that hold text count, images don't) or
    None. Reasoning that a parser has moved to ``reasoning_content`` is put back in its think block.
    """
    if isinstance(completion, str):
        return completion
    return "".join(
        _message_text(message)
        for message in completion
        if message.get("role", "assistant") == "assistant"
    )


def _message_text(message: Mapping[str, Any]) -> str:
    reasoning = message.get("reasoning_content")
    content = message.get("content") or ""
    if not isinstance(content, str):
        content = "".join(part.get("text") or "" for part in content if isinstance(part, Mapping))
    return f"<think>{reasoning}</think>{content}" if reasoning else content
