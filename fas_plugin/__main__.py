"""``python -m fas_plugin`` is the ``fas-plugin`` command."""

import sys

from fas_plugin.cli import main

sys.exit(main())
