"""The soak of benchmarks/server_soak.py, short: OpenRLHF's client while workers are killed."""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_no_answer_is_wrong_and_none_lost_while_workers_are_killed():
    command = [sys.executable, "benchmarks/server_soak.py"]
    short = ["--seconds", "8", "--kill-every", "2", "--clients", "32"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    told = subprocess.run(
        [*command, *short], capture_output=True, text=True, timeout=120, cwd=ROOT, env=environment
    )
    assert told.returncode == 0, told.stdout + told.stderr
    assert "0 wrong, 0 lost" in told.stdout
    assert int(re.search(r"(\d+) workers killed", told.stdout)[1]) >= 3
