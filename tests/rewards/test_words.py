"""Texts cut into words and clauses, against a slow reading of the same rules."""

import random
import re

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fas_plugin.rewards.words import (
    MAX_CLAUSE,
    PADDING,
    UNKNOWN,
    Vocabulary,
    chinese,
    fold,
    fold_lengths,
)

WORDS = [
    "skin",
    "mask",
    "screen",
    "the",
    "moire",
    "00",
    "0d",
    "incomprehensibilities",
    "\n",
    ".",
    ",",
]
WORDS += ["(", "%", chinese("真"), chinese("人")]
VOCABULARY = Vocabulary(["<padding>", "<unknown>", *WORDS])
NUMBERS = {word: i + 2 for i, word in enumerate(WORDS)}


def slow(text):
    """Numbers and clause lengths of one text."""
    plain = (
        re.sub(" -(?= )", " ;", re.sub("\n(?=[a-z\n])", " ", fold(text) + "\n\0"))[:-2]
        .replace("--", "; ")
        .lower()
        + "\n"
    )
    tokens = re.findall(r'[a-z0-9]+|[/%*|#~.,;:!?()"=\n]', re.sub("[0-9]", "0", plain))
    numbers, lengths, length = [], [], 0
    for token in tokens:
        known = NUMBERS.get(token)
        for cut in range(1, 4):
            if not known and token[0].isalnum() and len(token) - cut >= 4:
                known = NUMBERS.get(token[:-cut])
        numbers.append(known or UNKNOWN)
        length += 1
        if length == MAX_CLAUSE or token in '.,;:!?()"=\n':
            lengths.append(length)
            length = 0
    return numbers, lengths


PIECES = st.sampled_from(
    [
        *WORDS,
        "Masks",
        "SCREENS",
        "móire",
        "ｓkin",
        "真人",
        "!",
        " - ",
        "--",
        "-",
        "'s",
        " ",
        "  ",
        "\x00",
        "\x07",
        "�",
        "\u200b",
        "“",
        "…",
        "ﷺ",
        "é",
        "12",
        "3D",
        "a " * 30,
        "a." * 3,
        "🙂",
        "~",
    ]
)
TEXTS = st.lists(st.lists(PIECES, max_size=15).map(lambda p: "".join(p)), min_size=1, max_size=4)


@given(TEXTS)
def test_a_batch_is_cut_as_its_texts_are_by_hand(texts):
    cut = VOCABULARY.cut(texts)
    expected, lengths, owners = [PADDING], [], []
    for i, text in enumerate(texts):
        numbers, own = slow(text)
        expected += [*numbers, PADDING]
        lengths += own
        owners += [i] * len(own)
    assert cut.words.tolist() == expected
    assert cut.lengths.tolist() == lengths
    assert cut.texts.tolist() == owners
    covered = np.concatenate(
        [np.arange(s, s + n) for s, n in zip(cut.starts, cut.lengths, strict=True)]
    )
    assert covered.tolist() == [i for i, number in enumerate(expected) if number != PADDING]


@given(st.lists(PIECES, max_size=15).map(lambda p: "".join(p)))
def test_clauses_start_at_the_same_words_of_the_text_itself(text):
    starts = VOCABULARY.clause_starts(text)
    folded = VOCABULARY.clause_starts(fold(text))
    assert len(starts) == len(folded) == len(slow(text)[1])
    for start, place in zip(starts, folded, strict=True):
        if start < len(text):
            assert len(fold(text[:start])) <= place < len(fold(text[: start + 1]))


@given(st.text())
def test_folded_text_is_ascii_and_not_much_longer(text):
    folded = fold(text)
    assert folded.isascii() and "\0" not in folded
    assert len(folded) == sum(fold_lengths(text)) <= 8 * len(text)


def test_every_known_word_is_found_and_no_other():
    chance = random.Random(0)
    words = sorted(
        {"".join(chance.choices("aeioulnrst", k=chance.randrange(4, 13))) for _ in range(25_000)}
    )
    vocabulary = Vocabulary(["<padding>", "<unknown>", *words])
    numbers = vocabulary.cut([" ".join(words)]).words[1:-2]
    assert numbers.tolist() == list(range(2, len(words) + 2))
    other = vocabulary.cut([" ".join(f"q{word[::-1]}q" for word in words)]).words[1:-2]
    assert (other == UNKNOWN).all()
