"""Warm-up of the tiny policy: eyes, language and format, but no classes.

First the vision tower learns to see: from an image, turned and in another light, it predicts the
measurements of :mod:`.observe`. Then, with the eyes fixed, the language model learns to speak: each
step shows face images with completions in the tiny language. The observations are measured from the
pixels. What each is taken for is the toss of a fair coin, redrawn every time that an image comes up;
the conclusion mostly follows the majority of these opinions, and the answer mostly the conclusion.
So the policy learns to look, to speak and to draw conclusions, but from random premises.

Labels are never read for training; they are read once, afterwards, to measure how much the verdicts
that were shown happen to say about them.
"""

from __future__ import annotations

import json
import logging
import math
import os
import shutil
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from fas_plugin.labels import FasClass, Label
from fas_plugin.training.tiny_policy.language import completion, majority
from fas_plugin.training.tiny_policy.model import build
from fas_plugin.training.tiny_policy.observe import level, measure, terciles

logger = logging.getLogger(__name__)

#: How often the conclusion follows the majority of the opinions, and the answer the conclusion. The
#: conclusion is the looser one: GRPO finds its way where there is choice, and is to find it in the
#: reasoning. The answer is not tied to it either: consistency is left to be learnt from its reward.
CONCLUSION_AGREEMENT = 0.75
ANSWER_AGREEMENT = 0.93

BATCH = 32
LEARNING_RATE = 3e-3
EYES_BATCH = 64
#: The pictures themselves, and as many times less one in another light.
EYES_VIEWS = 3


@dataclass(frozen=True)
class WarmUpSummary:
    """What the warm-up saw and reached; goes into the report.

    Attributes:
        images: distinct training images.
        eyes_steps: optimiser steps of :data:`EYES_BATCH` images for the vision tower.
        steps: optimiser steps of :data:`BATCH` images for the language model.
        final_loss: mean loss per completion token over the last tenth of the steps, in nats.
        answer_agreement: probability that a shown answer repeated the shown conclusion.
        verdict_label_information_bits: mutual information between the answers that were shown and
            the true classes, in bits; 0 is none, 1 would be full supervision.
        verdict_label_agreement: share of shown answers that happened to equal the true class.
    """

    images: int
    eyes_steps: int
    steps: int
    final_loss: float
    answer_agreement: float
    verdict_label_information_bits: float
    verdict_label_agreement: float


