"""What short texts say in so many words, read by the rules for answers.

There are too many ways to say little for the network to have seen them: "Fake? Not at all." or "I don't
doubt he's genuine." The rules know what a negation turns. Longer texts argue, which rules don't follow.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fas_plugin.answer import class_of_wording

#: What a text can argue for, in the order of the judge's outputs.
OUTPUTS = ("real", "spoof", "none")
#: Characters.
LONGEST = 80
#: What the rules' class gains, as a natural logarithm of odds.
WEIGHT = 2.5


def said(texts: Sequence[str]) -> np.ndarray:
    """(texts, 3): for each of ``OUTPUTS`` ``WEIGHT`` where a short text states it, else 0."""
    result = np.zeros((len(texts), len(OUTPUTS)), np.float32)
    for row, text in enumerate(texts):
        if len(text) <= LONGEST and (cls := class_of_wording(text)):
            result[row, OUTPUTS.index(cls)] = WEIGHT
    return result
