"""Protocols: which records train, which choose the threshold, which test. Data, not code."""

from __future__ import annotations

import functools
import json
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jsonschema import Draft202012Validator

from fas_plugin.labels import INSTRUMENTS, FasClass, Label

if TYPE_CHECKING:  # a report needs protocols, but no decoder
    from fas_plugin.datasets.record import Record

_FOLDER = Path(__file__).with_name("protocols")
PARTS = ("train", "validation", "test")
#: Largest protocol file that is read, in bytes.
MAX_BYTES = 1_000_000


class ProtocolError(ValueError):
    """An unknown or malformed protocol, or records that cannot fill it."""


@dataclass(frozen=True)
class Protocol:
    """What ``protocol.schema.json`` describes, without variants.

    Attributes:
        name: e.g. ``ocim_loo_M``.
        title: as the field writes it, e.g. ``O&C&I→M``.
        reference: where the protocol is from, and what in it is ours.
        selections: part -> selections; a record belongs to a part when it fits one of them.
        validation_subjects: share of the subjects that go from train to validation in domains that
            validation has no record of; 0 for none.
        counts: part -> published clips, bona fide and attacks, where the protocol states them.
    """

    name: str
    title: str
    reference: str
    selections: Mapping[str, tuple[Mapping[str, Any], ...]]
    validation_subjects: float
    counts: Mapping[str, tuple[int, int]]


@dataclass(frozen=True)
class Splits:
    """The records of a protocol.

    Attributes:
        missing: domains of the test part that the manifest has no record of.
    """

    protocol: Protocol
    train: tuple[Record, ...]
    validation: tuple[Record, ...]
    test: tuple[Record, ...]
    missing: tuple[str, ...] = ()

    @property
    def parts(self) -> dict[str, tuple[Record, ...]]:
        """The three parts by name."""
        return {part: getattr(self, part) for part in PARTS}


# --- Reading --------------------------------------------------------------------------------------


def protocol_names() -> list[str]:
    """Names of the protocols that the package ships."""
    return list(_shipped())


def load_protocol(name: str) -> Protocol:
    """A shipped protocol by name, or one of your own by the path of its JSON or YAML file.

    Raises:
        ProtocolError: unknown name, unreadable file, or a field that the schema refuses.
    """
    path = Path(name)
    if path.suffix not in (".json", ".yaml", ".yml"):
        try:
            return _shipped()[name]
        except KeyError:
            known = ", ".join(_shipped())
            raise ProtocolError(
                f"unknown protocol {name!r}; expected one of {known}, or a .json or .yaml file"
            ) from None
    protocols = read_protocols(path)
    if len(protocols) != 1:
        raise ProtocolError(f"{path}: {len(protocols)} protocols in it; expected one")
    return protocols[0]


