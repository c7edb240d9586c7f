"""Protocols: which records train, which choose the threshold, which test. Data, not code."""

from __future__ import annotations

import functools
import json
import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jsonschema import Draft202012Validator

from fas_plugin.datasets.record import Record
from fas_plugin.labels import FasClass, Label

_FOLDER = Path(__file__).with_name("protocols")


class ProtocolError(ValueError):
    """An unknown or malformed protocol, or records that cannot fill it."""


class LeakageError(ValueError):
    """A subject, clip or image that is in more than one of train, validation and test."""


@dataclass(frozen=True)
class Protocol:
    """Sources to train on and a target to test on.

    Attributes:
        name: e.g. ``ocim_loo_M``.
        title: as the field writes it, e.g. ``O&C&I→M``.
        reference: where the protocol is from.
        sources: domain letter -> splits of that dataset that are used.
        target: the same for the one test domain.
    """

    name: str
    title: str
    reference: str
    sources: dict[str, tuple[str, ...]]
    target: dict[str, tuple[str, ...]]


@dataclass(frozen=True)
class Splits:
    """The records of a protocol. Validation is taken from the sources, by subject."""

    protocol: Protocol
    train: tuple[Record, ...]
    validation: tuple[Record, ...]
    test: tuple[Record, ...]


@functools.cache
def _validator() -> Draft202012Validator:
    return Draft202012Validator(json.loads((_FOLDER / "protocol.schema.json").read_text("utf-8")))


def protocol_names() -> list[str]:
    """Names of the protocols that the package ships."""
    return sorted(path.stem for path in _FOLDER.glob("*.json") if ".schema" not in path.name)


def load_protocol(name: str) -> Protocol:
    """A shipped protocol by name, or one of your own by the path of its JSON file.

    Raises:
        ProtocolError: unknown name, unreadable file, or a field that the schema refuses.
    """
    path = Path(name) if name.endswith(".json") else _FOLDER / f"{name}.json"
    if not name.endswith(".json") and name not in protocol_names():
        known = ", ".join(protocol_names())
        raise ProtocolError(f"unknown protocol {name!r}; expected one of {known}, or a .json file")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ProtocolError(f"{path}: not a readable JSON file ({error})") from None
    fault = next(iter(_validator().iter_errors(content)), None)
    if fault is not None:
        field = "/".join(map(str, fault.absolute_path)) or "protocol"
        raise ProtocolError(f"{path}: field {field}: {fault.message[:200]}")
    sources, target = content["sources"], content["target"]
    both = sorted(set(sources) & set(target))
    if both:
        raise ProtocolError(f"{path}: domain {both[0]!r} is both source and target")
    return Protocol(
        name=content["name"],
        title=content["title"],
        reference=content["reference"],
        sources={domain: tuple(splits) for domain, splits in sources.items()},
        target={domain: tuple(splits) for domain, splits in target.items()},
    )


def split_records(
    protocol: Protocol, records: Iterable[Record], *, seed: int, validation_fraction: float = 0.2
) -> Splits:
    """Sort records into train, validation and test.

    In each source domain a share of the subjects, drawn by ``seed``, goes to validation with all
    their clips: at least one, never all of a domain's.

    Args:
        validation_fraction: share of the subjects, in (0, 1).

    Raises:
        ProtocolError: a domain of the protocol has too few records.
    """
    records = list(records)
    by_domain = defaultdict(list)
    for record in records:
        by_domain[record.domain].append(record)
    train: list[Record] = []
    validation: list[Record] = []
    test: list[Record] = []
    for domain, splits in sorted(protocol.sources.items()):
        chosen = [record for record in by_domain[domain] if record.split in splits]
        subjects = _validation_subjects(domain, chosen, seed, validation_fraction)
        for record in chosen:
            (validation if record.subject in subjects else train).append(record)
    for domain, splits in protocol.target.items():
        test += [record for record in by_domain[domain] if record.split in splits]
    for name, part in (("train", train), ("validation", validation), ("test", test)):
        classes = {Label.parse(record.label).cls for record in part}
        missing = [cls.value for cls in FasClass if cls not in classes]
        if missing:
            raise ProtocolError(
                f"{protocol.name}: no {missing[0]} record for {name} "
                f"(domains in the manifest: {', '.join(sorted(by_domain)) or 'none'})"
            )
    return Splits(protocol, tuple(train), tuple(validation), tuple(test))


def _validation_subjects(
    domain: str, records: Sequence[Record], seed: int, fraction: float
) -> set[str]:
    # Only subjects with both classes: each domain then contributes both to the threshold.
    classes = defaultdict(set)
    for record in records:
        classes[record.subject].add(Label.parse(record.label).cls)
    both = sorted(subject for subject, seen in classes.items() if len(seen) == len(FasClass))
    if len(both) < 2:
        raise ProtocolError(
            f"domain {domain}: {len(both)} subjects with both classes; "
            "a validation split by subject needs at least 2"
        )
    count = min(max(1, math.ceil(fraction * len(both))), len(both) - 1)
    random = np.random.default_rng((seed, ord(domain[0])))
    return set(random.permutation(both)[:count].tolist())


def check_leakage(splits: Splits) -> None:
    """Refuse splits that share anything.

    Raises:
        LeakageError: names what is shared, between which parts.
    """
    parts = {"train": splits.train, "validation": splits.validation, "test": splits.test}
    for field in ("subject", "video", "image_sha256"):
        owner: dict[str, tuple[str, str]] = {}
        for name, records in parts.items():
            for record in records:
                value = getattr(record, field)
                other, record_id = owner.setdefault(value, (name, record.record_id))
                if other != name:
                    raise LeakageError(
                        f"{field} {value!r} is in {other} ({record_id}) and in {name} "
                        f"({record.record_id})"
                    )
