"""Prompt datasets, each loaded by the code that will load it in training."""

import json
from collections import Counter
from itertools import islice
from types import SimpleNamespace

import pytest

from fas_plugin import __version__
from fas_plugin.cli import main
from fas_plugin.datasets.export import FORMATS, ExportError, export_prompts
from fas_plugin.datasets.protocols import load_protocol, split_records
from fas_plugin.prompts import PROMPTS, get_prompt


@pytest.fixture(scope="module")
def splits(records):
    return split_records(load_protocol("ocim_loo_M"), records, seed=0)


@pytest.fixture(scope="module")
def exports(splits, faces, tmp_path_factory):
    """Format and frames a prompt -> folder."""
    folders = {}
    for export_format in FORMATS:
        for frames in (1, 2):
            out = tmp_path_factory.mktemp("prompts") / f"{export_format}-{frames}"
            prompt = get_prompt("brief", frames)
            options = {"frames": frames, "export_format": export_format, "seed": 0}
            export_prompts(splits, faces, out, prompt=prompt, **options)
            folders[export_format, frames] = out
    return folders


def json_lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_every_prefix_of_the_training_rows_is_balanced(exports):
    with (exports["jsonl", 1] / "train.jsonl").open() as lines:
        rows = [json.loads(line) for line in islice(lines, 48)]
    assert Counter(row["label"].partition(":")[0] for row in rows) == {"real": 24, "spoof": 24}
    assert set(Counter(row["datasource"] for row in rows).values()) == {16}


def test_test_rows_are_the_records_once_each(exports, records):
    rows = json_lines(exports["jsonl", 1] / "test.jsonl")
    assert [row["record_id"] for row in rows] == [r.record_id for r in records if r.domain == "M"]


def test_with_several_frames_a_row_is_a_clip_in_the_order_of_time(exports, records):
    rows = json_lines(exports["jsonl", 2] / "test.jsonl")
    clips = {r.video for r in records if r.domain == "M"}
    assert sorted(row["video"] for row in rows) == sorted(clips)
    for row in rows:
        first, second = (int(path[:-4].rpartition("_")[2]) for path in row["images"])
        assert first < second and row["record_id"] == f"{row['video']}#{first},{second}"
        assert [part["type"] for part in row["prompt"][0]["content"]] == ["image", "image", "text"]
        assert row["prompt_id"] == "brief_clip/1"


@pytest.mark.parametrize("key", [(name, frames) for name in FORMATS for frames in (1, 2)])
def test_every_export_says_what_made_it(exports, key):
    info = json.loads((exports[key] / "export.json").read_text(encoding="utf-8"))
    assert info["format"] == key[0] and info["frames"] == key[1]
    assert info["protocol"]["name"] == "ocim_loo_M" and info["protocol"]["reference"]
    assert info["prompt"] == {
        "id": f"brief{'_clip' * (key[1] - 1)}/1",
        "text": info["prompt"]["text"],
    }
    assert info["fas_plugin"] == __version__ and "git_commit" in info
    assert sum(n for name, n in info["rows"].items() if name.startswith("test/")) > 0


@pytest.fixture(scope="module")
def processor(tmp_path_factory):
    from transformers import AutoProcessor

    from fas_plugin.training.tiny_policy.model import build

    folder = tmp_path_factory.mktemp("policy")
    build(folder, image_size=112, seed=0)
    return AutoProcessor.from_pretrained(folder)


OPENRLHF = {"jsonl": "train.jsonl", "parquet": "train.parquet", "datasets": ""}


@pytest.mark.parametrize("frames", [1, 2])
@pytest.mark.parametrize("export_format", OPENRLHF)
def test_openrlhf_loads_it_with_aligned_images_and_labels(
    exports, processor, export_format, frames
):
    from openrlhf.datasets import PromptDataset
    from openrlhf.datasets.utils import blending_datasets
    from openrlhf.utils.vlm_utils import process_prompt_with_images

    data = SimpleNamespace(
        input_key="prompt", label_key="label", image_key="images", apply_chat_template=True
    )
    strategy = SimpleNamespace(
        args=SimpleNamespace(data=data), is_rank_0=lambda: True, print=lambda *_: None
    )
    folder = exports[export_format, frames]
    rows = blending_datasets(str(folder / OPENRLHF[export_format]), None, strategy, 0)
    dataset = PromptDataset(rows, processor, strategy)
    expected = json_lines(exports["jsonl", frames] / "train.jsonl")
    assert len(dataset) == len(expected)
    for index in (0, 1, len(dataset) - 1):
        source, prompt, label, images = dataset[index]
        assert source == expected[index]["datasource"] and label == expected[index]["label"]
        assert get_prompt("brief", frames).text in prompt
        tokens, inputs, pictures = process_prompt_with_images(processor, prompt, images)
        assert len(pictures) == frames and pictures[0].size == (112, 112)
        patches = inputs["image_grid_thw"].prod(dim=1)
        assert len(patches) == frames
        assert tokens.count(processor.image_token_id) == int(patches.sum()) // 4  # two by two


