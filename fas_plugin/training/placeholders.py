"""A vLLM logits processor that keeps image placeholders out of completions.

To a VLM's vocabulary belong tokens that stand for image patches. A policy may sample one, by accident
or because its weights drift, and OpenRLHF 0.11.2 then counts more placeholders than image features
and the whole job ends. vLLM finds this class by its entry point in ``pyproject.toml``.
"""

from __future__ import annotations

import torch
from vllm.v1.sample.logits_processor import LogitsProcessor

#: Where the configurations of the model families keep the ids.
_FIELDS = ("image_token_id", "image_token_index", "video_token_id", "video_token_index")


class NoPlaceholders(LogitsProcessor):
    """Gives the image and video placeholders of the engine's model no probability."""

    def __init__(self, vllm_config, device: torch.device, is_pin_memory: bool) -> None:
        config = vllm_config.model_config.hf_config
        ids = {getattr(config, field, None) for field in _FIELDS} - {None}
        self._ids = torch.tensor(sorted(ids), dtype=torch.long, device=device)

    def apply(self, logits: torch.Tensor) -> torch.Tensor:
        """``logits``: (requests, vocabulary), changed in place."""
        return logits.index_fill_(1, self._ids, float("-inf"))

    def is_argmax_invariant(self) -> bool:
        return False

    def update_state(self, batch_update) -> None:
        """Nothing to remember: every request is treated alike."""
