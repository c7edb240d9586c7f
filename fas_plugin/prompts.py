"""The versioned prompts: what the policy is asked, in one place.

A prompt is stored with every exported dataset and prediction by its name and version, for instance
``task_solving/1``. The method's own wording is not public; ``task_solving`` follows its description
(look, reason in ``<think>``, state the class in ``<answer>``) and is ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Prompt:
    """A named, versioned user prompt that follows one face image, or several frames of one clip.

    Attributes:
        several: it speaks of several frames.
    """

    name: str
    version: int
    text: str
    several: bool = False

    @property
    def id(self) -> str:
        return f"{self.name}/{self.version}"


_INSTRUMENT_LIST = (
    "a printed photo, a photo with cut-out eyes, a replay on a phone, a tablet, a laptop or a "
    "monitor, a paper mask, a rigid or a flexible mask, a mannequin, make-up, or a partial attack "
    "such as funny glasses"
)

#: Every prompt by name. The text of a version never changes: another text is another version.
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
            name="task_solving_instruments",
            version=1,
            text=(
                "You check whether a face image shows a real, living person who stands in front of "
                f"the camera, or a presentation attack: {_INSTRUMENT_LIST}. Solve the task step by "
                "step: describe what you can see of the skin, the texture, the edges around the "
                "face, the colours, the light and the background; weigh what speaks for either "
                "class; then decide. Write the reasoning between <think> and </think>. Between "
                "<answer> and </answer> write real, or spoof and the kind of attack, for instance "
                "spoof: replay on a tablet."
            ),
        ),
        Prompt(
            name="task_solving_clip",
            version=1,
            several=True,
            text=(
                "You check whether the frames of one clip, given in the order of time, show a real, "
                "living person who stands in front of the camera, or a presentation attack such "
                "as a printed photo, a replay on a screen or a mask. Solve the task step by "
                "step: describe what you can see of the skin, the texture, the edges around the "
                "face, the colours, the light and the background, and what changes from frame to "
                "frame; weigh what speaks for either class; then decide. Write the reasoning "
                "between <think> and </think> and your decision, one word, real or spoof, between "
                "<answer> and </answer>."
            ),
        ),
        Prompt(
            name="task_solving_instruments_clip",
            version=1,
            several=True,
            text=(
                "You check whether the frames of one clip, given in the order of time, show a real, "
                "living person who stands in front of the camera, or a presentation attack: "
                f"{_INSTRUMENT_LIST}. Solve the task step by step: describe what you can see of "
                "the skin, the texture, the edges around the face, the colours, the light and the "
                "background, and what changes from frame to frame; weigh what speaks for either "
                "class; then decide. Write the reasoning between <think> and </think>. Between "
                "<answer> and </answer> write real, or spoof and the kind of attack, for instance "
                "spoof: replay on a tablet."
            ),
        ),
        Prompt(
            name="brief",
            version=1,
            text="Is this face real or a spoof? Reason in <think>, decide in <answer>.",
        ),
        Prompt(
            name="brief_clip",
            version=1,
            several=True,
            text=(
                "Is the face in these frames of one clip real or a spoof? Reason in <think>, decide "
                "in <answer>."
            ),
        ),
    )
}


def opening(rendered: str) -> str:
    """The start of every completion that a chat template has already written into the prompt.

    Templates of reasoning models end in an open think block; what the policy then writes is a
    whole completion only together with that tag.
    """
    return "<think>" if rendered.rstrip().endswith("<think>") else ""


def get_prompt(name: str, frames: int = 1) -> Prompt:
    """The prompt called ``name``; for several frames of a clip its variant ``<name>_clip``.

    Raises:
        ValueError: no such prompt, or none for so many frames; the message lists those there are.
    """
    if frames > 1 and not name.endswith("_clip"):
        name += "_clip"
    prompt = PROMPTS.get(name)
    if prompt is None or prompt.several != (frames > 1):
        fitting = ", ".join(p.name for p in PROMPTS.values() if p.several == (frames > 1))
        kind = "several frames" if frames > 1 else "one frame"
        raise ValueError(f"unknown prompt {name!r} for {kind}; expected one of {fitting}")
    return prompt


def messages(text: str, frames: int = 1) -> list[dict[str, Any]]:
    """One user message: the images, then the text, in the form that chat templates of
    vision-language models take."""
    images: list[dict[str, Any]] = [{"type": "image"} for _ in range(frames)]
    return [{"role": "user", "content": [*images, {"type": "text", "text": text}]}]


def tagged(text: str, frames: int = 1) -> list[dict[str, str]]:
    """The same with an ``<image>`` tag for each image, as verl and ms-swift want it."""
    return [{"role": "user", "content": "<image>" * frames + text}]
