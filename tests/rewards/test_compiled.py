"""Loops that numba compiles, and what is kept of them."""

import subprocess
import sys

import pytest

from fas_plugin.rewards.compiled import compiled

SCRIPT = """
import resource, sys
if "full" in sys.argv:
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
from loops import double
sys.exit(double(4) != 8)
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Calls a compiled loop in a process of its own; what is kept lies in ``tmp_path``."""
    (tmp_path / "loops.py").write_text(
        "from fas_plugin.rewards.compiled import compiled\n"
        "@compiled\ndef double(number):\n    return 2 * number\n"
    )
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "cache"))

    def run(*arguments):
        command = [sys.executable, "-B", "-c", SCRIPT, *arguments]
        subprocess.run(command, cwd=tmp_path, check=True)
        return sorted((tmp_path / "cache").rglob("*.nb?"))

    return run


def test_a_loop_is_kept_and_a_damaged_copy_made_anew(run):
    kept = run()
    assert [path.suffix for path in kept] == [".nbc", ".nbi"]
    for path in kept:
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
        assert run() == kept
        assert path.stat().st_size > len(whole) // 2


def test_a_full_disk_keeps_nothing_and_stops_nothing(run):
    assert run("full") == []


def test_a_loop_is_compiled_also_where_it_has_no_file():
    namespace = {}
    exec("def double(number): return 2 * number", namespace)
    assert compiled(namespace["double"])(4) == 8
