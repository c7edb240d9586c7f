"""What scoring costs over bare generation: vLLM's own ``LLM.generate`` against ``fas-plugin evaluate``.

    python benchmarks/predict_overhead.py                       a random VLM of 46 million weights
    python benchmarks/predict_overhead.py --model runs/ocim-M-tiny-seed0/checkpoint
    python benchmarks/predict_overhead.py --model Qwen/Qwen2.5-VL-3B-Instruct --tokens 256

Both get the same prompts, images and sampling (greedy), in turn, on the same engine; caches are
emptied before each. Bare generation opens the images and detokenises, too. Printed is the ratio of
each pair and their median, of seconds and of processor seconds of this process; on a machine that is
busy otherwise only the latter mean something (VLLM_ENABLE_V1_MULTIPROCESSING=0 keeps the engine in it).
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from fas_plugin.evaluation.predictions import Sample
from fas_plugin.evaluation.systems import EngineOptions, Sampling
from fas_plugin.evaluation.systems.in_process import VllmInProcess
from fas_plugin.labels import FasClass, Label
from fas_plugin.prompts import get_prompt


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", help="checkpoint or hub name; default: a random one is built")
    parser.add_argument("--images", type=int, default=64)
    parser.add_argument("--tokens", type=int, default=96, help="of each completion")
    parser.add_argument("--image-size", type=int, default=112)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        model = options.model or build(Path(folder) / "model", options.image_size)
        measure(str(model), make_samples(Path(folder), options), options)


def build(out: Path, image_size: int) -> Path:
    """The tiny policy's architecture with a language model of a small VLM's shape, random weights."""
    import torch
    from transformers import AutoProcessor, Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

    from fas_plugin.training.tiny_policy.model import build as build_tiny

    build_tiny(out, image_size=image_size, seed=0)
    config = Qwen2_5_VLConfig.from_pretrained(out)
    text = config.text_config
    text.hidden_size, text.intermediate_size, text.num_hidden_layers = 512, 2048, 12
    text.layer_types = ["full_attention"] * 12
    text.num_attention_heads, text.num_key_value_heads = 8, 4
    text.rope_parameters["mrope_section"] = [8, 12, 12]
    config.vision_config.out_hidden_size = 512
    processor = AutoProcessor.from_pretrained(out)
    network = Qwen2_5_VLForConditionalGeneration(config).to(torch.bfloat16)
    network.save_pretrained(out)
    processor.save_pretrained(out)
    print(f"{sum(p.numel() for p in network.parameters()) / 1e6:.0f} million random weights")
    return out


def make_samples(folder: Path, options: argparse.Namespace) -> list[Sample]:
    random = np.random.default_rng(0)
    content = [{"type": "image"}, {"type": "text", "text": get_prompt("brief").text}]
    samples = []
    for i in range(options.images):
        path = folder / f"{i}.png"
        pixels = random.integers(0, 255, (options.image_size, options.image_size, 3), np.uint8)
        Image.fromarray(pixels).save(path)
        samples.append(
            Sample(
                *(f"{i}",) * 3, "M", Label(FasClass.REAL), "test", "", "", (str(path),), True,
                ({"role": "user", "content": content},),
            )
        )  # fmt: skip
    return samples


def measure(model: str, samples: list[Sample], options: argparse.Namespace) -> None:
    from vllm import LLM, SamplingParams

    sampling = Sampling(max_new_tokens=options.tokens)  # greedy: both write the same
    arguments = {"enforce_eager": True, "gpu_memory_utilization": 0.5}
    engine = EngineOptions(options.tokens + 512, arguments)
    system = VllmInProcess(model, sampling, engine)
    list(system.predict(samples[:4]))  # starts the engine
    llm: LLM = system._llm
    tokenizer = llm.get_tokenizer()
    bare_params = SamplingParams(
        max_tokens=options.tokens, temperature=0.0, skip_special_tokens=False
    )

    def bare() -> list[str]:
        requests = []
        for sample in samples:
            text = tokenizer.apply_chat_template(
                list(sample.messages), tokenize=False, add_generation_prompt=True
            )
            tokens = tokenizer(text, add_special_tokens=False)["input_ids"]
            with Image.open(sample.images[0]) as image:
                data = {"image": image.convert("RGB")}
            requests.append({"prompt_token_ids": tokens, "multi_modal_data": data})
        outputs = llm.generate(requests, bare_params, use_tqdm=False)
        return [output.outputs[0].text for output in outputs]

    def scored() -> list[str]:
        found = {p.sample.record_id: p.completions[0] for p in system.predict(samples)}
        return [found[sample.record_id] for sample in samples]

    ratios = []
    for number in range(options.rounds):
        seconds, busy, texts = {}, {}, {}
        # Which of the two goes first changes from round to round.
        for run in (bare, scored)[:: 1 if number % 2 else -1]:
            llm.reset_prefix_cache()
            llm.reset_mm_cache()
            start = time.perf_counter(), time.process_time()
            texts[run] = run()
            seconds[run] = time.perf_counter() - start[0]
            busy[run] = time.process_time() - start[1]
        same = sum(a == b for a, b in zip(texts[bare], texts[scored], strict=True))
        ratios.append((seconds[scored] / seconds[bare], busy[scored] / busy[bare]))
        print(
            f"bare {seconds[bare]:.2f} s, scored {seconds[scored]:.2f} s: ratio {ratios[-1][0]:.3f}; "
            f"processor {busy[bare]:.2f} s, {busy[scored]:.2f} s: ratio {ratios[-1][1]:.3f}; "
            f"{same} of {len(samples)} texts are the same",
            flush=True,
        )
    wall, processor = (statistics.median(r) for r in zip(*ratios, strict=True))
    print(f"median ratio: wall {wall:.3f}, processor {processor:.3f}; {len(samples)} images")


if __name__ == "__main__":
    main()
