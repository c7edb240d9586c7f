"""``fas-plugin`` warm-up and run: what a recipe does before and after OpenRLHF's loop."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from fas_plugin.cli.command import add_command


def add(commands) -> None:
    _add_warm_up(commands)
    _add_run(commands)


def _add_warm_up(commands) -> None:
    parser = add_command(
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

    parser = add_command(
        commands,
        "start",
        _run_start,
        "Write run.json with the settings, or check that they are those of the run to go on with.",
        "fas-plugin run start runs/demo name=demo protocol=ocim_loo_M seed=0",
    )
    parser.add_argument("run_folder", type=Path, metavar="RUN")
    parser.add_argument("settings", nargs="+", metavar="NAME=VALUE")

    parser = add_command(
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