def read_protocols(path: Path) -> list[Protocol]:
    """The protocols of a file: one, or one for each of its variants.

    Raises:
        ProtocolError: names the file, the field and what is wrong with it.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ProtocolError(f"{path}: larger than {MAX_BYTES} bytes")
        content = _parse(path)
    except (OSError, UnicodeDecodeError) as error:
        raise ProtocolError(f"{path}: cannot be read ({error})") from None
    variants = content.pop("variants", [{}]) if isinstance(content, dict) else [{}]
    if not isinstance(variants, list) or not all(isinstance(v, dict) for v in variants):
        raise ProtocolError(f"{path}: field variants: expected a list of objects")
    return [_protocol(path, _filled(content, variant)) for variant in variants]


def _parse(path: Path) -> Any:
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".json":
        try:
            return json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ProtocolError(f"{path}: not a readable JSON file ({error})") from None
    import yaml

    try:
        # A few lines of references to references unfold to gigabytes.
        if any(isinstance(token, yaml.AliasToken) for token in yaml.scan(text)):
            raise ProtocolError(f"{path}: a YAML alias (*name); write it out")
        return yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError) as error:
        raise ProtocolError(f"{path}: not a readable YAML file ({error})") from None


def _filled(value: Any, variant: Mapping[str, Any]) -> Any:
    """A template with the fields of a variant: ``{x}`` alone becomes its value, of any type; within
    a longer text its words."""
    if isinstance(value, dict):
        return {key: _filled(item, variant) for key, item in value.items()}
    if isinstance(value, list):
        return [_filled(item, variant) for item in value]
    if isinstance(value, str):
        for name, item in variant.items():
            if value == f"{{{name}}}":
                return item
            value = value.replace(f"{{{name}}}", str(item))
    return value


def _protocol(path: Path, content: Any) -> Protocol:
    fault = next(iter(_validator().iter_errors(content)), None)
    if fault is not None:
        field = "/".join(map(str, fault.absolute_path)) or "protocol"
        raise ProtocolError(f"{path}: field {field}: {fault.message[:200]}")
    selections = {part: tuple(content.get(part, ())) for part in PARTS}
    for part, chosen in selections.items():
        for selection in chosen:
            names = selection.get("instruments", []) + selection.get("without_instruments", [])
            unknown = [name for name in names if name not in INSTRUMENTS]
            if unknown:
                raise ProtocolError(
                    f"{path}: field {part}: unknown instrument {unknown[0]!r}; "
                    f"expected some of {', '.join(INSTRUMENTS)}"
                )
    share = content.get("validation_subjects", 0)
    if not share and not selections["validation"]:
        raise ProtocolError(f"{path}: neither validation nor validation_subjects: no threshold")
    return Protocol(
        name=content["name"],
        title=content["title"],
        reference=content["reference"],
        selections=selections,
        validation_subjects=share,
        counts={part: (pair[0], pair[1]) for part, pair in content.get("counts", {}).items()},
    )


@functools.cache
def _validator() -> Draft202012Validator:
    return Draft202012Validator(json.loads((_FOLDER / "protocol.schema.json").read_text("utf-8")))


@functools.cache
def _shipped() -> dict[str, Protocol]:
    return {
        protocol.name: protocol
        for path in sorted(_FOLDER.glob("*.json"))
        if ".schema" not in path.name
        for protocol in read_protocols(path)
    }


# --- Splitting ------------------------------------------------------------------------------------


def split_records(protocol: Protocol, records: Iterable[Record], *, seed: int) -> Splits:
    """Sort records into train, validation and test.

    In the domains that the protocol names no validation records for, a share of the subjects, drawn
    by ``seed``, goes to validation with all their clips: at least one, never all of a domain's.

    Raises:
        ProtocolError: a domain of the protocol has too few records, or one is wanted twice.
    """
    parts: dict[str, list[Record]] = {part: [] for part in PARTS}
    known: dict[tuple, str | None] = {}
    domains = set()
    for record in records:
        facts = (
            *(record.domain, record.split, record.session, record.device),
            *(record.label, record.pai_code),
        )
        if facts not in known:
            known[facts] = _part(protocol, *facts)
            domains.add(record.domain)
        part = known[facts]
        if part is not None:
            parts[part].append(record)
    train_domains = _domains(protocol, "train")
    present = {record.domain for record in parts["train"]}
    lacking = [domain for domain in train_domains if domain not in present]
    if lacking:
        raise ProtocolError(
            f"{protocol.name}: no record of domain {lacking[0]} to train on "
            f"(domains in the manifest: {', '.join(sorted(domains)) or 'none'})"
        )
    if protocol.validation_subjects:
        _move_subjects(protocol, parts, seed)
    tested = {record.domain for record in parts["test"]}
    for name, part in parts.items():
        classes = {_class(label) for label in {record.label for record in part}}
        missing = [cls.value for cls in FasClass if cls not in classes]
        if missing:
            raise ProtocolError(
                f"{protocol.name}: no {missing[0]} record for {name} "
                f"(domains in the manifest: {', '.join(sorted(domains)) or 'none'})"
            )
    return Splits(
        protocol,
        **{name: tuple(part) for name, part in parts.items()},
        missing=tuple(domain for domain in _domains(protocol, "test") if domain not in tested),
    )


def _part(protocol: Protocol, *facts: Any) -> str | None:
    fitting = [
        part
        for part, selections in protocol.selections.items()
        if any(_fits(selection, *facts) for selection in selections)
    ]
    if len(fitting) > 1:
        raise ProtocolError(
            f"{protocol.name}: records of domain {facts[0]}, split {facts[1]} are wanted for "
            f"{fitting[0]} and for {fitting[1]}"
        )
    return fitting[0] if fitting else None


def _fits(
    selection: Mapping[str, Any],
    domain: str,
    split: str,
    session: str | None,
    device: str | None,
    label: str,
    pai_code: str | None,
) -> bool:
    for name, value in (
        ("domain", domain),
        ("split", split),
        ("session", session),
        ("device", device),
    ):
        if name in selection and value not in selection[name]:
            return False
    if _class(label) is FasClass.REAL:
        return True
    instrument = Label.parse(label).instrument
    names = {instrument, (instrument or "").partition(".")[0]}
    return (
        ("attack_codes" not in selection or pai_code in selection["attack_codes"])
        and ("instruments" not in selection or bool(names & set(selection["instruments"])))
        and (
            "without_instruments" not in selection
            or (instrument is not None and not names & set(selection["without_instruments"]))
        )
    )


def _domains(protocol: Protocol, part: str) -> list[str]:
    return sorted({d for chosen in protocol.selections[part] for d in chosen.get("domain", ())})


def _move_subjects(protocol: Protocol, parts: dict[str, list[Record]], seed: int) -> None:
    validated = {record.domain for record in parts["validation"]}
    by_domain: dict[str, list[Record]] = defaultdict(list)
    for record in parts["train"]:
        by_domain[record.domain].append(record)
    chosen: set[str] = set()
    for domain in sorted(by_domain.keys() - validated):
        chosen |= _validation_subjects(
            domain, by_domain[domain], seed, protocol.validation_subjects
        )
    parts["validation"] += [record for record in parts["train"] if record.subject in chosen]
    parts["train"] = [record for record in parts["train"] if record.subject not in chosen]


def _validation_subjects(
    domain: str, records: Sequence[Record], seed: int, fraction: float
) -> set[str]:
    classes: dict[str, set[FasClass]] = defaultdict(set)
    for record in records:
        classes[record.subject].add(_class(record.label))
    # Subjects with both classes, so that each domain contributes both to the threshold; where there
    # are none, as where the live people are not those of the attacks, some of either kind.
    both = sorted(subject for subject, seen in classes.items() if len(seen) == len(FasClass))
    groups = [both]
    if len(both) < 2:
        groups = [sorted(s for s, seen in classes.items() if cls in seen) for cls in FasClass]
    random = np.random.default_rng((seed, ord(domain[0])))
    chosen: set[str] = set()
    for group in groups:
        if len(group) < 2:
            raise ProtocolError(
                f"domain {domain}: {len(group)} subjects with "
                f"{'both classes' if group is both else 'one of the classes'}; "
                "a validation split by subject needs at least 2"
            )
        count = min(max(1, math.ceil(fraction * len(group))), len(group) - 1)
        chosen |= set(random.permutation(group)[:count].tolist())
    return chosen


@functools.cache
def _class(label: str) -> FasClass:
    return Label.parse(label).cls


# --- Tables ---------------------------------------------------------------------------------------


def clip_counts(records: Iterable[Record]) -> dict[str, dict[str, int]]:
    """Domain -> label -> clips (not frames)."""
    videos: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for record in records:
        videos[record.domain][record.label].add(record.video)
    return {
        domain: {label: len(seen) for label, seen in sorted(labels.items())}
        for domain, labels in sorted(videos.items())
    }


def class_counts(counts: Mapping[str, Mapping[str, int]]) -> tuple[int, int]:
    """Bona fide and attack clips of all domains."""
    totals = dict.fromkeys(FasClass, 0)
    for labels in counts.values():
        for label, count in labels.items():
            totals[_class(label)] += count
    return totals[FasClass.REAL], totals[FasClass.SPOOF]


def published(protocol: Protocol, part: str) -> tuple[int, int] | None:
    """Published clips of a part, bona fide and attacks: what the protocol states, else the published
    counts of whole splits; None where nobody has counted."""
    from fas_plugin.datasets.adapters import ADAPTERS

    if part in protocol.counts:
        return protocol.counts[part]
    totals = [0, 0]
    for selection in protocol.selections[part]:
        if selection.keys() != {"domain", "split"}:
            return None
        for domain in selection["domain"]:
            known = ADAPTERS[domain].published if domain in ADAPTERS else {}
            splits = [split for split in selection["split"] if split in known]
            if set(selection["split"]) == {"train", "dev", "test", "none"} and "all" in known:
                splits = ["all"]
            if not splits and ("all" in known or not known):
                return None  # counted as a whole, or not at all
            for split in splits:
                totals[0] += known[split][0]
                totals[1] += known[split][1]
    return (totals[0], totals[1]) if any(totals) else None


def describe(protocol: Protocol) -> str:
    """One line: name, title and published counts of clips, bona fide/attack."""
    counts = []
    for part in PARTS:
        pair = published(protocol, part)
        if pair is not None:
            counts.append(f"{part} {pair[0]}/{pair[1]}")
    return f"{protocol.name:<22} {', '.join(counts) or 'counts not published':<52} {protocol.title}"


def table(splits: Splits) -> str:
    """Clips and frames of each part, domain and label, beside the published counts of clips."""
    protocol = splits.protocol
    lines = [f"{protocol.name}: {protocol.title}", f"  source: {protocol.reference}"]
    for part, records in splits.parts.items():
        counts = clip_counts(records)
        real, attack = class_counts(counts)
        line = f"  {part:<10} {real:>7} bona fide {attack:>8} attack clips, {len(records)} frames"
        pair = published(protocol, part)
        if pair is not None:
            line += f"; published {pair[0]}/{pair[1]}"
            if part == "train" and protocol.validation_subjects:
                line += " with the validation subjects"
        lines.append(line)
        for domain, labels in counts.items():
            kinds = ", ".join(f"{label.removeprefix('spoof:')} {n}" for label, n in labels.items())
            lines.append(f"    {domain}: {kinds}")
    if splits.missing:
        lines.append(f"  warning: not in the manifest: {', '.join(splits.missing)}")
    return "\n".join(lines)
