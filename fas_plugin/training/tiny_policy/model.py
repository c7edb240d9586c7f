"""The tiny policy's architecture, tokenizer and processor: a Qwen2.5-VL of about a million weights."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from fas_plugin.training.tiny_policy.language import corpus

SPECIAL_TOKENS = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|vision_pad|>",
    "<|image_pad|>",
    "<|video_pad|>",
)
#: One token each, but ordinary text: they must survive ``skip_special_tokens``.
TAGS = ("<think>", "</think>", "<answer>", "</answer>")

PATCH = 14  # pixels; two by two patches are merged into one image token
HIDDEN = 128

CHAT_TEMPLATE = """\
{%- for message in messages -%}
<|im_start|>{{ message['role'] }}
{% if message['content'] is string -%}
{{ message['content'] }}
{%- else -%}
{%- for part in message['content'] -%}
{%- if part['type'] == 'image' -%}<|vision_start|><|image_pad|><|vision_end|>
{%- else -%}{{ part['text'] }}{%- endif -%}
{%- endfor -%}
{%- endif -%}<|im_end|>
{% endfor -%}
{%- if add_generation_prompt -%}<|im_start|>assistant
{% endif -%}
"""


def build(out: Path, *, image_size: int, seed: int) -> None:
    """Write a randomly initialised policy with tokenizer and processor into ``out``.

    Args:
        out: folder for the checkpoint, in the Hugging Face layout.
        image_size: side of the square face images, in pixels; a multiple of 28.
        seed: of the initial weights.
    """
    import torch
    from transformers import (
        GenerationConfig,
        Qwen2_5_VLConfig,
        Qwen2_5_VLForConditionalGeneration,
        Qwen2_5_VLProcessor,
        Qwen2VLImageProcessor,
        Qwen2VLVideoProcessor,
    )

    if image_size % (2 * PATCH):
        raise ValueError(f"image size {image_size}: expected a multiple of {2 * PATCH} pixels")
    torch.manual_seed(seed)
    tokenizer = build_tokenizer()
    ids = {token: tokenizer.convert_tokens_to_ids(token) for token in SPECIAL_TOKENS}
    text = {
        "vocab_size": (len(tokenizer) + 63) // 64 * 64,
        "hidden_size": HIDDEN,
        "intermediate_size": 2 * HIDDEN,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 2048,
        "rms_norm_eps": 1e-6,
        "use_sliding_window": False,
        "tie_word_embeddings": False,
        "bos_token_id": None,
        "eos_token_id": ids["<|im_end|>"],
        "pad_token_id": ids["<|endoftext|>"],
        "rope_parameters": {
            "rope_type": "default",
            "rope_theta": 10000.0,
            "mrope_section": [4, 6, 6],
        },
    }
    vision = {
        "depth": 3,
        "hidden_size": 96,
        "intermediate_size": 192,
        "out_hidden_size": HIDDEN,
        "num_heads": 4,
        "patch_size": PATCH,
        "spatial_merge_size": 2,
        "temporal_patch_size": 2,
        "window_size": image_size,
        "fullatt_block_indexes": [0, 1, 2],
    }
    config = Qwen2_5_VLConfig(
        text_config=text,
        vision_config=vision,
        image_token_id=ids["<|image_pad|>"],
        video_token_id=ids["<|video_pad|>"],
        vision_start_token_id=ids["<|vision_start|>"],
        vision_end_token_id=ids["<|vision_end|>"],
        tie_word_embeddings=False,
    )
    model = Qwen2_5_VLForConditionalGeneration(config)
    _prime_eyes(model.model.visual)
    model.generation_config = GenerationConfig(
        eos_token_id=ids["<|im_end|>"], pad_token_id=ids["<|endoftext|>"]
    )
    pixels = {
        "patch_size": PATCH,
        "merge_size": 2,
        "temporal_patch_size": 2,
        "size": {"shortest_edge": image_size**2, "longest_edge": image_size**2},
    }
    processor = Qwen2_5_VLProcessor(
        image_processor=Qwen2VLImageProcessor(**pixels),
        tokenizer=tokenizer,
        video_processor=Qwen2VLVideoProcessor(**pixels),
        chat_template=CHAT_TEMPLATE,
    )
    model.to(torch.bfloat16).save_pretrained(out)
    processor.save_pretrained(out)


def filters() -> np.ndarray:
    """What the patch embedding starts from, as eyes do: (87, 3, PATCH, PATCH), each of norm 1.

    First :data:`GRATINGS` gratings of five frequencies and six directions, in pairs a quarter period
    apart, which see brightness alone; then coarse cosines of brightness and of two colour contrasts.
    """
    y, x = np.mgrid[:PATCH, :PATCH] - (PATCH - 1) / 2
    window = np.outer(np.hanning(PATCH + 2)[1:-1], np.hanning(PATCH + 2)[1:-1])
    found = []
    for frequency in (0.16, 0.22, 0.28, 0.34, 0.40):  # cycles per pixel
        for direction in np.pi * np.arange(6) / 6:
            across = np.cos(direction) * x + np.sin(direction) * y
            for phase in (0, np.pi / 2):
                wave = np.cos(2 * np.pi * frequency * across + phase) * window
                found.append(np.stack([wave - wave.mean()] * 3))
    for colour in ((1, 1, 1), (1, -0.5, -0.5), (0, 1, -1)):
        for i in range(3):
            for j in range(3):
                rows = np.cos(np.pi * i * (y + PATCH / 2) / PATCH)
                columns = np.cos(np.pi * j * (x + PATCH / 2) / PATCH)
                found.append(np.array(colour)[:, None, None] * rows * columns)
    return np.array([f / np.linalg.norm(f) for f in found], np.float32)


GRATINGS = 60
#: Weights of the two kinds of filters: fine detail has far less energy than coarse.
_GRATING_GAIN, _COARSE_GAIN = 3.0, 0.125


def _prime_eyes(visual) -> None:
    """Start the vision tower with simple and complex cells, as in the energy model of vision
    (Adelson and Bergen, 1985): filters, and in the first block units that square the gratings, so
    that a pattern is seen wherever its dots happen to lie. Everything else starts at random."""
    import torch

    start = torch.from_numpy(filters())
    start[:GRATINGS] *= _GRATING_GAIN
    start[GRATINGS:] *= _COARSE_GAIN
    units = torch.arange(GRATINGS)
    mlp = visual.blocks[0].mlp
    with torch.no_grad():
        # A still image is shown as two equal frames, hence the same filter twice.
        visual.patch_embed.proj.weight[: len(start)] = start[:, :, None]
        for layer in (
            mlp.gate_proj,
            mlp.up_proj,
        ):  # silu(r) r + silu(-r) (-r) is close to r squared
            layer.weight[: 2 * GRATINGS] = 0
            layer.weight[units, units] = 1
            layer.weight[GRATINGS + units, units] = -1
        pair = units // 2 * 2  # both phases of a grating add up in one place
        mlp.down_proj.weight[pair, : 2 * GRATINGS] = 0
        mlp.down_proj.weight[pair, units] = 1
        mlp.down_proj.weight[pair, GRATINGS + units] = 1


def build_tokenizer():
    """A byte-level BPE tokenizer, trained on the tiny language so that its words are whole tokens."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import Qwen2Tokenizer

    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trained.decoder = decoders.ByteLevel()
    trained.train_from_iterator(
        list(corpus()) * 4,
        trainers.BpeTrainer(
            vocab_size=1024,
            min_frequency=2,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    bpe = json.loads(trained.to_str())["model"]
    tokenizer = Qwen2Tokenizer(
        vocab=bpe["vocab"],
        merges=[tuple(merge) for merge in bpe["merges"]],
        unk_token="<|endoftext|>",
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        bos_token=None,
    )
    tokenizer.add_special_tokens({"additional_special_tokens": list(SPECIAL_TOKENS)})
    tokenizer.add_tokens([AddedToken(tag, normalized=False, special=False) for tag in TAGS])
    tokenizer.chat_template = CHAT_TEMPLATE
    tokenizer.model_max_length = 2048
    return tokenizer
