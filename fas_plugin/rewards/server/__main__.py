"""``python -m fas_plugin.rewards.server``: the same as ``fas-plugin serve``."""

import sys

from fas_plugin.cli import main

if __name__ == "__main__":
    sys.exit(main(["serve", *sys.argv[1:]]))
