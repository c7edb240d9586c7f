"""``fas-plugin`` score, serve, audit and rewards: the rewards from the command line."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from fas_plugin.cli.command import add_command


def add(commands) -> None:
    _add_score(commands)
    _add_serve(commands)
    _add_audit(commands)
    _add_rewards(commands)


def _add_score(commands) -> None:
    parser = add_command(
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
    from fas_plugin.rewards.server import options

    parser = add_command(
        commands,
        "serve",
        _serve,
        "Run the reward server: POST /get_reward for OpenRLHF, POST /v1/score for any framework. "
        "Where FAS_REWARD_TOKEN is set in the environment, clients must show it.",
        "fas-plugin serve --port 5000 --workers 2 --record runs/demo/rewards\n"
        "  FAS_REWARD_TOKEN=secret fas-plugin serve --host 0.0.0.0\n"
        "  fas-plugin serve --preset mine.json --judge http://127.0.0.1:8000/v1#Qwen/Qwen3-8B",
    )
    options.add_arguments(parser)


def _serve(options: argparse.Namespace) -> None:
    from fas_plugin.rewards.server.options import from_arguments
    from fas_plugin.rewards.server.workers import run_server

    run_server(from_arguments(options))


def _add_audit(commands) -> None:
    parser = add_command(
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


def _add_rewards(commands) -> None:
    record = commands.add_parser("rewards", help="What the reward server recorded.")
    commands = record.add_subparsers(title="commands", required=True, metavar="COMMAND")
    parser = add_command(
        commands,
        "show",
        _rewards_show,
        "Plot a record of rewards over time (components, class balance, length of the reasoning, "
        "failures) on a page, and list the worst disagreements of reasoning and answer.",
        "fas-plugin rewards show runs/demo/rewards",
    )
    parser.add_argument("record", type=Path, metavar="DIR", help="what serve --record was given")
    parser.add_argument(
        "--page", type=Path, help="where to write the page; default DIR/rewards.html"
    )


def _rewards_show(options: argparse.Namespace) -> None:
    from fas_plugin.evaluation.reward_page import show_record

    page, table = show_record(options.record, options.page, progress=True)
    print(table)
    print(f"page: {page}")
