"""ROSE-Youtu: ``[train|test]/<subject>/<L>_<S>_<D>_<x>_<E>_<p>_<N>.mp4``, e.g. ``G_NT_5s_g_E_2_1``.

L class (G genuine, Ps still print, Pq quivering print, Vl and Vm replays, Mc, Mf, Mu and Ml paper masks),
S talking or not, D phone, x glasses, E room, p subject, N number. The phones store many clips turned;
which ones depends on the decoder, so the face detector decides where the container has no tag.
"""

from __future__ import annotations

from dataclasses import replace

from fas_plugin.datasets.adapters.base import Adapter, Named, Place, by_pattern

_name = by_pattern(
    r"(?:\d{1,3}_)?(?P<code>G|Ps|Pq|Vl|Vm|Mc|Mf|Mu|Ml)_(?P<session>(?:T|NT)_(?P<device>[a-z0-9]+)"
    r"_(?:g|wg)_[a-z0-9]+)_(?P<subject>\d{1,3})_\d+",
    labels={
        "g": "real",
        "ps": "spoof:print.flat",
        "pq": "spoof:print",
        "vl": "spoof:replay.monitor",
        "vm": "spoof:replay.laptop",
        "mc": "spoof:mask.paper",
        "mf": "spoof:mask.paper",
        "mu": "spoof:mask.paper",
        "ml": "spoof:mask.paper",
    },
    splits={"train": "train", "adaptation": "train", "test": "test"},
)


def _parse(place: Place) -> Named:
    named = _name(place)
    talking, _, glasses, room = (named.session or "").split("_")
    subject = int(named.subject)
    start = named.clip.index(f"_{talking.lower()}_")
    head = named.clip[:start].rpartition("_")[2]
    return replace(
        named,
        subject=f"{subject:02}",
        session=f"{talking}/{glasses}/{room}",
        clip=head + named.clip[start:],
    )


ADAPTER = Adapter(
    name="rose_youtu",
    title="ROSE-Youtu",
    domain="ROSE",
    folders=("roseyoutu", "rose"),
    expected="train/2/G_NT_5s_g_E_2_1.mp4 and so on",
    parse=_parse,
    published={"all": (500, 2850)},
    turned_clips=True,
)
