"""Loops over arrays, compiled by numba."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from numba import njit
from numba.core.caching import FunctionCache


def compiled(function: Callable) -> Callable:
    """``function``, compiled when it is first called and kept for later processes.

    What is kept counts until the function's own file changes: so what it calls or takes a constant from
    must stand in that file too, and whoever changes the options here has to touch those files. Where
    nothing can be kept, each process compiles anew, which takes some seconds.
    """
    loop = njit(function, error_model="numpy")
    with suppress(RuntimeError):  # no folder that can be written to
        loop._cache = _Cache(function)
    return loop


class _Cache(FunctionCache):
    """numba's own; but a damaged file is compiled anew, and a full disk keeps nothing."""

    def load_overload(self, sig, target_context):
        try:
            return super().load_overload(sig, target_context)
        except Exception:  # whatever unpickling half a file raises
            with suppress(OSError):
                self.flush()
            return None

    def save_overload(self, sig, data):
        with suppress(OSError):
            super().save_overload(sig, data)
