"""``python -m fas_plugin.rewards.server``: the same server as ``fas-plugin serve``."""

import argparse
import sys

from fas_plugin.rewards.server.options import add_arguments, from_arguments
from fas_plugin.rewards.server.workers import run_server


def main() -> int:
    """Serve until a signal; returns the exit status. Known errors become one line on stderr."""
    parser = argparse.ArgumentParser(
        prog="python -m fas_plugin.rewards.server", description=__doc__.splitlines()[0]
    )
    add_arguments(parser)
    try:
        run_server(from_arguments(parser.parse_args()))
    except (ValueError, OSError) as error:
        print(f"reward server: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