@pytest.mark.parametrize("frames", [1, 2])
def test_trl_fills_the_images_in(exports, processor, frames):
    from datasets import load_from_disk
    from trl.data_utils import prepare_multimodal_messages

    rows = load_from_disk(str(exports["trl", frames]))["train"]
    expected = json_lines(exports["jsonl", frames] / "train.jsonl")
    assert rows["label"] == [row["label"] for row in expected]
    messages = prepare_multimodal_messages(rows[0]["prompt"], rows[0]["images"])
    assert [part["type"] for part in messages[0]["content"]] == ["image"] * frames + ["text"]
    inputs = processor.apply_chat_template([messages], tokenize=True, return_dict=True)
    assert len(inputs["image_grid_thw"]) == frames


@pytest.mark.parametrize("frames", [1, 2])
def test_verl_builds_its_messages(exports, processor, frames, tmp_path):
    from omegaconf import OmegaConf
    from verl.utils.dataset.rl_dataset import RLHFDataset

    expected = json_lines(exports["jsonl", frames] / "train.jsonl")
    config = OmegaConf.create({"cache_dir": str(tmp_path), "filter_overlong_prompts": False})
    dataset = RLHFDataset(
        str(exports["verl", frames] / "train.parquet"), processor.tokenizer, config, processor
    )
    assert len(dataset) == len(expected)
    row = dataset[3]
    content = row["raw_prompt"][0]["content"]
    assert [part["type"] for part in content] == ["image"] * frames + ["text"]
    assert [part["image"] for part in content[:-1]] == expected[3]["images"]
    assert row["reward_model"] == {"style": "rule", "ground_truth": expected[3]["label"]}
    assert row["data_source"] == expected[3]["datasource"] and row["index"] == 3


@pytest.mark.parametrize("frames", [1, 2])
def test_ms_swift_reads_messages_images_and_solution(exports, frames):
    from swift.dataset import load_dataset

    path = exports["ms-swift", frames] / "train.jsonl"
    rows, _ = load_dataset(str(path), remove_unused_columns=False, load_from_cache_file=False)
    expected = json_lines(exports["jsonl", frames] / "train.jsonl")
    assert len(rows) == len(expected)
    row = rows[5]
    assert row["messages"][0]["content"].count("<image>") == len(row["images"]) == frames
    assert [image["path"] for image in row["images"]] == expected[5]["images"]
    assert row["solution"] == expected[5]["label"]


def test_a_missing_image_is_named(splits, tmp_path):
    with pytest.raises(ExportError, match=r"images/.*missing; run `fas-plugin data prepare`"):
        export_prompts(splits, tmp_path, tmp_path / "out", prompt=PROMPTS["brief"], seed=0)


def test_unknown_formats_and_prompts_list_the_known(faces, tmp_path, capsys):
    export = ["data", "export", str(faces), str(tmp_path / "out"), "--protocol", "ocim_loo_M"]
    for options, known in (
        (["--format", "csv"], "ms-swift"),
        (["--prompt", "rude"], "task_solving"),
        (["--prompt", "brief_clip"], "task_solving"),
        (["--frames", "0"], "1 or more"),
    ):
        assert main([*export, *options]) == 1
        assert known in capsys.readouterr().err


def test_prompts_have_a_variant_for_clips_and_their_texts_stay():
    import hashlib

    assert get_prompt("task_solving", 4).id == "task_solving_clip/1"
    text = "".join(f"{p.id}:{p.text}\n" for p in sorted(PROMPTS.values(), key=lambda p: p.name))
    # Another text is another version: change the version, then this number.
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == "f3dcb25f3bc95406"
