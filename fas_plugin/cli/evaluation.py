"""``fas-plugin`` predict and report: from a checkpoint to metrics and a page."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from fas_plugin.cli.command import add_command


def add(commands) -> None:
    _add_predict(commands)
    _add_report(commands)


def _add_predict(commands) -> None:
    parser = add_command(
        commands,
        "predict",
        _predict,
        "Score the validation and test frames of a prompt dataset with vLLM.",
        "fas-plugin predict runs/demo/checkpoint data/prompts-M runs/demo/predictions_after.jsonl",
    )
    parser.add_argument("model", help="checkpoint folder or hub name")
    parser.add_argument("prompts", type=Path, help="folder that export wrote")
    parser.add_argument("out", type=Path, help="JSON Lines file for the predictions")
    parser.add_argument("--samples", type=int, default=1, help="completions per frame")
    parser.add_argument("--temperature", type=float, default=0.0)
    parser.add_argument("--top-p", type=float, default=1.0)
    parser.add_argument("--max-new-tokens", type=int, default=512)
    parser.add_argument("--max-model-len", type=int, default=4096)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--engine",
        type=json.loads,
        default={},
        metavar="JSON",
        help="further arguments of vllm.LLM, e.g. '{\"tensor_parallel_size\": 2}'",
    )


def _predict(options: argparse.Namespace) -> None:
    from fas_plugin.evaluation.predict import predict

    predict(
        options.model,
        {split: options.prompts / f"{split}.jsonl" for split in ("validation", "test")},
        options.out,
        n_samples=options.samples,
        temperature=options.temperature,
        top_p=options.top_p,
        max_new_tokens=options.max_new_tokens,
        max_model_len=options.max_model_len,
        seed=options.seed,
        engine_options=options.engine,
    )


def _add_report(commands) -> None:
    parser = add_command(
        commands,
        "report",
        _report,
        "Compute the metrics of a run and write metrics.json and report.html.",
        "fas-plugin report runs/demo",
    )
    parser.add_argument("run_folder", type=Path, metavar="RUN")


def _report(options: argparse.Namespace) -> None:
    from fas_plugin.evaluation.report import summary_table, write_report

    page = write_report(options.run_folder)
    metrics = json.loads((options.run_folder / "metrics.json").read_text(encoding="utf-8"))
    print(summary_table(metrics))
    print(f"report: {page}")
