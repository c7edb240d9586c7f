"""``fas-plugin`` evaluate and compare: from a system to metrics, a page and tables."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from fas_plugin.cli.command import add_command


def add(commands) -> None:
    _add_evaluate(commands)
    _add_compare(commands)


def _add_evaluate(commands) -> None:
    parser = add_command(
        commands,
        "evaluate",
        _evaluate,
        "Score the validation and test images of a prompt dataset with a system; write "
        "predictions.parquet, metrics.json and report.html. Killed, the same command goes on.",
        "fas-plugin evaluate runs/demo/checkpoint data/prompts-M runs/demo/after\n"
        "  fas-plugin evaluate Qwen/Qwen2.5-VL-3B-Instruct data/prompts-M runs/zero-shot\n"
        "  fas-plugin evaluate http://127.0.0.1:8000/v1#model data/prompts-M runs/served\n"
        "  fas-plugin evaluate MiniFASNetV2.onnx data/prompts-M runs/baseline --card minifasnet_v2\n"
        "  fas-plugin evaluate my_scores.csv data/prompts-M runs/mine --against runs/baseline",
    )
    parser.add_argument(
        "system",
        help="VLM checkpoint or hub name; http(s)://host/v1#model; classifier.onnx; or a .parquet, "
        ".csv or .jsonl with record_id and score",
    )
    parser.add_argument("prompts", type=Path, help="folder that data export wrote")
    parser.add_argument("out", type=Path, help="folder for the results")
    parser.add_argument("--name", help="of the system in the report; default: that of OUT")
    parser.add_argument(
        "--against",
        nargs="+",
        default=[],
        metavar="[NAME=]OUT",
        help="results of other systems on the same samples, shown beside",
    )
    parser.add_argument(
        "--training", type=Path, metavar="RUN", help="run folder whose training is diagnosed"
    )
    vlm = parser.add_argument_group("a VLM")
    vlm.add_argument(
        "--mode", default="reason", help="reason (before the answer) or verdict (answer alone)"
    )
    vlm.add_argument("--samples", type=int, default=1, help="completions per image")
    vlm.add_argument("--temperature", type=float, default=0.0, help="0 is greedy")
    vlm.add_argument("--top-p", type=float, default=1.0)
    vlm.add_argument("--max-new-tokens", type=int, default=512)
    vlm.add_argument("--max-model-len", type=int, default=4096)
    vlm.add_argument("--seed", type=int, default=0)
    vlm.add_argument(
        "--engine",
        type=json.loads,
        default={},
        metavar="JSON",
        help="further arguments of vllm.LLM, e.g. '{\"tensor_parallel_size\": 2}'",
    )
    classifier = parser.add_argument_group("a classifier")
    classifier.add_argument(
        "--card", help="how the network wants its image: name or JSON file (default: beside it)"
    )


def _evaluate(options: argparse.Namespace) -> None:
    from fas_plugin.evaluation.compare import read_runs
    from fas_plugin.evaluation.predict import predict
    from fas_plugin.evaluation.predictions import read_samples
    from fas_plugin.evaluation.report import evaluate, summary_table
    from fas_plugin.evaluation.systems import EngineOptions, Sampling, open_system
    from fas_plugin.evaluation.tables import render

    samples = read_samples(options.prompts)
    sampling = Sampling(
        mode=options.mode,
        samples=options.samples,
        temperature=options.temperature,
        top_p=options.top_p,
        max_new_tokens=options.max_new_tokens,
        seed=options.seed,
    )
    others = {
        name: made for name, sets in read_runs(options.against).items() for made in sets.values()
    }
    engine = EngineOptions(options.max_model_len, options.engine)
    system = open_system(options.system, sampling, engine, options.card)
    made = predict(system, samples, options.out)
    found = evaluate(
        made,
        options.name or options.out.resolve().name,
        options.out,
        against=others,
        run=options.training,
    )
    print(render([summary_table(found)], "text"))
    print(f"report: {found.page}")


def _add_compare(commands) -> None:
    parser = add_command(
        commands,
        "compare",
        _compare,
        "Put evaluated systems side by side, with each other and with published numbers, and test "
        "their differences.",
        "fas-plugin compare before=runs/M/before after=runs/M/after\n"
        "  fas-plugin compare ours=runs/M/after ours=runs/C/after --format latex",
    )
    parser.add_argument(
        "runs",
        nargs="+",
        metavar="[NAME=]OUT",
        help="folders that evaluate wrote; one NAME for several protocols is one system",
    )
    parser.add_argument("--format", default="text", help="text, markdown or latex")
    parser.add_argument("--no-published", action="store_true", help="runs alone")


def _compare(options: argparse.Namespace) -> None:
    from fas_plugin.evaluation.compare import compare, read_runs
    from fas_plugin.evaluation.tables import render

    tables = compare(read_runs(options.runs), published=not options.no_published)
    print(render(tables, options.format))
