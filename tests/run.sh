#!/usr/bin/env bash
# Installs what the tests need, once, and runs them. Arguments go to pytest.
#
#   bash tests/run.sh                              everything
#   bash tests/run.sh tests/rewards -k stance      a part
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
FLAVOUR=${FLAVOUR:-cpu} bash recipes/setup.sh test
export PATH=$root/.venv/bin:$PATH
GPUS=0  # the tests cover CPU mode
# shellcheck source=recipes/environment.sh
source recipes/environment.sh
exec python -m pytest "$@"
