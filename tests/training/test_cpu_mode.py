"""CPU mode: off unless asked for, and only for the versions it was written against."""

import subprocess
import sys

import pytest

from fas_plugin.training import cpu_mode


def python(code, **environment):
    import os

    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_every_process_that_imports_torch_is_patched():
    answer = python("import torch; print(torch.cuda.current_device())", FAS_CPU_MODE="1")
    assert answer.stdout.strip() == "cpu", answer.stderr


def test_without_the_variable_nothing_is_touched():
    code = "import sys, torch; print([type(f).__name__ for f in sys.meta_path])"
    assert "_PatchingFinder" not in python(code, FAS_CPU_MODE="0").stdout


def test_flash_attn_is_believed_in_by_nobody_else():
    code = (
        "import openrlhf.models.ring_attn_utils, importlib.util\n"
        "print(importlib.util.find_spec('flash_attn'))"
    )
    assert python(code, FAS_CPU_MODE="1").stdout.strip().endswith("None")


def test_other_versions_are_refused_by_name(monkeypatch):
    monkeypatch.setitem(cpu_mode.SUPPORTED, "openrlhf", "0.12.0")
    with pytest.raises(
        cpu_mode.UnsupportedVersionError, match=r"openrlhf==0\.12\.0, found 0\.11\.2"
    ):
        cpu_mode.check_versions()
