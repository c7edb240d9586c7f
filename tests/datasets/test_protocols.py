"""Protocols: the published ones, their counts, and what a wrong one is told."""

import dataclasses
import json
from itertools import product

import pytest

from fas_plugin.cli import main
from fas_plugin.datasets.adapters import ADAPTERS
from fas_plugin.datasets.leakage import check_leakage
from fas_plugin.datasets.protocols import (
    PARTS,
    ProtocolError,
    class_counts,
    clip_counts,
    load_protocol,
    protocol_names,
    published,
    split_records,
)

TITLES = {"M": "O&C&I→M", "C": "O&M&I→C", "I": "O&C&M→I", "O": "I&C&M→O"}


@pytest.mark.parametrize("target", TITLES)
@pytest.mark.parametrize("seed", [0, 1])
def test_leave_one_out(records, target, seed):
    protocol = load_protocol(f"ocim_loo_{target}")
    assert protocol.title == TITLES[target]
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


def test_training_parts_only_with_the_official_development_parts(records):
    splits = split_records(load_protocol("ocim_loo_train_M"), records, seed=0)
    check_leakage(splits)
    assert {record.split for record in splits.train} == {"train"}
    assert {record.split for record in splits.test} == {"test"}
    validated = {domain: set() for domain in "OCI"}
    for record in splits.validation:
        validated[record.domain].add(record.split)
    assert validated == {"O": {"dev"}, "I": {"dev"}, "C": {"train"}}  # C has none: by subject


#: Published clips (bona fide, attacks): the table of each paper or release.
PUBLISHED = {
    "ocim_loo_C": {"train": (930, 3790), "test": (150, 450)},
    "ocim_loo_I": {"train": (940, 3540), "test": (140, 700)},
    "ocim_loo_M": {"train": (1010, 4030), "test": (70, 210)},
    "ocim_loo_O": {"train": (360, 1360), "test": (720, 2880)},
    "ocim_loo_train_O": {"train": (150, 570), "test": (360, 1440)},
    "ocim_limited_C": {"train": (210, 910), "test": (150, 450)},
    "ocim_single_C_I": {"train": (150, 450), "test": (140, 700)},
    "oulu_p1": {"train": (240, 960), "validation": (180, 720), "test": (120, 480)},
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_counts(name):
    for part, pair in PUBLISHED[name].items():
        assert published(load_protocol(name), part) == pair


@pytest.fixture(scope="module")
def whole_oulu(records):
    """A record for every clip of the release, from its names alone."""
    template = records[0]
    made = []
    for phone, session, subject, code in product(
        range(1, 7), range(1, 4), range(1, 56), range(1, 6)
    ):
        stem = f"{phone}_{session}_{subject:02}_{code}"
        named = ADAPTERS["O"].read(f"Train_files/{stem}.avi")
        made.append(
            dataclasses.replace(
                template,
                **{"record_id": f"O/{stem}#0", "video": f"O/{stem}", "domain": "O"},
                **{"subject": f"O/{named.subject}", "split": named.split},
                **{"session": named.session, "device": named.device},
                **{"label": str(named.label), "pai_code": named.pai_code},
                **{"image_sha256": stem, "media_fingerprint": stem, "image_dhash": "0" * 64},
            )
        )
    return made


FOLDS = [*("oulu_p1", "oulu_p2"), *(f"oulu_p{p}_{k}" for p in (3, 4) for k in range(1, 7))]


@pytest.mark.parametrize("name", FOLDS)
def test_oulu_protocols_regenerated_from_names_have_the_official_counts(whole_oulu, name):
    splits = split_records(load_protocol(name), whole_oulu, seed=0)
    for part, chosen in splits.parts.items():
        assert class_counts(clip_counts(chosen)) == published(splits.protocol, part)
    assert not {r.subject for r in splits.train} & {r.subject for r in splits.test}
    if name.startswith(("oulu_p3", "oulu_p4")):
        phone = f"phone{name[-1]}"
        assert {r.device for r in splits.test} == {phone}
        assert phone not in {r.device for r in splits.train + splits.validation}
    if name.startswith(("oulu_p2", "oulu_p4")):
        assert {r.pai_code for r in splits.train} == {None, "2", "4"}
        assert {r.pai_code for r in splits.test} == {None, "3", "5"}


def test_an_instrument_that_is_left_out_is_only_tested(records):
    splits = split_records(load_protocol("leave_out_print"), records, seed=0)
    check_leakage(splits)
    for record in splits.train + splits.validation:
        assert "print" not in record.label
    assert {r.label.partition(".")[0] for r in splits.test} == {"real", "spoof:print"}


def test_every_shipped_protocol_names_its_source_and_leaves_nothing_open():
    names = protocol_names()
    assert len(names) == len(set(names)) == 44
    for name in names:
        protocol = load_protocol(name)
        assert len(protocol.reference) > 20
        words = [protocol.title, protocol.reference]
        for chosen in protocol.selections.values():
            words += [word for selection in chosen for item in selection.values() for word in item]
        assert not [word for word in words if "{" in word]


def test_celeba_to_eleven_tests_what_is_there_and_says_what_is_not(records):
    celeba = [
        dataclasses.replace(
            record,
            **{"record_id": f"CA{i}", "video": f"CA{i}", "subject": f"CA/{i // 4}"},
            domain="CA",
        )
        for i, record in enumerate(record for record in records if record.domain == "C")
    ]
    celeba = [dataclasses.replace(record, split="train") for record in celeba]
    splits = split_records(load_protocol("celeba_to_eleven_test"), celeba + records, seed=0)
    assert {r.domain for r in splits.train + splits.validation} == {"CA"}
    assert {r.domain for r in splits.test} == set("OCIM")
    assert {r.split for r in splits.test} == {"test"}
    assert set(splits.missing) == {"3DMASK", "H1", "HIFI", "ROSE", "SIW", "SIWMV2", "W"}


MINE = {
    "name": "mine",
    "title": "C→M, phones only",
    "reference": "ours",
    "train": [{"domain": ["C"]}],
    "validation_subjects": 0.25,
    "test": [{"domain": ["M"], "device": ["android"], "attack_codes": ["iphone_video"]}],
}


def test_one_of_your_own_in_json_or_yaml(records, tmp_path, capsys, faces):
    (tmp_path / "mine.json").write_text(json.dumps(MINE))
    (tmp_path / "mine.yaml").write_text(
        "name: mine\ntitle: C→M, phones only\nreference: ours\ntrain:\n- domain: [C]\n"
        "validation_subjects: 0.25\n"
        "test:\n- {domain: [M], device: [android], attack_codes: [iphone_video]}\n"
    )
    assert load_protocol(str(tmp_path / "mine.json")) == load_protocol(str(tmp_path / "mine.yaml"))
    splits = split_records(load_protocol(str(tmp_path / "mine.yaml")), records, seed=0)
    assert {r.device for r in splits.test} == {"android"}
    assert {r.pai_code for r in splits.test} == {None, "iphone_video"}
    assert main(["data", "protocol", str(tmp_path / "mine.yaml"), str(faces)]) == 0
    printed = capsys.readouterr().out
    assert "C→M, phones only" in printed and "0 near_duplicate" in printed


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"train": []}, "train"),
        ({"train": [{"domains": ["C"]}]}, "train/0"),
        ({"train": [{"split": ["training"]}]}, "train/0/split/0"),
        ({"test": [{"domain": ["M"], "instruments": ["paper"]}]}, "unknown instrument 'paper'"),
        ({"validation_subjects": 1.5}, "validation_subjects"),
        ({"validation_subjects": None}, "validation_subjects"),
        ({"name": "../x"}, "name"),
        ({"variants": 3}, "variants"),
        ({"variants": [{"x": 1}, {"x": 2}]}, "2 protocols"),
    ],
)
def test_a_wrong_field_is_named(tmp_path, change, told):
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(MINE | change))
    with pytest.raises(ProtocolError, match=rf"mine\.json.*{told}"):
        load_protocol(str(path))


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("mine.json", "{", "JSON"),
        ("mine.yaml", "a: [", "YAML"),
        ("mine.yaml", "a: &x [*x]", "alias"),
        ("mine.json", "[" * 50_000, "JSON"),
        ("mine.json", " " * 2_000_000, "larger"),
        ("mine.json", "\udcff", "cannot be read"),
    ],
)
def test_an_unreadable_file_is_told(tmp_path, name, content, told):
    path = tmp_path / name
    path.write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(ProtocolError, match=told):
        load_protocol(str(path))


