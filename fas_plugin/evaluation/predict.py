"""Let a system score samples, such that a kill loses nothing that was finished."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from fas_plugin.evaluation.predictions import (
    Prediction,
    PredictionsError,
    PredictionSet,
    Sample,
    check,
    read_predictions,
    write_predictions,
)
from fas_plugin.evaluation.systems import System

logger = logging.getLogger(__name__)


def predict(system: System, samples: Sequence[Sample], out: Path) -> PredictionSet:
    """Score ``samples`` and write ``out/predictions.parquet``.

    Finished predictions lie in ``out/predictions.partial.jsonl`` until all are there; a second call
    goes on from them. Where the Parquet file is there already it is checked and returned.

    Raises:
        PredictionsError: the folder holds predictions of another system or of other samples, or the
            system left samples out or gave scores that are no numbers.
    """
    path, journal = out / "predictions.parquet", out / "predictions.partial.jsonl"
    made_by = {"system": dict(system.about), "prompt_id": samples[0].prompt_id}
    if path.exists():
        made = read_predictions(path)
        _refuse_other(path, made.made_by.get("system", {}), system)
        check(made.predictions, str(path), samples)
        logger.info("%s: all %d predictions are there", path, len(samples))
        return made
    out.mkdir(parents=True, exist_ok=True)
    by_id = {sample.record_id: sample for sample in samples}
    done = _finished(journal, by_id, system)
    todo = [sample for sample in samples if sample.record_id not in done]
    logger.info("%s: %d predictions to make, %d kept from before", out, len(todo), len(done))
    with (
        journal.open("a", encoding="utf-8") as file,
        tqdm(total=len(samples), initial=len(done), desc="predict", unit="image") as bar,
    ):
        if not done:
            file.truncate(0)
            file.write(json.dumps(dict(system.about)) + "\n")
            file.flush()
        for prediction in system.predict(todo) if todo else ():
            file.write(json.dumps(_line(prediction)) + "\n")
            file.flush()
            done[prediction.sample.record_id] = prediction
            bar.update()
    ordered = tuple(done[s.record_id] for s in samples if s.record_id in done)
    check(ordered, str(out), samples)
    made = PredictionSet(ordered, made_by)
    write_predictions(path, made)
    journal.unlink()
    return made


def _line(prediction: Prediction) -> dict:
    return {
        "record_id": prediction.sample.record_id,
        "score": prediction.score,
        "completions": prediction.completions,
        "scores": prediction.scores,
        "sources": prediction.sources,
        "seconds": prediction.seconds,
    }


def _finished(journal: Path, samples: dict[str, Sample], system: System) -> dict[str, Prediction]:
    """What an earlier, killed call has finished. Cuts off a line that it did not finish writing."""
    if not journal.exists():
        return {}
    text = journal.read_bytes()
    whole = text[: text.rfind(b"\n") + 1]
    if len(whole) < len(text):
        os.truncate(journal, len(whole))
    header, *lines = [json.loads(line) for line in whole.decode("utf-8").splitlines()] or [None]
    if header is None:
        return {}
    _refuse_other(journal, header, system)
    done = {}
    for line in lines:
        sample = samples.get(line["record_id"])
        if sample is None:
            raise PredictionsError(
                f"{journal}: {line['record_id']} is not in the prompt dataset; choose another folder"
            )
        done[sample.record_id] = Prediction(
            sample,
            line["score"],
            tuple(line["completions"]),
            tuple(line["scores"]),
            tuple(line["sources"]),
            line["seconds"],
        )
    return done


def _refuse_other(path: Path, before: dict, system: System) -> None:
    now = json.loads(json.dumps(dict(system.about)))
    changed = [
        f"{name} was {before.get(name)!r}, is {now.get(name)!r}"
        for name in sorted({*before, *now})
        if before.get(name) != now.get(name)
    ]
    if changed:
        raise PredictionsError(
            f"{path} holds predictions with other settings ({'; '.join(changed)}); "
            "choose another folder, or remove them"
        )
