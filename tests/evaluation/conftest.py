"""A policy that speaks, one that spells, and a few prompts: made once for all tests here."""

import json

import pytest

from fas_plugin.training.tiny_policy.model import build
from fas_plugin.training.tiny_policy.warm_up import warm_up


@pytest.fixture(scope="session")
def prompts(tmp_path_factory, faces):
    """Prompts for a dozen faces, half of them for validation, as ``data export`` writes them."""
    folder = tmp_path_factory.mktemp("prompts")
    records = [json.loads(line) for line in (faces / "manifest.jsonl").read_text().splitlines()]
    text = "Is this face real or a spoof? Reason in <think>, decide in <answer>."
    rows = [
        {
            "prompt": [
                {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": text}]}
            ],
            "images": [str(faces / record["image"])],
            "label": record["label"],
            "datasource": record["domain"],
            "prompt_id": "brief/1",
            "synthetic": True,
            **{name: record[name] for name in ("record_id", "video", "subject")},
        }
        for record in records
    ]
    target = [row for row in rows if row["datasource"] == "M"]
    source = [row for row in rows if row["datasource"] == "O"]
    for split, chosen in (("train", source), ("validation", source[:6]), ("test", target[:6])):
        lines = "".join(json.dumps(row) + "\n" for row in chosen)
        (folder / f"{split}.jsonl").write_text(lines)
    about = {"format": "jsonl", "protocol": {"name": "ocim_loo_M"}}
    (folder / "export.json").write_text(json.dumps(about))
    return folder


@pytest.fixture(scope="session")
def policy(tmp_path_factory, prompts):
    """A tiny policy that reasons and answers."""
    folder = tmp_path_factory.mktemp("policy") / "speaks"
    warm_up(prompts / "train.jsonl", folder, eyes_steps=1, steps=70, seed=0, threads=2)
    return folder


@pytest.fixture(scope="session")
def split_policy(tmp_path_factory):
    """A tiny policy with random weights, whose tokenizer knows letters only."""
    folder = tmp_path_factory.mktemp("policy") / "spells"
    build(folder, image_size=112, seed=0)
    path = folder / "tokenizer.json"
    tokenizer = json.loads(path.read_text())
    tokenizer["model"]["merges"] = []
    path.write_text(json.dumps(tokenizer))
    return folder
