"""``fas-plugin`` data: make, read and export face anti-spoofing data."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

from fas_plugin.cli.command import add_command

#: Exit status of a command that ended well but could not use every file; 1 is failure.
SKIPPED = 3


def add(commands) -> None:
    _add_data(commands)


def _add_data(commands) -> None:
    data = commands.add_parser("data", help="Make, read and export face anti-spoofing data.")
    commands = data.add_subparsers(title="commands", required=True, metavar="COMMAND")

    parser = add_command(
        commands,
        "synthesize",
        _synthesize,
        "Make small synthetic datasets in the layouts of the real ones.",
        "fas-plugin data synthesize data/ocim-synthetic --seed 0\n"
        "  fas-plugin data synthesize data/twins --dataset all --size tiny",
    )
    parser.add_argument("root", type=Path, help="folder to make")
    parser.add_argument(
        "--dataset",
        action="append",
        help="name or domain, ocim (the default: O, C, I and M) or all; can be repeated",
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", default="small", help="small or tiny")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)

    parser = add_command(
        commands,
        "scan",
        _scan,
        "Say what is there: clips per class, instrument and split against the published counts, "
        "and every file that is skipped, missing or broken. The exit status is 3 if there is one.",
        "fas-plugin data scan /data/fas\n"
        "  fas-plugin data scan /data/rose --dataset rose_youtu --check --json scan.json\n"
        "  fas-plugin data scan --list names.txt --dataset siw",
    )
    parser.add_argument("root", type=Path, nargs="?", help="folder that holds datasets, or one")
    parser.add_argument("--dataset", help="name, e.g. oulu_npu, or domain, e.g. O")
    parser.add_argument("--list", type=Path, help="file of relative paths to parse instead")
    parser.add_argument("--check", action="store_true", help="open the header of every media file")
    parser.add_argument("--json", type=Path, help="write the report there too")

    parser = add_command(
        commands,
        "prepare",
        _prepare,
        "Read the datasets under ROOT, crop faces, write images and a manifest.",
        "fas-plugin data prepare /data/ocim data/faces --image-size 448",
    )
    parser.add_argument("root", type=Path, help="folder that holds the datasets")
    parser.add_argument("out", type=Path, help="folder for images/ and manifest.jsonl")
    parser.add_argument(
        "--datasets",
        nargs="+",
        metavar="NAME",
        help="letters, e.g. O C I M; default: all there are",
    )
    parser.add_argument(
        "--frames",
        default="uniform:2",
        metavar="POLICY",
        help="which frames of a clip: uniform:K (default uniform:2), ssdg, ssdg:1, flip, ssan, all",
    )
    parser.add_argument(
        "--crop",
        default="context",
        help="context (default: 1.6 times the face box), ssan (1.3), tight (1.0), aligned (eyes "
        "level, padding 0.37 as SSDG and FLIP), frame",
    )
    parser.add_argument("--image-size", type=int, default=448, help="side of an image, in pixels")
    parser.add_argument(
        "--image-format", default="png", help="png (default) or webp, lossless; jpeg, quality 98"
    )
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument(
        "--engine",
        default="local",
        help="local (default: processes) or ray (Ray Data, on the cluster in RAY_ADDRESS)",
    )

    parser = add_command(
        commands,
        "show",
        _show,
        "Draw contact sheets of prepared faces, a row per dataset, class and instrument: a picture "
        "and a page that opens offline.",
        "fas-plugin data show data/faces",
    )
    parser.add_argument("faces", type=Path, help="folder that prepare wrote")
    parser.add_argument("--out", type=Path, help="folder for the sheets; default: FACES itself")
    parser.add_argument("--columns", type=int, default=8, help="faces in a row")
    parser.add_argument("--seed", type=int, default=0)

    parser = add_command(
        commands,
        "protocol",
        _protocol,
        "List the protocols; or, for a manifest, the table of one and what its parts share "
        "(subjects, clips, near-duplicate pictures). The exit status is 1 if they share something.",
        "fas-plugin data protocol\n"
        "  fas-plugin data protocol ocim_loo_M data/faces\n"
        "  fas-plugin data protocol mine.yaml data/faces",
    )
    parser.add_argument("protocol", nargs="?", help="name, or JSON or YAML file; default: list all")
    parser.add_argument("faces", type=Path, nargs="?", help="folder that prepare wrote")
    parser.add_argument("--seed", type=int, default=0, help="of the validation subjects")

    parser = add_command(
        commands,
        "export",
        _export,
        "Split a manifest by a protocol and write prompt datasets for OpenRLHF, TRL, verl or "
        "ms-swift.",
        "fas-plugin data export data/faces data/prompts-M --protocol ocim_loo_M\n"
        "  fas-plugin data export data/faces data/clips-M --protocol ocim_loo_M --frames 4",
    )
    parser.add_argument("faces", type=Path, help="folder that prepare wrote")
    parser.add_argument("out", type=Path, help="folder for the parts train, validation and test")
    parser.add_argument("--protocol", required=True, help="name, or JSON or YAML file")
    parser.add_argument("--prompt", default="task_solving", help="name of a prompt")
    parser.add_argument(
        "--frames", type=int, default=1, metavar="K", help="frames of a clip in each prompt"
    )
    parser.add_argument(
        "--format",
        default="jsonl",
        help="jsonl (default), parquet or datasets, for OpenRLHF; trl; verl; ms-swift. datasets and "
        "trl hold the images, the others their paths",
    )
    parser.add_argument(
        "--drop-leaks",
        action="store_true",
        help="take out of training and validation what they share with the test, instead of refusing",
    )
    parser.add_argument("--seed", type=int, default=0)


def _synthesize(options: argparse.Namespace) -> None:
    from fas_plugin.datasets.adapters import get_adapter
    from fas_plugin.datasets.synthetic import TWINS, make_twins

    domains: list[str] = []
    for name in options.dataset or ["ocim"]:
        sets = {"ocim": ["O", "C", "I", "M"], "all": list(TWINS)}
        domains += sets.get(name.lower()) or [get_adapter(name).domain]
    make_twins(
        options.root,
        list(dict.fromkeys(domains)),
        seed=options.seed,
        size=options.size,
        workers=options.workers,
    )


def _scan(options: argparse.Namespace) -> int:
    from tqdm import tqdm

    from fas_plugin.datasets.adapters import get_adapter
    from fas_plugin.datasets.files import write_file
    from fas_plugin.datasets.scan import read_list, scan, scan_list

    adapter = get_adapter(options.dataset) if options.dataset else None
    if (options.root is None) == (options.list is None):
        raise ValueError("give either a folder or --list FILE")
    with tqdm(desc="scan", unit=" files", unit_scale=True, delay=1) as bar:
        if options.list:
            if adapter is None:
                raise ValueError("--list needs --dataset: names alone don't say whose they are")
            reports = [scan_list(read_list(options.list), adapter, str(options.list))]
        else:
            reports = scan(options.root, adapter, check=options.check, step=bar.update)
    if options.json:
        text = json.dumps([report.as_dict() for report in reports], indent=2, ensure_ascii=False)
        write_file(options.json, (text + "\n").encode("utf-8", "backslashreplace"))
    print("\n\n".join(map(str, reports)))
    return SKIPPED if any(report.faults for report in reports) else 0


def _prepare(options: argparse.Namespace) -> int:
    from fas_plugin.datasets.prepare import prepare

    summary = prepare(
        options.root,
        options.out,
        domains=options.datasets,
        frames=options.frames,
        crop_style=options.crop,
        image_size=options.image_size,
        image_format=options.image_format,
        workers=options.workers,
        engine=options.engine,
    )
    print(summary)
    return 0 if summary.complete else SKIPPED


def _show(options: argparse.Namespace) -> None:
    from fas_plugin.datasets.show import show

    for path in show(options.faces, options.out, columns=options.columns, seed=options.seed):
        print(path)


def _protocol(options: argparse.Namespace) -> int:
    from fas_plugin.datasets.protocols import (
        describe,
        load_protocol,
        protocol_names,
        split_records,
        table,
    )

    if options.protocol is None:
        print("\n".join(describe(load_protocol(name)) for name in protocol_names()))
        return 0
    protocol = load_protocol(options.protocol)
    if options.faces is None:
        print(f"{describe(protocol)}\n  {protocol.reference}")
        return 0
    from fas_plugin.datasets.leakage import find_leaks
    from fas_plugin.datasets.record import iter_manifest

    splits = split_records(
        protocol, iter_manifest(options.faces / "manifest.jsonl"), seed=options.seed
    )
    print(table(splits))
    report = find_leaks(splits, options.faces)
    print(report)
    return int(bool(report.leaks))


def _export(options: argparse.Namespace) -> None:
    from fas_plugin.datasets.export import export_prompts
    from fas_plugin.datasets.leakage import check_leakage, drop_leaks
    from fas_plugin.datasets.protocols import load_protocol, split_records
    from fas_plugin.datasets.record import iter_manifest
    from fas_plugin.prompts import get_prompt

    if options.frames < 1:
        raise ValueError(f"--frames {options.frames}: expected 1 or more")
    prompt = get_prompt(options.prompt, options.frames)
    protocol = load_protocol(options.protocol)
    manifest = iter_manifest(options.faces / "manifest.jsonl")
    splits = split_records(protocol, manifest, seed=options.seed)
    if options.drop_leaks:
        before = {part: len(records) for part, records in splits.parts.items()}
        splits, report = drop_leaks(splits, options.faces)
        print(report)
        for part, records in splits.parts.items():
            if len(records) < before[part]:
                print(f"  {before[part] - len(records)} records taken out of {part}")
    else:
        check_leakage(splits, options.faces)
    if splits.missing:
        print(f"warning: not in the manifest, so not tested: {', '.join(splits.missing)}")
    print(
        export_prompts(
            splits,
            options.faces,
            options.out,
            prompt=prompt,
            seed=options.seed,
            frames=options.frames,
            export_format=options.format,
        )
    )
