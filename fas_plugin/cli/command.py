"""One subcommand: its summary, its example and the function that runs it."""

from __future__ import annotations

import argparse


def add_command(commands, name: str, run, summary: str, example: str) -> argparse.ArgumentParser:
    parser = commands.add_parser(
        name,
        help=summary.replace("%", "%%"),  # argparse formats this one, not the description
        description=summary,
        epilog=f"example:\n  {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)
    return parser
