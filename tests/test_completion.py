"""The structure of completions."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fas_plugin.completion import END_TOKENS, parse_completion
from fas_plugin.labels import FasClass

REAL, SPOOF = FasClass.REAL, FasClass.SPOOF
GOOD = "<think>pores are visible</think><answer>real</answer>"


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        f"\n {GOOD} \n",
        "<think>\nx\n</think>\n\n<answer>\nreal\n</answer>\n",
        "<think>x</think><answer></answer>",
        "<think>x</think><answer>\u200breal\u200b</answer>",
        "<think>1 < 2 and <b>bold</b> <THINK></think><answer>real</answer>",
        GOOD + "".join(END_TOKENS),
        GOOD + "<|im_end|>\n<|endoftext|><|endoftext|>",
    ],
)
def test_well_formed(text):
    completion = parse_completion(text)
    assert completion.format_ok
    assert completion.faults == ()


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "no_think"),
        ("real", "no_answer"),
        ("<answer>real</answer>", "no_think"),
        ("<think>x</think>", "no_answer"),
        ("<think></think><answer>real</answer>", "empty_think"),
        ("<think> \n\u200b</think><answer>real</answer>", "empty_think"),
        ("<answer>real</answer><think>x</think>", "wrong_order"),
        ("<think>x<answer>real</answer>", "unclosed_think"),
        ("<think>x</think><answer>real", "unclosed_answer"),
        ("<think>x</think><think>y</think><answer>real</answer>", "several_thinks"),
        ("<think>x<think>y</think></think><answer>real</answer>", "several_thinks"),
        ("<think>x</think><answer>real</answer><answer>real</answer>", "several_answers"),
        ("<think>x<answer>real</answer></think>", "wrong_order"),
        (GOOD + "</answer>", "wrong_order"),
        (f"Sure! {GOOD}", "text_before_think"),
        (f"\ufeff{GOOD}", "text_before_think"),
        (f"\u200b{GOOD}", "text_before_think"),
        (f"<|im_start|>assistant\n{GOOD}", "text_before_think"),
        ("<think>x</think>so<answer>real</answer>", "text_between_blocks"),
        ("<think>x</think>\u200b<answer>real</answer>", "text_between_blocks"),
        (GOOD + ".", "text_after_answer"),
        (GOOD + "<|im_end|>x", "text_after_answer"),
        (GOOD + "<|im_start|>user", "text_after_answer"),
        (GOOD + "\u200b", "text_after_answer"),
        ("<Think>x</Think><answer>real</answer>", "no_think"),
        ("<think >x</think ><answer>real</answer>", "no_think"),
        ("＜think＞x＜/think＞<answer>real</answer>", "no_think"),
        ("<think>x</think><ANSWER>real</ANSWER>", "no_answer"),
    ],
)
def test_broken_structure_has_its_fault(text, fault):
    completion = parse_completion(text)
    assert not completion.format_ok
    assert fault in completion.faults


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (GOOD, REAL),
        ("blah <answer>spoof</answer> blah", SPOOF),
        ("<think>x <answer>spoof</answer></think>", SPOOF),
        ("<answer>real</answer><answer>real</answer>", None),
        ("<answer>real</answer><answer>spoof</answer>", None),
        ("<answer>real<answer>spoof</answer>", None),
        ("<answer>real<answer>real</answer></answer>", None),
        ("<think>I open <answer> here</think><answer>spoof</answer>", SPOOF),
        ("<answer>real", None),
        ("real</answer>", None),
        ("<answer></answer>", None),
        ("<ANSWER>real</ANSWER>", None),
    ],
)
def test_answer(text, answer):
    assert parse_completion(text).answer is answer


@pytest.mark.parametrize(
    ("text", "think"),
    [
        (GOOD, "pores are visible"),
        ("<think>a<answer>real</answer>b</think>", "a\nb"),
        ("<think>a<think>b</think>c</think>", "a\nb\nc"),
        ("<think>a</think><answer>real</answer><think>b</think>", "a\nb"),
        ("<think>a <answer>real", "a "),
        ("<think>a", "a"),
        ("a</think><answer>real</answer>", None),
        ("<answer>real</answer>", None),
        ("<think></think>", ""),
    ],
)
def test_visible_reasoning(text, think):
    assert parse_completion(text).think == think


TAGS = st.sampled_from(
    ["<think>", "</think>", "<answer>", "</answer>", "real", "spoof", " ", "x", "<"]
)


@given(st.one_of(st.text(), st.lists(TAGS, max_size=20).map("".join)))
def test_never_raises_and_format_means_no_faults(text):
    completion = parse_completion(text)
    assert completion.format_ok == (not completion.faults)
    if completion.format_ok:
        assert completion.think
        assert completion.answer_text is not None
    if completion.answer is not None:
        assert text.count("<answer>") >= 1


@given(st.text(min_size=1), st.sampled_from(["real", "spoof"]))
def test_reasoning_without_tags_comes_back_as_it_is(reasoning, word):
    completion = parse_completion(f"<think>{reasoning}</think><answer>{word}</answer>")
    if completion.format_ok:
        assert completion.think == reasoning
        assert completion.answer == FasClass(word)


@pytest.mark.parametrize(
    "unit", ["<think>", "</think>", "<answer>", "<", "</", "<|im_end|>", "\x00", "\ud800", "é", " "]
)
def test_hostile_text_takes_linear_time(unit):
    text = unit * (1_000_000 // len(unit))
    started = time.process_time()
    for hostile in (text, f"<think>{text}</think><answer>{text}</answer>", GOOD + text):
        parse_completion(hostile)
    assert time.process_time() - started < 2


def test_ten_megabytes_are_bounded():
    started = time.process_time()
    assert not parse_completion("<think>" * 1_400_000).format_ok
    assert not parse_completion("<" * 10_000_000).format_ok
    assert time.process_time() - started < 5


@given(
    st.lists(
        st.sampled_from(
            [
                "<think>",
                "</think>",
                "<answer>",
                "</answer>",
                "real",
                " ",
                "\n",
                "\u200b",
                "x",
                "<|im_end|>",
                "<",
                "</s>",
                "\x1c",
                "\ufeff",
            ]
        ),
        max_size=12,
    )
)
def test_the_short_cut_for_plain_completions_reads_the_same(pieces):
    text = "".join(pieces)
    for candidate in (text, f"<think>{text}</think><answer>real</answer>{text}"):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("fas_plugin.completion._PLAIN", re.compile("(?!)"))
            slow = parse_completion(candidate)
        assert parse_completion(candidate) == slow
