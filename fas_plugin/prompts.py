"""The versioned prompts: what the policy is asked, in one place.

A prompt is stored with every exported dataset and prediction by its name and version, for instance
``task_solving/1``. The method's own wording is not public; ``task_solving`` follows its description
(look, reason in ``<think>``, state the class in ``<answer>``) and is ours.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Prompt:
    """A named, versioned user prompt that follows one face image."""

    name: str
    version: int
    text: str

    @property
    def id(self) -> str:
        return f"{self.name}/{self.version}"


PROMPTS: dict[str, Prompt] = {
    prompt.name: prompt
    for prompt in (
        Prompt(
            name="task_solving",
            version=1,
            text=(
                "You check whether a face image shows a real, living person who stands in front of "
                "the camera, or a presentation attack such as a printed photo, a replay on a "
                "screen or a mask. Solve the task step by step: describe what you can see of the "
                "skin, the texture, the edges around the face, the colours, the light and the "
                "background; weigh what speaks for either class; then decide. Write the reasoning "
                "between <think> and </think> and your decision, one word, real or spoof, between "
                "<answer> and </answer>."
            ),
        ),
        Prompt(
            name="brief",
            version=1,
            text="Is this face real or a spoof? Reason in <think>, decide in <answer>.",
        ),
    )
}


def opening(rendered: str) -> str:
    """The start of every completion that a chat template has already written into the prompt.

    Templates of reasoning models end in an open think block; what the policy then writes is a
    whole completion only together with that tag.
    """
    return "<think>" if rendered.rstrip().endswith("<think>") else ""


def get_prompt(name: str) -> Prompt:
    """The prompt called ``name``.

    Raises:
        ValueError: no such prompt; the message lists those there are.
    """
    try:
        return PROMPTS[name]
    except KeyError:
        raise ValueError(f"unknown prompt {name!r}; expected one of {', '.join(PROMPTS)}") from None
