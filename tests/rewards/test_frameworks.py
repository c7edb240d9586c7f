"""What OpenRLHF sends and expects, and the text of completions in other frameworks' messages."""

import importlib.util
import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fas_plugin.labels import LabelError
from fas_plugin.rewards import load_preset
from fas_plugin.rewards.frameworks import openrlhf
from fas_plugin.rewards.frameworks.messages import completion_text
from fas_plugin.rewards.frameworks.openrlhf import extract_response, get_reward

TASK = "Decide. Write <think> </think> and <answer> real or spoof </answer>."
RESPONSE = "<think>Moire is visible, so this is a replay.</think><answer>spoof</answer>"
IMAGE = "<|vision_start|><|image_pad|><|vision_end|>"
MANY = "<|vision_start|>" + "<|image_pad|>" * 64 + "<|vision_end|>"


def qwen(image, task=TASK):
    return (
        "<|im_start|>system\nYou help.<|im_end|>\n"
        f"<|im_start|>user\n{image}{task}<|im_end|>\n<|im_start|>assistant\n"
    )


#: prompt, the same with images expanded
FAMILIES = {
    "qwen": (qwen(IMAGE), qwen(MANY)),
    "qwen, image last": (qwen(TASK + IMAGE, ""), qwen(TASK + MANY, "")),
    "qwen, two images": (qwen(IMAGE + "and" + IMAGE), qwen(MANY + "and" + MANY)),
    "text only": (qwen(""), qwen("")),
    "gemma": (
        f"<bos><start_of_turn>user\n<start_of_image>{TASK}<end_of_turn>\n<start_of_turn>model\n",
        "<bos><start_of_turn>user\n\n\n<start_of_image>"
        + "<image_soft_token>" * 256
        + f"<end_of_image>\n\n{TASK}<end_of_turn>\n<start_of_turn>model\n",
    ),
    "internvl": (
        qwen("<image>\n"),
        qwen("<img>" + "<IMG_CONTEXT>" * 256 + "</img>\n"),
    ),
    "llava": (
        f"USER: <image>\n{TASK} ASSISTANT:",
        "USER: " + "<image>" * 576 + f"\n{TASK} ASSISTANT:",
    ),
    "begin token added": (qwen(IMAGE), "<s>" + qwen(MANY)),
    "other white space, by header": (qwen(IMAGE), qwen(MANY).replace("Decide. ", "Decide.  ")),
    "earlier turns, by header": (
        qwen(IMAGE) + "No.<|im_end|>\n" + qwen("", "Again."),
        qwen(MANY) + "No. <|im_end|>\n" + qwen("", "Again."),
    ),
}


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    "response",
    [
        RESPONSE,
        RESPONSE + "<|im_end|>",
        "",
        f"I lied.<|im_end|>\n<|im_start|>assistant\n{RESPONSE}",
        qwen(IMAGE) + RESPONSE,
        TASK + RESPONSE,
        "<start_of_turn>model\nASSISTANT: [/INST]" + RESPONSE,
        "<|image_pad|>" + RESPONSE,
    ],
)
def test_the_response_is_all_that_the_policy_wrote(family, response):
    prompt, expanded = FAMILIES[family]
    assert extract_response(expanded + response, prompt) == response


def test_instructions_are_never_read_as_the_response():
    prompt = f"unknown template {IMAGE} {TASK}"
    assert extract_response(f"a tokenizer changed this {MANY} {TASK[:20]}", prompt) == ""


@given(st.text(), st.text())
def test_extraction_never_raises(query, prompt):
    assert query.endswith(extract_response(query, prompt))


@given(st.text())
def test_any_response_comes_back(response):
    assert extract_response(qwen(MANY) + response, qwen(IMAGE)) == response


def test_rewards_in_openrlhf_shape():
    preset = load_preset("default")
    queries = [qwen(MANY) + RESPONSE + "<|im_end|>", qwen(MANY) + "no idea"]
    result = get_reward(queries, [qwen(IMAGE)] * 2, ["spoof:replay", "real"], preset)
    assert result["rewards"] == [pytest.approx(1.0), 0.0]
    assert result["scores"] == [1.0, 0.0]
    logs = result["extra_logs"]
    assert logs["fas_truth_real"] == [0.0, 1.0]
    assert logs["fas_stance_none"] == [0.0, 1.0]
    assert json.loads(json.dumps(result)) == result


