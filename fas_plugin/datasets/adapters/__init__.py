"""One file per dataset; :data:`ADAPTERS` finds them by the letter or short name of their domain.

Letters are the field's where it has agreed on one: O OULU-NPU, C CASIA-FASD, I Replay-Attack,
M MSU-MFSD, CA CelebA-Spoof, W WMCA, H HKBU-MARs (V2; H1 is V1+), D 3DMAD. The others have short
names: SIW SiW, SIWMV2 SiW-Mv2, ROSE ROSE-Youtu, 3DMASK CASIA-SURF-3DMask, HIFI HiFiMask, OWN data of
your own.
"""

from fas_plugin.datasets.adapters import (
    casia_fasd,
    casia_surf_3dmask,
    celeba_spoof,
    generic,
    hifimask,
    hkbu_mars,
    msu_mfsd,
    oulu_npu,
    replay_attack,
    rose_youtu,
    siw,
    siw_mv2,
    threedmad,
    wmca,
)
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
    adapter.domain: adapter
    for adapter in (
        oulu_npu.ADAPTER,
        casia_fasd.ADAPTER,
        replay_attack.ADAPTER,
        msu_mfsd.ADAPTER,
        celeba_spoof.ADAPTER,
        siw.ADAPTER,
        siw_mv2.ADAPTER,
        rose_youtu.ADAPTER,
        wmca.ADAPTER,
        hkbu_mars.ADAPTER,
        hkbu_mars.V1_ADAPTER,
        casia_surf_3dmask.ADAPTER,
        hifimask.ADAPTER,
        threedmad.ADAPTER,
        generic.ADAPTER,
    )
}


def get_adapter(name: str) -> Adapter:
    """An adapter by its name, its domain or an accepted name of its folder, in any case.

    Raises:
        DatasetError: none is called so; lists those that are.
    """
    wanted = name.lower().translate(str.maketrans("", "", "-_ ."))
    for domain, adapter in ADAPTERS.items():
        names = (domain.lower(), adapter.name.replace("_", ""), *adapter.folders)
        if wanted in names:
            return adapter
    known = ", ".join(adapter.name for adapter in ADAPTERS.values())
    raise DatasetError(f"unknown dataset {name!r}; expected one of {known}")


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
    "get_adapter",
    "iter_clips",
    "list_clips",
]