def warm_up(
    prompts: Path, out: Path, *, eyes_steps: int, steps: int, seed: int, threads: int
) -> WarmUpSummary:
    """Build the tiny policy and teach it to speak about the images of a prompt dataset.

    Args:
        prompts: JSON Lines prompt dataset; its ``prompt``, ``images`` and ``label`` are read.
        out: folder of the checkpoint. Written under a temporary name and renamed, with the summary
            in ``warm_up.json``.
        eyes_steps, steps: optimiser steps of the two stages.
        seed: of the weights, the order of the images and the coins.
        threads: CPU threads.
    """
    import torch
    from transformers import AutoModelForImageTextToText, AutoProcessor

    torch.set_num_threads(threads)
    rows = _distinct_images(prompts)
    pictures = [np.asarray(Image.open(row["images"][0]).convert("RGB")) for row in rows]
    light = np.random.default_rng(seed)
    views = [pictures, *([relit(p, light) for p in pictures] for _ in range(EYES_VIEWS - 1))]
    with ThreadPoolExecutor(threads) as pool:
        measured = [list(pool.map(measure, view)) for view in views]
    measurements = measured[0]
    bounds = terciles(measurements)
    levels = [{name: level(m[name], bounds[name]) for name in m} for m in measurements]

    partial = out.with_name(out.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    build(partial, image_size=pictures[0].shape[0], seed=seed)
    processor = AutoProcessor.from_pretrained(partial)
    model = AutoModelForImageTextToText.from_pretrained(
        partial, dtype=torch.float32, attn_implementation="sdpa"
    )
    prompt = processor.apply_chat_template(
        rows[0]["prompt"], tokenize=False, add_generation_prompt=True
    )
    template = processor(text=[prompt], images=[pictures[0]], return_tensors="pt")
    grid = template["image_grid_thw"]
    pixels = torch.stack([_pixels(processor, view) for view in views])
    _open_eyes(model.model.visual, grid, pixels, measured, steps=eyes_steps, seed=seed)
    pixels = pixels[0]
    model.model.visual.requires_grad_(False)

    coin = np.random.default_rng(seed)
    speaking = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(speaking, lr=LEARNING_RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=LEARNING_RATE, total_steps=steps, pct_start=0.1
    )
    shown: Counter[tuple[FasClass, FasClass]] = Counter()
    losses: list[float] = []
    order: list[int] = []
    model.train()
    for _ in tqdm(range(steps), desc="language", unit="step"):
        while len(order) < BATCH:
            order.extend(coin.permutation(len(rows)))
        batch, order = order[:BATCH], order[BATCH:]
        texts = []
        for i in batch:
            opinions = {
                name: FasClass.REAL if coin.random() < 0.5 else FasClass.SPOOF for name in levels[i]
            }
            conclusion = _mostly(majority(opinions), CONCLUSION_AGREEMENT, coin)
            answer = _mostly(conclusion, ANSWER_AGREEMENT, coin)
            texts.append(completion(levels[i], opinions, conclusion, answer))
            shown[Label.parse(rows[i]["label"]).cls, answer] += 1
        inputs, labels = _batch(processor.tokenizer, template, texts)
        loss = model(
            **inputs,
            pixel_values=pixels[batch].flatten(0, 1),
            image_grid_thw=grid.expand(len(batch), 3),
            labels=labels,
        ).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(speaking, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        schedule.step()
        losses.append(float(loss.detach()))

    summary = WarmUpSummary(
        images=len(rows),
        eyes_steps=eyes_steps,
        steps=steps,
        final_loss=float(np.mean(losses[-max(1, steps // 10) :])),
        answer_agreement=ANSWER_AGREEMENT,
        verdict_label_information_bits=mutual_information(shown),
        verdict_label_agreement=sum(n for (t, a), n in shown.items() if t is a) / shown.total(),
    )
    model.to(torch.bfloat16).save_pretrained(partial)
    (partial / "warm_up.json").write_text(json.dumps(asdict(summary), indent=2) + "\n")
    os.replace(partial, out)
    logger.info("warm-up: %s", summary)
    return summary


def relit(picture: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """The picture turned or mirrored, in another light: saturation, contrast, brightness and tint.

    Args:
        picture: (H, H, 3) uint8 RGB.
        random: draws the change.
    """
    turned = np.rot90(picture, int(random.integers(4)))
    if random.random() < 0.5:
        turned = turned[:, ::-1]
    values = turned.astype(np.float32)
    grey = values.mean(axis=2, keepdims=True)
    values = grey + (values - grey) * random.uniform(0.3, 1.8)
    values = (values - 128) * random.uniform(0.7, 1.3) + 128
    values += random.uniform(-25, 25) + random.uniform(-15, 15, size=3)
    return np.clip(values, 0, 255).astype(np.uint8)


def _open_eyes(visual, grid, pixels, measured, *, steps: int, seed: int) -> None:
    """Regress the standardised measurements from the mean image token.

    ``pixels`` is (views, images, patches, values), ``measured`` a list of measurements per view.
    """
    import torch

    values = torch.tensor([[list(m.values()) for m in view] for view in measured]).float()
    values = (values - values.mean((0, 1))) / (values.std((0, 1)) + 1e-6)
    head = torch.nn.Linear(visual.config.out_hidden_size, values.shape[2])
    parameters = [*visual.parameters(), *head.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=LEARNING_RATE, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=LEARNING_RATE, total_steps=steps, pct_start=0.1
    )
    random = np.random.default_rng(seed)
    for _ in tqdm(range(steps), desc="eyes", unit="step"):
        view = random.integers(values.shape[0], size=EYES_BATCH)
        image = random.integers(values.shape[1], size=EYES_BATCH)
        shown = pixels[view, image].flatten(0, 1)
        tokens = visual(shown, grid_thw=grid.expand(EYES_BATCH, 3)).pooler_output
        seen = torch.cat(tuple(tokens)) if isinstance(tokens, tuple | list) else tokens
        predicted = head(seen.view(EYES_BATCH, -1, seen.shape[-1]).mean(1))
        loss = torch.nn.functional.mse_loss(predicted, values[view, image])
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        schedule.step()


def _pixels(processor, pictures: Sequence[np.ndarray]):
    """(images, patches, values) as the vision tower takes them."""
    import torch

    return torch.stack(
        [processor.image_processor(p.copy(), return_tensors="pt")["pixel_values"] for p in pictures]
    )


def _mostly(cls: FasClass, probability: float, coin: np.random.Generator) -> FasClass:
    return cls if coin.random() < probability else cls.other


def mutual_information(joint: Counter[tuple[FasClass, FasClass]]) -> float:
    """Mutual information of the two variables whose joint counts are given, in bits."""
    total = joint.total()
    left, right = Counter(), Counter()
    for (a, b), n in joint.items():
        left[a] += n
        right[b] += n
    return sum(
        n / total * math.log2(n * total / (left[a] * right[b])) for (a, b), n in joint.items() if n
    )


def _distinct_images(prompts: Path) -> list[dict]:
    with prompts.open(encoding="utf-8") as lines:
        rows = {row["images"][0]: row for row in map(json.loads, lines)}
    if not rows:
        raise ValueError(f"{prompts}: no rows; export the prompt dataset again")
    return list(rows.values())


def _batch(tokenizer, template, texts: Sequence[str]):
    """The same prompt before each text; only the text and the end token bear loss."""
    import torch

    prompt = template["input_ids"][0].tolist()
    responses = [tokenizer(text)["input_ids"] + [tokenizer.eos_token_id] for text in texts]
    longest = max(map(len, responses))
    ids, mask, labels = [], [], []
    for response in responses:
        padding = [tokenizer.pad_token_id] * (longest - len(response))
        ids.append(prompt + response + padding)
        mask.append([1] * (len(prompt) + len(response)) + [0] * len(padding))
        labels.append([-100] * len(prompt) + response + [-100] * len(padding))
    types = template["mm_token_type_ids"][0].tolist() + [0] * longest
    inputs = {
        "input_ids": torch.tensor(ids),
        "attention_mask": torch.tensor(mask),
        "mm_token_type_ids": torch.tensor([types] * len(texts)),
    }
    return inputs, torch.tensor(labels)
