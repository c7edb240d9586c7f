"""What words speak for: a lexicon of evidence that was learned, not written.

``evidence.tsv`` has one weight per word and per pair of neighbours: positive for a living face,
negative for an attack. ``benchmarks/train_judge.py`` makes it from labelled sentences of our own; words
that they do not hold got theirs from similar words, by an embedding model that only training needs.
"""

from __future__ import annotations

from importlib import resources

#: The file holds integers; this many make a weight of one.
SCALE = 32


def learned_weights() -> dict[str, float]:
    """Word, or two words with a space between -> weight. Words are stemmed (see ``tokens``)."""
    table = (resources.files("fas_plugin") / "evidence.tsv").read_text(encoding="utf-8")
    rows = [line.split("\t") for line in table.splitlines()]
    return {tokens: int(weight) / SCALE for tokens, weight in rows}
