#!/usr/bin/env bash
# Installs what the tests need, once, and runs them. Arguments go to pytest.
#
#   bash tests/run.sh                              everything
#   bash tests/run.sh tests/rewards -k stance      a part
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
FLAVOUR=${FLAVOUR:-cpu} bash recipes/setup.sh test
# Report pages are tested in a real browser; without one these tests are skipped and say so.
if ! command -v chromium chromium-browser google-chrome >/dev/null; then
  echo "[tests] installing Chromium, for the tests of report pages"
  { ((EUID == 0)) && apt-get update && apt-get install --yes --no-install-recommends chromium; } \
    > .venv/chromium.log 2>&1 ||
    echo "[tests] no Chromium (.venv/chromium.log says why): the tests of report pages are skipped"
fi
export PATH=$root/.venv/bin:$PATH
GPUS=0  # the tests cover CPU mode
# shellcheck source=recipes/environment.sh
source recipes/environment.sh
exec python -m pytest "$@"
