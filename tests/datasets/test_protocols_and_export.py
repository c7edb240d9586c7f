"""Leave-one-out without leakage, and prompt datasets that OpenRLHF reads."""

import dataclasses
import json
from collections import Counter
from itertools import islice

import pytest

from fas_plugin.datasets.export import export_prompts
from fas_plugin.datasets.protocols import (
    LeakageError,
    ProtocolError,
    check_leakage,
    load_protocol,
    protocol_names,
    split_records,
)
from fas_plugin.datasets.record import read_manifest


@pytest.fixture(scope="module")
def records(faces):
    return read_manifest(faces / "manifest.jsonl")


@pytest.mark.parametrize(
    ("target", "title"), [("M", "O&C&I→M"), ("C", "O&M&I→C"), ("I", "O&C&M→I"), ("O", "I&C&M→O")]
)
@pytest.mark.parametrize("seed", [0, 1])
def test_leave_one_out(records, target, title, seed):
    protocol = load_protocol(f"ocim_loo_{target}")
    assert protocol.title == title
    splits = split_records(protocol, records, seed=seed)
    check_leakage(splits)
    assert {record.domain for record in splits.test} == {target}
    assert target not in {record.domain for record in splits.train + splits.validation}
    whole = [r for r in records if r.domain == target and (target not in "OI" or r.split != "dev")]
    assert len(splits.test) == len(whole)
    for domain in set("OCIM") - {target}:
        classes = {r.label.partition(":")[0] for r in splits.validation if r.domain == domain}
        assert classes == {"real", "spoof"}


def test_development_parts_of_o_and_i_are_left_out(records):
    splits = split_records(load_protocol("ocim_loo_M"), records, seed=0)
    used = splits.train + splits.validation
    assert not [record for record in used if record.split == "dev"]


@pytest.mark.parametrize("field", ["subject", "video", "image_sha256"])
def test_anything_shared_is_found(records, field):
    splits = split_records(load_protocol("ocim_loo_M"), records, seed=0)
    shared = getattr(splits.train[0], field)
    leaking = dataclasses.replace(splits.test[0], **{field: shared})
    with pytest.raises(LeakageError, match=field):
        check_leakage(dataclasses.replace(splits, test=(leaking, *splits.test[1:])))


def test_unknown_and_malformed_protocols(tmp_path):
    with pytest.raises(ProtocolError, match="ocim_loo_C"):
        load_protocol("ocim_loo_X")
    path = tmp_path / "mine.json"
    path.write_text(json.dumps({"name": "mine", "title": "x", "reference": "x", "sources": {}}))
    with pytest.raises(ProtocolError, match=r"mine\.json: field"):
        load_protocol(str(path))
    assert len(protocol_names()) >= 4


def test_a_protocol_without_its_data_names_the_domain(records):
    only_m = [record for record in records if record.domain == "M"]
    with pytest.raises(ProtocolError, match="domain C"):
        split_records(load_protocol("ocim_loo_M"), only_m, seed=0)


@pytest.fixture(scope="module")
def prompts(records, faces, tmp_path_factory):
    out = tmp_path_factory.mktemp("prompts")
    splits = split_records(load_protocol("ocim_loo_M"), records, seed=0)
    export_prompts(splits, faces, out, prompt="Real or spoof?", prompt_id="test/1", seed=0)
    return out


def test_every_prefix_of_the_training_rows_is_balanced(prompts):
    with (prompts / "train.jsonl").open() as lines:
        rows = [json.loads(line) for line in islice(lines, 48)]
    assert Counter(row["label"].partition(":")[0] for row in rows) == {"real": 24, "spoof": 24}
    assert set(Counter(row["datasource"] for row in rows).values()) == {16}


def test_test_rows_are_the_records_once_each(prompts, records):
    rows = [json.loads(line) for line in (prompts / "test.jsonl").read_text().splitlines()]
    assert sorted(row["record_id"] for row in rows) == sorted(
        record.record_id for record in records if record.domain == "M"
    )


def test_openrlhf_loads_the_export_with_images_and_labels(prompts, tmp_path):
    from types import SimpleNamespace

    from openrlhf.datasets import PromptDataset
    from openrlhf.datasets.utils import blending_datasets
    from openrlhf.utils.vlm_utils import process_prompt_with_images
    from transformers import AutoProcessor

    from fas_plugin.training.tiny_policy.model import build

    build(tmp_path / "policy", image_size=112, seed=0)
    processor = AutoProcessor.from_pretrained(tmp_path / "policy")
    data = SimpleNamespace(
        input_key="prompt", label_key="label", image_key="images", apply_chat_template=True
    )
    strategy = SimpleNamespace(
        args=SimpleNamespace(data=data), is_rank_0=lambda: True, print=lambda *_: None
    )
    rows = blending_datasets(str(prompts / "train.jsonl"), None, strategy, 0)
    dataset = PromptDataset(rows, processor, strategy)
    source, prompt, label, images = dataset[0]
    assert source in "OCI" and label.startswith(("real", "spoof:"))
    tokens, inputs, pictures = process_prompt_with_images(processor, prompt, images)
    assert len(pictures) == 1
    patches = inputs["image_grid_thw"].prod().item()
    assert tokens.count(processor.image_token_id) == patches // 4  # two by two patches a token
