"""One file per dataset; :data:`ADAPTERS` finds them by the letter or short name of their domain.

Letters are the field's where it has agreed on one: O OULU-NPU, C CASIA-FASD, I Replay-Attack,
M MSU-MFSD, CA CelebA-Spoof, W WMCA, H HKBU-MARs, D 3DMAD. The others have short names: SIW SiW,
SIWMV2 SiW-Mv2, ROSE ROSE-Youtu, 3DMASK CASIA-SURF-3DMask, HIFI HiFiMask.
"""

from fas_plugin.datasets.adapters import casia_fasd, msu_mfsd, oulu_npu, replay_attack
from fas_plugin.datasets.adapters.base import (
    NO_SPLIT,
    SPLITS,
    Adapter,
    DatasetError,
    Named,
    NotAClip,
    Place,
    by_pattern,
)
from fas_plugin.datasets.adapters.listing import Clip, Found, find_folder, iter_clips, list_clips

ADAPTERS: dict[str, Adapter] = {
    module.ADAPTER.domain: module.ADAPTER
    for module in (oulu_npu, casia_fasd, replay_attack, msu_mfsd)
}

__all__ = [
    "ADAPTERS",
    "NO_SPLIT",
    "SPLITS",
    "Adapter",
    "Clip",
    "DatasetError",
    "Found",
    "Named",
    "NotAClip",
    "Place",
    "by_pattern",
    "find_folder",
    "iter_clips",
    "list_clips",
]
