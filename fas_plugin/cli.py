"""The ``fas-plugin`` command: parses arguments, calls one function, prints.

Each subcommand imports what it needs when it runs, so that scoring rewards works with the base
install alone.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from fas_plugin import __version__


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status. Known errors become one line on stderr."""
    parser = _parser()
    options = parser.parse_args(arguments)
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", datefmt="%H:%M:%S"
    )
    try:
        status = options.run(options)
    except BrokenPipeError:
        return 1
    except KeyboardInterrupt:
        return 130
    except ModuleNotFoundError as error:
        print(
            f"fas-plugin: {error.name} is not installed; this command needs an extra: "
            "pip install 'fas-plugin[data,server,evaluation]' or bash recipes/setup.sh",
            file=sys.stderr,
        )
        return 1
    except (ValueError, OSError, ImportError) as error:
        print(f"fas-plugin: {error}", file=sys.stderr)
        return 1
    return status or 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="fas-plugin",
        description="Reinforcement fine-tuning of vision-language models for face anti-spoofing.",
    )
    parser.add_argument("--version", action="version", version=f"fas-plugin {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _add_score(commands)
    _add_serve(commands)
    _add_audit(commands)
    _add_data(commands)
    _add_warm_up(commands)
    _add_run(commands)
    _add_predict(commands)
    _add_report(commands)
    return parser


def _command(commands, name: str, run, summary: str, example: str) -> argparse.ArgumentParser:
    parser = commands.add_parser(
        name,
        help=summary,
        description=summary,
        epilog=f"example:\n  {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)
    return parser


# --- rewards --------------------------------------------------------------------------------


def _add_score(commands) -> None:
    parser = _command(
        commands,
        "score",
        _score,
        "Score completions: JSON Lines in, JSON Lines with every reward component out.",
        """echo '{"completion": "<think>Natural pores; this is a live face.</think>"""
        """<answer>real</answer>", "label": "real"}' | fas-plugin score""",
    )
    parser.add_argument("file", nargs="?", type=Path, help="JSON Lines; default: standard input")
    parser.add_argument("--preset", default="default", help="reward preset: name or JSON file")


def _score(options: argparse.Namespace) -> None:
    from fas_plugin.rewards import load_preset, score

    preset = load_preset(options.preset)
    source = options.file.open(encoding="utf-8") if options.file else sys.stdin
    with source:
        for number, line in enumerate(source, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
                result = score(row["completion"], row["label"], preset)
            except (ValueError, KeyError, TypeError) as error:
                name = options.file or "standard input"
                raise ValueError(
                    f"{name}, line {number}: {error!r}; expected an object with "
                    "the strings completion and label"
                ) from None
            print(json.dumps(result.as_dict(), ensure_ascii=False))


def _add_serve(commands) -> None:
    from fas_plugin.rewards import server

    parser = _command(
        commands,
        "serve",
        server.serve,
        "Run the reward server (OpenRLHF's HTTP contract).",
        "fas-plugin serve --port 5000 --preset default",
    )
    server.add_arguments(parser)


def _add_audit(commands) -> None:
    parser = _command(
        commands,
        "audit",
        _audit,
        "Play cheating policies against a reward preset; exit status 1 if one beats an honest "
        "policy of 60 % accuracy.",
        "fas-plugin audit --preset default --picture audit.svg",
    )
    parser.add_argument("--preset", default="default", help="reward preset: name or JSON file")
    parser.add_argument(
        "--class-balance",
        type=float,
        default=0.5,
        metavar="SHARE",
        help="share of attacks among the prompts; default 0.5, as data export balances them",
    )
    parser.add_argument(
        "--estimator",
        default="group_norm",
        help="OpenRLHF's advantage estimator: group_norm (default) or dr_grpo",
    )
    parser.add_argument("--picture", type=Path, help="bar chart to write, .png or .svg")
    parser.add_argument("--json", type=Path, help="file for the outcomes")


def _audit(options: argparse.Namespace) -> int:
    from fas_plugin.datasets.files import write_file
    from fas_plugin.rewards import load_preset
    from fas_plugin.rewards.audit import audit, balances_table, constant_answers, table

    preset = load_preset(options.preset)
    played = audit(preset, attack_share=options.class_balance, estimator=options.estimator)
    constant = constant_answers(preset)
    print(table(played), balances_table(constant), sep="\n\n")
    if options.json:
        content = {**played.as_dict(), "constant_answers": [c.as_dict() for c in constant]}
        write_file(options.json, json.dumps(content, indent=2).encode())
    if options.picture:
        from fas_plugin.rewards.audit_picture import picture

        write_file(options.picture, picture(played, options.picture.suffix))
    return int(bool(played.winners))


# --- data -----------------------------------------------------------------------------------


def _add_data(commands) -> None:
    data = commands.add_parser("data", help="Make, read and export face anti-spoofing data.")
    commands = data.add_subparsers(title="commands", required=True, metavar="COMMAND")

    parser = _command(
        commands,
        "synthesize",
        _synthesize,
        "Make four small synthetic datasets in the layouts of OULU-NPU, CASIA-FASD, "
        "Replay-Attack and MSU-MFSD.",
        "fas-plugin data synthesize data/ocim-synthetic --seed 0",
    )
    parser.add_argument("root", type=Path, help="folder to make")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", default="small", help="small or tiny")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)

    parser = _command(
        commands,
        "prepare",
        _prepare,
        "Read the datasets under ROOT, crop faces, write images and a manifest.",
        "fas-plugin data prepare /data/ocim data/faces --image-size 448",
    )
    parser.add_argument("root", type=Path, help="folder that holds the datasets")
    parser.add_argument("out", type=Path, help="folder for images/ and manifest.jsonl")
    parser.add_argument("--frames-per-video", type=int, default=2)
    parser.add_argument("--image-size", type=int, default=448, help="side of a crop, in pixels")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)

    parser = _command(
        commands,
        "export",
        _export,
        "Split a manifest by a protocol and write OpenRLHF prompt datasets.",
        "fas-plugin data export data/faces data/prompts-M --protocol ocim_loo_M",
    )
    parser.add_argument("faces", type=Path, help="folder that prepare wrote")
    parser.add_argument("out", type=Path, help="folder for train, validation and test.jsonl")
    parser.add_argument("--protocol", required=True, help="protocol: name or JSON file")
    parser.add_argument("--prompt", default="task_solving", help="name of a prompt")
    parser.add_argument("--seed", type=int, default=0)


def _synthesize(options: argparse.Namespace) -> None:
    from fas_plugin.datasets.synthetic import make_ocim

    make_ocim(options.root, seed=options.seed, size=options.size, workers=options.workers)


def _prepare(options: argparse.Namespace) -> None:
    from fas_plugin.datasets.prepare import prepare

    summary = prepare(
        options.root,
        options.out,
        frames_per_video=options.frames_per_video,
        image_size=options.image_size,
        workers=options.workers,
    )
    print(summary)


def _export(options: argparse.Namespace) -> None:
    from fas_plugin.datasets.export import export_prompts
    from fas_plugin.datasets.protocols import check_leakage, load_protocol, split_records
    from fas_plugin.datasets.record import read_manifest
    from fas_plugin.prompts import get_prompt

    prompt = get_prompt(options.prompt)
    protocol = load_protocol(options.protocol)
    records = read_manifest(options.faces / "manifest.jsonl")
    splits = split_records(protocol, records, seed=options.seed)
    check_leakage(splits)
    print(
        export_prompts(
            splits,
            options.faces,
            options.out,
            prompt=prompt.text,
            prompt_id=prompt.id,
            seed=options.seed,
        )
    )


# --- training -------------------------------------------------------------------------------


def _add_warm_up(commands) -> None:
    parser = _command(
        commands,
        "warm-up",
        _warm_up,
        "Build the tiny policy and teach it language and format, but no classes.",
        "fas-plugin warm-up data/prompts-M/train.jsonl runs/demo/policy --steps 300",
    )
    parser.add_argument("prompts", type=Path, help="prompt dataset (train.jsonl)")
    parser.add_argument("out", type=Path, help="folder for the checkpoint")
    parser.add_argument("--eyes-steps", type=int, default=400, help="for the vision tower")
    parser.add_argument("--steps", type=int, default=200, help="for the language model")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)


def _warm_up(options: argparse.Namespace) -> None:
    from fas_plugin.training.tiny_policy.warm_up import warm_up

    warm_up(
        options.prompts,
        options.out,
        eyes_steps=options.eyes_steps,
        steps=options.steps,
        seed=options.seed,
        threads=options.threads,
    )


def _add_run(commands) -> None:
    run = commands.add_parser("run", help="A run folder: its settings, curves and checkpoint.")
    commands = run.add_subparsers(title="commands", required=True, metavar="COMMAND")

    parser = _command(
        commands,
        "start",
        _run_start,
        "Write run.json with the settings, or check that they are those of the run to go on with.",
        "fas-plugin run start runs/demo name=demo protocol=ocim_loo_M seed=0",
    )
    parser.add_argument("run_folder", type=Path, metavar="RUN")
    parser.add_argument("settings", nargs="+", metavar="NAME=VALUE")

    parser = _command(
        commands,
        "collect",
        _run_collect,
        "After training: complete the checkpoint and gather the curves from TensorBoard.",
        "fas-plugin run collect runs/demo --base runs/demo/policy",
    )
    parser.add_argument("run_folder", type=Path, metavar="RUN")
    parser.add_argument("--base", required=True, help="the model that training started from")


def _run_start(options: argparse.Namespace) -> None:
    from fas_plugin.training.run import start_run

    settings = {}
    for item in options.settings:
        name, separator, value = item.partition("=")
        if not (name and separator):
            raise ValueError(f"setting {item!r}: expected NAME=VALUE")
        settings[name] = value
    start_run(options.run_folder, settings)


def _run_collect(options: argparse.Namespace) -> None:
    from fas_plugin.training.run import collect_run

    collect_run(options.run_folder, options.base)


# --- evaluation -----------------------------------------------------------------------------


def _add_predict(commands) -> None:
    parser = _command(
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
    parser = _command(
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


if __name__ == "__main__":
    sys.exit(main())
