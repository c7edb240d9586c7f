"""Fuzzing from the OpenAPI page: every answer is one that the page promises."""

import subprocess
import sys
from pathlib import Path


def test_schemathesis_finds_nothing(server, tmp_path):
    command = [
        Path(sys.executable).with_name("schemathesis"),
        *("--config-file", Path(__file__).with_name("schemathesis.toml")),
        *("run", f"{server.url}/openapi.json", "--checks", "all", "--max-examples", "25"),
        *("--phases", "examples,coverage,fuzzing", "--seed", "1", "--no-color"),
    ]
    starts = server.metric("fas_worker_starts_total")
    told = subprocess.run(
        list(map(str, command)), capture_output=True, text=True, timeout=120, cwd=tmp_path
    )
    assert told.returncode == 0, told.stdout
    assert server.metric("fas_worker_starts_total") == starts
    page = server.get("/metrics")
    assert 'status="200"' in page and 'status="422"' in page and 'status="500"' not in page
