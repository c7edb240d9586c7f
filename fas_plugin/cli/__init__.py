"""The ``fas-plugin`` command: parses arguments, calls one function, prints.

Each subcommand imports what it needs when it runs, so that scoring rewards works with the base
install alone.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence

from fas_plugin import __version__
from fas_plugin.cli import data, evaluation, rewards, training


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
            "pip install 'fas-plugin[data,server,evaluation,baseline]' or bash recipes/setup.sh",
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
    for group in (rewards, data, training, evaluation):
        group.add(commands)
    return parser