def test_unknown_names_list_the_known():
    with pytest.raises(ProtocolError, match="ocim_loo_C"):
        load_protocol("ocim_loo_X")
    with pytest.raises(ProtocolError, match="cannot be read"):
        load_protocol("no/such.json")


def test_a_record_that_is_wanted_twice_is_refused(records, tmp_path):
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(MINE | {"test": [{"domain": ["C"], "split": ["test"]}]}))
    with pytest.raises(ProtocolError, match="wanted for train and for test"):
        split_records(load_protocol(str(path)), records, seed=0)


def test_a_protocol_without_its_data_names_the_domain(records):
    only_m = [record for record in records if record.domain == "M"]
    with pytest.raises(ProtocolError, match="domain C"):
        split_records(load_protocol("ocim_loo_M"), only_m, seed=0)


def test_where_nobody_is_both_live_and_attacked_validation_takes_some_of_either(records):
    apart = [
        dataclasses.replace(r, subject=r.subject + r.label.partition(":")[0])
        for r in records
        if r.domain in "CM"
    ]
    splits = split_records(load_protocol("ocim_single_C_M"), apart, seed=0)
    for part in PARTS:
        assert {r.label.partition(":")[0] for r in splits.parts[part]} == {"real", "spoof"}
    assert not {r.subject for r in splits.train} & {r.subject for r in splits.validation}


def test_the_list_names_every_protocol_with_its_counts(capsys):
    assert main(["data", "protocol"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == protocol_names()
    assert any("oulu_p1" in line and "train 240/960" in line for line in lines)
