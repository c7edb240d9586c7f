"""The two classes, the presentation attack instruments, and the label string that carries both.

The label string is what the ``label`` column of every framework holds::

    real                  a bona fide presentation
    spoof                 an attack, instrument unknown
    spoof:<instrument>    an attack with a known instrument, e.g. ``spoof:replay.tablet``

Terms follow ISO/IEC 30107-3: *bona fide*, *attack*, *presentation attack instrument* (PAI).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class LabelError(ValueError):
    """A label string that names no class or no known instrument."""


class FasClass(StrEnum):
    """Bona fide or attack. The value is the word used on the wire and in ``<answer>``."""

    REAL = "real"
    SPOOF = "spoof"

    @property
    def other(self) -> FasClass:
        return FasClass.SPOOF if self is FasClass.REAL else FasClass.REAL


#: Instrument -> what it is, in words a report can print. ``family.kind``; a bare family is
#: for data whose annotation does not say more.
INSTRUMENTS: dict[str, str] = {
    "print": "printed photo",
    "print.flat": "flat printed photo",
    "print.warped": "warped printed photo",
    "print.cut": "printed photo with cut-out eyes",
    "print.poster": "printed poster",
    "replay": "replay on a screen",
    "replay.phone": "replay on a phone",
    "replay.tablet": "replay on a tablet",
    "replay.laptop": "replay on a laptop",
    "replay.monitor": "replay on a monitor",
    "mask": "face mask",
    "mask.rigid": "rigid 3D mask",
    "mask.flexible": "flexible or silicone mask",
    "mask.paper": "paper mask",
    "mask.transparent": "transparent mask",
    "mask.plaster": "plaster mask",
    "mask.resin": "resin mask",
    "mask.half": "half mask",
    "mannequin": "mannequin or fake head",
    "makeup": "impersonation or obfuscation make-up",
    "makeup.cosmetic": "cosmetic make-up that changes the face",
    "makeup.impersonation": "impersonation make-up",
    "makeup.obfuscation": "obfuscation make-up",
    "partial": "partial attack (fake eyes, funny glasses, paper over a part of the face)",
    "partial.eyes": "fake eyes",
    "partial.mouth": "fake mouth",
    "partial.glasses": "funny glasses",
    "partial.paper": "paper over a part of the face",
}

_ALLOWED = "expected 'real', 'spoof' or 'spoof:<instrument>'"


@dataclass(frozen=True)
class Label:
    """A class and, for attacks, the instrument when it is known."""

    cls: FasClass
    instrument: str | None = None

    def __post_init__(self) -> None:
        if self.cls is FasClass.REAL and self.instrument is not None:
            raise LabelError(f"a bona fide label has no instrument, got {self.instrument!r}")
        if self.instrument is not None and self.instrument not in INSTRUMENTS:
            raise LabelError(
                f"unknown instrument {self.instrument!r}; expected one of {', '.join(INSTRUMENTS)}"
            )

    def __str__(self) -> str:
        return self.cls.value if self.instrument is None else f"{self.cls}:{self.instrument}"

    @classmethod
    def parse(cls, text: object) -> Label:
        """Read a label string.

        Raises:
            LabelError: ``text`` is not ``real``, ``spoof`` or ``spoof:<instrument>``.
        """
        if not isinstance(text, str):
            raise LabelError(
                f"a label is a string, got {type(text).__name__} {repr(text)[:80]}; {_ALLOWED}"
            )
        if (label := _LABELS.get(text)) is not None:
            return label
        name, separator, instrument = text.strip().partition(":")
        try:
            return cls(FasClass(name), instrument if separator else None)
        except ValueError as error:
            if isinstance(error, LabelError):
                raise
            raise LabelError(f"unknown label {text[:80]!r}; {_ALLOWED}") from None


#: Every label by its string: there are few, and each completion that is scored has one.
_LABELS = {
    str(label): label
    for label in (Label(FasClass.REAL), *(Label(FasClass.SPOOF, i) for i in (None, *INSTRUMENTS)))
}