def test_each_logged_number_is_what_its_name_says():
    response = "<think>This is a live face.</think><answer>spoof</answer>"
    result = get_reward([response], [""], ["spoof"], load_preset("default"))
    assert result["extra_logs"] == {
        "fas_format": [1.0],
        "fas_class_consistency": [1.0],
        "fas_reasoning_consistency": [0.0],
        "fas_answered": [1.0],
        "fas_answer_real": [0.0],
        "fas_stance_real": [1.0],
        "fas_stance_none": [0.0],
        "fas_think_words": [5.0],
        "fas_truth_real": [0.0],
    }


@pytest.mark.parametrize("response", [RESPONSE, "", "<think>", "x" * 1000])
def test_every_sample_has_the_same_keys_and_python_floats(response):
    result = openrlhf.reward_func([qwen(MANY) + response], [qwen(IMAGE)], ["real"])
    columns = [result["rewards"], result["scores"], *result["extra_logs"].values()]
    assert all(len(c) == 1 and type(c[0]) is float for c in columns)
    assert list(result["extra_logs"]) == list(openrlhf.answer([])["extra_logs"])
    assert not {"reward", "score", "kl"} & set(result["extra_logs"])


def test_a_think_tag_that_the_template_wrote_counts_as_the_policys():
    prompt = qwen(IMAGE) + "<think>\n"
    query = qwen(MANY) + "<think>\n" + RESPONSE.removeprefix("<think>")
    result = get_reward([query], [prompt], ["spoof"], load_preset("default"))
    assert result["rewards"] == [pytest.approx(1.0)]


def test_wrong_input_is_named():
    preset = load_preset("default")
    with pytest.raises(LabelError, match="label 1"):
        get_reward(["a", "b"], ["", ""], ["real", "live"], preset)
    with pytest.raises(ValueError, match="2 queries, 1 prompts and 1 labels"):
        get_reward(["a", "b"], [""], ["real"], preset)


def test_the_file_works_as_a_remote_url(monkeypatch):
    monkeypatch.setenv("FAS_REWARD_PRESET", "paper")
    spec = importlib.util.spec_from_file_location("reward_func", openrlhf.__file__)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    wrong = "<think>A face.</think><answer>real</answer>"  # 0.1 under the default preset
    assert module.reward_func([wrong], [""], ["spoof"])["rewards"] == [0.0]


def test_scoring_needs_the_base_install_only():
    code = (
        "import sys, fas_plugin.rewards;"
        "assert 'numba' not in sys.modules, 'it takes longer to import than all the rest';"
        "import fas_plugin.rewards.frameworks.openrlhf,"
        "fas_plugin.rewards.frameworks.trl, fas_plugin.rewards.frameworks.verl,"
        "fas_plugin.rewards.frameworks.verifiers;"
        "assert not {'torch', 'transformers', 'uvicorn', 'cv2', 'trl'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("completion", "text"),
    [
        (RESPONSE, RESPONSE),
        ([{"role": "assistant", "content": RESPONSE}], RESPONSE),
        ([{"content": RESPONSE}], RESPONSE),
        ([{"role": "assistant", "content": None}], ""),
        (
            [
                {
                    "role": "assistant",
                    "content": [
                        {"type": "text", "text": "<think>a</think>"},
                        {"type": "image", "image": object()},
                        {"type": "text", "text": "<answer>real</answer>"},
                    ],
                }
            ],
            "<think>a</think><answer>real</answer>",
        ),
        (
            [
                {
                    "role": "assistant",
                    "reasoning_content": "a",
                    "content": "<answer>real</answer>",
                }
            ],
            "<think>a</think><answer>real</answer>",
        ),
        (
            [
                {"role": "tool", "content": RESPONSE},
                {"role": "user", "content": RESPONSE},
                {"role": "assistant", "content": "no"},
            ],
            "no",
        ),
        ([], ""),
    ],
)
def test_the_text_of_a_completion_is_the_assistants(completion, text):
    assert completion_text(completion) == text
