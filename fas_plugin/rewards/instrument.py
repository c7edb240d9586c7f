"""Which presentation attack instruments an answer names, for instance in ``spoof (an iPad)``."""

from __future__ import annotations

import re
from functools import lru_cache

from fas_plugin.labels import INSTRUMENTS

#: Instrument -> phrases that name it, in folded text: lower case, anything but letters and digits
#: turned into single spaces. Longer phrases win over shorter ones inside them ("paper mask").
_PHRASES: dict[str, str] = {
    "print": "print, printed, printout, hard copy, paper, photo attack, 打印, 纸张, 照片",
    "print.flat": "flat print, flat printed, flat photo, flat paper",
    "print.warped": "warped, warped print, bent print, curved print, warped photo, bent photo",
    "print.cut": "cut print, cut photo, cut printed, cut out, eye holes, cut eyes",
    "print.poster": "poster, printed poster, poster print, 海报",
    "replay": "replay, replayed, screen, display, video attack, 重放, 回放, 翻拍, 屏幕",
    "replay.phone": "phone, smartphone, mobile, iphone, phone screen, 手机",
    "replay.tablet": "tablet, ipad, tablet screen, 平板",
    "replay.laptop": "laptop, notebook, laptop screen, 笔记本",
    "replay.monitor": "monitor, desktop screen, computer screen, television, 显示器",
    "mask": "mask, 3d mask, face mask, 面具",
    "mask.rigid": "rigid mask, rigid 3d mask, hard mask, hard plastic mask",
    "mask.flexible": "flexible mask, silicone mask, latex mask, rubber mask, silicone, latex, 硅胶",
    "mask.paper": "paper mask, paper face mask, 纸面具",
    "mask.transparent": "transparent mask, transparent face mask, see through mask",
    "mask.plaster": "plaster mask, plaster",
    "mask.resin": "resin mask, resin",
    "mask.half": "half mask, half face mask, 半面具",
    "mannequin": "mannequin, dummy, dummy head, fake head, doll, 假人, 人偶",
    "makeup": "makeup, make up, 化妆",
    "makeup.cosmetic": "cosmetic makeup, cosmetic make up",
    "makeup.impersonation": "impersonation makeup, impersonation make up",
    "makeup.obfuscation": "obfuscation makeup, obfuscation make up",
    "partial": "partial, partial attack",
    "partial.eyes": "fake eye, fake eyes, paper eyes",
    "partial.mouth": "fake mouth, paper mouth",
    "partial.glasses": "funny eyes, funny eye, funny glasses, funny eye glasses, paper glasses",
    "partial.paper": "paper over",
}
_INSTRUMENT_OF = {
    phrase.strip(): name for name, phrases in _PHRASES.items() for phrase in phrases.split(",")
} | {name.replace(".", " "): name for name in INSTRUMENTS}  # the label string itself
_LONGEST_FIRST = sorted(_INSTRUMENT_OF, key=len, reverse=True)
_NAMED = re.compile(
    rf"(?<![a-z0-9])(?:{'|'.join(p for p in _LONGEST_FIRST if p.isascii())})s?(?![a-z0-9])"
    rf"|{'|'.join(p for p in _LONGEST_FIRST if not p.isascii())}"
)
_GAPS = re.compile(r"[\W_]+")

#: Only so much of an answer is read. Characters; an answer that names an instrument is short.
MAX_ANSWER = 500


def family(instrument: str) -> str:
    """``replay`` of ``replay.tablet``."""
    return instrument.partition(".")[0]


def instruments_named(answer_text: str) -> frozenset[str]:
    """The instruments that the text names, each as specific as the text is.

    A family that is named beside one of its kinds ("replay on a tablet") is left out.
    """
    return _named(answer_text[:MAX_ANSWER])


@lru_cache(maxsize=4096)  # a policy has few different answers
def _named(answer: str) -> frozenset[str]:
    folded = _GAPS.sub(" ", answer.lower())
    named = {_instrument(match) for match in _NAMED.findall(folded)}
    return frozenset(n for n in named if not any(m.startswith(n + ".") for m in named))


def _instrument(phrase: str) -> str:
    return _INSTRUMENT_OF.get(phrase) or _INSTRUMENT_OF[phrase.removesuffix("s")]
