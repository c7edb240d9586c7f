"""One file per dataset; :data:`ADAPTERS` finds them by the letter of their domain."""

from fas_plugin.datasets.adapters import casia_fasd, msu_mfsd, oulu_npu, replay_attack
from fas_plugin.datasets.adapters.base import Adapter, Clip, DatasetError, find_folder, list_clips

ADAPTERS: dict[str, Adapter] = {
    module.ADAPTER.domain: module.ADAPTER
    for module in (oulu_npu, casia_fasd, replay_attack, msu_mfsd)
}

__all__ = ["ADAPTERS", "Adapter", "Clip", "DatasetError", "find_folder", "list_clips"]
